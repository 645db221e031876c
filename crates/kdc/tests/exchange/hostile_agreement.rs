//! Groups, public values, nonces, key derivation functions and certifiers, good and bad (protocols E.3.1
//! steps 8 and 9, E.3.2, E.3.3; RFC 4556 3.2.3.1, RFC 5349, RFC 8636).

use std::sync::LazyLock;

use crypto::agreement::Group;
use crypto::key::{Curve, KeyKind};
use crypto::signature::Signer as _;
use directory::testing::Seeded;
use kdc::{Refused, Transport};
use ticket::client::{Handled, Initial, Secret, Wish};
use trust::Rng;
use wire::asn1::{Extensions, SubjectPublicKeyInfoOwned};
use wire::cms::{IssuerAndSerialNumber, SignedData};
use wire::kerberos::{
    ErrorCode, KrbError, Microseconds, PaDataType, PrincipalName, TypedData, TypedDataElement,
};
use wire::pkinit::{
    DomainParameters, ExternalPrincipalIdentifier, KdcDhKeyInfo, KdfAlgorithmId, PublicValue,
    TdDhParameters, encode_dh_public_key, oid,
};
use wire::x509::Certificate;

use crate::forge::{
    Pkinit, any_public_value, domain_parameters, ephemeral, etypes, integer, kerberos_time,
    public_value, tlv,
};
use crate::table::Cases;
use crate::world::{Pair, World, pair};

static CURVE: LazyLock<Pair> = LazyLock::new(|| pair(KeyKind::P256));

fn listed() -> World {
    let world = World::new();
    world.list(world.alice, &CURVE.key, None);
    world
}

fn request(world: &mut World) -> Pkinit<'static> {
    Pkinit::new("alice", &CURVE, world.now, &mut world.rng)
}

type Case = (&'static str, i32, fn(&mut Pkinit<'_>));

/// Each case in one world, where an unchanged request gets a ticket before and after all.
fn judge(cases: &[Case]) -> Cases {
    let mut world = listed();
    let mut judged = Cases::new();
    let unchanged: [Case; 1] = [("an unchanged request", 0, |_| {})];
    for (name, code, make) in unchanged.iter().chain(cases).chain(&unchanged) {
        let mut request = request(&mut world);
        make(&mut request);
        let message = request.encode();
        if let Some(reply) = judged.judge(&mut world, name, &message, *code) {
            let agreed = request.open(&message, &reply);
            assert_eq!(agreed.part.nonce, request.body.nonce);
        }
    }
    judged.beside(2)
}

fn prime() -> &'static [u8] {
    Group::Modp2048.modulus().unwrap()
}

/// The prime with `difference` taken from its last byte.
fn below(difference: u8) -> Vec<u8> {
    let mut number = prime().to_vec();
    *number.last_mut().unwrap() -= difference;
    number
}

/// A value in the group of 2048 bits, of which nobody knows the exponent.
fn value(public: &[u8]) -> SubjectPublicKeyInfoOwned {
    let parameters = DomainParameters {
        p: prime(),
        g: &[2],
        q: None,
    };
    let value = PublicValue::Dh { parameters, public };
    value.to_key().unwrap().unwrap()
}

/// The right value under other parameters.
fn under(parameters: &[u8]) -> SubjectPublicKeyInfoOwned {
    let bits = encode_dh_public_key(ephemeral(Group::Modp2048).public_value());
    any_public_value(oid::DH_PUBLIC_NUMBER, parameters, &bits)
}

/// A point, right or not, on a named curve.
fn point(curve: Curve, point: &[u8]) -> SubjectPublicKeyInfoOwned {
    let curve = curve.oid();
    let curve = tlv(6, &[curve.as_bytes()]);
    any_public_value(oid::EC_PUBLIC_KEY, &curve, point)
}

