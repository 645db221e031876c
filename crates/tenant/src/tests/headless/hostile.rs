//! Posts that no honest client makes.

use serde_json::json;
use wire::http::Request;

use super::client::{Became, Client, became, post_raw};
use crate::tests::world::{PASSWORD, World};

#[test]
fn sctx_of_another_browser_tenant_or_client_is_refused() {
    let mut world = World::new();
    let mut client = Client::of("alice@corp.example");
    let first = client.begin(&mut world);
    // Another browser, with or without a cookie of its own.
    let mut other = Client::of("alice@corp.example");
    assert_eq!(other.password(&mut world, &first, PASSWORD).error(), 50089);
    other.begin(&mut world);
    assert_eq!(other.password(&mut world, &first, PASSWORD).error(), 50089);
    // Another tenant, though the browser is the same: its cookie is another there.
    world.at = 1;
    let path = world.path("login");
    let cookies = client.cookies.clone();
    let theirs = client.begin(&mut world);
    client.cookies.extend(cookies);
    world.at = 0;
    let mut mixed = theirs.clone();
    mixed.urlPost = first.urlPost.clone();
    assert_eq!(client.password(&mut world, &mixed, PASSWORD).error(), 50089);
    world.at = 1;
    let fields = client.with_password(&first, PASSWORD);
    let request = Request::post_form(&path, fields.iter().copied());
    let refused = became(&client.clone().send(&mut world, request));
    assert_eq!(refused.error(), 50089);
    world.at = 0;
    // Another client.
    let mut fields = client.with_password(&first, PASSWORD);
    fields.retain(|(name, _)| *name != "client_id");
    fields.push(("client_id", "b743a22d-6705-4147-8670-d92fa515ee2b"));
    let refused = client.clone().post(&mut world, &first, &fields);
    assert_eq!(refused.error(), 90013);
    // The very same is good.
    client.password(&mut world, &first, PASSWORD).page();
}

#[test]
fn forms_of_other_sites_and_altered_ones_are_refused() {
    let mut world = World::new();
    let mut client = Client::of("alice@corp.example");
    let first = client.begin(&mut world);
    for spoilt in ["flowToken", "canary", "ctx"] {
        for value in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let mut fields = client.with_password(&first, PASSWORD);
            fields.retain(|(name, _)| *name != spoilt);
            fields.push((spoilt, value));
            let refused = client.clone().post(&mut world, &first, &fields);
            assert_eq!(refused.error(), 50089, "{spoilt} {value}");
        }
    }
    let path = Client::path(&world, first.urlPost.as_ref().unwrap());
    let fields = client.with_password(&first, PASSWORD);
    let request = Request::post_form(&path, fields.iter().copied())
        .with_header("Origin", "https://evil.example");
    assert_eq!(
        became(&client.clone().send(&mut world, request)).error(),
        50089
    );
    // The name of a sign-in on its way is no context of the first page, nor the other way round.
    let page = client.password(&mut world, &first, PASSWORD).page();
    let mut wrong_place = page.clone();
    wrong_place.urlPost = first.urlPost.clone();
    assert_eq!(
        client.password(&mut world, &wrong_place, PASSWORD).error(),
        50089
    );
    let mut wrong_place = first.clone();
    wrong_place.urlEndAuth = page.urlEndAuth.clone();
    wrong_place.urlBeginAuth = page.urlBeginAuth.clone();
    let answer = client.begin_auth(&mut world, &wrong_place);
    assert_eq!(
        (&answer["Success"], &answer["ErrCode"]),
        (&json!(false), &json!(50089))
    );
}

#[test]
fn posts_that_are_none_are_answered_in_the_words_of_the_endpoint() {
    let mut world = World::new();
    let mut client = Client::of("alice@corp.example");
    let first = client.begin(&mut world);
    let page = client.password(&mut world, &first, PASSWORD).page();
    let long = vec![b'a'; 60_000];
    let deep = "[".repeat(50_000);
    for content in [
        &b""[..],
        b"\xff\xfe",
        b"{}",
        b"null",
        b"{\"AuthMethodId\":1}",
        deep.as_bytes(),
        &long,
    ] {
        for url in [&page.urlBeginAuth, &page.urlEndAuth] {
            let path = Client::path(&world, url.as_ref().unwrap());
            let response = client.send(&mut world, post_raw(&path, content));
            assert_eq!(response.status, 200);
            let answer = crate::tests::world::json(&response);
            assert_eq!(answer["Success"], false);
            assert!(
                answer["Ctx"].is_string() && answer["ErrCode"].is_u64(),
                "{answer}"
            );
        }
        for url in [&first.urlPost, &page.urlPost] {
            let path = Client::path(&world, url.as_ref().unwrap());
            let response = client.send(&mut world, post_raw(&path, content));
            assert!(matches!(became(&response), Became::Error(_)));
        }
    }
    let path = Client::path(&world, page.urlBeginAuth.as_ref().unwrap());
    let question = json!({
        "AuthMethodId": "OneWaySMS", "ctx": page.sCtx, "flowToken": page.sFT, "Method": "BeginAuth",
    });
    let answer = client.ask(&mut world, &path, &question, &page.canary);
    assert_eq!(answer["ErrCode"], 90013);
    let question = json!({
        "AuthMethodId": "PhoneAppOTP", "ctx": page.sCtx, "flowToken": page.sFT, "Method": "BeginAuth",
    });
    assert_eq!(
        client.ask(&mut world, &path, &question, "x")["ErrCode"],
        50089
    );
    // All this ended nothing.
    assert_eq!(client.begin_auth(&mut world, &page)["Success"], true);
}

