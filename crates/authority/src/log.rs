//! The issuance log: everything that was to be signed, before it was, and everything that was signed.
//!
//! Promises: an entry's number is one more than the last one's, and it carries the digest of the one before
//! it, so that an entry can neither be taken out nor changed without every later one telling. Nothing is
//! signed but the content of an entry that was read back from the directory (`Logged`).

use der::asn1::OctetString;
use der::{Decode, Encode, Sequence};
use directory::{Record, Snapshot};
use trust::Timestamp;
use wire::x509::Reason;

use crate::ca::Ca;
use crate::fault::Fault;
use crate::records::{self, HEADS, HeadRow, LOG, VERSION};

/// What an entry says happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The content is a TBSCertificate that shall be signed.
    CertificateToBeSigned,
    /// The content is the certificate that was signed.
    CertificateSigned,
    /// The content is a TBSCertList that shall be signed.
    ListToBeSigned,
    /// The content is SHA-256 over the revocation list that was signed.
    ListSigned,
    /// The certificate whose serial number is the content was revoked.
    Revoked(Reason),
    /// The certificate whose serial number is the content came back from hold.
    Released,
    /// What was to be signed will not be; the content says why.
    Abandoned,
}

impl Event {
    const fn code(self) -> (u8, u8) {
        match self {
            Self::CertificateToBeSigned => (0, 0),
            Self::CertificateSigned => (1, 0),
            Self::ListToBeSigned => (2, 0),
            Self::ListSigned => (3, 0),
            Self::Revoked(reason) => (4, reason.code()),
            Self::Released => (5, 0),
            Self::Abandoned => (6, 0),
        }
    }

    fn from_code(code: (u8, u8)) -> Option<Self> {
        Some(match code {
            (0, 0) => Self::CertificateToBeSigned,
            (1, 0) => Self::CertificateSigned,
            (2, 0) => Self::ListToBeSigned,
            (3, 0) => Self::ListSigned,
            (4, reason) => Self::Revoked(Reason::from_code(reason)?),
            (5, 0) => Self::Released,
            (6, 0) => Self::Abandoned,
            _ => return None,
        })
    }
}

/// An entry of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// Whose log it is in.
    pub ca: Ca,
    /// Its number, from 1.
    pub sequence: u64,
    /// The digest of the entry before it; zeros in the first.
    pub previous: [u8; 32],
    /// When.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
    /// The number of the entry that this one answers: what was signed or abandoned.
    pub about: Option<u64>,
    /// What it happened to; see [`Event`].
    pub content: Vec<u8>,
    /// Why, for a reader.
    pub cause: String,
}

/// The encoding over which the chain is made.
#[derive(Sequence)]
struct Encoded {
    version: u8,
    authority: String,
    sequence: u64,
    previous: OctetString,
    time: i64,
    event: u8,
    reason: u8,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    about: Option<u64>,
    content: OctetString,
    cause: String,
}

impl LogEntry {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Fault> {
        let (event, reason) = self.event.code();
        Encoded {
            version: VERSION,
            authority: self.ca.name().to_owned(),
            sequence: self.sequence,
            previous: records::octets(self.previous)?,
            time: self.time.micros(),
            event,
            reason,
            about: self.about,
            content: records::octets(self.content.clone())?,
            cause: self.cause.clone(),
        }
        .to_der()
        .map_err(|_| CORRUPT)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let read = Encoded::from_der(bytes).map_err(|_| CORRUPT)?;
        Ok(Self {
            ca: Ca::from_name(&read.authority).ok_or(CORRUPT)?,
            sequence: read.sequence,
            previous: read.previous.as_bytes().try_into().map_err(|_| CORRUPT)?,
            time: Timestamp::from_micros(read.time),
            event: Event::from_code((read.event, read.reason)).ok_or(CORRUPT)?,
            about: read.about,
            content: read.content.into_bytes().into_vec(),
            cause: read.cause,
        })
    }

    pub(crate) fn of(record: &Record) -> Result<Self, Fault> {
        let entry = Self::decode(record.value.bytes())?;
        if record.key == records::numbered(entry.ca, entry.sequence) {
            Ok(entry)
        } else {
            Err(CORRUPT)
        }
    }
}

const CORRUPT: Fault = Fault::Corrupt("log entry");

/// The end of a log: where the next entry goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) next: u64,
    pub(crate) digest: [u8; 32],
    pub(crate) changed: u64,
}

impl Head {
    pub(crate) fn read(snapshot: &Snapshot<'_>, ca: Ca, now: Timestamp) -> Result<Self, Fault> {
        let Some(record) = snapshot.record(HEADS, ca.name().as_bytes(), now)? else {
            return Ok(Self {
                next: 1,
                digest: [0; 32],
                changed: 0,
            });
        };
        let row: HeadRow = records::read(&record, "log head")?;
        Ok(Self {
            next: row.next,
            digest: row.digest.as_bytes().try_into().map_err(|_| CORRUPT)?,
            changed: row.changed,
        })
    }

