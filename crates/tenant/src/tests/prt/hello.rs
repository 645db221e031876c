//! A primary refresh token by a Hello key: what is given, and what is not.

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use directory::tenant::AssertionNonce;
use directory::{AccountControl, Change, Origin, change};
use serde_json::{Value, json};
use trust::Span;
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};
use wire::key_material::RsaPublicKey;

use super::client::{BROKER, Laptop, SIGN_IN, opened};
use crate::tests::world::{World, bcrypt_blob, claims, code, json};

#[test]
fn a_hello_assertion_gives_a_prt_with_rsa_and_mfa() {
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let mut world = World::new();
        let laptop = world.laptop(kind);
        let prt = world.prt(&laptop);
        let answer = &prt.answer;
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], "1209600");
        assert_eq!(answer["ext_expires_in"], "0");
        let until = world.now.unix() + 1_209_600;
        assert_eq!(answer["expires_on"], until.to_string());
        assert_eq!(answer["refresh_token_expires_in"], 1_209_600);
        assert_eq!(answer["device_tenant_id"], world.id());
        assert_eq!(answer["scope"], "openid aza ugs");
        assert!(prt.text.starts_with("1."));
        let token = claims(answer["id_token"].as_str().unwrap());
        let amr = token["amr"].as_array().unwrap();
        assert_eq!(amr[..2], [json!("rsa"), json!("mfa")]);
        assert!(!amr.contains(&json!("ngcmfa")));
        assert_eq!(token["aud"], BROKER);
        assert_eq!(token["tid"], world.id());
        let alice = world.account("alice").id.0.to_string();
        assert_eq!(token["oid"], alice);
        assert_eq!(token["name"], "alice Example");
        for name in ["preferred_username", "upn", "unique_name"] {
            assert_eq!(token[name], "alice@corp.example", "{name}");
        }
        let info = base64ct::Base64UrlUnpadded::decode_vec(answer["client_info"].as_str().unwrap());
        let info: Value = serde_json::from_slice(&info.unwrap()).unwrap();
        assert_eq!(info, json!({"uid": alice, "utid": world.id()}));
        let members = answer.as_object().unwrap();
        assert!(members.values().all(|value| !value.is_null()));

        let told = world.audit("prt.issue").unwrap();
        let key = crypto::signature::Signer::public_key(&laptop.hello).fingerprint();
        assert_eq!(told.key, Some(key.to_string()));
        assert_eq!(told.device, Some(laptop.device.id));
        assert_eq!(told.details["by"], "hello");
        assert_eq!(told.details["nonce_age_seconds"], "0");
    }
}

#[test]
fn both_forms_of_certificates_and_of_names_are_read() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::Rsa2048);
    let one = Base64::encode_string(&laptop.device.certificate);
    let answer = world.by_hello(&laptop, |asking| {
        asking.header.insert("x5c".into(), one.into());
        asking.header.remove("kid");
        asking.claims.insert("client_id".into(), SIGN_IN.into());
        asking
            .claims
            .insert("username".into(), "ALICE@Corp.Example".into());
        // Known clients write moments in two forms.
        let (from, until) = (
            asking.assertion["iat"].clone(),
            asking.assertion["exp"].clone(),
        );
        asking
            .assertion
            .insert("iat".into(), from.to_string().into());
        asking
            .assertion
            .insert("exp".into(), until.to_string().into());
    });
    assert_eq!(answer.status, 200);
    opened(&laptop.device, json(&answer));
}

#[test]
fn the_audience_is_this_authority_by_any_of_its_names() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let (id, issuers) = (world.id(), world.known().issuers.clone());
    let mut number = |audience: &str| {
        let answer = world.by_hello(&laptop, |asking| {
            asking.assertion.insert("aud".into(), audience.into());
        });
        match answer.status {
            200 => 0,
            _ => code(&answer),
        }
    };
    for audience in [
        "common",
        "Common",
        &id,
        &issuers.v1,
        &issuers.v2,
        "https://login.corp.example",
    ] {
        assert_eq!(number(audience), 0, "{audience}");
    }
    for audience in ["", "https://login.other.example", "urn:other"] {
        assert_eq!(number(audience), 135_010, "{audience}");
    }
}

#[test]
fn unknown_kid_is_135010() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let unknown = Base64::encode_string(&[7; 32]);
    for kid in [
        unknown.as_str(),
        "",
        "AA==",
        "no base64",
        &"A".repeat(20_000),
    ] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.assertion_header.insert("kid".into(), kid.into());
        });
        assert_eq!(
            (answer.status, code(&answer)),
            (400, 135_010),
            "{}",
            kid.len()
        );
    }
    let answer = world.by_hello(&laptop, |asking| {
        asking.assertion_header.remove("kid");
    });
    assert_eq!(code(&answer), 135_010);
}

