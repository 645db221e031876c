//! A key that a device holds no more is taken off its owner's account (protocols C.2.2).

use directory::{Actor, EntryId};
use registration::proven_device::MOST_HOLDERS;
use registration::user_key::{self, Remover};
use trust::Rng;
use wire::Guid;
use wire::http::{Method, Response};

use super::refused::Refused;
use super::{actor, device, in_version, token};
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Delete,
    "/EnrollmentServer/key/{kid}",
    Words::Key,
    remove,
)
.on(On::Registration)];

/// Takes a key off. Whoever shows a token takes off their own, of the device that the token names; a device that proves
/// itself takes off whichever was registered from it.
fn remove(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    in_version(asked, &["1.0"])?;
    let kid: Guid = asked
        .segment()
        .parse()
        .map_err(|_| Refused::Message("the path names no key"))?;
    let (snapshot, from) = (asked.view.snapshot, asked.from());
    let changes = if asked.request.bearer().is_some() {
        let token = token(asked)?;
        let from_device = token.deviceid.ok_or(Refused::NoDevice)?;
        let account = snapshot.account_by_id(EntryId(token.oid))?;
        let account = account.filter(|account| account.sid == token.primarysid);
        let remover = Remover {
            actor: actor(&token),
            from: from.as_deref(),
        };
        account.and_then(|account| {
            user_key::remove(&account, kid, Some(from_device), &remover, asked.now)
        })
    } else {
        let device = device(asked)?.ok_or(Refused::NoToken)?;
        let device = device.device();
        let remover = Remover {
            actor: Actor::named(device.display_name.clone()),
            from: from.as_deref(),
        };
        let mut found = None;
        for holder in snapshot.holders_of_device_keys(device.device_id, MOST_HOLDERS)? {
            let account = snapshot.account_by_id(holder)?;
            let of_device = Some(device.device_id);
            found = account.and_then(|account| {
                user_key::remove(&account, kid, of_device, &remover, asked.now)
            });
            if found.is_some() {
                break;
            }
        }
        found
    };
    let changes = changes.ok_or(Refused::NoSuchKey)?;
    let response = with_request_ids(asked, Response::empty(200));
    Ok(Answer::now(response).committing(changes))
}
