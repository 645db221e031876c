//! What was consented to, and by whom, is looked at wherever a token comes of it.

use directory::tenant::{Consent, Wanted};
use trust::Span;

use super::*;

/// Somebody consents: an administrator for everybody where no account is named.
fn consent(world: &mut World, resource: &str, scopes: &[&str], by: Option<&str>) {
    let given = Consent {
        application: NOTES.parse().unwrap(),
        account: by.map(|sam| world.account(sam).id),
        resource: resource.into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        by: by.unwrap_or("root").into(),
        at: world.now,
    };
    let changes = directory::tenant::put_consent(&given, &mut world.rng);
    world.commit(changes);
}

/// Lets the notes ask for the wiki.
fn wants_wiki(world: &mut World) {
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.wants = vec![Wanted {
        resource: WIKI_RESOURCE.into(),
        scopes: vec![],
    }];
    world.put_application(&notes);
}

/// What a browser without a session is told of a request.
fn told(world: &mut World, target: &str) -> Option<String> {
    let mut browser = Browser::default();
    browser.get(world, target);
    browser.sent("error")
}

#[test]
fn an_application_asks_for_itself_without_anybodys_consent() {
    let mut world = World::new();
    world.set(|settings| settings.user_consent = false);
    let own = of_notes(
        &world,
        &[("scope", &format!("openid api://{NOTES}/.default"))],
    );
    let mut browser = Browser::default();
    browser.get(&mut world, &own);
    browser.password(&mut world, "bob", PASSWORD);
    let code = browser.sent("code").expect("nobody is asked");
    let answer = redeem_notes(&mut world, &code, &[]);
    let access = claims(&text(&answer, "access_token"));
    assert_eq!(access["aud"], format!("api://{NOTES}"));
}

#[test]
fn people_consent_to_what_speaks_of_themselves_and_to_nothing_else() {
    let mut world = World::new();
    wants_wiki(&mut world);
    let wiki = of_notes(
        &world,
        &[("scope", &format!("openid {WIKI_RESOURCE}/.default"))],
    );
    assert_eq!(told(&mut world, &wiki).as_deref(), Some("consent_required"));
    // Nor does it help that an administrator consented to something else.
    consent(&mut world, crate::catalogue::GRAPH, &["User.Read"], None);
    assert_eq!(told(&mut world, &wiki).as_deref(), Some("consent_required"));
    // Nor that a person did, to this.
    consent(&mut world, WIKI_RESOURCE, &["openid"], Some("bob"));
    assert_eq!(told(&mut world, &wiki).as_deref(), Some("consent_required"));
    consent(&mut world, WIKI_RESOURCE, &[], None);
    assert_eq!(told(&mut world, &wiki), None);
}

#[test]
fn whoever_asks_for_more_or_elsewhere_is_asked_again() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let less = of_notes(&world, &[("scope", "openid")]);
    browser.sign_in(&mut world, "bob", &less);
    browser.get(&mut world, &less);
    assert!(browser.sent("code").is_some());
    let more = of_notes(&world, &[("scope", "openid email")]);
    browser.get(&mut world, &more);
    assert!(browser.page.form("consent").is_some(), "for more");
    let elsewhere = [
        ("scope", "openid"),
        ("resource", token::authorize::USERINFO),
    ];
    let elsewhere = of_notes(&world, &elsewhere);
    browser.get(&mut world, &elsewhere);
    assert!(
        browser.page.form("consent").is_some(),
        "for another resource"
    );
}

#[test]
fn what_was_consented_to_is_kept_by_the_resources_own_name() {
    let mut world = World::new();
    let asks = [("scope", "openid"), ("resource", GRAPH)];
    let target = of_notes(&world, &asks);
    Browser::default().sign_in(&mut world, "bob", &target);
    let (bob, now) = (world.account("bob").id, world.now);
    let notes = NOTES.parse().unwrap();
    let kept =
        world.read(|snapshot| directory::tenant::consent(snapshot, notes, Some(bob), now).unwrap());
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].resource, crate::catalogue::GRAPH);
    assert_eq!(kept[0].scopes, ["openid"]);
}

#[test]
fn what_consent_was_withdrawn_from_is_granted_no_more() {
    let mut world = World::new();
    consent(&mut world, crate::catalogue::GRAPH, &["User.Read"], None);
    let target = of_notes(&world, &[("scope", "openid offline_access User.Read")]);
    let mut browser = Browser::default();
    let code = browser.sign_in(&mut world, "bob", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    assert_eq!(text(&answer, "scope"), "openid offline_access User.Read");
    let token = text(&answer, "refresh_token");
    browser.get(&mut world, &target);
    let late = browser.sent("code").unwrap();
    consent(&mut world, crate::catalogue::GRAPH, &[], None);
    let refused = refresh(&mut world, &token, &[("client_id", NOTES)]);
    assert_eq!((refused.status, refusal(&refused).0), (400, 65001));
    let refused = redeem_notes(&mut world, &late, &[]);
    assert_eq!((refused.status, refusal(&refused).0), (400, 65001));
}

#[test]
fn a_device_gets_no_code_for_what_nobody_consented_to() {
    let mut world = World::new();
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.device_code = true;
    world.put_application(&notes);
    let begin = |world: &mut World, scope: &str| {
        let path = world.path("oauth2/v2.0/devicecode");
        let fields = [("client_id", NOTES), ("scope", scope)];
        world.send(Request::post_form(&path, fields))
    };
    assert_eq!(begin(&mut world, "openid").status, 200);
    let refused = begin(&mut world, "openid User.Read");
    assert_eq!((refused.status, refusal(&refused).0), (400, 65001));
}

#[test]
fn who_is_signed_in_and_may_not_be_shown_a_page_is_told_apart_from_who_must_sign_in_anew() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = of_broker(&world, &[]);
    browser.sign_in(&mut world, "bob", &target);
    world.advance(Span::seconds(10));
    for (changes, error) in [
        (vec![("login_hint", "alice@corp.example")], "login_required"),
        (vec![("max_age", "5")], "login_required"),
        (vec![("resource", PORTAL)], "interaction_required"),
    ] {
        let mut changes = changes;
        changes.push(("prompt", "none"));
        let target = of_broker(&world, &changes);
        browser.get(&mut world, &target);
        assert_eq!(browser.sent("error").as_deref(), Some(error), "{changes:?}");
    }
    // Whose session is too old types the password again, and their session's proof does not do instead.
    let aged = of_broker(&world, &[("max_age", "5")]);
    browser.get(&mut world, &aged);
    assert!(browser.page.form("password").is_some());
    // The name by which somebody is known here is theirs, however it is written.
    for hint in ["BOB@corp.example", "bob"] {
        let target = of_broker(&world, &[("login_hint", hint)]);
        browser.get(&mut world, &target);
        assert!(browser.sent("code").is_some(), "{hint}");
    }
}
