//! Containers, attempts and PIN changes, at the boundary that programs use.

use crypto::key::KeyKind;
use crypto::password::Cost;
use policy::{Effective, Half, Membership, PinPolicy, PolicyObject, Violation};
use provisioning::Secret;
use provisioning::doors::{Account, Device as _, DeviceError, Registered};
use trust::{Span, Timestamp};
use wire::Guid;

use super::{MOST_PEOPLE, NotChanged};
use crate::file::{MemoryFile, Slot, StateError};
use crate::gesture::{Attempt, Refused};
use crate::hammering::{CHALLENGE_PHRASE, LOCKS_AT, NotYet};
use crate::hello::Hello;
use crate::testing::{Dice, START, alice, named};
use crate::vault::VaultError;

struct World {
    files: MemoryFile,
    rng: Dice,
    now: Timestamp,
    boot: u32,
}

impl World {
    fn new() -> Self {
        Self {
            files: MemoryFile::new(),
            rng: Dice::new(7),
            now: START,
            boot: 1,
        }
    }

    /// The device after a restart of the program: everything comes from the files.
    fn open(&mut self) -> Hello {
        self.try_open().unwrap()
    }

    fn try_open(&mut self) -> Result<Hello, VaultError> {
        Hello::open(Box::new(self.files.clone()), Cost::LEAST, &mut self.rng)
    }

    fn create(&mut self, account: &Account, pin: &str) -> Result<(), DeviceError> {
        let (now, mut hello) = (self.now, self.open());
        let mut device = hello.enrolling(KeyKind::P256, &mut self.rng);
        device
            .create_user_key(account, &Secret::from(pin), now)
            .map(drop)
    }

    fn keep(&mut self, account: &Account) -> Result<(), DeviceError> {
        let (now, mut hello) = (self.now, self.open());
        let registered = Registered {
            kid: Guid::from_bytes([0x1d; 16]),
            upn: account.upn.clone(),
            pctx: None,
        };
        hello
            .enrolling(KeyKind::P256, &mut self.rng)
            .keep(account, &registered, now)
    }

    fn enrol(&mut self, account: &Account, pin: &str) {
        self.create(account, pin).unwrap();
        self.keep(account).unwrap();
    }

    fn unlock_with(&mut self, pin: &str, challenge: Option<&str>) -> Result<(), Refused> {
        let session = format!("boot {}", self.boot);
        let pin = Secret::from(pin);
        let attempt = Attempt {
            pin: &pin,
            challenge,
            session: &session,
            now: self.now,
        };
        self.open()
            .unlock("Alice@CORP.example", &attempt, &mut self.rng)
            .map(drop)
    }

    fn unlock(&mut self, pin: &str) -> Result<(), Refused> {
        self.unlock_with(pin, None)
    }

    fn change(&mut self, old: &str, new: &str, rules: &PinPolicy) -> Result<(), NotChanged> {
        let session = format!("boot {}", self.boot);
        let old = Secret::from(old);
        let attempt = Attempt {
            pin: &old,
            challenge: None,
            session: &session,
            now: self.now,
        };
        let mut hello = self.open();
        hello.change_pin(
            "alice@corp.example",
            &attempt,
            &Secret::from(new),
            rules,
            &mut self.rng,
        )
    }

    fn ready(&mut self, account: &Account, replace: bool) -> Result<(), DeviceError> {
        let mut hello = self.open();
        hello
            .enrolling(KeyKind::P256, &mut self.rng)
            .ready(account, replace)
    }
}

/// The PIN rules with these settings.
fn rules(settings: &[(&str, &str)]) -> PinPolicy {
    let mut object = PolicyObject::new(Guid::NIL, "test");
    for (name, value) in settings {
        let about = policy::settings::named(name).unwrap();
        object
            .set(Half::Computer, about, about.parse(value).unwrap())
            .unwrap();
    }
    let nobody = Membership::default();
    Effective::of(&[object], &nobody, &nobody).pin
}

#[test]
fn an_enrolled_person_unlocks_with_the_pin_and_not_with_another() {
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    assert_eq!(world.unlock("271828"), Ok(()));
    assert_eq!(
        world.unlock("271829"),
        Err(Refused::WrongPin { next: None })
    );
    let hello = world.open();
    let container = hello.containers().of("ALICE@corp.example").unwrap();
    assert_eq!(container.account(), &alice());
    assert_eq!(container.created(), START);
    assert!(container.registered().is_some());
}

