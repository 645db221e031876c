//! Sign-in in a browser and in a broker by the device's primary refresh token (protocols A.11).

use base64ct::{Base64, Encoding};
use crypto::key::KeyKind;
use directory::change;
use serde_json::{Value, json};
use token::factor::SecondFactors;
use trust::Span;
use wire::http::{Request, Response, percent_decode};

use super::client::{BROKER, Laptop, Prt, header_of, opened, signed, under};
use crate::tests::oauth::{Browser, of_broker, redeem_broker};
use crate::tests::world::{PASSWORD, World, claims, json, text};

const REDIRECT: &str = "msauth://Microsoft.AAD.BrokerPlugin";

/// What a request to sign in asks for.
#[derive(Clone)]
struct Wish {
    resource: &'static str,
    more: &'static str,
}

const GRAPH: Wish = Wish {
    resource: "https://graph.microsoft.com",
    more: "",
};

/// For the registration of a key: a fresh second factor.
const FRESH: Wish = Wish {
    resource: "urn:ms-drs:drs.corp.example",
    more: "&amr_values=ngcmfa",
};

fn request(world: &World, wish: &Wish) -> Request {
    let redirect = "msauth%3A%2F%2FMicrosoft.AAD.BrokerPlugin";
    Request::get(&world.path(&format!(
        "oauth2/authorize?client_id={BROKER}&response_type=code&redirect_uri={redirect}&resource={}{}",
        wish.resource.replace(':', "%3A").replace('/', "%2F"),
        wish.more,
    )))
}

/// The token in the header or the cookie.
fn credential(prt: &Prt, nonce: &str) -> String {
    let claims = json!({
        "refresh_token": prt.text, "request_nonce": nonce, "ua_client_id": null, "ua_redirect_uri": null,
        "x_client_platform": null, "win_ver": "12", "windows_api_version": "2.0.1",
    });
    under(&prt.session_key, &[8; 32], false, &claims)
}

fn device_credential(laptop: &Laptop, nonce: &str) -> String {
    let claims = json!({
        "grant_type": "device_auth", "iss": "aad:brokerplugin", "request_nonce": nonce, "ua_client_id": null,
        "windows_api_version": "2.0.1",
    });
    signed(&laptop.device.key, &header_of(&laptop.device), &claims)
}

impl World {
    /// What a broker sends: both headers over one nonce.
    fn as_broker(&mut self, laptop: &Laptop, prt: &Prt, wish: &Wish) -> Response {
        let nonce = self.nonce();
        let request = request(self, wish)
            .with_header("x-ms-RefreshTokenCredential", &credential(prt, &nonce))
            .with_header("x-ms-DeviceCredential", &device_credential(laptop, &nonce));
        self.send(request)
    }

    /// What a browser sends, which has this cookie of ours, too.
    fn as_browser(&mut self, token: &str, own: Option<&str>, wish: &Wish) -> Response {
        let mut cookies = format!("x-ms-RefreshTokenCredential={token}");
        if let Some(own) = own {
            cookies = format!("{cookies}; {own}");
        }
        let request = request(self, wish).with_header("Cookie", &cookies);
        self.send(request)
    }

    fn redeem(&mut self, code: &str) -> Value {
        let answer = self.token(&[
            ("client_id", BROKER),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
        ]);
        assert_eq!(answer.status, 200, "{}", text(&answer));
        json(&answer)
    }
}

/// The code, where known clients look for it: in the first link of the body.
fn code_in(answer: &Response) -> String {
    assert_eq!(answer.status, 302, "{}", text(answer));
    let body = text(answer);
    assert_eq!(body.matches("<a ").count(), 1);
    let link = body.split("<a href=\"").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(answer.headers.get("Location"), Some(link.as_str()));
    assert!(link.starts_with(REDIRECT));
    // They decode the whole address before they take it apart.
    let link = percent_decode(&link);
    let code = link.split("code=").nth(1).unwrap();
    code.split('&').next().unwrap().to_owned()
}

/// The cookie of ours that an answer gives, as it is sent back.
fn cookie(answer: &Response) -> Option<String> {
    let set = answer.headers.get("Set-Cookie")?;
    Some(set.split(';').next().unwrap().to_owned())
}

