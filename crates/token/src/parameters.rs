//! The parameters of a request: a query string or a form, already decoded.

use wire::http::{Fields, InvalidFields};

/// The most bytes that the names and values of one request may have together.
const MOST_BYTES: usize = 64 * 1024;

/// The decoded parameters of a query string or a form.
///
/// A parameter must not be sent twice, and one without a value counts as not sent (RFC 6749 3.1 and 3.2). Parameters
/// that nobody asks for are ignored, repeated or not.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

/// A parameter was sent more than once, or there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidParameters {
    /// The named parameter stands there twice (RFC 6749 3.1).
    #[error("the parameter {0} was sent more than once")]
    Repeated(&'static str),
    /// More than 64 KiB of them.
    #[error("the request carries too many parameters")]
    TooMany,
    /// They are no form at all.
    #[error("the request carries no form")]
    NoForm(#[from] InvalidFields),
}

impl Parameters {
    /// Takes decoded pairs in the order in which they were sent.
    ///
    /// # Errors
    /// [`InvalidParameters::TooMany`] beyond 64 KiB.
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, InvalidParameters> {
        let bytes: usize = pairs
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > MOST_BYTES {
            return Err(InvalidParameters::TooMany);
        }
        Ok(Self(pairs))
    }

    /// Takes the fields of a query or a form.
    ///
    /// # Errors
    /// [`InvalidParameters`] when they are none or too many.
    pub fn from_fields(fields: Result<Fields, InvalidFields>) -> Result<Self, InvalidParameters> {
        Self::new(
            fields?
                .iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// The value of `name`; `None` when it was not sent or is empty.
    ///
    /// # Errors
    /// [`InvalidParameters::Repeated`] when it was sent more than once.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, InvalidParameters> {
        let mut values = self.0.iter().filter(|(sent, _)| sent == name);
        let first = values.next();
        if values.next().is_some() {
            return Err(InvalidParameters::Repeated(name));
        }
        Ok(first
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty()))
    }

    /// The value of a form field that a person filled in: as [`Self::one`], but a repeated field counts as not sent.
    #[must_use]
    pub fn field(&self, name: &'static str) -> Option<&str> {
        self.one(name).ok().flatten()
    }

    /// Whether no parameter was sent at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        Parameters::new(
            pairs
                .iter()
                .map(|(n, v)| ((*n).into(), (*v).into()))
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn a_parameter_sent_twice_is_refused_and_an_empty_one_was_not_sent() {
        let sent = parameters(&[("a", "1"), ("b", "2"), ("b", "2"), ("c", "")]);
        assert_eq!(sent.one("a"), Ok(Some("1")));
        assert_eq!(sent.one("b"), Err(InvalidParameters::Repeated("b")));
        assert_eq!(sent.one("c"), Ok(None));
        assert_eq!(sent.one("d"), Ok(None));
    }

    #[test]
    fn refuses_a_flood_of_parameters() {
        let long = vec![("a".to_owned(), "x".repeat(70_000))];
        assert_eq!(
            Parameters::new(long).err(),
            Some(InvalidParameters::TooMany)
        );
        let many = Fields::parse("a&".repeat(300).as_bytes());
        assert!(matches!(
            Parameters::from_fields(many),
            Err(InvalidParameters::NoForm(_))
        ));
    }
}
