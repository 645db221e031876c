//! Each rule with an encoding that breaks it and no other.

use std::sync::LazyLock;

use const_oid::ObjectIdentifier;
use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use trust::Span;
use wire::x509::device::{DeviceExtensions, JoinType, Length};
use wire::x509::{
    BasicConstraints, Extension, GeneralName, KerberosName, KeyUsage, Name, Reason, Revoked,
    TbsCertList, TbsCertificate, assemble, oid,
};

use super::*;
use crate::profile::{
    BACKDATED, Issuer, KdcNames, KeyIdentifier, LogonNames, Places, Profile, TlsNames,
};

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const DEVICE: &str = "47f577e3-d2d0-4a0a-8aca-e0501098bde4";

static RSA: LazyLock<PublicKey> =
    LazyLock::new(|| PrivateKey::generate(KeyKind::Rsa2048).public_key().clone());
static P256: LazyLock<PublicKey> =
    LazyLock::new(|| PrivateKey::generate(KeyKind::P256).public_key().clone());

fn root_name() -> Name {
    Name::new([
        (oid::DOMAIN_COMPONENT, "example"),
        (oid::DOMAIN_COMPONENT, "corp"),
        (oid::COMMON_NAME, "CORP Root"),
    ])
}

fn issuer_of(key: &PublicKey) -> Issuer {
    Issuer {
        name: root_name(),
        key: KeyIdentifier::of(key),
        algorithm: SignatureAlgorithm::default_for(key),
        not_before: NOW - Span::days(100),
        not_after: NOW + Span::days(7000),
        places: Some(Places {
            list: "http://pki.corp.example/root.crl".into(),
            certificate: "http://pki.corp.example/root.crt".into(),
        }),
    }
}

/// The certificate of the authority; the linter does not check its signature.
fn issuer_certificate(key: &PublicKey) -> Vec<u8> {
    let issuer = issuer_of(key);
    let profile = Profile::Root(issuer.name.clone());
    let begun = issuer.not_before + BACKDATED;
    let tbs = profile.encode(key, &[1; 16], &issuer, Span::days(8000), begun);
    assemble(&tbs, &issuer.algorithm.identifier_der(), &[0; 64])
}

fn profile(kind: Kind) -> Profile {
    match kind {
        Kind::Root => Profile::Root(root_name()),
        Kind::Logon => Profile::Logon(LogonNames {
            name: "alice".into(),
            upn: "alice@corp.example".into(),
            sid: "S-1-5-21-1-2-3-1104".parse().unwrap(),
        }),
        Kind::Kdc => Profile::Kdc(KdcNames {
            host: "dc1.corp.example".into(),
            domain: "corp.example".into(),
            netbios: Some("CORP".into()),
            realm: "CORP.EXAMPLE".into(),
        }),
        Kind::TlsServer => Profile::TlsServer(TlsNames {
            hosts: vec!["sts.corp.example".into(), "*.corp.example".into()],
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        }),
        Kind::Device => Profile::Device(
            DeviceExtensions {
                instance: Some("11111111-2222-3333-4444-555555555555".parse().unwrap()),
                device: Some(DEVICE.parse().unwrap()),
                user: Some("21111111-2222-3333-4444-555555555555".parse().unwrap()),
                domain: Some("31111111-2222-3333-4444-555555555555".parse().unwrap()),
                join_type: Some(JoinType::Joined),
                region: Some("EU".into()),
                ..DeviceExtensions::default()
            },
            Length::LikePublicCertificates,
        ),
    }
}

const KINDS: [Kind; 5] = [
    Kind::Root,
    Kind::Kdc,
    Kind::TlsServer,
    Kind::Device,
    Kind::Logon,
];

fn life(kind: Kind) -> Span {
    match kind {
        Kind::Root => Span::days(20 * 365),
        Kind::Kdc | Kind::Logon => Span::days(365),
        Kind::TlsServer => Span::days(90),
        Kind::Device => Span::days(3652),
    }
}

/// A certificate as its profile writes it, open for changes.
struct Draft {
    kind: Kind,
    serial: Vec<u8>,
    algorithm: Vec<u8>,
    issuer: Name,
    not_before: i64,
    not_after: i64,
    subject: Name,
    spki: Vec<u8>,
    extensions: Vec<Extension>,
    signer: PublicKey,
}

