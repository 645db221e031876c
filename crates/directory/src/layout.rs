//! Where everything lies: the keys of the store, in one table.
//!
//! | key | value | what |
//! |---|---|---|
//! | `M` name | varies | about the store: format version, this store's node, the domain's head, the next RID block, whether it is being restored, what it was restored from |
//! | `N` node | last commit number, GUID, RID block | a node's own row; the only row each of its commits writes |
//! | `f` node number | time, changed entries and records | the change feed |
//! | `e` id | class, parent, name, times, attributes | an entry |
//! | `c` parent name | id | the children of an entry by name |
//! | `u` attribute value | id | unique indexes: a row that must be absent to be added |
//! | `k` fingerprint | id | the account that lists a public key |
//! | `x` attribute value id | - | listing indexes, those of class and key device among them |
//! | `l` holder attribute target | value | linked values: members, key credentials |
//! | `b` target attribute holder | - | their back-links |
//! | `a` id | counters and moments | what is not worth an entry's new version: last logon, failed attempts |
//! | `h` id | digests, wrapped | the former passwords of an account, which only its next password asks for |
//! | `d` id | class, parent, name, SID, time | tombstones |
//! | `r` table key | value, expiry | a party's own records |
//! | `q` claim | until | claims |
//! | `j` due id | - | jobs by time |
//! | `i` id | due, kind, payload | jobs by name |
//! | `t` time stamp place | JSON | audit records |
//! | `z` time key | - | what expires when: claims, records, tombstones |
//!
//! Numbers are big-endian, so that order by bytes is order by number. A value of free length inside a key
//! is followed by 00 00 with 00 escaped as 00 FF, so that no value is a prefix of another; long ones are
//! replaced by their digest. Every value begins with a version byte and the [`Stamp`] of the commit that
//! wrote it.

use trust::Timestamp;
use wire::Guid;

use crate::codec::{Corrupt, Reader, Writer};
use crate::id::{EntryId, Stamp};
use crate::schema::{Attribute, Class};

/// The version of this layout. A store with a higher one is refused.
pub(crate) const FORMAT: u32 = 1;

/// The name of the row about the store that says that a backup is being restored into it, and is not all there.
pub(crate) const RESTORING: &str = "restoring";

/// The name of the row about the store that says which nodes committed to it before it was restored from a backup, and how
/// far they had come.
pub(crate) const LINEAGE: &str = "lineage";

/// The version byte of every value.
const ROW: u8 = 1;
/// How long version byte and stamp are.
const HEAD: usize = 1 + 4 + 8;

/// What the keys of all nodes begin with. It is among the first of all, for every snapshot reads this
/// node's row, and what is at the edge is found with the least work.
pub(crate) const NODES: &[u8] = b"N";

/// Values in keys that are longer than this are replaced by their digest.
const LONGEST_IN_KEY: usize = 200;

/// What most keys have room in.
const USUAL_KEY: usize = 96;

fn key(table: u8) -> Writer {
    let mut key = Writer::with_room_for(USUAL_KEY);
    key.u8(table);
    key
}

/// What the digest of a long value stands behind in a key. No text begins like this.
pub(crate) const LONG: &[u8] = b"\xff#";

/// Appends `value` so that no encoded value is a prefix of another, and order is kept.
fn terminated(key: &mut Writer, value: &[u8]) {
    let digest;
    let value = if value.len() > LONGEST_IN_KEY {
        // 32 bytes against at most 200 would be ambiguous with a value of 32 bytes; the marker is not.
        digest = [LONG, &crypto::digest::sha256(value)].concat();
        &digest
    } else {
        value
    };
    let mut pieces = value.split(|byte| *byte == 0);
    key.raw(pieces.next().unwrap_or_default());
    for piece in pieces {
        key.raw(&[0, 0xff]).raw(piece);
    }
    key.raw(&[0, 0]);
}

pub(crate) fn meta(name: &str) -> Vec<u8> {
    key(b'M').raw(name.as_bytes()).finish()
}

