//! What a restore tells.

use std::io::Write as _;
use std::path::Path;

use directory::restore::Loaded;
use directory::withdrawn::{Done, What};
use serde_json::json;

use super::{Brought, Known};
use crate::check::{self, Looked};

/// What is told at the end.
pub(super) struct Report<'a> {
    pub(super) file: &'a Path,
    pub(super) loaded: &'a Loaded,
    pub(super) told: &'a Told,
    pub(super) brought: &'a Brought,
    pub(super) looked: &'a Looked,
    pub(super) kept: Option<&'a Path>,
}

/// What was known of what was revoked.
pub(super) struct Told {
    source: &'static str,
    complete: bool,
    to_decide: Vec<String>,
}

impl Told {
    pub(super) fn of(known: &Known) -> Self {
        let decisions = known.audit.decisions.iter();
        let to_decide = match known.store {
            Some(_) => Vec::new(),
            None => decisions
                .map(|(times, what)| format!("{times} × {what}"))
                .collect(),
        };
        Self {
            source: source(known),
            complete: known.is_complete(),
            to_decide,
        }
    }
}

/// Where it is known from what was revoked.
pub(super) fn source(known: &Known) -> &'static str {
    match &known.store {
        Some(_) => "the store that was replaced",
        None if known.audit.is_complete() => "the audit log",
        None => "nowhere, or not all of it",
    }
}

impl Report<'_> {
    pub(super) fn show(&self, json: bool) {
        if json {
            let _ = writeln!(std::io::stdout(), "{}", self.json());
        } else {
            let _ = self.text(&mut std::io::stdout().lock());
        }
    }

    fn json(&self) -> serde_json::Value {
        let done = |done: &Done| {
            json!({
                "what": done.what.to_string(),
                "id": done.entry.to_string(),
                "name": done.name,
                "key": done.key,
            })
        };
        let certificates = |all: &[(String, String)]| {
            let one = |(authority, serial): &(String, String)| json!({ "authority": authority, "serial": serial });
            all.iter().map(one).collect::<Vec<_>>()
        };
        let ended = self.brought.ended.iter();
        json!({
            "backup": self.file,
            "domain": self.loaded.header.domain,
            "time": self.loaded.header.time,
            "rows": self.loaded.rows,
            "records_left_out": self.loaded.left_out,
            "node": self.loaded.node.id.to_string(),
            "replaced_store": self.kept,
            "revoked_known_from": self.told.source,
            "revoked_known": self.told.complete,
            "withdrawn": self.brought.done.iter().map(done).collect::<Vec<_>>(),
            "certificates_revoked": certificates(&self.brought.certificates.again),
            "certificates_without_holder": certificates(&self.brought.certificates.orphaned),
            "secrets_taken_over": self.brought.taken.entries,
            "memberships_of_the_backup": ended
                .map(|(group, member)| json!({ "group": group, "member": member }))
                .collect::<Vec<_>>(),
            "powers_of_the_backup": self.brought.regained.iter()
                .map(|(entry, attribute)| json!({ "entry": entry, "attribute": attribute }))
                .collect::<Vec<_>>(),
            "to_decide": self.told.to_decide,
            "store": check::numbers(self.looked),
        })
    }

    fn text(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        let (loaded, brought) = (self.loaded, self.brought);
        writeln!(
            out,
            "{} of {} is restored: {} rows. Sessions and tokens of the federation are not, so people sign in again; who \
             follows changes begins again (node {}).",
            loaded.header.domain, loaded.header.time, loaded.rows, loaded.node.id
        )?;
        if let Some(kept) = self.kept {
            writeln!(
                out,
                "The store that was there is kept as {}.",
                kept.display()
            )?;
        }
        writeln!(
            out,
            "\nWhat was revoked since is known from {}.",
            self.told.source
        )?;
        if !self.told.complete {
            writeln!(
                out,
                "Keys that were removed, accounts that were disabled and certificates that were revoked since may be good \
                 again: look through them."
            )?;
        }
        for done in &brought.done {
            let key = done.key.as_deref().unwrap_or_default();
            let what = match done.what {
                What::Remains => {
                    "a secret of the backup, replaced since: replace it again".to_owned()
                }
                what => what.to_string(),
            };
            writeln!(
                out,
                "{}",
                format!("  {}: {what} {key}", done.name).trim_end()
            )?;
        }
        for (authority, serial) in &brought.certificates.again {
            writeln!(out, "  certificate {serial} of {authority}: revoked")?;
        }
        for (authority, serial) in &brought.certificates.orphaned {
            writeln!(
                out,
                "  certificate {serial} of {authority}: revoked, its holder is not in the backup"
            )?;
        }
        if brought.taken.entries > 0 {
            writeln!(
                out,
                "  {} entries have the passwords, keys and second factors of today",
                brought.taken.entries
            )?;
        }
        if !brought.ended.is_empty() {
            writeln!(
                out,
                "\nThese memberships had ended since and are there again; end those that shall not be:"
            )?;
            for (group, member) in brought.ended.iter().take(100) {
                writeln!(out, "  {member} in {group}")?;
            }
            if brought.ended.len() > 100 {
                writeln!(
                    out,
                    "  … and {} more (--json tells all)",
                    brought.ended.len() - 100
                )?;
            }
        }
        if !brought.regained.is_empty() {
            writeln!(
                out,
                "\nValues of these had been taken out since and are there again; take out those that shall not be:"
            )?;
            for (entry, attribute) in brought.regained.iter().take(100) {
                writeln!(out, "  {attribute} of {entry}")?;
            }
            if brought.regained.len() > 100 {
                let more = brought.regained.len() - 100;
                writeln!(out, "  … and {more} more (--json tells all)")?;
            }
        }
        for decision in &self.told.to_decide {
            writeln!(out, "  {decision}")?;
        }
        writeln!(out)?;
        check::show_problems(out, &self.looked.store);
        Ok(())
    }
}
