//! What tests need of a device that joined: what is kept of it, without an authority and its answers.

use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::{SignatureAlgorithm, Signer as _};
use directory::{Attribute, EntryId, NewEntry};
use trust::Timestamp;
use wire::Guid;
use wire::key_credential::{KeySource, KeyUsage};
use wire::x509::device::{DeviceExtensions, Length};
use wire::x509::{Name, TbsCertificate, assemble};

use crate::proven_device::certificate_identity;

/// The certificate of a device as an authority makes it (protocols B.5), in DER, by a key that is made for it and
/// forgotten. It is valid from an hour before `now`, for a year from then.
///
/// # Panics
/// When `says` names no device.
#[must_use]
pub fn certificate(key: &PublicKey, says: &DeviceExtensions, now: Timestamp) -> Vec<u8> {
    let device = says.device.expect("a certificate of a device names it");
    let algorithm = SignatureAlgorithm::EcdsaSha256;
    let tbs = TbsCertificate {
        serial: &now.unix().to_be_bytes(),
        signature_algorithm: &algorithm.identifier_der(),
        issuer: &Name::common("MS-Organization-Access"),
        not_before: now.unix() - 3600,
        not_after: now.unix() + 365 * 86_400,
        subject: &Name::common(&device.to_string()),
        spki: &key.to_spki_der(),
        extensions: &says.write(Length::LikePublicCertificates),
    };
    let tbs = tbs.encode();
    let issuer = PrivateKey::generate(KeyKind::P256);
    let signature = issuer.sign(algorithm, &tbs).expect("a key signs");
    assemble(&tbs, &algorithm.identifier_der(), &signature)
}

/// The entry of a device that is known by its certificate (protocols B.5).
#[must_use]
pub fn device(
    entry: EntryId,
    container: EntryId,
    id: Guid,
    name: &str,
    certificate: &[u8],
    key: &PublicKey,
) -> NewEntry {
    let named = certificate_identity(crypto::digest::sha1(certificate), key);
    NewEntry::device(entry, container, id, name)
        .with(Attribute::AltSecurityIdentities, named.to_identity())
}

/// The value of a public key, in the form in which devices register it.
#[must_use]
pub fn key_value(key: &PublicKey, usage: KeyUsage, device: Guid, now: Timestamp) -> Vec<u8> {
    let material = key.to_key_material();
    crate::key_value::write(&material, usage, device, KeySource::Ad, now)
}
