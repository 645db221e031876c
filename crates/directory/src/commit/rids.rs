//! Relative identifiers. A node takes them from the domain in blocks, so that nodes do not contend.

use wire::Sid;

use crate::error::{CommitError, Fault};
use crate::layout;

use super::Work;

/// The first RID that is not fixed by the specifications ([MS-ADTS] 3.1.1.1.9).
pub(crate) const FIRST: u32 = 1_100;
/// How many RIDs a node takes at once.
const BLOCK: u32 = 500;
/// RIDs have 30 bits ([MS-SAMR] 3.1.1.9.2.1).
const LAST: u32 = 0x3fff_ffff;

impl Work<'_> {
    pub(super) fn sid_of(&self, rid: u32) -> Result<Sid, CommitError> {
        let sid = self.domain()?.sid.with_rid(rid);
        sid.ok_or(CommitError::Fault(Fault::Corrupt("domain SID")))
    }

    pub(super) fn next_sid(&mut self) -> Result<Sid, CommitError> {
        let (next, end) = self.node.rids;
        if next >= end {
            self.node.rids = self.next_block()?;
        }
        let rid = self.node.rids.0;
        self.node.rids.0 += 1;
        self.sid_of(rid)
    }

    fn next_block(&mut self) -> Result<(u32, u32), CommitError> {
        let key = layout::meta("rid");
        let first = match self.transaction.get(&key)? {
            Some(value) => layout::open_row(&value)?.1.u32()?,
            None => FIRST,
        };
        let end = first.saturating_add(BLOCK);
        if end > LAST {
            return Err(Fault::NoRids.into());
        }
        let row = layout::row(self.stamp, &end.to_be_bytes());
        self.transaction.put(&key, &row)?;
        Ok((first, end))
    }
}
