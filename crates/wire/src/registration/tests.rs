use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sid::Sid;

fn join() -> Value {
    json!({
        "CertificateRequest": {"Type": "pkcs10", "Data": "MAMC\r\nAQA="},
        "TransportKey": "UlNBMQ==",
        "TargetDomain": "enterpriseregistration.corp.example",
        "DeviceType": "Linux",
        "OSVersion": "Debian 12",
        "DeviceDisplayName": "LAPTOP-1",
        "JoinType": 6,
    })
}

fn parse_join(value: &Value) -> Result<JoinRequest, InvalidBody> {
    JoinRequest::parse(value.to_string().as_bytes())
}

#[test]
fn a_join_request_is_read_by_the_names_of_the_document() {
    let request = parse_join(&join()).unwrap();
    assert_eq!(
        request.certificate_request,
        CertificateRequest::pkcs10(vec![0x30, 3, 2, 1, 0])
    );
    assert_eq!(request.transport_key, b"RSA1");
    assert_eq!(request.join_type, JoinType::DOMAIN_JOINED);
    assert_eq!(request.os_version, "Debian 12");
    assert_eq!(
        (request.attributes, request.aik_certificate.as_ref()),
        (None, None)
    );
    let mut written = join();
    written["CertificateRequest"]["Data"] = json!("MAMCAQA=");
    assert_eq!(serde_json::to_value(&request).unwrap(), written);
}

#[test]
fn attributes_are_texts_or_booleans() {
    let mut value = join();
    for (attributes, wanted) in [
        (
            json!({"ReuseDevice": "true", "SharedDevice": "False", "ReturnClientSid": true}),
            (true, false, true),
        ),
        (
            json!({"ReturnClientSid": "TRUE", "Another": 3}),
            (false, false, true),
        ),
        (json!({}), (false, false, false)),
    ] {
        value["Attributes"] = attributes;
        let read = parse_join(&value).unwrap().attributes.unwrap();
        assert_eq!(
            (
                read.reuse_device,
                read.shared_device,
                read.return_client_sid
            ),
            wanted
        );
    }
    value["Attributes"] = json!({"ReuseDevice": "perhaps"});
    assert!(matches!(parse_join(&value), Err(InvalidBody::Json(_))));
    value["Attributes"] = Value::Null;
    assert_eq!(parse_join(&value).unwrap().attributes, None);
}

#[test]
fn refuses_a_join_request_for_each_member_that_is_wrong() {
    let with = |member: &str, content: Value| {
        let mut value = join();
        value[member] = content;
        parse_join(&value)
    };
    for member in [
        "TransportKey",
        "TargetDomain",
        "DeviceType",
        "OSVersion",
        "DeviceDisplayName",
    ] {
        for content in [json!(""), json!("A".repeat(20_000))] {
            match with(member, content) {
                Err(InvalidBody::Member { member: named }) => assert_eq!(named, member),
                other => panic!("{member}: {other:?}"),
            }
        }
        assert!(
            matches!(with(member, Value::Null), Err(InvalidBody::Json(_))),
            "{member}"
        );
        let mut without = join();
        without.as_object_mut().unwrap().remove(member);
        assert!(
            matches!(parse_join(&without), Err(InvalidBody::Json(_))),
            "{member}"
        );
    }
    let longest = "ü".repeat(256);
    assert!(with("DeviceDisplayName", json!(longest)).is_ok());
    assert!(with("DeviceDisplayName", json!(longest.clone() + "x")).is_err());
    assert!(matches!(
        with("DeviceDisplayName", json!("a\nb")),
        Err(InvalidBody::Member {
            member: "DeviceDisplayName"
        })
    ));
    assert!(matches!(
        with("TransportKey", json!("UlNBMQ")),
        Err(InvalidBody::Json(_))
    ));
    assert!(matches!(
        with("JoinType", json!("6")),
        Err(InvalidBody::Json(_))
    ));
    assert!(matches!(
        with("CertificateRequest", json!({"Type": "cmc", "Data": "MAA="})),
        Err(InvalidBody::CertificateRequestType)
    ));
    assert!(matches!(
        with("AikCertificate", json!("")),
        Err(InvalidBody::Member {
            member: "AikCertificate"
        })
    ));
    let long = vec![b' '; JoinRequest::MAX_LENGTH + 1];
    assert!(matches!(
        JoinRequest::parse(&long),
        Err(InvalidBody::TooLong { .. })
    ));
}