/// The number of a refusal on a page of the protocol for programs.
fn config_number(answer: &Response) -> Option<u64> {
    assert_eq!(answer.status, 200);
    let page = text(answer);
    let config = page.split("$Config=").nth(1)?;
    let config = config.rsplit_once("//]]>")?.0;
    let config = config[..config.len() - 2].to_owned();
    let config: Value = serde_json::from_str(&config).unwrap();
    Some(match config["sErrorCode"].as_str() {
        Some(number) => number.parse().unwrap(),
        None => {
            assert_eq!(config["pgid"], "ConvergedTFA");
            0
        }
    })
}

#[test]
fn the_two_headers_of_one_request_may_share_a_nonce() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::Rsa2048);
    let prt = world.prt(&laptop);
    let answer = world.as_broker(&laptop, &prt, &GRAPH);
    let tokens = world.redeem(&code_in(&answer));
    let token = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(token["deviceid"], laptop.device.id.to_string());
    assert_eq!(token["upn"], "alice@corp.example");
    assert!(token["amr"].as_array().unwrap().contains(&json!("mfa")));
    let told = world.audit("token.authorize").unwrap();
    assert_eq!(told.target_name.as_deref(), Some("alice@corp.example"));
    assert_eq!(told.device, Some(laptop.device.id));
    assert_eq!(told.details["switch"], "oauth.kdf_v1_allowed");
}

#[test]
fn a_prt_cookie_serves_one_browser_and_no_other() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let nonce = world.nonce();
    let token = credential(&prt, &nonce);
    let first = world.as_browser(&token, None, &GRAPH);
    code_in(&first);
    let own = cookie(&first).unwrap();
    // In the same browser, again and again, also when the nonce alone would be too old.
    for minutes in [0, 1, 30, 400] {
        world.advance(Span::minutes(minutes));
        code_in(&world.as_browser(&token, Some(&own), &GRAPH));
    }
    // Elsewhere it opens nothing but the page that everybody gets.
    let stranger = own.replace(&own[own.len() - 4..], "AAAA");
    for other in [None, Some(stranger.as_str())] {
        let answer = world.as_browser(&token, other, &GRAPH);
        assert_eq!(answer.status, 200);
        assert!(
            text(&answer).contains("type=\"password\""),
            "{}",
            text(&answer)
        );
        assert!(world.refused.last().unwrap().contains("used before"));
    }
    world.advance(Span::minutes(60));
    let answer = world.as_browser(&token, Some(&own), &GRAPH);
    assert!(
        answer
            .headers
            .get("Location")
            .unwrap()
            .contains("sso_nonce=")
    );
}

#[test]
fn an_iat_only_cookie_gets_a_nonce_first() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let claims = json!({"refresh_token": prt.text, "is_primary": "true", "iat": world.now.unix()});
    let token = under(&prt.session_key, &[8; 24], true, &claims);
    let answer = world.as_browser(&token, None, &GRAPH);
    assert_eq!(answer.status, 302);
    let location = answer.headers.get("Location").unwrap().to_owned();
    let asked = request(&world, &GRAPH).target();
    let (again, nonce) = location.split_once("&sso_nonce=").unwrap();
    assert_eq!(again, format!("https://login.corp.example{asked}"));
    let with_nonce = credential(&prt, nonce);
    let target = location.strip_prefix("https://login.corp.example").unwrap();
    let once_more = Request::get(target).with_header(
        "Cookie",
        &format!("x-ms-RefreshTokenCredential={with_nonce}"),
    );
    code_in(&world.send(once_more));
    // Who comes back without it gets a page, and no second round.
    let without =
        Request::get(target).with_header("Cookie", &format!("x-ms-RefreshTokenCredential={token}"));
    assert_eq!(world.send(without).status, 200);

    world.set(|settings| settings.legacy_iat_cookie = true);
    code_in(&world.as_browser(&token, None, &GRAPH));
    world.advance(Span::minutes(6));
    let claims = json!({"refresh_token": prt.text, "iat": world.now.unix() - 301});
    let token = under(&prt.session_key, &[8; 24], true, &claims);
    let answer = world.as_browser(&token, None, &GRAPH);
    let location = answer.headers.get("Location").unwrap();
    assert!(location.contains("sso_nonce="), "{location}");
}

