//! Keys that must not sign in, keys that may, and the devices they are from (protocols E.4, D.2 to D.5,
//! security rows 4 to 6).

use std::sync::LazyLock;

use crypto::key::{KeyKind, PublicKey};
use crypto::signature::Signer as _;
use directory::{AccountControl, Change, Origin, change};
use kdc::Refused;
use trust::Span;
use wire::Guid;
use wire::Sid;
use wire::key_credential::{
    CustomKeyInformation, EntryId, KeySource, KeyTime, KeyUsage, NewKeyCredential,
};

use crate::forge::Pkinit;
use crate::world::{PASSWORD, Pair, World, certificate_of, pair};

static RSA: LazyLock<Pair> = LazyLock::new(|| pair(KeyKind::Rsa2048));
static CURVE: LazyLock<Pair> = LazyLock::new(|| pair(KeyKind::P256));

/// crocs-muni/roca, `tests/data/pubkey03.pem`: a key of the broken generator of CVE-2017-15361.
const ROCA_PEM: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEBqcWmh9uPsqMPgt/43aFU
wpHvJ7BLJeGFuKsgxMal9gSFn+We3lSgr3wOcoiACtcZO7cxpb8eEXDXocZpMNQe
o+sh3t97ivXUKpHDT3IEW5bv1XyxgjAd3MJpZ+VQjpq4iZhtV+g33+cPmfw3xJj0
PBfDubBkz3BEQ9egM+A6ghaXqr8w+ynufTOzdnllqJBY47OXVL06HAB9KKI7DPp5
+dcRrG5MS093sGNLHs1oWRrwPH1TtipfLZEWPU70+PJoMa5GHthexfeIxRI//BLI
dCD9z+odG0pSw1IYJPs5mDSHObYqmG2OdrIom8Lri8BtE4FHhRuDoHGD0hBVn5Bj
IQIDAQAB
-----END PUBLIC KEY-----
";

fn value(material: &[u8], usage: KeyUsage, device: Option<Guid>, flags: Option<u8>) -> Vec<u8> {
    NewKeyCredential {
        key_material: material,
        key_usage: usage,
        key_source: KeySource::Ad,
        device_id: device,
        custom_key_information: flags.map(CustomKeyInformation::new),
        last_logon: Some(KeyTime::from_filetime(0, KeySource::Ad)),
        creation_time: None,
    }
    .write()
    .unwrap()
    .as_bytes()
    .to_vec()
}

/// A value of these entries, which need not be those that a writer may write.
fn raw(entries: &[(EntryId, &[u8])]) -> Vec<u8> {
    let mut value = 0x200u32.to_le_bytes().to_vec();
    for (id, content) in entries {
        value.extend((content.len() as u16).to_le_bytes());
        value.push(id.byte());
        value.extend_from_slice(content);
    }
    value
}

/// What the KDC says to alice's request with this key, with its certificate in the CMS or without.
fn ask(world: &mut World, pair: &Pair, with_certificate: bool) -> Result<(), Refused> {
    let mut request = Pkinit::new("alice", pair, world.now, &mut world.rng);
    if !with_certificate {
        request.cms.certificates.clear();
    }
    match world.given(&request.encode()) {
        Ok(_) => Ok(()),
        Err(_) => Err(world.refused.clone().expect("a reason")),
    }
}

fn ask_twice(world: &mut World, pair: &Pair) -> [Result<(), Refused>; 2] {
    [true, false].map(|with_certificate| ask(world, pair, with_certificate))
}

#[test]
fn e_4_4_a_key_of_an_account_that_lists_none_is_not_trusted() {
    let mut world = World::new();
    let refused = Err(Refused::KeyNotListed);
    assert_eq!(ask_twice(&mut world, &CURVE), [refused.clone(), refused]);
    world.list(world.alice, &CURVE.key, None);
    assert_eq!(ask_twice(&mut world, &CURVE), [Ok(()), Ok(())]);
    world.unlist(world.alice);
    let refused = Err(Refused::KeyNotListed);
    assert_eq!(ask_twice(&mut world, &CURVE), [refused.clone(), refused]);
}

