//! Tickets and what they are made of (RFC 4120 5.2, 5.3).

use core::fmt;

use der::asn1::ContextSpecificRef;
use der::{
    Decode, DecodeValue, Encode, EncodeValue, Error, FixedTag, Header, Length, Reader, Result,
    Sequence, Tag, TagMode, TagNumber, Writer,
};
use zeroize::Zeroize;

use super::MAX_MESSAGE;
use super::basic::{Realm, TicketFlags};
use super::numbers::{AddressType, AuthorizationDataType, ChecksumType, EncryptionType};
use super::principal::PrincipalName;
use super::time::KerberosTime;
use crate::asn1::{Constant, SequenceOf, UInt32, message};

/// Data under a key (RFC 4120 5.2.9).
///
/// ```text
/// EncryptedData   ::= SEQUENCE {
///         etype   [0] Int32 -- EncryptionType --,
///         kvno    [1] UInt32 OPTIONAL,
///         cipher  [2] OCTET STRING -- ciphertext
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EncryptedData {
    /// How it is encrypted.
    #[asn1(context_specific = "0")]
    pub etype: EncryptionType,
    /// The version of the long-term key, where it is one. The upper 16 bits number the krbtgt account
    /// of a read-only domain controller (protocols E.8.2).
    #[asn1(context_specific = "1", optional = "true")]
    pub kvno: Option<UInt32>,
    /// The ciphertext.
    #[asn1(context_specific = "2", type = "OCTET STRING", deref = "true")]
    pub cipher: Vec<u8>,
}
message!(EncryptedData, "EncryptedData", backwards, limit MAX_MESSAGE);

/// A key (RFC 4120 5.2.9). Its bytes are wiped when it is dropped, and never shown. Alone it is what
/// PA-PKINIT-KX encrypts, usage 44 (RFC 8062 4.3).
///
/// ```text
/// EncryptionKey   ::= SEQUENCE {
///         keytype         [0] Int32 -- actually encryption type --,
///         keyvalue        [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Sequence)]
pub struct EncryptionKey {
    /// What the key encrypts with.
    #[asn1(context_specific = "0")]
    pub keytype: EncryptionType,
    /// The key.
    #[asn1(context_specific = "1", type = "OCTET STRING", deref = "true")]
    pub keyvalue: Vec<u8>,
}
message!(EncryptionKey, "EncryptionKey", secret, limit 1024);

impl Drop for EncryptionKey {
    fn drop(&mut self) {
        self.keyvalue.zeroize();
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("keytype", &self.keytype)
            .finish_non_exhaustive()
    }
}

/// A checksum (RFC 4120 5.2.9).
///
/// ```text
/// Checksum        ::= SEQUENCE {
///         cksumtype       [0] Int32,
///         checksum        [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct Checksum {
    /// How it was computed.
    #[asn1(context_specific = "0")]
    pub cksumtype: ChecksumType,
    /// Its value.
    #[asn1(context_specific = "1", type = "OCTET STRING", deref = "true")]
    pub checksum: Vec<u8>,
}
message!(Checksum, "Checksum", backwards, limit MAX_MESSAGE);

/// A network address (RFC 4120 5.2.5).
///
/// ```text
/// HostAddress     ::= SEQUENCE  {
///         addr-type       [0] Int32,
///         address         [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct HostAddress {
    /// What kind it is.
    #[asn1(context_specific = "0")]
    pub addr_type: AddressType,
    /// Its bytes, network order.
    #[asn1(context_specific = "1", type = "OCTET STRING", deref = "true")]
    pub address: Vec<u8>,
}

/// Where a ticket may be used from (RFC 4120 5.2.5): `HostAddresses ::= SEQUENCE OF HostAddress`.
pub type HostAddresses = SequenceOf<HostAddress, 128>;

/// One element of [`AuthorizationData`].
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct AuthorizationDataElement {
    /// What it is.
    #[asn1(context_specific = "0")]
    pub ad_type: AuthorizationDataType,
    /// Its content, in the type's own encoding.
    #[asn1(context_specific = "1", type = "OCTET STRING", deref = "true")]
    pub ad_data: Vec<u8>,
}

/// What the holder of a ticket may do, or is told about (RFC 4120 5.2.6).
///
/// ```text
/// AuthorizationData       ::= SEQUENCE OF SEQUENCE {
///         ad-type         [0] Int32,
///         ad-data         [1] OCTET STRING
/// }
/// ```
pub type AuthorizationData = SequenceOf<AuthorizationDataElement, 64>;

message!(AuthorizationData, "AuthorizationData", backwards, limit MAX_MESSAGE);

impl AuthorizationDataElement {
    /// `elements` wrapped so that whoever does not understand them may ignore them:
    /// `AD-IF-RELEVANT ::= AuthorizationData` (RFC 4120 5.2.6.1).
    #[must_use]
    pub fn if_relevant(elements: &AuthorizationData) -> AuthorizationDataElement {
        AuthorizationDataElement {
            ad_type: AuthorizationDataType::AD_IF_RELEVANT,
            ad_data: elements.encode(),
        }
    }
}

