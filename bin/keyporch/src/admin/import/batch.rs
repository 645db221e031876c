//! Records on their way to the server, so many at a time.

use std::collections::{BTreeMap, HashSet, VecDeque};

use call::administration::Unwilling;
use http::Method;
use serde_json::Value;
use wire::ldap::ModificationKind;
use wire::ldif::{self, Attribute, Change, Kind, Record};

use super::file::{LdifFile, Phase, Step, Text, is_link};
use super::report::{Report, Sheet};
use crate::admin::{Api, told};
use crate::failure::Failure;

/// Records of one request.
const RECORDS: usize = 500;

/// About how long a request is, in bytes.
const BYTES: usize = 512 * 1024;

/// How long one record may be: with it alone a request stays below what servers take.
const LONGEST: usize = 900 * 1024;

/// Values that one change names.
const VALUES: usize = 1_000;

/// A list that is longer than this is not replaced: what is missing is added, and nothing taken out.
const REPLACED: usize = 5_000;

/// LDAP's noSuchObject.
const NO_SUCH_OBJECT: u64 = 32;

/// What is asked for.
pub(super) struct Wish<'w> {
    pub(super) update: bool,
    pub(super) skip_unknown: bool,
    pub(super) from_base: Option<&'w str>,
    pub(super) go_on: bool,
    pub(super) dry_run: bool,
}

/// Brings records to the server.
pub(super) struct Batches<'b> {
    api: &'b Api,
    wish: Wish<'b>,
    waiting: VecDeque<Item>,
    bytes: usize,
    /// Records of one request at present: fewer where the server is slow.
    room: usize,
    /// Records that were refused or passed over: what they name of others has no entry to be said of.
    absent: HashSet<usize>,
    /// On trial: entries that others hang on, which the server would have by then.
    above: BTreeMap<String, String>,
}

/// A record that waits.
struct Item {
    step: Step,
    /// Where it is, for people.
    at: String,
    /// The name of its entry.
    name: String,
    text: String,
    /// What stands in the file; the same, but for parts of it.
    raw: Option<String>,
    /// Its one change of several values, which may be done in parts.
    parts: Option<Change>,
    /// Whether the step is done with it.
    last: bool,
}

impl<'b> Batches<'b> {
    pub(super) fn new(api: &'b Api, wish: Wish<'b>) -> Self {
        Self {
            api,
            wish,
            waiting: VecDeque::new(),
            bytes: 0,
            room: RECORDS,
            absent: HashSet::new(),
            above: BTreeMap::new(),
        }
    }

    /// Brings a file in, step by step.
    pub(super) fn bring(
        mut self,
        file: &mut LdifFile,
        steps: &[Step],
        report: &mut Report,
        mut sheet: Option<&mut Sheet>,
    ) -> Result<(), Failure> {
        for step in steps {
            self.wait(file, *step)?;
            while self.waiting.len() >= self.room || self.bytes >= BYTES {
                self.send(report, sheet.as_deref_mut())?;
            }
        }
        while !self.waiting.is_empty() {
            self.send(report, sheet.as_deref_mut())?;
        }
        Ok(())
    }

    /// Puts what a step is about behind what waits.
    fn wait(&mut self, file: &mut LdifFile, step: Step) -> Result<(), Failure> {
        let text = file.text(step.record)?;
        let at = format!(
            "{}:{}: {}",
            file.name().display(),
            text.line,
            text.record.name
        );
        let linked = file.is_linked(step.record);
        let Text { raw, record, .. } = text;
        let item = |text: String| Item {
            step,
            at: at.clone(),
            name: record.name.clone(),
            text,
            raw: None,
            parts: None,
            last: true,
        };
        match (step.phase, record.kind) {
            (Phase::Links, Kind::Entry(attributes)) => {
                let changes = changes(attributes, self.wish.update);
                let count = changes.len();
                for (place, change) in changes.into_iter().enumerate() {
                    self.push(Item {
                        last: place + 1 == count,
                        parts: Some(change.clone()),
                        ..item(written(&record.name, change))
                    });
                }
            }
            (Phase::Entry, Kind::Entry(mut attributes)) if linked => {
                attributes.retain(|attribute| !is_link(attribute));
                let mut text = String::new();
                ldif::write_entry(&mut text, &record.name, &attributes);
                self.push(Item {
                    raw: Some(raw),
                    ..item(text)
                });
            }
            _ => {
                let mut text = raw;
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
                text.push_str("\n\n");
                self.push(item(text));
            }
        }
        Ok(())
    }

    fn push(&mut self, item: Item) {
        self.bytes += item.text.len();
        self.waiting.push_back(item);
    }

