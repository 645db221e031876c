//! Writing from the end: a value is written before its length and its tag, so nothing is measured first and nothing is
//! copied from an inner buffer. For the messages that a KDC makes for every ticket; the others are written by their
//! derived code, and a test holds the two against each other.

use std::cell::Cell;

use zeroize::{Zeroize, Zeroizing};

use super::{Constant, SequenceOf, UInt32};

/// Room that a message starts with, in bytes: most tickets and replies fit.
const ROOM: usize = 2048;

/// The most room that a thread keeps for the next message, in bytes.
const KEPT: usize = 32 * 1024;

pub(crate) const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const GENERAL_STRING: u8 = 0x1b;
const APPLICATION: u8 = 0x60;
const CONTEXT: u8 = 0xa0;

/// A buffer that is filled from its end.
pub(crate) struct Backwards {
    buffer: Vec<u8>,
    /// Where what is written begins.
    start: usize,
}

/// A value that is written so, with tag and length.
pub(crate) trait WriteBackwards {
    /// Puts the value before what is written.
    fn write(&self, to: &mut Backwards);
}

thread_local! {
    /// What messages that hold no secret are written into, and then copied from: one piece of memory of the right length is
    /// asked for, and no more.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Writes a value.
pub(crate) fn encode_backwards<T: WriteBackwards>(value: &T) -> Vec<u8> {
    written(|to| value.write(to))
}

/// Writes a value inside the explicit tag `[APPLICATION number]`, up to 30.
pub(crate) fn encode_application_backwards<T: WriteBackwards>(value: &T, number: u8) -> Vec<u8> {
    written(|to| to.within(application(number), |to| value.write(to)))
}

/// As [`encode_application_backwards`], for what holds keys: nothing of it is left anywhere but in the buffer, which is
/// wiped when it is dropped.
pub(crate) fn encode_application_secret<T: WriteBackwards>(
    value: &T,
    number: u8,
) -> Zeroizing<Vec<u8>> {
    let mut to = Backwards::new(vec![0; ROOM]);
    to.within(application(number), |to| value.write(to));
    let length = to.buffer.len() - to.start;
    to.buffer.copy_within(to.start.., 0);
    to.buffer.truncate(length);
    Zeroizing::new(to.buffer)
}

fn written(write: impl FnOnce(&mut Backwards)) -> Vec<u8> {
    let mut scratch = SCRATCH.take();
    if scratch.is_empty() {
        scratch = vec![0; ROOM];
    }
    let mut to = Backwards::new(scratch);
    write(&mut to);
    let bytes = to.buffer.get(to.start..).unwrap_or_default().to_vec();
    if to.buffer.len() <= KEPT {
        SCRATCH.set(to.buffer);
    }
    bytes
}

/// The tag `[APPLICATION number]` of a constructed value.
pub(crate) const fn application(number: u8) -> u8 {
    APPLICATION | number
}

impl Backwards {
    fn new(buffer: Vec<u8>) -> Self {
        Self {
            start: buffer.len(),
            buffer,
        }
    }

    /// Puts bytes before what is written.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if bytes.len() > self.start {
            self.grow(bytes.len());
        }
        let from = self.start - bytes.len();
        if let Some(place) = self.buffer.get_mut(from..self.start) {
            place.copy_from_slice(bytes);
            self.start = from;
        }
    }

    #[cold]
    fn grow(&mut self, by: usize) {
        let written = self.buffer.len() - self.start;
        let mut larger = vec![0; 2 * self.buffer.len() + by];
        let start = larger.len() - written;
        larger[start..].copy_from_slice(&self.buffer[self.start..]);
        // It may hold keys, and nobody else wipes what is left behind.
        self.buffer.zeroize();
        self.buffer = larger;
        self.start = start;
    }

    /// Puts tag and length before what `contents` writes.
    #[inline]
    pub(crate) fn within(&mut self, tag: u8, contents: impl FnOnce(&mut Self)) {
        let behind = self.buffer.len() - self.start;
        contents(self);
        let length = self.buffer.len() - self.start - behind;
        self.header(tag, length);
    }

    fn header(&mut self, tag: u8, length: usize) {
        // Four bytes of length are more than any message has.
        let [a, b, c, d] = (length as u32).to_be_bytes();
        match length {
            0..0x80 => self.bytes(&[tag, d]),
            0x80..0x100 => self.bytes(&[tag, 0x81, d]),
            0x100..0x1_0000 => self.bytes(&[tag, 0x82, c, d]),
            0x1_0000..0x100_0000 => self.bytes(&[tag, 0x83, b, c, d]),
            _ => self.bytes(&[tag, 0x84, a, b, c, d]),
        }
    }

    /// Puts a primitive value before what is written.
    #[inline]
    pub(crate) fn primitive(&mut self, tag: u8, contents: &[u8]) {
        self.bytes(contents);
        self.header(tag, contents.len());
    }

    /// `[number]`, explicit.
    #[inline]
    pub(crate) fn field<T: WriteBackwards + ?Sized>(&mut self, number: u8, value: &T) {
        self.within(CONTEXT | number, |to| value.write(to));
    }

    /// `[number] ... OPTIONAL`.
    #[inline]
    pub(crate) fn optional<T: WriteBackwards>(&mut self, number: u8, value: &Option<T>) {
        if let Some(value) = value {
            self.field(number, value);
        }
    }

    /// `[number] OCTET STRING`.
    #[inline]
    pub(crate) fn octets(&mut self, number: u8, value: &[u8]) {
        self.within(CONTEXT | number, |to| to.primitive(OCTET_STRING, value));
    }

    /// `INTEGER`.
    #[inline]
    pub(crate) fn integer(&mut self, value: i64) {
        let octets = value.to_be_bytes();
        let [first, ..] = octets;
        // A byte is left out that only repeats the sign of the one behind it.
        let sign = if first & 0x80 == 0 { 0 } else { 0xff };
        let mut rest = octets.as_slice();
        while let [first, tail @ ..] = rest
            && let [second, ..] = tail
            && *first == sign
            && (second ^ sign) & 0x80 == 0
        {
            rest = tail;
        }
        self.primitive(INTEGER, rest);
    }
}

impl WriteBackwards for UInt32 {
    fn write(&self, to: &mut Backwards) {
        to.integer(self.0.into());
    }
}

impl<const VALUE: i32> WriteBackwards for Constant<VALUE> {
    fn write(&self, to: &mut Backwards) {
        to.integer(VALUE.into());
    }
}

impl<T: WriteBackwards, const MAX: usize> WriteBackwards for SequenceOf<T, MAX> {
    fn write(&self, to: &mut Backwards) {
        to.within(SEQUENCE, |to| {
            for element in self.iter().rev() {
                element.write(to);
            }
        });
    }
}
