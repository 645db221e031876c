//! Every endpoint counts who asks, and every answer has the headers that browsers go by.

use serde_json::json;
use trust::Span;
use trust::limiter::Limit;
use wire::http::{Method, Request, Response};

use super::world::World;
use crate::answer::{On, Route, routes};

/// What gives everybody the same, and what says in its answer that it was asked too often.
const NOT_REFUSED: [&str; 7] = [
    "/{t}/.well-known/openid-configuration",
    "/{t}/v2.0/.well-known/openid-configuration",
    "/{t}/discovery/keys",
    "/{t}/discovery/v2.0/keys",
    "/common/discovery/instance",
    "/odc/v2.1/federationProvider",
    "/{t}/GetCredentialType",
];

/// A world in which an address may ask twice in a minute.
fn impatient() -> World {
    let mut world = World::bare();
    let limits = crate::Limits {
        requests_from_address: Limit {
            burst: 2,
            every: Span::minutes(1),
        },
        ..crate::Limits::default()
    };
    world.tenants[0].deployment = world.tenants[0].deployment.clone().with_limits(limits);
    world
}

/// A request that an endpoint takes, whatever comes of it.
fn asks(world: &World, route: &Route) -> Request {
    let path = route.path.replace("{t}", &world.id());
    let segments = path.split('/').map(|segment| match segment {
        varies if varies.starts_with('{') => "alice@corp.example",
        other => other,
    });
    let path = segments.collect::<Vec<&str>>().join("/");
    let question = json!({ "AuthMethodId": "PhoneAppOTP", "ctx": "x", "flowToken": "x" });
    let request = match route.method {
        Method::Post if path.contains("/SAS/") && !path.ends_with("ProcessAuth") => {
            Request::post_json(&path, &question)
        }
        Method::Post => Request::post_form(&path, [("grant_type", "x")]),
        method => Request::new(method, &path),
    };
    let host = match route.on {
        On::Login => "login.corp.example",
        On::Registration => "drs.corp.example",
        On::Graph => "graph.corp.example",
        On::Provider => "login.corp.example",
    };
    request.with_host(host)
}

#[test]
fn every_endpoint_turns_away_who_asks_too_often() {
    let mut unlimited = Vec::new();
    let mut world = impatient();
    for route in routes() {
        // What was counted is forgotten.
        world.advance(Span::hours(1));
        let request = asks(&world, route);
        world.refused.clear();
        for _ in 0..3 {
            world.send(request.clone());
        }
        let last = world.refused.last().map_or("", String::as_str);
        if !last.contains("too many requests came from this address") {
            unlimited.push(route.path);
            continue;
        }
        // Whoever asks from elsewhere is answered, and so is this one after a while.
        let mut other = request.clone();
        other.peer = Some("198.51.100.1".parse().unwrap());
        for later in [other, request] {
            world.refused.clear();
            world.advance(Span::minutes(1));
            world.send(later);
            let last = world.refused.last().map_or("", String::as_str);
            assert!(!last.contains("too many"), "{} {last}", route.path);
        }
    }
    assert_eq!(unlimited, NOT_REFUSED);
}

/// Behind a proxy on the machine all would be one.
#[test]
fn the_machine_itself_is_not_limited_and_a_network_of_one_peer_is_one_address() {
    let mut world = impatient();
    let ask = |world: &mut World, from: &str| {
        let mut request = Request::get(&world.path("openid/userinfo"));
        request.peer = Some(from.parse().unwrap());
        world.send(request);
        world.refused.last().unwrap().contains("too many")
    };
    for _ in 0..4 {
        assert!(!ask(&mut world, "127.0.0.1") && !ask(&mut world, "::1"));
    }
    assert!(!ask(&mut world, "2001:db8:1:2::1"));
    assert!(!ask(&mut world, "2001:db8:1:2:ffff::2"));
    assert!(ask(&mut world, "2001:db8:1:2::3"), "64 bits are one peer");
    assert!(!ask(&mut world, "2001:db8:1:3::1"));
    // An address of the fourth version is one however it is written, and another is another.
    assert!(!ask(&mut world, "192.0.2.1"));
    assert!(!ask(&mut world, "::ffff:192.0.2.1"));
    assert!(ask(&mut world, "192.0.2.1"));
    assert!(ask(&mut world, "::ffff:192.0.2.1"));
    assert!(!ask(&mut world, "::ffff:192.0.2.2"));
}

#[test]
fn every_answer_has_the_headers_that_browsers_go_by() {
    let mut world = World::bare();
    for route in routes() {
        let request = asks(&world, route);
        let answer = world.send(request);
        let header = |name: &str| answer.headers.get(name);
        assert_eq!(header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(
            header("Strict-Transport-Security"),
            Some("max-age=31536000")
        );
        if header("Content-Type").is_some_and(|kind| kind.starts_with("text/html")) {
            assert_unframed(&answer, route.path);
        }
    }
    // What comes without TLS is told nothing, and keeps nothing.
    let mut request = world.request(Request::get(&world.path("oauth2/authorize")));
    request.secure = false;
    let answer = world.ask(&request);
    assert_eq!(answer.status, 403);
    assert_eq!(answer.headers.get("Strict-Transport-Security"), None);
}

/// Nobody shows a page of ours in a page of theirs, and none of ours loads anything.
#[track_caller]
fn assert_unframed(answer: &Response, path: &str) {
    assert_eq!(
        answer.headers.get("X-Frame-Options"),
        Some("DENY"),
        "{path}"
    );
    let policy = answer.headers.get_only("Content-Security-Policy").unwrap();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
}