#[test]
fn a_fresh_second_factor_comes_of_a_hello_key_only_where_the_tenant_says_so() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let answer = world.as_broker(&laptop, &prt, &FRESH);
    assert_eq!(config_number(&answer), Some(0));
    world.set(|settings| settings.hello_is_fresh_mfa = true);
    // What was got before was not meant so.
    let answer = world.as_broker(&laptop, &prt, &FRESH);
    assert_eq!(config_number(&answer), Some(0));
    let prt = world.prt(&laptop);
    world.advance(Span::minutes(9));
    let answer = world.as_broker(&laptop, &prt, &FRESH);
    let tokens = world.redeem(&code_in(&answer));
    let token = claims(tokens["access_token"].as_str().unwrap());
    assert!(token["amr"].as_array().unwrap().contains(&json!("ngcmfa")));
    // A renewal makes it no younger.
    let prt = world.renew(&prt);
    world.advance(Span::minutes(2));
    let answer = world.as_broker(&laptop, &prt, &FRESH);
    assert_eq!(config_number(&answer), Some(0));
}

#[test]
fn a_broker_reads_refusals_from_a_page() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let other = world.laptop_of("bob", KeyKind::P256);
    let prt = world.prt(&laptop);
    // The token of one device with the proof of another.
    let answer = world.as_broker(&other, &prt, &GRAPH);
    assert_eq!(config_number(&answer), Some(50155));
    world.commit([change::set_device_enabled(laptop.device.entry, false)]);
    let answer = world.as_broker(&laptop, &prt, &GRAPH);
    assert_eq!(config_number(&answer), Some(135_011));
    let bobs = world.prt(&other);
    let bob = world.account("bob");
    world.commit([change::disable(bob.id, bob.control)]);
    let answer = world.as_broker(&other, &bobs, &GRAPH);
    assert_eq!(config_number(&answer), Some(50057));
    assert_ne!(config_number(&answer), Some(16000));
}

#[test]
fn a_token_of_another_tenant_or_another_key_signs_nobody_in() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let nonce = world.nonce();
    let forged = Prt {
        text: prt.text.clone(),
        session_key: [1; 32],
        answer: Value::Null,
    };
    for token in [
        credential(&forged, &nonce),
        "x".into(),
        "x".repeat(20_000),
        "a.b.c".into(),
    ] {
        let answer = world.as_browser(&token, None, &GRAPH);
        assert_eq!(answer.status, 200);
        assert!(
            text(&answer).contains("type=\"password\""),
            "{}",
            text(&answer)
        );
    }
    world.at = 1;
    let nonce = world.nonce();
    let answer = world.as_browser(&credential(&prt, &nonce), None, &GRAPH);
    assert_eq!(answer.status, 200);
    assert!(world.refused.last().unwrap().contains("unknown"));
}

#[test]
fn a_hint_of_somebody_else_leads_to_the_pages() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let mut token = |more: &'static str| {
        let nonce = world.nonce();
        let wish = Wish { more, ..GRAPH };
        world.as_browser(&credential(&prt, &nonce), None, &wish)
    };
    code_in(&token("&login_hint=Alice%40corp.example"));
    assert_eq!(token("&login_hint=bob%40corp.example").status, 200);
    // Who wants to be asked anew is asked.
    assert_eq!(token("&prompt=login").status, 200);
    let answer = token("&prompt=none");
    code_in(&answer);
    let answer = token("&prompt=none&amr_values=ngcmfa");
    let location = answer.headers.get("Location").unwrap();
    assert!(
        location.contains("error=interaction_required"),
        "{location}"
    );
}

