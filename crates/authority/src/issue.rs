//! Issuing: lint, log, and only then sign.
//!
//! Two commits lie between the wish for a certificate and the certificate. The first puts what shall be
//! signed into the log; the second, made from the log as it was read back, puts the signature there. Whoever
//! waits for the certificate finds it in the second, so nobody has one that the log has not. A crash
//! between them leaves a pending row, which the next [`crate::tick`] finds.

use crypto::key::PublicKey;
use crypto::signature::{SignatureAlgorithm, Verifier};
use trust::enrolment::Outcome;
use trust::{Span, Timestamp};
use wire::Guid;
use wire::x509::{Certificate, Name, assemble};

use crate::ca::Ca;
use crate::credential;
use crate::fault::{Fault, Refused};
use crate::lint::{self, Kind, Passed, Violations};
use crate::log::{Event, Logged};
use crate::profile::{Issuer, KeyIdentifier, Places, Profile};
use crate::records::{
    self, AUTHORITIES, AuthorityRow, CERTIFIED, CREDENTIALS, HOLDERS, ISSUED, IssuedRow, OUTCOMES,
    PENDING, PENDING_KEYS, PendingRow, VERSION,
};
use crate::work::{Work, hex, message};

/// How long an asker finds what became of a request.
const ANSWERED: Span = Span::days(1);

/// Pending rows that one call signs.
const AT_ONCE: usize = 32;

/// Pending rows that are looked at so that nothing is ordered twice. More wait only where no key signs.
const ORDERED: usize = 10_000;

/// What a signature is for, once it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The authority's own certificate.
    Root,
    /// A server's certificate, for the credential of that name, whose key waits beside it.
    Credential(String),
    /// The answer to the request of that key.
    Device(Vec<u8>),
    /// The answer to the request of that key, for somebody's certificate to sign in with.
    Logon(Vec<u8>),
    /// The revocation list.
    List,
}

impl Purpose {
    fn write(&self) -> (u8, &[u8]) {
        match self {
            Self::Root => (0, &[]),
            Self::Credential(name) => (1, name.as_bytes()),
            Self::Device(request) => (2, request),
            Self::List => (3, &[]),
            Self::Logon(request) => (4, request),
        }
    }

    pub(crate) fn read(row: &PendingRow) -> Result<Self, Fault> {
        let name = row.name.as_bytes();
        match row.purpose {
            0 => Ok(Self::Root),
            1 => core::str::from_utf8(name)
                .map(|name| Self::Credential(name.to_owned()))
                .map_err(|_| Fault::Corrupt("pending row")),
            2 => Ok(Self::Device(name.to_vec())),
            3 => Ok(Self::List),
            4 => Ok(Self::Logon(name.to_vec())),
            _ => Err(Fault::Corrupt("pending row")),
        }
    }

    /// What the linter is told; `None` for a list.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Root => Some(Kind::Root),
            Self::Credential(name) if name.starts_with(credential::KDC) => Some(Kind::Kdc),
            Self::Credential(_) => Some(Kind::TlsServer),
            Self::Device(_) => Some(Kind::Device),
            Self::Logon(_) => Some(Kind::Logon),
            Self::List => None,
        }
    }
}

/// With what a certificate lives and dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Binding {
    /// An entry of the directory.
    pub(crate) holder: Option<Guid>,
    /// The certificate's key being listed on that entry.
    pub(crate) listed: bool,
}

/// An authority whose certificate is signed.
pub(crate) struct Founded {
    pub(crate) certificate: Certificate,
    pub(crate) key: PublicKey,
}

impl Founded {
    pub(crate) fn read(work: &Work<'_, '_>, ca: Ca) -> Result<Option<Self>, Fault> {
        let record = work
            .snapshot()
            .record(AUTHORITIES, ca.name().as_bytes(), work.now)?;
        let Some(record) = record else {
            return Ok(None);
        };
        let row: AuthorityRow = records::read(&record, "authority")?;
        let Some(der) = row.certificate else {
            return Ok(None);
        };
        let certificate = Certificate::parse(der.as_bytes())
            .map_err(|_| Fault::Corrupt("certificate of an authority"))?;
        let key = PublicKey::from_spki_der(certificate.spki())?;
        Ok(Some(Self { certificate, key }))
    }

