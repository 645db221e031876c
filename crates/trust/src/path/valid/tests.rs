use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use wire::x509::{
    BasicConstraints, Extension, GeneralName, Name, NameConstraints, NameSubtree, TbsCertificate,
    assemble,
};

use super::*;
use crate::Span;

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const LOGON: &[ObjectIdentifier] = &[oid::SMART_CARD_LOGON, oid::CLIENT_AUTHENTICATION];

struct Party {
    key: PrivateKey,
    certificate: Certificate,
}

/// Everything about a certificate that a case may want otherwise.
struct Made<'a> {
    name: &'a str,
    issuer: Option<&'a Party>,
    extensions: Vec<Extension>,
    life: (i64, i64),
    /// Replaces the algorithm identifier after signing.
    algorithm: Option<&'static [u8]>,
}

fn made(name: &str) -> Made<'_> {
    Made {
        name,
        issuer: None,
        extensions: Vec::new(),
        life: (-86_400, 86_400),
        algorithm: None,
    }
}

fn ca(path_length: Option<u8>) -> Extension {
    Extension::basic_constraints(BasicConstraints {
        ca: true,
        path_length: path_length.map(Into::into),
    })
}

fn logon() -> Extension {
    Extension::extended_key_usage(&[oid::SMART_CARD_LOGON], false)
}

impl Made<'_> {
    fn with(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    fn make(self) -> Party {
        let key = PrivateKey::generate(KeyKind::P256);
        let subject = Name::common(self.name);
        let (signer, issuer) = match self.issuer {
            Some(issuer) => (&issuer.key, issuer.certificate.subject().clone()),
            None => (&key, subject.clone()),
        };
        let algorithm = SignatureAlgorithm::default_for(signer.public_key());
        let own = algorithm.identifier_der();
        let identifier = self.algorithm.unwrap_or(&own);
        let tbs = TbsCertificate {
            serial: &[1; 16],
            signature_algorithm: identifier,
            issuer: &issuer,
            not_before: NOW.unix() + self.life.0,
            not_after: NOW.unix() + self.life.1,
            subject: &subject,
            spki: &key.public_key().to_spki_der(),
            extensions: &self.extensions,
        }
        .encode();
        let signature = signer.sign(algorithm, &tbs).unwrap();
        let der = assemble(&tbs, identifier, &signature);
        Party {
            certificate: Certificate::parse(&der).unwrap(),
            key,
        }
    }
}

fn root() -> Party {
    made("Root").with(ca(None)).make()
}

fn below<'a>(issuer: &'a Party, name: &'a str) -> Made<'a> {
    Made {
        issuer: Some(issuer),
        ..made(name)
    }
}

fn judged(leaf: &Party, between: &[&Party], root: &Party) -> Result<usize, Why> {
    let between: Vec<_> = between
        .iter()
        .map(|party| party.certificate.clone())
        .collect();
    let anchors = [Anchor::new(root.certificate.clone())];
    let valid = validate(&leaf.certificate, &between, &anchors, LOGON, NOW);
    valid
        .map(|valid| valid.links().count())
        .map_err(|it| it.why)
}

#[test]
fn a_logon_certificate_below_a_trusted_issuer_is_valid_directly_and_through_others() {
    let root = root();
    let issuing = below(&root, "Issuing").with(ca(Some(0))).make();
    let direct = below(&root, "Alice").with(logon()).make();
    let indirect = below(&issuing, "Alice").with(logon()).make();
    assert_eq!(judged(&direct, &[], &root), Ok(1));
    assert_eq!(judged(&indirect, &[&direct, &issuing], &root), Ok(2));
    assert_eq!(judged(&indirect, &[], &root), Err(Why::Untrusted));
}

#[test]
fn a_look_alike_of_an_issuer_reaches_nothing() {
    let (trusted, same_name) = (root(), root());
    let leaf = below(&same_name, "Alice").with(logon()).make();
    assert_eq!(judged(&leaf, &[], &same_name), Ok(1));
    assert_eq!(judged(&leaf, &[], &trusted), Err(Why::Untrusted));
    assert_eq!(judged(&leaf, &[&same_name], &trusted), Err(Why::Untrusted));
}

#[test]
fn every_certificate_of_the_path_must_be_valid_now() {
    let root = root();
    for (life, why) in [((-10, -1), Why::Expired), ((1, 10), Why::NotYetValid)] {
        let leaf = Made {
            life,
            ..below(&root, "Alice").with(logon())
        };
        assert_eq!(judged(&leaf.make(), &[], &root), Err(why));
        let issuing = Made {
            life,
            ..below(&root, "Issuing").with(ca(None))
        };
        let issuing = issuing.make();
        let leaf = below(&issuing, "Alice").with(logon()).make();
        assert_eq!(judged(&leaf, &[&issuing], &root), Err(why));
    }
    let old = Made {
        life: (-10, -1),
        ..made("Root").with(ca(None))
    };
    let old = old.make();
    let leaf = below(&old, "Alice").with(logon()).make();
    assert_eq!(judged(&leaf, &[], &old), Err(Why::Expired));
    let anchors = [Anchor::new(root.certificate.clone())];
    let alice = below(&root, "Alice").with(logon()).make();
    let at = |now| validate(&alice.certificate, &[], &anchors, LOGON, now).is_ok();
    assert!(at(NOW) && !at(NOW + Span::days(2)) && !at(NOW - Span::days(2)));
}

