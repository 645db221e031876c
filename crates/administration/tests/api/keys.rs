//! Listed keys: by hand, revoked, one's own.

use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::Signer as _;
use directory::{EntryId, Origin, change};
use hex_literal::hex;
use serde_json::{Value, json};
use wire::Guid;
use wire::key_credential::{
    CustomKeyInformation, KeyCredentialLink, KeySource, KeyUsage, NewKeyCredential,
};

use crate::world::{World, empty, new_key, self_signed};

const LAPTOP: Guid = Guid::from_bytes([0x1a; 16]);

fn base64(bytes: &[u8]) -> String {
    use base64ct::{Base64, Encoding};
    Base64::encode_string(bytes)
}

fn list(world: &World, who: &str, path: &str) -> Vec<Value> {
    world.get(who, path).ok()["items"]
        .as_array()
        .unwrap()
        .clone()
}

/// Lists a key as its registration on a device would; its fingerprint.
fn register(world: &World, holder: &str, device: Guid) -> String {
    let blob = directory::testing::key_credential(&mut *world.rng.borrow_mut(), Some(device));
    let key = directory::KeyCredential::new(blob.clone(), Origin::Registration, world.now);
    world.commit(vec![change::add_key_credential(
        world.id(holder),
        blob,
        Origin::Registration,
    )]);
    key.fingerprint.unwrap().to_string()
}

#[test]
fn a_key_is_added_by_hand_in_every_form_and_marked_so() {
    let world = World::new();
    world.add_device(LAPTOP, "LAPTOP-1");
    let rsa = PrivateKey::generate(KeyKind::Rsa2048);
    let forms = |key: &PrivateKey| {
        let public = key.public_key();
        let certificate = self_signed(key, &[]);
        [
            public.to_pem(),
            base64(&public.to_spki_der()),
            wire::x509::pem::encode("CERTIFICATE", &certificate),
            base64(&certificate),
            base64(&public.to_key_material()),
        ]
    };
    for text in forms(&rsa)
        .into_iter()
        .chain(forms(&PrivateKey::generate(KeyKind::P256)))
    {
        let got = world.ask(
            "keeper",
            "POST /users/alice/keys",
            json!({"key": text, "device": "LAPTOP-1"}),
        );
        let done = got.ok();
        let fingerprint = done["fingerprint"].as_str().unwrap().to_owned();
        let record = world.last();
        assert_eq!(record.action, "key.add");
        assert_eq!(record.details["by"], "hand");
        assert_eq!(record.key.as_deref(), Some(fingerprint.as_str()));
        assert_eq!(record.target, Some(world.id("alice")));
        assert_eq!(record.device, Some(LAPTOP));
        assert_eq!(record.actor.name, "keeper@corp.example");

        let shown = &list(&world, "admin", "/users/alice/keys")[0];
        assert_eq!(shown["fingerprint"], fingerprint);
        assert_eq!(shown["origin"], "administrator");
        assert_eq!(shown["usage"], "ngc");
        assert_eq!(shown["source"], "ad");
        assert_eq!(shown["signs_in"], true);
        assert_eq!(shown["device"]["name"], "LAPTOP-1");
        assert_eq!(shown["flags"], json!(["mfa-not-used"]));
        assert!(shown["remarks"].to_string().contains("by hand"));
        assert_eq!(done["key"], *shown);
        // What is written passes the rules for what peers write, whichever form it came in.
        let listed = world.account("alice");
        let listed = &listed.key_credentials[0];
        let link = KeyCredentialLink::parse_strict(&listed.blob).unwrap();
        assert_eq!(link.key_usage(), KeyUsage::Ngc);
        assert!(
            link.custom_key_information()
                .is_some_and(|i| i.is_mfa_not_used())
        );
        assert!(
            !listed.blob.windows(8).any(|w| w == b"somebody"),
            "no certificate is kept"
        );
        assert_eq!(listed.origin, Origin::Administrator);

        let line = format!("DELETE /users/alice/keys/{fingerprint}");
        world.ask("keeper", &line, Value::Null).ok();
    }
    assert_eq!(world.account("alice").alt_security_identities, [""; 0]);
}

