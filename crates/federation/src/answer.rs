//! One request, one answer: which endpoint it is for, and in which words it is refused.

use std::net::IpAddr;

use directory::{Account, Actor, AuditRecord, Change, Fault, Table};
use token::parameters::Parameters;
use token::refusal;
use trust::{Event, Rng, Timestamp};
use wire::Guid;
use wire::http::{Method, Request, Response};

use crate::refused::{Refused, Trouble};
use crate::{
    View, authorize, contract, device, documents, exchange, key, logout, new_password, refused,
    userinfo,
};

/// The longest body that is looked at, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// What the party answers.
#[derive(Debug)]
pub struct Answer {
    /// The reply to the peer, to be sent once the changes are committed.
    pub reply: Reply,
    /// What to commit first. When what they were computed from no longer stands, the request is answered again.
    pub changes: Vec<Change>,
    /// The steps that happened with it.
    pub story: Vec<&'static Event>,
    /// What was refused and why, for the audit log; it may be written later, with others.
    pub refused: Option<Box<AuditRecord>>,
    /// Trouble of our own, for the log.
    pub fault: Option<Fault>,
}

/// When the peer is answered.
#[derive(Debug)]
pub enum Reply {
    /// Now, with this.
    Now(Response),
    /// When this record has been written, or at this moment: the same request is to be answered again then.
    When {
        /// Table and key of the record.
        changed: (Table, Vec<u8>),
        /// The latest moment.
        by: Timestamp,
    },
}

impl Answer {
    pub(crate) fn now(response: Response) -> Self {
        Self {
            reply: Reply::Now(response),
            changes: vec![],
            story: vec![],
            refused: None,
            fault: None,
        }
    }

    pub(crate) fn committing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    pub(crate) fn telling(mut self, event: &'static Event) -> Self {
        self.story.push(event);
        self
    }

    /// The same answer, with what was refused for the audit log.
    pub(crate) fn because(mut self, asked: &Asked<'_, '_>, refused: &Refused) -> Self {
        let record = AuditRecord::refused(
            asked.now,
            Actor::anonymous(),
            refused.action(),
            refused.chain(),
        )
        .with("trace", asked.trace)
        .with(
            "path",
            asked.request.path.chars().take(200).collect::<String>(),
        );
        self.refused = Some(Box::new(match asked.from() {
            Some(from) => record.from_address(from),
            None => record,
        }));
        self
    }

    /// The same answer, whose refusal concerns this account.
    pub(crate) fn about(mut self, account: Option<&Account>) -> Self {
        if let (Some(record), Some(account)) = (&mut self.refused, account) {
            record.target = Some(account.id);
            record.target_name = Some(crate::account::name_of(account).to_owned());
        }
        self
    }
}

/// A request with all that its handlers need.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a, 'd> {
    pub(crate) request: &'a Request,
    pub(crate) view: &'a View<'a, 'd>,
    pub(crate) now: Timestamp,
    /// Under which our log has what the peer is not told.
    pub(crate) trace: Guid,
}

impl Asked<'_, '_> {
    /// Where the request came from, for the audit log.
    pub(crate) fn from(&self) -> Option<String> {
        self.request.peer.map(|peer| peer.to_string())
    }

    /// Where the request came from, for limits: an IPv6 address counts as its network of 64 bits, which is what one
    /// peer usually has.
    pub(crate) fn address(&self) -> Vec<u8> {
        match self.request.peer {
            Some(IpAddr::V4(address)) => address.octets().to_vec(),
            Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(mapped) => mapped.octets().to_vec(),
                None => address.octets().iter().take(8).copied().collect(),
            },
            None => vec![],
        }
    }

    /// The parameters of the body.
    pub(crate) fn form(&self) -> Result<Parameters, Refused> {
        Ok(Parameters::from_fields(self.request.form())?)
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<Parameters, Refused> {
        Ok(Parameters::from_fields(self.request.query_fields())?)
    }
}

/// In which words an endpoint refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Words {
    /// A page for a person.
    Page,
    /// JSON of OAuth (RFC 6749 5.2).
    OAuth,
    /// A challenge to a client with a bearer token (RFC 6750 3).
    Bearer,
    /// ErrorDetails of MS-DVRJ (protocols B.8.1).
    Device,
    /// ErrorDetails of MS-KPP (protocols C.1).
    Key,
}

type Handler = fn(&Asked<'_, '_>, &mut dyn Rng) -> Result<Answer, Trouble>;

