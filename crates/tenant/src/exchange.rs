//! The token endpoint (protocols A.3, A.4).

use trust::Rng;
use wire::http::{Method, Request};

use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::Words;
use crate::{grants, nonce, prt};

const PATHS: [&str; 2] = ["/{t}/oauth2/token", "/{t}/oauth2/v2.0/token"];

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Post, PATHS[0], Words::OAuth, exchange),
    route(Method::Post, PATHS[1], Words::OAuth, exchange),
];

/// Whether the answer to a request commits nothing, hashes no password and waits for nobody, whatever it is: a nonce, or a
/// token of an application for itself that proves itself with a secret. An assertion is noted in the store.
#[must_use]
pub fn is_quick(request: &Request) -> bool {
    let is_here = |path: &&str| request.path_fits(path);
    request.method == Method::Post && PATHS.iter().any(is_here) && waits_for_nobody(&request.body)
}

/// Judged by the bytes, for whoever answers reads the form again. A name that is not written plainly may be any name.
fn waits_for_nobody(form: &[u8]) -> bool {
    let mut waits_not = false;
    for pair in form.split(|byte| *byte == b'&') {
        let end = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = pair.split_at(end.unwrap_or(pair.len()));
        match name {
            b"grant_type" => {
                waits_not = matches!(value, b"=srv_challenge" | b"=client_credentials");
            }
            b"client_assertion" => return false,
            _ if name.contains(&b'%') || name.contains(&b'+') => return false,
            _ => {}
        }
    }
    waits_not
}

/// What the token endpoint is asked for.
fn exchange(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.form().map_err(Refused::Parameters)?;
    let grant_type = form.one("grant_type").map_err(Refused::Parameters)?;
    match grant_type.ok_or(Refused::Missing("grant_type"))? {
        "srv_challenge" => nonce::answer(asked, rng),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => prt::answer(asked, rng),
        _ => grants::answer(asked, &form, rng),
    }
}
