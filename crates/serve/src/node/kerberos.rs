//! The KDC behind its sockets.

use std::sync::Arc;

use serde::Serialize;
use trust::{SystemRng, Timestamp};
use wire::kerberos::{ErrorCode, KerberosTime, KrbError, Microseconds, PrincipalName};

use super::Node;
use super::turn::Unanswered;
use crate::door::{Ends, Kerberos, Path};

/// A line of the audit log about one exchange.
#[derive(Serialize)]
struct Exchanged {
    time: String,
    event: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<std::net::IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// Whose ticket armored the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    armor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// An exchange on its way to the audit log: turned into text there, off the KDC's thread.
pub(super) struct Later(pub(super) kdc::Exchange);

impl Serialize for Later {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(exchange) = self;
        let key = exchange.means.as_ref().and_then(|means| means.key.as_ref());
        Exchanged {
            time: exchange.time.to_rfc3339(),
            event: match exchange.kind {
                kdc::ExchangeKind::As => "kdc.as",
                kdc::ExchangeKind::Tgs => "kdc.tgs",
                kdc::ExchangeKind::Password => "kdc.password",
                kdc::ExchangeKind::Unreadable => "kdc.unreadable",
            },
            result: if exchange.refused.is_some() {
                "refused"
            } else {
                "done"
            },
            from: exchange.from,
            client: exchange.client.clone(),
            service: exchange.service.clone(),
            key: key.map(|key| key.fingerprint.to_string()),
            device: key
                .and_then(|key| key.device)
                .map(|device| device.to_string()),
            armor: exchange.armor.clone(),
            reason: exchange.refused.as_ref().map(ToString::to_string),
        }
        .serialize(to)
    }
}

impl Node {
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
    fn answer(&self, message: &[u8], path: Path, ends: Ends) -> Option<Arc<[u8]>> {
        let now = self.clock.now();
        let transport = match path {
            Path::Udp => kdc::Transport::Datagram,
            Path::Tcp | Path::Proxy => kdc::Transport::Stream,
        };
        let credentials = self.credentials();
        let answered = self.turn().take_owned(now, |snapshot| {
            let view = kdc::View {
                directory: snapshot,
                realm: &self.realm,
                identities: &credentials.kdc,
                issuers: &credentials.issuers,
                lockout: &self.lockout,
                memory: &self.kdc_memory,
            };
            let answer = kdc::answer(
                message,
                Some(ends.peer.ip()),
                transport,
                &view,
                now,
                &mut SystemRng,
            );
            (answer, Vec::new(), view.directory.into_reads())
        });
        match answered {
            Ok(answer) => {
                answer.remember(&self.kdc_memory, now);
                // What is only asked to prove itself has not been refused anything yet.
                if let Some(exchange) = answer.exchange
                    && !matches!(exchange.refused, Some(kdc::Refused::PreauthRequired))
                {
                    self.audit.record(Later(exchange));
                }
                answer.reply
            }
            Err(unanswered) => {
                // A client that is told to wait asks again, or the next KDC (RFC 4120 7.5.9).
                let code = match unanswered {
                    Unanswered::Busy => ErrorCode::KDC_ERR_SVC_UNAVAILABLE,
                    Unanswered::Refused(_) | Unanswered::Fault(_) => ErrorCode::KRB_ERR_GENERIC,
                };
                self.trouble("a Kerberos request", &unanswered);
                Some(self.kerberos_failure(code, now))
            }
        }
    }

    fn generic_failure(&self) -> Option<Arc<[u8]>> {
        Some(self.kerberos_failure(ErrorCode::KRB_ERR_GENERIC, self.clock.now()))
    }

    fn too_long(&self) -> Option<Arc<[u8]>> {
        Some(self.kerberos_failure(ErrorCode::KRB_ERR_FIELD_TOOLONG, self.clock.now()))
    }

    fn busy(&self) -> Option<Arc<[u8]>> {
        Some(self.kerberos_failure(ErrorCode::KDC_ERR_SVC_UNAVAILABLE, self.clock.now()))
    }
}
