//! One request, one answer: which endpoint it is for, and in which words it is refused.
//!
//! This module knows every handler; what handlers take and give is in `asked.rs`, `reply.rs`, `refused.rs` and `words.rs`,
//! which know none of them.

use trust::{Rng, Timestamp};
use wire::Guid;
use wire::http::{Method, Request};

use crate::asked::{Asked, TenantName};
use crate::deployment::Hosts;
use crate::refused::{Refused, Trouble};
use crate::reply::{Answer, Reply};
use crate::words::{self, Words};
use crate::{
    View, authorize, config, consent, credential_type, device_code_page, documents, drs, exchange,
    grants, graph, known, logout, realm, revoke, sid_to_name, userinfo,
};

/// The longest body that is looked at where an endpoint does not say otherwise, in bytes.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;

/// What answers a request.
pub(crate) type Handler = fn(&Asked<'_, '_>, &mut dyn Rng) -> Result<Answer, Trouble>;

/// On which of the tenant's hosts an endpoint is. What is on another host is on the login host, too, for there may be
/// one host for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    /// Where people sign in and tokens are given.
    Login,
    /// Device and key registration.
    Registration,
    /// Graph.
    Graph,
    /// Where a domain's tenant is found.
    Provider,
}

/// An endpoint.
pub(crate) struct Route {
    /// On which host.
    pub(crate) on: On,
    /// The path. `{t}` at its beginning names the tenant: its identifier, a verified domain, `common`, `organizations`.
    /// Other segments in braces are found in [`Asked::captured`].
    pub(crate) path: &'static str,
    /// How many segments the path has.
    depth: usize,
    /// The method.
    pub(crate) method: Method,
    /// In which words it refuses.
    pub(crate) words: Words,
    /// The longest body in bytes.
    pub(crate) longest_body: usize,
    /// What answers.
    pub(crate) handler: Handler,
}

/// An endpoint on the login host with bodies of usual length.
pub(crate) const fn route(
    method: Method,
    path: &'static str,
    words: Words,
    handler: Handler,
) -> Route {
    Route {
        on: On::Login,
        path,
        depth: depth(path),
        method,
        words,
        longest_body: LONGEST_BODY,
        handler,
    }
}

impl Route {
    /// The same endpoint on another host.
    pub(crate) const fn on(mut self, on: On) -> Self {
        self.on = on;
        self
    }

    /// The same endpoint with longer bodies.
    pub(crate) const fn up_to(mut self, longest_body: usize) -> Self {
        self.longest_body = longest_body;
        self
    }
}

/// The endpoints, module by module. To add one: a row in the module's own table.
const ROUTES: &[&[Route]] = &[
    documents::ROUTES,
    realm::ROUTES,
    credential_type::ROUTES,
    authorize::ROUTES,
    consent::ROUTES,
    exchange::ROUTES,
    grants::device_code::ROUTES,
    device_code_page::ROUTES,
    userinfo::ROUTES,
    revoke::ROUTES,
    logout::ROUTES,
    sid_to_name::ROUTES,
    config::password::ROUTES,
    config::begin::ROUTES,
    config::end::ROUTES,
    config::process::ROUTES,
    drs::discovery::ROUTES,
    drs::nonce::ROUTES,
    drs::join::ROUTES,
    drs::delete::ROUTES,
    drs::key::ROUTES,
    drs::key_delete::ROUTES,
    graph::users::ROUTES,
    graph::groups::ROUTES,
    graph::hello_methods::ROUTES,
];

/// All endpoints, for the tests that look at each.
#[cfg(test)]
pub(crate) fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().copied().flatten()
}

/// For how long browsers ask this host over TLS alone once they have been here (RFC 6797): a year, in seconds.
pub(crate) const OVER_TLS_ALONE: &str = "max-age=31536000";

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
    let trace = Guid::from_random(rng.bytes());
    let known = match known::known(view, now) {
        Ok(known) => known,
        Err(fault) => {
            let response = wire::http::Response::empty(503).with_header("Retry-After", "5");
            return Answer {
                fault: Some(fault),
                ..Answer::now(response)
            };
        }
    };
    let mut asked = Asked {
        request,
        view,
        now,
        trace,
        correlation: words::correlation(request).unwrap_or(trace),
        known,
        named: TenantName::Ours,
        endpoint: "",
        captured: vec![],
    };
    let hosts = view.deployment.hosts_of(request);
    let depth = depth(&request.path);
    let here: Vec<(&Route, Vec<String>)> = ROUTES
        .iter()
        .copied()
        .flatten()
        .filter(|route| hosts.serve(route.on) && route.depth == depth)
        .filter_map(|route| Some((route, request.path_matches(route.path)?)))
        .collect();
    let Some((first, _)) = here.first() else {
        return words::reply(&asked, Words::OAuth, &Refused::NoSuchEndpoint);
    };
    let words = first.words;
    if !request.secure {
        return words::reply(&asked, words, &Refused::NotSecure);
    }
    let found = here
        .iter()
        .find(|(route, _)| route.method == request.method);
    let Some((route, captured)) = found else {
        let allowed: Vec<&str> = here
            .iter()
            .map(|(route, _)| route.method.as_str())
            .collect();
        let mut answer = words::reply(&asked, words, &Refused::Method);
        if let Reply::Now(response) = &mut answer.reply {
            response.headers.set("Allow", &allowed.join(", "));
        }
        return answer;
    };
    asked.captured = captured.clone();
    asked.endpoint = route.path;
    if route.path.starts_with("/{t}/") {
        let name = asked.captured.remove(0);
        match asked.known.named(&name) {
            Some(named) => asked.named = named,
            None => return words::reply(&asked, route.words, &Refused::UnknownTenant),
        }
    }
    if request.body.len() > route.longest_body {
        return words::reply(&asked, route.words, &Refused::TooLarge);
    }
    match (route.handler)(&asked, rng) {
        Ok(answer) => answer,
        Err(Trouble::Refused(reason)) => words::reply(&asked, route.words, reason.as_ref()),
        Err(Trouble::Fault(fault)) => Answer {
            fault: Some(fault),
            ..words::failed(&asked, route.words)
        },
    }
}

/// How many segments a path has. Most endpoints have another number than a request, and need no closer look.
const fn depth(path: &str) -> usize {
    let path = path.as_bytes();
    let (mut place, mut depth) = (0, 0);
    while place < path.len() {
        let is_last = place + 1 == path.len();
        if path[place] == b'/' && !is_last {
            depth += 1;
        }
        place += 1;
    }
    depth
}

impl Hosts {
    /// Whether an endpoint of this host is asked for.
    const fn serve(self, on: On) -> bool {
        match on {
            On::Login => self.login,
            On::Registration => self.login || self.registration,
            On::Graph => self.login || self.graph,
            On::Provider => self.login || self.provider,
        }
    }
}
