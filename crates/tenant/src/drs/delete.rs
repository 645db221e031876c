//! A device ends its registration (protocols B.6).

use registration::proven_device;
use trust::Rng;
use wire::Guid;
use wire::http::{Method, Response};

use super::refused::Refused;
use super::{device, in_version};
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Delete,
    "/EnrollmentServer/device/{device}",
    Words::Drs,
    unregister,
)
.on(On::Registration)];

/// The device proves itself to the transport, and ends itself alone: the object goes, with the keys that people registered
/// from it. Its primary refresh tokens follow by what reacts to that, and are refused from now on in any case.
fn unregister(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    in_version(asked, &["1.0", "2.0"])?;
    let named: Guid = asked
        .segment()
        .parse()
        .map_err(|_| Refused::Message("the path names no device"))?;
    let device = device(asked)?.ok_or(Refused::NoDevice)?;
    if device.device().device_id != named {
        return Err(Refused::AnotherDevice.into());
    }
    let from = asked.from();
    let snapshot = asked.view.snapshot;
    let changes = proven_device::unregister(snapshot, &device, from.as_deref(), asked.now)?;
    let response = with_request_ids(asked, Response::empty(200));
    Ok(Answer::now(response).committing(changes))
}
