//! Deleting an entry, and what hangs on it where that is asked for.

use wire::ldap::ResultCode;

use super::{Planned, Told, Work, told};
use crate::change::{self, Change};
use crate::entry::Entry;
use crate::ldap::permissions::Write;

/// Entries that are deleted at once with the one above them.
const TREE: usize = 2_000;

impl Work<'_, '_, '_> {
    /// The changes of a request; `tree`: with everything below.
    pub(in crate::ldap) fn delete(&self, name: &str, tree: bool) -> Result<Planned, Told> {
        let entry = self.entry(name)?;
        self.allow(Write::Being, &entry, "entry.delete")?;
        let mut doomed = Vec::new();
        if tree {
            self.below(&entry, &mut doomed)?;
        }
        let record = self
            .audit("entry.delete", &entry)?
            .with("below", doomed.len());
        doomed.push(entry.clone());
        let mut changes = Vec::new();
        for entry in &doomed {
            self.allow(Write::Being, entry, "entry.delete")?;
            changes.push(Change::Delete { id: entry.id });
        }
        changes.push(change::audit(record));
        Ok(Planned {
            changes,
            target: entry.id,
        })
    }

    /// Everything below an entry, what is deepest first.
    fn below(&self, entry: &Entry, doomed: &mut Vec<Entry>) -> Result<(), Told> {
        let mut waiting = vec![entry.clone()];
        let mut found = Vec::new();
        while let Some(above) = waiting.pop() {
            let left = TREE - found.len().min(TREE);
            let children = self.snapshot.children(above.id, None, left + 1)?;
            if children.len() > left {
                return Err(told(
                    ResultCode::AdminLimitExceeded,
                    format!(
                        "more than {TREE} entries hang on it; delete some of those below first"
                    ),
                ));
            }
            for child in children {
                if child.class.row().parent {
                    waiting.push(child.clone());
                }
                found.push(child);
            }
        }
        // Each was found after the one that it hangs on.
        found.reverse();
        doomed.extend(found);
        Ok(())
    }
}
