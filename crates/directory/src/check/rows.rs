//! Each table's rows.

use super::{Kind, Looking, entries, feed};
use crate::audit::AuditRecord;
use crate::codec::{Corrupt, Reader};
use crate::domain::Domain;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::layout;
use crate::reached::Reached;
use crate::record::{Activity, Job, StoredRecord};
use crate::root_key::Belonging;
use crate::schema::Attribute;
use crate::storage::Row;
use trust::Timestamp;

/// What became of a row.
pub(super) enum Outcome {
    /// It says what rows of its table say.
    Fine,
    /// It does not agree with another; the sentence ends "… of table T".
    Lacks(&'static str),
    /// A secret in it does not open.
    Closed,
}

/// Looks at a row. What is wrong with it becomes a problem.
pub(super) fn look(looking: &mut Looking<'_>, row: &Row) -> Result<(), Fault> {
    let table = row.0.first().copied().unwrap_or(0);
    let outcome = match table {
        b'e' => return entries::entry(looking, row),
        b'l' | b'b' => return entries::link(looking, row),
        b'f' => return feed::commit(looking, row),
        // Looked at from the entries that they belong to.
        b'c' | b'u' | b'k' | b'x' => layout::open_row(&row.1)
            .map(|_| Outcome::Fine)
            .map_err(Fault::from),
        _ => other(looking, table, row),
    };
    match outcome {
        Ok(Outcome::Fine) => {}
        Ok(Outcome::Lacks(what)) => looking.problem(
            Kind::Disagreement,
            format!("{what} of table {}: {}", char::from(table), shown(&row.0)),
        ),
        Ok(Outcome::Closed) | Err(Fault::RootKey) => looking.problem(
            Kind::Secret,
            format!(
                "a secret of table {} does not open: {}",
                char::from(table),
                shown(&row.0)
            ),
        ),
        Err(Fault::Corrupt(_)) => unreadable(looking, row),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

pub(super) fn unreadable(looking: &mut Looking<'_>, (key, _): &Row) {
    let table = char::from(key.first().copied().unwrap_or(b'?'));
    let what = match layout::id_at_end(key) {
        Ok(id) if table == 'e' => format!("entry {id} does not decode"),
        _ => format!("a row of table {table} does not decode: {}", shown(key)),
    };
    looking.problem(Kind::Unreadable, what);
}

/// A key as it can be told: hexadecimal, the beginning of it.
pub(super) fn shown(key: &[u8]) -> String {
    let digits: String = key
        .iter()
        .take(40)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if key.len() > 40 {
        digits + "…"
    } else {
        digits
    }
}

fn other(looking: &mut Looking<'_>, table: u8, (key, value): &Row) -> Result<Outcome, Fault> {
    let (stamp, payload) = layout::open_row(value)?;
    let rest = key.get(1..).unwrap_or_default();
    let read = looking.read;
    Ok(match table {
        b'M' => return about(looking, rest, payload),
        b'N' => {
            crate::directory::NodeRow::read(value)?;
            Outcome::Fine
        }
        b'a' => {
            Activity::read(payload)?;
            of_an_entry(looking, key)?
        }
        b'h' => {
            let id = layout::id_at_end(key)?;
            let belonging = Belonging::Attribute(id, Attribute::PasswordHistory);
            open(looking, belonging, payload)?;
            of_an_entry(looking, key)?
        }
        b'd' => {
            let mut payload = payload;
            Entry::buried(layout::id_at_end(key)?, stamp, &mut payload)?;
            Outcome::Fine
        }
        b'r' => return record(looking, key, payload),
        b'q' => {
            let mut payload = payload;
            expires(looking, key, payload.time()?)?
        }
        b'i' => {
            let name = std::str::from_utf8(rest).map_err(|_| Corrupt)?;
            let job = Job::read(name, payload)?;
            match read.get(&layout::job_due(job.due, name))? {
                Some(_) => Outcome::Fine,
                None => Outcome::Lacks("a job is not in the list by time, a row"),
            }
        }
        b'j' => {
            let name = rest.get(8..).ok_or(Corrupt)?;
            let name = std::str::from_utf8(name).map_err(|_| Corrupt)?;
            match read.get(&layout::job(name))? {
                Some(_) => Outcome::Fine,
                None => Outcome::Lacks("there is no job for a row"),
            }
        }
        b't' => {
            let mut payload = payload;
            let record: Result<AuditRecord, _> = serde_json::from_slice(payload.remainder());
            record.map_err(|_| Corrupt)?;
            looking.checked.audit_records += 1;
            Outcome::Fine
        }
        // What it is about may be gone, or have another time by now: who removes what has expired looks.
        b'z' => layout::expiring(key).map(|_| Outcome::Fine)?,
        _ => Outcome::Lacks("there is no such table: a row"),
    })
}

/// A row about the store.
fn about(
    looking: &mut Looking<'_>,
    name: &[u8],
    mut payload: Reader<'_>,
) -> Result<Outcome, Fault> {
    match name {
        b"domain" => {
            Domain::read(payload)?;
        }
        b"format" | b"rid" => {
            payload.u32()?;
        }
        b"lineage" => {
            Reached::read(payload)?;
        }
        // Under a name too, where the store is several nodes'.
        _ if name.starts_with(b"node") => {
            let number = payload.u32()?;
            if !looking.nodes.contains_key(&number) {
                return Ok(Outcome::Lacks("its node is not among the nodes: a row"));
            }
        }
        // The check of the root key opened, or nobody would be here; what a newer version adds is its own.
        _ => {}
    }
    Ok(Outcome::Fine)
}

fn of_an_entry(looking: &Looking<'_>, key: &[u8]) -> Result<Outcome, Fault> {
    let id = layout::id_at_end(key)?;
    Ok(match looking.read.get(&layout::entry(id))? {
        Some(_) => Outcome::Fine,
        None => Outcome::Lacks("there is no entry for a row"),
    })
}

/// A party's record: `table 00 00 key`.
fn record(looking: &mut Looking<'_>, key: &[u8], payload: Reader<'_>) -> Result<Outcome, Fault> {
    let stored = StoredRecord::read(payload)?;
    let (table, name) = layout::record_name(key)?;
    if stored.wrapped {
        let belonging = Belonging::Record(&table, name);
        if looking.root_key.unwrap(belonging, stored.value).is_err() {
            return Ok(Outcome::Closed);
        }
        looking.checked.secrets += 1;
    }
    expires(looking, key, stored.expires)
}

fn expires(looking: &Looking<'_>, key: &[u8], when: Timestamp) -> Result<Outcome, Fault> {
    if when == Timestamp::NEVER || looking.read.get(&layout::expiry(when, key))?.is_some() {
        return Ok(Outcome::Fine);
    }
    Ok(Outcome::Lacks("nothing says when to remove a row"))
}

fn open(
    looking: &mut Looking<'_>,
    belonging: Belonging<'_>,
    mut payload: Reader<'_>,
) -> Result<(), Fault> {
    looking.root_key.unwrap(belonging, payload.remainder())?;
    looking.checked.secrets += 1;
    Ok(())
}

/// Opens every secret of an entry; whether all did.
pub(super) fn secrets_open(looking: &mut Looking<'_>, entry: &Entry) -> bool {
    let id: EntryId = entry.id;
    let mut all = true;
    for (attribute, values) in entry.attributes.iter() {
        for value in values {
            if let crate::Value::Secret(wrapped) = value {
                let belonging = Belonging::Attribute(id, attribute);
                match looking.root_key.unwrap(belonging, wrapped.expose()) {
                    Ok(_) => looking.checked.secrets += 1,
                    Err(_) => all = false,
                }
            }
        }
    }
    all
}
