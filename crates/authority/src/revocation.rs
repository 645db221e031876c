//! Revocation: by an administrator, and by itself when what a certificate lives with is gone.
//!
//! A certificate of a disabled device or account is put on hold, and comes back when that is enabled again;
//! one of a deleted one, or whose key is no longer listed, is revoked for good (protocols G.3). So is a
//! device's former certificate when it has registered with a new one.

use crypto::key::PublicKey;
use directory::{Actor, Attribute, AuditRecord, ChangeKind, Changed, Class, EntryId};
use trust::Span;
use wire::Guid;
use wire::x509::{Certificate, Reason};

use crate::ca::Ca;
use crate::fault::{Fault, Refused};
use crate::log::Event;
use crate::records::{self, HOLDERS, ISSUED, IssuedRow, REVOKED, RevokedRow, VERSION};
use crate::work::{Work, hex};

/// Certificates of one entry that are looked at.
const STEP: usize = 1_000;

/// Longer than the settings let any certificate live but an authority's own, which no list revokes.
pub(crate) const LONGEST_LIFE: Span = Span::days(10 * 366);

/// A certificate that was issued, as it is kept.
pub(crate) struct Kept {
    pub(crate) ca: Ca,
    pub(crate) certificate: Certificate,
    pub(crate) row: IssuedRow,
}

impl Kept {
    pub(crate) fn read(work: &Work<'_, '_>, ca: Ca, serial: &[u8]) -> Result<Option<Self>, Fault> {
        let key = records::serialled(ca, serial);
        let Some(record) = work.snapshot().record(ISSUED, &key, work.now)? else {
            return Ok(None);
        };
        let row: IssuedRow = records::read(&record, "certificate")?;
        let certificate = Certificate::parse(row.certificate.as_bytes())
            .map_err(|_| Fault::Corrupt("certificate"))?;
        Ok(Some(Self {
            ca,
            certificate,
            row,
        }))
    }

    /// Why it is revoked, if it is.
    pub(crate) fn reason(&self) -> Result<Option<Reason>, Fault> {
        match &self.row.revoked {
            None => Ok(None),
            Some(revoked) => Reason::from_code(revoked.reason)
                .map(Some)
                .ok_or(Fault::Corrupt("revocation")),
        }
    }

    fn write(&self, work: &mut Work<'_, '_>) {
        let key = records::serialled(self.ca, self.certificate.serial());
        work.put(ISSUED, key, records::write(&self.row));
    }
}

/// Whether a certificate is revoked or on hold.
pub(crate) fn is_revoked(work: &Work<'_, '_>, ca: Ca, serial: &[u8]) -> Result<bool, Fault> {
    Ok(match Kept::read(work, ca, serial)? {
        Some(kept) => kept.row.revoked.is_some(),
        None => false,
    })
}

/// Revokes a certificate, or puts it on hold. One that is on hold can be revoked for good.
pub(crate) fn revoke(
    work: &mut Work<'_, '_>,
    ca: Ca,
    serial: &[u8],
    reason: Reason,
    actor: &Actor,
    cause: &str,
) -> Result<Result<(), Refused>, Fault> {
    if matches!(reason, Reason::RemoveFromCrl) {
        return Ok(Err(Refused::Reason));
    }
    let Some(mut kept) = Kept::read(work, ca, serial)? else {
        return Ok(Err(Refused::NotIssued(ca)));
    };
    match kept.reason()? {
        None => {}
        Some(Reason::CertificateHold) if reason != Reason::CertificateHold => {}
        Some(_) => return Ok(Err(Refused::AlreadyRevoked)),
    }
    let revoked = RevokedRow {
        version: VERSION,
        since: work.now.unix(),
        reason: reason.code(),
        not_after: kept.certificate.not_after(),
    };
    work.append(ca, Event::Revoked(reason), None, serial, cause)?;
    let key = records::serialled(ca, serial);
    work.put(REVOKED, key, records::write(&revoked));
    kept.row.revoked = Some(revoked);
    kept.write(work);
    tell(
        work,
        &kept,
        actor,
        "certificate.revoke",
        &format!("{reason}: {cause}"),
    );
    Ok(Ok(()))
}

