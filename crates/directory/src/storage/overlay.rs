//! Rows that are written and not yet stored, over a state that has not got them.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound;

use super::{KEY_LIMIT, Order, Row, StorageError};

/// Writes that wait: what a transaction that keeps its own until the end reads first.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// `None` is an absence.
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Overlay {
    /// Writes a row, or without a value its absence, if all that was written has at most `limit` bytes, keys and values
    /// together.
    ///
    /// # Errors
    /// [`StorageError::KeyLength`], [`StorageError::TooLarge`].
    pub fn record(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        limit: usize,
    ) -> Result<(), StorageError> {
        if key.is_empty() || key.len() > KEY_LIMIT {
            return Err(StorageError::KeyLength(key.len()));
        }
        self.bytes += key.len() + value.map_or(0, <[u8]>::len);
        if self.bytes > limit {
            return Err(StorageError::TooLarge);
        }
        self.rows.insert(key.to_vec(), value.map(<[u8]>::to_vec));
        Ok(())
    }

    /// What was written for a key; `None` when nothing was.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.rows.get(key)
    }

    /// How much was written, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn range(&self, start: &[u8], end: &[u8]) -> Range<'_, Vec<u8>, Option<Vec<u8>>> {
        let bounds = (Bound::Included(start), Bound::Excluded(end.max(start)));
        self.rows.range::<[u8], _>(bounds)
    }

    /// How many rows of a range were written.
    #[must_use]
    pub fn count(&self, start: &[u8], end: &[u8]) -> usize {
        self.range(start, end).count()
    }

    /// What was written of a range, by itself.
    #[must_use]
    pub fn within(&self, start: &[u8], end: &[u8]) -> Self {
        let rows = self.range(start, end);
        Self {
            rows: rows
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            bytes: 0,
        }
    }

    /// At most `limit` rows of a range, over what `under` gives of the state below when it is asked for so many.
    ///
    /// # Errors
    /// Those of `under`.
    pub fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
        under: impl FnOnce(usize) -> Result<Vec<Row>, StorageError>,
    ) -> Result<Vec<Row>, StorageError> {
        let over = self.count(start, end);
        // Each row that is written hides at most one below.
        let mut rows = under(limit.saturating_add(over))?;
        if over == 0 {
            return Ok(rows);
        }
        rows.retain(|(key, _)| !self.rows.contains_key(key));
        let own = self.range(start, end);
        rows.extend(own.filter_map(|(key, value)| Some((key.clone(), value.clone()?))));
        rows.sort();
        if order == Order::Descending {
            rows.reverse();
        }
        rows.truncate(limit);
        Ok(rows)
    }

    /// Takes in what was written later.
    pub fn extend(&mut self, later: Self) {
        self.rows.extend(later.rows);
        self.bytes += later.bytes;
    }
}

impl IntoIterator for Overlay {
    type Item = (Vec<u8>, Option<Vec<u8>>);
    type IntoIter = std::collections::btree_map::IntoIter<Vec<u8>, Option<Vec<u8>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}
