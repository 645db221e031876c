//! The part of Graph that is here (protocols A.15.2, C.2.2).

use crypto::key::KeyKind;
use directory::{Change, EntryId};
use serde_json::json;
use wire::http::{Method, Request, Response};

use super::registration::{claims, signed};
use super::world::{NOTES, World, json as body, text};

/// A token for Graph with this scope.
fn token(world: &World, sam: &str, scope: &str) -> String {
    let mut claims = claims(world, sam);
    claims.aud = "https://graph.microsoft.com".into();
    claims.scp = scope.into();
    signed(world, &claims)
}

fn ask(world: &mut World, token: &str, method: Method, target: &str) -> Response {
    let request = Request::new(method, target)
        .with_host("graph.corp.example")
        .with_header("Authorization", &format!("Bearer {token}"));
    world.send(request)
}

fn get(world: &mut World, token: &str, target: &str) -> Response {
    ask(world, token, Method::Get, target)
}

/// Makes somebody an administrator of the tenant.
fn administrator(world: &mut World, sam: &str) {
    let member = world.account(sam).id;
    let group = world.read(|snapshot| {
        let sid = snapshot.domain().sid.with_rid(512).unwrap();
        snapshot.group_by_sid(&sid).unwrap().unwrap().id
    });
    world.commit([Change::AddMember { group, member }]);
}

#[test]
fn everybody_reads_about_themselves() {
    let mut world = World::new();
    let with = token(&world, "alice", "");
    let id = world.account("alice").id.0.to_string();
    for target in [
        "/v1.0/me".to_owned(),
        "/v1.0/users/alice@corp.example".to_owned(),
        format!("/v1.0/users/{id}"),
    ] {
        let response = get(&mut world, &with, &target);
        assert_eq!(response.status, 200, "{}", text(&response));
        let answer = body(&response);
        assert_eq!(answer["id"], id);
        assert_eq!(answer["displayName"], "alice Example");
        assert_eq!(answer["userPrincipalName"], "alice@corp.example");
        let sid = answer["securityIdentifier"].as_str().unwrap();
        assert!(sid.starts_with("S-1-12-1-"), "{sid}");
    }
}

#[test]
fn about_others_read_administrators_and_whose_token_has_a_scope_for_it() {
    let mut world = World::new();
    let plain = token(&world, "bob", "User.Read");
    for name in ["alice@corp.example", "nobody@corp.example"] {
        let target = format!("/v1.0/users/{name}");
        let refused = get(&mut world, &plain, &target);
        assert_eq!(
            refused.status, 403,
            "{name}: whether there is one is not told"
        );
        assert_eq!(
            body(&refused)["error"]["code"],
            "Authorization_RequestDenied"
        );
    }
    let reads = token(&world, "bob", "openid User.ReadBasic.All");
    let target = "/v1.0/users/alice@corp.example";
    assert_eq!(get(&mut world, &reads, target).status, 200);
    let unknown = get(&mut world, &reads, "/v1.0/users/nobody@corp.example");
    assert_eq!(unknown.status, 404);
    assert_eq!(body(&unknown)["error"]["code"], "Request_ResourceNotFound");
    administrator(&mut world, "bob");
    assert_eq!(get(&mut world, &plain, target).status, 200);
}

#[test]
fn tokens_for_something_else_read_nothing() {
    let mut world = World::new();
    let drs = signed(&world, &claims(&world, "alice"));
    assert_eq!(get(&mut world, &drs, "/v1.0/me").status, 401);
    let none = Request::get("/v1.0/me").with_host("graph.corp.example");
    let response = world.send(none);
    assert_eq!(response.status, 401);
    assert_eq!(
        body(&response)["error"]["code"],
        "InvalidAuthenticationToken"
    );
    world.at = 1;
    let foreign = token(&world, "alice", "");
    world.at = 0;
    assert_eq!(get(&mut world, &foreign, "/v1.0/me").status, 401);
    let with = token(&world, "alice", "");
    let alice = world.account("alice");
    world.commit([directory::change::disable(alice.id, alice.control)]);
    assert_eq!(get(&mut world, &with, "/v1.0/me").status, 401);
}

#[test]
fn groups_are_told_as_clients_read_them() {
    let mut world = World::new();
    let group = EntryId::random(&mut world.rng);
    let parent = world.tenant().directory.domain().unwrap().users;
    let kind = directory::group::GLOBAL_SECURITY;
    world.commit([directory::NewEntry::group(group, parent, "writers", kind).into()]);
    let member = world.account("alice").id;
    world.commit([Change::AddMember { group, member }]);
    let with = token(&world, "alice", "");
    let answer = body(&get(&mut world, &with, "/v1.0/me/memberOf"));
    let value = answer["value"].as_array().unwrap();
    assert_eq!(value.len(), 1, "{answer}");
    assert_eq!(value[0]["@odata.type"], "#microsoft.graph.group");
    assert_eq!(value[0]["id"], json!(group.0));
    assert_eq!(value[0]["displayName"], "writers");
    let bobs = token(&world, "bob", "");
    let target = "/v1.0/users/alice@corp.example/memberOf";
    assert_eq!(get(&mut world, &bobs, target).status, 403);
}

const METHODS: &str = "authentication/windowsHelloForBusinessMethods";