#[test]
fn a_broker_that_wants_no_page_or_the_pages_says_so() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let silently = Wish {
        more: "&prompt=none",
        ..GRAPH
    };
    code_in(&world.as_broker(&laptop, &prt, &silently));
    let anew = Wish {
        more: "&prompt=login&amr_values=ngcmfa",
        ..FRESH
    };
    let answer = world.as_broker(&laptop, &prt, &anew);
    assert!(
        text(&answer).contains("type=\"password\""),
        "{}",
        text(&answer)
    );
    world.commit([change::set_device_enabled(laptop.device.entry, false)]);
    let answer = world.as_broker(&laptop, &prt, &silently);
    let location = answer.headers.get("Location").unwrap();
    assert!(location.starts_with(REDIRECT) && location.contains("error=access_denied"));
    assert!(location.contains("AADSTS135011"), "{location}");
    // Of a token that is over, a new sign-in makes another.
    world.commit([change::set_device_enabled(laptop.device.entry, true)]);
    let prt = world.prt(&laptop);
    world.advance(Span::days(14));
    let answer = world.as_broker(&laptop, &prt, &silently);
    let location = answer.headers.get("Location").unwrap();
    assert!(location.contains("error=login_required"), "{location}");
}

/// Known clients write the context in standard base64, and the certificate as text.
#[test]
fn the_devices_proof_is_read_in_both_forms() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let nonce = world.nonce();
    let mut header = header_of(&laptop.device);
    let certificate = Base64::encode_string(&laptop.device.certificate);
    header.insert("x5c".into(), certificate.into());
    let claims = json!({"grant_type": "device_auth", "request_nonce": nonce});
    let device = signed(&laptop.device.key, &header, &claims);
    let with = |device: &str| {
        request(&world, &GRAPH)
            .with_header("x-ms-RefreshTokenCredential", &credential(&prt, &nonce))
            .with_header("x-ms-DeviceCredential", device)
    };
    let (good, bad) = (with(&device), with("a.b.c"));
    code_in(&world.send(good));
    assert_eq!(config_number(&world.send(bad)), Some(90_009));
    // A request for a primary refresh token is no proof of this kind.
    let nonce = world.nonce();
    let claims = json!({"grant_type": "refresh_token", "request_nonce": nonce});
    let wrong = signed(&laptop.device.key, &header_of(&laptop.device), &claims);
    let wrong = request(&world, &GRAPH)
        .with_header("x-ms-RefreshTokenCredential", &credential(&prt, &nonce))
        .with_header("x-ms-DeviceCredential", &wrong);
    assert_eq!(config_number(&world.send(wrong)), Some(70_003));
}

/// A refresh token of somebody who has signed in on our pages with both factors, as a broker has it.
fn after_both_factors(world: &mut World) -> String {
    let mut browser = Browser::default();
    let target = of_broker(world, &[("amr_values", "ngcmfa"), ("prompt", "login")]);
    let code = browser.sign_in(world, "alice", &target);
    let answer = redeem_broker(world, &code, &[]);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    json(&answer)["refresh_token"].as_str().unwrap().to_owned()
}

impl World {
    fn prt_by(&mut self, laptop: &Laptop, refresh_token: &str) -> Prt {
        let nonce = self.nonce();
        let claims = json!({
            "client_id": BROKER, "request_nonce": nonce, "scope": "openid aza ugs", "win_ver": null,
            "grant_type": "refresh_token", "refresh_token": refresh_token,
        });
        let request = signed(&laptop.device.key, &header_of(&laptop.device), &claims);
        let answer = self.post(&request);
        assert_eq!(answer.status, 200, "{}", text(&answer));
        opened(&laptop.device, json(&answer))
    }
}

/// A second factor is inherited from the pages by the refresh token, by the device's token, by the token that a key is
/// registered with, and counts from when it was proven: known clients have no way to prove it anew in between.
#[test]
fn a_second_factor_of_the_pages_registers_a_key_for_ten_minutes() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let refresh_token = after_both_factors(&mut world);
    world.advance(Span::minutes(5));
    let prt = world.prt_by(&laptop, &refresh_token);
    world.advance(Span::minutes(4));
    let answer = world.as_broker(&laptop, &prt, &FRESH);
    let tokens = world.redeem(&code_in(&answer));
    let token = claims(tokens["access_token"].as_str().unwrap());
    let amr = token["amr"].as_array().unwrap();
    assert!(
        amr.contains(&json!("ngcmfa")) && amr.contains(&json!("pwd")),
        "{amr:?}"
    );
    assert_eq!(token["deviceid"], laptop.device.id.to_string());
    world.advance(Span::minutes(2));
    let answer = world.as_broker(&laptop, &prt, &FRESH);
    assert_eq!(config_number(&answer), Some(0));
    // What asks for no fresh one is content.
    code_in(&world.as_broker(&laptop, &prt, &GRAPH));
}

