//! The clients and resources that every tenant has (protocols A.3.3), and those that administrators made.

use crypto::jose::{Algorithm, Jwk};
use crypto::key::PublicKey;
use directory::tenant::{
    Application, ApplicationKey, ClientKind as Kind, KeyForm, Settings, Signs,
};
use token::authorize::USERINFO;
use token::client::{
    ADMINISTRATION, ADMINISTRATION_CLIENT, Catalogue, Client, ClientCredential, ClientKind,
    CredentialKind, FrontChannel, Grants, Pkce, REGISTRATION_CLIENT, Redirect, Resource,
    registration_resource,
};
use token::secret::Digest;
use trust::Span;
use wire::Guid;
use wire::x509::Certificate;

use crate::deployment::Deployment;

/// The authentication broker.
pub(crate) const BROKER_CLIENT: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
/// The sign-in identity of the operating system.
pub(crate) const SIGN_IN_CLIENT: &str = "38aa3b87-a06d-4817-b275-7a316988d93b";
/// The broker on Linux.
pub(crate) const LINUX_BROKER_CLIENT: &str = "b743a22d-6705-4147-8670-d92fa515ee2b";
/// The page on which a device's code is approved, for which people sign in as for any client.
pub(crate) const DEVICE_PAGE_CLIENT: &str = "6f0b4c52-1d0a-4b7e-9c55-2a7d1c8e9f30";
/// The registration service as a resource.
pub(crate) const REGISTRATION_SERVICE: &str = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";
/// The registration service by the name that known clients ask for whatever the tenant says.
pub(crate) const PUBLIC_REGISTRATION: &str = "urn:ms-drs:enterpriseregistration.windows.net";
/// Graph.
pub(crate) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
/// What a client asks for to have its primary refresh token say of a second factor.
pub(crate) const UPDATE_PRT: &str = "urn:aad:tb:update:prt";

/// Where a client without another address has its code sent. The host is not ours: nothing is sent there but the browser
/// of the program that asked, which reads the address.
const NATIVE_CLIENT: &str = "https://login.microsoftonline.com/common/oauth2/nativeclient";
/// Paths at which a program on the same machine may receive its code (RFC 8252 7.3).
const LOOPBACK_PATHS: [&str; 3] = ["", "/", "/keyporch"];

/// A client that every tenant has.
struct BuiltIn {
    id: &'static str,
    name: &'static str,
    redirects: &'static [&'static str],
    /// Whether the refresh token of one serves another of the family.
    family: bool,
}

const BUILT_IN: [BuiltIn; 7] = [
    BuiltIn {
        id: BROKER_CLIENT,
        name: "authentication broker",
        redirects: &[
            "ms-aadj-redir://auth/drs",
            "msauth://Microsoft.AAD.BrokerPlugin",
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/29d9ed98-a469-4536-ade2-f981bc1d605e",
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/DRS",
            NATIVE_CLIENT,
        ],
        family: true,
    },
    BuiltIn {
        id: LINUX_BROKER_CLIENT,
        name: "authentication broker for Linux",
        redirects: &["companyportal://com.microsoft.CompanyPortal", NATIVE_CLIENT],
        family: true,
    },
    BuiltIn {
        id: SIGN_IN_CLIENT,
        name: "sign-in of the operating system",
        redirects: &[
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/38aa3b87-a06d-4817-b275-7a316988d93b",
            NATIVE_CLIENT,
        ],
        family: true,
    },
    BuiltIn {
        id: REGISTRATION_CLIENT,
        name: "device registration",
        redirects: &[
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/dd762716-544d-4aeb-a526-687b73838a22",
            NATIVE_CLIENT,
        ],
        family: false,
    },
    BuiltIn {
        id: "d7b530a4-7680-4c23-a8bf-c52c121d2e87",
        name: "browser",
        redirects: &[NATIVE_CLIENT],
        family: true,
    },
    BuiltIn {
        id: "1b730954-1685-4b74-9bfd-dac224a7b894",
        name: "command line",
        redirects: &[NATIVE_CLIENT],
        family: true,
    },
    BuiltIn {
        id: "d3590ed6-52b3-4102-aeff-aad2292ab01c",
        name: "office",
        redirects: &[
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/d3590ed6-52b3-4102-aeff-aad2292ab01c",
            NATIVE_CLIENT,
        ],
        family: true,
    },
];

