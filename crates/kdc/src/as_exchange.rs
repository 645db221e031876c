//! The AS exchange: a ticket for who proves to be the client (RFC 4120 3.1).

use crypto::etype::Etype;
use directory::Account;
use ticket::{KeyMeans, Keys, Means, choose_etype};
use trust::{Rng, Timestamp};
use wire::kerberos::{
    AsRep, AsReq, Checksum, ChecksumType, EncryptedData, EncryptionType, KdcOptions, KdcReqBody,
    KerbPaPacRequest, KeyUsage, MethodData, PaData, PaDataType, TicketFlags,
};

use crate::anonymous;
use crate::armoring;
use crate::change_password;
use crate::client::{self, Client};
use crate::crypto_policy::{self, OldCrypto};
use crate::fast::{self, Armor, Opened, Shown};
use crate::issue::{self, Issued};
use crate::lifetime::{self, Limits};
use crate::memory::Received;
use crate::nobody;
use crate::pac;
use crate::preauth::{self, Proof, ReplyKey, pkinit};
use crate::refused::Refused;
use crate::service::{self, Service};
use crate::{Etypes, View};

/// Flags of requests that the AS exchange does not know (RFC 4120 3.1.3).
const NOT_HERE: KdcOptions = KdcOptions::FORWARDED
    .with(KdcOptions::PROXY)
    .with(KdcOptions::RENEW)
    .with(KdcOptions::VALIDATE)
    .with(KdcOptions::ENC_TKT_IN_SKEY)
    .with(KdcOptions::CNAME_IN_ADDL_TKT);

/// What was found out before a refusal, for the answer's hints and for the audit log.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) client: Option<Client>,
    pub(crate) means: Option<Means>,
    /// What the ticket and the reply are encrypted with.
    pub(crate) etypes: Option<Etypes>,
    /// What old cryptography the proof used, as switches allow it.
    pub(crate) old: Vec<OldCrypto>,
    /// The request inside of armor, and the armor, under which a refusal is told, too.
    pub(crate) armored: Option<Opened<10>>,
}

