//! `keyporchd restore`: a backup in the place of a store, all of it or nothing, without what was revoked since.

mod report;
mod target;

use std::sync::Arc;

use directory::restore::{self, How, Loaded, RestoreError, TakenOver};
use directory::storage::Storage;
use directory::withdrawn::{Done, Means, Withdrawals};
use directory::{
    Actor, AuditRecord, Directory, EntryId, Fault, Options, Reached, Reads, RootKey, change,
};
use trust::{Clock as _, SystemClock, SystemRng, Timestamp};

use crate::arguments::Restore;
use crate::backup::failed;
use crate::check::{self, Whole};
use crate::config::Config;
use crate::opened;
use crate::progress::Progress;
use crate::report::{FAILED, Failure, REFUSED};
use crate::root_key;
use crate::withdrawn::{self, FromAudit};

use report::{Report, Told};
use target::Target;

/// What is known of what was revoked after the backup.
struct Known {
    /// The store that is replaced, which knows all of it.
    store: Option<Arc<dyn Storage>>,
    /// The audit log. Beside the store it is asked as well: the store may itself come from a backup.
    audit: FromAudit,
}

impl Known {
    fn is_complete(&self) -> bool {
        self.store.is_some() || self.audit.is_complete()
    }
}

/// What became of rights and secrets.
#[derive(Default)]
struct Brought {
    done: Vec<Done>,
    taken: TakenOver,
    ended: Vec<(String, String)>,
    regained: Vec<(String, &'static str)>,
    certificates: serve::Revoked,
}

/// Restores a backup into the store that the configuration names.
pub(crate) fn restore(arguments: &Restore) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    let key = root_key::read(&config.store.root_key)?;
    let whole = check::read_through(&arguments.file, &key)?;
    let header = &whole.header;
    if !header.domain.eq_ignore_ascii_case(config.name()) {
        return Err(Failure::said(
            format!(
                "the backup holds the domain {}, and the configuration is for {}",
                header.domain,
                config.name()
            ),
            "Give the backup of that domain, or the configuration of this one with --config.",
            REFUSED,
        ));
    }
    let written = header.written().ok_or_else(|| {
        let error = directory::dump::DumpError::Damaged("its time is none");
        failed(&error, &arguments.file)
    })?;
    let place = config.place()?;
    let target = Target::take(&place, arguments.replace)?;
    let known = known(arguments, &config, &target, &key, &whole, written)?;

    let storage = target.storage()?;
    let options = place.options();
    let loaded = load(arguments, storage.as_ref(), &key, &known, &options)?;
    // It was read twice, and what was revoked since was looked up by what the first reading said.
    if loaded.header != *header {
        return Err(Failure::said(
            format!(
                "{} became another backup while it was restored",
                arguments.file.display()
            ),
            "See who writes there, and restore again. The store is as it was before.",
            FAILED,
        ));
    }
    let directory = {
        let (own, rng) = (RootKey::new(*key.expose()), Box::new(SystemRng));
        restore::open(Arc::clone(&storage), own, options, rng).map_err(|fault| trouble(&fault))?
    };
    let directory = Arc::new(directory);
    let brought = bring(
        &directory,
        storage.as_ref(),
        config,
        &known,
        arguments,
        &loaded,
    )?;
    drop(directory);
    let looked = check::look(storage.as_ref(), |read, progress| {
        restore::check(read, &key, progress)
    });
    let looked = looked.map_err(|fault| trouble(&fault))?;
    restore::finish(storage.as_ref()).map_err(|error| opened::of_storage(&error))?;
    // Nobody may have either store open when one takes the other's place.
    drop(storage);
    let told = Told::of(&known);
    drop(known);
    let kept = target.finish()?;
    let report = Report {
        file: &arguments.file,
        loaded: &loaded,
        told: &told,
        brought: &brought,
        looked: &looked,
        kept: kept.as_deref(),
    };
    report.show(arguments.json);
    Ok(())
}

