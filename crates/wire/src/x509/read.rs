//! A strict DER cursor that remembers where things stood, so that what was signed is returned byte for byte.

use core::ops::Range;

use const_oid::ObjectIdentifier;

use super::{Malformed, Result, tag};

/// One element: its tag and where it lies in the input.
#[derive(Clone, Debug)]
pub(super) struct Element {
    /// The identifier octet.
    pub(super) tag: u8,
    /// The whole element, tag and length included.
    pub(super) whole: Range<usize>,
    /// What the length covers.
    pub(super) content: Range<usize>,
}

/// A cursor over a part of `input`.
///
/// It reads single-octet tags and definite, minimal lengths only: all that X.509 uses under DER (X.690 10.1).
/// It never copies and never descends by itself, so neither depth nor length of the input can hurt it.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            at: 0,
            end: input.len(),
        }
    }

    /// A cursor over what `element` contains.
    pub(super) fn inside(&self, element: &Element) -> Self {
        Self {
            input: self.input,
            at: element.content.start,
            end: element.content.end,
        }
    }

    pub(super) fn slice(&self, range: &Range<usize>) -> &'a [u8] {
        self.input.get(range.clone()).unwrap_or_default()
    }

    pub(super) fn content(&self, element: &Element) -> &'a [u8] {
        self.slice(&element.content)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.slice(&(self.at..self.end))
    }

    /// Nothing may follow.
    pub(super) fn finish(&self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Malformed::TrailingData)
        }
    }

    fn byte(&mut self) -> Result<u8> {
        if self.is_empty() {
            return Err(Malformed::Truncated);
        }
        let byte = self.input.get(self.at).ok_or(Malformed::Truncated)?;
        self.at += 1;
        Ok(*byte)
    }

    /// The tag of the element that comes next, if one does.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Result<Element> {
        let start = self.at;
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed::NotDer("a tag of more than one octet"));
        }
        let length = self.length()?;
        let content = self.at;
        let end = content.checked_add(length).ok_or(Malformed::Truncated)?;
        if end > self.end {
            return Err(Malformed::Truncated);
        }
        self.at = end;
        Ok(Element {
            tag,
            whole: start..end,
            content: content..end,
        })
    }

    fn length(&mut self) -> Result<usize> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let octets = first & 0x7f;
        if octets == 0 || octets > 4 {
            return Err(Malformed::NotDer(
                "a length that is indefinite or over four octets",
            ));
        }
        let mut length = 0usize;
        for _ in 0..octets {
            length = (length << 8) | usize::from(self.byte()?);
        }
        let minimal = if octets == 1 {
            length >= 0x80
        } else {
            length >> (8 * (u32::from(octets) - 1)) != 0
        };
        if minimal {
            Ok(length)
        } else {
            Err(Malformed::NotDer("a length that is not minimal"))
        }
    }

    /// The next element, which must have `tag`; `what` names it in the error.
    pub(super) fn expect(&mut self, tag: u8, what: &'static str) -> Result<Element> {
        if self.peek() != Some(tag) {
            return Err(if self.is_empty() {
                Malformed::Missing(what)
            } else {
                Malformed::Unexpected(what)
            });
        }
        self.any()
    }

    /// The next element if it has `tag`.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element>> {
        if self.peek() == Some(tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A cursor inside the next element, a SEQUENCE.
    pub(super) fn sequence(&mut self, what: &'static str) -> Result<Self> {
        let element = self.expect(tag::SEQUENCE, what)?;
        Ok(self.inside(&element))
    }

    /// The content octets of an INTEGER in minimal form.
    pub(super) fn integer(&mut self, what: &'static str) -> Result<&'a [u8]> {
        let element = self.expect(tag::INTEGER, what)?;
        let octets = self.content(&element);
        minimal_integer(octets)?;
        Ok(octets)
    }

    pub(super) fn oid(&mut self, what: &'static str) -> Result<ObjectIdentifier> {
        let element = self.expect(tag::OBJECT_IDENTIFIER, what)?;
        oid(self.content(&element), what)
    }

    pub(super) fn octet_string(&mut self, what: &'static str) -> Result<&'a [u8]> {
        let element = self.expect(tag::OCTET_STRING, what)?;
        Ok(self.content(&element))
    }

    /// The octets of a BIT STRING that has no unused bits.
    pub(super) fn bit_string(&mut self, what: &'static str) -> Result<&'a [u8]> {
        let element = self.expect(tag::BIT_STRING, what)?;
        match self.content(&element).split_first() {
            Some((0, octets)) => Ok(octets),
            _ => Err(Malformed::Unexpected(what)),
        }
    }

    /// `BOOLEAN DEFAULT FALSE`. An encoded FALSE is not DER (X.690 11.5), but harmless and seen in
    /// certificates of real clients, so it is read.
    pub(super) fn default_false(&mut self) -> Result<bool> {
        let Some(element) = self.optional(tag::BOOLEAN)? else {
            return Ok(false);
        };
        match self.content(&element) {
            [0x00] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(Malformed::NotDer("a BOOLEAN other than 00 and FF")),
        }
    }
}

/// One element that fills `input`.
pub(super) fn only<'a>(input: &'a [u8], expected: u8, what: &'static str) -> Result<Reader<'a>> {
    let mut reader = Reader::new(input);
    let element = reader.expect(expected, what)?;
    reader.finish()?;
    Ok(reader.inside(&element))
}

pub(super) fn oid(content: &[u8], what: &'static str) -> Result<ObjectIdentifier> {
    ObjectIdentifier::from_bytes(content).map_err(|_| Malformed::Unexpected(what))
}

fn minimal_integer(octets: &[u8]) -> Result<()> {
    match octets {
        [] => Err(Malformed::NotDer("an INTEGER without octets")),
        [0x00, next, ..] if next & 0x80 == 0 => {
            Err(Malformed::NotDer("an INTEGER that is not minimal"))
        }
        [0xff, next, ..] if next & 0x80 != 0 => {
            Err(Malformed::NotDer("an INTEGER that is not minimal"))
        }
        _ => Ok(()),
    }
}

/// The value of a non-negative INTEGER of up to 64 bits.
pub(super) fn unsigned(octets: &[u8], what: &'static str) -> Result<u64> {
    let magnitude = match octets {
        [first, ..] if first & 0x80 != 0 => return Err(Malformed::Unexpected(what)),
        [0x00, rest @ ..] => rest,
        all => all,
    };
    if magnitude.len() > 8 {
        return Err(Malformed::Unexpected(what));
    }
    Ok(magnitude
        .iter()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}
