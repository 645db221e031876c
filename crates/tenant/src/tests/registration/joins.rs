//! Joining a device (protocols B.2 to B.5; DREG-F1, DREG-4).

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use directory::tenant::{self, Who};
use directory::{Attribute, Edit, EntryId, change};
use serde_json::json;
use trust::Span;
use wire::Sid;
use wire::http::Request;
use wire::key_credential::{KeySource, KeyUsage};
use wire::x509::device::{DeviceExtensions, JoinType};
use wire::x509::{Certificate, Extension};

use super::{Keys, ask, csr_with, join, joined, joined_with, register, token, why};
use crate::tests::world::{World, bcrypt_blob, json as body, text};

/// How many devices there are.
fn devices(world: &World) -> usize {
    let class = directory::Class::Device;
    let list = world.read(|snapshot| snapshot.entries_of_class(class, None, 1000));
    list.unwrap().len()
}

#[test]
fn a_person_joins_a_device_and_is_told_what_known_clients_read() {
    let mut world = World::new();
    let alice = world.account("alice");
    let keys = Keys::new();
    let key = keys.device.public_key().clone();
    let transport = bcrypt_blob(&keys.transport);
    let token = token(&mut world, "alice", |_| {});
    let response = join(&mut world, &token, &keys.body());
    assert_eq!(
        response.status,
        200,
        "{} {:?}",
        text(&response),
        world.refused
    );
    let answer = body(&response);
    let raw = answer["Certificate"]["RawBody"].as_str().unwrap();
    let certificate = Base64::decode_vec(raw).unwrap();
    let thumbprint = crypto::digest::sha1(&certificate);
    let upper: String = thumbprint.map(|byte| format!("{byte:02X}")).concat();
    assert_eq!(answer["Certificate"]["Thumbprint"], upper);
    assert_eq!(answer["User"]["Upn"], "alice@corp.example");
    let words = alice.id.0.to_windows_bytes();
    let (words, _) = words.as_chunks::<4>();
    let words: Vec<String> = words
        .iter()
        .map(|word| u32::from_le_bytes(*word).to_string())
        .collect();
    let sid = format!("S-1-12-1-{}", words.join("-"));
    assert_eq!(
        answer["MembershipChanges"],
        json!([{ "LocalSID": "S-1-5-32-544", "AddSIDs": [sid] }])
    );

    let device = world.read(|snapshot| snapshot.device_by_certificate(&thumbprint));
    let device = device.unwrap().unwrap();
    let entry = world
        .read(|snapshot| snapshot.entry(device.id))
        .unwrap()
        .unwrap();
    assert!(device.enabled);
    assert_eq!(device.display_name, "laptop-7");
    assert_eq!(device.owner, Some(alice.sid));
    assert_eq!(device.users, [alice.sid]);
    assert_eq!(device.os_type.as_deref(), Some("Linux"));
    assert_eq!(entry.integer(Attribute::MsDsDeviceTrustType), Some(1));
    let link = device.transport_key().unwrap().link.as_ref().unwrap();
    assert_eq!(link.key_usage(), KeyUsage::Stk);
    assert_eq!(link.key_source(), Some(KeySource::AzureAd));
    assert_eq!(link.key_material(), transport);

    let certificate = Certificate::parse(&certificate).unwrap();
    assert_eq!(certificate.spki(), key.to_spki_der());
    let says = DeviceExtensions::read(certificate.extensions()).unwrap();
    let instance = world.read(|snapshot| snapshot.domain().device_registration_service.0);
    assert_eq!(
        says,
        DeviceExtensions {
            instance: Some(instance),
            device: Some(device.device_id),
            user: Some(alice.id.0),
            domain: None,
            tenant: Some(world.tenant().id),
            join_type: Some(JoinType::Joined),
            region: Some("EU".into()),
        }
    );
    let record = world.audit("device.register").unwrap();
    assert_eq!(record.device, Some(device.device_id));
    assert_eq!(record.actor.name, "alice@corp.example");
    assert!(world.story.iter().any(|event| event.step == "DREG-F1.G"));
    let by_key = world.read(|snapshot| {
        let fingerprint = key.fingerprint().0;
        registration::proven_device::by_key(snapshot, &fingerprint, world.now)
    });
    let by_key = by_key.unwrap().unwrap();
    assert_eq!((by_key.device.id, by_key.key), (device.id, key));
}

