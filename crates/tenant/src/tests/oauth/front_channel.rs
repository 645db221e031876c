//! Applications learn in the browser that somebody signed out (OpenID Connect Front-Channel Logout 1.0).

use directory::tenant;

use super::*;

/// Gives an application its page for the front channel.
fn with_page(world: &mut World, id: &str, change: impl FnOnce(&mut tenant::Application)) {
    let id = id.parse().unwrap();
    let snapshot = world.tenant().directory.snapshot().unwrap();
    let mut application = tenant::application(&snapshot, id, world.now)
        .unwrap()
        .unwrap();
    drop(snapshot);
    change(&mut application);
    let changes = tenant::put_application(&application, &mut world.rng);
    world.commit(changes);
}

fn at(uri: &'static str) -> impl FnOnce(&mut tenant::Application) {
    move |application| application.frontchannel_logout_uri = Some(uri.into())
}

const WIKI_BYE: &str = "https://wiki.example/front";
const NOTES_BYE: &str = "https://notes.example/front?from=tenant";

/// Signs bob in to the wiki; its id_token.
fn to_wiki(world: &mut World, browser: &mut Browser) -> String {
    let changes = [("client_id", WIKI), ("redirect_uri", WIKI_REDIRECT)];
    let target = of_notes(world, &changes);
    let code = browser.sign_in(world, "bob", &target);
    let redeem = [
        ("client_id", WIKI),
        ("redirect_uri", WIKI_REDIRECT),
        ("client_secret", SECRET),
    ];
    text(&redeem_notes(world, &code, &redeem), "id_token")
}

/// Signs bob in to the notes; the answer with its tokens.
fn to_notes(world: &mut World, browser: &mut Browser) -> Response {
    let target = of_notes(world, &[]);
    let code = browser.sign_in(world, "bob", &target);
    redeem_notes(world, &code, &[])
}

fn sid(id_token: &str) -> String {
    claims(id_token)["sid"].as_str().unwrap().to_owned()
}

/// The addresses in the frames of the page that a browser shows.
fn frames(browser: &Browser) -> Vec<String> {
    let frames = browser.html.split("<iframe ").skip(1);
    let address = |frame: &str| {
        let (_, rest) = frame.split_once("src=\"").unwrap();
        rest.split('"').next().unwrap().replace("&amp;", "&")
    };
    frames.map(address).collect()
}

fn sign_out(world: &mut World, browser: &mut Browser, hint: &str, then: Option<&str>) -> Response {
    let mut query = vec![("id_token_hint", hint)];
    query.extend(then.map(|then| ("post_logout_redirect_uri", then)));
    let path = world.path(&format!("oauth2/v2.0/logout?{}", write_query(query)));
    browser.get(world, &path)
}

fn told(world: &World, page: &str, sid: &str) -> String {
    let issuer = world.known().issuers.v2.clone();
    wire::http::with_query(page, [("iss", issuer.as_str()), ("sid", sid)])
}

#[test]
fn the_applications_of_a_session_are_told_of_its_end_by_the_names_that_they_know_it_by() {
    let mut world = World::new();
    with_page(&mut world, WIKI, at(WIKI_BYE));
    with_page(&mut world, NOTES, at(NOTES_BYE));
    let mut browser = Browser::default();
    let wiki = to_wiki(&mut world, &mut browser);
    // The second one signs in with the session that is there.
    let notes = text(&to_notes(&mut world, &mut browser), "id_token");
    assert_ne!(
        sid(&wiki),
        sid(&notes),
        "they cannot compare what they know"
    );
    assert_eq!(sid(&to_wiki(&mut world, &mut browser)), sid(&wiki));
    let then = "https://wiki.example/bye";
    let response = sign_out(&mut world, &mut browser, &wiki, Some(then));
    assert_eq!((browser.status, browser.location.as_deref()), (200, None));
    let policy = response
        .headers
        .get_only("Content-Security-Policy")
        .unwrap();
    assert!(policy.contains(" frame-src https://wiki.example/front https://notes.example/front;"));
    assert_eq!(
        frames(&browser),
        [
            told(&world, WIKI_BYE, &sid(&wiki)),
            told(&world, NOTES_BYE, &sid(&notes)),
        ]
    );
    assert!(
        browser
            .html
            .contains("content=\"2;url=https://wiki.example/bye\"")
    );
    // It is over: nobody is signed in, and nobody is told twice.
    sign_out(&mut world, &mut browser, &wiki, Some(then));
    assert_eq!(browser.location.as_deref(), Some(then));
    let mut again = Browser::default();
    assert_ne!(sid(&to_wiki(&mut world, &mut again)), sid(&wiki));
}