    pub(crate) fn write(&self) -> Result<Vec<u8>, Fault> {
        Ok(records::write(&HeadRow {
            version: VERSION,
            next: self.next,
            digest: records::octets(self.digest)?,
            changed: self.changed,
        }))
    }
}

/// The entries of a log with numbers from `from`, at most `limit`.
///
/// # Errors
/// [`Fault`] when the directory fails or an entry does not decode.
pub fn entries(
    snapshot: &Snapshot<'_>,
    ca: Ca,
    from: u64,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<LogEntry>, Fault> {
    let (start, end) = (records::numbered(ca, from), records::end(ca));
    let found = snapshot.records(LOG, &start, &end, limit, now)?;
    found.iter().map(LogEntry::of).collect()
}

/// Where a log was found broken: the number of the first entry that is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the issuance log of the authority {ca} is broken at entry {sequence}")]
pub struct BrokenAt {
    /// Whose log.
    pub ca: Ca,
    /// The number of the entry that is missing, or does not continue the one before it.
    pub sequence: u64,
}

/// How far the check of a log has come. Check piece by piece, so that no snapshot is held for long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Check {
    ca: Ca,
    next: u64,
    digest: [u8; 32],
}

impl Check {
    /// Before the first entry.
    #[must_use]
    pub const fn start(ca: Ca) -> Self {
        Self {
            ca,
            next: 1,
            digest: [0; 32],
        }
    }

    /// Goes past entries, which follow in the log on those before.
    ///
    /// # Errors
    /// [`BrokenAt`] the first that does not continue the chain.
    pub fn past(mut self, entries: &[LogEntry]) -> Result<Self, BrokenAt> {
        for entry in entries {
            let broken = BrokenAt {
                ca: self.ca,
                sequence: self.next,
            };
            let continues =
                entry.ca == self.ca && entry.sequence == self.next && entry.previous == self.digest;
            if !continues {
                return Err(broken);
            }
            self.digest = crypto::digest::sha256(&entry.encode().map_err(|_| broken)?);
            self.next += 1;
        }
        Ok(self)
    }

    /// How many entries were checked.
    #[must_use]
    pub const fn checked(&self) -> u64 {
        self.next - 1
    }

    /// The digest of the last entry that was checked. Whoever writes it down elsewhere can tell later that
    /// nothing before it was rewritten.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// Checks a whole log against its head.
///
/// # Errors
/// [`Fault`] when the directory fails; inside, [`BrokenAt`] where the chain is broken or ends too early.
pub fn check(
    snapshot: &Snapshot<'_>,
    ca: Ca,
    now: Timestamp,
) -> Result<Result<Check, BrokenAt>, Fault> {
    const STEP: usize = 200;
    let head = Head::read(snapshot, ca, now)?;
    let mut check = Check::start(ca);
    loop {
        let broken = BrokenAt {
            ca,
            sequence: check.next,
        };
        let page = match entries(snapshot, ca, check.next, STEP, now) {
            Ok(page) => page,
            Err(Fault::Corrupt(_)) => return Ok(Err(broken)),
            Err(fault) => return Err(fault),
        };
        check = match check.past(&page) {
            Ok(check) => check,
            Err(broken) => return Ok(Err(broken)),
        };
        if page.len() < STEP {
            let whole = check.next == head.next && check.digest == head.digest;
            return Ok(if whole {
                Ok(check)
            } else {
                Err(broken_at(ca, check.next))
            });
        }
    }
}

const fn broken_at(ca: Ca, sequence: u64) -> BrokenAt {
    BrokenAt { ca, sequence }
}

/// Bytes to be signed that were read back from the log, where they are whatever happens next. The only way
/// to one is to read a committed entry, and the only thing that signs asks for one.
#[derive(Debug)]
pub(crate) struct Logged {
    ca: Ca,
    sequence: u64,
    list: bool,
    content: Vec<u8>,
}

impl Logged {
    /// The entry of that number, if it is one of something to be signed.
    pub(crate) fn read(
        snapshot: &Snapshot<'_>,
        ca: Ca,
        sequence: u64,
        now: Timestamp,
    ) -> Result<Option<Self>, Fault> {
        let key = records::numbered(ca, sequence);
        let Some(record) = snapshot.record(LOG, &key, now)? else {
            return Ok(None);
        };
        let entry = LogEntry::of(&record)?;
        let list = match entry.event {
            Event::CertificateToBeSigned => false,
            Event::ListToBeSigned => true,
            _ => return Ok(None),
        };
        Ok(Some(Self {
            ca,
            sequence,
            list,
            content: entry.content,
        }))
    }

    pub(crate) const fn ca(&self) -> Ca {
        self.ca
    }

    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) const fn is_list(&self) -> bool {
        self.list
    }

    pub(crate) fn to_be_signed(&self) -> &[u8] {
        &self.content
    }
}
