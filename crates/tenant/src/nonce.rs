//! Nonces that the tenant gives, and wants to see again in what a device or a session key signs (protocols A.6).
//!
//! A nonce is opaque to everybody else, and rests nowhere: it says when it was made and for what, under a MAC. Whoever used
//! one with a key has used it up for that key ([`GoodNonce::taken_by`]); the same nonce may stand in what two keys sign for
//! one sign-in.

use base64ct::{Base64UrlUnpadded, Encoding};
use directory::{ClaimId, Fault};
use serde_json::json;
use trust::{Rng, Span, Timestamp};
use wire::http::Response;

use crate::aadsts::Number;
use crate::asked::{Asked, TenantName};
use crate::refused::Trouble;
use crate::reply::Answer;

/// For how long a nonce is good.
const LIFETIME: Span = Span::minutes(5);
/// How far the clock of another node of ours may be ahead.
const SKEW: Span = Span::seconds(5);
/// The version of the encoding.
const VERSION: u8 = 1;
const HEAD: usize = 1 + 1 + 4 + 1 + 12;
const TAG: usize = 16;
/// version, key, seconds since 1970, place, chance, tag.
const LENGTH: usize = HEAD + TAG;

/// For what a nonce is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Sign-in at this tenant.
    Tenant,
    /// Sign-in at whichever tenant of this process: the client does not know yet which.
    Common,
    /// The registration of a device (protocols B.1.3).
    Join,
}

impl Place {
    const fn byte(self) -> u8 {
        match self {
            Self::Tenant => 0,
            Self::Common => 1,
            Self::Join => 2,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Tenant),
            1 => Some(Self::Common),
            2 => Some(Self::Join),
            _ => None,
        }
    }

    /// Whether what a sign-in signs may carry it.
    const fn is_of_sign_in(self) -> bool {
        matches!(self, Self::Tenant | Self::Common)
    }
}

/// Why a nonce is not good. The peer is not told which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum BadNonce {
    #[error("there is no nonce")]
    Missing,
    #[error("the nonce is none of this tenant")]
    Foreign,
    #[error("the nonce is for something else")]
    Place,
    #[error("the nonce is too old")]
    Old,
    #[error("the nonce is from the future")]
    Future,
    #[error("the nonce was used before with this key")]
    Taken,
    #[error("the nonce is another than that of the request")]
    Different,
}

impl BadNonce {
    /// What the peer learns, whatever is wrong.
    pub(crate) const NUMBER: Number = Number::Nonce;
}

/// A nonce of ours, of this tenant, and young enough. Only [`check`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GoodNonce {
    bytes: [u8; LENGTH],
    issued: Timestamp,
}

impl GoodNonce {
    /// How old it is.
    pub(crate) fn age(&self, now: Timestamp) -> Span {
        now.since(self.issued).max(Span::ZERO)
    }

    /// The name of its use with this key (SHA-256 of it), which is possible once: to be committed with what it was for.
    pub(crate) fn taken_by(&self, key: &[u8; 32]) -> ClaimId {
        ClaimId::new("tenant.nonce", &[self.bytes.as_slice(), key].concat())
    }

    /// From when on it is good no more, on any node.
    pub(crate) fn over(&self) -> Timestamp {
        // The moment was cut to the second.
        self.issued + LIFETIME + SKEW + Span::seconds(1)
    }
}

/// Answers `grant_type=srv_challenge`: a nonce.
pub(crate) fn answer(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let place = match asked.named {
        TenantName::Ours => Place::Tenant,
        TenantName::Common | TenantName::Organizations => Place::Common,
    };
    let nonce = issue(asked, place, rng)?;
    Ok(Answer::now(Response::json(200, &json!({ "Nonce": nonce }))))
}