#[test]
fn a_transport_key_finds_no_device_by_what_it_might_have_signed() {
    let mut world = World::new();
    let device = joined(&mut world, "alice", "laptop-7");
    let fingerprint = device.transport.public_key().fingerprint().0;
    let found = world
        .read(|snapshot| registration::proven_device::by_key(snapshot, &fingerprint, world.now));
    assert!(found.unwrap().is_none());
}

#[test]
fn a_request_with_an_empty_list_of_extensions_is_taken() {
    // A known client writes `31 02 30 00` there.
    use crypto::signature::SignatureAlgorithm;
    let mut world = World::new();
    let keys = Keys::new();
    let info = csr_with(&keys.device, &keys.device, &[]);
    let info = wire::x509::CertificationRequest::parse(&info)
        .unwrap()
        .info()
        .to_vec();
    let empty = [
        0xa0, 0x11, 0x30, 0x0f, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e,
        0x31, 0x02, 0x30, 0x00,
    ];
    // The empty set of attributes at the end becomes one attribute; the length before it grows with it.
    let content = info.strip_suffix(&[0xa0, 0x00]).unwrap();
    let (head, content) = content.split_at(3);
    assert_eq!(head.first_chunk(), Some(&[0x30, 0x81]));
    let length = u8::try_from(content.len() + empty.len()).unwrap();
    let info = [&[0x30, 0x81, length], content, &empty].concat();
    let algorithm = SignatureAlgorithm::default_for(keys.device.public_key());
    let signature = keys.device.sign(algorithm, &info).unwrap();
    let csr = wire::x509::assemble(&info, &algorithm.identifier_der(), &signature);
    let mut request = keys.body();
    request["CertificateRequest"]["Data"] = Base64::encode_string(&csr).into();
    joined_with(&mut world, "alice", keys, &request);
}

#[test]
fn a_device_of_ones_own_is_registered_and_takes_in_nobody() {
    let mut world = World::new();
    let keys = Keys::new();
    let mut request = keys.body();
    request["JoinType"] = 4.into();
    let token = token(&mut world, "alice", |_| {});
    let response = join(&mut world, &token, &request);
    let answer = body(&response);
    assert!(answer.get("MembershipChanges").is_none(), "{answer}");
    let raw = answer["Certificate"]["RawBody"].as_str().unwrap();
    let certificate = Certificate::parse(&Base64::decode_vec(raw).unwrap()).unwrap();
    let says = DeviceExtensions::read(certificate.extensions()).unwrap();
    assert_eq!(says.join_type, Some(JoinType::Registered));
    let entry = world.read(|snapshot| {
        let device = snapshot
            .device_by_id(says.device.unwrap())
            .unwrap()
            .unwrap();
        snapshot.entry(device.id).unwrap().unwrap()
    });
    assert_eq!(entry.integer(Attribute::MsDsDeviceTrustType), Some(0));
}

#[test]
fn a_join_without_a_second_factor_is_refused_where_the_setting_asks_for_one() {
    let mut world = World::new();
    let keys = Keys::new();
    let one_factor = |claims: &mut token::claims::AccessToken| {
        claims.amr = vec!["pwd".into()];
        claims.second_factor_instant = None;
    };
    let weak = token(&mut world, "alice", one_factor);
    let response = join(&mut world, &weak, &keys.body());
    assert_eq!(response.status, 403);
    assert_eq!(body(&response)["subcode"], "AuthorizationError");
    assert!(
        why(&world).contains("names no second factor"),
        "{}",
        why(&world)
    );
    assert_eq!(devices(&world), 0);
    world.set(|settings| settings.join_needs_second_factor = false);
    assert_eq!(join(&mut world, &weak, &keys.body()).status, 200);
}

