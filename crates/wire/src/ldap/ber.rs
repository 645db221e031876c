//! The Basic Encoding Rules as far as LDAP has them (RFC 4511 5.1): tags of one byte, definite lengths. Lengths may be
//! longer than they need be, which Active Directory and OpenLDAP write.

use super::Malformed;

/// What is left to read of a constructed value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// The header of a value: its tag, the number of bytes of the header, and the number of bytes after it.
pub(super) struct Header {
    pub(super) tag: u8,
    pub(super) length: usize,
    pub(super) contents: usize,
}

/// Reads a header; `None` when more bytes are needed to tell.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let [tag, first, rest @ ..] = bytes else {
        return Ok(None);
    };
    if tag & 0x1f == 0x1f {
        return Err(Malformed("a tag of more than one byte"));
    }
    if first & 0x80 == 0 {
        return Ok(Some(Header {
            tag: *tag,
            length: 2,
            contents: usize::from(*first),
        }));
    }
    let count = usize::from(first & 0x7f);
    // Leading zeros are allowed, so that eight bytes may stand where one would do; none means an indefinite length.
    if count == 0 || count > 8 {
        return Err(Malformed("a length of a form that LDAP does not have"));
    }
    let Some(digits) = rest.get(..count) else {
        return Ok(None);
    };
    let mut contents = 0_u64;
    for digit in digits {
        contents = contents << 8 | u64::from(*digit);
    }
    Ok(Some(Header {
        tag: *tag,
        length: 2 + count,
        contents: usize::try_from(contents).map_err(|_| Malformed("a length beyond all memory"))?,
    }))
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of what comes next.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value, whatever it is: its tag and contents.
    pub(super) fn next(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        const SHORT: Malformed = Malformed("a value that ends before its length says");
        let header = header(self.rest)?.ok_or(SHORT)?;
        let (_, after) = self.rest.split_at_checked(header.length).ok_or(SHORT)?;
        let (contents, rest) = after.split_at_checked(header.contents).ok_or(SHORT)?;
        self.rest = rest;
        Ok((header.tag, contents))
    }

    /// The contents of the next value, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let (found, contents) = self.next()?;
        if found != tag {
            return Err(Malformed("a value of another type than belongs there"));
        }
        Ok(contents)
    }

    /// The contents of the next value, if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.peek() == Some(tag) {
            self.expect(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// What is inside of the next value, which must have this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Result<Reader<'a>, Malformed> {
        self.expect(tag).map(Reader::new)
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8], Malformed> {
        self.expect(OCTET_STRING)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        text(self.octets()?)
    }

    pub(super) fn integer(&mut self) -> Result<i64, Malformed> {
        integer(self.expect(INTEGER)?)
    }

    pub(super) fn enumerated(&mut self) -> Result<i64, Malformed> {
        integer(self.expect(ENUMERATED)?)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Malformed> {
        boolean(self.expect(BOOLEAN)?)
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Malformed("something after the last part"))
        }
    }
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// A context-specific tag of a primitive value.
pub(super) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// A context-specific tag of a constructed value.
pub(super) const fn context_constructed(number: u8) -> u8 {
    0xa0 | number
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a text that is not UTF-8"))
}

pub(super) fn boolean(contents: &[u8]) -> Result<bool, Malformed> {
    match contents {
        [byte] => Ok(*byte != 0),
        _ => Err(Malformed("a truth value that is not one byte")),
    }
}

pub(super) fn integer(contents: &[u8]) -> Result<i64, Malformed> {
    let (first, rest) = contents
        .split_first()
        .filter(|(_, rest)| rest.len() < 8)
        .ok_or(Malformed("a number of no or too many bytes"))?;
    let mut number = i64::from(i8::from_be_bytes([*first]));
    for byte in rest {
        number = number << 8 | i64::from(*byte);
    }
    Ok(number)
}

