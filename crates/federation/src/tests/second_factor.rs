//! The second factor: ACC-9, security.md rows 14 and 18.

use directory::{Secret, change};
use token::totp::TotpSecret;
use trust::Span;

use super::world::*;
use crate::section::Section;

fn after_password(world: &mut World) -> Browser {
    let mut browser = Browser::default();
    browser.open(world, &[]);
    browser.password(world, "alice", PASSWORD);
    browser
}

#[test]
fn a_code_works_once_even_in_another_browser() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let (mut first, mut second) = (after_password(&mut world), after_password(&mut world));
    let totp = world.totp();
    assert_eq!(first.code(&mut world, &totp).status, 302);
    assert_eq!(second.code(&mut world, &totp).status, 200);
    assert_eq!(
        world.refused,
        ["second factor refused: the code was used before"]
    );
    world.advance(Span::seconds(30));
    let next = world.totp();
    assert_eq!(second.code(&mut world, &next).status, 302);
}

#[test]
fn a_form_that_was_handed_in_is_gone() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = after_password(&mut world);
    let totp = world.totp();
    let request = browser.filled("totp", &[("VerificationCode", &totp)]);
    assert_eq!(browser.send(&mut world, request.clone()).status, 302);
    assert_eq!(browser.send(&mut world, request).status, 400);
    assert_eq!(world.refused, ["the sign-in is not open any more"]);
}

#[test]
fn a_sign_in_ends_after_ten_minutes() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut in_time = after_password(&mut world);
    let mut late = after_password(&mut world);
    world.advance(Span::seconds(599));
    let totp = world.totp();
    assert_eq!(in_time.code(&mut world, &totp).status, 302);
    world.advance(Span::seconds(1));
    let totp = world.totp();
    assert_eq!(late.code(&mut world, &totp).status, 400);
}

#[test]
fn a_sign_in_does_not_go_on_in_another_browser() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let browser = after_password(&mut world);
    let totp = world.totp();
    let stolen = browser.filled("totp", &[("VerificationCode", &totp)]);
    let mut thief = Browser::default();
    thief.open(&mut world, &[]);
    assert_eq!(thief.send(&mut world, stolen.clone()).status, 400);
    // A thief who knows how the form's token is made has it fit their own browser.
    let own = token::secret::Secret::parse(&thief.cookies["__Host-keyporch-browser"]).unwrap();
    let context = &browser.page.form("totp").unwrap().hidden[0].1;
    let fields = [
        ("Context", context.as_str()),
        ("FormToken", &token::sign_in::form_token(&own, context)),
        ("VerificationCode", &totp),
    ];
    let crafted = wire::http::Request::post_form("/adfs/oauth2/authorize", fields);
    assert_eq!(thief.send(&mut world, crafted).status, 400);
    assert_eq!(
        world.refused.last().unwrap(),
        "the sign-in is not open any more"
    );
    assert_eq!(browser.clone().send(&mut world, stolen).status, 302);
}

#[test]
fn a_sign_in_ends_with_its_account() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let mut browser = after_password(&mut world);
    let control = world.account(alice).control;
    world.commit([change::disable(alice, control)]);
    let totp = world.totp();
    assert_eq!(browser.code(&mut world, &totp).status, 400);
    assert_eq!(
        world.refused,
        ["the account cannot be used: the account is disabled"]
    );
}

#[test]
fn guessing_codes_is_slowed_down_across_sign_ins_and_restarts() {
    let mut world = World::new();
    world.person_with_totp("alice");
    for _ in 0..5 {
        after_password(&mut world).code(&mut world, "000000");
    }
    world.memory = crate::Memory::new(&mut world.rng);
    let mut browser = after_password(&mut world);
    let totp = world.totp();
    browser.code(&mut world, &totp);
    assert_eq!(
        browser.page.error.as_deref(),
        Some("Too many attempts. Wait a minute, then try again.")
    );
    world.advance(Span::minutes(1));
    let totp = world.totp();
    assert_eq!(browser.code(&mut world, &totp).status, 302);
    assert!(world.account_factors_are_calm());
}

impl World {
    fn account_factors_are_calm(&self) -> bool {
        let snapshot = self.directory.snapshot().unwrap();
        let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
        let factors =
            token::factor::SecondFactors::read(alice.second_factors.iter().map(Secret::expose));
        factors.guesses == Default::default()
    }
}

