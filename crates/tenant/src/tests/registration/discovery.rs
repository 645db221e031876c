//! Where devices and keys are registered (protocols B.1).

use serde_json::json;
use wire::http::Request;

use super::ask;
use crate::tests::world::{World, json as body, text};

#[test]
fn the_tenants_document_names_what_is_here_and_nothing_else() {
    let mut world = World::bare();
    let id = world.id();
    for named in [id.as_str(), "corp.example", "CORP.example"] {
        let target = format!("/{named}/Discover?api-version=1.9&managed=True");
        let response = ask(&mut world, Request::get(&target));
        assert_eq!(response.status, 200, "{}", text(&response));
        let login = format!("https://login.corp.example/{id}");
        assert_eq!(
            body(&response),
            json!({
                "DiscoveryService": {
                    "DiscoveryEndpoint": format!("https://drs.corp.example/{id}/Discover"),
                    "ServiceVersion": "1.9",
                },
                "AuthenticationService": { "OAuth2": {
                    "AuthCodeEndpoint": format!("{login}/oauth2/authorize"),
                    "TokenEndpoint": format!("{login}/oauth2/token"),
                }},
                "DeviceJoinService": {
                    "JoinEndpoint": "https://drs.corp.example/EnrollmentServer/device/",
                    "JoinResourceId": "urn:ms-drs:drs.corp.example",
                    "ServiceVersion": "2.0",
                },
                "KeyProvisioningService": {
                    "KeyProvisionEndpoint": "https://drs.corp.example/EnrollmentServer/key/",
                    "KeyProvisionResourceId": "urn:ms-drs:drs.corp.example",
                    "ServiceVersion": "1.0",
                },
                "TenantInfo": {
                    "DisplayName": "People of corp.example",
                    "TenantId": id,
                    "TenantName": "corp.example",
                },
                "NonceService": {
                    "Endpoint": format!("https://drs.corp.example/EnrollmentServer/nonce/{id}/"),
                    "ResourceId": "urn:ms-drs:drs.corp.example",
                    "ServiceVersion": "1.0",
                },
            })
        );
    }
    let response = ask(&mut world, Request::get("/other.example/Discover"));
    assert_eq!(response.status, 400);
}

#[test]
fn older_clients_read_the_contract_of_a_federation_service() {
    let mut world = World::bare();
    let get = |world: &mut World, target: &str| ask(world, Request::get(target));
    let first = get(&mut world, "/EnrollmentServer/contract?api-version=1.0");
    assert!(body(&first).get("DeviceJoinService").is_none());
    for target in [
        "/corp.example/EnrollmentServer/contract?api-version=1.4",
        "/enrollmentserver/contract?api-version=1.2",
    ] {
        let response = get(&mut world, target);
        let join = &body(&response)["DeviceJoinService"]["JoinEndpoint"];
        assert_eq!(join, "https://drs.corp.example/EnrollmentServer/device/");
    }
    let xml = Request::get("/EnrollmentServer/contract?api-version=1.2")
        .with_header("Accept", "application/xml");
    let xml = text(&ask(&mut world, xml));
    assert!(
        xml.contains("<KeyProvisionEndpoint>https://drs.corp.example/"),
        "{xml}"
    );
    for target in [
        "/EnrollmentServer/contract",
        "/EnrollmentServer/contract?api-version=7",
    ] {
        assert_eq!(get(&mut world, target).status, 400, "{target}");
    }
}

#[test]
fn a_nonce_for_a_join_is_given_to_whoever_asks_for_one_of_this_tenant() {
    let mut world = World::bare();
    let id = world.id();
    let target = format!("/EnrollmentServer/nonce/{id}/?api-version=1.0");
    let first = body(&ask(&mut world, Request::get(&target)));
    let second = body(&ask(&mut world, Request::get(&target)));
    assert_ne!(first["Value"], second["Value"]);
    let status = &first["ReponseStatus"];
    assert_eq!(status["message"], "Success");
    assert!(status["traceId"].is_string() && status["time"].is_string());
    let other = world.tenants[1].id;
    for named in [other.to_string().as_str(), "common", "nobody.example"] {
        let target = format!("/EnrollmentServer/nonce/{named}/?api-version=1.0");
        assert_eq!(
            ask(&mut world, Request::get(&target)).status,
            400,
            "{named}"
        );
    }
}
