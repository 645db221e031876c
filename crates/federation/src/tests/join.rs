//! Device registration: DREG-F5, DREG-W1 to DREG-W6, protocols B.3 to B.6, B.8; security.md rows 5 and 6.

use crypto::key::{KeyKind, PrivateKey};
use directory::{Attribute, change};
use serde_json::{Value, json};
use trust::Span;
use wire::Guid;
use wire::http::{Method, Request, Response};
use wire::key_credential::KeyUsage;

use super::negotiate::{Ticketed, show};
use super::world::{Authority, Browser, World, bcrypt_blob, csr, csr_of, json};
use base64ct::{Base64, Encoding};

/// A registered device and what it holds.
pub(super) struct Joined {
    pub(super) id: Guid,
    pub(super) certificate: Vec<u8>,
    pub(super) key: PrivateKey,
    pub(super) transport: PrivateKey,
}

/// The token with which a computer registers.
pub(super) fn computer_token(world: &mut World, computer: directory::EntryId) -> String {
    let header = Ticketed::of(world, computer).header(world);
    let mut browser = Browser::default();
    show(world, &mut browser, &header, &[("amr_values", "")]);
    let code = browser.sent("code").unwrap();
    let response = browser.redeem(world, &code, &[]);
    json(&response)["access_token"].as_str().unwrap().to_owned()
}

/// The body of a join request.
fn body(key: &PrivateKey, transport: &PrivateKey) -> Value {
    json!({
        "CertificateRequest": { "Type": "pkcs10", "Data": Base64::encode_string(&csr(key)) },
        "TransportKey": Base64::encode_string(&bcrypt_blob(transport)),
        "TargetDomain": "corp.example",
        "DeviceType": "Linux",
        "OSVersion": "6.12",
        "DeviceDisplayName": "LAPTOP-1",
        "JoinType": 6,
    })
}

fn post(world: &mut World, token: &str, body: &Value) -> Response {
    let request = Request::post_json("/EnrollmentServer/device/?api-version=1.0", body)
        .with_header("Authorization", &format!("Bearer {token}"));
    Browser::default().send(world, request)
}

fn keys() -> (PrivateKey, PrivateKey) {
    (
        PrivateKey::generate(KeyKind::P256),
        PrivateKey::generate(KeyKind::Rsa2048),
    )
}

/// A computer that has registered.
pub(super) fn joined(world: &mut World, name: &str) -> Joined {
    let computer = world.computer(name);
    let token = computer_token(world, computer);
    let (key, transport) = keys();
    let response = post(world, &token, &body(&key, &transport));
    assert_eq!(response.status, 200, "{:?}", world.refused);
    let raw = json(&response)["Certificate"]["RawBody"]
        .as_str()
        .unwrap()
        .to_owned();
    Joined {
        id: computer.0,
        certificate: Base64::decode_vec(&raw).unwrap(),
        key,
        transport,
    }
}

/// Another certificate for the key of a device, which the directory does not list.
pub(super) fn another_certificate(world: &mut World, device: &Joined) -> Vec<u8> {
    use trust::enrolment::{DeviceEnrolment, PossessedKey};
    let request = wire::x509::CertificationRequest::parse(&csr(&device.key)).unwrap();
    let extensions = wire::x509::device::DeviceExtensions {
        device: Some(device.id),
        ..Default::default()
    };
    let enrolment =
        DeviceEnrolment::new(device.id, extensions, PossessedKey::of(&request).unwrap());
    super::world::certificate(&enrolment, world.now + Span::seconds(1))
        .der()
        .to_vec()
}