#[test]
fn e_3_2_agrees_in_each_group_however_its_parameters_are_written() {
    judge(&[
        ("P-256", 0, |request| request.with_group(Group::P256)),
        ("P-384", 0, |request| request.with_group(Group::P384)),
        ("MODP-2048", 0, |request| {
            request.with_group(Group::Modp2048)
        }),
        ("MODP-4096", 0, |request| {
            request.with_group(Group::Modp4096)
        }),
        ("q left out", 0, |request| {
            request.group = Group::Modp2048;
            request.pack.client_public_value = Some(under(&domain_parameters(&[prime(), &[2]])));
        }),
        ("q = 0", 0, |request| {
            request.group = Group::Modp2048;
            request.pack.client_public_value =
                Some(under(&domain_parameters(&[prime(), &[2], &[0]])));
        }),
        ("q that is no order", 0, |request| {
            request.group = Group::Modp2048;
            request.pack.client_public_value =
                Some(under(&domain_parameters(&[prime(), &[2], &[4, 7, 1, 1]])));
        }),
        ("PKCS#3 parameters", 0, |request| {
            request.group = Group::Modp2048;
            let parameters = domain_parameters(&[prime(), &[2]]);
            let bits = encode_dh_public_key(ephemeral(Group::Modp2048).public_value());
            request.pack.client_public_value =
                Some(any_public_value(oid::DH_KEY_AGREEMENT, &parameters, &bits));
        }),
        (
            "PKCS#3 parameters with the length of the exponent",
            0,
            |request| {
                request.group = Group::Modp2048;
                let parameters = domain_parameters(&[prime(), &[2], &[1, 0]]);
                let bits = encode_dh_public_key(ephemeral(Group::Modp2048).public_value());
                request.pack.client_public_value =
                    Some(any_public_value(oid::DH_KEY_AGREEMENT, &parameters, &bits));
            },
        ),
    ])
    .are(9);
}

#[test]
fn e_3_1_9_refuses_a_reply_key_by_public_key_encryption() {
    judge(&[("no clientPublicValue", 81, |request| {
        request.pack.client_public_value = None;
    })])
    .are(1);
}

#[test]
fn e_3_1_8_refuses_other_groups() {
    judge(&[
        ("MODP-1024", 65, |request| {
            let group = Group::Modp1024.modulus().unwrap();
            let parameters = domain_parameters(&[group, &[2]]);
            request.pack.client_public_value = Some(any_public_value(
                oid::DH_PUBLIC_NUMBER,
                &parameters,
                &integer(&[4; 128]),
            ));
        }),
        ("g = 3", 65, |request| {
            request.pack.client_public_value = Some(under(&domain_parameters(&[prime(), &[3]])));
        }),
        ("g = 1", 65, |request| {
            request.pack.client_public_value = Some(under(&domain_parameters(&[prime(), &[1]])));
        }),
        ("g = p + 2", 65, |request| {
            let mut large = vec![1];
            large.extend_from_slice(prime());
            request.pack.client_public_value = Some(under(&domain_parameters(&[prime(), &large])));
        }),
        ("p that is not prime", 65, |request| {
            request.pack.client_public_value = Some(under(&domain_parameters(&[&below(2), &[2]])));
        }),
        ("p = 0", 65, |request| {
            request.pack.client_public_value = Some(under(&domain_parameters(&[&[0], &[2]])));
        }),
        ("a prime of 8 bits", 65, |request| {
            request.pack.client_public_value = Some(under(&domain_parameters(&[&[251], &[2]])));
        }),
        ("an unknown modulus of 16384 bits", 65, |request| {
            let modulus = vec![0xf1; 2048];
            request.pack.client_public_value = Some(under(&domain_parameters(&[&modulus, &[2]])));
        }),
        ("parameters that are none", 65, |request| {
            request.pack.client_public_value = Some(under(&tlv(5, &[])));
        }),
        ("no parameters", 65, |request| {
            request.pack.client_public_value = Some(under(&[]));
        }),
        ("P-521", 65, |request| {
            let curve = tlv(6, &[oid::P521.as_bytes()]);
            request.pack.client_public_value =
                Some(any_public_value(oid::EC_PUBLIC_KEY, &curve, &[4; 133]));
        }),
        ("a curve in explicit parameters", 65, |request| {
            let curve = tlv(0x30, &[&tlv(2, &[&[1]])]);
            request.pack.client_public_value =
                Some(any_public_value(oid::EC_PUBLIC_KEY, &curve, &[4; 65]));
        }),
        ("an RSA key", 65, |request| {
            let null = tlv(5, &[]);
            let rsa = wire::cms::oid::RSA_ENCRYPTION;
            request.pack.client_public_value = Some(any_public_value(rsa, &null, &[0x30, 0]));
        }),
    ])
    .are(13);
}