#[test]
fn a_prt_by_a_second_factor_dies_with_it() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let refresh_token = after_both_factors(&mut world);
    let prt = world.prt_by(&laptop, &refresh_token);
    assert_eq!(world.number_of(&prt), 0);
    world.advance(Span::seconds(1));
    let alice = world.account("alice").id;
    let forgotten = SecondFactors::forgotten(world.now);
    world.set_second_factors(alice, &forgotten);
    assert_eq!(world.number_of(&prt), 50173);
    let answer = world.as_broker(&laptop, &prt, &GRAPH);
    assert_eq!(config_number(&answer), Some(50173));
}

/// Somebody signs in on the pages, on a device that shows whose it is with each form: the token names the device.
#[test]
fn a_sign_in_on_the_pages_is_on_the_device_that_shows_itself() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let nonce = world.nonce();
    let token = credential(&prt, &nonce);
    let target = of_broker(&world, &[("amr_values", "ngcmfa"), ("prompt", "login")]);
    let shows = |request: Request| request.with_header("x-ms-RefreshTokenCredential", &token);
    let mut browser = Browser::default();
    browser.send(&mut world, shows(Request::get(&target)));
    let name = world.upn("alice");
    let fields = [("UserName", name.as_str()), ("Password", PASSWORD)];
    let request = shows(browser.filled(&world, "password", &fields));
    browser.send(&mut world, request);
    let code = world.totp();
    let request = shows(browser.filled(&world, "totp", &[("VerificationCode", &code)]));
    browser.send(&mut world, request);
    let code = browser.sent("code").unwrap();
    let tokens = world.redeem(&code);
    let token = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(token["deviceid"], laptop.device.id.to_string());
    // Without it, on none.
    let target = of_broker(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let tokens = world.redeem(&code);
    let token = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(token.get("deviceid"), None);
}

/// What was sent to the token endpoint once serves no browser, and the other way round (protocols A.6).
#[test]
fn what_a_session_key_signed_for_one_thing_serves_no_other() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let claims = world.renewal(&prt);
    let renewal = under(&prt.session_key, &[8; 32], true, &claims);
    assert_eq!(world.post(&renewal).status, 200);
    let answer = world.as_browser(&renewal, None, &GRAPH);
    assert_eq!(answer.status, 200);
    assert!(text(&answer).contains("type=\"password\""));
    assert!(world.refused.last().unwrap().contains("used before"));

    let nonce = world.nonce();
    let mut claims = claims;
    claims["request_nonce"] = nonce.into();
    let renewal = under(&prt.session_key, &[8; 32], true, &claims);
    let first = world.as_browser(&renewal, None, &GRAPH);
    code_in(&first);
    let answer = world.post(&renewal);
    assert_eq!(answer.status, 400);
    assert!(world.refused.last().unwrap().contains("used before"));
    // The browser that has shown it goes on with it.
    let own = cookie(&first);
    code_in(&world.as_browser(&renewal, own.as_deref(), &GRAPH));
}

#[test]
fn a_token_that_is_longer_than_any_is_not_looked_at() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    for (length, good) in [(8_000, true), (13_000, false)] {
        let nonce = world.nonce();
        let claims = json!({
            "refresh_token": prt.text, "request_nonce": nonce, "win_ver": "1".repeat(length),
        });
        let token = under(&prt.session_key, &[8; 24], true, &claims);
        assert_eq!(token.len() < 16 * 1024, good);
        let answer = world.as_browser(&token, None, &GRAPH);
        match good {
            true => assert!(!code_in(&answer).is_empty()),
            false => assert!(text(&answer).contains("type=\"password\"")),
        }
    }
}
