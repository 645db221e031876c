//! The AS and TGS exchanges (RFC 4120 5.4).

use der::Sequence;

use super::basic::{KdcOptions, Realm, TicketFlags};
use super::numbers::{EncryptionType, LastReqType};
use super::padata::{MethodData, PaData};
use super::principal::PrincipalName;
use super::ticket::{EncryptedData, EncryptionKey, HostAddresses, Ticket};
use super::time::KerberosTime;
use super::{MAX_MESSAGE, MAX_REQUEST};
use crate::asn1::backwards::encode_application_secret;
use crate::asn1::{self, Constant, Der, Malformed, SequenceOf, UInt32, message};

/// A request to the KDC (RFC 4120 5.4.1). `TYPE` is both `msg-type` and the application tag.
///
/// ```text
/// AS-REQ          ::= [APPLICATION 10] KDC-REQ
/// TGS-REQ         ::= [APPLICATION 12] KDC-REQ
/// KDC-REQ         ::= SEQUENCE {
///         pvno            [1] INTEGER (5) ,
///         msg-type        [2] INTEGER (10 -- AS -- | 12 -- TGS --),
///         padata          [3] SEQUENCE OF PA-DATA OPTIONAL,
///         req-body        [4] KDC-REQ-BODY
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KdcReq<const TYPE: i32> {
    #[asn1(context_specific = "1")]
    pvno: Constant<5>,
    #[asn1(context_specific = "2")]
    msg_type: Constant<TYPE>,
    /// Pre-authentication data; none where absent. Unknown types are kept.
    #[asn1(context_specific = "3", default = "MethodData::new")]
    pub padata: MethodData,
    /// What is asked for, with its bytes: checksums are computed over [`Der::as_bytes`].
    #[asn1(context_specific = "4")]
    pub req_body: Der<KdcReqBody>,
}

/// A request for initial authentication.
pub type AsReq = KdcReq<10>;
/// A request on the strength of a ticket.
pub type TgsReq = KdcReq<12>;

message!(AsReq, "AS-REQ", application 10, limit MAX_REQUEST);
message!(TgsReq, "TGS-REQ", application 12, limit MAX_REQUEST);

impl<const TYPE: i32> KdcReq<TYPE> {
    /// A request with this body.
    #[must_use]
    pub fn new(padata: impl Into<MethodData>, req_body: KdcReqBody) -> Self {
        Self::with_encoded_body(padata, Der::new(req_body))
    }

    /// A request with a body that is encoded already, because a checksum over it had to be computed first.
    #[must_use]
    pub fn with_encoded_body(padata: impl Into<MethodData>, req_body: Der<KdcReqBody>) -> Self {
        KdcReq {
            pvno: Constant,
            msg_type: Constant,
            padata: padata.into(),
            req_body,
        }
    }
}

/// What is asked of the KDC (RFC 4120 5.4.1).
///
/// ```text
/// KDC-REQ-BODY    ::= SEQUENCE {
///         kdc-options             [0] KDCOptions,
///         cname                   [1] PrincipalName OPTIONAL -- Used only in AS-REQ --,
///         realm                   [2] Realm,
///         sname                   [3] PrincipalName OPTIONAL,
///         from                    [4] KerberosTime OPTIONAL,
///         till                    [5] KerberosTime,
///         rtime                   [6] KerberosTime OPTIONAL,
///         nonce                   [7] UInt32,
///         etype                   [8] SEQUENCE OF Int32 -- in preference order --,
///         addresses               [9] HostAddresses OPTIONAL,
///         enc-authorization-data  [10] EncryptedData OPTIONAL -- AuthorizationData --,
///         additional-tickets      [11] SEQUENCE OF Ticket OPTIONAL -- NOTE: not empty
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KdcReqBody {
    /// Options.
    #[asn1(context_specific = "0")]
    pub kdc_options: KdcOptions,
    /// The client, in an AS-REQ.
    #[asn1(context_specific = "1", optional = "true")]
    pub cname: Option<PrincipalName>,
    /// The service's realm; in an AS-REQ the client's too.
    #[asn1(context_specific = "2")]
    pub realm: Realm,
    /// The service. Absent only where [`KdcOptions::ENC_TKT_IN_SKEY`] names it by a ticket.
    #[asn1(context_specific = "3", optional = "true")]
    pub sname: Option<PrincipalName>,
    /// From when a postdated ticket shall be valid.
    #[asn1(context_specific = "4", optional = "true")]
    pub from: Option<KerberosTime>,
    /// Until when the ticket shall be valid; [`KerberosTime::EPOCH`] asks for the longest.
    #[asn1(context_specific = "5")]
    pub till: KerberosTime,
    /// Until when it shall be renewable.
    #[asn1(context_specific = "6", optional = "true")]
    pub rtime: Option<KerberosTime>,
    /// Comes back in the reply.
    #[asn1(context_specific = "7")]
    pub nonce: UInt32,
    /// Encryption types that the client takes, the preferred one first.
    #[asn1(context_specific = "8")]
    pub etype: SequenceOf<EncryptionType, 64>,
    /// From where the ticket shall be usable.
    #[asn1(context_specific = "9", optional = "true")]
    pub addresses: Option<HostAddresses>,
    /// Authorization data for the ticket, in the session key (usage 4) or the subkey (usage 5).
    #[asn1(context_specific = "10", optional = "true")]
    pub enc_authorization_data: Option<EncryptedData>,
    /// Further tickets that the options speak of.
    #[asn1(context_specific = "11", optional = "true")]
    pub additional_tickets: Option<SequenceOf<Ticket, 8>>,
}
message!(KdcReqBody, "KDC-REQ-BODY", limit MAX_REQUEST);

