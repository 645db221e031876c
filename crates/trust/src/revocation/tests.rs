use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use wire::x509::ocsp::{
    self, CertId, CertificateStatus, OcspResponse, ResponderId, ResponseData, SingleResponse,
};
use wire::x509::{
    Extension, Extensions, IssuingDistributionPoint, KeyUsage, Name, Reason, Revoked, TbsCertList,
    TbsCertificate, assemble, oid,
};

use super::*;
use crate::{Span, Timestamp};

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const SERIAL: &[u8] = &[7];

struct Party {
    key: PrivateKey,
    certificate: Certificate,
}

fn party(name: &str, issuer: Option<&Party>, extensions: &[Extension]) -> Party {
    let key = PrivateKey::generate(KeyKind::P256);
    let subject = Name::common(name);
    let (signer, issued_by) = match issuer {
        Some(issuer) => (&issuer.key, issuer.certificate.subject().clone()),
        None => (&key, subject.clone()),
    };
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let tbs = TbsCertificate {
        serial: SERIAL,
        signature_algorithm: &algorithm.identifier_der(),
        issuer: &issued_by,
        not_before: NOW.unix() - 86_400,
        not_after: NOW.unix() + 86_400,
        subject: &subject,
        spki: &key.public_key().to_spki_der(),
        extensions,
    }
    .encode();
    let signature = signer.sign(algorithm, &tbs).unwrap();
    let der = assemble(&tbs, &algorithm.identifier_der(), &signature);
    Party {
        certificate: Certificate::parse(&der).unwrap(),
        key,
    }
}

fn root() -> Party {
    party("Root", None, &[])
}

/// A list by `signer` in the name of `issuer`.
fn list(issuer: &Party, signer: &Party, next: i64, extensions: &[Extension]) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(signer.key.public_key());
    let tbs = TbsCertList {
        signature_algorithm: &algorithm.identifier_der(),
        issuer: issuer.certificate.subject(),
        this_update: NOW.unix() - 60,
        next_update: next,
        revoked: &[Revoked {
            serial: vec![9],
            since: NOW.unix() - 100,
            reason: Reason::KeyCompromise,
        }],
        extensions,
    }
    .encode();
    let signature = signer.key.sign(algorithm, &tbs).unwrap();
    assemble(&tbs, &algorithm.identifier_der(), &signature)
}

const LATER: i64 = NOW.unix() + 3_600;

#[test]
fn a_list_of_the_issuer_counts_and_no_other() {
    let (root, stranger) = (root(), party("Root", None, &[]));
    let right = list(&root, &root, LATER, &[Extension::crl_number(3)]);
    let checked = judge_list(&right, &root.certificate, None, NOW).unwrap();
    assert_eq!(checked.number, Some(3));
    assert_eq!(checked.next_update, Timestamp::from_unix(LATER));
    let since = Timestamp::from_unix(NOW.unix() - 100);
    assert_eq!(checked.revoked, [(vec![9], since, Reason::KeyCompromise)]);

    let judged = |der: &[u8]| judge_list(der, &root.certificate, None, NOW).unwrap_err();
    let forged = list(&root, &stranger, LATER, &[]);
    assert_eq!(judged(&forged), Unusable::Signature);
    let other = party("Other", None, &[]);
    assert_eq!(
        judged(&list(&other, &root, LATER, &[])),
        Unusable::OtherIssuer
    );
    let mut altered = right;
    let at = altered.len() / 2;
    altered[at] ^= 1;
    assert!(judge_list(&altered, &root.certificate, None, NOW).is_err());
}

#[test]
fn a_list_that_is_over_or_of_the_future_does_not_count() {
    let root = root();
    let judged = |now| {
        judge_list(
            &list(&root, &root, LATER, &[]),
            &root.certificate,
            None,
            now,
        )
    };
    assert!(judged(NOW).is_ok());
    assert_eq!(
        judged(Timestamp::from_unix(LATER)).unwrap_err(),
        Unusable::Over
    );
    let before = NOW - Span::minutes(10);
    assert_eq!(judged(before).unwrap_err(), Unusable::Future);
}

#[test]
fn a_list_of_a_part_does_not_count() {
    let root = root();
    let parts: [fn(&mut IssuingDistributionPoint); 4] = [
        |point| point.indirect = true,
        |point| point.only_ca_certificates = true,
        |point| point.only_user_certificates = true,
        |point| point.only_attribute_certificates = true,
    ];
    let judged = |extension: Extension, place| {
        let der = list(&root, &root, LATER, &[extension]);
        judge_list(&der, &root.certificate, place, NOW).map(|_| ())
    };
    for part in parts {
        let mut point = IssuingDistributionPoint::default();
        part(&mut point);
        let extension = Extension::issuing_distribution_point(&point);
        assert_eq!(judged(extension, None), Err(Unusable::Partial), "{point:?}");
    }
    assert_eq!(
        judged(Extension::delta_crl_indicator(2), None),
        Err(Unusable::Partial)
    );
    let place = "http://pki.example/a.crl";
    let named = IssuingDistributionPoint {
        names: Some(vec![wire::x509::GeneralName::Uri(place.to_owned())]),
        ..IssuingDistributionPoint::default()
    };
    let extension = || Extension::issuing_distribution_point(&named);
    assert_eq!(judged(extension(), Some(place)), Ok(()));
    assert_eq!(
        judged(extension(), Some("http://b/")),
        Err(Unusable::Partial)
    );
    let mut unknown = Extension::crl_number(1);
    unknown.oid = oid::FRESHEST_CRL;
    unknown.critical = true;
    assert_eq!(judged(unknown, None), Err(Unusable::Critical));
}

