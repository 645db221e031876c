//! One question of the Domain Name System, for the TXT records of a name, and what a nameserver answers to it.
//!
//! RFC 1035 4.1, in the document's own order:
//!
//! ```text
//! message:  u16 ID | u16 flags: QR, Opcode (4 bits), AA, TC, RD, RA, Z (3 bits), RCODE (4 bits)
//!           | u16 QDCOUNT | u16 ANCOUNT | u16 NSCOUNT | u16 ARCOUNT
//!           | questions | answers | authority | additional
//! question: name QNAME | u16 QTYPE | u16 QCLASS
//! record:   name NAME | u16 TYPE | u16 CLASS | u32 TTL | u16 RDLENGTH | RDATA
//! name:     labels { u8 length, at most 63 | bytes } | 00, or 11 and 14 bits: where the rest of it stands
//! TXT:      character-strings { u8 length | bytes }, one or more
//! ```
//!
//! The question may say how long a datagram is that its sender takes (EDNS0, RFC 6891 6.1.2).
//! An answer is read strictly, to its end: one that is cut short, points in circles or says more than it counts is none.
//! Names are compared without regard to the case of ASCII letters (RFC 4343 3).

use core::fmt;

use crate::read::Reader;

/// The longest datagram that comes through nearly every network in one piece: what is said under EDNS0, in bytes.
pub const DATAGRAM: u16 = 1_232;

/// The port of nameservers, over UDP and TCP.
pub const PORT: u16 = 53;

/// The longest name, in bytes with its lengths and the root (RFC 1035 2.3.4).
const LONGEST_NAME: usize = 255;
/// How often the reading of one name may go elsewhere: a name has not more labels.
const MOST_JUMPS: usize = 127;
/// How many aliases may lead from the name that was asked for to the one that has the texts.
const MOST_ALIASES: usize = 16;

const TYPE_CNAME: u16 = 5;
const TYPE_TXT: u16 = 16;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;

const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const MASK_OPCODE: u16 = 0x7800;
const MASK_RCODE: u16 = 0x000f;

/// A domain name: its labels behind their lengths, with the root, in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name(Vec<u8>);

impl Name {
    /// The name in a text such as `corp.example`, with a dot at its end or without. `None` for the root, and for what is not
    /// made of letters, digits, hyphens and underscores of ASCII, in labels of 1 to 63 bytes and 255 in all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut bytes = Vec::new();
        for label in text.split('.') {
            let plain = label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            let length = u8::try_from(label.len()).ok()?;
            if !plain || !(1..=63).contains(&length) {
                return None;
            }
            bytes.push(length);
            bytes.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        bytes.push(0);
        (bytes.len() <= LONGEST_NAME).then_some(Self(bytes))
    }
}

/// Why a nameserver has no answer (RFC 1035 4.1.1, RFC 6891 6.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResponseCode(pub u16);

impl ResponseCode {
    const NO_ERROR: Self = Self(0);
    /// FORMERR: it cannot read the question. One that does not know EDNS0 says so.
    pub const FORMAT_ERROR: Self = Self(1);
    /// SERVFAIL: it could not find out.
    pub const SERVER_FAILURE: Self = Self(2);
    /// NXDOMAIN: nothing has that name.
    pub const NAME_ERROR: Self = Self(3);
    /// NOTIMP: it does not know such questions. One that does not know EDNS0 may say so.
    pub const NOT_IMPLEMENTED: Self = Self(4);
    /// REFUSED: it does not answer us.
    pub const REFUSED: Self = Self(5);

    /// Whether a nameserver that does not know EDNS0 says so of a question with it (RFC 6891 7).
    #[must_use]
    pub fn may_mean_extensions(self) -> bool {
        matches!(self, Self::FORMAT_ERROR | Self::NOT_IMPLEMENTED)
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FORMAT_ERROR => f.write_str("FORMERR"),
            Self::SERVER_FAILURE => f.write_str("SERVFAIL"),
            Self::NAME_ERROR => f.write_str("NXDOMAIN"),
            Self::NOT_IMPLEMENTED => f.write_str("NOTIMP"),
            Self::REFUSED => f.write_str("REFUSED"),
            Self(other) => write!(f, "response code {other}"),
        }
    }
}

/// What an answer says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The texts of the name's TXT records, each of its character-strings joined; none where nothing has that name (NXDOMAIN),
    /// or what has it has no TXT record.
    Texts(Vec<Vec<u8>>),
    /// There is more than fits into a datagram: ask again over TCP.
    Truncated,
    /// The nameserver could not or would not say.
    Failed(ResponseCode),
}

