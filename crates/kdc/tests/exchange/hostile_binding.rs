//! Is the signature for this request, and for now? Requests for which it is not (protocols E.3.1 steps 4 to
//! 6, E.3.4; security rows 9 and 19).

use std::sync::LazyLock;

use crypto::digest::{self, DigestAlgorithm};
use crypto::key::KeyKind;
use kdc::{Refused, Transport};
use ticket::client::{Handled, Initial, Secret, Wish};
use trust::{Span, Timestamp};
use wire::asn1::{AlgorithmIdentifierOwned, Der, ObjectIdentifier};
use wire::kerberos::{
    ErrorCode, KdcReqBody, KerberosTime, KrbError, MethodData, Microseconds, PaData, PaDataType,
    PrincipalName,
};
use wire::pkinit::PaChecksum2;

use crate::forge::{Password, Pkinit, kerberos_time};
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

fn over(body: &KdcReqBody, algorithm: DigestAlgorithm) -> Vec<u8> {
    algorithm.digest(Der::new(body.clone()).as_bytes())
}

fn second(checksum: Vec<u8>, oid: ObjectIdentifier) -> Option<PaChecksum2> {
    let algorithm_identifier = AlgorithmIdentifierOwned {
        oid,
        parameters: None,
    };
    Some(PaChecksum2 {
        checksum,
        algorithm_identifier,
    })
}

#[test]
fn e_3_1_4_the_checksums_bind_the_signature_to_this_body() {
    type Case = (&'static str, i32, fn(&mut Pkinit<'_>));
    let cases: &[Case] = &[
        ("paChecksum alone", 0, |_| {}),
        ("no paChecksum", 79, |request| request.checksum = false),
        ("no paChecksum, and a right paChecksum2", 79, |request| {
            request.checksum = false;
            let newer = over(&request.body, DigestAlgorithm::Sha256);
            request.pack.pk_authenticator.pa_checksum2 =
                second(newer, DigestAlgorithm::Sha256.oid());
        }),
        ("paChecksum of another body", 41, |request| {
            request.checksum = false;
            request.pack.pk_authenticator.pa_checksum =
                Some(over(&request.body, DigestAlgorithm::Sha1));
            request.body.nonce = 4711.into();
        }),
        ("an empty paChecksum", 41, |request| {
            request.checksum = false;
            request.pack.pk_authenticator.pa_checksum = Some(Vec::new());
        }),
        ("half a paChecksum", 41, |request| {
            request.checksum = false;
            let whole = over(&request.body, DigestAlgorithm::Sha1);
            request.pack.pk_authenticator.pa_checksum = Some(whole[..10].to_vec());
        }),
        ("paChecksum by SHA-256", 41, |request| {
            request.checksum = false;
            request.pack.pk_authenticator.pa_checksum =
                Some(over(&request.body, DigestAlgorithm::Sha256));
        }),
        ("paChecksum2 by SHA-256", 0, |request| {
            let newer = over(&request.body, DigestAlgorithm::Sha256);
            request.pack.pk_authenticator.pa_checksum2 =
                second(newer, DigestAlgorithm::Sha256.oid());
        }),
        ("paChecksum2 by SHA-512", 0, |request| {
            let newer = over(&request.body, DigestAlgorithm::Sha512);
            request.pack.pk_authenticator.pa_checksum2 =
                second(newer, DigestAlgorithm::Sha512.oid());
        }),
        ("paChecksum2 of something else", 41, |request| {
            let newer = digest::sha256(b"something else").to_vec();
            request.pack.pk_authenticator.pa_checksum2 =
                second(newer, DigestAlgorithm::Sha256.oid());
        }),
        (
            "paChecksum2 by another digest than it names",
            41,
            |request| {
                let newer = over(&request.body, DigestAlgorithm::Sha256);
                request.pack.pk_authenticator.pa_checksum2 =
                    second(newer, DigestAlgorithm::Sha512.oid());
            },
        ),
        ("paChecksum2 by MD5", 41, |request| {
            request.pack.pk_authenticator.pa_checksum2 = second(vec![0; 16], wire::cms::oid::MD5);
        }),
        (
            "a wrong paChecksum beside a right paChecksum2",
            41,
            |request| {
                request.checksum = false;
                request.pack.pk_authenticator.pa_checksum = Some(vec![7; 20]);
                let newer = over(&request.body, DigestAlgorithm::Sha256);
                request.pack.pk_authenticator.pa_checksum2 =
                    second(newer, DigestAlgorithm::Sha256.oid());
            },
        ),
    ];
    let mut world = listed();
    let mut judged = Cases::new();
    for (name, code, make) in cases {
        let mut request = request(&mut world);
        make(&mut request);
        let message = request.encode();
        judged.judge(&mut world, name, &message, *code);
    }
    judged.are(13);
}

