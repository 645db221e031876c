//! What the client signed: the CMS SignedData around its AuthPack (RFC 4556 3.2.1, protocols E.3.1
//! steps 1 and 2).

use crypto::digest::DigestAlgorithm;
use crypto::key::PublicKey;
use crypto::signature::{
    BadSignature, LegacySha1, SignatureAlgorithm, UnacceptableAlgorithm, Verifier,
};
use wire::cms::{SignedData, SignerIdentifier, SignerInfo};
use wire::pkinit::{AuthPack, oid};
use wire::x509::Certificate;

use crate::crypto_policy::CryptoPolicy;
use crate::refused::Refused;

/// How the AuthPack is signed.
#[derive(Clone, Copy)]
enum Algorithm {
    /// As anybody may sign.
    Modern(SignatureAlgorithm),
    /// By RSA over SHA-1, which a switch allows.
    Old(LegacySha1),
}

/// A signed AuthPack whose signature nobody has checked yet. The AuthPack is reached only through
/// [`Unverified::verify`].
pub(crate) struct Unverified<'a> {
    content: &'a [u8],
    /// What the signature covers: the signed attributes, or the content where there are none.
    covered: Vec<u8>,
    algorithm: Algorithm,
    signature: &'a [u8],
    /// The signer's certificate, where it came along.
    pub(crate) certificate: Option<Certificate>,
    /// The other certificates that came along.
    pub(crate) others: Vec<Certificate>,
}

impl<'a> Unverified<'a> {
    /// Reads the SignedData and everything that can be judged without a key.
    pub(crate) fn read(signed: &'a SignedData<'a>, policy: &CryptoPolicy) -> Result<Self, Refused> {
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
        let digest = digest(signer, policy)?;
        let algorithm = algorithm(signer, digest)?;
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
        match self.algorithm {
            Algorithm::Modern(algorithm) => key.verify(algorithm, &self.covered, self.signature),
            Algorithm::Old(sha1) => key.verify_legacy_sha1(sha1, &self.covered, self.signature),
        }
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
            Algorithm::Modern(
                SignatureAlgorithm::EcdsaSha256
                    | SignatureAlgorithm::EcdsaSha384
                    | SignatureAlgorithm::EcdsaSha512
            )
        )
    }

    /// Whether a key is of the kind that it is signed with, so that anything is computed with it.
    pub(crate) fn is_of_the_kind_of(&self, key: &PublicKey) -> bool {
        self.is_elliptic() == matches!(key, PublicKey::Ec(_))
    }

    /// Whether it is signed over SHA-1 (`kdc.pkinit_sha1_cms`).
    pub(crate) fn is_over_sha1(&self) -> bool {
        matches!(self.algorithm, Algorithm::Old(_))
    }
}

/// SHA-2: SHA-1 is behind a switch (protocols K), MD5 behind none.
fn digest(signer: &SignerInfo<'_>, policy: &CryptoPolicy) -> Result<DigestAlgorithm, Refused> {
    DigestAlgorithm::from_oid(&signer.digest_algorithm.oid)
        .filter(|digest| policy.takes_digest(*digest))
        .ok_or(Refused::DigestNotAccepted)
}

/// How it is signed, given that `digest` is taken.
fn algorithm(signer: &SignerInfo<'_>, digest: DigestAlgorithm) -> Result<Algorithm, Refused> {
    match SignatureAlgorithm::from_cms(&signer.signature_algorithm, &digest.oid()) {
        Ok(algorithm) => Ok(Algorithm::Modern(algorithm)),
        Err(UnacceptableAlgorithm::Sha1) if digest == DigestAlgorithm::Sha1 => {
            Ok(Algorithm::Old(LegacySha1))
        }
        Err(UnacceptableAlgorithm::Sha1) => Err(Refused::DigestNotAccepted),
        Err(_) => Err(Refused::SignatureAlgorithm),
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
