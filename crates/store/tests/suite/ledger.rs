//! A stream of commits, a book of what was promised about them, and the audit of that book.
//!
//! A step is one commit that touches everything the directory has: an entry with its indexes, a key with
//! its own, a claim, a record, an audit record, the feed. What was acknowledged must be there with all its
//! parts; what was not must be there with all of them or with none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use directory::testing::{START, Seeded, key_credential};
use directory::{
    Actor, Attribute, AuditRecord, ChangeKind, ClaimId, CommitError, Cursor, Directory, EntryId,
    Fault, KeyCredential, KeyValueId, NewEntry, Origin, Reads, Snapshot, Table, change,
};
use trust::{Span, Timestamp};

const TABLE: Table = Table::new("ledger.steps");

/// One commit of the stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Step {
    /// Adds a person with a key.
    Enrol(u64),
    /// Takes that person's key away.
    Revoke(u64),
}

/// What is known of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// It was begun.
    Begun,
    /// It was acknowledged, or seen after a restart.
    There,
}

/// The book.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) steps: BTreeMap<Step, Known>,
}

fn id_of(number: u64) -> EntryId {
    EntryId::random(&mut Seeded::new(number))
}

fn blob_of(number: u64) -> Vec<u8> {
    key_credential(&mut Seeded::new(number), None)
}

fn claim_of(step: Step) -> ClaimId {
    ClaimId::new("ledger", format!("{step:?}").as_bytes())
}

fn until() -> Timestamp {
    START + Span::days(1)
}

/// Makes the commit of a step.
pub(crate) fn perform(directory: &Directory, step: Step) -> Result<(), CommitError> {
    let text = format!("{step:?}");
    let mut audit = AuditRecord::done(START, Actor::system(), "ledger").with("step", &text);
    let mut changes = vec![
        change::claim(claim_of(step), until()),
        change::put(TABLE, text.clone(), text.into_bytes(), until()),
    ];
    match step {
        Step::Enrol(number) => {
            let name = format!("user{number}");
            let users = directory.domain()?.users;
            audit = audit.on(id_of(number), &name);
            let user = NewEntry::user(id_of(number), users, &name, &name)
                .with(Attribute::UserPrincipalName, format!("{name}@corp.example"));
            changes.push(user.into());
            let blob = blob_of(number);
            changes.push(change::add_key_credential(
                id_of(number),
                blob,
                Origin::Registration,
            ));
        }
        Step::Revoke(number) => {
            let value = KeyValueId::of(&blob_of(number));
            changes.push(change::remove_key_credential(id_of(number), value));
        }
    }
    changes.push(change::audit(audit));
    directory
        .commit(&changes, &Reads::none(), START)
        .map(|_| ())
}

impl Ledger {
    /// Steps that have not been begun: new people, and now and then the key of one who is there.
    fn next(&mut self, numbers: &AtomicU64, dice: &mut Seeded) -> Step {
        if dice.below(3) == 0 {
            let there: Vec<u64> = self
                .steps
                .iter()
                .filter_map(|(step, known)| match step {
                    Step::Enrol(number) if *known == Known::There => Some(*number),
                    _ => None,
                })
                .filter(|number| !self.steps.contains_key(&Step::Revoke(*number)))
                .collect();
            if !there.is_empty() {
                return Step::Revoke(there[dice.below(there.len())]);
            }
        }
        Step::Enrol(numbers.fetch_add(1, Ordering::SeqCst))
    }

    /// The numbers of people that are in the book.
    pub(crate) fn people(&self) -> u64 {
        let enrolled = self.steps.keys().filter_map(|step| match step {
            Step::Enrol(number) => Some(*number + 1),
            Step::Revoke(_) => None,
        });
        enrolled.max().unwrap_or(0)
    }
}

/// Performs steps on several threads, until a step fails or there were `limit`. Every failure is given to
/// `failed`.
pub(crate) fn stream(
    directory: &Arc<Directory>,
    ledger: &Mutex<Ledger>,
    seed: u64,
    limit: u64,
    failed: &(dyn Fn(CommitError) + Sync),
    told: &(dyn Fn(Step, Known) + Sync),
) {
    let numbers = AtomicU64::new(ledger.lock().unwrap().people());
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (ledger, numbers) = (&ledger, &numbers);
            scope.spawn(move || {
                let mut dice = Seeded::new(seed * 3 + thread);
                for _ in 0..limit {
                    let step = {
                        let mut ledger = ledger.lock().unwrap();
                        let step = ledger.next(numbers, &mut dice);
                        ledger.steps.insert(step, Known::Begun);
                        step
                    };
                    told(step, Known::Begun);
                    match perform(directory, step) {
                        Ok(()) => {
                            ledger.lock().unwrap().steps.insert(step, Known::There);
                            told(step, Known::There);
                        }
                        Err(error) => return failed(error),
                    }
                }
            });
        }
    });
}

