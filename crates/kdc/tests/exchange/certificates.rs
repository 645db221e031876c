//! Certificate trust (protocols E.5, AUTH-K2; security rows 7, 8 and 19): each refusal beside the same client's
//! success.

mod holder;
mod mapping;
mod revoked;

use std::sync::LazyLock;

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::issuers::{self, ANSWERS, LISTS, REVOKED};
use directory::testing::START;
use directory::{Attribute, Change, EntryId, Table, change};
use kdc::{Needed, Refused, StrongMapping};
use trust::path::{Anchor, Why};
use trust::revocation::{
    self, IssuerId, ListRow, Mapping, OcspRow, Requirement, RevokedRow, Settings,
};
use trust::{Span, Timestamp};
use wire::Sid;
use wire::asn1::ObjectIdentifier;
use wire::kerberos::{ErrorCode, KrbError, PaDataType, TypedData};
use wire::pkinit::{TdInvalidCertificates, TdTrustedCertifiers};
use wire::x509::mapping::CertificateMapping;
use wire::x509::ocsp::CertificateStatus;
use wire::x509::{
    BasicConstraints, Certificate, Extension, GeneralName, KerberosName, Name, NameConstraints,
    NameSubtree, Reason, TbsCertificate, assemble, oid,
};

use crate::forge::{Attributes, Pkinit};
use crate::table::Cases;
use crate::world::{Pair, World, refused};

/// The kind of key that all of these use.
pub(crate) fn new_key() -> PrivateKey {
    PrivateKey::generate(KeyKind::P256)
}

/// What a certificate says, to be changed by each case.
#[derive(Clone)]
pub(crate) struct Card {
    pub(crate) serial: Vec<u8>,
    pub(crate) subject: Name,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) purposes: Vec<ObjectIdentifier>,
    pub(crate) names: Vec<GeneralName>,
    pub(crate) sid: Option<Sid>,
    pub(crate) others: Vec<Extension>,
    pub(crate) algorithm: Option<Vec<u8>>,
}

impl Card {
    /// A smart card's certificate for alice as a foreign issuer makes it.
    pub(crate) fn new() -> Self {
        Self {
            serial: vec![0x12, 0x34, 0x56],
            subject: Name::common("Alice"),
            from: START,
            until: START + Span::days(365),
            purposes: vec![oid::SMART_CARD_LOGON, oid::CLIENT_AUTHENTICATION],
            names: vec![upn("alice@corp.example")],
            sid: None,
            others: Vec::new(),
            algorithm: None,
        }
    }

    pub(crate) fn with_sid(mut self, sid: Sid) -> Self {
        self.sid = Some(sid);
        self
    }

    pub(crate) fn sign(&self, spki: &[u8], issuer: &Pair) -> Vec<u8> {
        let issued_by = Certificate::parse(&issuer.certificate).unwrap();
        let mut extensions = self.others.clone();
        if !self.purposes.is_empty() {
            extensions.push(Extension::extended_key_usage(&self.purposes, false));
        }
        if !self.names.is_empty() {
            extensions.push(Extension::subject_alternative_name(&self.names, false));
        }
        extensions.extend(self.sid.as_ref().map(Extension::security_identifier));
        let algorithm = SignatureAlgorithm::default_for(issuer.key.public_key());
        let own = algorithm.identifier_der();
        let identifier = self.algorithm.as_deref().unwrap_or(&own);
        let tbs = TbsCertificate {
            serial: &self.serial,
            signature_algorithm: identifier,
            issuer: issued_by.subject(),
            not_before: self.from.unix(),
            not_after: self.until.unix(),
            subject: &self.subject,
            spki,
            extensions: &extensions,
        }
        .encode();
        let signature = issuer.key.sign(algorithm, &tbs).unwrap();
        assemble(&tbs, identifier, &signature)
    }

