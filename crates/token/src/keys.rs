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

use crate::claims::{AccessToken, IdToken, NotAccepted, Verified};
use crate::moment;

/// How long a key signs.
const SIGNS_FOR: Span = Span::days(90);
/// How long before it signs a key is published.
const PUBLISHED_BEFORE: Span = Span::days(2);
/// How long after it signed a key is published. No token lives longer.
pub const KEPT_AFTER: Span = Span::days(1);

/// `typ` of an access token (RFC 9068 2.1), so that an id_token is never taken for one.
const ACCESS_TOKEN: &str = "at+jwt";
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
            ))
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
        keys.extend(
            next_from
                .map(|from| SigningKey::new(PrivateKey::generate(kind), from, from + SIGNS_FOR)),
        );
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
        self.sign(ACCESS_TOKEN, claims, now)
    }

    /// Signs an id_token.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn id_token(&self, claims: &IdToken, now: Timestamp) -> Result<String, Fault> {
        self.sign(ID_TOKEN, claims, now)
    }

    fn sign(&self, typ: &str, claims: &impl Serialize, now: Timestamp) -> Result<String, Fault> {
        let newest = self
            .keys
            .iter()
            .filter(|key| key.signs(now))
            .max_by_key(|key| key.signs_from);
        let key = newest.ok_or(Fault::NoKey)?;
        let mut header = Map::new();
        header.insert("typ".to_owned(), typ.into());
        header.insert(
            "kid".to_owned(),
            key.jwk.key_id.clone().map_or(Value::Null, Value::from),
        );
        let payload = serde_json::to_vec(claims).map_err(|_| Fault::Signing)?;
        let algorithm = Algorithm::default_for(key.private.public_key());
        sign(&key.private, algorithm, header, &payload).map_err(|_| Fault::Signing)
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
        let claims: AccessToken = self.open(token, ACCESS_TOKEN)?;
        claims.check(issuer, audience, now)?;
        Ok(Verified::new(claims))
    }

    /// Reads an id_token that a client shows to say whose session it means (`id_token_hint`, OpenID Connect
    /// RP-Initiated Logout 2). That it has ended does not matter there.
    ///
    /// # Errors
    /// [`NotAccepted`], which says why.
    pub fn id_token_hint(&self, token: &str, issuer: &str) -> Result<IdToken, NotAccepted> {
        let claims: IdToken = self.open(token, ID_TOKEN)?;
        if claims.iss == issuer {
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
mod tests {
    use super::*;
    use crypto::jose::SymmetricKey;
    use serde_json::json;
    use wire::{Guid, Sid};

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
    const ISSUER: &str = "https://sts.corp.example/adfs";

    fn claims(now: Timestamp) -> AccessToken {
        AccessToken {
            iss: ISSUER.into(),
            aud: "urn:r".into(),
            iat: now.unix(),
            nbf: now.unix(),
            exp: now.unix() + 600,
            jti: Guid::from_bytes([1; 16]),
            sub: Guid::from_bytes([7; 16]),
            oid: Guid::from_bytes([7; 16]),
            ver: "1.0".into(),
            appid: "app".into(),
            apptype: "Public".into(),
            scp: String::new(),
            auth_time: now.unix(),
            amr: vec!["pwd".into(), "mfa".into()],
            acr: String::new(),
            second_factor_instant: Some(now.to_rfc3339()),
            upn: Some("alice@corp.example".into()),
            unique_name: "alice@corp.example".into(),
            primarysid: "S-1-5-21-1-2-3-1104".parse::<Sid>().unwrap(),
            deviceid: None,
            permit_device_registration: None,
            account_type: None,
            onprem_object_guid: None,
        }
    }

    fn keys() -> SigningKeys {
        SigningKeys::first(KeyKind::P256, NOW)
    }

    fn kids(keys: &SigningKeys, now: Timestamp) -> Vec<String> {
        let set: Value = serde_json::from_str(&keys.jwks(now)).unwrap();
        set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_token_of_ours_is_accepted_where_and_when_it_is_valid() {
        let keys = keys();
        let token = keys.access_token(&claims(NOW), NOW).unwrap();
        let verify = |issuer, audience, now| keys.verify(&token, issuer, audience, now);
        let verified = verify(ISSUER, "urn:r", NOW + Span::seconds(599)).unwrap();
        assert_eq!(verified.second_factor_at(), Some(NOW));
        assert_eq!(
            verify(ISSUER, "urn:r", NOW + Span::seconds(600)),
            Err(NotAccepted::Expired)
        );
        assert_eq!(
            verify(ISSUER, "urn:r", NOW - Span::seconds(61)),
            Err(NotAccepted::NotYetValid)
        );
        assert_eq!(verify(ISSUER, "urn:s", NOW), Err(NotAccepted::Audience));
        assert_eq!(
            verify("https://other.example/adfs", "urn:r", NOW),
            Err(NotAccepted::Issuer)
        );
    }

    #[test]
    fn refuses_tokens_of_other_keys_and_tokens_without_a_signature() {
        let keys = keys();
        let refuse = |token: &str| keys.verify(token, ISSUER, "urn:r", NOW).unwrap_err();
        let stranger = SigningKeys::first(KeyKind::P256, NOW);
        assert_eq!(
            refuse(&stranger.access_token(&claims(NOW), NOW).unwrap()),
            NotAccepted::Signature
        );

        let token = keys.access_token(&claims(NOW), NOW).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let kid = kids(&keys, NOW)[0].clone();
        let header = |alg: &str| {
            use base64ct::{Base64UrlUnpadded, Encoding};
            let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
            Base64UrlUnpadded::encode_string(header.to_string().as_bytes())
        };
        assert_eq!(
            refuse(&format!("{}.{}.", header("none"), parts[1])),
            NotAccepted::Signature
        );
        assert_eq!(
            refuse(&format!("{}.{}.{}", header("RS256"), parts[1], parts[2])),
            NotAccepted::Signature
        );
        assert_eq!(
            refuse(&format!("{}.{}", parts[0], parts[1])),
            NotAccepted::Form
        );
        assert_eq!(refuse(""), NotAccepted::Form);

        // The public key as the secret of an HMAC (CVE-2015-9235).
        let public = keys.keys[0].private.public_key().to_spki_der();
        let mut members = Map::new();
        members.insert("typ".into(), ACCESS_TOKEN.into());
        members.insert("kid".into(), kid.clone().into());
        let payload = serde_json::to_vec(&claims(NOW)).unwrap();
        let secret = SymmetricKey::new(&crypto::digest::sha256(&public));
        assert_eq!(
            refuse(&secret.sign(members, &payload).unwrap()),
            NotAccepted::Signature
        );
    }

    #[test]
    fn an_id_token_is_no_access_token() {
        let keys = keys();
        let payload = claims(NOW);
        let disguised = keys.sign(ID_TOKEN, &payload, NOW).unwrap();
        assert_eq!(
            keys.verify(&disguised, ISSUER, "urn:r", NOW),
            Err(NotAccepted::Form)
        );
        let access = keys.access_token(&payload, NOW).unwrap();
        assert_eq!(keys.id_token_hint(&access, ISSUER), Err(NotAccepted::Form));
    }

    #[test]
    fn keys_come_back_from_rest_and_do_not_print_themselves() {
        let keys = keys();
        let back = SigningKeys::read(&keys.write()).unwrap();
        let token = keys.access_token(&claims(NOW), NOW).unwrap();
        assert!(back.verify(&token, ISSUER, "urn:r", NOW).is_ok());
        assert_eq!(
            SigningKeys::read(b"nonsense").unwrap_err(),
            Fault::Unreadable
        );
        let printed = format!("{keys:?}");
        let private = keys.keys[0].private.to_pkcs8_der();
        assert!(!printed.contains(&format!("{:?}", &private[private.len() - 8..])));
    }

    #[test]
    fn a_successor_is_published_before_it_signs_and_the_old_key_until_its_tokens_ended() {
        let first = keys();
        assert!(first.renewed(KeyKind::P256, NOW + Span::days(87)).is_none());
        let due = NOW + Span::days(88);
        let both = first.renewed(KeyKind::P256, due).unwrap();
        assert_eq!(kids(&both, due).len(), 2);
        assert!(both.renewed(KeyKind::P256, due).is_none(), "once is enough");

        let kid_of = |token: &str| {
            crypto::jose::Unverified::parse(token)
                .unwrap()
                .header()
                .key_id()
                .unwrap()
                .to_owned()
        };
        let before = both
            .access_token(&claims(due), NOW + Span::days(90) - Span::seconds(1))
            .unwrap();
        let after = both
            .access_token(&claims(due), NOW + Span::days(90))
            .unwrap();
        assert_eq!(kid_of(&before), kids(&both, due)[0]);
        assert_eq!(kid_of(&after), kids(&both, due)[1]);

        let still = NOW + Span::days(91) - Span::seconds(1);
        assert_eq!(kids(&both, still).len(), 2);
        assert!(both.verify(&before, ISSUER, "urn:r", due).is_ok());
        let gone = both.renewed(KeyKind::P256, NOW + Span::days(91)).unwrap();
        assert_eq!(
            kids(&gone, NOW + Span::days(91)),
            [kids(&both, due)[1].clone()]
        );
    }

    #[test]
    fn an_authority_that_slept_past_the_end_signs_again_at_once() {
        let late = NOW + Span::days(365);
        assert_eq!(keys().access_token(&claims(late), late), Err(Fault::NoKey));
        let renewed = keys().renewed(KeyKind::P256, late).unwrap();
        assert!(renewed.access_token(&claims(late), late).is_ok());
    }

    #[test]
    fn an_rsa_key_signs_with_rs256() {
        let keys = SigningKeys::first(KeyKind::Rsa2048, NOW);
        assert_eq!(keys.algorithms(), ["RS256"]);
        let token = keys.access_token(&claims(NOW), NOW).unwrap();
        assert!(keys.verify(&token, ISSUER, "urn:r", NOW).is_ok());
    }
}
