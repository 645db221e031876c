//! Signing in without a browser, right and wrong.

use directory::change;
use directory::tenant::{Consent, put_consent};
use directory::{EntryId, Secret};
use serde_json::json;
use token::access_pass::{self, Terms};
use token::factor::SecondFactors;
use trust::Span;
use wire::Guid;

use super::client::{Client, Config};
use crate::tests::oauth::{CHALLENGE, GRAPH};
use crate::tests::world::{NOTES, NOTES_REDIRECT, PASSWORD, World, claims};

/// The page for the second factor of alice, and her client.
fn at_second_factor(world: &mut World) -> (Client, Config) {
    let mut client = Client::of(&world.upn("alice"));
    let first = client.begin(world);
    let page = client.password(world, &first, PASSWORD).page();
    (client, page)
}

/// Gives somebody an access pass and tells it.
fn give_pass(world: &mut World, sam: &str, once: bool) -> String {
    let account = world.account(sam);
    let terms = Terms {
        begins: world.now,
        ends: world.now + Span::hours(1),
        once,
    };
    let (text, kept) = access_pass::draw(account.id.0, terms, &mut world.rng);
    let mut factors = SecondFactors::read(account.second_factors.iter().map(Secret::expose));
    factors.enrolled.insert(access_pass::ID.to_owned(), kept);
    world.set_second_factors(account.id, &factors);
    text.to_string()
}

#[test]
fn the_headless_flow_with_password_and_authenticator() {
    let mut world = World::new();
    let (mut client, page) = at_second_factor(&mut world);
    assert_eq!(page.pgid.as_deref(), Some("ConvergedTFA"));
    let proofs = page.arrUserProofs.as_ref().unwrap();
    assert_eq!(proofs.len(), 1);
    assert_eq!(proofs[0].authMethodId, "PhoneAppOTP");
    assert!(proofs[0].isDefault && !proofs[0].display.is_empty());
    assert_eq!(page.strServiceExceptionMessage, None);

    let begun = client.begin_auth(&mut world, &page);
    assert_eq!(begun["Success"], true);
    let code = world.totp();
    let ended = client.end_auth(&mut world, &page, &begun, &code);
    assert_eq!(ended["Success"], true);
    world.told.clear();
    let code = client.process(&mut world, &page, &ended).code();
    let told = &world.told[0];
    assert_eq!(told.action, "sign-in.without-browser");
    assert_eq!(told.details["switch"], "oauth.html_login_v1");
    let answer = client.redeem(&mut world, &code);
    let token = claims(answer["access_token"].as_str().unwrap());
    let amr = token["amr"].as_array().unwrap();
    for method in ["pwd", "mfa", "ngcmfa"] {
        assert!(amr.contains(&json!(method)), "{amr:?}");
    }
    assert_eq!(token["upn"], "alice@corp.example");
    assert!(answer["refresh_token"].is_string());
    assert_eq!(
        claims(answer["id_token"].as_str().unwrap())["tid"],
        world.id()
    );
    // The sign-in has ended with its code.
    assert_eq!(client.process(&mut world, &page, &ended).error(), 50089);
    let again = client.end_auth(&mut world, &page, &begun, "123456");
    assert_eq!(again["Success"], false);
}