/// Answers an AS-REQ.
///
/// # Errors
/// [`Refused`], saying why; `progress` holds what was found out until then.
pub(crate) fn answer(
    received: &Received<'_, AsReq>,
    progress: &mut Progress,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<u8>, Refused> {
    let Some(padata) = received.request.find_padata(PaDataType::FX_FAST) else {
        return give(received, None, progress, view, now, rng);
    };
    let opened = fast::open_initial(padata, received.request, view, now)?;
    let inner = Received {
        request: &opened.request,
        ..*received
    };
    let armor = Some(&opened.armor);
    let given = match &opened.flaw {
        Some(refused) => Err(refused.clone()),
        None => give(&inner, armor, progress, view, now, rng),
    };
    progress.armored = Some(opened);
    given
}

/// Answers what is asked, in armor or without.
fn give(
    received: &Received<'_, AsReq>,
    armor: Option<&Armor>,
    progress: &mut Progress,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<u8>, Refused> {
    let (request, bytes) = (received.request, received.bytes);
    let body = &*request.req_body;
    if body.kdc_options.intersects(NOT_HERE) {
        return Err(Refused::BadOption("an option of the TGS exchange"));
    }
    if body.kdc_options.contains(KdcOptions::REQUEST_ANONYMOUS) {
        return anonymous::answer(received, armor, view, now, rng);
    }
    let hides = view.realm.hide_unknown_names;
    let found = match client::find(body, view) {
        Err(Refused::ClientUnknown) if hides => nobody::client(body, view),
        found => found,
    };
    let known = found.as_ref().ok().filter(|client| client.exists);
    check_source(received, known, view, now)?;
    if let Err(Refused::ClientUnknown) = found {
        let limit = view.realm.sources.failures;
        view.memory.sources.failed(received.from, limit, now);
    }
    let client = progress.client.insert(found?);
    let account = client.account.clone();
    // A client that asks for what there is not need not try; but where names are hidden, nobody is told of this account
    // or of another without a proof.
    let before = match hides {
        // What the realm itself does not use is nobody's secret, and who has nothing else would not even prove itself.
        true => {
            choose_etype(&body.etype, &view.realm.etypes).ok_or(Refused::NoCommonEtype)?;
            None
        }
        false => Some(Asked::judge(body, &account, view, now)?),
    };
    let krbtgt = view.krbtgt()?;
    let proof = prove(received, armor, &account, &krbtgt, view, now, rng);
    let proof = match client.exists {
        true => proof?,
        false => return Err(nobody::refused(proof)),
    };
    progress.means = Some(means(&account, &proof));
    progress.old = proof.old().to_vec();
    let Asked { service, etype } = match before {
        Some(asked) => asked,
        None => Asked::judge(body, &account, view, now)?,
    };
    let changes_passwords = service.changes_passwords();
    if let Proof::Password(_) = proof
        && !changes_passwords
    {
        client::check_password_age(&account, view, now)?;
    }
    let limits = match changes_passwords {
        true => Limits {
            end: now.whole_seconds() + change_password::TICKET_LIFE,
            renew_till: None,
        },
        false if client::is_protected(&account, view)? => Limits::protected(now),
        false => Limits::NONE,
    };
    let granted = lifetime::grant(body, &view.realm.lifetimes, &limits, now)?;
    let issued = Issued {
        flags: flags(
            request,
            client::delegates(body.kdc_options, &account, view)?,
            &service,
            granted.flags(),
        ),
        session_key: issue::session_key(etype, rng),
        client_realm: view.realm.name.clone(),
        client: client.name.clone(),
        realm: view.realm.name.clone(),
        service: service.name.clone(),
        authenticated: granted.start,
        granted,
        addresses: body.addresses.clone().filter(|list| !list.is_empty()),
    };
    let mut part = issued.ticket_part();
    authorize(
        &mut part, request, &issued, &account, &service, &proof, view,
    )?;
    let ticket = issued.seal(&part, service.key(&view.realm.etypes)?, rng);
    let (mut padata, mut key) = reply_key(&proof, bytes, request, &account, view)?;
    let mut client = Shown {
        realm: issued.client_realm.clone(),
        name: issued.client.clone(),
    };
    if let Some(armor) = armor {
        padata.extend(proof.answer(now, rng));
        let (outside, strong) = armor.seal(padata, key.key(), &ticket, &client, now, rng);
        (padata, key) = (outside, ReplyKey::Agreed(strong));
        client = armor.shown(client);
    }
    let confirmed = confirmation(bytes, request, &key, &service, view);
    let expires = key_expiration(&account, &proof, view)?;
    let reply_part = issued.reply_part(body.nonce.into(), expires, confirmed);
    let enc_part = seal_reply(&key, &reply_part.encode_as_rep(), rng);
    progress.etypes = Some(Etypes {
        ticket: ticket.enc_part.etype.0,
        session: etype.number(),
        reply: enc_part.etype.0,
    });
    Ok(AsRep::new(padata, client.realm, client.name, ticket, enc_part).encode())
}

/// What is asked for, by an account that may ask.
struct Asked {
    service: Service,
    /// Of the session key.
    etype: Etype,
}

impl Asked {
    fn judge(
        body: &KdcReqBody,
        account: &Account,
        view: &View<'_>,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        client::check_state(account, now)?;
        let wanted = body.sname.as_ref().ok_or(Refused::Nameless("service"))?;
        let service = service::find(wanted, body.kdc_options, view, now)?;
        let etype = service.session_etype(&body.etype, &view.realm.etypes)?;
        Ok(Self { service, etype })
    }
}

/// Judges the proof, in armor where it has to be.
fn prove<'a>(
    received: &Received<'_, AsReq>,
    armor: Option<&Armor>,
    account: &'a Account,
    krbtgt: &Account,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Proof<'a>, Refused> {
    if armor.is_none() {
        armoring::check(account, view)?;
    }
    Proof::of(received, armor, account, &krbtgt.keys, view, now, rng)
}

/// Judges where the request comes from, known name or not, unless it is signed: no signature locks anybody out.
fn check_source(
    received: &Received<'_, AsReq>,
    client: Option<&Client>,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    if received
        .request
        .find_padata(PaDataType::PK_AS_REQ)
        .is_some()
    {
        return Ok(());
    }
    let account = client.map(|client| client.account.id);
    let limit = view.realm.sources.failures;
    let sources = &view.memory.sources;
    Ok(sources.check_failures(account, received.from, limit, now)?)
}

fn means(account: &Account, proof: &Proof<'_>) -> Means {
    Means {
        account: account.id.0,
        certificate: proof.certificate().map(|certified| certified.means),
        key: proof.key().map(|key| KeyMeans {
            fingerprint: key.fingerprint,
            device: key.device,
        }),
    }
}

fn flags(
    request: &AsReq,
    delegates: bool,
    service: &Service,
    renewable: TicketFlags,
) -> TicketFlags {
    let options = request.req_body.kdc_options;
    let mut flags = TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT | renewable;
    if delegates {
        if options.contains(KdcOptions::FORWARDABLE) {
            flags |= TicketFlags::FORWARDABLE;
        }
        if options.contains(KdcOptions::PROXIABLE) {
            flags |= TicketFlags::PROXIABLE;
        }
    }
    if request.find_padata(PaDataType::REQ_ENC_PA_REP).is_some() {
        flags |= TicketFlags::ENC_PA_REP;
    }
    if service.is_trusted_for_delegation() {
        flags |= TicketFlags::OK_AS_DELEGATE;
    }
    flags
}

/// Whether the client says that it wants a PAC; without a word it gets one (MS-KILE 3.3.5.6.3.1).
fn pac_wish(request: &AsReq) -> Result<Option<bool>, Refused> {
    let wish = request.find_padata(PaDataType::PAC_REQUEST);
    wish.map(|bytes| KerbPaPacRequest::decode(bytes).map(|wish| wish.include_pac))
        .transpose()
        .map_err(|_| Refused::Malformed)
}

/// Puts the PAC, and what got the ticket, into it. A ticket-granting ticket always has a PAC, which the TGS
/// exchange asks for; whether services see it is the client's wish.
fn authorize(
    part: &mut wire::kerberos::EncTicketPart,
    request: &AsReq,
    issued: &Issued,
    account: &Account,
    service: &Service,
    proof: &Proof<'_>,
    view: &View<'_>,
) -> Result<(), Refused> {
    let wish = pac_wish(request)?;
    let purpose = match service.is_ticket_granting() {
        true => ticket::pac::For::TicketGranting,
        false => ticket::pac::For::Service,
    };
    let others = match service.is_of_the_house(view.realm) {
        true => vec![means(account, proof).element()],
        false => Vec::new(),
    };
    if wish == Some(false) && purpose == ticket::pac::For::Service {
        part.authorization_data = (!others.is_empty()).then(|| others.into());
        return Ok(());
    }
    let mut content = pac::of_account(
        account,
        &issued.client.to_string(),
        pac::identities(proof),
        view.realm,
        &view.directory,
        issued.authenticated,
    )?;
    if purpose == ticket::pac::For::TicketGranting {
        content = pac::with_our_own(content, account, wish);
    }
    let krbtgt = view.krbtgt()?;
    let kdc_key = krbtgt.keys.newest().next().ok_or(Refused::Fault)?;
    let server_key = service.key(&view.realm.etypes)?;
    ticket::pac::attach(part, content, others, purpose, server_key, kdc_key)?;
    Ok(())
}

/// The key of the reply, and what the client needs to know to have it, too.
fn reply_key<'a>(
    proof: &Proof<'a>,
    bytes: &[u8],
    request: &AsReq,
    account: &Account,
    view: &View<'_>,
) -> Result<(MethodData, ReplyKey<'a>), Refused> {
    let body = &*request.req_body;
    match proof {
        Proof::Password(proven) => {
            let etype = proven.key.key.etype();
            let info = preauth::etype_info2(&[etype], account);
            let padata = PaData::new(PaDataType::ETYPE_INFO2, info.encode());
            Ok((vec![padata].into(), ReplyKey::LongTerm(proven.key)))
        }
        Proof::Key(proven) => {
            let allowed = crypto_policy::etypes_of(account, &view.realm.etypes);
            let etype = choose_etype(&body.etype, &allowed).ok_or(Refused::NoCommonEtype)?;
            let (Some(client), Some(service)) = (&body.cname, &body.sname) else {
                return Err(Refused::Nameless("client"));
            };
            let parties = pkinit::Parties {
                client_realm: &body.realm,
                client,
                service,
            };
            let reply =
                pkinit::answer(&proven.half, bytes, body, &parties, etype, view.identities)?;
            Ok((vec![reply.padata].into(), ReplyKey::Agreed(reply.key)))
        }
    }
}