#[test]
fn a_list_by_a_key_that_may_not_sign_lists_does_not_count() {
    let signs = |usage| party("Root", None, &[Extension::key_usage(usage)]);
    let may = signs(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN));
    let may_not = signs(KeyUsage::KEY_CERT_SIGN);
    let judged =
        |root: &Party| judge_list(&list(root, root, LATER, &[]), &root.certificate, None, NOW);
    assert!(judged(&may).is_ok());
    assert_eq!(judged(&may_not).unwrap_err(), Unusable::Signature);
}

/// An answer about serial number 7.
fn answer(
    root: &Party,
    signer: &Party,
    status: CertificateStatus,
    next: Option<i64>,
    nonce: Option<&[u8]>,
) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(signer.key.public_key());
    let extensions: Vec<Extension> = nonce.map(Extension::ocsp_nonce).into_iter().collect();
    let tbs = ResponseData {
        responder: ResponderId::by_key_of(&signer.certificate).unwrap(),
        produced_at: NOW.unix(),
        responses: vec![SingleResponse {
            certificate: CertId::sha1(&root.certificate, SERIAL).unwrap(),
            status,
            this_update: NOW.unix(),
            next_update: next,
            extensions: Extensions::default(),
        }],
        extensions: extensions.into(),
    }
    .encode();
    let signature = signer.key.sign(algorithm, &tbs).unwrap();
    let certificates = [signer.certificate.der()];
    ocsp::assemble(&tbs, &algorithm.identifier_der(), &signature, &certificates)
}

#[test]
fn an_answer_by_the_issuer_or_one_that_it_appointed_counts_and_no_other() {
    let root = root();
    let purpose = [Extension::extended_key_usage(&[oid::OCSP_SIGNING], false)];
    let appointed = party("Responder", Some(&root), &purpose);
    let person = party("Alice", Some(&root), &[]);
    let stranger = party("Responder", None, &purpose);
    let good = CertificateStatus::Good;
    let judged = |signer: &Party| {
        let der = answer(&root, signer, good, Some(LATER), None);
        judge_answer(&der, SERIAL, &root.certificate, None, NOW)
    };
    let expected = Status {
        status: good,
        this_update: NOW,
        until: Timestamp::from_unix(LATER),
    };
    assert_eq!(judged(&root), Ok(expected));
    assert_eq!(judged(&appointed), Ok(expected));
    assert_eq!(judged(&person), Err(Unusable::Signature));
    assert_eq!(judged(&stranger), Err(Unusable::Signature));
}

#[test]
fn an_answer_is_about_this_certificate_and_this_question() {
    let root = root();
    let der = answer(
        &root,
        &root,
        CertificateStatus::Good,
        Some(LATER),
        Some(b"nonce"),
    );
    let judged = |serial: &[u8], nonce| judge_answer(&der, serial, &root.certificate, nonce, NOW);
    assert!(judged(SERIAL, Some(&b"nonce"[..])).is_ok());
    assert_eq!(judged(SERIAL, Some(&b"other"[..])), Err(Unusable::Silent));
    assert_eq!(judged(&[8], Some(&b"nonce"[..])), Err(Unusable::Silent));
    let failed = OcspResponse::encode_failure(OcspResponse::TRY_LATER);
    let judged = judge_answer(&failed, SERIAL, &root.certificate, None, NOW);
    assert_eq!(judged, Err(Unusable::Failed(OcspResponse::TRY_LATER)));
}

#[test]
fn an_answer_ends() {
    let root = root();
    let good = CertificateStatus::Good;
    let judged = |next, now| {
        let der = answer(&root, &root, good, next, None);
        judge_answer(&der, SERIAL, &root.certificate, None, now).map(|status| status.until)
    };
    let over = Timestamp::from_unix(LATER);
    assert_eq!(judged(Some(LATER), over), Err(Unusable::Over));
    assert_eq!(judged(None, NOW), Ok(NOW + Span::minutes(10)));
    assert_eq!(judged(None, NOW + Span::minutes(10)), Err(Unusable::Over));
    assert_eq!(
        judged(Some(LATER), NOW - Span::minutes(6)),
        Err(Unusable::Future)
    );
    let year = NOW.unix() + 86_400 * 365;
    assert_eq!(judged(Some(year), NOW), Ok(NOW + Span::days(10)));
}

#[test]
fn rows_read_back_as_they_were_written() {
    for mapping in Mapping::ALL {
        for revocation in [None, Some(Requirement::Require), Some(Requirement::Soft)] {
            let settings = Settings {
                mapping,
                revocation,
                lists: vec!["http://a/".to_owned(), String::new()],
                responders: vec!["http://b/".to_owned()],
            };
            let bytes = settings.to_bytes();
            assert_eq!(Settings::from_bytes(&bytes), Some(settings));
            for length in 0..bytes.len() {
                assert_eq!(Settings::from_bytes(&bytes[..length]), None);
            }
        }
    }
    let list = ListRow {
        this_update: NOW,
        next_update: NOW + Span::days(1),
        fetched: NOW + Span::seconds(3),
        number: 5,
        entries: 6,
        place: "http://a/".to_owned(),
        issuer: vec![1, 2, 3],
    };
    assert_eq!(ListRow::from_bytes(&list.to_bytes()), Some(list));
    let revoked = RevokedRow {
        since: NOW,
        reason: Reason::CertificateHold,
    };
    assert_eq!(RevokedRow::from_bytes(&revoked.to_bytes()), Some(revoked));
    let revoked = CertificateStatus::Revoked {
        since: 12,
        reason: Reason::KeyCompromise,
    };
    for status in [CertificateStatus::Good, CertificateStatus::Unknown, revoked] {
        let row = OcspRow { status, until: NOW };
        assert_eq!(OcspRow::from_bytes(&row.to_bytes()), Some(row));
    }
}
