//! Anonymous tickets (RFC 8062), where they are switched on: somebody who has no ticket to armor a request with gets one
//! for that alone, by key agreement with a KDC whose certificate it can check.
//!
//! Such a ticket says that it is for armor (AD-fx-fast-armor), and neither what got it nor whose it is: there is no PAC.
//! It gets no other ticket, and lives for a short while.

use crypto::etype::Etype;
use ticket::choose_etype;
use trust::{Rng, Span, Timestamp};
use wire::kerberos::{
    ANONYMOUS_REALM, AsRep, AsReq, AuthorizationData, AuthorizationDataElement,
    AuthorizationDataType, EncTicketPart, EtypeInfo2, EtypeInfo2Entry, KdcOptions, KdcReqBody,
    KeyUsage, MethodData, PaData, PaDataType, PrincipalName, Realm as RealmName, TicketFlags,
};

use crate::View;
use crate::as_exchange;
use crate::fast::Armor;
use crate::issue::{self, Issued};
use crate::lifetime::{self, Limits};
use crate::memory::Received;
use crate::preauth::{ReplyKey, pkinit};
use crate::realm::Realm;
use crate::refused::Refused;
use crate::service;

/// How long an anonymous ticket lives: for a few sign-ins.
const LIFE: Span = Span::hours(1);

/// Whether a request is for an anonymous ticket, and those are given.
pub(crate) fn is_asked_for(body: &KdcReqBody, realm: &Realm) -> bool {
    realm.anonymous && body.kdc_options.contains(KdcOptions::REQUEST_ANONYMOUS)
}

/// Whether a ticket-granting ticket of ours is anonymous.
///
/// # Errors
/// [`Refused::AnonymousNotOffered`] for one from before they were switched off.
pub(crate) fn is_anonymous(ticket: &EncTicketPart, realm: &Realm) -> Result<bool, Refused> {
    match ticket.flags.contains(TicketFlags::ANONYMOUS) {
        true if !realm.anonymous => Err(Refused::AnonymousNotOffered),
        anonymous => Ok(anonymous),
    }
}

/// What an anonymous client is told to do.
pub(crate) fn methods(request: &AsReq, view: &View<'_>) -> MethodData {
    let mut methods = Vec::with_capacity(3);
    // Without a salt; clients of long standing take no list without it.
    let etypes = request.req_body.etype.iter().filter(|etype| {
        Etype::from_number(etype.0).is_some_and(|etype| view.realm.etypes.contains(&etype))
    });
    let entries: EtypeInfo2 = etypes
        .map(|etype| EtypeInfo2Entry {
            etype: *etype,
            salt: None,
            s2kparams: None,
        })
        .collect();
    methods.push(PaData::new(PaDataType::ETYPE_INFO2, entries.encode()));
    if !view.identities.is_empty() {
        methods.push(PaData::empty(PaDataType::PK_AS_REQ));
        methods.push(PaData::empty(PaDataType::PKINIT_KX));
    }
    methods.into()
}

/// Answers an AS-REQ with the option request-anonymous.
///
/// # Errors
/// [`Refused`], saying why.
pub(crate) fn answer(
    received: &Received<'_, AsReq>,
    armor: Option<&Armor>,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<u8>, Refused> {
    let request = received.request;
    let body = &*request.req_body;
    if !view.realm.anonymous {
        return Err(Refused::BadOption("anonymous tickets are not given"));
    }
    if armor.is_some() {
        return Err(Refused::BadOption("an anonymous ticket needs no armor"));
    }
    if body.realm != view.realm.name {
        return Err(Refused::WrongRealm);
    }
    if !body.cname.as_ref().is_some_and(PrincipalName::is_anonymous) {
        return Err(Refused::BadOption(
            "a name with the option of those without",
        ));
    }
    let wanted = body.sname.as_ref().ok_or(Refused::Nameless("service"))?;
    if !view.realm.is_krbtgt(wanted) {
        return Err(Refused::ArmorAlone);
    }
    let service = service::find(wanted, body.kdc_options, view, now)?;
    let etype = service.session_etype(&body.etype, &view.realm.etypes)?;
    let padata = request
        .find_padata(PaDataType::PK_AS_REQ)
        .ok_or(Refused::PreauthRequired)?;
    let half = pkinit::anonymous::agree(received, padata, view, now, rng)?;
    let reply_etype =
        choose_etype(&body.etype, &view.realm.etypes).ok_or(Refused::NoCommonEtype)?;
    let (client_realm, client) = (RealmName::from(ANONYMOUS_REALM), PrincipalName::anonymous());
    let parties = pkinit::Parties {
        client_realm: &client_realm,
        client: &client,
        service: wanted,
    };
    let agreed = pkinit::answer(
        &half,
        received.bytes,
        body,
        &parties,
        reply_etype,
        view.identities,
    )?;
    // The session key is of both sides, or a KDC in the middle chose one that it knows twice (RFC 8062 4.3).
    let ours = issue::session_key(etype, rng);
    let usage = KeyUsage::PA_PKINIT_KX;
    let contributed = issue::encrypt(&agreed.key, usage, &issue::key_of(&ours).encode(), rng);
    let padata = vec![
        agreed.padata,
        PaData::new(PaDataType::PKINIT_KX, contributed.encode()),
    ];
    let limits = Limits {
        end: now.whole_seconds() + LIFE,
        renew_till: None,
    };
    let granted = lifetime::grant(body, &view.realm.lifetimes, &limits, now)?;
    let mut flags = TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT | TicketFlags::ANONYMOUS;
    if request.find_padata(PaDataType::REQ_ENC_PA_REP).is_some() {
        flags |= TicketFlags::ENC_PA_REP;
    }
    let issued = Issued {
        flags,
        session_key: ours.combine(&agreed.key, b"PKINIT", b"KEYEXCHANGE"),
        client_realm,
        client,
        realm: view.realm.name.clone(),
        service: service.name.clone(),
        authenticated: granted.start,
        granted,
        addresses: None,
    };
    let mut part = issued.ticket_part();
    part.authorization_data = Some(AuthorizationData::from([AuthorizationDataElement {
        ad_type: AuthorizationDataType::AD_FX_FAST_ARMOR,
        ad_data: Vec::new(),
    }]));
    let ticket = issued.seal(&part, service.key(&view.realm.etypes)?, rng);
    let key = ReplyKey::Agreed(agreed.key);
    let confirmed = as_exchange::confirmation(received.bytes, request, &key, &service, view);
    let plain = issued
        .reply_part(body.nonce.into(), None, confirmed)
        .encode_as_rep();
    let enc_part = issue::encrypt(key.key(), KeyUsage::AS_REP_ENC_PART, &plain, rng);
    Ok(AsRep::new(padata, issued.client_realm, issued.client, ticket, enc_part).encode())
}
