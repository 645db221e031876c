//! Trusted issuers, mappings of certificates, and certificates to sign in with.

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::testing::START;
use directory::{Table, change};
use serde_json::{Value, json};
use trust::enrolment::{self, LogonEnrolment, Outcome};
use trust::revocation::{IssuerId, Mapping, Requirement};
use trust::{Span, Timestamp};
use wire::x509::{
    BasicConstraints, Certificate, Extension, Name, Reason, Revoked, TbsCertList, assemble, csr,
    pem,
};

use crate::world::{World, self_signed};

fn issuer() -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate(KeyKind::P256);
    let ca = Extension::basic_constraints(BasicConstraints {
        ca: true,
        path_length: None,
    });
    let certificate = Certificate::parse(&self_signed(&key, &[ca])).unwrap();
    (key, certificate)
}

fn text(certificate: &Certificate) -> String {
    pem::encode(pem::CERTIFICATE, certificate.der())
}

fn trusted(world: &World) -> usize {
    let snapshot = world.directory.snapshot().unwrap();
    snapshot.trusted_issuers().unwrap().len()
}

#[test]
fn an_issuer_is_trusted_told_about_and_trusted_no_more() {
    let world = World::new();
    let (_, certificate) = issuer();
    let body = json!({
        "certificate": text(&certificate),
        "mapping": "sid",
        "revocation": "soft",
        "lists": ["http://pki.example/a.crl"],
        "responders": ["http://ocsp.example/"],
    });
    let added = world.ask("admin", "POST /issuers", body).ok();
    let id = added["id"].as_str().unwrap().to_owned();
    let record = world.last();
    assert_eq!(record.action, "issuer.add");
    let shown = world.get("admin", &format!("/issuers/{}", &id[..8])).ok();
    assert_eq!(shown["mapping"], "sid");
    assert_eq!(shown["revocation"], "soft");
    assert_eq!(shown["lists"], json!(["http://pki.example/a.crl"]));
    assert_eq!(shown["list"], Value::Null);
    assert!(shown["pem"].as_str().unwrap().contains("BEGIN CERTIFICATE"));
    let key = IssuerId::of(&certificate);
    let settings = world
        .directory
        .snapshot()
        .unwrap()
        .issuer_settings(&key)
        .unwrap();
    assert_eq!(settings.mapping, Mapping::Sid);
    assert_eq!(settings.revocation, Some(Requirement::Soft));
    assert_eq!(trusted(&world), 1);

    // Again, and otherwise.
    let body = json!({ "certificate": text(&certificate) });
    world.ask("root", "POST /issuers", body).ok();
    let items = world.get("admin", "/issuers").ok();
    assert_eq!(items["items"].as_array().unwrap().len(), 1);
    assert_eq!(items["items"][0]["mapping"], "explicit");

    world
        .ask("admin", "DELETE /issuers/somebody", Value::Null)
        .ok();
    assert_eq!(world.last().action, "issuer.remove");
    assert_eq!(trusted(&world), 0);
    assert_eq!(
        world.get("admin", "/issuers/somebody").code(),
        (404, "not_found")
    );
}

#[test]
fn what_cannot_issue_is_no_issuer_and_only_administrators_trust() {
    let world = World::new();
    let (_, certificate) = issuer();
    let right = || json!({ "certificate": text(&certificate) });
    for who in ["keeper", "alice"] {
        assert_eq!(
            world.ask(who, "POST /issuers", right()).status,
            403,
            "{who}"
        );
        assert_eq!(world.get(who, "/issuers").status, 403, "{who}");
    }
    let leaf = self_signed(&PrivateKey::generate(KeyKind::P256), &[]);
    let leaf = Certificate::parse(&leaf).unwrap();
    let with = |member: &str, value: Value| {
        let mut body = right();
        body[member] = value;
        body
    };
    let wrong = [
        json!({}),
        json!({ "certificate": text(&leaf) }),
        json!({ "certificate": "no certificate" }),
        with("mapping", json!("upn")),
        with("revocation", json!("never")),
        with("lists", json!(["https://pki.example/"])),
        with("lists", json!(["http://a b/"])),
        with("responders", json!(["ldap://x/"])),
        with("list", json!("AAAA")),
        with("unknown", json!(1)),
    ];
    for body in wrong {
        let got = world.ask("admin", "POST /issuers", body.clone());
        assert_eq!(got.status, 400, "{body} {}", got.json);
    }
    assert_eq!(trusted(&world), 0);
    world.ask("admin", "POST /issuers", right()).ok();
}

