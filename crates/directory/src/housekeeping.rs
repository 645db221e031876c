//! Removing what is not needed any more.

use trust::{Span, Timestamp};

use crate::codec::Reader;
use crate::commit::{TOMBSTONE_DAYS, expires};
use crate::directory::{Directory, NodeRow, floor};
use crate::error::Fault;
use crate::feed::Commit;
use crate::id::Stamp;
use crate::layout;
use crate::storage::{Order, StorageError, Transaction, after_prefix};

/// How long things are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// The change feed; also the life of tombstones, 180 days by default.
    pub feed: Span,
    /// The audit log; `None` keeps it for ever.
    pub audit: Option<Span>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            feed: Span::days(TOMBSTONE_DAYS),
            audit: None,
        }
    }
}

/// What was removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Expired records, claims and tombstones.
    pub expired: usize,
    /// Commits of the feed.
    pub commits: usize,
    /// Audit records.
    pub audit: usize,
}

impl Swept {
    /// Whether some kind of thing may be left that could go.
    #[must_use]
    pub const fn more(&self, limit: usize) -> bool {
        self.expired >= limit || self.commits >= limit || self.audit >= limit
    }
}

impl Directory {
    /// Removes at most `limit` each of expired records, claims and tombstones, of old commits in the feed,
    /// and of old audit records. To be called now and then, again at once while [`Swept::more`] says so.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn sweep(
        &self,
        retention: &Retention,
        limit: usize,
        now: Timestamp,
    ) -> Result<Swept, Fault> {
        let mut outcome: Result<Swept, Fault> = Ok(Swept::default());
        let result = self.storage().transact(&mut |transaction| {
            outcome = (|| {
                Ok(Swept {
                    expired: sweep_expired(transaction, limit, now)?,
                    commits: sweep_feed(transaction, limit, now - retention.feed)?,
                    audit: match retention.audit {
                        Some(span) => sweep_audit(transaction, limit, now - span)?,
                        None => 0,
                    },
                })
            })();
            match &outcome {
                Ok(_) => Ok(()),
                Err(Fault::Storage(error)) => Err(error.clone()),
                Err(_) => Err(StorageError::Abandoned),
            }
        });
        match result {
            Ok(()) | Err(StorageError::Abandoned) => outcome,
            Err(error) => Err(error.into()),
        }
    }
}

fn sweep_expired(
    transaction: &mut dyn Transaction,
    limit: usize,
    now: Timestamp,
) -> Result<usize, Fault> {
    let end = layout::expiries_until(now);
    let rows = transaction.scan(b"z", &end, limit, Order::Ascending)?;
    for (key, _) in &rows {
        let about = layout::expiring(key)?;
        // A record may have been written anew since; its new expiry has a row of its own.
        if let Some(value) = transaction.get(about)? {
            let (_, payload) = layout::open_row(&value)?;
            if expires(about, payload)? <= now {
                transaction.delete(about)?;
            }
        }
        transaction.delete(key)?;
    }
    Ok(rows.len())
}

fn sweep_feed(
    transaction: &mut dyn Transaction,
    limit: usize,
    until: Timestamp,
) -> Result<usize, Fault> {
    let nodes = transaction.scan(
        layout::NODES,
        &after_prefix(layout::NODES),
        usize::MAX,
        Order::Ascending,
    )?;
    let mut swept = 0;
    for (key, value) in nodes {
        let node = Reader::new(key.get(1..).unwrap_or_default()).u32()?;
        NodeRow::read(&value)?;
        let rows = transaction.scan(
            &layout::feed(node, 1),
            &layout::feed(node, u64::MAX),
            limit.saturating_sub(swept),
            Order::Ascending,
        )?;
        let before = floor(&*transaction, node)?;
        let mut now_floor = before;
        for (key, value) in &rows {
            let (stamp, payload) = layout::open_row(value)?;
            if Commit::read(stamp, payload)?.time >= until {
                break;
            }
            transaction.delete(key)?;
            now_floor = stamp.number;
            swept += 1;
        }
        if now_floor > before {
            let row = layout::row(Stamp::ZERO, &now_floor.to_be_bytes());
            transaction.put(&layout::feed(node, 0), &row)?;
        }
    }
    Ok(swept)
}

fn sweep_audit(
    transaction: &mut dyn Transaction,
    limit: usize,
    until: Timestamp,
) -> Result<usize, Fault> {
    let end = layout::audit_from(until);
    let rows = transaction.scan(b"t", &end, limit, Order::Ascending)?;
    for (key, _) in &rows {
        transaction.delete(key)?;
    }
    Ok(rows.len())
}
