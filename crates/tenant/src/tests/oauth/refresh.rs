//! Refresh tokens.

use directory::tenant;
use trust::Span;

use super::*;
use crate::catalogue::LINUX_BROKER_CLIENT;

/// Somebody signs in at the broker; the refresh token.
fn broker_token(world: &mut World, sam: &str) -> String {
    let target = of_broker(world, &[("amr_values", "mfa")]);
    let code = Browser::default().sign_in(world, sam, &target);
    let answer = redeem_broker(world, &code, &[]);
    text(&answer, "refresh_token")
}

#[test]
fn a_refresh_token_used_again_within_its_grace_is_answered_and_later_ends_the_family() {
    let mut world = World::new();
    let first = broker_token(&mut world, "alice");
    let second = text(&refresh(&mut world, &first, &[]), "refresh_token");
    world.advance(Span::minutes(60));
    let third = text(&refresh(&mut world, &first, &[]), "refresh_token");
    assert_eq!(refresh(&mut world, &second, &[]).status, 200);
    world.advance(Span::seconds(1));
    let late = refresh(&mut world, &first, &[]);
    assert_eq!(refusal(&late), (50173, "invalid_grant".into()));
    let ended = refresh(&mut world, &third, &[]);
    assert_eq!(refusal(&ended), (70000, "invalid_grant".into()));
}

#[test]
fn another_application_may_lose_an_answer_and_no_more() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let first = text(&redeem_notes(&mut world, &code, &[]), "refresh_token");
    let own = [("client_id", NOTES)];
    assert_eq!(refresh(&mut world, &first, &own).status, 200);
    world.advance(Span::seconds(30));
    assert_eq!(refresh(&mut world, &first, &own).status, 200);
    world.advance(Span::seconds(1));
    assert_eq!(refusal(&refresh(&mut world, &first, &own)).0, 50173);
}

#[test]
fn a_refresh_token_of_the_broker_family_serves_another_client_and_resource_and_no_others_does() {
    let mut world = World::new();
    let brokers = broker_token(&mut world, "alice");
    let answer = refresh(
        &mut world,
        &brokers,
        &[
            ("client_id", LINUX_BROKER_CLIENT),
            (
                "scope",
                "openid profile offline_access https://enrollment.manage.microsoft.com//.default",
            ),
        ],
    );
    let access = claims(&text(&answer, "access_token"));
    assert_eq!(access["aud"], "https://enrollment.manage.microsoft.com/");
    assert_eq!(access["appid"], LINUX_BROKER_CLIENT);
    assert!(amr(&text(&answer, "access_token")).contains(&"mfa".to_owned()));

    let notes = refresh(&mut world, &brokers, &[("client_id", NOTES)]);
    assert_eq!(refusal(&notes).0, 70000);
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let of_notes = text(&redeem_notes(&mut world, &code, &[]), "refresh_token");
    assert_eq!(refusal(&refresh(&mut world, &of_notes, &[])).0, 70000);
    let own = [("client_id", NOTES), ("resource", DRS)];
    assert_eq!(refusal(&refresh(&mut world, &of_notes, &own)).0, 500_011);
}

#[test]
fn a_refresh_token_is_refused_at_another_tenant() {
    let mut world = World::new();
    let token = broker_token(&mut world, "alice");
    world.at = 1;
    let there = refresh(&mut world, &token, &[]);
    assert_eq!(refusal(&there), (70000, "invalid_grant".into()));
    // A token of that tenant with the name of this one, and the other way round.
    let other = broker_token(&mut world, "alice");
    let (own_name, other_name) = (token.split('.').nth(1), other.split('.').nth(1));
    let mixed = other.replace(other_name.unwrap(), own_name.unwrap());
    assert_ne!(mixed, other);
    assert_eq!(refusal(&refresh(&mut world, &mixed, &[])).0, 70000);
    assert_eq!(refresh(&mut world, &other, &[]).status, 200);
}

#[test]
fn the_same_refresh_token_joins_and_then_gets_a_prt() {
    let mut world = World::new();
    let token = broker_token(&mut world, "alice");
    let joins = refresh(
        &mut world,
        &token,
        &[(
            "scope",
            "openid profile offline_access 01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9/.default",
        )],
    );
    assert_eq!(claims(&text(&joins, "access_token"))["aud"], DRS);
    world.advance(Span::minutes(30));
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let of_notes = text(&redeem_notes(&mut world, &code, &[]), "refresh_token");
    // As a request for a primary refresh token redeems it, in another message.
    let path = world.path("oauth2/token");
    let request = world.request(Request::post_form(&path, [("grant_type", "x")]));
    let now = world.now;
    let alice = world.account("alice").id.0;
    let World { tenants, rng, .. } = &mut world;
    tenants[0].view(|view| {
        let asked = crate::asked::Asked {
            request: &request,
            view,
            now,
            trace: wire::Guid::NIL,
            correlation: wire::Guid::NIL,
            known: crate::known(view, now).unwrap(),
            named: crate::asked::TenantName::Ours,
            endpoint: "",
            captured: vec![],
        };
        let broker = asked.known.catalogue.client(BROKER_CLIENT).unwrap();
        let redeem = |client, token: &str, rng: &mut directory::testing::Seeded| {
            crate::grants::refresh::redeem_for_prt(&asked, client, token, None, rng).unwrap()
        };
        let grant = redeem(broker, &token, rng).unwrap();
        assert_eq!(grant.account(), alice);
        assert!(grant.authentication().is_multi_factor());
        let notes = asked.known.catalogue.client(NOTES).unwrap();
        assert!(redeem(notes, &token, rng).is_err());
        // Nor is what an application got one's own, whoever brings it.
        assert!(redeem(notes, &of_notes, rng).is_err());
        assert!(redeem(broker, &of_notes, rng).is_err());
        assert!(redeem(broker, "nonsense", rng).is_err());
    });
}

