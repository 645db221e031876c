//! Codes and refresh tokens, as clients redeem them.

use super::*;
use crate::authentication::FirstFactor;
use crate::authorize::AuthorizeRequest;
use crate::client::{Catalogue, Client, Grants, Pkce, Redirect, Resource};
use crate::parameters::Parameters;
use crate::testing::{Dice, no_hints};

const ALICE: Guid = Guid::from_bytes([7; 16]);
const LAPTOP: Guid = Guid::from_bytes([9; 16]);
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const STRICT: FamilyRules = FamilyRules::STRICT;
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn catalogue() -> Catalogue {
    let client = |id: &str| Client {
        id: id.into(),
        name: id.into(),
        redirects: vec![Redirect::Exact("https://app.example/done".into())],
        resources: vec!["urn:r".into()],
        grants: Grants::CODE.with_refresh(true),
        ..Client::default()
    };
    let resource = |identifier: &str| Resource {
        identifier: identifier.into(),
        name: identifier.into(),
        lifetime: Span::hours(1),
        scopes: vec!["Read".into(), "Write".into()],
        ..Resource::default()
    };
    let broker = |id: &str| Client {
        redirects: vec![
            Redirect::Exact("https://app.example/done".into()),
            Redirect::Exact("msauth://broker".into()),
        ],
        any_resource: true,
        pkce: Pkce::WherePresent,
        family: true,
        ..client(id)
    };
    Catalogue::new(
        [
            client("app"),
            client("other"),
            broker("broker"),
            broker("portal"),
        ],
        [resource("urn:r"), resource("urn:s")],
    )
}

fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    Parameters::new(
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    )
    .unwrap()
}

fn parse(pairs: &[(&str, &str)]) -> Result<TokenRequest, Refused> {
    read(pairs, None)
}

/// Reads a request by a public client, which may name itself in a header.
fn read(pairs: &[(&str, &str)], basic: Option<(&str, &str)>) -> Result<TokenRequest, Refused> {
    let (parameters, catalogue) = (parameters(pairs), catalogue());
    let client = Presented::read(&parameters, basic, &catalogue)?.public()?;
    TokenRequest::parse(&parameters, client, &catalogue, "urn:r")
}

fn code_record() -> CodeRecord {
    let request = AuthorizeRequest::parse(
        &parameters(&[
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/done"),
            ("response_type", "code"),
            ("resource", "urn:r"),
            ("scope", "openid profile offline_access"),
            ("code_challenge", &crate::pkce::challenge_of(VERIFIER)),
            ("code_challenge_method", "S256"),
        ]),
        &catalogue(),
        &no_hints,
    )
    .unwrap();
    let password = Authentication::of(FirstFactor::password(NOW), None);
    let signed_in = SignedIn::already(request, ALICE, password, Wanted::Unasked, NOW).unwrap();
    CodeRecord::new(signed_in, None, NOW, &mut Dice::new(1))
}

fn code_request(changes: &[(&str, &str)]) -> CodeRequest {
    let code = Secret::draw(&mut Dice::new(2)).reveal();
    let good = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code.as_str()),
        ("redirect_uri", "https://app.example/done"),
        ("code_verifier", VERIFIER),
    ];
    let kept = good
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let pairs: Vec<(&str, &str)> = kept.chain(changes).copied().collect();
    match parse(&pairs).unwrap() {
        TokenRequest::Code(request) => request,
        _ => panic!("not a code"),
    }
}

fn family() -> (FamilyRecord, RefreshToken) {
    let (grant, _) = code_record()
        .redeem(&code_request(&[]), Some(LAPTOP), NOW)
        .unwrap();
    FamilyRecord::begin(
        Guid::from_bytes([3; 16]),
        grant,
        None,
        NOW + Span::hours(8),
        &mut Dice::new(4),
    )
}

fn refresh(token: &str, more: &[(&str, &str)]) -> Result<RefreshRequest, Refused> {
    let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    pairs.extend(more);
    if !more.iter().any(|(name, _)| *name == "client_id") {
        pairs.push(("client_id", "app"));
    }
    match parse(&pairs)? {
        TokenRequest::Refresh(request) => Ok(request),
        _ => panic!("not a refresh token"),
    }
}

