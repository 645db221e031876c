//! What an application may ask of which resource: what an administrator consented to for everybody, and the little that
//! needs nobody's word (protocols A.4.4).

use directory::{Fault, tenant};
use token::authorize::USERINFO;
use token::scope::Scopes;
use wire::Guid;

use crate::aadsts::Number;
use crate::answer::Route;
use crate::asked::Asked;
use crate::catalogue::GRAPH;
use crate::refused::Reason;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];

/// Nobody has consented.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no administrator has consented to what the application asks of the resource")]
pub(crate) struct NoConsent;

impl Reason for NoConsent {
    fn number(&self) -> Number {
        Number::Consent
    }

    fn action(&self) -> &'static str {
        "token.authorize"
    }
}

/// Whether `client` may ask the resource of this name for these scopes. The tenant's own clients may, and whoever asks for
/// itself. For who signs in, and nothing beside, the setting `user_consent` stands for everybody's word.
pub(crate) fn is_given(
    asked: &Asked<'_, '_>,
    client: &str,
    resource: &str,
    scopes: &Scopes,
) -> Result<bool, Fault> {
    let known = &asked.known;
    let Some(application) = client
        .parse::<Guid>()
        .ok()
        .and_then(|id| known.applications.get(&id))
    else {
        return Ok(true);
    };
    let Some(resource) = known.catalogue.resource(resource) else {
        return Ok(false);
    };
    let own = application.id.to_string();
    if resource.name_of(&own).is_some() {
        return Ok(true);
    }
    let speaks_of_person_alone =
        matches!(resource.identifier.as_str(), USERINFO | GRAPH) && scopes.other.is_empty();
    if speaks_of_person_alone && known.settings.user_consent {
        return Ok(true);
    }
    let given = tenant::consent(asked.view.snapshot, application.id, None, asked.now)?;
    Ok(given.iter().any(|consent| {
        resource.name_of(&consent.resource).is_some()
            && scopes
                .other
                .iter()
                .all(|scope| consent.scopes.contains(scope))
    }))
}
