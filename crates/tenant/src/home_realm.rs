//! Whose sign-in it is, where several tenants have theirs at one host and nothing in the request says so (`common`,
//! `organizations`): the person's name does, and a page asks for it.
//!
//! The page makes the same request again with the name in it (`login_hint`), which is for the tenant of the name's domain then
//! ([`crate::which`]). Nothing is kept, and nothing of the request is believed: the tenant judges it. A name in no domain
//! gets the page again, which tells what realm discovery tells everybody.

use token::pages::{self, Realm};
use wire::http::{Method, Request, Response};

use crate::answer::OVER_TLS_ALONE;

/// What people go to in a browser.
const PLACES: &[&str] = &[
    "/{t}/oauth2/authorize",
    "/{t}/oauth2/v2.0/authorize",
    "/{t}/oauth2/deviceauth",
];

/// The page that asks for a person's name, for a request that is one of several tenants'; `None` for what no person asks for.
#[must_use]
pub fn home_realm(request: &Request) -> Option<Response> {
    let is_one = PLACES.iter().any(|place| request.path_fits(place));
    if !is_one || !request.secure {
        return None;
    }
    // An authorization request may be a form (OpenID Connect Core 3.1.2.1).
    let fields = match request.method {
        Method::Get => request.query_fields(),
        Method::Post => request.form(),
        _ => return None,
    };
    let fields = fields.ok()?;
    let said: Vec<(&str, String)> = fields.iter().collect();
    let said: Vec<(&str, &str)> = said
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let page = pages::realm(&Realm {
        host: &request.host_name(),
        action: &request.path,
        request: &said,
    });
    Some(
        page.into_response()
            .with_header("Strict-Transport-Security", OVER_TLS_ALONE),
    )
}
