//! The directory, asked by LDAP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use directory::ldap::{self, Answer, Channel, Layer, Pending, Running, Session, Shown, View};
use directory::{AccountKind, Change, CommitError, EntryId, Reads, Snapshot};
use registration::proven_device::{self, NotADevice};
use trust::{SystemRng, Timestamp};
use wire::ldap::ResultCode;
use wire::x509::Certificate;

use super::Node;
use super::revocation::Came;
use super::turn::TRIES;
use crate::door::{self, LdapSession, Said};

/// Certificates of one path that are asked about, one after the other.
const LINKS: usize = 4;

/// Binds that wait until something is known about revocation: whoever waits keeps a worker from others.
const WAITING: usize = 2;

/// The node, asked by LDAP.
pub(crate) struct Ldap(pub(crate) Arc<Node>);

impl door::Ldap for Ldap {
    fn open(&self, peer: SocketAddr, start_tls: bool) -> Box<dyn LdapSession> {
        Box::new(Connection {
            node: Arc::clone(&self.0),
            session: Session::new(),
            channel: Channel {
                from: peer.ip().to_canonical().to_string(),
                encrypted: false,
                signed: false,
                start_tls,
                certificate: Shown::Nothing,
                bindings: None,
            },
            certificates: Vec::new(),
            running: None,
            pending: None,
            agreed: None,
            layer: None,
        })
    }
}

/// A session with its connection.
struct Connection {
    node: Arc<Node>,
    session: Session,
    channel: Channel,
    /// What the client showed within TLS, its own first.
    certificates: Vec<Certificate>,
    running: Option<Box<Running>>,
    /// A change that is worked out.
    pending: Option<Box<Pending>>,
    /// What keeps messages as soon as the answer is sent that agrees on it.
    agreed: Option<Box<Layer>>,
    /// What keeps messages.
    layer: Option<Box<Layer>>,
}

impl Connection {
    /// What the session says; `Err` when the storage failed.
    fn compute(&mut self, message: &[u8]) -> Result<Said, directory::Fault> {
        let node = Arc::clone(&self.node);
        let now = node.core.clock.now();
        if let Some((own, others)) = self.certificates.split_first()
            && ldap::asks_for_certificate(message)
        {
            self.channel.certificate = node.judge_certificate(own, others, now)?;
        }
        if self.session.is_of_device() {
            let own = self.certificates.first();
            let judged = own.map(|own| node.device(own, now)).transpose()?.flatten();
            if !matches!(judged, Some(Shown::OfDevice { .. })) {
                self.session.leave();
            }
        }
        self.once(message, now)
    }

    /// What the session says to a message in the state that is there now.
    fn once(&mut self, message: &[u8], now: Timestamp) -> Result<Said, directory::Fault> {
        let node = Arc::clone(&self.node);
        let snapshot = node.core.directory.snapshot()?;
        let view = node.ldap_view(&snapshot);
        let answer = self
            .session
            .answer(message, &self.channel, &view, now, &mut SystemRng)?;
        Ok(match answer {
            Answer::Now(messages) => Said::Now(messages),
            Answer::Close(messages) => Said::Close(messages),
            Answer::Limited(message) => {
                node.core.metrics.binds_turned_away.fetch_add(1, Relaxed);
                Said::Now(vec![message])
            }
            Answer::StartTls(message) => Said::StartTls(message),
            Answer::Refused { message, records } => {
                node.record(records, now);
                Said::Now(vec![message])
            }
            Answer::Search(running) => {
                self.running = Some(running);
                return self.step(&snapshot);
            }
            Answer::Commit(pending) => {
                self.pending = Some(pending);
                Said::Write
            }
        })
    }

