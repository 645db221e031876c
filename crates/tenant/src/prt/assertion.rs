//! A primary refresh token by a Hello key (protocols A.12, A.12.2 step 4; PRT-W3, PRT-W4).
//!
//! Two signatures and two nonces: the device signs the request, the Hello key the assertion in it. `docs/prt.md` tells why the
//! nonces may differ (CONF-19), and what takes the place of their being one.

use std::sync::Arc;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use crypto::jose::{Unverified, VerifyingKey};
use crypto::key::Fingerprint;
use directory::tenant::AssertionNonce;
use directory::{Account, AccountKind, KeyCredential, Origin};
use serde::Deserialize;
use token::authentication::{Authentication, FirstFactor};
use trust::{Span, Timestamp};

use super::judge;
use super::record::Kind;
use super::refused::{BadAssertion, Refused};
use super::request::{self, Signed, SignedIn};
use crate::asked::Asked;
use crate::nonce::{self, BadNonce};
use crate::refused::Trouble;

/// For how long an assertion may be made out, and how far ahead its end may lie: known clients have an hour on both sides of
/// now (protocols A.12). How young it is says its nonce.
const LONGEST: Span = Span::hours(2);
const FURTHEST: Span = Span::hours(1);
/// How far a device's clock may be off where its window leaves no room.
const SKEW: Span = Span::minutes(5);

/// What an assertion says, besides whose it is.
#[derive(Deserialize)]
struct Claims {
    aud: String,
    iat: Moment,
    exp: Moment,
    #[serde(default)]
    request_nonce: Option<String>,
}

/// Seconds since 1970, as a number or as text.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub(crate) struct Moment(pub(crate) Timestamp);

impl TryFrom<serde_json::Value> for Moment {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        let seconds = match &value {
            serde_json::Value::Number(number) => number
                .as_i64()
                // Some clients write `1700000000.25`.
                .or_else(|| number.as_f64().map(|seconds| seconds as i64)),
            serde_json::Value::String(text) => text.parse().ok(),
            _ => None,
        };
        // Far from where a microsecond counter ends.
        let seconds = seconds.filter(|seconds| (0..1 << 40).contains(seconds));
        let seconds = seconds.ok_or("not seconds since 1970")?;
        Ok(Self(Timestamp::from_unix(seconds)))
    }
}

/// Who signed in by the assertion in a device's request.
pub(crate) fn sign_in(asked: &Asked<'_, '_>, signed: &Signed) -> Result<SignedIn, Trouble> {
    let text = signed.claims.assertion.as_deref().ok_or(Refused::Claims)?;
    let token = Unverified::parse(text).map_err(|_| BadAssertion::Form);
    let token = token.map_err(Refused::Assertion)?;
    if token.header().text("use") != Some("ngc") {
        return Err(Refused::Assertion(BadAssertion::Use).into());
    }
    let Proven {
        account,
        verified,
        key,
        second_factor,
    } = proven(asked, signed, token)?;
    let claims: Claims = verified
        .claims()
        .map_err(|_| Refused::Assertion(BadAssertion::Form))?;
    check_time(&claims, asked.now)?;
    if !is_for_us(asked, &claims.aud) {
        return Err(Refused::Assertion(BadAssertion::Audience).into());
    }
    let nonce = nonce::check(asked, claims.request_nonce.as_deref()).map_err(Refused::Nonce)?;
    if asked.known.settings.assertion_nonce == AssertionNonce::Equal && nonce != signed.nonce {
        return Err(Refused::Nonce(BadNonce::Different).into());
    }
    let taken = request::must_be_untaken(asked, &nonce, &key.0)?;
    let fresh = asked.known.settings.hello_is_fresh_mfa;
    let first = match second_factor {
        true => FirstFactor::hello(asked.now, key.0, fresh),
        false => FirstFactor::hello_of_one_factor(asked.now, key.0),
    };
    Ok(SignedIn {
        account,
        authentication: Authentication::of(first, None),
        kind: Kind::Hello,
        changes: vec![taken],
        key: Some(key),
    })
}

/// Whose key signed an assertion.
struct Proven {
    account: Arc<Account>,
    verified: crypto::jose::Verified,
    key: Fingerprint,
    /// Whether a second factor was proven when the key was registered.
    second_factor: bool,
}