#[test]
fn e_4_2_another_person_s_key_is_a_name_that_does_not_match() {
    let mut world = World::new();
    world.list(world.bob, &CURVE.key, None);
    // Without a certificate there is no key to look up, so nobody can say whose it is.
    let expected = [Err(Refused::ClientNameMismatch), Err(Refused::KeyNotListed)];
    assert_eq!(ask_twice(&mut world, &CURVE), expected);
}

#[test]
fn e_4_3_every_form_of_key_material_signs_in() {
    let spki = RSA.key.public_key().to_spki_der();
    let PublicKey::Rsa(rsa) = RSA.key.public_key() else {
        panic!("it is an RSA key");
    };
    let materials = [
        ("BCRYPT_RSAKEY_BLOB", RSA.key.public_key().to_key_material()),
        ("SubjectPublicKeyInfo", spki),
        ("RSAPublicKey", rsa.to_pkcs1_der()),
        ("X.509 certificate", RSA.certificate.clone()),
    ];
    let mut world = World::new();
    for (name, material) in materials {
        world.import(world.alice, value(&material, KeyUsage::Ngc, None, None));
        assert_eq!(ask_twice(&mut world, &RSA), [Ok(()), Ok(())], "{name}");
        world.unlist(world.alice);
    }
}

#[test]
fn e_4_3_only_one_usage_ngc_with_one_material_signs_in() {
    let spki = CURVE.key.public_key().to_spki_der();
    let id = crypto::digest::sha256(&spki);
    let of_usage = |usage: &[u8]| {
        raw(&[
            (EntryId::KeyId, &id),
            (EntryId::KeyMaterial, &spki),
            (EntryId::KeyUsage, usage),
        ])
    };
    let mut version_one = of_usage(&[1]);
    version_one[1] = 1;
    let mut cut = of_usage(&[1]);
    cut.pop();
    let values: &[(&str, Vec<u8>)] = &[
        ("usage STK", value(&spki, KeyUsage::Stk, None, None)),
        ("usage FIDO", of_usage(&[7])),
        ("usage FEK", of_usage(&[8])),
        ("usage AdminKey", of_usage(&[0])),
        ("a usage that nobody knows", of_usage(&[0x55])),
        ("a usage of two bytes", of_usage(&[1, 1])),
        ("a usage of no byte", of_usage(&[])),
        (
            "two usages",
            raw(&[
                (EntryId::KeyId, &id),
                (EntryId::KeyMaterial, &spki),
                (EntryId::KeyUsage, &[1]),
                (EntryId::KeyUsage, &[2]),
            ]),
        ),
        (
            "two materials",
            raw(&[
                (EntryId::KeyId, &id),
                (EntryId::KeyMaterial, &spki),
                (EntryId::KeyMaterial, &spki),
                (EntryId::KeyUsage, &[1]),
            ]),
        ),
        (
            "no material, and the key's identifier",
            raw(&[(EntryId::KeyId, &id), (EntryId::KeyUsage, &[1])]),
        ),
        (
            "another material under the key's identifier",
            raw(&[
                (EntryId::KeyId, &id),
                (EntryId::KeyMaterial, b"no key"),
                (EntryId::KeyUsage, &[1]),
            ]),
        ),
        ("another version", version_one),
        ("a cut value", cut),
        ("no value", Vec::new()),
    ];
    let mut world = World::new();
    for (name, value) in values {
        world.import(world.alice, value.clone());
        let refused = Err(Refused::KeyNotListed);
        let expected = [refused.clone(), refused];
        assert_eq!(ask_twice(&mut world, &CURVE), expected, "{name}");
        // Beside a right one it is passed over.
        world.list(world.alice, &CURVE.key, None);
        assert_eq!(ask_twice(&mut world, &CURVE), [Ok(()), Ok(())], "{name}");
        world.unlist(world.alice);
    }
}