/// All clients and resources that get anything.
pub(crate) fn catalogue<'a>(
    settings: &Settings,
    applications: impl Iterator<Item = &'a Application>,
    deployment: &Deployment,
) -> Catalogue {
    let mut catalogue = Catalogue::new(
        built_in_clients(settings, deployment),
        built_in_resources(settings, deployment),
    )
    // Known clients name scopes of Graph by their words alone.
    .meaning(GRAPH);
    let mut enabled: Vec<&Application> = applications.filter(|app| app.enabled).collect();
    // In an order that does not change, should two ever have one name.
    enabled.sort_unstable_by_key(|application| application.id);
    for application in &enabled {
        catalogue.add_resource(resource_of(application));
    }
    for application in enabled {
        let client = client_of(application, settings, &catalogue);
        catalogue.add_client(client);
    }
    catalogue
}

/// The names of the resources that a tenant has by itself at this place, besides its applications.
#[must_use]
pub fn resource_names(deployment: &Deployment) -> Vec<String> {
    let resources = built_in_resources(&Settings::default(), deployment);
    let names = resources.iter().flat_map(Resource::names);
    names.map(str::to_owned).collect()
}

fn built_in_clients(settings: &Settings, deployment: &Deployment) -> Vec<Client> {
    let loopback = || LOOPBACK_PATHS.map(|path| Redirect::Loopback(path.to_owned()));
    let named = |list: &[Guid], id: &str| list.iter().any(|named| named.to_string() == id);
    let grants = |id: &str| Grants {
        code: true,
        refresh: true,
        device_code: named(&settings.device_code_clients, id),
        password: named(&settings.ropc_clients, id),
        client_credentials: false,
    };
    let brokers = BUILT_IN.iter().map(|client| Client {
        id: client.id.to_owned(),
        name: client.name.to_owned(),
        redirects: client
            .redirects
            .iter()
            .map(|uri| Redirect::Exact((*uri).to_owned()))
            .chain(loopback())
            .collect(),
        any_resource: true,
        grants: grants(client.id),
        // The brokers know none, and their codes go to addresses that are theirs on the machine. What listens at the machine
        // itself needs it all the same (`Client::may_leave_out_pkce`).
        pkce: Pkce::WherePresent,
        family: client.family,
        ..Client::default()
    });
    let command = Client {
        id: ADMINISTRATION_CLIENT.to_owned(),
        name: "the keyporch command".to_owned(),
        redirects: loopback().to_vec(),
        resources: [
            ADMINISTRATION.to_owned(),
            registration_resource(deployment.drs.host()),
            GRAPH.to_owned(),
            USERINFO.to_owned(),
        ]
        .to_vec(),
        grants: Grants {
            refresh: false,
            ..grants(ADMINISTRATION_CLIENT)
        },
        pkce: Pkce::Required,
        ..Client::default()
    };
    let device_page = Client {
        id: DEVICE_PAGE_CLIENT.to_owned(),
        name: "signing in another device".to_owned(),
        redirects: vec![Redirect::Exact(format!(
            "{}/common/oauth2/deviceauth",
            deployment.login.url()
        ))],
        resources: vec![USERINFO.to_owned()],
        // Its codes are redeemed by nobody: it has nothing to prove itself by.
        kind: ClientKind::Confidential(vec![]),
        pkce: Pkce::WherePresent,
        ..Client::default()
    };
    brokers.chain([command, device_page]).collect()
}

