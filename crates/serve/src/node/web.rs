//! HTTP: which party a request is for, and its answer.

use std::net::IpAddr;
use std::sync::Arc;

use directory::storage::StorageError;
use directory::{Fault, Snapshot};
use trust::{SystemRng, Timestamp};
use wire::http::{Request, Response};

use super::certificates::Issuing;
use super::core::Core;
use super::credentials::Credentials;
use super::parties::Parties;
use super::turn::Unanswered;
use super::watch::{Said, answered};
use super::{Node, proxy};
use crate::conversation::{busy, error, failed};
use crate::door::Http;
use crate::fault::Role;

/// Whom a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum For {
    Federation,
    Administration,
    Authority,
    KdcProxy,
    /// A host that is none of ours: who asks it means somebody else.
    Nobody,
}

impl Node {
    fn route(&self, request: &Request, role: Role) -> For {
        let path = request.path.to_ascii_lowercase();
        let published = path.ends_with(".crl") || path.ends_with(".crt");
        match role {
            // Whoever may use the socket administers; nothing else is asked there.
            Role::AdminSocket => For::Administration,
            // Lists are asked for by whatever name the certificates give (PKI-CDP-1).
            Role::Http if published => For::Authority,
            Role::Http => For::Federation,
            _ if !self.is_ours(&request.host_name()) => For::Nobody,
            _ if path.starts_with(administration::PREFIX) => For::Administration,
            _ if published => For::Authority,
            _ if path == proxy::PATH && self.offers_proxy => For::KdcProxy,
            _ => For::Federation,
        }
    }

    /// Whether a peer that names `host` means us. Addresses are taken, whichever: what counts for them is TLS.
    fn is_ours(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        self.hosts.iter().any(|own| own == host)
            || bare
                .parse::<IpAddr>()
                .is_ok_and(|address| self.is_own(address))
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || address.is_loopback()
    }

    fn published(&self, request: &Request) -> Response {
        let now = self.core.clock.now();
        let answered = self.turn().take(now, |snapshot| {
            (authority::answer(request, snapshot, now), Vec::new())
        });
        match answered {
            Ok(answer) => answer.unwrap_or_else(|fault| {
                self.trouble("a revocation list", &fault);
                failed()
            }),
            Err(unanswered) => self.unanswered("a revocation list", &unanswered),
        }
    }

    fn administration(&self, request: &Request, role: Role) -> Response {
        let caller = match self.administrator(request, role, self.core.clock.now()) {
            Ok(caller) => caller,
            Err(fault) => {
                self.trouble(ADMINISTERING, &fault);
                return failed();
            }
        };
        let domain = Domain {
            node: self,
            credentials: self.credentials(),
        };
        administered(&domain, request, &caller)
    }

    /// Who asks the administration: the kernel says so on the socket, a token over HTTPS.
    fn administrator(
        &self,
        request: &Request,
        role: Role,
        now: Timestamp,
    ) -> Result<administration::Caller, Fault> {
        if role == Role::AdminSocket {
            return Ok(administration::Caller::Local);
        }
        let snapshot = self.core.directory.snapshot()?;
        let keys = federation::signing_keys(&snapshot, &self.federation_memory, now)?;
        Ok(administration::Caller::by_token(
            request,
            &keys,
            self.federation.issuer(),
            now,
        ))
    }

    fn unanswered(&self, doing: &str, unanswered: &Unanswered) -> Response {
        unanswered_of(&self.core, doing, unanswered)
    }

    fn federation(&self, request: &Request) -> Response {
        answered(&self.core, || self.ask_federation(request))
            .unwrap_or_else(|unanswered| self.unanswered("a federation request", &unanswered))
    }