/// The KDC's answer (RFC 4120 5.4.2). `TYPE` is both `msg-type` and the application tag.
///
/// ```text
/// AS-REP          ::= [APPLICATION 11] KDC-REP
/// TGS-REP         ::= [APPLICATION 13] KDC-REP
/// KDC-REP         ::= SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (11 -- AS -- | 13 -- TGS --),
///         padata          [2] SEQUENCE OF PA-DATA OPTIONAL,
///         crealm          [3] Realm,
///         cname           [4] PrincipalName,
///         ticket          [5] Ticket,
///         enc-part        [6] EncryptedData -- EncASRepPart or EncTGSRepPart, as appropriate
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KdcRep<const TYPE: i32> {
    #[asn1(context_specific = "0")]
    pvno: Constant<5>,
    #[asn1(context_specific = "1")]
    msg_type: Constant<TYPE>,
    /// Pre-authentication data; none where absent.
    #[asn1(context_specific = "2", default = "MethodData::new")]
    pub padata: MethodData,
    /// The client's realm.
    #[asn1(context_specific = "3")]
    pub crealm: Realm,
    /// The client.
    #[asn1(context_specific = "4")]
    pub cname: PrincipalName,
    /// The ticket.
    #[asn1(context_specific = "5")]
    pub ticket: Ticket,
    /// An [`EncKdcRepPart`].
    #[asn1(context_specific = "6")]
    pub enc_part: EncryptedData,
}

/// The answer to an [`AsReq`].
pub type AsRep = KdcRep<11>;
/// The answer to a [`TgsReq`].
pub type TgsRep = KdcRep<13>;

message!(AsRep, "AS-REP", application 11, backwards, limit MAX_MESSAGE);
message!(TgsRep, "TGS-REP", application 13, backwards, limit MAX_MESSAGE);

impl<const TYPE: i32> KdcRep<TYPE> {
    /// An answer that gives `cname` of `crealm` the ticket.
    #[must_use]
    pub fn new(
        padata: impl Into<MethodData>,
        crealm: Realm,
        cname: PrincipalName,
        ticket: Ticket,
        enc_part: EncryptedData,
    ) -> Self {
        KdcRep {
            pvno: Constant,
            msg_type: Constant,
            padata: padata.into(),
            crealm,
            cname,
            ticket,
            enc_part,
        }
    }
}

