//! The KDC behind its sockets.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;
use trust::{DrawnAhead, SystemRng, Timestamp};
use wire::kerberos::{ErrorCode, KerberosTime, KrbError, MessageType, Microseconds, PrincipalName};

use super::Node;
use super::revocation::Came;
use super::turn::Unanswered;
use crate::door::{Ends, Kerberos, Path};
use crate::metrics::method;

/// Certificates of one path that are asked about, one after the other.
const LINKS: usize = 4;

/// Requests that wait until something is known about revocation, of those that came over a connection of their own.
const WAITING: usize = 64;

/// The same through the proxy, where whoever waits keeps a worker from others.
const WAITING_WORKERS: usize = 2;

/// A line of the audit log about one exchange; `docs/audit.md` says what each field means.
#[derive(Serialize)]
struct Exchanged {
    time: String,
    event: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<IpAddr>,
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    fast: bool,
    /// Whose ticket armored the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    armor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_etype: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_etype: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_etype: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    old: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A line about a request that was not come to, be it that too many others were, or by a fault of our own.
#[derive(Serialize)]
struct NotAnswered {
    time: String,
    event: &'static str,
    result: &'static str,
    from: IpAddr,
    by: &'static str,
    code: i32,
    reason: &'static str,
}

fn event(kind: kdc::ExchangeKind) -> &'static str {
    match kind {
        kdc::ExchangeKind::As => "kdc.as",
        kdc::ExchangeKind::Tgs => "kdc.tgs",
        kdc::ExchangeKind::Password => "kdc.password",
        kdc::ExchangeKind::Unreadable => "kdc.unreadable",
    }
}

fn by(path: Path) -> &'static str {
    match path {
        Path::Udp => "udp",
        Path::Tcp => "tcp",
        Path::Proxy => "proxy",
    }
}

/// An exchange on its way to the audit log: turned into text there, off the KDC's thread.
pub(super) struct Later {
    pub(super) exchange: kdc::Exchange,
    pub(super) path: Path,
}

impl Serialize for Later {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { exchange, path } = self;
        let means = exchange.means.as_ref();
        let key = means.and_then(|means| means.key.as_ref());
        let certificate = means.and_then(|means| means.certificate.as_ref());
        let etypes = exchange.etypes;
        Exchanged {
            time: exchange.time.to_rfc3339(),
            event: event(exchange.kind),
            result: if exchange.refused.is_some() {
                "refused"
            } else {
                "done"
            },
            from: exchange.from,
            by: by(*path),
            client: exchange.client.clone(),
            for_user: exchange.for_user.clone(),
            service: exchange.service.clone(),
            method: method(exchange),
            key: key.map(|key| key.fingerprint.to_string()),
            device: key
                .and_then(|key| key.device)
                .map(|device| device.to_string()),
            certificate: certificate.map(|certificate| hex(certificate.serial())),
            issuer: certificate.map(|certificate| hex(&certificate.issuer.0)),
            fast: exchange.armor.is_some(),
            armor: exchange.armor.clone(),
            ticket_etype: etypes.map(|etypes| etypes.ticket),
            session_etype: etypes.map(|etypes| etypes.session),
            reply_etype: etypes.map(|etypes| etypes.reply),
            old: exchange.old.iter().map(|old| old.switch()).collect(),
            code: exchange.refused.as_ref().map(|refused| refused.code().0),
            reason: exchange.reason(),
        }
        .serialize(to)
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl Node {
    /// The KDC's answer. Where it needs to know more about revocation to give one, that is got first: whoever came over
    /// a connection waits a moment, whoever sent a datagram is not answered and sends it again.
    fn informed(
        &self,
        message: &[u8],
        path: Path,
        ends: Ends,
        now: Timestamp,
    ) -> Result<Option<kdc::Answer>, Unanswered> {
        let mut answer = self.computed(message, path, ends, now)?;
        for _ in 0..LINKS {
            let Some(needed) = answer.needed() else {
                break;
            };
            let waiting = match path {
                Path::Udp => 0,
                Path::Tcp => WAITING,
                Path::Proxy => WAITING_WORKERS,
            };
            match self.getting.get(needed, waiting) {
                Came::NotYet if path == Path::Udp => return Ok(None),
                Came::NotYet | Came::Not => break,
                // Or it was found not to be had: the KDC then answers without it, as its rules say.
                Came::Here => answer = self.computed(message, path, ends, now)?,
            }
        }
        Ok(Some(answer))
    }

    fn computed(
        &self,
        message: &[u8],
        path: Path,
        ends: Ends,
        now: Timestamp,
    ) -> Result<kdc::Answer, Unanswered> {
        // Held while it is computed, and not while revocation is asked for elsewhere.
        let _inside = match kdc::is_costly(message) {
            true => Some(self.signatures.enter(ends.peer.ip()).ok_or_else(|| {
                self.core
                    .metrics
                    .exchanges
                    .turned_away
                    .fetch_add(1, Relaxed);
                Unanswered::Busy
            })?),
            false => None,
        };
        let transport = match path {
            Path::Udp => kdc::Transport::Datagram,
            Path::Tcp | Path::Proxy => kdc::Transport::Stream,
        };
        let credentials = self.credentials();
        self.turn().take_owned(now, |snapshot| {
            let view = kdc::View {
                directory: snapshot,
                realm: &self.realm,
                identities: &credentials.kdc,
                issuers: &credentials.issuers,
                lockout: &self.core.lockout,
                memory: &self.kdc_memory,
            };
            let from = Some(ends.peer.ip());
            let mut rng = DrawnAhead::new(SystemRng);
            let answer = kdc::answer(message, from, transport, &view, now, &mut rng);
            (answer, Vec::new(), view.directory.into_reads())
        })
    }

    /// Tells the audit log of a request that was not come to.
    pub(super) fn not_answered(
        &self,
        kind: kdc::ExchangeKind,
        code: ErrorCode,
        path: Path,
        ends: Ends,
        now: Timestamp,
    ) {
        self.core.audit.record(NotAnswered {
            time: now.to_rfc3339(),
            event: event(kind),
            result: "refused",
            from: ends.peer.ip().to_canonical(),
            by: by(path),
            code: code.0,
            reason: match code {
                ErrorCode::KDC_ERR_SVC_UNAVAILABLE => "the server is busy",
                _ => "our own trouble",
            },
        });
    }

    fn kerberos_failure(&self, code: ErrorCode, now: Timestamp) -> Arc<[u8]> {
        let realm = self.realm.name.clone();
        let time = KerberosTime::from_unix(now.unix());
        let micros = Microseconds::new(now.subsecond_micros()).unwrap_or_default();
        let service = PrincipalName::krbtgt(&realm);
        KrbError::new(code, time, micros, realm, service)
            .encode()
            .into()
    }
}

impl Kerberos for Node {
    fn is_costly(&self, message: &[u8]) -> bool {
        kdc::is_costly(message)
    }

