//! S4U2self: a service asks for a ticket to itself in the name of somebody who came to it by other means (MS-SFU
//! 3.2.5.1).
//!
//! It proves nothing about the person, and its ticket says so: the PAC has the SID of an identity that a service
//! asserted. Whether the ticket may serve as evidence elsewhere (forwardable) is for the directory to say.

use std::borrow::Cow;
use std::sync::Arc;

use crypto::etype::Key;
use crypto::for_user;
use directory::account::AccountControl;
use directory::{Account, AccountKind};
use ticket::Accepted;
use trust::Timestamp;
use wire::Sid;
use wire::asn1::{Der, Extensions};
use wire::kerberos::{
    Checksum, ChecksumType, KeyUsage, MethodData, PaData, PaDataType, PaForUser, PaS4uX509User,
    PrincipalName, Realm, S4uOptions, S4uUserId, TgsReq, TicketFlags,
};

use crate::View;
use crate::lifetime::moment;
use crate::refused::Refused;
use crate::service::Service;
use crate::subject::{ABOUT_THE_TICKET, Content, Subject};
use crate::tgs_exchange::Presented;
use crate::{client, issue, pac};

/// For whom a service asks. What it said was checked against the key of its request.
pub(crate) struct Asked {
    name: PrincipalName,
    realm: Realm,
    /// What the reply is to say, under which key; for who asked in the newer form.
    answer: Option<(S4uOptions, u32, Key)>,
}

/// For whom a request asks, if it does. Of the two forms the newer counts: its checksum is of the session's etype and
/// covers the request's nonce.
///
/// # Errors
/// [`Refused::Malformed`], [`Refused::ForUserChecksum`], [`Refused::ForUserModified`], [`Refused::ClientUnknown`].
pub(crate) fn asked(request: &TgsReq, accepted: &Accepted) -> Result<Option<Asked>, Refused> {
    if let Some(padata) = request.find_padata(PaDataType::S4U_X509_USER) {
        return newer(padata, request, accepted).map(Some);
    }
    let Some(padata) = request.find_padata(PaDataType::FOR_USER) else {
        return Ok(None);
    };
    let asked = PaForUser::decode(padata).map_err(|_| Refused::Malformed)?;
    if asked.cksum.cksumtype.0 != for_user::CHECKSUM_TYPE {
        return Err(Refused::ForUserChecksum);
    }
    let (key, input) = (&accepted.session_key, asked.checksum_input());
    for_user::verify(key, &input, &asked.cksum.checksum).map_err(|_| Refused::ForUserModified)?;
    Ok(Some(Asked {
        name: asked.user_name,
        realm: asked.user_realm,
        answer: None,
    }))
}

fn newer(padata: &[u8], request: &TgsReq, accepted: &Accepted) -> Result<Asked, Refused> {
    let asked = PaS4uX509User::decode(padata).map_err(|_| Refused::Malformed)?;
    let key = match issue::subkey(accepted)? {
        Some(key) => key,
        None => accepted.session_key.clone(),
    };
    if asked.checksum.cksumtype.0 != key.etype().checksum_type() {
        return Err(Refused::ForUserChecksum);
    }
    let (usage, covered) = (KeyUsage::PA_S4U_X509_USER_REQUEST, asked.user_id.as_bytes());
    key.verify_checksum(usage, covered, &asked.checksum.checksum)
        .map_err(|_| Refused::ForUserModified)?;
    let user = &*asked.user_id;
    if u32::from(user.nonce) != u32::from(request.req_body.nonce) {
        return Err(Refused::ForUserModified);
    }
    // By its certificate alone nobody is found: what a certificate proves is judged where its key signs.
    let name = user.cname.clone().ok_or(Refused::ClientUnknown)?;
    let options = user.options.unwrap_or(S4uOptions::NONE);
    Ok(Asked {
        name,
        realm: user.crealm.clone(),
        answer: Some((options, user.nonce.into(), key)),
    })
}

/// Judges whether the service may have a ticket to itself in that name.
///
/// # Errors
/// [`Refused::NotToItself`], [`Refused::BadOption`], [`Refused::ForeignUser`], [`Refused::ClientUnknown`], and what
/// [`client::check_state`] says of the person.
pub(crate) fn subject<'p>(
    asked: &Asked,
    request: &TgsReq,
    presented: &'p Presented,
    service: &Service,
    for_user: &mut Option<Arc<Account>>,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Subject<'p>, Refused> {
    let options = request.req_body.kdc_options;
    if service.account.id != presented.account.id {
        return Err(Refused::NotToItself);
    }
    if options.intersects(ABOUT_THE_TICKET) {
        return Err(Refused::BadOption("an option of one's own ticket"));
    }
    if !client::is_ours(&asked.realm, options, view) {
        return Err(Refused::ForeignUser);
    }
    let user = client::account_of(&asked.name, view.realm, &view.directory)?
        .filter(|user| user.kind != AccountKind::Krbtgt && !user.changes_passwords())
        .ok_or(Refused::ClientUnknown)?;
    *for_user = Some(Arc::clone(&user));
    client::check_state(&user, now)?;
    let name = client::name_of(&user, &asked.name, options);

    let mut part = presented.accepted.ticket.clone();
    part.crealm = view.realm.name.clone();
    part.cname = name.clone();
    part.renew_till = None;
    if !may_be_evidence(&presented.account) {
        part.flags = part.flags.without(TicketFlags::FORWARDABLE);
    }
    part.flags = part.flags.without(TicketFlags::PROXIABLE);
    let identities = vec![Sid::SERVICE_ASSERTED_IDENTITY];
    let content = pac::of_account(
        &user,
        &name.to_string(),
        identities,
        view.realm,
        &view.directory,
        moment(part.authtime),
    )?;
    Ok(Subject {
        delegates: !client::is_sensitive(&user, view)?,
        pac: Content::Made(content),
        padata: answer(asked, &part.crealm, &name),
        rests_on: Cow::Owned(part),
        is_another: true,
    })
}

/// Whether what a service says of somebody may be passed on (MS-SFU 3.2.5.1.2): where it is trusted to authenticate, or
/// where it has nobody to pass it on to but services that trust it of their own accord.
fn may_be_evidence(service: &Account) -> bool {
    let trusted = AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION;
    service.control.contains(trusted) || service.delegates_to.is_empty()
}

/// What the reply says (MS-SFU 2.2.2): who it is, under the key of the request, so that nobody on the way puts another
/// name in the place where replies have one.
fn answer(asked: &Asked, realm: &Realm, name: &PrincipalName) -> MethodData {
    let Some((options, nonce, key)) = &asked.answer else {
        return MethodData::new();
    };
    let says_so = options.contains(S4uOptions::USE_REPLY_KEY_USAGE);
    let usage = match says_so {
        true => KeyUsage::PA_S4U_X509_USER_REPLY,
        false => KeyUsage::PA_S4U_X509_USER_REQUEST,
    };
    let user_id = Der::new(S4uUserId {
        nonce: (*nonce).into(),
        cname: Some(name.clone()),
        crealm: realm.clone(),
        subject_certificate: None,
        options: says_so.then_some(S4uOptions::USE_REPLY_KEY_USAGE),
        extensions: Extensions::NONE,
    });
    let checksum = Checksum {
        cksumtype: ChecksumType(key.etype().checksum_type()),
        checksum: key.checksum(usage, user_id.as_bytes()).to_vec(),
    };
    let answer = PaS4uX509User { user_id, checksum };
    [PaData::new(PaDataType::S4U_X509_USER, answer.encode())].into()
}
