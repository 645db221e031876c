//! The clients and relying parties that must exist (protocols F.2, A.3.3), and those of the configuration.

use token::authorize::USERINFO;
use token::client::{
    ADMINISTRATION, ADMINISTRATION_CLIENT, Catalogue, Client, Grants, REGISTRATION_CLIENT,
    Redirect, Resource,
};
use token::redirect::{self, NotRegistrable};
use trust::Span;

use crate::section::{Application, InvalidSettings};

/// The authentication broker.
const BROKER_CLIENT: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
/// The sign-in identity of the operating system.
const SIGN_IN_CLIENT: &str = "38aa3b87-a06d-4817-b275-7a316988d93b";
/// Paths at which a program on the same machine may receive its code (RFC 8252 7.3).
const LOOPBACK_PATHS: [&str; 3] = ["", "/", "/keyporch"];

/// All clients and resources.
pub(crate) fn catalogue(
    registration: &str,
    applications: &[Application],
) -> Result<Catalogue, InvalidSettings> {
    let mut catalogue = Catalogue::new(
        built_in_clients(registration),
        built_in_resources(registration),
    );
    for application in applications {
        let (client, resource) = configured(application)?;
        let id = client.id.clone();
        if !catalogue.add_client(client) {
            return Err(InvalidSettings::Taken(id));
        }
        if let Some(resource) = resource {
            let identifier = resource.identifier.clone();
            if !catalogue.add_resource(resource) {
                return Err(InvalidSettings::Taken(identifier));
            }
        }
    }
    Ok(catalogue)
}

fn built_in_clients(registration: &str) -> Vec<Client> {
    let client = |id: &str, name: &str, redirects: &[&str], resources: &[&str]| Client {
        id: id.to_owned(),
        name: name.to_owned(),
        redirects: redirects
            .iter()
            .map(|uri| Redirect::Exact((*uri).to_owned()))
            .chain(LOOPBACK_PATHS.map(|path| Redirect::Loopback(path.to_owned())))
            .collect(),
        resources: resources
            .iter()
            .map(|resource| (*resource).to_owned())
            .collect(),
        ..Client::default()
    };
    vec![
        client(
            REGISTRATION_CLIENT,
            "device registration",
            &["ms-appx-web://Microsoft.AAD.BrokerPlugin/dd762716-544d-4aeb-a526-687b73838a22"],
            &[registration, USERINFO],
        ),
        client(
            BROKER_CLIENT,
            "authentication broker",
            &[
                "ms-appx-web://Microsoft.AAD.BrokerPlugin/29d9ed98-a469-4536-ade2-f981bc1d605e",
                "msauth://Microsoft.AAD.BrokerPlugin",
                "ms-aadj-redir://auth/drs",
            ],
            &[registration, USERINFO],
        ),
        client(
            SIGN_IN_CLIENT,
            "sign-in",
            &["ms-appx-web://Microsoft.AAD.BrokerPlugin/38aa3b87-a06d-4817-b275-7a316988d93b"],
            &[registration, USERINFO],
        ),
        client(
            ADMINISTRATION_CLIENT,
            "the keyporch command",
            &[],
            &[ADMINISTRATION, registration, USERINFO],
        ),
    ]
}

fn built_in_resources(registration: &str) -> Vec<Resource> {
    let resource = |identifier: &str, name: &str, second_factor, lifetime| Resource {
        identifier: identifier.to_owned(),
        name: name.to_owned(),
        second_factor,
        lifetime,
        ..Resource::default()
    };
    vec![
        // Longer than a second factor stays fresh, so that it is the second factor that decides (ACC-9).
        resource(registration, "device registration", true, Span::minutes(15)),
        resource(ADMINISTRATION, "administration", true, Span::minutes(15)),
        resource(USERINFO, "your profile", false, Span::hours(1)),
    ]
}

fn configured(application: &Application) -> Result<(Client, Option<Resource>), InvalidSettings> {
    let invalid = |uri: &str| InvalidSettings::RedirectUri {
        client_id: application.client_id.clone(),
        uri: uri.to_owned(),
    };
    if application.redirect_uris.is_empty() {
        return Err(invalid(""));
    }
    let all = application
        .redirect_uris
        .iter()
        .chain(&application.post_logout_redirect_uris);
    for uri in all {
        match redirect::check(uri) {
            Ok(()) => {}
            Err(NotRegistrable::Form | NotRegistrable::Host) => return Err(invalid(uri)),
            Err(NotRegistrable::Plain) => {
                return Err(InvalidSettings::PlainRedirectUri {
                    client_id: application.client_id.clone(),
                    uri: uri.clone(),
                });
            }
        }
    }
    let redirects = application.redirect_uris.iter().map(|uri| {
        let loopback = ["http://127.0.0.1", "http://[::1]"]
            .iter()
            .find_map(|host| uri.strip_prefix(host));
        match loopback {
            Some(path) if path.is_empty() || path.starts_with('/') => {
                Redirect::Loopback(path.to_owned())
            }
            _ => Redirect::Exact(uri.clone()),
        }
    });
    let own = application.resource.clone();
    let client = Client {
        id: application.client_id.clone(),
        name: application.name.clone(),
        redirects: redirects.collect(),
        signed_out: application.post_logout_redirect_uris.clone(),
        resources: own.iter().cloned().chain([USERINFO.to_owned()]).collect(),
        grants: Grants::CODE.with_refresh(application.refresh_tokens),
        ..Client::default()
    };
    let resource = own.map(|identifier| Resource {
        identifier,
        name: application.name.clone(),
        second_factor: application.second_factor,
        ..Resource::default()
    });
    Ok((client, resource))
}
