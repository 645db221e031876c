//! `keyporchd check`: the configuration, the store, a backup.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;

use authority::Books;
use directory::check::{Checked, Kind, Problem, TOLD};
use directory::dump::{Dump, Header};
use directory::storage::Storage;
use directory::{Fault, Reached, RootKey};
use serde_json::{Value, json};

use crate::arguments::Check;
use crate::backup::failed;
use crate::config::Config;
use crate::opened;
use crate::progress::Progress;
use crate::report::{FAILED, Failure};
use crate::root_key;

/// Reads the configuration and says whether it will do, then looks at every row of the store; or at a backup.
pub(crate) fn check(arguments: &Check) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    let key = root_key::read(&config.store.root_key)?;
    if let Some(file) = &arguments.backup {
        let whole = read_through(file, &key)?;
        say_backup(file, &whole, arguments.json);
        return Ok(());
    }
    serve::check_tls(&config.tls)?;
    let storage = opened::beside(&config.store)?;
    let looked = look(storage.as_ref(), |read, progress| {
        directory::check::check(read, &key, progress)
    });
    let looked = looked.map_err(|fault| opened::of_fault(&fault, &config.store))?;
    say(&arguments.config, &looked, arguments.json);
    let found = looked.store.found;
    match looked.store.problems.first() {
        None => Ok(()),
        Some(first) => Err(Failure::said(
            match found {
                1 => "the store is not in order: 1 problem".to_owned(),
                found => format!("the store is not in order: {found} problems"),
            },
            first.kind.remedy(),
            FAILED,
        )),
    }
}

/// What a look at a store found.
pub(crate) struct Looked {
    /// In its rows; its problems are all there are, those of the books among them.
    pub(crate) store: Checked,
    /// In the authority's books.
    pub(crate) books: Books,
}

/// Looks at the rows of a store, in the way that is given, and at the authority's books in them.
pub(crate) fn look(
    storage: &dyn Storage,
    rows: impl FnOnce(&dyn directory::storage::Read, &mut dyn FnMut(u64)) -> Result<Checked, Fault>,
) -> Result<Looked, Fault> {
    let mut progress = Progress::new();
    let read = storage.long_snapshot()?;
    let looked = rows(read.as_ref(), &mut |rows| progress.rows("checked", rows))
        .and_then(|store| Ok((store, authority::books(read.as_ref())?)));
    progress.end();
    let (mut store, books) = looked?;
    store.found += books.found;
    let of_books = books.problems.iter().map(|what| Problem {
        kind: Kind::Books,
        what: what.clone(),
    });
    store.problems.extend(of_books);
    store.problems.truncate(TOLD);
    Ok(Looked { store, books })
}

/// A backup that was read to its end.
pub(crate) struct Whole {
    /// What it says of itself.
    pub(crate) header: Header,
    /// How many rows it has.
    pub(crate) rows: u64,
    /// How far the nodes had come whose store it is of.
    pub(crate) reached: Reached,
}

/// Reads a backup to its end: it is whole, and this root key's.
pub(crate) fn read_through(file: &Path, key: &RootKey) -> Result<Whole, Failure> {
    let unusable = |error| failed(&error, file);
    let mut dump = open(file, key)?;
    let (mut progress, mut rows) = (Progress::new(), 0_u64);
    let mut reached = Reached::default();
    while let Some(row) = dump.next_row().map_err(unusable)? {
        reached.note(&row).map_err(|fault| unusable(fault.into()))?;
        rows += 1;
        if rows.is_multiple_of(1_000) {
            progress.rows("read", rows);
        }
    }
    progress.end();
    Ok(Whole {
        header: dump.header().clone(),
        rows,
        reached,
    })
}

/// The beginning of a backup.
pub(crate) fn open<'k>(
    file: &Path,
    key: &'k RootKey,
) -> Result<Dump<'k, BufReader<File>>, Failure> {
    let unusable = |error| failed(&error, file);
    let opened =
        File::open(file).map_err(|error| unusable(directory::dump::DumpError::Io(error)))?;
    Dump::open(BufReader::with_capacity(1 << 18, opened), key).map_err(unusable)
}

fn say_backup(file: &Path, whole: &Whole, json: bool) {
    let (header, rows) = (&whole.header, whole.rows);
    let mut out = std::io::stdout().lock();
    let _ = if json {
        let shown = json!({
            "backup": file,
            "ok": true,
            "domain": header.domain,
            "time": header.time,
            "rows": rows,
            "root_key": header.root_key,
        });
        writeln!(out, "{shown}")
    } else {
        writeln!(
            out,
            "{} is a whole backup of {} as of {}: {rows} rows, root key {}.",
            file.display(),
            header.domain,
            header.time,
            header.root_key
        )
    };
}

/// The numbers of a look at the store, for programs.
pub(crate) fn numbers(looked: &Looked) -> Value {
    let (checked, books) = (&looked.store, &looked.books);
    let problems = checked.problems.iter().map(|problem| {
        json!({
            "what": problem.what,
            "why": problem.kind.why(),
            "remedy": problem.kind.remedy(),
        })
    });
    json!({
        "rows": checked.rows,
        "entries": checked.entries,
        "accounts": checked.accounts,
        "devices": checked.devices,
        "groups": checked.groups,
        "keys": checked.keys,
        "index_rows": checked.index_rows,
        "secrets": checked.secrets,
        "commits": checked.commits,
        "audit_records": checked.audit_records,
        "issuance_log": books.entries,
        "certificates": books.certificates,
        "certificates_revoked": books.revoked,
        "found": checked.found,
        "problems": problems.collect::<Vec<_>>(),
    })
}

fn say(config: &Path, looked: &Looked, json: bool) {
    let (checked, books) = (&looked.store, &looked.books);
    let mut out = std::io::stdout().lock();
    if json {
        let ok = checked.found == 0;
        let shown = json!({ "config": config, "ok": ok, "store": numbers(looked) });
        let _ = writeln!(out, "{shown}");
        return;
    }
    let _ = writeln!(out, "{} is in order.", config.display());
    let _ = writeln!(
        out,
        "The store has {} rows: {} entries ({} accounts, {} devices, {} groups), {} listed keys, {} index rows and links, \
         {} secrets, {} commits in the feed, {} audit records.",
        checked.rows,
        checked.entries,
        checked.accounts,
        checked.devices,
        checked.groups,
        checked.keys,
        checked.index_rows,
        checked.secrets,
        checked.commits,
        checked.audit_records,
    );
    let _ = writeln!(
        out,
        "The authority's log has {} entries: {} certificates, {} of them revoked or on hold.",
        books.entries, books.certificates, books.revoked,
    );
    show_problems(&mut out, checked);
}

/// What is wrong, kind by kind: what, why, what to do.
pub(crate) fn show_problems(out: &mut dyn std::io::Write, checked: &Checked) {
    let mut kinds: Vec<_> = checked
        .problems
        .iter()
        .map(|problem| problem.kind)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let _ = writeln!(out);
        for problem in checked
            .problems
            .iter()
            .filter(|problem| problem.kind == kind)
        {
            let _ = writeln!(out, "problem: {problem}");
        }
        let _ = writeln!(out, "    why: {}\n     do: {}", kind.why(), kind.remedy());
    }
    if checked.found > checked.problems.len() as u64 {
        let more = checked.found - checked.problems.len() as u64;
        let _ = writeln!(out, "… and {more} more.");
    } else if checked.found == 0 {
        let _ = writeln!(out, "Everything in it agrees with everything else.");
    }
}
