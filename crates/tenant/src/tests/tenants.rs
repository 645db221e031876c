//! Two tenants in one process: whom a request is for, and that neither's things open anything at the other.

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto::key::KeyKind;
use directory::tenant::VerifiedDomain;
use serde_json::json as object;
use token::pages::reader::{self, Read};
use token::session::COOKIE;
use wire::http::{Method, Request, Response};

use super::oauth::{self, Browser};
use super::registration;
use super::world::*;
use crate::answer::{Route, routes};
use crate::words::Words;
use crate::{Names, Which, which};

/// Two tenants behind the same hosts.
fn behind_one_host(world: &mut World) -> Vec<Names> {
    let mut names = world.names();
    for name in &mut names {
        name.hosts = vec!["login.cloud.example".into()];
        name.applications.clear();
    }
    names[1].applications = vec![WIKI.parse().unwrap()];
    names
}

fn asked(target: &str) -> Request {
    let mut request = Request::get(target).with_host("login.cloud.example:443");
    request.secure = true;
    request
}

fn jwt(claims: &serde_json::Value) -> String {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    format!(
        "{}.{}.c2ln",
        part("{\"alg\":\"none\"}"),
        part(&claims.to_string())
    )
}

#[test]
fn hosts_and_names_in_paths_say_whom_a_request_is_for() {
    let mut world = World::new();
    let names = world.names();
    let to = |host: &str| {
        which(
            &Request::get("/common/discovery/keys").with_host(host),
            &names,
        )
    };
    assert_eq!(to("login.corp.example"), Which::One(0));
    assert_eq!(to("DRS.other.example:8443"), Which::One(1));
    assert_eq!(to("login.nobody.example"), Which::NotOurs);
    assert_eq!(to(""), Which::NotOurs);
    // The host of one and the name of the other.
    let mixed = Request::get("/other.example/discovery/keys").with_host("login.corp.example");
    assert_eq!(which(&mixed, &names), Which::Unknown(0));

    let names = behind_one_host(&mut world);
    for (path, expected) in [
        ("/corp.example/oauth2/token".to_owned(), Which::One(0)),
        ("/OTHER.example/oauth2/token".to_owned(), Which::One(1)),
        (
            format!("/{}/oauth2/token", world.tenants[1].id),
            Which::One(1),
        ),
        ("/nobody.example/oauth2/token".to_owned(), Which::Unknown(0)),
        (
            "/00000000-0000-0000-0000-000000000000/oauth2/token".to_owned(),
            Which::Unknown(0),
        ),
        (
            "/common/discovery/keys".to_owned(),
            Which::Several(vec![0, 1]),
        ),
    ] {
        assert_eq!(which(&asked(&path), &names), expected, "{path}");
    }
    // What two of them call theirs is neither's.
    let mut names = names;
    names[1].domains.push("corp.example".into());
    let path = "/corp.example/oauth2/token";
    assert_eq!(which(&asked(path), &names), Which::Unknown(0));
    let hint = asked("/common/oauth2/authorize?login_hint=alice%40corp.example");
    assert_eq!(which(&hint, &names), Which::Several(vec![0, 1]));
}

#[test]
fn hints_choose_where_a_path_names_nobody() {
    let mut world = World::new();
    let device = world.device("alice", KeyKind::P256);
    let names = behind_one_host(&mut world);
    let id = world.tenants[1].id;
    let own = format!(
        "1.{}.rest",
        Base64UrlUnpadded::encode_string(&id.to_bytes())
    );
    let longer = [&id.to_bytes()[..], &[7; 64]].concat();
    let prt = format!("1.{}", Base64UrlUnpadded::encode_string(&longer));
    let post = |fields: &[(&str, &str)]| {
        Request::post_form("/common/oauth2/token", fields.iter().copied())
            .with_host("login.cloud.example")
    };
    let assertion = jwt(&object!({"iss": "alice@other.example"}));
    let request = jwt(&object!({"assertion": assertion}));
    let redeems = jwt(&object!({"refresh_token": prt}));
    let tid = id.to_string();
    let bearer = format!("Bearer {}", jwt(&object!({"tid": tid})));
    let mut with_certificate = asked("/EnrollmentServer/device/x");
    with_certificate.client_certificate = Some(device.certificate);
    let cookie = format!("x-ms-RefreshTokenCredential={redeems}");
    for (what, request, place) in [
        ("refresh token", post(&[("refresh_token", &own)]), 1),
        ("PRT", post(&[("refresh_token", &prt)]), 1),
        ("assertion", post(&[("request", &request)]), 1),
        ("PRT in a request", post(&[("request", &redeems)]), 1),
        ("name", post(&[("username", "bob@corp.example")]), 0),
        ("client", post(&[("client_id", WIKI)]), 1),
        (
            "bearer",
            asked("/EnrollmentServer/key").with_header("Authorization", &bearer),
            1,
        ),
        ("path", asked("/common/UserRealm/bob@corp.example"), 0),
        (
            "query",
            asked("/GetUserRealm.srf?login=x%40other.example"),
            1,
        ),
        (
            "domain",
            asked("/odc/v2.1/federationProvider?domain=corp.example"),
            0,
        ),
        (
            "JSON",
            Request::post_json(
                "/common/GetCredentialType",
                &object!({"username": "x@other.example"}),
            )
            .with_host("login.cloud.example"),
            1,
        ),
        ("certificate", with_certificate, 0),
        (
            "PRT in a cookie",
            asked("/common/oauth2/authorize").with_header("Cookie", &cookie),
            1,
        ),
    ] {
        assert_eq!(which(&request, &names), Which::One(place), "{what}");
    }
}

