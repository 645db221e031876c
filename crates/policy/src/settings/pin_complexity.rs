//! The settings of a PIN (6.3). They apply to every PIN on the device (POL-PIN-0).

use super::Registry;
use crate::pin::{Class, LONGEST, LONGEST_HISTORY, LONGEST_LIFE, Profile, SHORTEST};
use crate::setting::{About, Halves, Kind, Setting};

const FOLDER: &str = r"System\PIN Complexity";

const fn value(value: &'static str) -> Registry {
    Registry {
        key: r"SOFTWARE\Policies\Microsoft\PassportForWork\PINComplexity",
        value,
    }
}

/// POL-PIN-1. How a PIN may use digits.
#[derive(Clone, Copy, Debug)]
pub struct Digits;

impl Setting for Digits {
    type Is = Class;
    const ABOUT: About = About {
        id: "POL-PIN-1",
        name: "Digits",
        title: "Require digits",
        folder: FOLDER,
        registry: value("Digits"),
        csp: Some("PINComplexity/Digits"),
        halves: Halves::Both,
        kind: Kind::Class,
        unset: "allowed in the modern profile, required in the legacy one (CONF-3)",
        doc: "Whether a PIN may, must or must not hold digits.",
    };
}

/// POL-PIN-2. How a PIN may use lower-case letters.
#[derive(Clone, Copy, Debug)]
pub struct LowercaseLetters;

impl Setting for LowercaseLetters {
    type Is = Class;
    const ABOUT: About = About {
        id: "POL-PIN-2",
        name: "LowercaseLetters",
        title: "Require lowercase letters",
        folder: FOLDER,
        registry: value("LowercaseLetters"),
        csp: Some("PINComplexity/LowercaseLetters"),
        halves: Halves::Both,
        kind: Kind::Class,
        unset: "allowed in the modern profile, forbidden in the legacy one (CONF-2)",
        doc: "Whether a PIN may, must or must not hold letters a to z.",
    };
}

/// POL-PIN-3. The most characters of a PIN.
#[derive(Clone, Copy, Debug)]
pub struct MaximumPinLength;

impl Setting for MaximumPinLength {
    type Is = u32;
    const ABOUT: About = About {
        id: "POL-PIN-3",
        name: "MaximumPINLength",
        title: "Maximum PIN length",
        folder: FOLDER,
        registry: value("MaximumPINLength"),
        csp: Some("PINComplexity/MaximumPINLength"),
        halves: Halves::Both,
        kind: Kind::Length {
            least: SHORTEST,
            most: LONGEST,
        },
        unset: "127",
        doc: "The most characters of a PIN. It must be greater than the minimum length, \
              else both fall back to their defaults (POL-PIN-9).",
    };
}

/// POL-PIN-4. The fewest characters of a PIN.
#[derive(Clone, Copy, Debug)]
pub struct MinimumPinLength;

impl Setting for MinimumPinLength {
    type Is = u32;
    const ABOUT: About = About {
        id: "POL-PIN-4",
        name: "MinimumPINLength",
        title: "Minimum PIN length",
        folder: FOLDER,
        registry: value("MinimumPINLength"),
        csp: Some("PINComplexity/MinimumPINLength"),
        halves: Halves::Both,
        kind: Kind::Length {
            least: SHORTEST,
            most: LONGEST,
        },
        unset: "6 in the modern profile, 4 in the legacy one (CONF-1)",
        doc: "The fewest characters of a PIN. It must be less than the maximum length, \
              else both fall back to their defaults (POL-PIN-9).",
    };
}

/// POL-PIN-5. The life of a PIN in days.
#[derive(Clone, Copy, Debug)]
pub struct Expiration;

impl Setting for Expiration {
    type Is = u32;
    const ABOUT: About = About {
        id: "POL-PIN-5",
        name: "Expiration",
        title: "Expiration",
        folder: FOLDER,
        registry: value("Expiration"),
        csp: Some("PINComplexity/Expiration"),
        halves: Halves::Both,
        kind: Kind::Number {
            least: 0,
            most: LONGEST_LIFE,
        },
        unset: "0: a PIN never expires",
        doc: "After how many days a PIN must be changed; 0 is never.",
    };
}

/// POL-PIN-6. How many PINs are remembered.
#[derive(Clone, Copy, Debug)]
pub struct History;