/// Why bytes bring no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidAnswer {
    /// They are no answer to this question: whoever waits for a datagram waits on.
    #[error("it answers another question")]
    Another,
    /// They end before what they promise.
    #[error("it ends early")]
    Truncated,
    /// A name is too long, points forward or in circles, or has a label of an unknown kind.
    #[error("a name in it is malformed")]
    Name,
    /// A record's content is not what its type says.
    #[error("a record in it is malformed")]
    Record,
    /// Something follows after all that was counted.
    #[error("more follows than it counts")]
    Trailing,
    /// More aliases follow upon one another than anybody needs, or they lead in circles.
    #[error("its aliases lead nowhere")]
    Aliases,
}

/// A question for the TXT records of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TxtQuestion {
    /// What the answer is known by: drawn anew for each question, so that nobody can answer who did not see it.
    pub id: u16,
    /// Whose records.
    pub name: Name,
}

impl TxtQuestion {
    /// The message that asks a nameserver to find out. `datagram`: the longest datagram that its answer may be, in bytes; without,
    /// nothing is said of it, and it is 512.
    #[must_use]
    pub fn encode(&self, datagram: Option<u16>) -> Vec<u8> {
        let additional = u16::from(datagram.is_some());
        let mut bytes = Vec::with_capacity(12 + self.name.0.len() + 4 + 11);
        for number in [self.id, FLAG_RECURSION_DESIRED, 1, 0, 0, additional] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.name.0);
        for number in [TYPE_TXT, CLASS_IN] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        if let Some(longest) = datagram {
            // The root's name; version 0, no flag, no option.
            bytes.push(0);
            for number in [TYPE_OPT, longest, 0, 0, 0] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        bytes
    }

    /// What a message answers to this question.
    ///
    /// # Errors
    /// [`InvalidAnswer`].
    pub fn answer(&self, message: &[u8]) -> Result<Answer, InvalidAnswer> {
        let mut cursor = Cursor::new(message);
        let (counts, mut code, truncated) = self.head(&mut cursor)?;
        if !matches!(code, ResponseCode::NO_ERROR | ResponseCode::NAME_ERROR) {
            return Ok(Answer::Failed(code));
        }
        if truncated {
            return Ok(Answer::Truncated);
        }
        let found = Found::read(&mut cursor, counts)?;
        code.0 |= found.extended_code << 4;
        match code {
            ResponseCode::NO_ERROR => Ok(Answer::Texts(found.texts_of(&self.name)?)),
            ResponseCode::NAME_ERROR => Ok(Answer::Texts(Vec::new())),
            other => Ok(Answer::Failed(other)),
        }
    }

    /// Reads header and question, which must be the answer's to this one: how many records each section has, the code, and
    /// whether there is more.
    fn head(
        &self,
        cursor: &mut Cursor<'_>,
    ) -> Result<([u16; 3], ResponseCode, bool), InvalidAnswer> {
        let mut header = [0; 6];
        for number in &mut header {
            *number = cursor.u16().map_err(|_| InvalidAnswer::Another)?;
        }
        let [id, flags, questions, counts @ ..] = header;
        let is_response = flags & FLAG_RESPONSE != 0 && flags & MASK_OPCODE == 0;
        let code = ResponseCode(flags & MASK_RCODE);
        // Who could not read the question may not repeat it.
        let unread = questions == 0 && code.may_mean_extensions();
        if id != self.id || !is_response || (questions != 1 && !unread) {
            return Err(InvalidAnswer::Another);
        }
        if !unread && !self.is_asked(cursor).unwrap_or(false) {
            return Err(InvalidAnswer::Another);
        }
        Ok((counts, code, flags & FLAG_TRUNCATED != 0))
    }

    fn is_asked(&self, cursor: &mut Cursor<'_>) -> Result<bool, InvalidAnswer> {
        let name = cursor.name()?;
        let (kind, class) = (cursor.u16()?, cursor.u16()?);
        Ok(name == self.name && kind == TYPE_TXT && class == CLASS_IN)
    }
}

/// What concerns us of the records of an answer.
#[derive(Default)]
struct Found {
    /// Names, and those that they are aliases of.
    aliases: Vec<(Name, Name)>,
    texts: Vec<(Name, Vec<u8>)>,
    /// The upper eight bits of the response code, which EDNS0 has elsewhere.
    extended_code: u16,
}

impl Found {
    fn read(cursor: &mut Cursor<'_>, counts: [u16; 3]) -> Result<Self, InvalidAnswer> {
        let [answers, authority, additional] = counts;
        let mut found = Self::default();
        for _ in 0..answers {
            found.answer(cursor.record()?)?;
        }
        for _ in 0..authority {
            cursor.record()?;
        }
        let mut extended = false;
        for _ in 0..additional {
            let record = cursor.record()?;
            if record.kind == TYPE_OPT {
                if extended {
                    return Err(InvalidAnswer::Record);
                }
                extended = true;
                found.extended_code = u16::from(record.time_to_live[0]);
            }
        }
        match cursor.rest.is_empty() {
            true => Ok(found),
            false => Err(InvalidAnswer::Trailing),
        }
    }

