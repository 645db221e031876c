//! What the command shows: tables, records, progress, and colours where they help.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How long something may take before the person is shown that it goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often the sign of life moves.
const BEAT: Duration = Duration::from_millis(120);

/// How results are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Output {
    /// Machines read it.
    pub(crate) json: bool,
    /// Colours and signs of life are welcome.
    pub(crate) lively: bool,
}

/// A column of a table: its heading, and where its values are in an object.
pub(crate) type Column = (&'static str, &'static str);

impl Output {
    /// For standard output as it is; `no_colour` says that `NO_COLOR` is set (no-color.org).
    pub(crate) fn new(json: bool, no_colour: bool) -> Self {
        Self {
            json,
            lively: !json && !no_colour && std::io::stdout().is_terminal(),
        }
    }

    /// Text that stands out.
    pub(crate) fn strong(self, text: &str) -> String {
        if self.lively {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Text that stands back.
    pub(crate) fn faint(self, text: &str) -> String {
        if self.lively {
            format!("\x1b[2m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// A line that says what was done; machines get `value`.
    pub(crate) fn done(self, text: &str, value: &Value) {
        if self.json {
            self.print(&format!("{value}"));
        } else {
            let mark = if self.lively {
                "\x1b[32m✓\x1b[0m "
            } else {
                ""
            };
            self.print(&format!("{mark}{text}"));
        }
    }

    /// A list of objects; machines get it as it came.
    pub(crate) fn list(self, items: &[Value], columns: &[Column], none: &str) {
        if self.json {
            self.print(&Value::from(items.to_vec()).to_string());
        } else if items.is_empty() {
            self.print(&self.faint(none));
        } else {
            self.print(self.table(items, columns).trim_end());
        }
    }

    /// One object, a line per member that has a value; machines get it as it came.
    pub(crate) fn record(self, item: &Value, lines: &[Column]) {
        if self.json {
            self.print(&item.to_string());
            return;
        }
        let shown: Vec<(&str, String)> = lines
            .iter()
            .map(|(heading, at)| (*heading, cell(item, at)))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let width = shown
            .iter()
            .map(|(heading, _)| width(heading))
            .max()
            .unwrap_or_default();
        for (heading, text) in shown {
            let padded = format!("{heading}{:1$}", "", width - self::width(heading));
            self.print(&format!("{}  {text}", self.faint(&padded)));
        }
    }

    fn table(self, items: &[Value], columns: &[Column]) -> String {
        let rows: Vec<Vec<String>> = items
            .iter()
            .map(|item| columns.iter().map(|(_, at)| cell(item, at)).collect())
            .collect();
        let widths: Vec<usize> = columns
            .iter()
            .enumerate()
            .map(|(index, (heading, _))| {
                let cells = rows
                    .iter()
                    .filter_map(|row| row.get(index))
                    .map(|text| width(text));
                cells.max().unwrap_or_default().max(width(heading))
            })
            .collect();
        let mut out = String::new();
        let headings: Vec<String> = columns
            .iter()
            .map(|(heading, _)| (*heading).to_owned())
            .collect();
        let _ = writeln!(out, "{}", self.strong(&line(&headings, &widths)));
        for row in &rows {
            let _ = writeln!(out, "{}", line(row, &widths));
        }
        out
    }

    /// Writes a line to standard output. A reader that has gone away is no failure.
    pub(crate) fn print(self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Says something beside the result, where nobody reads it but a person.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// Does `work`, and shows on a terminal that it goes on when it takes more than two seconds.
    pub(crate) fn during<T>(self, doing: &str, work: impl FnOnce() -> T) -> T {
        if !self.lively || !std::io::stderr().is_terminal() {
            return work();
        }
        let (finished, watch) = mpsc::channel::<()>();
        let doing = doing.to_owned();
        let shown = thread::spawn(move || show_life(&doing, &watch));
        let result = work();
        drop(finished);
        let _ = shown.join();
        result
    }
}

fn show_life(doing: &str, watch: &mpsc::Receiver<()>) {
    if watch.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let mut out = std::io::stderr();
    for sign in ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇"].iter().cycle() {
        let _ = write!(out, "\r{sign} {doing} …");
        let _ = out.flush();
        if watch.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    let _ = write!(out, "\r\x1b[K");
    let _ = out.flush();
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut out = String::new();
    for (text, column) in cells.iter().zip(widths) {
        let _ = write!(out, "{text}{:1$}  ", "", column - width(text).min(*column));
    }
    out.trim_end().to_owned()
}

/// The value at a path such as `owner.upn` of an object, as text. Lists are joined by commas.
fn cell(item: &Value, at: &str) -> String {
    let value = at
        .split('.')
        .try_fold(item, |value, member| value.get(member));
    value.map(text).unwrap_or_default()
}

/// A value as people read it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => moment(text).unwrap_or_else(|| clean(text)),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A moment as people read it, to the second.
fn moment(text: &str) -> Option<String> {
    let shape = |byte: (usize, u8)| match byte {
        (4 | 7, letter) => letter == b'-',
        (10, letter) => letter == b'T',
        (13 | 16, letter) => letter == b':',
        (_, letter) => letter.is_ascii_digit(),
    };
    let whole = text
        .get(..19)
        .filter(|whole| whole.bytes().enumerate().all(shape))?;
    text.ends_with('Z').then(|| whole.replace('T', " ") + "Z")
}

/// Text from elsewhere without what could command the terminal.
fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '·' } else { letter })
        .collect()
}

/// How many columns text takes on a terminal: wide East Asian letters take two, combining ones none.
fn width(text: &str) -> usize {
    text.chars()
        .map(|letter| match letter {
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' => 0,
            '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' => 2,
            '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{1f300}'..='\u{1faff}' => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: Output = Output {
        json: false,
        lively: false,
    };

    #[test]
    fn columns_line_up_whatever_the_letters() {
        let items = [
            json!({ "name": "alice", "upn": "alice@corp.example", "enabled": true }),
            json!({ "name": "山田", "upn": "y@corp.example", "enabled": false, "groups": ["a", "b"] }),
        ];
        let table = PLAIN.table(
            &items,
            &[
                ("NAME", "name"),
                ("UPN", "upn"),
                ("ENABLED", "enabled"),
                ("GROUPS", "groups"),
            ],
        );
        assert_eq!(
            table,
            "NAME   UPN                 ENABLED  GROUPS\n\
             alice  alice@corp.example  yes\n\
             山田   y@corp.example      no       a, b\n"
        );
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(
            cell(&json!({ "a": { "b": "x\u{1b}[2J\ny" } }), "a.b"),
            "x·[2J·y"
        );
    }

    #[test]
    fn moments_are_shown_to_the_second() {
        assert_eq!(
            text(&json!("2026-11-21T13:40:01.593166Z")),
            "2026-11-21 13:40:01Z"
        );
        assert_eq!(text(&json!("2026-11-21T13:40:01Z")), "2026-11-21 13:40:01Z");
        assert_eq!(
            text(&json!("2026-11-21Tick tockZ, what")),
            "2026-11-21Tick tockZ, what"
        );
    }

    #[test]
    fn what_is_not_there_is_empty() {
        assert_eq!(cell(&json!({ "a": null }), "a"), "");
        assert_eq!(cell(&json!({}), "a.b.c"), "");
    }
}
