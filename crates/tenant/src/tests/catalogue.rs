//! The clients and resources that every tenant has (protocols A.3.3), and those that administrators made.

use crypto::jose::Algorithm;
use directory::tenant::{
    Application, ApplicationKey, ApplicationSecret, ClientKind as Kind, KeyForm, Permission, Signs,
    Wanted,
};
use token::client::{
    ADMINISTRATION, ADMINISTRATION_CLIENT, ClientKind, CredentialKind, Pkce, REGISTRATION_CLIENT,
};
use trust::Span;
use wire::Guid;

use super::world::*;
use crate::catalogue::{BROKER_CLIENT, LINUX_BROKER_CLIENT, SIGN_IN_CLIENT};

#[test]
fn every_client_and_address_of_the_table_is_known() {
    let world = World::bare();
    let known = world.known();
    let native = "https://login.microsoftonline.com/common/oauth2/nativeclient";
    for (id, addresses) in [
        (
            BROKER_CLIENT,
            &[
                "ms-aadj-redir://auth/drs",
                "msauth://Microsoft.AAD.BrokerPlugin",
                "ms-appx-web://Microsoft.AAD.BrokerPlugin/29d9ed98-a469-4536-ade2-f981bc1d605e",
                native,
            ][..],
        ),
        (
            LINUX_BROKER_CLIENT,
            &["companyportal://com.microsoft.CompanyPortal", native],
        ),
        (
            "d3590ed6-52b3-4102-aeff-aad2292ab01c",
            &[
                "ms-appx-web://Microsoft.AAD.BrokerPlugin/d3590ed6-52b3-4102-aeff-aad2292ab01c",
                native,
            ],
        ),
        (SIGN_IN_CLIENT, &[native]),
        (REGISTRATION_CLIENT, &[native]),
        ("d7b530a4-7680-4c23-a8bf-c52c121d2e87", &[native]),
        ("1b730954-1685-4b74-9bfd-dac224a7b894", &[native]),
    ] {
        let client = known.catalogue.client(&id.to_uppercase());
        let client = client.unwrap_or_else(|| panic!("{id}"));
        for address in addresses {
            assert!(client.redirect(address).is_some(), "{id} {address}");
            for other in [
                format!("{address}/x"),
                format!("{address}?x=1"),
                address.to_uppercase(),
            ] {
                assert!(client.redirect(&other).is_none(), "{id} {other}");
            }
        }
        assert!(client.is_public() && client.pkce == Pkce::WherePresent);
        assert_eq!(client.family, id != REGISTRATION_CLIENT, "{id}");
        assert!(client.grants.refresh && !client.grants.device_code && !client.grants.password);
        assert!(!client.grants.client_credentials);
    }
    let broker = known.catalogue.client(BROKER_CLIENT).unwrap();
    let portal = "companyportal://com.microsoft.CompanyPortal";
    assert!(broker.redirect(portal).is_none());
}

