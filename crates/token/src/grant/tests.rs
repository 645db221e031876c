//! Codes and refresh tokens, as clients redeem them.

use super::*;
use crate::authentication::FirstFactor;
use crate::authorize::AuthorizeRequest;
use crate::client::{Client, Redirect, Resource};
use crate::testing::Dice;

const ALICE: Guid = Guid::from_bytes([7; 16]);
const LAPTOP: Guid = Guid::from_bytes([9; 16]);
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn catalogue() -> Catalogue {
    let client = |id: &str| Client {
        id: id.into(),
        name: id.into(),
        redirects: vec![Redirect::Exact("https://app.example/done".into())],
        signed_out: vec![],
        resources: vec!["urn:r".into()],
        refresh: true,
    };
    let resource = |identifier: &str| Resource {
        identifier: identifier.into(),
        name: identifier.into(),
        second_factor: false,
        lifetime: Span::hours(1),
    };
    Catalogue {
        clients: vec![client("app"), client("other")],
        resources: vec![resource("urn:r"), resource("urn:s")],
    }
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
    TokenRequest::parse(&parameters(pairs), None, &catalogue())
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
    )
    .unwrap();
    let password = Authentication::of(FirstFactor::password(NOW), None);
    let signed_in = SignedIn::already(request, ALICE, password, Wanted::Unasked, NOW).unwrap();
    CodeRecord::new(signed_in, NOW, &mut Dice::new(1))
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
        TokenRequest::Refresh(_) => panic!("not a code"),
    }
}

fn family() -> (FamilyRecord, RefreshToken) {
    let (grant, _) = code_record()
        .redeem(&code_request(&[]), Some(LAPTOP), NOW)
        .unwrap();
    FamilyRecord::begin(
        Guid::from_bytes([3; 16]),
        grant,
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
        TokenRequest::Code(_) => panic!("not a refresh token"),
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
    let parse = |basic| TokenRequest::parse(&parameters(&pairs), basic, &catalogue());
    assert!(parse(Some(("app", ""))).is_ok());
    assert_eq!(
        parse(Some(("app", "guess"))).unwrap_err(),
        Refused::ClientCredentials
    );
    assert_eq!(parse(None).unwrap_err(), Refused::Client);
    let twice = parameters(&[("grant_type", "authorization_code"), ("client_id", "other")]);
    assert_eq!(
        TokenRequest::parse(&twice, Some(("app", "")), &catalogue()).unwrap_err(),
        Refused::Client
    );
    let secret = parameters(&[
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("client_secret", "x"),
    ]);
    assert_eq!(
        TokenRequest::parse(&secret, None, &catalogue()).unwrap_err(),
        Refused::ClientCredentials
    );
}

#[test]
fn a_refresh_token_works_once_and_is_followed_by_another() {
    let (family, first) = family();
    let request = refresh(&first.reveal(), &[]).unwrap();
    let (grant, family, second) = family
        .redeem(&request, Some(LAPTOP), NOW, &mut Dice::new(5))
        .unwrap();
    assert_eq!(grant.scopes().text(), "openid profile offline_access");
    let reused = family
        .clone()
        .redeem(&request, Some(LAPTOP), NOW, &mut Dice::new(6))
        .unwrap_err();
    assert_eq!(reused, Refused::RefreshTokenSpent);
    let request = refresh(&second.reveal(), &[]).unwrap();
    assert!(
        family
            .redeem(&request, Some(LAPTOP), NOW, &mut Dice::new(6))
            .is_ok()
    );
}

#[test]
fn a_refresh_token_belongs_to_its_client_and_its_device() {
    let (family, token) = family();
    let redeem = |request: &RefreshRequest, device, at| {
        family
            .clone()
            .redeem(request, device, at, &mut Dice::new(5))
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
        .redeem(&narrower, Some(LAPTOP), NOW, &mut Dice::new(5))
        .unwrap();
    assert_eq!(grant.scopes().text(), "openid");
    let elsewhere = refresh(&token.reveal(), &[("resource", "urn:s")]).unwrap();
    let refused = family
        .redeem(&elsewhere, Some(LAPTOP), NOW, &mut Dice::new(5))
        .unwrap_err();
    assert_eq!(refused, Refused::ResourceNotGranted);
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