    fn ask_federation(&self, request: &Request) -> Result<Said, Unanswered> {
        let now = self.core.clock.now();
        let answer = self.turn().take(now, |snapshot| {
            let mut answer = federation::answer(
                request,
                &self.federation_view(snapshot),
                now,
                &mut SystemRng,
            );
            let changes = std::mem::take(&mut answer.changes);
            (answer, changes)
        })?;
        self.tell(&answer.story);
        if let Some(refused) = answer.refused {
            self.core.audit.record(refused);
        }
        if let Some(fault) = answer.fault {
            self.trouble("a federation request", &fault);
        }
        Ok(answer.reply.into())
    }
}

/// What an administrator's request is called in the log.
pub(super) const ADMINISTERING: &str = "an administration request";

/// A store that is administered.
pub(super) trait Administered {
    /// Whose it is.
    fn parties(&self) -> &dyn Parties;

    fn view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> administration::View<'a, 'd>;
}

/// A domain, as it is administered.
struct Domain<'n> {
    node: &'n Node,
    credentials: Arc<Credentials>,
}

impl Administered for Domain<'_> {
    fn parties(&self) -> &dyn Parties {
        self.node
    }

    fn view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> administration::View<'a, 'd> {
        administration::View {
            snapshot,
            lockout: &self.node.core.lockout,
            deployment: &self.credentials.deployment,
            certificates: None,
        }
    }
}

/// The answer to an administrator.
pub(super) fn administered(
    store: &dyn Administered,
    request: &Request,
    caller: &administration::Caller,
) -> Response {
    const DOING: &str = ADMINISTERING;
    let issuing = Issuing(store.parties());
    let core = store.parties().core();
    let now = core.clock.now();
    let answered = core.turn().take(now, |snapshot| {
        let view = administration::View {
            certificates: Some(&issuing),
            ..store.view(snapshot)
        };
        let mut answer = administration::answer(request, caller, &view, now, &mut SystemRng);
        let changes = std::mem::take(&mut answer.changes);
        (answer, changes)
    });
    let answer = match answered {
        Ok(answer) => answer,
        Err(Unanswered::Refused(refused)) => {
            administration::not_committed(&refused, request, caller, now)
        }
        Err(Unanswered::Fault(fault @ Fault::Storage(StorageError::Full(_)))) => {
            core.trouble(DOING, &fault);
            return no_space();
        }
        Err(unanswered) => return unanswered_of(core, DOING, &unanswered),
    };
    if let Some(refused) = &answer.refused {
        core.audit.record(refused.clone());
    }
    if let Some(fault) = &answer.fault {
        core.trouble(DOING, fault);
    }
    // What is shown is what the commit made of it.
    let shown = core.turn().take(now, |snapshot| {
        let view = administration::View {
            certificates: Some(&issuing),
            ..store.view(snapshot)
        };
        (answer.response(&view, now), Vec::new())
    });
    shown.unwrap_or_else(|unanswered| unanswered_of(core, DOING, &unanswered))
}

/// What a peer gets to whom there is no answer.
pub(super) fn unanswered_of(core: &Core, doing: &str, unanswered: &Unanswered) -> Response {
    core.trouble(doing, unanswered);
    match unanswered {
        Unanswered::Busy => busy(),
        Unanswered::Refused(_) | Unanswered::Fault(_) => failed(),
    }
}

/// What an administrator whose change found no room is told: they are who can make some.
fn no_space() -> Response {
    let problem = serde_json::json!({
        "title": "no space is left",
        "detail": "no space is left on the disk of the server's store, and nothing was changed",
        "remedy": "free some space on the server and try again; it goes on by itself, and what only reads never stopped",
        "code": "no_space",
    });
    Response::json(507, &problem)
}

impl Http for Node {
    fn answer(&self, request: Request, role: Role) -> Response {
        match self.route(&request, role) {
            For::Federation => self.federation(&request),
            For::Administration => self.administration(&request, role),
            For::Authority => self.published(&request),
            For::KdcProxy => self.kdc_proxy(&request),
            For::Nobody => error(
                421,
                "invalid_request",
                "this server is not the one that the request names",
            ),
        }
    }
}