#[test]
fn every_resource_of_the_table_is_known_by_each_of_its_names() {
    let mut world = World::bare();
    world.set(|settings| settings.join_needs_second_factor = false);
    let known = world.known();
    let catalogue = &known.catalogue;
    let broker = catalogue.client(BROKER_CLIENT).unwrap();
    for names in [
        &[
            "urn:ms-drs:drs.corp.example",
            "urn:ms-drs:enterpriseregistration.windows.net",
            "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9",
        ][..],
        &[
            "https://enrollment.manage.microsoft.com/",
            "https://enrollment.manage.microsoft.com",
            "https://enrollment.manage.microsoft.com//",
            "d4ebce55-015a-49b5-a083-c84d1797ae8c",
        ],
        &["0000000a-0000-0000-c000-000000000000"],
        &[
            "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
            "https://portal.azure.com/",
        ],
        &[
            "00000003-0000-0000-c000-000000000000",
            "https://graph.microsoft.com",
            "https://graph.corp.example/",
        ],
        &[
            "00000002-0000-0000-c000-000000000000",
            "https://graph.windows.net/",
        ],
        &["urn:aad:tb:update:prt"],
        &["urn:microsoft:userinfo"],
        &[ADMINISTRATION],
    ] {
        let first = catalogue.resource(names[0]).unwrap();
        for name in names {
            let found = catalogue.resource(&name.to_uppercase());
            let found = found.unwrap_or_else(|| panic!("{name}"));
            assert_eq!(found.identifier, first.identifier, "{name}");
            assert!(broker.may_ask_for(found));
        }
    }
    // What is asked for without a resource: scopes of Graph have words alone.
    assert_eq!(catalogue.usual(), "00000003-0000-0000-c000-000000000000");
    // Which of them demand a second factor by themselves.
    let demanding = catalogue.resources().iter();
    let demanding: Vec<&str> = demanding
        .filter(|resource| resource.second_factor)
        .map(|resource| resource.identifier.as_str())
        .collect();
    assert_eq!(
        demanding,
        [
            "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
            "urn:aad:tb:update:prt",
            ADMINISTRATION
        ]
    );
    world.set(|settings| settings.join_needs_second_factor = true);
    let strict = world.known();
    let registration = strict.catalogue.resource("urn:ms-drs:drs.corp.example");
    assert!(registration.unwrap().second_factor);
    let command = catalogue.client(ADMINISTRATION_CLIENT).unwrap();
    let may = |name: &str| command.may_ask_for(catalogue.resource(name).unwrap());
    assert!(may(ADMINISTRATION) && !may("https://enrollment.manage.microsoft.com/"));
    assert!(command.pkce == Pkce::Required && !command.grants.refresh);
}

#[test]
fn a_switch_names_the_clients_that_it_is_for() {
    let mut world = World::bare();
    world.set(|settings| {
        settings.device_code_clients = vec![BROKER_CLIENT.parse().unwrap()];
        settings.ropc_clients = vec![LINUX_BROKER_CLIENT.parse().unwrap()];
    });
    let known = world.known();
    let grants = |id: &str| known.catalogue.client(id).unwrap().grants;
    assert!(grants(BROKER_CLIENT).device_code && !grants(BROKER_CLIENT).password);
    let linux = grants(LINUX_BROKER_CLIENT);
    assert!(linux.password && !linux.device_code);
    assert!(!grants(SIGN_IN_CLIENT).device_code && !grants(SIGN_IN_CLIENT).password);
}

fn made() -> (World, Application) {
    let mut world = World::bare();
    let key = crypto::key::PrivateKey::generate(crypto::key::KeyKind::P256);
    let jwk = {
        use crypto::signature::Signer;
        crypto::jose::Jwk::new(key.public_key().clone()).to_json()
    };
    let until = world.now + Span::days(1);
    let application = Application {
        id: WIKI.parse().unwrap(),
        name: "Wiki".into(),
        kind: Kind::Confidential,
        redirect_uris: vec![WIKI_REDIRECT.into(), "http://127.0.0.1/done".into()],
        identifier_uri: Some(WIKI_RESOURCE.into()),
        permissions: vec![Permission {
            scope: "pages.read".into(),
            description: String::new(),
            administrator_only: false,
        }],
        wants: vec![Wanted {
            resource: NOTES.into(),
            scopes: vec![],
        }],
        secrets: vec![ApplicationSecret {
            id: Guid::from_random([1; 16]),
            digest: [7; 32],
            hint: String::new(),
            name: String::new(),
            from: world.now,
            until,
        }],
        keys: vec![ApplicationKey {
            id: Guid::from_random([2; 16]),
            key: KeyForm::Jwk(jwk.to_string()),
            name: String::new(),
            from: world.now,
            until,
        }],
        signs: Some(Signs::Es256),
        ..Application::default()
    };
    world.put_application(&Application {
        id: NOTES.parse().unwrap(),
        name: "Notes".into(),
        redirect_uris: vec![NOTES_REDIRECT.into()],
        ..Application::default()
    });
    world.put_application(&application);
    (world, application)
}