impl Draft {
    fn of(kind: Kind, key: &PublicKey) -> Self {
        let signer = if kind == Kind::Root { key } else { &*P256 };
        let issuer = issuer_of(signer);
        let tbs = profile(kind).encode(key, &[0x5a; 16], &issuer, life(kind), NOW);
        let der = assemble(&tbs, &issuer.algorithm.identifier_der(), &[0; 64]);
        let read = wire::x509::Certificate::parse(&der).unwrap();
        assert_eq!(
            certificate_bytes(&tbs, kind, signer),
            Ok(()),
            "the draft itself"
        );
        Self {
            kind,
            serial: read.serial().to_vec(),
            algorithm: read.signature_algorithm().to_vec(),
            issuer: read.issuer().clone(),
            not_before: read.not_before(),
            not_after: read.not_after(),
            subject: read.subject().clone(),
            spki: read.spki().to_vec(),
            extensions: read.extensions().iter().cloned().collect(),
            signer: signer.clone(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        TbsCertificate {
            serial: &self.serial,
            signature_algorithm: &self.algorithm,
            issuer: &self.issuer,
            not_before: self.not_before,
            not_after: self.not_after,
            subject: &self.subject,
            spki: &self.spki,
            extensions: &self.extensions,
        }
        .encode()
    }

    fn extension(&mut self, id: ObjectIdentifier) -> &mut Extension {
        self.extensions
            .iter_mut()
            .find(|extension| extension.oid == id)
            .unwrap()
    }

    fn without(mut self, id: ObjectIdentifier) -> Self {
        let before = self.extensions.len();
        self.extensions.retain(|extension| extension.oid != id);
        assert_eq!(self.extensions.len() + 1, before);
        self
    }

    fn replace(mut self, extension: Extension) -> Self {
        let id = extension.oid;
        *self.extension(id) = extension;
        self
    }

    #[track_caller]
    fn breaks(&self, rule: Rule) {
        self.breaks_as(&self.encode(), rule);
    }

    #[track_caller]
    fn breaks_as(&self, tbs: &[u8], rule: Rule) {
        let violations = certificate_bytes(tbs, self.kind, &self.signer).expect_err("a violation");
        assert_eq!(violations.rules(), [rule], "{violations}");
    }

    #[track_caller]
    fn passes(&self) {
        assert_eq!(
            certificate_bytes(&self.encode(), self.kind, &self.signer),
            Ok(())
        );
    }
}

fn certificate_bytes(tbs: &[u8], kind: Kind, signer: &PublicKey) -> Result<(), Violations> {
    let issuer = (kind != Kind::Root).then(|| issuer_certificate(signer));
    let passed = certificate(tbs, kind, issuer.as_deref(), NOW)?;
    assert_eq!(passed.to_be_signed(), tbs);
    Ok(())
}

/// The elements inside an element.
fn children(der: &[u8]) -> Vec<Vec<u8>> {
    let (_, mut content, _) = strict::split(der).unwrap();
    let mut list = Vec::new();
    while !content.is_empty() {
        let (_, _, rest) = strict::split(content).unwrap();
        list.push(content[..content.len() - rest.len()].to_vec());
        content = rest;
    }
    list
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match content.len() {
        short @ 0..=0x7f => der.push(short as u8),
        long @ 0x80..=0xff => der.extend([0x81, long as u8]),
        long => der.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    der.extend(content);
    der
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

fn subject_of_two(kind: u8, value: &[u8]) -> Name {
    let attribute = |tag: u8, value: &[u8]| {
        let pair = [element(6, &[0x55, 4, 3]), element(tag, value)].concat();
        element(0x31, &element(0x30, &pair))
    };
    Name::parse(&element(0x30, &attribute(kind, value))).unwrap()
}

#[test]
fn what_the_profiles_write_breaks_no_rule() {
    for kind in KINDS {
        for key in [&*RSA, &*P256] {
            Draft::of(kind, key).passes();
        }
    }
}

#[test]
fn version_is_3() {
    let draft = Draft::of(Kind::Kdc, &P256);
    let mut fields = children(&draft.encode());
    fields[0] = vec![0xa0, 3, 2, 1, 1];
    draft.breaks_as(&sequence(&fields), Rule::Version);
}

#[test]
fn encoding_is_der_in_every_byte() {
    let draft = Draft::of(Kind::Kdc, &P256);
    let mut fields = children(&draft.encode());
    fields[1] = vec![
        2, 0x81, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ];
    draft.breaks_as(&sequence(&fields), Rule::Encoding);

    // A DEFAULT that is written out.
    let mut fields = children(&draft.encode());
    let mut extensions = children(&children(fields.last().unwrap())[0]);
    let not_critical = &children(&extensions[2])[..];
    let spelled = [&not_critical[..1], &[vec![1, 1, 0]], &not_critical[1..]].concat();
    extensions[2] = sequence(&spelled);
    *fields.last_mut().unwrap() = element(0xa3, &sequence(&extensions));
    draft.breaks_as(&sequence(&fields), Rule::Encoding);

    // Not DER inside an extension.
    let mut draft = Draft::of(Kind::Kdc, &P256);
    draft.extension(oid::EXTENDED_KEY_USAGE).value.push(0);
    draft.breaks(Rule::Encoding);

    draft.breaks_as(&[], Rule::Encoding);
    draft.breaks_as(&[0x30, 0], Rule::Encoding);
    let mut tail = Draft::of(Kind::Kdc, &P256).encode();
    tail.push(0);
    draft.breaks_as(&tail, Rule::Encoding);
}

#[test]
fn serial_number_has_8_to_20_octets_and_is_positive() {
    let mut draft = Draft::of(Kind::Device, &P256);
    draft.serial = vec![1; 7];
    draft.breaks(Rule::SerialNumber);
    draft.serial = vec![0x80; 20];
    draft.breaks(Rule::SerialNumber);
    draft.serial = vec![0x7f; 20];
    draft.passes();
    draft.serial = vec![1; 8];
    draft.passes();
    let mut fields = children(&draft.encode());
    fields[1] = element(2, &[0x81; 16]);
    draft.breaks_as(&sequence(&fields), Rule::SerialNumber);
}

#[test]
fn signature_algorithm_is_on_the_list_and_of_the_issuers_key() {
    let mut draft = Draft::of(Kind::Device, &P256);
    let sha1_rsa = [
        0x30, 13, 6, 9, 42, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 5, 5, 0,
    ];
    let sha1_ecdsa = [0x30, 9, 6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 4, 1];
    let null_ecdsa = [0x30, 12, 6, 8, 42, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2, 5, 0];
    for algorithm in [
        &sha1_rsa[..],
        &sha1_ecdsa,
        &null_ecdsa,
        &SignatureAlgorithm::RsaPkcs1Sha256.identifier_der(),
        &SignatureAlgorithm::RsaPssSha256.identifier_der(),
        &SignatureAlgorithm::EcdsaSha512.identifier_der(),
    ] {
        draft.algorithm = algorithm.to_vec();
        draft.breaks(Rule::SignatureAlgorithm);
    }
    let mut root = Draft::of(Kind::Root, &RSA);
    root.algorithm = vec![0x30, 11, 6, 9, 42, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11];
    root.breaks(Rule::SignatureAlgorithm);
    root.algorithm = SignatureAlgorithm::EcdsaSha256.identifier_der();
    root.breaks(Rule::SignatureAlgorithm);
}

#[test]
fn issuer_name_is_the_issuers_subject() {
    let mut draft = Draft::of(Kind::Kdc, &P256);
    draft.issuer = Name::common("CORP Root");
    draft.breaks(Rule::IssuerName);
    let mut root = Draft::of(Kind::Root, &P256);
    root.issuer = Name::common("someone else");
    root.breaks(Rule::IssuerName);
}

#[test]
fn validity_runs_forward() {
    let mut draft = Draft::of(Kind::Kdc, &P256);
    draft.not_after = draft.not_before;
    draft.breaks(Rule::ValidityOrder);
}

#[test]
fn validity_stays_within_its_bounds() {
    let day = 86_400;
    type Change = (Kind, fn(&mut Draft));
    let bounds: [Change; 6] = [
        (Kind::Kdc, |draft| draft.not_before = NOW.unix() + 1),
        (Kind::Kdc, |draft| {
            draft.not_before = NOW.unix() - 3 * 86_400
        }),
        (Kind::Kdc, |draft| {
            draft.not_after = NOW.unix() + 733 * 86_400
        }),
        (Kind::TlsServer, |draft| {
            draft.not_after = NOW.unix() + 398 * 86_400
        }),
        (Kind::Device, |draft| {
            draft.not_after = NOW.unix() + 3661 * 86_400
        }),
        (Kind::Root, |draft| {
            draft.not_after = NOW.unix() + 26 * 366 * 86_400
        }),
    ];
    for (kind, change) in bounds {
        let mut draft = Draft::of(kind, &P256);
        change(&mut draft);
        draft.breaks(Rule::ValidityBounds);
    }

    let draft = Draft::of(Kind::Device, &P256);
    let mut issuer = issuer_of(&P256);
    issuer.not_after = Timestamp::from_unix(draft.not_after - day);
    let tbs = Profile::Root(root_name()).encode(
        &P256,
        &[1; 16],
        &issuer,
        Span::days(8000),
        NOW - Span::days(99),
    );
    let young = assemble(&tbs, &issuer.algorithm.identifier_der(), &[0; 64]);
    let violations = certificate(&draft.encode(), Kind::Device, Some(&young), NOW).unwrap_err();
    assert_eq!(
        violations.rules(),
        [Rule::ValidityBounds],
        "ends after its issuer"
    );
    let expired = NOW + Span::days(4000);
    let violations = certificate(
        &draft.encode(),
        Kind::Device,
        Some(&issuer_certificate(&P256)),
        expired,
    );
    assert_eq!(
        violations.unwrap_err().rules(),
        [Rule::ValidityBounds],
        "has ended"
    );
}

#[test]
fn time_form_follows_the_year() {
    let draft = Draft::of(Kind::Kdc, &P256);
    let mut fields = children(&draft.encode());
    let mut times = children(&fields[4]);
    let digits = [b"20", &times[1][2..]].concat();
    times[1] = element(0x18, &digits);
    fields[4] = sequence(&times);
    draft.breaks_as(&sequence(&fields), Rule::TimeForm);
}

#[test]
fn a_device_certificate_that_ends_after_2049_has_a_generalized_time() {
    let late = Timestamp::from_unix(2_400_000_000);
    let mut issuer = issuer_of(&P256);
    issuer.not_after = late + Span::days(7000);
    issuer.not_before = late - Span::days(1);
    let name = Profile::Root(root_name());
    let root = name.encode(
        &P256,
        &[1; 16],
        &issuer,
        Span::days(7000),
        late - Span::hours(20),
    );
    let root = assemble(&root, &issuer.algorithm.identifier_der(), &[0; 64]);
    let tbs = profile(Kind::Device).encode(&RSA, &[1; 16], &issuer, Span::days(3652), late);
    assert!(certificate(&tbs, Kind::Device, Some(&root), late).is_ok());
    let times = children(&children(&tbs)[4]);
    assert_eq!((times[0][0], times[1][0]), (0x17, 0x18));
}

#[test]
fn subject_name_is_there_in_allowed_strings() {
    let mut tls = Draft::of(Kind::TlsServer, &P256);
    tls.subject = Name::empty();
    tls.breaks(Rule::SubjectName);
    tls.extension(oid::SUBJECT_ALTERNATIVE_NAME).critical = true;
    tls.passes();

    let mut root = Draft::of(Kind::Root, &P256);
    root.subject = Name::empty();
    let rules = certificate_bytes(&root.encode(), Kind::Root, &P256)
        .unwrap_err()
        .rules();
    assert!(rules.contains(&Rule::SubjectName));

    let mut tls = Draft::of(Kind::TlsServer, &P256);
    tls.subject = Name::common(&"a".repeat(65));
    tls.breaks(Rule::SubjectName);
    tls.subject = Name::common(&"a".repeat(64));
    tls.passes();
    tls.subject = subject_of_two(0x13, b"printable");
    tls.passes();
    for (tag, value) in [(0x16, &b"ia5"[..]), (0x1e, b"\0a"), (0x0c, b"")] {
        tls.subject = subject_of_two(tag, value);
        tls.breaks(Rule::SubjectName);
    }
    tls.subject = Name::new([(oid::EMAIL_ADDRESS, "a@corp.example")]);
    tls.breaks(Rule::SubjectName);
    tls.subject = Name::new([(oid::COUNTRY, "ABC")]);
    tls.breaks(Rule::SubjectName);
}

#[test]
fn public_key_is_strong_and_well_formed() {
    let rsa = |modulus: &[u8], exponent: &[u8]| PublicKey::from_rsa(modulus, exponent).unwrap();
    let mut odd = vec![0xc1; 256];
    let mut even = odd.clone();
    even[255] = 0xc0;
    let with = |key: &PublicKey| {
        let mut draft = Draft::of(Kind::TlsServer, &RSA);
        draft.spki = key.to_spki_der();
        draft.replace(Extension::subject_key_identifier(&KeyIdentifier::of(key).0))
    };
    with(&rsa(&odd, &[1, 0, 1])).passes();
    with(&rsa(&odd, &[3])).breaks(Rule::PublicKey);
    with(&rsa(&odd, &[1, 0, 2])).breaks(Rule::PublicKey);
    with(&rsa(&odd, &[1, 0, 0, 0, 1])).breaks(Rule::PublicKey);
    with(&rsa(&even, &[1, 0, 1])).breaks(Rule::PublicKey);
    odd[0] = 0x7f;
    with(&rsa(&odd, &[1, 0, 1])).breaks(Rule::PublicKey);
    with(&rsa(&[0xc1; 128], &[1, 0, 1])).breaks(Rule::PublicKey);
    with(&rsa(&[0xc1; 513], &[1, 0, 1])).breaks(Rule::PublicKey);

    // P-521, a compressed point, and a key type that is no signature key of ours.
    let ec = |curve: &[u8], point: &[u8]| {
        let mut bits = vec![0];
        bits.extend(point);
        let id = [element(6, oid::EC_PUBLIC_KEY.as_bytes()), element(6, curve)].concat();
        sequence(&[element(0x30, &id), element(3, &bits)])
    };
    let p521 = ec(&[0x2b, 0x81, 4, 0, 35], &[4; 133]);
    let p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let compressed = ec(&p256, &[2; 33]);
    let ed25519 = sequence(&[
        element(0x30, &element(6, &[0x2b, 0x65, 0x70])),
        element(3, &[0; 33]),
    ]);
    for (spki, point) in [
        (p521, &[4; 133][..]),
        (compressed, &[2; 33]),
        (ed25519, &[0; 32]),
    ] {
        let mut draft = Draft::of(Kind::Device, &P256);
        draft.spki = spki;
        let digest = crypto::digest::sha256(point);
        draft
            .replace(Extension::subject_key_identifier(&digest[..20]))
            .breaks(Rule::PublicKey);
    }
}

#[test]
fn extension_set_is_complete_and_closed() {
    let absent: [(Kind, &[ObjectIdentifier]); 4] = [
        (
            Kind::Root,
            &[
                oid::BASIC_CONSTRAINTS,
                oid::KEY_USAGE,
                oid::SUBJECT_KEY_IDENTIFIER,
            ],
        ),
        (
            Kind::Kdc,
            &[
                oid::BASIC_CONSTRAINTS,
                oid::KEY_USAGE,
                oid::EXTENDED_KEY_USAGE,
                oid::SUBJECT_KEY_IDENTIFIER,
                oid::AUTHORITY_KEY_IDENTIFIER,
                oid::SUBJECT_ALTERNATIVE_NAME,
                oid::CRL_DISTRIBUTION_POINTS,
                oid::CERTIFICATE_TEMPLATE_NAME,
            ],
        ),
        (
            Kind::TlsServer,
            &[oid::SUBJECT_ALTERNATIVE_NAME, oid::EXTENDED_KEY_USAGE],
        ),
        (
            Kind::Device,
            &[oid::EXTENDED_KEY_USAGE, oid::AUTHORITY_KEY_IDENTIFIER],
        ),
    ];
    for (kind, ids) in absent {
        for id in ids {
            Draft::of(kind, &P256)
                .without(*id)
                .breaks(Rule::ExtensionSet);
        }
    }
    for kind in KINDS {
        let mut draft = Draft::of(kind, &P256);
        let sid = "S-1-5-21-1-2-3-1104".parse().unwrap();
        draft.extensions.push(Extension::security_identifier(&sid));
        draft.breaks(Rule::ExtensionSet);

        let mut draft = Draft::of(kind, &P256);
        let again = draft.extensions[0].clone();
        draft.extensions.push(again);
        draft.breaks(Rule::ExtensionSet);
    }
    let mut root = Draft::of(Kind::Root, &P256);
    root.extensions.push(Extension::extended_key_usage(
        &[oid::CLIENT_AUTHENTICATION],
        false,
    ));
    root.breaks(Rule::ExtensionSet);
}

#[test]
fn criticality_is_as_it_should_be_for_each_extension() {
    for kind in KINDS {
        let count = Draft::of(kind, &P256).extensions.len();
        for position in 0..count {
            let mut draft = Draft::of(kind, &P256);
            let extension = &mut draft.extensions[position];
            extension.critical = !extension.critical;
            draft.breaks(Rule::Criticality);
        }
    }
}

#[test]
fn basic_constraints_make_a_root_and_nothing_else_an_authority() {
    let constraints =
        |ca, path_length| Extension::basic_constraints(BasicConstraints { ca, path_length });
    for (ca, path_length) in [(false, None), (true, None), (true, Some(1))] {
        let root = Draft::of(Kind::Root, &P256);
        root.replace(constraints(ca, path_length))
            .breaks(Rule::BasicConstraints);
    }
    for kind in [Kind::Kdc, Kind::TlsServer, Kind::Device] {
        for (ca, path_length) in [(true, None), (true, Some(0)), (false, Some(0))] {
            let leaf = Draft::of(kind, &P256);
            leaf.replace(constraints(ca, path_length))
                .breaks(Rule::BasicConstraints);
        }
    }
}

#[test]
fn key_usage_is_what_kind_and_key_need() {
    let signs = KeyUsage::DIGITAL_SIGNATURE;
    let encrypts = KeyUsage::KEY_ENCIPHERMENT;
    let issues = KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN);
    for (kind, key, usage) in [
        (Kind::Root, &*P256, KeyUsage::KEY_CERT_SIGN),
        (Kind::Root, &*P256, issues.and(signs)),
        (Kind::Kdc, &*RSA, signs),
        (Kind::Kdc, &*P256, signs.and(encrypts)),
        (Kind::TlsServer, &*P256, signs.and(KeyUsage::KEY_CERT_SIGN)),
        (Kind::Device, &*RSA, signs.and(encrypts)),
        (Kind::Device, &*P256, KeyUsage::KEY_AGREEMENT),
    ] {
        Draft::of(kind, key)
            .replace(Extension::key_usage(usage))
            .breaks(Rule::KeyUsage);
    }
}

#[test]
fn extended_key_usage_is_what_the_kind_needs() {
    let kdc = [
        oid::PKINIT_KDC,
        oid::SERVER_AUTHENTICATION,
        oid::CLIENT_AUTHENTICATION,
    ];
    let both = [oid::SERVER_AUTHENTICATION, oid::CLIENT_AUTHENTICATION];
    for (kind, purposes, critical) in [
        (Kind::Kdc, &kdc[..], false),
        (Kind::TlsServer, &both[..], false),
        (Kind::TlsServer, &[oid::ANY_EXTENDED_KEY_USAGE], false),
        (Kind::Device, &both[..], true),
        (Kind::Device, &[oid::SMART_CARD_LOGON], true),
        (Kind::Device, &[], true),
    ] {
        Draft::of(kind, &P256)
            .replace(Extension::extended_key_usage(purposes, critical))
            .breaks(Rule::ExtendedKeyUsage);
    }
}

#[test]
fn key_identifiers_are_those_of_the_keys() {
    Draft::of(Kind::Kdc, &P256)
        .replace(Extension::subject_key_identifier(&[7; 20]))
        .breaks(Rule::SubjectKeyIdentifier);
    Draft::of(Kind::Kdc, &P256)
        .replace(Extension::authority_key_identifier(&[7; 20]))
        .breaks(Rule::AuthorityKeyIdentifier);
    Draft::of(Kind::Root, &P256)
        .replace(Extension::authority_key_identifier(&[7; 20]))
        .breaks(Rule::AuthorityKeyIdentifier);
    Draft::of(Kind::Root, &P256)
        .without(oid::AUTHORITY_KEY_IDENTIFIER)
        .passes();
    let mut draft = Draft::of(Kind::Kdc, &P256);
    draft.extension(oid::AUTHORITY_KEY_IDENTIFIER).value = vec![0x30, 0];
    draft.breaks(Rule::AuthorityKeyIdentifier);
}

#[test]
fn alternative_names_have_their_syntax_and_are_complete() {
    let kdc = |names: &[GeneralName]| {
        Draft::of(Kind::Kdc, &P256).replace(Extension::subject_alternative_name(names, false))
    };
    let dns = |name: &str| GeneralName::Dns(name.into());
    let principal = |name: KerberosName| GeneralName::Kerberos(name);
    let realm = || principal(KerberosName::kdc("CORP.EXAMPLE"));
    kdc(&[dns("dc1.corp.example"), dns("corp.example"), realm()]).passes();
    let mut other_type = KerberosName::kdc("CORP.EXAMPLE");
    other_type.name_type = 1;
    let mut other_realm = KerberosName::kdc("CORP.EXAMPLE");
    other_realm.realm = "OTHER.EXAMPLE".into();
    let upn = GeneralName::UserPrincipalName("alice@corp.example".into());
    for names in [
        vec![dns("dc1.corp.example"), realm()],
        vec![dns("corp.example"), realm()],
        vec![dns("dc1.corp.example"), dns("other.example"), realm()],
        vec![dns("dc1.corp.example"), dns("corp.example")],
        vec![
            dns("dc1.corp.example"),
            dns("corp.example"),
            realm(),
            realm(),
        ],
        vec![
            dns("dc1.corp.example"),
            dns("corp.example"),
            principal(other_type),
        ],
        vec![
            dns("dc1.corp.example"),
            dns("corp.example"),
            principal(other_realm),
        ],
        vec![
            dns("dc1.corp.example"),
            dns("corp.example"),
            realm(),
            dns("*.corp.example"),
        ],
        vec![
            dns("dc1.corp.example"),
            dns("corp.example"),
            realm(),
            dns("a b"),
        ],
        vec![
            dns("dc1.corp.example"),
            dns("corp.example"),
            realm(),
            GeneralName::Ip("127.0.0.1".parse().unwrap()),
        ],
    ] {
        kdc(&names).breaks(Rule::AlternativeNames);
    }
    kdc(&[dns("dc1.corp.example"), dns("corp.example"), upn]).breaks(Rule::AlternativeNames);
    for names in [
        vec![dns("bad_name.example")],
        vec![dns("*.example")],
        vec![GeneralName::Email("a@corp.example".into())],
        vec![GeneralName::Uri("https://corp.example/".into())],
        vec![realm()],
        vec![],
    ] {
        Draft::of(Kind::TlsServer, &P256)
            .replace(Extension::subject_alternative_name(&names, false))
            .breaks(Rule::AlternativeNames);
    }
}

#[test]
fn distribution_points_are_plain_http() {
    for uri in [
        "https://pki.corp.example/r.crl",
        "ldap:///CN=r",
        "file:///r.crl",
    ] {
        for kind in [Kind::Kdc, Kind::TlsServer, Kind::Device] {
            Draft::of(kind, &P256)
                .replace(Extension::crl_distribution_points(&[uri]))
                .breaks(Rule::DistributionPoints);
            Draft::of(kind, &P256)
                .replace(Extension::authority_information_access(&[uri]))
                .breaks(Rule::DistributionPoints);
        }
    }
    Draft::of(Kind::Kdc, &P256)
        .replace(Extension::crl_distribution_points(&[]))
        .breaks(Rule::DistributionPoints);
    Draft::of(Kind::Device, &P256)
        .without(oid::CRL_DISTRIBUTION_POINTS)
        .passes();
}

#[test]
fn template_name_is_that_of_the_specification() {
    Draft::of(Kind::Kdc, &P256)
        .replace(Extension::certificate_template_name("Machine"))
        .breaks(Rule::TemplateName);
    let mut draft = Draft::of(Kind::Kdc, &P256);
    draft.extension(oid::CERTIFICATE_TEMPLATE_NAME).value = b"\x0c\x10DomainController".to_vec();
    draft.breaks(Rule::TemplateName);
}

#[test]
fn device_extensions_agree_with_the_subject() {
    let device = |last: u32| oid::DEVICE.push_arc(last).unwrap();
    let mut draft = Draft::of(Kind::Device, &P256);
    draft.subject = Name::common(&DEVICE.to_uppercase());
    draft.breaks(Rule::DeviceExtensions);
    draft.subject = Name::new([(oid::ORGANIZATION, "corp"), (oid::COMMON_NAME, DEVICE)]);
    draft.breaks(Rule::DeviceExtensions);
    Draft::of(Kind::Device, &P256)
        .without(device(2))
        .breaks(Rule::DeviceExtensions);
    Draft::of(Kind::Device, &P256)
        .without(device(7))
        .breaks(Rule::DeviceExtensions);
    Draft::of(Kind::Device, &P256).without(device(8)).passes();
    for (last, value) in [
        (1, &b"\x04\x0f111111111111111"[..]),
        (2, b"\x04\x101111111111111111"),
        (3, b"\x0c\x101111111111111111"),
        (7, b"\x04\x012"),
        (7, b"\x04\x82\x00\x011"),
        (8, b"\x04\x00"),
        (8, b"\x04\x01\xe9"),
    ] {
        let mut draft = Draft::of(Kind::Device, &P256);
        draft.extension(device(last)).value = value.to_vec();
        draft.breaks(Rule::DeviceExtensions);
    }
}

#[test]
fn a_refusal_names_every_rule_that_is_broken() {
    let mut draft = Draft::of(Kind::TlsServer, &P256);
    draft.serial = vec![1];
    draft.not_after = draft.not_before - 1;
    let violations = certificate_bytes(&draft.encode(), Kind::TlsServer, &P256).unwrap_err();
    assert_eq!(
        violations.rules(),
        [Rule::ValidityOrder, Rule::SerialNumber]
    );
    assert_eq!(
        violations.to_string(),
        "refused to sign: validity-order (notBefore is not before notAfter); \
         serial-number (1 octets, positive: true)"
    );
}

#[test]
fn no_bytes_make_it_panic() {
    let issuer = issuer_certificate(&P256);
    let valid = Draft::of(Kind::Device, &P256).encode();
    let mut rng = crypto::digest::sha256(b"seed");
    for round in 0..4_000u32 {
        rng = crypto::digest::sha256(&rng);
        let mut bytes = valid.clone();
        let at = usize::from(u16::from_be_bytes([rng[0], rng[1]])) % bytes.len();
        bytes[at] = rng[2];
        if round % 3 == 0 {
            bytes.truncate(usize::from(u16::from_be_bytes([rng[3], rng[4]])) % bytes.len());
        }
        for kind in KINDS {
            let _ = certificate(&bytes, kind, Some(&issuer), NOW);
        }
        let _ = list(&bytes, &issuer, None, NOW);
        let _ = certificate(&valid, Kind::Device, Some(&bytes), NOW);
    }
}

/// A list as the authority writes it, open for changes.
struct ListDraft {
    algorithm: Vec<u8>,
    issuer: Name,
    this_update: i64,
    next_update: i64,
    revoked: Vec<Revoked>,
    extensions: Vec<Extension>,
}

impl ListDraft {
    fn new() -> Self {
        let issuer = issuer_of(&P256);
        let entry = |serial: u8, reason| Revoked {
            serial: vec![serial; 16],
            since: NOW.unix() - 10,
            reason,
        };
        Self {
            algorithm: issuer.algorithm.identifier_der(),
            issuer: issuer.name,
            this_update: NOW.unix() - 600,
            next_update: NOW.unix() + 7 * 86_400,
            revoked: vec![
                entry(0x11, Reason::Unspecified),
                entry(0x22, Reason::CessationOfOperation),
            ],
            extensions: vec![
                Extension::authority_key_identifier(&issuer.key.0),
                Extension::crl_number(8),
            ],
        }
    }

    fn encode(&self) -> Vec<u8> {
        TbsCertList {
            signature_algorithm: &self.algorithm,
            issuer: &self.issuer,
            this_update: self.this_update,
            next_update: self.next_update,
            revoked: &self.revoked,
            extensions: &self.extensions,
        }
        .encode()
    }

    fn judge(&self) -> Result<Passed, Violations> {
        list(&self.encode(), &issuer_certificate(&P256), Some(7), NOW)
    }

    #[track_caller]
    fn breaks(&self, rule: Rule) {
        self.breaks_as(&self.encode(), rule);
    }

    #[track_caller]
    fn breaks_as(&self, tbs: &[u8], rule: Rule) {
        let judged = list(tbs, &issuer_certificate(&P256), Some(7), NOW);
        let violations = judged.expect_err("a violation");
        assert_eq!(violations.rules(), [rule], "{violations}");
    }
}

#[test]
fn a_list_as_it_should_be_breaks_no_rule() {
    let draft = ListDraft::new();
    assert_eq!(draft.judge().unwrap().to_be_signed(), draft.encode());
    let mut empty = ListDraft::new();
    empty.revoked.clear();
    assert!(empty.judge().is_ok());
}

#[test]
fn list_number_rises() {
    let mut draft = ListDraft::new();
    for number in [0, 6, 7] {
        draft.extensions[1] = Extension::crl_number(number);
        draft.breaks(Rule::ListNumber);
    }
    draft.extensions[1] = Extension::crl_number(u64::MAX);
    assert!(draft.judge().is_ok());
}

#[test]
fn list_entries_are_unique_past_and_reasoned() {
    let mut draft = ListDraft::new();
    draft.revoked[1].serial = draft.revoked[0].serial.clone();
    draft.breaks(Rule::ListEntries);
    let mut draft = ListDraft::new();
    draft.revoked[0].since = NOW.unix() + 1;
    draft.breaks(Rule::ListEntries);
    let mut draft = ListDraft::new();
    draft.revoked[0].reason = Reason::RemoveFromCrl;
    draft.breaks(Rule::ListEntries);
    let mut draft = ListDraft::new();
    draft.revoked[0].serial = vec![1; 3];
    draft.breaks(Rule::SerialNumber);

    let mut fields = children(&ListDraft::new().encode());
    fields[5] = sequence(&[]);
    draft.breaks_as(&sequence(&fields), Rule::ListEntries);
}

#[test]
fn a_lists_times_run_forward_within_bounds() {
    let mut draft = ListDraft::new();
    draft.next_update = draft.this_update;
    draft.breaks(Rule::ValidityOrder);
    let mut draft = ListDraft::new();
    draft.next_update = NOW.unix() + 32 * 86_400;
    draft.breaks(Rule::ValidityBounds);
    let mut draft = ListDraft::new();
    draft.this_update = NOW.unix() + 60;
    draft.breaks(Rule::ValidityBounds);
    let mut draft = ListDraft::new();
    draft.revoked.clear();
    draft.this_update = NOW.unix() - 3 * 3_600;
    draft.breaks(Rule::ValidityBounds);

    let mut fields = children(&ListDraft::new().encode());
    fields.remove(4);
    draft.breaks_as(&sequence(&fields), Rule::ValidityOrder);
    let mut fields = children(&ListDraft::new().encode());
    fields[3] = element(0x18, &[b"20", &fields[3][2..]].concat());
    draft.breaks_as(&sequence(&fields), Rule::TimeForm);
}

#[test]
fn a_list_is_version_2_of_its_issuer_in_der() {
    let draft = ListDraft::new();
    let mut fields = children(&draft.encode());
    fields[0] = vec![2, 1, 0];
    draft.breaks_as(&sequence(&fields), Rule::Version);
    draft.breaks_as(&[0x30, 0x80, 0, 0], Rule::Encoding);
    let mut draft = ListDraft::new();
    draft.issuer = Name::common("someone else");
    draft.breaks(Rule::IssuerName);
    let mut draft = ListDraft::new();
    draft.algorithm = SignatureAlgorithm::RsaPkcs1Sha256.identifier_der();
    draft.breaks(Rule::SignatureAlgorithm);
}

#[test]
fn a_lists_extensions_are_two_and_not_critical() {
    let mut draft = ListDraft::new();
    draft.extensions[0] = Extension::authority_key_identifier(&[9; 20]);
    draft.breaks(Rule::AuthorityKeyIdentifier);
    for position in [0, 1] {
        let mut draft = ListDraft::new();
        draft.extensions.remove(position);
        draft.breaks(Rule::ExtensionSet);
        let mut draft = ListDraft::new();
        draft.extensions[position].critical = true;
        draft.breaks(Rule::Criticality);
        let mut draft = ListDraft::new();
        let again = draft.extensions[position].clone();
        draft.extensions.push(again);
        draft.breaks(Rule::ExtensionSet);
    }
    let mut draft = ListDraft::new();
    draft
        .extensions
        .push(Extension::key_usage(KeyUsage::CRL_SIGN));
    draft.extensions[2].critical = false;
    draft.breaks(Rule::ExtensionSet);
    let mut draft = ListDraft::new();
    draft.extensions[1].value = vec![2, 2, 0, 8];
    let rules = draft.judge().unwrap_err().rules();
    assert!(rules.contains(&Rule::Encoding));
}

#[test]
fn a_logon_certificate_names_one_person_by_name_and_sid() {
    let with = |oid, extension: Extension| {
        let mut draft = Draft::of(Kind::Logon, &P256);
        let place = draft.extensions.iter().position(|own| own.oid == oid);
        draft.extensions[place.unwrap()] = extension;
        draft
    };
    let upn = |text: &str| GeneralName::UserPrincipalName(text.into());
    let named = |names: &[GeneralName]| {
        let extension = Extension::subject_alternative_name(names, false);
        with(oid::SUBJECT_ALTERNATIVE_NAME, extension).breaks(Rule::AlternativeNames);
    };
    named(&[upn("alice@corp.example"), upn("bob@corp.example")]);
    named(&[upn("alice")]);
    named(&[
        GeneralName::Dns("dc1.corp.example".into()),
        upn("alice@corp.example"),
    ]);
    named(&[GeneralName::Kerberos(KerberosName::kdc("CORP.EXAMPLE"))]);
    for sid in ["S-1-5-32-544", "S-1-5-21-1-2-3", "S-1-5-21-1-2-3-4-5"] {
        let extension = Extension::security_identifier(&sid.parse().unwrap());
        with(oid::SECURITY_IDENTIFIER, extension).breaks(Rule::SecurityIdentifier);
    }
}
