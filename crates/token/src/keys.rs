//! The keys that an authority signs its tokens with, and how one follows another.
//!
//! A key is published two days before it signs (protocols A.1.2 asks for one), so that whoever keeps a copy of the set
//! knows it by then; it signs for ninety days, and is published for a day after, which is longer than any token lives.

use crypto::jose::{Algorithm, Jwk, JwkSet, KeySet, sign};
use crypto::key::{KeyKind, PrivateKey, UnusableKey};
use crypto::signature::Signer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trust::{Span, Timestamp};
use zeroize::{Zeroize, Zeroizing};

use crate::claims::{AccessToken, AppToken, IdToken, NotAccepted, Verified, VerifiedApp};
use crate::moment;

mod certified;

/// How long a key signs.
const SIGNS_FOR: Span = Span::days(90);
/// How long before it signs a key is published.
const PUBLISHED_BEFORE: Span = Span::days(2);
/// How long after it signed a key is published. No token lives longer.
pub const KEPT_AFTER: Span = Span::days(1);

/// `typ` of an access token (RFC 9068 2.1), so that an id_token is never taken for one.
const ACCESS_TOKEN: &str = "at+jwt";
/// `typ` of an access token that an application has for itself.
const APP_TOKEN: &str = "app+jwt";
/// `typ` of an id_token.
const ID_TOKEN: &str = "JWT";

/// The signing keys of an authority: one that signs, perhaps one that will, and those whose tokens still live.
#[derive(Debug)]
pub struct SigningKeys {
    keys: Vec<SigningKey>,
    set: KeySet,
}

#[derive(Clone, Debug)]
struct SigningKey {
    private: PrivateKey,
    jwk: Jwk,
    signs_from: Timestamp,
    signs_until: Timestamp,
}

/// How a key rests; the party wraps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    pkcs8: Vec<u8>,
    /// The certificate that names the key, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Vec<u8>>,
    #[serde(with = "moment")]
    signs_from: Timestamp,
    #[serde(with = "moment")]
    signs_until: Timestamp,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.pkcs8.zeroize();
    }
}

/// Trouble with our own keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// What rests cannot be read.
    #[error("the token signing keys cannot be read")]
    Unreadable,
    /// No key may sign now.
    #[error("no token signing key is valid now")]
    NoKey,
    /// Signing failed.
    #[error("the token could not be signed")]
    Signing,
}

impl From<UnusableKey> for Fault {
    fn from(_: UnusableKey) -> Self {
        Self::Unreadable
    }
}

impl SigningKey {
    fn new(private: PrivateKey, signs_from: Timestamp, signs_until: Timestamp) -> Self {
        Self {
            jwk: Jwk::new(private.public_key().clone()),
            private,
            signs_from,
            signs_until,
        }
    }

    /// The same key, named by this certificate.
    fn named_by(mut self, certificate: Option<Vec<u8>>) -> Self {
        if let Some(certificate) = certificate {
            self.jwk.key_id = Some(certified::key_id(&certificate));
            self.jwk.certificates = vec![certificate];
        }
        self
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::default_for(self.private.public_key())
    }

    fn signs(&self, now: Timestamp) -> bool {
        self.signs_from <= now && now < self.signs_until
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now >= self.signs_until + KEPT_AFTER
    }
}

impl SigningKeys {
    fn of(keys: Vec<SigningKey>) -> Self {
        let set = JwkSet {
            keys: keys.iter().map(|key| key.jwk.clone()).collect(),
        }
        .to_key_set();
        Self { keys, set }
    }

    /// The keys of a new authority: one, which signs at once.
    #[must_use]
    pub fn first(kind: KeyKind, now: Timestamp) -> Self {
        Self::of(vec![SigningKey::new(
            PrivateKey::generate(kind),
            now,
            now + SIGNS_FOR,
        )])
    }

    /// As [`Self::first`], with a self-signed certificate for each key, whose SHA-1 names it: `kid` and `x5t` of protocols
    /// A.1.2. `name` is the certificates' common name; later keys get it from those before.
    ///
    /// # Errors
    /// [`Fault::Signing`].
    pub fn first_certified(kind: KeyKind, name: &str, now: Timestamp) -> Result<Self, Fault> {
        let private = PrivateKey::generate(kind);
        let until = now + SIGNS_FOR;
        let certificate = certified::certificate(&private, name, now, until + KEPT_AFTER)?;
        let key = SigningKey::new(private, now, until).named_by(Some(certificate));
        Ok(Self::of(vec![key]))
    }

