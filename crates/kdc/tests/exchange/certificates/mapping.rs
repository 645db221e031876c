//! Whose a certificate is (protocols E.5.2 to E.5.5).

use super::*;

#[test]
fn e_5_4_the_sid_of_another_or_none_maps_nobody() {
    let mut cards = by_sid();
    let bob = cards.world.account(cards.world.bob).sid;
    let (card, alice) = (Card::new(), cards.alice());
    let of = |sid: Sid| card.clone().with_sid(sid);
    let named = |card: Card, names: Vec<GeneralName>| Card { names, ..card };
    let cases = [
        (of(alice), 0),
        (named(of(alice), Vec::new()), 0),
        // Renamed since: the SID is hers.
        (named(of(alice), vec![upn("maiden@corp.example")]), 0),
        (of(bob), 66),
        (named(of(bob), Vec::new()), 66),
        (named(of(bob), vec![upn("bob@corp.example")]), 75),
        (card.clone(), 66),
        (named(card.clone(), Vec::new()), 66),
        (named(card.clone(), vec![upn("bob@corp.example")]), 75),
        (
            named(card.clone(), vec![GeneralName::security_identifier(&alice)]),
            0,
        ),
        (
            named(card.clone(), vec![GeneralName::security_identifier(&bob)]),
            66,
        ),
        (
            named(of(alice), vec![GeneralName::security_identifier(&bob)]),
            71,
        ),
    ];
    let mut judged = Cases::new();
    for (number, (card, code)) in cases.iter().enumerate() {
        let card = cards.issue(card);
        let got = cards.code(&card);
        judged.code(&format!("case {number}"), *code, got, &cards.world.refused);
    }
    judged.are(12);
}

#[test]
fn e_5_4_the_sid_is_believed_from_who_may_know_it_alone() {
    let mut cards = by_sid();
    let card = cards.good();
    assert_eq!(cards.code(&card), 0);
    for mapping in [Mapping::Explicit, Mapping::Name] {
        cards.say(|settings| settings.mapping = mapping);
        assert_eq!(cards.code(&card), 66, "{mapping:?}");
    }
}

#[test]
fn e_5_2_strong_explicit_forms_map_and_weak_ones_do_not() {
    let mut cards = Cards::new(Mapping::Explicit);
    let identifier = Extension::subject_key_identifier(&[0xab, 0xcd, 0xef]);
    let mut card = Card::new().with_sid(cards.alice());
    card.others.push(identifier);
    card.names
        .push(GeneralName::Email("alice@corp.example".to_owned()));
    let card = cards.issue(&card);
    let certificate = parsed(&card);
    let hash = crypto::digest::sha1(wire::x509::public_key_octets(certificate.spki()).unwrap());
    let whole = crypto::digest::sha1(certificate.spki());
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let serial = CertificateMapping::issuer_serial(&certificate).unwrap();
    let cases = [
        (serial.to_string(), 0),
        ("X509:<I>CN=Cards<SR>563412".to_owned(), 0),
        ("X509:<SKI>abcdef".to_owned(), 0),
        (format!("X509:<SHA1-PUKEY>{}", hex(&hash)), 0),
        (format!("X509:<SHA1-PUKEY>{}", hex(&whole)), 0),
        (format!("X509:<I>CN=Cards<SID>{}", cards.alice()), 0),
        ("X509:<I>CN=Cards<SR>123456".to_owned(), 66),
        ("X509:<I>CN=Other<SR>563412".to_owned(), 66),
        ("X509:<SKI>abcdee".to_owned(), 66),
        (format!("X509:<SHA1-PUKEY>{}", hex(&[7; 20])), 66),
        ("X509:<I>CN=Cards<SID>S-1-5-21-1-2-3-500".to_owned(), 66),
        ("X509:<I>CN=Cards<S>CN=Alice".to_owned(), 66),
        ("X509:<S>CN=Alice".to_owned(), 66),
        ("X509:<RFC822>alice@corp.example".to_owned(), 66),
        ("nothing of the kind".to_owned(), 66),
    ];
    let mut judged = Cases::new();
    for (value, code) in &cases {
        cards.map(cards.world.alice, std::slice::from_ref(value));
        let got = cards.code(&card);
        judged.code(value, *code, got, &cards.world.refused);
    }
    // Without the restriction to strong mapping the weak forms map, and what does not fit still does not.
    cards.world.realm.strong_mapping = StrongMapping::Disabled;
    for (value, _) in cases.iter().filter(|(_, code)| *code != 0) {
        cards.map(cards.world.alice, std::slice::from_ref(value));
        let fits = value.contains("<S>") || value.contains("<RFC822>");
        let expected = if fits { 0 } else { 66 };
        let got = cards.code(&card);
        judged.code(value, expected, got, &cards.world.refused);
    }
    judged.are(24);
}

