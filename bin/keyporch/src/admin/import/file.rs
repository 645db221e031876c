//! An LDIF file: where its records are, and in which order they are brought in.
//!
//! The file is read twice: whole at first, so that one that is malformed is refused before anything is done, and then
//! record by record. What is kept of a record meanwhile is its place.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use wire::ldif::{Attribute, Kind, Record, Records};

use crate::failure::Failure;

/// The longest record, in bytes.
const LONGEST: usize = 64 << 20;

/// Attributes that name other entries, which may come later.
const LINKS: [&str; 4] = ["member", "uniqueMember", "manager", "managedBy"];

/// An LDIF file with the places of its records.
pub(super) struct LdifFile {
    name: PathBuf,
    content: BufReader<File>,
    places: Vec<Place>,
    /// Where the content is read from next.
    at: u64,
}

/// Where a record is, and what it is.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    length: usize,
    /// The line that its text begins on, from 1.
    line: usize,
    depth: usize,
    kind: Is,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Entry,
    /// An entry that names others.
    Linked,
    Change,
}

/// What is done with a record at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The entry, without what names others.
    Entry,
    /// What names others.
    Links,
    /// The change that it is.
    Change,
}

/// A record, at the time that something is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Which record, in the order of the file.
    pub(super) record: usize,
    pub(super) phase: Phase,
}

/// A record as it stands in the file.
pub(super) struct Text {
    /// The record's own text, comments included.
    pub(super) raw: String,
    pub(super) record: Record,
    /// The line that it begins on.
    pub(super) line: usize,
}

impl LdifFile {
    /// Opens a file and looks through it; `-` is standard input, which is kept in a file of its own meanwhile.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::of(&error, "Give an LDIF file, or - for standard input.").naming(path)
        };
        let content = if path == Path::new("-") {
            kept(&mut std::io::stdin().lock()).map_err(unreadable)?
        } else {
            File::open(path).map_err(unreadable)?
        };
        let mut file = Self {
            name: path.to_owned(),
            content: BufReader::with_capacity(1 << 20, content),
            places: Vec::new(),
            at: 0,
        };
        file.look_through()?;
        Ok(file)
    }

    /// The file's name.
    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    fn look_through(&mut self) -> Result<(), Failure> {
        let (mut offset, mut line) = (0, 1);
        let mut text = Vec::new();
        let (mut begin, mut first) = (0, 1);
        loop {
            let before = text.len();
            let room = (LONGEST + 1).saturating_sub(before) as u64;
            let mut limited = (&mut self.content).take(room);
            let read = limited.read_until(b'\n', &mut text);
            let read = read.map_err(|error| {
                Failure::of(&error, "Check that the file can be read.").naming(&self.name)
            })?;
            let empty = matches!(text.get(before..), Some(b"\n" | b"\r\n"));
            if text.len() > LONGEST {
                return Err(self.bad(first, "the record is longer than 64 MiB"));
            }
            offset += read as u64;
            line += 1;
            if read > 0 && !empty {
                continue;
            }
            self.note(&text, begin, first)?;
            if read == 0 {
                return Ok(());
            }
            text.clear();
            (begin, first) = (offset, line);
        }
    }

    /// Notes the record of a text, if it has one.
    fn note(&mut self, text: &[u8], offset: u64, line: usize) -> Result<(), Failure> {
        let Some(record) = self.parsed(text, line)? else {
            return Ok(());
        };
        let kind = match &record.kind {
            Kind::Entry(attributes)
                if attributes.iter().any(is_link) && !is_critical(attributes) =>
            {
                Is::Linked
            }
            Kind::Entry(_) => Is::Entry,
            Kind::Modify(_) | Kind::Rename { .. } | Kind::Delete => Is::Change,
        };
        self.places.push(Place {
            offset,
            length: text.len(),
            line,
            depth: depth(&record.name),
            kind,
        });
        Ok(())
    }

    fn parsed(&self, text: &[u8], line: usize) -> Result<Option<Record>, Failure> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let before = text.get(..error.valid_up_to()).unwrap_or_default();
            let lines = before.iter().filter(|byte| **byte == b'\n').count();
            self.bad(
                line + lines,
                "it is not UTF-8; other bytes stand behind '::', in base64",
            )
        })?;
        match Records::of(text).next() {
            None => Ok(None),
            Some(Ok(record)) => Ok(Some(record)),
            Some(Err(malformed)) => Err(self.bad(line + malformed.line - 1, malformed.why)),
        }
    }

    fn bad(&self, line: usize, why: &str) -> Failure {
        let said = format!("{}:{line}: {why}; nothing was done", self.name.display());
        Failure::refused(said, "Correct the line; the form is that of RFC 2849.")
    }

    /// What is to be done, in this order: entries that follow one another by their depth, then what they name of others;
    /// changes where they stand. On trial without what names others, which may not be there.
    pub(super) fn steps(&self, on_trial: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut next = 0;
        while let Some(place) = self.places.get(next) {
            if place.kind == Is::Change {
                steps.push(Step {
                    record: next,
                    phase: Phase::Change,
                });
                next += 1;
                continue;
            }
            let entries = self.places.get(next..).unwrap_or_default().iter();
            let count = entries.take_while(|place| place.kind != Is::Change).count();
            let mut run: Vec<usize> = (next..next + count).collect();
            run.sort_by_key(|record| self.places.get(*record).map(|place| place.depth));
            let step = |phase| move |record| Step { record, phase };
            steps.extend(run.into_iter().map(step(Phase::Entry)));
            let linked = |record: &usize| {
                let place = self.places.get(*record);
                !on_trial && place.is_some_and(|place| place.kind == Is::Linked)
            };
            let links = (next..next + count).filter(linked);
            steps.extend(links.map(step(Phase::Links)));
            next += count;
        }
        steps
    }

    /// Whether a record names other entries.
    pub(super) fn is_linked(&self, record: usize) -> bool {
        let place = self.places.get(record);
        place.is_some_and(|place| place.kind == Is::Linked)
    }

    /// Reads a record.
    pub(super) fn text(&mut self, record: usize) -> Result<Text, Failure> {
        let changed = || {
            let said = format!("{}: the file has changed meanwhile", self.name.display());
            Failure::failed(said, "Begin again: what is done already is not done twice.")
        };
        let place = *self.places.get(record).ok_or_else(changed)?;
        let mut text = vec![0; place.length];
        let forth = i64::try_from(place.offset).unwrap_or(i64::MAX)
            - i64::try_from(self.at).unwrap_or(i64::MAX);
        let read = match self.at {
            // Where the first reading ended nobody knows.
            0 => self.content.seek(SeekFrom::Start(place.offset)).map(|_| ()),
            _ => self.content.seek_relative(forth),
        };
        let read = read.and_then(|()| self.content.read_exact(&mut text));
        read.map_err(|_| changed())?;
        self.at = place.offset + place.length as u64;
        let raw = String::from_utf8(text).map_err(|_| changed())?;
        match Records::of(&raw).next() {
            Some(Ok(record)) => Ok(Text {
                line: place.line + record.line - 1,
                record,
                raw,
            }),
            _ => Err(changed()),
        }
    }
}

