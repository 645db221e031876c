//! The fields of a query or a form, read leniently (protocols 0.2).

use core::fmt;
use std::borrow::Cow;

use super::percent::percent_decode;

/// Named values of a query string or of an `application/x-www-form-urlencoded` body, in their order.
///
/// Known clients do not percent-encode all that they post, so reading is lenient (protocols 0.2): pairs are
/// split at `&`, then at the first `=`; a malformed percent sequence stands for itself. A plus sign is a space
/// in what people typed ([`Fields::get`]) and itself in base64 and JWTs ([`Fields::get_verbatim`]): only who
/// asks for a field knows which it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Decoded names, and values as they were sent.
    pairs: Vec<(String, String)>,
}

/// Why bytes are not a form that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFields {
    /// More than [`Fields::MAX`] fields.
    #[error("more than {} fields", Fields::MAX)]
    TooMany,
    /// Bytes outside of UTF-8 that were not percent-encoded.
    #[error("the form is not text")]
    NotText,
}

impl Fields {
    /// The largest number of fields that is read. No protocol here uses more than thirty.
    pub const MAX: usize = 256;

    /// Reads a query (without its `?`) or a form body.
    ///
    /// # Errors
    /// [`InvalidFields::TooMany`] or [`InvalidFields::NotText`].
    pub fn parse(raw: &[u8]) -> Result<Fields, InvalidFields> {
        let text = core::str::from_utf8(raw).map_err(|_| InvalidFields::NotText)?;
        let mut pairs = Vec::new();
        for pair in text
            .trim_end_matches(['\r', '\n'])
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            if pairs.len() == Fields::MAX {
                return Err(InvalidFields::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((percent_decode(&plus_as_space(name)), value.to_owned()));
        }
        Ok(Fields { pairs })
    }

    /// The first value of this name as text, a plus sign being a space. Names differ by case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.raw(name)
            .map(|value| percent_decode(&plus_as_space(value)))
    }

    /// The first value of this name as base64, a JWT or another form in which a plus sign is itself.
    #[must_use]
    pub fn get_verbatim(&self, name: &str) -> Option<String> {
        self.raw(name).map(percent_decode)
    }

    /// Whether a field of this name is there, even empty.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The first name that occurs twice: OAuth requests with one are refused (RFC 6749 3.1).
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.pairs
            .iter()
            .enumerate()
            .find_map(|(position, (name, _))| {
                let earlier = self.pairs.get(..position)?;
                earlier
                    .iter()
                    .any(|(other, _)| other == name)
                    .then_some(name.as_str())
            })
    }

    /// All fields in their order, a plus sign being a space.
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), percent_decode(&plus_as_space(value))))
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

fn plus_as_space(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Names alone: values hold passwords, codes and tokens.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.pairs.iter().map(|(name, _)| name))
            .finish()
    }
}