fn list(key: &PrivateKey, issuer: &Certificate, made: Timestamp, serials: &[u8]) -> String {
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let revoked: Vec<Revoked> = serials
        .iter()
        .map(|serial| Revoked {
            serial: vec![*serial],
            since: START.unix(),
            reason: Reason::KeyCompromise,
        })
        .collect();
    let tbs = TbsCertList {
        signature_algorithm: &algorithm.identifier_der(),
        issuer: issuer.subject(),
        this_update: made.unix(),
        next_update: (made + Span::days(7)).unix(),
        revoked: &revoked,
        extensions: &[],
    }
    .encode();
    let signature = key.sign(algorithm, &tbs).unwrap();
    pem::encode(
        "X509 CRL",
        &assemble(&tbs, &algorithm.identifier_der(), &signature),
    )
}

#[test]
fn a_list_brought_by_hand_says_what_is_revoked_until_the_next_one() {
    let world = World::new();
    let (key, certificate) = issuer();
    let id = IssuerId::of(&certificate);
    let bring = |text: String| {
        let body = json!({ "certificate": self::text(&certificate), "list": text });
        world.ask("admin", "POST /issuers", body)
    };
    let revoked = || {
        let snapshot = world.directory.snapshot().unwrap();
        let is = |serial: &u8| {
            let row = snapshot.revoked_certificate(&id, &[*serial], world.now);
            row.unwrap().is_some()
        };
        (1..=9).filter(is).collect::<Vec<u8>>()
    };
    let first = START - Span::hours(2);
    bring(list(&key, &certificate, first, &[1, 2])).ok();
    assert_eq!(revoked(), [1, 2]);
    bring(list(&key, &certificate, first + Span::hours(1), &[2, 3])).ok();
    assert_eq!(revoked(), [2, 3]);
    let shown = world.get("admin", "/issuers/somebody").ok();
    assert_eq!(shown["list"]["entries"], 2);
    // Neither an older one nor another's.
    assert_eq!(bring(list(&key, &certificate, first, &[])).status, 400);
    let stranger = PrivateKey::generate(KeyKind::P256);
    assert_eq!(bring(list(&stranger, &certificate, START, &[])).status, 400);
    assert_eq!(revoked(), [2, 3]);
}