#[test]
fn a_kid_is_data_and_finds_keys_of_this_user_alone() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let bobs = world.hello_key("bob", &laptop.device, KeyKind::P256);
    let kid = crypto::digest::sha256(&crate::tests::world::bcrypt_blob(&bobs));
    let kid = Base64::encode_string(&kid);
    // Bob's key for alice.
    let answer = world.by_hello(&laptop, |asking| {
        asking
            .assertion_header
            .insert("kid".into(), kid.clone().into());
        asking.hello = bobs.clone();
    });
    assert_eq!(code(&answer), 135_010);
    for kid in ["../../etc/passwd", "' OR 1=1 --", "%2e%2e", "\u{0}", "*"] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.assertion_header.insert("kid".into(), kid.into());
        });
        assert_eq!(code(&answer), 135_010, "{kid}");
    }
    for kid in [json!(1), json!(null), json!([kid]), json!({"kid": kid})] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.assertion_header.insert("kid".into(), kid);
        });
        assert_eq!(code(&answer), 135_010);
    }
}

#[test]
fn another_users_iss_is_135010() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let bob = world.upn("bob");
    for (username, issuer) in [
        ("alice@corp.example", bob.as_str()),
        (bob.as_str(), "alice@corp.example"),
        (bob.as_str(), bob.as_str()),
        ("nobody@corp.example", "nobody@corp.example"),
        ("alice@other.example", "alice@other.example"),
    ] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.claims.insert("username".into(), username.into());
            asking.assertion.insert("iss".into(), issuer.into());
        });
        assert_eq!(code(&answer), 135_010, "{username} {issuer}");
    }
}

#[test]
fn an_assertion_signed_by_another_key_is_135010() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let other = crypto::key::PrivateKey::generate(KeyKind::P256);
    let answer = world.by_hello(&laptop, |asking| asking.hello = other.clone());
    assert_eq!(code(&answer), 135_010);
    // The device's own key is no Hello key.
    let answer = world.by_hello(&laptop, |asking| asking.hello = laptop.device.key.clone());
    assert_eq!(code(&answer), 135_010);
}

#[test]
fn an_assertion_is_for_a_sign_in_alone() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    for usage in [json!("sig"), json!("NGC"), json!(null), json!(["ngc"])] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.assertion_header.insert("use".into(), usage);
        });
        assert_eq!(code(&answer), 135_010);
    }
}

#[test]
fn an_expired_assertion_is_500133() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let now = world.now.unix();
    let mut number = |from: i64, until: i64| {
        let answer = world.by_hello(&laptop, |asking| {
            asking.assertion.insert("iat".into(), (now + from).into());
            asking.assertion.insert("exp".into(), (now + until).into());
        });
        match answer.status {
            200 => 0,
            _ => code(&answer),
        }
    };
    assert_eq!(number(-3600, 3600), 0);
    assert_eq!(number(-300, 1), 0);
    for (from, until) in [
        (-300, 0),
        (-300, -1),
        (600, 900),
        (-300, 4000),
        (-7600, 100),
        (10, 5),
    ] {
        assert_eq!(number(from, until), 500_133, "{from} {until}");
    }
}

#[test]
fn a_key_of_another_device_signs_in_only_where_keys_may_roam() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let desktop = world.laptop(KeyKind::P256);
    let on_the_desktop = |world: &mut World| {
        world.by_hello(&desktop, |asking| {
            let kid = crypto::digest::sha256(&crate::tests::world::bcrypt_blob(&laptop.hello));
            let kid = Base64::encode_string(&kid);
            asking.assertion_header.insert("kid".into(), kid.into());
            asking.hello = laptop.hello.clone();
        })
    };
    let answer = on_the_desktop(&mut world);
    assert_eq!(code(&answer), 135_010);
    assert!(world.refused.last().unwrap().contains("another device"));
    world.set(|settings| settings.roaming_keys = true);
    assert_eq!(on_the_desktop(&mut world).status, 200);
}

