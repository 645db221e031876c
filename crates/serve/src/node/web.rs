//! HTTP: which party a request is for, and its answer.

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use directory::storage::StorageError;
use directory::{Fault, Table};
use federation::Reply;
use trust::{SystemRng, Timestamp};
use wire::http::{Request, Response};

use super::turn::Unanswered;
use super::{Node, proxy};
use crate::conversation::{busy, error, failed};
use crate::door::Http;
use crate::fault::Role;
use crate::moment;

/// The longest that a request waits for a record: LH gives up after three seconds (protocols 0.2).
const LONGEST_WAIT: Duration = Duration::from_millis(2_500);

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
        const DOING: &str = "an administration request";
        let now = self.core.clock.now();
        let credentials = self.credentials();
        let caller = match self.administrator(request, role, now) {
            Ok(caller) => caller,
            Err(fault) => {
                self.trouble(DOING, &fault);
                return failed();
            }
        };
        let answered = self.turn().take(now, |snapshot| {
            let view = self.administration_view(snapshot, &credentials.deployment);
            let mut answer = administration::answer(request, &caller, &view, now, &mut SystemRng);
            let changes = std::mem::take(&mut answer.changes);
            (answer, changes)
        });
        let answer = match answered {
            Ok(answer) => answer,
            Err(Unanswered::Refused(refused)) => {
                administration::not_committed(&refused, request, &caller, now)
            }
            Err(Unanswered::Fault(fault @ Fault::Storage(StorageError::Full(_)))) => {
                self.trouble(DOING, &fault);
                return no_space();
            }
            Err(unanswered) => return self.unanswered(DOING, &unanswered),
        };
        if let Some(refused) = &answer.refused {
            self.core.audit.record(refused.clone());
        }
        if let Some(fault) = &answer.fault {
            self.trouble(DOING, fault);
        }
        // What is shown is what the commit made of it.
        let shown = self.turn().take(now, |snapshot| {
            let view = self.administration_view(snapshot, &credentials.deployment);
            (answer.response(&view, now), Vec::new())
        });
        shown.unwrap_or_else(|unanswered| self.unanswered(DOING, &unanswered))
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

    fn administration_view<'a, 'd>(
        &'a self,
        snapshot: &'a directory::Snapshot<'d>,
        deployment: &'a administration::Deployment,
    ) -> administration::View<'a, 'd> {
        administration::View {
            snapshot,
            lockout: &self.core.lockout,
            deployment,
            certificates: Some(self),
        }
    }

    fn unanswered(&self, doing: &str, unanswered: &Unanswered) -> Response {
        self.trouble(doing, unanswered);
        match unanswered {
            Unanswered::Busy => busy(),
            Unanswered::Refused(_) | Unanswered::Fault(_) => failed(),
        }
    }

    fn federation(&self, request: &Request) -> Response {
        let deadline = moment::now() + LONGEST_WAIT;
        loop {
            let (reply, watch) = match self.ask_federation(request) {
                Ok(asked) => asked,
                Err(unanswered) => return self.unanswered("a federation request", &unanswered),
            };
            let (wanted, by) = match reply {
                Reply::Now(response) => return response,
                Reply::When { changed, by } => (changed, by),
            };
            let left = deadline.saturating_duration_since(moment::now());
            if left.is_zero() {
                return busy();
            }
            watch.wait(self, &wanted, by, left);
        }
    }

    fn ask_federation(&self, request: &Request) -> Result<(Reply, Watch), Unanswered> {
        // What is written between the answer and the waiting must not be missed.
        let watch = Watch::start(self);
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
        Ok((answer.reply, watch))
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

/// Table and key of a record.
type Place = (String, Vec<u8>);

/// The records that were written since some moment.
struct Watch {
    seen: Arc<(Mutex<Vec<Place>>, Condvar)>,
    _subscription: directory::Subscription,
}

impl Watch {
    fn start(node: &Node) -> Self {
        let seen = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let told = Arc::clone(&seen);
        let subscription = node.core.directory.subscribe(move |commit| {
            let records = commit
                .records
                .iter()
                .map(|record| (record.table.clone(), record.key.clone()));
            told.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(records);
            told.1.notify_all();
        });
        Self {
            seen,
            _subscription: subscription,
        }
    }

    /// Waits until the record is written, until the moment `by`, or for `left`, whichever comes first.
    fn wait(self, node: &Node, (table, key): &(Table, Vec<u8>), by: Timestamp, left: Duration) {
        let until = by.since(node.core.clock.now()).as_micros();
        let until = Duration::from_micros(u64::try_from(until).unwrap_or_default());
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |seen: &mut Vec<Place>| {
            !seen
                .iter()
                .any(|(name, written)| name == table.name() && written == key)
        };
        let _ = self
            .seen
            .1
            .wait_timeout_while(seen, until.min(left), waiting);
    }
}