fn at(request: &mut Pkinit<'_>, clock: Timestamp) {
    let authenticator = &mut request.pack.pk_authenticator;
    authenticator.ctime = kerberos_time(clock);
    authenticator.cusec = Microseconds::new(clock.subsecond_micros()).unwrap();
}

#[test]
fn e_3_1_5_a_clock_may_be_five_minutes_off_and_no_more() {
    let mut world = listed();
    let micro = Span::micros(1);
    for (off, code) in [
        (Span::minutes(5), 0),
        (Span::minutes(-5), 0),
        (Span::minutes(5) + micro, 37),
        (Span::seconds(-301), 37),
        (Span::seconds(301), 37),
        (Span::days(36_500), 37),
        (Span::days(-20_000), 37),
    ] {
        let mut request = request(&mut world);
        let clock = world.now + off;
        at(&mut request, clock);
        let message = request.encode();
        let judged = match code {
            0 => world.given(&message).map(|_| ()),
            code => world.refusal(&message, code).map(|_| ()),
        };
        assert_eq!(judged, Ok(()), "{off:?}");
    }
    let mut first = request(&mut world);
    first.pack.pk_authenticator.ctime = KerberosTime::EPOCH;
    world.refusal(&first.encode(), 37).unwrap();
}

#[test]
fn e_3_1_5_the_same_authenticator_in_another_message_is_a_repeat() {
    let mut world = listed();
    let mut request = request(&mut world);
    let first = request.encode();
    let answer = world.given(&first).unwrap();
    // The same bytes get the first answer, over whichever transport.
    assert_eq!(world.given(&first).unwrap(), answer);
    world.realm.datagram_limit = 10_000;
    assert_eq!(world.send(&first, Transport::Datagram).unwrap(), answer);
    // Another message with the same signature does not.
    request.others = vec![PaData::empty(PaDataType::PAC_OPTIONS)];
    world.refusal(&request.encode(), 34).unwrap();
    assert_eq!(world.refused, Some(Refused::Repeated));
    // Nor does one that is signed anew over the same words.
    request.others.clear();
    request.cms.unsigned = true;
    world.refusal(&request.encode(), 34).unwrap();
    // And at last nobody remembers, when the clock forbids it already.
    world.advance(Span::minutes(25));
    world.refusal(&request.encode(), 37).unwrap();
}

#[test]
fn the_same_message_is_answered_though_its_first_answer_is_forgotten() {
    let mut world = listed();
    let message = request(&mut world).encode();
    world.given(&message).unwrap();
    world.advance(Span::minutes(3));
    // A slow client's repetition is no attack, and its answer is of no use to anybody else.
    world.given(&message).unwrap();
}

#[test]
fn the_same_message_gets_the_same_refusal() {
    let mut world = listed();
    let mut request = request(&mut world);
    request.with_kdfs(&[wire::pkinit::oid::AUTH_DATA]);
    let message = request.encode();
    for _ in 0..3 {
        world.refusal(&message, 100).unwrap();
    }
}

/// The token that the KDC gives a client that asks for one.
fn token(world: &mut World) -> Vec<u8> {
    let key = world.key_of(world.alice, crypto::etype::Etype::Aes256CtsHmacSha1_96);
    let mut request = Password::new("alice", key, world.now, &mut world.rng);
    request.prove = false;
    request.others = vec![PaData::empty(PaDataType::AS_FRESHNESS)];
    let error = world.refusal(&request.encode(), 25).unwrap();
    token_in(&error).unwrap()
}

fn token_in(error: &KrbError) -> Option<Vec<u8>> {
    let methods = MethodData::decode(error.e_data.as_deref()?).ok()?;
    PaData::find(&methods, PaDataType::AS_FRESHNESS).map(<[u8]>::to_vec)
}