#[test]
fn a_disabled_user_is_refused_and_is_not_told_from_an_unknown_key() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let alice = world.account("alice");
    world.commit([change::disable(alice.id, alice.control)]);
    let disabled = world.by_hello(&laptop, |_| {});
    assert!(world.refused.last().unwrap().contains("disabled"));
    let disabled_user = json(&disabled);
    let control = alice.control.without(AccountControl::ACCOUNT_DISABLE);
    world.commit([change::enable(alice.id, control)]);
    let unknown = world.by_hello(&laptop, |asking| {
        let kid = Base64::encode_string(&[7; 32]);
        asking.assertion_header.insert("kid".into(), kid.into());
    });
    let unknown_key = json(&unknown);
    assert_eq!(disabled.status, unknown.status);
    assert_eq!(disabled_user["error"], unknown_key["error"]);
    assert_eq!(disabled_user["error_codes"], unknown_key["error_codes"]);
    let sentence = |answer: &Value| {
        let text = answer["error_description"].as_str().unwrap();
        text.split(" Trace ID").next().unwrap().to_owned()
    };
    assert_eq!(sentence(&disabled_user), sentence(&unknown_key));
    let expires = directory::Attribute::AccountExpires;
    world.commit([change::set(alice.id, expires, world.now)]);
    let expired = json(&world.by_hello(&laptop, |_| {}));
    assert_eq!(sentence(&expired), sentence(&unknown_key));
    assert!(world.refused.last().unwrap().contains("has expired"));
}

#[test]
fn a_disabled_device_is_135011() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    world.commit([change::set_device_enabled(laptop.device.entry, false)]);
    let answer = world.by_hello(&laptop, |_| {});
    assert_eq!((answer.status, code(&answer)), (400, 135_011));
    assert_eq!(json(&answer)["error"], "invalid_grant");
}

#[test]
fn a_deleted_device_is_50155() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    world.commit([Change::Delete {
        id: laptop.device.entry,
    }]);
    let answer = world.by_hello(&laptop, |_| {});
    assert_eq!((answer.status, code(&answer)), (400, 50155));
}

#[test]
fn a_certificate_that_is_over_or_has_not_begun_is_50155() {
    let mut world = World::new();
    world.advance(Span::hours(2));
    let laptop = world.laptop(KeyKind::P256);
    let begun = world.now;
    // An hour before it was made it begins.
    for (now, good) in [
        (begun - Span::minutes(60), true),
        (begun - Span::seconds(3_601), false),
        (begun + Span::days(366), false),
    ] {
        world.now = now;
        world.tick();
        let answer = world.by_hello(&laptop, |_| {});
        match good {
            true => assert_eq!(answer.status, 200, "{:?}", world.refused),
            false => assert_eq!(code(&answer), 50155),
        }
    }
}

#[test]
fn a_device_without_a_transport_key_gets_no_session_key() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let device = world.read(|snapshot| snapshot.device_by_entry(laptop.device.entry).unwrap());
    let value = device.unwrap().transport_key().unwrap().id;
    world.commit([change::remove_key_credential(laptop.device.entry, value)]);
    let answer = world.by_hello(&laptop, |_| {});
    assert_eq!(code(&answer), 50129);
}

#[test]
fn only_the_broker_and_the_system_ask_for_a_prt_and_they_say_so() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    for client in [
        json!("d3590ed6-52b3-4102-aeff-aad2292ab01c"),
        json!(null),
        json!(""),
    ] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.claims.insert("client_id".into(), client);
        });
        assert_eq!(code(&answer), 700_016);
    }
    for scope in [json!("openid"), json!(null), json!("azaa ugs")] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.claims.insert("scope".into(), scope);
        });
        assert_eq!(code(&answer), 70_011);
    }
    for grant in [
        "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
        "device_token",
        "",
    ] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.claims.insert("grant_type".into(), grant.into());
        });
        assert_eq!(json(&answer)["error"], "unsupported_grant_type", "{grant}");
    }
}

#[test]
fn nonces_must_be_one_where_the_tenant_says_so() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let same = |world: &mut World| {
        world.by_hello(&laptop, |asking| {
            let outer = asking.claims["request_nonce"].clone();
            asking.assertion.insert("request_nonce".into(), outer);
        })
    };
    assert_eq!(same(&mut world).status, 200);
    world.set(|settings| settings.assertion_nonce = AssertionNonce::Equal);
    assert_eq!(same(&mut world).status, 200);
    let answer = world.by_hello(&laptop, |_| {});
    assert_eq!(code(&answer), 50089);
}

