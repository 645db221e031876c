//! What is replaced, when, and why.

use super::*;

#[test]
fn a_certificate_is_replaced_after_two_thirds_of_its_life_with_a_new_key() {
    let mut house = House::founded();
    let before = (house.kdc(), house.tls());
    let due = before.0.renewed_at();
    let whole = Span::days(365) + Span::hours(1);
    assert_eq!(
        due.since(START - Span::hours(1)).as_seconds(),
        whole.as_seconds() / 3 * 2
    );

    house.now = due - Span::seconds(1);
    house.tick();
    house.settle();
    assert_eq!(house.kdc().certificate, before.0.certificate);
    assert_ne!(
        house.tls().certificate,
        before.1.certificate,
        "90 days are over"
    );

    house.now = due;
    house.tick();
    house.settle();
    let after = house.kdc();
    assert_ne!(after.certificate.spki(), before.0.certificate.spki());
    assert_ne!(after.certificate.serial(), before.0.certificate.serial());
    assert_issued_by(&after.certificate, &house.root(Ca::Enterprise));
    assert_eq!(
        after.private_key().unwrap().public_key().to_spki_der(),
        after.certificate.spki()
    );
    let causes: Vec<String> = house
        .log(Ca::Enterprise)
        .into_iter()
        .map(|one| one.cause)
        .collect();
    assert!(
        causes.contains(&"kdc/dc1.corp.example/p-256: two thirds of its life are over".to_owned()),
        "{causes:?}"
    );
}

#[test]
fn what_a_certificate_should_say_is_what_it_says_from_the_next_tick_on() {
    type Change = (&'static str, fn() -> Configuration);
    let changes: [Change; 3] = [
        ("another name", || {
            let mut server = sts();
            server.names.hosts.push("adfs.corp.example".into());
            let kdcs = vec!["dc1.corp.example".to_owned()];
            Configuration::new(&quick(), "corp.example", kdcs, vec![server]).unwrap()
        }),
        ("another place of publication (PKI-CDP-3)", || {
            configured(&Settings {
                publication: Some("http://crl.corp.example:8080".into()),
                ..quick()
            })
        }),
        ("another kind of key", || {
            configured(&Settings {
                tls_key: KeyName::P384,
                ..quick()
            })
        }),
    ];
    for (what, configuration) in changes {
        let mut house = House::founded();
        let before = house.tls().certificate;
        house.tick();
        house.settle();
        assert_eq!(
            house.tls().certificate,
            before,
            "as long as nothing changed"
        );
        house.configuration = configuration();
        house.tick();
        house.settle();
        let after = house.tls().certificate;
        assert_ne!(after, before, "{what}");
        house.tick();
        house.settle();
        assert_eq!(house.tls().certificate, after, "{what}, once");
    }
}

#[test]
fn a_revoked_server_certificate_is_replaced_at_once() {
    let mut house = House::founded();
    let before = house.tls().certificate;
    let serial = before.serial().to_vec();
    house.call(|view, now, rng| {
        let actor = directory::Actor::named("admin");
        let of = (Ca::Tls, &serial[..]);
        revoke(view, of, Reason::KeyCompromise, &actor, now, rng)
            .unwrap()
            .unwrap()
    });
    house.settle();
    assert_ne!(house.tls().certificate, before);
    assert!(house.list(Ca::Tls).find(&serial).unwrap().is_some());
}

#[test]
fn another_host_gets_its_own_certificate_and_the_first_keeps_its_own() {
    let mut house = House::founded();
    let before = house.kdc().certificate;
    let kdcs = vec!["dc2.corp.example".to_owned()];
    house.configuration = Configuration::new(&quick(), "corp.example", kdcs, Vec::new()).unwrap();
    house.tick();
    house.settle();
    let second = kdc_credentials(&house.snapshot(), "dc2.corp.example", house.now).unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(house.kdc().certificate, before);
}

#[test]
fn a_name_that_the_linter_refuses_stops_nothing_else() {
    let mut house = House::empty();
    house.configuration.tls_servers[0].names.hosts[0] = "bad_name".to_owned();
    house.found();
    house.settle();
    let found = tls_credential(&house.snapshot(), "federation", house.now).unwrap();
    assert!(found.is_none());
    house.kdc();
    house.list(Ca::Tls);
    let told = &house.audit("certificate.renew")[0];
    let reason = told.reason.as_deref().unwrap();
    assert!(reason.contains("alternative-names"), "{reason}");
    house.tick();
    house.settle();
    assert_eq!(house.audit("certificate.renew").len(), 1, "told once");
}

#[test]
fn a_list_is_replaced_after_half_of_its_life_under_a_higher_number() {
    let mut house = House::founded();
    let before = house.list(Ca::Enterprise);
    assert_eq!(before.this_update(), (START - Span::minutes(10)).unix());
    assert_eq!(before.next_update(), Some((START + Span::days(7)).unix()));
    assert_signed(
        (
            before.tbs(),
            before.signature_algorithm(),
            before.signature(),
        ),
        &house.root(Ca::Enterprise),
    );
    house.now = START + Span::hours(83);
    house.tick();
    house.settle();
    assert_eq!(house.list(Ca::Enterprise).der(), before.der());
    house.now = START + Span::hours(84);
    house.tick();
    house.settle();
    let after = house.list(Ca::Enterprise);
    let number = |list: &CertificateList| list.extensions().crl_number().unwrap().unwrap();
    assert!(number(&after) > number(&before));
    assert_eq!(after.revoked().count(), 0);
}

#[test]
fn for_two_years_there_is_always_a_valid_certificate_and_a_fresh_list() {
    let mut house = House::founded();
    let mut seen = std::collections::BTreeSet::new();
    for day in 0..730 {
        house.now = START + Span::days(day) + Span::hours(5);
        house.tick();
        house.settle();
        for certificate in [house.kdc().certificate, house.tls().certificate] {
            let valid = certificate.not_before()..=certificate.not_after();
            assert!(valid.contains(&house.now.unix()), "day {day}");
            let left = certificate.not_after() - house.now.unix();
            assert!(
                left > 29 * 86_400,
                "day {day}: there is time to notice a failure"
            );
            seen.insert(certificate.serial().to_vec());
        }
        for ca in Ca::ALL {
            let list = house.list(ca);
            let left = list.next_update().unwrap() - house.now.unix();
            assert!(left > 2 * 86_400, "day {day}: lists overlap");
        }
    }
    assert_eq!(seen.len(), 3 + 13, "KDC each 244 days, TLS each 60");
    house.assert_whole_logs();
}

#[test]
fn certificates_end_with_their_authority_at_the_latest() {
    let mut house = House::founded();
    let end = house.root(Ca::Devices).not_after();
    house.now = Timestamp::from_unix(end) - Span::days(100);
    let (_, certificate) = house.enrolled();
    assert_eq!(certificate.not_after(), end);
}