/// A new nonce.
pub(crate) fn issue(
    asked: &Asked<'_, '_>,
    place: Place,
    rng: &mut dyn Rng,
) -> Result<String, Fault> {
    let newest = asked.known.nonce.newest();
    let newest = newest.ok_or(Fault::Corrupt("no nonce key of the tenant yet"))?;
    let seconds = u32::try_from(asked.now.unix())
        .map_err(|_| Fault::Corrupt("the clock is outside of the years that nonces have"))?;
    let chance: [u8; 12] = rng.bytes();
    let mut bytes = vec![VERSION, newest.id];
    bytes.extend_from_slice(&seconds.to_be_bytes());
    bytes.push(place.byte());
    bytes.extend_from_slice(&chance);
    let tag = match place {
        Place::Common => common_tag(asked, &bytes),
        Place::Tenant | Place::Join => own_tag(asked, &newest.key, &bytes),
    };
    bytes.extend_from_slice(
        tag.first_chunk::<TAG>()
            .expect("a digest is longer than the tag"),
    );
    Ok(Base64UrlUnpadded::encode_string(&bytes))
}

/// Whether a nonce of a sign-in is good.
pub(crate) fn check(asked: &Asked<'_, '_>, text: Option<&str>) -> Result<GoodNonce, BadNonce> {
    match read(asked, text)? {
        (place, nonce) if place.is_of_sign_in() => Ok(nonce),
        _ => Err(BadNonce::Place),
    }
}

/// Whether a nonce of a device's registration is good.
pub(crate) fn check_join(asked: &Asked<'_, '_>, text: Option<&str>) -> Result<GoodNonce, BadNonce> {
    match read(asked, text)? {
        (Place::Join, nonce) => Ok(nonce),
        _ => Err(BadNonce::Place),
    }
}

fn read(asked: &Asked<'_, '_>, text: Option<&str>) -> Result<(Place, GoodNonce), BadNonce> {
    let text = text.filter(|text| !text.is_empty());
    let mut bytes = [0; LENGTH];
    let read = Base64UrlUnpadded::decode(text.ok_or(BadNonce::Missing)?, &mut bytes);
    if read.map(<[u8]>::len) != Ok(LENGTH) {
        return Err(BadNonce::Foreign);
    }
    let (head, tag) = bytes.split_at(HEAD);
    let [VERSION, id, s0, s1, s2, s3, place, ..] = *head else {
        return Err(BadNonce::Foreign);
    };
    let place = Place::of_byte(place).ok_or(BadNonce::Foreign)?;
    let expected = match place {
        Place::Common => common_tag(asked, head),
        Place::Tenant | Place::Join => {
            let key = asked.known.nonce.named(id, asked.now);
            own_tag(asked, &key.ok_or(BadNonce::Foreign)?.key, head)
        }
    };
    let expected = expected.first_chunk::<TAG>();
    if !expected.is_some_and(|expected| crypto::constant_time::equal(expected, tag)) {
        return Err(BadNonce::Foreign);
    }
    let seconds = u32::from_be_bytes([s0, s1, s2, s3]);
    let issued = Timestamp::from_unix(i64::from(seconds));
    if issued > asked.now + SKEW {
        return Err(BadNonce::Future);
    }
    // To the second, for the moment was cut to it.
    if asked.now.whole_seconds() > issued + LIFETIME {
        return Err(BadNonce::Old);
    }
    Ok((place, GoodNonce { bytes, issued }))
}

const CONTEXT: &[u8] = b"keyporch nonce";

fn own_tag(asked: &Asked<'_, '_>, key: &[u8; 32], head: &[u8]) -> [u8; 32] {
    let tenant = asked.known.id.to_bytes();
    crypto::mac::hmac_sha256(key, &[CONTEXT, &tenant, head].concat())
}

fn common_tag(asked: &Asked<'_, '_>, head: &[u8]) -> [u8; 32] {
    let key = &*asked.view.deployment.common_key;
    crypto::mac::hmac_sha256(key, &[CONTEXT, &[0; 16], head].concat())
}
