//! `keyporchd check`: the configuration, the store, a backup.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;

use directory::RootKey;
use directory::check::Checked;
use directory::dump::{Dump, Header};
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
        let (header, rows) = read_through(file, &key)?;
        say_backup(file, &header, rows, arguments.json);
        return Ok(());
    }
    serve::check_tls(&config.tls)?;
    let storage = opened::beside(&config.store)?;
    let mut progress = Progress::new();
    let checked = storage
        .long_snapshot()
        .map_err(directory::Fault::from)
        .and_then(|read| {
            directory::check::check(read.as_ref(), &key, &mut |rows| {
                progress.rows("checked", rows);
            })
        });
    progress.end();
    let checked = checked.map_err(|fault| opened::of_fault(&fault, &config.store))?;
    say(&arguments.config, &checked, arguments.json);
    match checked.problems.first() {
        None => Ok(()),
        Some(first) => Err(Failure::said(
            format!("the store is not in order: {} problems", checked.found),
            first.kind.remedy(),
            FAILED,
        )),
    }
}

/// Reads a backup to its end: it is whole, and this root key's. Gives what it says of itself, and its rows.
pub(crate) fn read_through(file: &Path, key: &RootKey) -> Result<(Header, u64), Failure> {
    let unusable = |error| failed(&error, file);
    let mut dump = open(file, key)?;
    let (mut progress, mut rows) = (Progress::new(), 0_u64);
    while dump.next_row().map_err(unusable)?.is_some() {
        rows += 1;
        if rows.is_multiple_of(1_000) {
            progress.rows("read", rows);
        }
    }
    progress.end();
    Ok((dump.header().clone(), rows))
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

fn say_backup(file: &Path, header: &Header, rows: u64, json: bool) {
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
pub(crate) fn numbers(checked: &Checked) -> Value {
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
        "found": checked.found,
        "problems": problems.collect::<Vec<_>>(),
    })
}

fn say(config: &Path, checked: &Checked, json: bool) {
    let mut out = std::io::stdout().lock();
    if json {
        let ok = checked.found == 0;
        let shown = json!({ "config": config, "ok": ok, "store": numbers(checked) });
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
