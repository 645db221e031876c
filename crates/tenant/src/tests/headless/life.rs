//! A whole life, in the order in which a known client asks: sign-in without a browser, join, primary refresh token, Hello key,
//! primary refresh token by that key; and its end.

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use serde_json::{Value, json};
use trust::Span;
use wire::http::{Method, Request, Response};

use super::client::{BROKER, Client, config_of};
use crate::tests::prt::client::{Laptop, Prt, header_of, opened, signed, under};
use crate::tests::registration::{Keys, ask, by_device, join, register};
use crate::tests::world::{Device, PASSWORD, World, claims, json as body, text};

const BROKER_REDIRECT: &str = "msauth://Microsoft.AAD.BrokerPlugin";

/// Signs in without a browser, with both factors: what the tokens' answer says.
fn signed_in(world: &mut World) -> Value {
    let mut client = Client::of(&world.upn("alice"));
    let first = client.begin(world);
    client.credential_type(world, &first);
    let page = client.password(world, &first, PASSWORD).page();
    let begun = client.begin_auth(world, &page);
    let code = world.totp();
    let ended = client.end_auth(world, &page, &begun, &code);
    let code = client.process(world, &page, &ended).code();
    client.redeem(world, &code)
}

/// A token for registration by the refresh token of the sign-in.
fn registration_token(world: &mut World, refresh_token: &str) -> String {
    let path = world.path("oauth2/v2.0/token");
    let service = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";
    let scope = format!("openid profile offline_access {service}/.default");
    let fields = [
        ("client_id", BROKER),
        ("scope", &scope),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_info", "1"),
    ];
    let response = world.send(Request::post_form(&path, fields));
    assert_eq!(
        response.status,
        200,
        "{} {:?}",
        text(&response),
        world.refused
    );
    body(&response)["access_token"].as_str().unwrap().to_owned()
}

/// Joins the device that has these keys.
fn joined(world: &mut World, token: &str, keys: Keys) -> Device {
    let answer = body(&join(world, token, &keys.body()));
    let raw = answer["Certificate"]["RawBody"].as_str().unwrap();
    let certificate = Base64::decode_vec(raw).unwrap();
    let thumbprint = crypto::digest::sha1(&certificate);
    let device = world.read(|snapshot| snapshot.device_by_certificate(&thumbprint));
    let device = device.unwrap().unwrap();
    Device {
        entry: device.id,
        id: device.device_id,
        key: keys.device,
        transport: keys.transport,
        certificate,
    }
}

/// A primary refresh token by the refresh token of the sign-in.
fn prt(world: &mut World, device: &Device, refresh_token: &str) -> Prt {
    let nonce = world.nonce();
    let request = json!({
        "client_id": BROKER, "request_nonce": nonce, "scope": "openid aza ugs", "win_ver": "12",
        "grant_type": "refresh_token", "refresh_token": refresh_token,
    });
    let response = world.post(&signed(&device.key, &header_of(device), &request));
    assert_eq!(
        response.status,
        200,
        "{} {:?}",
        text(&response),
        world.refused
    );
    opened(device, body(&response))
}

/// Asks the authorization endpoint with the primary refresh token, for a token that registers a key.
fn authorize(world: &mut World, device: &Device, prt: &Prt, resource: &str) -> Response {
    let nonce = world.nonce();
    let credential = under(
        &prt.session_key,
        &[7; 32],
        false,
        &json!({
            "refresh_token": prt.text, "request_nonce": nonce, "ua_client_id": null,
            "ua_redirect_uri": null, "x_client_platform": null, "win_ver": "12",
            "windows_api_version": "2.0.1",
        }),
    );
    let of_device = signed(
        &device.key,
        &header_of(device),
        &json!({
            "grant_type": "device_auth", "iss": "aad:brokerplugin", "request_nonce": nonce,
            "ua_client_id": null, "ua_redirect_uri": null, "x_client_platform": null,
            "win_ver": "12", "windows_api_version": "2.0.1",
        }),
    );
    let query = wire::http::write_query([
        ("client_id", BROKER),
        ("response_type", "code"),
        ("redirect_uri", BROKER_REDIRECT),
        ("client-request-id", "0b7a7a2c-4b55-4c5e-9d5f-0f6a4d9d2a11"),
        ("resource", resource),
        ("amr_values", "ngcmfa"),
    ]);
    let target = format!("{}?{query}", world.path("oauth2/authorize"));
    let request = Request::get(&target)
        .with_header("User-Agent", "")
        .with_header("x-ms-RefreshTokenCredential", &credential)
        .with_header("x-ms-DeviceCredential", &of_device);
    world.send(request)
}

