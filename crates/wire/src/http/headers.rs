//! Header fields: names match whatever their case.

use core::fmt;

/// The header fields of a message, in their order (RFC 9110 5).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(String, String)>,
}

/// A message with more than [`Headers::MAX`] header fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} header fields", Headers::MAX)]
pub struct TooManyHeaders;

impl Headers {
    /// The largest number of fields that is taken from a peer.
    pub const MAX: usize = 128;

    /// No fields.
    #[must_use]
    pub const fn new() -> Headers {
        Headers { fields: Vec::new() }
    }

    /// The first field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// The only field of this name; `None` when there is none, or when there are two that may contradict.
    #[must_use]
    pub fn get_only(&self, name: &str) -> Option<&str> {
        let mut all = self.get_all(name);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    /// Every field of this name, in their order.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds a field that a peer sent, beside others of its name.
    ///
    /// # Errors
    /// [`TooManyHeaders`] at [`Headers::MAX`].
    pub fn receive(&mut self, name: &str, value: &str) -> Result<(), TooManyHeaders> {
        if self.fields.len() >= Headers::MAX {
            return Err(TooManyHeaders);
        }
        self.append(name, value);
        Ok(())
    }

    /// Adds a field beside others of its name.
    ///
    /// Control characters, with which a value could end the header and begin another, are left out.
    pub fn append(&mut self, name: &str, value: &str) {
        let plain = |byte: u8| matches!(byte, b' '..=b'~');
        let clean = |text: &str| match text.bytes().all(plain) {
            true => text.to_owned(),
            false => text.chars().filter(|c| !c.is_control()).collect(),
        };
        self.fields.push((clean(name), clean(value)));
    }

    /// Sets a field in place of others of its name; control characters are left out.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.append(name, value);
    }
}

/// Names alone: values hold tokens and cookies.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.fields.iter().map(|(name, _)| name))
            .finish()
    }
}
