//! What a connection is like, and what its client showed within TLS.

use ticket::Means;
use trust::Timestamp;
use wire::Guid;

use crate::id::EntryId;

/// What a connection is like.
#[derive(Clone, Debug)]
pub struct Channel {
    /// The peer's address.
    pub from: String,
    /// Whether TLS or a SASL layer keeps what passes from others.
    pub encrypted: bool,
    /// Whether they keep it from being changed.
    pub signed: bool,
    /// Whether TLS can begin here.
    pub start_tls: bool,
    /// The certificate that the client showed within TLS, for SASL EXTERNAL.
    pub certificate: Shown,
    /// The MD5 hash of the channel bindings `tls-server-end-point` (RFC 5929, RFC 4121 4.1.1.2) of this connection.
    pub bindings: Option<[u8; 16]>,
}

/// The certificate that a client showed within TLS and proved to hold the key of.
#[derive(Clone, Debug)]
pub enum Shown {
    /// None.
    Nothing,
    /// One that nobody has judged: nobody asked what it is worth ([`super::asks_for_certificate`]).
    Unjudged,
    /// One that nobody signs in with, and why.
    Refused(String),
    /// One of an account's.
    Of {
        /// Which certificate, and whose: it is looked at again with every operation.
        means: Means,
        /// When it ends.
        until: Timestamp,
    },
    /// A registered device's: the connection is its computer's.
    OfDevice {
        /// The computer.
        computer: EntryId,
        /// The device, which must be there and enabled with every operation.
        device: Guid,
        /// When the certificate ends.
        until: Timestamp,
    },
}
