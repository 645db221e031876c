//! Certificates of an authority that is lent.

use std::cell::RefCell;

use administration::{AuthorityFault, Certificates, IssuedCertificate, NotRevoked};
use crypto::key::{KeyKind, PrivateKey};
use directory::testing::START;
use directory::{Actor, AuditRecord, Change, Snapshot, change};
use serde_json::{Value, json};
use trust::{Rng, Timestamp};
use wire::x509::{Certificate, Reason};

use crate::world::{World, self_signed};

/// Two authorities; `root` issued five certificates, `tls` one, with the serial number of one of root's.
struct Lent {
    issued: RefCell<Vec<(&'static str, Vec<u8>, IssuedCertificate)>>,
}

impl Lent {
    fn new() -> Self {
        let certificate =
            Certificate::parse(&self_signed(&PrivateKey::generate(KeyKind::P256), &[])).unwrap();
        let one = || IssuedCertificate {
            certificate: certificate.clone(),
            at: START,
            holder: None,
            revoked: None,
        };
        // The mock knows them by serial numbers of its own; the certificates all say 7.
        let mut issued: Vec<_> = (1..=5u8).map(|n| ("root", vec![n], one())).collect();
        issued.push(("tls", vec![7], one()));
        issued.push(("root", vec![7], one()));
        Self {
            issued: RefCell::new(issued),
        }
    }
}

impl Certificates for Lent {
    fn authorities(&self) -> Vec<&'static str> {
        vec!["root", "tls"]
    }

    fn page(
        &self,
        _: &Snapshot<'_>,
        authority: &str,
        after: Option<&[u8]>,
        limit: usize,
        _: Timestamp,
    ) -> Result<Vec<IssuedCertificate>, AuthorityFault> {
        // Distinct serial numbers, so that the place moves.
        let mut found = Vec::new();
        for number in 1..=6u8 {
            let serial = [number];
            if authority == "root"
                && after.is_none_or(|after| serial[..] > *after)
                && found.len() < limit
            {
                found.push(numbered(number));
            }
        }
        Ok(found)
    }

    fn find(
        &self,
        _: &Snapshot<'_>,
        authority: &str,
        serial: &[u8],
        _: Timestamp,
    ) -> Result<Option<IssuedCertificate>, AuthorityFault> {
        let issued = self.issued.borrow();
        let found = issued
            .iter()
            .find(|(name, own, _)| *name == authority && own == serial);
        Ok(found.map(|(.., issued)| issued.clone()))
    }

    fn revoke(
        &self,
        _: &Snapshot<'_>,
        authority: &str,
        serial: &[u8],
        reason: Reason,
        actor: &Actor,
        now: Timestamp,
        _: &mut dyn Rng,
    ) -> Result<Result<Vec<Change>, NotRevoked>, AuthorityFault> {
        let mut issued = self.issued.borrow_mut();
        let found = issued
            .iter_mut()
            .find(|(name, own, _)| *name == authority && own == serial);
        let Some((.., found)) = found else {
            return Ok(Err(NotRevoked::NotIssued));
        };
        match (reason, &found.revoked) {
            (Reason::RemoveFromCrl, None) => return Ok(Err(NotRevoked::NotOnHold)),
            (Reason::RemoveFromCrl, Some(_)) => found.revoked = None,
            (_, Some(_)) => return Ok(Err(NotRevoked::AlreadyRevoked)),
            (reason, None) => found.revoked = Some((now, reason)),
        }
        let record = AuditRecord::done(now, actor.clone(), "certificate.revoke");
        Ok(Ok(vec![change::audit(record)]))
    }
}

/// A certificate with a serial number of its own.
fn numbered(number: u8) -> IssuedCertificate {
    let key = PrivateKey::generate(KeyKind::P256);
    let mut der = self_signed(&key, &[]);
    // INTEGER 7 after the version is the serial number.
    let at = der.windows(3).position(|w| w == [2, 1, 7]).unwrap();
    der[at + 2] = number;
    IssuedCertificate {
        certificate: Certificate::parse(&der).unwrap(),
        at: START,
        holder: None,
        revoked: None,
    }
}

