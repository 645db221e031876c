//! A new password, as every party asks for it.

use crypto::etype::{Etype, Key};
use crypto::password::Cost;
use trust::{Span, Timestamp};

use super::super::{PasswordPolicy, to_interval, verify};
use super::*;
use crate::account::Account;
use crate::change::{NewEntry, expire_password};
use crate::schema::Attribute;
use crate::testing::{START, Seeded, fresh};
use crate::{CommitError, Directory, Reads};

const FIRST: &str = "first password";
const NEXT: &str = "another password";

struct World {
    directory: Arc<Directory>,
    alice: EntryId,
    rng: Seeded,
}

impl World {
    fn new() -> Self {
        let (directory, mut rng) = (fresh(), Seeded::new(5));
        let domain = directory.domain().unwrap();
        let alice = EntryId::random(&mut rng);
        let first = PasswordPolicy::default()
            .first(
                FIRST,
                "alice",
                Some("CORP.EXAMPLEalice"),
                Cost::LEAST,
                &mut rng,
            )
            .unwrap();
        let entry =
            NewEntry::user(alice, domain.users, "alice", "Alice").with_password(first, false);
        directory
            .commit(&[entry.into()], &Reads::none(), START)
            .unwrap();
        Self {
            directory,
            alice,
            rng,
        }
    }

    fn account(&self) -> Arc<Account> {
        let snapshot = self.directory.snapshot().unwrap();
        snapshot.account_by_id(self.alice).unwrap().unwrap()
    }

    fn policy(&self, attribute: Attribute, value: i64) {
        let head = self.directory.domain().unwrap().head;
        let set = change::set(head, attribute, value);
        self.directory
            .commit(&[set], &Reads::none(), START)
            .unwrap();
    }

    /// Computes the change and commits it with what it was computed from.
    fn set(
        &mut self,
        password: &str,
        chooser: Chooser,
        now: Timestamp,
    ) -> Result<(), PasswordRefused> {
        let snapshot = self.directory.snapshot().unwrap();
        let set = super::change(
            &snapshot,
            self.alice,
            password,
            chooser,
            Cost::LEAST,
            now,
            &mut self.rng,
        );
        let set = set.unwrap()?;
        self.directory
            .commit(&[set], &snapshot.into_reads(), now)
            .unwrap();
        Ok(())
    }

    fn choose(&mut self, password: &str, now: Timestamp) -> Result<(), PasswordRefused> {
        self.set(password, Chooser::Owner, now)
    }
}

const SET: Chooser = Chooser::Administrator { must_change: false };
const TEMPORARY: Chooser = Chooser::Administrator { must_change: true };

#[test]
fn a_changed_password_changes_hash_keys_of_every_etype_and_the_moment() {
    let mut world = World::new();
    let before = world.account();
    let later = START + Span::days(2);
    world.choose(NEXT, later).unwrap();
    let account = world.account();
    assert_eq!(account.keys.kvno(), before.keys.kvno() + 1);
    assert_eq!(account.password_last_set, Some(later));
    for etype in Etype::ALL {
        let of = |account: &Account, kvno| {
            let key = account.keys.find(kvno, etype).unwrap();
            (key.salt.clone(), key.schedule().key().bytes().to_vec())
        };
        let (salt, key) = of(&account, account.keys.kvno());
        assert_eq!(salt, "CORP.EXAMPLEalice");
        let expected = Key::from_password(etype, NEXT.as_bytes(), salt.as_bytes(), None).unwrap();
        assert_eq!(key, expected.bytes());
        assert_ne!(key, of(&before, before.keys.kvno()).1);
    }
    assert!(verify(Some(&account), NEXT, Cost::LEAST));
    assert!(!verify(Some(&account), FIRST, Cost::LEAST));
}

#[test]
fn the_salt_is_that_of_the_name_that_the_account_has_now() {
    let mut world = World::new();
    let rename = change::set(world.alice, Attribute::SamAccountName, "alicia");
    world
        .directory
        .commit(&[rename], &Reads::none(), START)
        .unwrap();
    world.choose(NEXT, START + Span::days(2)).unwrap();
    let account = world.account();
    let key = account
        .keys
        .find(account.keys.kvno(), Etype::ALL[0])
        .unwrap();
    assert_eq!(key.salt, "CORP.EXAMPLEalicia");
}

#[test]
fn every_rule_of_the_domain_is_asked_of_the_owner_in_words() {
    let mut world = World::new();
    let later = START + Span::days(2);
    let mut refused = |password: &str| {
        let refused = world.choose(password, later).unwrap_err();
        let sentence = refused.sentence();
        assert!(sentence.ends_with('.') && !sentence.contains(password));
        refused
    };
    assert_eq!(refused("seven77"), PasswordRefused::TooShort(8));
    assert_eq!(refused(&"ab c".repeat(300)), PasswordRefused::TooLong);
    assert_eq!(refused("abcabcabcabc"), PasswordRefused::TooSimple);
    assert_eq!(refused("I am ALICE!"), PasswordRefused::ContainsName);
    assert_eq!(refused(FIRST), PasswordRefused::UsedBefore(24));
    assert_eq!(world.account().password_last_set, Some(START));
    world.choose(NEXT, later).unwrap();
    assert_eq!(
        world.choose(FIRST, later + Span::days(2)),
        Err(PasswordRefused::UsedBefore(24))
    );
}

