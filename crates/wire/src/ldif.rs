//! The LDAP Data Interchange Format (RFC 2849): entries and changes as text, one record after another.
//!
//! Values that stand in other places (`attribute:< URL`) are refused: a file that somebody sends should not make a program
//! read others.

use std::collections::HashMap;

use base64ct::{Base64, Encoding};
use core::fmt::Write as _;

/// The longest line that is written, in bytes.
const LINE: usize = 76;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The entry's name.
    pub name: String,
    /// What is said of it.
    pub kind: Kind,
    /// The line that the record begins on, from 1.
    pub line: usize,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The entry is like this. `changetype: add` says the same.
    Entry(Vec<Attribute>),
    /// These changes are made, in their order.
    Modify(Vec<Change>),
    /// The entry is deleted.
    Delete,
    /// The entry is renamed, or hung elsewhere.
    Rename {
        /// The first part of its new name.
        new_rdn: String,
        /// Whether the former name is no value of it any more.
        delete_old_rdn: bool,
        /// What it hangs on from now on, if that is to change.
        new_superior: Option<String>,
    },
}

/// An attribute with its values, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The description: a name or OID, and options.
    pub description: String,
    /// The values.
    pub values: Vec<Vec<u8>>,
}

/// One change of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done: [`crate::ldap::ModificationKind`].
    pub kind: crate::ldap::ModificationKind,
    /// With what.
    pub attribute: Attribute,
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The records of a text, read one by one. After an error there are no more.
#[derive(Debug)]
pub struct Records<'t> {
    lines: Lines<'t>,
    failed: bool,
}

/// Lines as they were before they were folded, without comments.
#[derive(Debug)]
struct Lines<'t> {
    rest: core::iter::Peekable<core::iter::Enumerate<core::str::Lines<'t>>>,
}

impl<'t> Lines<'t> {
    /// The next line with its number; `Some((_, ""))` for an empty one.
    fn next(&mut self) -> Option<(usize, String)> {
        loop {
            let (number, first) = self.rest.next()?;
            let mut line = first.to_owned();
            // What begins with a space goes on with the line before.
            while let Some((_, more)) = self.rest.next_if(|(_, line)| line.starts_with(' ')) {
                line.push_str(more.get(1..).unwrap_or_default());
            }
            if !line.starts_with('#') {
                return Some((number + 1, line));
            }
        }
    }
}

impl<'t> Records<'t> {
    /// The records of a text.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            lines: Lines {
                rest: text.lines().enumerate().peekable(),
            },
            failed: false,
        }
    }

    fn record(&mut self) -> Result<Option<Record>, Malformed> {
        let (line, name) = loop {
            let Some((line, text)) = self.lines.next() else {
                return Ok(None);
            };
            if text.trim().is_empty() {
                continue;
            }
            let (attribute, value) = split(line, &text)?;
            if attribute.eq_ignore_ascii_case("version") {
                if value != b"1" {
                    return Err(Malformed {
                        line,
                        why: "the version that is read here is 1",
                    });
                }
                continue;
            }
            if !attribute.eq_ignore_ascii_case("dn") {
                return Err(Malformed {
                    line,
                    why: "a record begins with dn:",
                });
            }
            break (line, text_of(line, value)?);
        };
        let mut body = Vec::new();
        while let Some((number, text)) = self.lines.next() {
            if text.is_empty() {
                break;
            }
            if text == "-" {
                body.push((number, None));
                continue;
            }
            body.push((number, Some(split(number, &text)?)));
        }
        let kind = kind(line, body)?;
        Ok(Some(Record { name, kind, line }))
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.record().transpose();
        self.failed = matches!(record, Some(Err(_)));
        record
    }
}

/// A line of a record: its number, and what stands there; `None` for the `-` between changes.
type Said = (usize, Option<(String, Vec<u8>)>);

