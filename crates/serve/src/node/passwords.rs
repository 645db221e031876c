//! The service that changes passwords (RFC 3244), behind its own sockets and behind the KDC proxy.
//!
//! A new password costs tens of milliseconds and tens of megabytes, so that there is a bound on how many are worked at
//! at once, whichever way they come.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trust::{SystemRng, Timestamp};
use wire::kerberos::{
    ErrorCode, KerberosTime, KrbError, Microseconds, PasswordReply, PasswordResult,
    PasswordResultCode,
};

use super::Node;
use super::kerberos::Later;
use super::turn::Unanswered;
use crate::door::{Ends, Kerberos, Path};
use crate::gate::Gate;
use crate::settings::Limits;

const BUSY: &str = "The server is busy. Try again in a moment.";
const FAILED: &str = "The server failed. Try again later.";
const TOO_LONG: &str = "The request is too long.";

/// The node, asked for new passwords.
pub(crate) struct Passwords(pub(crate) Arc<Node>);

/// What bounds the work, and keeps it from being done twice.
#[derive(Debug)]
pub(super) struct Work {
    gate: Gate,
    /// The digests of datagrams that are being worked at: clients send one again before a hash is computed.
    under_way: Mutex<HashSet<[u8; 32]>>,
}

/// A datagram that is being worked at, until this is dropped.
struct UnderWay<'a> {
    work: &'a Work,
    id: [u8; 32],
}

impl Work {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            gate: Gate::new(limits.password_workers(), limits.queue()),
            under_way: Mutex::default(),
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with a datagram; `None` when it is being worked at already.
    fn begin(&self, message: &[u8]) -> Option<UnderWay<'_>> {
        let id = crypto::digest::sha256(message);
        let new = self.under_way().insert(id);
        new.then_some(UnderWay { work: self, id })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.work.under_way().remove(&self.id);
    }
}

impl Node {
    /// Answers a request for a new password. Takes as long as a password's hash takes, and waits for its turn before.
    pub(super) fn change_password(
        &self,
        message: &[u8],
        path: Path,
        ends: Ends,
    ) -> Option<Arc<[u8]>> {
        // Silence for what was sent again: the answer is on its way.
        let _begun = match path {
            Path::Udp => Some(self.password_work.begin(message)?),
            Path::Tcp | Path::Proxy => None,
        };
        // The proxy's threads answer everything else that comes by HTTPS.
        let Some(_inside) = self.password_work.gate.enter(path == Path::Proxy) else {
            return self.no_turn_for_a_password(path, ends);
        };
        let now = self.core.clock.now();
        let desk = kdc::Desk {
            from: Some(ends.peer.ip().to_canonical()),
            at: asked_at(ends),
            cost: self.core.password_cost,
        };
        let credentials = self.credentials();
        let answered = self.turn().take_owned(now, |snapshot| {
            let view = kdc::View {
                directory: snapshot,
                realm: &self.realm,
                identities: &credentials.kdc,
                issuers: &credentials.issuers,
                lockout: &self.core.lockout,
                memory: &self.kdc_memory,
            };
            let (answer, changes) =
                kdc::change_password(message, &desk, &view, now, &mut SystemRng);
            (answer, changes, view.directory.into_reads())
        });
        match answered {
            Ok(answer) => {
                answer.remember(&self.kdc_memory, now);
                if let Some(exchange) = answer.exchange {
                    self.core.metrics.exchanges.count(&exchange);
                    self.core.audit.record(Later { exchange, path });
                }
                answer.reply
            }
            Err(unanswered) => {
                let (code, words) = match unanswered {
                    Unanswered::Busy => (ErrorCode::KDC_ERR_SVC_UNAVAILABLE, BUSY),
                    Unanswered::Refused(_) | Unanswered::Fault(_) => {
                        (ErrorCode::KRB_ERR_GENERIC, FAILED)
                    }
                };
                self.trouble("a new password", &unanswered);
                self.not_answered(kdc::ExchangeKind::Password, code, path, ends, now);
                self.no_password_changed(code, words)
            }
        }
    }

