//! User-to-user: a ticket under the session key of the other party's ticket-granting ticket (RFC 4120 3.3.3, 3.7), for
//! who has no key of its own at hand, or none that a ticket should be sealed with.

use crypto::etype::{Etype, KeySchedule};
use directory::Account;
use trust::Timestamp;
use wire::kerberos::{KdcReqBody, Ticket, TicketFlags};

use crate::View;
use crate::lifetime::moment;
use crate::refused::Refused;
use crate::tgs_exchange::{self, Progress};

/// The one ticket that is to be the other party's.
///
/// # Errors
/// [`Refused::BadOption`].
pub(crate) fn single(body: &KdcReqBody) -> Result<&Ticket, Refused> {
    match body.additional_tickets.as_ref().map(|list| list.as_slice()) {
        Some([only]) => Ok(only),
        _ => Err(Refused::BadOption("there is not one additional ticket")),
    }
}

/// The key that the ticket for `service` is sealed with. The ticket-granting ticket that came along is judged as one
/// that gets tickets, but that nobody proves here to know its session key: who does not cannot use what is got.
///
/// # Errors
/// [`Refused::NotTicketGranting`], [`Refused::AnothersTicket`], [`Refused::NoCommonEtype`];
/// [`Refused::Additional`], saying what is wrong with the ticket.
pub(crate) fn key(
    shown: &Ticket,
    service: &Account,
    view: &View<'_>,
    now: Timestamp,
) -> Result<KeySchedule, Refused> {
    if shown.realm != view.realm.name || !view.realm.is_krbtgt(&shown.sname) {
        return Err(Refused::NotTicketGranting);
    }
    let (etype, key, holder) = open(shown, view, now).map_err(Refused::additional)?;
    if holder.id != service.id {
        return Err(Refused::AnothersTicket);
    }
    match view.realm.etypes.contains(&etype) {
        true => Ok(key),
        false => Err(Refused::NoCommonEtype),
    }
}

fn open(
    shown: &Ticket,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(Etype, KeySchedule, std::sync::Arc<Account>), Refused> {
    let krbtgt = view.krbtgt()?;
    let (part, key) = ticket::open(shown, &krbtgt.keys)?;
    let start = moment(part.starttime.unwrap_or(part.authtime));
    if start > now + view.realm.lifetimes.skew || part.flags.contains(TicketFlags::INVALID) {
        return Err(Refused::TicketNotYetValid);
    }
    if moment(part.endtime) <= now {
        return Err(Refused::TicketExpired);
    }
    let session_key = ticket::session_key(&part).ok_or(Refused::NoCommonEtype)?;
    let mut progress = Progress::default();
    let (_, _, holder) = tgs_exchange::believe(&part, key, &krbtgt, &mut progress, view, now)?;
    Ok((session_key.etype(), KeySchedule::new(session_key), holder))
}