#[test]
fn who_looks_after_keys_cannot_say_that_a_second_factor_was_proven_for_one() {
    // The KDC makes S-1-18-5 and S-1-18-6 of these flags (protocols E.4 rule 6).
    let world = World::new();
    let value = |flags: Option<u8>| {
        let key = PrivateKey::generate(KeyKind::P256);
        let new = NewKeyCredential {
            key_material: &key.public_key().to_key_material(),
            key_usage: KeyUsage::Ngc,
            key_source: KeySource::Ad,
            device_id: None,
            custom_key_information: flags.map(CustomKeyInformation::new),
            last_logon: None,
            creation_time: None,
        };
        base64(new.write().unwrap().as_bytes())
    };
    let add = |who: &str, flags: Option<u8>| {
        let body = json!({ "blob": value(flags) });
        world.ask(who, "POST /users/alice/keys", body)
    };
    const MFA_NOT_USED: u8 = CustomKeyInformation::MFA_NOT_USED;
    const ATTESTED: u8 = CustomKeyInformation::ATTESTATION;
    for flags in [0, ATTESTED, MFA_NOT_USED | ATTESTED] {
        let got = add("keeper", Some(flags));
        assert_eq!(got.code(), (422, "key_refused"), "{flags}");
        assert!(got.refused.is_some());
        add("admin", Some(flags)).ok();
    }
    add("keeper", Some(MFA_NOT_USED)).ok();
    add("keeper", None).ok();
}

#[test]
fn a_whole_value_is_written_as_it_is_and_judged_strictly() {
    let world = World::new();
    let device = Guid::from_bytes([0x33; 16]);
    let blob = directory::testing::key_credential(&mut *world.rng.borrow_mut(), Some(device));
    let add = |blob: &[u8]| {
        world.ask(
            "admin",
            "POST /users/alice/keys",
            json!({"blob": base64(blob)}),
        )
    };
    // The device that the value names is not registered: nothing could end the key by ending the device.
    assert_eq!(add(&blob).code(), (404, "not_found"));
    world.add_device(device, "LAPTOP-3");
    add(&blob).ok();
    assert_eq!(world.account("alice").key_credentials[0].blob, blob);
    assert_eq!(add(&blob).ok()["changed"], false);

    let mut broken = blob.clone();
    broken[40] ^= 1;
    assert_eq!(add(&broken).code(), (422, "key_refused"));
    assert_eq!(add(b"").code(), (422, "key_refused"));
    assert_eq!(add(&blob[..100]).code(), (422, "key_refused"));
    // Another usage opens no door, and has no business here.
    let key = PrivateKey::generate(KeyKind::P256);
    let other = wire::key_credential::NewKeyCredential {
        key_material: &key.public_key().to_key_material(),
        key_usage: KeyUsage::Stk,
        key_source: wire::key_credential::KeySource::Ad,
        device_id: None,
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: None,
        creation_time: None,
    };
    assert_eq!(
        add(other.write().unwrap().as_bytes()).code(),
        (422, "key_refused")
    );
    let both = json!({"blob": base64(&blob), "key": new_key().0});
    assert_eq!(
        world.ask("admin", "POST /users/alice/keys", both).code(),
        (400, "invalid_member")
    );
    let both = json!({"blob": base64(&blob), "device": "LAPTOP-3"});
    assert_eq!(
        world.ask("admin", "POST /users/alice/keys", both).code(),
        (400, "invalid_member")
    );
}

#[test]
fn refuses_weak_keys_and_what_is_no_key() {
    let world = World::new();
    let add = |text: &str| world.ask("admin", "POST /users/alice/keys", json!({"key": text}));
    let mut modulus = [0x5a; 128];
    (modulus[0], modulus[127]) = (0xc0, 0x01);
    let short = PublicKey::from_rsa(&modulus, &[1, 0, 1])
        .unwrap()
        .to_spki_der();
    let got = add(&base64(&short));
    assert_eq!(got.code(), (422, "key_refused"), "{}", got.json);
    assert!(got.detail().contains("too short"), "{}", got.detail());
    for text in [
        "",
        "AAAA",
        "not base64!",
        "-----BEGIN CERTIFICATE-----\nAAAA",
        "-----BEGIN X-----\n-----END X-----",
    ] {
        let code = add(text).code().0;
        assert!(code == 400 || code == 422, "{text:?}");
    }
    let private = PrivateKey::generate(KeyKind::P256).to_pem().to_string();
    let got = add(&private);
    assert_eq!(got.code(), (400, "invalid_member"));
    assert!(got.detail().contains("private key"));
    let line = private.lines().nth(1).unwrap();
    assert!(!got.json.to_string().contains(line) && !format!("{:?}", got.refused).contains(line));
    assert!(world.account("alice").key_credentials.is_empty());
    assert_eq!(
        world.ask("admin", "POST /users/alice/keys", empty()).code(),
        (400, "missing_member")
    );
}