#[test]
fn e_3_1_8_refuses_public_values_that_would_give_the_key_away() {
    judge(&[
        ("y = 0", 65, |request| {
            request.pack.client_public_value = Some(value(&[]))
        }),
        ("y = 1", 65, |request| {
            request.pack.client_public_value = Some(value(&[1]))
        }),
        ("y = p - 1", 65, |request| {
            request.pack.client_public_value = Some(value(&below(1)));
        }),
        ("y = p", 65, |request| {
            request.pack.client_public_value = Some(value(prime()))
        }),
        ("y = p + 2^2048", 65, |request| {
            let mut longer = vec![1];
            longer.extend_from_slice(prime());
            request.pack.client_public_value = Some(value(&longer));
        }),
        ("y below zero", 65, |request| {
            let parameters = domain_parameters(&[prime(), &[2]]);
            let bits = tlv(2, &[&[0xfe]]);
            request.pack.client_public_value =
                Some(any_public_value(oid::DH_PUBLIC_NUMBER, &parameters, &bits));
        }),
        ("y that is no INTEGER", 65, |request| {
            let parameters = domain_parameters(&[prime(), &[2]]);
            request.pack.client_public_value = Some(any_public_value(
                oid::DH_PUBLIC_NUMBER,
                &parameters,
                &[4; 256],
            ));
        }),
        ("no y", 65, |request| {
            let parameters = domain_parameters(&[prime(), &[2]]);
            request.pack.client_public_value =
                Some(any_public_value(oid::DH_PUBLIC_NUMBER, &parameters, &[]));
        }),
        ("a point beside the curve", 65, |request| {
            let mut off = ephemeral(Group::P256).public_value().to_vec();
            *off.last_mut().unwrap() ^= 1;
            request.pack.client_public_value = Some(point(Curve::P256, &off));
        }),
        ("a compressed point", 65, |request| {
            let whole = ephemeral(Group::P256);
            let sign = 2 + (whole.public_value()[64] & 1);
            let mut short = vec![sign];
            short.extend_from_slice(&whole.public_value()[1..33]);
            request.pack.client_public_value = Some(point(Curve::P256, &short));
        }),
        ("a hybrid point", 65, |request| {
            let mut hybrid = ephemeral(Group::P256).public_value().to_vec();
            hybrid[0] = 6 + (hybrid[64] & 1);
            request.pack.client_public_value = Some(point(Curve::P256, &hybrid));
        }),
        ("the point at infinity", 65, |request| {
            request.pack.client_public_value = Some(point(Curve::P256, &[0]));
        }),
        ("a point of zeros", 65, |request| {
            let mut zeros = [0; 65];
            zeros[0] = 4;
            request.pack.client_public_value = Some(point(Curve::P256, &zeros));
        }),
        ("no point", 65, |request| {
            request.pack.client_public_value = Some(point(Curve::P256, &[]));
        }),
        ("a point of the other curve", 65, |request| {
            let other = ephemeral(Group::P384);
            request.pack.client_public_value = Some(point(Curve::P256, other.public_value()));
        }),
        ("a point with a byte too many", 65, |request| {
            let mut longer = ephemeral(Group::P256).public_value().to_vec();
            longer.push(0);
            request.pack.client_public_value = Some(point(Curve::P256, &longer));
        }),
    ])
    .are(16);
}

