//! The TGS exchange: a ticket on the strength of a ticket-granting ticket (RFC 4120 3.3).

use directory::account::AccountControl;
use directory::{Account, AccountKind};
use std::sync::Arc;
use ticket::pac::{Believed, For};
use ticket::{Accepted, Keys, Means, Unaccepted, Unopened, VersionedKey};
use trust::{Rng, Span, Timestamp};
use wire::kerberos::{
    ApReq, AuthorizationData, AuthorizationDataElement, AuthorizationDataType, EncTicketPart,
    HostAddresses, KdcOptions, KeyUsage, PaDataType, PrincipalName, TgsRep, TgsReq, TicketFlags,
};

use crate::addresses;
use crate::client;
use crate::fast::{self, Armor, Opened, Shown};
use crate::issue::{self, Issued};
use crate::lifetime::{self, Granted, Limits, moment};
use crate::means;
use crate::memory::Received;
use crate::refused::Refused;
use crate::s4u2proxy;
use crate::service::{self, Service};
use crate::subject::Subject;
use crate::user_to_user;
use crate::{Etypes, View};

/// What is not given: validation of postdated tickets, anonymity.
const NOT_GIVEN: KdcOptions = KdcOptions::VALIDATE.with(KdcOptions::REQUEST_ANONYMOUS);

/// What was found out before a refusal, for the audit log.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) account: Option<Arc<Account>>,
    pub(crate) means: Option<Means>,
    /// What the ticket and the reply are encrypted with.
    pub(crate) etypes: Option<Etypes>,
    /// For whom a service asks, where it does.
    pub(crate) for_user: Option<Arc<Account>>,
    /// The request inside of armor, and the armor, under which a refusal is told, too.
    pub(crate) armored: Option<Opened<12>>,
}

/// A ticket-granting ticket that may get more tickets: opened, shown by who knows its session key, with a
/// PAC of ours, and with the account, key and device that got it still there. Only [`present`] makes one.
pub(crate) struct Presented {
    pub(crate) accepted: Accepted,
    pub(crate) pac: Believed,
    means: Means,
    pub(crate) account: Arc<Account>,
}

