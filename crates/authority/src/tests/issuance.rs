//! Founding, the log, and how certificates come to be.

use std::sync::atomic::{AtomicBool, Ordering};

use crypto::signature::SignError;
use directory::storage::{Memory, Order, Storage};
use directory::testing::over;
use wire::http::{Method, Request};
use wire::x509::{GeneralName, KerberosName, KeyUsage, oid};

use super::*;

#[test]
fn founding_makes_three_roots_by_way_of_the_log() {
    let mut house = House::empty();
    assert!(house.found());
    for ca in Ca::ALL {
        assert_eq!(events(&house.log(ca)), [Event::CertificateToBeSigned]);
        assert_eq!(authority(&house.snapshot(), ca, house.now).unwrap(), None);
    }
    house.settle();
    for ca in Ca::ALL {
        let root = house.root(ca);
        assert_issued_by(&root, &root);
        let constraints = root.extensions().basic_constraints().unwrap().unwrap();
        assert!(constraints.ca);
        let signed = &house.log(ca)[1];
        assert_eq!(
            (signed.event, signed.about),
            (Event::CertificateSigned, Some(1))
        );
        assert_eq!(signed.content, root.der());
    }
    house.assert_whole_logs();
    let devices = house.root(Ca::Devices).subject().to_string();
    // Protocols B.5: CN=MS-Organization-Access, OU=<guid>, DC=…
    let (own, rest) = devices.split_once(',').unwrap();
    assert!(own.strip_prefix("OU=").unwrap().parse::<Guid>().is_ok());
    assert_eq!(rest, "CN=MS-Organization-Access,DC=corp,DC=example");
}

#[test]
fn a_tenant_has_no_authority_for_kdcs_and_people() {
    let mut house = House::of_a_tenant();
    assert!(house.found());
    house.settle();
    for ca in Ca::ALL {
        let root = authority(&house.snapshot(), ca, house.now).unwrap();
        assert_eq!(root.is_some(), ca != Ca::Enterprise, "{ca}");
    }
    house.assert_whole_logs();
    let snapshot = house.snapshot();
    let kdcs = kdc_credentials(&snapshot, "dc1.corp.example", house.now).unwrap();
    assert!(kdcs.is_empty());
    let tls = tls_credential(&snapshot, "federation", house.now).unwrap();
    assert_issued_by(&tls.unwrap().certificate, &house.root(Ca::Tls));
}

#[test]
fn founding_again_changes_nothing_and_nothing_else_founds() {
    let mut house = House::founded();
    assert!(!house.found());
    let mut house = House::empty();
    assert!(!house.tick());
    assert_eq!(house.log(Ca::Enterprise), []);
}

#[test]
fn founding_with_rsa_gives_an_rsa_root() {
    let mut house = House::empty();
    house.configuration = configured(&Settings::default());
    house.found();
    house.settle();
    let key = PublicKey::from_spki_der(house.root(Ca::Enterprise).spki()).unwrap();
    assert_eq!(key.bits(), 2048);
    let all = kdc_credentials(&house.snapshot(), "dc1.corp.example", house.now).unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "kdc/dc1.corp.example/p-256",
            "kdc/dc1.corp.example/rsa-2048"
        ]
    );
    let [ec, rsa] = &all[..] else {
        panic!("one per kind of key");
    };
    let usage = |one: &Credential| one.certificate.extensions().key_usage().unwrap().unwrap();
    let signs = KeyUsage::DIGITAL_SIGNATURE;
    assert_eq!(usage(ec), signs);
    assert_eq!(usage(rsa), signs.and(KeyUsage::KEY_ENCIPHERMENT));
}

