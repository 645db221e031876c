//! Which cryptography a realm takes (protocols K): what is weaker than usual has a switch with a name, is off, and is
//! said in the audit log each time that it is used.

use crypto::agreement::Group;
use crypto::digest::DigestAlgorithm;
use crypto::etype::Etype;
use crypto::key::PublicKey;
use directory::{Account, AccountKind};
use wire::kerberos::SupportedEncryptionTypes;

use crate::refused::Refused;

/// What PKINIT takes. The default is what is safe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CryptoPolicy {
    /// `kdc.pkinit_modp1024`: agreement in the group of 1024 bits (RFC 2409 group 2).
    pub pkinit_modp1024: bool,
    /// `kdc.pkinit_sha1_cms`: a request whose signature is one of RSA over SHA-1.
    pub pkinit_sha1_cms: bool,
    /// `kdc.pkinit_rsa_mode`: a reply key under the client's RSA key instead of an agreed one.
    pub pkinit_rsa_mode: bool,
    /// `kdc.pkinit_minimum_group`: the weakest group that is agreed in, where no switch allows a weaker one. They are
    /// ordered as MIT's `pkinit_dh_min_bits` has them: 2048, P-256, 4096, P-384.
    pub minimum_group: Group,
    /// `kdc.pkinit_minimum_digest`: the weakest digest under a request's signature, where no switch allows a weaker one.
    pub minimum_digest: DigestAlgorithm,
    /// `kdc.pkinit_minimum_rsa_bits`: the shortest RSA key that signs in. Under 2048 bits nothing ever does.
    pub minimum_rsa_bits: usize,
}

impl Default for CryptoPolicy {
    fn default() -> Self {
        Self {
            pkinit_modp1024: false,
            pkinit_sha1_cms: false,
            pkinit_rsa_mode: false,
            minimum_group: Group::Modp2048,
            minimum_digest: DigestAlgorithm::Sha256,
            minimum_rsa_bits: 2_048,
        }
    }
}

/// Old cryptography behind a switch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OldCrypto {
    /// The group of 1024 bits.
    Modp1024,
    /// A signature over SHA-1.
    Sha1Cms,
    /// A reply key by RSA key transport.
    RsaMode,
}

impl OldCrypto {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Modp1024, Self::Sha1Cms, Self::RsaMode];

    /// The switch that allows it.
    #[must_use]
    pub const fn switch(self) -> &'static str {
        match self {
            Self::Modp1024 => "pkinit_modp1024",
            Self::Sha1Cms => "pkinit_sha1_cms",
            Self::RsaMode => "pkinit_rsa_mode",
        }
    }
}

const fn strength_of_group(group: Group) -> u8 {
    match group {
        Group::Modp1024 => 0,
        Group::Modp2048 => 1,
        Group::P256 => 2,
        Group::Modp4096 => 3,
        Group::P384 => 4,
    }
}

const fn strength_of_digest(digest: DigestAlgorithm) -> u8 {
    match digest {
        DigestAlgorithm::Sha1 => 0,
        DigestAlgorithm::Sha256 => 1,
        DigestAlgorithm::Sha384 => 2,
        DigestAlgorithm::Sha512 => 3,
    }
}

impl CryptoPolicy {
    /// Whether keys are agreed in this group.
    #[must_use]
    pub fn takes_group(&self, group: Group) -> bool {
        match group {
            Group::Modp1024 => self.pkinit_modp1024,
            group => strength_of_group(group) >= strength_of_group(self.minimum_group),
        }
    }

