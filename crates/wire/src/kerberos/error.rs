//! KRB-ERROR (RFC 4120 5.9.1).

use der::Sequence;

use super::MAX_MESSAGE;
use super::basic::{KerberosString, Realm};
use super::numbers::ErrorCode;
use super::principal::PrincipalName;
use super::time::{KerberosTime, Microseconds};
use crate::asn1::{Constant, message};

/// A refusal (RFC 4120 5.9.1).
///
/// ```text
/// KRB-ERROR       ::= [APPLICATION 30] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (30),
///         ctime           [2] KerberosTime OPTIONAL,
///         cusec           [3] Microseconds OPTIONAL,
///         stime           [4] KerberosTime,
///         susec           [5] Microseconds,
///         error-code      [6] Int32,
///         crealm          [7] Realm OPTIONAL,
///         cname           [8] PrincipalName OPTIONAL,
///         realm           [9] Realm -- service realm --,
///         sname           [10] PrincipalName -- service name --,
///         e-text          [11] KerberosString OPTIONAL,
///         e-data          [12] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbError {
    #[asn1(context_specific = "0")]
    pvno: Constant<5>,
    #[asn1(context_specific = "1")]
    msg_type: Constant<30>,
    /// The client's time, from its authenticator.
    #[asn1(context_specific = "2", optional = "true")]
    pub ctime: Option<KerberosTime>,
    /// Its part below the second.
    #[asn1(context_specific = "3", optional = "true")]
    pub cusec: Option<Microseconds>,
    /// The server's time.
    #[asn1(context_specific = "4")]
    pub stime: KerberosTime,
    /// Its part below the second.
    #[asn1(context_specific = "5")]
    pub susec: Microseconds,
    /// Why.
    #[asn1(context_specific = "6")]
    pub error_code: ErrorCode,
    /// The client's realm.
    #[asn1(context_specific = "7", optional = "true")]
    pub crealm: Option<Realm>,
    /// The client.
    #[asn1(context_specific = "8", optional = "true")]
    pub cname: Option<PrincipalName>,
    /// The service's realm.
    #[asn1(context_specific = "9")]
    pub realm: Realm,
    /// The service.
    #[asn1(context_specific = "10")]
    pub sname: PrincipalName,
    /// A word to a human; clients show it.
    #[asn1(context_specific = "11", optional = "true")]
    pub e_text: Option<KerberosString>,
    /// More about the code: a [`MethodData`](super::MethodData) for
    /// [`ErrorCode::KDC_ERR_PREAUTH_REQUIRED`], a [`TypedData`](super::TypedData) for the PKINIT codes.
    #[asn1(context_specific = "12", type = "OCTET STRING", optional = "true")]
    pub e_data: Option<Vec<u8>>,
}
message!(KrbError, "KRB-ERROR", application 30, backwards, limit MAX_MESSAGE);

impl KrbError {
    /// A refusal with the required components; the others are public.
    #[must_use]
    pub fn new(
        error_code: ErrorCode,
        stime: KerberosTime,
        susec: Microseconds,
        realm: Realm,
        sname: PrincipalName,
    ) -> KrbError {
        KrbError {
            pvno: Constant,
            msg_type: Constant,
            ctime: None,
            cusec: None,
            stime,
            susec,
            error_code,
            crealm: None,
            cname: None,
            realm,
            sname,
            e_text: None,
            e_data: None,
        }
    }
}
