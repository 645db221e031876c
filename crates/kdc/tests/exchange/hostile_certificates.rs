//! Certificates by whoever wants in with one that is not theirs: authorities that speak for others, names that are nearly
//! somebody's, paths that nearly hold, and what strangers can make the KDC do and write down (protocols E.5, security rows 7
//! and 21). Each refusal stands beside the same client's success.

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::testing::{START, Seeded};
use directory::{Attribute, change, issuers};
use kdc::{Refused, StrongMapping};
use trust::Span;
use trust::path::{Anchor, Why};
use trust::revocation::{self, Mapping, Settings};
use wire::asn1::ObjectIdentifier;
use wire::kerberos::KrbError;
use wire::x509::mapping::CertificateMapping;
use wire::x509::{
    BasicConstraints, Extension, GeneralName, KerberosName, KeyUsage, Name, TbsCertificate,
    assemble,
};

use crate::certificates::{Card, Cards, authority, id_of, parsed, upn};
use crate::forge::Pkinit;
use crate::table::Cases;
use crate::world::Pair;

/// Trusts one more issuer.
fn trust(cards: &mut Cards, issuer: &Pair, mapping: Mapping) {
    let snapshot = cards.world.directory.snapshot().unwrap();
    let listed = issuers::trust(&snapshot, &parsed(issuer), &mut Seeded::new(9)).unwrap();
    drop(snapshot);
    cards.world.commit(&listed);
    let settings = Settings {
        mapping,
        ..Settings::default()
    };
    let settings = issuers::settings(&id_of(issuer), &settings);
    cards.world.commit(&[settings]);
    cards.world.issuers.push(Anchor::new(parsed(issuer)));
    cards.list(issuer);
}

/// What comes of a sign-in of alice's with a card, shown with these authorities: a code, or 0.
fn show(cards: &mut Cards, card: &Pair, with: &[&Pair]) -> i32 {
    let world = &mut cards.world;
    let mut request = Pkinit::new("alice", card, world.now, &mut world.rng);
    let others = with.iter().map(|pair| pair.certificate.clone());
    request.cms.certificates.extend(others);
    let message = request.encode();
    let answer = world.send(&message, kdc::Transport::Stream).unwrap();
    KrbError::decode(&answer).map_or(0, |error| error.error_code.0)
}

fn why(cards: &Cards) -> Option<Why> {
    match &cards.world.refused {
        Some(Refused::CertificateInvalid(invalid)) => Some(invalid.why),
        _ => None,
    }
}

#[test]
fn an_authority_below_one_issuer_does_not_speak_under_the_name_of_another() {
    let mut cards = Cards::new(Mapping::Explicit);
    let partner = authority("Partner", None);
    trust(&mut cards, &partner, Mapping::Explicit);
    let card = cards.issue(&Card::new());
    let own = CertificateMapping::issuer_serial(&parsed(&card)).unwrap();
    cards.map(cards.world.alice, &[own.to_string()]);
    assert_eq!(show(&mut cards, &card, &[]), 0);
    // The partner names an authority of its own like the issuer of alice's card, and gives the number of her card away.
    for name in ["Cards", "CARDS", " cards"] {
        let like_it = authority(name, Some(&partner));
        cards.list(&like_it);
        let forged = Card::new().issue(&like_it);
        assert_eq!(show(&mut cards, &forged, &[&like_it]), 71, "{name}");
        assert_eq!(why(&cards), Some(Why::NameOfAnother), "{name}");
    }
    // By another name it is nobody's card, and mapped by that name it is hers.
    let other = authority("Other", Some(&partner));
    cards.list(&other);
    let foreign = Card::new().issue(&other);
    assert_eq!(show(&mut cards, &foreign, &[&other]), 66);
    let mapped = CertificateMapping::issuer_serial(&parsed(&foreign)).unwrap();
    cards.map(cards.world.alice, &[mapped.to_string()]);
    assert_eq!(show(&mut cards, &foreign, &[&other]), 0);
}

#[test]
fn an_issuer_may_have_a_new_key_under_its_own_name() {
    let mut cards = Cards::new(Mapping::Explicit);
    let renewed = authority("Cards", Some(&cards.issuer));
    cards.list(&renewed);
    let card = Card::new().issue(&renewed);
    let own = CertificateMapping::issuer_serial(&parsed(&card)).unwrap();
    cards.map(cards.world.alice, &[own.to_string()]);
    assert_eq!(show(&mut cards, &card, &[&renewed]), 0);
}

