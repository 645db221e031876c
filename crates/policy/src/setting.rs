//! What every setting has: names, places, a type, an unset meaning, a document.

use serde::{Deserialize, Serialize};

use crate::object::Half;
use crate::pin::{Class, Profile};

/// A setting: a unit struct that says about itself what [`About`] holds, and what type it is read as.
pub trait Setting {
    /// The type that a party reads.
    type Is: Typed;
    /// Its names, places, kind and document.
    const ABOUT: About;
}

/// All there is to say about a setting.
#[derive(Debug, PartialEq, Eq)]
pub struct About {
    /// The specification's ID (`POL-S1`).
    pub id: &'static str,
    /// The word that configuration and commands use; the last part of the CSP node where there is one.
    pub name: &'static str,
    /// The setting's title in the Group Policy editor.
    pub title: &'static str,
    /// Its folder in the Group Policy editor, below *Administrative Templates*.
    pub folder: &'static str,
    /// Where it stands in `Registry.pol` (protocols I.4).
    pub registry: Registry,
    /// The node below `./{Device|User}/Vendor/MSFT/PassportForWork/{TenantId}/Policies/`, where one exists.
    pub csp: Option<&'static str>,
    /// Which halves of a policy object may hold it (6.2, column "GPO scope").
    pub halves: Halves,
    /// What values it takes.
    pub kind: Kind,
    /// What holds while nobody sets it.
    pub unset: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
}

/// A value's place in `Registry.pol` (protocols I.4), below `HKLM` or `HKCU` by the half.
#[derive(Debug, PartialEq, Eq)]
pub struct Registry {
    /// The key.
    pub key: &'static str,
    /// The value's name.
    pub value: &'static str,
}

/// Which halves of a policy object may hold a setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halves {
    /// The user half alone.
    User,
    /// The computer half alone.
    Computer,
    /// Either half; the user half wins (POL-1.3).
    Both,
}

impl Halves {
    /// Whether `half` may hold the setting.
    #[must_use]
    pub const fn include(self, half: Half) -> bool {
        matches!(
            (self, half),
            (Self::Both, _) | (Self::Computer, Half::Computer) | (Self::User, Half::User)
        )
    }
}

/// What values a setting takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// On or off.
    Switch,
    /// 0 allow, 1 require, 2 forbid: how a PIN may use a class of characters.
    Class,
    /// A whole number, both ends included.
    Number {
        /// The least value.
        least: u32,
        /// The greatest value.
        most: u32,
    },
    /// A PIN length: a number whose range is judged together with that of the other length
    /// (POL-PIN-9), so that one that is stored out of range is read all the same.
    Length {
        /// The least value that can be set.
        least: u32,
        /// The greatest value that can be set.
        most: u32,
    },
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A value as a policy object holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A number, or a class as 0, 1 or 2.
    Number(u32),
    /// A word.
    Word(String),
}

impl core::fmt::Display for Value {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Switch(on) => write!(f, "{on}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Why a value is not one of this setting's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name} takes {expected}")]
pub struct Invalid {
    /// The setting's name.
    pub name: &'static str,
    /// What it takes.
    pub expected: String,
}

impl About {
    /// Reads a value that somebody typed.
    ///
    /// A switch is `true`, `false`, `enabled`, `disabled`, `1` or `0`; a class is `allow`, `require`,
    /// `forbid`, its number, or as in the Group Policy editor `enabled` (require) and `disabled`
    /// (forbid); a number is decimal.
    ///
    /// # Errors
    /// [`Invalid`], saying what would do.
    pub fn parse(&self, text: &str) -> Result<Value, Invalid> {
        let value = match self.kind {
            Kind::Switch => match text {
                "true" | "enabled" | "1" => Some(Value::Switch(true)),
                "false" | "disabled" | "0" => Some(Value::Switch(false)),
                _ => None,
            },
            Kind::Class => match text {
                "allow" | "0" => Some(Value::Number(0)),
                "require" | "enabled" | "1" => Some(Value::Number(1)),
                "forbid" | "disabled" | "2" => Some(Value::Number(2)),
                _ => None,
            },
            Kind::Number { .. } | Kind::Length { .. } => text.parse().ok().map(Value::Number),
            Kind::Word(_) => Some(Value::Word(text.to_owned())),
        };
        value
            .filter(|value| self.takes(value))
            .ok_or_else(|| self.invalid())
    }

    /// Whether `value` is one of this setting's.
    #[must_use]
    pub fn takes(&self, value: &Value) -> bool {
        match (self.kind, value) {
            (Kind::Switch, Value::Switch(_)) => true,
            (Kind::Class, Value::Number(number)) => *number <= 2,
            (
                Kind::Number { least, most } | Kind::Length { least, most },
                Value::Number(number),
            ) => (least..=most).contains(number),
            (Kind::Word(words), Value::Word(word)) => words.contains(&word.as_str()),
            _ => false,
        }
    }

    /// Whether a stored `value` is read, rather than passed over as if it were not there.
    pub(crate) fn reads(&self, value: &Value) -> bool {
        self.takes(value) || matches!((self.kind, value), (Kind::Length { .. }, Value::Number(_)))
    }

    pub(crate) fn invalid(&self) -> Invalid {
        Invalid {
            name: self.name,
            expected: self.kind.to_string(),
        }
    }
}

impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Switch => f.write_str("true or false"),
            Self::Class => f.write_str("allow, require or forbid"),
            Self::Number { least, most } | Self::Length { least, most } => {
                write!(f, "a number from {least} to {most}")
            }
            Self::Word(words) => f.write_str(&words.join(" or ")),
        }
    }
}

/// A type that a setting is read as.
pub trait Typed: Sized {
    /// Reads a value that the setting takes; `None` when it is of another kind.
    fn read(value: &Value) -> Option<Self>;
}

impl Typed for bool {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Switch(on) => Some(*on),
            _ => None,
        }
    }
}

impl Typed for u32 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl Typed for Class {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(0) => Some(Self::Allow),
            Value::Number(1) => Some(Self::Require),
            Value::Number(2) => Some(Self::Forbid),
            _ => None,
        }
    }
}

impl Typed for Profile {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Word(word) if word == "modern" => Some(Self::Modern),
            Value::Word(word) if word == "legacy" => Some(Self::Legacy),
            _ => None,
        }
    }
}