/// What of a step is there: every part, each with its name.
fn parts(
    snapshot: &Snapshot<'_>,
    step: Step,
    revocation_begun: bool,
    traces: &Traces,
) -> Result<Vec<(&'static str, bool)>, Fault> {
    let text = format!("{step:?}");
    let mut parts = vec![
        ("claim", snapshot.claimed(&claim_of(step), START)?),
        (
            "record",
            snapshot.record(TABLE, text.as_bytes(), START)?.is_some(),
        ),
        ("audit record", traces.audited.contains(&text)),
    ];
    let number = match step {
        Step::Enrol(number) | Step::Revoke(number) => number,
    };
    let id = id_of(number);
    let key = KeyCredential::new(blob_of(number), Origin::Registration, START);
    let fingerprint = key.fingerprint.as_ref().expect("it is a key");
    match step {
        Step::Enrol(_) => {
            let name = format!("user{number}");
            let upn = format!("{name}@corp.example");
            let found = |account: Option<Arc<directory::Account>>| {
                account.is_some_and(|found| found.id == id)
            };
            parts.push(("entry", snapshot.entry(id)?.is_some()));
            parts.push(("name", found(snapshot.account_by_sam(&name)?)));
            parts.push(("user principal name", found(snapshot.account_by_upn(&upn)?)));
            let child = snapshot.child(snapshot.domain().users, Attribute::Cn, &name)?;
            parts.push(("place in the tree", child == Some(id)));
            parts.push(("feed", traces.added.contains(&id)));
            if !revocation_begun {
                let listed = snapshot.account_by_id(id)?;
                let listed = listed.is_some_and(|account| account.key_with(fingerprint).is_some());
                parts.push(("key on the account", listed));
                parts.push((
                    "key in the index",
                    snapshot.holder_of_key(fingerprint)? == Some(id),
                ));
            }
        }
        Step::Revoke(_) => {
            let listed = snapshot.account_by_id(id)?;
            let listed = listed.is_some_and(|account| !account.key_credentials.is_empty());
            parts.push(("key off the account", !listed));
            parts.push((
                "key out of the index",
                snapshot.holder_of_key(fingerprint)?.is_none(),
            ));
        }
    }
    Ok(parts)
}

/// What the audit log and the feed tell of steps.
struct Traces {
    audited: BTreeSet<String>,
    added: BTreeSet<EntryId>,
}

fn traces(directory: &Directory, snapshot: &Snapshot<'_>) -> Traces {
    let log = snapshot.audit_log(START, until(), usize::MAX).unwrap();
    let mut added = BTreeSet::new();
    let mut last = BTreeMap::new();
    let page = directory.feed(&Cursor::start(), usize::MAX).unwrap();
    for commit in page.commits {
        let number = commit.stamp.number;
        let before = last.insert(commit.stamp.node, number).unwrap_or(0);
        assert!(number > before, "the feed has its commits in order");
        let new = commit
            .changed
            .iter()
            .filter(|changed| changed.kind == ChangeKind::Added);
        added.extend(new.map(|changed| changed.id));
    }
    Traces {
        audited: log
            .into_iter()
            .filter_map(|record| record.details.get("step").cloned())
            .collect(),
        added,
    }
}

/// Audits the steps that `looked_at` chooses against what is there. Steps that were only begun and turn
/// out to be there are in the book as such from then on.
pub(crate) fn audit(
    directory: &Directory,
    ledger: &mut Ledger,
    mut looked_at: impl FnMut(Step, Known) -> bool,
) -> Result<usize, String> {
    let snapshot = directory.snapshot().map_err(|error| error.to_string())?;
    let traces = traces(directory, &snapshot);
    let mut seen = 0;
    let mut gone = Vec::new();
    let revocations: BTreeSet<u64> = ledger
        .steps
        .keys()
        .filter_map(|step| match step {
            Step::Revoke(number) => Some(*number),
            Step::Enrol(_) => None,
        })
        .collect();
    for (step, known) in &mut ledger.steps {
        if !looked_at(*step, *known) {
            continue;
        }
        seen += 1;
        let revoked = matches!(step, Step::Enrol(number) if revocations.contains(number));
        let parts = parts(&snapshot, *step, revoked, &traces).map_err(|error| error.to_string())?;
        let there = parts.iter().filter(|(_, there)| *there).count();
        match *known {
            Known::There if there < parts.len() => {
                return Err(format!(
                    "{step:?} was acknowledged and is not there: {parts:?}"
                ));
            }
            Known::Begun if there == parts.len() => *known = Known::There,
            Known::Begun if there == 0 => gone.push(*step),
            Known::Begun => return Err(format!("{step:?} is half there: {parts:?}")),
            Known::There => {}
        }
    }
    for step in gone {
        ledger.steps.remove(&step);
    }
    Ok(seen)
}