#[test]
fn a_ticket_of_a_key_that_is_listed_for_two_purposes_gets_service_tickets() {
    let spki = CURVE.key.public_key().to_spki_der();
    for other in [KeyUsage::Stk, KeyUsage::Fek] {
        let mut world = World::new();
        world.import(world.alice, value(&spki, other, None, None));
        world.list(world.alice, &CURVE.key, None);
        let tgt = world.with_pair("alice", &CURVE).unwrap();
        assert!(world.host(&tgt).is_ok(), "{other:?}: {:?}", world.refused);
    }
}

#[test]
fn security_5_6_a_weak_key_is_not_believed_though_it_is_listed() {
    let product = |bytes: usize| {
        let mut modulus = vec![0xc3; bytes];
        modulus[bytes - 1] = 0x57;
        modulus
    };
    let rsa = |modulus: &[u8], exponent: &[u8]| PublicKey::from_rsa(modulus, exponent).unwrap();
    let PublicKey::Rsa(strong) = RSA.key.public_key() else {
        panic!("it is an RSA key");
    };
    let mut even = strong.modulus().to_vec();
    *even.last_mut().unwrap() ^= 1;
    let weak = [
        ("RSA of 1024 bits", rsa(&product(128), &[1, 0, 1])),
        ("RSA of 2040 bits", rsa(&product(255), &[1, 0, 1])),
        ("RSA of 8192 bits", rsa(&product(1024), &[1, 0, 1])),
        ("exponent 1", rsa(strong.modulus(), &[1])),
        ("an even exponent", rsa(strong.modulus(), &[4])),
        ("an even modulus", rsa(&even, &[1, 0, 1])),
        ("ROCA", PublicKey::from_pem(ROCA_PEM).unwrap()),
    ];
    let mut world = World::new();
    for (name, key) in weak {
        let spki = key.to_spki_der();
        world.import(world.alice, value(&spki, KeyUsage::Ngc, None, None));
        // Nobody here has the private half, so another key signs: the key is weighed before the signature.
        let pair = Pair {
            key: RSA.key.clone(),
            certificate: certificate_of(&spki, &RSA.key),
        };
        let refused = ask(&mut world, &pair, true).unwrap_err();
        assert!(matches!(refused, Refused::WeakKey(_)), "{name}: {refused}");
        assert_eq!(refused.code().0, 62, "{name}");
        world.unlist(world.alice);
    }
}

#[test]
fn forty_keys_are_no_hindrance_to_any_of_them() {
    let mut world = World::new();
    let pairs: Vec<Pair> = (0..40).map(|_| pair(KeyKind::P256)).collect();
    for pair in &pairs {
        world.list(world.alice, &pair.key, None);
    }
    for pair in &pairs {
        assert_eq!(ask_twice(&mut world, pair), [Ok(()), Ok(())]);
    }
    assert_eq!(
        ask_twice(&mut world, &CURVE),
        [Err(Refused::KeyNotListed), Err(Refused::KeyNotListed)]
    );
}

#[test]
fn e_4_5_a_key_signs_in_by_its_device_s_state_and_its_own_origin() {
    let origins = [
        Origin::Registration,
        Origin::Administrator,
        Origin::Import,
        Origin::Computer,
    ];
    for origin in origins {
        let mut world = World::new();
        let id = Guid::from_windows_bytes([6; 16]);
        let spki = CURVE.key.public_key().to_spki_der();
        let blob = value(&spki, KeyUsage::Ngc, Some(id), Some(0));
        world.commit(&[change::add_key_credential(world.alice, blob, origin)]);
        let gone = match origin {
            // Its device was registered here, so it must be known here.
            Origin::Registration => Err(Refused::DeviceDisabled),
            _ => Ok(()),
        };
        let unknown = ask_twice(&mut world, &CURVE);
        assert_eq!(unknown, [gone.clone(), gone.clone()], "{origin:?} unknown");
        let device = world.device(id);
        let enabled = ask_twice(&mut world, &CURVE);
        assert_eq!(enabled, [Ok(()), Ok(())], "{origin:?} enabled");
        let tgt = world.with_pair("alice", &CURVE).unwrap();
        assert!(world.host(&tgt).is_ok(), "{origin:?} enabled");
        world.commit(&[change::set_device_enabled(device, false)]);
        let refused = Err(Refused::DeviceDisabled);
        let disabled = ask_twice(&mut world, &CURVE);
        assert_eq!(disabled, [refused.clone(), refused], "{origin:?} disabled");
        assert!(world.host(&tgt).is_err(), "{origin:?} disabled");
        world.commit(&[Change::Delete { id: device }]);
        let deleted = ask_twice(&mut world, &CURVE);
        assert_eq!(deleted, [gone.clone(), gone.clone()], "{origin:?} deleted");
        assert_eq!(world.host(&tgt).is_ok(), gone.is_ok(), "{origin:?} deleted");
    }
}