#[test]
fn a_key_belongs_to_one_account() {
    let world = World::new();
    let (pem, fingerprint) = new_key();
    world
        .ask("admin", "POST /users/alice/keys", json!({"key": pem}))
        .ok();
    let got = world.ask("admin", "POST /users/bob/keys", json!({"key": pem}));
    assert_eq!(got.code(), (409, "taken"));
    assert!(got.detail().contains("alice") && got.detail().contains(&fingerprint));
    let again = world
        .ask("admin", "POST /users/alice/keys", json!({"key": pem}))
        .ok();
    assert_eq!(again["changed"], false);
}

#[test]
fn who_looks_after_keys_does_not_touch_those_of_protected_accounts() {
    // DIR-G3: whoever may list a key on an administrator is one.
    let world = World::new();
    let (pem, fingerprint) = new_key();
    for name in ["admin", "keeper"] {
        let got = world.ask(
            "keeper",
            &format!("POST /users/{name}/keys"),
            json!({"key": pem}),
        );
        assert_eq!(got.code(), (403, "protected"), "{name}");
        assert_eq!(got.json["id"], "DIR-G3");
    }
    world
        .ask("admin", "POST /users/admin/keys", json!({"key": pem}))
        .ok();
    let line = format!("DELETE /users/admin/keys/{fingerprint}");
    assert_eq!(
        world.ask("keeper", &line, Value::Null).code(),
        (403, "protected")
    );
    // And the moment somebody becomes an administrator, their keys are out of reach.
    let (pem, _) = new_key();
    world
        .ask("keeper", "POST /users/bob/keys", json!({"key": pem}))
        .ok();
    world
        .ask("admin", "PUT /groups/Domain%20Admins/members/bob", empty())
        .ok();
    let (pem, _) = new_key();
    let got = world.ask("keeper", "POST /users/bob/keys", json!({"key": pem}));
    assert_eq!(got.code(), (403, "protected"));
}

#[test]
fn a_key_is_revoked_by_as_much_of_its_fingerprint_as_is_unique() {
    let world = World::new();
    world.add_device(LAPTOP, "LAPTOP-1");
    let first = register(&world, "alice", LAPTOP);
    // Another key whose fingerprint begins with the same digit, so that one digit would not say which.
    let second = register(&world, "alice", LAPTOP);
    let revoke = |digits: &str| {
        world.ask(
            "admin",
            &format!("DELETE /users/alice/keys/{digits}"),
            Value::Null,
        )
    };
    assert_eq!(
        revoke(&first[..3]).code(),
        (400, "invalid_parameter"),
        "too few digits"
    );
    assert_eq!(revoke("xyzw").code(), (400, "invalid_parameter"));
    assert_eq!(revoke("0000000000").code(), (404, "not_found"));
    let done = revoke(&first[..12].to_uppercase()).ok();
    assert_eq!(done["changed"], true);
    assert_eq!(done["revoked"][0]["fingerprint"], first);
    // When the answer has come, it is so.
    let left: Vec<String> = world
        .account("alice")
        .key_credentials
        .iter()
        .map(|key| key.fingerprint.unwrap().to_string())
        .collect();
    assert_eq!(left, [second]);
    let snapshot = world.directory.snapshot().unwrap();
    assert_eq!(
        snapshot.holder_of_key(&first.parse().unwrap()).unwrap(),
        None
    );
    let record = world.last();
    assert_eq!(record.action, "key.revoke");
    assert_eq!(record.key.as_deref(), Some(first.as_str()));
    assert_eq!(record.device, Some(LAPTOP));
    assert_eq!(record.details["origin"], "registration");
    assert_eq!(revoke(&first).code(), (404, "not_found"));
}

