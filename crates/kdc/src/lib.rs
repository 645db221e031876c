//! The key distribution centre: the AS and TGS exchanges of RFC 4120 with PKINIT key trust.
//!
//! Promises: a ticket is made only of a `Proof` (`preauth`) or of a ticket-granting ticket that was accepted,
//! whose PAC was believed, and whose account, key and device are still there; a peer learns a code
//! and nothing more; whatever bytes come, there is an answer and no panic.
//!
//! Knows nothing about: sockets, files, threads, clocks, other parties. Certificates come to it as
//! [`Identity`], accounts through [`Snapshot`].
//!
//! To change a password over Kerberos is [`change_password()`]'s, the one place here that changes anything.
//!
//! To add a way of pre-authentication: a variant of `preauth::Proof` with a module that alone can build it, a
//! line in `preauth::hints`, and what it tells services in `pac::key_identities`.

mod addresses;
mod anonymous;
mod armoring;
mod as_exchange;
mod change_password;
mod client;
mod crypto_policy;
mod fast;
mod identity;
mod issue;
mod lifetime;
mod means;
mod memory;
mod nobody;
mod pac;
mod preauth;
mod realm;
mod refused;
mod reply;
mod revocation;
mod s4u2proxy;
mod s4u2self;
mod service;
mod subject;
mod tgs_exchange;
mod user_to_user;

use std::net::IpAddr;
use std::sync::Arc;

use directory::lockout::Lockout;
use directory::sources::Source;
use directory::{Account, Fault, Snapshot};
use trust::path::Anchor;
use trust::{Rng, Timestamp};
use wire::kerberos::{AsReq, MessageType, PrincipalName, TgsReq};

use crate::memory::{MessageId, Received};

pub use change_password::{Desk, change_password};
pub use crypto_policy::{CryptoPolicy, OldCrypto};
pub use directory::sources::{SourceLimits, Transport};
pub use identity::{Identity, Unusable};
pub use lifetime::Lifetimes;
pub use memory::Memory;
pub use preauth::pkinit::certificate_trust::{Holder, holder};
pub use realm::{Realm, StrongMapping};
pub use refused::Refused;
pub use revocation::{Needed, Place};
pub use ticket::{CertificateMeans, KeyMeans, Means};

/// Characters of a name, or of a reason, that the audit log gets.
const LONGEST_SHOWN: usize = 256;

/// What the KDC may read.
pub struct View<'a> {
    /// The directory, at one moment.
    pub directory: Snapshot<'a>,
    /// The realm and its rules.
    pub realm: &'a Realm,
    /// The KDC's certificates, the preferred one first; none where PKINIT is not offered.
    pub identities: &'a [Identity],
    /// The trusted smart-card issuers: what reaches one of them is never judged by key trust.
    pub issuers: &'a [Anchor],
    /// Wrong passwords, counted for everybody who takes passwords.
    pub lockout: &'a Lockout,
    /// What the KDC remembers between two requests.
    pub memory: &'a Memory,
}

impl View<'_> {
    pub(crate) fn krbtgt(&self) -> Result<Arc<Account>, Refused> {
        let id = self.directory.domain().krbtgt;
        self.directory.account_by_id(id)?.ok_or(Refused::Fault)
    }
}

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    /// What the peer gets; nothing, for what is no Kerberos request at all.
    pub reply: Option<Arc<[u8]>>,
    /// What the audit log gets; nothing for an answer that was given before.
    pub exchange: Option<Exchange>,
    given: Option<(MessageId, Arc<[u8]>)>,
}

impl Answer {
    /// An answer that is not to be remembered.
    fn of(reply: Option<Vec<u8>>, exchange: Exchange) -> Self {
        Self {
            reply: reply.map(Into::into),
            exchange: Some(exchange),
            given: None,
        }
    }
}

impl Answer {
    /// What the KDC would have to know about revocation to say more than this refusal does. Whoever can, gets it and
    /// asks again.
    #[must_use]
    pub fn needed(&self) -> Option<&Needed> {
        match self.exchange.as_ref()?.refused.as_ref()? {
            Refused::RevocationUnavailable(needed) => needed.as_deref(),
            _ => None,
        }
    }

    /// Remembers what was given, for a datagram that comes again. To be called once it stands: the snapshot that it was
    /// computed from was one state, and what it changes is committed.
    pub fn remember(&self, memory: &Memory, now: Timestamp) {
        if let Some((message, reply)) = &self.given {
            memory.answered(*message, reply, now);
        }
    }
}