#[test]
fn a_person_who_is_asked_first_ends_the_applications_too() {
    let mut world = World::new();
    with_page(&mut world, WIKI, at(WIKI_BYE));
    let mut browser = Browser::default();
    let wiki = to_wiki(&mut world, &mut browser);
    let path = world.path("oauth2/v2.0/logout");
    browser.get(&mut world, &path);
    assert!(frames(&browser).is_empty(), "not before they said yes");
    browser.fill(&mut world, "sign-out", &[]);
    assert_eq!(frames(&browser), [told(&world, WIKI_BYE, &sid(&wiki))]);
    assert!(!browser.html.contains("http-equiv=\"refresh\""));
}

#[test]
fn only_who_was_signed_in_to_and_still_has_a_page_is_told() {
    let mut world = World::new();
    with_page(&mut world, WIKI, at(WIKI_BYE));
    with_page(&mut world, NOTES, at(NOTES_BYE));
    let mut browser = Browser::default();
    let wiki = to_wiki(&mut world, &mut browser);
    sign_out(&mut world, &mut browser, &wiki, None);
    assert_eq!(frames(&browser).len(), 1, "not the notes");
    let wiki = to_wiki(&mut world, &mut browser);
    with_page(&mut world, WIKI, |wiki| wiki.enabled = false);
    to_notes(&mut world, &mut browser);
    let path = world.path("oauth2/v2.0/logout");
    browser.get(&mut world, &path);
    browser.fill(&mut world, "sign-out", &[]);
    let told = frames(&browser);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("https://notes.example/"), "{wiki}");
    // Another person at the same browser ends nothing of the one before.
    with_page(&mut world, NOTES, |notes| {
        notes.frontchannel_logout_session = false;
    });
    let notes = text(&to_notes(&mut world, &mut browser), "id_token");
    sign_out(&mut world, &mut browser, &notes, None);
    assert_eq!(
        frames(&browser),
        [NOTES_BYE],
        "it asked for its address alone"
    );
}

#[test]
fn a_name_of_a_session_is_neither_its_secret_nor_that_of_its_record() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let wiki = to_wiki(&mut world, &mut browser);
    let sid = sid(&wiki);
    for (name, value) in &browser.cookies {
        assert!(
            !value.contains(&sid) && !sid.contains(value.as_str()),
            "{name}"
        );
    }
    // As the cookie it opens nothing.
    let mut thief = Browser::default();
    for name in browser.cookies.keys() {
        thief.cookies.insert(name.clone(), sid.clone());
    }
    let target = of_notes(&world, &[]);
    thief.get(&mut world, &target);
    assert!(thief.page.form("password").is_some());
}

#[test]
fn a_refreshed_identity_names_the_same_session_and_who_signs_in_anew_keeps_it() {
    let mut world = World::new();
    with_page(&mut world, NOTES, at(NOTES_BYE));
    let mut browser = Browser::default();
    let first = to_notes(&mut world, &mut browser);
    let before = sid(&text(&first, "id_token"));
    let refreshed = refresh(
        &mut world,
        &text(&first, "refresh_token"),
        &[("client_id", NOTES), ("scope", "openid")],
    );
    assert_eq!(sid(&text(&refreshed, "id_token")), before);
    let again = of_notes(&world, &[("prompt", "login")]);
    let code = browser.sign_in(&mut world, "bob", &again);
    let answer = redeem_notes(&mut world, &code, &[]);
    assert_eq!(sid(&text(&answer, "id_token")), before);
    // Alice at the same browser has a session of her own.
    let code = browser.sign_in(&mut world, "alice", &again);
    let answer = redeem_notes(&mut world, &code, &[]);
    assert_ne!(sid(&text(&answer, "id_token")), before);
}
