//! Whether the authority's books agree with each other, for who doubts it: the log, what was issued, what is revoked, and
//! the list that says so.
//!
//! A log that is broken at one entry is read on behind it, so that all that is wrong is told at once. Signatures are not
//! verified: a certificate is held against its entry in the log, whose content the chain of digests keeps.

use std::collections::{BTreeMap, HashMap, HashSet};

use crypto::digest::sha256;
use der::Decode;
use der::asn1::{ObjectIdentifier, Uint};
use directory::check::{TOLD, records};
use directory::storage::Read;
use directory::{Fault, Record};
use trust::{Span, Timestamp};
use wire::Guid;
use wire::x509::{Certificate, CertificateList};
use x509_cert::crl::TbsCertList;

use crate::ca::Ca;
use crate::issue;
use crate::log::{Event, LogEntry};
use crate::records::{
    self as rows, AUTHORITIES, AuthorityRow, HEADS, HOLDERS, HeadRow, ISSUED, IssuedRow, LISTS,
    LOG, ListRow, PENDING, REVOKED,
};
use crate::revocation::LONGEST_LIFE;
use crate::work::hex;

/// cRLNumber (RFC 5280 5.2.3).
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

/// What a look at the books found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Books {
    /// How many entries the logs have.
    pub entries: u64,
    /// How many certificates were issued.
    pub certificates: u64,
    /// How many of them are revoked or on hold.
    pub revoked: u64,
    /// How many problems were found.
    pub found: u64,
    /// The first hundred of them, each a sentence without its full stop.
    pub problems: Vec<String>,
}

impl Books {
    fn problem(&mut self, what: String) {
        self.found += 1;
        if self.problems.len() < TOLD {
            self.problems.push(what);
        }
    }
}

/// Looks at all books of one state of a store. Rows that do not decode as rows are for [`directory::check::check`] to tell.
///
/// # Errors
/// [`Fault`] when the state cannot be read. What is wrong with its content is no error but the answer.
pub fn books(read: &dyn Read) -> Result<Books, Fault> {
    let mut books = Books::default();
    for ca in Ca::ALL {
        Looking::new(ca, &mut books).look(read)?;
    }
    Ok(books)
}

/// A certificate that the log says to be signed.
struct Signed {
    sequence: u64,
    digest: [u8; 32],
    not_after: i64,
}

/// What the log says last about a serial number's being revoked.
#[derive(Clone, Copy)]
struct State {
    sequence: u64,
    revoked: bool,
    at: Timestamp,
}

/// What a log entry has to be signed.
#[derive(Clone, Copy)]
struct Asked {
    digest: [u8; 32],
    /// Of a revocation list its number.
    list: Option<u64>,
}

/// A look at one authority's books.
struct Looking<'b> {
    ca: Ca,
    books: &'b mut Books,
    /// The number and the digest that the next entry has to have.
    next: u64,
    digest: [u8; 32],
    asked: BTreeMap<u64, Asked>,
    signed: HashMap<Vec<u8>, Signed>,
    states: HashMap<Vec<u8>, State>,
    /// The last list that was signed: what it answered, its number, its digest.
    list: Option<(u64, u64, [u8; 32])>,
    /// The highest number that a list had.
    highest: Option<u64>,
}

impl<'b> Looking<'b> {
    fn new(ca: Ca, books: &'b mut Books) -> Self {
        Self {
            ca,
            books,
            next: 1,
            digest: [0; 32],
            asked: BTreeMap::new(),
            signed: HashMap::new(),
            states: HashMap::new(),
            list: None,
            highest: None,
        }
    }

    fn problem(&mut self, what: &str) {
        let what = format!("the authority {}: {what}", self.ca);
        self.books.problem(what);
    }

    fn look(&mut self, read: &dyn Read) -> Result<(), Fault> {
        let prefix = rows::prefix(self.ca);
        records(read, LOG, &prefix, |record| self.entry(&record))?;
        self.head(read)?;
        self.waiting(read)?;
        self.issued(read)?;
        let listed = self.current_list(read)?;
        self.revoked(read, listed)
    }

