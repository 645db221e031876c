//! Primary refresh tokens by a password and by a refresh token, and what they are good for at the token endpoint.

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use serde_json::{Map, Value, json};
use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::Span;
use wire::http::{Request, Response};

use super::client::{BROKER, Laptop, Prt, SIGN_IN, decrypted, header_of, opened, signed};
use crate::tests::world::{NOTES, PASSWORD, TOTP, WIKI, World, claims, code, json, text};

impl World {
    /// A request of this device with these claims, a nonce and what is common to all.
    fn by_device(&mut self, laptop: &Laptop, more: Value) -> Response {
        let mut claims = Map::new();
        let nonce = self.nonce();
        for (name, value) in [
            ("client_id", json!(BROKER)),
            ("scope", json!("openid aza ugs")),
            ("win_ver", Value::Null),
            ("request_nonce", json!(nonce)),
        ] {
            claims.insert(name.into(), value);
        }
        claims.extend(more.as_object().unwrap().clone());
        let header = header_of(&laptop.device);
        let token = signed(&laptop.device.key, &header, &Value::Object(claims));
        self.post(&token)
    }

    fn by_password(&mut self, laptop: &Laptop, name: &str, password: &str) -> Response {
        let more = json!({
            "client_id": SIGN_IN, "grant_type": "password", "username": name, "password": password,
        });
        self.by_device(laptop, more)
    }

    fn by_refresh_token(&mut self, laptop: &Laptop, token: &str) -> Response {
        let more = json!({"grant_type": "refresh_token", "refresh_token": token});
        self.by_device(laptop, more)
    }

