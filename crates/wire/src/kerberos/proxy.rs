//! The KDC proxy's message (MS-KKDCP 2.2.2; protocols E.9).

use der::Sequence;

use super::basic::Realm;
use crate::asn1::{UInt32, message};

/// A Kerberos message on its way through HTTPS.
///
/// ```text
/// KDC-PROXY-MESSAGE ::= SEQUENCE {
///     kerb-message        [0] OCTET STRING,
///     target-domain       [1] Realm OPTIONAL,
///     dclocator-hint      [2] INTEGER OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KdcProxyMessage {
    /// The message as TCP carries it, its four bytes of big-endian length included.
    #[asn1(context_specific = "0", type = "OCTET STRING", deref = "true")]
    pub kerb_message: Vec<u8>,
    /// The realm it is for.
    #[asn1(context_specific = "1", optional = "true")]
    pub target_domain: Option<Realm>,
    /// Flags of the client's search for a domain controller.
    #[asn1(context_specific = "2", optional = "true")]
    pub dclocator_hint: Option<UInt32>,
}
message!(KdcProxyMessage, "KDC-PROXY-MESSAGE", limit 128 * 1024);