/// Answers a TGS-REQ.
///
/// # Errors
/// [`Refused`], saying why; `progress` holds what was found out until then.
pub(crate) fn answer(
    received: &Received<'_, TgsReq>,
    progress: &mut Progress,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<u8>, Refused> {
    let presented = present(received, progress, view, now)?;
    let Some(opened) = fast::open_granting(received.request, &presented.accepted)? else {
        return give(received.request, None, &presented, progress, view, now, rng);
    };
    let armor = Some(&opened.armor);
    let given = match &opened.flaw {
        Some(refused) => Err(refused.clone()),
        None => give(&opened.request, armor, &presented, progress, view, now, rng),
    };
    progress.armored = Some(opened);
    given
}

/// Gives what is asked, in armor or without.
fn give(
    request: &TgsReq,
    armor: Option<&Armor>,
    presented: &Presented,
    progress: &mut Progress,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<u8>, Refused> {
    let body = &*request.req_body;
    if body.kdc_options.intersects(NOT_GIVEN) {
        return Err(Refused::BadOption("an option that is not given"));
    }
    if !client::is_ours(&body.realm, body.kdc_options, view) {
        return Err(Refused::WrongRealm);
    }
    let user_to_user = body.kdc_options.contains(KdcOptions::ENC_TKT_IN_SKEY);
    let theirs = user_to_user
        .then(|| user_to_user::single(body))
        .transpose()?;
    let wanted = body.sname.as_ref().ok_or(Refused::Nameless("service"))?;
    let mut service = service::find(wanted, body.kdc_options, view, now)?;
    if service.changes_passwords() {
        return Err(Refused::InitialTicketNeeded);
    }
    if let Some(theirs) = theirs {
        let key = user_to_user::key(theirs, &service.account, view, now)?;
        service.session = Some(key);
    }
    let for_user = &mut progress.for_user;
    let subject = Subject::of(request, presented, &service, for_user, view, now)?;
    let rests_on = &*subject.rests_on;
    if body.kdc_options.contains(KdcOptions::RENEW) {
        check_renewal(presented, view)?;
    }
    let (granted, flags, addresses) =
        decide(body, rests_on, &service, subject.delegates, view, now)?;
    let etype = service.session_etype(&body.etype, &view.realm.etypes)?;
    let issued = Issued {
        flags,
        session_key: issue::session_key(etype, rng),
        client_realm: rests_on.crealm.clone(),
        client: rests_on.cname.clone(),
        realm: view.realm.name.clone(),
        service: service.name.clone(),
        authenticated: moment(rests_on.authtime),
        granted,
        addresses,
    };
    let mut part = issued.ticket_part();
    // What restricts the ticket-granting ticket, which its client may have given away, restricts what is got
    // with it (RFC 4120 3.3.3).
    let inherited = rests_on.authorization_data.as_ref();
    let inherited = inherited.map(ticket::means::strip);
    let mut own = inherited.unwrap_or_default();
    own.extend(own_authorization_data(request, &presented.accepted)?);
    // A word to the KDC itself that it does not know must not be passed over (RFC 4120 5.2.6.4).
    if own
        .iter()
        .any(|element| element.ad_type == AuthorizationDataType::AD_MANDATORY_FOR_KDC)
    {
        return Err(Refused::MandatoryUnknown);
    }
    let mut padata = subject.padata.clone();
    authorize(&mut part, own, presented, subject, &service, view)?;
    let mut ticket = issued.seal(&part, service.key(&view.realm.etypes)?, rng);
    if service.session.is_some() {
        // A session key has no version.
        ticket.enc_part.kvno = None;
    }
    let plain = issued
        .reply_part(body.nonce.into(), None, s4u2proxy::options_answer(request))
        .encode_tgs_rep();
    let (mut key, usage) = match issue::subkey(&presented.accepted)? {
        Some(key) => (key, KeyUsage::TGS_REP_ENC_PART_SUBKEY),
        None => {
            let key = presented.accepted.session_key.clone();
            (key, KeyUsage::TGS_REP_ENC_PART_SESSION_KEY)
        }
    };
    let mut client = Shown {
        realm: issued.client_realm,
        name: issued.client,
    };
    if let Some(armor) = armor {
        (padata, key) = armor.seal(padata, &key, &ticket, &client, now, rng);
        client = armor.shown(client);
    }
    let enc_part = issue::encrypt(&key, usage, &plain, rng);
    progress.etypes = Some(Etypes {
        ticket: ticket.enc_part.etype.0,
        session: etype.number(),
        reply: enc_part.etype.0,
    });
    Ok(TgsRep::new(padata, client.realm, client.name, ticket, enc_part).encode())
}

/// Opens and judges the ticket-granting ticket.
fn present(
    received: &Received<'_, TgsReq>,
    progress: &mut Progress,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Presented, Refused> {
    let shown = received
        .request
        .find_padata(PaDataType::TGS_REQ)
        .ok_or(Refused::NoTgt)?;
    let shown = ApReq::decode(shown).map_err(|_| Refused::Malformed)?;
    if shown.ticket.realm != view.realm.name || !view.realm.is_krbtgt(&shown.ticket.sname) {
        return Err(Refused::NotUs);
    }
    let krbtgt = view.krbtgt()?;
    let (usage, skew) = (KeyUsage::TGS_REQ_AUTHENTICATOR, view.realm.lifetimes.skew);
    let (accepted, key) = ticket::judge(&shown, &krbtgt.keys, usage, skew, now)?;
    check_body(received.request, &accepted)?;
    let authenticator = crypto::digest::sha256(&shown.authenticator.cipher);
    view.memory
        .take_authenticator(authenticator, received.id, now)?;
    fast::check_not_armor(&accepted)?;
    let part = &accepted.ticket;
    addresses::check(part, received.from)?;
    let (pac, means, account) = believe(part, key, &krbtgt, progress, view, now)?;
    Ok(Presented {
        accepted,
        pac,
        means,
        account,
    })
}

/// Judges what an opened ticket-granting ticket says, be it that it gets a ticket, that it is armor, or that a ticket is
/// to be sealed with its session key: its PAC, what got it, and whether all of that is still there.
///
/// # Errors
/// [`Refused::PacRefused`], [`Refused::TgtRevoked`], [`Refused::ClientDisabled`], [`Refused::ClientExpired`].
pub(crate) fn believe(
    part: &EncTicketPart,
    key: VersionedKey<'_>,
    krbtgt: &Account,
    progress: &mut Progress,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(Believed, Means, Arc<Account>), Refused> {
    let pac = ticket::pac::verify(part, key, &krbtgt.keys)
        .map_err(|_| Refused::PacRefused("its signatures do not hold"))?;
    let means = part.authorization_data.as_ref();
    let means = means
        .and_then(Means::find)
        .ok_or(Refused::PacRefused("it does not say what got it"))?;
    progress.means = Some(means);
    let account = still_there(&means, &part.cname, &pac, view, now)?;
    progress.account = Some(Arc::clone(&account));
    Ok((pac, means, account))
}

/// The authenticator's checksum binds the ticket to this very body (RFC 4120 3.3.2).
fn check_body(request: &TgsReq, accepted: &Accepted) -> Result<(), Refused> {
    let key = &accepted.session_key;
    let checksum = accepted.authenticator.cksum.as_ref();
    let checksum = checksum
        .filter(|checksum| checksum.cksumtype.0 == key.etype().checksum_type())
        .ok_or(Refused::InappropriateChecksum)?;
    key.verify_checksum(
        KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM,
        request.req_body.as_bytes(),
        &checksum.checksum,
    )
    .map_err(|_| Refused::Modified)
}

/// Tickets die with their account, key and device (ARCHITECTURE.md, invariant 9), and with their name: the
/// PAC's requestor must be the very account that it now leads to, for tomorrow a name may be another's, and
/// services that read no PAC go by it (the class of CVE-2021-42287).
fn still_there(
    means: &Means,
    name: &PrincipalName,
    pac: &Believed,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Arc<Account>, Refused> {
    let account = means::still_there(means, name, view, now)?;
    let requestor = pac
        .requestor()
        .ok_or(Refused::PacRefused("it names no requestor"))?;
    if requestor.sid != account.sid {
        return Err(Refused::PacRefused("its requestor is another account"));
    }
    Ok(account)
}

type Addresses = Option<HostAddresses>;

/// Times, flags and addresses of the new ticket (RFC 4120 3.3.3).
fn decide(
    body: &wire::kerberos::KdcReqBody,
    tgt: &EncTicketPart,
    service: &Service,
    delegates: bool,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(Granted, TicketFlags, Addresses), Refused> {
    let options = body.kdc_options;
    let flags = inherited(tgt.flags, options, delegates)?;
    if options.contains(KdcOptions::RENEW) {
        if !service.is_ticket_granting() {
            return Err(Refused::BadOption(
                "the renewed ticket is for another service",
            ));
        }
        let granted = renewed(tgt, now)?;
        return Ok((granted, flags | granted.flags(), tgt.caddr.clone()));
    }
    if options.contains(KdcOptions::PROXY) && service.is_ticket_granting() {
        return Err(Refused::BadOption("a ticket-granting ticket is no proxy"));
    }
    let limits = Limits {
        end: moment(tgt.endtime),
        renew_till: tgt.renew_till.map(moment),
    };
    let granted = lifetime::grant(body, &view.realm.lifetimes, &limits, now)?;
    let mut flags = flags | granted.flags();
    if service.is_trusted_for_delegation() {
        flags |= TicketFlags::OK_AS_DELEGATE;
    }
    let elsewhere = options.intersects(KdcOptions::FORWARDED | KdcOptions::PROXY);
    let addresses = match elsewhere {
        true => body.addresses.clone().filter(|list| !list.is_empty()),
        false => tgt.caddr.clone(),
    };
    Ok((granted, flags, addresses))
}

/// Which flags of the ticket-granting ticket the new one has, and what was asked for that it does not allow.
fn inherited(
    tgt: TicketFlags,
    options: KdcOptions,
    delegates: bool,
) -> Result<TicketFlags, Refused> {
    let pairs = [
        (
            KdcOptions::FORWARDABLE,
            TicketFlags::FORWARDABLE,
            TicketFlags::FORWARDABLE,
        ),
        (
            KdcOptions::FORWARDED,
            TicketFlags::FORWARDABLE,
            TicketFlags::FORWARDED,
        ),
        (
            KdcOptions::PROXIABLE,
            TicketFlags::PROXIABLE,
            TicketFlags::PROXIABLE,
        ),
        (
            KdcOptions::PROXY,
            TicketFlags::PROXIABLE,
            TicketFlags::PROXY,
        ),
        (KdcOptions::RENEW, TicketFlags::RENEWABLE, TicketFlags::NONE),
    ];
    let mut flags = TicketFlags::PRE_AUTHENT | TicketFlags::TRANSITED_POLICY_CHECKED;
    for (option, needs, gives) in pairs {
        if !options.contains(option) {
            continue;
        }
        let allowed = tgt.contains(needs) && (delegates || option == KdcOptions::RENEW);
        if allowed {
            flags |= gives;
        } else if option.intersects(KdcOptions::FORWARDED | KdcOptions::PROXY | KdcOptions::RENEW) {
            return Err(Refused::BadOption("the ticket does not allow it"));
        }
    }
    // A ticket got by a forwarded one says so; a renewal stays what it was.
    flags |= TicketFlags(tgt.0 & TicketFlags::FORWARDED.0);
    if options.contains(KdcOptions::RENEW) {
        let stays = TicketFlags::FORWARDABLE | TicketFlags::PROXIABLE | TicketFlags::PROXY;
        flags |= TicketFlags(tgt.0 & stays.0);
    }
    Ok(flags)
}

/// Whether what got the ticket would get it once more. A ticket that is short enough ends by itself; one that is renewed
/// for a week must not go on with a password that was replaced because somebody else knew it.
fn check_renewal(presented: &Presented, view: &View<'_>) -> Result<(), Refused> {
    let (means, account) = (&presented.means, &presented.account);
    let ticket = &presented.accepted.ticket;
    let authenticated = moment(ticket.authtime);
    // One from before they were: what they get now is renewable no longer than it lives.
    let longest = Limits::protected(authenticated).renew_till;
    if ticket.renew_till.map(moment) > longest && client::is_protected(account, view)? {
        return Err(Refused::BadOption(
            "the ticket is from before its client was in Protected Users",
        ));
    }
    let by_password = means.key.is_none() && means.certificate.is_none();
    // Services and machines replace their keys without anybody's noticing.
    if !by_password || account.kind != AccountKind::User {
        return Ok(());
    }
    if account.control.contains(AccountControl::SMARTCARD_REQUIRED) {
        return Err(Refused::KeyRequired);
    }
    if account.must_change_password() {
        return Err(Refused::PasswordMustChange);
    }
    let set = account.password_last_set.map(Timestamp::whole_seconds);
    match set.is_some_and(|set| authenticated < set) {
        true => Err(Refused::TgtRevoked("password")),
        false => Ok(()),
    }
}

/// The same length again, within what may be renewed.
fn renewed(tgt: &EncTicketPart, now: Timestamp) -> Result<Granted, Refused> {
    let start = now.whole_seconds();
    let renew_till = tgt
        .renew_till
        .map(moment)
        .ok_or(Refused::BadOption("the ticket is not renewable"))?;
    if renew_till <= start {
        return Err(Refused::TicketExpired);
    }
    let began = moment(tgt.starttime.unwrap_or(tgt.authtime));
    let length = moment(tgt.endtime).since(began).max(Span::ZERO);
    Ok(Granted {
        start,
        end: (start + length).min(renew_till),
        renew_till: Some(renew_till),
    })
}

/// The authorization data that the client wants in the ticket (RFC 4120 3.3.3), without what is not its to say.
fn own_authorization_data(
    request: &TgsReq,
    accepted: &Accepted,
) -> Result<Vec<AuthorizationDataElement>, Refused> {
    let Some(sealed) = &request.req_body.enc_authorization_data else {
        return Ok(Vec::new());
    };
    let opened = match issue::subkey(accepted)? {
        Some(key) => key.decrypt(KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &sealed.cipher),
        None => accepted
            .session_key
            .decrypt(KeyUsage::TGS_REQ_AUTH_DATA_SESSION_KEY, &sealed.cipher),
    };
    let opened = opened.map_err(|_| Refused::BadIntegrity)?;
    let data = AuthorizationData::decode(&opened).map_err(|_| Refused::Malformed)?;
    Ok(ticket::means::strip(&data))
}

fn authorize(
    part: &mut EncTicketPart,
    mut own: Vec<AuthorizationDataElement>,
    presented: &Presented,
    subject: Subject<'_>,
    service: &Service,
    view: &View<'_>,
) -> Result<(), Refused> {
    let krbtgt = view.krbtgt()?;
    let kdc_key = krbtgt.keys.newest().next().ok_or(Refused::Fault)?;
    let purpose = match service.is_ticket_granting() {
        true => For::TicketGranting,
        false => For::Service,
    };
    if service.is_of_the_house(view.realm) {
        own.insert(0, presented.means.element());
    }
    if purpose == For::Service && !wants_pac(presented, &subject, service) {
        part.authorization_data = (!own.is_empty()).then(|| own.into());
        return Ok(());
    }
    let content = subject.pac.builder(purpose);
    let server_key = service.key(&view.realm.etypes)?;
    ticket::pac::attach(part, content, own, purpose, server_key, kdc_key)?;
    Ok(())
}

/// Whether services are to see the PAC: the client did not decline it, and the service did not either. What a client
/// declines for itself it does not decline for others.
fn wants_pac(presented: &Presented, subject: &Subject<'_>, service: &Service) -> bool {
    let declined = !subject.is_another
        && presented.pac.attributes_info().is_some_and(|attributes| {
            !attributes.pac_was_requested && !attributes.pac_was_given_implicitly
        });
    let needless = service
        .account
        .control
        .contains(AccountControl::NO_AUTH_DATA_REQUIRED);
    !declined && !needless
}

impl From<Unopened> for Refused {
    fn from(why: Unopened) -> Self {
        match why {
            Unopened::NoKey => Self::KeyGone,
            Unopened::Integrity | Unopened::Malformed => Self::BadIntegrity,
        }
    }
}

impl From<Unaccepted> for Refused {
    fn from(why: Unaccepted) -> Self {
        match why {
            Unaccepted::Ticket(why) => why.into(),
            Unaccepted::Authenticator => Self::BadIntegrity,
            Unaccepted::BadMatch => Self::BadMatch,
            Unaccepted::Expired => Self::TicketExpired,
            Unaccepted::NotYetValid => Self::TicketNotYetValid,
            Unaccepted::Skew => Self::Skew,
            Unaccepted::Repeated => Self::Repeated,
            Unaccepted::Etype => Self::NoCommonEtype,
        }
    }
}
