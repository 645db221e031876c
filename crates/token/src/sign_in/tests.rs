//! The states of a sign-in.

use super::*;
use crate::authorize::{Answer, Prompt, ResponseMode};
use crate::client::{Client, Redirect};
use crate::pkce::Challenge;
use crate::testing::Dice;

const ALICE: Guid = Guid::from_bytes([7; 16]);
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

fn request() -> AuthorizeRequest {
    let client = Client {
        id: "app".into(),
        name: "App".into(),
        redirects: vec![Redirect::Exact("https://app.example/done".into())],
        ..Client::default()
    };
    AuthorizeRequest {
        client: client.id.clone(),
        answer: Answer {
            redirect: client.redirect("https://app.example/done").unwrap(),
            mode: ResponseMode::Query,
            state: None,
        },
        resource: "urn:r".into(),
        scopes: Default::default(),
        nonce: None,
        challenge: Challenge::parse(
            Some(&crate::pkce::challenge_of(&"v".repeat(43))),
            Some("S256"),
        )
        .ok(),
        prompt: Prompt::AsNeeded,
        max_age: None,
        login_hint: None,
        hint: None,
        second_factor: Wanted::Unasked,
    }
}

fn begin(account: Guid, browser: &Secret) -> Begun {
    Begun::new(request(), account, browser, NOW).unwrap()
}

fn form(pairs: &[(&str, &str)]) -> Parameters {
    Parameters::new(
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    )
    .unwrap()
}

fn secret() -> TotpSecret {
    TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap()
}

fn enrolled() -> (SecondFactors, Vec<Zeroizing<String>>) {
    let mut factors = SecondFactors::default();
    let (codes, kept) = recovery::draw(ALICE, &mut Dice::new(5));
    factors.enrolled.insert("totp".into(), secret().kept());
    factors.enrolled.insert("recovery-code".into(), kept);
    (factors, codes)
}

fn after_password(factors: &SecondFactors, wanted: Wanted) -> Next {
    let browser = Secret::draw(&mut Dice::new(9));
    begin(ALICE, &browser).proven(
        FirstFactor::password(NOW),
        factors,
        wanted,
        NOW,
        &mut Dice::new(2),
    )
}

fn waiting(next: Next) -> SignIn {
    match next {
        Next::Wait(sign_in) => sign_in,
        Next::Done(_) => panic!("done"),
    }
}

#[test]
fn a_password_is_enough_where_nothing_else_is_wanted() {
    let Next::Done(signed_in) = after_password(&enrolled().0, Wanted::Unasked) else {
        panic!("waits")
    };
    assert_eq!(signed_in.authentication().second_factor_at(), None);
}