#[test]
fn a_kdc_certificate_says_what_every_client_asks_of_it() {
    // Protocols E.3.5, AUTH-KDC-5 to 10, PKI-T1-REQ.
    let house = House::founded();
    let kdc = house.kdc();
    assert_issued_by(&kdc.certificate, &house.root(Ca::Enterprise));
    assert_eq!(
        kdc.private_key().unwrap().public_key().to_spki_der(),
        kdc.certificate.spki()
    );
    let extensions = kdc.certificate.extensions();
    assert_eq!(
        extensions.subject_alternative_names().unwrap(),
        [
            GeneralName::Dns("dc1.corp.example".into()),
            GeneralName::Dns("corp.example".into()),
            GeneralName::Dns("CORP".into()),
            GeneralName::Kerberos(KerberosName::kdc("CORP.EXAMPLE")),
        ]
    );
    let purposes = extensions.extended_key_usage().unwrap().unwrap();
    assert_eq!(
        purposes,
        [
            oid::PKINIT_KDC,
            oid::SERVER_AUTHENTICATION,
            oid::CLIENT_AUTHENTICATION,
            oid::SMART_CARD_LOGON
        ]
    );
    assert!(is_kdc(&kdc.certificate) && !is_kdc(&house.tls().certificate));
    assert_eq!(
        extensions.crl_distribution_points().unwrap(),
        ["http://pki.corp.example/root.crl"]
    );
    assert_eq!(
        extensions.ca_issuers().unwrap(),
        ["http://pki.corp.example/root.crt"]
    );
    assert_eq!(
        extensions.certificate_template_name().unwrap().as_deref(),
        Some("DomainController")
    );
    assert_eq!(kdc.certificate.subject(), &Name::common("dc1.corp.example"));
}

#[test]
fn a_tls_certificate_has_the_names_and_addresses_of_its_server() {
    let house = House::founded();
    let tls = house.tls();
    assert_issued_by(&tls.certificate, &house.root(Ca::Tls));
    assert_eq!(
        tls.certificate
            .extensions()
            .subject_alternative_names()
            .unwrap(),
        [
            GeneralName::Dns("sts.corp.example".into()),
            GeneralName::Ip("127.0.0.1".parse().unwrap()),
        ]
    );
    let purposes = tls.certificate.extensions().extended_key_usage().unwrap();
    assert_eq!(purposes, Some(vec![oid::SERVER_AUTHENTICATION]));
}

#[test]
fn a_device_certificate_is_that_of_protocols_b_5() {
    let mut house = House::founded();
    let device = house.device();
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let request = house.ask(device, &key);
    house.settle();
    let Some(Outcome::Issued(certificate)) = house.outcome(&request) else {
        panic!("it is issued");
    };
    assert_issued_by(&certificate, &house.root(Ca::Devices));
    assert_eq!(certificate.subject(), &Name::common(&device.1.to_string()));
    assert_eq!(certificate.spki(), key.public_key().to_spki_der());
    assert_eq!(certificate.not_after(), (START + Span::days(3652)).unix());
    let extensions = certificate.extensions();
    assert_eq!(
        extensions.key_usage(),
        Ok(Some(KeyUsage::DIGITAL_SIGNATURE))
    );
    let purposes = extensions.find(oid::EXTENDED_KEY_USAGE).unwrap();
    assert!(purposes.critical);
    let id = extensions.find(oid::DEVICE.push_arc(2).unwrap()).unwrap();
    let expected = [&[4, 0x81, 16][..], &device.1.to_windows_bytes()].concat();
    assert_eq!(id.value, expected, "as public certificates have it");
    assert_eq!(DeviceExtensions::read(extensions), Ok(says(device.1)));
    let issued = super::certificate(
        &house.snapshot(),
        Ca::Devices,
        certificate.serial(),
        house.now,
    );
    let issued = issued.unwrap().unwrap();
    assert_eq!((issued.holder, issued.revoked), (Some(device.0.0), None));
}

