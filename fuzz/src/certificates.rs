//! X.509 and public keys.

use crypto::key::{PrivateKey, PublicKey};
use crypto::signature::SignatureAlgorithm;
use wire::x509::{
    Certificate, CertificateList, CertificationRequest, Extensions, Name, device::DeviceExtensions,
};

fn extensions(extensions: &Extensions) {
    let _ = extensions.basic_constraints();
    let _ = extensions.key_usage();
    let _ = extensions.extended_key_usage();
    let _ = extensions.subject_alternative_names();
    let _ = extensions.subject_key_identifier();
    let _ = extensions.authority_key_identifier();
    let _ = extensions.crl_distribution_points();
    let _ = extensions.ca_issuers();
    let _ = DeviceExtensions::read(extensions);
}

pub(crate) fn certificate(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::parse(bytes) {
        assert_eq!(certificate.der(), bytes);
        extensions(certificate.extensions());
        let _ = certificate.subject().parts();
        let _ = PublicKey::from_spki_der(certificate.spki());
        let _ = SignatureAlgorithm::from_identifier_der(certificate.signature_algorithm());
        let anchors = [trust::path::Anchor::new(certificate.clone())];
        let _ = trust::path::reaches_trusted_issuer(
            &certificate,
            std::slice::from_ref(&certificate),
            &anchors,
        );
    }
    let _ = Name::parse(bytes);
}

pub(crate) fn crl(bytes: &[u8]) {
    if let Ok(list) = CertificateList::parse(bytes) {
        assert_eq!(list.der(), bytes);
        extensions(list.extensions());
        let _ = list.revoked().count();
        let _ = list.find(&[1, 2, 3]);
    }
}

pub(crate) fn csr(bytes: &[u8]) {
    if let Ok(request) = CertificationRequest::parse(bytes) {
        assert_eq!(request.der(), bytes);
        extensions(request.extensions());
        let _ = request.join_nonce();
        let _ = PublicKey::from_spki_der(request.spki());
    }
}

pub(crate) fn public_key(bytes: &[u8]) {
    for key in [
        PublicKey::from_spki_der(bytes),
        PublicKey::from_pkcs1_der(bytes),
    ]
    .into_iter()
    .flatten()
    {
        let again =
            PublicKey::from_spki_der(&key.to_spki_der()).expect("what was written can be read");
        assert!(again == key);
        let _ = key.check_strength();
    }
    let _ = PrivateKey::from_pkcs8_der(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = PublicKey::from_pem(text);
    }
}
