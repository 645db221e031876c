//! What a tenant says of a refusal (protocols A.3.2), taken apart: its number, its words, and where its administrator finds why.

use std::fmt;

/// The words of a refusal: `AADSTS50155: Device authentication failed. Trace ID: … Correlation ID: … Timestamp: …`.
///
/// It is shown as `device authentication failed (AADSTS50155)`: without what a person has no use for, and in the form in which causes are
/// chained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The number behind `AADSTS`, where there is one.
    pub number: Option<u32>,
    /// Under what the tenant's audit log has the reason, where it says so.
    pub trace: Option<String>,
    words: String,
}

impl Said {
    /// Takes a refusal's text apart. One that is of another form is words alone.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let numbered = text
            .strip_prefix("AADSTS")
            .and_then(|rest| rest.split_once(':'));
        let numbered = numbered.and_then(|(number, rest)| Some((number.parse().ok()?, rest)));
        let Some((number, rest)) = numbered else {
            return Self {
                number: None,
                trace: None,
                words: text.to_owned(),
            };
        };
        let (sentence, after) = rest.split_once(" Trace ID:").unwrap_or((rest, ""));
        let trace = after.split_ascii_whitespace().next();
        Self {
            number: Some(number),
            trace: trace.map(str::to_owned),
            words: chained(sentence.trim()),
        }
    }

    /// All of it for a person: what happened, the number once, and under what the administrator finds the reason.
    #[must_use]
    pub fn in_words(&self) -> String {
        let number = self.number.map(|number| format!("AADSTS{number}"));
        let trace = self.trace.as_ref();
        let trace = trace.map(|trace| format!("for the administrator: {trace}"));
        let beside: Vec<String> = number.into_iter().chain(trace).collect();
        match beside.as_slice() {
            [] => self.words.clone(),
            beside => format!("{} ({})", self.words, beside.join("; ")),
        }
    }

    /// Its words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{} (AADSTS{number})", self.words),
            None => f.write_str(&self.words),
        }
    }
}

/// A sentence as the cause of another: in lower case but for a name's capital, without its full stop.
fn chained(sentence: &str) -> String {
    let sentence = sentence.strip_suffix('.').unwrap_or(sentence);
    let mut letters = sentence.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let rest = letters.as_str();
    // Of a name or an abbreviation (`PIN`) more letters than the first are large.
    let word = rest.split(' ').next().unwrap_or_default();
    match word.chars().any(char::is_uppercase) {
        true => sentence.to_owned(),
        false => format!("{}{rest}", first.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_its_words_with_the_number_and_the_trace_beside_them() {
        let said = Said::read(
            "AADSTS50155: Device authentication failed. Trace ID: 5f1b Correlation ID: 77aa \
             Timestamp: 2026-11-22 01:02:03Z",
        );
        assert_eq!(said.number, Some(50155));
        assert_eq!(said.words(), "device authentication failed");
        assert_eq!(
            said.to_string(),
            "device authentication failed (AADSTS50155)"
        );
        assert_eq!(said.trace.as_deref(), Some("5f1b"));
        let whole = "device authentication failed (AADSTS50155; for the administrator: 5f1b)";
        assert_eq!(said.in_words(), whole);
    }

    #[test]
    fn what_is_of_another_form_stays_as_it_is() {
        for text in [
            "The new password is too short.",
            "",
            "AADSTSx: y",
            "AADSTS1",
        ] {
            let said = Said::read(text);
            assert_eq!((said.number, said.trace.as_deref()), (None, None));
            assert_eq!((said.words(), said.in_words().as_str()), (text, text));
        }
        let bare = Said::read("AADSTS70000:");
        assert_eq!((bare.number, bare.words()), (Some(70000), ""));
        let named = Said::read("AADSTS70000: OAuth says no. Try again.");
        assert_eq!(named.words(), "OAuth says no. Try again");
        assert_eq!(named.trace, None);
    }
}