#[test]
fn a_second_factor_that_was_reset_joins_no_device() {
    let mut world = World::new();
    let token = token(&mut world, "alice", |_| {});
    world.advance(Span::seconds(2));
    let forgotten = token::factor::SecondFactors::forgotten(world.now);
    let alice = world.account("alice").id;
    world.set_second_factors(alice, &forgotten);
    let response = join(&mut world, &token, &Keys::new().body());
    assert_eq!(response.status, 403);
    assert!(why(&world).contains("reset or replaced"), "{}", why(&world));
}

#[test]
fn only_those_who_may_join_devices_do() {
    let mut world = World::new();
    let group = EntryId::random(&mut world.rng);
    let parent = world.tenant().directory.domain().unwrap().users;
    let kind = directory::group::GLOBAL_SECURITY;
    let entry = directory::NewEntry::group(group, parent, "joiners", kind);
    world.commit([entry.into()]);
    let attempt = |world: &mut World, sam: &str| {
        let token = token(world, sam, |_| {});
        join(world, &token, &Keys::new().body()).status
    };
    world.set(|settings| settings.may_join = Who::Nobody);
    assert_eq!(attempt(&mut world, "alice"), 403);
    world.set(|settings| settings.may_join = Who::Group(group));
    assert_eq!(attempt(&mut world, "alice"), 403);
    assert!(
        why(&world).contains("may not join devices"),
        "{}",
        why(&world)
    );
    let bob = world.account("bob").id;
    world.commit([directory::Change::AddMember { group, member: bob }]);
    assert_eq!(attempt(&mut world, "bob"), 200);
}

#[test]
fn the_device_above_the_quota_is_refused() {
    let mut world = World::new();
    world.set(|settings| settings.registration_quota = 2);
    joined(&mut world, "alice", "one");
    let second = joined(&mut world, "alice", "two");
    let keys = Keys::new();
    let mut third = keys.body();
    third["DeviceDisplayName"] = "three".into();
    let with = token(&mut world, "alice", |_| {});
    let response = join(&mut world, &with, &third);
    assert_eq!(response.status, 403);
    let answer = body(&response);
    assert_eq!(answer["subcode"], "DeviceQuotaExceeded");
    assert_eq!(answer["operation"], "DeviceJoin");
    assert_eq!(devices(&world), 2);
    // One that registers again takes no new place, and somebody else has a quota of their own.
    joined(&mut world, "alice", "two");
    joined(&mut world, "bob", "two");
    world.commit([directory::Change::Delete { id: second.entry }]);
    let with = token(&mut world, "alice", |_| {});
    assert_eq!(join(&mut world, &with, &third).status, 200);
}

#[test]
fn reuse_device_takes_ones_own_and_nobody_elses() {
    let mut world = World::new();
    let first = joined(&mut world, "alice", "laptop");
    let hello = PrivateKey::generate(KeyKind::Rsa2048);
    let with = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(first.id)
    });
    assert_eq!(register(&mut world, &with, &hello).status, 200);
    world.advance(Span::minutes(1));
    let again = joined(&mut world, "alice", "laptop");
    assert_eq!((again.id, again.entry), (first.id, first.entry));
    // It was set up anew: what its former keys were good for is over.
    let old = crypto::digest::sha1(&first.certificate);
    let found = world
        .read(|snapshot| snapshot.device_by_certificate(&old))
        .unwrap();
    assert!(found.is_none());
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
    assert_eq!(
        world
            .audit("key.remove")
            .unwrap()
            .details
            .get("because")
            .map(String::as_str),
        Some("its device was set up anew")
    );
    // Somebody else's has the same name, and stays theirs.
    let bobs = joined(&mut world, "bob", "laptop");
    assert_ne!(bobs.id, first.id);
    // Who does not ask for it gets another one.
    let keys = Keys::new();
    let mut request = keys.body();
    request["DeviceDisplayName"] = "laptop".into();
    request["Attributes"] = json!({ "ReuseDevice": false });
    let other = joined_with(&mut world, "alice", keys, &request);
    assert_ne!(other.id, first.id);
    assert_eq!(devices(&world), 3);
}