    fn answer(&self, message: &[u8], path: Path, ends: Ends) -> Option<Arc<[u8]>> {
        let now = self.core.clock.now();
        let answered = self.informed(message, path, ends, now);
        match answered {
            Ok(None) => None,
            Ok(Some(answer)) => {
                answer.remember(&self.kdc_memory, now);
                if let Some(exchange) = answer.exchange {
                    self.core.metrics.exchanges.count(&exchange);
                    // What is only asked to prove itself has not been refused anything yet.
                    if !matches!(exchange.refused, Some(kdc::Refused::PreauthRequired)) {
                        self.core.audit.record(Later { exchange, path });
                    }
                }
                answer.reply
            }
            Err(unanswered) => {
                // A client that is told to wait asks again, or the next KDC (RFC 4120 7.5.9).
                let code = match unanswered {
                    Unanswered::Busy => ErrorCode::KDC_ERR_SVC_UNAVAILABLE,
                    Unanswered::Refused(_) | Unanswered::Fault(_) => ErrorCode::KRB_ERR_GENERIC,
                };
                // Too many who sign in with a key are counted, not told one by one.
                if !(matches!(unanswered, Unanswered::Busy) && kdc::is_costly(message)) {
                    self.trouble("a Kerberos request", &unanswered);
                    let kind = match MessageType::of(message) {
                        Some(MessageType::AS_REQ) => kdc::ExchangeKind::As,
                        Some(MessageType::TGS_REQ) => kdc::ExchangeKind::Tgs,
                        _ => kdc::ExchangeKind::Unreadable,
                    };
                    self.not_answered(kind, code, path, ends, now);
                }
                Some(self.kerberos_failure(code, now))
            }
        }
    }

    fn generic_failure(&self) -> Option<Arc<[u8]>> {
        Some(self.kerberos_failure(ErrorCode::KRB_ERR_GENERIC, self.core.clock.now()))
    }

    fn too_long(&self) -> Option<Arc<[u8]>> {
        Some(self.kerberos_failure(ErrorCode::KRB_ERR_FIELD_TOOLONG, self.core.clock.now()))
    }

    fn busy(&self, _: Ends) -> Option<Arc<[u8]>> {
        // Only what may cost a signature waits for a turn: those are counted.
        self.core
            .metrics
            .exchanges
            .turned_away
            .fetch_add(1, Relaxed);
        Some(self.kerberos_failure(ErrorCode::KDC_ERR_SVC_UNAVAILABLE, self.core.clock.now()))
    }
}