#[test]
fn a_computer_becomes_a_device_with_every_attribute() {
    let mut world = World::new();
    let device = joined(&mut world, "LAPTOP-1");
    let snapshot = world.directory.snapshot().unwrap();
    let found = snapshot.device_by_id(device.id).unwrap().unwrap();
    let entry = snapshot.entry(found.id).unwrap().unwrap();
    let computer = snapshot.account_by_sam("LAPTOP-1$").unwrap().unwrap();
    assert_eq!(entry.parent, snapshot.domain().devices);
    assert_eq!(entry.guid(Attribute::MsDsDeviceId), Some(computer.id.0));
    assert_eq!(found.display_name, "LAPTOP-1");
    assert_eq!(
        (found.os_type.as_deref(), found.os_version.as_deref()),
        (Some("Linux"), Some("6.12"))
    );
    assert_eq!(
        (found.owner, found.users.clone()),
        (Some(computer.sid), vec![computer.sid])
    );
    assert!(found.enabled);
    assert_eq!(entry.integer(Attribute::MsDsDeviceTrustType), Some(2));
    assert_eq!(entry.integer(Attribute::MsDsDeviceObjectVersion), Some(2));
    assert_eq!(entry.boolean(Attribute::MsDsCloudIsManaged), Some(false));
    assert_eq!(found.last_logon, Some(world.now));
    let spki = device.key.public_key_spki();
    let expected = format!(
        "X509:<SHA1-TP-PUBKEY>{}{}",
        hex_upper(&crypto::digest::sha1(&device.certificate)),
        Base64::encode_string(&crypto::digest::sha256(&spki))
    );
    assert_eq!(
        entry
            .texts(Attribute::AltSecurityIdentities)
            .collect::<Vec<_>>(),
        [expected.as_str()]
    );
    let [transport] = &found.key_credentials[..] else {
        panic!("{:?}", found.key_credentials)
    };
    let link = transport.link.as_ref().unwrap();
    assert_eq!(link.key_usage(), KeyUsage::Stk);
    assert_eq!(link.key_material(), bcrypt_blob(&device.transport));
    assert_eq!(link.device_id(), Some(device.id));
    assert_eq!(link.custom_key_information().unwrap().to_bytes(), [1, 0]);
    assert_eq!(
        world.audit("device.register").unwrap().device,
        Some(device.id)
    );
    assert_eq!(
        world.story.last().unwrap().happened,
        "wrote the device with its certificate to the directory"
    );
}

trait Spki {
    fn public_key_spki(&self) -> Vec<u8>;
}

impl Spki for PrivateKey {
    fn public_key_spki(&self) -> Vec<u8> {
        crypto::signature::Signer::public_key(self).to_spki_der()
    }
}

fn hex_upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn the_answer_has_the_certificate_and_the_same_request_gets_it_again() {
    let mut world = World::new();
    let computer = world.computer("LAPTOP-1");
    let token = computer_token(&mut world, computer);
    let (key, transport) = keys();
    let request = body(&key, &transport);
    let first = post(&mut world, &token, &request);
    let answer = json(&first);
    let raw = Base64::decode_vec(answer["Certificate"]["RawBody"].as_str().unwrap()).unwrap();
    assert_eq!(
        answer["Certificate"]["Thumbprint"],
        hex_upper(&crypto::digest::sha1(&raw))
    );
    assert_eq!(answer["User"]["Upn"], "LAPTOP-1$");
    let again = post(&mut world, &token, &request);
    assert_eq!(
        (again.status, json(&again)),
        (200, answer),
        "an answer that was lost is given again"
    );
}