    /// An access token for a primary refresh token.
    fn access(&mut self, prt: &Prt, version: &str, more: Value) -> Response {
        let nonce = self.nonce();
        let mut claims = json!({
            "win_ver": "12", "scope": "openid", "request_nonce": nonce, "refresh_token": prt.text,
            "iss": "aad:brokerplugin", "aud": "login.microsoftonline.com", "grant_type": "refresh_token",
            "client_id": BROKER, "resource": "https://graph.microsoft.com",
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = super::client::under(&prt.session_key, &[3; 32], false, &claims);
        self.token(&[
            ("windows_api_version", version),
            ("grant_type", super::client::JWT_BEARER),
            ("request", &token),
        ])
    }
}

#[test]
fn a_prt_by_password_knows_one_factor() {
    let mut world = World::new();
    let laptop = world.laptop_of("bob", KeyKind::P256);
    let answer = world.by_password(&laptop, "bob@corp.example", PASSWORD);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let prt = opened(&laptop.device, json(&answer));
    let token = claims(prt.answer["id_token"].as_str().unwrap());
    assert_eq!(token["amr"], json!(["pwd"]));
    assert_eq!(token["aud"], SIGN_IN);
    assert_eq!(world.audit("prt.issue").unwrap().details["by"], "password");
    assert_eq!(world.number_of(&prt), 0);
}

/// PRT-5: each way to get one has its own.
#[test]
fn tokens_of_one_kind_do_not_take_the_place_of_anothers() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let by_password = json(&world.by_password(&laptop, "alice@corp.example", PASSWORD));
    let by_password = opened(&laptop.device, by_password);
    let mut by_key = Vec::new();
    for _ in 0..4 {
        world.advance(Span::minutes(1));
        by_key.push(world.prt(&laptop));
    }
    assert_eq!(world.number_of(&by_password), 0);
    assert_eq!(world.number_of(&by_key[3]), 0);
    assert_ne!(world.number_of(&by_key[0]), 0, "of one kind few are kept");
}

#[test]
fn a_wrong_password_gets_no_prt_and_counts() {
    let mut world = World::new();
    let laptop = world.laptop_of("bob", KeyKind::P256);
    for (name, password, number) in [
        ("bob@corp.example", "wrong", 50126),
        ("nobody@corp.example", PASSWORD, 50126),
        ("bob@elsewhere.example", PASSWORD, 50034),
    ] {
        let answer = world.by_password(&laptop, name, password);
        assert_eq!((answer.status, code(&answer)), (400, number), "{name}");
    }
    let bob = world.account("bob");
    world.commit([directory::change::expire_password(bob.id)]);
    let answer = world.by_password(&laptop, "bob@corp.example", PASSWORD);
    assert_eq!(code(&answer), 50055);
    // Who does not know it learns nothing of that.
    let answer = world.by_password(&laptop, "bob@corp.example", "wrong");
    assert_eq!(code(&answer), 50126);
    for _ in 0..25 {
        world.by_password(&laptop, "bob@corp.example", "wrong");
    }
    let answer = world.by_password(&laptop, "bob@corp.example", PASSWORD);
    assert_eq!(code(&answer), 50053);
    let no_password = world.by_device(
        &laptop,
        json!({"grant_type": "password", "username": "bob@corp.example"}),
    );
    assert_eq!(code(&no_password), 90_009);
}

#[test]
fn a_prt_by_password_asks_for_a_second_factor_where_policy_says_so() {
    let mut world = World::new();
    let laptop = world.laptop_of("bob", KeyKind::P256);
    let group = world.read(|snapshot| snapshot.group_by_name("Domain Users").unwrap().unwrap());
    world.set(|settings| settings.phishing_resistant_only = Some(group.id));
    let answer = world.by_password(&laptop, "bob@corp.example", PASSWORD);
    assert_eq!((answer.status, code(&answer)), (400, 50076));
    assert_eq!(json(&answer)["error"], "interaction_required");
    // A Hello key is what is wanted.
    assert_eq!(world.by_hello(&laptop, |_| {}).status, 200);
}

/// PRT-6: and a Hello key's does not, see `life.rs`.
#[test]
fn another_password_ends_a_prt_by_password() {
    let mut world = World::new();
    let laptop = world.laptop_of("bob", KeyKind::P256);
    let answer = world.by_password(&laptop, "bob@corp.example", PASSWORD);
    let prt = opened(&laptop.device, json(&answer));
    assert_eq!(world.number_of(&prt), 0);
    world.advance(Span::seconds(1));
    let bob = world.account("bob").id;
    let change = super::life::new_password(&mut world, "bob");
    world.commit([change]);
    assert_eq!(world.number_of(&prt), 50173);
    world.commit([directory::change::expire_password(bob)]);
    assert_eq!(world.number_of(&prt), 50055);
}

/// A refresh token of a broker, by the password grant that is switched on for it.
fn broker_token(world: &mut World, name: &str) -> String {
    world.set(|settings| settings.ropc_clients = vec![BROKER.parse().unwrap()]);
    let answer = world.token(&[
        ("grant_type", "password"),
        ("client_id", BROKER),
        ("username", name),
        ("password", PASSWORD),
        ("scope", "openid offline_access"),
        ("resource", "https://graph.microsoft.com"),
    ]);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    json(&answer)["refresh_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_refresh_token_of_a_broker_gives_a_prt_that_knows_what_was_proven_for_it() {
    let mut world = World::new();
    let laptop = world.laptop_of("bob", KeyKind::P256);
    let refresh_token = broker_token(&mut world, "bob@corp.example");
    world.advance(Span::minutes(7));
    let signed_in = world.now.unix() - 7 * 60;
    let answer = world.by_refresh_token(&laptop, &refresh_token);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let prt = opened(&laptop.device, json(&answer));
    let token = claims(prt.answer["id_token"].as_str().unwrap());
    assert_eq!(token["amr"], json!(["pwd"]));
    assert_eq!(token["auth_time"], signed_in);
    assert_eq!(world.number_of(&prt), 0);
    // The same one again: join and sign-in are two uses of one token (protocols A.7.3).
    assert_eq!(world.by_refresh_token(&laptop, &refresh_token).status, 200);
    for wrong in ["", "1.x", &prt.text, &refresh_token.replacen("1.", "0.", 1)] {
        let answer = world.by_refresh_token(&laptop, wrong);
        assert_eq!(answer.status, 400, "{wrong}");
    }
    world.at = 1;
    let foreign = broker_token(&mut world, "bob@other.example");
    world.at = 0;
    assert_eq!(world.by_refresh_token(&laptop, &foreign).status, 400);
}

#[test]
fn a_prt_gives_access_tokens_that_name_the_device() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let answer = world.access(&prt, "2.0", json!({}));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let plain = json(&answer);
    let token = claims(plain["access_token"].as_str().unwrap());
    assert_eq!(token["deviceid"], laptop.device.id.to_string());
    assert_eq!(token["aud"], "https://graph.microsoft.com");
    assert!(token["amr"].as_array().unwrap().contains(&json!("mfa")));
    assert!(!token["amr"].as_array().unwrap().contains(&json!("ngcmfa")));
    assert!(plain["refresh_token"].is_string());
    assert_eq!(
        world.told.last().unwrap().details["switch"],
        "oauth.kdf_v1_allowed"
    );

    let answer = world.access(
        &prt,
        "2.2",
        json!({"resource": "urn:keyporch:administration"}),
    );
    let sealed = decrypted(&prt.session_key, &text(&answer));
    let token = claims(sealed["access_token"].as_str().unwrap());
    assert_eq!(token["aud"], "urn:keyporch:administration");
}

/// What a device got is good nowhere while the device is not: neither what tells of its person, nor what is followed by more.
#[test]
fn tokens_from_a_device_end_with_the_device() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let answer = json(&world.access(&prt, "2.0", json!({})));
    let field = |name: &str| answer[name].as_str().unwrap().to_owned();
    let (access, refresh) = (field("access_token"), field("refresh_token"));
    let ask = |world: &mut World, host: &str, path: &str| {
        let request = Request::get(path).with_host(host);
        let bearer = format!("Bearer {access}");
        world
            .send(request.with_header("Authorization", &bearer))
            .status
    };
    let certificate = wire::x509::Certificate::parse(&laptop.device.certificate).unwrap();
    let entry = laptop.device.entry;
    for (change, number) in [
        (directory::change::set_device_enabled(entry, false), 135_011),
        (directory::change::set_device_enabled(entry, true), 0),
        (registration::proven_device::revoke(&certificate), 50155),
        (registration::proven_device::release(&certificate), 0),
        (directory::Change::Delete { id: entry }, 50155),
    ] {
        world.commit_without_reaction([change]);
        let wanted = if number == 0 { 200 } else { 401 };
        let own = world.path("openid/userinfo");
        assert_eq!(ask(&mut world, "login.corp.example", &own), wanted);
        let me = "/v1.0/users/alice@corp.example";
        assert_eq!(ask(&mut world, "graph.corp.example", me), wanted);
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", BROKER),
            ("refresh_token", refresh.as_str()),
        ];
        let answer = world.token(&fields);
        let said = if answer.status == 200 {
            0
        } else {
            code(&answer)
        };
        assert_eq!(said, number);
    }
}