#[test]
fn a_container_that_is_not_registered_is_nobodys() {
    // ACC-6: a process that dies between making the key and registering it leaves nothing in the way.
    let mut world = World::new();
    world.create(&alice(), "271828").unwrap();
    assert_eq!(world.unlock("271828"), Err(Refused::NotEnrolled));
    assert!(world.open().containers().of(&alice().upn).is_none());
    assert_eq!(world.ready(&alice(), false), Ok(()));

    let mut hello = world.open();
    hello
        .enrolling(KeyKind::P256, &mut world.rng)
        .discard(&alice());
    assert_eq!(world.keep(&alice()), Err(DeviceError::Missing));
}

#[test]
fn enrolling_twice_needs_the_word_for_it_and_then_replaces_key_and_pin() {
    // E-02, RST-1.
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let first = world
        .open()
        .containers()
        .of(&alice().upn)
        .unwrap()
        .public_key()
        .unwrap();
    assert_eq!(
        world.ready(&alice(), false),
        Err(DeviceError::AlreadyEnrolled)
    );
    assert_eq!(world.ready(&alice(), true), Ok(()));

    world.create(&alice(), "314159").unwrap();
    // Until the new key is registered, the old one works.
    assert_eq!(world.unlock("271828"), Ok(()));
    world.keep(&alice()).unwrap();
    assert_eq!(
        world.unlock("271828"),
        Err(Refused::WrongPin { next: None })
    );
    assert_eq!(world.unlock("314159"), Ok(()));
    let second = world.open();
    assert_eq!(second.containers().iter().count(), 1);
    let second = second.containers().of(&alice().upn).unwrap();
    assert_ne!(second.public_key().unwrap(), first);
}

#[test]
fn the_eleventh_person_is_refused() {
    // LIM-1, ACC-20.
    let mut world = World::new();
    for number in 0..MOST_PEOPLE {
        world.enrol(&named(&format!("person{number}")), "271828");
    }
    let refused = world.ready(&alice(), false).unwrap_err();
    assert_eq!(refused, DeviceError::TooManyPeople { limit: 10 });
    assert!(refused.to_string().contains("FIDO2"));
    world.create(&alice(), "271828").unwrap();
    assert_eq!(world.keep(&alice()), Err(refused));
    // One of the ten may still start anew.
    assert_eq!(world.ready(&named("person3"), true), Ok(()));
}

#[test]
fn removing_a_container_removes_its_keys() {
    // KEY-12.
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let mut hello = world.open();
    assert_eq!(hello.remove("ALICE@corp.example", &mut world.rng), Ok(true));
    assert_eq!(
        hello.remove("alice@corp.example", &mut world.rng),
        Ok(false)
    );
    assert_eq!(world.unlock("271828"), Err(Refused::NotEnrolled));
}

#[test]
fn wrong_pins_lead_to_the_phrase_then_to_a_restart_then_to_a_wait() {
    // HAMR-3, over a restart of the program at each try.
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    for next in [None, None, Some(NotYet::Challenge)] {
        assert_eq!(world.unlock("0"), Err(Refused::WrongPin { next }));
    }
    // The right PIN alone is not looked at now.
    assert_eq!(
        world.unlock("271828"),
        Err(Refused::NotYet(NotYet::Challenge))
    );
    let wrong = world.unlock_with("0", Some(CHALLENGE_PHRASE)).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the PIN is wrong; the PIN is disabled after too many wrong ones; restart the device"
    );
    for challenge in [None, Some(CHALLENGE_PHRASE)] {
        assert_eq!(
            world.unlock_with("271828", challenge),
            Err(Refused::NotYet(NotYet::DisabledUntilRestart))
        );
    }
    world.boot += 1;
    let wait = Err(Refused::NotYet(NotYet::Wait(Span::minutes(1))));
    assert_eq!(world.unlock("271828"), wait);
    world.now = world.now + Span::minutes(1);
    assert_eq!(world.unlock("271828"), Ok(()));
    // All is forgiven but the vault's four failures.
    assert_eq!(world.unlock("0"), Err(Refused::WrongPin { next: None }));
    let now = world.now;
    assert_eq!(world.open().vault().failures(now).0, 5);
}

#[test]
fn the_phrase_and_the_right_pin_open_at_the_fourth_try() {
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    for _ in 0..3 {
        world.unlock("0").unwrap_err();
    }
    assert_eq!(
        world.unlock_with("271828", Some("A1B2C4")),
        Err(Refused::NotYet(NotYet::Challenge))
    );
    assert_eq!(world.unlock_with("271828", Some(CHALLENGE_PHRASE)), Ok(()));
    assert_eq!(world.unlock("271828"), Ok(()));
}

#[test]
fn the_wait_after_a_restart_is_not_shortened_by_asking_again() {
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    for challenge in [None, None, None, Some(CHALLENGE_PHRASE)] {
        world.unlock_with("0", challenge).unwrap_err();
    }
    world.boot += 1;
    world.unlock("271828").unwrap_err();
    world.now = world.now + Span::seconds(40);
    let left = Err(Refused::NotYet(NotYet::Wait(Span::seconds(20))));
    assert_eq!(world.unlock("271828"), left);
    // Another restart does not begin a new round: no wrong PIN has been tried since.
    world.boot += 1;
    assert_eq!(world.unlock("271828"), left);
}

