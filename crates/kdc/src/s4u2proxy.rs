//! S4U2proxy: a service shows the ticket with which somebody came to it, and asks for one to another service in the same
//! name (MS-SFU 3.2.5.2).
//!
//! Two lists say whether it may: that of the services to which it may pass people on (msDS-AllowedToDelegateTo), and the
//! other service's own of who may (msDS-AllowedToActOnBehalfOfOtherIdentity). In both cases the ticket must be
//! forwardable, which the asking service, having its key, could write into it: the ticket-granting service's signature
//! over the ticket tells (CVE-2020-17049).

use std::borrow::Cow;
use std::sync::Arc;

use directory::Account;
use ticket::pac::{Believed, For};
use trust::Timestamp;
use wire::Sid;
use wire::kerberos::{
    EncTicketPart, MethodData, PaData, PaDataType, PaPacOptions, PacOptionFlags, TgsReq, Ticket,
    TicketFlags,
};
use wire::pac::{BufferType, DelegationInfo, PacBuilder};
use wire::security_descriptor::SecurityDescriptor;

use crate::View;
use crate::lifetime::moment;
use crate::refused::Refused;
use crate::service::{self, Service};
use crate::subject::{ABOUT_THE_TICKET, Content, Subject};
use crate::tgs_exchange::Presented;
use crate::{client, pac, user_to_user};

/// Judges whether the client may have a ticket to `service` in the name of who came to it.
///
/// # Errors
/// [`Refused`], saying why not.
pub(crate) fn subject<'p>(
    request: &TgsReq,
    presented: &'p Presented,
    service: &Service,
    for_user: &mut Option<Arc<Account>>,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Subject<'p>, Refused> {
    let body = &*request.req_body;
    if body.kdc_options.intersects(ABOUT_THE_TICKET) {
        return Err(Refused::BadOption("an option of one's own ticket"));
    }
    let evidence = user_to_user::single(body)?;
    let (part, pac) = open(evidence, &presented.account, view, now)?;
    let user = who(&part, &pac, for_user, view, now)?;
    if !part.flags.contains(TicketFlags::FORWARDABLE) {
        return Err(Refused::NotDelegated("the evidence is not forwardable"));
    }
    if client::is_sensitive(&user, view)? {
        return Err(Refused::NotDelegated("the person is not to be delegated"));
    }
    allow(request, presented, service, view)?;
    let content = passed_on(&pac, evidence, service, view)?;
    Ok(Subject {
        rests_on: Cow::Owned(rests_on(part, &presented.accepted.ticket)),
        delegates: true,
        pac: Content::Made(content),
        is_another: true,
        padata: Vec::new().into(),
    })
}

