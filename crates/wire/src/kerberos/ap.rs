//! Between a client and a service: AP-REQ, AP-REP, KRB-PRIV and KRB-CRED (RFC 4120 5.5, 5.7, 5.8).

use der::Sequence;

use super::MAX_MESSAGE;
use super::basic::{ApOptions, Realm, TicketFlags};
use super::principal::PrincipalName;
use super::ticket::{
    AuthorizationData, Checksum, EncryptedData, EncryptionKey, HostAddress, HostAddresses, Ticket,
};
use super::time::{KerberosTime, Microseconds};
use crate::asn1::{Constant, SequenceOf, UInt32, message};

/// A client shows its ticket (RFC 4120 5.5.1).
///
/// ```text
/// AP-REQ          ::= [APPLICATION 14] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (14),
///         ap-options      [2] APOptions,
///         ticket          [3] Ticket,
///         authenticator   [4] EncryptedData -- Authenticator
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct ApReq {
    #[asn1(context_specific = "0")]
    pvno: Constant<5>,
    #[asn1(context_specific = "1")]
    msg_type: Constant<14>,
    /// Options.
    #[asn1(context_specific = "2")]
    pub ap_options: ApOptions,
    /// The ticket.
    #[asn1(context_specific = "3")]
    pub ticket: Ticket,
    /// An [`Authenticator`] in the session key: usage 11, or 7 in a TGS-REQ.
    #[asn1(context_specific = "4")]
    pub authenticator: EncryptedData,
}
message!(ApReq, "AP-REQ", application 14, limit MAX_MESSAGE);

impl ApReq {
    /// A ticket with proof of its session key.
    #[must_use]
    pub fn new(ap_options: ApOptions, ticket: Ticket, authenticator: EncryptedData) -> ApReq {
        ApReq {
            pvno: Constant,
            msg_type: Constant,
            ap_options,
            ticket,
            authenticator,
        }
    }
}

/// Proof that the client knows the session key, now (RFC 4120 5.5.1).
///
/// ```text
/// Authenticator   ::= [APPLICATION 2] SEQUENCE  {
///         authenticator-vno       [0] INTEGER (5),
///         crealm                  [1] Realm,
///         cname                   [2] PrincipalName,
///         cksum                   [3] Checksum OPTIONAL,
///         cusec                   [4] Microseconds,
///         ctime                   [5] KerberosTime,
///         subkey                  [6] EncryptionKey OPTIONAL,
///         seq-number              [7] UInt32 OPTIONAL,
///         authorization-data      [8] AuthorizationData OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct Authenticator {
    #[asn1(context_specific = "0")]
    authenticator_vno: Constant<5>,
    /// The client's realm.
    #[asn1(context_specific = "1")]
    pub crealm: Realm,
    /// The client.
    #[asn1(context_specific = "2")]
    pub cname: PrincipalName,
    /// Over the application's data; in a TGS-REQ over the KDC-REQ-BODY, usage 6.
    #[asn1(context_specific = "3", optional = "true")]
    pub cksum: Option<Checksum>,
    /// The client's time, its part below the second.
    #[asn1(context_specific = "4")]
    pub cusec: Microseconds,
    /// The client's time.
    #[asn1(context_specific = "5")]
    pub ctime: KerberosTime,
    /// A key for this session alone.
    #[asn1(context_specific = "6", optional = "true")]
    pub subkey: Option<EncryptionKey>,
    /// The first sequence number.
    #[asn1(context_specific = "7", optional = "true")]
    pub seq_number: Option<UInt32>,
    /// Restrictions.
    #[asn1(context_specific = "8", optional = "true")]
    pub authorization_data: Option<AuthorizationData>,
}
message!(Authenticator, "Authenticator", application 2, secret, limit MAX_MESSAGE);

impl Authenticator {
    /// An authenticator with the required components; the others are public.
    #[must_use]
    pub fn new(
        crealm: Realm,
        cname: PrincipalName,
        ctime: KerberosTime,
        cusec: Microseconds,
    ) -> Authenticator {
        Authenticator {
            authenticator_vno: Constant,
            crealm,
            cname,
            cksum: None,
            cusec,
            ctime,
            subkey: None,
            seq_number: None,
            authorization_data: None,
        }
    }
}

/// The service's answer (RFC 4120 5.5.2).
///
/// ```text
/// AP-REP          ::= [APPLICATION 15] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (15),
///         enc-part        [2] EncryptedData -- EncAPRepPart
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct ApRep {
    #[asn1(context_specific = "0")]
    pvno: Constant<5>,
    #[asn1(context_specific = "1")]
    msg_type: Constant<15>,
    /// An [`EncApRepPart`] in the session key, usage 12.
    #[asn1(context_specific = "2")]
    pub enc_part: EncryptedData,
}
message!(ApRep, "AP-REP", application 15, limit MAX_MESSAGE);