#[test]
fn a_mapping_comes_and_goes() {
    let world = World::new();
    let (_, certificate) = issuer();
    let mapped = || world.account("alice").alt_security_identities.clone();
    let body = json!({ "certificate": text(&certificate) });
    let got = world.ask("admin", "POST /users/alice/mappings", body).ok();
    assert_eq!(got["mapping"], "X509:<I>CN=somebody<SR>07");
    assert_eq!(
        (&got["strong"], &got["changed"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(mapped(), ["X509:<I>CN=somebody<SR>07"]);
    assert_eq!(world.last().action, "user.map");

    let weak = json!({ "mapping": "x509:<s>CN=Alice" });
    let got = world
        .ask("admin", "POST /users/alice/mappings", weak.clone())
        .ok();
    assert_eq!(
        (&got["mapping"], &got["strong"]),
        (&json!("X509:<S>CN=Alice"), &json!(false))
    );
    let got = world.ask("admin", "POST /users/alice/mappings", weak).ok();
    assert_eq!(got["changed"], false);
    assert_eq!(mapped().len(), 2);

    let gone = "DELETE /users/alice/mappings/X509%3A%3CS%3ECN%3DAlice";
    assert_eq!(world.ask("admin", gone, Value::Null).ok()["changed"], true);
    assert_eq!(world.ask("admin", gone, Value::Null).ok()["changed"], false);
    assert_eq!(mapped().len(), 1);

    for body in [
        json!({}),
        json!({ "mapping": "Kerberos:alice@CORP.EXAMPLE" }),
        json!({ "mapping": "X509:<SKI>zz" }),
        json!({ "mapping": "X509:<SKI>ab", "certificate": text(&certificate) }),
    ] {
        assert_eq!(
            world
                .ask("admin", "POST /users/alice/mappings", body)
                .status,
            400
        );
    }
    let body = json!({ "mapping": "X509:<SKI>ab" });
    assert_eq!(
        world
            .ask("keeper", "POST /users/alice/mappings", body.clone())
            .status,
        403
    );
    assert_eq!(
        world
            .ask("admin", "POST /users/nobody/mappings", body)
            .status,
        404
    );
}

#[test]
fn a_mapping_that_somebody_else_has_is_refused_however_it_is_written() {
    let world = World::new();
    let (_, certificate) = issuer();
    let body = json!({ "certificate": text(&certificate) });
    world
        .ask("admin", "POST /users/alice/mappings", body.clone())
        .ok();
    world.add_user("carol");
    let again = json!({ "mapping": "x509:<i>cn=Somebody<sr>07" });
    for body in [body.clone(), again] {
        let got = world.ask("admin", "POST /users/carol/mappings", body);
        assert_eq!(got.status, 409, "{got:?}");
    }
    assert!(world.account("carol").alt_security_identities.is_empty());
    // Whose it is no longer, it may be another's.
    let gone = "DELETE /users/alice/mappings/X509%3A%3CI%3ECN%3Dsomebody%3CSR%3E07";
    world.ask("admin", gone, Value::Null).ok();
    world.ask("admin", "POST /users/carol/mappings", body).ok();
}

fn request(key: &PrivateKey, signer: &PrivateKey) -> String {
    let info = csr::encode_info(&Name::common("x"), &key.public_key().to_spki_der());
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let signature = signer.sign(algorithm, &info).unwrap();
    let der = assemble(&info, &algorithm.identifier_der(), &signature);
    pem::encode("CERTIFICATE REQUEST", &der)
}

#[test]
fn a_logon_certificate_is_asked_for_and_fetched_when_the_authority_has_answered() {
    let world = World::new();
    let (key, other) = (
        PrivateKey::generate(KeyKind::P256),
        PrivateKey::generate(KeyKind::P256),
    );
    let body = json!({ "user": "alice", "csr": request(&key, &key), "days": 30 });
    let asked = world.ask("admin", "POST /certificates", body).ok();
    assert_eq!(world.last().action, "certificate.request");
    let number = asked["request"].as_str().unwrap();
    let path = format!("/certificates/requests/{number}");
    assert_eq!(world.get("admin", &path).ok()["state"], "pending");
    let snapshot = world.directory.snapshot().unwrap();
    let waiting = snapshot
        .records(Table::new(enrolment::REQUESTS), &[], &[], 10, world.now)
        .unwrap();
    let enrolment = LogonEnrolment::from_bytes(waiting[0].value.bytes()).unwrap();
    assert_eq!(enrolment.holder, world.id("alice").0);
    assert_eq!(enrolment.days, Some(30));
    assert_eq!(enrolment.key(), key.public_key());
    drop(snapshot);

    let (_, certificate) = issuer();
    let answer = |outcome: &Outcome| {
        let table = Table::new(enrolment::OUTCOMES);
        let value = outcome.to_bytes();
        world.commit(vec![change::put(
            table,
            waiting[0].key.clone(),
            value,
            Timestamp::NEVER,
        )]);
        world.get("admin", &path).ok()
    };
    assert_eq!(answer(&Outcome::Issued(certificate))["serial"], "07");
    let refused = answer(&Outcome::Refused("no".to_owned()));
    assert_eq!(
        (&refused["state"], &refused["reason"]),
        (&json!("refused"), &json!("no"))
    );

    let right = json!({ "user": "alice", "csr": request(&key, &key) });
    assert_eq!(
        world
            .ask("keeper", "POST /certificates", right.clone())
            .status,
        403
    );
    let with = |member: &str, value: Value| {
        let mut body = right.clone();
        body[member] = value;
        world.ask("admin", "POST /certificates", body).status
    };
    assert_eq!(with("csr", json!(request(&key, &other))), 400);
    assert_eq!(with("csr", json!("AAAA")), 400);
    assert_eq!(with("days", json!(0)), 400);
    assert_eq!(with("user", json!("nobody")), 404);
    assert_eq!(with("user", json!("krbtgt")), 403);
}
