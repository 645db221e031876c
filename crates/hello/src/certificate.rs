//! The self-signed certificate around a user key (protocols E.4, J.5).
//!
//! Key trust has no use for a certificate: what counts is the key. PKINIT clients want one to sign with, and
//! so the key is given one that says nothing and that nobody has to trust.

use crypto::signature::{SignError, SignatureAlgorithm, Signer};
use provisioning::doors::Account;
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use wire::x509::{BasicConstraints, Extension, KeyUsage, Name, TbsCertificate, assemble, oid};

/// How long before `now` it begins, for clocks that are behind.
const BACKDATED: Span = Span::days(1);
/// How long it lasts: longer than the key, for its end means nothing to a KDC, and MIT's client refuses
/// to sign with one that has ended.
const LIFE: Span = Span::days(30 * 365);

/// The certificate, DER, of the key that `signer` holds: subject `CN=<SID>/<container>/<domain>/<UPN>`, as
/// Windows names its own (protocols E.4.1; the SID is left out where it is not known); no CA, no KDC
/// purpose, so that a client can list it among its anchors without trusting it for anything
/// (protocols J.5).
///
/// # Errors
/// [`SignError`] when the key does not sign.
pub fn self_signed(
    signer: &dyn Signer,
    account: &Account,
    container: Guid,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<u8>, SignError> {
    let sid = account.sid.map(|sid| format!("{sid}/")).unwrap_or_default();
    let subject = Name::common(&format!(
        "{sid}{container}/{}/{}",
        account.domain, account.upn
    ));
    let public_key = signer.public_key();
    let spki = public_key.to_spki_der();
    let algorithm = SignatureAlgorithm::default_for(public_key);
    let identifier = algorithm.identifier_der();
    // RFC 7093 2, method 4: the leftmost 160 bits of SHA-256 over the SubjectPublicKeyInfo.
    let digest = crypto::digest::sha256(&spki);
    let (key_identifier, _) = digest.split_at(20);
    let mut serial: [u8; 16] = rng.bytes();
    serial[0] = serial[0] & 0x7f | 0x40;

    let tbs = TbsCertificate {
        serial: &serial,
        signature_algorithm: &identifier,
        issuer: &subject,
        not_before: (now - BACKDATED).unix(),
        not_after: (now + LIFE).unix(),
        subject: &subject,
        spki: &spki,
        extensions: &[
            Extension::basic_constraints(BasicConstraints {
                ca: false,
                path_length: None,
            }),
            Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE),
            Extension::extended_key_usage(
                &[oid::CLIENT_AUTHENTICATION, oid::SMART_CARD_LOGON],
                false,
            ),
            Extension::subject_key_identifier(key_identifier),
        ],
    }
    .encode();
    let signature = signer.sign(algorithm, &tbs)?;
    Ok(assemble(&tbs, &identifier, &signature))
}

#[cfg(test)]
mod tests {
    use crypto::key::{KeyKind, PrivateKey};
    use crypto::signature::Verifier;
    use wire::x509::Certificate;

    use super::*;
    use crate::testing::{Dice, START, alice};

    #[test]
    fn it_carries_the_key_and_says_nothing_that_anybody_should_trust() {
        // protocols J.5: CA=false and no KDC purpose.
        for kind in [KeyKind::Rsa2048, KeyKind::P256] {
            let key = PrivateKey::generate(kind);
            let container = Guid::from_bytes([0xc0; 16]);
            let der = self_signed(&key, &alice(), container, START, &mut Dice::new(1)).unwrap();
            let certificate = Certificate::parse(&der).unwrap();

            assert_eq!(certificate.spki(), key.public_key().to_spki_der());
            assert_eq!(certificate.issuer(), certificate.subject());
            assert_eq!(
                certificate
                    .subject()
                    .first(oid::COMMON_NAME)
                    .unwrap()
                    .unwrap(),
                "S-1-5-21-1-2-3-1104/c0c0c0c0-c0c0-c0c0-c0c0-c0c0c0c0c0c0/corp.example/alice@corp.example"
            );
            let extensions = certificate.extensions();
            assert!(!extensions.basic_constraints().unwrap().unwrap().ca);
            let purposes = extensions.extended_key_usage().unwrap().unwrap();
            assert!(!purposes.contains(&oid::PKINIT_KDC));
            assert!(!purposes.contains(&oid::ANY_EXTENDED_KEY_USAGE));
            assert!(certificate.not_before() < START.unix());
            assert!(certificate.not_after() > (START + Span::days(10_000)).unix());
            let algorithm = SignatureAlgorithm::default_for(key.public_key());
            assert!(
                Verifier::new(key.public_key().clone())
                    .verify(algorithm, certificate.tbs(), certificate.signature())
                    .is_ok()
            );
        }
    }

    #[test]
    fn an_account_without_a_known_sid_has_a_shorter_name() {
        let key = PrivateKey::generate(KeyKind::P256);
        let mut account = alice();
        account.sid = None;
        let der = self_signed(&key, &account, Guid::NIL, START, &mut Dice::new(1)).unwrap();
        let name = Certificate::parse(&der)
            .unwrap()
            .subject()
            .first(oid::COMMON_NAME)
            .unwrap()
            .unwrap();
        assert_eq!(
            name,
            "00000000-0000-0000-0000-000000000000/corp.example/alice@corp.example"
        );
    }
}