/// Whose key signed it: a strong key of the person whom both tokens name, of this device, of an account that may be used. What
/// is wrong is the same for the peer.
fn proven(
    asked: &Asked<'_, '_>,
    signed: &Signed,
    token: Unverified<'_>,
) -> Result<Proven, Trouble> {
    let bad = |reason| Trouble::from(Refused::Assertion(reason));
    // Whose key it is has to be read before the key is known; the key then verifies these very bytes.
    let named = token.members_unverified().ok();
    let named = named
        .as_ref()
        .and_then(|claims| claims.get("iss")?.as_str());
    let named = named.ok_or_else(|| bad(BadAssertion::Form))?;
    let username = signed.claims.username.as_deref().unwrap_or(named);
    if !same_name(username, named) {
        return Err(bad(BadAssertion::AnotherPerson));
    }
    let account = asked.view.snapshot.account_by_upn(named)?;
    let account = account
        .filter(|account| account.kind == AccountKind::User)
        .ok_or_else(|| bad(BadAssertion::UnknownPerson))?;
    let listed = listed(&account, token.header().key_id());
    let (listed, fingerprint) = listed.ok_or_else(|| bad(BadAssertion::UnknownKey))?;
    let at_home = listed
        .device()
        .is_none_or(|device| device == signed.device().device_id);
    if !at_home && !asked.known.settings.roaming_keys {
        return Err(bad(BadAssertion::AnotherDevice));
    }
    if !judge::home_is_usable(asked.view.snapshot, listed)? {
        return Err(bad(BadAssertion::DeviceGone));
    }
    let second_factor = is_of_second_factor(listed);
    let verifier = listed.verifier.clone();
    let verifier = verifier.ok_or_else(|| bad(BadAssertion::UnknownKey))?;
    // It was judged when it was registered; one that came by hand or by an import was not.
    if verifier.check_strength().is_err() {
        return Err(bad(BadAssertion::WeakKey));
    }
    let algorithm = request::algorithm(&token, verifier.key());
    let key = VerifyingKey::prepared(verifier, algorithm, None);
    let key = key.map_err(|_| bad(BadAssertion::Signature))?;
    let verified = token.verify(&key);
    let verified = verified.map_err(|_| bad(BadAssertion::Signature))?;
    // Said only to who has a key of the account, and in the same words.
    if !account.is_enabled() || account.has_expired(asked.now) {
        return Err(bad(BadAssertion::DisabledPerson));
    }
    Ok(Proven {
        account,
        verified,
        key: fingerprint,
        second_factor,
    })
}

/// Whether a second factor was proven when a key was registered (protocols D.4), as the KDC has it: a value that says nothing
/// about it says nothing for it.
fn is_of_second_factor(listed: &KeyCredential) -> bool {
    listed.origin != Origin::Computer
        && listed
            .information()
            .is_some_and(|information| !information.is_mfa_not_used())
}

/// The key among those of this account by which it signs in that `kid` names: SHA-256 of the material as it was registered. `kid` is
/// compared and nothing else.
fn listed<'a>(account: &'a Account, kid: Option<&str>) -> Option<(&'a KeyCredential, Fingerprint)> {
    // The longest form is 44 characters.
    let kid = kid.filter(|kid| kid.len() <= 64)?;
    let mut named = [0; 32];
    let plain = kid.trim_end_matches('=');
    let read = match kid.contains(['+', '/', '=']) {
        true => Base64::decode(kid, &mut named).map(<[u8]>::len),
        false => Base64UrlUnpadded::decode(plain, &mut named).map(<[u8]>::len),
    };
    if read != Ok(32) {
        return None;
    }
    account.sign_in_keys().find_map(|key| {
        let material = key.link.as_ref()?.key_material();
        let same = crypto::digest::sha256(material) == named;
        same.then_some((key, key.fingerprint?))
    })
}

fn check_time(claims: &Claims, now: Timestamp) -> Result<(), Refused> {
    let (from, until) = (claims.iat.0, claims.exp.0);
    let good = from <= now + SKEW
        && now < until
        && until <= now + FURTHEST + SKEW
        && from < until
        && until.since(from) <= LONGEST + SKEW;
    good.then_some(()).ok_or(Refused::AssertionTime)
}

/// Whether an audience is this authority.
pub(crate) fn is_for_us(asked: &Asked<'_, '_>, audience: &str) -> bool {
    let known = &asked.known;
    let base = asked.view.deployment.login.url();
    audience.eq_ignore_ascii_case("common")
        || audience.eq_ignore_ascii_case(&known.id.to_string())
        || known.issuers.both().contains(&audience)
        || audience.trim_end_matches('/') == base
        || audience.trim_end_matches('/') == known.issuers.v1.trim_end_matches('/')
}

fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
