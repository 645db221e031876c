//! Asking the person: hidden where it must be, and from a file or standard input for scripts.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use provisioning::Secret;

use crate::failure::Failure;

/// The longest line that is read as a secret, in bytes.
const LONGEST: usize = 4096;

/// Where a secret comes from when it is not typed: a file, or `-` for one line of standard input.
pub(crate) type Source<'a> = Option<&'a Path>;

/// A secret from `source`, or typed without being shown.
pub(crate) fn secret(prompt: &str, source: Source<'_>, option: &str) -> Result<Secret, Failure> {
    match source {
        Some(path) => from_file(path, option),
        None => hidden(prompt, option),
    }
}

/// A new secret: typed twice, or from `source` once.
pub(crate) fn new_secret(
    prompt: &str,
    source: Source<'_>,
    option: &str,
) -> Result<Secret, Failure> {
    let first = secret(prompt, source, option)?;
    if source.is_some() {
        return Ok(first);
    }
    let second = hidden("Once more", option)?;
    if first == second {
        Ok(first)
    } else {
        Err(Failure::refused(
            "the two are not the same",
            "Try again, and type the same twice.",
        ))
    }
}

/// A line of text that may be shown.
pub(crate) fn line(prompt: &str, option: &str) -> Result<String, Failure> {
    at_a_terminal(prompt, option)?;
    let _ = write!(std::io::stderr(), "{prompt}: ");
    read_line()
}

/// Whether the person agrees; without a terminal nobody does.
pub(crate) fn agrees(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    read_line()
        .is_ok_and(|answer| matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn hidden(prompt: &str, option: &str) -> Result<Secret, Failure> {
    at_a_terminal(prompt, option)?;
    let typed = rpassword::prompt_password(format!("{prompt}: "));
    typed
        .map(Secret::new)
        .map_err(|error| Failure::of(&error, format!("Use {option} to give it in a file.")))
}

fn at_a_terminal(prompt: &str, option: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    let wanted = prompt.to_lowercase();
    Err(Failure::refused(
        format!("there is no terminal to ask for the {wanted}"),
        format!("Give it with {option}."),
    ))
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match read {
        Ok(0) => Err(Failure::refused("nothing was typed", "Try again.")),
        Ok(_) => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => Err(Failure::of(&error, "Try again.")),
    }
}

fn from_file(path: &Path, option: &str) -> Result<Secret, Failure> {
    if path == Path::new("-") {
        return read_line().map(Secret::new);
    }
    let remedy = || format!("Give a file with one line to {option}, or - for standard input.");
    let content = std::fs::read_to_string(path)
        .map_err(|error| Failure::of(&error, remedy()).naming(path))?;
    let secret = content.lines().next().unwrap_or_default();
    if secret.is_empty() || secret.len() > LONGEST {
        return Err(Failure::refused(
            format!("{} does not hold one line", path.display()),
            remedy(),
        ));
    }
    Ok(Secret::from(secret))
}