/// What is being written. Lengths are as short as they can be.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// A primitive value.
    pub(super) fn value(&mut self, tag: u8, contents: &[u8]) -> &mut Self {
        self.bytes.push(tag);
        let (digits, used) = length_bytes(contents.len());
        self.bytes.extend(digits.iter().take(used));
        self.bytes.extend_from_slice(contents);
        self
    }

    /// A constructed value of whatever `write` writes.
    pub(super) fn constructed(&mut self, tag: u8, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.bytes.push(tag);
        let place = self.bytes.len();
        // Most are short; where one is not, its contents move to make room for the longer form.
        self.bytes.push(0);
        write(self);
        let contents = self.bytes.len() - place - 1;
        let (digits, used) = length_bytes(contents);
        let digits = digits.into_iter().take(used);
        self.bytes.splice(place..=place, digits);
        self
    }

    pub(super) fn sequence(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.constructed(SEQUENCE, write)
    }

    pub(super) fn set(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.constructed(SET, write)
    }

    pub(super) fn octets(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.value(OCTET_STRING, octets.as_ref())
    }

    pub(super) fn integer(&mut self, number: i64) -> &mut Self {
        self.number(INTEGER, number)
    }

    pub(super) fn enumerated(&mut self, number: i64) -> &mut Self {
        self.number(ENUMERATED, number)
    }

    pub(super) fn boolean(&mut self, tag: u8, truth: bool) -> &mut Self {
        self.value(tag, &[if truth { 0xff } else { 0 }])
    }

    pub(super) fn number(&mut self, tag: u8, number: i64) -> &mut Self {
        let bytes = number.to_be_bytes();
        let mut contents = bytes.as_slice();
        while let [first, rest @ ..] = contents
            && let Some(second) = rest.first()
        {
            let fill = if second & 0x80 == 0 { 0 } else { 0xff };
            if *first != fill {
                break;
            }
            contents = rest;
        }
        self.value(tag, contents)
    }
}

/// The bytes of a length, and how many of them there are.
fn length_bytes(length: usize) -> ([u8; 9], usize) {
    let mut out = [0; 9];
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        out[0] = short;
        return (out, 1);
    }
    let digits = (length as u64).to_be_bytes();
    let skipped = digits.iter().take_while(|digit| **digit == 0).count();
    let used = digits.len() - skipped;
    #[allow(clippy::cast_possible_truncation, reason = "eight at most")]
    {
        out[0] = 0x80 | used as u8;
    }
    for (place, digit) in out.iter_mut().skip(1).zip(digits.iter().skip(skipped)) {
        *place = *digit;
    }
    (out, used + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_are_as_short_as_they_can_be() {
        for (number, bytes) in [
            (0_i64, vec![2, 1, 0]),
            (127, vec![2, 1, 127]),
            (128, vec![2, 2, 0, 128]),
            (-1, vec![2, 1, 0xff]),
            (-129, vec![2, 2, 0xff, 0x7f]),
            (
                i64::MAX,
                vec![2, 8, 0x7f, 255, 255, 255, 255, 255, 255, 255],
            ),
            (i64::MIN, vec![2, 8, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut writer = Writer::default();
            writer.integer(number);
            let written = writer.finish();
            assert_eq!(written, bytes);
            assert_eq!(Reader::new(&written).integer().unwrap(), number);
        }
    }

    #[test]
    fn lengths_of_every_size_come_back() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000] {
            let mut writer = Writer::default();
            writer.sequence(|inner| {
                inner.octets(vec![7; length]);
            });
            let written = writer.finish();
            let mut outer = Reader::new(&written);
            let mut inner = outer.inside(SEQUENCE).unwrap();
            assert_eq!(inner.octets().unwrap().len(), length);
            assert!(outer.is_empty() && inner.is_empty());
        }
    }

    #[test]
    fn a_length_may_be_longer_than_it_need_be_but_not_endless() {
        let long = [0x04, 0x84, 0, 0, 0, 1, b'a'];
        assert_eq!(Reader::new(&long).octets().unwrap(), b"a");
        for bytes in [
            &[0x30_u8, 0x80, 0, 0][..],
            &[0x1f, 1, 0],
            &[0x04, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7],
            &[0x04, 0x85, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[0x04, 0x02, 1],
            &[0x04],
            &[],
        ] {
            assert!(Reader::new(bytes).next().is_err(), "{bytes:?}");
        }
    }
}
