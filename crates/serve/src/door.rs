//! What stands behind the sockets: one who answers Kerberos messages, one who answers HTTP requests.
//!
//! The sockets know no party. [`Node`](crate::node::Node) implements both; a test does with a few lines.

use std::net::SocketAddr;
use std::sync::Arc;

use wire::http::{Request, Response};
use wire::ldap::ResultCode;

use crate::fault::Role;

/// The way on which a Kerberos message came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Path {
    /// A datagram: the answer must fit into one, or say that it does not.
    Udp,
    /// A stream.
    Tcp,
    /// The KDC proxy.
    Proxy,
}

/// The two ends of the way on which a Kerberos message came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ends {
    /// Who sent it.
    pub(crate) peer: SocketAddr,
    /// The address that it came to, as far as the socket tells: one that is bound everywhere says so.
    pub(crate) own: SocketAddr,
}

/// Answers Kerberos messages.
pub(crate) trait Kerberos: Send + Sync + 'static {
    /// The answer to `message`, without framing; `None` where silence is right.
    fn answer(&self, message: &[u8], path: Path, ends: Ends) -> Option<Arc<[u8]>>;

    /// Whether `message` may take so long that what takes microseconds should not wait for it.
    fn is_costly(&self, message: &[u8]) -> bool {
        let _ = message;
        true
    }

    /// What a peer gets when answering failed by our own fault (KRB_ERR_GENERIC), if that can be said.
    fn generic_failure(&self) -> Option<Arc<[u8]>>;

    /// What a peer on a stream gets whose message is longer than we take (KRB_ERR_FIELD_TOOLONG,
    /// RFC 4120 7.2.2).
    fn too_long(&self) -> Option<Arc<[u8]>>;

    /// What a peer on a stream gets whose turn did not come in time (KDC_ERR_SVC_UNAVAILABLE).
    fn busy(&self, ends: Ends) -> Option<Arc<[u8]>>;
}

/// What an LDAP session says to a message.
#[derive(Debug)]
pub(crate) enum Said {
    /// These messages; then it is the client's turn.
    Now(Vec<Vec<u8>>),
    /// These messages, and more to come: [`LdapSession::go_on`].
    More(Vec<Vec<u8>>),
    /// This message, and TLS behind it.
    StartTls(Vec<u8>),
    /// These messages, and the end of the connection.
    Close(Vec<Vec<u8>>),
    /// Nothing yet: a change is worked out, and waits for the disk ([`LdapSession::commit`]).
    Write,
}

/// Answers LDAP.
pub(crate) trait Ldap: Send + Sync + 'static {
    /// A session for a connection from `peer`. `start_tls`: whether TLS can begin on it.
    fn open(&self, peer: SocketAddr, start_tls: bool) -> Box<dyn LdapSession>;
}

/// The session of one LDAP connection.
pub(crate) trait LdapSession: Send {
    /// Whether a message is one that is answered in no time: where others wait, too, there is no need to make room for them.
    fn is_quick(&self, message: &[u8]) -> bool;

    /// What is said to a whole message. It may take its time.
    fn answer(&mut self, message: &[u8]) -> Said;

    /// What else is said to the message before. It may take its time.
    fn go_on(&mut self) -> Said;

    /// What is said to a message whose change is worked out, once that is on the disk. It takes little of a processor, but its
    /// time: as many as want to write should be in here at once, for one sync of the disk serves all of them.
    fn commit(&mut self, message: &[u8]) -> Said;

    /// Nobody wants to hear more of the message before.
    fn abandoned(&mut self);

    /// TLS began. The peer proved to hold the key of the first of these certificates (DER), if there are any, and showed the
    /// others beside it. `bindings`: what a client of Kerberos calls this connection, if that has a name.
    fn secured(&mut self, certificates: Vec<Vec<u8>>, bindings: Option<[u8; 16]>);

    /// Whether somebody has signed in.
    fn is_known(&self) -> bool;

    /// What was said is sent: what was agreed on there holds from now on.
    fn settle(&mut self);

    /// Whether messages come wrapped: each token behind its length in four bytes (RFC 4422 3.7).
    fn is_wrapped(&self) -> bool;

    /// Wraps what is to be sent, where that was agreed on.
    fn wrap(&mut self, bytes: Vec<u8>) -> Vec<u8>;

    /// What was in a token; `None` when it is not the client's next one.
    fn unwrap(&mut self, token: &[u8]) -> Option<Vec<u8>>;

    /// What is sent before a connection ends that nobody asked to end.
    fn disconnection(&self, code: ResultCode, why: &str) -> Vec<u8>;

    /// What is said to a message whose turn did not come in time.
    fn busy(&self, message: &[u8]) -> Vec<u8>;
}

/// Who sent an HTTP request, as far as the connection tells.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The socket that it came in by.
    pub(crate) role: Role,
    /// From where; `None` over the Unix socket.
    pub(crate) peer: Option<SocketAddr>,
    /// The certificate, in DER, whose key the peer proved to hold in the TLS handshake.
    pub(crate) certificate: Option<Arc<[u8]>>,
}

/// Answers HTTP requests.
pub(crate) trait Http: Send + Sync + 'static {
    /// The answer to a request that came in by a socket of `role`. It may take its time: it is asked on a
    /// worker thread, unless it [is quick](Http::is_quick).
    fn answer(&self, request: Request, role: Role) -> Response;

    /// Whether a request is one that is answered in no time: to hand it to a worker thread would be most of the work.
    fn is_quick(&self, request: &Request, role: Role) -> bool {
        let _ = (request, role);
        false
    }
}

/// What a server has done by others, beyond its own sockets. Each call may take as long as others take.
pub trait Outside: Send + Sync {
    /// The texts of the TXT records of a name; none where there are none.
    ///
    /// # Errors
    /// Why they could not be looked up, in words for the log.
    fn txt(&self, name: &str) -> Result<Vec<String>, String>;

    /// Posts JSON to an address.
    ///
    /// # Errors
    /// Why it was not taken, in words for the log.
    fn notify(&self, to: &str, body: &[u8]) -> Result<(), String>;
}