#[test]
fn a_domain_that_remembers_nothing_still_wants_another_password() {
    let mut world = World::new();
    world.policy(Attribute::PwdHistoryLength, 0);
    let later = START + Span::days(2);
    assert_eq!(world.choose(FIRST, later), Err(PasswordRefused::Unchanged));
    world.choose(NEXT, later).unwrap();
    world.choose(FIRST, later + Span::days(2)).unwrap();
}

#[test]
fn the_minimum_age_holds_the_owner_and_neither_an_administrator_nor_who_must_change() {
    let mut world = World::new();
    let until = START + Span::days(1);
    assert_eq!(
        world.choose(NEXT, until - Span::seconds(1)),
        Err(PasswordRefused::TooYoung { until })
    );
    world.set(NEXT, TEMPORARY, START).unwrap();
    assert!(world.account().must_change_password());
    world
        .choose("the person's own choice", START + Span::minutes(1))
        .unwrap();
    assert!(!world.account().must_change_password());
    // An administrator who sets a former one is not asked for history either.
    world.set(FIRST, SET, START + Span::minutes(2)).unwrap();
    assert!(!world.account().must_change_password());
    let expire = expire_password(world.alice);
    world
        .directory
        .commit(&[expire], &Reads::none(), START)
        .unwrap();
    world
        .choose("and yet another one", START + Span::minutes(3))
        .unwrap();
}

#[test]
fn an_expired_password_can_be_changed_whatever_the_minimum_age() {
    let mut world = World::new();
    world.policy(Attribute::MaxPwdAge, to_interval(Span::hours(1)));
    let now = START + Span::hours(2);
    assert!(now < START + PasswordPolicy::default().minimum_age);
    world.choose(NEXT, now).unwrap();
    assert!(
        !world
            .account()
            .password_has_expired(Span::hours(1), now + Span::minutes(59))
    );
}

#[test]
fn of_two_changes_at_once_one_wins() {
    let mut world = World::new();
    let now = START + Span::days(2);
    let (one, other) = (
        world.directory.snapshot().unwrap(),
        world.directory.snapshot().unwrap(),
    );
    let mut of = |snapshot: &Snapshot<'_>, password: &str| {
        super::change(
            snapshot,
            world.alice,
            password,
            Chooser::Owner,
            Cost::LEAST,
            now,
            &mut world.rng,
        )
        .unwrap()
        .unwrap()
    };
    let first = of(&one, "the first of two");
    let second = of(&other, "the second of two");
    let commit = |change, snapshot: Snapshot<'_>| {
        world
            .directory
            .commit(&[change], &snapshot.into_reads(), now)
    };
    assert!(commit(first, one).is_ok());
    assert_eq!(commit(second, other).unwrap_err(), CommitError::Conflict);
    assert!(verify(
        Some(&world.account()),
        "the first of two",
        Cost::LEAST
    ));
}

#[test]
fn a_change_judged_by_a_policy_that_was_made_stricter_meanwhile_does_not_stand() {
    let mut world = World::new();
    let now = START + Span::days(2);
    let snapshot = world.directory.snapshot().unwrap();
    let set = super::change(
        &snapshot,
        world.alice,
        "eight888",
        Chooser::Owner,
        Cost::LEAST,
        now,
        &mut world.rng,
    );
    world.policy(Attribute::MinPwdLength, 14);
    let committed = world
        .directory
        .commit(&[set.unwrap().unwrap()], &snapshot.into_reads(), now);
    assert_eq!(committed.unwrap_err(), CommitError::Conflict);
}

#[test]
fn a_machine_gets_keys_alone_and_krbtgt_nothing() {
    let mut world = World::new();
    let domain = world.directory.domain().unwrap();
    let laptop = EntryId::random(&mut world.rng);
    let entry = NewEntry::computer(laptop, domain.computers, "LAPTOP-1")
        .with_password(PasswordMaterial::random(&mut world.rng), false);
    world
        .directory
        .commit(&[entry.into()], &Reads::none(), START)
        .unwrap();
    let (alice, krbtgt) = (world.alice, domain.krbtgt);
    world.alice = laptop;
    assert_eq!(
        world.choose("short", START),
        Err(PasswordRefused::TooShort(20))
    );
    world.choose(&"x1Y2".repeat(10), START).unwrap();
    let account = world.account();
    assert!(account.password_hash.is_none());
    let key = account
        .keys
        .find(account.keys.kvno(), Etype::ALL[0])
        .unwrap();
    assert_eq!(key.salt, "CORP.EXAMPLEhostlaptop-1.corp.example");
    world.alice = krbtgt;
    assert_eq!(
        world.choose(&"x1Y2".repeat(10), START),
        Err(PasswordRefused::NotForThisAccount)
    );
    world.alice = EntryId::random(&mut world.rng);
    assert_eq!(
        world.choose(NEXT, START),
        Err(PasswordRefused::NotForThisAccount)
    );
    world.alice = alice;
}
