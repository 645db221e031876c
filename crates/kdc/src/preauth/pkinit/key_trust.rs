//! May this key sign in by PKINIT? Key trust (protocols E.4, AUTH-K1, AUTH-K4).
//!
//! 0. A certificate that reaches a trusted smart-card issuer never comes here, whatever its validity says: there is no
//!    falling through (the class of CVE-2025-26647). `super::judge` sees to that.
//! 1. The signature verifies with the key in the certificate. Issuer, validity and subject are ignored.
//!    Where no certificate came along (MIT leaves a self-signed one out), it is tried with each key that
//!    the account lists.
//! 2. The key must not be another account's.
//! 3. The account found by name lists this very key, compared as a key and not by an identifier, with
//!    usage NGC.
//! 4. The device that the key was registered on is neither disabled nor gone.
//! 5. A weak key is not believed, listed or not.

use std::cmp::Reverse;

use crypto::key::Fingerprint;
use crypto::signature::Verifier;
use directory::{Account, KeyCredential, Origin, Snapshot};
use wire::Guid;
use wire::key_credential::CustomKeyInformation;

use super::signed::{Unverified, key_of};
use crate::memory::Memory;
use crate::refused::Refused;

/// Keys of one account that a signature without a certificate is tried with, the newest first. An account
/// lists one per device, so this is beyond what a person uses, and bounds what a stranger can make us compute.
const MAX_TRIED: usize = 64;

/// Proof that a key listed on the account made the signature. Only [`judge`] makes one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub(crate) struct Trusted {
    /// The key.
    pub(crate) fingerprint: Fingerprint,
    /// The device that holds its private half, where the value names one.
    pub(crate) device: Option<Guid>,
    /// Whether a second factor was proven when the key was registered (S-1-18-5).
    pub(crate) second_factor: bool,
    /// Whether the key was attested (S-1-18-6).
    pub(crate) attested: bool,
}

/// Judges a signature by the keys that `account` lists.
///
/// # Errors
/// [`Refused`], saying which rule was not met.
pub(crate) fn judge(
    signed: &Unverified<'_>,
    account: &Account,
    directory: &Snapshot<'_>,
    memory: &Memory,
) -> Result<Trusted, Refused> {
    let listed = match &signed.certificate {
        Some(certificate) => {
            let key = key_of(certificate)?;
            let fingerprint = key.fingerprint();
            let listed = account.sign_in_key(&fingerprint);
            match listed.and_then(|listed| listed.verifier.as_ref()) {
                // The prepared form of the very same key saves a third of the work.
                Some(verifier) => verify(signed, verifier)?,
                None => verify(signed, &Verifier::new(key))?,
            }
            if listed.is_none() && directory.holder_of_key(&fingerprint)?.is_some() {
                return Err(Refused::ClientNameMismatch);
            }
            listed
        }
        None => signer_among(account, signed, memory),
    };
    let listed = listed.ok_or(Refused::KeyNotListed)?;
    accept(listed, directory)
}

fn verify(signed: &Unverified<'_>, verifier: &Verifier) -> Result<(), Refused> {
    // Before the signature: the library does not compute with short keys at all.
    strong(verifier)?;
    signed
        .is_by(verifier)
        .map_err(|_| Refused::InvalidSignature)
}

fn signer_among<'a>(
    account: &'a Account,
    signed: &Unverified<'_>,
    memory: &Memory,
) -> Option<&'a KeyCredential> {
    let mut listed: Vec<_> = account.sign_in_keys().collect();
    listed.sort_by_key(|listed| Reverse(listed.added));
    listed.truncate(MAX_TRIED);
    let found = listed.iter().find(|listed| fits(signed, listed)).copied();
    let computed = |listed: &&KeyCredential| {
        let verifier = listed.verifier.as_ref();
        verifier.is_some_and(|verifier| signed.is_of_the_kind_of(verifier.key()))
    };
    if found.is_none() && !listed.iter().any(computed) {
        // An account without a key to try, or without an account, takes as long as one with a key.
        for verifier in &memory.nobodys_verifiers {
            let _ = signed.is_by(verifier);
        }
    }
    found
}

fn fits(signed: &Unverified<'_>, listed: &KeyCredential) -> bool {
    let verifier = listed.verifier.as_ref();
    verifier.is_some_and(|verifier| signed.is_by(verifier).is_ok())
}

fn strong(verifier: &Verifier) -> Result<(), Refused> {
    let strength = verifier.check_strength();
    strength.map_err(|why| Refused::WeakKey(why.to_string()))
}

/// Rules 4 and 5 for a key that is listed and made the signature.
fn accept(listed: &KeyCredential, directory: &Snapshot<'_>) -> Result<Trusted, Refused> {
    let (Some(verifier), Some(fingerprint)) = (&listed.verifier, listed.fingerprint) else {
        return Err(Refused::KeyNotListed);
    };
    strong(verifier)?;
    let device = listed.device();
    if let Some(id) = device
        && !directory.device_is_usable(id, listed.origin)?
    {
        return Err(Refused::DeviceDisabled);
    }
    // What a computer says of its own key is no proof of anything (DIR-KCL-4).
    let information = listed
        .information()
        .filter(|_| listed.origin != Origin::Computer);
    Ok(Trusted {
        fingerprint,
        device,
        // A value that says nothing about it says nothing for it.
        second_factor: information
            .as_ref()
            .is_some_and(|information| !information.is_mfa_not_used()),
        attested: information
            .as_ref()
            .is_some_and(CustomKeyInformation::is_attested),
    })
}
