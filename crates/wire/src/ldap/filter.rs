//! Filters of searches (RFC 4511 4.5.1.7).

use std::borrow::Cow;

use super::Malformed;
use super::ber::{self, Reader, SEQUENCE, Writer, context, context_constructed};

/// How deep filters may be nested. CVE-2020-10704 is what happens where nobody asks.
pub const MAX_FILTER_DEPTH: usize = 100;

/// Which entries are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter<'a> {
    /// All of these are true; true when there are none (RFC 4526).
    And(Vec<Filter<'a>>),
    /// One of these is true; false when there are none (RFC 4526).
    Or(Vec<Filter<'a>>),
    /// This is false.
    Not(Box<Filter<'a>>),
    /// A value equals this.
    Equality(Assertion<'a>),
    /// A value has these parts, in this order.
    Substrings {
        /// The attribute's description.
        attribute: Cow<'a, str>,
        /// What it begins with.
        initial: Option<Cow<'a, [u8]>>,
        /// What stands in between.
        any: Vec<Cow<'a, [u8]>>,
        /// What it ends with.
        last: Option<Cow<'a, [u8]>>,
    },
    /// A value is this or comes after it.
    GreaterOrEqual(Assertion<'a>),
    /// A value is this or comes before it.
    LessOrEqual(Assertion<'a>),
    /// There is a value.
    Present(Cow<'a, str>),
    /// A value is like this.
    Approximately(Assertion<'a>),
    /// A rule says so.
    Extensible {
        /// The rule's name or OID.
        rule: Option<Cow<'a, str>>,
        /// The attribute's description.
        attribute: Option<Cow<'a, str>>,
        /// What the rule is asked about.
        value: Cow<'a, [u8]>,
        /// Whether the parts of the entry's name count too.
        dn_attributes: bool,
    },
}

/// What is said of an attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion<'a> {
    /// The attribute's description.
    pub attribute: Cow<'a, str>,
    /// The value, of any bytes.
    pub value: Cow<'a, [u8]>,
}

const AND: u8 = context_constructed(0);
const OR: u8 = context_constructed(1);
const NOT: u8 = context_constructed(2);
const EQUALITY: u8 = context_constructed(3);
const SUBSTRINGS: u8 = context_constructed(4);
const GREATER_OR_EQUAL: u8 = context_constructed(5);
const LESS_OR_EQUAL: u8 = context_constructed(6);
const PRESENT: u8 = context(7);
const APPROXIMATELY: u8 = context_constructed(8);
const EXTENSIBLE: u8 = context_constructed(9);

const INITIAL: u8 = context(0);
const ANY: u8 = context(1);
const LAST: u8 = context(2);

impl<'a> Filter<'a> {
    /// Reads a filter that stands alone, as in an assertion control.
    ///
    /// # Errors
    /// [`Malformed`] when it is none, or nested deeper than [`MAX_FILTER_DEPTH`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let filter = Self::read(&mut from)?;
        from.end()?;
        Ok(filter)
    }

    /// Writes a filter that stands alone.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.write(&mut out);
        out.finish()
    }

    /// How many filters there are in it, itself among them, and parts of texts.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => 1 + parts.iter().map(Self::count).sum::<usize>(),
            Self::Not(part) => 1 + part.count(),
            Self::Substrings { any, .. } => 1 + any.len(),
            _ => 1,
        }
    }

    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Self::nested(from, MAX_FILTER_DEPTH)
    }

    fn nested(from: &mut Reader<'a>, deeper: usize) -> Result<Self, Malformed> {
        let deeper = deeper
            .checked_sub(1)
            .ok_or(Malformed("filters nested too deep"))?;
        let (tag, contents) = from.next()?;
        let mut inner = Reader::new(contents);
        let filter = match tag {
            AND => return Ok(Self::And(Self::several(&mut inner, deeper)?)),
            OR => return Ok(Self::Or(Self::several(&mut inner, deeper)?)),
            NOT => Self::Not(Box::new(Self::nested(&mut inner, deeper)?)),
            EQUALITY => Self::Equality(Assertion::read(&mut inner)?),
            SUBSTRINGS => Self::substrings(&mut inner)?,
            GREATER_OR_EQUAL => Self::GreaterOrEqual(Assertion::read(&mut inner)?),
            LESS_OR_EQUAL => Self::LessOrEqual(Assertion::read(&mut inner)?),
            PRESENT => return Ok(Self::Present(Cow::Borrowed(ber::text(contents)?))),
            APPROXIMATELY => Self::Approximately(Assertion::read(&mut inner)?),
            EXTENSIBLE => {
                let text = |contents: &'a [u8]| ber::text(contents).map(Cow::Borrowed);
                let rule = inner.optional(context(1))?.map(text).transpose()?;
                let attribute = inner.optional(context(2))?.map(text).transpose()?;
                let value = Cow::Borrowed(inner.expect(context(3))?);
                let dn_attributes = inner.optional(context(4))?.map(ber::boolean).transpose()?;
                if rule.is_none() && attribute.is_none() {
                    return Err(Malformed("a match without rule and attribute"));
                }
                Self::Extensible {
                    rule,
                    attribute,
                    value,
                    dn_attributes: dn_attributes == Some(true),
                }
            }
            _ => return Err(Malformed("a filter that nobody knows")),
        };
        inner.end()?;
        Ok(filter)
    }

    fn several(from: &mut Reader<'a>, deeper: usize) -> Result<Vec<Self>, Malformed> {
        let mut parts = Vec::new();
        while !from.is_empty() {
            parts.push(Self::nested(from, deeper)?);
        }
        Ok(parts)
    }

    fn substrings(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let attribute = Cow::Borrowed(from.text()?);
        let mut parts = from.inside(SEQUENCE)?;
        if parts.is_empty() {
            return Err(Malformed("substrings of which there are none"));
        }
        let initial = parts.optional(INITIAL)?.map(Cow::Borrowed);
        let mut any = Vec::new();
        while let Some(part) = parts.optional(ANY)? {
            any.push(Cow::Borrowed(part));
        }
        let last = parts.optional(LAST)?.map(Cow::Borrowed);
        parts.end()?;
        Ok(Self::Substrings {
            attribute,
            initial,
            any,
            last,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::And(parts) => write_several(out, AND, parts),
            Self::Or(parts) => write_several(out, OR, parts),
            Self::Not(part) => {
                out.constructed(NOT, |out| part.write(out));
            }
            Self::Equality(assertion) => assertion.write(out, EQUALITY),
            Self::GreaterOrEqual(assertion) => assertion.write(out, GREATER_OR_EQUAL),
            Self::LessOrEqual(assertion) => assertion.write(out, LESS_OR_EQUAL),
            Self::Approximately(assertion) => assertion.write(out, APPROXIMATELY),
            Self::Present(attribute) => {
                out.value(PRESENT, attribute.as_bytes());
            }
            Self::Substrings {
                attribute,
                initial,
                any,
                last,
            } => {
                out.constructed(SUBSTRINGS, |out| {
                    out.octets(attribute.as_bytes()).sequence(|out| {
                        if let Some(part) = initial {
                            out.value(INITIAL, part);
                        }
                        for part in any {
                            out.value(ANY, part);
                        }
                        if let Some(part) = last {
                            out.value(LAST, part);
                        }
                    });
                });
            }
            Self::Extensible {
                rule,
                attribute,
                value,
                dn_attributes,
            } => {
                out.constructed(EXTENSIBLE, |out| {
                    if let Some(rule) = rule {
                        out.value(context(1), rule.as_bytes());
                    }
                    if let Some(attribute) = attribute {
                        out.value(context(2), attribute.as_bytes());
                    }
                    out.value(context(3), value);
                    if *dn_attributes {
                        out.boolean(context(4), true);
                    }
                });
            }
        }
    }
}

fn write_several(out: &mut Writer, tag: u8, parts: &[Filter<'_>]) {
    out.constructed(tag, |out| {
        for part in parts {
            part.write(out);
        }
    });
}

impl<'a> Assertion<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            attribute: Cow::Borrowed(from.text()?),
            value: Cow::Borrowed(from.octets()?),
        })
    }

    fn write(&self, out: &mut Writer, tag: u8) {
        out.constructed(tag, |out| {
            out.octets(self.attribute.as_bytes()).octets(&self.value);
        });
    }
}