/// What the KDC tells the client alone (RFC 4120 5.4.2, with the last component of RFC 6806 11).
///
/// ```text
/// EncASRepPart    ::= [APPLICATION 25] EncKDCRepPart
/// EncTGSRepPart   ::= [APPLICATION 26] EncKDCRepPart
/// EncKDCRepPart   ::= SEQUENCE {
///         key                 [0] EncryptionKey,
///         last-req            [1] LastReq,
///         nonce               [2] UInt32,
///         key-expiration      [3] KerberosTime OPTIONAL,
///         flags               [4] TicketFlags,
///         authtime            [5] KerberosTime,
///         starttime           [6] KerberosTime OPTIONAL,
///         endtime             [7] KerberosTime,
///         renew-till          [8] KerberosTime OPTIONAL,
///         srealm              [9] Realm,
///         sname               [10] PrincipalName,
///         caddr               [11] HostAddresses OPTIONAL,
///         encrypted-pa-data   [12] SEQUENCE OF PA-DATA OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct EncKdcRepPart {
    /// The session key.
    #[asn1(context_specific = "0")]
    pub key: EncryptionKey,
    /// When the client was last heard of.
    #[asn1(context_specific = "1")]
    pub last_req: LastReq,
    /// The nonce of the request.
    #[asn1(context_specific = "2")]
    pub nonce: UInt32,
    /// When the client's key expires.
    #[asn1(context_specific = "3", optional = "true")]
    pub key_expiration: Option<KerberosTime>,
    /// The ticket's flags.
    #[asn1(context_specific = "4")]
    pub flags: TicketFlags,
    /// When the client authenticated.
    #[asn1(context_specific = "5")]
    pub authtime: KerberosTime,
    /// From when the ticket is valid; absent, from `authtime`.
    #[asn1(context_specific = "6", optional = "true")]
    pub starttime: Option<KerberosTime>,
    /// Until when.
    #[asn1(context_specific = "7")]
    pub endtime: KerberosTime,
    /// Until when it may be renewed.
    #[asn1(context_specific = "8", optional = "true")]
    pub renew_till: Option<KerberosTime>,
    /// The service's realm.
    #[asn1(context_specific = "9")]
    pub srealm: Realm,
    /// The service.
    #[asn1(context_specific = "10")]
    pub sname: PrincipalName,
    /// From where the ticket may be used.
    #[asn1(context_specific = "11", optional = "true")]
    pub caddr: Option<HostAddresses>,
    /// Pre-authentication data under the reply key.
    #[asn1(context_specific = "12", optional = "true")]
    pub encrypted_pa_data: Option<MethodData>,
}

impl EncKdcRepPart {
    /// The longest EncKDCRepPart that is read, in bytes.
    pub const MAX_LENGTH: usize = MAX_MESSAGE;

    /// Reads the encrypted part of an AS-REP. Tag 25 is right; 26 is read too, since MIT's KDC puts
    /// it on every reply (RFC 4120 5.4.2 allows for that; security.md, "What real clients and servers do", 7).
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are too many, are not strict DER of this type, or are followed by
    /// others.
    pub fn decode_as_rep(bytes: &[u8]) -> Result<Self, Malformed> {
        let number = match bytes.first() {
            Some(0x7a) => 26,
            _ => 25,
        };
        asn1::decode_application(bytes, number, "EncASRepPart", Self::MAX_LENGTH)
    }

    /// Reads the encrypted part of a TGS-REP, tag 26.
    ///
    /// # Errors
    /// As [`EncKdcRepPart::decode_as_rep`].
    pub fn decode_tgs_rep(bytes: &[u8]) -> Result<Self, Malformed> {
        asn1::decode_application(bytes, 26, "EncTGSRepPart", Self::MAX_LENGTH)
    }

    /// Writes the encrypted part of an AS-REP, tag 25. The buffer is wiped when dropped.
    #[must_use]
    pub fn encode_as_rep(&self) -> zeroize::Zeroizing<Vec<u8>> {
        encode_application_secret(self, 25)
    }

    /// Writes the encrypted part of a TGS-REP, tag 26. The buffer is wiped when dropped.
    #[must_use]
    pub fn encode_tgs_rep(&self) -> zeroize::Zeroizing<Vec<u8>> {
        encode_application_secret(self, 26)
    }
}

/// One element of [`LastReq`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct LastReqEntry {
    /// What happened.
    #[asn1(context_specific = "0")]
    pub lr_type: LastReqType,
    /// When.
    #[asn1(context_specific = "1")]
    pub lr_value: KerberosTime,
}

/// When the client was last heard of (RFC 4120 5.4.2).
///
/// ```text
/// LastReq         ::=     SEQUENCE OF SEQUENCE {
///         lr-type         [0] Int32,
///         lr-value        [1] KerberosTime
/// }
/// ```
pub type LastReq = SequenceOf<LastReqEntry, 32>;

impl<const TYPE: i32> KdcReq<TYPE> {
    /// The first pre-authentication data of a type, by its content.
    #[must_use]
    pub fn find_padata(&self, padata_type: super::PaDataType) -> Option<&[u8]> {
        PaData::find(&self.padata, padata_type)
    }
}