#[test]
fn a_device_that_joins_again_with_its_own_key_keeps_what_it_has() {
    let mut world = World::new();
    let keys = Keys::new();
    let request = keys.body();
    let device = joined_with(&mut world, "alice", keys, &request);
    let hello = world.hello_key("alice", &device, KeyKind::P256);
    let mut renamed = request.clone();
    renamed["DeviceDisplayName"] = "another name".into();
    world.advance(Span::minutes(1));
    let with = token(&mut world, "alice", |_| {});
    assert_eq!(join(&mut world, &with, &renamed).status, 200);
    let now = world
        .read(|snapshot| snapshot.device_by_id(device.id))
        .unwrap()
        .unwrap();
    assert_eq!(now.display_name, "another name");
    let listed = world.account("alice");
    assert!(
        listed
            .sign_in_key(&hello.public_key().fingerprint())
            .is_some()
    );
    // The key is the device's: nobody else joins with it.
    let with = token(&mut world, "bob", |_| {});
    assert_eq!(join(&mut world, &with, &request).status, 400);
    assert!(
        why(&world).contains("another device has this key"),
        "{}",
        why(&world)
    );
}

#[test]
fn a_disabled_device_is_not_joined_again_by_its_owner() {
    let mut world = World::new();
    let device = joined(&mut world, "alice", "laptop");
    world.commit([change::set_device_enabled(device.entry, false)]);
    let mut request = Keys::new().body();
    request["DeviceDisplayName"] = "laptop".into();
    let with = token(&mut world, "alice", |_| {});
    assert_eq!(join(&mut world, &with, &request).status, 401);
    assert!(
        why(&world).contains("the device is disabled"),
        "{}",
        why(&world)
    );
}

#[test]
fn tokens_that_are_not_for_this_are_refused() {
    type Spoil = fn(&mut token::claims::AccessToken);
    let spoilt: [(Spoil, &str); 7] = [
        (
            |claims| claims.aud = "urn:keyporch:administration".into(),
            "another resource",
        ),
        (
            |claims| claims.iss = "https://login.other.example/".into(),
            "another authority",
        ),
        (|claims| claims.tid = None, "another tenant"),
        (|claims| claims.exp = claims.iat - 1, "expired"),
        (
            |claims| claims.oid = wire::Guid::from_random([7; 16]),
            "person is not known",
        ),
        (
            |claims| claims.primarysid = Sid::BUILTIN_ADMINISTRATORS,
            "person is not known",
        ),
        (
            |claims| claims.auth_time -= 86_400 * 365 * 50,
            "password was changed",
        ),
    ];
    let mut world = World::new();
    let request = Keys::new().body();
    for (spoil, reason) in spoilt {
        let bad = token(&mut world, "alice", spoil);
        let response = join(&mut world, &bad, &request);
        assert_eq!(response.status, 401, "{reason}");
        assert_eq!(body(&response)["subcode"], "AuthenticationError");
        assert!(why(&world).contains(reason), "{reason}: {}", why(&world));
    }
    // Another tenant's, for the very same names.
    world.at = 1;
    let foreign = token(&mut world, "alice", |_| {});
    world.at = 0;
    assert_eq!(join(&mut world, &foreign, &request).status, 401);
    assert_eq!(join(&mut world, "nonsense", &request).status, 401);
    let none = Request::post_json("/EnrollmentServer/device/?api-version=2.0", &request);
    assert_eq!(ask(&mut world, none).status, 401);
    // Each name of the service is good, and the disabled are not.
    for name in [
        "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9",
        "urn:ms-drs:enterpriseregistration.windows.net",
    ] {
        let good = token(&mut world, "alice", |claims| claims.aud = name.into());
        assert_eq!(
            join(&mut world, &good, &Keys::new().body()).status,
            200,
            "{name}"
        );
    }
    let good = token(&mut world, "alice", |_| {});
    let alice = world.account("alice");
    world.commit([change::disable(alice.id, alice.control)]);
    assert_eq!(join(&mut world, &good, &request).status, 401);
}

#[test]
fn a_token_of_before_an_administrator_ended_all_sign_ins_joins_nothing() {
    let mut world = World::new();
    let old = token(&mut world, "alice", |claims| {
        claims.amr = ["rsa", "mfa", "ngcmfa"].map(str::to_owned).to_vec();
    });
    world.advance(Span::seconds(5));
    let alice = world.account("alice").id;
    world.commit([tenant::revoke_sign_ins(alice, world.now)]);
    assert_eq!(join(&mut world, &old, &Keys::new().body()).status, 401);
    assert!(why(&world).contains("ended the sign-in"), "{}", why(&world));
    world.advance(Span::seconds(5));
    let new = token(&mut world, "alice", |_| {});
    assert_eq!(join(&mut world, &new, &Keys::new().body()).status, 200);
}

