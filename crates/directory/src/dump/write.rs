//! Writing a dump.

use std::io;

use crypto::digest::Sha256;
use trust::Timestamp;

use super::{DumpError, FORMAT, HEADER_LIMIT, Header, MAGIC};
use crate::directory::{NodeRow, recognise};
use crate::domain::Domain;
use crate::error::Fault;
use crate::layout;
use crate::root_key::RootKey;
use crate::storage::{KEY_LIMIT, Order, Read, after_prefix};

/// How many rows are read at once.
const STEP: usize = 500;

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// What the dump says of itself.
    pub header: Header,
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Writes every row of `read`, which is one state of a store, to `out`. `product` is the version of the program;
/// `progress` is told now and then how many rows were written.
///
/// # Errors
/// [`DumpError::Fault`] when the store cannot be read, holds no domain or is another root key's; [`DumpError::Io`] when
/// `out` takes no more. What was written by then is known as incomplete.
pub fn write(
    read: &dyn Read,
    root_key: &RootKey,
    product: &str,
    now: Timestamp,
    out: &mut dyn io::Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Written, DumpError> {
    let header = header(read, root_key, product, now)?;
    let mut out = Digesting {
        out,
        digest: Sha256::new(),
        bytes: 0,
    };
    out.put(MAGIC)?;
    let text = serde_json::to_vec(&header).map_err(|_| Fault::Corrupt("domain"))?;
    let length = u32::try_from(text.len())
        .ok()
        .filter(|_| text.len() <= HEADER_LIMIT)
        .ok_or(Fault::Corrupt("list of nodes"))?;
    out.put(&length.to_be_bytes())?;
    out.put(&text)?;
    let rows = self::rows(read, &mut out, progress)?;
    out.put(&0_u16.to_be_bytes())?;
    out.put(&rows.to_be_bytes())?;
    let digest = out.digest.clone().finish();
    out.put(&digest)?;
    out.put(&root_key.seal(&digest))?;
    out.out.flush().map_err(DumpError::Io)?;
    Ok(Written {
        header,
        rows,
        bytes: out.bytes,
    })
}

fn header(
    read: &dyn Read,
    root_key: &RootKey,
    product: &str,
    now: Timestamp,
) -> Result<Header, DumpError> {
    if !recognise(read, root_key)? {
        return Err(Fault::NoDomain.into());
    }
    let domain = read.get(&layout::meta("domain"))?.ok_or(Fault::NoDomain)?;
    let domain = Domain::read(layout::open_row(&domain).map_err(Fault::from)?.1)
        .map_err(|_| Fault::Corrupt("domain"))?;
    let end = after_prefix(layout::NODES);
    let nodes = read.scan(layout::NODES, &end, usize::MAX, Order::Ascending)?;
    let nodes = nodes.iter().map(|(_, value)| Ok(NodeRow::read(value)?.id));
    Ok(Header {
        format: FORMAT,
        product: product.to_owned(),
        time: now.to_rfc3339(),
        domain: domain.dns_name,
        domain_sid: domain.sid,
        nodes: nodes.collect::<Result<_, Fault>>()?,
        root_key: root_key.check_value(),
    })
}

fn rows(
    read: &dyn Read,
    out: &mut Digesting<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DumpError> {
    let end = [0xff; KEY_LIMIT];
    let mut from = Vec::new();
    let mut rows = 0;
    loop {
        let page = read.scan(&from, &end, STEP, Order::Ascending)?;
        for (key, value) in &page {
            let lengths = u16::try_from(key.len())
                .ok()
                .zip(u32::try_from(value.len()).ok());
            let (key_length, value_length) = lengths.ok_or(Fault::Corrupt("row"))?;
            out.put(&key_length.to_be_bytes())?;
            out.put(&value_length.to_be_bytes())?;
            out.put(key)?;
            out.put(value)?;
            rows += 1;
        }
        progress(rows);
        match page.last() {
            Some((last, _)) if page.len() == STEP => {
                from.clone_from(last);
                from.push(0);
            }
            _ => return Ok(rows),
        }
    }
}

/// A stream, the digest of what went into it, and how much that was.
struct Digesting<'a> {
    out: &'a mut dyn io::Write,
    digest: Sha256,
    bytes: u64,
}

impl Digesting<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), DumpError> {
        self.out.write_all(bytes).map_err(DumpError::Io)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
