//! How tables of cases are judged and counted.
//!
//! A case is one request, right but for one thing, and the one outcome that it must have: a code, or 0 for a ticket.
//! [`Cases`] judges each row of a table and goes on, so that a failing run names every row that is wrong.
//!
//! # How many there are
//!
//! Each table ends with [`Cases::are`] and its exact number: one case too few or too many fails it. What only shows
//! that the same client is right otherwise is no case and is not in it ([`Cases::beside`]). So the cases of the KDC are the
//! sum of those numbers, which `the_cases_add_up` takes from the source of this test binary; what is asked in tests that
//! are no tables comes on top of it and is not counted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kdc::Refused;

use crate::world::World;

/// The cases of a table, judged.
#[must_use = "a table ends with the number of its cases"]
pub(crate) struct Cases {
    judged: usize,
    wrong: Vec<String>,
}

impl Cases {
    pub(crate) fn new() -> Self {
        Self {
            judged: 0,
            wrong: Vec::new(),
        }
    }

    /// A message that must have this outcome; the answer where it is a ticket and rightly so.
    pub(crate) fn judge(
        &mut self,
        world: &mut World,
        name: &str,
        message: &[u8],
        code: i32,
    ) -> Option<Arc<[u8]>> {
        let judged = match code {
            0 => world.given(message).map(Some),
            code => world.refusal(message, code).map(|_| None),
        };
        self.came(name, code, judged).flatten()
    }

    /// A case that was judged in another way: what is wrong with it, or what came of it.
    pub(crate) fn came<T>(
        &mut self,
        name: &str,
        code: i32,
        judged: Result<T, String>,
    ) -> Option<T> {
        self.judged += 1;
        let wrong = |why| self.wrong.push(format!("{name}: expected {code}, {why}"));
        judged.map_err(wrong).ok()
    }

    /// A case whose outcome was asked for: the code that came, or 0, and what the KDC said to itself.
    pub(crate) fn code(&mut self, name: &str, code: i32, came: i32, why: &Option<Refused>) {
        let judged = match came == code {
            true => Ok(()),
            false => Err(format!("{came} came: {why:?}")),
        };
        self.came(name, code, judged);
    }

    /// What else is wrong with the case that was judged last.
    pub(crate) fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// So many of those judged are no cases: they are what a case stands beside.
    pub(crate) fn beside(mut self, right: usize) -> Self {
        self.judged -= right;
        self
    }

    /// All cases came out right, and there are exactly so many.
    #[track_caller]
    pub(crate) fn are(self, number: usize) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        assert_eq!(self.judged, number, "cases were judged");
    }
}

/// The source of this test binary.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn the_cases_add_up() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchange");
    let mut sum = 0;
    for file in sources(&folder) {
        let text = std::fs::read_to_string(file).unwrap();
        let ends = text.split(".are(").skip(1);
        let numbers = ends.filter_map(|rest| rest.split_once(");")?.0.parse::<usize>().ok());
        sum += numbers.sum::<usize>();
    }
    assert_eq!(sum, CASES);
}

/// The cases of all tables.
const CASES: usize = 1_090;