/// Where keys roam, a token may be from another device than its key, and ends with the key's, too.
#[test]
fn tokens_by_a_key_end_with_the_device_that_the_key_was_made_on() {
    let mut world = World::new();
    world.set(|settings| settings.roaming_keys = true);
    let home = world.laptop(KeyKind::P256);
    let mut elsewhere = world.laptop(KeyKind::P256);
    elsewhere.hello = home.hello.clone();
    let prt = world.prt(&elsewhere);
    let answer = json(&world.access(&prt, "2.0", json!({})));
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", BROKER),
        ("refresh_token", answer["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(world.token(&fields).status, 200);
    world.commit_without_reaction([directory::change::set_device_enabled(
        home.device.entry,
        false,
    )]);
    assert_eq!(code(&world.token(&fields)), 50173);
}

#[test]
fn tokens_by_a_key_end_when_it_is_taken_off_the_list() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let answer = json(&world.access(&prt, "2.0", json!({})));
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", BROKER),
        ("refresh_token", answer["refresh_token"].as_str().unwrap()),
    ];
    let alice = world.account("alice");
    let keys = alice.key_credentials.iter();
    let removed: Vec<_> = keys
        .map(|key| directory::change::remove_key_credential(alice.id, key.id))
        .collect();
    world.commit_without_reaction(removed);
    assert_eq!(code(&world.token(&fields)), 50173);
}