#[test]
fn a_code_is_redeemed_by_whom_it_was_given_to() {
    let (grant, spent) = code_record()
        .redeem(&code_request(&[]), Some(LAPTOP), NOW)
        .unwrap();
    assert_eq!(
        (grant.account(), grant.device(), grant.resource()),
        (ALICE, Some(LAPTOP), "urn:r")
    );
    assert_eq!(
        spent.redeem(&code_request(&[]), None, NOW).unwrap_err(),
        Refused::CodeSpent
    );
}

#[test]
fn a_code_lives_for_a_minute() {
    let at = |seconds| code_record().redeem(&code_request(&[]), None, NOW + Span::seconds(seconds));
    assert!(at(59).is_ok());
    assert_eq!(at(60).unwrap_err(), Refused::CodeExpired);
}

#[test]
fn refuses_another_client_another_uri_and_another_verifier() {
    let refused = |changes: &[(&str, &str)]| {
        code_record()
            .redeem(&code_request(changes), None, NOW)
            .unwrap_err()
    };
    assert_eq!(
        refused(&[("client_id", "other")]),
        Refused::CodeOfAnotherClient
    );
    assert_eq!(
        refused(&[("redirect_uri", "https://app.example/done2")]),
        Refused::RedirectUri
    );
    assert_eq!(
        refused(&[("code_verifier", &VERIFIER.replace('d', "e"))]),
        Refused::Verifier
    );
}

#[test]
fn refuses_requests_that_lack_something() {
    assert_eq!(
        parse(&[("client_id", "app")]).unwrap_err(),
        Refused::NoGrantType
    );
    assert_eq!(
        parse(&[("client_id", "app"), ("grant_type", "password")]).unwrap_err(),
        Refused::GrantType
    );
    assert_eq!(
        parse(&[("client_id", "nobody"), ("grant_type", "password")]).unwrap_err(),
        Refused::Client
    );
    let code = Secret::draw(&mut Dice::new(2)).reveal();
    let mut pairs = vec![
        ("client_id", "app"),
        ("grant_type", "authorization_code"),
        ("code", &code),
    ];
    assert_eq!(parse(&pairs).unwrap_err(), Refused::Missing("redirect_uri"));
    pairs.push(("redirect_uri", "https://app.example/done"));
    assert_eq!(
        parse(&pairs).unwrap_err(),
        Refused::Missing("code_verifier")
    );
}

#[test]
fn a_public_client_may_name_itself_in_the_header_and_must_not_send_a_secret() {
    let code = Secret::draw(&mut Dice::new(2)).reveal();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "https://app.example/done"),
        ("code_verifier", VERIFIER),
    ];
    let parse = |basic| read(&pairs, basic);
    assert!(parse(Some(("app", ""))).is_ok());
    assert_eq!(
        parse(Some(("app", "guess"))).unwrap_err(),
        Refused::ClientCredentials
    );
    assert_eq!(parse(None).unwrap_err(), Refused::Client);
    let twice = [("grant_type", "authorization_code"), ("client_id", "other")];
    assert_eq!(
        read(&twice, Some(("app", ""))).unwrap_err(),
        Refused::Client
    );
    let secret = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("client_secret", "x"),
    ];
    assert_eq!(read(&secret, None).unwrap_err(), Refused::ClientCredentials);
    let both = [
        ("client_id", "app"),
        ("client_secret", "x"),
        ("client_assertion", "y"),
    ];
    assert_eq!(read(&both, None).unwrap_err(), Refused::TwoClientProofs);
    let twice = [("client_secret", "x")];
    assert_eq!(
        read(&twice, Some(("app", "x"))).unwrap_err(),
        Refused::TwoClientProofs
    );
}

