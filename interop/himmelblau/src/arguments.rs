//! The words after the program's name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::report::Failure;

/// How it is used, for somebody who asks.
pub(crate) const USAGE: &str = "\
himmelblau-probe STEP --name VALUE ...

every step but realm:  --authority URL  --state DIR
where it matters:      --user UPN  --domain DOMAIN  --pin PIN  --timeout SECONDS (3)

realm                  --odc HOST[:PORT]
user                   [--force-mfa]
headless               [--password P] [--otp CODE]... [--tap PASS] [--method ID] [--for enrollment|graph]
                       [--force-mfa] [--no-fallback] [--remote] [--intune]
device-code-begin      [--force-mfa]
device-code-poll
token-device-code      [--force-mfa] [--give-up SECONDS]
token-password         --password P
pkce-begin             --redirect-uri URI [--scope S]...
pkce-finish            --redirected URL
enroll                 [--name NAME] [--join-type N]
prt-password           --password P
prt-refresh
prt-renew              [--tgt]
hello-provision
prt-hello
token-hello            [--resource R | --scope S...]
exchange               [--resource R | --scope S...] [--keep]
sso-cookie             [--nonce NONCE]
name-to-sid
forget                 --what token|device|prt|hello";

/// Words that stand without a value.
const FLAGS: &[&str] = &[
    "force-mfa",
    "no-fallback",
    "remote",
    "intune",
    "tgt",
    "keep",
];

/// What was asked for.
pub(crate) struct Arguments {
    step: String,
    values: BTreeMap<String, Vec<String>>,
}

impl Arguments {
    /// Reads the words.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let step = words.next().ok_or(Failure::Usage("no step".to_owned()))?;
        let mut values = BTreeMap::<String, Vec<String>>::new();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| Failure::Usage(format!("{word}: not an option")))?;
            let value = if FLAGS.contains(&name) {
                String::new()
            } else {
                words
                    .next()
                    .ok_or_else(|| Failure::Usage(format!("--{name}: no value")))?
            };
            values.entry(name.to_owned()).or_default().push(value);
        }
        Ok(Self { step, values })
    }

    /// The step.
    pub(crate) fn step(&self) -> &str {
        &self.step
    }

    /// Whether a flag was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// An option's value, the last one where there are several.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// All values of an option, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.values.get(name).map(Vec::as_slice);
        values
            .unwrap_or_default()
            .iter()
            .map(String::as_str)
            .collect()
    }

    /// The value of an option that this step cannot do without.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Failure> {
        self.get(name)
            .ok_or_else(|| Failure::Usage(format!("{} needs --{name}", self.step)))
    }

    /// The value of an option that is a number or the like.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| Failure::Usage(format!("--{name} {text}: not a number")))
            })
            .transpose()
    }

    /// The folder of this device.
    pub(crate) fn state(&self) -> Result<PathBuf, Failure> {
        self.need("state").map(PathBuf::from)
    }

    /// How long an answer may take: three seconds as the library has it by itself.
    pub(crate) fn timeout(&self) -> Result<Duration, Failure> {
        Ok(Duration::from_secs(self.parsed("timeout")?.unwrap_or(3)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Arguments, Failure> {
        Arguments::read(words.split_whitespace().map(str::to_owned))
    }

    fn usage<T>(answer: Result<T, Failure>) -> String {
        match answer {
            Err(Failure::Usage(message)) => message,
            _ => panic!("it was taken"),
        }
    }

    #[test]
    fn takes_flags_values_and_repeated_values() {
        let arguments = read("headless --otp 1 --force-mfa --otp 2 --timeout 9")
            .unwrap_or_else(|_| panic!("it was refused"));
        assert_eq!(arguments.step(), "headless");
        assert_eq!(arguments.all("otp"), ["1", "2"]);
        assert_eq!(arguments.get("otp"), Some("2"));
        assert!(arguments.has("force-mfa"));
        assert!(!arguments.has("tgt"));
        assert!(matches!(arguments.timeout(), Ok(time) if time == Duration::from_secs(9)));
    }

    #[test]
    fn says_what_is_wrong_with_the_words() {
        assert_eq!(usage(read("")), "no step");
        assert_eq!(usage(read("enroll laptop")), "laptop: not an option");
        assert_eq!(usage(read("enroll --name")), "--name: no value");
        let arguments = read("enroll --timeout soon").unwrap_or_else(|_| panic!("it was refused"));
        assert_eq!(usage(arguments.timeout()), "--timeout soon: not a number");
        assert_eq!(usage(arguments.need("domain")), "enroll needs --domain");
    }
}