#[test]
fn what_one_device_got_is_no_primary_refresh_token_for_another() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let other = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let answer = json(&world.access(&prt, "2.0", json!({})));
    let token = answer["refresh_token"].as_str().unwrap();
    assert_eq!(code(&world.by_refresh_token(&other, token)), 50155);
    assert_eq!(world.by_refresh_token(&laptop, token).status, 200);
}

/// Protocols A.6: what got an access token gets none when it is sent again.
#[test]
fn a_request_for_an_access_token_is_good_once() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let nonce = world.nonce();
    let claims = json!({
        "scope": "openid", "request_nonce": nonce, "refresh_token": prt.text, "grant_type": "refresh_token",
        "client_id": BROKER, "resource": "https://graph.microsoft.com",
    });
    let request = super::client::under(&prt.session_key, &[3; 32], true, &claims);
    assert_eq!(world.post(&request).status, 200);
    assert_eq!(code(&world.post(&request)), 50089);
    // Nor under another context, nor for something else.
    let other = super::client::under(&prt.session_key, &[4; 32], true, &claims);
    assert_eq!(code(&world.post(&other)), 50089);
    let mut renewal = world.renewal(&prt);
    renewal["request_nonce"] = claims["request_nonce"].clone();
    assert_eq!(code(&world.by_session_key(&prt, true, &renewal)), 50089);
}

#[test]
fn a_prt_serves_registered_public_clients_and_no_confidential_ones() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let answer = world.access(
        &prt,
        "2.0",
        json!({"client_id": "b743a22d-6705-4147-8670-d92fa515ee2b"}),
    );
    assert_eq!(answer.status, 200, "{}", text(&answer));
    for client in [json!(WIKI), json!("unknown"), Value::Null] {
        let answer = world.access(&prt, "2.0", json!({"client_id": client}));
        assert_eq!(code(&answer), 700_016);
    }
    let answer = world.access(&prt, "2.0", json!({"client_id": NOTES}));
    assert_eq!(answer.status, 200, "{}", text(&answer));
    // Its people have other names there, and it has no refresh tokens.
    let token = claims(json(&answer)["access_token"].as_str().unwrap());
    assert_ne!(token["sub"], token["oid"]);
    assert!(json(&answer).get("refresh_token").is_none());
    let answer = world.access(&prt, "2.0", json!({"resource": "urn:nothing"}));
    assert_eq!(code(&answer), 500_011);
}

#[test]
fn a_prt_of_one_factor_opens_nothing_that_asks_for_two() {
    let mut world = World::new();
    let laptop = world.laptop_of("bob", KeyKind::P256);
    let answer = world.by_password(&laptop, "bob@corp.example", PASSWORD);
    let prt = opened(&laptop.device, json(&answer));
    let answer = world.access(
        &prt,
        "2.0",
        json!({"resource": "urn:keyporch:administration"}),
    );
    assert_eq!((answer.status, code(&answer)), (400, 50076));
    let answer = world.access(&prt, "2.0", json!({}));
    assert_eq!(answer.status, 200);
}

#[test]
fn a_new_second_factor_ends_no_prt_of_one_factor() {
    let mut world = World::new();
    let laptop = world.laptop_of("bob", KeyKind::P256);
    let answer = world.by_password(&laptop, "bob@corp.example", PASSWORD);
    let prt = opened(&laptop.device, json(&answer));
    let bob = world.account("bob").id;
    world.advance(Span::seconds(1));
    world.set_second_factors(
        bob,
        &SecondFactors::with_totp(&TotpSecret::parse(TOTP).unwrap()),
    );
    assert_eq!(world.number_of(&prt), 0);
}

