//! The page, character by character.

use serde_json::{Map, Value};
use wire::http::Request;

use super::client::{Client, config_of};
use crate::tests::world::{PASSWORD, World, text};

/// Makes an authorization request whose state is full of what ends scripts and pages.
const NASTY: &str = "</script>//]]>&amp;\"\\u003c<input type=\"submit\">$Config=";

#[test]
fn the_config_page_is_what_the_client_parses() {
    let mut world = World::new();
    let mut client = Client::of("alice@corp.example");
    let first = Client::first(&world, &[]);
    let response = client.send(&mut world, Request::get(&first));
    let document = text(&response);
    assert!(document.contains("//<![CDATA[\n$Config={\""), "{document}");
    assert!(
        document.contains("};\n//]]></script></body></html>"),
        "{document}"
    );
    assert_eq!(document.matches("//]]>").count(), 1);
    assert_eq!(
        response.headers.get("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    let page = config_of(&document).unwrap();
    assert_eq!(page.pgid.as_deref(), Some("ConvergedSignIn"));
    assert_eq!(page.sFT.as_ref(), Some(&page.canary));
    let id = world.id();
    let whole = |path: &str| Some(format!("https://login.corp.example/{id}/{path}"));
    assert_eq!(page.urlPost, whole("login"));
    assert_eq!(page.urlGetCredentialType, whole("GetCredentialType"));
    assert_eq!(
        (page.sErrorCode, page.iErrorCode, page.sErrTxt),
        (None, None, None)
    );
    assert_eq!(page.strServiceExceptionMessage, None);
    // No member is null or empty.
    let json = document.split_once("$Config=").unwrap().1;
    let json = json.split_once(";\n//]]>").unwrap().0;
    let members: Map<String, Value> = serde_json::from_str(json).unwrap();
    for (name, value) in members {
        assert!(!value.is_null() && value != "", "{name}");
    }
    assert!(!json.contains(['<', '>', '&']));
}

#[test]
fn the_page_holds_none_of_the_words_that_make_the_client_wait() {
    let mut world = World::new();
    let mut client = Client::of(NASTY);
    let first = client.begin_with(&mut world, &[("state", NASTY), ("login_hint", NASTY)]);
    // `became` looks for the words on every page that answers a post.
    assert_eq!(client.password(&mut world, &first, "wrong").error(), 50126);
    client.login = "alice@corp.example".into();
    let page = client.password(&mut world, &first, PASSWORD).page();
    assert_eq!(page.pgid.as_deref(), Some("ConvergedTFA"));
}

#[test]
fn browsers_and_other_clients_are_shown_our_own_pages() {
    let mut world = World::new();
    for changes in [
        [("sso_reload", ""), ("state", "x")],
        [
            ("client_id", crate::tests::world::NOTES),
            ("redirect_uri", crate::tests::world::NOTES_REDIRECT),
        ],
    ] {
        let first = Client::first(&world, &changes);
        let response = Client::default().send(&mut world, Request::get(&first));
        assert!(!text(&response).contains("$Config"), "{changes:?}");
    }
    world.set(|settings| settings.html_login_v1 = false);
    let first = Client::first(&world, &[]);
    let response = Client::default().send(&mut world, Request::get(&first));
    assert!(!text(&response).contains("$Config"));
    assert!(text(&response).contains("<form"));
}