/// The realms between client and service (RFC 4120 5.3).
///
/// ```text
/// TransitedEncoding       ::= SEQUENCE {
///         tr-type         [0] Int32 -- must be registered --,
///         contents        [1] OCTET STRING
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TransitedEncoding {
    /// 1 for DOMAIN-X500-COMPRESS, 0 for none.
    #[asn1(context_specific = "0")]
    pub tr_type: i32,
    /// The realms, compressed (RFC 4120 3.3.3.2).
    #[asn1(context_specific = "1", type = "OCTET STRING", deref = "true")]
    pub contents: Vec<u8>,
}

impl TransitedEncoding {
    /// No realm between: DOMAIN-X500-COMPRESS of nothing.
    pub const NONE: TransitedEncoding = TransitedEncoding {
        tr_type: 1,
        contents: Vec::new(),
    };
}

/// A ticket (RFC 4120 5.3).
///
/// ```text
/// Ticket          ::= [APPLICATION 1] SEQUENCE {
///         tkt-vno         [0] INTEGER (5),
///         realm           [1] Realm,
///         sname           [2] PrincipalName,
///         enc-part        [3] EncryptedData -- EncTicketPart
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The realm that issued it.
    pub realm: Realm,
    /// The service it is for.
    pub sname: PrincipalName,
    /// An [`EncTicketPart`] in the service's key, usage 2.
    pub enc_part: EncryptedData,
}
message!(Ticket, "Ticket", backwards, limit MAX_MESSAGE);

/// What `[APPLICATION 1]` wraps. A ticket is the only tagged type that stands inside others.
#[derive(Sequence)]
struct TicketFields {
    #[asn1(context_specific = "0")]
    tkt_vno: Constant<5>,
    #[asn1(context_specific = "1")]
    realm: Realm,
    #[asn1(context_specific = "2")]
    sname: PrincipalName,
    #[asn1(context_specific = "3")]
    enc_part: EncryptedData,
}

impl FixedTag for Ticket {
    const TAG: Tag = Tag::Application {
        constructed: true,
        number: TagNumber(1),
    };
}

impl<'a> DecodeValue<'a> for Ticket {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _header: Header) -> Result<Self> {
        let fields = TicketFields::decode(reader)?;
        Ok(Ticket {
            realm: fields.realm,
            sname: fields.sname,
            enc_part: fields.enc_part,
        })
    }
}

impl Ticket {
    fn fields_len(&self) -> Result<Length> {
        explicit(0, &Constant::<5>).encoded_len()?
            + explicit(1, &self.realm).encoded_len()?
            + explicit(2, &self.sname).encoded_len()?
            + explicit(3, &self.enc_part).encoded_len()?
    }
}

impl EncodeValue for Ticket {
    fn value_len(&self) -> Result<Length> {
        self.fields_len()?.for_tlv(Tag::Sequence)
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        Header::new(Tag::Sequence, self.fields_len()?).encode(writer)?;
        explicit(0, &Constant::<5>).encode(writer)?;
        explicit(1, &self.realm).encode(writer)?;
        explicit(2, &self.sname).encode(writer)?;
        explicit(3, &self.enc_part).encode(writer)
    }
}

fn explicit<T>(number: u32, value: &T) -> ContextSpecificRef<'_, T> {
    ContextSpecificRef {
        tag_number: TagNumber(number),
        tag_mode: TagMode::Explicit,
        value,
    }
}

/// What a ticket says, for the service alone to read (RFC 4120 5.3).
///
/// ```text
/// EncTicketPart   ::= [APPLICATION 3] SEQUENCE {
///         flags                   [0] TicketFlags,
///         key                     [1] EncryptionKey,
///         crealm                  [2] Realm,
///         cname                   [3] PrincipalName,
///         transited               [4] TransitedEncoding,
///         authtime                [5] KerberosTime,
///         starttime               [6] KerberosTime OPTIONAL,
///         endtime                 [7] KerberosTime,
///         renew-till              [8] KerberosTime OPTIONAL,
///         caddr                   [9] HostAddresses OPTIONAL,
///         authorization-data      [10] AuthorizationData OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct EncTicketPart {
    /// What the ticket may be used for.
    #[asn1(context_specific = "0")]
    pub flags: TicketFlags,
    /// The session key.
    #[asn1(context_specific = "1")]
    pub key: EncryptionKey,
    /// The client's realm.
    #[asn1(context_specific = "2")]
    pub crealm: Realm,
    /// The client.
    #[asn1(context_specific = "3")]
    pub cname: PrincipalName,
    /// The realms between.
    #[asn1(context_specific = "4")]
    pub transited: TransitedEncoding,
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
    /// From where it may be used; absent, from anywhere.
    #[asn1(context_specific = "9", optional = "true")]
    pub caddr: Option<HostAddresses>,
    /// What else the service should know, the PAC among it.
    #[asn1(context_specific = "10", optional = "true")]
    pub authorization_data: Option<AuthorizationData>,
}
message!(EncTicketPart, "EncTicketPart", application 3, secret, backwards, limit MAX_MESSAGE);