#[test]
fn e_5_4_names_count_for_nothing_against_a_sid() {
    let mut cards = Cards::new(Mapping::Name);
    let bob = cards.world.account(cards.world.bob).sid;
    let foreign = "S-1-5-21-1-2-3-1104".parse().unwrap();
    let mut judged = Cases::new();
    for mode in [
        StrongMapping::Disabled,
        StrongMapping::Compatibility {
            backdating: Span::ZERO,
        },
    ] {
        cards.world.realm.strong_mapping = mode;
        let cases = [
            (Card::new(), 0),
            (Card::new().with_sid(cards.alice()), 0),
            (Card::new().with_sid(bob), 66),
            (Card::new().with_sid(foreign), 66),
        ];
        for (card, code) in cases {
            let issued = cards.issue(&card);
            let (case, got) = (format!("{mode:?} {:?}", card.sid), cards.code(&issued));
            judged.code(&case, code, got, &cards.world.refused);
        }
    }
    judged.are(8);
    // What an administrator says of this very certificate stands above it.
    let card = cards.issue(&Card::new().with_sid(foreign));
    let own = CertificateMapping::issuer_serial(&parsed(&card)).unwrap();
    cards.map(cards.world.alice, &[own.to_string()]);
    assert_eq!(cards.code(&card), 0);
}

#[test]
fn a_certificate_that_names_two_people_names_neither() {
    let mut cards = Cards::new(Mapping::Name);
    cards.world.realm.strong_mapping = StrongMapping::Disabled;
    let kerberos = |name: &str| {
        GeneralName::Kerberos(KerberosName {
            realm: "CORP.EXAMPLE".to_owned(),
            name_type: 1,
            components: vec![name.to_owned()],
        })
    };
    let alice = upn("alice@corp.example");
    let cases = [
        (vec![alice.clone(), kerberos("alice")], 0, 75),
        (vec![alice.clone(), upn("maiden@corp.example")], 0, 75),
        (vec![alice.clone(), kerberos("bob")], 75, 75),
        (vec![kerberos("bob"), alice.clone()], 75, 75),
        (vec![alice, upn("bob@corp.example")], 75, 75),
    ];
    let mut judged = Cases::new();
    for (names, for_alice, for_bob) in cases {
        let card = cards.issue(&Card {
            names: names.clone(),
            ..Card::new()
        });
        for (who, code) in [("alice", for_alice), ("bob", for_bob)] {
            let (case, got) = (format!("{names:?} for {who}"), cards.code_for(who, &card));
            judged.code(&case, code, got, &cards.world.refused);
        }
    }
    judged.are(10);
}

#[test]
fn a_name_that_is_nearly_somebodys_is_nobodys() {
    let mut cards = Cards::new(Mapping::Name);
    cards.world.realm.strong_mapping = StrongMapping::Disabled;
    let mut judged = Cases::new();
    for (name, code) in [
        ("alice@corp.example", 0),
        ("Alice@CORP.example", 0),
        // Letters that look alike to the directory, which forgives more than an issuer does.
        ("\u{ff41}lice@corp.example", 75),
        ("al\u{131}ce@corp.example", 75),
        ("alice@corp.example\0", 75),
        ("alice\0@corp.example", 75),
        ("alice\0bob@corp.example", 75),
        ("alice@corp.example.", 75),
        (" alice@corp.example", 75),
        ("alice @corp.example", 75),
        ("alice@@corp.example", 75),
        ("alice\\@corp.example", 75),
        ("alice@evil.example@corp.example", 75),
        ("alice@corp.example@evil.example", 75),
        ("alice", 75),
        ("@corp.example", 75),
        ("CORP\\alice", 75),
    ] {
        let card = cards.issue(&Card {
            names: vec![upn(name)],
            ..Card::new()
        });
        let got = cards.code(&card);
        judged.code(&format!("{name:?}"), code, got, &cards.world.refused);
    }
    judged.are(17);
}

/// An authority below another, with what a case changes.
fn below(issuer: &Pair, make: impl FnOnce(&mut Card)) -> Pair {
    let mut card = Card {
        subject: Name::common("Below"),
        purposes: Vec::new(),
        names: Vec::new(),
        others: vec![Extension::basic_constraints(BasicConstraints {
            ca: true,
            path_length: None,
        })],
        ..Card::new()
    };
    make(&mut card);
    card.issue(issuer)
}

