//! Two tenants in one process: whom a request is for, and that neither's things open anything at the other.

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto::key::KeyKind;
use serde_json::json as object;
use wire::http::{Method, Request};

use super::world::*;
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
    Request::get(target).with_host("login.cloud.example:443")
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
    let mut rng = directory::testing::Seeded::new(11);
    for _ in 0..2000 {
        let bytes: [u8; 48] = (&mut rng as &mut dyn trust::Rng).bytes();
        let mut request = raw.clone();
        request.body = bytes.to_vec();
        request.client_certificate = Some(bytes.to_vec());
        let _ = which(&request, &names);
    }
}