    pub(crate) fn issue(&self, issuer: &Pair) -> Pair {
        let key = new_key();
        let certificate = self.sign(&key.public_key().to_spki_der(), issuer);
        Pair { key, certificate }
    }
}

pub(crate) fn upn(text: &str) -> GeneralName {
    GeneralName::UserPrincipalName(text.to_owned())
}

pub(crate) fn ca() -> Extension {
    Extension::basic_constraints(BasicConstraints {
        ca: true,
        path_length: None,
    })
}

/// An authority of any name; a root of its own where nobody issues it.
pub(crate) fn authority(name: &str, issuer: Option<&Pair>) -> Pair {
    let key = new_key();
    let card = Card {
        subject: Name::common(name),
        from: START - Span::days(1),
        purposes: Vec::new(),
        names: Vec::new(),
        others: vec![ca()],
        ..Card::new()
    };
    let spki = key.public_key().to_spki_der();
    let own = Pair {
        certificate: crate::world::certificate(name, name, &key, &key, &[]),
        key,
    };
    let certificate = card.sign(&spki, issuer.unwrap_or(&own));
    Pair { certificate, ..own }
}

pub(crate) fn parsed(pair: &Pair) -> Certificate {
    Certificate::parse(&pair.certificate).unwrap()
}

pub(crate) fn id_of(pair: &Pair) -> IssuerId {
    IssuerId::of(&parsed(pair))
}

/// A world with a smart-card issuer of somebody else's, whose list says that nothing is revoked.
pub(crate) struct Cards {
    pub(crate) world: World,
    pub(crate) issuer: Pair,
}

impl Cards {
    pub(crate) fn new(mapping: Mapping) -> Self {
        let mut cards = Self {
            world: World::new(),
            issuer: authority("Cards", None),
        };
        let mut rng = directory::testing::Seeded::new(5);
        let snapshot = cards.world.directory.snapshot().unwrap();
        let listed = issuers::trust(&snapshot, &parsed(&cards.issuer), &mut rng).unwrap();
        drop(snapshot);
        cards.world.commit(&listed);
        cards.world.issuers = vec![Anchor::new(parsed(&cards.issuer))];
        cards.say(|settings| settings.mapping = mapping);
        cards.list(&cards.issuer);
        cards
    }

    pub(crate) fn say(&self, say: impl FnOnce(&mut Settings)) {
        let issuer = id_of(&self.issuer);
        let snapshot = self.world.directory.snapshot().unwrap();
        let mut settings = snapshot.issuer_settings(&issuer).unwrap();
        drop(snapshot);
        say(&mut settings);
        self.world.commit(&[issuers::settings(&issuer, &settings)]);
    }

    /// An issuer's list is in hand, for two days.
    pub(crate) fn list(&self, issuer: &Pair) {
        let row = ListRow {
            this_update: START,
            next_update: START + Span::days(2),
            fetched: START,
            number: 1,
            entries: 0,
            place: String::new(),
            issuer: issuer.certificate.clone(),
        };
        self.put(LISTS, id_of(issuer).0.to_vec(), row.to_bytes());
    }

    pub(crate) fn put(&self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        let put = change::put(table, key, value, Timestamp::NEVER);
        self.world.commit(&[put]);
    }

    pub(crate) fn revoke(&self, issuer: &Pair, card: &Pair) {
        let row = RevokedRow {
            since: START,
            reason: Reason::KeyCompromise,
        };
        let key = id_of(issuer).row(parsed(card).serial());
        self.put(REVOKED, key, row.to_bytes());
    }

    pub(crate) fn answered(&self, card: &Pair, status: CertificateStatus) {
        let until = START + Span::days(1);
        let row = OcspRow { status, until };
        let key = id_of(&self.issuer).row(parsed(card).serial());
        let put = change::put(ANSWERS, key, row.to_bytes(), until);
        self.world.commit(&[put]);
    }

