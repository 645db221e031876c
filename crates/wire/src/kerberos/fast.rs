//! FAST, the armor around pre-authentication (RFC 6113 5.4).
//!
//! What travels beside these: PA-FX-COOKIE is opaque bytes of the KDC, PA-FX-ERROR the encoding of a
//! [`KrbError`](super::KrbError), PA-ENCRYPTED-CHALLENGE an [`EncryptedData`] with a
//! [`PaEncTsEnc`](super::PaEncTsEnc) (RFC 6113 5.2, 5.4.3, 5.4.6).

use der::{Choice, Sequence};

use super::basic::{Realm, flags};
use super::kdc::KdcReqBody;
use super::numbers::FastArmorType;
use super::padata::MethodData;
use super::principal::PrincipalName;
use super::ticket::{Checksum, EncryptedData, EncryptionKey};
use super::time::{KerberosTime, Microseconds};
use super::{MAX_MESSAGE, MAX_REQUEST};
use crate::asn1::{Der, Extensions, UInt32, message};

/// What PA-FX-FAST holds in a request (RFC 6113 5.4.2).
///
/// ```text
/// PA-FX-FAST-REQUEST ::= CHOICE {
///     armored-data [0] KrbFastArmoredReq,
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Choice)]
pub enum PaFxFastRequest {
    /// A request under an armor key.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", constructed = "true")]
    ArmoredData(KrbFastArmoredReq),
}
message!(PaFxFastRequest, "PA-FX-FAST-REQUEST", limit MAX_REQUEST);

/// A request under an armor key (RFC 6113 5.4.2).
///
/// ```text
/// KrbFastArmoredReq ::= SEQUENCE {
///     armor        [0] KrbFastArmor OPTIONAL,
///     req-checksum [1] Checksum,
///     enc-fast-req [2] EncryptedData, -- KrbFastReq --
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbFastArmoredReq {
    /// Where the armor key comes from. Must be there in an AS-REQ and must not in a TGS-REQ, whose
    /// armor is the ticket and subkey of its PA-TGS-REQ.
    #[asn1(context_specific = "0", optional = "true")]
    pub armor: Option<KrbFastArmor>,
    /// In the armor key, usage 50: over the KDC-REQ-BODY of an AS-REQ as it came, over the AP-REQ of
    /// a TGS-REQ.
    #[asn1(context_specific = "1")]
    pub req_checksum: Checksum,
    /// A [`KrbFastReq`] in the armor key, usage 51.
    #[asn1(context_specific = "2")]
    pub enc_fast_req: EncryptedData,
    /// What later versions add.
    pub extensions: Extensions<3>,
}

/// Where the armor key comes from (RFC 6113 5.4.1).
///
/// ```text
/// KrbFastArmor ::= SEQUENCE {
///     armor-type   [0] Int32,
///     armor-value  [1] OCTET STRING,
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbFastArmor {
    /// What it is.
    #[asn1(context_specific = "0")]
    pub armor_type: FastArmorType,
    /// For [`FastArmorType::FX_FAST_ARMOR_AP_REQUEST`] an [`ApReq`](super::ApReq), whose authenticator
    /// has a subkey.
    #[asn1(context_specific = "1", type = "OCTET STRING", deref = "true")]
    pub armor_value: Vec<u8>,
    /// What later versions add.
    pub extensions: Extensions<2>,
}

flags! {
    /// What a client asks of FAST (RFC 6113 5.4.2): `FastOptions ::= KerberosFlags`.
    pub struct FastOptions {
        /// Reserved for more options than there are bits; critical.
        RESERVED = 0,
        /// The reply shall not name the client outside the armor.
        HIDE_CLIENT_NAMES = 1,
        /// The KDC shall follow referrals itself; not critical.
        KDC_FOLLOW_REFERRALS = 16,
    }
}

impl FastOptions {
    /// Bits 0 to 15: who does not know one that is set must refuse with
    /// [`ErrorCode::KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS`](super::ErrorCode::KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS).
    pub const CRITICAL: FastOptions = FastOptions(0xffff_0000);

    /// The critical options that are set and are not among `known`.
    #[must_use]
    pub const fn unknown_critical(self, known: FastOptions) -> FastOptions {
        FastOptions(self.0 & FastOptions::CRITICAL.0 & !known.0)
    }
}