/// Finds out what was revoked after the backup, before anything is changed.
fn known(
    arguments: &Restore,
    config: &Config,
    target: &Target,
    key: &RootKey,
    whole: &Whole,
    written: Timestamp,
) -> Result<Known, Failure> {
    let (mut why, header) = (Vec::new(), &whole.header);
    let store = former(arguments, target, key, whole, &mut why)?;
    let audit = match audit(arguments, config, written) {
        Err(failure) if store.is_none() => return Err(failure),
        found => found.unwrap_or_default(),
    };
    if audit.files.is_empty() {
        why.push("there is no audit log".to_owned());
    } else if !audit.begins_before {
        why.push(format!("the audit log begins after {}", header.time));
    } else if audit.lost > 0 {
        why.push(format!(
            "{} lines of the audit log since then are lost, or of a form that is not known here",
            audit.lost
        ));
    }
    let known = Known { store, audit };
    if known.is_complete() || arguments.revoked_unknown {
        return Ok(known);
    }
    Err(Failure::said(
        format!(
            "it is not known what was revoked after the backup of {}: {}",
            header.time,
            why.join("; ")
        ),
        "Give the store that is replaced with --former, or every server's audit log with --audit. Where neither is left, \
         --revoked-unknown restores all the same: keys that were removed since will sign in again.",
        REFUSED,
    ))
}

/// The store that is replaced, if it is one of the same domain that can be read, and a later state of the backup: by an older
/// one, everything that came after it would be taken for withdrawn.
fn former(
    arguments: &Restore,
    target: &Target,
    key: &RootKey,
    whole: &Whole,
    why: &mut Vec<String>,
) -> Result<Option<Arc<dyn Storage>>, Failure> {
    let former = match &arguments.former {
        Some(file) => Some(target::read(file)?),
        None => target.former(),
    };
    let Some(former) = former else {
        return Ok(None);
    };
    let read = former
        .long_snapshot()
        .map_err(Fault::from)
        .and_then(|read| {
            let domain = restore::domain(read.as_ref(), key)?;
            Ok((domain, Reached::of(read.as_ref())?))
        });
    match read {
        Ok((domain, _)) if domain.sid != whole.header.domain_sid => {
            why.push("the store that is replaced holds another domain".to_owned());
        }
        Ok((_, reached)) if reached.is_beyond(&whole.reached) => return Ok(Some(former)),
        Ok(_) => why.push("the store that is replaced is older than the backup".to_owned()),
        Err(fault) => why.push(format!(
            "the store that is replaced cannot be read ({fault})"
        )),
    }
    Ok(None)
}

/// What the audit logs tell, those that are there.
fn audit(arguments: &Restore, config: &Config, written: Timestamp) -> Result<FromAudit, Failure> {
    if let Some(missing) = arguments.audit.iter().find(|file| !file.exists()) {
        return Err(Failure::said(
            format!("there is no audit log {}", missing.display()),
            "Give the file that [audit] of that server's configuration names, or a copy of it.",
            REFUSED,
        ));
    }
    let given = arguments.audit.iter().chain(&config.audit.file);
    let logs: Vec<_> = given
        .map(|file| withdrawn::with_older(file))
        .filter(|files| !files.is_empty())
        .collect();
    withdrawn::read(&logs, written).map_err(|(file, error)| {
        Failure::said(
            format!("the audit log {} cannot be read: {error}", file.display()),
            "Give this user the right to read it, or another copy of it with --audit.",
            FAILED,
        )
    })
}

fn load(
    arguments: &Restore,
    storage: &dyn Storage,
    key: &RootKey,
    known: &Known,
    options: &Options,
) -> Result<Loaded, Failure> {
    let next_rid = match &known.store {
        Some(former) => former
            .snapshot()
            .map_err(Fault::from)
            .and_then(|read| restore::next_rid(read.as_ref()))
            .map_err(|fault| damaged(&fault))?,
        None => None,
    };
    let mut left_out = federation::short_lived_tables().to_vec();
    left_out.extend(tenant::short_lived_tables());
    left_out.push(serve::REACTIONS);
    let dump = check::open(&arguments.file, key)?;
    let mut progress = Progress::new();
    let how = How {
        left_out: &left_out,
        next_rid,
        node: options.node.as_deref(),
    };
    let loaded = restore::load(storage, dump, &how, &mut SystemRng, &mut |rows| {
        progress.rows("restored", rows);
    });
    progress.end();
    loaded.map_err(|error| match error {
        RestoreError::NotEmpty => target::database_in_use(),
        RestoreError::Dump(error) => failed(&error, &arguments.file),
        RestoreError::Fault(fault) => trouble(&fault),
    })
}

