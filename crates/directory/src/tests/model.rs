//! Random changes, compared with a model that keeps everything in maps.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::testing::{fresh, key_credential};
use crate::{Attribute, KeyValueId, Origin, change, folded};

#[derive(Clone, Default, PartialEq, Debug)]
struct Person {
    sam: String,
    upn: Option<String>,
    keys: BTreeSet<u64>,
    parent: usize,
}

#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    people: BTreeMap<u64, Person>,
    groups: BTreeMap<u64, BTreeSet<u64>>,
    next: u64,
}

const NAMES: [&str; 6] = ["ann", "Bea", "cleo", "ANN", "dora", "bea"];

fn entry_id(number: u64) -> EntryId {
    EntryId::random(&mut Seeded::new(number))
}

fn blob(key: u64) -> Vec<u8> {
    key_credential(&mut Seeded::new(1_000 + key), None)
}

impl Model {
    /// A random change, what the model becomes by it, or `None` when it must be refused.
    fn step(&self, dice: &mut Seeded, parents: &[EntryId]) -> (Change, Option<Self>) {
        let mut next = self.clone();
        let pick =
            |dice: &mut Seeded, from: Vec<u64>| from.get(dice.below(from.len().max(1))).copied();
        let person = pick(dice, self.people.keys().copied().collect());
        let group = pick(dice, self.groups.keys().copied().collect());
        let name = NAMES[dice.below(NAMES.len())];
        let sam_free = |own: Option<u64>| {
            self.people.iter().all(|(number, other)| {
                Some(*number) == own
                    || (folded(&other.sam) != folded(name)
                        && other.upn.as_deref() != Some(&format!("{}@corp.example", folded(name))))
            })
        };
        match (dice.below(9), person, group) {
            (0, _, _) | (_, None, _) => {
                let number = self.next;
                next.next += 1;
                let parent = dice.below(parents.len());
                next.people.insert(
                    number,
                    Person {
                        sam: name.into(),
                        parent,
                        ..Person::default()
                    },
                );
                let entry = NewEntry::user(
                    entry_id(number),
                    parents[parent],
                    name,
                    format!("p{number}"),
                );
                (entry.into(), sam_free(None).then_some(next))
            }
            (1, _, _) | (_, _, None) => {
                let number = self.next;
                next.next += 1;
                next.groups.insert(number, BTreeSet::new());
                let name = format!("g{number}");
                let entry = NewEntry::group(
                    entry_id(number),
                    parents[0],
                    &name,
                    crate::group::GLOBAL_SECURITY,
                );
                (entry.into(), Some(next))
            }
            (2, Some(person), _) => {
                next.people.get_mut(&person).unwrap().sam = name.into();
                let change = change::set(entry_id(person), Attribute::SamAccountName, name);
                (change, sam_free(Some(person)).then_some(next))
            }
            (3, Some(person), _) => {
                let upn = format!("{}@corp.example", folded(name));
                let free = self.people.iter().all(|(number, other)| {
                    *number == person
                        || (other.upn.as_ref() != Some(&upn) && folded(&other.sam) != folded(name))
                });
                next.people.get_mut(&person).unwrap().upn = Some(upn.clone());
                let change = change::set(entry_id(person), Attribute::UserPrincipalName, upn);
                (change, free.then_some(next))
            }
            (4, Some(person), _) => {
                let key = dice.below(5) as u64;
                let free = self.people.values().all(|other| !other.keys.contains(&key));
                next.people.get_mut(&person).unwrap().keys.insert(key);
                let change =
                    change::add_key_credential(entry_id(person), blob(key), Origin::Registration);
                (change, free.then_some(next))
            }
            (5, Some(person), _) => {
                let key = dice.below(5) as u64;
                let there = next.people.get_mut(&person).unwrap().keys.remove(&key);
                let change =
                    change::remove_key_credential(entry_id(person), KeyValueId::of(&blob(key)));
                (change, there.then_some(next))
            }
            (6, Some(person), Some(group)) => {
                let new = next.groups.get_mut(&group).unwrap().insert(person);
                let change = Change::AddMember {
                    group: entry_id(group),
                    member: entry_id(person),
                };
                (change, new.then_some(next))
            }
            (7, Some(person), _) => {
                let parent = dice.below(parents.len());
                next.people.get_mut(&person).unwrap().parent = parent;
                let change = Change::Move {
                    id: entry_id(person),
                    parent: parents[parent],
                    name: None,
                };
                (change, Some(next))
            }
            (_, Some(person), _) => {
                next.people.remove(&person);
                next.groups.values_mut().for_each(|members| {
                    members.remove(&person);
                });
                (
                    Change::Delete {
                        id: entry_id(person),
                    },
                    Some(next),
                )
            }
        }
    }

    fn compare(&self, directory: &Directory, parents: &[EntryId]) {
        let snapshot = directory.snapshot().unwrap();
        for number in 0..self.next {
            let account = snapshot.account_by_id(entry_id(number)).unwrap();
            let Some(person) = self.people.get(&number) else {
                assert!(account.is_none(), "{number}");
                continue;
            };
            let account = account.unwrap();
            assert_eq!((&account.sam, &account.upn), (&person.sam, &person.upn));
            assert_eq!(account.parent, parents[person.parent]);
            let found = snapshot.account_by_sam(&person.sam).unwrap().unwrap();
            assert_eq!(found.id, account.id);
            let keys: BTreeSet<Vec<u8>> = account
                .key_credentials
                .iter()
                .map(|key| key.blob.clone())
                .collect();
            assert_eq!(keys, person.keys.iter().map(|key| blob(*key)).collect());
            let mut groups = snapshot.member_of(account.id).unwrap();
            groups.sort();
            let of_model = self
                .groups
                .iter()
                .filter(|(_, members)| members.contains(&number));
            let mut expected: Vec<EntryId> = of_model.map(|(group, _)| entry_id(*group)).collect();
            expected.sort();
            assert_eq!(groups, expected);
            assert_eq!(
                snapshot.token_groups(&account).unwrap().len(),
                expected.len() + 1
            );
        }
        for name in NAMES {
            let there = self
                .people
                .values()
                .any(|person| folded(&person.sam) == folded(name));
            assert_eq!(
                snapshot.account_by_sam(name).unwrap().is_some(),
                there,
                "{name}"
            );
        }
    }
}

#[test]
fn random_changes_do_what_a_simple_model_does() {
    for seed in 0..12 {
        let directory = fresh();
        let domain = directory.domain().unwrap();
        let parents = [domain.users, domain.computers, domain.services];
        let mut dice = Seeded::new(seed);
        let mut model = Model::default();
        for _ in 0..120 {
            // One commit of several changes: all of them or none.
            let mut next = Some(model.clone());
            let mut changes = Vec::new();
            for _ in 0..1 + dice.below(3) {
                let Some(now) = next.clone() else {
                    break;
                };
                let (change, after) = now.step(&mut dice, &parents);
                changes.push(change);
                next = after;
            }
            // Names are judged at the end of a commit, so a name may be free by then: compare single
            // changes exactly, and several only when the model allows each.
            let alone = changes.len() == 1;
            match (write(&directory, &changes), next) {
                (Ok(_), Some(after)) => model = after,
                (Err(CommitError::Refused(_)), None) => {}
                (Ok(_), None) if !alone => {
                    panic!("seed {seed}: the last change of {changes:?} is refused by the model")
                }
                (result, after) => {
                    panic!("seed {seed}: {changes:?} gave {result:?}, model {after:?}")
                }
            }
            model.compare(&directory, &parents);
        }
        verify(&directory);
    }
}