impl ApRep {
    /// An answer.
    #[must_use]
    pub fn new(enc_part: EncryptedData) -> ApRep {
        ApRep {
            pvno: Constant,
            msg_type: Constant,
            enc_part,
        }
    }
}

/// Proof that the service knows the session key (RFC 4120 5.5.2).
///
/// ```text
/// EncAPRepPart    ::= [APPLICATION 27] SEQUENCE {
///         ctime           [0] KerberosTime,
///         cusec           [1] Microseconds,
///         subkey          [2] EncryptionKey OPTIONAL,
///         seq-number      [3] UInt32 OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct EncApRepPart {
    /// The time of the authenticator.
    #[asn1(context_specific = "0")]
    pub ctime: KerberosTime,
    /// Its part below the second.
    #[asn1(context_specific = "1")]
    pub cusec: Microseconds,
    /// A key for this session alone.
    #[asn1(context_specific = "2", optional = "true")]
    pub subkey: Option<EncryptionKey>,
    /// The service's first sequence number.
    #[asn1(context_specific = "3", optional = "true")]
    pub seq_number: Option<UInt32>,
}
message!(EncApRepPart, "EncAPRepPart", application 27, secret, limit MAX_MESSAGE);

/// Encrypted application data (RFC 4120 5.7.1), as password changes carry (RFC 3244).
///
/// ```text
/// KRB-PRIV        ::= [APPLICATION 21] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (21),
///                         -- NOTE: there is no [2] tag
///         enc-part        [3] EncryptedData -- EncKrbPrivPart
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbPriv {
    #[asn1(context_specific = "0")]
    pvno: Constant<5>,
    #[asn1(context_specific = "1")]
    msg_type: Constant<21>,
    /// An [`EncKrbPrivPart`], usage 13.
    #[asn1(context_specific = "3")]
    pub enc_part: EncryptedData,
}
message!(KrbPriv, "KRB-PRIV", application 21, limit MAX_MESSAGE);

impl KrbPriv {
    /// A message.
    #[must_use]
    pub fn new(enc_part: EncryptedData) -> KrbPriv {
        KrbPriv {
            pvno: Constant,
            msg_type: Constant,
            enc_part,
        }
    }
}

/// What a KRB-PRIV encrypts (RFC 4120 5.7.1).
///
/// ```text
/// EncKrbPrivPart  ::= [APPLICATION 28] SEQUENCE {
///         user-data       [0] OCTET STRING,
///         timestamp       [1] KerberosTime OPTIONAL,
///         usec            [2] Microseconds OPTIONAL,
///         seq-number      [3] UInt32 OPTIONAL,
///         s-address       [4] HostAddress -- sender's addr --,
///         r-address       [5] HostAddress OPTIONAL -- recip's addr
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Sequence)]
pub struct EncKrbPrivPart {
    /// The application's data.
    #[asn1(context_specific = "0", type = "OCTET STRING", deref = "true")]
    pub user_data: Vec<u8>,
    /// The sender's time.
    #[asn1(context_specific = "1", optional = "true")]
    pub timestamp: Option<KerberosTime>,
    /// Its part below the second.
    #[asn1(context_specific = "2", optional = "true")]
    pub usec: Option<Microseconds>,
    /// The sequence number.
    #[asn1(context_specific = "3", optional = "true")]
    pub seq_number: Option<UInt32>,
    /// The sender's address.
    #[asn1(context_specific = "4")]
    pub s_address: HostAddress,
    /// The recipient's address.
    #[asn1(context_specific = "5", optional = "true")]
    pub r_address: Option<HostAddress>,
}
message!(EncKrbPrivPart, "EncKrbPrivPart", application 28, secret, limit MAX_MESSAGE);

impl core::fmt::Debug for EncKrbPrivPart {
    /// Without the data: it is a password more often than not.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EncKrbPrivPart")
            .field("timestamp", &self.timestamp)
            .field("usec", &self.usec)
            .field("seq_number", &self.seq_number)
            .finish_non_exhaustive()
    }
}

impl Drop for EncKrbPrivPart {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.user_data);
    }
}