/// Nobody is there whom an application could ask what it may know.
#[test]
fn an_application_that_would_have_to_ask_gets_no_code() {
    let mut world = World::new();
    let notes: Guid = NOTES.parse().unwrap();
    let mut application = (*world.known().applications[&notes]).clone();
    application.family = true;
    world.put_application(&application);
    let asks = [
        ("client_id", NOTES),
        ("redirect_uri", NOTES_REDIRECT),
        ("resource", GRAPH),
        ("amr_values", ""),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let ask = |world: &mut World| {
        let mut client = Client::of(&world.upn("bob"));
        let first = client.begin_with(world, &asks);
        let this = client.clone();
        let mut fields = this.with_password(&first, PASSWORD);
        for field in fields.iter_mut().filter(|(name, _)| *name == "client_id") {
            field.1 = NOTES;
        }
        client.post(world, &first, &fields)
    };
    assert_eq!(ask(&mut world).error(), 65001, "{:?}", world.refused);
    let consent = Consent {
        application: notes,
        account: None,
        resource: GRAPH.into(),
        scopes: vec![],
        by: "root".into(),
        at: world.now,
    };
    let given = put_consent(&consent, &mut world.rng);
    world.commit(given);
    ask(&mut world).code();
}

#[test]
fn one_factor_is_enough_where_no_more_is_asked_for() {
    let mut world = World::new();
    let mut client = Client::of(&world.upn("bob"));
    let first = client.begin_with(&mut world, &[("amr_values", "")]);
    let asked = client.credential_type(&mut world, &first);
    assert_eq!(asked["Credentials"]["HasPassword"], true);
    let code = client.password(&mut world, &first, PASSWORD).code();
    let answer = client.redeem(&mut world, &code);
    let token = claims(answer["access_token"].as_str().unwrap());
    assert_eq!(token["amr"], json!(["pwd"]));
}

#[test]
fn the_headless_flow_with_a_wrong_code_that_can_be_tried_again() {
    let mut world = World::new();
    let (mut client, page) = at_second_factor(&mut world);
    let begun = client.begin_auth(&mut world, &page);
    for wrong in ["000000", "not a code", ""] {
        let answer = client.end_auth(&mut world, &page, &begun, wrong);
        assert_eq!(answer["Success"], false, "{wrong}");
        assert!(answer["Message"].is_string(), "{answer}");
    }
    // The client throws the tokens of a refusal away: those of BeginAuth stay good.
    let code = world.totp();
    let ended = client.end_auth(&mut world, &page, &begun, &code);
    assert_eq!(ended["Success"], true, "{ended}");
    // An answer that was lost is given again.
    let again = client.end_auth(&mut world, &page, &begun, &code);
    assert_eq!(again["Success"], true);
    client.process(&mut world, &page, &ended).code();
    // A code works once.
    let (mut other, page) = at_second_factor(&mut world);
    let begun = other.begin_auth(&mut world, &page);
    assert_eq!(
        other.end_auth(&mut world, &page, &begun, &code)["Success"],
        false
    );
}

#[test]
fn wrong_codes_make_the_next_one_wait() {
    let mut world = World::new();
    let (mut client, page) = at_second_factor(&mut world);
    let begun = client.begin_auth(&mut world, &page);
    for _ in 0..5 {
        client.end_auth(&mut world, &page, &begun, "000000");
    }
    let code = world.totp();
    let answer = client.end_auth(&mut world, &page, &begun, &code);
    assert_eq!(answer["Success"], false);
    assert_eq!(answer["ErrCode"], 50053);
    world.advance(Span::minutes(2));
    let code = world.totp();
    let answer = client.end_auth(&mut world, &page, &begun, &code);
    assert_eq!(answer["Success"], true, "{answer}");
}

#[test]
fn nothing_is_collected_that_was_not_proven() {
    let mut world = World::new();
    let (mut client, page) = at_second_factor(&mut world);
    let begun = client.begin_auth(&mut world, &page);
    let refused = client.process(&mut world, &page, &begun).error();
    assert_eq!(refused, 50074);
    client.end_auth(&mut world, &page, &begun, "000000");
    assert_eq!(client.process(&mut world, &page, &begun).error(), 50074);
}

#[test]
fn the_headless_flow_with_a_recovery_code() {
    let mut world = World::new();
    let account = world.account("alice");
    let (codes, kept) = token::recovery::draw(account.id.0, &mut world.rng);
    let mut factors = SecondFactors::read(account.second_factors.iter().map(Secret::expose));
    use token::factor::AuthenticationAdapter;
    let adapter = token::recovery::RecoveryCode.id().to_owned();
    factors.enrolled.insert(adapter, kept);
    world.set_second_factors(account.id, &factors);
    let (mut client, page) = at_second_factor(&mut world);
    assert_eq!(page.arrUserProofs.as_ref().unwrap().len(), 1);
    let begun = client.begin_auth(&mut world, &page);
    let ended = client.end_auth(&mut world, &page, &begun, &codes[0]);
    assert_eq!(ended["Success"], true, "{ended}");
    client.process(&mut world, &page, &ended).code();
}

#[test]
fn the_headless_flow_with_an_access_pass_alone() {
    let mut world = World::new();
    let pass = give_pass(&mut world, "bob", true);
    let mut client = Client::of(&world.upn("bob"));
    let first = client.begin(&mut world);
    let asked = client.credential_type(&mut world, &first);
    assert_eq!(asked["Credentials"]["HasAccessPass"], true);
    let code = client.access_pass(&mut world, &first, &pass).code();
    let answer = client.redeem(&mut world, &code);
    let token = claims(answer["access_token"].as_str().unwrap());
    let amr = token["amr"].as_array().unwrap();
    assert!(
        amr.contains(&json!("ngcmfa")),
        "a pass is two factors of this moment: {amr:?}"
    );
    // Once is once.
    let mut again = Client::of(&world.upn("bob"));
    let first = again.begin(&mut world);
    let asked = again.credential_type(&mut world, &first);
    assert_eq!(asked["Credentials"].get("HasAccessPass"), None);
    assert_eq!(
        again.access_pass(&mut world, &first, &pass).error(),
        130_503
    );
}

#[test]
fn the_headless_flow_with_an_access_pass_as_second_factor() {
    let mut world = World::new();
    let pass = give_pass(&mut world, "alice", false);
    let (mut client, page) = at_second_factor(&mut world);
    let proofs = page.arrUserProofs.as_ref().unwrap();
    let methods: Vec<&str> = proofs
        .iter()
        .map(|proof| proof.authMethodId.as_str())
        .collect();
    assert!(
        methods.contains(&"AccessPass") && methods.contains(&"PhoneAppOTP"),
        "{methods:?}"
    );
    assert_eq!(
        client
            .access_pass(&mut world, &page, "0000-0000-0000-0000")
            .error(),
        130_503
    );
    client.access_pass(&mut world, &page, &pass).code();
}

#[test]
fn an_access_pass_that_is_wrong_says_nothing_of_whom_it_was_tried_for() {
    let mut world = World::new();
    give_pass(&mut world, "bob", true);
    for name in [
        "bob@corp.example",
        "alice@corp.example",
        "nobody@corp.example",
    ] {
        let mut client = Client::of(name);
        let first = client.begin(&mut world);
        let refused = client.access_pass(&mut world, &first, "0000-0000-0000-0000");
        assert_eq!(refused.error(), 130_503, "{name}");
    }
    // Nor does the right password in its place.
    let mut client = Client::of("alice@corp.example");
    let first = client.begin(&mut world);
    assert_eq!(
        client.access_pass(&mut world, &first, PASSWORD).error(),
        130_503
    );
}

#[test]
fn a_wrong_password_is_50126_whoever_is_meant() {
    let mut world = World::new();
    for name in ["alice@corp.example", "nobody@corp.example"] {
        let mut client = Client::of(name);
        let first = client.begin(&mut world);
        assert_eq!(client.password(&mut world, &first, "wrong").error(), 50126);
        // The same page takes another attempt.
        assert_eq!(client.password(&mut world, &first, "wrong").error(), 50126);
    }
    let record = world.last_refusal.as_ref().unwrap();
    assert!(!format!("{record:?}").contains("wrong\""), "{record:?}");
}

#[test]
fn a_name_that_was_tried_too_often_is_50053_whether_or_not_somebody_has_it() {
    let mut world = World::new();
    for name in ["alice@corp.example", "nobody@corp.example"] {
        let mut client = Client::of(name);
        let first = client.begin(&mut world);
        for _ in 0..10 {
            client.password(&mut world, &first, "wrong");
        }
        // By now there is a lock on the account that there is. It looks like none, but the right password opens nothing.
        for _ in 0..10 {
            let refused = client.password(&mut world, &first, PASSWORD).error();
            assert_eq!(refused, 50126, "{name}");
        }
        let refused = client.password(&mut world, &first, PASSWORD).error();
        assert_eq!(refused, 50053, "{name}");
    }
}

#[test]
fn somebody_without_a_second_factor_is_50072() {
    let mut world = World::new();
    let mut client = Client::of("bob@corp.example");
    let first = client.begin(&mut world);
    assert_eq!(client.password(&mut world, &first, PASSWORD).error(), 50072);
}

#[test]
fn who_is_disabled_or_must_change_their_password_learns_it_with_the_right_one_alone() {
    let mut world = World::new();
    let alice = world.account("alice");
    world.commit([change::disable(alice.id, alice.control)]);
    let bob: EntryId = world.account("bob").id;
    world.commit([change::expire_password(bob)]);
    for (name, number) in [("alice@corp.example", 50057), ("bob@corp.example", 50055)] {
        let mut client = Client::of(name);
        let first = client.begin(&mut world);
        assert_eq!(client.password(&mut world, &first, "wrong").error(), 50126);
        assert_eq!(
            client.password(&mut world, &first, PASSWORD).error(),
            number
        );
    }
}

#[test]
fn who_is_disabled_meanwhile_gets_no_code() {
    let mut world = World::new();
    let (mut client, page) = at_second_factor(&mut world);
    let begun = client.begin_auth(&mut world, &page);
    let code = world.totp();
    let ended = client.end_auth(&mut world, &page, &begun, &code);
    let alice = world.account("alice");
    world.commit([change::disable(alice.id, alice.control)]);
    assert_eq!(client.process(&mut world, &page, &ended).error(), 50057);
}

#[test]
fn a_sign_in_ends_after_ten_minutes() {
    let mut world = World::new();
    let (mut client, page) = at_second_factor(&mut world);
    let begun = client.begin_auth(&mut world, &page);
    world.advance(Span::minutes(10));
    let code = world.totp();
    let answer = client.end_auth(&mut world, &page, &begun, &code);
    assert_eq!(
        (&answer["Success"], &answer["ErrCode"]),
        (&json!(false), &json!(50089))
    );
    let mut late = Client::of("alice@corp.example");
    let first = late.begin(&mut world);
    world.advance(Span::minutes(10));
    assert_eq!(late.password(&mut world, &first, PASSWORD).error(), 50089);
}

#[test]
fn nothing_is_kept_for_somebody_who_has_proven_nothing() {
    let mut world = World::new();
    let before = world.read(|snapshot| snapshot.number());
    let mut client = Client::of("alice@corp.example");
    let first = client.begin(&mut world);
    let between = world.read(|snapshot| snapshot.number());
    assert_eq!(before, between);
    assert!(first.sCtx.as_ref().unwrap().len() > 43);
}
