//! Applications that say whom they mean, by an id_token that they have (OpenID Connect Core 3.1.2.1, 3.1.2.2).

use trust::Span;

use super::*;

/// An id_token that the application has of somebody, of an hour ago.
fn id_token_of(world: &mut World, sam: &str) -> String {
    let target = of_notes(world, &[("scope", "openid")]);
    let code = Browser::default().sign_in(world, sam, &target);
    let token = text(&redeem_notes(world, &code, &[]), "id_token");
    world.advance(Span::hours(2));
    token
}

#[test]
fn an_application_gets_a_code_of_whom_it_means_and_of_nobody_else() {
    let mut world = World::new();
    let (alice, bob) = (
        id_token_of(&mut world, "alice"),
        id_token_of(&mut world, "bob"),
    );
    let mut browser = Browser::default();
    let target = of_notes(&world, &[]);
    browser.sign_in(&mut world, "bob", &target);
    let of = |hint: &str, prompt: &str, world: &World| {
        of_notes(world, &[("id_token_hint", hint), ("prompt", prompt)])
    };
    // Signed in, though the id_token is over.
    let target = of(&bob, "none", &world);
    browser.get(&mut world, &target);
    assert!(browser.sent("code").is_some(), "{:?}", world.refused);
    // Somebody else is.
    let target = of(&alice, "none", &world);
    browser.get(&mut world, &target);
    assert_eq!(browser.sent("error").as_deref(), Some("login_required"));
    assert_eq!(browser.sent("code"), None);
    // With a page, that person is asked for, and no other will do.
    let target = of(&alice, "", &world);
    browser.get(&mut world, &target);
    let page = browser.html.clone();
    assert!(page.contains("alice@corp.example"), "{page}");
    browser.password(&mut world, "bob", PASSWORD);
    assert_eq!((browser.status, browser.sent("code")), (200, None));
    assert!(browser.html.contains("asks for alice@corp.example"));
    let refused = world.refused.last().unwrap();
    assert!(refused.contains("another person signed in"), "{refused}");
    browser.password(&mut world, "alice", PASSWORD);
    browser.consent(&mut world);
    let code = browser.sent("code").unwrap();
    let answer = redeem_notes(&mut world, &code, &[]);
    let token = claims(&text(&answer, "id_token"));
    assert_eq!(token["upn"], "alice@corp.example");
}

/// Consent is asked between signing in and the code, and meanwhile another may have signed in.
#[test]
fn whom_an_application_means_counts_until_the_code() {
    let mut world = World::new();
    let alice = id_token_of(&mut world, "alice");
    let mut browser = Browser::default();
    let target = of_notes(&world, &[("id_token_hint", &alice)]);
    browser.get(&mut world, &target);
    browser.password(&mut world, "alice", PASSWORD);
    let back = browser.location.clone().unwrap();
    assert!(back.contains("id_token_hint="), "{back}");
    // In another window of the same browser.
    let other = of_broker(&world, &[("prompt", "login")]);
    browser.get(&mut world, &other);
    browser.password(&mut world, "bob", PASSWORD);
    browser.get(&mut world, &back);
    assert!(browser.page.form("password").is_some(), "{}", browser.html);
}

#[test]
fn an_id_token_of_others_is_no_hint() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    let (own, access) = (text(&answer, "id_token"), text(&answer, "access_token"));
    let target = of_broker(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let of_broker = text(&redeem_broker(&mut world, &code, &[]), "id_token");
    world.at = 1;
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let foreign = text(&redeem_notes(&mut world, &code, &[]), "id_token");
    world.at = 0;
    let (head, tail) = own.rsplit_once('.').unwrap();
    let spoilt = format!("{head}.{}", tail.chars().rev().collect::<String>());
    let long = "x".repeat(5_000);
    for hint in [&access, &of_broker, &foreign, &spoilt, &long] {
        for prompt in ["", "none"] {
            let target = of_notes(&world, &[("id_token_hint", hint), ("prompt", prompt)]);
            let mut browser = Browser::default();
            browser.get(&mut world, &target);
            assert_eq!(
                browser.sent("error").as_deref(),
                Some("invalid_request"),
                "{hint}"
            );
        }
    }
    let twice = format!(
        "{}&id_token_hint={own}&id_token_hint={own}",
        of_notes(&world, &[])
    );
    let mut browser = Browser::default();
    browser.get(&mut world, &twice);
    assert_ne!(browser.status, 200, "{}", browser.html);
}
