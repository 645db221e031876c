//! Key derivation from shared secrets.

use aws_lc_rs::hkdf as aws_hkdf;
use aws_lc_rs::kdf as aws_kdf;
use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::agreement::SharedSecret;
use crate::digest::DigestAlgorithm;
use crate::etype::{Etype, Key};

/// The reply key of PKINIT where no KDF was negotiated (RFC 4556 3.2.3.1, protocols E.3.2):
/// octetstring2key over Z and, when both sides sent one, the two nonces (client's, server's).
#[must_use]
pub fn octetstring_to_key(
    etype: Etype,
    secret: &SharedSecret,
    nonces: Option<(&[u8], &[u8])>,
) -> Key {
    let (client, server) = nonces.unwrap_or_default();
    let mut seed = Zeroizing::new([0; 32]);
    // SHA1(00 | x) | SHA1(01 | x) | ... cut to the seed's length.
    let blocks = seed[..etype.key_len()].chunks_mut(DigestAlgorithm::Sha1.output_len());
    for (block, counter) in blocks.zip(0u8..) {
        let input = Zeroizing::new([&[counter], secret.as_bytes(), client, server].concat());
        let digest = Zeroizing::new(crate::digest::sha1(&input));
        block.copy_from_slice(&digest[..block.len()]);
    }
    Key::random_to_key(etype, &seed)
}

/// A KDF of PKINIT algorithm agility (RFC 8636, protocols E.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PkinitKdf {
    /// `id-pkinit-kdf-ah-sha256`.
    Sha256,
    /// `id-pkinit-kdf-ah-sha512`.
    Sha512,
    /// `id-pkinit-kdf-ah-sha1`.
    Sha1,
}

impl PkinitKdf {
    /// All of them, the preferred first. The choice is the KDC's; the client's order says nothing.
    pub const ALL: [PkinitKdf; 3] = [PkinitKdf::Sha256, PkinitKdf::Sha512, PkinitKdf::Sha1];

    /// The object identifier.
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            PkinitKdf::Sha1 => const { ObjectIdentifier::new_unwrap("1.3.6.1.5.2.3.6.1") },
            PkinitKdf::Sha256 => const { ObjectIdentifier::new_unwrap("1.3.6.1.5.2.3.6.2") },
            PkinitKdf::Sha512 => const { ObjectIdentifier::new_unwrap("1.3.6.1.5.2.3.6.3") },
        }
    }

    /// The KDF with this object identifier.
    #[must_use]
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<PkinitKdf> {
        PkinitKdf::ALL.into_iter().find(|kdf| kdf.oid() == *oid)
    }

    /// The best of what a client offers in `supportedKDFs`; `None` when we know none of it, which is an
    /// error and no reason to fall back to [`octetstring_to_key`] (RFC 8636 6).
    #[must_use]
    pub fn choose(offered: &[ObjectIdentifier]) -> Option<PkinitKdf> {
        PkinitKdf::ALL
            .into_iter()
            .find(|kdf| offered.contains(&kdf.oid()))
    }

    /// The reply key: K = Hash(counter | Z | OtherInfo), repeated. `other_info` is the DER of
    /// `PkinitSuppPubInfo`'s enclosing `OtherInfo` (RFC 8636 6).
    #[must_use]
    pub fn derive(self, etype: Etype, secret: &SharedSecret, other_info: &[u8]) -> Key {
        let mut seed = Zeroizing::new([0; 32]);
        self.fill(secret.as_bytes(), other_info, &mut seed[..etype.key_len()]);
        Key::random_to_key(etype, &seed)
    }

    fn fill(self, secret: &[u8], other_info: &[u8], out: &mut [u8]) {
        let digest = match self {
            PkinitKdf::Sha1 => DigestAlgorithm::Sha1,
            PkinitKdf::Sha256 => DigestAlgorithm::Sha256,
            PkinitKdf::Sha512 => DigestAlgorithm::Sha512,
        };
        for (block, counter) in out.chunks_mut(digest.output_len()).zip(1u32..) {
            let input = Zeroizing::new([&counter.to_be_bytes(), secret, other_info].concat());
            let hash = Zeroizing::new(digest.digest(&input));
            block.copy_from_slice(&hash[..block.len()]);
        }
    }
}

/// SP 800-108 in counter mode with HMAC-SHA-256 and a 32-bit counter in front: the blocks of
/// HMAC(key, i | label | 00 | context | bit length). What a PRT's session key derives its keys with
/// (protocols A.9).
///
/// # Panics
/// When `N` is 0 or the library is out of memory.
#[must_use]
pub fn kbkdf_sha256<const N: usize>(
    key: &[u8],
    label: &[u8],
    context: &[u8],
) -> Zeroizing<[u8; N]> {
    const { assert!(N > 0 && N < 1 << 20) };
    let info = [label, &[0], context, &(N as u32 * 8).to_be_bytes()].concat();
    let mut out = Zeroizing::new([0; N]);
    aws_kdf::get_kbkdf_ctr_hmac_algorithm(aws_kdf::KbkdfCtrHmacAlgorithmId::Sha256)
        .ok_or(aws_lc_rs::error::Unspecified)
        .and_then(|algorithm| aws_kdf::kbkdf_ctr_hmac(algorithm, key, &info, &mut *out))
        .expect("the library has the algorithm and memory");
    out
}

/// What the keys that are derived from a PRT's session key are for (protocols A.9).
const CONVERSATION: &[u8] = b"AzureAD-SecureConversation";

/// The key of one message under a PRT's session key, by version 1 of that protocol: the context is what the message says in
/// `ctx`. Answers are always sealed with this version (protocols A.9, A.10.2).
#[must_use]
pub fn conversation_key(session_key: &[u8; 32], context: &[u8]) -> Zeroizing<[u8; 32]> {
    kbkdf_sha256(session_key, CONVERSATION, context)
}

/// As [`conversation_key`] by version 2: the message's payload, byte for byte as it was signed, goes into its key, so that whoever
/// had a key made for one message has it for no other (protocols A.9).
#[must_use]
pub fn conversation_key_2(
    session_key: &[u8; 32],
    context: &[u8],
    payload: &[u8],
) -> Zeroizing<[u8; 32]> {
    let mut digest = crate::digest::Sha256::new();
    digest.update(context);
    digest.update(payload);
    kbkdf_sha256(session_key, CONVERSATION, &digest.finish())
}

/// HKDF with SHA-256 (RFC 5869), to at most 255 * 32 bytes.
#[must_use]
pub fn hkdf_sha256<const N: usize>(
    salt: &[u8],
    secret: &[u8],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    struct Length(usize);
    impl aws_hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    const { assert!(N > 0 && N <= 255 * 32) };
    let mut out = Zeroizing::new([0; N]);
    aws_hkdf::Salt::new(aws_hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .and_then(|okm| okm.fill(&mut *out))
        .expect("the length is within what HKDF gives");
    out
}

#[cfg(test)]
mod tests;