    pub(crate) fn issuer(&self, places: Places) -> Issuer {
        Issuer {
            name: self.certificate.subject().clone(),
            key: KeyIdentifier::of(&self.key),
            algorithm: SignatureAlgorithm::default_for(&self.key),
            not_before: records::seconds(self.certificate.not_before()),
            not_after: records::seconds(self.certificate.not_after()),
            places: Some(places),
        }
    }
}

/// A certificate that shall be.
pub(crate) struct Wanted<'p> {
    pub(crate) ca: Ca,
    pub(crate) profile: &'p Profile,
    pub(crate) key: &'p PublicKey,
    pub(crate) life: Span,
    pub(crate) purpose: Purpose,
    pub(crate) binding: Binding,
    /// For whoever reads the log.
    pub(crate) cause: String,
}

/// A serial number of 126 random bits: 16 octets, positive, the first never zero (protocols G.3).
pub(crate) fn serial_number(work: &mut Work<'_, '_>) -> [u8; 16] {
    let mut serial = work.rng.bytes::<16>();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// First commit: what shall be signed goes into the log, if the linter lets it. Gives its number there.
///
/// # Errors
/// `Ok(Err(..))` when the linter refuses.
pub(crate) fn prepare(
    work: &mut Work<'_, '_>,
    wanted: &Wanted<'_>,
    founded: &Founded,
) -> Result<Result<u64, Violations>, Fault> {
    let issuer = founded.issuer(places(work, wanted.ca));
    let serial = serial_number(work);
    let tbs = wanted
        .profile
        .encode(wanted.key, &serial, &issuer, wanted.life, work.now);
    let der = founded.certificate.der();
    match lint::certificate(&tbs, wanted.profile.kind(), Some(der), work.now) {
        Ok(passed) => log(work, wanted, &passed).map(Ok),
        Err(violations) => Ok(Err(violations)),
    }
}

/// First commit for an authority's own certificate.
pub(crate) fn prepare_root(
    work: &mut Work<'_, '_>,
    ca: Ca,
    name: &Name,
    key: &PublicKey,
    life: Span,
) -> Result<u64, Fault> {
    let issuer = Issuer {
        name: name.clone(),
        key: KeyIdentifier::of(key),
        algorithm: SignatureAlgorithm::default_for(key),
        not_before: Timestamp::EPOCH,
        not_after: Timestamp::NEVER,
        places: None,
    };
    let profile = Profile::Root(name.clone());
    let serial = serial_number(work);
    let tbs = profile.encode(key, &serial, &issuer, life, work.now);
    let passed = lint::certificate(&tbs, Kind::Root, None, work.now)?;
    let wanted = Wanted {
        ca,
        profile: &profile,
        key,
        life,
        purpose: Purpose::Root,
        binding: Binding::default(),
        cause: "founding".to_owned(),
    };
    log(work, &wanted, &passed)
}

fn log(work: &mut Work<'_, '_>, wanted: &Wanted<'_>, passed: &Passed) -> Result<u64, Fault> {
    let content = passed.to_be_signed();
    let event = Event::CertificateToBeSigned;
    let sequence = work.append(wanted.ca, event, None, content, &wanted.cause)?;
    pend(work, wanted.ca, sequence, &wanted.purpose, wanted.binding)?;
    Ok(sequence)
}

/// Notes that the entry of that number shall be signed.
pub(crate) fn pend(
    work: &mut Work<'_, '_>,
    ca: Ca,
    sequence: u64,
    purpose: &Purpose,
    binding: Binding,
) -> Result<(), Fault> {
    let (kind, name) = purpose.write();
    let holder = binding
        .holder
        .map(|holder| records::octets(holder.to_bytes()));
    let row = PendingRow {
        version: VERSION,
        purpose: kind,
        name: records::octets(name)?,
        holder: holder.transpose()?,
        listed: binding.listed,
    };
    let key = records::numbered(ca, sequence);
    work.put(PENDING, key, records::write(&row));
    Ok(())
}

/// Where an authority's list and certificate are published.
pub(crate) fn places(work: &Work<'_, '_>, ca: Ca) -> Places {
    let publication = &work.view.configuration.publication;
    Places {
        list: format!("{publication}/{ca}.crl"),
        certificate: format!("{publication}/{ca}.crt"),
    }
}

/// The pending rows, all or some of them.
pub(crate) fn pending(work: &Work<'_, '_>) -> Result<Vec<(Ca, u64)>, Fault> {
    let rows = work
        .snapshot()
        .records(PENDING, &[], &[], AT_ONCE, work.now)?;
    rows.iter()
        .map(|row| records::sequence_of(&row.key).ok_or(Fault::Corrupt("pending row")))
        .collect()
}

/// What waits for a signature, so that it is not asked for twice.
pub(crate) fn ordered(work: &Work<'_, '_>) -> Result<Vec<(Ca, Purpose)>, Fault> {
    let rows = work
        .snapshot()
        .records(PENDING, &[], &[], ORDERED, work.now)?;
    rows.iter()
        .map(|row| {
            let (ca, _) = records::sequence_of(&row.key).ok_or(Fault::Corrupt("pending row"))?;
            let pending: PendingRow = records::read(row, "pending row")?;
            Ok((ca, Purpose::read(&pending)?))
        })
        .collect()
}

/// Second commit: signs an entry of the log that waits for it, and hands out what it was for. Does nothing
/// where it was done already.
pub(crate) fn sign(work: &mut Work<'_, '_>, ca: Ca, sequence: u64) -> Result<(), Fault> {
    let key = records::numbered(ca, sequence);
    let Some(record) = work.snapshot().record(PENDING, &key, work.now)? else {
        return Ok(());
    };
    let row: PendingRow = records::read(&record, "pending row")?;
    let purpose = Purpose::read(&row)?;
    let logged = Logged::read(work.snapshot(), ca, sequence, work.now)?
        .ok_or(Fault::Corrupt("log entry"))?;
    let founded = Founded::read(work, ca)?;
    let passed = match (&founded, purpose.kind()) {
        // It was right when it was logged; it may have waited too long since, or been changed.
        (Some(founded), Some(kind)) => {
            let der = founded.certificate.der();
            lint::certificate(logged.to_be_signed(), kind, Some(der), work.now)
        }
        (None, Some(kind @ Kind::Root)) => {
            lint::certificate(logged.to_be_signed(), kind, None, work.now)
        }
        (Some(founded), None) => {
            let previous = crate::list::Current::read(work, ca)?.map(|list| list.number);
            let der = founded.certificate.der();
            lint::list(logged.to_be_signed(), der, previous, work.now)
        }
        (None, _) => return Ok(()),
    };
    let passed = match passed {
        Ok(passed) => passed,
        Err(violations) => return abandon(work, &logged, &purpose, &violations),
    };
    let signed = signature(work, &logged, &passed, founded.as_ref())?;
    hand_out(work, &logged, &purpose, &row, &signed)?;
    work.remove(PENDING, key);
    Ok(())
}

/// The one place where an authority's key is used: over what is in the log and has passed the linter.
fn signature(
    work: &Work<'_, '_>,
    logged: &Logged,
    passed: &Passed,
    founded: Option<&Founded>,
) -> Result<Vec<u8>, Fault> {
    let ca = logged.ca();
    let signer = work.view.keys.signer(work.snapshot(), ca, work.now)?;
    let key = signer.public_key();
    if founded.is_some_and(|founded| founded.key != *key) {
        return Err(Fault::OtherKey(ca));
    }
    let message = passed.to_be_signed();
    let algorithm = SignatureAlgorithm::default_for(key);
    let signature = signer.sign(algorithm, message)?;
    // A signature made of a wrong computation can give an RSA key away.
    Verifier::new(key.clone())
        .verify(algorithm, message, &signature)
        .map_err(|_| Fault::BadSignature(ca))?;
    Ok(assemble(message, &algorithm.identifier_der(), &signature))
}

fn abandon(
    work: &mut Work<'_, '_>,
    logged: &Logged,
    purpose: &Purpose,
    violations: &Violations,
) -> Result<(), Fault> {
    let (ca, sequence) = (logged.ca(), logged.sequence());
    let why = violations.to_string();
    work.append(ca, Event::Abandoned, Some(sequence), why.as_bytes(), "")?;
    let key = records::numbered(ca, sequence);
    work.remove(PENDING, key.clone());
    work.remove(PENDING_KEYS, key);
    if let Purpose::Device(request) | Purpose::Logon(request) = purpose {
        let refused = Refused::Lint(violations.clone());
        answer(work, request, &Outcome::Refused(message(&refused)));
    }
    work.trouble(&format!("{ca} {sequence}"), "certificate.issue", why)
}

/// Answers a request, for as long as its asker may look.
pub(crate) fn answer(work: &mut Work<'_, '_>, request: &[u8], outcome: &Outcome) {
    work.put_for(OUTCOMES, request.to_vec(), outcome.to_bytes(), ANSWERED);
}

/// Refuses a request.
pub(crate) fn refuse(
    work: &mut Work<'_, '_>,
    request: &[u8],
    refused: &Refused,
) -> Result<(), Fault> {
    let why = message(refused);
    answer(work, request, &Outcome::Refused(why.clone()));
    work.trouble(
        &format!("request {}", hex(request)),
        "certificate.issue",
        why,
    )
}

fn hand_out(
    work: &mut Work<'_, '_>,
    logged: &Logged,
    purpose: &Purpose,
    row: &PendingRow,
    signed: &[u8],
) -> Result<(), Fault> {
    let (ca, about) = (logged.ca(), Some(logged.sequence()));
    if logged.is_list() {
        // The list stands in its own row; its content is in the entry that it answers.
        let digest = crypto::digest::sha256(signed);
        work.append(ca, Event::ListSigned, about, &digest, "")?;
        return crate::list::publish(work, ca, logged.sequence(), signed);
    }
    let entry = work.append(ca, Event::CertificateSigned, about, signed, "")?;
    let certificate =
        Certificate::parse(signed).map_err(|_| Fault::Corrupt("signed certificate"))?;
    if *purpose != Purpose::Root {
        record(work, ca, entry, row, &certificate)?;
    }
    let pending_key = records::numbered(ca, logged.sequence());
    match purpose {
        Purpose::Root => found(work, ca, &certificate)?,
        Purpose::Credential(name) => {
            let key = work
                .snapshot()
                .record(PENDING_KEYS, &pending_key, work.now)?;
            let key = key.ok_or(Fault::Corrupt("pending key"))?;
            let value = credential::encode(signed, key.value.bytes());
            work.put_secret(CREDENTIALS, name.as_bytes().to_vec(), value);
            work.remove(PENDING_KEYS, pending_key);
        }
        Purpose::Device(request) | Purpose::Logon(request) => {
            answer(work, request, &Outcome::Issued(certificate.clone()));
        }
        Purpose::List => {}
    }
    let audit = work
        .done("certificate.issue")
        .with("authority", ca)
        .with("serial", hex(certificate.serial()))
        .with("subject", certificate.subject())
        .with("thumbprint", certificate.thumbprint())
        .with("log", entry);
    work.audit(audit);
    Ok(())
}

/// Lists the certificate among those that were issued, and with its holder.
fn record(
    work: &mut Work<'_, '_>,
    ca: Ca,
    sequence: u64,
    row: &PendingRow,
    certificate: &Certificate,
) -> Result<(), Fault> {
    let issued = IssuedRow {
        version: VERSION,
        certificate: records::octets(certificate.der())?,
        at: work.now.micros(),
        sequence,
        holder: row.holder.clone(),
        listed: row.listed,
        revoked: None,
    };
    let serial = certificate.serial();
    work.put(
        ISSUED,
        records::serialled(ca, serial),
        records::write(&issued),
    );
    if let Some(holder) = guid(row.holder.as_ref())? {
        let held = records::held(holder, ca, serial);
        let key = PublicKey::from_spki_der(certificate.spki())?;
        work.put(CERTIFIED, key.fingerprint().0.to_vec(), held.clone());
        work.put(HOLDERS, held, Vec::new());
    }
    Ok(())
}

/// The entry that a certificate lives with.
pub(crate) fn guid(octets: Option<&der::asn1::OctetString>) -> Result<Option<Guid>, Fault> {
    octets
        .map(|octets| {
            <[u8; 16]>::try_from(octets.as_bytes())
                .map(Guid::from_bytes)
                .map_err(|_| Fault::Corrupt("holder"))
        })
        .transpose()
}

/// The authority has its certificate from now on.
fn found(work: &mut Work<'_, '_>, ca: Ca, certificate: &Certificate) -> Result<(), Fault> {
    let row = AuthorityRow {
        version: VERSION,
        name: records::octets(certificate.subject().der())?,
        spki: records::octets(certificate.spki())?,
        certificate: Some(records::octets(certificate.der())?),
    };
    work.put(AUTHORITIES, ca.name().into(), records::write(&row));
    if ca == Ca::Enterprise {
        // Tools that read the directory see whom the KDC trusts.
        let listed = directory::issuers::trust(work.snapshot(), certificate, work.rng)?;
        work.extend(listed);
    }
    Ok(())
}