#[test]
fn a_code_after_the_password_is_a_fresh_second_factor() {
    let (factors, _) = enrolled();
    let sign_in = waiting(after_password(&factors, Wanted::FreshSecondFactor));
    let code = secret().code(NOW);
    match sign_in.handle(
        &form(&[("VerificationCode", &code)]),
        factors,
        NOW,
        &mut Dice::new(3),
    ) {
        Handled::Right {
            next: Next::Done(signed_in),
            factors: None,
            claim: Some(claim),
            ..
        } => {
            assert!(signed_in.authentication().is_fresh(NOW));
            assert!(claim.id.starts_with(&ALICE.to_string()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_codes_are_counted_and_then_not_even_looked_at() {
    let (mut factors, _) = enrolled();
    let wrong = form(&[("VerificationCode", "000000")]);
    for _ in 0..5 {
        let sign_in = waiting(after_password(&factors, Wanted::SecondFactor));
        match sign_in.handle(&wrong, factors.clone(), NOW, &mut Dice::new(3)) {
            Handled::Wrong {
                wrong: Wrong::Answer,
                factors: Some(counted),
            } => factors = counted,
            other => panic!("{other:?}"),
        }
    }
    let right = form(&[("VerificationCode", &secret().code(NOW))]);
    let sign_in = waiting(after_password(&factors, Wanted::SecondFactor));
    assert!(matches!(
        sign_in
            .clone()
            .handle(&right, factors.clone(), NOW, &mut Dice::new(3)),
        Handled::TooMany { .. }
    ));
    let later = NOW + Span::minutes(1);
    let right = form(&[("VerificationCode", &secret().code(later))]);
    match sign_in.handle(&right, factors, later, &mut Dice::new(3)) {
        Handled::Right {
            factors: Some(factors),
            ..
        } => assert_eq!(factors.guesses, Default::default()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_form_is_asked_again_and_costs_nothing() {
    let (factors, _) = enrolled();
    let sign_in = waiting(after_password(&factors, Wanted::SecondFactor));
    let handled = sign_in.handle(&form(&[]), factors, NOW, &mut Dice::new(3));
    assert!(matches!(
        handled,
        Handled::Wrong {
            wrong: Wrong::Missing,
            factors: None
        }
    ));
}

#[test]
fn an_adapter_that_was_not_offered_is_not_used() {
    let (mut factors, codes) = enrolled();
    factors.enrolled.remove("recovery-code");
    let sign_in = waiting(after_password(&factors, Wanted::SecondFactor));
    let recovery = form(&[("AuthMethod", "recovery-code"), ("RecoveryCode", &codes[0])]);
    let handled = sign_in.handle(&recovery, factors, NOW, &mut Dice::new(3));
    assert!(matches!(handled, Handled::Wrong { .. }));
}

#[test]
fn a_recovery_code_can_lead_to_a_new_authenticator() {
    let (factors, codes) = enrolled();
    let sign_in = waiting(after_password(&factors, Wanted::SecondFactor));
    let lost = form(&[
        ("AuthMethod", "recovery-code"),
        ("RecoveryCode", &codes[0]),
        (LOST_AUTHENTICATOR, "true"),
    ]);
    match sign_in.handle(&lost, factors, NOW, &mut Dice::new(3)) {
        Handled::Right {
            next: Next::Wait(SignIn::AwaitsEnrolment(state)),
            ..
        } => {
            assert_ne!(state.secret().unwrap().reveal(), secret().reveal());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_has_no_second_factor_sets_one_up_and_sees_recovery_codes_once() {
    let none = SecondFactors::default();
    let sign_in = waiting(after_password(&none, Wanted::SecondFactor));
    let SignIn::AwaitsEnrolment(state) = &sign_in else {
        panic!("{sign_in:?}")
    };
    let code = state.secret().unwrap().code(NOW);
    let wrong = sign_in.clone().handle(
        &form(&[("VerificationCode", "abc")]),
        none.clone(),
        NOW,
        &mut Dice::new(3),
    );
    assert!(
        matches!(wrong, Handled::Wrong { factors: None, .. }),
        "nothing is enrolled before the first right code"
    );
    let handled = sign_in.handle(
        &form(&[("VerificationCode", &code)]),
        none,
        NOW,
        &mut Dice::new(3),
    );
    let Handled::Right {
        next: Next::Wait(next),
        factors: Some(factors),
        claim: Some(_),
        codes,
        proven_by: None,
    } = handled
    else {
        panic!("{handled:?}")
    };
    assert!(factors.is_enrolled(NOW) && codes.len() == 10);
    match next.handle(&form(&[]), factors, NOW, &mut Dice::new(4)) {
        Handled::Right {
            next: Next::Done(signed_in),
            codes,
            ..
        } => {
            assert!(codes.is_empty() && signed_in.authentication().is_fresh(NOW));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_enrolment_begun_by_password_alone_does_not_replace_a_second_factor_set_up_since() {
    let sign_in = waiting(after_password(
        &SecondFactors::default(),
        Wanted::SecondFactor,
    ));
    let SignIn::AwaitsEnrolment(state) = &sign_in else {
        panic!("{sign_in:?}")
    };
    let code = form(&[("VerificationCode", &state.secret().unwrap().code(NOW))]);
    let (since, _) = enrolled();
    let handled = sign_in.handle(&code, since, NOW, &mut Dice::new(3));
    assert!(
        matches!(
            handled,
            Handled::Wrong {
                wrong: Wrong::Overtaken,
                factors: None
            }
        ),
        "{handled:?}"
    );
}

/// What dora is offered, who has typed a pass.
fn offered() -> SignIn {
    let browser = Secret::draw(&mut Dice::new(9));
    let begun = begin(ALICE, &browser);
    let by_pass = FirstFactor::access_pass(NOW);
    let none = SecondFactors::default();
    let rng = &mut Dice::new(2);
    let next = begun
        .clone()
        .proven(by_pass, &none, Wanted::SecondFactor, NOW, rng);
    let Next::Done(signed_in) = next else {
        panic!("a pass is two factors")
    };
    let of_another = begin(Guid::NIL, &browser);
    assert!(of_another.offer_enrolment(&signed_in, rng).is_none());
    begun.offer_enrolment(&signed_in, rng).unwrap()
}

/// The first code of the authenticator that is being set up.
fn first_code(sign_in: &SignIn) -> Parameters {
    let SignIn::AwaitsEnrolment(state) = sign_in else {
        panic!("{sign_in:?}")
    };
    form(&[("VerificationCode", &state.secret().unwrap().code(NOW))])
}

fn overtaken(handled: &Handled) -> bool {
    let wrong = Wrong::Overtaken;
    matches!(handled, Handled::Wrong { wrong: said, factors: None } if *said == wrong)
}

#[test]
fn whoever_signed_in_by_a_pass_sets_up_an_authenticator_or_goes_on_without() {
    let not_now = offered().handle(
        &form(&[("NotNow", "true")]),
        SecondFactors::default(),
        NOW,
        &mut Dice::new(3),
    );
    let Handled::Right {
        next: Next::Done(signed_in),
        factors: None,
        ..
    } = not_now
    else {
        panic!("{not_now:?}")
    };
    assert_eq!(signed_in.authentication().second_factor_at(), None);
    // A pass that works for longer is no second factor that would be replaced.
    let mut with_pass = SecondFactors::default();
    let terms = crate::access_pass::Terms {
        begins: NOW,
        ends: NOW + Span::hours(1),
        once: false,
    };
    let (_, pass) = crate::access_pass::draw(ALICE, terms, &mut Dice::new(4));
    with_pass.enrolled.insert("access-pass".into(), pass);
    let sign_in = offered();
    let code = first_code(&sign_in);
    let handled = sign_in.handle(&code, with_pass, NOW, &mut Dice::new(3));
    let Handled::Right {
        next: Next::Wait(_),
        factors: Some(factors),
        codes,
        ..
    } = handled
    else {
        panic!("{handled:?}")
    };
    assert!(factors.have_lasting() && codes.len() == 10);
}

#[test]
fn nobody_goes_on_without_an_authenticator_that_is_demanded() {
    let none = SecondFactors::default();
    let demanded = waiting(after_password(&none, Wanted::SecondFactor));
    let handled = demanded.handle(&form(&[("NotNow", "true")]), none, NOW, &mut Dice::new(3));
    let missing = Wrong::Missing;
    assert!(matches!(handled, Handled::Wrong { wrong, .. } if wrong == missing));
}

#[test]
fn what_is_offered_replaces_no_second_factor_and_needs_the_proof_to_stand() {
    let sign_in = offered();
    let code = first_code(&sign_in);
    // An administrator set one up, which says nothing of when.
    let set_up = SecondFactors::with_totp(&secret());
    assert!(overtaken(&sign_in.clone().handle(
        &code,
        set_up,
        NOW,
        &mut Dice::new(3)
    )));
    let reset = SecondFactors::forgotten(NOW + Span::micros(1));
    assert!(overtaken(&sign_in.handle(
        &code,
        reset,
        NOW,
        &mut Dice::new(3)
    )));
}

#[test]
fn a_sign_in_is_open_for_ten_minutes_in_its_own_browser() {
    let sign_in = waiting(after_password(&enrolled().0, Wanted::SecondFactor));
    let browser = Secret::draw(&mut Dice::new(9));
    assert!(sign_in.is_open(&browser, NOW + Span::seconds(599)));
    assert!(!sign_in.is_open(&browser, NOW + Span::minutes(10)));
    assert!(!sign_in.is_open(&Secret::draw(&mut Dice::new(10)), NOW));
}

#[test]
fn a_state_comes_back_from_its_record() {
    let sign_in = waiting(after_password(
        &SecondFactors::default(),
        Wanted::SecondFactor,
    ));
    let bytes = serde_json::to_vec(&sign_in).unwrap();
    let back: SignIn = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(serde_json::to_vec(&back).unwrap(), bytes);
}

#[test]
fn a_session_is_enough_only_when_young_and_strong_enough() {
    let password = Authentication::of(FirstFactor::password(NOW), None);
    let already = |request, wanted| {
        SignedIn::already(
            request,
            ALICE,
            password.clone(),
            wanted,
            NOW + Span::minutes(5),
        )
    };
    assert!(already(request(), Wanted::Unasked).is_some());
    assert!(already(request(), Wanted::SecondFactor).is_none());
    let again = AuthorizeRequest {
        prompt: Prompt::SignInAgain,
        ..request()
    };
    assert!(already(again, Wanted::Unasked).is_none());
    let young = AuthorizeRequest {
        max_age: Some(Span::minutes(1)),
        ..request()
    };
    assert!(already(young, Wanted::Unasked).is_none());
}

#[test]
fn a_form_token_belongs_to_one_browser_and_one_place() {
    let (browser, other) = (
        Secret::draw(&mut Dice::new(1)),
        Secret::draw(&mut Dice::new(2)),
    );
    let token = form_token(&browser, "here");
    assert!(is_form_token(&token, &browser, "here"));
    assert!(!is_form_token(&token, &browser, "there"));
    assert!(!is_form_token(&token, &other, "here"));
    assert!(!is_form_token("", &browser, "here"));
}

#[test]
fn a_new_password_is_taken_when_it_is_typed_the_same_twice_and_is_nowhere_in_the_state() {
    let browser = Secret::draw(&mut Dice::new(9));
    let version = PasswordVersion {
        number: 3,
        set: Some(NOW),
    };
    let sign_in = begin(ALICE, &browser).must_change(version);
    let kept = serde_json::to_string(&sign_in).unwrap();
    let sign_in: SignIn = serde_json::from_str(&kept).unwrap();
    let SignIn::AwaitsNewPassword(state) = &sign_in else {
        panic!("{sign_in:?}")
    };
    assert_eq!(state.proven(), version);
    assert!(sign_in.is_open(&browser, NOW) && !sign_in.is_open(&browser, NOW + LIFETIME));
    let handle = |pairs: &[(&str, &str)]| {
        sign_in
            .clone()
            .handle(&form(pairs), enrolled().0, NOW, &mut Dice::new(1))
    };
    for (first, second, why) in [
        ("", "", NotChosen::Missing),
        ("a new one", "", NotChosen::Missing),
        ("", "a new one", NotChosen::Missing),
        ("a new one", "another", NotChosen::Unlike),
        ("a new one", "a new one ", NotChosen::Unlike),
    ] {
        let handled = handle(&[("NewPassword", first), ("ConfirmNewPassword", second)]);
        assert!(matches!(handled, Handled::NotChosen(not) if not == why));
    }
    let later = NOW + Span::minutes(9);
    match handle(&[
        ("NewPassword", "a new one"),
        ("ConfirmNewPassword", "a new one"),
    ]) {
        Handled::NewPassword { begun, password } => {
            assert_eq!(password.as_str(), "a new one");
            assert_eq!(begun.anew(later).expires, later + LIFETIME);
        }
        other => panic!("{other:?}"),
    }
}

/// What a log would have of something.
fn logged(value: &impl core::fmt::Debug) -> String {
    format!("{value:#?}")
}

#[test]
fn a_log_has_neither_a_new_password_nor_the_codes_and_secrets_that_a_form_led_to() {
    let (factors, codes) = enrolled();
    let browser = Secret::draw(&mut Dice::new(9));
    let chosen = Handled::NewPassword {
        begun: begin(ALICE, &browser),
        password: Zeroizing::new("Tr0ubadour".to_owned()),
    };
    assert!(!logged(&chosen).contains("Tr0ubadour"));
    let wrong = Handled::used(factors.clone(), NOW);
    assert!(!logged(&wrong).contains("GEZDGNBV"));
    let right = Handled::Right {
        next: after_password(&factors, Wanted::FreshSecondFactor),
        factors: Some(factors),
        claim: None,
        codes: codes.clone(),
        proven_by: None,
    };
    let logged = logged(&right);
    assert!(!logged.contains("GEZDGNBV") && logged.contains("AwaitsSecondFactor"));
    assert!(codes.iter().all(|code| !logged.contains(code.as_str())));
}

#[test]
fn a_log_has_no_secret_of_a_sign_in_that_waits() {
    let state = SignIn::AwaitsSecondFactor(AwaitsSecondFactor {
        begun: begin(ALICE, &Secret::draw(&mut Dice::new(9))),
        first: FirstFactor::password(NOW),
        states: vec![("sms".to_owned(), Value::from("482913"))],
    });
    assert!(!logged(&state).contains("482913"));
    let enrolment = AwaitsEnrolment {
        begun: begin(ALICE, &Secret::draw(&mut Dice::new(9))),
        proven: Authentication::of(FirstFactor::password(NOW), None),
        secret: secret().reveal().to_string(),
        offered: false,
    };
    assert!(!logged(&enrolment).contains("GEZDGNBV"));
}

#[test]
fn nobody_signs_in_for_a_client_that_means_another() {
    let read = |_: &str| {
        let claims = serde_json::json!({
            "iss": "", "aud": "app", "iat": 0, "nbf": 0, "exp": 0, "auth_time": 0, "sub": "x",
            "oid": ALICE.to_string(), "amr": [], "acr": "", "unique_name": "alice",
        });
        Ok(serde_json::from_value(claims).unwrap())
    };
    let of_alice = AuthorizeRequest {
        hint: Some(crate::hint::Hint::read("token", "app", &read).unwrap()),
        ..request()
    };
    let browser = Secret::draw(&mut Dice::new(9));
    let password = Authentication::of(FirstFactor::password(NOW), None);
    for (who, may) in [(ALICE, true), (Guid::NIL, false)] {
        let begun = Begun::new(of_alice.clone(), who, &browser, NOW);
        assert_eq!(begun.is_some(), may);
        let already = SignedIn::already(
            of_alice.clone(),
            who,
            password.clone(),
            Wanted::Unasked,
            NOW,
        );
        assert_eq!(already.is_some(), may);
    }
}

#[test]
fn what_another_person_or_another_request_proved_is_collected_by_nobody() {
    let (factors, _) = enrolled();
    let sign_in = waiting(after_password(&factors, Wanted::SecondFactor));
    let proven = Authentication::of(FirstFactor::password(NOW), None);
    let of = |request, account| {
        SignedIn::already(request, account, proven.clone(), Wanted::Unasked, NOW).unwrap()
    };
    let elsewhere = AuthorizeRequest {
        resource: "urn:s".into(),
        ..request()
    };
    for (request, account, same) in [
        (request(), ALICE, true),
        (request(), Guid::NIL, false),
        (elsewhere, ALICE, false),
    ] {
        let signed_in = of(request, account);
        let browser = Secret::draw(&mut Dice::new(9));
        let begun = Begun::new(self::request(), ALICE, &browser, NOW).unwrap();
        let offered = begun.offer_enrolment(&signed_in, &mut Dice::new(2));
        assert_eq!(offered.is_some(), same);
        assert_eq!(sign_in.to_be_collected(signed_in).is_some(), same);
    }
}

#[test]
fn a_code_that_was_used_before_is_a_wrong_one() {
    let (mut factors, _) = enrolled();
    for _ in 0..factor::Guesses::FREE {
        assert_eq!(factors.guesses.wait(NOW), None);
        let Handled::Wrong {
            wrong: Wrong::Used,
            factors: Some(counted),
        } = Handled::used(factors, NOW)
        else {
            panic!("it is wrong")
        };
        factors = counted;
    }
    assert!(factors.guesses.wait(NOW).is_some());
}

#[test]
fn only_a_recovery_code_stands_for_an_authenticator_that_was_lost() {
    let (factors, _) = enrolled();
    let sign_in = waiting(after_password(&factors, Wanted::SecondFactor));
    let sent = form(&[
        ("VerificationCode", &secret().code(NOW)),
        (LOST_AUTHENTICATOR, "on"),
    ]);
    let handled = sign_in.handle(&sent, factors, NOW, &mut Dice::new(3));
    assert!(
        matches!(
            handled,
            Handled::Right {
                next: Next::Done(_),
                ..
            }
        ),
        "{handled:?}"
    );
}

#[test]
fn what_was_proven_by_another_authenticator_ends_with_the_new_one() {
    let sign_in = offered();
    let code = first_code(&sign_in);
    let handled = sign_in.handle(&code, SecondFactors::default(), NOW, &mut Dice::new(3));
    let Handled::Right {
        factors: Some(factors),
        ..
    } = handled
    else {
        panic!("{handled:?}")
    };
    assert!(factors.prove(NOW) && !factors.prove(NOW - Span::micros(1)));
}