#[test]
fn refuses_digits_that_two_keys_begin_with() {
    let world = World::new();
    world.add_device(LAPTOP, "LAPTOP-1");
    // Keys until two of them begin with the same four digits would take thousands; two values of one key and a key that
    // cannot be read serve as well: names of values are looked at, too.
    let mut names = Vec::new();
    for number in 0u32..40_000 {
        let blob = [&hex!("00020000")[..], &number.to_be_bytes()].concat();
        let name: String = crypto::digest::sha256(&blob)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        if let Some((other, _)) = names
            .iter()
            .find(|(_, known): &&(Vec<u8>, String)| known[..4] == name[..4])
        {
            let alice = world.id("alice");
            let import =
                |blob: &[u8]| change::add_key_credential(alice, blob.to_vec(), Origin::Import);
            world.commit(vec![import(other), import(&blob)]);
            let got = world.ask(
                "admin",
                &format!("DELETE /users/alice/keys/{}", &name[..4]),
                Value::Null,
            );
            assert_eq!(got.code(), (409, "ambiguous"));
            assert!(got.detail().contains(&name), "{}", got.detail());
            let shown = list(&world, "admin", "/users/alice/keys");
            assert_eq!(shown[0]["fingerprint"], Value::Null);
            assert_eq!(shown[0]["signs_in"], false);
            let done = world
                .ask(
                    "admin",
                    &format!("DELETE /users/alice/keys/{name}"),
                    Value::Null,
                )
                .ok();
            assert_eq!(done["revoked"][0]["value"], name);
            assert_eq!(list(&world, "admin", "/users/alice/keys").len(), 1);
            return;
        }
        names.push((blob, name));
    }
    panic!("no two names begin alike");
}

#[test]
fn people_see_and_revoke_their_own_keys_and_no_others() {
    let world = World::new();
    world.add_device(LAPTOP, "LAPTOP-1");
    let hers = register(&world, "alice", LAPTOP);
    let his = register(&world, "bob", LAPTOP);
    assert_eq!(list(&world, "alice", "/own/keys")[0]["fingerprint"], hers);
    let revoke = |who: &str, digits: &str| {
        world.ask(who, &format!("DELETE /own/keys/{digits}"), Value::Null)
    };
    assert_eq!(revoke("alice", &his).code(), (404, "not_found"));
    assert_eq!(
        revoke("alice", &hers).ok()["revoked"][0]["fingerprint"],
        hers
    );
    assert_eq!(world.last().actor.name, "alice@corp.example");
    assert!(list(&world, "alice", "/own/keys").is_empty());
    assert_eq!(list(&world, "bob", "/own/keys").len(), 1);
    // An administrator's own key, too, although it is protected against who looks after keys.
    let own = register(&world, "keeper", LAPTOP);
    revoke("keeper", &own).ok();
}

#[test]
fn every_key_is_found_in_the_list_and_by_account_and_device() {
    let world = World::new();
    world.add_device(LAPTOP, "LAPTOP-1");
    let other = Guid::from_bytes([0x2b; 16]);
    world.add_device(other, "LAPTOP-2");
    let mut all: Vec<String> = [
        ("alice", LAPTOP),
        ("alice", other),
        ("bob", LAPTOP),
        ("keeper", other),
    ]
    .iter()
    .map(|(who, device)| register(&world, who, *device))
    .collect();
    let (pem, fingerprint) = new_key();
    world
        .ask(
            "admin",
            "POST /computers",
            json!({"name": "LAPTOP-9", "public_key": pem}),
        )
        .ok();
    all.push(fingerprint.clone());
    all.sort();
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/keys?limit=1".to_owned();
    for _ in 0..50 {
        let got = world.get("keeper", &path);
        for item in got.json["items"].as_array().unwrap() {
            seen.push(item["fingerprint"].as_str().unwrap().to_owned());
        }
        let Some(next) = got.json["next"].as_str() else {
            break;
        };
        path = format!("/keys?limit=1&after={next}");
    }
    seen.sort();
    assert_eq!(seen, all);
    assert_eq!(list(&world, "admin", "/keys?user=alice").len(), 2);
    assert_eq!(
        list(&world, "admin", "/keys?user=alice&device=LAPTOP-1").len(),
        1
    );
    assert_eq!(
        list(&world, "admin", &format!("/keys?device={other}")).len(),
        2
    );
    let computer = list(&world, "admin", "/keys?computer=laptop-9");
    assert_eq!(computer[0]["origin"], "computer");
    assert_eq!(computer[0]["holder"]["name"], "LAPTOP-9$");
    assert_eq!(
        world.get("admin", "/keys?user=x").code(),
        (404, "not_found")
    );
    assert_eq!(
        world.get("admin", "/keys?user=alice&computer=x").code(),
        (400, "invalid_parameter")
    );
    assert_eq!(
        world.get("admin", "/keys?after=_w").code(),
        (400, "invalid_parameter")
    );
}