    /// Goes past an entry of the log.
    fn entry(&mut self, record: &Record) {
        self.books.entries += 1;
        let Some((_, sequence)) = rows::sequence_of(&record.key) else {
            return self.problem("an entry of its log has no number");
        };
        let expected = self.next;
        let follows = sequence == expected;
        if sequence > expected {
            let last = sequence - 1;
            self.problem(&format!(
                "entries {expected} to {last} of its log are missing"
            ));
        }
        let before = std::mem::replace(&mut self.digest, sha256(record.value.bytes()));
        self.next = sequence.saturating_add(1);
        match LogEntry::of(record) {
            Ok(entry) => {
                if follows && entry.previous != before {
                    let last = sequence.saturating_sub(1);
                    self.problem(&format!(
                        "entry {last} of its log is not the one on which entry {sequence} was written"
                    ));
                }
                self.happened(&entry);
            }
            Err(_) => self.problem(&format!("entry {sequence} of its log does not decode")),
        }
    }

    fn happened(&mut self, entry: &LogEntry) {
        let (sequence, content) = (entry.sequence, &entry.content);
        let state = |revoked| State {
            sequence,
            revoked,
            at: entry.time,
        };
        match entry.event {
            Event::CertificateToBeSigned => self.ask(sequence, content, None),
            Event::ListToBeSigned => {
                let number = number(content);
                match number {
                    Some(number) if self.highest.is_none_or(|highest| number > highest) => {
                        self.highest = Some(number);
                    }
                    _ => self.problem(&format!(
                        "the list of log entry {sequence} has no number above those before it"
                    )),
                }
                self.ask(sequence, content, number.or(Some(0)));
            }
            Event::CertificateSigned => {
                let asked = self.answered(entry);
                self.certificate(sequence, content, asked);
            }
            Event::ListSigned => {
                if let (
                    Some(Asked {
                        list: Some(number), ..
                    }),
                    Some(about),
                ) = (self.answered(entry), entry.about)
                    && let Ok(digest) = content.as_slice().try_into()
                {
                    self.list = Some((about, number, digest));
                }
            }
            Event::Abandoned => {
                self.answered(entry);
            }
            Event::Revoked(_) => {
                self.states.insert(content.clone(), state(true));
            }
            Event::Released => {
                self.states.insert(content.clone(), state(false));
            }
        }
    }

    fn ask(&mut self, sequence: u64, content: &[u8], list: Option<u64>) {
        let digest = sha256(content);
        self.asked.insert(sequence, Asked { digest, list });
    }

    /// What an entry answers, which nothing else may answer after it.
    fn answered(&mut self, entry: &LogEntry) -> Option<Asked> {
        let asked = entry.about.and_then(|about| self.asked.remove(&about));
        if asked.is_none() {
            let about = entry.about.unwrap_or(0);
            self.problem(&format!(
                "log entry {} answers entry {about}, which was not to be signed or is answered already",
                entry.sequence
            ));
        }
        asked
    }

    fn certificate(&mut self, sequence: u64, content: &[u8], asked: Option<Asked>) {
        let Ok(certificate) = Certificate::parse(content) else {
            return self.problem(&format!("log entry {sequence} holds no certificate"));
        };
        if asked.is_some_and(|asked| asked.digest != sha256(certificate.tbs())) {
            self.problem(&format!(
                "the certificate of log entry {sequence} is another than was to be signed"
            ));
        }
        let signed = Signed {
            sequence,
            digest: sha256(content),
            not_after: certificate.not_after(),
        };
        if let Some(first) = self.signed.insert(certificate.serial().to_vec(), signed) {
            self.problem(&format!(
                "the certificates of log entries {} and {sequence} have one serial number",
                first.sequence
            ));
        }
    }