#[test]
fn a_refresh_token_works_once_and_is_followed_by_another() {
    let (family, first) = family();
    let request = refresh(&first.reveal(), &[]).unwrap();
    let (grant, family, second) = family
        .redeem(&request, &STRICT, Some(LAPTOP), NOW, &mut Dice::new(5))
        .unwrap();
    assert_eq!(grant.scopes().text(), "openid profile offline_access");
    let reused = family
        .clone()
        .redeem(&request, &STRICT, Some(LAPTOP), NOW, &mut Dice::new(6))
        .unwrap_err();
    assert_eq!(reused, Refused::RefreshTokenSpent);
    let request = refresh(&second.reveal(), &[]).unwrap();
    assert!(
        family
            .redeem(&request, &STRICT, Some(LAPTOP), NOW, &mut Dice::new(6))
            .is_ok()
    );
}

#[test]
fn a_refresh_token_belongs_to_its_client_and_its_device() {
    let (family, token) = family();
    let redeem = |request: &RefreshRequest, device, at| {
        family
            .clone()
            .redeem(request, &STRICT, device, at, &mut Dice::new(5))
    };
    let own = refresh(&token.reveal(), &[]).unwrap();
    assert!(redeem(&own, Some(LAPTOP), NOW).is_ok());
    assert_eq!(
        redeem(&own, None, NOW).unwrap_err(),
        Refused::RefreshTokenOfAnotherDevice
    );
    assert_eq!(
        redeem(&own, Some(ALICE), NOW).unwrap_err(),
        Refused::RefreshTokenOfAnotherDevice
    );
    let late = redeem(&own, Some(LAPTOP), NOW + Span::hours(8)).unwrap_err();
    assert_eq!(late, Refused::RefreshTokenExpired);
    let other = refresh(&token.reveal(), &[("client_id", "other")]).unwrap();
    assert_eq!(
        redeem(&other, Some(LAPTOP), NOW).unwrap_err(),
        Refused::RefreshTokenOfAnotherClient
    );
    let stranger = RefreshToken {
        authority: None,
        family: token.family(),
        secret: Secret::draw(&mut Dice::new(8)),
    };
    let stranger = refresh(&stranger.reveal(), &[]).unwrap();
    assert_eq!(
        redeem(&stranger, Some(LAPTOP), NOW).unwrap_err(),
        Refused::RefreshToken
    );
}

#[test]
fn a_refresh_narrows_scopes_and_never_widens_what_was_granted() {
    let (family, token) = family();
    let narrower = refresh(&token.reveal(), &[("scope", "openid email")]).unwrap();
    let (grant, ..) = family
        .clone()
        .redeem(&narrower, &STRICT, Some(LAPTOP), NOW, &mut Dice::new(5))
        .unwrap();
    assert_eq!(grant.scopes().text(), "openid");
    assert_eq!(
        refresh(&token.reveal(), &[("resource", "urn:s")]).unwrap_err(),
        Refused::ResourceNotGranted
    );
    assert_eq!(
        refresh(&token.reveal(), &[("resource", "urn:x")]).unwrap_err(),
        Refused::Resource
    );
}