#[test]
fn devices_are_shown_disabled_and_deleted_with_the_keys_made_on_them() {
    let world = World::new();
    world.add_device(LAPTOP, "LAPTOP-1");
    world.add_device(Guid::from_bytes([0x2b; 16]), "laptop-2");
    let hers = register(&world, "alice", LAPTOP);
    let his = register(&world, "bob", LAPTOP);
    assert_eq!(
        world.get("admin", "/devices?search=laptop-2").names(),
        ["laptop-2"]
    );
    let first = world.get("admin", "/devices?limit=1");
    let next = first.json["next"].as_str().unwrap();
    let second = world.get("admin", &format!("/devices?limit=1&after={next}"));
    assert!(second.json["next"].is_null());
    assert_ne!(first.names(), second.names());
    let shown = world.get("keeper", "/devices/LAPTOP-1").ok();
    assert_eq!(shown["id"], LAPTOP.to_string());
    assert_eq!(shown["keys"].as_array().unwrap().len(), 2);
    for (what, enabled) in [("disable", false), ("enable", true)] {
        let act = || {
            world
                .ask("admin", &format!("POST /devices/{LAPTOP}/{what}"), empty())
                .ok()
        };
        assert_eq!(act()["changed"], true);
        assert_eq!(world.last().device, Some(LAPTOP));
        assert_eq!(
            world.get("admin", "/devices/laptop-1").ok()["enabled"],
            enabled
        );
        assert_eq!(act()["changed"], false);
    }
    world
        .ask("admin", "DELETE /devices/LAPTOP-1", Value::Null)
        .ok();
    assert_eq!(
        world.get("admin", "/devices/LAPTOP-1").code(),
        (404, "not_found")
    );
    let snapshot = world.directory.snapshot().unwrap();
    for fingerprint in [hers, his] {
        assert_eq!(
            snapshot
                .holder_of_key(&fingerprint.parse().unwrap())
                .unwrap(),
            None
        );
    }
    let keys: Vec<_> = world
        .log()
        .into_iter()
        .filter(|record| record.action == "key.remove")
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(
        keys.iter()
            .all(|record| record.details["because"] == "its device is gone")
    );
}

#[test]
fn a_device_s_display_name_must_say_which_one() {
    let world = World::new();
    world.add_device(LAPTOP, "kiosk");
    world.add_device(Guid::from_bytes([0x2b; 16]), "Kiosk");
    let got = world.ask("admin", "POST /devices/kiosk/disable", empty());
    assert_eq!(got.code(), (409, "ambiguous"));
    assert!(got.detail().contains(&LAPTOP.to_string()));
    let entry = |id: Guid| {
        world
            .directory
            .snapshot()
            .unwrap()
            .device_by_id(id)
            .unwrap()
            .unwrap()
    };
    assert!(entry(LAPTOP).enabled);
    let by_entry: EntryId = entry(LAPTOP).id;
    world
        .ask(
            "admin",
            &format!("POST /devices/{by_entry}/disable"),
            empty(),
        )
        .ok();
    assert!(!entry(LAPTOP).enabled);
}