    /// The log ends where its head says.
    fn head(&mut self, read: &dyn Read) -> Result<(), Fault> {
        let mut head = None;
        records(read, HEADS, self.ca.name().as_bytes(), |record| {
            head = Some(rows::read::<HeadRow>(&record, "log head").ok());
        })?;
        match head {
            None if self.next == 1 => {}
            None => self.problem("nothing says where its log ends"),
            Some(None) => self.problem("what says where its log ends does not decode"),
            Some(Some(head)) => {
                let last = self.next - 1;
                if head.next != self.next {
                    let said = head.next.saturating_sub(1);
                    self.problem(&format!(
                        "its log ends with entry {last}, and was written up to entry {said}"
                    ));
                } else if head.digest.as_bytes() != self.digest {
                    self.problem(&format!(
                        "entry {last} of its log is not the one that was written last"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What is not signed yet waits for it.
    fn waiting(&mut self, read: &dyn Read) -> Result<(), Fault> {
        let mut asked = std::mem::take(&mut self.asked);
        let mut unknown = Vec::new();
        records(read, PENDING, &rows::prefix(self.ca), |record| {
            let sequence = rows::sequence_of(&record.key).map_or(0, |(_, sequence)| sequence);
            if asked.remove(&sequence).is_none() {
                unknown.push(sequence);
            }
        })?;
        for sequence in unknown {
            self.problem(&format!(
                "something waits for a signature as log entry {sequence}, which was not to be signed or is answered already"
            ));
        }
        for sequence in asked.into_keys() {
            self.problem(&format!(
                "log entry {sequence} was to be signed, and neither was it nor does it wait for that"
            ));
        }
        Ok(())
    }

    /// Each certificate is kept once, as the log has it, with its holder and with what became of it.
    fn issued(&mut self, read: &dyn Read) -> Result<(), Fault> {
        let mut held = HashSet::new();
        records(read, HOLDERS, &[], |record| {
            held.insert(record.key);
        })?;
        let own = self.own(read)?;
        let mut kept = HashSet::new();
        records(read, ISSUED, &rows::prefix(self.ca), |record| {
            let Some((_, serial)) = rows::split(&record.key) else {
                return;
            };
            kept.insert(serial.to_vec());
            self.books.certificates += 1;
            match rows::read::<IssuedRow>(&record, "certificate") {
                Ok(row) => self.kept(serial, &row, &held),
                Err(_) => self.problem(&format!("the certificate {} does not decode", hex(serial))),
            }
        })?;
        let lost: Vec<(String, u64)> = self
            .signed
            .iter()
            .filter(|(serial, signed)| Some(signed.digest) != own && !kept.contains(*serial))
            .map(|(serial, signed)| (hex(serial), signed.sequence))
            .collect();
        for (serial, sequence) in lost {
            self.problem(&format!(
                "the certificate {serial} of log entry {sequence} is not kept among those that were issued"
            ));
        }
        Ok(())
    }

    fn kept(&mut self, serial: &[u8], row: &IssuedRow, held: &HashSet<Vec<u8>>) {
        let name = hex(serial);
        match self.signed.get(serial) {
            None => {
                self.problem(&format!(
                    "the certificate {name} is kept, and its log does not have it"
                ));
            }
            Some(signed)
                if signed.sequence != row.sequence
                    || signed.digest != sha256(row.certificate.as_bytes()) =>
            {
                let sequence = signed.sequence;
                self.problem(&format!(
                    "the certificate {name} is kept otherwise than log entry {sequence} has it"
                ));
            }
            Some(_) => {}
        }
        let revoked = self.states.get(serial).is_some_and(|state| state.revoked);
        self.books.revoked += u64::from(row.revoked.is_some());
        if revoked != row.revoked.is_some() {
            let (log, kept) = match revoked {
                true => ("revoked", "good"),
                false => ("good", "revoked"),
            };
            self.problem(&format!(
                "the certificate {name} is {log} by its log, and kept as {kept}"
            ));
        }
        let holder = issue::guid(row.holder.as_ref()).ok().flatten();
        if holder.is_some_and(|holder: Guid| !held.contains(&rows::held(holder, self.ca, serial))) {
            self.problem(&format!(
                "the certificate {name} is not kept with its holder, and would outlive it"
            ));
        }
    }

    /// The digest of the authority's own certificate.
    fn own(&mut self, read: &dyn Read) -> Result<Option<[u8; 32]>, Fault> {
        let mut own = None;
        records(read, AUTHORITIES, self.ca.name().as_bytes(), |record| {
            let row = rows::read::<AuthorityRow>(&record, "authority").ok();
            own = row.and_then(|row| row.certificate);
        })?;
        Ok(own.map(|own| sha256(own.as_bytes())))
    }

    /// The list that is published, if it is the last one that was signed.
    fn current_list(&mut self, read: &dyn Read) -> Result<Option<Listed>, Fault> {
        let mut found = None;
        records(read, LISTS, self.ca.name().as_bytes(), |record| {
            found = Some(rows::read::<ListRow>(&record, "revocation list").ok());
        })?;
        let row = match (found, self.list) {
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                self.problem("the revocation list that was signed last is not kept");
                return Ok(None);
            }
            (Some(row), _) => row,
        };
        let list = row
            .as_ref()
            .and_then(|row| CertificateList::parse(row.list.as_bytes()).ok());
        let (Some(row), Some(list)) = (row, list) else {
            self.problem("its revocation list does not decode");
            return Ok(None);
        };
        let known = self.list.is_some_and(|(about, number, digest)| {
            about == row.covers
                && list.extensions().crl_number() == Ok(Some(number))
                && digest == sha256(row.list.as_bytes())
        });
        if !known {
            self.problem("its revocation list is not the one that was signed last");
        }
        let serials = list
            .revoked()
            .filter_map(Result::ok)
            .map(|revoked| revoked.serial);
        Ok(Some(Listed {
            serials: serials.collect(),
            this_update: rows::seconds(list.this_update()),
            covers: row.covers,
        }))
    }

    /// What the log says to be revoked is kept as that, and on the list that was made after it.
    fn revoked(&mut self, read: &dyn Read, listed: Option<Listed>) -> Result<(), Fault> {
        let mut kept = HashSet::new();
        records(read, REVOKED, &rows::prefix(self.ca), |record| {
            kept.extend(rows::split(&record.key).map(|(_, serial)| serial.to_vec()));
        })?;
        let began = listed
            .as_ref()
            .map_or(Timestamp::EPOCH, |list| list.this_update);
        let mut problems = Vec::new();
        for (serial, state) in self.states.iter().filter(|(_, state)| state.revoked) {
            let (name, sequence) = (hex(serial), state.sequence);
            // One that is known by its number alone stays for as long as any certificate lives.
            let ends = match self.signed.get(serial) {
                Some(signed) => rows::seconds(signed.not_after),
                None => state.at + LONGEST_LIFE - Span::days(1),
            };
            if ends < began {
                continue;
            }
            if !kept.contains(serial) {
                problems.push(format!(
                    "the certificate {name} was revoked by log entry {sequence}, and is not kept among those that are revoked"
                ));
            }
            if listed
                .as_ref()
                .is_some_and(|list| sequence < list.covers && !list.serials.contains(serial))
            {
                problems.push(format!(
                    "the certificate {name} was revoked by log entry {sequence}, and the revocation list made after that lacks it"
                ));
            }
        }
        for serial in kept {
            if !self.states.get(&serial).is_some_and(|state| state.revoked) {
                problems.push(format!(
                    "the certificate {} is kept among those that are revoked, and its log does not say so",
                    hex(&serial)
                ));
            }
        }
        for problem in problems {
            self.problem(&problem);
        }
        Ok(())
    }
}

/// What a revocation list says.
struct Listed {
    serials: HashSet<Vec<u8>>,
    this_update: Timestamp,
    /// The number of the log entry that it was made at.
    covers: u64,
}

/// The number of a revocation list that is not signed yet.
fn number(tbs: &[u8]) -> Option<u64> {
    let list: TbsCertList = TbsCertList::from_der(tbs).ok()?;
    let extensions = list.crl_extensions?;
    let number = extensions
        .iter()
        .find(|extension| extension.extn_id == CRL_NUMBER)?;
    let number = Uint::from_der(number.extn_value.as_bytes()).ok()?;
    let digits = number.as_bytes();
    let mut bytes = [0; 8];
    bytes
        .get_mut(8_usize.checked_sub(digits.len())?..)?
        .copy_from_slice(digits);
    Some(u64::from_be_bytes(bytes))
}