#[test]
fn only_an_authority_issues_and_none_signs_in() {
    let root = root();
    let person = below(&root, "Bob").with(logon()).make();
    let leaf = below(&person, "Alice").with(logon()).make();
    assert_eq!(judged(&leaf, &[&person], &root), Err(Why::NotAuthority));
    let authority = below(&root, "Alice").with(logon()).with(ca(None)).make();
    assert_eq!(judged(&authority, &[], &root), Err(Why::Authority));
    assert_eq!(judged(&root, &[], &root), Err(Why::Authority));
    let signs = |usage| {
        let issuing = below(&root, "Issuing").with(ca(None));
        let issuing = issuing.with(Extension::key_usage(usage)).make();
        let leaf = below(&issuing, "Alice").with(logon()).make();
        judged(&leaf, &[&issuing], &root)
    };
    assert_eq!(signs(KeyUsage::KEY_CERT_SIGN), Ok(2));
    assert_eq!(signs(KeyUsage::CRL_SIGN), Err(Why::KeyUsage));
}

#[test]
fn no_more_authorities_stand_below_one_than_it_allows() {
    let root = made("Root").with(ca(Some(1))).make();
    let first = below(&root, "First").with(ca(None)).make();
    let second = below(&first, "Second").with(ca(None)).make();
    let near = below(&first, "Alice").with(logon()).make();
    let far = below(&second, "Alice").with(logon()).make();
    assert_eq!(judged(&near, &[&first], &root), Ok(2));
    assert_eq!(
        judged(&far, &[&first, &second], &root),
        Err(Why::PathLength)
    );
}

#[test]
fn the_certificate_must_be_for_signing_in_and_its_authorities_too() {
    let root = root();
    let of = |purposes: &[ObjectIdentifier]| {
        let extension = Extension::extended_key_usage(purposes, false);
        judged(&below(&root, "Alice").with(extension).make(), &[], &root)
    };
    assert_eq!(
        of(&[oid::SERVER_AUTHENTICATION, oid::CLIENT_AUTHENTICATION]),
        Ok(1)
    );
    assert_eq!(of(&[oid::SERVER_AUTHENTICATION]), Err(Why::Purpose));
    assert_eq!(of(&[oid::ANY_EXTENDED_KEY_USAGE]), Err(Why::Purpose));
    let none = below(&root, "Alice").make();
    assert_eq!(judged(&none, &[], &root), Err(Why::Purpose));
    let issuing = |purpose| {
        let purposes = Extension::extended_key_usage(&[purpose], false);
        let issuing = below(&root, "Issuing").with(ca(None)).with(purposes).make();
        let leaf = below(&issuing, "Alice").with(logon()).make();
        judged(&leaf, &[&issuing], &root)
    };
    assert_eq!(issuing(oid::ANY_EXTENDED_KEY_USAGE), Ok(2));
    assert_eq!(issuing(oid::SERVER_AUTHENTICATION), Err(Why::Purpose));
    let usage = Extension::key_usage(KeyUsage::KEY_ENCIPHERMENT);
    let leaf = below(&root, "Alice").with(logon()).with(usage).make();
    assert_eq!(judged(&leaf, &[], &root), Err(Why::KeyUsage));
}

#[test]
fn names_must_lie_within_the_constraints_of_each_authority() {
    let root = root();
    let base = NameSubtree::Name(GeneralName::UserPrincipalName("corp.example".to_owned()));
    let constraints = Extension::name_constraints(&NameConstraints {
        permitted: vec![base],
        excluded: Vec::new(),
    });
    let issuing = below(&root, "Issuing").with(ca(None)).with(constraints);
    let issuing = issuing.make();
    let named = |upn: &str| {
        let names = [GeneralName::UserPrincipalName(upn.to_owned())];
        let names = Extension::subject_alternative_name(&names, false);
        let leaf = below(&issuing, "Alice").with(logon()).with(names).make();
        judged(&leaf, &[&issuing], &root)
    };
    assert_eq!(named("alice@corp.example"), Ok(2));
    assert_eq!(named("alice@other.example"), Err(Why::Names));
}

#[test]
fn an_unknown_critical_extension_is_refused() {
    let root = root();
    let of = |critical| {
        let mut extension = Extension::crl_number(1);
        extension.oid = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
        extension.critical = critical;
        let leaf = below(&root, "Alice").with(logon()).with(extension).make();
        judged(&leaf, &[], &root)
    };
    assert_eq!(of(false), Ok(1));
    assert!(matches!(of(true), Err(Why::Critical(_))));
}

#[test]
fn old_signatures_are_refused_by_name() {
    const SHA1_ECDSA: &[u8] = &[0x30, 9, 6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 4, 1];
    const MD5_RSA: &[u8] = &[
        0x30, 13, 6, 9, 42, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 4, 5, 0,
    ];
    let root = root();
    for algorithm in [SHA1_ECDSA, MD5_RSA] {
        let leaf = Made {
            algorithm: Some(algorithm),
            ..below(&root, "Alice").with(logon())
        };
        assert_eq!(judged(&leaf.make(), &[], &root), Err(Why::Digest));
    }
}