#[test]
fn whoever_has_no_authenticator_sets_one_up_and_gets_recovery_codes_once() {
    let mut world = World::new();
    world.person("alice");
    let mut browser = after_password(&mut world);
    let secret = TotpSecret::parse(browser.page.secret.as_deref().unwrap()).unwrap();
    assert!(
        browser
            .page
            .secret_uri
            .as_deref()
            .unwrap()
            .starts_with("otpauth://totp/corp.example:alice%40corp.example?")
    );
    browser.fill(&mut world, "enrolment", &[("VerificationCode", "000000")]);
    assert_eq!(
        TotpSecret::parse(browser.page.secret.as_deref().unwrap())
            .unwrap()
            .reveal(),
        secret.reveal()
    );
    let code = secret.code(world.now);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    let codes = browser.page.recovery_codes.clone();
    assert_eq!(codes.len(), 10);
    assert!(world.audit("second-factor.enrol").is_some());
    assert_eq!(browser.fill(&mut world, "acknowledgement", &[]).status, 302);

    // From now on the password leads to the authenticator, and each recovery code works once.
    let recover = |world: &mut World, code: &str| {
        let mut browser = after_password(world);
        browser
            .fill(world, "recovery-code", &[("RecoveryCode", code)])
            .status
    };
    assert_eq!(recover(&mut world, &codes[0]), 302);
    assert_eq!(recover(&mut world, &codes[0]), 200);
    assert_eq!(recover(&mut world, &codes[1]), 302);
    let snapshot = world.directory.snapshot().unwrap();
    let resting = snapshot
        .account_by_sam("alice")
        .unwrap()
        .unwrap()
        .second_factors
        .clone();
    let text: String = resting
        .iter()
        .map(|value| String::from_utf8_lossy(value.expose()).into_owned())
        .collect();
    assert!(
        codes
            .iter()
            .all(|code| !text.contains(code) && !text.contains(&code.replace('-', "")))
    );
}

#[test]
fn a_lost_authenticator_is_replaced_with_a_recovery_code() {
    let mut world = World::new();
    world.person("alice");
    let mut browser = after_password(&mut world);
    let old = TotpSecret::parse(browser.page.secret.as_deref().unwrap()).unwrap();
    let code = old.code(world.now);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    let codes = browser.page.recovery_codes.clone();
    browser.fill(&mut world, "acknowledgement", &[]);

    let mut browser = after_password(&mut world);
    browser.fill(
        &mut world,
        "recovery-code",
        &[("RecoveryCode", &codes[3]), ("LostAuthenticator", "true")],
    );
    let new = TotpSecret::parse(browser.page.secret.as_deref().unwrap()).unwrap();
    let code = new.code(world.now);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert_eq!(browser.fill(&mut world, "acknowledgement", &[]).status, 302);

    world.advance(Span::minutes(2));
    let mut browser = after_password(&mut world);
    let code = old.code(world.now);
    assert_eq!(
        browser.code(&mut world, &code).status,
        200,
        "the lost authenticator is of no use"
    );
    let code = new.code(world.now);
    assert_eq!(browser.code(&mut world, &code).status, 302);
    let mut browser = after_password(&mut world);
    let response = browser.fill(&mut world, "recovery-code", &[("RecoveryCode", &codes[4])]);
    assert_eq!(response.status, 200, "the recovery codes are new too");
}

#[test]
fn whoever_knows_a_password_cannot_keep_an_enrolment_open_until_its_owner_has_enrolled() {
    let mut world = World::new();
    let alice = world.person("alice");
    let mut thief = after_password(&mut world);
    let thiefs = TotpSecret::parse(thief.page.secret.as_deref().unwrap()).unwrap();

    let mut owner = after_password(&mut world);
    let owners = TotpSecret::parse(owner.page.secret.as_deref().unwrap()).unwrap();
    let code = owners.code(world.now);
    owner.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert_eq!(owner.fill(&mut world, "acknowledgement", &[]).status, 302);
    let kept = world.account(alice).second_factors.clone();

    let code = thiefs.code(world.now);
    let response = thief.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert_eq!(response.status, 200);
    assert!(thief.page.recovery_codes.is_empty() && thief.sent("code").is_none());
    assert_eq!(
        world.refused,
        ["second factor refused: a second factor was set up meanwhile"]
    );
    let texts = |kept: &[Secret]| -> Vec<Vec<u8>> {
        kept.iter().map(|value| value.expose().to_vec()).collect()
    };
    assert_eq!(texts(&world.account(alice).second_factors), texts(&kept));

    world.advance(Span::minutes(1));
    let mut owner = after_password(&mut world);
    let code = owners.code(world.now);
    assert_eq!(owner.code(&mut world, &code).status, 302);
}

#[test]
fn an_organisation_may_forbid_enrolment_at_sign_in() {
    let section = Section {
        base: BASE.into(),
        enrol_second_factor_at_sign_in: false,
        ..Section::default()
    };
    let mut world = World::with(section);
    world.person("alice");
    let browser = after_password(&mut world);
    assert!(browser.page.secret.is_none());
    assert_eq!(
        world.refused,
        ["no second factor is set up, and it may not be set up at sign-in"]
    );
}

#[test]
fn the_second_page_keeps_its_state_over_a_wrong_code() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = after_password(&mut world);
    browser.code(&mut world, "000000");
    assert!(
        browser
            .page
            .error
            .as_deref()
            .unwrap()
            .starts_with("That code is not right.")
    );
    let totp = world.totp();
    assert_eq!(browser.code(&mut world, &totp).status, 302);
}