/// Which node it is that comes under a name, or without one. No other key begins as that without a name does.
pub(crate) fn own_node(name: Option<&str>) -> Vec<u8> {
    let mut key = key(b'M');
    key.raw(b"node");
    if let Some(name) = name {
        terminated(key.u8(b':'), name.as_bytes());
    }
    key.finish()
}

pub(crate) fn node(node: u32) -> Vec<u8> {
    key(NODES[0]).u32(node).finish()
}

pub(crate) fn feed(node: u32, number: u64) -> Vec<u8> {
    key(b'f').u32(node).u64(number).finish()
}

pub(crate) fn entries() -> Vec<u8> {
    key(b'e').finish()
}

pub(crate) fn entry(id: EntryId) -> Vec<u8> {
    key(b'e').id(id).finish()
}

pub(crate) fn children(parent: EntryId) -> Vec<u8> {
    key(b'c').id(parent).finish()
}

/// `name` is folded: see [`crate::value::folded`].
pub(crate) fn child(parent: EntryId, name: &str) -> Vec<u8> {
    let mut key = key(b'c');
    terminated(key.id(parent), name.as_bytes());
    key.finish()
}

pub(crate) fn unique(attribute: Attribute, value: &[u8]) -> Vec<u8> {
    let mut key = key(b'u');
    terminated(key.u16(attribute.number()), value);
    key.finish()
}

pub(crate) fn uniques(attribute: Attribute) -> Vec<u8> {
    key(b'u').u16(attribute.number()).finish()
}

pub(crate) fn fingerprint(fingerprint: &[u8; 32]) -> Vec<u8> {
    key(b'k').raw(fingerprint).finish()
}

/// What a listing index is over.
#[derive(Clone, Copy)]
pub(crate) enum Listing {
    Attribute(Attribute),
    /// The entries of a class, by name.
    Class(Class),
    /// The holders of keys from a device.
    KeyDevice,
    /// Devices by the SHA-1 thumbprint of their certificate.
    DeviceCertificate,
}

impl Listing {
    const fn number(self) -> u16 {
        match self {
            Self::Attribute(attribute) => attribute.number(),
            Self::Class(class) => 0x8000 | class as u16,
            Self::KeyDevice => 0xf001,
            Self::DeviceCertificate => 0xf002,
        }
    }
}

pub(crate) fn listings(listing: Listing) -> Vec<u8> {
    key(b'x').u16(listing.number()).finish()
}

pub(crate) fn listed_value(listing: Listing, value: &[u8]) -> Vec<u8> {
    let mut key = key(b'x');
    terminated(key.u16(listing.number()), value);
    key.finish()
}

pub(crate) fn listed(listing: Listing, value: &[u8], id: EntryId) -> Vec<u8> {
    let mut key = listed_value(listing, value);
    key.extend_from_slice(&id.bytes());
    key
}

/// The entry at the end of a key of `x`, `l` or `b`.
pub(crate) fn id_at_end(key: &[u8]) -> Result<EntryId, Corrupt> {
    let bytes = key.last_chunk::<16>().ok_or(Corrupt)?;
    Ok(EntryId(Guid::from_bytes(*bytes)))
}

pub(crate) fn links(holder: EntryId, attribute: Attribute) -> Vec<u8> {
    key(b'l').id(holder).u16(attribute.number()).finish()
}

pub(crate) fn link(holder: EntryId, attribute: Attribute, target: &[u8]) -> Vec<u8> {
    key(b'l')
        .id(holder)
        .u16(attribute.number())
        .raw(target)
        .finish()
}

pub(crate) fn backlinks(target: EntryId, attribute: Attribute) -> Vec<u8> {
    key(b'b').id(target).u16(attribute.number()).finish()
}

pub(crate) fn backlink(target: EntryId, attribute: Attribute, holder: EntryId) -> Vec<u8> {
    key(b'b')
        .id(target)
        .u16(attribute.number())
        .id(holder)
        .finish()
}

