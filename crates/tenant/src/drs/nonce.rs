//! A nonce for a join (protocols B.1.3).

use trust::Rng;
use wire::http::{Method, Response};
use wire::registration::{JoinNonce, JoinNonceStatus};

use crate::answer::{On, Route, route};
use crate::asked::{Asked, TenantName};
use crate::limits::within_limit;
use crate::nonce::{self, Place};
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::{Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Get,
    "/EnrollmentServer/nonce/{tenant}",
    Words::Drs,
    answer,
)
.on(On::Registration)];

/// A new nonce, which a certification request carries to bind it to this moment. It is no secret, and needs no token.
fn answer(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    if asked.known.named(asked.segment()) != Some(TenantName::Ours) {
        return Err(Refused::UnknownTenant.into());
    }
    let nonce = JoinNonce {
        response_status: JoinNonceStatus {
            message: "Success".to_owned(),
            trace_id: asked.trace.to_string(),
            time: asked.now.to_rfc3339(),
        },
        value: nonce::issue(asked, Place::Join, rng)?,
    };
    Ok(Answer::now(with_request_ids(
        asked,
        Response::json(200, &nonce),
    )))
}