    /// Sends what waits, as much as one request takes, and has the answer counted.
    fn send(&mut self, report: &mut Report, mut sheet: Option<&mut Sheet>) -> Result<(), Failure> {
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = 0;
        while let Some(item) = self.waiting.front() {
            let full = bytes + item.text.len() > LONGEST || items.len() >= self.room;
            if full && !items.is_empty() {
                break;
            }
            let gone = item.step.phase == Phase::Links && self.absent.contains(&item.step.record);
            let Some(item) = self.waiting.pop_front() else {
                break;
            };
            self.bytes -= item.text.len();
            if gone {
                report.advance(usize::from(item.last));
            } else if item.text.len() > LONGEST {
                let why = format!("the record is longer than {LONGEST} bytes");
                self.refused(&item, &why, "divide it", report, sheet.as_deref_mut())?;
            } else {
                bytes += item.text.len();
                items.push(item);
            }
        }
        if items.is_empty() {
            return Ok(());
        }
        let before = self.ancestors(&items);
        let asked = self.ask(&before, &items);
        let answer = match asked {
            Ok(answer) => answer,
            // It took too long, or the server found no time for so much: fewer at a time.
            Err(Unwilling::Call(call::CallFault::TooSlow { .. })) if items.len() > 1 => {
                return self.again_in_parts(items);
            }
            Err(Unwilling::Refused { status: 503, .. }) if items.len() > 1 => {
                return self.again_in_parts(items);
            }
            Err(unwilling) => return Err(told(unwilling)),
        };
        report.left_out(&answer);
        self.judge(&answer, before.len(), items, report, sheet)
    }

    fn again_in_parts(&mut self, items: Vec<Item>) -> Result<(), Failure> {
        self.room = (items.len() / 2).max(1);
        self.back(items);
        Ok(())
    }

    /// Puts items back before all that wait.
    fn back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.bytes += item.text.len();
            self.waiting.push_front(item);
        }
    }

    fn ask(&self, before: &[String], items: &[Item]) -> Result<Value, Unwilling> {
        let word = |flag: bool| if flag { "true" } else { "false" };
        let mut query = vec![
            ("update", word(self.wish.update)),
            ("skip_unknown", word(self.wish.skip_unknown)),
            ("go_on", word(self.wish.go_on)),
            ("dry_run", word(self.wish.dry_run)),
        ];
        query.extend(self.wish.from_base.map(|base| ("from_base", base)));
        let mut body = before.concat();
        for item in items {
            body.push_str(&item.text);
        }
        let body = ("application/ldif", body.into_bytes());
        self.api
            .way
            .send(Method::POST, "/import", &query, Some(body))
    }

    /// On trial: the entries that those of a request hang on, and that the server would have by then.
    fn ancestors(&self, items: &[Item]) -> Vec<String> {
        let mut names: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        if self.wish.dry_run {
            for item in items {
                let mut above = folded(&item.name);
                while let Some((_, rest)) = above.split_once(',') {
                    let rest = rest.to_owned();
                    if let Some((known, _)) = self.above.get_key_value(&rest) {
                        names.entry(rest.len()).or_default().push(known);
                    }
                    above = rest;
                }
            }
        }
        let mut known = HashSet::new();
        names
            .into_values()
            .flatten()
            .filter(|name| known.insert(*name))
            .filter_map(|name| self.above.get(name).cloned())
            .collect()
    }

    /// Counts what became of each record, says what was refused, and puts back what was not done.
    fn judge(
        &mut self,
        answer: &Value,
        before: usize,
        items: Vec<Item>,
        report: &mut Report,
        mut sheet: Option<&mut Sheet>,
    ) -> Result<(), Failure> {
        let list = |name: &str| {
            let list = answer.get(name).and_then(Value::as_array);
            list.map(Vec::as_slice).unwrap_or_default()
        };
        let outcomes = list("outcomes").get(before..).unwrap_or_default();
        let mut refusals: BTreeMap<u64, &Value> = BTreeMap::new();
        for refusal in list("refused") {
            let place = refusal.get("record").and_then(Value::as_u64);
            refusals.extend(place.map(|place| (place, refusal)));
        }
        let stopped = !self.wish.go_on && !refusals.is_empty();
        if outcomes.is_empty() && !stopped {
            return Err(Failure::failed(
                "the server did nothing of what it was brought",
                "Check that this command and the server are of the same version.",
            ));
        }
        let mut rest = Vec::new();
        let mut outcomes = outcomes.iter().filter_map(Value::as_str);
        let mut ended = None;
        for (place, item) in items.into_iter().enumerate() {
            if ended.is_some() {
                break;
            }
            let refusal = refusals.get(&((before + place) as u64));
            let outcome = outcomes.next();
            let Some(refusal) = refusal else {
                match outcome {
                    None => rest.push(item),
                    Some(outcome) => self.done(&item, outcome, report),
                }
                continue;
            };
            if self.wish.dry_run
                && item.step.phase == Phase::Change
                && refusal.get("result").and_then(Value::as_u64) == Some(NO_SUCH_OBJECT)
            {
                // What it changes may come with the file itself.
                report.count("untried", 1);
                report.advance(1);
            } else if let (Some(parts), None) = (halves(&item), refusal.get("nearest")) {
                // Of many values the others are done.
                rest.extend(parts);
            } else {
                let said = |name| {
                    refusal
                        .get(name)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                };
                let (why, remedy) = (said("why"), said("remedy"));
                let sheet = sheet.as_deref_mut();
                ended = self.refused(&item, why, remedy, report, sheet).err();
            }
        }
        self.back(rest);
        ended.map_or(Ok(()), Err)
    }

    fn done(&mut self, item: &Item, outcome: &str, report: &mut Report) {
        if outcome == "passed_over" {
            self.absent.insert(item.step.record);
        } else if self.wish.dry_run && item.step.phase == Phase::Entry && is_container(&item.text) {
            self.above.insert(folded(&item.name), item.text.clone());
        }
        if item.step.phase != Phase::Links {
            report.count(outcome, 1);
        } else if outcome == "changed" {
            report.count("linked", 1);
        }
        report.advance(usize::from(item.last));
    }

    fn refused(
        &mut self,
        item: &Item,
        why: &str,
        remedy: &str,
        report: &mut Report,
        sheet: Option<&mut Sheet>,
    ) -> Result<(), Failure> {
        if item.step.phase == Phase::Entry {
            self.absent.insert(item.step.record);
        }
        let said = format!("{}: {why}", item.at);
        let Some(sheet) = sheet else {
            let remedy = format!(
                "{remedy}, and import again, or go on behind it with --continue; what is done is not done twice"
            );
            return Err(Failure::refused(said, remedy));
        };
        report.count("refused", 1);
        report.advance(usize::from(item.last));
        report.refused(&item.at, why, remedy);
        sheet.write(&item.at, why, item.raw.as_deref().unwrap_or(&item.text));
        Ok(())
    }
}

