//! Requests that a device signs (protocols A.7.2, A.7.3, A.12.2 steps 1 to 3).
//!
//! The certificate in the header says which device it may be; the device's entry decides. No chain is built, and no word of the
//! header is believed but which algorithm of the device's own key signed.

use std::sync::Arc;

use crypto::jose::{Algorithm, Unverified, VerifyingKey};
use crypto::key::PublicKey;
use directory::{Account, Device};
use registration::proven_device::{self, ProvenDevice};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::refused::Refused;
use crate::asked::Asked;
use crate::nonce::{self, BadNonce, GoodNonce};
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{self, Words};

/// What a device's request may say (protocols A.7.3). Other members are ignored; `iat` and `exp` are, too, for the nonce tells
/// how young it is, and clients write them in several forms.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claims {
    pub(crate) grant_type: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) username: Option<String>,
    password: Option<Hidden>,
    pub(crate) assertion: Option<String>,
    pub(crate) refresh_token: Option<String>,
    request_nonce: Option<String>,
}

impl Claims {
    /// The password, taken out.
    pub(crate) fn take_password(&mut self) -> Option<Zeroizing<String>> {
        self.password.take().map(|Hidden(text)| text)
    }

    /// Whether the scope names this word.
    pub(crate) fn asks_for(&self, word: &str) -> bool {
        let scope = self.scope.as_deref().unwrap_or_default();
        scope.split_ascii_whitespace().any(|named| named == word)
    }
}

/// Text that is cleared when it is dropped.
struct Hidden(Zeroizing<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Zeroizing::new(text)))
    }
}

/// Without what it holds.
impl core::fmt::Debug for Claims {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Claims")
            .field("grant_type", &self.grant_type)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A request that the device signed that it names. Only [`read`] makes one.
#[derive(Debug)]
pub(crate) struct Signed {
    device: ProvenDevice,
    /// SHA-256 of the device's public key.
    key: [u8; 32],
    pub(crate) claims: Claims,
    pub(crate) nonce: GoodNonce,
}

impl Signed {
    pub(crate) fn device(&self) -> &Device {
        self.device.device()
    }

    /// The name of the use of this request's nonce.
    pub(crate) const fn signer(&self) -> &[u8; 32] {
        &self.key
    }
}

/// Reads a request that a device signed: a registered and enabled device's key, a nonce of ours.
pub(crate) fn read(asked: &Asked<'_, '_>, token: &str) -> Result<Signed, Trouble> {
    let token = Unverified::parse(token).map_err(Refused::Form)?;
    let certificates = token.header().certificates();
    let leaf = certificates.and_then(|list| list.into_iter().next());
    let leaf = leaf.ok_or(Refused::NoCertificate)?;
    let device = proven_device::prove(asked.view.snapshot, &leaf, asked.now)?;
    let device = device.map_err(Refused::Device)?;
    let key = device.key().clone();
    let fingerprint = key.fingerprint().0;
    let algorithm = algorithm(&token, &key);
    let key = VerifyingKey::new(key, algorithm, None).map_err(Refused::DeviceSignature)?;
    let verified = token.verify(&key).map_err(Refused::DeviceSignature)?;
    let claims: Claims = verified.claims().map_err(|_| Refused::Claims)?;
    let nonce = nonce::check(asked, claims.request_nonce.as_deref()).map_err(Refused::Nonce)?;
    Ok(Signed {
        device,
        key: fingerprint,
        claims,
        nonce,
    })
}

/// The algorithm that the token names, where the key has it; else the key's own, which the token then fails at.
pub(crate) fn algorithm(token: &Unverified<'_>, key: &PublicKey) -> Algorithm {
    let named = token.header().text("alg").and_then(Algorithm::from_name);
    named
        .filter(|algorithm| algorithm.suits(key))
        .unwrap_or_else(|| Algorithm::default_for(key))
}

/// Fails where a nonce was used with this key before.
pub(crate) fn must_be_untaken(
    asked: &Asked<'_, '_>,
    nonce: &GoodNonce,
    key: &[u8; 32],
) -> Result<directory::Change, Trouble> {
    let id = nonce.taken_by(key);
    if asked.view.snapshot.claimed(&id, asked.now)? {
        return Err(Refused::Nonce(BadNonce::Taken).into());
    }
    Ok(directory::Change::Claim {
        id,
        until: nonce.over(),
    })
}

/// The answer to a request whose nonce it uses up, whatever it is: who reads one that was refused on its way gets nothing by
/// sending it again, when what it was refused for is no more.
pub(crate) fn using_up(
    asked: &Asked<'_, '_>,
    taken: directory::Change,
    answer: Result<Answer, Trouble>,
) -> Result<Answer, Trouble> {
    match answer {
        Err(Trouble::Refused(reason)) => Ok(words::reply(asked, Words::OAuth, reason.as_ref())),
        answer => answer,
    }
    .map(|answer| answer.committing([taken]))
}

/// Who signed in by a request, and by what.
pub(crate) struct SignedIn {
    pub(crate) account: Arc<Account>,
    pub(crate) authentication: token::authentication::Authentication,
    pub(crate) kind: super::record::Kind,
    /// What is to be committed with what comes of it: uses of nonces, a refresh token's next.
    pub(crate) changes: Vec<directory::Change>,
    /// The Hello key, for the audit log.
    pub(crate) key: Option<crypto::key::Fingerprint>,
}