#[test]
fn refuses_texts_that_are_no_refresh_token() {
    let text = family().1.reveal();
    assert_eq!(RefreshToken::parse(&text).unwrap().reveal(), text);
    for wrong in [
        "",
        "a",
        &text[1..],
        &text[..22],
        &format!("{text}a"),
        &"é".repeat(33),
    ] {
        assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_log_has_neither_the_verifier_nor_any_token() {
    let request = format!("{:?}", code_request(&[]));
    let code = Secret::draw(&mut Dice::new(2)).reveal();
    assert!(!request.contains(VERIFIER) && !request.contains(&code));
    let (_, token) = family();
    let revealed = token.reveal();
    let refresh = format!("{:?}", refresh(&revealed, &[]).unwrap());
    assert!(!refresh.contains(&revealed[22..]));
    let response = TokenResponse {
        token_type: "Bearer",
        expires_in: 3600,
        access_token: "the-access-token".into(),
        resource: "urn:r".into(),
        scope: "openid".into(),
        id_token: Some("the-id-token".into()),
        refresh_token: Some("the-refresh-token".into()),
        refresh_token_expires_in: None,
    };
    let logged = format!("{response:?}");
    assert!(!logged.contains("-token\"") && logged.contains("urn:r"));
}

/// What a tenant lets its brokers do.
const BROKERS: FamilyRules = FamilyRules {
    authority: Some(TENANT),
    grace: Span::minutes(60),
    other_resources: true,
    other_clients: true,
    bound_to_device: false,
    lives_on: None,
};
const TENANT: Guid = Guid::from_bytes([1; 16]);

/// A code of a broker that knows no PKCE, given to a device.
fn broker_code(device: Option<Guid>) -> CodeRecord {
    let request = AuthorizeRequest::parse(
        &parameters(&[
            ("client_id", "broker"),
            ("redirect_uri", "https://app.example/done"),
            ("response_type", "code"),
            ("resource", "urn:r"),
            ("scope", "openid profile Read"),
        ]),
        &catalogue(),
        &no_hints,
    )
    .unwrap();
    let password = Authentication::of(FirstFactor::password(NOW), None);
    let signed_in = SignedIn::already(request, ALICE, password, Wanted::Unasked, NOW).unwrap();
    CodeRecord::new(signed_in, device, NOW, &mut Dice::new(1))
}

/// A request of the broker's, changed; an empty value leaves a parameter out.
fn broker_request(changes: &[(&str, &str)]) -> CodeRequest {
    let mut all = vec![("client_id", "broker"), ("code_verifier", "")];
    all.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    all.extend(changes);
    code_request(&all)
}

fn broker_family() -> (FamilyRecord, RefreshToken) {
    let (grant, _) = broker_code(Some(LAPTOP))
        .redeem(&broker_request(&[]), None, NOW)
        .unwrap();
    let expires = NOW + Span::days(90);
    let family = Guid::from_bytes([3; 16]);
    FamilyRecord::begin(family, grant, Some(TENANT), expires, &mut Dice::new(4))
}

#[test]
fn a_challenge_that_was_sent_cannot_be_dropped_at_redemption() {
    let redeem =
        |record: CodeRecord, request: &CodeRequest| record.redeem(request, None, NOW).map(|_| ());
    assert_eq!(redeem(broker_code(None), &broker_request(&[])), Ok(()));
    // Nor does a verifier count where somebody took the challenge away.
    assert_eq!(
        redeem(
            broker_code(None),
            &broker_request(&[("code_verifier", VERIFIER)])
        ),
        Err(Refused::Verifier)
    );
    let request = AuthorizeRequest::parse(
        &parameters(&[
            ("client_id", "broker"),
            ("redirect_uri", "https://app.example/done"),
            ("response_type", "code"),
            ("resource", "urn:r"),
            ("code_challenge", &crate::pkce::challenge_of(VERIFIER)),
            ("code_challenge_method", "S256"),
        ]),
        &catalogue(),
        &no_hints,
    )
    .unwrap();
    let password = Authentication::of(FirstFactor::password(NOW), None);
    let signed_in = SignedIn::already(request, ALICE, password, Wanted::Unasked, NOW).unwrap();
    let challenged = CodeRecord::new(signed_in, None, NOW, &mut Dice::new(1));
    assert_eq!(
        redeem(challenged, &broker_request(&[])),
        Err(Refused::Verifier)
    );
}

#[test]
fn a_code_names_its_device_and_no_other_takes_its_place() {
    let redeem = |of_code, now| {
        let redeemed = broker_code(of_code).redeem(&broker_request(&[]), now, NOW);
        redeemed.map(|(grant, _)| grant.device())
    };
    assert_eq!(redeem(Some(LAPTOP), None), Ok(Some(LAPTOP)));
    assert_eq!(redeem(Some(LAPTOP), Some(LAPTOP)), Ok(Some(LAPTOP)));
    assert_eq!(redeem(None, Some(LAPTOP)), Ok(Some(LAPTOP)));
    assert_eq!(
        redeem(Some(LAPTOP), Some(ALICE)),
        Err(Refused::CodeOfAnotherDevice)
    );
}

#[test]
fn a_broker_may_mix_up_its_own_uris_and_nobody_elses() {
    let redeem = |uri: &str| {
        broker_code(None)
            .redeem(&broker_request(&[("redirect_uri", uri)]), None, NOW)
            .map(|_| ())
    };
    assert_eq!(redeem("msauth://broker"), Ok(()));
    assert_eq!(redeem("msauth://other"), Err(Refused::RedirectUri));
}

#[test]
fn a_code_is_redeemed_for_its_own_resource() {
    let redeem = |resource: &str| {
        broker_code(None)
            .redeem(&broker_request(&[("resource", resource)]), None, NOW)
            .map(|_| ())
    };
    assert_eq!(redeem("urn:r/"), Ok(()));
    assert_eq!(redeem("urn:s"), Err(Refused::ResourceNotGranted));
}

#[test]
fn a_refresh_token_of_the_broker_family_serves_another_client_and_resource_and_no_others_does() {
    let (family, token) = broker_family();
    let redeem = |more: &[(&str, &str)], rules: &FamilyRules| {
        let request = refresh(&token.reveal(), more)?;
        let family = family.clone();
        let (grant, ..) = family.redeem(&request, rules, None, NOW, &mut Dice::new(5))?;
        Ok::<_, Refused>((grant.client().to_owned(), grant.resource().to_owned()))
    };
    let portal = [("client_id", "portal"), ("resource", "urn:s")];
    assert_eq!(
        redeem(&portal, &BROKERS),
        Ok(("portal".to_owned(), "urn:s".to_owned()))
    );
    assert_eq!(
        redeem(&[("client_id", "app")], &BROKERS),
        Err(Refused::RefreshTokenOfAnotherClient)
    );
    let own = FamilyRules {
        other_clients: false,
        other_resources: false,
        ..BROKERS
    };
    assert_eq!(
        redeem(&portal, &own),
        Err(Refused::RefreshTokenOfAnotherClient)
    );
    assert_eq!(
        redeem(&[("client_id", "broker"), ("resource", "urn:s")], &own),
        Err(Refused::ResourceNotGranted)
    );
}

#[test]
fn what_was_granted_at_one_resource_says_nothing_of_another() {
    let (family, token) = broker_family();
    let granted = |more: &[(&str, &str)]| {
        let mut all = vec![("client_id", "broker")];
        all.extend(more);
        let request = refresh(&token.reveal(), &all).unwrap();
        let family = family.clone();
        let (grant, ..) = family
            .redeem(&request, &BROKERS, None, NOW, &mut Dice::new(5))
            .unwrap();
        grant.scopes().text()
    };
    assert_eq!(granted(&[]), "openid profile Read");
    assert_eq!(granted(&[("resource", "urn:s")]), "openid profile");
    assert_eq!(granted(&[("scope", "openid urn:s/Write")]), "openid Write");
    assert_eq!(granted(&[("scope", "openid Write")]), "openid");
}

#[test]
fn a_refresh_token_used_again_within_its_grace_is_answered_and_later_ends_the_family() {
    let (family, first) = broker_family();
    let using = |family: &FamilyRecord, text: &str, now| {
        let request = refresh(text, &[("client_id", "broker")]).unwrap();
        let family = family.clone();
        family.redeem(
            &request,
            &BROKERS,
            None,
            now,
            &mut Dice::new(now.unix() as u64),
        )
    };
    let (_, family, second) = using(&family, &first.reveal(), NOW).unwrap();
    let again = NOW + Span::minutes(60);
    let (_, family, third) = using(&family, &first.reveal(), again).unwrap();
    // All three still work within their grace.
    assert!(using(&family, &second.reveal(), again).is_ok());
    assert!(using(&family, &third.reveal(), again).is_ok());
    let late = NOW + Span::minutes(60) + Span::micros(1);
    assert_eq!(
        using(&family, &first.reveal(), late).unwrap_err(),
        Refused::RefreshTokenSpent
    );
    assert_eq!(
        using(&family, &first.reveal(), NOW - Span::seconds(1)).unwrap_err(),
        Refused::RefreshTokenSpent
    );
}

#[test]
fn tokens_that_were_used_long_ago_are_forgotten_and_end_nothing() {
    let (mut family, first) = broker_family();
    let mut current = first.reveal();
    for number in 0..=SPENT as u64 {
        let request = refresh(&current, &[("client_id", "broker")]).unwrap();
        let (_, next, token) = family
            .redeem(&request, &BROKERS, None, NOW, &mut Dice::new(100 + number))
            .unwrap();
        (family, current) = (next, token.reveal());
    }
    let request = refresh(&first.reveal(), &[("client_id", "broker")]).unwrap();
    let refused = family.redeem(&request, &BROKERS, None, NOW, &mut Dice::new(5));
    assert_eq!(refused.unwrap_err(), Refused::RefreshToken);
}

#[test]
fn a_refresh_token_is_refused_at_another_authority() {
    let (family, token) = broker_family();
    let text = token.reveal();
    assert!(text.starts_with("1.") && text.len() == 2 + 22 + 1 + 65);
    let redeem = |text: &str, rules: &FamilyRules| {
        let request = refresh(text, &[("client_id", "broker")]).unwrap();
        let family = family.clone();
        family
            .redeem(&request, rules, None, NOW, &mut Dice::new(5))
            .map(|_| ())
    };
    assert_eq!(redeem(&text, &BROKERS), Ok(()));
    let other = FamilyRules {
        authority: Some(LAPTOP),
        ..BROKERS
    };
    assert_eq!(
        redeem(&text, &other),
        Err(Refused::RefreshTokenOfAnotherAuthority)
    );
    assert_eq!(
        redeem(&text[25..], &BROKERS),
        Err(Refused::RefreshTokenOfAnotherAuthority)
    );
}

#[test]
fn nothing_is_granted_at_once_beyond_what_was_proven() {
    let catalogue = catalogue();
    let client = catalogue.client("app").unwrap();
    let asks = |pairs: &[(&str, &str)]| Asks::read(&parameters(pairs), client, &catalogue, "urn:r");
    let grant = |wanted| {
        let password = Authentication::of(FirstFactor::password(NOW), None);
        let asks = asks(&[("scope", "openid urn:r/Read Burn")]).unwrap();
        Grant::at_once(asks, wanted, ALICE, password, None, NOW)
    };
    assert_eq!(
        grant(Wanted::Unasked).unwrap().scopes().text(),
        "openid Read"
    );
    assert!(grant(Wanted::SecondFactor).is_none());
    assert_eq!(
        asks(&[("resource", "urn:s")]).unwrap_err(),
        Refused::ResourceNotGranted
    );
    assert_eq!(
        asks(&[("resource", "urn:x")]).unwrap_err(),
        Refused::Resource
    );
}

#[test]
fn a_family_lives_on_from_each_use_where_that_is_allowed() {
    let (family, token) = broker_family();
    let later = NOW + Span::days(80);
    let used = |rules: &FamilyRules| {
        let request = refresh(&token.reveal(), &[("client_id", "broker")]).unwrap();
        let family = family.clone();
        let redeemed = family.redeem(&request, rules, None, later, &mut Dice::new(5));
        redeemed.unwrap().1.expires()
    };
    assert_eq!(used(&BROKERS), NOW + Span::days(90));
    let on = |days| FamilyRules {
        lives_on: Some(Span::days(days)),
        ..BROKERS
    };
    assert_eq!(used(&on(90)), later + Span::days(90));
    assert_eq!(used(&on(1)), NOW + Span::days(90), "never shorter");
}

#[test]
fn a_family_is_shown_by_a_token_that_it_gave_at_its_own_authority() {
    let (family, first) = broker_family();
    let request = refresh(&first.reveal(), &[("client_id", "broker")]).unwrap();
    let (_, family, second) = family
        .redeem(&request, &BROKERS, None, NOW, &mut Dice::new(5))
        .unwrap();
    for token in [&first, &second] {
        assert!(family.holds(token, Some(TENANT)));
        assert!(!family.holds(token, None));
        assert!(!family.holds(token, Some(Guid::NIL)));
    }
    let guessed = RefreshToken {
        secret: Secret::draw(&mut Dice::new(8)),
        ..second
    };
    assert!(!family.holds(&guessed, Some(TENANT)));
}

#[test]
fn what_was_said_at_the_first_sign_in_is_not_said_to_another_of_the_family() {
    let (mut family, token) = broker_family();
    family.grant.sid = Some("s".into());
    family.grant.nonce = Some("n".into());
    for (client, sid) in [("broker", Some("s")), ("portal", None)] {
        let request = refresh(&token.reveal(), &[("client_id", client)]).unwrap();
        let (grant, ..) = family
            .clone()
            .redeem(&request, &BROKERS, None, NOW, &mut Dice::new(5))
            .unwrap();
        assert_eq!((grant.sid(), grant.nonce()), (sid, None), "{client}");
    }
}

#[test]
fn nothing_is_widened_where_a_token_is_used_for_another_resource() {
    let (family, token) = broker_family();
    let asked = [
        ("client_id", "broker"),
        ("resource", "urn:s"),
        ("scope", "openid email offline_access Read Burn"),
    ];
    let request = refresh(&token.reveal(), &asked).unwrap();
    let (grant, ..) = family
        .redeem(&request, &BROKERS, None, NOW, &mut Dice::new(5))
        .unwrap();
    assert_eq!(grant.scopes().text(), "openid Read");
}

/// Each grant is for the clients that may use it; what none may use is not offered at all.
#[test]
fn a_client_uses_the_grants_that_are_its_own() {
    let none = Grants {
        code: false,
        ..Grants::CODE
    };
    let client = |id: &str, grants| Client {
        id: id.into(),
        any_resource: true,
        grants,
        ..Client::default()
    };
    let all = Grants {
        code: true,
        refresh: true,
        device_code: true,
        password: true,
        client_credentials: true,
    };
    let resource = Resource {
        identifier: "urn:r".into(),
        ..Resource::default()
    };
    let one = Catalogue::new([client("none", none)], [resource.clone()]);
    let several = Catalogue::new([client("none", none), client("all", all)], [resource]);
    for (grant, always) in [
        ("authorization_code", true),
        ("refresh_token", true),
        ("device_code", false),
        ("password", false),
        ("client_credentials", false),
    ] {
        let asked = parameters(&[("grant_type", grant)]);
        let parse = |catalogue: &Catalogue, id: &str| {
            let client = catalogue.client(id).unwrap();
            TokenRequest::parse(&asked, client, catalogue, "urn:r").map(|_| ())
        };
        assert_eq!(
            parse(&several, "none"),
            Err(Refused::GrantOfOthers),
            "{grant}"
        );
        let alone = match always {
            true => Refused::GrantOfOthers,
            false => Refused::GrantType,
        };
        assert_eq!(parse(&one, "none"), Err(alone), "{grant}");
        let own = parse(&several, "all");
        assert!(
            !matches!(own, Err(Refused::GrantOfOthers | Refused::GrantType)),
            "{grant}"
        );
    }
}

#[test]
fn a_name_or_password_that_is_too_long_is_not_looked_at() {
    let client = Client {
        id: "app".into(),
        any_resource: true,
        grants: Grants {
            password: true,
            ..Grants::CODE
        },
        ..Client::default()
    };
    let resource = Resource {
        identifier: "urn:r".into(),
        ..Resource::default()
    };
    let catalogue = Catalogue::new([client], [resource]);
    let parse = |name: usize, password: usize| {
        let (name, password) = ("n".repeat(name), "p".repeat(password));
        let asked = parameters(&[
            ("grant_type", "password"),
            ("username", &name),
            ("password", &password),
        ]);
        let client = catalogue.client("app").unwrap();
        TokenRequest::parse(&asked, client, &catalogue, "urn:r").is_ok()
    };
    assert!(parse(256, 1024));
    assert!(!parse(257, 1024) && !parse(256, 1025));
}
