//! Bodies: one JSON object, whose members are known, stand there once, and are what they must be.

use core::fmt;

use base64ct::{Base64, Encoding};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use trust::Timestamp;
use zeroize::Zeroizing;

use crate::refused::Refused;

/// The longest text of a member, in bytes, where nothing else is said.
const LONGEST_TEXT: usize = 1_024;
/// The longest text that is a key or a secret, in characters of its encoding.
const LONGEST_ENCODED: usize = 48 * 1024;
/// The most values of a list.
const MOST_VALUES: usize = 100;

/// The members of a body, taken out one by one.
#[derive(Default)]
pub(crate) struct Members(Map<String, Value>);

/// Names alone: values hold passwords.
impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a `PATCH` says of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Patch<T> {
    /// Nothing: it stays.
    Keep,
    /// It goes.
    Clear,
    /// It becomes this.
    Set(T),
}

impl Members {
    /// Reads a body; an empty one has no members. `known` are the members that the endpoint takes.
    pub(crate) fn read(body: &[u8], known: &[&str]) -> Result<Self, Refused> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let members: Unique = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
        match members
            .0
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            None => Ok(Self(members.0)),
            Some(unknown) => Err(Refused::UnknownMember(unknown.chars().take(100).collect())),
        }
    }

    /// Whether a member is there, null included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Refused> {
        self.take(name)
            .map(|value| text_of(name, value, LONGEST_TEXT))
            .transpose()
    }

    /// A text that must be there.
    pub(crate) fn needed(&mut self, name: &'static str) -> Result<String, Refused> {
        self.text(name)?.ok_or(Refused::MissingMember(name))
    }

    /// A secret, wiped when it goes. It may hold any character.
    pub(crate) fn secret(&mut self, name: &str) -> Result<Option<Zeroizing<String>>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Zeroizing::new(text))),
            Some(_) => Err(Refused::member(name, "it must be a text")),
        }
    }

    /// A long text: a key in one of its forms.
    pub(crate) fn encoded(&mut self, name: &str) -> Result<Option<String>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= LONGEST_ENCODED => Ok(Some(text)),
            Some(_) => Err(Refused::member(
                name,
                format!("it must be a text of {LONGEST_ENCODED} bytes at most"),
            )),
        }
    }

    /// Bytes in Base64.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, Refused> {
        let Some(text) = self.encoded(name)? else {
            return Ok(None);
        };
        match Base64::decode_vec(&text) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) => Err(Refused::member(name, "it must be Base64")),
        }
    }

    /// True or false.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Refused::member(name, "it must be true or false")),
        }
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn number(
        &mut self,
        name: &str,
        least: i64,
        most: i64,
    ) -> Result<Option<i64>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .filter(|number| (least..=most).contains(number))
                .map(Some)
                .ok_or_else(|| {
                    Refused::member(
                        name,
                        format!("it must be a whole number from {least} to {most}"),
                    )
                }),
        }
    }

    /// A list of texts, none of them twice.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Refused> {
        let list = || {
            Refused::member(
                name,
                format!("it must be a list of {MOST_VALUES} texts at most"),
            )
        };
        let values = match self.take(name) {
            None => return Ok(None),
            Some(Value::Array(values)) if values.len() <= MOST_VALUES => values,
            Some(_) => return Err(list()),
        };
        let mut texts: Vec<String> = Vec::with_capacity(values.len());
        for value in values {
            let text = text_of(name, value, LONGEST_TEXT)?;
            if texts.contains(&text) {
                return Err(Refused::member(name, "it has a value twice"));
            }
            texts.push(text);
        }
        Ok(Some(texts))
    }

    /// A value of any kind.
    pub(crate) fn value(&mut self, name: &'static str) -> Result<Value, Refused> {
        self.take(name).ok_or(Refused::MissingMember(name))
    }

    /// What a `PATCH` says of a text.
    pub(crate) fn patch(&mut self, name: &str) -> Result<Patch<String>, Refused> {
        if !self.has(name) {
            return Ok(Patch::Keep);
        }
        Ok(match self.text(name)? {
            None => {
                self.0.remove(name);
                Patch::Clear
            }
            Some(text) => Patch::Set(text),
        })
    }

    /// What a `PATCH` says of a moment.
    pub(crate) fn patch_moment(&mut self, name: &str) -> Result<Patch<Timestamp>, Refused> {
        Ok(match self.patch(name)? {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(text) => Patch::Set(
                Timestamp::from_rfc3339(&text)
                    .map_err(|error| Refused::member(name, error.to_string()))?,
            ),
        })
    }
}

fn text_of(name: &str, value: Value, longest: usize) -> Result<String, Refused> {
    let Value::String(text) = value else {
        return Err(Refused::member(name, "it must be a text"));
    };
    if text.trim().is_empty() {
        return Err(Refused::member(name, "it must not be empty"));
    }
    if text.len() > longest {
        return Err(Refused::member(
            name,
            format!("it must be {longest} bytes at most"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Refused::member(name, "it must not hold control characters"));
    }
    Ok(text)
}

/// Where the body is wrong. What stands there is not repeated: it may be a password.
fn malformed(error: &serde_json::Error) -> Refused {
    let what = if error.to_string().starts_with(TWICE) {
        TWICE
    } else {
        "it cannot be read"
    };
    Refused::Malformed(format!(
        "{what} (line {}, column {})",
        error.line(),
        error.column()
    ))
}

const TWICE: &str = "a member stands there twice";

/// An object without a member twice: two readers would disagree about which one counts.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom(TWICE));
                    }
                }
                Ok(Unique(members))
            }
        }

        from.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_the_names_of_members_and_not_their_values() {
        let body = br#"{"password":"Tr0ubadour"}"#;
        let members = Members::read(body, &["password"]).unwrap();
        assert_eq!(format!("{members:?}"), r#"{"password"}"#);
    }
}