#[test]
fn hints_that_are_none_choose_nobody_and_bring_nobody_down() {
    let mut world = World::bare();
    let names = behind_one_host(&mut world);
    let several = Which::Several(vec![0, 1]);
    for text in [
        "1.",
        "1.%%%",
        "1.AAAA",
        "a.b.c",
        "..",
        "1.AAAAAAAAAAAAAAAAAAAAAA",
        "{",
    ] {
        let request = Request::post_form("/common/oauth2/token", [("refresh_token", text)])
            .with_host("login.cloud.example");
        assert_eq!(which(&request, &names), several, "{text}");
    }
    let mut raw =
        Request::new(Method::Post, "/common/oauth2/token").with_host("login.cloud.example");
    raw.body = vec![0xff; 1000];
    assert_eq!(which(&raw, &names), several);
    // Nor is there a hint in what is longer than anything of ours.
    let id = Base64UrlUnpadded::encode_string(&world.tenants[1].id.to_bytes());
    for (length, which_one) in [(64 * 1024, Which::One(1)), (64 * 1024 + 1, several)] {
        let head = format!("1.{id}.");
        let text = format!("{head}{}", "x".repeat(length - head.len()));
        let request = Request::post_form("/common/oauth2/token", [("refresh_token", &text)])
            .with_host("login.cloud.example");
        assert_eq!(which(&request, &names), which_one, "{length}");
    }
    let mut rng = directory::testing::Seeded::new(11);
    for _ in 0..2000 {
        let bytes: [u8; 48] = (&mut rng as &mut dyn trust::Rng).bytes();
        let mut request = raw.clone();
        request.body = bytes.to_vec();
        request.client_certificate = Some(bytes.to_vec());
        let _ = which(&request, &names);
    }
}

/// What somebody shows who holds something of the first tenant.
#[derive(Clone)]
enum Shown {
    Nothing,
    Bearer(String),
    /// A session's cookie, under the name that the tenant that is asked gives it.
    Session(String),
    Certificate(Vec<u8>),
}

/// A request to an endpoint of the tenant that is asked, as good as it can be without what is shown.
fn request_to(
    world: &World,
    route: &Route,
    device: &Device,
    keys: &registration::Keys,
    shown: &Shown,
) -> Request {
    let tenant = world.tenant();
    let mut target = route.path.to_owned();
    for (part, value) in [
        ("{t}", tenant.id.to_string()),
        ("{device}", device.id.to_string()),
        ("{tenant}", tenant.id.to_string()),
        ("{upn}", world.upn("alice")),
        ("{user}", world.upn("alice")),
    ] {
        target = target.replace(part, &value);
    }
    let other = |text: &str| text.contains('{');
    let segments = target.split('/').map(|part| match other(part) {
        true => "x",
        false => part,
    });
    target = segments.collect::<Vec<_>>().join("/");
    if route.on == crate::answer::On::Registration {
        target += "?api-version=1.0";
    }
    if route.path.to_lowercase().ends_with("/authorize") && route.method == Method::Get {
        target = oauth::of_notes(world, &[]);
    }
    let mut request = Request::new(route.method, &target);
    if route.method == Method::Post {
        let body = match route.words {
            Words::Drs => keys.body(),
            Words::Key => object!({
                "kngc": base64ct::Base64::encode_string(&bcrypt_blob(&keys.transport)),
            }),
            _ => object!({}),
        };
        request = Request::post_json(&target, &body);
    }
    request.secure = true;
    // The machine itself is not limited.
    request.peer = Some("127.0.0.1".parse().unwrap());
    let deployment = &tenant.deployment;
    request.host = match route.on {
        crate::answer::On::Login => deployment.login.authority(),
        crate::answer::On::Registration => deployment.drs.authority(),
        crate::answer::On::Graph => deployment.graph.authority(),
        crate::answer::On::Provider => deployment.odc.authority(),
    }
    .to_owned();
    match shown {
        Shown::Nothing => {}
        Shown::Bearer(token) => {
            let bearer = format!("Bearer {token}");
            request.headers.set("Authorization", &bearer);
        }
        Shown::Session(secret) => {
            let short: String = world.id().chars().take(8).collect();
            let cookie = format!("{COOKIE}-{short}={secret}");
            request.headers.set("Cookie", &cookie);
        }
        Shown::Certificate(der) => request.client_certificate = Some(der.clone()),
    }
    request
}

