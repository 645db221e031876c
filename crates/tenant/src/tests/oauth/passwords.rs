//! Name and password in one request.

use trust::Span;

use super::*;

fn world() -> World {
    let mut world = World::new();
    world.set(|settings| settings.ropc_clients = vec![BROKER_CLIENT.parse().unwrap()]);
    world
}

fn hand_in(world: &mut World, changes: &[(&str, &str)]) -> Response {
    let good = [
        ("grant_type", "password"),
        ("client_id", BROKER_CLIENT),
        ("username", "bob@corp.example"),
        ("password", PASSWORD),
        (
            "scope",
            "openid profile offline_access https://enrollment.manage.microsoft.com/.default",
        ),
        ("client_info", "1"),
    ];
    token_v2(world, &changed(&good, changes))
}

#[test]
fn password_grants_are_off_unless_the_client_is_named() {
    let mut world = World::new();
    let off = hand_in(&mut world, &[]);
    assert_eq!(refusal(&off), (70003, "unsupported_grant_type".into()));
    let mut world = self::world();
    assert_eq!(hand_in(&mut world, &[]).status, 200);
    let other = hand_in(&mut world, &[("client_id", NOTES), ("scope", "openid")]);
    assert_eq!(refusal(&other).1, "unauthorized_client");
}

#[test]
fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let mut world = world();
    let wrong = hand_in(&mut world, &[("password", "wrong")]);
    let unknown = hand_in(&mut world, &[("username", "nobody@corp.example")]);
    assert_eq!(refusal(&wrong), (50126, "invalid_grant".into()));
    assert_eq!(refusal(&wrong), refusal(&unknown));
    let foreign = hand_in(&mut world, &[("username", "bob@elsewhere.example")]);
    assert_eq!(refusal(&foreign).0, 50034);
}

#[test]
fn a_password_alone_gives_no_token_where_a_second_factor_is_demanded() {
    let mut world = world();
    let portal = hand_in(
        &mut world,
        &[("scope", &format!("openid {PORTAL}/.default"))],
    );
    assert_eq!(refusal(&portal), (50076, "interaction_required".into()));
}

#[test]
fn no_endpoint_gives_a_token_of_one_factor_to_who_must_be_phishing_resistant() {
    let mut world = world();
    let group = world.read(|snapshot| snapshot.group_by_name("Domain Users").unwrap().unwrap().id);
    world.set(|settings| settings.phishing_resistant_only = Some(group));
    assert_eq!(refusal(&hand_in(&mut world, &[])).0, 50076);
    let target = of_broker(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    assert_eq!(refusal(&redeem_broker(&mut world, &code, &[])).0, 50076);
    // With two factors the registration of a key alone is left.
    let target = of_broker(&world, &[("amr_values", "mfa"), ("resource", DRS)]);
    let code = Browser::default().sign_in(&mut world, "alice", &target);
    let answer = redeem_broker(&mut world, &code, &[]);
    let token = text(&answer, "refresh_token");
    assert_eq!(
        refusal(&refresh(&mut world, &token, &[("resource", GRAPH)])).0,
        50076
    );
}

#[test]
fn many_wrong_passwords_from_one_address_do_not_lock_the_others() {
    let mut world = world();
    let mut turned_away = 0;
    for number in 0..400 {
        let name = format!("nobody-{number}@corp.example");
        let answer = hand_in(&mut world, &[("username", &name), ("password", "wrong")]);
        turned_away += u32::from(refusal(&answer).0 != 50126);
    }
    assert!(turned_away > 200, "{turned_away}");
    // Somebody at another address signs in as ever.
    let path = world.path("oauth2/v2.0/token");
    let fields = [
        ("grant_type", "password"),
        ("client_id", BROKER_CLIENT),
        ("username", "bob@corp.example"),
        ("password", PASSWORD),
        ("scope", "openid"),
    ];
    let mut request = Request::post_form(&path, fields);
    request.peer = Some("198.51.100.9".parse().unwrap());
    assert_eq!(world.send(request).status, 200);
}

#[test]
fn many_wrong_passwords_from_many_addresses_do_not_open_one_account() {
    let mut world = world();
    let mut looked_at = 0;
    for number in 0..100u8 {
        let path = world.path("oauth2/v2.0/token");
        let fields = [
            ("grant_type", "password"),
            ("client_id", BROKER_CLIENT),
            ("username", "bob@corp.example"),
            ("password", "wrong"),
        ];
        let mut request = Request::post_form(&path, fields);
        request.peer = Some(format!("198.51.{number}.1").parse().unwrap());
        let answer = world.send(request);
        looked_at += u32::from(
            world
                .refused
                .last()
                .unwrap()
                .contains("the password is wrong"),
        );
        assert_ne!(answer.status, 200);
    }
    assert!(looked_at <= 25, "{looked_at}");
    // The right one is not looked at either, until the wait is over.
    assert_ne!(hand_in(&mut world, &[]).status, 200);
    world.advance(Span::hours(2));
    assert_eq!(hand_in(&mut world, &[]).status, 200);
}

#[test]
fn an_account_that_is_locked_is_not_told_from_one_that_nobody_has() {
    let mut world = world();
    let policy = world.read(|snapshot| snapshot.lockout_policy().unwrap());
    let tries = policy.threshold.max(5) + 2;
    let numbers = |world: &mut World, name: &str| -> Vec<u64> {
        let fields = [("username", name), ("password", "wrong")];
        (0..tries)
            .map(|_| refusal(&hand_in(world, &fields)).0)
            .collect()
    };
    let bob = numbers(&mut world, "bob@corp.example");
    let nobody = numbers(&mut world, "nobody@corp.example");
    assert_eq!(bob, nobody);
    assert!(bob.iter().all(|number| *number == 50126), "{bob:?}");
}
