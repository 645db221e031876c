//! What a PIN must look like: the value that settings POL-PIN-1 to POL-PIN-10 come to.

use core::fmt;

use serde::{Deserialize, Serialize};

/// How a PIN may use a class of characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It may (0).
    Allow,
    /// It must hold one at least (1).
    Require,
    /// It must hold none (2).
    Forbid,
}

/// The classes that a PIN's characters fall into; no other character is taken (POL-PIN-11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CharacterClass {
    /// `0` to `9`.
    Digit,
    /// `a` to `z`.
    Lowercase,
    /// `A` to `Z`.
    Uppercase,
    /// The 32 other printable ASCII characters; space is not among them (POL-PIN-11).
    Special,
}

impl CharacterClass {
    /// Every class, in the order in which violations are stated.
    pub const ALL: [Self; 4] = [Self::Digit, Self::Lowercase, Self::Uppercase, Self::Special];

    /// The class of `character`; `None` for space, control and non-ASCII characters, which no PIN
    /// may hold (POL-PIN-11).
    #[must_use]
    pub const fn of(character: char) -> Option<Self> {
        match character {
            '0'..='9' => Some(Self::Digit),
            'a'..='z' => Some(Self::Lowercase),
            'A'..='Z' => Some(Self::Uppercase),
            '!'..='/' | ':'..='@' | '['..='`' | '{'..='~' => Some(Self::Special),
            _ => None,
        }
    }
}

impl fmt::Display for CharacterClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digit => "digit",
            Self::Lowercase => "lower-case letter",
            Self::Uppercase => "upper-case letter",
            Self::Special => "special character",
        })
    }
}

/// Which documentation the defaults follow (CONF-1 to CONF-3, POL-PIN-10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Six characters at least; a class that nobody set is allowed.
    #[default]
    Modern,
    /// Four characters at least; unset digits are required, other unset classes are forbidden.
    Legacy,
}

impl Profile {
    /// The least length of a PIN while nobody sets one (CONF-1).
    #[must_use]
    pub const fn minimum_length(self) -> u32 {
        match self {
            Self::Modern => 6,
            Self::Legacy => 4,
        }
    }

    /// How a class may be used while nobody says so (CONF-2, CONF-3).
    #[must_use]
    pub const fn unset(self, class: CharacterClass) -> Class {
        match (self, class) {
            (Self::Modern, _) => Class::Allow,
            (Self::Legacy, CharacterClass::Digit) => Class::Require,
            (Self::Legacy, _) => Class::Forbid,
        }
    }
}

/// What a PIN must look like; a value that some PIN can meet, for nothing else can be built.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stated", into = "Stated")]
pub struct PinPolicy(Stated);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Stated {
    minimum_length: u32,
    maximum_length: u32,
    digits: Class,
    lowercase_letters: Class,
    uppercase_letters: Class,
    special_characters: Class,
    history: u32,
    expiration_days: u32,
}

/// The shortest PIN that can be asked for (CONF-1).
pub(crate) const SHORTEST: u32 = 4;
/// The longest PIN that can be allowed.
pub(crate) const LONGEST: u32 = 127;
/// The most PINs that can be remembered (POL-PIN-6).
pub(crate) const LONGEST_HISTORY: u32 = 50;
/// The longest life of a PIN in days (POL-PIN-5).
pub(crate) const LONGEST_LIFE: u32 = 730;

impl Default for PinPolicy {
    /// The policy while nothing is set, in the modern profile.
    fn default() -> Self {
        Self::resolve(&Wanted::default()).0
    }
}

impl From<PinPolicy> for Stated {
    fn from(policy: PinPolicy) -> Self {
        policy.0
    }
}

impl TryFrom<Stated> for PinPolicy {
    type Error = &'static str;

    fn try_from(stated: Stated) -> Result<Self, Self::Error> {
        if stated.minimum_length < SHORTEST
            || stated.maximum_length > LONGEST
            || stated.minimum_length >= stated.maximum_length
        {
            return Err("the PIN lengths are not 4 <= minimum < maximum <= 127");
        }
        if stated.history > LONGEST_HISTORY || stated.expiration_days > LONGEST_LIFE {
            return Err("the PIN history is above 50, or its life above 730 days");
        }
        let policy = Self(stated);
        if CharacterClass::ALL.map(|class| policy.class(class)) == [Class::Forbid; 4] {
            return Err("every class of characters is forbidden");
        }
        Ok(policy)
    }
}

/// What was set, before POL-PIN-9 and POL-PIN-10 are applied.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) profile: Profile,
    pub(crate) minimum_length: Option<u32>,
    pub(crate) maximum_length: Option<u32>,
    pub(crate) digits: Option<Class>,
    pub(crate) lowercase_letters: Option<Class>,
    pub(crate) uppercase_letters: Option<Class>,
    pub(crate) special_characters: Option<Class>,
    pub(crate) history: Option<u32>,
    pub(crate) expiration_days: Option<u32>,
}

/// Why what was set is not what holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fallback {
    /// POL-PIN-9: the lengths contradict each other.
    Lengths,
    /// POL-PIN-10: nothing is required where the legacy profile wants something.
    NothingRequired,
    /// Every class is forbidden, so that no PIN could be chosen.
    NothingAllowed,
}