    /// That it was not the request's turn in time. Beside it the audit log gets a line: nobody's password is tried here,
    /// and who cannot change theirs calls the administrator.
    fn no_turn_for_a_password(&self, path: Path, ends: Ends) -> Option<Arc<[u8]>> {
        let code = ErrorCode::KDC_ERR_SVC_UNAVAILABLE;
        let now = self.core.clock.now();
        self.not_answered(kdc::ExchangeKind::Password, code, path, ends, now);
        self.no_password_changed(code, BUSY)
    }

    /// That nothing was changed, for reasons of our own: RFC 3244's hard error, with words that clients show.
    fn no_password_changed(&self, code: ErrorCode, words: &str) -> Option<Arc<[u8]>> {
        self.password_failure(code, PasswordResultCode::HARDERROR, words)
    }

    fn password_failure(
        &self,
        code: ErrorCode,
        result: PasswordResultCode,
        words: &str,
    ) -> Option<Arc<[u8]>> {
        let now: Timestamp = self.core.clock.now();
        let mut error = KrbError::new(
            code,
            KerberosTime::from_unix(now.unix()),
            Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
            self.realm.name.clone(),
            self.realm.password_service(),
        );
        error.e_data = Some(PasswordResult::new(result, words).encode());
        let reply = PasswordReply::Error(error).encode();
        reply.ok().map(Into::into)
    }
}

impl Kerberos for Passwords {
    fn answer(&self, message: &[u8], path: Path, ends: Ends) -> Option<Arc<[u8]>> {
        self.0.change_password(message, path, ends)
    }

    fn generic_failure(&self) -> Option<Arc<[u8]>> {
        self.0
            .no_password_changed(ErrorCode::KRB_ERR_GENERIC, FAILED)
    }

    fn too_long(&self) -> Option<Arc<[u8]>> {
        let (code, result) = (
            ErrorCode::KRB_ERR_FIELD_TOOLONG,
            PasswordResultCode::MALFORMED,
        );
        self.0.password_failure(code, result, TOO_LONG)
    }

    fn busy(&self, ends: Ends) -> Option<Arc<[u8]>> {
        self.0.no_turn_for_a_password(Path::Tcp, ends)
    }
}

/// The address that the peer asked, which clients compare with the one that the reply names: for a socket that is bound
/// everywhere, the one by which this machine answers the peer.
fn asked_at(ends: Ends) -> IpAddr {
    let own = ends.own.ip().to_canonical();
    if !own.is_unspecified() {
        return own;
    }
    let peer = SocketAddr::new(ends.peer.ip().to_canonical(), ends.peer.port().max(1));
    // Connecting a datagram socket sends nothing; it asks the kernel for the way.
    let toward = || -> std::io::Result<IpAddr> {
        let own = match peer.ip() {
            IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((own, 0))?;
        socket.connect(peer)?;
        Ok(socket.local_addr()?.ip())
    };
    toward().unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_that_is_being_worked_at_is_not_begun_again() {
        let work = Work::new(&Limits::default());
        let begun = work.begin(b"request");
        assert!(begun.is_some());
        assert!(work.begin(b"request").is_none());
        assert!(work.begin(b"another request").is_some());
        drop(begun);
        assert!(work.begin(b"request").is_some());
    }

    fn ends(peer: &str, own: &str) -> Ends {
        Ends {
            peer: peer.parse().unwrap(),
            own: own.parse().unwrap(),
        }
    }

    #[test]
    fn the_address_that_was_asked_is_that_of_the_socket_or_of_the_way_to_the_peer() {
        for (peer, own, asked) in [
            ("192.0.2.7:1000", "192.0.2.1:464", "192.0.2.1"),
            ("127.0.0.1:1000", "0.0.0.0:464", "127.0.0.1"),
            ("127.0.0.1:0", "0.0.0.0:0", "127.0.0.1"),
            ("[::ffff:127.0.0.1]:1000", "[::]:464", "127.0.0.1"),
            (
                "[::ffff:192.0.2.7]:1000",
                "[::ffff:192.0.2.1]:464",
                "192.0.2.1",
            ),
        ] {
            let found = asked_at(ends(peer, own));
            assert_eq!(found.to_string(), asked, "{peer} to {own}");
        }
    }
}