/// The request that the armor protects (RFC 6113 5.4.2).
///
/// ```text
/// KrbFastReq ::= SEQUENCE {
///     fast-options [0] FastOptions,
///     padata       [1] SEQUENCE OF PA-DATA,
///     req-body     [2] KDC-REQ-BODY,
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbFastReq {
    /// Options.
    #[asn1(context_specific = "0")]
    pub fast_options: FastOptions,
    /// Pre-authentication data in place of that outside, FAST itself apart.
    #[asn1(context_specific = "1")]
    pub padata: MethodData,
    /// The body in place of that outside, with its bytes: a PKAuthenticator's checksum covers these.
    #[asn1(context_specific = "2")]
    pub req_body: Der<KdcReqBody>,
    /// What later versions add.
    pub extensions: Extensions<3>,
}
message!(KrbFastReq, "KrbFastReq", secret, limit MAX_REQUEST);

/// What PA-FX-FAST holds in a reply or an error (RFC 6113 5.4.3).
///
/// ```text
/// PA-FX-FAST-REPLY ::= CHOICE {
///     armored-data [0] KrbFastArmoredRep,
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Choice)]
pub enum PaFxFastReply {
    /// A reply under the armor key.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", constructed = "true")]
    ArmoredData(KrbFastArmoredRep),
}
message!(PaFxFastReply, "PA-FX-FAST-REPLY", limit MAX_MESSAGE);

/// A reply under the armor key (RFC 6113 5.4.3).
///
/// ```text
/// KrbFastArmoredRep ::= SEQUENCE {
///     enc-fast-rep [0] EncryptedData, -- KrbFastResponse --
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbFastArmoredRep {
    /// A [`KrbFastResponse`] in the armor key, usage 52.
    #[asn1(context_specific = "0")]
    pub enc_fast_rep: EncryptedData,
    /// What later versions add.
    pub extensions: Extensions<1>,
}

/// The reply that the armor protects (RFC 6113 5.4.3).
///
/// ```text
/// KrbFastResponse ::= SEQUENCE {
///     padata         [0] SEQUENCE OF PA-DATA,
///     strengthen-key [1] EncryptionKey OPTIONAL,
///     finished       [2] KrbFastFinished OPTIONAL,
///     nonce          [3] UInt32,
///     ...
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct KrbFastResponse {
    /// Pre-authentication data in place of that outside; in an error PA-FX-ERROR among it.
    #[asn1(context_specific = "0")]
    pub padata: MethodData,
    /// Goes into the reply key by KRB-FX-CF2 with "strengthenkey" and "replykey".
    #[asn1(context_specific = "1", optional = "true")]
    pub strengthen_key: Option<EncryptionKey>,
    /// Must be there in the reply that carries a ticket.
    #[asn1(context_specific = "2", optional = "true")]
    pub finished: Option<KrbFastFinished>,
    /// The nonce of the request inside the armor.
    #[asn1(context_specific = "3")]
    pub nonce: UInt32,
    /// What later versions add.
    pub extensions: Extensions<4>,
}
message!(KrbFastResponse, "KrbFastResponse", secret, limit MAX_MESSAGE);

/// Binds a ticket to the armored exchange (RFC 6113 5.4.3).
///
/// ```text
/// KrbFastFinished ::= SEQUENCE {
///     timestamp       [0] KerberosTime,
///     usec            [1] Microseconds,
///     crealm          [2] Realm,
///     cname           [3] PrincipalName,
///     ticket-checksum [4] Checksum,
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbFastFinished {
    /// The KDC's time.
    #[asn1(context_specific = "0")]
    pub timestamp: KerberosTime,
    /// Its part below the second.
    #[asn1(context_specific = "1")]
    pub usec: Microseconds,
    /// The client's realm, which the reply outside may hide.
    #[asn1(context_specific = "2")]
    pub crealm: Realm,
    /// The client, which the reply outside may hide.
    #[asn1(context_specific = "3")]
    pub cname: PrincipalName,
    /// Over the encoded ticket, in the armor key, usage 53.
    #[asn1(context_specific = "4")]
    pub ticket_checksum: Checksum,
    /// What later versions add.
    pub extensions: Extensions<5>,
}