    /// Commits what is worked out, and works it out again where the state became another one meanwhile.
    fn write(&mut self, message: &[u8]) -> Result<Said, directory::Fault> {
        let node = Arc::clone(&self.node);
        for _ in 0..TRIES {
            let Some(pending) = self.pending.take() else {
                break;
            };
            let now = node.core.clock.now();
            let committed = node
                .core
                .directory
                .commit(&pending.changes, &pending.reads, now);
            match &committed {
                Err(CommitError::Conflict) => {
                    node.core.metrics.conflicts.fetch_add(1, Relaxed);
                    match self.once(message, now)? {
                        Said::Write => continue,
                        said => return Ok(said),
                    }
                }
                Err(CommitError::Fault(fault)) => node.trouble("LDAP", fault),
                Err(CommitError::Refused(why)) => node.record(pending.refused(why), now),
                Ok(_) => {
                    node.core.metrics.commits.fetch_add(1, Relaxed);
                }
            }
            let after = node.core.directory.snapshot()?;
            let message = pending.told(&committed, &after, now)?;
            if committed.is_ok() {
                node.turn().log(pending.changes);
            }
            return Ok(Said::Now(vec![message]));
        }
        self.pending = None;
        node.core.metrics.given_up.fetch_add(1, Relaxed);
        Ok(Said::Now(vec![self.busy(message)]))
    }

    /// Goes on with the search for one step, with this state.
    fn step(&mut self, snapshot: &Snapshot<'_>) -> Result<Said, directory::Fault> {
        let Some(running) = &mut self.running else {
            return Ok(Said::Now(Vec::new()));
        };
        let view = self.node.ldap_view(snapshot);
        let progress = self
            .session
            .go_on(running, &view, self.node.core.clock.now())?;
        if progress.done {
            self.running = None;
            return Ok(Said::Now(progress.messages));
        }
        Ok(Said::More(progress.messages))
    }
}

impl Node {
    fn ldap_view<'v, 'd>(&'v self, snapshot: &'v Snapshot<'d>) -> View<'v, 'd> {
        View {
            snapshot,
            settings: &self.ldap,
            lockout: &self.core.lockout,
            sources: &self.kdc_memory.sources,
            failures: self.realm.sources.failures,
            seen: &self.ldap_seen,
            cost: self.core.password_cost,
            host: &self.kdc_host,
        }
    }

    /// What a certificate is worth as a registered device's; `None` for one that no device has.
    fn device(&self, own: &Certificate, now: Timestamp) -> Result<Option<Shown>, directory::Fault> {
        let snapshot = self.core.directory.snapshot()?;
        let device = match proven_device::prove(&snapshot, own.der(), now)? {
            Ok(device) => device,
            Err(NotADevice::Unknown | NotADevice::Unreadable) => return Ok(None),
            Err(why) => return Ok(Some(Shown::Refused(why.to_string()))),
        };
        // The device's id is its computer's objectGUID (DREG-W4).
        let id = device.device().device_id;
        let computer = snapshot.account_by_id(EntryId(id))?;
        Ok(Some(match computer {
            Some(computer) if computer.kind == AccountKind::Computer => Shown::OfDevice {
                computer: computer.id,
                device: id,
                until: Timestamp::from_unix(own.not_after()),
            },
            _ => Shown::Refused("the device has no computer account".to_owned()),
        }))
    }

    /// Whose the certificate is that a client proved to hold the key of: the KDC's judgement. What that needs to know about
    /// revocation is got first.
    fn judge_certificate(
        &self,
        own: &Certificate,
        others: &[Certificate],
        now: Timestamp,
    ) -> Result<Shown, directory::Fault> {
        if let Some(shown) = self.device(own, now)? {
            return Ok(shown);
        }
        let mut judged = self.holder(own, others, now)?;
        for _ in 0..LINKS {
            let Err(kdc::Refused::RevocationUnavailable(Some(needed))) = &judged else {
                break;
            };
            match self.getting.get(needed, WAITING) {
                Came::NotYet | Came::Not => break,
                Came::Here => judged = self.holder(own, others, now)?,
            }
        }
        Ok(match judged {
            Ok(holder) => Shown::Of {
                means: holder.means,
                until: holder.until,
            },
            Err(refused) => Shown::Refused(refused.to_string()),
        })
    }