#[test]
fn the_device_certificate_of_a_tenant_says_what_b5_says_byte_for_byte() {
    let mut house = House::of_a_tenant();
    assert!(house.found());
    house.settle();
    let (entry, device) = house.device();
    let guid = |text: &str| text.parse::<Guid>().unwrap();
    let [instance, user, tenant] = [
        guid("11111111-2222-3333-4444-555555555555"),
        guid("21111111-2222-3333-4444-555555555555"),
        guid("41111111-2222-3333-4444-555555555555"),
    ];
    let says = DeviceExtensions {
        instance: Some(instance),
        device: Some(device),
        user: Some(user),
        domain: None,
        tenant: Some(tenant),
        join_type: Some(JoinType::Joined),
        region: Some("EU".to_owned()),
    };
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let enrolment = DeviceEnrolment::new(entry.0, says, possessed(&key));
    let until = house.now + Span::hours(1);
    let put = change::put(records::REQUESTS, b"join", enrolment.to_bytes(), until);
    house.commit(vec![put]);
    house.settle();
    let Some(Outcome::Issued(certificate)) = house.outcome(b"join") else {
        panic!("it is issued");
    };
    assert_issued_by(&certificate, &house.root(Ca::Devices));
    assert_eq!(certificate.not_after(), (START + Span::days(3652)).unix());

    // One name, a UTF8String, in lower case: known clients take the first of the subject for the device.
    let name = device.to_string();
    assert_eq!(name, name.to_lowercase());
    let text = [&[0x0c, 36][..], name.as_bytes()].concat();
    let attribute = [&[0x30, 43, 6, 3, 0x55, 4, 3][..], &text].concat();
    let subject = [&[0x30, 47, 0x31, 45][..], &attribute].concat();
    assert_eq!(certificate.subject().der(), subject);

    let written = |guid: Guid| [&[4, 0x81, 16][..], &guid.to_windows_bytes()].concat();
    let find = |last: u32| {
        let found = certificate
            .extensions()
            .find(oid::DEVICE.push_arc(last).unwrap());
        assert!(found.is_none_or(|extension| !extension.critical), "{last}");
        found.map(|extension| extension.value.clone())
    };
    assert_eq!(find(1), Some(written(instance)));
    assert_eq!(find(2), Some(written(device)));
    assert_eq!(find(3), Some(written(user)));
    assert_eq!(find(4), None, "there is no domain");
    assert_eq!(find(5), Some(written(tenant)));
    assert_eq!(find(6), None);
    assert_eq!(find(7), Some(vec![4, 0x81, 1, b'1']));
    assert_eq!(find(8), Some(vec![4, 0x81, 2, b'E', b'U']));
    for (oid, value) in [
        // No authority, whose purpose is to sign, for clients.
        (oid::BASIC_CONSTRAINTS, &[0x30, 0][..]),
        (oid::KEY_USAGE, &[3, 2, 7, 0x80]),
        (
            oid::EXTENDED_KEY_USAGE,
            &[0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2],
        ),
    ] {
        let found = certificate.extensions().find(oid).unwrap();
        assert_eq!(
            (found.critical, found.value.as_slice()),
            (true, value),
            "{oid}"
        );
    }
}

#[test]
fn device_extensions_are_minimal_where_the_switch_says_so() {
    let mut house = House::empty();
    house.configuration = configured(&Settings {
        device_ext_non_minimal_der: false,
        ..quick()
    });
    house.found();
    house.settle();
    let (_, certificate) = house.enrolled();
    let id = certificate
        .extensions()
        .find(oid::DEVICE.push_arc(2).unwrap());
    assert_eq!(id.unwrap().value[..2], [4, 16]);
}

#[test]
fn nobody_has_a_certificate_before_the_log_has_it() {
    let mut house = House::founded();
    let before = house.log(Ca::Devices).len();
    let device = house.device();
    let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
    assert!(house.react(), "the device");
    assert!(house.react(), "the request");
    let log = house.log(Ca::Devices);
    assert_eq!(events(&log[before..]), [Event::CertificateToBeSigned]);
    assert_eq!(house.outcome(&request), None, "first the log");
    assert!(house.react(), "the log's own commit");
    let Some(Outcome::Issued(certificate)) = house.outcome(&request) else {
        panic!("then the certificate");
    };
    let log = house.log(Ca::Devices);
    let [to_be_signed, signed] = &log[before..] else {
        panic!("two entries");
    };
    assert_eq!(certificate.tbs(), to_be_signed.content);
    assert_eq!(certificate.der(), signed.content);
    assert_eq!(signed.about, Some(to_be_signed.sequence));
    assert_eq!(
        to_be_signed.cause,
        format!("registration of device {}", device.1)
    );
    house.assert_whole_logs();
}

#[test]
fn what_a_crash_left_waiting_is_signed_at_the_next_tick() {
    let mut house = House::founded();
    let device = house.device();
    let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
    house.unseen.clear();
    assert!(house.tick(), "the request");
    assert_eq!(house.outcome(&request), None);
    house.unseen.clear();
    house.now = house.now + Span::minutes(5);
    assert!(house.tick(), "the signature");
    assert!(matches!(house.outcome(&request), Some(Outcome::Issued(_))));
    house.unseen.clear();
    assert!(!house.tick(), "nothing is left");
}

#[test]
fn reacting_twice_is_reacting_once() {
    let mut house = House::founded();
    let device = house.device();
    house.ask(device, &PrivateKey::generate(KeyKind::P256));
    while let Some(commit) = house.unseen.pop_front() {
        house.unseen.push_front(commit.clone());
        house.react();
        let before = house.log(Ca::Devices);
        house.unseen.push_front(commit);
        house.react();
        assert_eq!(house.log(Ca::Devices), before);
    }
    let signed = events(&house.log(Ca::Devices));
    let certificates = signed
        .iter()
        .filter(|event| **event == Event::CertificateSigned);
    assert_eq!(certificates.count(), 2, "the root and one device");
}