/// Tokens of the first tenant for whatever resource both have, one of which says that it is the second's.
fn tokens(world: &mut World) -> Vec<String> {
    world.at = 1;
    let of_the_second = world.known().issuers.v1.clone();
    let id_of_the_second = world.tenant().id;
    world.at = 0;
    let mut tokens = Vec::new();
    for audience in [
        crate::catalogue::PUBLIC_REGISTRATION,
        crate::catalogue::REGISTRATION_SERVICE,
        crate::catalogue::GRAPH,
        token::authorize::USERINFO,
        token::client::ADMINISTRATION,
    ] {
        tokens.push(registration::token(world, "alice", |claims| {
            claims.aud = audience.to_owned();
            claims.scp = "openid profile User.Read".into();
        }));
        tokens.push(registration::token(world, "alice", |claims| {
            claims.aud = audience.to_owned();
            claims.iss.clone_from(&of_the_second);
            claims.tid = Some(id_of_the_second);
        }));
    }
    tokens
}

#[test]
fn two_tenants_in_one_process_share_nothing() {
    let mut world = World::new();
    let device = world.device("alice", KeyKind::P256);
    let mut browser = Browser::default();
    let target = oauth::of_notes(&world, &[]);
    browser.sign_in(&mut world, "alice", &target);
    let short: String = world.id().chars().take(8).collect();
    let session = browser.cookies.get(&format!("{COOKIE}-{short}"));
    let mut shown = vec![
        Shown::Session(session.expect("a session").clone()),
        Shown::Certificate(device.certificate.clone()),
    ];
    shown.extend(tokens(&mut world).into_iter().map(Shown::Bearer));

    // At the second tenant each is as good as nothing, whatever it is shown to.
    let keys = registration::Keys::new();
    let mut opened = vec![false; shown.len()];
    for route in routes() {
        for (place, what) in shown.iter().enumerate() {
            let mut statuses = [0, 0];
            for (at, status) in statuses.iter_mut().enumerate() {
                world.at = at;
                let bare = request_to(&world, route, &device, &keys, &Shown::Nothing);
                let bare = world.ask(&bare).status;
                let with = request_to(&world, route, &device, &keys, what);
                let with = world.ask(&with).status;
                *status = with;
                if at == 1 {
                    assert_eq!(with, bare, "{} {place}", route.path);
                } else if with != bare {
                    opened[place] = true;
                }
            }
        }
    }
    // At the first each opens something, but for what says that it is the second's.
    assert!(opened[0], "the session");
    assert!(opened[1], "the certificate");
    for (place, name) in [(2, "registration"), (4, "registration"), (8, "userinfo")] {
        assert!(opened[place], "a token for {name}");
    }
    for place in [3, 5, 7, 9, 11] {
        assert!(!opened[place], "a token with another issuer");
    }
}

#[test]
fn a_code_or_refresh_token_of_one_tenant_is_none_at_the_other() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = oauth::of_notes(&world, &[]);
    let code = browser.sign_in(&mut world, "alice", &target);
    world.at = 1;
    let refused = oauth::redeem_notes(&mut world, &code, &[]);
    assert_eq!(oauth::refusal(&refused).1, "invalid_grant");
    world.at = 0;
    let given = oauth::redeem_notes(&mut world, &code, &[]);
    let token = oauth::text(&given, "refresh_token");
    let notes = [("client_id", NOTES)];
    world.at = 1;
    let refused = oauth::refresh(&mut world, &token, &notes);
    assert_eq!(oauth::refusal(&refused).1, "invalid_grant");
    world.at = 0;
    assert_eq!(oauth::refresh(&mut world, &token, &notes).status, 200);
}