#[test]
fn the_headless_flow_is_as_strict_as_the_pages() {
    // Who must sign in by a key gets no token for a password, whatever the second factor.
    let mut world = World::new();
    let group = directory::EntryId::random(&mut world.rng);
    let parent = world.tenant().directory.domain().unwrap().users;
    let kind = directory::group::GLOBAL_SECURITY;
    let entry = directory::NewEntry::group(group, parent, "strict", kind);
    let member = world.account("alice").id;
    world.commit([entry.into()]);
    world.commit([directory::Change::AddMember { group, member }]);
    world.set(|settings| settings.phishing_resistant_only = Some(group));
    let mut client = Client::of("alice@corp.example");
    let first = client.begin(&mut world);
    let page = client.password(&mut world, &first, PASSWORD).page();
    let begun = client.begin_auth(&mut world, &page);
    let code = world.totp();
    let ended = client.end_auth(&mut world, &page, &begun, &code);
    let code = client.process(&mut world, &page, &ended).code();
    let response = world.token(&[
        ("client_id", super::client::BROKER),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", super::client::REDIRECT),
    ]);
    assert_ne!(response.status, 200);
}

/// OpenID Connect Core 3.1.2.1: no page at all, and the client is told at its address.
#[test]
fn who_wants_no_page_gets_none() {
    let mut world = World::new();
    let first = Client::first(&world, &[("prompt", "none")]);
    let mut client = Client::of("alice@corp.example");
    let response = client.send(&mut world, Request::get(&first));
    assert_eq!(
        response.status,
        302,
        "{}",
        crate::tests::world::text(&response)
    );
    let location = response.headers.get("Location").unwrap();
    assert!(location.starts_with(super::client::REDIRECT), "{location}");
    assert!(location.contains("error=login_required"), "{location}");
    assert_eq!(became(&response).error(), 50058);
}

/// What seals a context is followed by another key each day, and the former opens what it sealed for as long as that may live.
#[test]
fn a_context_outlives_the_key_that_sealed_it_and_that_key_ends() {
    use trust::Span;

    let mut world = World::new();
    let mut client = Client::of("alice@corp.example");
    let sealed_by = |page: &super::client::Config| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        Base64UrlUnpadded::decode_vec(page.sCtx.as_ref().unwrap()).unwrap()[0]
    };
    // The key that is at its end now.
    world.advance(Span::days(1));
    let before = client.begin(&mut world);
    world.tick();
    let mut other = Client::of("bob@corp.example");
    let after = other.begin(&mut world);
    assert_ne!(sealed_by(&before), sealed_by(&after));
    world.advance(Span::minutes(9));
    client
        .clone()
        .password(&mut world, &before, PASSWORD)
        .page();
    world.advance(Span::minutes(1));
    let over = client.clone().password(&mut world, &before, PASSWORD);
    assert_eq!(over.error(), 50089);
    // A name of a key that is not there, or not the one that sealed.
    let first = client.begin(&mut world);
    for id in [sealed_by(&before), 77] {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let mut bytes = Base64UrlUnpadded::decode_vec(first.sCtx.as_ref().unwrap()).unwrap();
        bytes[0] = id;
        let mut forged = first.clone();
        forged.sCtx = Some(Base64UrlUnpadded::encode_string(&bytes));
        let refused = client.clone().password(&mut world, &forged, PASSWORD);
        assert_eq!(refused.error(), 50089);
    }
}

#[test]
fn an_application_that_means_another_gets_no_code() {
    let mut world = World::new();
    let mut bob = Client::of("bob@corp.example");
    let without = [
        ("amr_values", ""),
        ("resource", "https://graph.microsoft.com"),
    ];
    let page = bob.begin_with(&mut world, &without);
    let code = bob.password(&mut world, &page, PASSWORD).code();
    let answer = bob.redeem(&mut world, &code);
    let hint = answer["id_token"].as_str().unwrap().to_owned();
    let mut changes = without.to_vec();
    changes.push(("id_token_hint", &hint));
    let mut alice = Client::of("alice@corp.example");
    let page = alice.begin_with(&mut world, &changes);
    assert_eq!(alice.password(&mut world, &page, PASSWORD).error(), 50058);
    let page = bob.begin_with(&mut world, &changes);
    bob.password(&mut world, &page, PASSWORD).code();
}
