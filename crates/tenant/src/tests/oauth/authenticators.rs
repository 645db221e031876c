//! Somebody with a Temporary Access Pass alone is offered an authenticator of their own.

use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::Span;

use super::sessions::access_pass;
use super::*;

/// Types the pass where the password is asked for.
fn by_pass(world: &mut World, pass: &str) -> Browser {
    let target = of_notes(world, &[]);
    let mut browser = Browser::default();
    browser.get(world, &target);
    browser.password(world, "bob", pass);
    browser
}

/// The code that the new authenticator shows.
fn shown(world: &World, browser: &Browser) -> String {
    let secret = browser.page.secret.clone().unwrap().replace(' ', "");
    TotpSecret::parse(&secret).unwrap().code(world.now)
}

/// What bob has.
fn kept(world: &World) -> SecondFactors {
    signin::account::second_factors(&world.account("bob"))
}

#[test]
fn who_signs_in_by_a_pass_sets_up_an_authenticator_and_goes_on_to_the_application() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", true);
    let mut browser = by_pass(&mut world, &pass);
    assert!(browser.page.form("enrolment").is_some() && browser.html.contains("<svg "));
    browser.fill(&mut world, "enrolment", &[("VerificationCode", "000000")]);
    assert!(browser.page.error.is_some() && !kept(&world).have_lasting());
    assert!(world.audit("second-factor.enrol").is_none());
    let code = shown(&world, &browser);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert_eq!(browser.page.recovery_codes.len(), 10);
    assert!(kept(&world).have_lasting());
    assert!(world.audit("second-factor.enrol").is_some());
    browser.fill(&mut world, "acknowledgement", &[]);
    browser.consent(&mut world);
    let code = browser.sent("code").unwrap();
    let answer = redeem_notes(&mut world, &code, &[]);
    let words = amr(&text(&answer, "id_token"));
    assert!(words.contains(&"mfa".to_owned()), "{words:?}");
    // From now on the password takes the authenticator's code, where a second factor is demanded.
    world.advance(Span::minutes(2));
    let mut later = Browser::default();
    let demanded = of_broker(&world, &[("resource", PORTAL)]);
    later.get(&mut world, &demanded);
    later.password(&mut world, "bob", PASSWORD);
    assert!(later.page.form("totp").is_some() && later.page.form("enrolment").is_none());
}

#[test]
fn who_does_not_want_one_now_goes_on_and_is_offered_it_the_next_time() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", false);
    for _ in 0..2 {
        let mut browser = by_pass(&mut world, &pass);
        browser.fill(&mut world, "not-now", &[]);
        browser.consent(&mut world);
        assert!(browser.sent("code").is_some(), "{}", browser.html);
        assert!(!kept(&world).have_lasting());
        // In the session it opened nobody is asked again.
        let target = of_notes(&world, &[]);
        browser.get(&mut world, &target);
        assert!(browser.sent("code").is_some());
        world.advance(Span::minutes(2));
    }
}

#[test]
fn a_pass_for_a_second_factor_that_is_demanded_leads_there_too_even_where_others_set_up_none() {
    let mut world = World::new();
    world.set(|settings| settings.enrol_at_sign_in = false);
    let demanded = of_broker(&world, &[("resource", PORTAL)]);
    let mut without = Browser::default();
    without.get(&mut world, &demanded);
    without.password(&mut world, "bob", PASSWORD);
    assert!(without.page.form("enrolment").is_none() && without.page.error.is_some());
    let pass = access_pass(&mut world, "bob", true);
    let mut browser = Browser::default();
    browser.get(&mut world, &demanded);
    browser.password(&mut world, "bob", PASSWORD);
    browser.fill(&mut world, "access-pass", &[("AccessPass", &pass)]);
    let code = shown(&world, &browser);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    browser.fill(&mut world, "acknowledgement", &[]);
    assert!(browser.sent("code").is_some() && kept(&world).have_lasting());
}