impl PinPolicy {
    /// The policy that `wanted` comes to, and which fallbacks it took.
    pub(crate) fn resolve(wanted: &Wanted) -> (Self, Vec<Fallback>) {
        let mut fallbacks = Vec::new();
        let profile = wanted.profile;

        let mut lengths = (
            wanted.minimum_length.unwrap_or(profile.minimum_length()),
            wanted.maximum_length.unwrap_or(LONGEST),
        );
        if lengths.0 < SHORTEST || lengths.1 > LONGEST || lengths.0 >= lengths.1 {
            lengths = (profile.minimum_length(), LONGEST);
            fallbacks.push(Fallback::Lengths);
        }

        let given = [
            wanted.digits,
            wanted.lowercase_letters,
            wanted.uppercase_letters,
            wanted.special_characters,
        ];
        let mut classes = [Class::Allow; 4];
        for (place, (class, given)) in classes
            .iter_mut()
            .zip(CharacterClass::ALL.into_iter().zip(given))
        {
            *place = given.unwrap_or(profile.unset(class));
        }
        let fallback = if classes == [Class::Forbid; 4] {
            Some(Fallback::NothingAllowed)
        } else if profile == Profile::Legacy && classes == [Class::Allow; 4] {
            Some(Fallback::NothingRequired)
        } else {
            None
        };
        if let Some(fallback) = fallback {
            classes = CharacterClass::ALL.map(|class| Profile::Legacy.unset(class));
            fallbacks.push(fallback);
        }

        let [
            digits,
            lowercase_letters,
            uppercase_letters,
            special_characters,
        ] = classes;
        let policy = Self(Stated {
            minimum_length: lengths.0,
            maximum_length: lengths.1,
            digits,
            lowercase_letters,
            uppercase_letters,
            special_characters,
            history: wanted.history.unwrap_or(0).min(LONGEST_HISTORY),
            expiration_days: wanted.expiration_days.unwrap_or(0).min(LONGEST_LIFE),
        });
        (policy, fallbacks)
    }

    /// The fewest characters, 4 to 126 (POL-PIN-4).
    #[must_use]
    pub const fn minimum_length(&self) -> u32 {
        self.0.minimum_length
    }

    /// The most characters, 5 to 127 (POL-PIN-3).
    #[must_use]
    pub const fn maximum_length(&self) -> u32 {
        self.0.maximum_length
    }

    /// How `class` may be used (POL-PIN-1, -2, -7, -8).
    #[must_use]
    pub const fn class(&self, class: CharacterClass) -> Class {
        match class {
            CharacterClass::Digit => self.0.digits,
            CharacterClass::Lowercase => self.0.lowercase_letters,
            CharacterClass::Uppercase => self.0.uppercase_letters,
            CharacterClass::Special => self.0.special_characters,
        }
    }

    /// How many of the last PINs, the current one included, may not be chosen again; 0 to 50,
    /// 0 when none is remembered (POL-PIN-6).
    #[must_use]
    pub const fn history(&self) -> u32 {
        self.0.history
    }

    /// After how many days a PIN must be changed, 1 to 730; `None` when it never must (POL-PIN-5).
    #[must_use]
    pub const fn expiration_days(&self) -> Option<u32> {
        match self.0.expiration_days {
            0 => None,
            days => Some(days),
        }
    }

    /// The rules in words, one sentence each, for whoever is about to choose a PIN.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let mut words = vec![format!(
            "{} to {} characters",
            self.minimum_length(),
            self.maximum_length()
        )];
        for class in CharacterClass::ALL {
            match self.class(class) {
                Class::Allow => {}
                Class::Require => words.push(format!("at least one {class}")),
                Class::Forbid => words.push(format!("no {class}")),
            }
        }
        words.push("no simple sequence such as 123456 or 111111".to_owned());
        if self.history() > 0 {
            words.push(format!("none of the last {} PINs", self.history()));
        }
        words
    }
}

/// A rule that a PIN breaks. Each one is stated to whoever chose it (POL-PIN-13).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// POL-PIN-4.
    #[error("the PIN must have at least {minimum} characters")]
    TooShort {
        /// The fewest characters.
        minimum: u32,
    },
    /// POL-PIN-3.
    #[error("the PIN must have at most {maximum} characters")]
    TooLong {
        /// The most characters.
        maximum: u32,
    },
    /// POL-PIN-1, -2, -7, -8.
    #[error("the PIN must hold one {0} at least")]
    Missing(CharacterClass),
    /// POL-PIN-1, -2, -7, -8.
    #[error("the PIN must not hold any {0}")]
    Forbidden(CharacterClass),
    /// POL-PIN-11.
    #[error("the PIN may hold letters a to z, digits and ASCII punctuation, and no space")]
    Unsupported,
    /// POL-PIN-12.
    #[error("the PIN is too simple: each digit follows the one before it by the same step")]
    Simple,
    /// POL-PIN-6.
    #[error("the PIN was used before: the last {history} may not be used again")]
    UsedBefore {
        /// How many are remembered.
        history: u32,
    },
}