#[test]
fn requests_that_are_not_good_leave_nothing_behind() {
    let mut world = World::new();
    let keys = Keys::new();
    let (stranger, curve) = (
        PrivateKey::generate(KeyKind::P256),
        PrivateKey::generate(KeyKind::P256),
    );
    let not_its_own = Base64::encode_string(&csr_with(&keys.device, &stranger, &[]));
    let on_a_curve = Base64::encode_string(&bcrypt_blob(&curve));
    for (member, value, reason) in [
        ("JoinType", json!(6), "none of a tenant"),
        ("JoinType", json!(3), "none of a tenant"),
        (
            "TargetDomain",
            json!("other.example"),
            "another organisation",
        ),
        ("TransportKey", json!(on_a_curve), "not RSA"),
        ("TransportKey", json!("UlNBMQ=="), "cannot be read"),
        (
            "CertificateRequest",
            json!({"Type": "pkcs10", "Data": not_its_own}),
            "own key",
        ),
        (
            "CertificateRequest",
            json!({"Type": "pkcs10", "Data": "AAAA"}),
            "cannot be read",
        ),
        ("DeviceDisplayName", json!(""), "no join request"),
    ] {
        let mut request = keys.body();
        request[member] = value;
        let with = token(&mut world, "alice", |_| {});
        let response = join(&mut world, &with, &request);
        assert_eq!(response.status, 400, "{member}");
        assert!(why(&world).contains(reason), "{reason}: {}", why(&world));
    }
    let with = token(&mut world, "alice", |_| {});
    let bearer = format!("Bearer {with}");
    for target in [
        "/EnrollmentServer/device/",
        "/EnrollmentServer/device?api-version=9",
    ] {
        let post = Request::post_json(target, &keys.body());
        let response = ask(&mut world, post.with_header("Authorization", &bearer));
        assert_eq!(response.status, 400, "{target}");
    }
    assert_eq!(devices(&world), 0);
}

/// Whoever has the device would be the person, and the other way round.
#[test]
fn a_key_by_which_somebody_signs_in_is_no_devices_key() {
    let mut world = World::new();
    let laptop = world.device("bob", KeyKind::P256);
    let of_curve = world.hello_key("bob", &laptop, KeyKind::P256);
    let of_rsa = world.hello_key("bob", &laptop, KeyKind::Rsa2048);
    let before = devices(&world);
    for keys in [
        Keys {
            device: of_curve,
            ..Keys::new()
        },
        Keys {
            transport: of_rsa,
            ..Keys::new()
        },
    ] {
        let with = token(&mut world, "alice", |_| {});
        let response = join(&mut world, &with, &keys.body());
        assert_eq!(response.status, 400, "{}", text(&response));
        assert_eq!(devices(&world), before);
    }
}

#[test]
fn every_name_of_the_tenant_is_one_to_join() {
    let mut world = World::new();
    let id = world.id();
    for target in [
        "corp.example",
        "Drs.Corp.Example",
        "enterpriseregistration.corp.example",
        "enterpriseregistration.windows.net",
        id.as_str(),
    ] {
        let keys = Keys::new();
        let mut request = keys.body();
        request["TargetDomain"] = target.into();
        joined_with(&mut world, "alice", keys, &request);
    }
}

#[test]
fn a_transport_key_that_is_a_jwk_is_written_as_the_blob_would_be() {
    let mut world = World::new();
    let keys = Keys::new();
    let blob = bcrypt_blob(&keys.transport);
    let crypto::key::PublicKey::Rsa(rsa) = keys.transport.public_key() else {
        panic!("an RSA key was asked for")
    };
    let jwk = json!({
        "kty": "RSA",
        "kid": "x",
        "n": Base64::encode_string(rsa.modulus()),
        "e": Base64::encode_string(rsa.exponent()),
    });
    let mut request = keys.body();
    request["TransportKey"] = Base64::encode_string(jwk.to_string().as_bytes()).into();
    let device = joined_with(&mut world, "alice", keys, &request);
    let found = world
        .read(|snapshot| snapshot.device_by_id(device.id))
        .unwrap()
        .unwrap();
    let link = found.transport_key().unwrap().link.as_ref().unwrap();
    assert_eq!(link.key_material(), blob);
}

