//! The device registration service (protocols B) and the registration of keys (protocols C.2).
//!
//! Whoever comes shows an access token for the service, or the device's own certificate to the transport. What a token must
//! tell depends on what is asked, so each endpoint looks at that itself.

pub(crate) mod delete;
pub(crate) mod discovery;
pub(crate) mod join;
pub(crate) mod key;
pub(crate) mod key_delete;
pub(crate) mod nonce;
pub(crate) mod refused;
pub(crate) mod told;

use directory::Actor;
use registration::proven_device::{self, ProvenDevice};
use token::claims::Verified;
use token::client::registration_resource;
use wire::registration::api_version;

use crate::asked::Asked;
use crate::catalogue::REGISTRATION_SERVICE;
use crate::refused::Trouble;
use refused::Refused;

/// A person's access token for the service, verified: of this tenant, under whichever of the service's names.
fn token(asked: &Asked<'_, '_>) -> Result<Verified, Trouble> {
    let bearer = asked.request.bearer().ok_or(Refused::NoToken)?;
    let own = registration_resource(asked.view.deployment.drs.host());
    let service = asked.known.catalogue.resource(REGISTRATION_SERVICE);
    let mut names = vec![own.as_str()];
    if let Some(service) = service {
        names.push(&service.identifier);
        names.extend(service.aliases.iter().map(String::as_str));
    }
    let issuers = asked.known.issuers.both();
    let token = asked
        .known
        .keys
        .verify_for(bearer, &issuers, &names, asked.now)
        .map_err(Refused::Token)?;
    match token.tid == Some(asked.known.id) {
        true => Ok(token),
        false => Err(Refused::AnotherTenant.into()),
    }
}

/// The device whose certificate the transport of this request proved, if it proved one.
fn device(asked: &Asked<'_, '_>) -> Result<Option<ProvenDevice>, Trouble> {
    let Some(certificate) = &asked.request.client_certificate else {
        return Ok(None);
    };
    let proven = proven_device::prove(asked.view.snapshot, certificate, asked.now)?;
    Ok(Some(proven.map_err(Refused::Device)?))
}

/// Whether the request says one of these versions (PROV-W1).
fn in_version(asked: &Asked<'_, '_>, known: &[&str]) -> Result<(), Refused> {
    match api_version(asked.request).as_deref() {
        Ok(version) if known.contains(&version) => Ok(()),
        Ok(_) => Err(Refused::Message("the api-version is none that is known")),
        Err(_) => Err(Refused::Message("the api-version is missing or repeated")),
    }
}

/// Whoever shows a token, for the audit log.
fn actor(token: &Verified) -> Actor {
    Actor {
        sid: Some(token.primarysid),
        name: token
            .upn
            .clone()
            .unwrap_or_else(|| token.unique_name.clone()),
    }
}