#[test]
fn e_4_4_the_account_s_state_counts_for_keys_and_its_password_s_does_not() {
    let mut world = World::new();
    world.list(world.alice, &CURVE.key, None);
    world.commit(&[change::expire_password(world.alice)]);
    assert_eq!(ask(&mut world, &CURVE, true), Ok(()));
    for _ in 0..11 {
        assert!(world.password("alice", "wrong").is_err());
    }
    assert!(world.password("alice", PASSWORD).is_err());
    assert_eq!(ask(&mut world, &CURVE, true), Ok(()));
    world.commit(&[change::disable(world.alice, AccountControl::NORMAL_ACCOUNT)]);
    assert_eq!(ask(&mut world, &CURVE, true), Err(Refused::ClientDisabled));
    world.commit(&[change::enable(world.alice, AccountControl::NORMAL_ACCOUNT)]);
    let tomorrow = world.now + Span::days(1);
    world.commit(&[change::set(
        world.alice,
        directory::Attribute::AccountExpires,
        tomorrow,
    )]);
    assert_eq!(ask(&mut world, &CURVE, true), Ok(()));
    world.advance(Span::days(1));
    assert_eq!(ask(&mut world, &CURVE, true), Err(Refused::ClientExpired));
}

#[test]
fn e_4_6_the_pac_says_of_a_key_what_its_value_says_and_no_more() {
    const MFA: Sid = Sid::KEY_PROPERTY_MFA;
    const ATTESTED: Sid = Sid::KEY_PROPERTY_ATTESTATION;
    let spki = CURVE.key.public_key().to_spki_der();
    let cases: [(Origin, Option<u8>, &[Sid]); 6] = [
        (Origin::Import, None, &[]),
        (Origin::Import, Some(0), &[MFA]),
        (
            Origin::Import,
            Some(CustomKeyInformation::MFA_NOT_USED),
            &[],
        ),
        (
            Origin::Registration,
            Some(CustomKeyInformation::ATTESTATION),
            &[MFA, ATTESTED],
        ),
        (Origin::Import, Some(3), &[ATTESTED]),
        // DIR-KCL-4: a computer writes its own value, and says no such thing of itself.
        (
            Origin::Computer,
            Some(CustomKeyInformation::ATTESTATION),
            &[],
        ),
    ];
    let mut world = World::new();
    for (origin, flags, expected) in cases {
        let blob = value(&spki, KeyUsage::Ngc, None, flags);
        world.commit(&[change::add_key_credential(world.alice, blob, origin)]);
        let request = Pkinit::new("alice", &CURVE, world.now, &mut world.rng);
        let message = request.encode();
        let reply = world.given(&message).unwrap();
        let agreed = request.open(&message, &reply);
        let krbtgt = world.krbtgt();
        let (part, key) = ticket::open(&agreed.ticket, &krbtgt.keys).unwrap();
        let pac = ticket::pac::verify(&part, key, &krbtgt.keys).unwrap();
        let sids: Vec<Sid> = pac.logon_info().unwrap().sids().collect();
        let told: Vec<Sid> = [MFA, ATTESTED]
            .into_iter()
            .filter(|sid| sids.contains(sid))
            .collect();
        assert_eq!(told, expected, "{origin:?} {flags:?}");
        assert!(sids.contains(&Sid::KEY_TRUST_IDENTITY));
        assert!(!sids.contains(&Sid::FRESH_PUBLIC_KEY_IDENTITY));
        world.unlist(world.alice);
    }
}