#[test]
fn two_nodes_that_do_the_same_at_once_do_it_once() {
    let mut house = House::founded();
    let device = house.device();
    house.ask(device, &PrivateKey::generate(KeyKind::P256));
    let view = |snapshot: &Snapshot<'_>, house: &House| {
        let view = View {
            snapshot,
            configuration: &house.configuration,
            keys: &house.keys,
        };
        tick(&view, house.now, &mut Seeded::new(7)).unwrap()
    };
    let (one, two) = (house.snapshot(), house.snapshot());
    let (first, second) = (view(&one, &house), view(&two, &house));
    let (one, two) = (one.into_reads(), two.into_reads());
    assert!(house.directory.commit(&first, &one, house.now).is_ok());
    assert!(matches!(
        house.directory.commit(&second, &two, house.now),
        Err(directory::CommitError::Conflict)
    ));
}

#[test]
fn what_waited_too_long_is_abandoned_and_asked_for_anew() {
    let mut house = House::founded();
    house.now = house.tls().renewed_at();
    house.tick();
    house.unseen.clear();
    let before = house.tls();
    house.now = house.now + Span::days(3);
    house.tick();
    house.settle();
    assert!(events(&house.log(Ca::Tls)).contains(&Event::Abandoned));
    assert_eq!(house.tls().certificate, before.certificate);
    house.tick();
    house.settle();
    assert_ne!(house.tls().certificate, before.certificate);
    house.assert_whole_logs();
}

#[test]
fn a_log_entry_that_was_tampered_with_is_not_signed() {
    let mut house = House::founded();
    let device = house.device();
    let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
    house.react();
    house.react();
    let entry = house.log(Ca::Devices).pop().unwrap();
    // keyUsage: keyCertSign in place of digitalSignature.
    let mut content = entry.content.clone();
    let signs = [3, 2, 7, 0x80];
    let at = content.windows(4).position(|part| part == signs).unwrap();
    content[at + 2..at + 4].copy_from_slice(&[2, 4]);
    let forged = LogEntry {
        content,
        ..entry.clone()
    };
    let key = records::numbered(Ca::Devices, entry.sequence);
    let put = change::put(
        records::LOG,
        key,
        forged.encode().unwrap(),
        Timestamp::NEVER,
    );
    house.commit(vec![put]);
    house.settle();
    assert!(matches!(house.outcome(&request), Some(Outcome::Refused(_))));
    let checked = log::check(&house.snapshot(), Ca::Devices, house.now).unwrap();
    let broken = checked.unwrap_err();
    assert_eq!(broken.sequence, entry.sequence + 1, "and the chain tells");
}

#[test]
fn the_log_tells_where_it_was_changed_cut_or_thinned() {
    let house = House::founded();
    let log = house.log(Ca::Enterprise);
    assert!(log.len() >= 5, "{:?}", events(&log));
    let check = |entries: &[LogEntry]| log::Check::start(Ca::Enterprise).past(entries);
    assert_eq!(check(&log).unwrap().checked(), log.len() as u64);

    let mut changed = log.clone();
    changed[1].cause = "another".into();
    assert_eq!(check(&changed).unwrap_err().sequence, 3);
    let mut thinned = log.clone();
    thinned.remove(2);
    assert_eq!(check(&thinned).unwrap_err().sequence, 3);
    let mut swapped = log.clone();
    swapped.swap(0, 1);
    assert_eq!(check(&swapped).unwrap_err().sequence, 1);

    let last = log.last().unwrap().sequence;
    let key = records::numbered(Ca::Enterprise, last);
    let cut = change::remove(records::LOG, key);
    house
        .directory
        .commit(&[cut], &Reads::none(), house.now)
        .unwrap();
    let checked = log::check(&house.snapshot(), Ca::Enterprise, house.now).unwrap();
    assert_eq!(checked.unwrap_err().sequence, last);
}