#[test]
fn a_refresh_token_dies_with_what_got_it() {
    let mut world = World::new();
    let token = broker_token(&mut world, "alice");
    let alice = world.account("alice");
    world.commit([tenant::revoke_sign_ins(
        alice.id,
        world.now + Span::seconds(1),
    )]);
    world.advance(Span::seconds(2));
    let revoked = refresh(&mut world, &token, &[]);
    assert_eq!(refusal(&revoked), (50173, "invalid_grant".into()));

    let target = of_broker(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let token = text(&redeem_broker(&mut world, &code, &[]), "refresh_token");
    disable(&mut world, "bob");
    let disabled = refresh(&mut world, &token, &[]);
    assert_eq!(refusal(&disabled), (50057, "invalid_grant".into()));
}

#[test]
fn a_refresh_asks_for_the_second_factor_that_the_resource_demands() {
    let mut world = World::new();
    let target = of_broker(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let token = text(&redeem_broker(&mut world, &code, &[]), "refresh_token");
    let refused = refresh(&mut world, &token, &[("resource", PORTAL)]);
    assert_eq!(refusal(&refused), (50076, "interaction_required".into()));
}

#[test]
fn revoked_tokens_are_gone_and_unknown_ones_are_no_error() {
    let mut world = World::new();
    let revoke = |world: &mut World, fields: &[(&str, &str)]| {
        let path = world.path("oauth2/v2.0/revoke");
        world.send(Request::post_form(&path, fields.iter().copied()))
    };
    let token = broker_token(&mut world, "alice");
    // Not by somebody else.
    let by_notes = [("client_id", NOTES), ("token", token.as_str())];
    assert_eq!(revoke(&mut world, &by_notes).status, 200);
    let unknown = [("client_id", BROKER_CLIENT), ("token", "nonsense")];
    assert_eq!(revoke(&mut world, &unknown).status, 200);
    let token = text(&refresh(&mut world, &token, &[]), "refresh_token");
    let own = [("client_id", BROKER_CLIENT), ("token", token.as_str())];
    assert_eq!(revoke(&mut world, &own).status, 200);
    assert_eq!(refusal(&refresh(&mut world, &token, &[])).0, 70000);
    assert_eq!(revoke(&mut world, &own).status, 200);
    assert!(world.audit("token.revoke").is_some());

    let nobody = revoke(&mut world, &[("client_id", "nobody"), ("token", "x")]);
    assert_eq!(refusal(&nobody).0, 700_016);
    let without = revoke(&mut world, &[("client_id", WIKI), ("token", "x")]);
    assert_eq!((without.status, refusal(&without).0), (401, 7_000_218));
}

#[test]
fn nobody_stays_signed_in_to_an_application_who_was_not_asked() {
    // What the application asks for at the token endpoint, the person has not seen.
    let mut world = World::new();
    let target = of_notes(&world, &[("scope", "openid profile")]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let more = [("scope", "openid profile email offline_access")];
    let answer = redeem_notes(&mut world, &code, &more);
    assert_eq!(answer.status, 200);
    assert_eq!(json(&answer).get("refresh_token"), None);
    assert_eq!(text(&answer, "scope"), "openid profile");
}

#[test]
fn refresh_tokens_are_taken_from_an_application_with_its_right_to_them() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let token = text(&redeem_notes(&mut world, &code, &[]), "refresh_token");
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.refresh = false;
    world.put_application(&notes);
    let own = [("client_id", NOTES)];
    let refused = refresh(&mut world, &token, &own);
    assert_eq!(refusal(&refused), (700_016, "unauthorized_client".into()));
}

/// A refresh names no resource: whether its own may still be asked for is judged all the same.
#[test]
fn a_resource_that_was_taken_from_an_application_is_granted_no_more() {
    let mut world = World::new();
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.wants = vec![directory::tenant::Wanted {
        resource: WIKI_RESOURCE.into(),
        scopes: vec![],
    }];
    world.put_application(&notes);
    let consent = directory::tenant::Consent {
        application: notes.id,
        account: None,
        resource: WIKI_RESOURCE.into(),
        scopes: vec![],
        by: "root".into(),
        at: world.now,
    };
    let changes = directory::tenant::put_consent(&consent, &mut world.rng);
    world.commit(changes);
    let scope = format!("openid offline_access {WIKI_RESOURCE}/.default");
    let target = of_notes(&world, &[("scope", &scope)]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    let token = text(&answer, "refresh_token");
    let own = [("client_id", NOTES)];
    assert_eq!(refresh(&mut world, &token, &own).status, 200);
    notes.wants = vec![];
    world.put_application(&notes);
    let refused = refresh(&mut world, &token, &own);
    assert_eq!((refused.status, refusal(&refused).0), (400, 500_011));
}
