//! Certificate enrolment: what one party asks of the authority, through the directory.
//!
//! The asker writes a record to the table [`REQUESTS`] in the commit that registers the device, and is
//! asked again when the record of the same key in [`OUTCOMES`] is there. Names are the asker's to judge; all
//! that comes from the device's own request is its key.

use crypto::key::{MalformedKey, PublicKey, WeakKey};
use crypto::signature::{BadSignature, SignatureAlgorithm, UnacceptableAlgorithm, Verifier};
use wire::Guid;
use wire::x509::device::{DeviceExtensions, JoinType};
use wire::x509::{Certificate, CertificationRequest};

/// The table in which the authority finds what is asked of it. Keys are random, of the asker's choice.
pub const REQUESTS: &str = "authority.requests";
/// The table in which the authority answers, under the key of the request.
pub const OUTCOMES: &str = "authority.outcomes";

/// The version of both encodings.
const VERSION: u8 = 1;

/// What a request for a logon certificate begins with.
const LOGON: u8 = 2;

/// A public key whose private half somebody proved to hold, by signing a certification request with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PossessedKey(PublicKey);

/// Why a certification request proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotPossessed {
    /// The key is of no kind that we certify.
    #[error("the request's key cannot be used")]
    Key(#[from] MalformedKey),
    /// The key is too weak to be certified.
    #[error("the request's key is refused")]
    Weak(#[from] WeakKey),
    /// The signature is of no kind that we check.
    #[error("the request's signature cannot be checked")]
    Algorithm(#[from] UnacceptableAlgorithm),
    /// The signature is not by the key.
    #[error("the request is not signed by its own key")]
    Signature(#[from] BadSignature),
}

impl PossessedKey {
    /// Checks the signature of a certification request, and the strength of its key (protocols B.3).
    ///
    /// # Errors
    /// [`NotPossessed`].
    pub fn of(request: &CertificationRequest) -> Result<Self, NotPossessed> {
        let key = PublicKey::from_spki_der(request.spki())?;
        key.check_strength()?;
        let algorithm = SignatureAlgorithm::from_identifier_der(request.signature_algorithm())?;
        Verifier::new(key.clone()).verify(algorithm, request.info(), request.signature())?;
        Ok(Self(key))
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.0
    }
}

/// A device certificate that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceEnrolment {
    /// objectGUID of the device's entry, with which the certificate lives and dies.
    pub holder: Guid,
    /// What the certificate says about the device (protocols B.5); the device's own id is its subject.
    pub extensions: DeviceExtensions,
    key: PublicKey,
}

impl DeviceEnrolment {
    /// Asks for a certificate for a key that the device proved to hold.
    #[must_use]
    pub fn new(holder: Guid, extensions: DeviceExtensions, key: PossessedKey) -> Self {
        Self {
            holder,
            extensions,
            key: key.0,
        }
    }

    /// The key to be certified.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The record's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let of = &self.extensions;
        let mut bytes = vec![VERSION];
        bytes.extend(self.holder.to_bytes());
        for guid in [of.instance, of.device, of.user, of.domain, of.tenant] {
            bytes.push(u8::from(guid.is_some()));
            bytes.extend(guid.unwrap_or_default().to_bytes());
        }
        bytes.push(match of.join_type {
            None => 0,
            Some(JoinType::Registered) => 1,
            Some(JoinType::Joined) => 2,
        });
        // A hint of two letters; one that does not fit is left out.
        let fitting = of.region.as_deref().unwrap_or_default();
        let (length, region) = match u8::try_from(fitting.len()) {
            Ok(length) => (length, fitting),
            Err(_) => (0, ""),
        };
        bytes.push(length);
        bytes.extend(region.bytes());
        bytes.extend(self.key.to_spki_der());
        bytes
    }

    /// Reads a record's value; `None` for one that [`DeviceEnrolment::to_bytes`] did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[VERSION])?;
        let mut take = |length: usize| -> Option<&[u8]> {
            let (head, tail) = rest.split_at_checked(length)?;
            rest = tail;
            Some(head)
        };
        let guid = |bytes: &[u8]| Some(Guid::from_bytes(bytes.try_into().ok()?));
        let holder = guid(take(16)?)?;
        let mut guids = [None; 5];
        for place in &mut guids {
            let there = take(1)? == [1];
            let value = guid(take(16)?)?;
            *place = there.then_some(value);
        }
        let [instance, device, user, domain, tenant] = guids;
        let join_type = match take(1)? {
            [0] => None,
            [1] => Some(JoinType::Registered),
            [2] => Some(JoinType::Joined),
            _ => return None,
        };
        let length = usize::from(*take(1)?.first()?);
        let region = core::str::from_utf8(take(length)?).ok()?;
        Some(Self {
            holder,
            extensions: DeviceExtensions {
                instance,
                device,
                user,
                domain,
                tenant,
                join_type,
                region: (!region.is_empty()).then(|| region.to_owned()),
            },
            key: PublicKey::from_spki_der(rest).ok()?,
        })
    }
}

