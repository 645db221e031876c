//! Kerberos (RFC 4120, with 3244, 6111, 6113, 6806, 8062, 8070, MS-KILE and MS-SFU): types, numbers, whole messages.
//!
//! - Every type is owned: names, keys and tickets outlive the datagram they came in, and copying them
//!   costs far less than the cipher around them.
//! - `T::decode` wants exactly the message named, application tag included, and nothing after it;
//!   [`Message::decode`] takes whichever comes.
//! - What is checked over its encoding keeps it: [`KdcReq::req_body`] is a [`Der`](crate::asn1::Der).
//! - Where clients in use differ from the letter, the decoder is lenient and says so: bit strings of
//!   any length ([`TicketFlags`]), negative numbers for large ones ([`UInt32`](crate::asn1::UInt32)),
//!   UTF-8 in strings ([`KerberosString`]).
//!
//! To add a message: define it in the RFC's order with `#[derive(Sequence)]` and its ASN.1 above, give
//! it a `message!` line, a round-trip test and a fuzz target.

#![allow(
    clippy::needless_question_mark,
    reason = "what der's derive writes for an optional octet string"
)]

mod ap;
mod backwards;
pub(crate) mod basic;
mod error;
mod extended_error;
mod fast;
mod kdc;
mod message;
mod numbers;
mod padata;
mod password;
mod principal;
mod proxy;
mod s4u;
mod ticket;
mod time;

pub use ap::{
    ApRep, ApReq, Authenticator, EncApRepPart, EncKrbCredPart, EncKrbPrivPart, KrbCred,
    KrbCredInfo, KrbPriv,
};
pub use basic::{ApOptions, KdcOptions, KerberosString, PacOptionFlags, Realm, TicketFlags};
pub use error::KrbError;
pub use extended_error::{
    KerbErrorData, KerbErrorDataType, KerbExtError, SupportedEncryptionTypes,
};
pub use fast::{
    FastOptions, KrbFastArmor, KrbFastArmoredRep, KrbFastArmoredReq, KrbFastFinished, KrbFastReq,
    KrbFastResponse, PaFxFastReply, PaFxFastRequest,
};
pub use kdc::{
    AsRep, AsReq, EncKdcRepPart, KdcRep, KdcReq, KdcReqBody, LastReq, LastReqEntry, TgsRep, TgsReq,
};
pub use message::Message;
pub use numbers::{
    AddressType, AuthorizationDataType, ChecksumType, EncryptionType, ErrorCode, FastArmorType,
    KeyUsage, LastReqType, MessageType, PaDataType,
};
pub use padata::{
    EtypeInfo2, EtypeInfo2Entry, KerbPaPacRequest, MethodData, PaData, PaEncTsEnc, PaPacOptions,
    TypedData, TypedDataElement,
};
pub use password::{
    ChangePasswdData, InvalidPasswordMessage, PasswordMessageTooLong, PasswordPolicyInfo,
    PasswordReply, PasswordRequest, PasswordResult, PasswordResultCode, PasswordVersion,
};
pub use principal::{ANONYMOUS_REALM, NameType, PrincipalName};
pub use proxy::{InvalidProxied, KdcProxyMessage};
pub use s4u::{PaForUser, PaS4uX509User, S4uOptions, S4uUserId};
pub use ticket::{
    AuthorizationData, AuthorizationDataElement, Checksum, EncTicketPart, EncryptedData,
    EncryptionKey, HostAddress, HostAddresses, Ticket, TransitedEncoding,
};
pub use time::{KerberosTime, Microseconds};

/// The longest request that a KDC reads, in bytes: a TGS-REQ with a full PAC and a PKINIT request
/// with its certificates stay well below.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The longest of the other messages, in bytes: a reply repeats what a request may hold, and more.
pub const MAX_MESSAGE: usize = 128 * 1024;
