//! `keyporch admin export`: the directory as LDIF, without anything secret.
//!
//! Units and containers come first, those that others hang on before these; then people, groups and computers; and what
//! names other entries last, as changes. All but the units is written as it comes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::{Api, items_of};
use crate::failure::Failure;

/// `keyporch admin export`
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only this entry and what is below it.
    #[arg(long, value_name = "DN")]
    base: Option<String>,
    /// Only what this filter means (RFC 4515).
    #[arg(long)]
    filter: Option<String>,
    /// Only these attributes.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    attributes: Vec<String>,
    /// The file to write, mode 0600; standard output where none is given.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the directory down.
pub(super) fn export(api: &Api, asked: &Export) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| {
        let failure = Failure::of(&error, "Name another file with --out, or make room for it.");
        match &asked.out {
            Some(path) => failure.naming(path),
            None => failure,
        }
    };
    // What is broken off does not look as if it were whole.
    let part = asked.out.as_ref().map(|path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        PathBuf::from(name)
    });
    let mut out: Box<dyn Write> = match &part {
        Some(path) => Box::new(BufWriter::new(private(path).map_err(unwritable)?)),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    let mut reading = Reading {
        api,
        asked,
        states: None,
    };
    let written = reading.write(&mut out, &unwritable);
    let written = written.and_then(|count| {
        out.flush().map_err(unwritable)?;
        Ok(count)
    });
    drop(out);
    let count = match written {
        Ok(count) => count,
        Err(failure) => {
            if let Some(path) = &part {
                let _ = std::fs::remove_file(path);
            }
            return Err(failure);
        }
    };
    let changed = reading.states.is_some_and(|(first, last)| first != last);
    if changed {
        api.output.note(
            "The directory changed while it was read: each entry is as it was when its turn came.",
        );
    }
    let (Some(part), Some(path)) = (&part, &asked.out) else {
        return Ok(());
    };
    let on_the_disk = File::open(part).and_then(|file| file.sync_all());
    on_the_disk
        .and_then(|()| std::fs::rename(part, path))
        .map_err(unwritable)?;
    let said = format!(
        "{count} entries and changes are in {}, without passwords and other secrets.",
        path.display()
    );
    let value = json!({ "records": count, "file": path, "one_state": !changed });
    api.output.done(&said, &value);
    Ok(())
}

fn private(path: &std::path::Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Made anew: one that an export has left which was broken off may be readable for others.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// The pages of an export.
struct Reading<'e> {
    api: &'e Api,
    asked: &'e Export,
    /// The numbers of the state that the first page was of, and of the last one's.
    states: Option<(u64, u64)>,
}

impl Reading<'_> {
    /// Writes everything; returns how many records there were.
    fn write(
        &mut self,
        out: &mut dyn Write,
        unwritable: &dyn Fn(std::io::Error) -> Failure,
    ) -> Result<usize, Failure> {
        let head = "version: 1\n\
                    # Written by keyporch admin export, without passwords, keys of Kerberos and other secrets,\n\
                    # and without what a directory sets itself. keyporch admin import reads it.\n\n";
        out.write_all(head.as_bytes()).map_err(unwritable)?;
        let mut containers: Vec<(u64, String)> = Vec::new();
        self.pages("containers", &mut |item| {
            let depth = item.get("depth").and_then(Value::as_u64);
            containers.push((depth.unwrap_or(0), ldif(item).to_owned()));
            Ok(())
        })?;
        containers.sort();
        let mut count = containers.len();
        for (_, ldif) in containers {
            out.write_all(ldif.as_bytes()).map_err(unwritable)?;
        }
        for part in ["entries", "links"] {
            self.pages(part, &mut |item| {
                count += 1;
                out.write_all(ldif(item).as_bytes()).map_err(unwritable)
            })?;
        }
        Ok(count)
    }

    /// Hands out the items of a part, page after page.
    fn pages(
        &mut self,
        part: &str,
        each: &mut dyn FnMut(&Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let attributes = self.asked.attributes.join(",");
        let mut after: Option<String> = None;
        loop {
            let mut query = vec![("part", part)];
            let given = [("base", &self.asked.base), ("filter", &self.asked.filter)];
            for (name, value) in given {
                query.extend(value.as_deref().map(|value| (name, value)));
            }
            if !attributes.is_empty() {
                query.push(("attributes", &attributes));
            }
            query.extend(after.as_deref().map(|place| ("after", place)));
            let page = self.api.ask(Method::GET, "/export", &query, None)?;
            if let Some(state) = page.get("state").and_then(Value::as_u64) {
                let first = self.states.map_or(state, |(first, _)| first);
                self.states = Some((first, state));
            }
            for item in items_of(&page) {
                each(&item)?;
            }
            after = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

fn ldif(item: &Value) -> &str {
    item.get("ldif").and_then(Value::as_str).unwrap_or_default()
}