/// Puts what cannot be read twice into a file that is nobody else's and gone with the program.
fn kept(from: &mut impl std::io::Read) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = std::env::temp_dir().join(format!("keyporch-import.{}", std::process::id()));
    let mut options = File::options();
    let options = options.read(true).write(true).create_new(true).mode(0o600);
    let mut file = options.open(&path)?;
    std::fs::remove_file(&path)?;
    std::io::copy(from, &mut file)?;
    file.flush()?;
    file.rewind()?;
    Ok(file)
}

/// Whether an attribute names other entries.
pub(super) fn is_link(attribute: &Attribute) -> bool {
    LINKS
        .iter()
        .any(|link| link.eq_ignore_ascii_case(&attribute.description))
}

/// Whether an entry is one that every domain has: who administers another domain does not administer this one by it.
fn is_critical(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute
            .description
            .eq_ignore_ascii_case("isCriticalSystemObject")
            && attribute
                .values
                .iter()
                .any(|value| value.eq_ignore_ascii_case(b"TRUE"))
    })
}

/// How many parts a name has.
fn depth(name: &str) -> usize {
    let mut depth = 1;
    let mut escaped = false;
    for byte in name.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => depth += 1,
            _ => {}
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<LdifFile, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.ldif");
        std::fs::write(&path, text).unwrap();
        LdifFile::open(&path)
    }

    const PEOPLE: &str = "version: 1\r\n# people\r\n\r\ndn: CN=Staff,OU=A,DC=x\r\nobjectClass: group\r\nmember: CN=a\\, b,OU=A,DC=x\r\n\r\n\
                          \r\ndn: CN=a\\, b,OU=A,DC=x\r\nobjectClass: user\r\n\r\ndn: OU=A,DC=x\r\nobjectClass: organizationalUnit\r\n\r\n\
                          dn: CN=a\\, b,OU=A,DC=x\r\nchangetype: delete\r\n\r\ndn: OU=B,DC=x\r\nchangetype: add\r\nobjectClass: organizationalUnit";

    #[test]
    fn entries_come_by_their_depth_and_what_names_others_behind_them() {
        let mut file = file(PEOPLE).unwrap();
        let steps: Vec<(usize, Phase)> = file
            .steps(false)
            .iter()
            .map(|step| (step.record, step.phase))
            .collect();
        let expected = [
            (2, Phase::Entry),
            (0, Phase::Entry),
            (1, Phase::Entry),
            (0, Phase::Links),
            (3, Phase::Change),
            (4, Phase::Entry),
        ];
        assert_eq!(steps, expected);
        for (record, line) in [(2, 12), (0, 4), (4, 18), (1, 9), (1, 9), (3, 15)] {
            let text = file.text(record).unwrap();
            assert_eq!(text.line, line, "{record}: {}", text.raw);
        }
        assert!(file.is_linked(0) && !file.is_linked(1));
        assert_eq!(file.steps(true).len(), 5);
    }

    #[test]
    fn a_line_that_is_wrong_is_named_before_anything_is_done() {
        for (text, line) in [
            (
                "dn: CN=a,DC=x\nobjectClass: user\n\ndn: CN=b,DC=x\nnothing\n",
                5,
            ),
            ("dn: CN=a,DC=x\nobjectClass: user\n\n\ncn: b\n", 5),
        ] {
            let failure = file(text).err().unwrap();
            let said = format!("{failure:?}");
            assert!(said.contains(&format!("people.ldif:{line}: ")), "{said}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.ldif");
        std::fs::write(&path, b"dn: CN=a,DC=x\nsn: \xff\n").unwrap();
        let said = format!("{:?}", LdifFile::open(&path).err().unwrap());
        assert!(said.contains(":2: it is not UTF-8"), "{said}");
    }

    #[test]
    fn who_administers_another_domain_is_not_carried_over() {
        let text = "dn: CN=Domain Admins,DC=x\nobjectClass: group\nisCriticalSystemObject: TRUE\nmember: CN=a,DC=x\n";
        let file = file(text).unwrap();
        assert_eq!(file.steps(false).len(), 1);
    }
}