impl Setting for History {
    type Is = u32;
    const ABOUT: About = About {
        id: "POL-PIN-6",
        name: "History",
        title: "History",
        folder: FOLDER,
        registry: value("History"),
        csp: Some("PINComplexity/History"),
        halves: Halves::Both,
        kind: Kind::Number {
            least: 0,
            most: LONGEST_HISTORY,
        },
        unset: "0: no PIN is remembered",
        doc: "How many of the last PINs, the current one included, may not be chosen \
              again. A PIN reset forgets them.",
    };
}

/// POL-PIN-7. How a PIN may use punctuation.
#[derive(Clone, Copy, Debug)]
pub struct SpecialCharacters;

impl Setting for SpecialCharacters {
    type Is = Class;
    const ABOUT: About = About {
        id: "POL-PIN-7",
        name: "SpecialCharacters",
        title: "Require special characters",
        folder: FOLDER,
        registry: value("SpecialCharacters"),
        csp: Some("PINComplexity/SpecialCharacters"),
        halves: Halves::Both,
        kind: Kind::Class,
        unset: "allowed in the modern profile, forbidden in the legacy one (CONF-2)",
        doc: "Whether a PIN may, must or must not hold one of the 32 ASCII punctuation \
              characters (POL-PIN-11).",
    };
}

/// POL-PIN-8. How a PIN may use upper-case letters.
#[derive(Clone, Copy, Debug)]
pub struct UppercaseLetters;

impl Setting for UppercaseLetters {
    type Is = Class;
    const ABOUT: About = About {
        id: "POL-PIN-8",
        name: "UppercaseLetters",
        title: "Require uppercase letters",
        folder: FOLDER,
        registry: value("UppercaseLetters"),
        csp: Some("PINComplexity/UppercaseLetters"),
        halves: Halves::Both,
        kind: Kind::Class,
        unset: "allowed in the modern profile, forbidden in the legacy one (CONF-2)",
        doc: "Whether a PIN may, must or must not hold letters A to Z.",
    };
}

/// POL-PIN-10. Which defaults hold.
#[derive(Clone, Copy, Debug)]
pub struct PinProfile;

impl Setting for PinProfile {
    type Is = Profile;
    const ABOUT: About = About {
        id: "POL-PIN-10",
        name: "pin.profile",
        title: "Defaults of PIN complexity",
        folder: FOLDER,
        registry: value("KeyporchProfile"),
        csp: None,
        halves: Halves::Both,
        kind: Kind::Word(&["modern", "legacy"]),
        unset: "modern",
        doc: "Which documentation the other settings' defaults follow (CONF-1 to CONF-3): \
              modern allows every class and asks for six characters, legacy takes digits \
              alone and asks for four. A setting of this project's own.",
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn a_class_takes_its_number_its_word_and_the_words_of_the_editor() {
        // "GPO enabled=1, disabled=2" (POL-PIN-1).
        for about in [
            Digits::ABOUT,
            LowercaseLetters::ABOUT,
            SpecialCharacters::ABOUT,
            UppercaseLetters::ABOUT,
        ] {
            assert_eq!(about.parse("allow"), Ok(Value::Number(0)));
            assert_eq!(about.parse("enabled"), Ok(Value::Number(1)));
            assert_eq!(about.parse("2"), Ok(Value::Number(2)));
            assert_eq!(
                about.parse("3").unwrap_err().expected,
                "allow, require or forbid"
            );
        }
    }

    #[test]
    fn a_number_is_taken_at_both_ends_of_its_range_and_not_beyond() {
        for (about, least, most) in [
            (MinimumPinLength::ABOUT, 4, 127),
            (MaximumPinLength::ABOUT, 4, 127),
            (Expiration::ABOUT, 0, 730),
            (History::ABOUT, 0, 50),
        ] {
            assert!(about.takes(&Value::Number(least)), "{}", about.name);
            assert!(about.takes(&Value::Number(most)), "{}", about.name);
            assert!(!about.takes(&Value::Number(most + 1)), "{}", about.name);
            assert!(about.parse(&format!("-{least}")).is_err(), "{}", about.name);
        }
        assert!(!MinimumPinLength::ABOUT.takes(&Value::Number(3)));
    }

    #[test]
    fn the_profile_is_one_of_two_words() {
        assert!(PinProfile::ABOUT.parse("legacy").is_ok());
        assert_eq!(
            PinProfile::ABOUT.parse("Legacy").unwrap_err().to_string(),
            "pin.profile takes modern or legacy"
        );
    }
}
