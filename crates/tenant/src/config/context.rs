//! `sCtx` of the first page: the authorization request itself, sealed, so that nothing is kept for somebody who has proven
//! nothing. It names the key that sealed it, which is followed by another each day ([`crate::keys`]).

use base64ct::{Base64UrlUnpadded, Encoding};
use directory::Fault;
use signin::steps::canonical;
use token::authorize::AuthorizeRequest;
use token::parameters::Parameters;
use token::secret::{Purpose, Secret};
use token::sign_in::LIFETIME;
use trust::{Rng, Timestamp};
use wire::http::Fields;

use super::refused::Refused;
use crate::asked::Asked;
use crate::authorize;
use crate::refused::Trouble;
use crate::reply::Answer;

/// For what the key is that seals.
const PURPOSE: &str = "config";
/// The longest request that is sealed, in bytes.
const LONGEST: usize = 8 * 1024;
/// The longest text that is opened: base64url of the above and what sealing adds.
const LONGEST_TEXT: usize = 12 * 1024;

/// Seals a request for the browser that holds this secret.
pub(super) fn seal(
    asked: &Asked<'_, '_>,
    browser: &Secret,
    request: &AuthorizeRequest,
    rng: &mut dyn Rng,
) -> Result<String, Trouble> {
    let query = canonical(request);
    if query.len() > LONGEST {
        return Err(Refused::Field("request").into());
    }
    let content = [&asked.now.micros().to_be_bytes()[..], query.as_bytes()].concat();
    let newest = asked.known.nonce.newest();
    let newest = newest.ok_or(Fault::Corrupt("no nonce key of the tenant yet"))?;
    let key = asked.known.sealing_key(newest, PURPOSE);
    let sealed = key.seal(&rng.bytes(), &bound_to(asked, browser), &content);
    let text = [&[newest.id][..], &sealed].concat();
    Ok(Base64UrlUnpadded::encode_string(&text))
}

/// The request that was sealed for this browser no more than ten minutes ago, checked anew: the answer that says what is wrong
/// with it by now, where something is.
pub(super) fn open(
    asked: &Asked<'_, '_>,
    browser: &Secret,
    text: &str,
) -> Result<Result<AuthorizeRequest, Answer>, Trouble> {
    let query = opened(asked, browser, text).ok_or(Refused::Context)?;
    let parameters = Parameters::from_fields(Fields::parse(&query));
    let parameters = parameters.map_err(|_| Refused::Context)?;
    authorize::read(asked, &parameters)
}

fn opened(asked: &Asked<'_, '_>, browser: &Secret, text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST_TEXT {
        return None;
    }
    let text = Base64UrlUnpadded::decode_vec(text).ok()?;
    let (id, sealed) = text.split_first()?;
    // A former key is looked at for longer than a context lives.
    let key = asked.known.nonce.named(*id, asked.now)?;
    let key = asked.known.sealing_key(key, PURPOSE);
    let content = key.open(&bound_to(asked, browser), sealed).ok()?;
    let (micros, query) = content.split_first_chunk()?;
    let sealed_at = Timestamp::from_micros(i64::from_be_bytes(*micros));
    let is_young = sealed_at <= asked.now && asked.now < sealed_at + LIFETIME;
    is_young.then(|| query.to_vec())
}

/// What a context is bound to besides the tenant's own key: the tenant and the browser.
fn bound_to(asked: &Asked<'_, '_>, browser: &Secret) -> Vec<u8> {
    let tenant = asked.known.id.to_bytes();
    let browser = browser.digest(Purpose::Browser);
    [&tenant[..], browser.as_bytes()].concat()
}
