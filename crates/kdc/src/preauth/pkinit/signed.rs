//! What the client signed: the CMS SignedData around its AuthPack (RFC 4556 3.2.1, protocols E.3.1
//! steps 1 and 2).

use crypto::digest::DigestAlgorithm;
use crypto::key::PublicKey;
use crypto::signature::{BadSignature, SignatureAlgorithm, UnacceptableAlgorithm, Verifier};
use wire::cms::{SignedData, SignerIdentifier, SignerInfo};
use wire::pkinit::{AuthPack, oid};
use wire::x509::Certificate;

use crate::refused::Refused;

/// A signed AuthPack whose signature nobody has checked yet. The AuthPack is reached only through
/// [`Unverified::verify`].
pub(crate) struct Unverified<'a> {
    content: &'a [u8],
    /// What the signature covers: the signed attributes, or the content where there are none.
    covered: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: &'a [u8],
    /// The signer's certificate, where it came along.
    pub(crate) certificate: Option<Certificate>,
    /// The other certificates that came along.
    pub(crate) others: Vec<Certificate>,
}

impl<'a> Unverified<'a> {
    /// Reads the SignedData and everything that can be judged without a key.
    pub(crate) fn read(signed: &'a SignedData<'a>) -> Result<Self, Refused> {
        if signed.encap_content_info.e_content_type != oid::AUTH_DATA {
            return Err(Refused::MalformedPkinit(
                "the signed content is no AuthPack",
            ));
        }
        let content = signed
            .encap_content_info
            .e_content
            .ok_or(Refused::MalformedPkinit("there is no signed content"))?;
        let signer = signed
            .single_signer()
            .ok_or(Refused::MalformedPkinit("there is not exactly one signer"))?;
        let digest = digest(signer)?;
        let algorithm = SignatureAlgorithm::from_cms(&signer.signature_algorithm, &digest.oid())
            .map_err(|why| match why {
                UnacceptableAlgorithm::Sha1 => Refused::DigestNotAccepted,
                _ => Refused::SignatureAlgorithm,
            })?;
        let covered = match &signer.signed_attrs {
            Some(attributes) => {
                if attributes.content_type() != oid::AUTH_DATA {
                    return Err(Refused::MalformedPkinit(
                        "the signed attributes speak of another content type",
                    ));
                }
                if attributes.message_digest() != digest.digest(content) {
                    return Err(Refused::InvalidSignature);
                }
                attributes.signed_bytes()
            }
            None => content.to_vec(),
        };
        let (certificate, others) = certificates(signed, signer)?;
        Ok(Self {
            content,
            covered,
            algorithm,
            signature: signer.signature,
            certificate,
            others,
        })
    }

    /// Whether this key made the signature.
    pub(crate) fn is_by(&self, key: &Verifier) -> Result<(), BadSignature> {
        key.verify(self.algorithm, &self.covered, self.signature)
    }

    /// The AuthPack, given proof that somebody checked whose signature it is.
    pub(crate) fn verify(&self, _proof: &super::Signed) -> Result<AuthPack, Refused> {
        AuthPack::decode(self.content)
            .map_err(|_| Refused::MalformedPkinit("the AuthPack is malformed"))
    }

    /// Whether the client signs by elliptic curves: it will then take such a signature from us, too.
    pub(crate) fn is_elliptic(&self) -> bool {
        matches!(
            self.algorithm,
            SignatureAlgorithm::EcdsaSha256
                | SignatureAlgorithm::EcdsaSha384
                | SignatureAlgorithm::EcdsaSha512
        )
    }
}

/// SHA-2 only: SHA-1 is behind a switch of protocols K that is not offered yet, MD5 behind none.
fn digest(signer: &SignerInfo<'_>) -> Result<DigestAlgorithm, Refused> {
    match DigestAlgorithm::from_oid(&signer.digest_algorithm.oid) {
        Some(DigestAlgorithm::Sha1) | None => Err(Refused::DigestNotAccepted),
        Some(digest) => Ok(digest),
    }
}

/// The signer's certificate and the others. A certificate that is not one is refused, for nobody could
/// say whose it is; the signer's own may be missing, as MIT leaves a self-signed one out (J.5).
fn certificates(
    signed: &SignedData<'_>,
    signer: &SignerInfo<'_>,
) -> Result<(Option<Certificate>, Vec<Certificate>), Refused> {
    let mut found = None;
    let mut others = Vec::new();
    for encoded in signed.certificates() {
        let certificate = Certificate::parse(encoded)
            .map_err(|_| Refused::MalformedPkinit("a certificate is malformed"))?;
        if found.is_none() && is_named(&certificate, &signer.sid) {
            found = Some(certificate);
        } else {
            others.push(certificate);
        }
    }
    Ok((found, others))
}

fn is_named(certificate: &Certificate, signer: &SignerIdentifier<'_>) -> bool {
    match signer {
        SignerIdentifier::IssuerAndSerialNumber(name) => {
            certificate.issuer().der() == name.issuer.as_bytes()
                && certificate.serial() == name.serial_number.as_bytes()
        }
        SignerIdentifier::SubjectKeyIdentifier(identifier) => certificate
            .extensions()
            .subject_key_identifier()
            .is_ok_and(|own| own.as_deref() == Some(*identifier)),
    }
}

/// The public key of a certificate, if it is of a kind that may sign in.
pub(crate) fn key_of(certificate: &Certificate) -> Result<PublicKey, Refused> {
    PublicKey::from_spki_der(certificate.spki()).map_err(|_| Refused::KeyNotListed)
}
