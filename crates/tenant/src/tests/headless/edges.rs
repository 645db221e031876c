//! Where the page protocol ends: fields that are missing or too long, states that are another page's, passes and codes that were
//! used, and what was sealed for later.

use base64ct::{Base64UrlUnpadded, Encoding};
use directory::Secret;
use serde_json::json;
use token::access_pass::{self, Terms};
use token::factor::{AuthenticationAdapter, SecondFactors};
use token::recovery::RecoveryCode;
use token::secret::{Digest, Purpose};
use trust::Span;
use wire::http::Request;

use super::client::{Client, Config};
use crate::tests::oauth::{Browser, CHALLENGE, PORTAL, of_broker, refusal, token_v2};
use crate::tests::world::{NOTES, NOTES_REDIRECT, PASSWORD, World, text};

/// The page for the second factor of alice, and her client.
fn at_second_factor(world: &mut World) -> (Client, Config) {
    let mut client = Client::of(&world.upn("alice"));
    let first = client.begin(world);
    let page = client.password(world, &first, PASSWORD).page();
    (client, page)
}

/// Gives somebody an access pass for an hour.
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
fn what_is_missing_or_too_long_is_not_looked_at() {
    let mut world = World::new();
    let mut client = Client::of("bob@corp.example");
    let first = client.begin_with(&mut world, &[("amr_values", "")]);
    let (long_name, long) = ("b".repeat(257), "p".repeat(1025));
    for (field, value, number) in [
        ("login", "", 90014),
        ("login", "   ", 90014),
        ("login", long_name.as_str(), 90014),
        ("passwd", "", 90014),
        ("passwd", long.as_str(), 90014),
        ("client_id", NOTES, 90013),
    ] {
        let this = client.clone();
        let mut fields = this.with_password(&first, PASSWORD);
        for known in fields.iter_mut().filter(|(name, _)| *name == field) {
            known.1 = value;
        }
        let became = client.post(&mut world, &first, &fields);
        assert_eq!(became.error(), number, "{field} {}", value.len());
    }
    client.password(&mut world, &first, PASSWORD).code();
}

#[test]
fn a_password_stands_in_its_own_field_and_a_pass_in_its_own() {
    let mut world = World::new();
    let broker = super::client::BROKER;
    world.set(|settings| settings.ropc_clients = vec![broker.parse().unwrap()]);
    let pass = give_pass(&mut world, "bob", false);
    let mut client = Client::of("bob@corp.example");
    let first = client.begin_with(&mut world, &[("amr_values", "")]);
    assert_eq!(client.password(&mut world, &first, &pass).error(), 50126);
    let bob = world.account("bob").id;
    assert_eq!(world.last_refusal.as_ref().unwrap().target, Some(bob));
    // Nor is it a password where a program hands one in.
    let fields = [
        ("grant_type", "password"),
        ("client_id", broker),
        ("username", "bob@corp.example"),
        ("password", pass.as_str()),
        ("scope", "openid"),
    ];
    assert_eq!(refusal(&token_v2(&mut world, &fields)).0, 50126);
    let refused = world.last_refusal.as_ref().unwrap();
    assert_eq!(refused.target, Some(bob));
    assert_eq!(refused.from.as_deref(), Some("192.0.2.7"));
    client.access_pass(&mut world, &first, &pass).code();
    let told = world.audit("sign-in.access-pass").unwrap();
    assert_eq!(told.from.as_deref(), Some("192.0.2.7"));
}

#[test]
fn a_request_that_does_not_fit_into_a_context_is_refused() {
    let mut world = World::new();
    let mut client = Client::default();
    // The longest state fits, unless each of its characters takes three.
    let plain = Client::first(&world, &[("state", &"s".repeat(4096))]);
    let answer = client.send(&mut world, Request::get(&plain));
    assert!(text(&answer).contains("ConvergedSignIn") && world.refused.is_empty());
    let long = Client::first(&world, &[("state", &"<".repeat(4096))]);
    client.send(&mut world, Request::get(&long));
    let refused = world.refused.last().unwrap();
    assert!(refused.contains("too long"), "{refused}");
}

/// A clock that was set back makes no context younger than it is.
#[test]
fn a_context_of_the_future_opens_nothing() {
    let mut world = World::new();
    let mut client = Client::of("alice@corp.example");
    let first = client.begin(&mut world);
    let before = world.now;
    world.now = before - Span::seconds(1);
    assert_eq!(client.password(&mut world, &first, PASSWORD).error(), 50089);
    world.now = before;
    client.password(&mut world, &first, PASSWORD).page();
}