#[test]
fn a_request_that_comes_again_when_the_authority_has_forgotten_it_ends_nothing() {
    let mut world = World::new();
    let computer = world.computer("LAPTOP-1");
    let token = computer_token(&mut world, computer);
    let (key, transport) = keys();
    let request = body(&key, &transport);
    let first = post(&mut world, &token, &request);
    let outcomes = directory::Table::new(trust::enrolment::OUTCOMES);
    let kept = world
        .directory
        .snapshot()
        .unwrap()
        .records(outcomes, &[], &[], 10, world.now)
        .unwrap();
    world.commit(
        kept.into_iter()
            .map(|record| change::remove(outcomes, record.key)),
    );
    world.advance(Span::minutes(1));
    let again = post(&mut world, &token, &request);
    assert_eq!((again.status, json(&again)), (200, json(&first)));
    assert!(
        world
            .directory
            .snapshot()
            .unwrap()
            .device_by_id(computer.0)
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_device_that_registers_again_keeps_its_object_and_loses_its_old_certificate() {
    let mut world = World::new();
    let before = joined(&mut world, "LAPTOP-1");
    let entry = world
        .directory
        .snapshot()
        .unwrap()
        .device_by_id(before.id)
        .unwrap()
        .unwrap()
        .id;
    world.advance(Span::minutes(1));
    let token = computer_token(&mut world, directory::EntryId(before.id));
    let (key, transport) = keys();
    let mut request = body(&key, &transport);
    request["DeviceDisplayName"] = "RENAMED".into();
    assert_eq!(post(&mut world, &token, &request).status, 200);
    let snapshot = world.directory.snapshot().unwrap();
    let after = snapshot.device_by_id(before.id).unwrap().unwrap();
    assert_eq!(
        (
            after.id,
            after.display_name.as_str(),
            after.key_credentials.len()
        ),
        (entry, "RENAMED", 1)
    );
    assert_eq!(after.certificates.len(), 1);
    assert!(
        snapshot
            .device_by_certificate(&crypto::digest::sha1(&before.certificate))
            .unwrap()
            .is_none()
    );
    drop(snapshot);

    // The keys of before are free again.
    let other = world.computer("LAPTOP-2");
    let token = computer_token(&mut world, other);
    assert_eq!(
        post(&mut world, &token, &body(&before.key, &before.transport)).status,
        200
    );
}

#[test]
fn a_disabled_device_does_not_enable_itself() {
    let mut world = World::new();
    let device = joined(&mut world, "LAPTOP-1");
    let entry = world
        .directory
        .snapshot()
        .unwrap()
        .device_by_id(device.id)
        .unwrap()
        .unwrap()
        .id;
    world.commit([change::set_device_enabled(entry, false)]);
    let token = computer_token(&mut world, directory::EntryId(device.id));
    let (key, transport) = keys();
    assert_eq!(
        post(&mut world, &token, &body(&key, &transport)).status,
        400
    );
    assert_eq!(
        world.refused,
        ["device registration refused: the device is disabled"]
    );
}

#[test]
fn refuses_requests_that_are_not_good_and_leaves_nothing_behind() {
    let mut world = World::new();
    let computer = world.computer("LAPTOP-1");
    let (key, transport) = keys();
    let weak = PrivateKey::generate(KeyKind::P384);
    let good = body(&key, &transport);
    let with = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed[member] = value;
        changed
    };
    let csr_data = |der: Vec<u8>| {
        with(
            "CertificateRequest",
            json!({ "Type": "pkcs10", "Data": Base64::encode_string(&der) }),
        )
    };
    let mut blob = bcrypt_blob(&transport);
    blob.pop();
    let rsa1024 = wire::key_material::RsaPublicKey::new(&[0xc1; 128], &[1, 0, 1])
        .unwrap()
        .to_bcrypt_blob();
    for (request, reason) in [
        (
            with("JoinType", 0.into()),
            "the join type is not that of a domain join",
        ),
        (
            csr_data(vec![0x30, 0]),
            "the certification request cannot be read",
        ),
        (
            csr_data(csr_of(&key, &PrivateKey::generate(KeyKind::P256))),
            "the certification request is not signed by its own key",
        ),
        (
            csr_data(csr(&weak)),
            "the device key is not accepted: the key is neither RSA nor on P-256",
        ),
        (
            with("TransportKey", Base64::encode_string(&blob).into()),
            "the transport key is not accepted: the public key cannot be read",
        ),
        (
            with("TransportKey", Base64::encode_string(&rsa1024).into()),
            "the transport key is not accepted: rsa key of 1024 bits is too short",
        ),
    ] {
        let token = computer_token(&mut world, computer);
        let response = post(&mut world, &token, &request);
        assert_eq!(response.status, 400, "{reason}");
        let details = json(&response);
        assert_eq!(details["ErrorType"], "InvalidParameter");
        assert!(details["TraceId"].is_string() && details["Time"].is_string());
        assert_eq!(
            world.refused.pop().unwrap(),
            format!("device registration refused: {reason}")
        );
    }
    for request in [
        json!({}),
        with("DeviceDisplayName", "x".repeat(257).into()),
        with("DeviceType", "a\u{0}".into()),
        with("CertificateRequest", json!({"Type": "crmf", "Data": ""})),
    ] {
        let token = computer_token(&mut world, computer);
        assert_eq!(post(&mut world, &token, &request).status, 400);
    }
    assert!(
        world
            .directory
            .snapshot()
            .unwrap()
            .device_by_id(computer.0)
            .unwrap()
            .is_none()
    );
    let token = computer_token(&mut world, computer);
    assert_eq!(
        post(&mut world, &token, &good).status,
        200,
        "the good request still succeeds"
    );
}

#[test]
fn refuses_keys_that_another_device_or_person_has() {
    let mut world = World::new();
    let first = joined(&mut world, "LAPTOP-1");
    let second = world.computer("LAPTOP-2");
    let (key, transport) = keys();
    for (device_key, transport_key) in [
        (&first.key, &transport),
        (&key, &first.transport),
        (&key, &first.transport),
    ] {
        let token = computer_token(&mut world, second);
        assert_eq!(
            post(&mut world, &token, &body(device_key, transport_key)).status,
            400
        );
        assert_eq!(
            world.refused.pop().unwrap(),
            "device registration refused: another device has this key"
        );
    }
    let token = computer_token(&mut world, second);
    assert_eq!(
        post(&mut world, &token, &body(&key, &transport)).status,
        200
    );
}

#[test]
fn only_a_computers_own_token_registers_it() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let (key, transport) = keys();
    let persons = Browser::default().token(&mut world, &[]);
    let response = post(&mut world, &persons, &body(&key, &transport));
    assert_eq!(
        (response.status, world.refused.pop().unwrap()),
        (
            400,
            "device registration refused: the token does not permit device registration".into()
        )
    );
    let computer = world.computer("LAPTOP-1");
    let token = computer_token(&mut world, computer);
    let control = world.account(computer).control;
    world.commit([change::disable(computer, control)]);
    assert_eq!(
        post(&mut world, &token, &body(&key, &transport)).status,
        400
    );
    world.commit([change::enable(computer, world.account(computer).control)]);
    world.advance(Span::minutes(15));
    let response = post(&mut world, &token, &body(&key, &transport));
    assert_eq!(
        (response.status, json(&response)["ErrorType"].as_str()),
        (401, Some("AuthenticationError"))
    );
    for token in ["", "nonsense", &"a.b.c".repeat(3)] {
        assert_eq!(post(&mut world, token, &body(&key, &transport)).status, 401);
    }
}

