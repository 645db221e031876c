//! The vectors of Project Wycheproof, against the doors that our programs use: what is valid is accepted, what is
//! invalid is refused, and where we are narrower than the suite it is written down why.
//!
//! What each file ran is printed (`--nocapture`) and asserted, so that an empty file is no success.

mod jose;
mod oaep;
mod signatures;
mod symmetric;

use std::collections::BTreeMap;

use serde_json::Value;

/// What became of a file's cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Of both, about how many we decided ourselves.
    decided: usize,
}

/// What we make of a case that the suite sees otherwise or leaves open, and why.
#[derive(Clone, Copy, Debug)]
enum Ours {
    Accepted(&'static str),
    Refused(&'static str),
}

/// A group of cases with one key.
#[derive(Clone, Copy)]
struct Group<'a>(&'a Value);

/// One case.
#[derive(Clone, Copy)]
struct Case<'a>(&'a Value);

impl<'a> Group<'a> {
    fn text(self, name: &str) -> &'a str {
        text(self.0, name)
    }

    fn number(self, name: &str) -> u64 {
        number(self.0, name)
    }

    /// A key as JSON, where the group has it.
    fn key(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|key| !key.is_null())
    }

    fn bytes(self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }
}

impl<'a> Case<'a> {
    fn bytes(self, name: &str) -> Vec<u8> {
        hex(text(self.0, name))
    }

    fn number(self, name: &str) -> u64 {
        number(self.0, name)
    }

    /// A compact token; something else where the suite tries the other serialization.
    fn token(self, name: &str) -> String {
        match &self.0[name] {
            Value::String(token) => token.clone(),
            other => other.to_string(),
        }
    }

    fn has_flag(self, name: &str) -> bool {
        let flags = self.0["flags"].as_array();
        flags.is_some_and(|flags| flags.iter().any(|flag| flag == name))
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    let text = value[name].as_str();
    text.unwrap_or_else(|| panic!("there is no text {name} in {value}"))
}

fn number(value: &Value, name: &str) -> u64 {
    let number = value[name].as_u64();
    number.unwrap_or_else(|| panic!("there is no number {name} in {value}"))
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit");
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| (digit(pair[0]) * 16 + digit(pair[1])) as u8)
        .collect()
}

/// Puts every case of a file to `accepts`. `decided` has the cases in which we do otherwise than the suite says, or where it
/// leaves that open.
fn judge(
    name: &str,
    decided: impl Fn(Group<'_>, Case<'_>) -> Option<Ours>,
    mut accepts: impl FnMut(Group<'_>, Case<'_>) -> bool,
) -> Tally {
    let path = format!(
        "{}/tests/wycheproof/vectors/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Value = serde_json::from_slice(&file).expect("a file of vectors is JSON");
    let mut tally = Tally::default();
    let mut reasons = BTreeMap::<_, usize>::new();
    for group in file["testGroups"].as_array().expect("a list of groups") {
        for case in group["tests"].as_array().expect("a list of cases") {
            let (group, case) = (Group(group), Case(case));
            let valid = match text(case.0, "result") {
                "valid" => Some(true),
                "invalid" => Some(false),
                "acceptable" => None,
                other => panic!("{name}: {other} is no result"),
            };
            let ours = decided(group, case);
            let ours = ours.filter(|ours| valid != Some(matches!(ours, Ours::Accepted(_))));
            let expected = match ours {
                Some(ours) => matches!(ours, Ours::Accepted(_)),
                None => valid.expect("what is acceptable is decided"),
            };
            assert_eq!(
                accepts(group, case),
                expected,
                "{name}, case {}: {}, {:?} by the suite, {ours:?} by us",
                case.number("tcId"),
                text(case.0, "comment"),
                text(case.0, "result"),
            );
            match expected {
                true => tally.accepted += 1,
                false => tally.refused += 1,
            }
            if let Some(Ours::Accepted(why) | Ours::Refused(why)) = ours {
                *reasons.entry(why).or_default() += 1;
                tally.decided += 1;
            }
        }
    }
    let ran = tally.accepted + tally.refused;
    assert_eq!(
        ran as u64,
        number(&file, "numberOfTests"),
        "{name}: all of them"
    );
    println!(
        "{name}: {ran} ran, {} accepted, {} refused; decided by us: {reasons:?}",
        tally.accepted, tally.refused
    );
    tally
}

/// For a file in which we do all that the suite says.
fn as_it_says(_: Group<'_>, _: Case<'_>) -> Option<Ours> {
    None
}

const fn tally(accepted: usize, refused: usize, decided: usize) -> Tally {
    Tally {
        accepted,
        refused,
        decided,
    }
}
