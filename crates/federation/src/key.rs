//! `/EnrollmentServer/key`: a person's key by MS-KPP (protocols C.1, PROV-W1 to PROV-W7). Phase C of the on-premises
//! flows.

use registration::user_key;
use trust::Rng;
use wire::http::Response;
use wire::registration::{KeyRequest, KeyResponse, api_version};

use crate::asked::Asked;
use crate::keys::signing_keys;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::with_request_ids;
use crate::{exchange, story};

/// Registers a key.
pub(crate) fn register(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    match api_version(asked.request).as_deref() {
        Ok("1.0") => {}
        Ok(_) => return Err(Refused::Message("the api-version is not 1.0").into()),
        Err(_) => return Err(Refused::Message("the api-version is missing or repeated").into()),
    }
    // PROV-W1: the client must say that it takes JSON; that it takes anything will do.
    if asked.request.headers.get("Accept").is_none() || !asked.request.accepts("application/json") {
        return Err(Refused::Message("the client does not accept JSON").into());
    }
    let (view, now) = (asked.view, asked.now);
    let token = asked.request.bearer().ok_or(Refused::NoToken)?;
    let keys = signing_keys(view.snapshot, view.memory, now)?;
    let settings = view.settings;
    let token = keys.verify(
        token,
        &settings.issuer,
        &settings.registration_resource,
        now,
    )?;
    let message = KeyRequest::parse(&asked.request.body)
        .map_err(|_| Refused::Message("the body is no key request"))?;
    let device = exchange::device(asked)?;
    let from = asked.from();
    let request = user_key::Request {
        token: &token,
        proven_device: device.as_ref().map(|device| device.device().device_id),
        material: &message.kngc,
        from: from.as_deref(),
    };
    let registered = match user_key::register(view.snapshot, &request, &settings.key_rules, now) {
        Ok(registered) => registered,
        Err(user_key::Error::Refused(refused)) => return Err(refused.into()),
        Err(user_key::Error::Fault(fault)) => return Err(fault.into()),
    };
    let response = KeyResponse {
        kid: registered.kid,
        upn: registered.upn,
        pctx: None,
        krctx: None,
    };
    let response = with_request_ids(asked, Response::json(200, &response));
    Ok(Answer::now(response)
        .committing(registered.changes)
        .telling(&story::KEY_WRITTEN))
}