#[test]
fn a_device_certificate_that_is_revoked_proves_no_device_from_then_on() {
    let mut world = World::new();
    world
        .ask("admin", "POST /computers", json!({"name": "PC-1"}))
        .ok();
    let der = crate::policies::device_certificate(&world, "PC-1$");
    let computer = world.account("PC-1$").id.0;
    let holder = {
        let snapshot = world.directory.snapshot().unwrap();
        snapshot.device_by_id(computer).unwrap().unwrap().id
    };
    let lent = Lent::new();
    let issued = IssuedCertificate {
        certificate: Certificate::parse(&der).unwrap(),
        at: START,
        holder: Some(holder.0),
        revoked: None,
    };
    lent.issued.borrow_mut().push(("root", vec![0x99], issued));
    world.certificates = Some(Box::new(lent));

    let mut request = crate::world::request("GET /policy/device", &Value::Null);
    request.client_certificate = Some(der);
    let ask = || world.send(&request, &administration::Caller::Nobody);
    ask().ok();
    let hold = json!({"reason": "certificate-hold"});
    world
        .ask("admin", "POST /certificates/99/revoke", hold)
        .ok();
    assert_eq!(ask().code(), (401, "device_unusable"));
    world
        .ask("admin", "POST /certificates/99/release", Value::Null)
        .ok();
    ask().ok();
    world
        .ask("admin", "POST /certificates/99/revoke", Value::Null)
        .ok();
    assert_eq!(ask().code(), (401, "device_unusable"));
}

fn world() -> World {
    let mut world = World::new();
    world.certificates = Some(Box::new(Lent::new()));
    world
}

#[test]
fn certificates_are_listed_page_by_page_through_all_authorities() {
    let world = world();
    for limit in [1, 4, 5, 6, 100] {
        let mut seen = Vec::new();
        let mut path = format!("/certificates?limit={limit}");
        loop {
            let got = world.get("admin", &path);
            for item in got.json["items"]
                .as_array()
                .unwrap_or_else(|| panic!("{}", got.json))
            {
                seen.push(item["serial"].as_str().unwrap().to_owned());
            }
            let Some(next) = got.json["next"].as_str() else {
                break;
            };
            path = format!("/certificates?limit={limit}&after={next}");
        }
        assert_eq!(seen, ["01", "02", "03", "04", "05", "06"], "{limit}");
    }
    let got = world.get("admin", "/certificates?search=SOMEBODY&authority=root");
    assert_eq!(got.json["items"].as_array().unwrap().len(), 6);
    assert!(
        world.get("admin", "/certificates?search=nobody").ok()["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        world.get("admin", "/certificates?authority=x").code(),
        (404, "not_found")
    );
    assert_eq!(
        world.get("admin", "/certificates?after=AAAA").code(),
        (400, "invalid_parameter")
    );
}

#[test]
fn a_certificate_is_shown_and_named_by_its_authority_where_two_have_its_number() {
    let world = world();
    let got = world.get("admin", "/certificates/07");
    assert_eq!(got.code(), (409, "ambiguous"));
    assert!(got.detail().contains("authority=tls"));
    let shown = world.get("admin", "/certificates/07?authority=tls").ok();
    assert_eq!(
        (&shown["authority"], &shown["state"]),
        (&json!("tls"), &json!("valid"))
    );
    assert!(
        shown["pem"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----\n")
    );
    for serial in ["1", "zz", "0g", &"00".repeat(41), "+1"] {
        assert_eq!(
            world
                .get("admin", &format!("/certificates/{serial}"))
                .code(),
            (400, "invalid_parameter"),
            "{serial}"
        );
    }
    assert_eq!(
        world.get("admin", "/certificates/99").code(),
        (404, "not_found")
    );
}

#[test]
fn a_certificate_is_revoked_once_for_a_reason_and_the_record_says_from_where() {
    let world = world();
    let revoke = |body| world.ask("admin", "POST /certificates/07/revoke?authority=tls", body);
    let got = revoke(json!({"reason": "because"}));
    assert_eq!(got.code(), (400, "invalid_member"));
    assert!(got.detail().contains("key-compromise"));
    assert_eq!(
        revoke(json!({"reason": "certificate-hold"})).ok()["changed"],
        true
    );
    let record = world.last();
    assert_eq!(record.action, "certificate.revoke");
    assert_eq!(record.from.as_deref(), Some("192.0.2.7"));
    assert_eq!(record.actor.name, "admin@corp.example");
    let shown = || world.get("admin", "/certificates/07?authority=tls").ok();
    assert_eq!(
        (&shown()["state"], &shown()["reason"]),
        (&json!("on-hold"), &json!("certificate-hold"))
    );
    let release = || {
        world.ask(
            "admin",
            "POST /certificates/07/release?authority=tls",
            Value::Null,
        )
    };
    assert_eq!(release().ok()["changed"], true);
    assert_eq!(release().code(), (409, "in_the_way"));
    assert_eq!(revoke(json!({})).ok()["changed"], true);
    assert_eq!(shown()["reason"], "unspecified");
    assert_eq!(revoke(json!({})).ok()["changed"], false);
    assert_eq!(
        world
            .ask("keeper", "POST /certificates/07/revoke", json!({}))
            .code()
            .0,
        403
    );
}

#[test]
fn a_server_without_an_authority_says_so() {
    let world = World::new();
    assert_eq!(
        world.get("admin", "/certificates").code(),
        (404, "not_found")
    );
}