#[test]
fn a_nonce_of_the_request_is_good_once_and_not_for_long() {
    let mut world = World::new();
    let id = world.id();
    let nonce = |world: &mut World, id: &str| {
        let target = format!("/EnrollmentServer/nonce/{id}/?api-version=1.0");
        let answer = body(&ask(world, Request::get(&target)));
        answer["Value"].as_str().unwrap().to_owned()
    };
    let with_nonce = |keys: &Keys, nonce: &str| {
        let csr = csr_with(&keys.device, &keys.device, &[Extension::join_nonce(nonce)]);
        let mut request = keys.body();
        request["CertificateRequest"]["Data"] = Base64::encode_string(&csr).into();
        request
    };
    let attempt = |world: &mut World, request: &serde_json::Value| {
        let token = token(world, "alice", |_| {});
        join(world, &token, request).status
    };
    world.set(|settings| settings.csr_nonce_required = true);
    let keys = Keys::new();
    assert_eq!(attempt(&mut world, &keys.body()), 400);
    assert!(why(&world).contains("there is no nonce"), "{}", why(&world));

    let good = nonce(&mut world, &id);
    assert_eq!(attempt(&mut world, &with_nonce(&keys, &good)), 200);
    assert_eq!(attempt(&mut world, &with_nonce(&keys, &good)), 400, "taken");
    let old = nonce(&mut world, &id);
    world.advance(Span::minutes(6));
    assert_eq!(attempt(&mut world, &with_nonce(&keys, &old)), 400, "old");
    let sign_in = world.token(&[("grant_type", "srv_challenge")]);
    let sign_in = body(&sign_in)["Nonce"].as_str().unwrap().to_owned();
    assert_eq!(
        attempt(&mut world, &with_nonce(&keys, &sign_in)),
        400,
        "for something else"
    );
    // One that is there must be good, also where none is asked for.
    world.set(|settings| settings.csr_nonce_required = false);
    assert_eq!(attempt(&mut world, &with_nonce(&keys, "nonsense")), 400);
    assert_eq!(attempt(&mut world, &keys.body()), 200);
}

#[test]
fn a_request_that_is_repeated_is_answered_with_the_same_certificate() {
    let mut world = World::new();
    let (keys, with) = (Keys::new(), token(&mut world, "alice", |_| {}));
    let first = join(&mut world, &with, &keys.body());
    // The signature over the certification request is another each time; the request is not.
    let request = keys.body();
    let second = join(&mut world, &with, &request);
    let third = join(&mut world, &with, &request);
    assert_eq!((second.status, third.status), (200, 200));
    assert_ne!(body(&first)["Certificate"], body(&second)["Certificate"]);
    assert_eq!(body(&second)["Certificate"], body(&third)["Certificate"]);
    assert_eq!(devices(&world), 1);
    // Not once the device is somebody else's.
    let device = world.read(|snapshot| {
        let alice = snapshot.account_by_sam("alice").unwrap().unwrap().sid;
        snapshot.devices_of_owner(&alice, 9).unwrap()[0].id
    });
    let bob = vec![world.account("bob").sid.into()];
    let edit = Edit::Set(Attribute::MsDsRegisteredOwner, bob);
    world.commit([change::modify(device, vec![edit])]);
    assert_ne!(join(&mut world, &with, &request).status, 200);
}

#[test]
fn a_join_without_a_certificate_leaves_nothing_behind() {
    let mut world = World::new();
    world.authority_sleeps = true;
    let with = token(&mut world, "alice", |_| {});
    let keys = Keys::new();
    let response = join(&mut world, &with, &keys.body());
    assert_eq!(response.status, 503);
    assert_eq!(devices(&world), 0);
    world.authority_sleeps = false;
    assert_eq!(join(&mut world, &with, &keys.body()).status, 200);
}
