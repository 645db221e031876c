//! Key tables: the file format in which services keep their keys (MIT "Keytab file format").
//!
//! Version 2, big-endian:
//!
//! ```text
//! keytab: 05 02 | entries { i32 size | entry of that size }, a negative size being that of a hole
//! entry:  u16 number of components | data realm | data components | u32 name type | u32 timestamp
//!         | u8 kvno | u16 enctype, data key | u32 kvno, which counts unless it is zero
//! data:   u16 length | bytes
//! ```

use zeroize::Zeroizing;

use crate::kerberos::{EncryptionKey, EncryptionType, KerberosTime};
use crate::principal::Principal;
use crate::read::Reader;

const VERSION_2: [u8; 2] = [0x05, 0x02];

/// A key table.
#[derive(Clone, Debug, Default)]
pub struct Keytab {
    /// The keys, in the order of the file.
    pub entries: Vec<KeytabEntry>,
}

/// One key of one principal.
#[derive(Clone, Debug)]
pub struct KeytabEntry {
    /// Whose key it is.
    pub principal: Principal,
    /// When it was written.
    pub timestamp: KerberosTime,
    /// The key's version.
    pub key_version: u32,
    /// The key.
    pub key: EncryptionKey,
}

/// Why bytes are not a key table of version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeytab {
    /// The first two bytes are not `05 02`.
    #[error("not a keytab of version 2")]
    Version,
    /// The bytes end inside an entry, or an entry inside a field.
    #[error("the keytab ends early")]
    Truncated,
    /// A name is not text, or has more than sixteen components.
    #[error("a name in the keytab is malformed")]
    Name,
}

/// A name or key too long for its 16-bit length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name or key is too long for a keytab")]
pub struct TooLong;

impl Keytab {
    /// Reads a key table; holes, which deleted entries leave, are skipped.
    ///
    /// # Errors
    /// [`InvalidKeytab`] with what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Keytab, InvalidKeytab> {
        let mut reader = Reader::new(bytes);
        if reader.array() != Some(VERSION_2) {
            return Err(InvalidKeytab::Version);
        }
        let mut entries = Vec::new();
        while !reader.is_empty() {
            let size = reader
                .u32_be()
                .ok_or(InvalidKeytab::Truncated)?
                .cast_signed();
            if size == 0 {
                break; // The end, where a file is longer than what is in it.
            }
            let content = reader
                .take_u32(size.unsigned_abs())
                .ok_or(InvalidKeytab::Truncated)?;
            if size > 0 {
                entries.push(read_entry(content)?);
            }
        }
        Ok(Keytab { entries })
    }

    /// Writes the key table. The bytes hold keys, so they are wiped when dropped.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, TooLong> {
        let mut out = Zeroizing::new(VERSION_2.to_vec());
        for entry in &self.entries {
            let mut content = Zeroizing::new(Vec::new());
            push_entry(&mut content, entry)?;
            // At most 18 pieces of 65535 bytes each.
            out.extend((content.len() as u32).to_be_bytes());
            out.extend(content.iter());
        }
        Ok(out)
    }

    /// The newest key of a principal and type, or the one of this version.
    #[must_use]
    pub fn find(
        &self,
        principal: &Principal,
        keytype: EncryptionType,
        key_version: Option<u32>,
    ) -> Option<&KeytabEntry> {
        self.entries
            .iter()
            .filter(|entry| {
                entry.principal.realm == principal.realm
                    && entry.principal.name.is_same(&principal.name)
                    && entry.key.keytype == keytype
                    && key_version.is_none_or(|version| entry.key_version == version)
            })
            .max_by_key(|entry| entry.key_version)
    }
}

fn read_entry(content: &[u8]) -> Result<KeytabEntry, InvalidKeytab> {
    let mut reader = Reader::new(content);
    let count = reader.u16_be().ok_or(InvalidKeytab::Truncated)?;
    if usize::from(count) > Principal::MAX_COMPONENTS {
        return Err(InvalidKeytab::Name);
    }
    let mut read = || {
        let realm = reader.counted_u16_be()?;
        let components = (0..count)
            .map(|_| reader.counted_u16_be())
            .collect::<Option<Vec<_>>>()?;
        let name_type = reader.u32_be()?;
        let timestamp = KerberosTime::from_unix(i64::from(reader.u32_be()?));
        let short_version = u32::from(reader.u8()?);
        let keytype = EncryptionType(i32::from(reader.u16_be()?.cast_signed()));
        let key = EncryptionKey {
            keytype,
            keyvalue: reader.counted_u16_be()?.to_vec(),
        };
        // Older writers end here; newer ones fill holes that were longer.
        let key_version = match reader.u32_be() {
            None | Some(0) => short_version,
            Some(version) => version,
        };
        Some((name_type, realm, components, timestamp, key_version, key))
    };
    let (name_type, realm, components, timestamp, key_version, key) =
        read().ok_or(InvalidKeytab::Truncated)?;
    let principal =
        Principal::from_parts(name_type, realm, &components).ok_or(InvalidKeytab::Name)?;
    Ok(KeytabEntry {
        principal,
        timestamp,
        key_version,
        key,
    })
}

fn push_entry(out: &mut Vec<u8>, entry: &KeytabEntry) -> Result<(), TooLong> {
    let name = &entry.principal.name;
    let count = u16::try_from(name.components().len()).map_err(|_| TooLong)?;
    out.extend(count.to_be_bytes());
    push_data(out, entry.principal.realm.as_bytes())?;
    for component in name.components() {
        push_data(out, component.as_bytes())?;
    }
    out.extend(name.name_type.0.to_be_bytes());
    let timestamp = u32::try_from(entry.timestamp.unix()).unwrap_or(u32::MAX);
    out.extend(timestamp.to_be_bytes());
    out.push((entry.key_version & 0xff) as u8);
    out.extend((entry.key.keytype.0 as u16).to_be_bytes());
    push_data(out, &entry.key.keyvalue)?;
    out.extend(entry.key_version.to_be_bytes());
    Ok(())
}

fn push_data(out: &mut Vec<u8>, data: &[u8]) -> Result<(), TooLong> {
    let length = u16::try_from(data.len()).map_err(|_| TooLong)?;
    out.extend(length.to_be_bytes());
    out.extend(data);
    Ok(())
}

#[cfg(test)]
mod tests;
