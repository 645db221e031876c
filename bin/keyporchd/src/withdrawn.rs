//! What the audit log's files tell of rights that were withdrawn after a backup.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use directory::withdrawn::{Means, Withdrawals};
use serde::Deserialize;
use serde_json::Value;
use trust::{Span, Timestamp};

/// A commit's time is from before it was made: what a backup does not know may have a time a little before the backup's.
const BEFORE: Span = Span::minutes(2);

/// What cannot be withdrawn again without somebody who decides, by the names of its audit records, with what to do.
const DECISIONS: [(&str, &str); 7] = [
    (
        "keys.rotate",
        "keys of the KDC or of a service were rotated: rotate them again",
    ),
    (
        "issuer.remove",
        "a trusted issuer was removed: look through `keyporch admin issuer list`",
    ),
    (
        "group.member.remove",
        "memberships were ended: look through the groups",
    ),
    (
        "group.delete",
        "groups were deleted: look through the groups",
    ),
    (
        "delegation.remove",
        "delegations were ended: look through `keyporch admin delegation list`",
    ),
    (
        "principal.remove",
        "names of services were removed: look through the services",
    ),
    (
        "second-factor.reset",
        "second factors were reset: reset them again",
    ),
];

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct FromAudit {
    /// What was withdrawn.
    pub(crate) withdrawals: Withdrawals,
    /// What somebody has to decide about: how often it happened, and what to do.
    pub(crate) decisions: Vec<(u64, &'static str)>,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    /// Whether they begin before the backup.
    pub(crate) begins_before: bool,
    /// How many lines of the time after it they say to be lost, or cannot be understood.
    pub(crate) lost: u64,
}

impl FromAudit {
    /// Whether nothing is missing, as far as the files themselves can tell.
    pub(crate) const fn is_complete(&self) -> bool {
        self.begins_before && self.lost == 0
    }
}

/// A line, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    /// RFC 3339, or microseconds since 1970.
    time: Option<Value>,
    event: Option<String>,
    action: Option<String>,
    result: Option<String>,
    #[serde(default)]
    lines: u64,
    #[serde(default)]
    withdrawn: Vec<Value>,
    #[serde(default)]
    given: Vec<Value>,
}

/// What a line names; `None` where a newer version has written it, or somebody else.
fn means(named: Vec<Value>) -> Option<Vec<Means>> {
    let named = named.into_iter().map(serde_json::from_value);
    named.collect::<Result<_, _>>().ok()
}

impl Line {
    fn time(&self) -> Option<Timestamp> {
        match self.time.as_ref()? {
            Value::String(text) => Timestamp::from_rfc3339(text).ok(),
            Value::Number(number) => number.as_i64().map(Timestamp::from_micros),
            _ => None,
        }
    }
}

