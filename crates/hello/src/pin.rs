//! PIN rules (6.3): what a PIN must look like on this device.

use policy::{CharacterClass, Class, PinPolicy, Violation};

/// Every rule of `rules` that `pin` breaks, in the order of the settings; empty when it will do.
/// The history (POL-PIN-6) is the container's to judge, for only it remembers.
#[must_use]
pub fn violations(pin: &str, rules: &PinPolicy) -> Vec<Violation> {
    let mut broken = Vec::new();
    let length = u32::try_from(pin.chars().count()).unwrap_or(u32::MAX);
    if length < rules.minimum_length() {
        broken.push(Violation::TooShort {
            minimum: rules.minimum_length(),
        });
    }
    if length > rules.maximum_length() {
        broken.push(Violation::TooLong {
            maximum: rules.maximum_length(),
        });
    }
    for class in CharacterClass::ALL {
        let holds = pin
            .chars()
            .any(|character| CharacterClass::of(character) == Some(class));
        match rules.class(class) {
            Class::Require if !holds => broken.push(Violation::Missing(class)),
            Class::Forbid if holds => broken.push(Violation::Forbidden(class)),
            _ => {}
        }
    }
    if pin
        .chars()
        .any(|character| CharacterClass::of(character).is_none())
    {
        broken.push(Violation::Unsupported);
    }
    if is_simple(pin) {
        broken.push(Violation::Simple);
    }
    broken
}

/// Whether `pin` is digits alone, each of which follows the one before it by the same step modulo 10
/// (POL-PIN-12). A single digit has no step and is not simple by this rule; it is too short by another.
#[must_use]
pub fn is_simple(pin: &str) -> bool {
    let digits = pin.as_bytes();
    if digits.len() < 2 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let step = |pair: &[u8]| match pair {
        [one, next] => (10 + next - one) % 10,
        _ => 0,
    };
    let mut steps = digits.windows(2).map(step);
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> PinPolicy {
        let mut value = serde_json::to_value(PinPolicy::default()).unwrap();
        let changes: serde_json::Value = serde_json::from_str(json).unwrap();
        for (name, change) in changes.as_object().unwrap() {
            assert!(value.get(name).is_some(), "{name}");
            value[name] = change.clone();
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_vectors_of_the_simple_pin_rule_hold() {
        // POL-PIN-12; 1231 is (1, 1, 8) by CONF-4.
        for pin in ["1111", "1234", "1357", "9630", "1593", "7036"] {
            assert!(is_simple(pin), "{pin}");
        }
        for pin in ["1231", "1872"] {
            assert!(!is_simple(pin), "{pin}");
        }
    }

    #[test]
    fn exactly_one_hundred_pins_of_each_length_are_simple() {
        // POL-PIN-12: every PIN of 4, 5 and 6 digits is tried.
        for length in 4..=6 {
            let simple = (0..10_u32.pow(length))
                .filter(|number| is_simple(&format!("{number:0width$}", width = length as usize)))
                .count();
            assert_eq!(simple, 100, "{length} digits");
        }
        // Beyond that, all ten starts with all ten steps, and none of them with one digit changed.
        for length in 7..=127_usize {
            for start in 0..10 {
                for step in 0..10 {
                    let pin: Vec<u8> = (0..length)
                        .map(|place| b'0' + u8::try_from((start + place * step) % 10).unwrap())
                        .collect();
                    assert!(is_simple(std::str::from_utf8(&pin).unwrap()));
                    for place in [0, 1, length / 2, length - 1] {
                        let mut changed = pin.clone();
                        changed[place] = b'0' + (changed[place] - b'0' + 1) % 10;
                        assert!(!is_simple(std::str::from_utf8(&changed).unwrap()));
                    }
                }
            }
        }
    }

    #[test]
    fn the_simple_rule_leaves_alphanumeric_pins_alone() {
        assert!(!is_simple("abcdef") && !is_simple("aaaaaa") && !is_simple("12345a"));
        assert_eq!(violations("aaaaaa", &PinPolicy::default()), []);
    }

    #[test]
    fn the_default_takes_digits_letters_and_punctuation_of_six_to_127_characters() {
        let rules = PinPolicy::default();
        for pin in ["271828", "a1!B2?", &"ab".repeat(63)] {
            assert_eq!(violations(pin, &rules), [], "{pin}");
        }
        assert_eq!(
            violations("27182", &rules),
            [Violation::TooShort { minimum: 6 }]
        );
        assert_eq!(
            violations(&"ab".repeat(64), &rules),
            [Violation::TooLong { maximum: 127 }]
        );
        assert_eq!(violations("", &rules), [Violation::TooShort { minimum: 6 }]);
    }

    #[test]
    fn exactly_32_characters_are_special() {
        // POL-PIN-11.
        let special: String = (0..=255_u8)
            .map(char::from)
            .filter(|character| CharacterClass::of(*character) == Some(CharacterClass::Special))
            .collect();
        assert_eq!(special, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
        assert_eq!(special.len(), 32);
    }

    #[test]
    fn space_and_everything_outside_ascii_is_refused() {
        // POL-PIN-11, where the documents are silent.
        let rules = PinPolicy::default();
        for pin in [
            "2718 28",
            "27182\u{e9}8",
            "27182\u{663}8",
            "27182\t8",
            "2718\u{1f511}28",
        ] {
            assert_eq!(violations(pin, &rules), [Violation::Unsupported], "{pin:?}");
        }
    }

    #[test]
    fn each_class_is_required_and_forbidden_by_its_own_setting() {
        for (name, class, pin_with, pin_without) in [
            ("digits", CharacterClass::Digit, "abcde1", "abcdef"),
            (
                "lowercase_letters",
                CharacterClass::Lowercase,
                "27182a",
                "271828",
            ),
            (
                "uppercase_letters",
                CharacterClass::Uppercase,
                "27182A",
                "271828",
            ),
            (
                "special_characters",
                CharacterClass::Special,
                "27182!",
                "271828",
            ),
        ] {
            let require = policy(&format!(r#"{{"{name}":"require"}}"#));
            let forbid = policy(&format!(r#"{{"{name}":"forbid"}}"#));
            assert_eq!(violations(pin_with, &require), []);
            assert_eq!(
                violations(pin_without, &require),
                [Violation::Missing(class)]
            );
            assert_eq!(violations(pin_with, &forbid), [Violation::Forbidden(class)]);
            assert_eq!(violations(pin_without, &forbid), []);
        }
    }

    #[test]
    fn every_violated_rule_is_stated() {
        // POL-PIN-13.
        let rules = policy(
            r#"{"digits":"forbid","uppercase_letters":"require","special_characters":"require",
                "minimum_length":8}"#,
        );
        let said: Vec<_> = violations("1234", &rules)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "the PIN must have at least 8 characters",
                "the PIN must not hold any digit",
                "the PIN must hold one upper-case letter at least",
                "the PIN must hold one special character at least",
                "the PIN is too simple: each digit follows the one before it by the same step",
            ]
        );
    }
}