#[test]
fn refuses_tokens_whose_four_claims_do_not_fit_together() {
    // DREG-W2. Tokens that this authority would not issue, signed by its own key.
    let mut world = World::new();
    let (computer, other, alice) = (
        world.computer("LAPTOP-1"),
        world.computer("LAPTOP-2"),
        world.person("alice"),
    );
    let (key, transport) = keys();
    let good: token::claims::AccessToken =
        serde_json::from_value(super::world::claims(&computer_token(&mut world, computer)))
            .unwrap();
    let (others_sid, persons_sid) = (world.account(other).sid, world.account(alice).sid);
    let person_guid = Base64::encode_string(&alice.0.to_windows_bytes());
    let mut refuse = |spoil: &dyn Fn(&mut token::claims::AccessToken)| {
        let mut claims = good.clone();
        spoil(&mut claims);
        let snapshot = world.directory.snapshot().unwrap();
        let keys = crate::signing_keys(&snapshot, &world.memory, world.now).unwrap();
        let token = keys.access_token(&claims, world.now).unwrap();
        drop(snapshot);
        let response = post(&mut world, &token, &body(&key, &transport));
        (
            response.status,
            world
                .refused
                .pop()
                .map(|reason| reason.replace("device registration refused: ", "")),
        )
    };
    let not_permitted = (
        400,
        Some("the token does not permit device registration".to_owned()),
    );
    assert_eq!(
        refuse(&|claims| claims.permit_device_registration = Some("false".into())),
        not_permitted
    );
    assert_eq!(
        refuse(&|claims| claims.permit_device_registration = None),
        not_permitted
    );
    assert_eq!(
        refuse(&|claims| claims.account_type = Some("User".into())),
        not_permitted
    );
    assert_eq!(
        refuse(&|claims| claims.onprem_object_guid = None),
        not_permitted
    );
    assert_eq!(
        refuse(&|claims| claims.onprem_object_guid = Some("AAAA".into())),
        not_permitted
    );
    let unknown = (400, Some("the computer is not known".to_owned()));
    assert_eq!(refuse(&|claims| claims.primarysid = others_sid), unknown);
    let not_a_computer = (400, Some("the account is not a computer's".to_owned()));
    assert_eq!(
        refuse(&|claims| {
            claims.primarysid = persons_sid;
            claims.onprem_object_guid = Some(person_guid.clone());
        }),
        not_a_computer
    );
    assert_eq!(refuse(&|_| {}), (200, None));
}

