//! A dump: every row of one state of a store in one stream, the same from every storage and for every storage.
//!
//! | what | bytes |
//! |---|---|
//! | "Keyporch backup\n" | 16 |
//! | length of the header, then the header as JSON ([`Header`]) | 4, at most 65,536 |
//! | each row, in the order of their keys: length of the key, length of the value, key, value | 2, 4, 1 to 1,024, up to 10,000,000 |
//! | the end: a key length of 0, and how many rows there were | 2, 8 |
//! | SHA-256 over everything before | 32 |
//! | HMAC-SHA-256 over that digest, under a key that is derived from the root key | 32 |
//!
//! Numbers are big-endian. The digest tells a damaged dump, the end a broken-off one; the last field tells one that
//! somebody without the root key has written or changed: a key that is put on an administrator's account in a backup would
//! be that administrator after a restore. Secrets are in it as they rest, wrapped under the root key, which is not in it.
//!
//! Knows nothing about: files. What is read from and written to comes from outside.

mod read;
mod write;

use std::io;

use serde::{Deserialize, Serialize};
use trust::Timestamp;
use wire::{Guid, Sid};

use crate::error::Fault;
use crate::root_key::RootKey;
use crate::storage::StorageError;

pub use read::Dump;
pub use write::{Written, write};

/// What every dump begins with.
const MAGIC: &[u8; 16] = b"Keyporch backup\n";
/// The version of the form described above.
const FORMAT: u32 = 1;
/// The longest header in bytes.
const HEADER_LIMIT: usize = 65_536;

/// What a dump says of itself before its rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The version of the dump's form.
    pub format: u32,
    /// The version of the program that wrote it.
    pub product: String,
    /// When it was written, RFC 3339: nothing that was committed before is missing, as far as that clock was right.
    pub time: String,
    /// The domain's DNS name.
    pub domain: String,
    /// The domain's SID.
    pub domain_sid: Sid,
    /// The nodes that had committed to the store, by the names they have in the world.
    pub nodes: Vec<Guid>,
    /// What the root key is known by that the secrets are wrapped under: [`RootKey::check_value`].
    pub root_key: String,
}

impl Header {
    /// When it was written; `None` when the text is no time.
    #[must_use]
    pub fn written(&self) -> Option<Timestamp> {
        Timestamp::from_rfc3339(&self.time).ok()
    }
}

impl RootKey {
    /// What this key is known by: sixteen hexadecimal digits that say nothing about it, for a person who has several.
    #[must_use]
    pub fn check_value(&self) -> String {
        let derived = self.derived("check value");
        let digest = crypto::digest::sha256(&derived[..]);
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The seal on a dump with this digest.
    fn seal(&self, digest: &[u8; 32]) -> [u8; 32] {
        crypto::mac::hmac_sha256(&self.derived("backup")[..], digest)
    }

    fn sealed(&self, digest: &[u8; 32], seal: &[u8; 32]) -> bool {
        crypto::mac::verify_hmac_sha256(&self.derived("backup")[..], digest, seal)
    }
}

/// Why a dump could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The stream could not be read or written.
    #[error("the backup cannot be read or written")]
    Io(#[source] io::Error),
    /// It does not begin like one.
    #[error("this is no backup")]
    NotADump,
    /// A newer version of the program wrote it.
    #[error("the backup has format {0}, this program knows {FORMAT}")]
    Newer(u32),
    /// Its secrets are wrapped under another root key.
    #[error("the backup belongs to the root key {theirs}, and the one given is {ours}")]
    OtherRootKey {
        /// The check value of the key that it belongs to.
        theirs: String,
        /// The check value of the key that was given.
        ours: String,
    },
    /// It ends before its end.
    #[error("the backup is incomplete: it breaks off after {0} rows")]
    Incomplete(u64),
    /// Something in it is not what was written.
    #[error("the backup is damaged: {0}")]
    Damaged(&'static str),
    /// It is whole, and nobody with the root key wrote it.
    #[error("the backup was changed by somebody who has not the root key")]
    Forged,
    /// The store could not be read.
    #[error("the store cannot be read")]
    Fault(#[from] Fault),
}

impl From<StorageError> for DumpError {
    fn from(error: StorageError) -> Self {
        Self::Fault(error.into())
    }
}