    fn answer(&mut self, record: Record<'_>) -> Result<(), InvalidAnswer> {
        match (record.kind, record.class) {
            (TYPE_TXT, CLASS_IN) => self.texts.push((record.owner, joined(record.data.rest())?)),
            (TYPE_CNAME, CLASS_IN) => {
                let mut data = record.data;
                let name = data.name()?;
                if !data.rest.is_empty() {
                    return Err(InvalidAnswer::Record);
                }
                self.aliases.push((record.owner, name));
            }
            _ => {}
        }
        Ok(())
    }

    /// The texts of a name, or of the one that it is an alias of.
    fn texts_of(self, name: &Name) -> Result<Vec<Vec<u8>>, InvalidAnswer> {
        let mut meant = name;
        let mut steps = 0;
        while let Some((_, target)) = self.aliases.iter().find(|(alias, _)| alias == meant) {
            steps += 1;
            if steps > MOST_ALIASES {
                return Err(InvalidAnswer::Aliases);
            }
            meant = target;
        }
        let texts = self.texts.into_iter();
        let own = texts.filter(|(owner, _)| owner == meant);
        Ok(own.map(|(_, text)| text).collect())
    }
}

/// The character-strings of a TXT record, as one.
fn joined(data: &[u8]) -> Result<Vec<u8>, InvalidAnswer> {
    let mut reader = Reader::new(data);
    let mut text = Vec::with_capacity(data.len());
    if reader.is_empty() {
        return Err(InvalidAnswer::Record);
    }
    while let Some(length) = reader.u8() {
        let part = reader.take(usize::from(length));
        text.extend_from_slice(part.ok_or(InvalidAnswer::Record)?);
    }
    Ok(text)
}

/// A record, with its content not looked at.
struct Record<'a> {
    owner: Name,
    kind: u16,
    class: u16,
    time_to_live: [u8; 4],
    data: Cursor<'a>,
}

/// What is left to read of a message, names of which may stand elsewhere in it.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    message: &'a [u8],
    /// Where `rest` begins in `message`.
    rest: Reader<'a>,
    /// Where `rest` ends in `message`.
    end: usize,
}

impl<'a> Cursor<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            rest: Reader::new(message),
            end: message.len(),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.rest.rest()
    }

    fn position(&self) -> usize {
        self.end.saturating_sub(self.rest().len())
    }

    fn u16(&mut self) -> Result<u16, InvalidAnswer> {
        self.rest.u16_be().ok_or(InvalidAnswer::Truncated)
    }

    fn record(&mut self) -> Result<Record<'a>, InvalidAnswer> {
        let owner = self.name()?;
        let (kind, class) = (self.u16()?, self.u16()?);
        let time_to_live = self.rest.array().ok_or(InvalidAnswer::Truncated)?;
        let data = self.rest.counted_u16_be().ok_or(InvalidAnswer::Truncated)?;
        Ok(Record {
            owner,
            kind,
            class,
            time_to_live,
            data: Cursor {
                message: self.message,
                rest: Reader::new(data),
                end: self.position(),
            },
        })
    }

    /// Reads a name. The rest of one stands before what points there, each time further to the front: so it ends.
    fn name(&mut self) -> Result<Name, InvalidAnswer> {
        let mut reader = self.rest;
        let mut behind = None;
        let (mut front, mut jumps) = (self.position(), 0);
        let mut bytes = Vec::new();
        loop {
            let length = reader.u8().ok_or(InvalidAnswer::Truncated)?;
            match length {
                0 => break,
                1..=63 => {
                    let label = reader.take(usize::from(length));
                    let label = label.ok_or(InvalidAnswer::Truncated)?;
                    bytes.push(length);
                    bytes.extend(label.iter().map(u8::to_ascii_lowercase));
                }
                64..=191 => return Err(InvalidAnswer::Name),
                192.. => {
                    let low = reader.u8().ok_or(InvalidAnswer::Truncated)?;
                    let place = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    jumps += 1;
                    if place >= front || jumps > MOST_JUMPS {
                        return Err(InvalidAnswer::Name);
                    }
                    behind.get_or_insert(reader);
                    front = place;
                    reader = Reader::new(self.message.get(place..).unwrap_or_default());
                }
            }
            if bytes.len() >= LONGEST_NAME {
                return Err(InvalidAnswer::Name);
            }
        }
        bytes.push(0);
        self.rest = behind.unwrap_or(reader);
        Ok(Name(bytes))
    }
}

#[cfg(test)]
mod tests;
