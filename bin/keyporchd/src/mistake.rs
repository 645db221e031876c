//! What is wrong with a configuration file: where, what, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The most letters that may be different between a word and the one that was probably meant.
const TYPO: usize = 3;

/// A mistake in a configuration file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The file.
    pub(crate) file: PathBuf,
    /// The line and column, counted from 1; `None` when it concerns no one place.
    pub(crate) place: Option<(usize, usize)>,
    /// The line as it stands.
    pub(crate) line: Option<String>,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl Mistake {
    /// A mistake that no single line is to blame for.
    pub(crate) fn of(file: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            line: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// A mistake in the value of `key` of `[section]`, at the line that holds it.
    pub(crate) fn at(
        file: &Path,
        text: &str,
        section: &str,
        key: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let mut mistake = Self::of(file, what, remedy);
        let mut within = false;
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.starts_with('[') {
                within = trimmed.trim_matches(['[', ']']) == section;
            } else if within && trimmed.split(['=', ' ']).next() == Some(key) {
                let column = line.len() - line.trim_start().len() + 1;
                mistake.place = Some((index + 1, column));
                mistake.line = shown(line);
            }
        }
        mistake
    }
}

/// A line as it is shown, unless it may hold a password in a URL.
fn shown(line: &str) -> Option<String> {
    let of_somebody = line
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'));
    (!of_somebody).then(|| line.to_owned())
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                write!(f, "{}:{line}:{column}: {}", self.file.display(), self.what)?
            }
            None => write!(f, "{}: {}", self.file.display(), self.what)?,
        }
        if let (Some((number, column)), Some(line)) = (self.place, &self.line) {
            let margin = number.to_string();
            write!(
                f,
                "\n  {margin} | {line}\n  {:width$} | {:>column$}",
                "",
                "^",
                width = margin.len()
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistake {}

/// Reads `text`, the content of `file`.
pub(crate) fn read<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, Mistake> {
    toml::from_str(text).map_err(|error| {
        let span = error.span();
        let place = span.as_ref().map(|span| position(text, span.start));
        let message = error.message();
        let (what, remedy) = explain(
            message,
            span.and_then(|span| text.get(span)).unwrap_or_default(),
        );
        let line = place
            .and_then(|(line, _)| text.lines().nth(line - 1))
            .and_then(shown);
        Mistake {
            file: file.to_owned(),
            place,
            line,
            what,
            remedy,
        }
    })
}

/// The line and column of a byte, counted from 1.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte.min(text.len())).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

/// What the reader's message means, and what to do about it.
fn explain(message: &str, there: &str) -> (String, String) {
    if let Some((unknown, known)) = unknown_word(message) {
        let remedy = match closest(&unknown, &known) {
            Some(meant) => format!("Write {meant} in its place, or remove it."),
            None if known.is_empty() => "Remove it.".to_owned(),
            None => format!("Remove it; known here are {}.", known.join(", ")),
        };
        let kind = if message.starts_with("unknown variant") {
            "value"
        } else {
            "setting"
        };
        return (format!("there is no {kind} {unknown}"), remedy);
    }
    if let Some(missing) = message.strip_prefix("missing field ") {
        let name = missing.trim_matches('`');
        return (
            format!("the setting {name} is missing"),
            format!("Add a line `{name} = …`; keyporch.example.toml shows how."),
        );
    }
    if message.contains("duplicate key") {
        return (
            format!("{there} is given twice"),
            "Keep one of the two.".to_owned(),
        );
    }
    if message.starts_with("invalid type") || message.starts_with("invalid value") {
        let expected = message
            .rsplit_once("expected ")
            .map_or(message, |(_, expected)| expected);
        let wanted = in_words(expected);
        let what = message.replace(
            &format!("expected {expected}"),
            &format!("expected {wanted}"),
        );
        return (what, format!("Give {wanted}."));
    }
    if message.contains("socket address") {
        return (
            format!("{there} is no address with a port"),
            "Give an address with its port: \"127.0.0.1:443\" or \"[::1]:443\".".to_owned(),
        );
    }
    (
        message.to_owned(),
        "Compare the line with keyporch.example.toml.".to_owned(),
    )
}

/// What a value should be, in words for somebody who does not write Rust.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number, not negative and without quotes or a unit"
        }
        "i64" => "a whole number, without quotes or a unit",
        "a sequence" => "a list in brackets: [ … ]",
        "a boolean" => "true or false, without quotes",
        "a string" | "path string" => "a text in quotes",
        other => other,
    }
}