/// A certificate to sign in with that is asked for. All that it says of the person comes from the directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogonEnrolment {
    /// objectGUID of the account, with which the certificate lives and dies.
    pub holder: Guid,
    /// Days that it shall live; `None` for as long as the authority gives.
    pub days: Option<u16>,
    key: PublicKey,
}

impl LogonEnrolment {
    /// Asks for a certificate for a key that somebody proved to hold.
    #[must_use]
    pub fn new(holder: Guid, days: Option<u16>, key: PossessedKey) -> Self {
        Self {
            holder,
            days,
            key: key.0,
        }
    }

    /// The key to be certified.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The record's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![LOGON];
        bytes.extend(self.holder.to_bytes());
        bytes.extend(self.days.unwrap_or(0).to_be_bytes());
        bytes.extend(self.key.to_spki_der());
        bytes
    }

    /// Reads a record's value; `None` for one that [`LogonEnrolment::to_bytes`] did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[LOGON])?;
        let (holder, rest) = rest.split_first_chunk()?;
        let (days, key) = rest.split_first_chunk()?;
        let days = u16::from_be_bytes(*days);
        Some(Self {
            holder: Guid::from_bytes(*holder),
            days: (days > 0).then_some(days),
            key: PublicKey::from_spki_der(key).ok()?,
        })
    }
}

/// What became of an enrolment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The certificate, in the issuance log before anybody sees it.
    Issued(Certificate),
    /// None was issued, and why; for the audit log, not for the peer.
    Refused(String),
}

