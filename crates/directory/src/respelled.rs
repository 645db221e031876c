//! Mappings of certificates (altSecurityIdentities, protocols E.5.2) in the one spelling by which they are found.
//!
//! They are written in it, whatever a client says. An older version kept what LDAP clients said as it came, and whoever looks
//! for a mapping in its one spelling does not find that: neither a sign-in by a certificate without a name, nor the check that
//! nobody else has the mapping. So they are written anew, once.

use trust::Timestamp;
use wire::x509::mapping::CertificateMapping;

use crate::audit::{Actor, AuditRecord};
use crate::change::{self, Change, Edit};
use crate::directory::Directory;
use crate::entry::Entry;
use crate::error::CommitError;
use crate::id::EntryId;
use crate::record::Table;
use crate::schema::Attribute;
use crate::value::{Value, folded};

/// Where it is noted that all were written anew.
const NOTED: Table = Table::new("directory.respelled");
/// What that is noted under.
const MAPPINGS: &[u8] = b"altSecurityIdentities";

/// Rows of the index that are looked at for one commit.
const STEP: usize = 500;

/// How often one step is tried again because the directory has changed meanwhile.
const TRIES: usize = 16;

/// Writes the mappings of accounts in their one spelling, each account's in a commit with its line in the audit log, and
/// returns those lines. It looks once; from then on it is known that there is nothing to do.
///
/// # Errors
/// [`CommitError::Conflict`] when others changed the directory each time, [`CommitError::Fault`] when it fails. What was
/// written until then stays, and the next call goes on.
pub fn mappings(directory: &Directory, now: Timestamp) -> Result<Vec<AuditRecord>, CommitError> {
    if directory
        .snapshot()?
        .record(NOTED, MAPPINGS, now)?
        .is_some()
    {
        return Ok(Vec::new());
    }
    let mut records = Vec::new();
    let mut after = None;
    loop {
        let (step, next) = step(directory, after.as_deref(), now)?;
        records.extend(step);
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let noted = change::put(NOTED, MAPPINGS, Vec::new(), Timestamp::NEVER);
    directory.commit(&[noted], &crate::reads::Reads::none(), now)?;
    Ok(records)
}

/// What a step wrote, and the row to go on behind.
type Step = (Vec<AuditRecord>, Option<Vec<u8>>);

fn step(directory: &Directory, after: Option<&[u8]>, now: Timestamp) -> Result<Step, CommitError> {
    for _ in 0..TRIES {
        let snapshot = directory.snapshot()?;
        let (ids, next) = snapshot.listed_after(Attribute::AltSecurityIdentities, after, STEP)?;
        let mut changes = Vec::new();
        let mut records = Vec::new();
        for id in ids {
            let Some(entry) = snapshot.peek(id)? else {
                continue;
            };
            if let Some(values) = respelled(&entry) {
                // Read again, so that the commit sees to it that nobody else has written meanwhile.
                snapshot.entry(id)?;
                records.push(written(&entry, now));
                changes.push(anew(id, values));
            }
        }
        if changes.is_empty() {
            return Ok((records, next));
        }
        changes.extend(records.iter().cloned().map(change::audit));
        match directory.commit(&changes, &snapshot.into_reads(), now) {
            Ok(_) => return Ok((records, next)),
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(CommitError::Conflict)
}

/// The values in their one spelling, each once; `None` where they are so already. Devices have values of another kind.
fn respelled(entry: &Entry) -> Option<Vec<String>> {
    if !entry.class.is_account() {
        return None;
    }
    let mut values: Vec<String> = Vec::new();
    let mut changed = false;
    for text in entry.texts(Attribute::AltSecurityIdentities) {
        let value = match text.parse::<CertificateMapping>() {
            Ok(mapping) => mapping.to_string(),
            Err(_) => text.to_owned(),
        };
        changed |= value != text;
        if !values.iter().any(|own| folded(own) == folded(&value)) {
            values.push(value);
        }
    }
    changed.then_some(values)
}

fn anew(id: EntryId, values: Vec<String>) -> Change {
    let values = values.into_iter().map(Value::Text).collect();
    change::modify(
        id,
        vec![Edit::Set(Attribute::AltSecurityIdentities, values)],
    )
}

fn written(entry: &Entry, now: Timestamp) -> AuditRecord {
    let name = entry.text(Attribute::SamAccountName).unwrap_or(&entry.name);
    AuditRecord::done(now, Actor::system(), "mapping.respell").on(entry.id, name)
}