/// Forwarded tickets (RFC 4120 5.8.1).
///
/// ```text
/// KRB-CRED        ::= [APPLICATION 22] SEQUENCE {
///         pvno            [0] INTEGER (5),
///         msg-type        [1] INTEGER (22),
///         tickets         [2] SEQUENCE OF Ticket,
///         enc-part        [3] EncryptedData -- EncKrbCredPart
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KrbCred {
    #[asn1(context_specific = "0")]
    pvno: Constant<5>,
    #[asn1(context_specific = "1")]
    msg_type: Constant<22>,
    /// The tickets.
    #[asn1(context_specific = "2")]
    pub tickets: SequenceOf<Ticket, 32>,
    /// An [`EncKrbCredPart`], usage 14.
    #[asn1(context_specific = "3")]
    pub enc_part: EncryptedData,
}
message!(KrbCred, "KRB-CRED", application 22, limit MAX_MESSAGE);

impl KrbCred {
    /// Tickets with what belongs to them.
    #[must_use]
    pub fn new(tickets: impl Into<SequenceOf<Ticket, 32>>, enc_part: EncryptedData) -> KrbCred {
        KrbCred {
            pvno: Constant,
            msg_type: Constant,
            tickets: tickets.into(),
            enc_part,
        }
    }
}

/// What a KRB-CRED encrypts (RFC 4120 5.8.1).
///
/// ```text
/// EncKrbCredPart  ::= [APPLICATION 29] SEQUENCE {
///         ticket-info     [0] SEQUENCE OF KrbCredInfo,
///         nonce           [1] UInt32 OPTIONAL,
///         timestamp       [2] KerberosTime OPTIONAL,
///         usec            [3] Microseconds OPTIONAL,
///         s-address       [4] HostAddress OPTIONAL,
///         r-address       [5] HostAddress OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct EncKrbCredPart {
    /// One per ticket, in the same order.
    #[asn1(context_specific = "0")]
    pub ticket_info: SequenceOf<KrbCredInfo, 32>,
    /// Asked for by the recipient.
    #[asn1(context_specific = "1", optional = "true")]
    pub nonce: Option<UInt32>,
    /// The sender's time.
    #[asn1(context_specific = "2", optional = "true")]
    pub timestamp: Option<KerberosTime>,
    /// Its part below the second.
    #[asn1(context_specific = "3", optional = "true")]
    pub usec: Option<Microseconds>,
    /// The sender's address.
    #[asn1(context_specific = "4", optional = "true")]
    pub s_address: Option<HostAddress>,
    /// The recipient's address.
    #[asn1(context_specific = "5", optional = "true")]
    pub r_address: Option<HostAddress>,
}
message!(EncKrbCredPart, "EncKrbCredPart", application 29, secret, limit MAX_MESSAGE);

/// What belongs to one forwarded ticket (RFC 4120 5.8.1).
///
/// ```text
/// KrbCredInfo     ::= SEQUENCE {
///         key             [0] EncryptionKey,
///         prealm          [1] Realm OPTIONAL,
///         pname           [2] PrincipalName OPTIONAL,
///         flags           [3] TicketFlags OPTIONAL,
///         authtime        [4] KerberosTime OPTIONAL,
///         starttime       [5] KerberosTime OPTIONAL,
///         endtime         [6] KerberosTime OPTIONAL,
///         renew-till      [7] KerberosTime OPTIONAL,
///         srealm          [8] Realm OPTIONAL,
///         sname           [9] PrincipalName OPTIONAL,
///         caddr           [10] HostAddresses OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct KrbCredInfo {
    /// The session key.
    #[asn1(context_specific = "0")]
    pub key: EncryptionKey,
    /// The client's realm.
    #[asn1(context_specific = "1", optional = "true")]
    pub prealm: Option<Realm>,
    /// The client.
    #[asn1(context_specific = "2", optional = "true")]
    pub pname: Option<PrincipalName>,
    /// The ticket's flags.
    #[asn1(context_specific = "3", optional = "true")]
    pub flags: Option<TicketFlags>,
    /// When the client authenticated.
    #[asn1(context_specific = "4", optional = "true")]
    pub authtime: Option<KerberosTime>,
    /// From when the ticket is valid.
    #[asn1(context_specific = "5", optional = "true")]
    pub starttime: Option<KerberosTime>,
    /// Until when.
    #[asn1(context_specific = "6", optional = "true")]
    pub endtime: Option<KerberosTime>,
    /// Until when it may be renewed.
    #[asn1(context_specific = "7", optional = "true")]
    pub renew_till: Option<KerberosTime>,
    /// The service's realm.
    #[asn1(context_specific = "8", optional = "true")]
    pub srealm: Option<Realm>,
    /// The service.
    #[asn1(context_specific = "9", optional = "true")]
    pub sname: Option<PrincipalName>,
    /// From where the ticket may be used.
    #[asn1(context_specific = "10", optional = "true")]
    pub caddr: Option<HostAddresses>,
}