/// The endpoints (protocols F.1): path, method, words, handler.
const ENDPOINTS: [(&str, Method, Words, Handler); 17] = [
    (
        "/adfs/.well-known/openid-configuration",
        Method::Get,
        Words::OAuth,
        documents::configuration,
    ),
    (
        "/adfs/discovery/keys",
        Method::Get,
        Words::OAuth,
        documents::keys,
    ),
    (
        "/adfs/oauth2/authorize",
        Method::Get,
        Words::Page,
        authorize::by_query,
    ),
    (
        "/adfs/oauth2/authorize",
        Method::Post,
        Words::Page,
        authorize::by_form,
    ),
    (
        "/adfs/oauth2/token",
        Method::Post,
        Words::OAuth,
        exchange::exchange,
    ),
    (
        "/adfs/oauth2/logout",
        Method::Get,
        Words::Page,
        logout::by_query,
    ),
    (
        "/adfs/oauth2/logout",
        Method::Post,
        Words::Page,
        logout::by_form,
    ),
    (
        new_password::PATH,
        Method::Get,
        Words::Page,
        new_password::page,
    ),
    (
        new_password::PATH,
        Method::Post,
        Words::Page,
        new_password::by_form,
    ),
    (
        "/adfs/userinfo",
        Method::Get,
        Words::Bearer,
        userinfo::userinfo,
    ),
    (
        "/adfs/userinfo",
        Method::Post,
        Words::Bearer,
        userinfo::userinfo,
    ),
    ("/adfs/probe", Method::Get, Words::Page, documents::probe),
    ("/adfs/probe", Method::Head, Words::Page, documents::probe),
    (
        "/EnrollmentServer/contract",
        Method::Get,
        Words::Device,
        contract::contract,
    ),
    (
        "/EnrollmentServer/device",
        Method::Post,
        Words::Device,
        device::join,
    ),
    (
        "/EnrollmentServer/device/{deviceid}",
        Method::Delete,
        Words::Device,
        device::unregister,
    ),
    (
        "/EnrollmentServer/key",
        Method::Post,
        Words::Key,
        key::register,
    ),
];

/// For how long browsers ask this host over TLS alone once they have been here (RFC 6797): a year, in seconds.
const OVER_TLS_ALONE: &str = "max-age=31536000";

/// Answers one request.
#[must_use]
pub fn answer(request: &Request, view: &View<'_, '_>, now: Timestamp, rng: &mut dyn Rng) -> Answer {
    let mut answer = judged(request, view, now, rng);
    if let Reply::Now(response) = &mut answer.reply {
        response.headers.set("X-Content-Type-Options", "nosniff");
        if request.secure {
            response
                .headers
                .set("Strict-Transport-Security", OVER_TLS_ALONE);
        }
    }
    answer
}

fn judged(request: &Request, view: &View<'_, '_>, now: Timestamp, rng: &mut dyn Rng) -> Answer {
    let asked = Asked {
        request,
        view,
        now,
        trace: Guid::from_random(rng.bytes()),
    };
    let here = || {
        ENDPOINTS
            .iter()
            .filter(|(path, ..)| request.path_matches(path).is_some())
    };
    let Some((path, _, words, _)) = here().next() else {
        return refused::reply(&asked, Words::OAuth, &Refused::NoSuchEndpoint);
    };
    if !request.secure && *path != "/adfs/probe" {
        return refused::reply(&asked, *words, &Refused::NotSecure);
    }
    let Some((.., words, handler)) = here().find(|(_, method, ..)| *method == request.method)
    else {
        let allowed: Vec<&str> = here().map(|(_, method, ..)| method.as_str()).collect();
        let mut answer = refused::reply(&asked, *words, &Refused::Method);
        if let Reply::Now(response) = &mut answer.reply {
            response.headers.set("Allow", &allowed.join(", "));
        }
        return answer;
    };
    if request.body.len() > LONGEST_BODY {
        return refused::reply(&asked, *words, &Refused::TooLarge);
    }
    match handler(&asked, rng) {
        Ok(answer) => answer,
        Err(Trouble::Refused(refused)) => refused::reply(&asked, *words, &refused),
        Err(Trouble::Fault(fault)) => Answer {
            fault: Some(fault),
            ..failed(&asked, *words)
        },
    }
}

/// The reply to a request that we could not answer by our own fault.
fn failed(asked: &Asked<'_, '_>, words: Words) -> Answer {
    let mut answer = refused::in_words(
        asked,
        words,
        refusal::Code::ServerError,
        503,
        refused::OWN_FAULT,
    );
    if let Reply::Now(response) = &mut answer.reply {
        response.headers.set("Retry-After", "5");
    }
    answer
}