/// The request's checksum under the reply key, for a client that asked for it (RFC 6806 11): so that nobody
/// on the way takes anything out of a request unnoticed.
pub(crate) fn confirmation(
    bytes: &[u8],
    request: &AsReq,
    key: &ReplyKey<'_>,
    service: &Service,
    view: &View<'_>,
) -> Option<MethodData> {
    request.find_padata(PaDataType::REQ_ENC_PA_REP)?;
    let usage = KeyUsage::AS_REQ_CHECKSUM;
    let (etype, checksum) = match key {
        ReplyKey::LongTerm(key) => (key.key.etype(), key.key.checksum(usage, bytes)),
        ReplyKey::Agreed(key) => (key.etype(), key.checksum(usage, bytes)),
    };
    let checksum = Checksum {
        cksumtype: ChecksumType(etype.checksum_type()),
        checksum: checksum.to_vec(),
    };
    // Beside it, where nobody can take it out, that the KDC speaks FAST, in the words of RFC 6806 11 and of MS-KILE 2.2.8.
    let supported = crypto_policy::supported_by(&service.account, &view.realm.etypes);
    let said = [
        PaData::new(PaDataType::REQ_ENC_PA_REP, checksum.encode()),
        PaData::empty(PaDataType::FX_FAST),
        PaData::new(PaDataType::SUPPORTED_ETYPES, supported.encode()),
    ];
    Some(said.into())
}

/// When the password ends, for a client that signed in with it.
fn key_expiration(
    account: &Account,
    proof: &Proof<'_>,
    view: &View<'_>,
) -> Result<Option<Timestamp>, Refused> {
    match proof {
        Proof::Password(_) => {
            let maximum_age = view.directory.password_policy()?.maximum_age;
            Ok(account.password_expires(maximum_age))
        }
        Proof::Key(_) => Ok(None),
    }
}

fn seal_reply(key: &ReplyKey<'_>, plain: &[u8], rng: &mut dyn Rng) -> EncryptedData {
    let usage = KeyUsage::AS_REP_ENC_PART;
    match key {
        ReplyKey::Agreed(key) => issue::encrypt(key, usage, plain, rng),
        ReplyKey::LongTerm(key) => EncryptedData {
            etype: EncryptionType(key.key.etype().number()),
            kvno: Some(key.kvno.into()),
            cipher: key.key.encrypt(usage, &rng.bytes(), plain),
        },
    }
}
