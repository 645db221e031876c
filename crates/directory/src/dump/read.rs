//! Reading a dump.

use std::io;

use crypto::digest::Sha256;

use super::{DumpError, FORMAT, HEADER_LIMIT, Header, MAGIC};
use crate::root_key::RootKey;
use crate::storage::{KEY_LIMIT, Row, TRANSACTION_BYTES};

/// How much is taken from a stream before it is believed that there is more: a length in a damaged dump is no reason to
/// ask for memory.
const PIECE: usize = 65_536;

/// A dump that is read, row by row. It is whole, and what it says can be believed, when [`Dump::next_row`] has returned
/// `None`.
pub struct Dump<'k, R> {
    input: Input<R>,
    root_key: &'k RootKey,
    header: Header,
    last: Vec<u8>,
    ended: bool,
}

impl<'k, R: io::Read> Dump<'k, R> {
    /// Reads the beginning of a dump.
    ///
    /// # Errors
    /// [`DumpError::NotADump`], [`DumpError::Newer`], [`DumpError::OtherRootKey`], or what is wrong with the header.
    pub fn open(input: R, root_key: &'k RootKey) -> Result<Self, DumpError> {
        let mut input = Input {
            input,
            digest: Sha256::new(),
            rows: 0,
        };
        match input.array::<16>() {
            Ok(magic) if magic == *MAGIC => {}
            Err(DumpError::Io(error)) => return Err(DumpError::Io(error)),
            _ => return Err(DumpError::NotADump),
        }
        let header = read_header(&mut input)?;
        let ours = root_key.check_value();
        if header.root_key != ours {
            return Err(DumpError::OtherRootKey {
                theirs: header.root_key,
                ours,
            });
        }
        Ok(Self {
            input,
            root_key,
            header,
            last: Vec::new(),
            ended: false,
        })
    }

    /// What the dump says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next row; `None` when all were read, and the whole dump is what somebody with the root key wrote.
    ///
    /// # Errors
    /// [`DumpError`] with what is wrong. Nothing of the dump can be believed then, former rows included.
    pub fn next_row(&mut self) -> Result<Option<Row>, DumpError> {
        if self.ended {
            return Ok(None);
        }
        let key_length = usize::from(u16::from_be_bytes(self.input.array()?));
        if key_length == 0 {
            self.end()?;
            self.ended = true;
            return Ok(None);
        }
        let value_length = u32::from_be_bytes(self.input.array()?);
        let value_length = usize::try_from(value_length).unwrap_or(usize::MAX);
        if key_length > KEY_LIMIT || value_length > TRANSACTION_BYTES {
            return Err(DumpError::Damaged("a row is longer than rows are"));
        }
        let key = self.input.bytes(key_length)?;
        if self.input.rows > 0 && key <= self.last {
            return Err(DumpError::Damaged("its rows are out of order"));
        }
        let value = self.input.bytes(value_length)?;
        self.last.clone_from(&key);
        self.input.rows += 1;
        Ok(Some((key, value)))
    }

    fn end(&mut self) -> Result<(), DumpError> {
        let rows = u64::from_be_bytes(self.input.array()?);
        if rows != self.input.rows {
            return Err(DumpError::Damaged("it has other rows than it says"));
        }
        let digest = self.input.digest.clone().finish();
        if self.input.array::<32>()? != digest {
            return Err(DumpError::Damaged("its digest is another"));
        }
        let seal = self.input.array::<32>()?;
        if !self.root_key.sealed(&digest, &seal) {
            return Err(DumpError::Forged);
        }
        let mut more = [0];
        match self.input.input.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(DumpError::Damaged("something follows its end")),
            Err(error) => Err(DumpError::Io(error)),
        }
    }
}

/// A newer form may have another header; that much of it stays.
#[derive(serde::Deserialize)]
struct Version {
    format: u32,
}

fn read_header(input: &mut Input<impl io::Read>) -> Result<Header, DumpError> {
    const UNREADABLE: DumpError = DumpError::Damaged("its header does not decode");
    let length = usize::try_from(u32::from_be_bytes(input.array()?)).unwrap_or(usize::MAX);
    if length > HEADER_LIMIT {
        return Err(DumpError::Damaged("its header is too long"));
    }
    let text = input.bytes(length)?;
    let version: Version = serde_json::from_slice(&text).map_err(|_| UNREADABLE)?;
    if version.format > FORMAT {
        return Err(DumpError::Newer(version.format));
    }
    serde_json::from_slice(&text).map_err(|_| UNREADABLE)
}

/// A stream, the digest of what came from it, and how many rows that were.
struct Input<R> {
    input: R,
    digest: Sha256,
    rows: u64,
}

impl<R: io::Read> Input<R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DumpError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, DumpError> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let before = bytes.len();
            bytes.resize(length.min(before + PIECE), 0);
            self.fill(bytes.get_mut(before..).unwrap_or_default())?;
        }
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), DumpError> {
        self.input
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => DumpError::Incomplete(self.rows),
                _ => DumpError::Io(error),
            })?;
        self.digest.update(bytes);
        Ok(())
    }
}

impl<R> std::fmt::Debug for Dump<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dump")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