fn split(line: usize, text: &str) -> Result<(String, Vec<u8>), Malformed> {
    let (attribute, value) = text.split_once(':').ok_or(Malformed {
        line,
        why: "there is no ':' behind an attribute's name",
    })?;
    if attribute.is_empty() {
        return Err(Malformed {
            line,
            why: "there is no attribute's name",
        });
    }
    let value = match value.as_bytes().first() {
        Some(b':') => {
            let encoded: String = value
                .get(1..)
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            Base64::decode_vec(&encoded).map_err(|_| Malformed {
                line,
                why: "what stands behind '::' is no base64",
            })?
        }
        Some(b'<') => {
            return Err(Malformed {
                line,
                why: "values are not read from other files; write them as base64 behind '::'",
            });
        }
        _ => value.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Ok((attribute.to_owned(), value))
}

fn text_of(line: usize, value: Vec<u8>) -> Result<String, Malformed> {
    String::from_utf8(value).map_err(|_| Malformed {
        line,
        why: "a name is UTF-8",
    })
}

fn kind(line: usize, body: Vec<Said>) -> Result<Kind, Malformed> {
    let mut body = body.into_iter().peekable();
    // Controls of records are for servers; whoever reads files here does without.
    let is = |said: &Said, name: &str| matches!(said, (_, Some((attribute, _))) if attribute.eq_ignore_ascii_case(name));
    if let Some((line, _)) = body.next_if(|said| is(said, "control")) {
        return Err(Malformed {
            line,
            why: "controls are not known here",
        });
    }
    let Some((number, Some((_, value)))) = body.next_if(|said| is(said, "changetype")) else {
        return entry(line, body);
    };
    match value.to_ascii_lowercase().as_slice() {
        b"add" => entry(line, body),
        b"delete" => match body.next() {
            None => Ok(Kind::Delete),
            Some((line, _)) => Err(Malformed {
                line,
                why: "a deletion has nothing to say",
            }),
        },
        b"modify" => modify(body),
        b"modrdn" | b"moddn" => rename(number, body),
        _ => Err(Malformed {
            line: number,
            why: "changetype is add, delete, modify, modrdn or moddn",
        }),
    }
}

fn entry(line: usize, body: impl Iterator<Item = Said>) -> Result<Kind, Malformed> {
    let mut attributes: Vec<Attribute> = Vec::new();
    // A file may name as many as it has lines: each is found without a look at all others.
    let mut places: HashMap<String, usize> = HashMap::new();
    for (number, said) in body {
        let Some((description, value)) = said else {
            return Err(Malformed {
                line: number,
                why: "'-' stands between changes alone",
            });
        };
        let folded = description.to_ascii_lowercase();
        // Without the empty line between them two entries would be one, with the attributes of both.
        if folded == "dn" {
            return Err(Malformed {
                line: number,
                why: "an empty line stands between two records",
            });
        }
        let next = attributes.len();
        match attributes.get_mut(*places.entry(folded).or_insert(next)) {
            Some(attribute) => attribute.values.push(value),
            None => attributes.push(Attribute {
                description,
                values: vec![value],
            }),
        }
    }
    if attributes.is_empty() {
        return Err(Malformed {
            line,
            why: "an entry has attributes",
        });
    }
    Ok(Kind::Entry(attributes))
}

fn modify(body: impl Iterator<Item = Said>) -> Result<Kind, Malformed> {
    use crate::ldap::ModificationKind;
    let mut changes = Vec::new();
    let mut open: Option<Change> = None;
    for (line, said) in body {
        let Some((word, value)) = said else {
            changes.push(open.take().ok_or(Malformed {
                line,
                why: "'-' ends a change",
            })?);
            continue;
        };
        match &mut open {
            Some(change) => {
                if !word.eq_ignore_ascii_case(&change.attribute.description) {
                    return Err(Malformed {
                        line,
                        why: "the values of a change are of the attribute that it names",
                    });
                }
                change.attribute.values.push(value);
            }
            None => {
                let kind = match word.to_ascii_lowercase().as_str() {
                    "add" => ModificationKind::Add,
                    "delete" => ModificationKind::Delete,
                    "replace" => ModificationKind::Replace,
                    "increment" => ModificationKind::Increment,
                    _ => {
                        return Err(Malformed {
                            line,
                            why: "a change begins with add, delete, replace or increment",
                        });
                    }
                };
                let description = text_of(line, value)?;
                let values = Vec::new();
                open = Some(Change {
                    kind,
                    attribute: Attribute {
                        description,
                        values,
                    },
                });
            }
        }
    }
    // The last one need not be ended.
    changes.extend(open);
    Ok(Kind::Modify(changes))
}

fn rename(line: usize, body: impl Iterator<Item = Said>) -> Result<Kind, Malformed> {
    let (mut new_rdn, mut delete_old_rdn, mut new_superior) = (None, None, None);
    for (line, said) in body {
        let Some((word, value)) = said else {
            return Err(Malformed {
                line,
                why: "'-' stands between changes alone",
            });
        };
        let place = match word.to_ascii_lowercase().as_str() {
            "newrdn" => &mut new_rdn,
            "deleteoldrdn" => &mut delete_old_rdn,
            "newsuperior" => &mut new_superior,
            _ => {
                return Err(Malformed {
                    line,
                    why: "a renaming says newrdn, deleteoldrdn and newsuperior",
                });
            }
        };
        *place = Some(text_of(line, value)?);
    }
    let missing = || Malformed {
        line,
        why: "a renaming says newrdn, and deleteoldrdn: 0 or 1",
    };
    Ok(Kind::Rename {
        new_rdn: new_rdn.ok_or_else(missing)?,
        delete_old_rdn: match delete_old_rdn.as_deref() {
            Some("0") => false,
            Some("1") => true,
            _ => return Err(missing()),
        },
        new_superior,
    })
}

/// Appends an entry to a text, as a record with an empty line behind it.
pub fn write_entry(out: &mut String, name: &str, attributes: &[Attribute]) {
    write_line(out, "dn", name.as_bytes());
    for attribute in attributes {
        for value in &attribute.values {
            write_line(out, &attribute.description, value);
        }
    }
    out.push('\n');
}

/// Appends changes of an entry to a text, as a record with an empty line behind it.
pub fn write_changes(out: &mut String, name: &str, changes: &[Change]) {
    use crate::ldap::ModificationKind;
    write_line(out, "dn", name.as_bytes());
    out.push_str("changetype: modify\n");
    for (place, change) in changes.iter().enumerate() {
        if place > 0 {
            out.push_str("-\n");
        }
        let kind = match change.kind {
            ModificationKind::Add => "add",
            ModificationKind::Delete => "delete",
            ModificationKind::Replace => "replace",
            ModificationKind::Increment => "increment",
        };
        let description = &change.attribute.description;
        write_line(out, kind, description.as_bytes());
        for value in &change.attribute.values {
            write_line(out, description, value);
        }
    }
    out.push('\n');
}

/// Whether a value can stand as it is (SAFE-STRING, RFC 2849).
fn is_safe(value: &[u8]) -> bool {
    let first = value.first().is_none_or(|byte| !b" :<".contains(byte));
    let each = value
        .iter()
        .all(|byte| byte.is_ascii() && !matches!(byte, 0 | b'\n' | b'\r'));
    first && each && value.last() != Some(&b' ')
}

fn write_line(out: &mut String, name: &str, value: &[u8]) {
    let mut line = String::new();
    match std::str::from_utf8(value) {
        Ok(text) if is_safe(value) => {
            let _ = write!(line, "{name}: {text}");
        }
        _ => {
            let _ = write!(line, "{name}:: {}", Base64::encode_string(value));
        }
    }
    // All of it is ASCII, but for names of attributes, which are, too, where they are any.
    let mut rest = line.as_str();
    let mut room = LINE;
    while rest.len() > room {
        let Some((piece, after)) = rest.split_at_checked(room) else {
            break;
        };
        out.push_str(piece);
        out.push_str("\n ");
        rest = after;
        room = LINE - 1;
    }
    out.push_str(rest);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::ModificationKind;

    /// RFC 2849's examples 1, 4 and 6, in part.
    const EXAMPLES: &str = "version: 1
# a comment
 that goes on
dn: cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com
objectclass: top
objectclass: person
cn: Barbara Jensen
description: Babs is a big sailing fan, and travels extensively in sea
 rch of perfect sailing conditions.

dn:: b3U95Za25qWt6YOoLG89QWlyaXVz
ou:: 5Za25qWt6YOo
ou;lang-en: Sales

dn: cn=Paul Jensen, ou=Product Development, dc=airius, dc=com
changetype: modrdn
newrdn: cn=Paula Jensen
deleteoldrdn: 1

dn: cn=Robert Jensen, ou=Marketing, dc=airius, dc=com
changetype: delete

dn: cn=Paula Jensen, ou=Product Development, dc=airius, dc=com
changetype: modify
add: postaladdress
postaladdress: 123 Anystreet $ Sunnyvale, CA $ 94086
-
delete: description
-
replace: telephonenumber
telephonenumber: +1 408 555 1234
telephonenumber: +1 408 555 5678
-
";

    #[test]
    fn reads_the_examples_of_the_rfc() {
        let records: Vec<Record> = Records::of(EXAMPLES).map(Result::unwrap).collect();
        let [barbara, sales, paul, robert, paula] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert_eq!(
            barbara.name,
            "cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com"
        );
        assert_eq!(barbara.line, 4);
        let Kind::Entry(attributes) = &barbara.kind else {
            panic!("{barbara:?}");
        };
        assert_eq!(attributes[0].values, [b"top".to_vec(), b"person".to_vec()]);
        assert!(attributes[2].values[0].ends_with(b"in search of perfect sailing conditions."));
        assert_eq!(sales.name, "ou=\u{55b6}\u{696d}\u{90e8},o=Airius");
        assert!(
            matches!(&paul.kind, Kind::Rename { new_rdn, delete_old_rdn: true, new_superior: None } if new_rdn == "cn=Paula Jensen")
        );
        assert_eq!(robert.kind, Kind::Delete);
        let Kind::Modify(changes) = &paula.kind else {
            panic!("{paula:?}");
        };
        let kinds: Vec<_> = changes
            .iter()
            .map(|change| (change.kind, change.attribute.values.len()))
            .collect();
        let expected = [
            (ModificationKind::Add, 1),
            (ModificationKind::Delete, 0),
            (ModificationKind::Replace, 2),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn every_value_comes_back() {
        let values: [&[u8]; 9] = [
            b"plain",
            b"",
            b" space",
            b"space ",
            b":colon",
            b"<url",
            b"two\nlines",
            "\u{e9}".as_bytes(),
            &[0, 255, 7],
        ];
        let long = vec![b'x'; 500];
        let attribute = Attribute {
            description: "description".to_owned(),
            values: values
                .iter()
                .map(|value| value.to_vec())
                .chain([long])
                .collect(),
        };
        let mut text = String::new();
        write_entry(
            &mut text,
            "CN=Zo\u{eb}, Example",
            std::slice::from_ref(&attribute),
        );
        write_entry(&mut text, "CN=b", std::slice::from_ref(&attribute));
        assert!(text.lines().all(|line| line.len() <= LINE));
        let records: Vec<Record> = Records::of(&text).map(Result::unwrap).collect();
        assert_eq!(records[0].name, "CN=Zo\u{eb}, Example");
        assert_eq!(records[1].kind, Kind::Entry(vec![attribute]));
        // Files of other systems.
        let records: Vec<_> = Records::of(&text.replace('\n', "\r\n")).collect();
        assert!(records.iter().all(Result::is_ok));
    }

    #[test]
    fn says_which_line_is_wrong_and_why() {
        for (text, line) in [
            ("cn: a\n", 1),
            ("version: 2\n", 1),
            ("\n\ndn: a\n", 3),
            ("dn: a\ncn\n", 2),
            ("dn: a\n: b\n", 2),
            ("dn: a\ncn:: !\n", 2),
            ("dn: a\ncn:< file:///etc/passwd\n", 2),
            ("dn: a\nchangetype: strange\n", 2),
            ("dn: a\nchangetype: delete\ncn: b\n", 3),
            ("dn: a\nchangetype: modify\nturn: b\n", 3),
            ("dn: a\nchangetype: modify\nadd: b\nc: d\n", 4),
            ("dn: a\nchangetype: modrdn\nnewrdn: b\n", 2),
            ("dn: a\ncontrol: 1.2.3\nchangetype: delete\n", 2),
            ("dn:: /w==\ncn: a\n", 1),
            ("dn: a\ncn: b\n-\n", 3),
            // The empty line between two entries is missing.
            ("dn: a\ncn: b\nDN: c\ncn: d\n", 3),
        ] {
            let wrong = Records::of(text).find_map(Result::err);
            assert_eq!(wrong.map(|wrong| wrong.line), Some(line), "{text:?}");
            assert!(Records::of(text).count() <= 1, "nothing behind it");
        }
    }

    /// 150,000 names held against each other in pairs would take the better part of a minute.
    #[test]
    fn a_record_of_very_many_attributes_costs_its_length() {
        use std::fmt::Write as _;
        let mut text = String::from("dn: CN=a\n");
        for number in 0..150_000 {
            let _ = writeln!(text, "{number}: a\n{number}: b");
        }
        let records: Vec<Record> = Records::of(&text).map(Result::unwrap).collect();
        let [
            Record {
                kind: Kind::Entry(attributes),
                ..
            },
        ] = records.as_slice()
        else {
            panic!("{}", records.len());
        };
        assert_eq!(attributes.len(), 150_000);
        assert!(
            attributes
                .iter()
                .all(|attribute| attribute.values.len() == 2)
        );
        assert_eq!(attributes[7].description, "7");
    }

    #[test]
    fn changes_that_are_written_are_read_again() {
        let change = |kind, description: &str, values: &[&[u8]]| Change {
            kind,
            attribute: Attribute {
                description: description.to_owned(),
                values: values.iter().map(|value| value.to_vec()).collect(),
            },
        };
        let changes = vec![
            change(ModificationKind::Add, "member", &[b"CN=a", b"CN= \xc3\xa4"]),
            change(ModificationKind::Replace, "title", &[]),
            change(ModificationKind::Delete, "photo", &[&[0, 255]]),
            change(ModificationKind::Increment, "uidNumber", &[b"1"]),
        ];
        let mut text = String::new();
        write_changes(&mut text, "CN=staff,DC=x", &changes);
        write_changes(&mut text, "CN=other,DC=x", &changes);
        let read: Vec<Record> = Records::of(&text).map(|record| record.unwrap()).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].kind, Kind::Modify(changes));
    }
}