#[test]
fn one_persons_wrong_pins_do_not_disable_another_until_the_vault_locks() {
    // HAMR-1 counts for the vault, HAMR-3 for the person.
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let others: Vec<_> = (0..8)
        .map(|number| named(&format!("other{number}")))
        .collect();
    for other in &others {
        world.enrol(other, "161803");
    }
    let mut wrong = 0;
    for other in &others {
        for challenge in [None, None, None, Some(CHALLENGE_PHRASE)] {
            let pin = Secret::from("0");
            let attempt = Attempt {
                pin: &pin,
                challenge,
                session: "boot 1",
                now: START,
            };
            assert_eq!(world.unlock("271828"), Ok(()), "after {wrong} wrong ones");
            world
                .open()
                .unlock(&other.upn, &attempt, &mut world.rng)
                .unwrap_err();
            wrong += 1;
        }
    }
    assert_eq!(wrong, LOCKS_AT);
    let until = START + Span::minutes(10);
    assert_eq!(world.unlock("271828"), Err(Refused::Locked { until }));
    // A locked vault judges nothing, so that it costs Alice no try of hers.
    for _ in 0..9 {
        world.unlock("0").unwrap_err();
    }
    world.now = until;
    assert_eq!(world.unlock("271828"), Ok(()));
}

#[test]
fn a_changed_pin_opens_the_same_key() {
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let key = |world: &mut World| {
        let hello = world.open();
        let container = hello.containers().of(&alice().upn).unwrap();
        (container.id(), container.public_key().unwrap())
    };
    let before = key(&mut world);
    world.now = world.now + Span::days(3);
    assert_eq!(
        world.change("271828", "314159", &PinPolicy::default()),
        Ok(())
    );
    assert_eq!(key(&mut world), before);
    assert_eq!(world.unlock("314159"), Ok(()));
    world.unlock("271828").unwrap_err();
    let hello = world.open();
    let container = hello.containers().of(&alice().upn).unwrap();
    assert_eq!(container.pin_set(), START + Span::days(3));
}

#[test]
fn changing_a_pin_states_every_broken_rule_and_changes_nothing() {
    // POL-PIN-13.
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let strict = rules(&[
        ("MinimumPINLength", "8"),
        ("UppercaseLetters", "require"),
        ("History", "1"),
    ]);
    let broken = world.change("271828", "271828", &strict).unwrap_err();
    let NotChanged::Rules(broken) = broken else {
        panic!("{broken:?}");
    };
    assert_eq!(
        broken,
        [
            Violation::TooShort { minimum: 8 },
            Violation::Missing(policy::CharacterClass::Uppercase),
            Violation::UsedBefore { history: 1 },
        ]
    );
    assert_eq!(world.unlock("271828"), Ok(()));
}

#[test]
fn a_wrong_old_pin_changes_nothing_and_is_counted() {
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let refused = world.change("0", "314159", &PinPolicy::default());
    assert_eq!(
        refused,
        Err(NotChanged::Refused(Refused::WrongPin { next: None }))
    );
    assert_eq!(world.open().vault().failures(START).0, 1);
    assert_eq!(world.unlock("271828"), Ok(()));
}

#[test]
fn the_last_pins_cannot_be_chosen_again_and_older_ones_can() {
    // POL-PIN-6: the last three, the current one included.
    let mut world = World::new();
    world.enrol(&alice(), "100001");
    let three = rules(&[("History", "3")]);
    world.change("100001", "200002", &three).unwrap();
    world.change("200002", "300003", &three).unwrap();
    for used in ["100001", "200002", "300003"] {
        assert_eq!(
            world.change("300003", used, &three),
            Err(NotChanged::Rules(vec![Violation::UsedBefore {
                history: 3
            }])),
            "{used}"
        );
    }
    world.change("300003", "400004", &three).unwrap();
    world.change("400004", "100001", &three).unwrap();
}

#[test]
fn without_a_history_nothing_is_remembered() {
    // POL-PIN-6: 0 = not stored.
    let mut world = World::new();
    world.enrol(&alice(), "100001");
    let none = PinPolicy::default();
    world.change("100001", "200002", &none).unwrap();
    world.change("200002", "200002", &none).unwrap();
    world
        .change("200002", "100001", &rules(&[("History", "50")]))
        .unwrap();
    // From here on it is remembered, until the policy is taken back.
    world
        .change("100001", "300003", &rules(&[("History", "2")]))
        .unwrap();
    assert!(
        world
            .change("300003", "100001", &rules(&[("History", "2")]))
            .is_err()
    );
    world.change("300003", "400004", &none).unwrap();
    world
        .change("400004", "300003", &rules(&[("History", "50")]))
        .unwrap();
}

