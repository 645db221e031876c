//! The story: which step of which documented flow just happened, told by the party that did it.
//!
//! A party keeps its events as constants and tells them by reference, so that nothing is built where
//! nobody listens. Times are not part of an event: whoever listens looks at its own clock.

use core::fmt;

/// Who did a step: a column of the sequence diagrams.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Party {
    /// The person at the device.
    Person,
    /// The device: provisioning application, container, Kerberos client.
    Device,
    /// The on-premises federation service, with its device and key registration.
    Federation,
    /// The domain directory.
    Directory,
    /// The key distribution centre.
    Kdc,
    /// The registration authority and issuing CA.
    Authority,
    /// The cloud identity provider, with its device and key registration.
    Tenant,
    /// The sync engine.
    Sync,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Person => "person",
            Self::Device => "device",
            Self::Federation => "federation",
            Self::Directory => "directory",
            Self::Kdc => "kdc",
            Self::Authority => "authority",
            Self::Tenant => "tenant",
            Self::Sync => "sync",
        })
    }
}

/// One line of the story.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The step as the documents number it: flow, phase letter, number (`F7.A1`).
    pub step: &'static str,
    /// The phase in a word or two (`second factor`).
    pub phase: &'static str,
    /// Who did it.
    pub party: Party,
    /// What happened, in a few words, without names or secrets.
    pub happened: &'static str,
}

impl Event {
    /// The phase letter of the step: `A` of `F7.A1`; `None` for a step that no flow letters.
    #[must_use]
    pub fn letter(&self) -> Option<char> {
        let (_, within) = self.step.split_once('.')?;
        within.chars().next().filter(char::is_ascii_uppercase)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}, {}",
            self.step, self.phase, self.party, self.happened
        )
    }
}

/// Whoever listens to the story.
pub trait Story {
    /// Hears that a step was done.
    fn tell(&mut self, event: &'static Event);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence;

impl Story for Silence {
    fn tell(&mut self, _event: &'static Event) {}
}

impl Story for Vec<&'static Event> {
    fn tell(&mut self, event: &'static Event) {
        self.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_is_that_of_the_phase() {
        static ASKED: Event = Event {
            step: "F7.A1",
            phase: "second factor",
            party: Party::Device,
            happened: "asked for a token",
        };
        static BEFORE: Event = Event {
            step: "PROV-2",
            ..ASKED
        };
        assert_eq!(ASKED.letter(), Some('A'));
        assert_eq!(BEFORE.letter(), None);

        let mut heard = Vec::new();
        heard.tell(&ASKED);
        Silence.tell(&BEFORE);
        assert_eq!(heard, [&ASKED]);
    }
}