#[test]
fn e_5_2_what_is_mapped_to_one_person_maps_to_no_other() {
    let mut cards = Cards::new(Mapping::Explicit);
    let card = cards.issue(&Card::new());
    let value = CertificateMapping::issuer_serial(&parsed(&card)).unwrap();
    cards.map(cards.world.alice, &[value.to_string()]);
    assert_eq!(cards.code(&card), 0);
    // Its name is alice's.
    assert_eq!(cards.code_for("bob", &card), 75);
}

#[test]
fn e_5_5_names_map_where_the_realm_and_the_issuer_let_them() {
    let mut cards = Cards::new(Mapping::Name);
    let kerberos = |name: &str, realm: &str| {
        GeneralName::Kerberos(KerberosName {
            realm: realm.to_owned(),
            name_type: 1,
            components: vec![name.to_owned()],
        })
    };
    let named = |name: GeneralName| Card {
        names: vec![name],
        ..Card::new()
    };
    let right = [
        upn("alice@corp.example"),
        upn("ALICE@corp.example"),
        kerberos("alice", "CORP.EXAMPLE"),
    ];
    let wrong = [
        upn("bob@corp.example"),
        upn("alice@other.example"),
        kerberos("bob", "CORP.EXAMPLE"),
        kerberos("alice", "OTHER.EXAMPLE"),
    ];
    let compatibility = StrongMapping::Compatibility {
        backdating: Span::ZERO,
    };
    let mut judged = Cases::new();
    for mode in [StrongMapping::Full, compatibility, StrongMapping::Disabled] {
        cards.world.realm.strong_mapping = mode;
        for mapping in Mapping::ALL {
            cards.say(|settings| settings.mapping = mapping);
            let allowed = mode != StrongMapping::Full && mapping != Mapping::Explicit;
            for name in &right {
                let card = cards.issue(&named(name.clone()));
                let expected = if allowed { 0 } else { 66 };
                let (case, got) = (format!("{mode:?} {mapping:?} {name:?}"), cards.code(&card));
                judged.code(&case, expected, got, &cards.world.refused);
            }
            for name in &wrong {
                let card = cards.issue(&named(name.clone()));
                let (case, got) = (format!("{mode:?} {mapping:?} {name:?}"), cards.code(&card));
                judged.code(&case, 75, got, &cards.world.refused);
            }
            let nobody = cards.issue(&Card {
                names: Vec::new(),
                ..Card::new()
            });
            let (case, got) = (format!("{mode:?} {mapping:?}"), cards.code(&nobody));
            judged.code(&case, 66, got, &cards.world.refused);
        }
    }
    judged.are(72);
}

#[test]
fn e_5_5_a_certificate_older_than_its_account_is_another_persons_of_that_name() {
    let mut cards = Cards::new(Mapping::Name);
    let older = cards.issue(&Card {
        from: START - Span::days(3),
        ..Card::new()
    });
    let backdating = |days| StrongMapping::Compatibility {
        backdating: Span::days(days),
    };
    cards.world.realm.strong_mapping = backdating(0);
    assert_eq!(cards.code(&older), 66);
    cards.world.realm.strong_mapping = backdating(2);
    assert_eq!(cards.code(&older), 66);
    cards.world.realm.strong_mapping = backdating(3);
    assert_eq!(cards.code(&older), 0);
}