/// The word and the known ones of "unknown field `a`, expected one of `b`, `c`".
fn unknown_word(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "))?;
    let mut words = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    let unknown = words.next()?;
    Some((unknown, words.collect()))
}

/// The known word that is most like `word`, if one is like it at all.
fn closest<'a>(word: &str, known: &'a [String]) -> Option<&'a str> {
    let nearest = known.iter().min_by_key(|each| distance(word, each))?;
    let near = distance(word, nearest) <= TYPO.min(word.len().max(1));
    // "lockout" for "lockout_attempts": a beginning is enough.
    let begun = known
        .iter()
        .find(|each| word.len() > 3 && (each.starts_with(word) || word.starts_with(each.as_str())));
    if near {
        Some(nearest)
    } else {
        begun.map(String::as_str)
    }
}

/// How many letters must be added, taken away or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Sample {
        listen: Section,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Section {
        https: Vec<std::net::SocketAddr>,
        admin_socket: Option<String>,
    }

    fn mistake(text: &str) -> Mistake {
        read::<Sample>(Path::new("keyporch.toml"), text).unwrap_err()
    }

    #[test]
    fn a_typo_names_its_line_and_the_word_that_was_meant() {
        let mistake = mistake("[listen]\nhttps = []\nadmin_sokcet = \"/run/a\"\n");
        assert_eq!(mistake.place, Some((3, 1)));
        assert_eq!(
            mistake.remedy,
            "Write admin_socket in its place, or remove it."
        );
        assert_eq!(
            mistake.to_string(),
            "keyporch.toml:3:1: there is no setting admin_sokcet\n  3 | admin_sokcet = \"/run/a\"\n    | ^"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_names_its_column_and_what_is_expected() {
        let mistake = mistake("[listen]\nhttps = \"0.0.0.0:443\"\n");
        assert_eq!(mistake.place, Some((2, 9)));
        assert_eq!(mistake.remedy, "Give a list in brackets: [ … ].");
    }

    #[test]
    fn an_address_that_is_none_is_found_inside_a_list() {
        let mistake = mistake("[listen]\nhttps = [\n  \"[::]:443\",\n  \"everywhere\",\n]\n");
        assert_eq!(mistake.place.map(|(line, _)| line), Some(4), "{mistake}");
    }

    #[test]
    fn a_missing_setting_is_named() {
        let mistake = mistake("[listen]\n");
        assert_eq!(mistake.what, "the setting https is missing");
    }

    #[test]
    fn a_broken_line_is_shown() {
        let mistake = mistake("[listen]\nhttps = [\"[::]:443\"\nadmin_socket = \"a\"\n");
        assert!(
            mistake.place.is_some_and(|(line, _)| line >= 2),
            "{mistake}"
        );
    }

    #[test]
    fn a_setting_given_twice_is_said_to_be() {
        let mistake = mistake("[listen]\nhttps = []\nhttps = []\n");
        assert_eq!(mistake.place.map(|(line, _)| line), Some(3), "{mistake}");
        assert_eq!(mistake.remedy, "Keep one of the two.", "{mistake}");
    }

    #[test]
    fn the_line_of_a_key_is_found_in_its_section() {
        let text = "[store]\nfile = \"a\"\n\n[audit]\n  file = \"b\"\n";
        let mistake = Mistake::at(Path::new("k"), text, "audit", "file", "what", "remedy");
        assert_eq!(mistake.place, Some((5, 3)));
    }
}