#[test]
fn refuses_a_device_that_the_directory_does_not_know_as_such() {
    let mut house = House::founded();
    let key = PrivateKey::generate(KeyKind::P256);
    let stranger = (EntryId::random(&mut house.rng), Guid::from_random([9; 16]));
    let request = house.ask(stranger, &key);
    assert!(house.refused(&request).contains("does not exist"));

    let (id, _) = house.device();
    let request = house.ask((id, Guid::from_random([9; 16])), &key);
    assert!(
        house.refused(&request).contains("does not exist"),
        "another device's name"
    );

    let device = house.device();
    house.commit(vec![change::set_device_enabled(device.0, false)]);
    let request = house.ask(device, &key);
    assert!(house.refused(&request).contains("disabled"));

    let request = vec![5; 16];
    let put = change::put(
        records::REQUESTS,
        request.clone(),
        b"nonsense".to_vec(),
        Timestamp::NEVER,
    );
    house.commit(vec![put]);
    assert!(house.refused(&request).contains("cannot be read"));
    assert_eq!(
        house.audit("certificate.issue")[0].result,
        directory::AuditResult::Refused
    );
}

#[test]
fn refuses_a_key_that_another_device_has_a_certificate_for() {
    let mut house = House::founded();
    let key = PrivateKey::generate(KeyKind::P256);
    let (first, second) = (house.device(), house.device());
    let request = house.ask(first, &key);
    house.settle();
    assert!(matches!(house.outcome(&request), Some(Outcome::Issued(_))));
    let request = house.ask(second, &key);
    assert!(house.refused(&request).contains("certified for another"));

    let request = house.ask(first, &key);
    house.settle();
    assert!(
        matches!(house.outcome(&request), Some(Outcome::Issued(_))),
        "its own"
    );
    house.commit(vec![Change::Delete { id: first.0 }]);
    house.settle();
    let request = house.ask(second, &key);
    house.settle();
    assert!(
        matches!(house.outcome(&request), Some(Outcome::Issued(_))),
        "it is free again"
    );
}

#[test]
fn refuses_a_key_that_is_on_its_way_into_the_certificate_of_another_device() {
    let mut house = House::founded();
    let devices = [house.device(), house.device()];
    // Both requests before either is looked at; then both in one call, and each in its own.
    for by_tick in [true, false] {
        let key = PrivateKey::generate(KeyKind::P256);
        let requests = devices.map(|device| house.ask(device, &key));
        if by_tick {
            house.unseen.clear();
            house.tick();
        }
        house.settle();
        let issued = requests
            .iter()
            .filter(|request| matches!(house.outcome(request), Some(Outcome::Issued(_))));
        assert_eq!(issued.count(), 1, "by tick: {by_tick}");
    }
}

#[test]
fn a_request_that_comes_before_the_authority_is_founded_waits_for_it() {
    let mut house = House::empty();
    let device = house.device();
    let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
    house.settle();
    assert_eq!(house.outcome(&request), None);
    house.found();
    house.settle();
    assert!(matches!(house.outcome(&request), Some(Outcome::Issued(_))));
}

/// A token: signs, fails, or lies.
struct Token {
    key: PrivateKey,
    fails: AtomicBool,
    lies: AtomicBool,
}

impl Signer for Token {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, SignError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(SignError::Failed);
        }
        if self.lies.load(Ordering::SeqCst) {
            return self.key.sign(algorithm, b"something else");
        }
        self.key.sign(algorithm, message)
    }
}

fn token() -> Arc<Token> {
    Arc::new(Token {
        key: PrivateKey::generate(KeyKind::P256),
        fails: AtomicBool::new(false),
        lies: AtomicBool::new(false),
    })
}

#[test]
fn a_key_that_someone_else_holds_is_used_and_never_stored() {
    let mut house = House::empty();
    let token = token();
    house.keys = Keys::in_directory().with(Ca::Devices, token.clone());
    house.found();
    house.settle();
    let root = house.root(Ca::Devices);
    assert_eq!(root.spki(), token.public_key().to_spki_der());
    let stored = |ca: Ca| {
        let key = ca.name().as_bytes();
        house
            .snapshot()
            .record(records::KEYS, key, house.now)
            .unwrap()
            .is_some()
    };
    assert!(!stored(Ca::Devices));
    assert!(stored(Ca::Enterprise));
    house.enrolled();
}