/// The code in the first link of a redirect's body, decoded twice as the client does.
fn code_in(response: &Response) -> String {
    assert_eq!(response.status, 302, "{}", text(response));
    let document = text(response);
    let link = document.split("<a href=\"").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let link = wire::http::percent_decode(&link);
    let (address, query) = link.split_once('?').unwrap();
    assert_eq!(address, BROKER_REDIRECT);
    let query = wire::http::Fields::parse(query.as_bytes()).unwrap();
    query.get("code").unwrap()
}

fn key_token(world: &mut World, code: &str, resource: &str) -> String {
    let response = world.token(&[
        ("client_id", BROKER),
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BROKER_REDIRECT),
        ("client-request-id", "0b7a7a2c-4b55-4c5e-9d5f-0f6a4d9d2a11"),
        ("resource", resource),
    ]);
    assert_eq!(
        response.status,
        200,
        "{} {:?}",
        text(&response),
        world.refused
    );
    body(&response)["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_laptop_signs_in_joins_and_gets_a_key_in_the_order_of_a_known_client() {
    let mut world = World::new();
    let tokens = signed_in(&mut world);
    let refresh_token = tokens["refresh_token"].as_str().unwrap().to_owned();
    let token = registration_token(&mut world, &refresh_token);
    let id = world.id();
    let discovered = ask(
        &mut world,
        Request::get(&format!("/{id}/Discover?api-version=1.9&managed=True")),
    );
    let service = body(&discovered)["KeyProvisioningService"]["KeyProvisionResourceId"]
        .as_str()
        .unwrap()
        .to_owned();
    let device = joined(&mut world, &token, Keys::new());
    // The same refresh token again.
    let first = prt(&mut world, &device, &refresh_token);

    let answered = authorize(&mut world, &device, &first, &service);
    let token = key_token(&mut world, &code_in(&answered), &service);
    let said = claims(&token);
    assert_eq!(said["deviceid"], device.id.to_string());
    assert!(
        said["amr"].as_array().unwrap().contains(&json!("ngcmfa")),
        "{said}"
    );
    let hello = PrivateKey::generate(KeyKind::Rsa2048);
    let registered = register(&mut world, &token, &hello);
    assert_eq!(registered.status, 200, "{:?}", world.refused);

    let owner = world.upn("alice");
    let laptop = Laptop {
        device,
        hello,
        owner,
    };
    let second = world.prt(&laptop);
    assert_eq!(world.number_of(&second), 0);

    // Eleven minutes after the second factor no key is registered, and the client is told what is missing.
    world.advance(Span::minutes(11));
    let answered = authorize(&mut world, &laptop.device, &first, &service);
    assert_eq!(answered.status, 200);
    let page = config_of(&text(&answered)).unwrap();
    assert_eq!(page.pgid.as_deref(), Some("ConvergedTFA"));
    assert_eq!((page.sErrorCode, page.iErrorCode), (None, None));

    // The device ends itself, and everything that it had with it.
    let target = format!(
        "/EnrollmentServer/device/{}?api-version=1.0",
        laptop.device.id
    );
    let ended = by_device(Method::Delete, &target, &laptop.device);
    assert_eq!(ask(&mut world, ended).status, 200);
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
    for token in [&first, &second] {
        assert_eq!(world.number_of(token), 50155);
    }
    let answered = authorize(&mut world, &laptop.device, &first, &service);
    assert_eq!(answered.status, 200, "known clients lose everything else");
    let page = config_of(&text(&answered)).unwrap();
    assert_eq!(page.sErrorCode.as_deref(), Some("50155"));
}

#[test]
fn a_device_that_is_set_up_anew_ends_what_it_was() {
    let mut world = World::new();
    let tokens = signed_in(&mut world);
    let refresh_token = tokens["refresh_token"].as_str().unwrap().to_owned();
    let token = registration_token(&mut world, &refresh_token);
    let former = joined(&mut world, &token, Keys::new());
    let before = prt(&mut world, &former, &refresh_token);
    assert_eq!(world.number_of(&before), 0);
    let token = registration_token(&mut world, &refresh_token);
    let again = joined(&mut world, &token, Keys::new());
    assert_eq!(again.id, former.id);
    assert_eq!(world.number_of(&before), 50155);
    let after = prt(&mut world, &again, &refresh_token);
    assert_eq!(world.number_of(&after), 0);
}