/// Lists alice's Hello key of this kind with these flags, or none.
fn listed(world: &mut World, laptop: &Laptop, flags: Option<u8>, origin: Origin) -> PrivateKey {
    let key = PrivateKey::generate(KeyKind::P256);
    let time = KeyTime::from_filetime(world.now.filetime(), KeySource::Ad);
    let new = NewKeyCredential {
        key_material: &bcrypt_blob(&key),
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: Some(laptop.device.id),
        custom_key_information: flags.map(CustomKeyInformation::new),
        last_logon: Some(time),
        creation_time: Some(time),
    };
    let value = new.write().unwrap().as_bytes().to_vec();
    let alice = world.account("alice").id;
    world.commit([change::add_key_credential(alice, value, origin)]);
    key
}

/// Protocols D.4: what nobody proved a second factor for is one factor, however it is opened.
#[test]
fn a_key_that_was_listed_without_a_second_factor_is_one_factor() {
    for (flags, origin, factors) in [
        (Some(0), Origin::Registration, 2),
        (Some(0), Origin::Import, 2),
        (
            Some(CustomKeyInformation::MFA_NOT_USED),
            Origin::Administrator,
            1,
        ),
        (None, Origin::Import, 1),
        (Some(0), Origin::Computer, 1),
    ] {
        let mut world = World::new();
        world.set(|settings| settings.hello_is_fresh_mfa = true);
        let mut laptop = world.laptop(KeyKind::P256);
        laptop.hello = listed(&mut world, &laptop, flags, origin);
        let answer = json(&world.by_hello(&laptop, |_| {}));
        let token = claims(answer["id_token"].as_str().unwrap());
        let amr = token["amr"].as_array().unwrap();
        assert!(amr.contains(&"rsa".into()));
        assert_eq!(
            amr.contains(&"mfa".into()),
            factors == 2,
            "{flags:?} {origin:?}"
        );
    }
}

#[test]
fn a_weak_key_signs_nobody_in_however_it_came_to_be_listed() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let weak = RsaPublicKey::new(&[0xc1; 128], &[1, 0, 1])
        .unwrap()
        .to_bcrypt_blob();
    let new = NewKeyCredential {
        key_material: &weak,
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: Some(laptop.device.id),
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: None,
        creation_time: None,
    };
    let value = new.write().unwrap().as_bytes().to_vec();
    let alice = world.account("alice").id;
    world.commit([change::add_key_credential(alice, value, Origin::Import)]);
    let kid = Base64::encode_string(&crypto::digest::sha256(&weak));
    let answer = world.by_hello(&laptop, |asking| {
        asking.assertion_header.insert("kid".into(), kid.into());
    });
    assert_eq!((answer.status, code(&answer)), (400, 135_010));
    assert!(world.refused.last().unwrap().contains("weak"));
}

/// Where keys roam, a key dies with its own device all the same.
#[test]
fn a_key_of_a_disabled_device_signs_in_from_no_other() {
    let mut world = World::new();
    world.set(|settings| settings.roaming_keys = true);
    let home = world.laptop(KeyKind::P256);
    let mut elsewhere = world.laptop(KeyKind::P256);
    elsewhere.hello = home.hello.clone();
    let prt = world.prt(&elsewhere);
    for (change, number) in [
        (
            change::set_device_enabled(home.device.entry, false),
            135_010,
        ),
        (change::set_device_enabled(home.device.entry, true), 0),
        (
            Change::Delete {
                id: home.device.entry,
            },
            135_010,
        ),
    ] {
        world.commit_without_reaction([change]);
        let answer = world.by_hello(&elsewhere, |_| {});
        let said = match answer.status {
            200 => 0,
            _ => code(&answer),
        };
        assert_eq!(said, number);
        if number != 0 {
            assert!(world.refused.last().unwrap().contains("gone or disabled"));
        }
    }
    world.commit_without_reaction([]);
    assert_eq!(
        world.number_of(&prt),
        135_010,
        "and what it got dies with it"
    );
}

#[test]
fn a_key_of_a_computer_signs_nobody_in() {
    let mut world = World::new();
    let mut laptop = world.laptop(KeyKind::P256);
    let id = directory::EntryId::random(&mut world.rng);
    let parent = world.tenant().directory.domain().unwrap().users;
    let upn = "pc@corp.example";
    let computer = directory::NewEntry::computer(id, parent, "PC")
        .with(directory::Attribute::UserPrincipalName, upn.to_owned());
    world.commit([computer.into()]);
    laptop.hello = world.hello_key("PC$", &laptop.device, KeyKind::P256);
    laptop.owner = upn.to_owned();
    let answer = world.by_hello(&laptop, |_| {});
    assert_eq!((answer.status, code(&answer)), (400, 135_010));
    assert!(world.refused.last().unwrap().contains("nobody here"));
}
