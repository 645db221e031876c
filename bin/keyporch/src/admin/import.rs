//! `keyporch admin import`: people, groups and changes from LDIF files, in batches.
//!
//! Everything can be run again from its beginning, whatever it was ended by: what is so already changes nothing, and is
//! quick. Entries come first, those that others hang on before these; then what names other entries, members before all,
//! so that it does not matter in which order a file has them. Changes are made where they stand.

mod batch;
mod file;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;

use super::Api;
use crate::failure::Failure;
use batch::{Batches, Wish};
use file::LdifFile;
use report::{Report, Sheet};

/// `keyporch admin import`
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// LDIF files, `-` for standard input. Several are brought in one after another.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Have entries that are there become as the file says. Without it they stay, and where they differ that is an
    /// error.
    #[arg(long)]
    update: bool,
    /// Leave out attributes, classes and values that this directory does not have, and passwords that are hashes.
    #[arg(long)]
    skip_unknown: bool,
    /// What the file calls the domain, where that is another one.
    #[arg(long, value_name = "DN")]
    from_base: Option<String>,
    /// Go on behind records that are refused, and write them to FILE.rejects.
    #[arg(long = "continue")]
    go_on: bool,
    /// Where refused records are written, instead.
    #[arg(long, value_name = "FILE", requires = "go_on")]
    rejects: Option<PathBuf>,
    /// Try each record and change nothing. Memberships are not tried, nor what only several records together do wrong.
    #[arg(long)]
    dry_run: bool,
}

/// Brings files in.
pub(super) fn import(api: &Api, asked: &Import) -> Result<(), Failure> {
    if let Some(rejects) = &asked.rejects
        && asked.files.iter().any(|file| is_same(file, rejects))
    {
        let said = format!("{} is one of the files to be read", rejects.display());
        return Err(Failure::refused(said, "Name another file with --rejects."));
    }
    let mut report = Report::new(api.output, asked.dry_run);
    let mut rejects = Vec::new();
    // One sheet for all files where it is named, else one beside each.
    let mut named = asked.rejects.clone().map(Sheet::new);
    for path in &asked.files {
        let mut file = LdifFile::open(path)?;
        let wish = Wish {
            update: asked.update,
            skip_unknown: asked.skip_unknown,
            from_base: asked.from_base.as_deref(),
            go_on: asked.go_on,
            dry_run: asked.dry_run,
        };
        let mut own = None;
        let sheet = match &mut named {
            None if asked.go_on => Some(own.insert(Sheet::new(beside(path)))),
            named => named.as_mut(),
        };
        let steps = file.steps(asked.dry_run);
        report.begin(steps.len());
        let brought = Batches::new(api, wish).bring(&mut file, &steps, &mut report, sheet);
        report.pause();
        if let Some(written) = own.as_mut().and_then(Sheet::finish) {
            rejects.push(written?);
        }
        if let Err(failure) = brought {
            if let Some(Err(unwritten)) = named.as_mut().and_then(Sheet::finish) {
                return Err(unwritten);
            }
            report.broken_off();
            return Err(failure);
        }
    }
    if let Some(written) = named.as_mut().and_then(Sheet::finish) {
        rejects.push(written?);
    }
    report.end(&rejects)
}

/// Whether two names are of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| std::fs::canonicalize(path).ok();
    one == other || found(one).is_some_and(|one| found(other) == Some(one))
}

/// `FILE.rejects` beside a file; in the folder at hand for standard input.
fn beside(path: &Path) -> PathBuf {
    if path == Path::new("-") {
        return PathBuf::from("stdin.rejects");
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".rejects");
    PathBuf::from(name)
}
