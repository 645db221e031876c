//! What anybody may ask: documents, keys, realms, how somebody may sign in (protocols A.1, A.2), and how a refusal looks
//! (A.3.2).

use directory::tenant::{Application, Federated, VerifiedDomain};
use serde_json::{Value, json as object};
use token::access_pass::{self, Terms};
use token::factor::SecondFactors;
use trust::Span;
use wire::http::{Method, Request};

use super::world::*;
use crate::aadsts::Number;

const LOGIN: &str = "https://login.corp.example";
const GRAPH: &str = "https://graph.corp.example";

fn document(world: &mut World, path: &str) -> Value {
    let response = world.get(path);
    assert_eq!(response.status, 200, "{path}: {}", text(&response));
    json(&response)
}

#[test]
fn the_first_documents_members_are_those_of_the_table() {
    let mut world = World::bare();
    let id = world.id();
    for name in [id.clone(), id.to_uppercase(), "Corp.Example".into()] {
        let found = document(
            &mut world,
            &format!("/{name}/.well-known/openid-configuration"),
        );
        let base = format!("{LOGIN}/{id}");
        let expected = object!({
            "issuer": format!("{base}/"),
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "token_endpoint": format!("{base}/oauth2/token"),
            "jwks_uri": format!("{base}/discovery/keys"),
            "userinfo_endpoint": format!("{base}/openid/userinfo"),
            "end_session_endpoint": format!("{base}/oauth2/logout"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "scopes_supported": ["openid"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "client_secret_basic", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "select_account", "consent"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nbf", "auth_time", "nonce", "acr", "amr", "name",
                "preferred_username", "upn", "email", "oid", "tid", "sid", "ver"],
            "authorization_response_iss_parameter_supported": true,
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "http_logout_supported": false,
            "frontchannel_logout_supported": true,
            "frontchannel_logout_session_supported": true,
            "tenant_region_scope": "EU",
            "cloud_instance_name": "login.corp.example",
            "cloud_graph_host_name": "graph.corp.example",
            "msgraph_host": "graph.corp.example",
        });
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_second_document_names_the_endpoints_of_the_second_version() {
    let mut world = World::bare();
    let id = world.id();
    let path = world.path("v2.0/.well-known/openid-configuration");
    let found = document(&mut world, &path);
    let base = format!("{LOGIN}/{id}");
    for (member, value) in [
        ("issuer", format!("{base}/v2.0")),
        (
            "authorization_endpoint",
            format!("{base}/oauth2/v2.0/authorize"),
        ),
        ("token_endpoint", format!("{base}/oauth2/v2.0/token")),
        ("jwks_uri", format!("{base}/discovery/v2.0/keys")),
        ("userinfo_endpoint", format!("{GRAPH}/oidc/userinfo")),
        ("end_session_endpoint", format!("{base}/oauth2/v2.0/logout")),
        ("revocation_endpoint", format!("{base}/oauth2/v2.0/revoke")),
    ] {
        assert_eq!(found[member], value.as_str(), "{member}");
    }
    let scopes = object!(["openid", "profile", "email", "offline_access"]);
    assert_eq!(found["scopes_supported"], scopes);
}

#[test]
fn common_has_a_template_issuer_and_a_tenant_its_own() {
    let mut world = World::bare();
    for word in ["common", "Organizations"] {
        let path = format!("/{word}/v2.0/.well-known/openid-configuration");
        let found = document(&mut world, &path);
        let word = word.to_lowercase();
        assert_eq!(
            found["issuer"],
            format!("{LOGIN}/{{tenantid}}/v2.0").as_str()
        );
        let endpoint = format!("{LOGIN}/{word}/oauth2/v2.0/token");
        assert_eq!(found["token_endpoint"], endpoint.as_str());
    }
}

#[test]
fn an_unknown_tenant_is_90002() {
    let mut world = World::bare();
    let other = world.tenants[1].id.to_string();
    for name in [
        "consumers",
        "nobody.example",
        "other.example",
        "00000000-0000-0000-0000-000000000000",
        other.as_str(),
    ] {
        for rest in [
            ".well-known/openid-configuration",
            "v2.0/.well-known/openid-configuration",
            "discovery/keys",
        ] {
            let response = world.get(&format!("/{name}/{rest}"));
            assert_eq!((response.status, code(&response)), (400, 90002), "{name}");
            assert_eq!(json(&response)["error"], "invalid_tenant");
        }
    }
    // A domain that was added and not verified is nobody's.
    let added = VerifiedDomain::new("added.example".into(), &mut world.rng);
    world.put_domain(&added);
    let path = "/added.example/.well-known/openid-configuration";
    assert_eq!(code(&world.get(path)), 90002);
}

#[test]
fn the_documents_promise_what_is_switched_on_and_nothing_else() {
    let mut world = World::bare();
    let path = world.path("v2.0/.well-known/openid-configuration");
    let before = document(&mut world, &path);
    assert_eq!(before.get("device_authorization_endpoint"), None);
    world.set(|settings| {
        settings.device_code_clients = vec![crate::catalogue::BROKER_CLIENT.parse().unwrap()];
    });
    world.put_application(&Application {
        id: WIKI.parse().unwrap(),
        kind: directory::tenant::ClientKind::Confidential,
        ..Application::default()
    });
    let after = document(&mut world, &path);
    let endpoint = format!("{LOGIN}/{}/oauth2/v2.0/devicecode", world.id());
    assert_eq!(after["device_authorization_endpoint"], endpoint.as_str());
    let grants = object!([
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "client_credentials"
    ]);
    assert_eq!(after["grant_types_supported"], grants);
}

#[test]
fn the_key_set_has_both_algorithms_and_the_certificate_that_names_them() {
    use base64ct::{Base64, Base64UrlUnpadded, Encoding};
    let mut world = World::bare();
    let second = world.path("discovery/v2.0/keys");
    for path in [
        "/common/discovery/keys".to_owned(),
        world.path("discovery/keys"),
    ] {
        let set = document(&mut world, &path);
        let keys = set["keys"].as_array().unwrap();
        let kinds: Vec<(&str, &str)> = keys
            .iter()
            .map(|key| (key["kty"].as_str().unwrap(), key["alg"].as_str().unwrap()))
            .collect();
        assert_eq!(kinds, [("RSA", "RS256"), ("EC", "ES256")]);
        for key in keys {
            let der = Base64::decode_vec(key["x5c"][0].as_str().unwrap()).unwrap();
            let name = Base64UrlUnpadded::encode_string(&crypto::digest::sha1(&der));
            assert_eq!(key["kid"], name.as_str());
            assert_eq!(key["x5t"], name.as_str());
            assert_eq!(key["use"], "sig");
            assert_eq!(key.get("issuer"), None);
            assert_eq!(key.get("d"), None);
            let certificate = wire::x509::Certificate::parse(&der).unwrap();
            let in_certificate = crypto::key::PublicKey::from_spki_der(certificate.spki()).unwrap();
            let jwk = crypto::jose::Jwk::from_json(key).unwrap();
            assert_eq!(in_certificate, jwk.key);
        }
    }
    let set = document(&mut world, &second);
    let issuer = format!("{LOGIN}/{}/v2.0", world.id());
    for key in set["keys"].as_array().unwrap() {
        assert_eq!(key["issuer"], issuer.as_str());
    }
}

#[test]
fn a_new_key_is_published_two_days_before_it_signs() {
    let mut world = World::bare();
    let names = |world: &mut World| -> Vec<String> {
        let set = document(world, "/common/discovery/keys");
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = names(&mut world);
    assert_eq!(first.len(), 2);
    world.advance(Span::days(88));
    world.tick();
    let both = names(&mut world);
    assert_eq!(both.len(), 4);
    assert!(first.iter().all(|name| both.contains(name)));
    world.advance(Span::days(3));
    world.tick();
    let after = names(&mut world);
    assert_eq!(after.len(), 2);
    assert!(first.iter().all(|name| !after.contains(name)));
}

#[test]
fn keys_rest_wrapped_and_nonce_keys_change_each_day_and_stay_for_an_hour() {
    let mut world = World::bare();
    for (table, key) in [
        (crate::keys::SIGNING_KEYS, &b"rs256"[..]),
        (crate::keys::SIGNING_KEYS, b"es256"),
        (crate::keys::NONCE_KEYS, b"keys"),
        (crate::keys::SUBJECT_KEY, b"key"),
    ] {
        let record = world.read(|snapshot| snapshot.record(table, key, world.now).unwrap());
        let value = record.unwrap().value;
        assert!(matches!(value, directory::RecordValue::Secret(_)));
    }
    let first = world.known().nonce.newest().unwrap().id;
    let subject = world.known().subject(world.tenant().id, NOTES);
    world.advance(Span::days(1));
    world.tick();
    let known = world.known();
    let second = known.nonce.newest().unwrap().id;
    assert_ne!(first, second);
    let named = |id, minutes| {
        let later = world.now + Span::minutes(minutes);
        known.nonce.named(id, later).is_some()
    };
    assert_eq!(
        [named(first, 59), named(first, 60), named(second, 60)],
        [true, false, true]
    );
    assert_eq!(known.subject(world.tenant().id, NOTES), subject);
}

#[test]
fn people_have_another_name_at_each_application_and_their_own_at_the_brokers() {
    let world = World::new();
    let known = world.known();
    let alice = world.account("alice").id.0;
    let (notes, wiki) = (known.subject(alice, NOTES), known.subject(alice, WIKI));
    assert_ne!(notes, wiki);
    assert_eq!(notes, known.subject(alice, &NOTES.to_uppercase()));
    assert_ne!(notes, alice.to_string());
    let broker = crate::catalogue::BROKER_CLIENT;
    assert_eq!(known.subject(alice, broker), alice.to_string());
    assert_ne!(notes, known.subject(world.account("bob").id.0, NOTES));
}

#[test]
fn what_somebody_changed_is_known_at_the_next_request_and_read_once() {
    let mut world = World::bare();
    let before = world.known();
    assert!(std::sync::Arc::ptr_eq(&before, &world.known()));
    world.set(|settings| settings.region = "DE".into());
    let after = world.known();
    assert_eq!(after.settings.region, "DE");
    world.person("carol");
    assert!(std::sync::Arc::ptr_eq(&after, &world.known()));
}

#[test]
fn instance_discovery_knows_our_own_authority_alone() {
    let mut world = World::bare();
    let ask = |world: &mut World, endpoint: &str| {
        let query =
            wire::http::write_query([("api-version", "1.1"), ("authorization_endpoint", endpoint)]);
        world.get(&format!("/common/discovery/instance?{query}"))
    };
    let good = ask(
        &mut world,
        "https://Login.Corp.Example/common/oauth2/v2.0/authorize",
    );
    assert_eq!(
        json(&good),
        object!({
            "tenant_discovery_endpoint": format!("{LOGIN}/common/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": "login.corp.example",
                "preferred_cache": "login.corp.example",
                "aliases": ["login.corp.example"],
            }],
        })
    );
    for endpoint in [
        "https://login.evil.example/common/oauth2/authorize",
        "https://login.corp.example.evil.example/common/oauth2/authorize",
        "https://login.corp.example@evil.example/common/oauth2/authorize",
        "https://login.corp.example:444/common/oauth2/authorize",
        "http://login.corp.example/common/oauth2/authorize",
        "login.corp.example",
    ] {
        let refused = ask(&mut world, endpoint);
        assert_eq!(refused.status, 400, "{endpoint}");
        assert_eq!(json(&refused)["error"], "invalid_instance", "{endpoint}");
    }
    assert_eq!(code(&world.get("/common/discovery/instance")), 90014);
}

#[test]
fn a_domain_leads_to_its_tenant() {
    let mut world = World::bare();
    let path = "/odc/v2.1/federationProvider?domain=";
    let response = world.get(&format!("{path}CORP.example"));
    assert_eq!(
        json(&response),
        object!({
            "tenantId": world.id(),
            "authority_host": "login.corp.example",
            "graph": GRAPH,
        })
    );
    let unknown = world.get(&format!("{path}nobody.example"));
    assert_eq!((unknown.status, code(&unknown)), (404, 90002));
    assert_eq!(code(&world.get("/odc/v2.1/federationProvider")), 90014);
}

fn federated(world: &mut World) {
    let federation = Federated {
        issuer: "urn:partner".into(),
        passive_url: "https://sts.partner.example/adfs/ls/?a=1&b=2".into(),
        active_url: Some(
            "https://sts.partner.example/adfs/services/trust/2005/usernamemixed".into(),
        ),
        mex_url: Some("https://sts.partner.example/adfs/services/trust/mex".into()),
        brand: Some("Partner & Sons".into()),
        certificates: vec![],
        second_factor: Default::default(),
    };
    let domain = VerifiedDomain {
        verified: world.known().domains["corp.example"].verified.clone(),
        federation: Some(federation),
        ..VerifiedDomain::new("partner.example".into(), &mut world.rng)
    };
    world.put_domain(&domain);
}

#[test]
fn the_realm_in_its_first_version_is_that_of_the_table() {
    let mut world = World::new();
    federated(&mut world);
    let cloud = object!({
        "ver": "1.0",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    });
    let with = |members: Value| {
        let mut all = cloud.clone();
        let members = members.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(members);
        all
    };
    let managed = object!({"account_type": "Managed", "domain_name": "corp.example"});
    let partner = object!({
        "account_type": "Federated",
        "domain_name": "partner.example",
        "federation_protocol": "WSTrust",
        "federation_metadata_url": "https://sts.partner.example/adfs/services/trust/mex",
        "federation_active_auth_url": "https://sts.partner.example/adfs/services/trust/2005/usernamemixed",
    });
    let unknown = object!({"account_type": "Unknown"});
    for (name, members) in [
        ("alice%40corp.example", &managed),
        ("Nobody@CORP.example", &managed),
        ("x@partner.example", &partner),
        ("x@nowhere.example", &unknown),
        ("nothing", &unknown),
    ] {
        for place in ["common", "corp.example"] {
            let path = format!("/{place}/UserRealm/{name}?api-version=1.0");
            assert_eq!(document(&mut world, &path), with(members.clone()), "{name}");
        }
    }
    let second = document(
        &mut world,
        "/common/userrealm/alice@corp.example?api-version=2.0",
    );
    assert_eq!(second["NameSpaceType"], "Managed");
    let refused = world.get("/common/UserRealm/alice@corp.example?api-version=3.0");
    assert_eq!(code(&refused), 90013);
}

#[test]
fn the_realm_of_old_clients_is_that_of_the_table_in_both_forms() {
    let mut world = World::new();
    federated(&mut world);
    let managed = document(&mut world, "/GetUserRealm.srf?login=alice@corp.example");
    assert_eq!(
        managed,
        object!({
            "State": 4, "UserState": 1, "Login": "alice@corp.example", "NameSpaceType": "Managed",
            "DomainName": "corp.example", "FederationBrandName": "People of corp.example",
            "CloudInstanceName": "microsoftonline.com",
            "CloudInstanceIssuerUri": "urn:federation:MicrosoftOnline", "ThrottleStatus": 0,
        })
    );
    let partner = document(
        &mut world,
        "/getuserrealm.srf?json=1&login=x@partner.example",
    );
    assert_eq!(
        partner,
        object!({
            "State": 3, "UserState": 2, "Login": "x@partner.example", "NameSpaceType": "Federated",
            "DomainName": "partner.example", "FederationGlobalVersion": -1,
            "AuthURL": "https://sts.partner.example/adfs/ls/?a=1&b=2",
            "FederationBrandName": "Partner & Sons", "AuthNForwardType": 1,
            "CloudInstanceName": "microsoftonline.com",
            "CloudInstanceIssuerUri": "urn:federation:MicrosoftOnline", "ThrottleStatus": 0,
        })
    );
    let unknown = document(&mut world, "/GetUserRealm.srf?login=");
    assert_eq!(
        (&unknown["State"], &unknown["NameSpaceType"]),
        (&object!(1), &object!("Unknown"))
    );

    let xml = world.get("/GetUserRealm.srf?xml=1&login=x@partner.example");
    assert_eq!(
        xml.headers.get("Content-Type"),
        Some("text/xml; charset=utf-8")
    );
    assert_eq!(
        text(&xml),
        "<RealmInfo Success=\"true\"><State>3</State><UserState>2</UserState><Login>x@partner.example</Login>\
         <NameSpaceType>Federated</NameSpaceType><DomainName>partner.example</DomainName>\
         <FederationGlobalVersion>-1</FederationGlobalVersion>\
         <AuthURL>https://sts.partner.example/adfs/ls/?a=1&amp;b=2</AuthURL><IsFederatedNS>true</IsFederatedNS>\
         <STSAuthURL>https://sts.partner.example/adfs/services/trust/2005/usernamemixed</STSAuthURL>\
         <FederationBrandName>Partner &amp; Sons</FederationBrandName><AuthNForwardType>1</AuthNForwardType>\
         <PreferredProtocol>1</PreferredProtocol><MEXURL>https://sts.partner.example/adfs/services/trust/mex</MEXURL>\
         <EDUDomainFlags>0</EDUDomainFlags><CloudInstanceName>microsoftonline.com</CloudInstanceName>\
         <CloudInstanceIssuerUri>urn:federation:MicrosoftOnline</CloudInstanceIssuerUri></RealmInfo>"
    );
    let login = "%3C!--%00%0B%26%22@corp.example";
    let hostile = world.get(&format!("/GetUserRealm.srf?xml=1&login={login}"));
    assert!(text(&hostile).contains("<Login>&lt;!--&amp;&quot;@corp.example</Login>"));
}

#[test]
fn realm_is_a_property_of_the_domain_and_of_nobody() {
    let mut world = World::new();
    for path in [
        "/common/UserRealm/NAME?api-version=1.0",
        "/common/UserRealm/NAME?api-version=2.0",
        "/GetUserRealm.srf?login=NAME",
        "/GetUserRealm.srf?xml=1&login=NAME",
    ] {
        let of = |world: &mut World, sam: &str| {
            let name = format!("{sam}@corp.example");
            text(&world.get(&path.replace("NAME", &name))).replace(&name, "NAME")
        };
        assert_eq!(of(&mut world, "alice"), of(&mut world, "nobody"), "{path}");
    }
}

fn credential_type(world: &mut World, question: &Value) -> wire::http::Response {
    let path = world.path("GetCredentialType");
    world.send(Request::post_json(&path, question))
}

fn asks(name: &str) -> Value {
    object!({
        "username": name, "isOtherIdpSupported": true, "checkPhones": true, "isRemoteNGCSupported": false,
        "isCookieBannerShown": false, "isFidoSupported": true, "isAccessPassSupported": true,
        "originalRequest": null, "flowToken": null,
    })
}

#[test]
fn get_credential_type_never_says_that_somebody_does_not_exist() {
    let mut world = World::new();
    let bob = world.account("bob").id;
    let control = world.account("bob").control;
    world.commit([directory::change::disable(bob, control)]);
    let of = |world: &mut World, sam: &str| {
        let name = format!("{sam}@corp.example");
        let response = credential_type(world, &asks(&name));
        assert_eq!(response.status, 200);
        text(&response).replace(&name, "NAME")
    };
    let alice = of(&mut world, "alice");
    assert_eq!(
        serde_json::from_str::<Value>(&alice).unwrap(),
        object!({
            "Username": "NAME", "Display": "NAME", "IfExistsResult": 0, "IsUnmanaged": false, "ThrottleStatus": 0,
            "Credentials": {"PrefCredential": 1, "HasPassword": true}, "EstsProperties": {"DomainType": 3},
            "IsSignupDisallowed": true,
        })
    );
    // Disabled, or nobody at all.
    assert_eq!(of(&mut world, "bob"), alice);
    assert_eq!(of(&mut world, "nobody"), alice);
    // That a domain is not ours is no secret.
    let elsewhere = json(&credential_type(&mut world, &asks("x@nowhere.example")));
    assert_eq!(elsewhere["IfExistsResult"], 1);
    let word = world.send(Request::post_json(
        "/common/getcredentialtype",
        &asks("alice@corp.example"),
    ));
    assert_eq!(json(&word)["IfExistsResult"], 0);
}

#[test]
fn only_who_has_an_access_pass_is_asked_for_one() {
    let mut world = World::new();
    let alice = world.account("alice").id;
    let terms = Terms {
        begins: world.now + Span::minutes(5),
        ends: world.now + Span::hours(1),
        once: true,
    };
    let (_, data) = access_pass::draw(alice.0, terms, &mut world.rng);
    let mut factors = SecondFactors::default();
    factors.enrolled.insert(access_pass::ID.into(), data);
    world.set_second_factors(alice, &factors);
    let said = |world: &mut World, sam: &str| {
        let name = world.upn(sam);
        json(&credential_type(world, &asks(&name)))["Credentials"].clone()
    };
    let password = object!({"PrefCredential": 1, "HasPassword": true});
    assert_eq!(said(&mut world, "alice"), password);
    world.advance(Span::minutes(5));
    let pass = object!({"PrefCredential": 13, "HasPassword": true, "HasAccessPass": true});
    assert_eq!(said(&mut world, "alice"), pass);
    assert_eq!(said(&mut world, "bob"), password);
    world.set(|settings| settings.hide_access_pass = true);
    assert_eq!(said(&mut world, "alice"), password);
    world.set(|settings| settings.hide_access_pass = false);
    world.advance(Span::hours(1));
    assert_eq!(said(&mut world, "alice"), password);
}

#[test]
fn the_people_of_a_federated_domain_are_sent_there() {
    let mut world = World::new();
    federated(&mut world);
    let said = json(&credential_type(&mut world, &asks("x@partner.example")));
    assert_eq!(said["EstsProperties"]["DomainType"], 4);
    assert_eq!(
        said["Credentials"],
        object!({
            "PrefCredential": 4, "HasPassword": true,
            "FederationRedirectUrl": "https://sts.partner.example/adfs/ls/?a=1&b=2",
        })
    );
}

#[test]
fn who_asks_too_often_is_told_so_in_words_that_clients_read() {
    let mut world = World::new();
    let limits = crate::Limits {
        requests_from_address: trust::limiter::Limit {
            burst: 2,
            every: Span::minutes(1),
        },
        ..crate::Limits::default()
    };
    world.tenants[0].deployment = world.tenants[0].deployment.clone().with_limits(limits);
    let name = "alice@corp.example";
    for _ in 0..2 {
        let said = json(&credential_type(&mut world, &asks(name)));
        assert_eq!(said["ThrottleStatus"], 0);
    }
    let said = json(&credential_type(&mut world, &asks(name)));
    assert_eq!(
        (&said["ThrottleStatus"], &said["IfExistsResult"]),
        (&object!(1), &object!(2))
    );
    let realm = world.get("/GetUserRealm.srf?login=alice@corp.example");
    assert_eq!((realm.status, code(&realm)), (429, 90055));
    assert_eq!(realm.headers.get("Retry-After"), Some("61"));
}

#[test]
fn questions_that_are_none_are_refused() {
    let mut world = World::new();
    let path = world.path("GetCredentialType");
    let mut post = |body: &[u8]| {
        let mut request = Request::new(Method::Post, &path);
        request.body = body.to_vec();
        let response = world.send(request);
        (response.status, code(&response))
    };
    assert_eq!(post(b"{"), (400, 90009));
    assert_eq!(post(b"[]"), (400, 90014));
    assert_eq!(post(b"{\"username\":1}"), (400, 90009));
    assert_eq!(post(b"{\"username\":\" \"}"), (400, 90014));
    let deep = "[".repeat(60_000);
    assert_eq!(post(format!("{{\"x\":{deep}").as_bytes()), (400, 90009));
    assert_eq!(post(&vec![b' '; 64 * 1024 + 1]), (413, 90009));
}

#[test]
fn a_refusal_has_each_member_of_the_table_and_none_is_null() {
    let mut world = World::bare();
    world.advance(Span::micros(123_456));
    let correlation = "7d2c8b66-5d5e-4d1c-9f0b-0a8a7f1f6a11";
    let request = Request::get("/nobody.example/discovery/keys")
        .with_header("client-request-id", correlation);
    let response = world.send(request);
    let body = json(&response);
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "correlation_id",
            "error",
            "error_codes",
            "error_description",
            "timestamp",
            "trace_id"
        ]
    );
    assert_eq!(body["correlation_id"], correlation);
    assert_eq!(body["timestamp"], "2026-11-21 12:00:00Z");
    let trace = body["trace_id"].as_str().unwrap();
    assert_eq!(
        body["error_description"],
        format!(
            "AADSTS90002: There is no such tenant. Trace ID: {trace} Correlation ID: {correlation} Timestamp: \
             2026-11-21 12:00:00Z"
        )
        .as_str()
    );
    let record = world.last_refusal.clone().unwrap();
    assert_eq!(record.details["trace"], trace);
    assert_eq!(record.details["code"], "90002");
}

#[test]
fn numbers_are_given_once_and_their_sentences_chain() {
    let mut seen = std::collections::BTreeSet::new();
    for number in Number::ALL {
        assert!(seen.insert(number.code()), "{number:?}");
        assert!((400..=503).contains(&number.status()), "{number:?}");
        assert!(number.sentence().ends_with('.'), "{number:?}");
        assert!(!number.error().contains(' '), "{number:?}");
    }
}

#[test]
fn what_is_not_there_is_404_another_method_405_and_without_tls_nothing_is_answered() {
    let mut world = World::bare();
    assert_eq!(world.get("/nowhere").status, 404);
    let post = Request::new(Method::Post, "/common/discovery/keys");
    let response = world.send(post);
    assert_eq!(response.status, 405);
    assert_eq!(response.headers.get("Allow"), Some("GET"));
    let plain = Request::get("/common/discovery/keys").with_host("login.corp.example");
    let response = world.ask(&plain);
    assert_eq!(response.status, 403);
    assert_eq!(response.headers.get("Strict-Transport-Security"), None);
    let elsewhere = Request::get("/common/discovery/keys").with_host("drs.corp.example");
    assert_eq!(world.send(elsewhere).status, 404);
    let good = world.get("/common/discovery/keys");
    assert_eq!(
        good.headers.get("Cache-Control"),
        Some("public, max-age=3600")
    );
    assert_eq!(good.headers.get("X-Content-Type-Options"), Some("nosniff"));
}

#[test]
fn a_tenant_without_keys_says_that_it_cannot_answer() {
    let mut world = World::bare();
    world.commit([
        directory::change::remove(crate::keys::SIGNING_KEYS, b"rs256"),
        directory::tenant::changed(&mut directory::testing::Seeded::new(9)),
    ]);
    let request = world.request(Request::get("/common/discovery/keys"));
    let now = world.now;
    let rng = &mut world.rng;
    let (answer, _) = world.tenants[0].view(|view| crate::answer(&request, view, now, rng));
    assert!(answer.fault.is_some());
    match answer.reply {
        crate::Reply::Now(response) => assert_eq!(response.status, 503),
        crate::Reply::When { .. } => panic!("waits"),
    }
    // What is due makes it anew.
    world.tick();
    assert_eq!(world.get("/common/discovery/keys").status, 200);
}