    pub(crate) fn map(&self, account: EntryId, values: &[String]) {
        let values = values.iter().map(|value| value.as_str().into()).collect();
        let edit = directory::Edit::Set(Attribute::AltSecurityIdentities, values);
        self.world.commit(&[change::modify(account, vec![edit])]);
    }

    pub(crate) fn alice(&self) -> Sid {
        self.world.account(self.world.alice).sid
    }

    /// Whether the card signs alice in; the code otherwise.
    pub(crate) fn code(&mut self, card: &Pair) -> i32 {
        self.code_for("alice", card)
    }

    pub(crate) fn code_for(&mut self, name: &str, card: &Pair) -> i32 {
        match self.world.with_pair(name, card) {
            Ok(_) => 0,
            Err(ticket::client::Failed::Refused(code)) => code.0,
            Err(other) => panic!("{other:?}"),
        }
    }

    pub(crate) fn issue(&self, card: &Card) -> Pair {
        card.issue(&self.issuer)
    }

    pub(crate) fn good(&self) -> Pair {
        self.issue(&Card::new().with_sid(self.alice()))
    }
}

fn by_sid() -> Cards {
    Cards::new(Mapping::Sid)
}

#[test]
fn a_certificate_of_a_trusted_issuer_with_the_sid_signs_in_and_its_ticket_says_so() {
    let mut cards = by_sid();
    let card = cards.good();
    let tgt = cards.world.with_pair("alice", &card).unwrap();
    let means = cards.world.exchange.as_ref().unwrap().means.unwrap();
    let certificate = means.certificate.unwrap();
    assert_eq!(certificate.serial(), parsed(&card).serial());
    assert_eq!(certificate.issuer, id_of(&cards.issuer));
    assert!(!certificate.own && means.key.is_none());
    let host = cards.world.host(&tgt).unwrap();
    let laptop = cards.world.account(cards.world.laptop);
    let (part, key) = ticket::open(&host.ticket, &laptop.keys).unwrap();
    let pac = ticket::pac::verify_as_service(&part, key).unwrap();
    let sids: Vec<Sid> = pac.logon_info().unwrap().sids().collect();
    assert!(sids.contains(&Sid::FRESH_PUBLIC_KEY_IDENTITY));
    assert!(!sids.contains(&Sid::KEY_TRUST_IDENTITY));
}

