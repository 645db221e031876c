//! Authorization requests.

use super::*;
use crate::claims::{IdToken, NotAccepted};
use crate::client::{Client, Pkce, Redirect, Resource};

const ALICE: Guid = Guid::from_bytes([7; 16]);
const DRS: &str = "urn:ms-drs:sts.corp.example";

fn catalogue() -> Catalogue {
    let resource = |identifier: &str| Resource {
        identifier: identifier.into(),
        name: identifier.into(),
        second_factor: true,
        lifetime: Span::minutes(10),
        ..Resource::default()
    };
    let app = |id: &str, pkce| Client {
        id: id.into(),
        name: "App".into(),
        redirects: vec![
            Redirect::Exact("https://app.example/done".into()),
            Redirect::Loopback("/".into()),
        ],
        resources: vec![DRS.into(), USERINFO.into()],
        pkce,
        ..Client::default()
    };
    let mut drs = resource(DRS);
    drs.aliases
        .push("01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9".into());
    let daemon = Client {
        grants: crate::client::Grants {
            code: false,
            ..Default::default()
        },
        ..app("daemon", Pkce::Required)
    };
    Catalogue::new(
        [
            app("app", Pkce::Required),
            app("broker", Pkce::WherePresent),
            daemon,
        ],
        [drs, resource(USERINFO), resource("urn:other")],
    )
}

const GOOD: [(&str, &str); 6] = [
    ("client_id", "app"),
    ("redirect_uri", "https://app.example/done"),
    ("response_type", "code"),
    ("resource", DRS),
    (
        "code_challenge",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    ),
    ("code_challenge_method", "S256"),
];

/// The good request with some parameters replaced; an empty value leaves a parameter out.
fn parse(changes: &[(&str, &str)]) -> Result<AuthorizeRequest, Rejected> {
    let kept = GOOD
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let pairs = kept
        .chain(changes)
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    AuthorizeRequest::parse(&Parameters::new(pairs).unwrap(), &catalogue(), &id_token)
}

/// An id_token of this authority is `<client>` here, and speaks of Alice.
fn id_token(text: &str) -> Result<IdToken, NotAccepted> {
    let claims = serde_json::json!({
        "iss": "https://sts.corp.example", "aud": text.strip_prefix("for-").ok_or(NotAccepted::Signature)?,
        "iat": 0, "nbf": 0, "exp": 0, "auth_time": 0, "sub": "x", "oid": ALICE.to_string(), "amr": [], "acr": "",
        "upn": "alice@corp.example", "unique_name": "alice@corp.example",
    });
    serde_json::from_value(claims).map_err(|_| NotAccepted::Form)
}

fn refused(changes: &[(&str, &str)]) -> Refused {
    match parse(changes) {
        Err(Rejected::ToClient(_, refused)) => refused,
        other => panic!("{other:?}"),
    }
}