/// One exchange, as the administrator sees it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which exchange.
    pub kind: ExchangeKind,
    /// When.
    pub time: Timestamp,
    /// From where.
    pub from: Option<IpAddr>,
    /// The client as the request names it, or as the ticket does.
    pub client: Option<String>,
    /// The service that was asked for.
    pub service: Option<String>,
    /// For whom a service asked (MS-SFU), by sAMAccountName; `None` where the client asked for itself.
    pub for_user: Option<String>,
    /// What got the ticket, as far as it was found out.
    pub means: Option<Means>,
    /// Whose ticket armored the request (RFC 6113): a computer's as a rule, in the TGS exchange the client's own.
    pub armor: Option<String>,
    /// What a ticket that was given is encrypted with.
    pub etypes: Option<Etypes>,
    /// What old cryptography was used, as switches allow it.
    pub old: Vec<OldCrypto>,
    /// Why it was refused; `None` for a ticket given.
    pub refused: Option<Refused>,
}

/// What a ticket and its reply are encrypted with: etype numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Etypes {
    /// The service's key.
    pub ticket: i32,
    /// The session key.
    pub session: i32,
    /// The key of the reply.
    pub reply: i32,
}

/// Which exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Initial authentication.
    As,
    /// On the strength of a ticket-granting ticket.
    Tgs,
    /// A password that is changed.
    Password,
    /// None of these.
    Unreadable,
}

/// Whether answering a message may cost a signature and an agreement, so a hundred times what a ticket by password costs:
/// one for sign-in with a key, or one in armor, where that cannot be told. It is told before anything is read: DER has one
/// form alone for the type of a pre-authentication. A message that happens to hold these bytes elsewhere waits with the
/// others.
#[must_use]
pub fn is_costly(message: &[u8]) -> bool {
    /// padata-type [1] of PA-PK-AS-REQ, 16.
    const SIGNED: [u8; 5] = [0xa1, 3, 2, 1, 16];
    /// padata-type [1] of PA-FX-FAST, 136.
    const ARMORED: [u8; 6] = [0xa1, 4, 2, 2, 0, 136];
    let begins = |at: usize| {
        let rest = message.get(at..).unwrap_or_default();
        rest.starts_with(&SIGNED) || rest.starts_with(&ARMORED)
    };
    // Both begin with the same byte, and few bytes are that one.
    let mut places = message.iter().enumerate();
    MessageType::of(message) == Some(MessageType::AS_REQ)
        && places.any(|(at, byte)| *byte == SIGNED[0] && begins(at))
}

