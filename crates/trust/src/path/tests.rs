use std::sync::LazyLock;

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use wire::x509::{TbsCertificate, assemble, oid};

use super::*;

/// RSA keys take long to make; the tests share two.
static RSA: LazyLock<[PrivateKey; 2]> =
    LazyLock::new(|| [(); 2].map(|()| PrivateKey::generate(KeyKind::Rsa2048)));

/// sha1WithRSAEncryption and ecdsa-with-SHA1.
const SHA1_RSA: [u8; 15] = [
    0x30, 13, 6, 9, 42, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 5, 5, 0,
];
const SHA1_ECDSA: [u8; 11] = [0x30, 9, 6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 4, 1];

struct Party {
    key: PrivateKey,
    certificate: Certificate,
}

fn new_key() -> PrivateKey {
    PrivateKey::generate(KeyKind::P256)
}

/// A certificate about `subject` and `key`, that names `issuer` and is signed by `signer`.
fn certificate(
    subject: &Name,
    key: &PrivateKey,
    issuer: &Name,
    signer: &PrivateKey,
) -> Certificate {
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let identifier = algorithm.identifier_der();
    let tbs = TbsCertificate {
        serial: &[1; 16],
        signature_algorithm: &identifier,
        issuer,
        // Long over: validity is not what is asked here.
        not_before: 0,
        not_after: 1,
        subject,
        spki: &key.public_key().to_spki_der(),
        extensions: &[],
    }
    .encode();
    let signature = signer.sign(algorithm, &tbs).unwrap();
    Certificate::parse(&assemble(&tbs, &identifier, &signature)).unwrap()
}

fn root(name: &str) -> Party {
    let key = new_key();
    let name = Name::common(name);
    let certificate = certificate(&name, &key, &name, &key);
    Party { key, certificate }
}

fn issued(name: &str, issuer: &Party) -> Party {
    let key = new_key();
    let name = Name::common(name);
    let certificate = certificate(&name, &key, issuer.certificate.subject(), &issuer.key);
    Party { key, certificate }
}

fn anchors(parties: &[&Party]) -> Vec<Anchor> {
    parties
        .iter()
        .map(|party| Anchor::new(party.certificate.clone()))
        .collect()
}

fn certificates(parties: &[&Party]) -> Vec<Certificate> {
    parties
        .iter()
        .map(|party| party.certificate.clone())
        .collect()
}

/// The same certificate under another algorithm's name; its signature cannot hold.
fn with_algorithm(subject: &str, key: &PrivateKey, issuer: &str, identifier: &[u8]) -> Certificate {
    let tbs = TbsCertificate {
        serial: &[1; 16],
        signature_algorithm: identifier,
        issuer: &Name::common(issuer),
        not_before: 0,
        not_after: 1,
        subject: &Name::common(subject),
        spki: &key.public_key().to_spki_der(),
        extensions: &[],
    }
    .encode();
    Certificate::parse(&assemble(&tbs, identifier, &[7; 64])).unwrap()
}

#[test]
fn a_self_signed_certificate_reaches_nothing() {
    let alice = root("S-1-5-21-1-2-3-1104/login");
    assert!(!reaches_trusted_issuer(
        &alice.certificate,
        &[],
        &anchors(&[&root("CA")])
    ));
    assert!(!reaches_trusted_issuer(&alice.certificate, &[], &[]));
}

#[test]
fn a_certificate_of_a_trusted_issuer_reaches_it_though_it_has_expired() {
    let ca = root("CA");
    let alice = issued("alice", &ca);
    let others = [&root("other"), &ca];
    assert!(reaches_trusted_issuer(
        &alice.certificate,
        &[],
        &anchors(&others)
    ));
}

#[test]
fn a_path_through_intermediates_reaches_in_whatever_order_they_come() {
    let ca = root("CA");
    let one = issued("one", &ca);
    let two = issued("two", &one);
    let alice = issued("alice", &two);
    let anchors = anchors(&[&ca]);
    for order in [[&one, &two], [&two, &one]] {
        assert!(reaches_trusted_issuer(
            &alice.certificate,
            &certificates(&order),
            &anchors
        ));
    }
    assert!(
        !reaches_trusted_issuer(&alice.certificate, &certificates(&[&one]), &anchors),
        "the path has a gap"
    );
}

