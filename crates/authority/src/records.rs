//! What the authority keeps in the directory: tables, keys and values.
//!
//! Values are DER with a version in front; keys begin with the authority's name and a zero byte, so that the
//! rows of one authority stand together.

use der::asn1::OctetString;
use der::{Decode, Encode, Sequence};
use directory::{Record, Table};
use trust::{Timestamp, enrolment};
use wire::Guid;

use crate::ca::Ca;
use crate::fault::Fault;

/// The authorities, by name.
pub(crate) const AUTHORITIES: Table = Table::new("authority.authorities");
/// Their private keys, by name; PKCS#8, secret.
pub(crate) const KEYS: Table = Table::new("authority.keys");
/// The heads of their logs, by name.
pub(crate) const HEADS: Table = Table::new("authority.heads");
/// The issuance log: authority, sequence number.
pub(crate) const LOG: Table = Table::new("authority.log");
/// What is logged but not signed yet: authority, sequence number.
pub(crate) const PENDING: Table = Table::new("authority.pending");
/// Private keys of certificates that are not signed yet: authority, sequence number; PKCS#8, secret.
pub(crate) const PENDING_KEYS: Table = Table::new("authority.pending-keys");
/// Certificates: authority, serial number.
pub(crate) const ISSUED: Table = Table::new("authority.issued");
/// Certificates by the entry they live with: its objectGUID, authority, serial number.
pub(crate) const HOLDERS: Table = Table::new("authority.holders");
/// Which certificate a public key is in, by the key's fingerprint: the rest of the key in [`HOLDERS`].
pub(crate) const CERTIFIED: Table = Table::new("authority.certified");
/// Revoked certificates: authority, serial number.
pub(crate) const REVOKED: Table = Table::new("authority.revoked");
/// Current revocation lists, by name of the authority.
pub(crate) const LISTS: Table = Table::new("authority.lists");
/// Keys with their certificates, for the servers that use them, by name; secret.
pub(crate) const CREDENTIALS: Table = Table::new("authority.credentials");
/// What could not be done, by what it was, so that it is told once a day and not once a minute.
pub(crate) const TROUBLES: Table = Table::new("authority.troubles");
/// What others ask for.
pub(crate) const REQUESTS: Table = Table::new(enrolment::REQUESTS);
/// What became of it.
pub(crate) const OUTCOMES: Table = Table::new(enrolment::OUTCOMES);

/// The names of all of them.
pub(crate) const TABLES: [&str; 14] = [
    AUTHORITIES.name(),
    KEYS.name(),
    HEADS.name(),
    LOG.name(),
    PENDING.name(),
    PENDING_KEYS.name(),
    ISSUED.name(),
    HOLDERS.name(),
    CERTIFIED.name(),
    REVOKED.name(),
    LISTS.name(),
    CREDENTIALS.name(),
    REQUESTS.name(),
    OUTCOMES.name(),
];

/// The version of every value here.
pub(crate) const VERSION: u8 = 1;

/// Where the rows of an authority begin.
pub(crate) fn prefix(ca: Ca) -> Vec<u8> {
    [ca.name().as_bytes(), &[0]].concat()
}

/// Where the rows of an authority end.
pub(crate) fn end(ca: Ca) -> Vec<u8> {
    [ca.name().as_bytes(), &[1]].concat()
}

pub(crate) fn numbered(ca: Ca, sequence: u64) -> Vec<u8> {
    [&prefix(ca)[..], &sequence.to_be_bytes()].concat()
}

pub(crate) fn serialled(ca: Ca, serial: &[u8]) -> Vec<u8> {
    [&prefix(ca)[..], serial].concat()
}

pub(crate) fn held(holder: Guid, ca: Ca, serial: &[u8]) -> Vec<u8> {
    [&holder.to_bytes()[..], &serialled(ca, serial)].concat()
}

/// Takes a key of a row apart: the authority, and what follows its name.
pub(crate) fn split(key: &[u8]) -> Option<(Ca, &[u8])> {
    let at = key.iter().position(|byte| *byte == 0)?;
    let name = core::str::from_utf8(key.get(..at)?).ok()?;
    Some((Ca::from_name(name)?, key.get(at + 1..)?))
}

/// The sequence number in the key of a row.
pub(crate) fn sequence_of(key: &[u8]) -> Option<(Ca, u64)> {
    let (ca, rest) = split(key)?;
    Some((ca, u64::from_be_bytes(rest.try_into().ok()?)))
}

/// An authority.
#[derive(Clone, Sequence)]
pub(crate) struct AuthorityRow {
    pub(crate) version: u8,
    pub(crate) name: OctetString,
    pub(crate) spki: OctetString,
    /// Absent until it is signed.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) certificate: Option<OctetString>,
}

/// The head of a log.
#[derive(Clone, Sequence)]
pub(crate) struct HeadRow {
    pub(crate) version: u8,
    /// The number that the next entry will have; the first is 1.
    pub(crate) next: u64,
    /// The digest of the last entry; zeros before the first.
    pub(crate) digest: OctetString,
    /// The number of the last revocation or release; 0 when there was none.
    pub(crate) changed: u64,
}

/// Something that is logged and shall be signed.
#[derive(Clone, Sequence)]
pub(crate) struct PendingRow {
    pub(crate) version: u8,
    /// [`Purpose`](crate::issue::Purpose) and its name.
    pub(crate) purpose: u8,
    pub(crate) name: OctetString,
    /// The entry that it lives with.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) holder: Option<OctetString>,
    /// Whether it also lives with its key being listed on that entry.
    pub(crate) listed: bool,
}

/// A certificate that was issued.
#[derive(Clone, Sequence)]
pub(crate) struct IssuedRow {
    pub(crate) version: u8,
    pub(crate) certificate: OctetString,
    /// When it was signed, in microseconds since 1970.
    pub(crate) at: i64,
    /// The number of its entry in the log.
    pub(crate) sequence: u64,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) holder: Option<OctetString>,
    pub(crate) listed: bool,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) revoked: Option<RevokedRow>,
}

/// A revocation.
#[derive(Clone, Sequence)]
pub(crate) struct RevokedRow {
    pub(crate) version: u8,
    /// Since when, in seconds since 1970.
    pub(crate) since: i64,
    pub(crate) reason: u8,
    /// When the certificate ends, in seconds since 1970.
    pub(crate) not_after: i64,
}

/// The current list of an authority.
#[derive(Clone, Sequence)]
pub(crate) struct ListRow {
    pub(crate) version: u8,
    pub(crate) list: OctetString,
    /// The number of the entry in the log that it was made at: every revocation before it is in it.
    pub(crate) covers: u64,
}

/// Decodes a record's value.
pub(crate) fn read<T>(record: &Record, what: &'static str) -> Result<T, Fault>
where
    T: for<'a> Decode<'a, Error = der::Error>,
{
    T::from_der(record.value.bytes()).map_err(|_| Fault::Corrupt(what))
}

/// Encodes a record's value.
pub(crate) fn write(value: &impl Encode) -> Vec<u8> {
    // The one error is a value of 256 MiB or more; a commit takes ten.
    value.to_der().unwrap_or_default()
}

/// Octets of a size that a commit takes.
pub(crate) fn octets(bytes: impl Into<Vec<u8>>) -> Result<OctetString, Fault> {
    OctetString::new(bytes.into()).map_err(|_| Fault::Corrupt("value of this size"))
}

/// A moment in seconds.
pub(crate) const fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds)
}
