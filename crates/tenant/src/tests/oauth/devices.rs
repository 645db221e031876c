//! The device that the transport proves at the token endpoint: what it gets is its own.

use crypto::key::KeyKind;
use directory::change;
use trust::Span;

use super::*;

/// Posts to the token endpoint of the first version over a connection on which a device proved itself.
fn over(world: &mut World, device: &Device, fields: &[(&str, &str)]) -> Response {
    let path = world.path("oauth2/token");
    let mut request = Request::post_form(&path, fields.iter().copied());
    request.client_certificate = Some(device.certificate.clone());
    world.send(request)
}

fn code_of(world: &mut World, sam: &str) -> String {
    let target = of_broker(world, &[("amr_values", "mfa")]);
    Browser::default().sign_in(world, sam, &target)
}

fn redeeming(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", BROKER_CLIENT),
        ("code", code),
        ("redirect_uri", BROKER_REDIRECT),
    ]
}

fn refreshing(token: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", BROKER_CLIENT),
        ("refresh_token", token),
    ]
}

/// The device that an answer's access token names.
fn named(answer: &Response) -> Option<String> {
    let access = claims(&text(answer, "access_token"));
    access["deviceid"].as_str().map(str::to_owned)
}

#[test]
fn tokens_name_the_device_that_the_connection_proved_whatever_they_were_got_for() {
    let mut world = World::new();
    let broker = BROKER_CLIENT.parse().unwrap();
    world.set(|settings| {
        settings.ropc_clients = vec![broker];
        settings.device_code_clients = vec![broker];
    });
    let device = world.device("alice", KeyKind::P256);
    let id = Some(device.id.to_string());
    let code = code_of(&mut world, "alice");
    let by_code = over(&mut world, &device, &redeeming(&code));
    assert_eq!(named(&by_code), id);
    let told = world.told.last().unwrap();
    assert_eq!(told.action, "token.issue");
    assert!(format!("{told:?}").contains(&device.id.to_string()));

    let by_password = [
        ("grant_type", "password"),
        ("client_id", BROKER_CLIENT),
        ("username", "bob@corp.example"),
        ("password", PASSWORD),
        ("scope", "openid"),
    ];
    assert_eq!(named(&over(&mut world, &device, &by_password)), id);

    let path = world.path("oauth2/devicecode");
    let begin = [("client_id", BROKER_CLIENT), ("resource", GRAPH)];
    let begun = world.send(Request::post_form(&path, begin));
    let mut browser = Browser::default();
    browser.get(&mut world, "/common/oauth2/deviceauth");
    browser.follow(&mut world);
    browser.password(&mut world, "bob", PASSWORD);
    browser.follow(&mut world);
    let typed = text(&begun, "user_code");
    browser.fill(&mut world, "user-code", &[("otc", &typed)]);
    browser.fill(&mut world, "approval", &[("Decision", "approve")]);
    let device_code = text(&begun, "device_code");
    let poll = [
        ("grant_type", "device_code"),
        ("client_id", BROKER_CLIENT),
        ("code", device_code.as_str()),
    ];
    assert_eq!(named(&over(&mut world, &device, &poll)), id);
}

#[test]
fn a_certificate_that_is_no_devices_gets_nothing_and_uses_nothing_up() {
    let mut world = World::new();
    let device = world.device("alice", KeyKind::P256);
    let code = code_of(&mut world, "alice");
    let mut stranger = world.device("bob", KeyKind::P256);
    world.commit([directory::Change::Delete { id: stranger.entry }]);
    for certificate in [stranger.certificate.clone(), vec![], b"nonsense".to_vec()] {
        stranger.certificate = certificate;
        let refused = over(&mut world, &stranger, &redeeming(&code));
        assert_eq!((refused.status, refusal(&refused).0), (400, 50155));
    }
    assert_eq!(over(&mut world, &device, &redeeming(&code)).status, 200);
}

#[test]
fn what_one_device_got_no_other_redeems() {
    let mut world = World::new();
    let (own, other) = (
        world.device("alice", KeyKind::P256),
        world.device("alice", KeyKind::P256),
    );
    let code = code_of(&mut world, "alice");
    let first = over(&mut world, &own, &redeeming(&code));
    let token = text(&first, "refresh_token");
    let refused = over(&mut world, &other, &refreshing(&token));
    assert_eq!((refused.status, refusal(&refused).0), (400, 50155));
    // A broker shows its device where it asks for a primary refresh token, and need not here.
    assert_eq!(world.token(&refreshing(&token)).status, 200);
    assert_eq!(
        named(&over(&mut world, &own, &refreshing(&token))),
        Some(own.id.to_string())
    );
}

#[test]
fn what_a_device_got_ends_with_the_device() {
    let mut world = World::new();
    let device = world.device("alice", KeyKind::P256);
    let code = code_of(&mut world, "alice");
    let first = over(&mut world, &device, &redeeming(&code));
    let token = text(&first, "refresh_token");
    for (change, number) in [
        (change::set_device_enabled(device.entry, false), 135_011),
        (directory::Change::Delete { id: device.entry }, 50155),
    ] {
        world.commit_without_reaction([change]);
        world.advance(Span::seconds(1));
        assert_eq!(refusal(&world.token(&refreshing(&token))).0, number);
    }
}
