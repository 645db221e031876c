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

/// Why the inside of a [`KdcProxyMessage`] is not a framed message for a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxied {
    /// The four bytes of length are not there, or are not the length of what follows.
    #[error("the length in front of the proxied message is wrong")]
    Length,
    /// The target domain is empty, or longer than [`KdcProxyMessage::MAX_TARGET_DOMAIN`].
    #[error("the target domain is empty or too long")]
    TargetDomain,
}

impl KdcProxyMessage {
    /// The longest target domain, in bytes: that of a DNS name.
    pub const MAX_TARGET_DOMAIN: usize = 255;

    /// A message, put behind its length, for a realm or (an answer) for none.
    #[must_use]
    pub fn new(message: &[u8], target_domain: Option<Realm>) -> KdcProxyMessage {
        // A message of 4 GiB is none: whoever reads this one has a limit far below.
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        KdcProxyMessage {
            kerb_message: [&length.to_be_bytes(), message].concat(),
            target_domain,
            dclocator_hint: None,
        }
    }

    /// The message without its length.
    ///
    /// # Errors
    /// [`InvalidProxied::Length`] where that is missing or another than what is there.
    pub fn message(&self) -> Result<&[u8], InvalidProxied> {
        let (length, message) = self
            .kerb_message
            .split_first_chunk()
            .ok_or(InvalidProxied::Length)?;
        if usize::try_from(u32::from_be_bytes(*length)) == Ok(message.len()) {
            Ok(message)
        } else {
            Err(InvalidProxied::Length)
        }
    }

    /// The realm that the message is for, where one is named.
    ///
    /// # Errors
    /// [`InvalidProxied::TargetDomain`] where it is no realm's name by its length.
    pub fn target(&self) -> Result<Option<&str>, InvalidProxied> {
        match self.target_domain.as_deref() {
            Some(domain) if domain.is_empty() || domain.len() > Self::MAX_TARGET_DOMAIN => {
                Err(InvalidProxied::TargetDomain)
            }
            domain => Ok(domain),
        }
    }
}