/// Opens the evidence, which must be for the very service that shows it, and believes its PAC.
fn open(
    evidence: &Ticket,
    holder: &Account,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(EncTicketPart, Believed), Refused> {
    let named = match evidence.realm == view.realm.name {
        true => service::account_named(&evidence.sname, view)?,
        false => None,
    };
    if named.is_none_or(|named| named.id != holder.id) {
        return Err(Refused::NotDelegated("the evidence is another service's"));
    }
    let opened = ticket::open(evidence, &holder.keys);
    let (part, key) = opened.map_err(|why| Refused::additional(why.into()))?;
    check_times(&part, view, now)?;
    let krbtgt = view.krbtgt()?;
    let pac = ticket::pac::verify_evidence(&part, key, &krbtgt.keys).map_err(Refused::Evidence)?;
    Ok((part, pac))
}

/// As for a ticket that somebody shows.
fn check_times(part: &EncTicketPart, view: &View<'_>, now: Timestamp) -> Result<(), Refused> {
    let start = moment(part.starttime.unwrap_or(part.authtime));
    let skew = view.realm.lifetimes.skew;
    if start > now + skew || part.flags.contains(TicketFlags::INVALID) {
        return Err(Refused::additional(Refused::TicketNotYetValid));
    }
    if moment(part.endtime) <= now {
        return Err(Refused::additional(Refused::TicketExpired));
    }
    Ok(())
}

/// The account that the evidence names, which must be the one that its PAC is of: a name may be another's today (the
/// class of CVE-2021-42287). It must be there and in order now, for a ticket that a service shows may be of yesterday.
fn who(
    part: &EncTicketPart,
    pac: &Believed,
    for_user: &mut Option<Arc<Account>>,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Arc<Account>, Refused> {
    let info = pac
        .logon_info()
        .ok_or(Refused::PacRefused("it has no logon information"))?;
    let sid = info
        .logon_domain_id
        .and_then(|domain| domain.with_rid(info.user_id));
    let sid = sid.ok_or(Refused::PacRefused("it names no account"))?;
    let named = client::account_of(&part.cname, view.realm, &view.directory)?
        .filter(|named| named.sid == sid && part.crealm == view.realm.name);
    let Some(user) = named else {
        let renamed = view.directory.account_by_sid(&sid)?.is_some();
        return Err(Refused::EvidenceRevoked(match renamed {
            true => "name",
            false => "account",
        }));
    };
    *for_user = Some(Arc::clone(&user));
    client::check_state(&user, now)?;
    Ok(user)
}

/// Whether one of the two lists says so.
fn allow(
    request: &TgsReq,
    presented: &Presented,
    service: &Service,
    view: &View<'_>,
) -> Result<(), Refused> {
    let wanted = service.name.to_string();
    let mut own = presented.account.delegates_to.iter();
    if own.any(|own| client::is_written_as(&wanted, own)) {
        return Ok(());
    }
    if !knows_resource_based(request)? {
        return Err(Refused::NotDelegated("the service may not delegate there"));
    }
    let Some(from) = &service.account.delegated_from else {
        return Err(Refused::NotDelegated("nobody may delegate there"));
    };
    let groups = view.directory.token_groups(&presented.account)?;
    let is = |sid: &Sid| {
        *sid == presented.account.sid
            || *sid == Sid::EVERYONE
            || *sid == Sid::AUTHENTICATED_USERS
            || groups.iter().any(|group| group.sid == *sid)
    };
    match from.allows(SecurityDescriptor::CONTROL_ACCESS, is) {
        true => Ok(()),
        false => Err(Refused::NotDelegated("the target does not allow it")),
    }
}

/// Whether the client says that it knows of lists at the other end (MS-KILE 2.2.10).
fn knows_resource_based(request: &TgsReq) -> Result<bool, Refused> {
    let Some(padata) = request.find_padata(PaDataType::PAC_OPTIONS) else {
        return Ok(false);
    };
    let options = PaPacOptions::decode(padata).map_err(|_| Refused::Malformed)?;
    let bit = PacOptionFlags::RESOURCE_BASED_CONSTRAINED_DELEGATION;
    Ok(options.flags.contains(bit))
}

/// What the reply says to such a client: that its KDC knows of them, too (MS-KILE 3.3.5.7).
pub(crate) fn options_answer(request: &TgsReq) -> Option<MethodData> {
    let asked = knows_resource_based(request).unwrap_or(false);
    let flags = PacOptionFlags::RESOURCE_BASED_CONSTRAINED_DELEGATION;
    let answer = PaData::new(PaDataType::PAC_OPTIONS, PaPacOptions { flags }.encode());
    asked.then(|| [answer].into())
}

/// The person's PAC, with one more service in the list of those that passed the person on (MS-PAC 2.9).
fn passed_on(
    pac: &Believed,
    evidence: &Ticket,
    service: &Service,
    view: &View<'_>,
) -> Result<PacBuilder, Refused> {
    let before = pac.delegation_info().map_err(Refused::Evidence)?;
    let mut services = before
        .map(|info| info.transited_services)
        .unwrap_or_default();
    if services.len() >= DelegationInfo::MAX_TRANSITED {
        return Err(Refused::NotDelegated("the person was passed on too often"));
    }
    services.push(format!("{}@{}", evidence.sname, view.realm.name));
    let info = DelegationInfo {
        proxy_target: service.name.to_string(),
        transited_services: services,
    };
    let info = info.to_bytes().map_err(|_| Refused::Fault)?;
    Ok(pac::copied(pac, For::Service).buffer(BufferType::DELEGATION_INFO, info))
}

/// No longer than either ticket, from where the service is, and under the restrictions of both.
fn rests_on(evidence: EncTicketPart, tgt: &EncTicketPart) -> EncTicketPart {
    let restrictions = [&tgt.authorization_data, &evidence.authorization_data];
    let data: Vec<_> = restrictions
        .into_iter()
        .flatten()
        .flat_map(ticket::means::strip)
        .collect();
    EncTicketPart {
        endtime: evidence.endtime.min(tgt.endtime),
        renew_till: None,
        caddr: tgt.caddr.clone(),
        flags: evidence.flags.without(TicketFlags::PROXIABLE),
        authorization_data: (!data.is_empty()).then(|| data.into()),
        ..evidence
    }
}
