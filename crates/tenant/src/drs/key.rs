//! `/EnrollmentServer/key`: a person registers a Hello key (protocols C.2). Phase C of the flow of a managed tenant.

use registration::user_key;
use trust::Rng;
use wire::http::{Method, Response};
use wire::registration::{KeyRequest, KeyResponse};

use super::refused::Refused;
use super::{device, in_version, token, told};
use crate::answer::{On, Route, route};
use crate::asked::Asked;

use crate::limits::within_limit;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::story;
use crate::words::{Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] =
    &[route(Method::Post, "/EnrollmentServer/key", Words::Key, register).on(On::Registration)];

/// Registers a key. The token must come from a device, by its primary refresh token or its certificate, and say `ngcmfa`:
/// somebody who was asked for this proved a second factor within ten minutes.
fn register(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    in_version(asked, &["1.0"])?;
    let token = token(asked)?;
    let message = KeyRequest::parse(&asked.request.body)
        .map_err(|_| Refused::Message("the body is no key request"))?;
    let device = device(asked)?;
    let (settings, from) = (&asked.known.settings, asked.from());
    let rules = user_key::Rules {
        most_keys: usize::try_from(settings.keys_per_person).unwrap_or(usize::MAX),
        most_per_device: usize::try_from(settings.keys_per_person_and_device).unwrap_or(1),
        allowed: settings.hello_enabled,
        source: wire::key_credential::KeySource::AzureAd,
        must_be_asked_for: true,
        device_must_be_present: false,
    };
    let request = user_key::Request {
        token: &token,
        proven_device: device.as_ref().map(|device| device.device().device_id),
        material: &message.kngc,
        from: from.as_deref(),
    };
    let registered = user_key::register(asked.view.snapshot, &request, &rules, asked.now);
    let registered = registered.map_err(|error| match error {
        user_key::Error::Refused(refused) => Refused::Key(refused).into(),
        user_key::Error::Fault(fault) => Trouble::Fault(fault),
    })?;
    let told = told::new_key(asked, &registered, rng);
    let response = KeyResponse {
        kid: registered.kid,
        upn: registered.upn,
        pctx: None,
        krctx: None,
    };
    let response = with_request_ids(asked, Response::json(200, &response));
    Ok(Answer::now(response)
        .committing(registered.changes)
        .committing(told)
        .telling(&story::KEY_WRITTEN))
}