#[test]
fn a_reset_forgets_the_history() {
    // POL-PIN-6, RST-9.
    let mut world = World::new();
    let five = rules(&[("History", "5")]);
    world.enrol(&alice(), "100001");
    world.change("100001", "200002", &five).unwrap();
    world.enrol(&alice(), "300003");
    assert_eq!(world.change("300003", "100001", &five), Ok(()));
}

#[test]
fn a_pin_expires_after_its_days() {
    // POL-PIN-5.
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let hello = world.open();
    let container = hello.containers().of(&alice().upn).unwrap();
    assert_eq!(container.pin_expires(&PinPolicy::default()), None);
    assert_eq!(
        container.pin_expires(&rules(&[("Expiration", "90")])),
        Some(START + Span::days(90))
    );
}

#[test]
fn a_damaged_container_file_is_said_to_be_and_is_left_alone() {
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let whole = world.files.content(Slot::Containers).unwrap();
    for length in [0, 9, 40, whole.len() - 1] {
        let cut = whole[..length].to_vec();
        world.files.replace(Slot::Containers, Some(cut.clone()));
        assert_eq!(
            world.try_open().err(),
            Some(VaultError::State(StateError::Damaged(Slot::Containers)))
        );
        assert_eq!(world.files.content(Slot::Containers), Some(cut));
    }
    world.files.replace(Slot::Containers, Some(whole));
    assert_eq!(world.unlock("271828"), Ok(()));
}

#[test]
fn leaving_the_domain_removes_everybody_and_the_devices_own_keys() {
    use crate::vault::DeviceKey;
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    world.enrol(&named("bob"), "271828");
    let mut hello = world.open();
    hello
        .vault_mut()
        .create_device_key(DeviceKey::Machine, KeyKind::P256, &mut world.rng)
        .unwrap();
    hello.leave(&mut world.rng).unwrap();
    let hello = world.open();
    assert_eq!(hello.containers().iter().count(), 0);
    assert!(hello.registration().is_none());
    assert!(
        hello
            .vault()
            .device_key(DeviceKey::Machine)
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_device_that_does_not_join_anew_after_all_has_its_keys_again_and_what_was_counted_stays() {
    use crate::vault::DeviceKey;
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    let mut hello = world.open();
    let made = |hello: &mut crate::Hello, rng: &mut dyn trust::Rng| {
        let vault = hello.vault_mut();
        let made = vault.create_device_key(DeviceKey::Device, KeyKind::P256, rng);
        made.unwrap()
    };
    let before = made(&mut hello, &mut world.rng);
    let former = hello.vault().device_keys();
    made(&mut hello, &mut world.rng);
    let transport = DeviceKey::Transport;
    let vault = hello.vault_mut();
    vault
        .create_device_key(transport, KeyKind::P256, &mut world.rng)
        .unwrap();
    drop(hello);
    assert_ne!(world.unlock("000000"), Ok(()));
    let mut hello = world.open();
    hello
        .vault_mut()
        .restore_device_keys(former, &mut world.rng)
        .unwrap();
    let hello = world.open();
    let key = |which| hello.vault().device_key(which).unwrap();
    assert_eq!(key(DeviceKey::Device).unwrap().public_key(), &before);
    assert!(key(transport).is_none());
    assert_eq!(hello.vault().failures(world.now).0, 1);
    assert!(hello.containers().of("alice@corp.example").is_some());
}

#[test]
fn no_file_holds_a_pin_or_a_name() {
    // POL-PIN-14.
    let mut world = World::new();
    world.enrol(&alice(), "271828");
    world
        .change("271828", "314159", &rules(&[("History", "9")]))
        .unwrap();
    for slot in [Slot::Vault, Slot::Containers] {
        let content = world.files.content(slot).unwrap();
        for secret in ["271828", "314159", "alice"] {
            assert!(
                !content
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes())
            );
        }
    }
}

#[test]
fn the_key_goes_out_as_a_bcrypt_blob_of_its_kind() {
    // PROV-W2, protocols D.5.1.
    for (kind, magic, length) in [
        (KeyKind::Rsa2048, b"RSA1", 283),
        (KeyKind::P256, b"ECS1", 72),
    ] {
        let mut world = World::new();
        let mut hello = world.open();
        let key = hello
            .enrolling(kind, &mut world.rng)
            .create_user_key(&alice(), &Secret::from("271828"), START)
            .unwrap();
        assert_eq!(&key.material[..4], magic);
        assert_eq!(key.material.len(), length);
        assert_eq!(key.attestation_level, "ATT_SOFT"); // KEY-6
    }
}