fn built_in_resources(settings: &Settings, deployment: &Deployment) -> Vec<Resource> {
    let hour = Span::hours(1);
    let resource =
        |identifier: &str, aliases: &[&str], name: &str, second_factor, lifetime| Resource {
            identifier: identifier.to_owned(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            name: name.to_owned(),
            second_factor,
            lifetime,
            scopes: vec![],
        };
    let own_registration = registration_resource(deployment.drs.host());
    let mut registration = vec![PUBLIC_REGISTRATION, REGISTRATION_SERVICE];
    registration.retain(|alias| *alias != own_registration);
    let mut graph = vec!["https://graph.microsoft.com"];
    if deployment.graph.url() != "https://graph.microsoft.com" {
        graph.push(deployment.graph.url());
    }
    let mut graph = resource(GRAPH, &graph, "directory", false, hour);
    graph.scopes = [
        "User.Read",
        "User.ReadBasic.All",
        "User.Read.All",
        "GroupMember.Read.All",
    ]
    .map(str::to_owned)
    .to_vec();
    vec![
        // Whoever joins a device is asked for it when signing in, where the endpoint would refuse who was not. A key asks for
        // more, and its endpoint for that.
        resource(
            &own_registration,
            &registration,
            "device registration",
            settings.join_needs_second_factor,
            Span::minutes(15),
        ),
        resource(
            "https://enrollment.manage.microsoft.com/",
            &["d4ebce55-015a-49b5-a083-c84d1797ae8c"],
            "device management enrolment",
            false,
            hour,
        ),
        resource(
            "0000000a-0000-0000-c000-000000000000",
            &[],
            "device management",
            false,
            hour,
        ),
        // A known client asks for it in order to be asked for a second factor.
        resource(
            "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
            &["https://portal.azure.com"],
            "portal",
            true,
            hour,
        ),
        graph,
        resource(
            "00000002-0000-0000-c000-000000000000",
            &["https://graph.windows.net"],
            "directory (former)",
            false,
            hour,
        ),
        resource(UPDATE_PRT, &[], "sign-in of the device", true, hour),
        resource(USERINFO, &[], "your profile", false, hour),
        resource(
            ADMINISTRATION,
            &[],
            "administration",
            true,
            Span::minutes(15),
        ),
    ]
}

/// The resource that an application is itself.
fn resource_of(application: &Application) -> Resource {
    let id = application.id.to_string();
    let api = format!("api://{id}");
    let (identifier, aliases) = match &application.identifier_uri {
        Some(uri) if *uri != api => (uri.clone(), vec![id, api]),
        _ => (api, vec![id]),
    };
    Resource {
        identifier,
        aliases,
        name: application.name.clone(),
        second_factor: application.second_factor,
        lifetime: Span::hours(1),
        scopes: application
            .permissions
            .iter()
            .map(|permission| permission.scope.clone())
            .collect(),
    }
}

fn client_of(application: &Application, settings: &Settings, catalogue: &Catalogue) -> Client {
    let confidential = application.kind == Kind::Confidential;
    let id = application.id.to_string();
    let wanted = application.wants.iter().map(|want| want.resource.as_str());
    let resources = wanted.chain([id.as_str(), GRAPH, USERINFO]);
    let resources = resources.filter_map(|name| Some(catalogue.resource(name)?.identifier.clone()));
    let redirects = application.redirect_uris.iter();
    let listed = |list: &[Guid]| list.contains(&application.id);
    Client {
        resources: resources.collect(),
        id: id.clone(),
        name: application.name.clone(),
        kind: match application.kind {
            Kind::Public => ClientKind::Public,
            Kind::Confidential => ClientKind::Confidential(credentials(application)),
        },
        redirects: redirects.map(|uri| registered(uri)).collect(),
        signed_out: application.post_logout_redirect_uris.clone(),
        front_channel: application
            .frontchannel_logout_uri
            .as_ref()
            .map(|uri| FrontChannel {
                uri: uri.clone(),
                session: application.frontchannel_logout_session,
            }),
        any_resource: false,
        grants: Grants {
            code: !application.redirect_uris.is_empty(),
            refresh: application.refresh,
            device_code: application.device_code || listed(&settings.device_code_clients),
            password: application.password || listed(&settings.ropc_clients),
            client_credentials: confidential,
        },
        pkce: match application.kind {
            Kind::Public => Pkce::Required,
            Kind::Confidential => Pkce::WherePresent,
        },
        family: application.family,
        algorithm: match application.signs.unwrap_or(settings.id_token_alg) {
            Signs::Rs256 => None,
            Signs::Es256 => Some(Algorithm::Es256),
        },
    }
}

/// A registered redirect URI: an address of the machine itself stands for any port.
fn registered(uri: &str) -> Redirect {
    let path = ["http://127.0.0.1", "http://[::1]"]
        .iter()
        .find_map(|host| uri.strip_prefix(host))
        .filter(|path| path.is_empty() || path.starts_with('/'));
    match path {
        Some(path) => Redirect::Loopback(path.to_owned()),
        None => Redirect::Exact(uri.to_owned()),
    }
}

fn credentials(application: &Application) -> Vec<ClientCredential> {
    let secrets = application.secrets.iter().map(|secret| ClientCredential {
        kind: CredentialKind::Secret(Digest::from_bytes(secret.digest)),
        from: secret.from,
        until: secret.until,
    });
    // What was checked when it was added reads again.
    let keys = application.keys.iter().filter_map(|key| {
        Some(ClientCredential {
            kind: credential_of(key)?,
            from: key.from,
            until: key.until,
        })
    });
    secrets.chain(keys).collect()
}

fn credential_of(key: &ApplicationKey) -> Option<CredentialKind> {
    match &key.key {
        KeyForm::Jwk(text) => {
            let jwk = Jwk::from_json(&serde_json::from_str(text).ok()?).ok()?;
            Some(CredentialKind::Key {
                id: jwk.key_id,
                key: jwk.key,
                algorithm: jwk.algorithm,
            })
        }
        KeyForm::Certificate(der) => {
            let certificate = Certificate::parse(der).ok()?;
            Some(CredentialKind::Certificate {
                sha1: crypto::digest::sha1(der),
                sha256: crypto::digest::sha256(der),
                key: PublicKey::from_spki_der(certificate.spki()).ok()?,
            })
        }
    }
}