/// A log's file and the older ones beside it, the oldest first.
pub(crate) fn with_older(file: &Path) -> Vec<PathBuf> {
    let older = (1_u32..).map(|number| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    let mut files: Vec<PathBuf> = older.take_while(|older| older.exists()).collect();
    files.reverse();
    files.extend(file.exists().then(|| file.to_owned()));
    files
}

/// Reads the logs of all nodes, each log's files the oldest first, for what was withdrawn since `backup`. A line that
/// does not decode, which a crash cut short, is passed over.
///
/// # Errors
/// The first file that cannot be read.
pub(crate) fn read(
    logs: &[Vec<PathBuf>],
    backup: Timestamp,
) -> Result<FromAudit, (PathBuf, std::io::Error)> {
    let since = backup - BEFORE;
    let mut found = FromAudit {
        begins_before: !logs.is_empty(),
        ..FromAudit::default()
    };
    let mut commits: Vec<(Timestamp, Vec<Means>, Vec<Means>)> = Vec::new();
    let mut decisions: BTreeMap<&'static str, u64> = BTreeMap::new();
    for files in logs {
        let (mut first, mut last) = (None, None);
        for path in files {
            let unreadable = |error| (path.clone(), error);
            let file = File::open(path).map_err(unreadable)?;
            for text in BufReader::new(file).split(b'\n') {
                let text = text.map_err(unreadable)?;
                let Ok(line) = serde_json::from_slice::<Line>(&text) else {
                    continue;
                };
                last = line.time().or(last);
                first = first.or(last);
                if last.is_some_and(|last| last < since) {
                    continue;
                }
                match line.event.as_deref() {
                    Some("audit lines lost") => found.lost += line.lines,
                    Some("access") => match (last, means(line.withdrawn), means(line.given)) {
                        (Some(time), Some(withdrawn), Some(given)) => {
                            commits.push((time, withdrawn, given));
                        }
                        _ => found.lost += 1,
                    },
                    _ if line.result.as_deref() == Some("done") => {
                        let action = line.action.as_deref().unwrap_or_default();
                        let known = DECISIONS.iter().find(|(name, _)| *name == action);
                        if let Some((_, what)) = known {
                            *decisions.entry(what).or_default() += 1;
                        }
                    }
                    _ => {}
                }
            }
            found.files.push(path.clone());
        }
        found.begins_before &= first.is_some_and(|first| first <= backup);
    }
    // The nodes' commits, in the order of their times; a stable sort keeps each node's own order.
    commits.sort_by_key(|(time, ..)| *time);
    for (_, withdrawn, given) in &commits {
        found.withdrawals.note(withdrawn, given);
    }
    found.decisions = decisions
        .into_iter()
        .map(|(what, times)| (times, what))
        .collect();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> String {
        format!("2026-11-21T12:{minute:02}:00Z")
    }

    fn log(folder: &Path, name: &str, lines: &[String]) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    }

    fn entry(minute: u32, kind: &str, id: u32) -> String {
        let means =
            format!("{{\"means\":\"entry\",\"entry\":\"{id:08x}-0000-0000-0000-000000000000\"}}");
        format!(
            "{{\"time\":\"{}\",\"event\":\"access\",\"commit\":\"1.1\",\"{kind}\":[{means}]}}",
            at(minute)
        )
    }

    fn begun(minute: u32) -> String {
        format!(
            "{{\"time\":\"{}\",\"event\":\"server.start\",\"node\":\"x\"}}",
            at(minute)
        )
    }

    fn found(lines: &[String], older: &[String]) -> FromAudit {
        let folder = tempfile::tempdir().unwrap();
        let path = log(folder.path(), "audit.jsonl", lines);
        log(folder.path(), "audit.jsonl.1", older);
        read(
            &[with_older(&path)],
            Timestamp::from_rfc3339(&at(10)).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn what_was_withdrawn_after_the_backup_is_found_and_what_was_given_again_is_not() {
        let lines = [
            entry(11, "withdrawn", 1),
            entry(12, "withdrawn", 2),
            entry(13, "given", 1),
            "{\"torn".to_owned(),
        ];
        let found = found(&lines, &[begun(1), entry(2, "withdrawn", 3)]);
        assert!(found.is_complete());
        assert_eq!(found.withdrawals.means().count(), 1);
        assert_eq!(found.files.len(), 2);
    }

    #[test]
    fn a_log_that_begins_after_the_backup_or_lost_lines_is_not_complete() {
        let late = found(&[entry(12, "withdrawn", 1)], &[begun(11)]);
        assert!(!late.is_complete() && late.lost == 0);
        let gap = "{\"event\":\"audit lines lost\",\"lines\":7}".to_owned();
        let lost = found(&[begun(12), gap.clone()], &[begun(1)]);
        assert_eq!((lost.lost, lost.is_complete()), (7, false));
        let before = found(&[begun(12)], &[begun(1), gap, begun(2)]);
        assert!(
            before.is_complete(),
            "what was lost before is in the backup"
        );
        let none = read(&[], Timestamp::EPOCH).unwrap();
        assert!(!none.is_complete());
    }

    /// A line that a newer version has written withdraws something that nobody here understands.
    #[test]
    fn a_line_that_withdraws_what_is_not_known_here_is_missing() {
        let newer = entry(12, "withdrawn", 1).replace("\"entry\",", "\"finger\",");
        let found = found(&[newer, entry(13, "withdrawn", 2)], &[begun(1)]);
        assert_eq!((found.lost, found.is_complete()), (1, false));
        assert_eq!(found.withdrawals.means().count(), 1);
    }

    #[test]
    fn the_logs_of_two_nodes_are_one_story() {
        let folder = tempfile::tempdir().unwrap();
        let one = log(
            folder.path(),
            "one",
            &[
                begun(1),
                entry(12, "withdrawn", 1),
                entry(15, "withdrawn", 2),
            ],
        );
        let two = log(
            folder.path(),
            "two",
            &[begun(1), entry(11, "given", 1), entry(16, "given", 2)],
        );
        let backup = Timestamp::from_rfc3339(&at(10)).unwrap();
        let found = read(&[with_older(&one), with_older(&two)], backup).unwrap();
        assert!(found.is_complete());
        assert_eq!(found.withdrawals.means().count(), 1);
        let late = log(folder.path(), "three", &[begun(11)]);
        let found = read(&[with_older(&one), with_older(&late)], backup).unwrap();
        assert!(!found.is_complete(), "one of them begins after the backup");
    }

    #[test]
    fn what_somebody_has_to_decide_is_counted() {
        let action = |minute, action: &str| {
            let time = Timestamp::from_rfc3339(&at(minute)).unwrap().micros();
            format!(
                "{{\"time\":{time},\"actor\":{{\"name\":\"a\"}},\"action\":\"{action}\",\"result\":\"done\"}}"
            )
        };
        let lines = [
            action(11, "keys.rotate"),
            action(12, "keys.rotate"),
            action(12, "user.add"),
        ];
        let found = found(&lines, &[begun(1), action(2, "issuer.remove")]);
        assert_eq!(found.decisions.len(), 1);
        assert_eq!(found.decisions[0].0, 2);
    }
}