#[test]
fn the_answer_to_a_join_is_written_as_its_document_says() {
    let response = JoinResponse {
        certificate: IssuedCertificate::new(vec![0x30, 0], [0xab; 20]),
        user: Some(RegisteringUser {
            upn: "alice@corp.example".to_owned(),
        }),
        membership_changes: Some(MembershipChanges::One(MembershipChange {
            local_sid: Sid::BUILTIN_ADMINISTRATORS,
            add_sids: vec![],
        })),
    };
    let written = json!({
        "Certificate": {"Thumbprint": "AB".repeat(20), "RawBody": "MAA="},
        "User": {"Upn": "alice@corp.example"},
        "MembershipChanges": {"LocalSID": "S-1-5-32-544", "AddSIDs": []},
    });
    assert_eq!(serde_json::to_value(&response).unwrap(), written);
    assert_eq!(
        serde_json::from_value::<JoinResponse>(written).unwrap(),
        response
    );
    // A tenant's form has a list, and may lack the rest.
    let tenant: JoinResponse = serde_json::from_value(json!({
        "Certificate": {"Thumbprint": "", "RawBody": "MAA="},
        "MembershipChanges": [{"LocalSID": "S-1-5-32-544", "AddSIDs": ["S-1-12-1-1-2-3-4"]}],
    }))
    .unwrap();
    assert!(
        matches!(tenant.membership_changes, Some(MembershipChanges::Many(list)) if list.len() == 1)
    );
}