    fn holder(
        &self,
        own: &Certificate,
        others: &[Certificate],
        now: Timestamp,
    ) -> Result<Result<kdc::Holder, kdc::Refused>, directory::Fault> {
        let credentials = self.credentials();
        let view = kdc::View {
            directory: self.core.directory.snapshot()?,
            realm: &self.realm,
            identities: &credentials.kdc,
            issuers: &credentials.issuers,
            lockout: &self.core.lockout,
            memory: &self.kdc_memory,
        };
        Ok(kdc::holder(own, others, &view, now))
    }

    /// Writes down what was refused. The refusal is told whether or not that can be written.
    fn record(&self, records: Vec<Change>, now: Timestamp) {
        match self.core.directory.commit(&records, &Reads::none(), now) {
            Ok(_) => self.turn().log(records),
            Err(error) => self.trouble("writing down a refusal", &error),
        }
    }
}

impl LdapSession for Connection {
    fn is_quick(&self, message: &[u8]) -> bool {
        // What another machine is asked for is not there in no time.
        !self.node.core.directory.is_shared() && ldap::is_quick(message)
    }

    fn answer(&mut self, message: &[u8]) -> Said {
        self.running = None;
        self.pending = None;
        match self.compute(message) {
            Ok(said) => {
                self.agreed = self.session.take_layer();
                said
            }
            Err(fault) => {
                self.node.trouble("LDAP", &fault);
                Said::Now(vec![ldap::failed(message)])
            }
        }
    }

    fn go_on(&mut self) -> Said {
        let node = Arc::clone(&self.node);
        let said = node
            .core
            .directory
            .snapshot()
            .and_then(|state| self.step(&state));
        match said {
            Ok(said) => said,
            Err(fault) => {
                self.node.trouble("a search over LDAP", &fault);
                let notice =
                    self.disconnection(ResultCode::Other, "the server failed; its log says why");
                Said::Close(vec![notice])
            }
        }
    }

    fn commit(&mut self, message: &[u8]) -> Said {
        self.write(message).unwrap_or_else(|fault| {
            self.node.trouble("LDAP", &fault);
            Said::Now(vec![ldap::failed(message)])
        })
    }

    fn abandoned(&mut self) {
        self.running = None;
    }

    fn secured(&mut self, certificates: Vec<Vec<u8>>, bindings: Option<[u8; 16]>) {
        self.channel.encrypted = true;
        self.channel.signed = true;
        self.channel.start_tls = false;
        self.channel.bindings = bindings;
        self.channel.certificate = match certificates.is_empty() {
            true => Shown::Nothing,
            false => Shown::Unjudged,
        };
        let mut shown = certificates.iter().map(|one| Certificate::parse(one));
        if let Some(Ok(own)) = shown.next() {
            self.certificates = std::iter::once(own).chain(shown.flatten()).collect();
        }
    }

    fn is_known(&self) -> bool {
        self.session.who().is_some()
    }

    fn settle(&mut self) {
        if let Some(layer) = self.agreed.take() {
            self.channel.encrypted |= layer.seals();
            self.channel.signed = true;
            self.layer = Some(layer);
        }
    }

    fn is_wrapped(&self) -> bool {
        self.layer.is_some()
    }

    fn wrap(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match &mut self.layer {
            Some(layer) => layer.wrap(&bytes, &mut SystemRng),
            None => bytes,
        }
    }

    fn unwrap(&mut self, token: &[u8]) -> Option<Vec<u8>> {
        self.layer.as_mut()?.unwrap(token).ok()
    }

    fn disconnection(&self, code: ResultCode, why: &str) -> Vec<u8> {
        ldap::disconnection(code, why)
    }

    fn busy(&self, message: &[u8]) -> Vec<u8> {
        ldap::busy(message)
    }
}