#[test]
fn an_authority_on_the_way_is_judged_like_the_certificate_itself() {
    let mut cards = Cards::new(Mapping::Sid);
    let card = Card::new().with_sid(cards.alice());
    type Case = (&'static str, i32, Option<Why>, fn(&mut Card));
    let cases: &[Case] = &[
        ("as it should be", 0, None, |_| {}),
        ("expired", 71, Some(Why::Expired), |card| {
            card.from = START - Span::days(2);
            card.until = START - Span::days(1);
        }),
        ("not yet valid", 71, Some(Why::NotYetValid), |card| {
            card.from = START + Span::hours(1);
        }),
        ("no authority", 71, Some(Why::NotAuthority), |card| {
            card.others.clear();
        }),
        (
            "that may not sign certificates",
            77,
            Some(Why::KeyUsage),
            |card| {
                let usage = KeyUsage::DIGITAL_SIGNATURE;
                card.others.push(Extension::key_usage(usage));
            },
        ),
        ("for other purposes", 77, Some(Why::Purpose), |card| {
            card.purposes = vec![wire::x509::oid::SERVER_AUTHENTICATION];
        }),
        ("signed over SHA-1", 78, Some(Why::Digest), |card| {
            card.algorithm = Some(vec![0x30, 9, 6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 4, 1]);
        }),
    ];
    let mut judged = Cases::new();
    for (what, code, reason, make) in cases {
        let between = below(&cards.issuer, make);
        cards.list(&between);
        let issued = card.issue(&between);
        let got = show(&mut cards, &issued, &[&between]);
        judged.code(what, *code, got, &cards.world.refused);
        assert_eq!(why(&cards), *reason, "{what}");
    }
    judged.are(7);
    // One that allows none below it.
    let last = below(&cards.issuer, |card| {
        card.others = vec![Extension::basic_constraints(BasicConstraints {
            ca: true,
            path_length: Some(0),
        })];
    });
    let one_more = below(&last, |card| card.subject = Name::common("One more"));
    for authority in [&last, &one_more] {
        cards.list(authority);
    }
    let issued = card.issue(&last);
    assert_eq!(show(&mut cards, &issued, &[&last]), 0);
    let issued = card.issue(&one_more);
    assert_eq!(show(&mut cards, &issued, &[&one_more, &last]), 71);
    assert_eq!(why(&cards), Some(Why::PathLength));
}

#[test]
fn an_authority_of_a_stranger_is_a_stranger_under_whatever_name() {
    let mut cards = Cards::new(Mapping::Sid);
    let card = Card::new().with_sid(cards.alice());
    let genuine = below(&cards.issuer, |_| {});
    cards.list(&genuine);
    let issued = card.issue(&genuine);
    assert_eq!(show(&mut cards, &issued, &[&genuine]), 0);
    for root in ["Strangers", "Cards"] {
        let root = authority(root, None);
        let untrusted = below(&root, |_| {});
        let issued = card.issue(&untrusted);
        assert_eq!(show(&mut cards, &issued, &[&untrusted, &root]), 62);
        assert_eq!(cards.world.refused, Some(Refused::KeyNotListed));
        // Beside the genuine one of the same name, too.
        let forged = show(&mut cards, &issued, &[&genuine, &untrusted, &root]);
        assert_eq!(forged, 62);
    }
}

/// A certificate by an RSA issuer, signed over a digest of its own.
fn by_rsa(issuer: &Pair, sid: wire::Sid, old: Option<ObjectIdentifier>) -> Pair {
    let key = PrivateKey::generate(KeyKind::P256);
    let algorithm = SignatureAlgorithm::RsaPkcs1Sha256;
    let identifier = match old {
        None => algorithm.identifier_der(),
        Some(old) => crate::forge::tlv(0x30, &[&crate::forge::tlv(6, &[old.as_bytes()]), &[5, 0]]),
    };
    let names = [upn("alice@corp.example")];
    let tbs = TbsCertificate {
        serial: &[1, 2, 3],
        signature_algorithm: &identifier,
        issuer: parsed(issuer).subject(),
        not_before: START.unix(),
        not_after: (START + Span::days(30)).unix(),
        subject: &Name::common("Alice"),
        spki: &key.public_key().to_spki_der(),
        extensions: &[
            Extension::extended_key_usage(&[wire::x509::oid::SMART_CARD_LOGON], false),
            Extension::subject_alternative_name(&names, false),
            Extension::security_identifier(&sid),
        ],
    }
    .encode();
    let signature = match old {
        None => issuer.key.sign(algorithm, &tbs).unwrap(),
        Some(_) => crate::sha1_signature::sign(&issuer.key, &tbs),
    };
    let certificate = assemble(&tbs, &identifier, &signature);
    Pair { key, certificate }
}

#[test]
fn a_certificate_signed_over_sha1_or_md5_is_refused_though_its_signature_holds() {
    let mut cards = Cards::new(Mapping::Sid);
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let root = crate::world::certificate("Old", "Old", &key, &key, &[crate::certificates::ca()]);
    let old = Pair {
        key,
        certificate: root,
    };
    trust(&mut cards, &old, Mapping::Sid);
    let sid = cards.alice();
    let today = by_rsa(&old, sid, None);
    assert_eq!(cards.code(&today), 0);
    // sha1WithRSAEncryption, and md5WithRSAEncryption.
    for algorithm in ["1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4"] {
        let algorithm = ObjectIdentifier::new_unwrap(algorithm);
        let yesterday = by_rsa(&old, sid, Some(algorithm));
        assert_eq!(show(&mut cards, &yesterday, &[]), 78, "{algorithm}");
        assert_eq!(why(&cards), Some(Why::Digest), "{algorithm}");
    }
}

#[test]
fn certificates_of_nobody_are_garbage_and_their_sender_is_refused_by_address() {
    let mut cards = Cards::new(Mapping::Sid);
    cards.world.from = Some("203.0.113.66".parse().unwrap());
    let card = cards.good();
    assert_eq!(show(&mut cards, &card, &[]), 0);
    // More of them than are looked at, so that the path is nobody's to follow.
    let stranger = Card::new().issue(&authority("Strangers", None));
    let others = [&stranger; 20];
    for _ in 0..100 {
        assert_eq!(show(&mut cards, &stranger, &others), 62);
    }
    assert_eq!(show(&mut cards, &stranger, &others), 29);
    // Elsewhere nobody is concerned.
    cards.world.from = Some("192.0.2.10".parse().unwrap());
    assert_eq!(show(&mut cards, &card, &[]), 0);
}

#[test]
fn what_strangers_write_into_certificates_does_not_fill_the_audit_log() {
    let mut cards = Cards::new(Mapping::Sid);
    let mut stranger = Card::new();
    stranger.subject = Name::common(&"x\n".repeat(10_000));
    let stranger = stranger.issue(&authority("Strangers", None));
    let small = Card::new().issue(&authority("Others", None));
    let code = show(&mut cards, &stranger, &[&small; 20]);
    assert_eq!(code, 62, "{:?}", cards.world.refused);
    assert_eq!(why(&cards), Some(Why::Untrusted));
    let told = cards.world.exchange.as_ref().unwrap().reason().unwrap();
    assert!(told.chars().count() < 300, "{}", told.len());
    assert!(told.starts_with("the certificate is not valid: "), "{told}");
}

#[test]
fn what_our_own_authority_made_for_others_than_people_signs_nobody_in() {
    let mut cards = Cards::new(Mapping::Name);
    let own = Anchor::new(parsed(&cards.issuer)).of_ours(revocation::OWN);
    cards.world.issuers = vec![own];
    let laptop = cards.world.laptop;
    let host = Attribute::DnsHostName;
    let named = change::set(laptop, host, "laptop-1.corp.example");
    cards.world.commit(&[named]);
    let book = |cards: &Cards, card: &Pair| {
        let key = revocation::own_row(revocation::OWN, parsed(card).serial());
        let table = directory::Table::new(revocation::OWN_ISSUED);
        cards.put(table, key, card.certificate.clone());
    };
    let server = Card {
        serial: vec![7, 1],
        names: vec![GeneralName::Dns("laptop-1.corp.example".to_owned())],
        ..Card::new()
    };
    let server = cards.issue(&server);
    let nameless = cards.issue(&Card {
        serial: vec![7, 2],
        ..Card::new()
    });
    let person = cards.issue(&Card {
        serial: vec![7, 3],
        ..Card::new().with_sid(cards.alice())
    });
    for card in [&server, &nameless, &person] {
        book(&cards, card);
    }
    for mode in [StrongMapping::Full, StrongMapping::Disabled] {
        cards.world.realm.strong_mapping = mode;
        assert_eq!(cards.code(&person), 0, "{mode:?}");
        assert_eq!(cards.code(&nameless), 66, "{mode:?}");
        assert_eq!(cards.code_for("LAPTOP-1$", &server), 66, "{mode:?}");
    }
}