#[test]
fn nobody_is_offered_one_who_has_one_or_is_registering_a_key() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", false);
    let mut factors = kept(&world);
    let secret = TotpSecret::parse(TOTP).unwrap();
    let with_both = |factors: &mut SecondFactors| {
        let totp = SecondFactors::with_totp(&secret).enrolled;
        factors.enrolled.extend(totp);
    };
    let registers = of_broker(&world, &[("amr_values", "ngcmfa"), ("resource", DRS)]);
    let mut browser = Browser::default();
    browser.get(&mut world, &registers);
    browser.password(&mut world, "bob", &pass);
    assert!(browser.sent("code").is_some());
    world.advance(Span::minutes(2));
    with_both(&mut factors);
    let bob = world.account("bob").id;
    world.set_second_factors(bob, &factors);
    let mut browser = by_pass(&mut world, &pass);
    assert!(browser.page.form("enrolment").is_none());
    browser.consent(&mut world);
    assert!(browser.sent("code").is_some());
}

#[test]
fn what_is_offered_is_set_up_in_its_own_browser_within_ten_minutes_and_over_no_other() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", false);
    // Another browser, or a form of another site.
    let mut browser = by_pass(&mut world, &pass);
    let code = shown(&world, &browser);
    let stolen = browser.filled(&world, "enrolment", &[("VerificationCode", &code)]);
    let mut other = Browser::default();
    other.send(&mut world, stolen);
    assert!(other.page.recovery_codes.is_empty() && !kept(&world).have_lasting());
    let foreign = browser
        .filled(&world, "enrolment", &[("VerificationCode", &code)])
        .with_header("Origin", "https://evil.example");
    let cookies = browser.cookies.clone();
    let mut same = Browser {
        cookies,
        ..Browser::default()
    };
    same.send(&mut world, foreign);
    assert!(same.page.recovery_codes.is_empty() && !kept(&world).have_lasting());
    // One that was set up meanwhile is not replaced.
    world.advance(Span::minutes(2));
    let mut first = by_pass(&mut world, &pass);
    let code = shown(&world, &first);
    first.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    let set_up = kept(&world);
    assert!(set_up.have_lasting());
    let code = shown(&world, &browser);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert!(browser.page.error.is_some());
    assert_eq!(kept(&world), set_up);
    // And the proof counts for ten minutes.
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", true);
    let mut browser = by_pass(&mut world, &pass);
    world.advance(Span::minutes(10));
    let code = shown(&world, &browser);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert!(!kept(&world).have_lasting());
}

/// Who may sign in without the authenticator that a person has for good is somebody to look at.
#[test]
fn what_stands_in_for_an_authenticator_is_in_the_log_by_its_name() {
    let mut world = World::new();
    let stood_in = |world: &World| {
        let record = world.audit("second-factor.stand-in")?;
        Some(record.details["adapter"].to_string())
    };
    let demanded = of_broker(&world, &[("resource", PORTAL)]);
    let target = of_broker(&world, &[("resource", PORTAL)]);
    Browser::default().sign_in(&mut world, "alice", &target);
    assert_eq!(stood_in(&world), None, "an authenticator stands for itself");
    let mut browser = Browser::default();
    browser.get(&mut world, &demanded);
    browser.password(&mut world, "bob", PASSWORD);
    let code = shown(&world, &browser);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    let recovery = browser.page.recovery_codes[0].clone();
    assert_eq!(stood_in(&world), None);
    world.advance(Span::minutes(2));
    let mut browser = Browser::default();
    browser.get(&mut world, &demanded);
    browser.password(&mut world, "bob", PASSWORD);
    browser.fill(&mut world, "recovery-code", &[("RecoveryCode", "wrong")]);
    assert_eq!(stood_in(&world), None, "nothing was proven");
    browser.fill(&mut world, "recovery-code", &[("RecoveryCode", &recovery)]);
    assert!(browser.sent("code").is_some(), "{}", browser.html);
    assert_eq!(stood_in(&world).as_deref(), Some("recovery-code"));

    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", true);
    let mut browser = Browser::default();
    let demanded = of_broker(&world, &[("resource", PORTAL)]);
    browser.get(&mut world, &demanded);
    browser.password(&mut world, "bob", PASSWORD);
    browser.fill(&mut world, "access-pass", &[("AccessPass", &pass)]);
    assert_eq!(stood_in(&world).as_deref(), Some(token::access_pass::ID));
}
