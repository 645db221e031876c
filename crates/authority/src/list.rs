//! Revocation lists: full, version 2, one for each authority (protocols G.1).

use directory::Snapshot;
use trust::{Span, Timestamp};
use wire::x509::{CertificateList, Extension, Reason, Revoked, TbsCertList};

use crate::ca::Ca;
use crate::fault::Fault;
use crate::issue::{self, Binding, Founded, Purpose};
use crate::lint;
use crate::log::{Event, Head};
use crate::records::{self, LISTS, ListRow, REVOKED, RevokedRow, VERSION};
use crate::work::Work;

/// How long before now a list begins, for clocks that are behind.
const BACKDATED: Span = Span::minutes(10);
/// Rows that are read at once.
const STEP: usize = 1_000;

/// The list of an authority that is published now.
#[derive(Clone, Debug)]
pub struct Current {
    /// The whole list, DER.
    pub list: Vec<u8>,
    /// Its cRLNumber.
    pub number: u64,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one will be there at the latest.
    pub next_update: Timestamp,
    covers: u64,
}

impl Current {
    pub(crate) fn read(work: &Work<'_, '_>, ca: Ca) -> Result<Option<Self>, Fault> {
        current(work.snapshot(), ca, work.now)
    }
}

/// The list of an authority that is published now; `None` before the first.
///
/// # Errors
/// [`Fault`] when the directory fails or the list does not decode.
pub fn current(snapshot: &Snapshot<'_>, ca: Ca, now: Timestamp) -> Result<Option<Current>, Fault> {
    const CORRUPT: Fault = Fault::Corrupt("revocation list");
    let Some(record) = snapshot.record(LISTS, ca.name().as_bytes(), now)? else {
        return Ok(None);
    };
    let row: ListRow = records::read(&record, "revocation list")?;
    let list = CertificateList::parse(row.list.as_bytes()).map_err(|_| CORRUPT)?;
    let number = list.extensions().crl_number().map_err(|_| CORRUPT)?;
    Ok(Some(Current {
        number: number.ok_or(CORRUPT)?,
        this_update: records::seconds(list.this_update()),
        next_update: records::seconds(list.next_update().ok_or(CORRUPT)?),
        list: row.list.into_bytes().into_vec(),
        covers: row.covers,
    }))
}

/// Asks for the lists that are missing, half over, or do not have every revocation.
pub(crate) fn keep(work: &mut Work<'_, '_>, ordered: &[(Ca, Purpose)]) -> Result<(), Fault> {
    for ca in Ca::ALL {
        if ordered.contains(&(ca, Purpose::List)) {
            continue;
        }
        let Some(founded) = Founded::read(work, ca)? else {
            continue;
        };
        // One that does not decode is replaced, not mourned.
        let current = match Current::read(work, ca) {
            Ok(current) => current,
            Err(Fault::Corrupt(_)) => None,
            Err(fault) => return Err(fault),
        };
        // What this call has revoked is in no snapshot yet, and a list that came after it in the log would be believed to
        // have it: it is for the call that sees the commit.
        if work.head(ca)?.changed > Head::read(work.snapshot(), ca, work.now)?.changed {
            continue;
        }
        let Some(cause) = cause(work, ca, current.as_ref())? else {
            continue;
        };
        let what = format!("revocation list of {ca}");
        work.attempt(&what, "crl.publish", |work| {
            prepare(work, ca, &founded, current.as_ref(), cause)
        })?;
    }
    Ok(())
}

fn cause(
    work: &Work<'_, '_>,
    ca: Ca,
    current: Option<&Current>,
) -> Result<Option<&'static str>, Fault> {
    let Some(current) = current else {
        return Ok(Some("there was none"));
    };
    let life = current.next_update.since(current.this_update);
    let half = current.this_update + Span::micros(life.as_micros() / 2);
    if work.now >= half {
        return Ok(Some("half of its life is over"));
    }
    let changed = work.head(ca)?.changed;
    Ok((changed > current.covers).then_some("a revocation"))
}

/// First commit: what shall be signed goes into the log.
fn prepare(
    work: &mut Work<'_, '_>,
    ca: Ca,
    founded: &Founded,
    current: Option<&Current>,
    cause: &str,
) -> Result<(), Fault> {
    let revoked = revoked(work, ca, current)?;
    let issuer = founded.issuer(issue::places(work, ca));
    let previous = current.map(|current| current.number);
    // Seconds rather than a counter: a store restored from a backup does not count backwards.
    let now = u64::try_from(work.now.unix()).unwrap_or(0);
    let number = previous.map_or(now, |previous| now.max(previous.saturating_add(1)));
    let tbs = TbsCertList {
        signature_algorithm: &issuer.algorithm.identifier_der(),
        issuer: &issuer.name,
        this_update: (work.now - BACKDATED).unix(),
        next_update: (work.now + work.view.configuration.list_life).unix(),
        revoked: &revoked,
        extensions: &[
            Extension::authority_key_identifier(&issuer.key.0),
            Extension::crl_number(number),
        ],
    }
    .encode();
    let passed = lint::list(&tbs, founded.certificate.der(), previous, work.now)?;
    let content = passed.to_be_signed();
    let sequence = work.append(ca, Event::ListToBeSigned, None, content, cause)?;
    issue::pend(work, ca, sequence, &Purpose::List, Binding::default())
}

/// What the list shall say. A certificate that has ended stays until it was on one list after that
/// (RFC 5280 3.3), and is then forgotten.
fn revoked(
    work: &mut Work<'_, '_>,
    ca: Ca,
    current: Option<&Current>,
) -> Result<Vec<Revoked>, Fault> {
    let (mut start, end) = (records::prefix(ca), records::end(ca));
    let mut revoked = Vec::new();
    loop {
        let rows = work
            .snapshot()
            .records(REVOKED, &start, &end, STEP, work.now)?;
        for row in &rows {
            let (_, serial) = records::split(&row.key).ok_or(CORRUPT)?;
            let entry: RevokedRow = records::read(row, "revocation")?;
            let ended = records::seconds(entry.not_after);
            if current.is_some_and(|current| ended < current.this_update) {
                work.remove(REVOKED, row.key.clone());
                continue;
            }
            revoked.push(Revoked {
                serial: serial.to_vec(),
                since: entry.since,
                reason: Reason::from_code(entry.reason).ok_or(CORRUPT)?,
            });
        }
        match rows.last() {
            Some(last) if rows.len() == STEP => {
                start.clone_from(&last.key);
                start.push(0);
            }
            _ => return Ok(revoked),
        }
    }
}

const CORRUPT: Fault = Fault::Corrupt("revocation");

/// Second commit: the signed list takes the place of the one before it.
pub(crate) fn publish(
    work: &mut Work<'_, '_>,
    ca: Ca,
    sequence: u64,
    signed: &[u8],
) -> Result<(), Fault> {
    let row = ListRow {
        version: VERSION,
        list: records::octets(signed)?,
        covers: sequence,
    };
    work.put(LISTS, ca.name().into(), records::write(&row));
    let audit = work
        .done("crl.publish")
        .with("authority", ca)
        .with("log", sequence);
    work.audit(audit);
    Ok(())
}