#[test]
fn a_lookalike_issuer_name_without_its_signature_does_not_reach() {
    let ca = root("CA");
    let lookalike = root("CA");
    let alice = issued("alice", &lookalike);
    let anchors = anchors(&[&ca]);
    assert!(!reaches_trusted_issuer(&alice.certificate, &[], &anchors));
    assert!(
        !reaches_trusted_issuer(&alice.certificate, &certificates(&[&lookalike]), &anchors),
        "nor with the impostor's own certificate beside it"
    );
    let mallory = root("CA");
    assert!(!reaches_trusted_issuer(&mallory.certificate, &[], &anchors));
}

#[test]
fn a_real_intermediate_beside_a_stranger_does_not_make_it_reach() {
    let ca = root("CA");
    let intermediate = issued("intermediate", &ca);
    let lookalike = root("intermediate");
    let alice = issued("alice", &lookalike);
    let beside = certificates(&[&intermediate, &lookalike, &ca]);
    assert!(!reaches_trusted_issuer(
        &alice.certificate,
        &beside,
        &anchors(&[&ca])
    ));
}

#[test]
fn a_signature_that_was_changed_does_not_reach() {
    let ca = root("CA");
    let alice = issued("alice", &ca);
    let mut signature = alice.certificate.signature().to_vec();
    *signature.last_mut().unwrap() ^= 1;
    let certificate = &alice.certificate;
    let der = assemble(
        certificate.tbs(),
        certificate.signature_algorithm(),
        &signature,
    );
    let changed = Certificate::parse(&der).unwrap();
    assert!(!reaches_trusted_issuer(&changed, &[], &anchors(&[&ca])));
}

#[test]
fn a_certificate_that_a_user_signed_reaches_the_users_issuer() {
    // The user is no CA, which certificate trust sees and refuses; key trust must not get to judge it.
    let ca = root("CA");
    let alice = issued("alice", &ca);
    let mallory = issued("mallory", &alice);
    let beside = certificates(&[&alice]);
    assert!(reaches_trusted_issuer(
        &mallory.certificate,
        &beside,
        &anchors(&[&ca])
    ));
}

#[test]
fn an_anchor_reaches_itself_in_whatever_certificate() {
    let ca = root("CA");
    let anchors = anchors(&[&ca]);
    assert!(reaches_trusted_issuer(&ca.certificate, &[], &anchors));
    let name = Name::common("CA");
    let stranger = new_key();
    let again = certificate(&name, &ca.key, &Name::common("elsewhere"), &stranger);
    assert!(reaches_trusted_issuer(&again, &[], &anchors));
}

#[test]
fn the_issuers_name_may_be_written_another_way() {
    let key = new_key();
    let own = Name::new([
        (oid::DOMAIN_COMPONENT, "corp"),
        (oid::COMMON_NAME, "CORP  Root"),
    ]);
    let ca = Anchor::new(certificate(&own, &key, &own, &key));
    // DC=CORP, CN=corp root: a PrintableString, other case, one space.
    let der =
        b"\x30\x2a\x31\x14\x30\x12\x06\x0a\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19\x16\x04CORP\
        \x31\x12\x30\x10\x06\x03\x55\x04\x03\x13\x09corp root";
    let other = Name::parse(der).unwrap();
    let alice = new_key();
    let leaf = certificate(&Name::common("alice"), &alice, &other, &key);
    assert!(reaches_trusted_issuer(&leaf, &[], &[ca]));
}

#[test]
fn rsa_reaches_and_its_lookalike_does_not() {
    let [ca_key, other_key] = &*RSA;
    let name = Name::common("CA");
    let ca = [Anchor::new(certificate(&name, ca_key, &name, ca_key))];
    let alice = new_key();
    let subject = Name::common("alice");
    let leaf = certificate(&subject, &alice, &name, ca_key);
    assert!(reaches_trusted_issuer(&leaf, &[], &ca));
    let leaf = certificate(&subject, &alice, &name, other_key);
    assert!(!reaches_trusted_issuer(&leaf, &[], &ca));
}

#[test]
fn sha1_is_checked_rather_than_believed() {
    let [ca_key, _] = &*RSA;
    let name = Name::common("CA");
    let ca = [Anchor::new(certificate(&name, ca_key, &name, ca_key))];
    let claims = with_algorithm("alice", &new_key(), "CA", &SHA1_RSA);
    assert!(!reaches_trusted_issuer(&claims, &[], &ca));
}