#[test]
fn a_key_request_holds_a_key_of_honest_size() {
    assert_eq!(
        KeyRequest::parse(br#"{"kngc":"UlNBMQ==","x":1}"#)
            .unwrap()
            .kngc,
        b"RSA1"
    );
    assert!(matches!(
        KeyRequest::parse(br#"{"kngc":""}"#),
        Err(InvalidBody::Member { member: "kngc" })
    ));
    let long = json!({"kngc": "AAAA".repeat(1366)}).to_string();
    assert!(matches!(
        KeyRequest::parse(long.as_bytes()),
        Err(InvalidBody::Member { member: "kngc" })
    ));
    for body in [
        "",
        "{}",
        "[]",
        "{\"kngc\":1}",
        "{\"kngc\":\"A\"}",
        "{\"kngc\":\"UlNBMQ==\"} x",
    ] {
        assert!(
            matches!(
                KeyRequest::parse(body.as_bytes()),
                Err(InvalidBody::Json(_))
            ),
            "{body}"
        );
    }
}

#[test]
fn the_answer_to_a_key_request_has_a_context_only_where_there_is_one() {
    let mut response = KeyResponse {
        kid: "47f577e3-d2d0-4a0a-8aca-e0501098bde4".parse().unwrap(),
        upn: "alice@corp.example".to_owned(),
        pctx: None,
        krctx: None,
    };
    assert_eq!(
        serde_json::to_value(&response).unwrap(),
        json!({"kid": "47f577e3-d2d0-4a0a-8aca-e0501098bde4", "upn": "alice@corp.example"})
    );
    response.pctx = Some(vec![0x30, 0]);
    let written = serde_json::to_value(&response).unwrap();
    assert_eq!(written["pctx"], "MAA=");
    assert_eq!(
        serde_json::from_value::<KeyResponse>(written).unwrap(),
        response
    );
    let context = ProvisioningContext {
        domain_controller_fqdn: "dc1.corp.example".to_owned(),
    };
    assert_eq!(
        serde_json::to_string(&context).unwrap(),
        r#"{"DomainControllerFqdn":"dc1.corp.example"}"#
    );
}

#[test]
fn errors_are_written_as_their_documents_say() {
    let id: Guid = "47f577e3-d2d0-4a0a-8aca-e0501098bde4".parse().unwrap();
    let join = JoinErrorDetails::new(
        JoinErrorDetails::AUTHENTICATION_ERROR,
        "no",
        id,
        1_795_264_310,
    );
    assert_eq!(
        serde_json::to_value(&join).unwrap(),
        json!({
            "ErrorType": "AuthenticationError", "Message": "no",
            "TraceId": "47f577e3-d2d0-4a0a-8aca-e0501098bde4", "Time": "2026-11-21T12:31:50Z",
        })
    );
    let key = KeyErrorDetails::new("AuthenticationError", "no", "key", Some(id), 0);
    assert_eq!(
        serde_json::to_value(&key).unwrap(),
        json!({
            "code": "AuthenticationError", "message": "no", "response": "ERROR_FAIL", "target": "key",
            "clientrequestid": "47f577e3-d2d0-4a0a-8aca-e0501098bde4", "time": "1970-01-01T00:00:00Z",
            "innererror": {"trace": null, "context": null},
        })
    );
    assert_eq!(iso8601(u64::MAX), "9999-12-31T23:59:59Z");
}

#[test]
fn the_api_version_is_said_once() {
    let get = |target: &str| Request::get(target);
    assert_eq!(api_version(&get("/key?api-version=1.0")).unwrap(), "1.0");
    assert_eq!(
        api_version(&get("/key").with_header("Api-Version", " 1.0 ")).unwrap(),
        "1.0"
    );
    assert_eq!(api_version(&get("/key")), Err(InvalidApiVersion::Absent));
    for request in [
        get("/key?api-version=1.0").with_header("api-version", "1.0"),
        get("/key?api-version=1.0&api-version=1.0"),
    ] {
        assert_eq!(api_version(&request), Err(InvalidApiVersion::Repeated));
    }
    assert_eq!(
        api_version(&get("/key?a\u{0}&\u{fffd}")),
        Err(InvalidApiVersion::Absent)
    );
}

#[test]
fn the_client_names_its_request() {
    let request = Request::get("/key")
        .with_header("client-request-id", "47F577E3-D2D0-4A0A-8ACA-E0501098BDE4")
        .with_header("return-client-request-id", "True");
    assert!(client_request_id(&request).is_some() && returns_client_request_id(&request));
    let other = Request::get("/key").with_header("client-request-id", "mine");
    assert!(client_request_id(&other).is_none() && !returns_client_request_id(&other));
}

fn contract() -> DiscoveryContract {
    let id = "urn:ms-drs:sts.corp.example".to_owned();
    let at = |path: &str| format!("https://sts.corp.example{path}");
    DiscoveryContract {
        device_registration_service: Some(DeviceRegistrationService {
            registration_endpoint: at("/EnrollmentServer/DeviceEnrollmentWebService.svc"),
            registration_resource_id: id.clone(),
            service_version: "1.0".to_owned(),
        }),
        authentication_service: Some(AuthenticationService {
            oauth2: OAuth2Endpoints {
                auth_code_endpoint: at("/adfs/oauth2/authorize"),
                token_endpoint: at("/adfs/oauth2/token?a&<b>"),
            },
        }),
        identity_provider_service: Some(IdentityProviderService {
            passive_auth_endpoint: at("/adfs/ls"),
        }),
        device_join_service: Some(DeviceJoinService {
            join_endpoint: at("/EnrollmentServer/device/"),
            join_resource_id: id.clone(),
            service_version: "1.0".to_owned(),
        }),
        web_browser_zones: Some(WebBrowserZones {
            intranet: Some(WebBrowserZone {
                endpoints: vec![at("/")],
            }),
            ..WebBrowserZones::default()
        }),
        key_provisioning_service: Some(KeyProvisioningService {
            key_provision_endpoint: at("/EnrollmentServer/key/"),
            key_provision_resource_id: id,
            service_version: "1.0".to_owned(),
        }),
    }
}

#[test]
fn the_contract_is_written_as_json_by_the_names_of_the_document() {
    let written = serde_json::to_value(contract()).unwrap();
    assert_eq!(
        written["AuthenticationService"]["OAuth2"]["AuthCodeEndpoint"],
        "https://sts.corp.example/adfs/oauth2/authorize"
    );
    assert_eq!(
        written["DeviceJoinService"]["JoinResourceId"],
        "urn:ms-drs:sts.corp.example"
    );
    assert_eq!(
        written["WebBrowserZones"],
        json!({"Intranet": {"Endpoints": ["https://sts.corp.example/"]}, "Trusted": null, "Untrusted": null})
    );
    assert_eq!(
        written["KeyProvisioningService"]["KeyProvisionEndpoint"],
        "https://sts.corp.example/EnrollmentServer/key/"
    );
    assert_eq!(
        serde_json::from_value::<DiscoveryContract>(written).unwrap(),
        contract()
    );
    assert_eq!(
        serde_json::to_string(&DiscoveryContract::default()).unwrap(),
        "{}"
    );
}

#[test]
fn the_contract_is_written_as_xml_in_the_order_of_the_document() {
    // The shape of MS-DVRD 4.2.2.
    let xml = contract().to_xml();
    let names = [
        "<Discovery xmlns=\"http://schemas.datacontract.org/2004/07/Microsoft.DeviceRegistration.Entities\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">",
        "<DeviceRegistrationService><RegistrationEndpoint>https://sts.corp.example/EnrollmentServer/DeviceEnrollmentWebService.svc</RegistrationEndpoint>",
        "<AuthenticationService><OAuth2><AuthCodeEndpoint>",
        "<TokenEndpoint>https://sts.corp.example/adfs/oauth2/token?a&amp;&lt;b&gt;</TokenEndpoint>",
        "<IdentityProviderService><PassiveAuthEndpoint>",
        "<DeviceJoinService><JoinEndpoint>",
        "<WebBrowserZones><Intranet><Endpoints xmlns:a=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\"><a:anyURI>https://sts.corp.example/</a:anyURI></Endpoints></Intranet><Trusted i:nil=\"true\"/><Untrusted i:nil=\"true\"/></WebBrowserZones>",
        "<KeyProvisioningService><KeyProvisionEndpoint>",
        "</KeyProvisioningService></Discovery>",
    ];
    let mut rest = xml.as_str();
    for name in names {
        let position = rest
            .find(name)
            .unwrap_or_else(|| panic!("{name} in {rest}"));
        rest = &rest[position + name.len()..];
    }
    assert!(rest.is_empty());
}

proptest! {
    #[test]
    fn no_body_panics(body: Vec<u8>, text in ".*") {
        let _ = (JoinRequest::parse(&body), KeyRequest::parse(&body));
        let mut value = join();
        value["DeviceDisplayName"] = json!(text);
        let _ = parse_join(&value);
    }

    #[test]
    fn a_request_that_is_accepted_is_written_as_it_is(name in "[a-z ]{1,20}", key: Vec<u8>, aik: Option<Vec<u8>>, shared: Option<bool>) {
        let request = JoinRequest {
            certificate_request: CertificateRequest::pkcs10(vec![0x30, 0]),
            transport_key: key,
            target_domain: name.clone(),
            device_type: name.clone(),
            os_version: name.clone(),
            device_display_name: name,
            join_type: JoinType::DOMAIN_JOINED,
            aik_certificate: aik,
            attestation_data: None,
            attributes: shared.map(|shared_device| DeviceAttributes { shared_device, ..Default::default() }),
            pre_authorized_join_challenge: None,
        };
        let body = serde_json::to_vec(&request).unwrap();
        if let Ok(read) = JoinRequest::parse(&body) {
            prop_assert_eq!(read, request);
        }
    }
}
