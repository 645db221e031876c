use trust::SystemRng;

use super::*;
use crate::change::{self, NewEntry};
use crate::testing::{START, fresh};
use crate::{EntryId, Reads};
use trust::Span;

thread_local! {
    /// Told when a password is about to be verified, for tests of what happens behind that.
    pub(crate) static HASHES: std::cell::RefCell<Option<Box<dyn Fn()>>> = const { std::cell::RefCell::new(None) };
}

fn keys(password: &str) -> Vec<KerberosKey> {
    keys_of_password(password.as_bytes(), "CORP.EXAMPLEalice")
}

#[test]
fn a_password_gives_one_key_for_each_etype_under_its_salt() {
    let keys = keys("correct horse battery");
    assert_eq!(keys.len(), Etype::ALL.len());
    for (key, etype) in keys.iter().zip(Etype::ALL) {
        assert_eq!(
            (key.etype(), key.salt.as_str()),
            (etype, "CORP.EXAMPLEalice")
        );
    }
}

#[test]
fn salts_are_those_of_active_directory() {
    // Protocols E.1.
    assert_eq!(user_salt("CORP.EXAMPLE", "Alice"), "CORP.EXAMPLEAlice");
    assert_eq!(
        computer_salt("CORP.EXAMPLE", "LAPTOP-1$"),
        "CORP.EXAMPLEhostlaptop-1.corp.example"
    );
}

#[test]
fn a_former_password_is_known_until_it_is_forgotten() {
    let mut history = PasswordHistory::empty();
    for number in 0..5 {
        let password = format!("password number {number}");
        assert!(!history.contains(password.as_bytes(), 3));
        history = history.with(password.as_bytes(), 3, Cost::LEAST, &mut SystemRng);
        history = PasswordHistory::read(&history.write()).unwrap();
    }
    assert_eq!(history.len(), 3);
    assert!(history.contains(b"password number 4", 3));
    assert!(history.contains(b"password number 2", 3));
    assert!(!history.contains(b"password number 2", 2));
    assert!(!history.contains(b"password number 1", 3));
}

#[test]
fn the_owner_is_held_to_the_policy_and_an_administrator_to_part_of_it() {
    let directory = fresh();
    let rng = &mut SystemRng;
    let domain = directory.domain().unwrap();
    let policy = PasswordPolicy::default();
    let id = EntryId::random(rng);
    let salt = user_salt(&domain.realm, "alice");
    let first = policy
        .first("first password", "alice", Some(&salt), Cost::LEAST, rng)
        .unwrap();
    let alice = NewEntry::user(id, domain.users, "alice", "Alice").with_password(first, false);
    directory
        .commit(&[alice.into()], &Reads::none(), START)
        .unwrap();

    let snapshot = directory.snapshot().unwrap();
    let alice = snapshot.account_by_id(id).unwrap().unwrap();
    let owner = snapshot.password_owner(alice).unwrap();
    let change = |password: &str, now| {
        policy
            .change(password, &owner, Cost::LEAST, now, &mut SystemRng)
            .map(|_| ())
    };
    let later = START + Span::days(1);
    assert_eq!(
        change("another password", START),
        Err(PasswordRefused::TooYoung { until: later })
    );
    assert_eq!(change("another password", later), Ok(()));
    assert_eq!(
        change("first password", later),
        Err(PasswordRefused::UsedBefore(24))
    );
    assert_eq!(change("seven77", later), Err(PasswordRefused::TooShort(8)));
    assert_eq!(
        change("I am ALICE!", later),
        Err(PasswordRefused::ContainsName)
    );
    assert_eq!(
        change(&"x".repeat(1_025), later),
        Err(PasswordRefused::TooLong)
    );
    let reset = policy.reset("first password", &owner, Cost::LEAST, rng);
    assert!(reset.is_ok());
}

#[test]
fn a_new_password_replaces_hash_and_keys_and_keeps_the_former_keys_once() {
    let directory = fresh();
    let rng = &mut SystemRng;
    let domain = directory.domain().unwrap();
    let id = EntryId::random(rng);
    let alice = NewEntry::user(id, domain.users, "alice", "Alice");
    directory
        .commit(&[alice.into()], &Reads::none(), START)
        .unwrap();
    let mut material = |password: &str| {
        let history = directory.snapshot().unwrap().password_history(id).unwrap();
        PasswordMaterial::of_password(password, "salt", &history, 24, Cost::LEAST, rng)
    };
    for (number, password) in ["password one", "password two", "password three"]
        .into_iter()
        .enumerate()
    {
        let set = change::set_password(id, material(password));
        directory.commit(&[set], &Reads::none(), START).unwrap();
        let account = directory
            .snapshot()
            .unwrap()
            .account_by_id(id)
            .unwrap()
            .unwrap();
        assert_eq!(account.keys.kvno() as usize, number + 1);
        assert_eq!(account.keys.sets().len(), (number + 1).min(2));
        assert!(verify(Some(&account), password, Cost::LEAST));
        assert!(!verify(Some(&account), "password", Cost::LEAST));
        let key = account
            .keys
            .find(account.keys.kvno(), Etype::ALL[0])
            .unwrap();
        let again = Key::from_password(Etype::ALL[0], password.as_bytes(), b"salt", None).unwrap();
        assert_eq!(key.schedule().key().bytes(), again.bytes());
    }
    let random = change::set_password(id, PasswordMaterial::random(&mut SystemRng));
    directory.commit(&[random], &Reads::none(), START).unwrap();
    let account = directory
        .snapshot()
        .unwrap()
        .account_by_id(id)
        .unwrap()
        .unwrap();
    assert!(account.password_hash.is_none());
    assert!(!verify(Some(&account), "password three", Cost::LEAST));
    assert!(!verify(None, "password three", Cost::LEAST));
}

#[test]
fn no_secret_is_shown() {
    let material = PasswordMaterial::of_password(
        "hunter2 hunter2",
        "salt",
        &PasswordHistory::empty(),
        24,
        Cost::LEAST,
        &mut SystemRng,
    );
    let key = &material.keys[0];
    let hex: String = key
        .schedule()
        .key()
        .bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for text in [
        format!("{material:?}"),
        format!("{key:?}"),
        format!("{:?}", material.hash),
    ] {
        assert!(
            !text.contains("hunter2") && !text.contains("argon2") && !text.contains(&hex),
            "{text}"
        );
    }
}