/// A refusal's typed data of a kind.
fn typed(error: &KrbError, kind: PaDataType) -> Vec<u8> {
    let data = TypedData::decode(error.e_data.as_deref().unwrap()).unwrap();
    let element = data.iter().find(|element| element.data_type == kind);
    element.unwrap().data_value.clone().unwrap()
}

#[test]
fn e_3_6_65_names_the_groups_that_are_taken_and_each_of_them_is() {
    let mut world = listed();
    let mut refused = request(&mut world);
    refused.pack.client_public_value = Some(under(&domain_parameters(&[prime(), &[3]])));
    let error = world.refusal(&refused.encode(), 65).unwrap();
    let groups = TdDhParameters::decode(&typed(&error, PaDataType::TD_DH_PARAMETERS)).unwrap();
    assert_eq!(groups.len(), Group::SUPPORTED.len());
    for (algorithm, group) in groups.iter().zip(Group::SUPPORTED) {
        let mut request = request(&mut world);
        request.group = group;
        let mut key = public_value(group);
        key.algorithm = algorithm.clone();
        request.pack.client_public_value = Some(key);
        let message = request.encode();
        let reply = world.given(&message).unwrap();
        request.open(&message, &reply);
    }
}

#[test]
fn our_own_client_follows_to_the_first_group_that_it_has_not_tried() {
    for first in [Group::Modp2048, Group::Modp4096, Group::P384, Group::P256] {
        let mut world = listed();
        let trust = world.trust.clone();
        let secret = Secret::KeyPair {
            signer: &CURVE.key,
            certificate: &CURVE.certificate,
            trust: &trust,
        };
        let (realm, name) = (world.realm.name.clone(), PrincipalName::principal("alice"));
        let wish = Wish::ticket_granting("CORP.EXAMPLE");
        let started = Initial::start(name, realm, wish, secret, world.now, &mut world.rng);
        let (exchange, first_message) = started;
        let hints = world.send(&first_message, Transport::Stream).unwrap();
        let proof = exchange.handle(&hints, world.now, &mut world.rng).unwrap();
        let Handled::Send(exchange, _) = proof else {
            panic!("the KDC asked for no proof");
        };
        // A KDC that takes not what is offered, but these.
        let algorithms = [first, Group::Modp2048].map(|group| public_value(group).algorithm);
        let mut error = KrbError::new(
            ErrorCode::KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED,
            kerberos_time(world.now),
            Microseconds::default(),
            world.realm.name.clone(),
            world.realm.krbtgt(),
        );
        let listed = TdDhParameters::from(algorithms).encode();
        error.e_data = Some(
            TypedData::from([TypedDataElement {
                data_type: PaDataType::TD_DH_PARAMETERS,
                data_value: Some(listed),
            }])
            .encode(),
        );
        let again = exchange.handle(&error.encode(), world.now, &mut world.rng);
        let Ok(Handled::Send(exchange, third)) = again else {
            panic!("the client gives up on {first}");
        };
        let answer = world.given(&third).unwrap();
        let done = exchange.handle(&answer, world.now, &mut world.rng);
        assert!(matches!(done, Ok(Handled::Done(_))), "{first}");
    }
}

#[test]
fn e_3_2_a_secret_that_begins_with_zero_is_padded() {
    for group in [Group::Modp2048, Group::P256] {
        for with_kdf in [true, false] {
            let ours = ephemeral(group);
            // The KDC's dice fall so that the secret begins with a zero byte, as one in 256 does.
            let seed = (0..).find(|seed| {
                let mut dice = Seeded::new(*seed);
                let theirs = crypto::agreement::Ephemeral::new(group, &dice.bytes()).unwrap();
                let secret = theirs.agree(ours.public_value()).unwrap();
                secret.as_bytes()[0] == 0
            });
            let mut world = listed();
            let mut request = request(&mut world);
            request.with_group(group);
            if !with_kdf {
                request.pack.supported_kdfs = None;
            }
            let message = request.encode();
            world.rng = Seeded::new(seed.unwrap());
            let reply = world.given(&message).unwrap();
            let agreed = request.open(&message, &reply);
            assert_eq!(
                agreed.first_secret_byte, 0,
                "the KDC's first dice are its key's"
            );
        }
    }
}