#[test]
fn a_device_is_told_by_its_public_key_as_well_as_by_the_thumbprint() {
    // Protocols B.5: SHA-1 alone is not enough.
    let mut world = World::new();
    world.person_with_totp("alice");
    let device = joined(&mut world, "LAPTOP-1");
    let found = world
        .directory
        .snapshot()
        .unwrap()
        .device_by_id(device.id)
        .unwrap()
        .unwrap();
    let mut collision = found.certificates[0].clone();
    collision.public_key_hash = Base64::encode_string(&[0; 32]);
    world.commit([change::set_device_certificate(found.id, &collision)]);
    let mut browser = Browser {
        certificate: Some(device.certificate),
        ..Browser::default()
    };
    let code = browser.sign_in(&mut world, &[]);
    assert_eq!(browser.redeem(&mut world, &code, &[]).status, 401);
    world.commit([change::set_device_certificate(
        found.id,
        &found.certificates[0],
    )]);
    assert_eq!(browser.redeem(&mut world, &code, &[]).status, 200);
}

#[test]
fn a_join_without_a_certificate_leaves_nothing_behind() {
    for authority in [Authority::Refuses, Authority::Sleeps] {
        let mut world = World::new();
        world.authority = authority;
        let computer = world.computer("LAPTOP-1");
        let token = computer_token(&mut world, computer);
        let (key, transport) = keys();
        let response = post(&mut world, &token, &body(&key, &transport));
        assert_eq!(
            (response.status, json(&response)["ErrorType"].as_str()),
            (503, Some("DirectoryError"))
        );
        assert!(
            world
                .refused
                .pop()
                .unwrap()
                .starts_with("no device certificate was issued")
        );
        assert!(
            world
                .directory
                .snapshot()
                .unwrap()
                .device_by_id(computer.0)
                .unwrap()
                .is_none()
        );
        world.authority = Authority::Issues;
        world.advance(Span::minutes(1));
        let token = computer_token(&mut world, computer);
        assert_eq!(
            post(&mut world, &token, &body(&key, &transport)).status,
            200
        );
    }
}

#[test]
fn a_device_unregisters_itself_and_nobody_else() {
    let mut world = World::new();
    let (first, second) = (
        joined(&mut world, "LAPTOP-1"),
        joined(&mut world, "LAPTOP-2"),
    );
    let delete = |world: &mut World, id: Guid, certificate: Option<&Vec<u8>>| {
        let mut browser = Browser {
            certificate: certificate.cloned(),
            ..Browser::default()
        };
        let target = format!("/EnrollmentServer/device/{id}?api-version=1.0");
        browser
            .send(world, Request::new(Method::Delete, &target))
            .status
    };
    assert_eq!(delete(&mut world, first.id, None), 401);
    assert_eq!(delete(&mut world, first.id, Some(&second.certificate)), 401);
    let mut malformed = Browser {
        certificate: Some(first.certificate.clone()),
        ..Browser::default()
    };
    assert_eq!(
        malformed
            .send(
                &mut world,
                Request::new(Method::Delete, "/EnrollmentServer/device/x?api-version=1.0")
            )
            .status,
        400
    );
    assert_eq!(delete(&mut world, first.id, Some(&first.certificate)), 200);
    assert!(
        world
            .directory
            .snapshot()
            .unwrap()
            .device_by_id(first.id)
            .unwrap()
            .is_none()
    );
    assert_eq!(delete(&mut world, first.id, Some(&first.certificate)), 401);
    assert!(world.audit("device.unregister").is_some());
    // Its keys are free again.
    let third = world.computer("LAPTOP-3");
    let token = computer_token(&mut world, third);
    assert_eq!(
        post(&mut world, &token, &body(&first.key, &first.transport)).status,
        200
    );
}

#[test]
fn the_quota_of_devices_holds() {
    // DREG-4. A computer owns its own device alone, so a quota of none shuts everybody out.
    let mut world = World::new();
    let service = world
        .directory
        .domain()
        .unwrap()
        .device_registration_service;
    world.commit([change::set(service, Attribute::MsDsRegistrationQuota, 0)]);
    let computer = world.computer("LAPTOP-1");
    let (key, transport) = keys();
    let token = computer_token(&mut world, computer);
    let response = post(&mut world, &token, &body(&key, &transport));
    assert_eq!(
        (response.status, json(&response)["ErrorType"].as_str()),
        (403, Some("AuthorizationError"))
    );
    world.commit([change::set(service, Attribute::MsDsRegistrationQuota, 1)]);
    let token = computer_token(&mut world, computer);
    assert_eq!(
        post(&mut world, &token, &body(&key, &transport)).status,
        200
    );
    let token = computer_token(&mut world, computer);
    assert_eq!(
        post(&mut world, &token, &body(&key, &transport)).status,
        200,
        "again takes no new place"
    );
}