/// What an entry names of others, as changes of so many values each.
fn changes(attributes: Vec<Attribute>, update: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    for attribute in attributes.into_iter().filter(is_link) {
        let bytes: usize = attribute.values.iter().map(Vec::len).sum();
        if update && attribute.values.len() <= REPLACED && bytes <= BYTES {
            changes.push(Change {
                kind: ModificationKind::Replace,
                attribute,
            });
            continue;
        }
        for values in attribute.values.chunks(VALUES) {
            changes.push(Change {
                kind: ModificationKind::Add,
                attribute: Attribute {
                    description: attribute.description.clone(),
                    values: values.to_vec(),
                },
            });
        }
    }
    changes
}

fn written(name: &str, change: Change) -> String {
    let mut text = String::new();
    ldif::write_changes(&mut text, name, &[change]);
    text
}

/// A change of several values as two, so that one value that is refused takes none of the others along. What would replace
/// a list adds to it then, and takes nothing out.
fn halves(item: &Item) -> Option<[Item; 2]> {
    let change = item.parts.as_ref()?;
    let values = &change.attribute.values;
    if values.len() < 2 {
        return None;
    }
    let (first, second) = values.split_at(values.len() / 2);
    let half = |values: &[Vec<u8>], last: bool| {
        let change = Change {
            kind: ModificationKind::Add,
            attribute: Attribute {
                description: change.attribute.description.clone(),
                values: values.to_vec(),
            },
        };
        Item {
            step: item.step,
            at: item.at.clone(),
            name: item.name.clone(),
            text: written(&item.name, change.clone()),
            raw: None,
            parts: Some(change),
            last,
        }
    };
    Some([half(first, false), half(second, item.last)])
}

/// Whether others may hang on an entry.
fn is_container(text: &str) -> bool {
    let record: Option<Record> = ldif::Records::of(text).find_map(Result::ok);
    let Some(Record {
        kind: Kind::Entry(attributes),
        ..
    }) = record
    else {
        return false;
    };
    attributes.iter().any(|attribute| {
        attribute.description.eq_ignore_ascii_case("objectClass")
            && attribute.values.iter().any(|value| {
                ["organizationalUnit", "container"]
                    .iter()
                    .any(|class| value.eq_ignore_ascii_case(class.as_bytes()))
            })
    })
}

/// A name as it is compared: without regard to case, and to spaces behind commas.
fn folded(name: &str) -> String {
    name.to_lowercase().replace(", ", ",")
}