trait Bytes {
    fn bytes(&mut self) -> [u8; 64];
}

impl Bytes for Seeded {
    fn bytes(&mut self) -> [u8; 64] {
        let mut bytes = [0; 64];
        self.fill(&mut bytes);
        bytes
    }
}

#[test]
fn e_3_2_the_nonces_go_into_the_key_where_both_are_there_and_no_function_was_chosen() {
    let mut world = listed();
    let kdf = Some([KdfAlgorithmId::new(oid::KDF_SHA256)].into());
    for (nonce, kdfs) in [
        (None, None),
        (Some(vec![7; 32]), None),
        (Some(Vec::new()), None),
        (Some(vec![7; 32]), kdf.clone()),
        (None, kdf),
    ] {
        let mut request = request(&mut world);
        request.pack.client_dh_nonce = nonce.clone();
        request.pack.supported_kdfs = kdfs.clone();
        let message = request.encode();
        let reply = world.given(&message).unwrap();
        let agreed = request.open(&message, &reply);
        let signed = SignedData::decode(&agreed.info.dh_signed_data).unwrap();
        let content = signed.encap_content_info.e_content.unwrap();
        let expires = KdcDhKeyInfo::decode(content).unwrap().dh_key_expiration;
        let theirs = agreed.info.server_dh_nonce;
        assert_eq!(theirs.is_some(), expires.is_some());
        assert_eq!(theirs.is_some(), nonce.is_some());
        assert!(theirs.is_none_or(|theirs| theirs.len() >= 32));
        assert_eq!(agreed.info.kdf.is_some(), kdfs.is_some());
    }
}

#[test]
fn e_3_3_the_strongest_offered_function_is_chosen() {
    let chosen = |world: &mut World, offered: &[wire::asn1::ObjectIdentifier]| {
        let mut request = request(world);
        request.with_kdfs(offered);
        let message = request.encode();
        let reply = world.given(&message).unwrap();
        request.open(&message, &reply).info.kdf.unwrap().kdf_id
    };
    let mut world = listed();
    let (one, two, five) = (oid::KDF_SHA1, oid::KDF_SHA256, oid::KDF_SHA512);
    let unknown = oid::DH_KEY_DATA;
    assert_eq!(chosen(&mut world, &[two, one, five]), two);
    assert_eq!(chosen(&mut world, &[one, five, two]), two);
    assert_eq!(chosen(&mut world, &[five]), five);
    assert_eq!(chosen(&mut world, &[one, five]), five);
    assert_eq!(chosen(&mut world, &[one]), one);
    assert_eq!(chosen(&mut world, &[unknown, one]), one);
    judge(&[
        ("none that we have", 100, |request| {
            request.with_kdfs(&[oid::DH_KEY_DATA])
        }),
        ("none at all", 100, |request| request.with_kdfs(&[])),
    ])
    .are(2);
}

fn by_subject(certificate: &Certificate) -> ExternalPrincipalIdentifier {
    ExternalPrincipalIdentifier {
        subject_name: Some(certificate.subject().der().to_vec()),
        ..ExternalPrincipalIdentifier::default()
    }
}

fn by_issuer_and_serial(certificate: &Certificate) -> ExternalPrincipalIdentifier {
    let name = IssuerAndSerialNumber::new(certificate.issuer().der(), certificate.serial());
    ExternalPrincipalIdentifier {
        issuer_and_serial_number: Some(name.unwrap().to_bytes()),
        ..ExternalPrincipalIdentifier::default()
    }
}

fn by_key(key: &[u8]) -> ExternalPrincipalIdentifier {
    ExternalPrincipalIdentifier {
        subject_key_identifier: Some(key.to_vec()),
        ..ExternalPrincipalIdentifier::default()
    }
}

