//! `sCtx` of the first page: the authorization request itself, sealed, so that nothing is kept for somebody who has proven
//! nothing.

use base64ct::{Base64UrlUnpadded, Encoding};
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

/// The longest request that is sealed, in bytes.
const LONGEST: usize = 4 * 1024;
/// The longest text that is opened: base64url of the above and what sealing adds.
const LONGEST_TEXT: usize = 6 * 1024;

/// Seals a request for the browser that holds this secret.
pub(super) fn seal(
    asked: &Asked<'_, '_>,
    browser: &Secret,
    request: &AuthorizeRequest,
    rng: &mut dyn Rng,
) -> Result<String, Refused> {
    let query = canonical(request);
    if query.len() > LONGEST {
        return Err(Refused::Field("request"));
    }
    let content = [&asked.now.micros().to_be_bytes()[..], query.as_bytes()].concat();
    let key = asked.known.sealing_key("config");
    let sealed = key.seal(&rng.bytes(), &bound_to(asked, browser), &content);
    Ok(Base64UrlUnpadded::encode_string(&sealed))
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
    let sealed = Base64UrlUnpadded::decode_vec(text).ok()?;
    let key = asked.known.sealing_key("config");
    let content = key.open(&bound_to(asked, browser), &sealed).ok()?;
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