#[test]
fn what_cannot_be_checked_counts_as_reaching_the_issuer_that_it_names() {
    let ca = root("CA");
    let claims = with_algorithm("alice", &new_key(), "CA", &SHA1_ECDSA);
    assert!(reaches_trusted_issuer(&claims, &[], &anchors(&[&ca])));
    let elsewhere = with_algorithm("alice", &new_key(), "elsewhere", &SHA1_ECDSA);
    assert!(!reaches_trusted_issuer(&elsewhere, &[], &anchors(&[&ca])));
}

#[test]
fn loops_end() {
    // Two authorities that certify each other, and one that certifies itself under two names.
    let (a, b) = (root("A"), root("B"));
    let name = |name: &str| Name::common(name);
    let beside = [
        certificate(&name("A"), &a.key, &name("B"), &b.key),
        certificate(&name("B"), &b.key, &name("A"), &a.key),
        a.certificate.clone(),
        b.certificate.clone(),
    ];
    let alice = issued("alice", &a);
    assert!(!reaches_trusted_issuer(
        &alice.certificate,
        &beside,
        &anchors(&[&root("CA")])
    ));
}

#[test]
fn a_question_that_costs_too_much_is_answered_with_the_stricter_judge() {
    let nobody = anchors(&[&root("CA")]);
    let alice = root("alice");
    let many = vec![alice.certificate.clone(); MAX_INTERMEDIATES + 1];
    assert!(reaches_trusted_issuer(&alice.certificate, &many, &nobody));

    // A chain that is longer than any real one.
    let mut chain = vec![root("0")];
    for level in 1..=MAX_DEPTH + 1 {
        let next = issued(&level.to_string(), &chain[level - 1]);
        chain.push(next);
    }
    let leaf = chain.pop().unwrap();
    let beside: Vec<Certificate> = chain
        .iter()
        .map(|party| party.certificate.clone())
        .collect();
    assert!(reaches_trusted_issuer(&leaf.certificate, &beside, &nobody));

    // Sixteen authorities of one name, of which it takes as many checks to find the right one, six times.
    let name = Name::common("same");
    let keys: Vec<PrivateKey> = (0..MAX_INTERMEDIATES).map(|_| new_key()).collect();
    let stranger = new_key();
    let same: Vec<Certificate> = keys
        .iter()
        .enumerate()
        .map(|(level, key)| {
            let signer = keys
                .get(level + 1)
                .filter(|_| level < 6)
                .unwrap_or(&stranger);
            certificate(&name, key, &name, signer)
        })
        .collect();
    let leaf = certificate(&Name::common("leaf"), &new_key(), &name, &keys[0]);
    assert!(reaches_trusted_issuer(&leaf, &same, &nobody));
}

#[test]
fn a_key_that_is_too_long_to_compute_with_is_taken_at_its_word() {
    let ca = root("CA");
    let trusted = anchors(&[&ca]);
    let own = new_key();
    let leaf = certificate(
        &Name::common("leaf"),
        &own,
        &Name::common("same"),
        &new_key(),
    );
    for (bits, reaches) in [(4096, false), (8192, true)] {
        let mut modulus = vec![0xc3; bits / 8];
        *modulus.last_mut().unwrap() |= 1;
        let key = PublicKey::from_rsa(&modulus, &[1, 0, 1]).unwrap();
        let algorithm = SignatureAlgorithm::default_for(ca.key.public_key());
        let identifier = algorithm.identifier_der();
        let tbs = TbsCertificate {
            serial: &[1; 16],
            signature_algorithm: &identifier,
            issuer: &Name::common("CA"),
            not_before: 0,
            not_after: 1,
            subject: &Name::common("same"),
            spki: &key.to_spki_der(),
            extensions: &[],
        }
        .encode();
        let long = assemble(&tbs, &identifier, &ca.key.sign(algorithm, &tbs).unwrap());
        let long = Certificate::parse(&long).unwrap();
        assert_eq!(reaches_trusted_issuer(&leaf, &[long], &trusted), reaches);
    }
}

#[test]
fn ordinary_questions_stay_far_from_the_bounds() {
    let ca = root("CA");
    let mut issuer = issued("1", &ca);
    let mut beside = vec![issuer.certificate.clone()];
    for level in 2..MAX_DEPTH {
        issuer = issued(&level.to_string(), &issuer);
        beside.push(issuer.certificate.clone());
    }
    let alice = issued("alice", &issuer);
    let stranger = anchors(&[&root("stranger")]);
    assert!(!reaches_trusted_issuer(
        &alice.certificate,
        &beside,
        &stranger
    ));
    assert!(reaches_trusted_issuer(
        &alice.certificate,
        &beside,
        &anchors(&[&ca])
    ));
}