#[test]
fn e_3_6_63_the_kdc_s_certificate_is_one_of_a_certifier_that_the_client_trusts() {
    let mut world = listed();
    let root = Certificate::parse(&world.root.certificate).unwrap();
    let stranger = Certificate::parse(&CURVE.certificate).unwrap();
    let cases = [
        ("nobody in particular", vec![], 0),
        ("the root by its subject", vec![by_subject(&root)], 0),
        (
            "the root by issuer and number",
            vec![by_issuer_and_serial(&root)],
            0,
        ),
        ("the root by its key", vec![by_key(b"the root's key")], 0),
        (
            "a stranger and the root",
            vec![by_subject(&stranger), by_subject(&root)],
            0,
        ),
        ("a stranger by subject", vec![by_subject(&stranger)], 63),
        ("a stranger by key", vec![by_key(b"another key")], 63),
        (
            "a certifier without a name",
            vec![ExternalPrincipalIdentifier::default()],
            63,
        ),
        (
            "garbage for names",
            vec![ExternalPrincipalIdentifier {
                subject_name: Some(vec![0xff; 3]),
                issuer_and_serial_number: Some(Vec::new()),
                subject_key_identifier: None,
                extensions: Extensions::NONE,
            }],
            63,
        ),
    ];
    for (name, trusted, code) in cases {
        let mut request = request(&mut world);
        request.trusted_certifiers = Some(trusted.into());
        let message = request.encode();
        let judged = match code {
            0 => world.given(&message).map(|_| ()),
            code => world.refusal(&message, code).map(|_| ()),
        };
        assert_eq!(judged, Ok(()), "{name}");
    }
}

#[test]
fn the_kdc_signs_as_the_client_does_where_it_can() {
    let mut world = listed();
    let rsa = pair(KeyKind::Rsa2048);
    let second = World::with_kdc_key(KeyKind::Rsa2048);
    world.list(world.alice, &rsa.key, None);
    world.identities.extend(second.identities);
    for (pair, expected) in [
        (&*CURVE, wire::cms::oid::ECDSA_WITH_SHA256),
        (&rsa, wire::cms::oid::SHA256_WITH_RSA),
    ] {
        let request = Pkinit::new("alice", pair, world.now, &mut world.rng);
        let message = request.encode();
        let reply = world.given(&message).unwrap();
        let signature = request.open(&message, &reply).signature;
        assert_eq!(signature, expected, "{:?}", pair.key.public_key());
    }
}

#[test]
fn auth_k3_a_kdc_without_a_certificate_does_not_offer_pkinit() {
    let mut world = listed();
    world.identities.clear();
    let message = request(&mut world).encode();
    world.refusal(&message, 16).unwrap();
    let key = world.key_of(world.alice, crypto::etype::Etype::Aes256CtsHmacSha1_96);
    let now = world.now;
    let mut bare = crate::forge::Password::new("alice", key, now, &mut world.rng);
    bare.prove = false;
    let error = world.refusal(&bare.encode(), 25).unwrap();
    let methods = wire::kerberos::MethodData::decode(error.e_data.as_deref().unwrap()).unwrap();
    let offered = |kind| wire::kerberos::PaData::find(&methods, kind).is_some();
    assert!(!offered(PaDataType::PK_AS_REQ));
    assert!(offered(PaDataType::ENC_TIMESTAMP));
}

#[test]
fn the_reply_key_is_of_the_client_s_first_etype_that_the_realm_uses() {
    let mut world = listed();
    for (wanted, expected) in [
        (&[17, 18][..], 17),
        (&[23, 19, 18], 19),
        (&[-135, 3, 20], 20),
        (&[18], 18),
    ] {
        let mut request = request(&mut world);
        request.body.etype = etypes(wanted).into();
        let message = request.encode();
        let reply = world.given(&message).unwrap();
        let agreed = request.open(&message, &reply);
        assert_eq!(agreed.key.etype().number(), expected);
        assert_eq!(agreed.part.key.keytype.0, expected);
    }
    let mut request = request(&mut world);
    request.body.etype = etypes(&[23, 3, 1]).into();
    world.refusal(&request.encode(), 14).unwrap();
    assert_eq!(world.refused, Some(Refused::NoCommonEtype));
}