#[test]
fn a_token_that_fails_delays_and_is_told_of_once_a_day() {
    let mut house = House::empty();
    let token = token();
    house.keys = Keys::in_directory().with(Ca::Devices, token.clone());
    house.found();
    house.settle();
    token.fails.store(true, Ordering::SeqCst);
    let device = house.device();
    let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
    house.settle();
    assert_eq!(house.outcome(&request), None);
    let told = |house: &House| {
        let all = house.audit("certificate.issue");
        all.iter()
            .filter(|one| one.result == directory::AuditResult::Refused)
            .count()
    };
    assert_eq!(told(&house), 1);
    for _ in 0..3 {
        house.now = house.now + Span::minutes(1);
        house.tick();
        house.settle();
    }
    assert_eq!(told(&house), 1);
    let reason = house.audit("certificate.issue")[0].reason.clone();
    assert_eq!(
        reason.as_deref(),
        Some("the authority's key did not sign: signing failed")
    );
    token.fails.store(false, Ordering::SeqCst);
    house.tick();
    assert!(matches!(house.outcome(&request), Some(Outcome::Issued(_))));
}

#[test]
fn a_signature_that_does_not_verify_is_given_to_nobody() {
    let mut house = House::empty();
    let token = token();
    house.keys = Keys::in_directory().with(Ca::Devices, token.clone());
    house.found();
    house.settle();
    token.lies.store(true, Ordering::SeqCst);
    let device = house.device();
    let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
    house.settle();
    assert_eq!(house.outcome(&request), None);
    let reason = house.audit("certificate.issue")[0].reason.clone();
    let expected = "the signature of the authority devices does not verify";
    assert_eq!(reason.as_deref(), Some(expected));
}

#[test]
fn a_key_that_is_not_the_authoritys_signs_nothing() {
    let mut house = House::founded();
    house.keys = Keys::in_directory().with(Ca::Devices, token());
    let device = house.device();
    let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
    house.settle();
    assert_eq!(house.outcome(&request), None);
    let reason = house.audit("certificate.issue")[0].reason.clone().unwrap();
    assert!(
        reason.contains("is not that of its certificate"),
        "{reason}"
    );
}

#[test]
fn private_keys_rest_wrapped() {
    let storage = Arc::new(Memory::new());
    let mut house = House::empty();
    house.directory = over(storage.clone());
    house.found();
    house.settle();
    let snapshot = house.snapshot();
    let mut keys: Vec<Vec<u8>> = Ca::ALL
        .iter()
        .map(|ca| {
            let record = snapshot.record(records::KEYS, ca.name().as_bytes(), house.now);
            record.unwrap().unwrap().value.bytes().to_vec()
        })
        .collect();
    keys.push(house.kdc().key().expose().to_vec());
    keys.push(house.tls().key().expose().to_vec());
    let read = storage.snapshot().unwrap();
    let rows = read
        .scan(&[0], &[0xff], usize::MAX, Order::Ascending)
        .unwrap();
    assert!(rows.len() > 50);
    for key in keys {
        // PKCS#8 of a P-256 key: an OCTET STRING of 32 bytes after 34 others is the secret number.
        assert_eq!(key[34..36], [4, 32]);
        let secret = &key[36..68];
        let bare = |row: &[u8]| row.windows(secret.len()).any(|window| window == secret);
        assert!(!rows.iter().any(|(_, value)| bare(value)));
    }
}

#[test]
fn lists_and_certificates_are_given_to_whoever_asks() {
    let house = House::founded();
    let get = |path: &str| answer(&Request::get(path), &house.snapshot(), house.now).unwrap();
    for ca in Ca::ALL {
        let list = get(&format!("/{ca}.crl"));
        assert_eq!(list.status, 200);
        assert_eq!(
            list.headers.get("Content-Type"),
            Some("application/pkix-crl")
        );
        assert_eq!(
            list.headers.get("Cache-Control"),
            Some("public, max-age=300")
        );
        assert_eq!(list.body, house.list(ca).der());
        let certificate = get(&format!("/pki/{ca}.crt"));
        assert_eq!(
            certificate.headers.get("Content-Type"),
            Some("application/pkix-cert")
        );
        assert_eq!(certificate.body, house.root(ca).der());
    }
    for path in [
        "/",
        "/other.crl",
        "/root.pem",
        "/root",
        "/.crl",
        "/%2e%2e/root.crl.bak",
    ] {
        assert_eq!(get(path).status, 404, "{path}");
    }
    let post = Request::new(Method::Post, "/root.crl");
    let answered = answer(&post, &house.snapshot(), house.now).unwrap();
    assert_eq!(answered.status, 405);
    let empty = House::empty();
    let answered = answer(&Request::get("/root.crl"), &empty.snapshot(), empty.now).unwrap();
    assert_eq!(answered.status, 404);
}