/// Answers one message of a peer at `from`. Whoever sends the answer calls [`Answer::remember`].
pub fn answer(
    message: &[u8],
    from: Option<IpAddr>,
    transport: Transport,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Answer {
    let id = crypto::digest::sha256(message);
    if let Some(reply) = view.memory.answer_to(&id, now) {
        return Answer {
            reply: Some(fitting(reply, transport, view, now)),
            exchange: None,
            given: None,
        };
    }
    let source = from.map(|address| Source { address, transport });
    let (reply, mut exchange) = match MessageType::of(message) {
        Some(MessageType::AS_REQ) => initial(message, id, source, view, now, rng),
        Some(MessageType::TGS_REQ) => granting(message, id, source, view, now, rng),
        Some(
            MessageType::AP_REQ
            | MessageType::KRB_SAFE
            | MessageType::KRB_PRIV
            | MessageType::KRB_CRED,
        ) => (
            Some(reply::refusal(&Refused::NotForUs, None, None, view, now)),
            Exchange::new(ExchangeKind::Unreadable, now, Some(Refused::NotForUs)),
        ),
        // An answer or an error is not answered: two KDCs would go on answering each other for ever (the
        // class of CVE-2002-2443).
        _ => (
            None,
            Exchange::new(ExchangeKind::Unreadable, now, Some(Refused::Malformed)),
        ),
    };
    exchange.from = from;
    let reply: Option<Arc<[u8]>> = reply.map(Into::into);
    let given = reply.clone().filter(|_| exchange.refused.is_none());
    Answer {
        reply: reply.map(|reply| fitting(reply, transport, view, now)),
        exchange: Some(exchange),
        given: given.map(|reply| (id, reply)),
    }
}

/// The answer, or the word that it does not fit in a datagram (protocols E.1).
fn fitting(reply: Arc<[u8]>, transport: Transport, view: &View<'_>, now: Timestamp) -> Arc<[u8]> {
    if transport == Transport::Stream || reply.len() <= view.realm.datagram_limit {
        return reply;
    }
    reply::refusal(&Refused::ResponseTooBig, None, None, view, now).into()
}

fn initial(
    message: &[u8],
    id: MessageId,
    from: Option<Source>,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> (Option<Vec<u8>>, Exchange) {
    let Ok(request) = AsReq::decode(message) else {
        let refused = Refused::Malformed;
        let reply = reply::refusal(&refused, None, None, view, now);
        return (
            Some(reply),
            Exchange::new(ExchangeKind::As, now, Some(refused)),
        );
    };
    let mut progress = as_exchange::Progress::default();
    let received = Received {
        request: &request,
        bytes: message,
        id,
        from,
    };
    let answer = as_exchange::answer(&received, &mut progress, view, now, rng);
    let mut exchange = Exchange::new(ExchangeKind::As, now, None);
    let armored = progress.armored.as_ref();
    let request = armored.map_or(&request, |armored| &armored.request);
    let armor = armored.map(|armored| &armored.armor);
    let body = &*request.req_body;
    exchange.client = body.cname.as_ref().map(shown);
    exchange.service = body.sname.as_ref().map(shown);
    exchange.means = progress.means;
    exchange.old = progress.old;
    exchange.etypes = progress.etypes;
    exchange.armor = armor.and_then(|armor| armor.holder.clone());
    let reply = answer.unwrap_or_else(|refused| {
        let account = progress.client.as_ref().map(|client| &*client.account);
        let data = reply::data(&refused, request, armor, account, view, now);
        let data = data.or_else(|| {
            exchange.means?;
            reply::status(&refused)
        });
        let reply = reply::refusal_under(armor, &refused, body, data, view, now, rng);
        exchange.refused = Some(refused);
        reply
    });
    (Some(reply), exchange)
}

fn granting(
    message: &[u8],
    id: MessageId,
    from: Option<Source>,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> (Option<Vec<u8>>, Exchange) {
    let Ok(request) = TgsReq::decode(message) else {
        let refused = Refused::Malformed;
        let reply = reply::refusal(&refused, None, None, view, now);
        return (
            Some(reply),
            Exchange::new(ExchangeKind::Tgs, now, Some(refused)),
        );
    };
    let mut progress = tgs_exchange::Progress::default();
    let received = Received {
        request: &request,
        bytes: message,
        id,
        from,
    };
    let answer = tgs_exchange::answer(&received, &mut progress, view, now, rng);
    let mut exchange = Exchange::new(ExchangeKind::Tgs, now, None);
    let armored = progress.armored.as_ref();
    let body = armored.map_or(&*request.req_body, |armored| &armored.request.req_body);
    let armor = armored.map(|armored| &armored.armor);
    exchange.client = progress.account.map(|account| account.sam.clone());
    exchange.for_user = progress.for_user.map(|account| account.sam.clone());
    exchange.armor = armor.and(exchange.client.clone());
    exchange.service = body.sname.as_ref().map(shown);
    exchange.means = progress.means;
    exchange.etypes = progress.etypes;
    let reply = answer.unwrap_or_else(|refused| {
        // Of its own account alone: of whom it asks for a service learns the code.
        let own = exchange.means.is_some() && exchange.for_user.is_none();
        let data = own.then(|| reply::status(&refused)).flatten();
        let reply = reply::refusal_under(armor, &refused, body, data, view, now, rng);
        exchange.refused = Some(refused);
        reply
    });
    (Some(reply), exchange)
}

/// A name for the audit log, which must not grow by what strangers call themselves.
fn shown(name: &PrincipalName) -> String {
    bounded(name.to_string())
}

fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SHOWN) {
        text.truncate(end);
        text.push('…');
        // Lines wait for the audit log's writer by the ten thousands: not with the room of what was cut off.
        text.shrink_to_fit();
    }
    text
}

impl Exchange {
    /// Why it was refused, in words for the audit log, which must not grow by what strangers write into certificates.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let refused = self.refused.as_ref()?;
        Some(bounded(refused.to_string()))
    }

    fn new(kind: ExchangeKind, time: Timestamp, refused: Option<Refused>) -> Self {
        Self {
            kind,
            time,
            from: None,
            client: None,
            for_user: None,
            service: None,
            means: None,
            armor: None,
            old: Vec::new(),
            etypes: None,
            refused,
        }
    }
}

impl From<Fault> for Refused {
    fn from(_: Fault) -> Self {
        Self::Fault
    }
}