fn sid_to_name(world: &mut World, key: &PrivateKey, kid: &str, claims: &Value) -> Response {
    let header = json!({"typ": "JWT", "kid": kid});
    let token = signed(key, header.as_object().unwrap(), claims);
    let path = world.path("sidtoname");
    // Known clients send a GET with a form for its body.
    let form = Request::post_form(
        &path,
        [
            ("windows_api_version", "2.2"),
            ("grant_type", super::client::JWT_BEARER),
            ("signedRequest", &token),
        ],
    );
    let mut request = Request::get(&path);
    request.body = form.body;
    world.send(request)
}

#[test]
fn a_device_asks_who_somebody_is_by_its_key_alone() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let spki = directory::Table::new("registration.device-spki");
    let key = crypto::signature::Signer::public_key(&laptop.device.key).clone();
    let entry = laptop.device.entry.0.to_bytes();
    let never = trust::Timestamp::NEVER;
    world.commit([directory::change::put(
        spki,
        entry,
        key.to_spki_der(),
        never,
    )]);
    let kid = key.fingerprint().to_string();
    let mut ask = |key: &PrivateKey, kid: &str, name: &str| {
        let nonce = world.nonce();
        let claims = json!({"win_ver": "12", "version": "1.0", "nonce": nonce, "username": name});
        sid_to_name(&mut world, key, kid, &claims)
    };
    let own = &laptop.device.key;
    let answer = ask(own, &kid, "Bob@corp.example");
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let told = json(&answer);
    assert_eq!(told["upn"], "bob@corp.example");
    assert_eq!(told["name"], "bob Example");
    let sid = told["sid"].as_str().unwrap();
    assert!(
        sid.starts_with("S-1-12-1-") && sid.split('-').count() == 8,
        "{sid}"
    );
    assert_eq!(code(&ask(own, &kid, "nobody@corp.example")), 50034);
    let stranger = PrivateKey::generate(KeyKind::P256);
    assert_eq!(code(&ask(&stranger, &kid, "bob@corp.example")), 50155);
    let transport = crypto::signature::Signer::public_key(&laptop.device.transport).fingerprint();
    let transport_kid = transport.to_string();
    let answer = ask(&laptop.device.transport, &transport_kid, "bob@corp.example");
    assert_eq!(code(&answer), 50155);
    for kid in [
        "",
        "../..",
        &Base64::encode_string(&[7; 32]),
        &"0".repeat(64),
    ] {
        assert_eq!(code(&ask(own, kid, "bob@corp.example")), 50155, "{kid}");
    }
    // Once for each nonce.
    let nonce = world.nonce();
    let claims = json!({"nonce": nonce, "username": "bob@corp.example"});
    let answer = sid_to_name(&mut world, own, &kid, &claims);
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let again = sid_to_name(&mut world, own, &kid, &claims);
    assert_eq!(code(&again), 50089);
    let ask = |world: &mut World, name: &str| {
        let nonce = world.nonce();
        let claims = json!({"nonce": nonce, "username": name});
        code(&sid_to_name(world, own, &kid, &claims))
    };
    let bob = world.account("bob");
    world.commit([directory::change::disable(bob.id, bob.control)]);
    assert_eq!(ask(&mut world, "bob@corp.example"), 50034);
    let certificate = wire::x509::Certificate::parse(&laptop.device.certificate).unwrap();
    world.commit([registration::proven_device::revoke(&certificate)]);
    assert_eq!(ask(&mut world, "alice@corp.example"), 50155);
    world.commit([
        registration::proven_device::release(&certificate),
        directory::change::set_device_enabled(laptop.device.entry, false),
    ]);
    assert_eq!(ask(&mut world, "alice@corp.example"), 135_011);
}