    /// The groups that are agreed in, the preferred one first.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        let all = Group::SUPPORTED.into_iter().chain([Group::Modp1024]);
        all.filter(|group| self.takes_group(*group))
    }

    /// Whether a request may be signed over this digest.
    #[must_use]
    pub fn takes_digest(&self, digest: DigestAlgorithm) -> bool {
        match digest {
            DigestAlgorithm::Sha1 => self.pkinit_sha1_cms,
            digest => strength_of_digest(digest) >= strength_of_digest(self.minimum_digest),
        }
    }

    /// The digests that a request may be signed over, the preferred one first.
    pub fn digests(&self) -> impl Iterator<Item = DigestAlgorithm> {
        let all = [
            DigestAlgorithm::Sha256,
            DigestAlgorithm::Sha384,
            DigestAlgorithm::Sha512,
            DigestAlgorithm::Sha1,
        ];
        all.into_iter().filter(|digest| self.takes_digest(*digest))
    }

    /// Judges the length of a key that signs in.
    pub(crate) fn check_key(&self, key: &PublicKey) -> Result<(), Refused> {
        match key {
            PublicKey::Rsa(_) if key.bits() < self.minimum_rsa_bits => {
                Err(Refused::WeakKey(format!(
                    "{} bits, where {} are needed",
                    key.bits(),
                    self.minimum_rsa_bits
                )))
            }
            _ => Ok(()),
        }
    }
}

/// GPO's "future encryption types": in msDS-SupportedEncryptionTypes those of RFC 8009, which have no bit of their own.
const FUTURE: u32 = 1 << 31;

/// The bits that name etypes at all.
const ETYPES: u32 = 0x3f | FUTURE;

/// Whether an account's tickets, session keys and passwords may use an etype: what msDS-SupportedEncryptionTypes says
/// (MS-KILE 2.2.7, 3.3.5.7). Where it names no etype, the realm alone decides.
pub(crate) fn account_takes(account: &Account, etype: Etype) -> bool {
    let named = account.supported_etypes.unwrap_or(0) & ETYPES;
    if named == 0 {
        return true;
    }
    named & bit_of(etype) != 0
}

/// The bit of msDS-SupportedEncryptionTypes that names an etype.
const fn bit_of(etype: Etype) -> u32 {
    match etype {
        Etype::Aes128CtsHmacSha1_96 => SupportedEncryptionTypes::AES128_CTS_HMAC_SHA1_96.0,
        Etype::Aes256CtsHmacSha1_96 => SupportedEncryptionTypes::AES256_CTS_HMAC_SHA1_96.0,
        Etype::Aes128CtsHmacSha256_128 | Etype::Aes256CtsHmacSha384_192 => FUTURE,
    }
}

/// What a service supports, as PA-SUPPORTED-ENCTYPES says it (MS-KILE 2.2.8): the etypes that it takes, and of the
/// ticket-granting service that it speaks FAST.
pub(crate) fn supported_by(service: &Account, realm: &[Etype]) -> SupportedEncryptionTypes {
    let fast = match service.kind {
        AccountKind::Krbtgt => SupportedEncryptionTypes::FAST_SUPPORTED,
        _ => SupportedEncryptionTypes::default(),
    };
    let taken = etypes_of(service, realm).into_iter();
    taken.fold(fast, |all, etype| {
        all.with(SupportedEncryptionTypes(bit_of(etype)))
    })
}

/// The realm's etypes that an account takes.
pub(crate) fn etypes_of(account: &Account, realm: &[Etype]) -> Vec<Etype> {
    let realm = realm.iter().copied();
    realm
        .filter(|etype| account_takes(account, *etype))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_nothing_old_is_taken() {
        let policy = CryptoPolicy::default();
        let groups: Vec<Group> = policy.groups().collect();
        assert_eq!(groups, Group::SUPPORTED);
        assert!(!policy.takes_digest(DigestAlgorithm::Sha1));
        assert_eq!(policy.digests().count(), 3);
        assert!(!policy.pkinit_rsa_mode);
    }

    #[test]
    fn a_minimum_keeps_out_what_is_below_it_and_a_switch_lets_in_what_it_names() {
        let policy = CryptoPolicy {
            minimum_group: Group::Modp4096,
            minimum_digest: DigestAlgorithm::Sha384,
            pkinit_modp1024: true,
            pkinit_sha1_cms: true,
            ..CryptoPolicy::default()
        };
        let groups: Vec<Group> = policy.groups().collect();
        assert_eq!(groups, [Group::P384, Group::Modp4096, Group::Modp1024]);
        let digests: Vec<DigestAlgorithm> = policy.digests().collect();
        assert_eq!(
            digests,
            [
                DigestAlgorithm::Sha384,
                DigestAlgorithm::Sha512,
                DigestAlgorithm::Sha1
            ]
        );
    }
}
