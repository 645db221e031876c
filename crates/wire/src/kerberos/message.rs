//! Telling messages apart by their tag.

use super::{ApRep, ApReq, AsRep, AsReq, KrbCred, KrbError, KrbPriv, MessageType, TgsRep, TgsReq};
use crate::asn1::Malformed;

impl MessageType {
    /// The type of an encoded message, by its first byte alone; `None` when that is no Kerberos message's.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<MessageType> {
        // An application tag below 31, constructed, is the one byte 0x60 with the number added.
        match bytes.first()?.checked_sub(0x60) {
            Some(number @ (10..=15 | 20..=22 | 30)) => Some(MessageType(i32::from(number))),
            _ => None,
        }
    }
}

/// Any message that stands alone (RFC 4120 5.10).
#[derive(Clone, Debug)]
pub enum Message {
    /// Request for initial authentication.
    AsReq(AsReq),
    /// Its answer.
    AsRep(AsRep),
    /// Request on the strength of a ticket.
    TgsReq(TgsReq),
    /// Its answer.
    TgsRep(TgsRep),
    /// A client shows a ticket to a service.
    ApReq(ApReq),
    /// The service proves itself.
    ApRep(ApRep),
    /// Encrypted application data.
    KrbPriv(KrbPriv),
    /// Forwarded credentials.
    KrbCred(KrbCred),
    /// A refusal.
    KrbError(KrbError),
}

impl Message {
    /// Reads whichever message the bytes are.
    ///
    /// # Errors
    /// `Ok(None)` when the first byte is no tag of these messages; [`Malformed`] when it is, and the rest is not.
    pub fn decode(bytes: &[u8]) -> Result<Option<Message>, Malformed> {
        Ok(Some(match MessageType::of(bytes) {
            Some(MessageType::AS_REQ) => Message::AsReq(AsReq::decode(bytes)?),
            Some(MessageType::AS_REP) => Message::AsRep(AsRep::decode(bytes)?),
            Some(MessageType::TGS_REQ) => Message::TgsReq(TgsReq::decode(bytes)?),
            Some(MessageType::TGS_REP) => Message::TgsRep(TgsRep::decode(bytes)?),
            Some(MessageType::AP_REQ) => Message::ApReq(ApReq::decode(bytes)?),
            Some(MessageType::AP_REP) => Message::ApRep(ApRep::decode(bytes)?),
            Some(MessageType::KRB_PRIV) => Message::KrbPriv(KrbPriv::decode(bytes)?),
            Some(MessageType::KRB_CRED) => Message::KrbCred(KrbCred::decode(bytes)?),
            Some(MessageType::KRB_ERROR) => Message::KrbError(KrbError::decode(bytes)?),
            _ => return Ok(None),
        }))
    }

    /// Its type.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        match self {
            Message::AsReq(_) => MessageType::AS_REQ,
            Message::AsRep(_) => MessageType::AS_REP,
            Message::TgsReq(_) => MessageType::TGS_REQ,
            Message::TgsRep(_) => MessageType::TGS_REP,
            Message::ApReq(_) => MessageType::AP_REQ,
            Message::ApRep(_) => MessageType::AP_REP,
            Message::KrbPriv(_) => MessageType::KRB_PRIV,
            Message::KrbCred(_) => MessageType::KRB_CRED,
            Message::KrbError(_) => MessageType::KRB_ERROR,
        }
    }
}