fn on_page(changes: &[(&str, &str)]) -> Refused {
    match parse(changes) {
        Err(Rejected::OnPage(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_request_is_understood() {
    let request = parse(&[
        ("state", "s t"),
        ("nonce", "n"),
        ("scope", "openid profile unknown offline_access"),
        ("max_age", "600"),
        ("login_hint", "alice@corp.example"),
        ("amr_values", "ngcmfa"),
        ("response_mode", "form_post"),
    ])
    .unwrap();
    assert_eq!(request.resource, DRS);
    assert_eq!(request.answer.state.as_deref(), Some("s t"));
    assert_eq!(request.answer.mode, ResponseMode::FormPost);
    assert_eq!(request.scopes.text(), "openid profile offline_access");
    assert_eq!(request.max_age, Some(Span::minutes(10)));
    assert_eq!(request.second_factor, Wanted::FreshSecondFactor);
}

#[test]
fn a_request_comes_back_from_its_own_parameters() {
    for changes in [
        &[][..],
        &[
            ("state", "a&b"),
            ("nonce", "n"),
            ("scope", "openid email"),
            ("max_age", "60"),
            ("prompt", "login"),
        ],
        &[
            ("response_mode", "form_post"),
            ("amr_values", "mfa"),
            ("login_hint", "alice"),
            ("prompt", "none"),
        ],
        &[
            ("resource", ""),
            ("scope", "openid"),
            ("amr_values", "ngcmfa"),
        ],
        &[("id_token_hint", "for-APP")],
    ] {
        let request = parse(changes).unwrap();
        let pairs = request
            .parameters()
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v))
            .collect();
        let back =
            AuthorizeRequest::parse(&Parameters::new(pairs).unwrap(), &catalogue(), &id_token);
        assert_eq!(back, Ok(request));
    }
}

#[test]
fn nobody_is_sent_to_an_address_that_is_not_registered() {
    for uri in [
        "https://evil.example/",
        "https://app.example/done/..",
        "https://app.example/done?x",
        "",
    ] {
        assert_eq!(
            on_page(&[("redirect_uri", uri), ("response_type", "token")]),
            Refused::RedirectUri
        );
    }
    assert_eq!(on_page(&[("client_id", "other")]), Refused::Client);
    assert_eq!(on_page(&[("client_id", "")]), Refused::Client);
}

#[test]
fn a_parameter_sent_twice_is_refused() {
    assert_eq!(
        on_page(&[
            ("redirect_uri", "https://app.example/done"),
            ("redirect_uri", "https://app.example/done")
        ]),
        Refused::Parameters(InvalidParameters::Repeated("redirect_uri"))
    );
    assert_eq!(
        refused(&[("scope", "openid"), ("scope", "profile")]),
        Refused::Parameters(InvalidParameters::Repeated("scope"))
    );
}

#[test]
fn only_codes_are_given_and_only_in_ways_that_are_known() {
    assert_eq!(
        refused(&[("response_type", "token")]),
        Refused::ResponseType
    );
    assert_eq!(
        refused(&[("response_type", "code id_token")]),
        Refused::ResponseType
    );
    assert_eq!(refused(&[("response_type", "")]), Refused::NoResponseType);
    assert_eq!(
        refused(&[("response_mode", "web_message")]),
        Refused::ResponseMode
    );
}

#[test]
fn pkce_cannot_be_left_out_or_weakened() {
    assert_eq!(
        refused(&[("code_challenge", "")]),
        Refused::Challenge(InvalidChallenge::Missing)
    );
    for method in ["plain", "", "s256"] {
        assert_eq!(
            refused(&[("code_challenge_method", method)]),
            Refused::Challenge(InvalidChallenge::Method)
        );
    }
}

#[test]
fn a_resource_must_be_known_and_the_clients_own() {
    assert_eq!(refused(&[("resource", "urn:nobody")]), Refused::Resource);
    assert_eq!(
        refused(&[("resource", "urn:other")]),
        Refused::ResourceOfOthers
    );
    assert_eq!(parse(&[("resource", "")]).unwrap().resource, USERINFO);
}

#[test]
fn a_scope_may_name_the_resource() {
    let scope = format!("openid {DRS}/.default");
    let request = parse(&[("resource", ""), ("scope", &scope)]).unwrap();
    assert_eq!(
        (request.resource.as_str(), request.scopes.openid),
        (DRS, true)
    );
    assert_eq!(parse(&[("scope", &scope)]).unwrap().resource, DRS);
    assert_eq!(
        refused(&[("resource", USERINFO), ("scope", &scope)]),
        Refused::Resource
    );
}

#[test]
fn prompts_and_ages_are_understood_or_refused() {
    assert_eq!(
        parse(&[("prompt", "none")]).unwrap().prompt,
        Prompt::Nothing
    );
    assert_eq!(
        parse(&[("prompt", "login consent")]).unwrap().prompt,
        Prompt::SignInAgain
    );
    for prompt in ["none login", "login none", "whatever"] {
        assert_eq!(refused(&[("prompt", prompt)]), Refused::Prompt, "{prompt}");
    }
    for age in ["-1", "1.5", "soon", "99999999999"] {
        assert_eq!(refused(&[("max_age", age)]), Refused::MaxAge, "{age}");
    }
}

#[test]
fn request_objects_and_long_values_are_refused() {
    assert_eq!(refused(&[("request", "eyJ")]), Refused::RequestObject);
    assert_eq!(
        refused(&[("request_uri", "https://app.example/r")]),
        Refused::RequestUri
    );
    assert_eq!(refused(&[("nonce", &"n".repeat(513))]), Refused::TooLong);
    assert_eq!(on_page(&[("state", &"s".repeat(4097))]), Refused::TooLong);
}

#[test]
fn a_second_factor_is_asked_for_in_either_parameter() {
    let wanted = |name: &str, value: &str| parse(&[(name, value)]).unwrap().second_factor;
    assert_eq!(wanted("acr_values", MULTIPLE_AUTHN), Wanted::SecondFactor);
    assert_eq!(wanted("amr_values", "pwd,mfa"), Wanted::SecondFactor);
    assert_eq!(wanted("acr_values", "ngcmfa"), Wanted::FreshSecondFactor);
    assert_eq!(wanted("acr_values", "something else"), Wanted::Unasked);
}

#[test]
fn somebody_who_signed_in_too_long_ago_signs_in_again() {
    let now = Timestamp::from_unix(1_800_000_000);
    let request = parse(&[("max_age", "60")]).unwrap();
    assert!(!request.is_too_old(now - Span::seconds(60), now));
    assert!(request.is_too_old(now - Span::seconds(61), now));
    assert!(
        request.is_too_old(now + Span::seconds(1), now),
        "a session of the future"
    );
    assert!(parse(&[("prompt", "login")]).unwrap().is_too_old(now, now));
    assert!(!parse(&[]).unwrap().is_too_old(now - Span::days(1), now));
}

#[test]
fn answers_carry_state_and_issuer() {
    let answer = parse(&[("state", "s")]).unwrap().answer;
    let issuer = "https://sts.corp.example/adfs";
    assert_eq!(
        answer.redirect.with(&answer.success("c", issuer)),
        "https://app.example/done?code=c&iss=https%3A%2F%2Fsts.corp.example%2Fadfs&state=s"
    );
    assert!(
        answer
            .error(Code::AccessDenied, issuer)
            .contains(&("error", "access_denied"))
    );
}

#[test]
fn a_broker_may_do_without_pkce_and_is_held_to_it_where_it_uses_it() {
    let without = [
        ("client_id", "broker"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    let request = parse(&without).unwrap();
    assert_eq!(request.challenge, None);
    let again = request
        .parameters()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let again = AuthorizeRequest::parse(&Parameters::new(again).unwrap(), &catalogue(), &id_token);
    assert_eq!(again.unwrap(), request);
    assert!(
        parse(&[("client_id", "broker")])
            .unwrap()
            .challenge
            .is_some()
    );
    assert_eq!(
        refused(&[("client_id", "broker"), ("code_challenge_method", "plain")]),
        Refused::Challenge(InvalidChallenge::Method)
    );
    assert_eq!(
        refused(&[("code_challenge", "")]),
        Refused::Challenge(InvalidChallenge::Missing)
    );
}

#[test]
fn the_token_is_for_the_name_by_which_the_resource_was_asked_for() {
    let request = parse(&[("resource", "01CB2876-7ebd-4aa4-9cc9-d28bd4d359a9")]).unwrap();
    assert_eq!(request.resource, "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9");
    let both = parse(&[(
        "scope",
        "openid 01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9/.default",
    )])
    .unwrap();
    assert_eq!(both.resource, "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9");
}

#[test]
fn an_answer_may_go_into_the_fragment() {
    let request = parse(&[("response_mode", "fragment")]).unwrap();
    assert_eq!(request.answer.mode, ResponseMode::Fragment);
    assert_eq!(
        request.answer.redirect.with_fragment(&[("code", "a b")]),
        "https://app.example/done#code=a%20b"
    );
}

#[test]
fn who_comes_by_tokens_in_another_way_gets_no_code() {
    assert_eq!(refused(&[("client_id", "daemon")]), Refused::NotThisClient);
}

#[test]
fn an_id_token_says_whom_the_client_means_and_only_its_own() {
    let request = parse(&[("id_token_hint", "for-app"), ("login_hint", "bob")]).unwrap();
    assert!(request.is_for(ALICE) && !request.is_for(Guid::NIL));
    assert_eq!(request.suggested_name(), Some("alice@corp.example"));
    let signed_in = request.of_who_signed_in();
    assert!(!signed_in.is_for(Guid::NIL), "nor when it is made again");
    assert!(parse(&[]).unwrap().is_for(Guid::NIL));
    assert_eq!(
        refused(&[("id_token_hint", "for-broker")]),
        Refused::Hint(BadHint::OfAnotherClient)
    );
    assert_eq!(
        refused(&[("id_token_hint", "forged")]),
        Refused::Hint(BadHint::NotAccepted(NotAccepted::Signature))
    );
    let long = format!("for-{}", "x".repeat(4096));
    assert_eq!(refused(&[("id_token_hint", &long)]), Refused::TooLong);
}

#[test]
fn where_any_program_may_listen_a_public_client_uses_pkce() {
    for at in [
        "http://127.0.0.1:4711/",
        "http://[::1]/",
        "http://127.0.0.1/",
    ] {
        let without = [
            ("client_id", "broker"),
            ("redirect_uri", at),
            ("code_challenge", ""),
            ("code_challenge_method", ""),
        ];
        assert_eq!(
            refused(&without),
            Refused::Challenge(InvalidChallenge::Missing),
            "{at}"
        );
        assert!(parse(&[("client_id", "broker"), ("redirect_uri", at)]).is_ok());
    }
}