#[test]
fn certificates_that_are_not_valid_are_refused_by_name() {
    type Case = (&'static str, i32, Why, fn(&mut Card));
    let critical = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
    let cases: &[Case] = &[
        ("expired", 71, Why::Expired, |card| {
            card.from = START - Span::days(2);
            card.until = START - Span::days(1);
        }),
        ("not yet valid", 71, Why::NotYetValid, |card| {
            card.from = START + Span::hours(1);
        }),
        ("no purpose", 77, Why::Purpose, |card| card.purposes.clear()),
        ("another purpose", 77, Why::Purpose, |card| {
            card.purposes = vec![oid::SERVER_AUTHENTICATION];
        }),
        ("any purpose", 77, Why::Purpose, |card| {
            card.purposes = vec![oid::ANY_EXTENDED_KEY_USAGE];
        }),
        ("the CA flag", 71, Why::Authority, |card| {
            card.others.push(ca())
        }),
        ("a key that signs nothing", 77, Why::KeyUsage, |card| {
            let usage = wire::x509::KeyUsage::KEY_ENCIPHERMENT;
            card.others.push(Extension::key_usage(usage));
        }),
        ("signed over SHA-1", 78, Why::Digest, |card| {
            card.algorithm = Some(vec![0x30, 9, 6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 4, 1]);
        }),
        (
            "an unknown critical extension",
            71,
            Why::Critical(critical),
            |card| {
                card.others.push(Extension {
                    oid: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1"),
                    critical: true,
                    value: vec![5, 0],
                });
            },
        ),
    ];
    let mut cards = by_sid();
    let mut judged = Cases::new();
    for (name, code, why, make) in cases {
        let mut card = Card::new().with_sid(cards.alice());
        let right = cards.issue(&card);
        assert_eq!(cards.code(&right), 0, "{name}");
        make(&mut card);
        let bad = cards.issue(&card);
        let got = cards.code(&bad);
        let reason = cards.world.refused.clone();
        let as_said =
            matches!(&reason, Some(Refused::CertificateInvalid(invalid)) if invalid.why == *why);
        judged.code(name, *code, got, &reason);
        if !as_said {
            judged.wrong(format!("{name}: {reason:?}"));
        }
    }
    judged.are(9);
}

#[test]
fn a_short_rsa_key_is_refused_before_anything_is_computed_with_it() {
    // A modulus of 1,024 bits, odd; nobody has its private half.
    let mut modulus = vec![0xc3; 128];
    modulus[127] |= 1;
    let key = crate::forge::tlv(
        0x30,
        &[
            &crate::forge::integer(&modulus),
            &crate::forge::integer(&[1, 0, 1]),
        ],
    );
    let algorithm = crate::forge::tlv(
        0x30,
        &[
            &crate::forge::tlv(6, &[oid::RSA_ENCRYPTION.as_bytes()]),
            &[5, 0],
        ],
    );
    let spki = crate::forge::tlv(0x30, &[&algorithm, &crate::forge::tlv(3, &[&[0], &key])]);
    let mut cards = by_sid();
    let right = cards.good();
    let short = Pair {
        certificate: Card::new()
            .with_sid(cards.alice())
            .sign(&spki, &cards.issuer),
        key: right.key.clone(),
    };
    assert_eq!(cards.code(&right), 0);
    let message = Pkinit::new("alice", &short, cards.world.now, &mut cards.world.rng).encode();
    cards.world.refusal(&message, 71).unwrap();
    assert!(
        matches!(&cards.world.refused, Some(Refused::CertificateInvalid(invalid)) if invalid.why == Why::Key)
    );
}

#[test]
fn the_client_is_told_which_certificate_is_at_fault_and_whom_we_trust() {
    let mut cards = by_sid();
    let mut card = Card::new().with_sid(cards.alice());
    card.purposes.clear();
    let bad = cards.issue(&card);
    let data = |error: KrbError| {
        TypedData::decode(&error.e_data.unwrap())
            .unwrap()
            .into_vec()
    };
    let message = Pkinit::new("alice", &bad, cards.world.now, &mut cards.world.rng).encode();
    let told = data(cards.world.refusal(&message, 77).unwrap());
    assert_eq!(told[0].data_type, PaDataType::TD_INVALID_CERTIFICATES);
    let list = TdInvalidCertificates::decode(told[0].data_value.as_ref().unwrap()).unwrap();
    assert!(list.into_vec()[0].issuer_and_serial_number.is_some());

    // Signed over SHA-1: what would have been accepted.
    let mut card = Card::new().with_sid(cards.alice());
    card.algorithm = Some(vec![0x30, 9, 6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 4, 1]);
    let bad = cards.issue(&card);
    let message = Pkinit::new("alice", &bad, cards.world.now, &mut cards.world.rng).encode();
    let told = data(cards.world.refusal(&message, 78).unwrap());
    assert_eq!(told[0].data_type, PaDataType::TD_CERT_DIGEST_ALGORITHMS);
    let digests = told[0].data_value.as_ref().unwrap();
    let digests = wire::pkinit::TdCertDigestAlgorithms::decode(digests).unwrap();
    assert!(!digests.allowed_algorithms.into_vec().is_empty());
    let _ = TdTrustedCertifiers::decode;
}

#[test]
fn a_look_alike_of_the_issuer_and_an_untrusted_one_are_strangers() {
    let mut cards = by_sid();
    let card = Card::new().with_sid(cards.alice());
    let look_alike = authority("Cards", None);
    let stranger = authority("Others", None);
    let right = cards.issue(&card);
    assert_eq!(cards.code(&right), 0);
    for issuer in [&look_alike, &stranger] {
        let foreign = card.issue(issuer);
        // Judged by key trust alone (E.4 rule 0), where nobody lists its key.
        assert_eq!(cards.code(&foreign), 62);
        assert_eq!(cards.world.refused, Some(Refused::KeyNotListed));
        let mut request = Pkinit::new("alice", &foreign, cards.world.now, &mut cards.world.rng);
        request.cms.certificates.push(issuer.certificate.clone());
        let message = request.encode();
        cards.world.refusal(&message, 62).unwrap();
    }
}

#[test]
fn an_intermediate_authority_counts_below_a_trusted_one_and_a_person_is_none() {
    let mut cards = by_sid();
    let between = authority("Between", Some(&cards.issuer));
    cards.list(&between);
    let card = Card::new().with_sid(cards.alice());
    let below = card.issue(&between);
    let mut send = |card: &Pair, with: &[&Pair]| {
        let world = &mut cards.world;
        let mut request = Pkinit::new("alice", card, world.now, &mut world.rng);
        let others = with.iter().map(|pair| pair.certificate.clone());
        request.cms.certificates.extend(others);
        let message = request.encode();
        let answer = world.send(&message, kdc::Transport::Stream).unwrap();
        KrbError::decode(&answer).map_or(0, |error| error.error_code.0)
    };
    assert_eq!(send(&below, &[&between]), 0);
    // Without it the path reaches nobody.
    assert_eq!(send(&below, &[]), 62);
    let person = card.issue(&between);
    let by_person = card.issue(&person);
    assert_eq!(send(&by_person, &[&person, &between]), 71);
    // Nobody asked about the intermediate itself may be revoked either.
    assert_eq!(send(&below, &[&between]), 0);
    cards.revoke(&cards.issuer, &between);
    let world = &mut cards.world;
    let mut request = Pkinit::new("alice", &below, world.now, &mut world.rng);
    request.cms.certificates.push(between.certificate.clone());
    let message = request.encode();
    world.refusal(&message, 72).unwrap();
}

#[test]
fn names_outside_of_an_authoritys_constraints_are_refused() {
    let mut cards = by_sid();
    let permitted = NameSubtree::Name(GeneralName::UserPrincipalName("corp.example".to_owned()));
    let key = new_key();
    let card = Card {
        subject: Name::common("Constrained"),
        from: START - Span::days(1),
        purposes: Vec::new(),
        names: Vec::new(),
        others: vec![
            ca(),
            Extension::name_constraints(&NameConstraints {
                permitted: vec![permitted],
                excluded: Vec::new(),
            }),
        ],
        ..Card::new()
    };
    let certificate = card.sign(&key.public_key().to_spki_der(), &cards.issuer);
    let between = Pair { key, certificate };
    cards.list(&between);
    let mut judged = |names: Vec<GeneralName>| {
        let card = Card {
            names,
            ..Card::new().with_sid(cards.alice())
        };
        let card = card.issue(&between);
        let world = &mut cards.world;
        let mut request = Pkinit::new("alice", &card, world.now, &mut world.rng);
        request.cms.certificates.push(between.certificate.clone());
        let message = request.encode();
        let answer = world.send(&message, kdc::Transport::Stream).unwrap();
        KrbError::decode(&answer).map_or(0, |error| error.error_code.0)
    };
    assert_eq!(judged(vec![upn("alice@corp.example")]), 0);
    assert_eq!(judged(vec![upn("alice@other.example")]), 71);
}

#[test]
fn a_signature_that_was_altered_or_is_another_keys_is_refused() {
    let mut cards = by_sid();
    let right = cards.good();
    assert_eq!(cards.code(&right), 0);
    let stolen = Pair {
        key: new_key(),
        certificate: right.certificate.clone(),
    };
    assert_eq!(cards.code(&stolen), 64);
    type Case = (&'static str, i32, fn(&mut Pkinit<'_>));
    let cases: &[Case] = &[
        ("unchanged", 0, |_| {}),
        ("an altered signature", 64, |request| {
            request.cms.signature = |mut signature| {
                let last = signature.len() - 1;
                signature[last] ^= 1;
                signature
            };
        }),
        ("altered content", 64, |request| {
            request.cms.content = |mut content| {
                let last = content.len() - 1;
                content[last] ^= 1;
                content
            };
        }),
        ("another content type", 60, |request| {
            request.cms.content_type = wire::pkinit::oid::DH_KEY_DATA;
        }),
        ("signed attributes of another content type", 60, |request| {
            let digest: crate::forge::Digest = |content| crypto::digest::sha256(content).to_vec();
            request.cms.attributes = Attributes::Of(wire::pkinit::oid::DH_KEY_DATA, digest);
        }),
        ("a digest of MD5", 80, |request| {
            request.cms.digest = ObjectIdentifier::new_unwrap("1.2.840.113549.2.5");
        }),
        ("no paChecksum", 79, |request| request.checksum = false),
        ("paChecksum of another body", 41, |request| {
            request.checksum = false;
            request.pack.pk_authenticator.pa_checksum = Some(vec![7; 20]);
        }),
        ("made ten minutes ago", 37, |request| {
            let then = START - Span::minutes(10);
            request.pack.pk_authenticator.ctime = crate::forge::kerberos_time(then);
        }),
    ];
    let mut judged = Cases::new();
    for (name, code, make) in cases {
        let world = &mut cards.world;
        let mut request = Pkinit::new("alice", &right, world.now, &mut world.rng);
        make(&mut request);
        let message = request.encode();
        judged.judge(world, name, &message, *code);
    }
    judged.are(9);
}