#[test]
fn pages_that_programs_take_apart_are_for_brokers_at_the_first_version_alone() {
    let mut world = World::new();
    let shown = |world: &mut World, target: &str| {
        let response = Client::default().send(world, Request::get(target));
        assert_eq!(response.status, 200);
        text(&response).contains("$Config=")
    };
    let own = [
        ("client_id", NOTES),
        ("redirect_uri", NOTES_REDIRECT),
        ("resource", "https://graph.microsoft.com"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let notes = Client::first(&world, &own);
    assert!(!shown(&mut world, &notes));
    let broker = Client::first(&world, &[]);
    assert!(shown(&mut world, &broker));
    let second = broker.replace("/oauth2/authorize", "/oauth2/v2.0/authorize");
    assert!(!shown(&mut world, &second));
}

#[test]
fn a_second_factor_is_handed_in_to_the_page_that_asked_for_one() {
    let mut world = World::new();
    let (mut client, page) = at_second_factor(&mut world);
    let begun = client.begin_auth(&mut world, &page);
    let path = Client::path(&world, page.urlEndAuth.as_ref().unwrap());
    let ask = |client: &mut Client, world: &mut World, method: &str, typed: &str| {
        let question = json!({
            "AdditionalAuthData": typed, "AuthMethodId": method, "FlowToken": begun["FlowToken"],
            "Ctx": begun["Ctx"], "Method": "EndAuth",
        });
        client.ask(world, &path, &question, &page.canary)
    };
    let code = world.totp();
    assert_eq!(
        ask(&mut client, &mut world, "OneWaySMS", &code)["ErrCode"],
        90013
    );
    let long = "x".repeat(65);
    let answer = ask(&mut client, &mut world, &long, &code);
    assert_eq!(
        (&answer["ErrCode"], &answer["AuthMethodId"]),
        (&json!(90013), &json!(""))
    );
    let long = format!("{code}{}", " 0".repeat(64));
    assert_eq!(
        ask(&mut client, &mut world, "PhoneAppOTP", &long)["ErrCode"],
        90014
    );
    assert_eq!(
        ask(&mut client, &mut world, "PhoneAppOTP", &code)["Success"],
        true
    );
}

/// The pages of a browser have contexts of the same kind.
#[test]
fn a_page_on_which_somebody_sets_up_an_authenticator_is_not_answered_here() {
    let mut world = World::new();
    let target = of_broker(&world, &[("resource", PORTAL)]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", PASSWORD);
    let form = browser.page.form("enrolment").unwrap();
    let hidden = |name: &str| {
        let mut fields = form.hidden.iter();
        let found = fields.find(|(known, _)| known.as_str() == name);
        found.unwrap().1.to_string()
    };
    let (context, token) = (hidden("Context"), hidden("FormToken"));
    let secret = browser.page.secret.clone().unwrap().replace(' ', "");
    let code = token::totp::TotpSecret::parse(&secret)
        .unwrap()
        .code(world.now);
    let mut client = Client {
        cookies: browser.cookies.clone(),
        ..Client::default()
    };
    for path in ["SAS/BeginAuth", "SAS/EndAuth"] {
        let question = json!({
            "AdditionalAuthData": code, "AuthMethodId": "PhoneAppOTP", "FlowToken": token, "Ctx": context,
        });
        let path = world.path(path);
        let answer = client.ask(&mut world, &path, &question, &token);
        assert_eq!(answer["Success"], false, "{path}");
    }
    assert!(world.account("bob").second_factors.is_empty());
}

#[test]
fn a_recovery_code_of_digits_alone_is_no_authenticators() {
    let mut world = World::new();
    let account = world.account("alice");
    let code = "1234567890234567";
    let secret = [account.id.0.to_bytes().as_slice(), code.as_bytes()].concat();
    let digest = Digest::of(Purpose::RecoveryCode, &secret);
    let kept = json!({ "digests": [Base64UrlUnpadded::encode_string(digest.as_bytes())] });
    let mut factors = SecondFactors::read(account.second_factors.iter().map(Secret::expose));
    factors.enrolled.insert(RecoveryCode.id().to_owned(), kept);
    world.set_second_factors(account.id, &factors);
    let (mut client, page) = at_second_factor(&mut world);
    let begun = client.begin_auth(&mut world, &page);
    let ended = client.end_auth(&mut world, &page, &begun, code);
    assert_eq!(ended["Success"], true, "{ended}");
    client.process(&mut world, &page, &ended).code();
}

#[test]
fn a_pass_as_a_second_factor_is_used_up_and_wrong_ones_are_counted() {
    let mut world = World::new();
    let pass = give_pass(&mut world, "alice", true);
    let (mut client, page) = at_second_factor(&mut world);
    let long = format!("{pass}{}", "-".repeat(128));
    assert_eq!(client.access_pass(&mut world, &page, &long).error(), 50074);
    client.access_pass(&mut world, &page, &pass).code();
    let (mut again, page) = at_second_factor(&mut world);
    assert_eq!(again.access_pass(&mut world, &page, &pass).error(), 130_503);
    // Another one, and five guesses before it.
    let mut world = World::new();
    let pass = give_pass(&mut world, "alice", false);
    let (mut client, page) = at_second_factor(&mut world);
    for _ in 0..5 {
        let wrong = client.access_pass(&mut world, &page, "0000-0000-0000-0000");
        assert_eq!(wrong.error(), 130_503);
    }
    assert_eq!(client.access_pass(&mut world, &page, &pass).error(), 50053);
}

#[test]
fn the_page_is_shown_in_no_other_and_loads_nothing() {
    let mut world = World::new();
    let mut client = Client::of("alice@corp.example");
    let first = Client::first(&world, &[]);
    let answer = client.send(&mut world, Request::get(&first));
    assert_eq!(answer.headers.get("X-Frame-Options"), Some("DENY"));
    assert_eq!(
        answer.headers.get("Content-Security-Policy"),
        Some("default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
    );
}