pub(crate) fn activity(id: EntryId) -> Vec<u8> {
    key(b'a').id(id).finish()
}

pub(crate) fn history(id: EntryId) -> Vec<u8> {
    key(b'h').id(id).finish()
}

pub(crate) fn tombstones() -> Vec<u8> {
    key(b'd').finish()
}

pub(crate) fn tombstone(id: EntryId) -> Vec<u8> {
    key(b'd').id(id).finish()
}

pub(crate) fn records(table: &str) -> Vec<u8> {
    let mut key = key(b'r');
    terminated(&mut key, table.as_bytes());
    key.finish()
}

pub(crate) fn record(table: &str, name: &[u8]) -> Vec<u8> {
    let mut key = records(table);
    key.extend_from_slice(name);
    key
}

/// The table's name and the record's key in the key of a row of records.
pub(crate) fn record_name(key: &[u8]) -> Result<(String, &[u8]), Corrupt> {
    // Names of tables are at most 100 bytes of text, so none stands as a digest, and none has a zero byte.
    let rest = key.get(1..).ok_or(Corrupt)?;
    let end = rest
        .windows(2)
        .position(|pair| pair == [0, 0])
        .ok_or(Corrupt)?;
    let (table, name) = rest.split_at_checked(end).ok_or(Corrupt)?;
    let table = std::str::from_utf8(table).map_err(|_| Corrupt)?;
    Ok((table.to_owned(), name.get(2..).ok_or(Corrupt)?))
}

pub(crate) fn claim(id: &[u8; 32]) -> Vec<u8> {
    key(b'q').raw(id).finish()
}

/// Times before 1970 have no place in an index; they count as 1970.
fn moment(time: Timestamp) -> u64 {
    u64::try_from(time.micros()).unwrap_or(0)
}

pub(crate) fn job_due(due: Timestamp, id: &str) -> Vec<u8> {
    key(b'j').u64(moment(due)).raw(id.as_bytes()).finish()
}

pub(crate) fn jobs_until(now: Timestamp) -> Vec<u8> {
    key(b'j').u64(moment(now).saturating_add(1)).finish()
}

pub(crate) fn job(id: &str) -> Vec<u8> {
    key(b'i').raw(id.as_bytes()).finish()
}

pub(crate) fn audit(time: Timestamp, stamp: Stamp, place: u32) -> Vec<u8> {
    key(b't')
        .u64(moment(time))
        .u32(stamp.node)
        .u64(stamp.number)
        .u32(place)
        .finish()
}

pub(crate) fn audit_from(time: Timestamp) -> Vec<u8> {
    key(b't').u64(moment(time)).finish()
}

pub(crate) fn expiry(time: Timestamp, what: &[u8]) -> Vec<u8> {
    key(b'z').u64(moment(time)).raw(what).finish()
}

pub(crate) fn expiries_until(now: Timestamp) -> Vec<u8> {
    key(b'z').u64(moment(now).saturating_add(1)).finish()
}

/// The key that an expiry row is about.
pub(crate) fn expiring(key: &[u8]) -> Result<&[u8], Corrupt> {
    key.get(9..).ok_or(Corrupt)
}

/// A value: version byte, stamp, payload.
pub(crate) fn row(stamp: Stamp, payload: &[u8]) -> Vec<u8> {
    let mut row = Writer::with_room_for(HEAD + payload.len());
    row.u8(ROW).u32(stamp.node).u64(stamp.number).raw(payload);
    row.finish()
}

/// Takes a value apart.
pub(crate) fn open_row(value: &[u8]) -> Result<(Stamp, Reader<'_>), Corrupt> {
    let mut reader = Reader::new(value);
    if reader.u8()? != ROW {
        return Err(Corrupt);
    }
    let stamp = Stamp {
        node: reader.u32()?,
        number: reader.u64()?,
    };
    Ok((stamp, reader))
}
