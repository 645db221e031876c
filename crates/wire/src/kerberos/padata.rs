//! Pre-authentication data and typed data (RFC 4120 5.2.7, RFC 6113, MS-KILE).

use der::Sequence;

use super::MAX_MESSAGE;
use super::basic::{KerberosString, PacOptionFlags};
use super::numbers::{EncryptionType, PaDataType};
use super::time::{KerberosTime, Microseconds};
use crate::asn1::{SequenceOf, message};

/// One piece of pre-authentication data (RFC 4120 5.2.7).
///
/// ```text
/// PA-DATA         ::= SEQUENCE {
///         -- NOTE: first tag is [1], not [0]
///         padata-type     [1] Int32,
///         padata-value    [2] OCTET STRING -- might be encoded AP-REQ
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PaData {
    /// What it is.
    #[asn1(context_specific = "1")]
    pub padata_type: PaDataType,
    /// Its content, in the type's own encoding; empty where the presence says it all.
    #[asn1(context_specific = "2", type = "OCTET STRING", deref = "true")]
    pub padata_value: Vec<u8>,
}

impl PaData {
    /// A piece of pre-authentication data.
    pub fn new(padata_type: PaDataType, padata_value: impl Into<Vec<u8>>) -> PaData {
        PaData {
            padata_type,
            padata_value: padata_value.into(),
        }
    }

    /// One that says what it says by being there.
    #[must_use]
    pub const fn empty(padata_type: PaDataType) -> PaData {
        PaData {
            padata_type,
            padata_value: Vec::new(),
        }
    }

    /// The content of the first one of a type in a list.
    #[must_use]
    pub fn find(list: &[PaData], padata_type: PaDataType) -> Option<&[u8]> {
        list.iter()
            .find(|padata| padata.padata_type == padata_type)
            .map(|padata| padata.padata_value.as_slice())
    }
}

/// The methods that the KDC would accept, in the `e-data` of KDC_ERR_PREAUTH_REQUIRED (RFC 4120
/// 5.9.1): `METHOD-DATA ::= SEQUENCE OF PA-DATA`.
pub type MethodData = SequenceOf<PaData, 64>;

message!(MethodData, "METHOD-DATA", backwards, limit MAX_MESSAGE);

/// How the client makes its key from a password, for one encryption type (RFC 4120 5.2.7.5).
///
/// ```text
/// ETYPE-INFO2-ENTRY       ::= SEQUENCE {
///         etype           [0] Int32,
///         salt            [1] KerberosString OPTIONAL,
///         s2kparams       [2] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EtypeInfo2Entry {
    /// The encryption type.
    #[asn1(context_specific = "0")]
    pub etype: EncryptionType,
    /// The salt; absent, the default one of the principal.
    #[asn1(context_specific = "1", optional = "true")]
    pub salt: Option<KerberosString>,
    /// Parameters of string-to-key: for AES four bytes, the big-endian iteration count.
    #[asn1(context_specific = "2", type = "OCTET STRING", optional = "true")]
    pub s2kparams: Option<Vec<u8>>,
}

/// PA-ETYPE-INFO2 (RFC 4120 5.2.7.5): `ETYPE-INFO2 ::= SEQUENCE SIZE (1..MAX) OF ETYPE-INFO2-ENTRY`.
pub type EtypeInfo2 = SequenceOf<EtypeInfo2Entry, 32>;

message!(EtypeInfo2, "ETYPE-INFO2", limit MAX_MESSAGE);

/// What PA-ENC-TIMESTAMP encrypts, usage 1 (RFC 4120 5.2.7.2). The pre-authentication data itself is
/// an [`EncryptedData`](super::EncryptedData).
///
/// ```text
/// PA-ENC-TS-ENC           ::= SEQUENCE {
///         patimestamp     [0] KerberosTime -- client's time --,
///         pausec          [1] Microseconds OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PaEncTsEnc {
    /// The client's time.
    #[asn1(context_specific = "0")]
    pub patimestamp: KerberosTime,
    /// Its part below the second.
    #[asn1(context_specific = "1", optional = "true")]
    pub pausec: Option<Microseconds>,
}
message!(PaEncTsEnc, "PA-ENC-TS-ENC", limit MAX_MESSAGE);

/// Whether the client wants a PAC in its ticket (MS-KILE 2.2.3).
///
/// ```text
/// KERB-PA-PAC-REQUEST ::= SEQUENCE {
///     include-pac[0] BOOLEAN --If TRUE, and no PAC present, include PAC. If FALSE, and PAC present, remove PAC
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct KerbPaPacRequest {
    /// With or without.
    #[asn1(context_specific = "0")]
    pub include_pac: bool,
}
message!(KerbPaPacRequest, "KERB-PA-PAC-REQUEST", limit 64);

/// What the client supports (MS-KILE 2.2.10).
///
/// ```text
/// PA-PAC-OPTIONS ::= SEQUENCE {
///     KerberosFlags [0]
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct PaPacOptions {
    /// The flags.
    #[asn1(context_specific = "0")]
    pub flags: PacOptionFlags,
}
message!(PaPacOptions, "PA-PAC-OPTIONS", limit 64);

/// One piece of data in an error (RFC 4120 5.9.1, with the types of RFC 4556 and 8636).
///
/// ```text
/// TYPED-DATA      ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE {
///         data-type       [0] Int32,
///         data-value      [1] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TypedDataElement {
    /// What it is.
    #[asn1(context_specific = "0")]
    pub data_type: PaDataType,
    /// Its content, in the type's own encoding.
    #[asn1(context_specific = "1", type = "OCTET STRING", optional = "true")]
    pub data_value: Option<Vec<u8>>,
}

/// The `e-data` of errors that say more than a code.
pub type TypedData = SequenceOf<TypedDataElement, 64>;

message!(TypedData, "TYPED-DATA", limit MAX_MESSAGE);