// E.4 rule 0.

#[test]
fn e_4_0_which_rule_decides_is_asked_of_the_path_alone() {
    let mut judged = Cases::new();
    // For each: whether the path reaches a trusted issuer, whether the certificate is good, whether the key is listed.
    for (reaches, good, listed) in [
        (true, true, true),
        (true, true, false),
        (true, false, true),
        (true, false, false),
        (false, true, true),
        (false, true, false),
        (false, false, true),
        (false, false, false),
    ] {
        let mut cards = by_sid();
        let stranger = authority("Others", None);
        let mut card = Card::new().with_sid(cards.alice());
        if !good {
            card.until = START - Span::seconds(1);
            card.from = START - Span::days(1);
        }
        let card = card.issue(if reaches { &cards.issuer } else { &stranger });
        if listed {
            cards.world.list(cards.world.alice, &card.key, None);
        }
        let expected = match (reaches, good, listed) {
            (true, true, _) => 0,
            // A listed key does not save a certificate that has expired.
            (true, false, _) => 71,
            // And no validity saves a key that is not listed.
            (false, _, true) => 0,
            (false, _, false) => 62,
        };
        let case = format!("{:?}", (reaches, good, listed));
        let got = cards.code(&card);
        judged.code(&case, expected, got, &cards.world.refused);
    }
    judged.are(8);
}

#[test]
fn e_4_0_a_revoked_certificate_does_not_sign_in_by_its_listed_key() {
    let mut cards = by_sid();
    let card = cards.good();
    cards.world.list(cards.world.alice, &card.key, None);
    assert_eq!(cards.code(&card), 0);
    cards.revoke(&cards.issuer, &card);
    assert_eq!(cards.code(&card), 72);
    // Without its certificate the same key is a listed one, and that is another thing to revoke.
    let world = &mut cards.world;
    let mut bare = Pkinit::new("alice", &card, world.now, &mut world.rng);
    bare.cms.certificates.clear();
    let message = bare.encode();
    world.given(&message).unwrap();
}
