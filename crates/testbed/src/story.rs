//! The one story that all parties tell, and the document that it is compared with.

use std::sync::{Arc, Mutex, PoisonError};

use trust::{Event, Story};

/// A story that several parties tell. Clones are the same story.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<&'static Event>>>);

impl Heard {
    /// What was told so far.
    #[must_use]
    pub fn events(&self) -> Vec<&'static Event> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The steps of what was told so far.
    #[must_use]
    pub fn steps(&self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.step).collect()
    }

    /// Forgets what was told so far.
    pub fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Hears an event.
    pub fn hear(&self, event: &'static Event) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
    }
}

impl Story for Heard {
    fn tell(&mut self, event: &'static Event) {
        self.hear(event);
    }
}

/// A row of a flow's table of steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The step: `F7.A1`.
    pub step: String,
    /// The phase in a word or two.
    pub phase: String,
    /// Who is in it: `device → federation`.
    pub parties: String,
    /// The crate that tells it.
    pub told_by: String,
}

impl Row {
    /// Whether the event is this row's: its step and its phase, told of a party that the row names.
    #[must_use]
    pub fn is_told_by(&self, event: &Event) -> bool {
        let party = event.party.to_string();
        self.step == event.step
            && self.phase == event.phase
            && self
                .parties
                .to_ascii_lowercase()
                .split(" → ")
                .any(|named| named == party)
    }
}

/// The rows of every table of steps in a page of `docs/flows/`, in their order.
#[must_use]
pub fn documented(page: &str) -> Vec<Row> {
    page.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line
                .strip_prefix("| `")?
                .split('|')
                .map(str::trim)
                .collect();
            let [step, phase, parties, .., told_by, ""] = cells[..] else {
                return None;
            };
            Some(Row {
                step: step.trim_matches('`').to_owned(),
                phase: phase.to_owned(),
                parties: parties.to_owned(),
                told_by: told_by.to_owned(),
            })
        })
        .collect()
}