#[test]
fn e_3_4_a_stale_or_forged_token_is_refused_and_replaced() {
    let mut world = listed();
    let good = token(&mut world);
    let mut altered = good.clone();
    *altered.last_mut().unwrap() ^= 1;
    let mut other_time = good.clone();
    other_time[11] ^= 1;
    let mut longer = good.clone();
    longer.push(0);
    let later = {
        world.advance(Span::minutes(10));
        let later = token(&mut world);
        world.advance(Span::minutes(-10));
        later
    };
    let tokens = [
        ("an altered checksum", altered),
        ("an altered time", other_time),
        ("a byte too many", longer),
        ("half a token", good[..20].to_vec()),
        ("no byte", Vec::new()),
        ("garbage", vec![0xff; 28]),
        ("one of the future", later),
    ];
    for required in [false, true] {
        world.realm.require_freshness = required;
        for (name, token) in &tokens {
            let mut request = request(&mut world);
            request.pack.pk_authenticator.freshness_token = Some(token.clone());
            let error = world.refusal(&request.encode(), 90).unwrap();
            let fresh = token_in(&error).unwrap_or_else(|| panic!("{name}: no new token"));
            // With it the client goes on.
            let mut again = self::request(&mut world);
            again.pack.pk_authenticator.freshness_token = Some(fresh);
            world.given(&again.encode()).unwrap();
        }
    }
}

#[test]
fn e_3_4_a_token_holds_for_five_minutes() {
    let mut world = listed();
    let token = token(&mut world);
    for (after, code) in [(300, 0), (1, 90)] {
        world.advance(Span::seconds(after));
        let mut request = request(&mut world);
        request.pack.pk_authenticator.freshness_token = Some(token.clone());
        let message = request.encode();
        match code {
            0 => world.given(&message).map(|_| ()).unwrap(),
            code => world.refusal(&message, code).map(|_| ()).unwrap(),
        }
    }
}

#[test]
fn e_3_4_a_missing_token_is_refused_where_one_is_required() {
    let mut world = listed();
    let optional = request(&mut world).encode();
    world.given(&optional).unwrap();
    world.realm.require_freshness = true;
    let missing = request(&mut world).encode();
    let error = world.refusal(&missing, 24).unwrap();
    let mut again = request(&mut world);
    again.pack.pk_authenticator.freshness_token = token_in(&error);
    assert!(again.pack.pk_authenticator.freshness_token.is_some());
    world.given(&again.encode()).unwrap();
}

#[test]
fn e_3_4_our_own_client_takes_the_new_token_of_a_refusal() {
    let mut world = listed();
    world.realm.require_freshness = true;
    let trust = world.trust.clone();
    let secret = Secret::KeyPair {
        signer: &CURVE.key,
        certificate: &CURVE.certificate,
        trust: &trust,
    };
    let (realm, name) = (world.realm.name.clone(), PrincipalName::principal("alice"));
    let wish = Wish::ticket_granting("CORP.EXAMPLE");
    let (exchange, first) = Initial::start(name, realm, wish, secret, world.now, &mut world.rng);
    let hints = world.send(&first, Transport::Stream).unwrap();
    // The person takes her time to type the PIN, and the network its own to carry the request.
    let signed = world.now + Span::seconds(200);
    let proof = exchange.handle(&hints, signed, &mut world.rng).unwrap();
    let Handled::Send(exchange, second) = proof else {
        panic!("the KDC asked for no proof");
    };
    world.advance(Span::seconds(301));
    let late = KrbError::decode(&world.send(&second, Transport::Stream).unwrap()).unwrap();
    assert_eq!(late.error_code, ErrorCode::KDC_ERR_PREAUTH_EXPIRED);
    let again = exchange.handle(&late.encode(), world.now, &mut world.rng);
    let Handled::Send(exchange, third) = again.unwrap() else {
        panic!("the client gives up");
    };
    let answer = world.send(&third, Transport::Stream).unwrap();
    let done = exchange.handle(&answer, world.now, &mut world.rng);
    assert!(matches!(done, Ok(Handled::Done(_))), "{:?}", world.refused);
}