#[test]
fn an_application_is_a_client_and_a_resource() {
    let (world, _) = made();
    let known = world.known();
    let wiki = known.catalogue.client(WIKI).unwrap();
    assert!(wiki.redirect(WIKI_REDIRECT).is_some());
    assert!(wiki.redirect("http://127.0.0.1:4711/done").is_some());
    assert_eq!(wiki.algorithm, Some(Algorithm::Es256));
    assert!(wiki.grants.client_credentials && wiki.grants.code && !wiki.family);
    let ClientKind::Confidential(credentials) = &wiki.kind else {
        panic!("not confidential");
    };
    let kinds = credentials.iter().map(|credential| match credential.kind {
        CredentialKind::Secret(_) => "secret",
        CredentialKind::Key { .. } => "key",
        CredentialKind::Certificate { .. } => "certificate",
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["secret", "key"]);
    let later = world.now + Span::days(1);
    assert!(
        credentials
            .iter()
            .all(|one| one.counts(world.now) && !one.counts(later))
    );
    let resource = known.catalogue.resource(WIKI_RESOURCE).unwrap();
    for name in [WIKI.to_owned(), format!("api://{WIKI}")] {
        let found = known.catalogue.resource(&name).unwrap();
        assert_eq!(found.identifier, resource.identifier, "{name}");
    }
    assert_eq!(resource.scopes, ["pages.read"]);
    let may = |client: &str, name: &str| {
        let client = known.catalogue.client(client).unwrap();
        client.may_ask_for(known.catalogue.resource(name).unwrap())
    };
    // Itself, what it wants, and what everybody may ask for.
    for name in [WIKI_RESOURCE, NOTES, "https://graph.microsoft.com"] {
        assert!(may(WIKI, name), "{name}");
    }
    for name in [ADMINISTRATION, "urn:ms-drs:drs.corp.example"] {
        assert!(!may(WIKI, name), "{name}");
    }
    assert!(!may(NOTES, WIKI_RESOURCE));
    let notes = known.catalogue.client(NOTES).unwrap();
    assert!(notes.pkce == Pkce::Required && notes.is_public());
    assert!(!notes.grants.client_credentials);
}

#[test]
fn an_application_that_is_disabled_is_neither_and_none_takes_a_name_of_another() {
    let (mut world, mut application) = made();
    application.enabled = false;
    world.put_application(&application);
    let known = world.known();
    assert!(known.catalogue.client(WIKI).is_none());
    assert!(known.catalogue.resource(WIKI_RESOURCE).is_none());
    assert!(known.applications.contains_key(&application.id));
    // Whatever stands in the store, what every tenant has stays what it is.
    application.enabled = true;
    application.identifier_uri = Some("urn:ms-drs:enterpriseregistration.windows.net".into());
    world.put_application(&application);
    let known = world.known();
    let registration = known
        .catalogue
        .resource("urn:ms-drs:enterpriseregistration.windows.net")
        .unwrap();
    assert_eq!(registration.identifier, "urn:ms-drs:drs.corp.example");
}

/// They are read in pieces.
#[test]
fn however_many_applications_there_are_all_are_known() {
    let mut world = World::bare();
    let mut changes = Vec::new();
    for number in 0..501u16 {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let application = Application {
            id: Guid::from_random(id),
            name: format!("application {number}"),
            ..Application::default()
        };
        changes.extend(directory::tenant::put_application(
            &application,
            &mut world.rng,
        ));
    }
    while !changes.is_empty() {
        let some: Vec<_> = changes.drain(..changes.len().min(200)).collect();
        world.commit(some);
    }
    assert_eq!(world.known().applications.len(), 501);
}
