//! What has happened to an account since somebody signed in ends what the sign-in got, everywhere.

use directory::password::PasswordMaterial;
use directory::{Change, change, tenant};
use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::Span;

use super::sessions::access_pass;
use super::*;

/// What somebody has of one sign-in.
struct Has {
    browser: Browser,
    refresh_token: String,
    access_token: String,
    code: String,
}

/// Signs in at the notes and takes all that there is.
fn signs_in(world: &mut World, sam: &str, typed: &str, changes: &[(&str, &str)]) -> Has {
    let target = of_notes(world, changes);
    let mut browser = Browser::default();
    browser.get(world, &target);
    browser.password(world, sam, typed);
    if browser.page.form("totp").is_some() {
        browser.totp(world);
    }
    browser.not_now(world);
    browser.consent(world);
    let code = browser.sent("code").expect("signed in");
    let answer = redeem_notes(world, &code, &[]);
    browser.get(world, &target);
    let code = browser.sent("code").expect("a session");
    Has {
        browser,
        refresh_token: text(&answer, "refresh_token"),
        access_token: text(&answer, "access_token"),
        code,
    }
}

/// What is still good: session, refresh token, access token, code.
fn good(world: &mut World, has: &mut Has) -> [bool; 4] {
    let target = of_notes(world, &[]);
    has.browser.get(world, &target);
    let session = has.browser.sent("code").is_some();
    let own = [("client_id", NOTES)];
    let refresh = refresh(world, &has.refresh_token, &own).status == 200;
    let bearer = format!("Bearer {}", has.access_token);
    let ask = Request::get(&world.path("openid/userinfo")).with_header("Authorization", &bearer);
    let access = world.send(ask).status == 200;
    let code = redeem_notes(world, &has.code, &[]).status == 200;
    [session, refresh, access, code]
}

/// Another password, or none that opens anything.
fn another_password(world: &mut World, sam: &str) -> Change {
    let material = PasswordMaterial::random(&mut world.rng);
    change::set_password(world.account(sam).id, material)
}

fn forget_factors(world: &World, sam: &str) -> Change {
    let factors = SecondFactors::forgotten(world.now);
    let values = factors.write().into_iter().map(directory::Secret::new);
    change::set_second_factors(world.account(sam).id, values.collect())
}

const MFA: (&str, &str) = ("amr_values", "mfa");

#[test]
fn whatever_ends_a_sign_in_ends_all_that_it_got() {
    type What = fn(&mut World) -> Change;
    let cases: [(&str, What); 6] = [
        ("another password", |world| another_password(world, "alice")),
        ("one that must be changed", |world| {
            change::expire_password(world.account("alice").id)
        }),
        ("the second factor is reset", |world| {
            forget_factors(world, "alice")
        }),
        ("sign-ins are revoked", |world| {
            tenant::revoke_sign_ins(world.account("alice").id, world.now)
        }),
        ("disabled", |world| {
            let alice = world.account("alice");
            change::disable(alice.id, alice.control)
        }),
        ("expired", |world| {
            let alice = world.account("alice").id;
            change::set(alice, directory::Attribute::AccountExpires, world.now)
        }),
    ];
    for (what, change) in cases {
        let mut world = World::new();
        let mut has = signs_in(&mut world, "alice", PASSWORD, &[MFA]);
        world.advance(Span::seconds(2));
        let change = change(&mut world);
        world.commit_without_reaction([change]);
        assert_eq!(good(&mut world, &mut has), [false; 4], "{what}");
    }
}

#[test]
fn what_happened_before_a_sign_in_is_not_held_against_it_even_in_the_same_second() {
    let mut world = World::new();
    world.advance(Span::millis(200));
    let bob = world.account("bob").id;
    world.commit_without_reaction([tenant::revoke_sign_ins(bob, world.now)]);
    // At the very moment, and within the second that a token tells.
    for later in [Span::ZERO, Span::millis(300)] {
        world.advance(later);
        let mut has = signs_in(&mut world, "bob", PASSWORD, &[]);
        assert_eq!(good(&mut world, &mut has), [true; 4], "{later:?}");
    }
    // A second factor that was set up earlier in the second proves something, too.
    let mut factors = SecondFactors::with_totp(&TotpSecret::parse(TOTP).unwrap());
    factors.since = Some(world.now);
    let alice = world.account("alice").id;
    world.set_second_factors(alice, &factors);
    world.advance(Span::millis(300));
    let mut has = signs_in(&mut world, "alice", PASSWORD, &[MFA]);
    assert_eq!(good(&mut world, &mut has), [true; 4]);
}

/// A pass is no password: it does not die with one, and what it got does not either.
#[test]
fn what_a_pass_got_outlives_a_password() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", false);
    let mut has = signs_in(&mut world, "bob", &pass, &[]);
    world.advance(Span::seconds(2));
    let bob = world.account("bob").id;
    for change in [
        another_password(&mut world, "bob"),
        change::expire_password(bob),
    ] {
        world.commit_without_reaction([change]);
    }
    assert_eq!(good(&mut world, &mut has), [true; 4]);
}

#[test]
fn a_sign_in_on_its_way_ends_with_the_password_that_began_it() {
    let mut world = World::new();
    let target = of_broker(&world, &[MFA]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "alice", PASSWORD);
    world.advance(Span::seconds(2));
    let change = another_password(&mut world, "alice");
    world.commit_without_reaction([change]);
    browser.totp(&mut world);
    assert_eq!((browser.status, browser.sent("code")), (400, None));
}

#[test]
fn whoever_signs_in_anew_has_one_session_and_whoever_signs_out_has_none() {
    let mut world = World::new();
    let target = of_broker(&world, &[]);
    let mut browser = Browser::default();
    browser.sign_in(&mut world, "bob", &target);
    let is_signed_in = |world: &mut World, cookies: &BTreeMap<String, String>| {
        let mut thief = Browser {
            cookies: cookies.clone(),
            ..Browser::default()
        };
        thief.get(world, &target);
        thief.sent("code").is_some()
    };
    let first = browser.cookies.clone();
    assert!(is_signed_in(&mut world, &first));
    let anew = of_broker(&world, &[("prompt", "login")]);
    browser.sign_in(&mut world, "bob", &anew);
    assert!(!is_signed_in(&mut world, &first), "it was replaced");
    let second = browser.cookies.clone();
    assert!(is_signed_in(&mut world, &second));
    let path = world.path("oauth2/v2.0/logout");
    browser.get(&mut world, &path);
    browser.fill(&mut world, "sign-out", &[]);
    assert!(
        !is_signed_in(&mut world, &second),
        "whoever kept the cookie has nothing"
    );
    assert_eq!(
        world.audit("sign-out").unwrap().target,
        Some(world.account("bob").id)
    );
}

/// What a session has is eight hours, whatever is done with it.
#[test]
fn a_session_ends_after_eight_hours() {
    let mut world = World::new();
    let target = of_broker(&world, &[]);
    let mut browser = Browser::default();
    browser.sign_in(&mut world, "bob", &target);
    world.advance(Span::seconds(8 * 3600 - 1));
    browser.get(&mut world, &target);
    assert!(browser.sent("code").is_some());
    world.advance(Span::seconds(1));
    browser.get(&mut world, &target);
    assert!(browser.page.form("password").is_some());
}