/// What a browser is shown that asks both tenants at once.
fn asks_for_a_name(request: &Request) -> Option<(Read, Response)> {
    let response = crate::home_realm(request)?;
    let over_tls = response.headers.get("Strict-Transport-Security");
    assert_eq!(over_tls, Some("max-age=31536000"));
    let html = String::from_utf8(response.body.clone()).unwrap();
    Some((reader::read(&html), response))
}

/// The request that the page makes with this name in it.
fn with_name(page: &Read, name: &str) -> Request {
    let form = page.form("realm").unwrap();
    let said = form.hidden.iter();
    let said = said.map(|(name, value)| (name.as_str(), value.as_str()));
    let query = wire::http::write_query(said.chain([("login_hint", name)]));
    asked(&format!("{}?{query}", form.action))
}

#[test]
fn where_nothing_says_whose_sign_in_it_is_the_persons_name_does() {
    let mut world = World::new();
    let names = behind_one_host(&mut world);
    for path in [
        "/common/oauth2/authorize",
        "/organizations/oauth2/v2.0/authorize",
        "/common/oauth2/deviceauth",
    ] {
        let query = "client_id=29d9ed98-a469-4536-ade2-f981bc1d605e&state=a%26b&login_hint=x%40nobody.example\
                     &redirect_uri=https%3A%2F%2Fapp.example%2Fdone";
        let request = asked(&format!("{path}?{query}"));
        assert_eq!(
            which(&request, &names),
            Which::Several(vec![0, 1]),
            "{path}"
        );
        let (page, response) = asks_for_a_name(&request).unwrap();
        assert!(page.error.is_some() && response.status == 200);
        assert_eq!(response.headers.get_only("Cache-Control"), Some("no-store"));
        assert!(response.headers.get("Location").is_none());
        let again = with_name(&page, "eve@nobody.example");
        assert_eq!(which(&again, &names), Which::Several(vec![0, 1]));
        for (name, place) in [("alice@corp.example", 0), ("Bob@OTHER.example", 1)] {
            let named = with_name(&page, name);
            assert_eq!(which(&named, &names), Which::One(place), "{name}");
            let fields = named.query_fields().unwrap();
            assert_eq!(fields.get("login_hint").as_deref(), Some(name));
            assert_eq!(fields.get("state").as_deref(), Some("a&b"));
            assert_eq!(named.path, path);
        }
    }
    // In a form, too.
    let mut posted = Request::post_form("/common/oauth2/authorize", [("state", "s")]);
    posted.secure = true;
    let (page, _) = asks_for_a_name(&posted).unwrap();
    assert_eq!(page.form("realm").unwrap().hidden.len(), 1);
    assert!(page.error.is_none());
}

#[test]
fn what_no_person_asks_for_and_what_comes_without_tls_gets_no_page() {
    for path in [
        "/common/oauth2/token",
        "/common/discovery/keys",
        "/common/oauth2/authorize/more",
        "/",
    ] {
        assert!(crate::home_realm(&asked(path)).is_none(), "{path}");
    }
    let mut plain = asked("/common/oauth2/authorize");
    plain.secure = false;
    assert!(crate::home_realm(&plain).is_none());
}

#[test]
fn who_comes_back_from_signing_in_for_a_page_of_ours_is_with_the_tenant_that_said_who_they_are() {
    let mut world = World::new();
    let names = behind_one_host(&mut world);
    let issuers = world.known().issuers.clone();
    for issuer in issuers.both() {
        let query = wire::http::write_query([("code", "c"), ("iss", issuer)]);
        let back = asked(&format!("/common/oauth2/deviceauth?{query}"));
        assert_eq!(which(&back, &names), Which::One(0), "{issuer}");
    }
}

/// Whoever writes down a domain that is not theirs is sent nobody's sign-ins.
#[test]
fn a_domain_that_was_not_verified_names_no_tenant() {
    let mut world = World::bare();
    let claimed = VerifiedDomain::new("claimed.example".into(), &mut world.rng);
    world.put_domain(&claimed);
    let own = Names::of(&world.known(), &world.tenant().deployment);
    assert_eq!(own.domains, ["corp.example"]);
    let names = behind_one_host(&mut world);
    let path = asked("/claimed.example/oauth2/token");
    assert_eq!(which(&path, &names), Which::Unknown(0));
    let hint = asked("/GetUserRealm.srf?login=x%40claimed.example");
    assert_eq!(which(&hint, &names), Which::Several(vec![0, 1]));
}