/// Brings what has become of rights and secrets after the backup.
fn bring(
    directory: &Arc<Directory>,
    storage: &dyn Storage,
    config: Config,
    known: &Known,
    arguments: &Restore,
    loaded: &Loaded,
) -> Result<Brought, Failure> {
    let mut brought = Brought::default();
    let mut withdrawals = known.audit.withdrawals.clone();
    if let Some(former) = &known.store {
        let (found, taken) =
            from_store(storage, former.as_ref()).map_err(|fault| damaged(&fault))?;
        brought.taken = taken;
        // Its secrets are those of today, whatever was replaced.
        withdrawals = withdrawals.without_secrets();
        withdrawals.join(found);
    }
    let ended = withdrawals.ended_memberships().to_vec();
    let regained = withdrawals.regained().to_vec();
    let now = SystemClock.now();
    brought.done = withdrawals
        .apply(directory, now)
        .map_err(|error| trouble(&error))?;
    let certificates: Vec<(String, Vec<u8>)> = withdrawals
        .means()
        .filter_map(|means| match means {
            Means::Certificate { authority, serial } => Some((authority.clone(), bytes(serial)?)),
            _ => None,
        })
        .collect();
    let parts = opened::parts(&config, Arc::clone(directory));
    brought.certificates = serve::restored(&config.settings(), parts, &certificates)?;
    let snapshot = directory.snapshot().map_err(|fault| trouble(&fault))?;
    let called = |id: EntryId| -> Result<String, Failure> {
        let entry = snapshot.entry(id).map_err(|fault| trouble(&fault))?;
        Ok(entry.map_or_else(|| id.to_string(), |entry| entry.name))
    };
    for (group, member) in ended {
        brought.ended.push((called(group)?, called(member)?));
    }
    for (entry, attribute) in regained {
        brought.regained.push((called(entry)?, attribute.name()));
    }
    drop(snapshot);
    let record = AuditRecord::done(now, Actor::named("local administrator"), "store.restore")
        .with("backup", arguments.file.display())
        .with("written", &loaded.header.time)
        .with("rows", loaded.rows)
        .with("withdrawn", brought.done.len())
        .with("revoked_known_from", report::source(known));
    directory
        .commit(&[change::audit(record)], &Reads::none(), now)
        .map_err(|error| trouble(&error))?;
    Ok(brought)
}

fn from_store(
    storage: &dyn Storage,
    former: &dyn Storage,
) -> Result<(Withdrawals, TakenOver), Fault> {
    let former = former.long_snapshot()?;
    let withdrawals = {
        let loaded = storage.long_snapshot()?;
        Withdrawals::between(loaded.as_ref(), former.as_ref())?
    };
    let mut tables = authority::tables().to_vec();
    tables.push(federation::keys_table());
    tables.extend(tenant::keys_tables());
    tables.push(registration::proven_device::revoked_table());
    tables.extend([trust::revocation::ISSUERS, trust::revocation::REVOKED]);
    let taken = restore::take_over(storage, former.as_ref(), &tables)?;
    Ok((withdrawals, taken))
}

/// The bytes of hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |place| u8::from_str_radix(digits.get(place..place + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// A store that fails while it is restored. What was there before is still there.
fn trouble(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(
        error,
        "The store is as it was before, or empty. See that its disk has room and that both stores can be read, and restore \
         again.",
        FAILED,
    )
}

/// The store that is replaced fails.
fn damaged(fault: &Fault) -> Failure {
    Failure::new(
        fault,
        "Nothing was changed. If the store that is replaced is damaged, move it away and restore again: what was revoked is then \
         taken from the audit log.",
        FAILED,
    )
}