impl Outcome {
    /// The record's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, content) = match self {
            Self::Issued(certificate) => (1, certificate.der()),
            Self::Refused(reason) => (0, reason.as_bytes()),
        };
        [&[VERSION, kind], content].concat()
    }

    /// Reads a record's value; `None` for one that [`Outcome::to_bytes`] did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [VERSION, 1, certificate @ ..] => {
                Certificate::parse(certificate).ok().map(Self::Issued)
            }
            [VERSION, 0, reason @ ..] => {
                Some(Self::Refused(core::str::from_utf8(reason).ok()?.to_owned()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crypto::key::{KeyKind, PrivateKey};
    use crypto::signature::Signer;
    use wire::x509::{Name, assemble, csr};

    use super::*;

    fn request(key: &PrivateKey, signer: &PrivateKey) -> CertificationRequest {
        // The literal of protocols B.3.
        let subject = Name::common("7E980AD9-B86D-4306-9425-9AC066FB014A");
        let info = csr::encode_info(&subject, &key.public_key().to_spki_der());
        let algorithm = SignatureAlgorithm::default_for(signer.public_key());
        let signature = signer.sign(algorithm, &info).unwrap();
        let der = assemble(&info, &algorithm.identifier_der(), &signature);
        CertificationRequest::parse(&der).unwrap()
    }

    fn key() -> PrivateKey {
        PrivateKey::generate(KeyKind::P256)
    }

    #[test]
    fn a_request_signed_by_its_own_key_proves_possession() {
        for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
            let key = PrivateKey::generate(kind);
            let possessed = PossessedKey::of(&request(&key, &key)).unwrap();
            assert_eq!(possessed.key(), key.public_key());
        }
    }

    #[test]
    fn a_request_signed_by_another_key_proves_nothing() {
        assert_eq!(
            PossessedKey::of(&request(&key(), &key())),
            Err(NotPossessed::Signature(BadSignature))
        );
    }

    #[test]
    fn a_weak_key_is_refused_before_its_signature_is_looked_at() {
        let signer = key();
        let weak = PublicKey::from_rsa(&[0xc1; 128], &[1, 0, 1]).unwrap();
        let info = csr::encode_info(&Name::common("x"), &weak.to_spki_der());
        let algorithm = SignatureAlgorithm::EcdsaSha256;
        let signature = signer.sign(algorithm, &info).unwrap();
        let der = assemble(&info, &algorithm.identifier_der(), &signature);
        assert!(matches!(
            PossessedKey::of(&CertificationRequest::parse(&der).unwrap()),
            Err(NotPossessed::Weak(WeakKey::TooShort { bits: 1024 }))
        ));
    }

    #[test]
    fn a_request_signed_over_sha1_is_refused() {
        let key = key();
        let info = csr::encode_info(&Name::common("x"), &key.public_key().to_spki_der());
        let sha1 = [
            0x30, 13, 6, 9, 42, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 5, 5, 0,
        ];
        let request = CertificationRequest::parse(&assemble(&info, &sha1, &[1; 64])).unwrap();
        assert_eq!(
            PossessedKey::of(&request),
            Err(NotPossessed::Algorithm(UnacceptableAlgorithm::Sha1))
        );
    }

    #[test]
    fn what_is_asked_and_answered_survives_the_directory() {
        let key = key();
        let guid = |text: &str| Some(text.parse().unwrap());
        let full = DeviceExtensions {
            instance: guid("11111111-2222-3333-4444-555555555555"),
            device: guid("47f577e3-d2d0-4a0a-8aca-e0501098bde4"),
            user: guid("21111111-2222-3333-4444-555555555555"),
            domain: guid("31111111-2222-3333-4444-555555555555"),
            tenant: guid("41111111-2222-3333-4444-555555555555"),
            join_type: Some(JoinType::Joined),
            region: Some("EU".into()),
        };
        for extensions in [full, DeviceExtensions::default()] {
            let possessed = PossessedKey::of(&request(&key, &key)).unwrap();
            let holder = Guid::from_random([7; 16]);
            let enrolment = DeviceEnrolment::new(holder, extensions, possessed);
            let bytes = enrolment.to_bytes();
            assert_eq!(DeviceEnrolment::from_bytes(&bytes), Some(enrolment));
            for length in 0..bytes.len() {
                assert_eq!(DeviceEnrolment::from_bytes(&bytes[..length]), None);
            }
        }
        let refused = Outcome::Refused("the device is disabled".into());
        assert_eq!(Outcome::from_bytes(&refused.to_bytes()), Some(refused));
        assert_eq!(Outcome::from_bytes(&[]), None);
        assert_eq!(Outcome::from_bytes(&[VERSION, 1, 0x30, 0]), None);
    }

    #[test]
    fn a_request_for_a_logon_certificate_reads_back_and_is_no_device_s() {
        let key = key();
        let possessed = PossessedKey::of(&request(&key, &key)).unwrap();
        for days in [None, Some(30)] {
            let holder = Guid::from_bytes([3; 16]);
            let asked = LogonEnrolment::new(holder, days, possessed.clone());
            let bytes = asked.to_bytes();
            assert_eq!(LogonEnrolment::from_bytes(&bytes), Some(asked));
            assert_eq!(DeviceEnrolment::from_bytes(&bytes), None);
        }
    }
}