    /// All keys of several sets, to publish them and to verify with: each signs with the algorithm that is asked for.
    #[must_use]
    pub fn together(sets: &[&Self]) -> Self {
        let keys = sets.iter().flat_map(|set| set.keys.iter().cloned());
        Self::of(keys.collect())
    }

    /// Reads the keys as they rest.
    ///
    /// # Errors
    /// [`Fault::Unreadable`].
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let kept: Vec<Kept> = serde_json::from_slice(bytes).map_err(|_| Fault::Unreadable)?;
        let keys = kept.iter().map(|kept| {
            Ok(SigningKey::new(
                PrivateKey::from_pkcs8_der(&kept.pkcs8)?,
                kept.signs_from,
                kept.signs_until,
            )
            .named_by(kept.certificate.clone()))
        });
        Ok(Self::of(keys.collect::<Result<_, Fault>>()?))
    }

    /// The keys as they rest. To be wrapped.
    #[must_use]
    pub fn write(&self) -> Zeroizing<Vec<u8>> {
        let kept: Vec<Kept> = self
            .keys
            .iter()
            .map(|key| Kept {
                pkcs8: key.private.to_pkcs8_der().to_vec(),
                certificate: key.jwk.certificates.first().cloned(),
                signs_from: key.signs_from,
                signs_until: key.signs_until,
            })
            .collect();
        // Numbers and lists of numbers always have a JSON form.
        Zeroizing::new(serde_json::to_vec(&kept).unwrap_or_default())
    }

    /// The keys as they should be `now`: a successor published in time, those whose tokens have ended gone. `None` when
    /// nothing is due.
    #[must_use]
    pub fn renewed(&self, kind: KeyKind, now: Timestamp) -> Option<Self> {
        let ends = self.keys.iter().map(|key| key.signs_until).max();
        let next_from = match ends {
            Some(ends) if ends > now + PUBLISHED_BEFORE => None,
            Some(ends) => Some(ends.max(now)),
            None => Some(now),
        };
        if next_from.is_none() && !self.keys.iter().any(|key| key.is_over(now)) {
            return None;
        }
        let mut keys: Vec<SigningKey> = self
            .keys
            .iter()
            .filter(|key| !key.is_over(now))
            .cloned()
            .collect();
        if let Some(from) = next_from {
            let private = PrivateKey::generate(kind);
            let until = from + SIGNS_FOR;
            // A certificate that cannot be made leaves the key named by its thumbprint: it verifies all the same.
            let name = self
                .keys
                .iter()
                .find_map(|key| certified::common_name(key.jwk.certificates.first()?));
            let certificate = name.and_then(|name| {
                certified::certificate(&private, &name, now, until + KEPT_AFTER).ok()
            });
            keys.push(SigningKey::new(private, from, until).named_by(certificate));
        }
        Some(Self::of(keys))
    }

    /// The published set (RFC 7517 5).
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> String {
        let keys = self
            .keys
            .iter()
            .filter(|key| !key.is_over(now))
            .map(|key| key.jwk.clone());
        JwkSet {
            keys: keys.collect(),
        }
        .to_json()
    }

    /// The algorithms of the published keys.
    #[must_use]
    pub fn algorithms(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = self
            .keys
            .iter()
            .filter_map(|key| key.jwk.algorithm)
            .map(Algorithm::name)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Signs an access token.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn access_token(&self, claims: &AccessToken, now: Timestamp) -> Result<String, Fault> {
        self.sign(ACCESS_TOKEN, claims, None, now)
    }

    /// Signs an access token with a key of this algorithm.
    ///
    /// # Errors
    /// [`Fault`]; [`Fault::NoKey`] when no key that signs now has the algorithm.
    pub fn access_token_by(
        &self,
        algorithm: Algorithm,
        claims: &AccessToken,
        now: Timestamp,
    ) -> Result<String, Fault> {
        self.sign(ACCESS_TOKEN, claims, Some(algorithm), now)
    }

    /// Signs an application's token for itself with a key of this algorithm.
    ///
    /// # Errors
    /// [`Fault`]; [`Fault::NoKey`] when no key that signs now has the algorithm.
    pub fn app_token_by(
        &self,
        algorithm: Algorithm,
        claims: &AppToken,
        now: Timestamp,
    ) -> Result<String, Fault> {
        self.sign(APP_TOKEN, claims, Some(algorithm), now)
    }

    /// Signs an id_token.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn id_token(&self, claims: &IdToken, now: Timestamp) -> Result<String, Fault> {
        self.sign(ID_TOKEN, claims, None, now)
    }

    /// Signs an id_token with a key of this algorithm.
    ///
    /// # Errors
    /// [`Fault`]; [`Fault::NoKey`] when no key that signs now has the algorithm.
    pub fn id_token_by(
        &self,
        algorithm: Algorithm,
        claims: &IdToken,
        now: Timestamp,
    ) -> Result<String, Fault> {
        self.sign(ID_TOKEN, claims, Some(algorithm), now)
    }

    /// Signs with the newest key that signs now. Of several sets together, where no algorithm is asked for, the first
    /// set's key signs.
    fn sign(
        &self,
        typ: &str,
        claims: &impl Serialize,
        algorithm: Option<Algorithm>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let algorithm = algorithm.or(self.keys.first().map(SigningKey::algorithm));
        let newest = self
            .keys
            .iter()
            .filter(|key| key.signs(now) && Some(key.algorithm()) == algorithm)
            .max_by_key(|key| key.signs_from);
        let key = newest.ok_or(Fault::NoKey)?;
        let mut header = Map::new();
        header.insert("typ".to_owned(), typ.into());
        header.insert(
            "kid".to_owned(),
            key.jwk.key_id.clone().map_or(Value::Null, Value::from),
        );
        let payload = serde_json::to_vec(claims).map_err(|_| Fault::Signing)?;
        sign(&key.private, key.algorithm(), header, &payload).map_err(|_| Fault::Signing)
    }

    /// Verifies an access token for the resource `audience` of the authority `issuer`.
    ///
    /// # Errors
    /// [`NotAccepted`], which says why.
    pub fn verify(
        &self,
        token: &str,
        issuer: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Verified, NotAccepted> {
        self.verify_for(token, &[issuer], &[audience], now)
    }

    /// Verifies an access token for a resource with several names, of an authority with several.
    ///
    /// # Errors
    /// [`NotAccepted`], which says why.
    pub fn verify_for(
        &self,
        token: &str,
        issuers: &[&str],
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<Verified, NotAccepted> {
        let claims: AccessToken = self.open(token, ACCESS_TOKEN)?;
        claims.validity().check(issuers, audiences, now)?;
        Ok(Verified::new(claims))
    }

    /// Verifies a token that an application has for itself. A person's token is none.
    ///
    /// # Errors
    /// [`NotAccepted`], which says why.
    pub fn verify_app(
        &self,
        token: &str,
        issuers: &[&str],
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<VerifiedApp, NotAccepted> {
        let claims: AppToken = self.open(token, APP_TOKEN)?;
        claims.validity().check(issuers, audiences, now)?;
        Ok(VerifiedApp::new(claims))
    }

    /// Reads an id_token that a client shows to say whose session it means (`id_token_hint`, OpenID Connect
    /// RP-Initiated Logout 2). That it has ended does not matter there.
    ///
    /// # Errors
    /// [`NotAccepted`], which says why.
    pub fn id_token_hint(&self, token: &str, issuer: &str) -> Result<IdToken, NotAccepted> {
        self.id_token_hint_of(token, &[issuer])
    }

    /// As [`Self::id_token_hint`], of an authority with several names.
    ///
    /// # Errors
    /// [`NotAccepted`], which says why.
    pub fn id_token_hint_of(&self, token: &str, issuers: &[&str]) -> Result<IdToken, NotAccepted> {
        let claims: IdToken = self.open(token, ID_TOKEN)?;
        if issuers.contains(&claims.iss.as_str()) {
            Ok(claims)
        } else {
            Err(NotAccepted::Issuer)
        }
    }

    fn open<T: DeserializeOwned>(&self, token: &str, typ: &str) -> Result<T, NotAccepted> {
        use crypto::jose::JoseError;
        let verified = self.set.verify(token).map_err(|error| match error {
            JoseError::Signature | JoseError::UnknownKey | JoseError::Algorithm => {
                NotAccepted::Signature
            }
            _ => NotAccepted::Form,
        })?;
        if verified.header().typ() != Some(typ) {
            return Err(NotAccepted::Form);
        }
        verified.claims().map_err(|_| NotAccepted::Form)
    }
}

#[cfg(test)]
mod tests;