/// Revokes a certificate that the books do not know, by its number: it was issued after the backup was written from
/// which they were restored. Its end is not known, so it stays on the list for as long as any certificate lives.
pub(crate) fn revoke_unknown(
    work: &mut Work<'_, '_>,
    ca: Ca,
    serial: &[u8],
    actor: &Actor,
    cause: &str,
) -> Result<bool, Fault> {
    let key = records::serialled(ca, serial);
    if work.snapshot().record(REVOKED, &key, work.now)?.is_some() {
        return Ok(false);
    }
    let reason = Reason::Unspecified;
    work.append(ca, Event::Revoked(reason), None, serial, cause)?;
    let revoked = RevokedRow {
        version: VERSION,
        since: work.now.unix(),
        reason: reason.code(),
        not_after: (work.now + LONGEST_LIFE).unix(),
    };
    work.put(REVOKED, key, records::write(&revoked));
    let mut audit = AuditRecord::done(work.now, actor.clone(), "certificate.revoke")
        .with("authority", ca)
        .with("serial", hex(serial));
    audit.reason = Some(cause.to_owned());
    work.audit(audit);
    Ok(true)
}

/// Ends the hold on a certificate.
pub(crate) fn release(
    work: &mut Work<'_, '_>,
    ca: Ca,
    serial: &[u8],
    actor: &Actor,
    cause: &str,
) -> Result<Result<(), Refused>, Fault> {
    let Some(mut kept) = Kept::read(work, ca, serial)? else {
        return Ok(Err(Refused::NotIssued(ca)));
    };
    if kept.reason()? != Some(Reason::CertificateHold) {
        return Ok(Err(Refused::NotOnHold));
    }
    work.append(ca, Event::Released, None, serial, cause)?;
    work.remove(REVOKED, records::serialled(ca, serial));
    kept.row.revoked = None;
    kept.write(work);
    tell(work, &kept, actor, "certificate.release", cause);
    Ok(Ok(()))
}

fn tell(work: &mut Work<'_, '_>, kept: &Kept, actor: &Actor, action: &str, cause: &str) {
    let mut audit = AuditRecord::done(work.now, actor.clone(), action)
        .with("authority", kept.ca)
        .with("serial", hex(kept.certificate.serial()))
        .with("subject", kept.certificate.subject())
        .with("thumbprint", kept.certificate.thumbprint());
    audit.reason = Some(cause.to_owned());
    work.audit(audit);
}

/// What a changed entry means for the certificates that live with it.
pub(crate) fn follow(work: &mut Work<'_, '_>, changed: &Changed) -> Result<(), Fault> {
    let holds = matches!(
        changed.class,
        Class::Device | Class::User | Class::Computer | Class::ManagedServiceAccount
    );
    let touches = |attribute| changed.attributes.contains(&attribute);
    let state = touches(Attribute::MsDsIsEnabled) || touches(Attribute::UserAccountControl);
    let matters = changed.kind == ChangeKind::Deleted
        || state
        || touches(Attribute::MsDsKeyCredentialLink)
        || (changed.class == Class::Device && touches(Attribute::AltSecurityIdentities));
    // Who is new holds none; a device may have got one along.
    let new = changed.kind == ChangeKind::Added && changed.class != Class::Device;
    if !holds || !matters || new {
        return Ok(());
    }
    let all = held(work, changed.id)?;
    let replaced = replaced(work, changed, &all)?;
    for kept in all {
        if records::seconds(kept.certificate.not_after()) >= work.now {
            judge(work, &kept, changed.id, replaced, state)?;
        }
    }
    Ok(())
}

/// The certificates that live with an entry.
fn held(work: &Work<'_, '_>, holder: EntryId) -> Result<Vec<Kept>, Fault> {
    let start = holder.0.to_bytes().to_vec();
    let beyond = next(holder.0);
    // A device that joins anew each day needs years for as many.
    let rows = work
        .snapshot()
        .records(HOLDERS, &start, &beyond, STEP, work.now)?;
    let mut all = Vec::new();
    for row in rows {
        let (ca, serial) = row
            .key
            .get(start.len()..)
            .and_then(records::split)
            .ok_or(Fault::Corrupt("holder"))?;
        all.extend(Kept::read(work, ca, serial)?);
    }
    Ok(all)
}

/// Where a device has registered with a new certificate: the place in the log of the newest that its entry
/// names. Those before it that the entry does not name are replaced; one after it is of a registration that
/// has not come that far.
fn replaced(work: &Work<'_, '_>, changed: &Changed, all: &[Kept]) -> Result<Option<u64>, Fault> {
    let registered = changed.class == Class::Device
        && changed
            .attributes
            .contains(&Attribute::AltSecurityIdentities);
    if !registered {
        return Ok(None);
    }
    let Some(device) = work.snapshot().device_by_entry(changed.id)? else {
        return Ok(None);
    };
    let named = all.iter().filter(|kept| {
        let thumbprint = kept.certificate.thumbprint().to_bytes();
        let mut certificates = device.certificates.iter();
        kept.ca == Ca::Devices && certificates.any(|named| named.thumbprint == thumbprint)
    });
    Ok(named.map(|kept| kept.row.sequence).max())
}