#[test]
fn keys_are_listed_and_taken_off_by_their_owner_and_by_administrators() {
    let mut world = World::new();
    let device = world.device("alice", KeyKind::P256);
    world.hello_key("alice", &device, KeyKind::P256);
    let with = token(&world, "alice", "");
    let list = |world: &mut World, with: &str, of: &str| {
        let target = format!("/v1.0/{of}/{METHODS}");
        get(world, with, &target)
    };
    let answer = body(&list(&mut world, &with, "me"));
    let value = answer["value"].as_array().unwrap();
    assert_eq!(value.len(), 1, "{answer}");
    assert_eq!(value[0]["keyStrength"], "normal");
    assert_eq!(value[0]["displayName"], "laptop-1");
    assert_eq!(value[0]["device"]["deviceId"], json!(device.id));
    let kid = value[0]["id"].as_str().unwrap().to_owned();

    // Nobody else's business, whatever their scopes; and one factor takes nothing off.
    let bobs = token(&world, "bob", "User.Read.All");
    let of_alice = "users/alice@corp.example";
    assert_eq!(list(&mut world, &bobs, of_alice).status, 403);
    let target = format!("/v1.0/{of_alice}/{METHODS}/{kid}");
    assert_eq!(ask(&mut world, &bobs, Method::Delete, &target).status, 403);
    let mut weak = claims(&world, "alice");
    weak.aud = "https://graph.microsoft.com".into();
    weak.amr = vec!["pwd".into()];
    weak.second_factor_instant = None;
    let weak = signed(&world, &weak);
    let mine = format!("/v1.0/me/{METHODS}/{kid}");
    assert_eq!(ask(&mut world, &weak, Method::Delete, &mine).status, 403);
    let unknown = format!("/v1.0/me/{METHODS}/00000000-0000-4000-8000-000000000001");
    assert_eq!(ask(&mut world, &with, Method::Delete, &unknown).status, 404);
    assert_eq!(world.account("alice").sign_in_keys().count(), 1);

    administrator(&mut world, "bob");
    assert_eq!(ask(&mut world, &bobs, Method::Delete, &target).status, 204);
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
    assert_eq!(
        world.audit("key.remove").unwrap().actor.name,
        "bob@corp.example"
    );
    world.hello_key("alice", &device, KeyKind::P256);
    let answer = body(&list(&mut world, &with, "me"));
    let kid = answer["value"][0]["id"].as_str().unwrap().to_owned();
    let mine = format!("/v1.0/me/{METHODS}/{kid}");
    assert_eq!(ask(&mut world, &with, Method::Delete, &mine).status, 204);
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
}

/// A token that somebody gave to an application that was made here.
fn token_of_an_application(world: &World, sam: &str, scope: &str, client: &str) -> String {
    let mut claims = claims(world, sam);
    claims.aud = "https://graph.microsoft.com".into();
    claims.scp = scope.into();
    claims.appid = client.into();
    signed(world, &claims)
}

#[test]
fn an_application_does_what_it_has_a_scope_for_whoever_signed_in_to_it() {
    let mut world = World::new();
    let device = world.device("alice", KeyKind::P256);
    world.hello_key("alice", &device, KeyKind::P256);
    administrator(&mut world, "bob");
    let own = token(&world, "bob", "");
    let methods = format!("/v1.0/users/alice@corp.example/{METHODS}");
    let kid = body(&get(&mut world, &own, &methods))["value"][0]["id"].clone();
    let kid = kid.as_str().unwrap().to_owned();
    let alice = "/v1.0/users/alice@corp.example";
    // Notes is an application of this tenant; nobody made the other one, or somebody has deleted it since.
    for client in [NOTES, "33333333-aaaa-4bbb-8ccc-000000000003", ""] {
        let plain = token_of_an_application(&world, "bob", "", client);
        assert_eq!(get(&mut world, &plain, "/v1.0/me").status, 200);
        assert_eq!(get(&mut world, &plain, alice).status, 403, "{client}");
        let reads = token_of_an_application(&world, "bob", "User.Read.All", client);
        assert_eq!(get(&mut world, &reads, alice).status, 200, "{client}");
        for with in [plain, reads] {
            assert_eq!(get(&mut world, &with, &methods).status, 403);
            let one = format!("{methods}/{kid}");
            assert_eq!(ask(&mut world, &with, Method::Delete, &one).status, 403);
        }
        let hers = token_of_an_application(&world, "alice", "User.Read", client);
        let mine = format!("/v1.0/me/{METHODS}");
        assert_eq!(get(&mut world, &hers, &mine).status, 403, "{client}");
        let one = format!("{mine}/{kid}");
        assert_eq!(ask(&mut world, &hers, Method::Delete, &one).status, 403);
    }
    assert_eq!(world.account("alice").sign_in_keys().count(), 1);
}

#[test]
fn people_alone_are_users() {
    let mut world = World::new();
    administrator(&mut world, "bob");
    let with = token(&world, "bob", "");
    let id = EntryId::random(&mut world.rng);
    let parent = world.tenant().directory.domain().unwrap().users;
    let computer = directory::NewEntry::computer(id, parent, "PC").with(
        directory::Attribute::UserPrincipalName,
        "pc@corp.example".to_owned(),
    );
    world.commit([computer.into()]);
    for name in ["pc@corp.example".to_owned(), id.0.to_string()] {
        let target = format!("/v1.0/users/{name}");
        assert_eq!(get(&mut world, &with, &target).status, 404, "{name}");
    }
}
