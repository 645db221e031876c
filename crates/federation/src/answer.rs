//! One request, one answer: which endpoint it is for, and in which words it is refused.
//!
//! This module knows every handler; what handlers take and give is in `asked.rs`, `reply.rs` and `words.rs`, which
//! know none of them.

use trust::{Rng, Timestamp};
use wire::Guid;
use wire::http::{Method, Request};

use crate::asked::Asked;
use crate::refused::{Refused, Trouble};
use crate::reply::{Answer, Reply};
use crate::words::{self, Words};
use crate::{
    View, authorize, contract, device, documents, exchange, key, logout, new_password, userinfo,
};

/// The longest body that is looked at, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

type Handler = fn(&Asked<'_, '_>, &mut dyn Rng) -> Result<Answer, Trouble>;

/// The endpoints (protocols F.1): path, method, words, handler.
const ENDPOINTS: [(&str, Method, Words, Handler); 17] = [
    (
        "/adfs/.well-known/openid-configuration",
        Method::Get,
        Words::OAuth,
        documents::configuration,
    ),
    (
        "/adfs/discovery/keys",
        Method::Get,
        Words::OAuth,
        documents::keys,
    ),
    (
        "/adfs/oauth2/authorize",
        Method::Get,
        Words::Page,
        authorize::by_query,
    ),
    (
        "/adfs/oauth2/authorize",
        Method::Post,
        Words::Page,
        authorize::by_form,
    ),
    (
        "/adfs/oauth2/token",
        Method::Post,
        Words::OAuth,
        exchange::exchange,
    ),
    (
        "/adfs/oauth2/logout",
        Method::Get,
        Words::Page,
        logout::by_query,
    ),
    (
        "/adfs/oauth2/logout",
        Method::Post,
        Words::Page,
        logout::by_form,
    ),
    (
        new_password::PATH,
        Method::Get,
        Words::Page,
        new_password::page,
    ),
    (
        new_password::PATH,
        Method::Post,
        Words::Page,
        new_password::by_form,
    ),
    (
        "/adfs/userinfo",
        Method::Get,
        Words::Bearer,
        userinfo::userinfo,
    ),
    (
        "/adfs/userinfo",
        Method::Post,
        Words::Bearer,
        userinfo::userinfo,
    ),
    ("/adfs/probe", Method::Get, Words::Page, documents::probe),
    ("/adfs/probe", Method::Head, Words::Page, documents::probe),
    (
        "/EnrollmentServer/contract",
        Method::Get,
        Words::Device,
        contract::contract,
    ),
    (
        "/EnrollmentServer/device",
        Method::Post,
        Words::Device,
        device::join,
    ),
    (
        "/EnrollmentServer/device/{deviceid}",
        Method::Delete,
        Words::Device,
        device::unregister,
    ),
    (
        "/EnrollmentServer/key",
        Method::Post,
        Words::Key,
        key::register,
    ),
];

/// For how long browsers ask this host over TLS alone once they have been here (RFC 6797): a year, in seconds.
const OVER_TLS_ALONE: &str = "max-age=31536000";

/// Answers one request.
#[must_use]
pub fn answer(request: &Request, view: &View<'_, '_>, now: Timestamp, rng: &mut dyn Rng) -> Answer {
    let mut answer = judged(request, view, now, rng);
    if let Reply::Now(response) = &mut answer.reply {
        response.headers.set("X-Content-Type-Options", "nosniff");
        if request.secure {
            response
                .headers
                .set("Strict-Transport-Security", OVER_TLS_ALONE);
        }
    }
    answer
}

fn judged(request: &Request, view: &View<'_, '_>, now: Timestamp, rng: &mut dyn Rng) -> Answer {
    let asked = Asked {
        request,
        view,
        now,
        trace: Guid::from_random(rng.bytes()),
    };
    let here = || {
        ENDPOINTS
            .iter()
            .filter(|(path, ..)| request.path_fits(path))
    };
    let Some((path, _, words, _)) = here().next() else {
        return words::reply(&asked, Words::OAuth, &Refused::NoSuchEndpoint);
    };
    if !request.secure && *path != "/adfs/probe" {
        return words::reply(&asked, *words, &Refused::NotSecure);
    }
    let Some((.., words, handler)) = here().find(|(_, method, ..)| *method == request.method)
    else {
        let allowed: Vec<&str> = here().map(|(_, method, ..)| method.as_str()).collect();
        let mut answer = words::reply(&asked, *words, &Refused::Method);
        if let Reply::Now(response) = &mut answer.reply {
            response.headers.set("Allow", &allowed.join(", "));
        }
        return answer;
    };
    if request.body.len() > LONGEST_BODY {
        return words::reply(&asked, *words, &Refused::TooLarge);
    }
    match handler(&asked, rng) {
        Ok(answer) => answer,
        Err(Trouble::Refused(refused)) => words::reply(&asked, *words, &refused),
        Err(Trouble::Fault(fault)) => Answer {
            fault: Some(fault),
            ..words::failed(&asked, *words)
        },
    }
}