/// The end of the rows that begin with a GUID; empty, which is the end of the table, after the last.
fn next(holder: Guid) -> Vec<u8> {
    match u128::from_be_bytes(holder.to_bytes()).checked_add(1) {
        Some(next) => next.to_be_bytes().to_vec(),
        None => Vec::new(),
    }
}

fn judge(
    work: &mut Work<'_, '_>,
    kept: &Kept,
    holder: EntryId,
    replaced: Option<u64>,
    state_changed: bool,
) -> Result<(), Fault> {
    let serial = kept.certificate.serial().to_vec();
    let system = Actor::system();
    let older = replaced.is_some_and(|newest| kept.row.sequence < newest);
    let verdict = match state(work, kept, holder)? {
        State::Good | State::Disabled if older && kept.ca == Ca::Devices => {
            Some((Reason::Superseded, "its device has a newer one"))
        }
        State::Gone(cause) => Some((Reason::CessationOfOperation, cause)),
        State::Disabled => Some((Reason::CertificateHold, "its holder is disabled")),
        State::Good => None,
    };
    // That nothing is left to do, because it was done before, is no trouble here.
    match (verdict, kept.reason()?) {
        (Some((reason, cause)), None | Some(Reason::CertificateHold)) => {
            let _ = revoke(work, kept.ca, &serial, reason, &system, cause)?;
        }
        // A hold by an administrator does not end because something else about its holder has changed.
        (None, Some(Reason::CertificateHold)) if state_changed => {
            let cause = "its holder is enabled again";
            let _ = release(work, kept.ca, &serial, &system, cause)?;
        }
        _ => {}
    }
    Ok(())
}

enum State {
    Good,
    Disabled,
    Gone(&'static str),
}

fn state(work: &Work<'_, '_>, kept: &Kept, holder: EntryId) -> Result<State, Fault> {
    let enabled = match enabled(work, holder)? {
        Some(enabled) => enabled,
        None => return Ok(State::Gone("its holder is deleted")),
    };
    if kept.row.listed {
        let key = PublicKey::from_spki_der(kept.certificate.spki())?;
        if work.snapshot().holder_of_key(&key.fingerprint())? != Some(holder) {
            return Ok(State::Gone("its key is no longer listed"));
        }
    }
    Ok(if enabled {
        State::Good
    } else {
        State::Disabled
    })
}

/// Whether a device or account is enabled; `None` when it does not exist.
pub(crate) fn enabled(work: &Work<'_, '_>, holder: EntryId) -> Result<Option<bool>, Fault> {
    if let Some(device) = work.snapshot().device_by_entry(holder)? {
        return Ok(Some(device.enabled));
    }
    let account = work.snapshot().account_by_id(holder)?;
    Ok(account.map(|account| account.is_enabled()))
}

/// How long a key that is asked for stays taken, should the certificate never be signed.
const TAKEN: Span = Span::days(1);

/// Notes that a certificate for a key is on its way; the certificate's own row takes its place.
pub(crate) fn take(work: &mut Work<'_, '_>, ca: Ca, key: &PublicKey, holder: Guid) {
    let fingerprint = key.fingerprint().0;
    work.taken.insert(fingerprint, holder);
    let held = records::held(holder, ca, &[]);
    work.put_for(records::CERTIFIED, fingerprint.to_vec(), held, TAKEN);
}

/// Whether a key is in a certificate of another entry, or on its way there, and the certificate has neither
/// ended nor been revoked for good.
pub(crate) fn certified_elsewhere(
    work: &Work<'_, '_>,
    key: &PublicKey,
    holder: Guid,
) -> Result<bool, Fault> {
    let fingerprint = key.fingerprint().0;
    if let Some(other) = work.taken.get(&fingerprint) {
        return Ok(*other != holder);
    }
    let found = work
        .snapshot()
        .record(records::CERTIFIED, &fingerprint, work.now)?;
    let Some(found) = found else {
        return Ok(false);
    };
    let (other, rest) = found
        .value
        .bytes()
        .split_first_chunk::<16>()
        .ok_or(Fault::Corrupt("holder"))?;
    let (ca, serial) = records::split(rest).ok_or(Fault::Corrupt("holder"))?;
    if *other == holder.to_bytes() {
        return Ok(false);
    }
    if serial.is_empty() {
        return Ok(true);
    }
    let Some(kept) = Kept::read(work, ca, serial)? else {
        return Ok(false);
    };
    let ended = records::seconds(kept.certificate.not_after()) < work.now;
    let gone = !matches!(kept.reason()?, None | Some(Reason::CertificateHold));
    Ok(!ended && !gone)
}