#[test]
fn a_device_that_registered_leaves_nothing_behind_in_the_commit_that_deletes_it() {
    let world = World::new();
    let entry = world.add_device(LAPTOP, "LAPTOP-1");
    // As its registration notes it: the keys that it holds itself.
    let held = directory::Table::new("registration.keys-of-device");
    let of = directory::Table::new("registration.device-keys");
    let note = [&LAPTOP.to_bytes()[..], &[7; 32]].concat();
    let lasting = trust::Timestamp::NEVER;
    world.commit(vec![
        change::put(held, entry.0.to_bytes(), note, lasting),
        change::put(of, [7; 32], LAPTOP.to_bytes().to_vec(), lasting),
    ]);
    register(&world, "alice", LAPTOP);
    world
        .ask("admin", "DELETE /devices/LAPTOP-1", Value::Null)
        .ok();
    assert!(world.account("alice").key_credentials.is_empty());
    let snapshot = world.directory.snapshot().unwrap();
    let record = |table, key: &[u8]| snapshot.record(table, key, world.now).unwrap();
    assert!(record(held, &entry.0.to_bytes()).is_none());
    assert!(
        record(of, &[7; 32]).is_none(),
        "another device may have that key now"
    );
}

#[test]
fn keys_past_registration_are_reported_and_no_others() {
    let world = World::new();
    let value = |seed: u64| {
        directory::testing::key_credential(&mut directory::testing::Seeded::new(seed), None)
    };
    let (alice, admin) = (world.account("alice").id, world.account("admin").id);
    world.commit(vec![
        change::add_key_credential(alice, value(1), Origin::Registration),
        change::add_key_credential(alice, value(2), Origin::Import),
        change::add_key_credential(admin, value(3), Origin::Administrator),
    ]);
    let origins = |query: &str| -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = list(&world, "admin", &format!("/keys{query}"))
            .iter()
            .map(|key| {
                let origin = key["origin"].as_str().unwrap().to_owned();
                (origin, key["shadow"].as_bool().unwrap())
            })
            .collect();
        found.sort();
        found
    };
    let import = ("import".to_owned(), true);
    let administrator = ("administrator".to_owned(), true);
    assert_eq!(origins("?origin=shadow"), [administrator, import.clone()]);
    assert_eq!(origins("?origin=import"), std::slice::from_ref(&import));
    assert_eq!(origins("?origin=shadow&user=alice"), [import]);
    assert_eq!(origins("?origin=computer"), []);
    assert_eq!(origins("").len(), 3);
    let wrong = world.ask("admin", "GET /keys?origin=elsewhere", Value::Null);
    assert_eq!(wrong.code(), (400, "invalid_parameter"));
}

/// A device that many people share: its end is the end of every key that was made on it, and a list of them has pages.
#[test]
fn a_device_has_more_holders_of_keys_than_a_page_or_a_thousand() {
    const PEOPLE: usize = 1_010;
    let world = World::new();
    world.add_device(LAPTOP, "KIOSK-1");
    let mut registered: Vec<String> = Vec::new();
    for number in 0..PEOPLE {
        let name = format!("guest{number}");
        world.add_user(&name);
        registered.push(register(&world, &name, LAPTOP));
    }
    let mut shown: Vec<String> = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/keys?device=KIOSK-1&limit=400{after}");
        let page = world.get("admin", &path).ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 400);
        let fingerprints = items.iter().map(|key| key["fingerprint"].as_str().unwrap());
        shown.extend(fingerprints.map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    shown.sort_unstable();
    registered.sort_unstable();
    assert_eq!(shown, registered);
    let not_a_place = world.get("admin", "/keys?device=KIOSK-1&after=AAAA");
    assert_eq!(not_a_place.code(), (400, "invalid_parameter"));
    world
        .ask("admin", "DELETE /devices/KIOSK-1", Value::Null)
        .ok();
    for name in ["guest0", "guest999", "guest1000", "guest1009"] {
        assert!(world.account(name).key_credentials.is_empty(), "{name}");
    }
    assert_eq!(
        world
            .directory
            .snapshot()
            .unwrap()
            .holders_of_device_keys(LAPTOP, 10)
            .unwrap(),
        []
    );
}
