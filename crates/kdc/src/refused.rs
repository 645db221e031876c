//! Why the KDC said no. The peer learns the code, the audit log the reason (protocols E.3.6).

use directory::sources::Limited;
use trust::path::{Invalid, Why};
use wire::kerberos::ErrorCode;

use crate::revocation::Needed;

/// A refusal: who erred, and what was expected. [`Refused::code`] is all that the peer learns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    // The message.
    /// Not a message that we can read.
    #[error("malformed request")]
    Malformed,
    /// A Kerberos message, but none that one sends to a KDC.
    #[error("not a message for a KDC")]
    NotForUs,
    /// A request for another realm.
    #[error("another realm was asked")]
    WrongRealm,
    /// A request that names nobody, or no service.
    #[error("the request names no {0}")]
    Nameless(&'static str),
    /// An option that is not given, or not on this ticket.
    #[error("{0}")]
    BadOption(&'static str),
    /// The answer does not fit in a datagram.
    #[error("the answer does not fit in a datagram")]
    ResponseTooBig,

    // The client's account.
    /// No such account.
    #[error("unknown client")]
    ClientUnknown,
    /// Nobody has the name, and the client is not told (`kdc.hide_unknown_names`), but this.
    #[error("unknown client")]
    Nobody(Box<Refused>),
    /// A password that is not even looked at, or fits no key, and the client is not told why (`kdc.hide_unknown_names`): it
    /// would know of the account.
    #[error("{0}")]
    AsWrongPassword(Box<Refused>),
    /// Too much of no use came from the client's address.
    #[error("too many failures came from this address")]
    SourceLimited,
    /// As much came by datagrams, whose sender writes what address they like: the client is to come over a connection.
    #[error("too many failures came by datagrams from this address: to be asked again over TCP")]
    SourceUnproven,
    /// The account is disabled.
    #[error("the client's account is disabled")]
    ClientDisabled,
    /// The account has expired.
    #[error("the client's account has expired")]
    ClientExpired,
    /// Too many wrong passwords.
    #[error("the client's account is locked out")]
    ClientLockedOut,
    /// The password has expired or must be changed at the next sign-in.
    #[error("the client's password must be changed")]
    PasswordMustChange,

    // The service.
    /// No such service.
    #[error("unknown service")]
    ServiceUnknown,
    /// The service's account is disabled.
    #[error("the service's account is disabled")]
    ServiceDisabled,
    /// A person's account without a service principal name: its password must not be guessed offline
    /// from a ticket.
    #[error("the account takes user-to-user tickets alone")]
    MustUseUserToUser,

    // What was agreed on.
    /// No encryption type in common.
    #[error("no encryption type in common")]
    NoCommonEtype,
    /// A postdated ticket was asked for.
    #[error("postdated tickets are not given")]
    CannotPostdate,
    /// The ticket would end before it starts.
    #[error("the ticket would end before it starts")]
    NeverValid,

    // Pre-authentication.
    /// There was none.
    #[error("pre-authentication is required")]
    PreauthRequired,
    /// The encrypted timestamp does not open with the client's key.
    #[error("wrong password")]
    WrongPassword,
    /// The account signs in by key alone (userAccountControl SMARTCARD_REQUIRED).
    #[error("the account takes no password")]
    KeyRequired,
    /// The client's clock and ours differ by more than the skew.
    #[error("the clocks are too far apart")]
    Skew,

    // Armor (FAST).
    /// The account's sign-in must be armored, by policy.
    #[error("the sign-in must be armored (RequireFast)")]
    ArmorRequired,
    /// There is no armor, or none of a kind that is known.
    #[error("the armored request brings no armor of a kind that is known")]
    ArmorMissing,
    /// A TGS-REQ whose armor is another ticket than the one that it rests on.
    #[error("the armored request for a ticket brings armor of its own")]
    ArmorOfItsOwn,
    /// The armor's ticket is not good.
    #[error("the armor: {0}")]
    Armor(Box<Refused>),
    /// The armor's authenticator has no subkey.
    #[error("the armor's authenticator has no subkey")]
    ArmorWithoutSubkey,
    /// What is inside does not open with the armor key.
    #[error("the armored request does not open with its armor's key")]
    ArmoredBadIntegrity,
    /// The checksum over what is outside is not one of the armor key.
    #[error("the armored request's checksum is not keyed")]
    ArmoredChecksumType,
    /// What is outside was altered.
    #[error("the armored request's checksum is not that of what it came in")]
    ArmoredModified,
    /// A critical option that we do not know.
    #[error("a critical FAST option is not known")]
    FastOptionUnknown,
    /// The authenticator says that there was armor.
    #[error("the armor was taken off the request")]
    ArmorTakenOff,
    /// An anonymous ticket as armor, where none is given any more.
    #[error("anonymous tickets are not offered")]
    AnonymousNotOffered,
    /// The ticket or authenticator says that it is for armor and nothing else.
    #[error("the ticket is for armor alone")]
    ArmorAlone,

    // PKINIT.
    /// The KDC has no certificate to answer with (AUTH-K3).
    #[error("PKINIT is not offered: the KDC has no certificate")]
    PkinitNotOffered,
    /// The PKINIT request of the draft beside that of the standard.
    #[error("two forms of PKINIT in one request")]
    TwoFormsOfPkinit,
    /// What should be a PKINIT request is not.
    #[error("malformed PKINIT request: {0}")]
    MalformedPkinit(&'static str),
    /// The digest of the SignedData is not accepted.
    #[error("the digest algorithm of the SignedData is not accepted")]
    DigestNotAccepted,
    /// The signature algorithm of the SignedData is not one of ours.
    #[error("the signature algorithm of the SignedData is not accepted")]
    SignatureAlgorithm,
    /// The signature does not fit the key that came with it.
    #[error("the signature does not verify with the key that came with it")]
    InvalidSignature,
    /// No key of the account made the signature (E.4 rules 2 and 4).
    #[error("the key is not listed on the client's account")]
    KeyNotListed,
    /// The key is listed, and yet too weak to be believed.
    #[error("the key is too weak: {0}")]
    WeakKey(String),
    /// The key belongs to another account (E.4 rule 2, AUTH-K1).
    #[error("the key belongs to another account than the one named")]
    ClientNameMismatch,
    /// The certificate reaches a trusted issuer, and its path is not valid (E.5.1).
    #[error("the certificate is not valid: {0}")]
    CertificateInvalid(Box<Invalid>),
    /// The certificate is revoked or on hold; which one.
    #[error("the certificate is revoked: serial number {0}")]
    CertificateRevoked(Box<str>),
    /// The certificate bears our own authority's signature, and is not in its books: somebody has its key (security:
    /// "golden certificate").
    #[error("the certificate is signed by our authority and was never issued by it")]
    CertificateNotIssued,
    /// Who should know whether the certificate is revoked does not, or there is nobody to ask.
    #[error("nobody knows whether the certificate is revoked")]
    RevocationUnknown,
    /// What would say whether the certificate is revoked is not in hand; what, where it may be had yet.
    #[error("it is not in hand whether the certificate is revoked")]
    RevocationUnavailable(Option<Box<Needed>>),
    /// Nothing binds the certificate to the account strongly enough (E.5.2 to E.5.5).
    #[error("the certificate is not mapped to the account strongly enough")]
    CertificateMismatch,
    /// The device that the key was registered on is disabled or gone.
    #[error("the key's device is disabled or gone")]
    DeviceDisabled,
    /// No checksum over the request body.
    #[error("the PKAuthenticator holds no checksum over the request")]
    ChecksumMissing,
    /// The checksum over the request body is of another one.
    #[error("the PKAuthenticator's checksum is not that of the request")]
    ChecksumWrong,
    /// The group is not accepted.
    #[error("the Diffie-Hellman group or public value is not accepted")]
    DhParameters,
    /// A reply key by public-key encryption was asked for.
    #[error("a reply key by public-key encryption is not given")]
    PublicKeyEncryption,
    /// No key derivation function in common.
    #[error("no key derivation function in common")]
    NoAcceptableKdf,
    /// The freshness token is too old, or not one of ours.
    #[error("the freshness token is stale")]
    FreshnessStale,
    /// A freshness token is required.
    #[error("a freshness token is required")]
    FreshnessMissing,
    /// None of the certifiers that the client trusts issued our certificate.
    #[error("the client trusts none of our certifiers")]
    KdcNotTrusted,

    // The ticket in a TGS-REQ.
    /// No ticket-granting ticket came along.
    #[error("no ticket-granting ticket")]
    NoTgt,
    /// The ticket is for another service.
    #[error("the ticket is not one for this service")]
    NotUs,
    /// The ticket or the authenticator does not open.
    #[error("the ticket or its authenticator does not open")]
    BadIntegrity,
    /// Under a key that is no longer there.
    #[error("the ticket was sealed under a key that is no longer there")]
    KeyGone,
    /// The ticket is over.
    #[error("the ticket has expired")]
    TicketExpired,
    /// The ticket is for other addresses than the one that it came from.
    #[error("the ticket is for other addresses than the one that it came from")]
    WrongAddress,
    /// The ticket has not begun.
    #[error("the ticket is not valid yet")]
    TicketNotYetValid,
    /// The same authenticator in another message.
    #[error("the authenticator was seen before")]
    Repeated,
    /// Ticket and authenticator name different clients.
    #[error("ticket and authenticator name different clients")]
    BadMatch,
    /// The checksum over the request body is missing or not keyed.
    #[error("the authenticator's checksum is missing or not keyed")]
    InappropriateChecksum,
    /// The request was altered.
    #[error("the authenticator's checksum is not that of the request")]
    Modified,
    /// Authorization data that the KDC must understand, and does not.
    #[error("authorization data that the KDC must understand is not known")]
    MandatoryUnknown,
    /// The service takes tickets of the AS exchange alone.
    #[error("the service takes initial tickets alone")]
    InitialTicketNeeded,
    /// Somebody else's password is not the client's to set.
    #[error("somebody else's password was to be set")]
    PasswordOfAnother,
    /// The new password breaks a rule.
    #[error("the new password is refused: {0}")]
    PasswordRefused(directory::password::PasswordRefused),
    /// The ticket's PAC is missing, forged, or speaks of another account.
    #[error("the ticket's PAC is not to be believed: {0}")]
    PacRefused(&'static str),
    /// What got the ticket is gone: its key, its device, its account or the account's name.
    #[error("the {0} that got the ticket is gone")]
    TgtRevoked(&'static str),

    // Tickets in somebody else's name, and under somebody else's key.
    /// The word for whom a service asks has a checksum that is not keyed, or of another type than it must be.
    #[error("the checksum over for whom the service asks is not of the type that it must be")]
    ForUserChecksum,
    /// The word for whom a service asks was altered, or is of another request.
    #[error("the checksum over for whom the service asks is not that of the request")]
    ForUserModified,
    /// A service asked for somebody's ticket to another service than itself.
    #[error("a ticket in somebody's name was asked for to another service than the one that asks")]
    NotToItself,
    /// A service asked for somebody of another realm.
    #[error("a ticket was asked for in the name of somebody of another realm")]
    ForeignUser,
    /// The additional ticket is not good.
    #[error("the additional ticket: {0}")]
    Additional(Box<Refused>),
    /// The evidence's PAC is not to be believed.
    #[error("the evidence is not to be believed: {0}")]
    Evidence(ticket::pac::Unbelieved),
    /// Whom the evidence names is gone: the account, or its name.
    #[error("the {0} that the evidence is for is gone")]
    EvidenceRevoked(&'static str),
    /// The service may not pass the person on.
    #[error("not delegated: {0}")]
    NotDelegated(&'static str),
    /// The services of the house take nobody on another service's word.
    #[error("the service signs people in, and takes nobody on another service's word")]
    DelegatedAtTheHouse,
    /// The additional ticket is no ticket-granting ticket of this realm.
    #[error("the additional ticket is no ticket-granting ticket of this realm")]
    NotTicketGranting,
    /// The additional ticket-granting ticket is another account's than the service's.
    #[error("the additional ticket-granting ticket is another's than the service's")]
    AnothersTicket,

    // Ourselves.
    /// Our own trouble, which is never blamed on the peer.
    #[error("our own trouble")]
    Fault,
}

impl From<Limited> for Refused {
    fn from(limited: Limited) -> Self {
        match limited {
            Limited::Refused => Self::SourceLimited,
            Limited::Unproven => Self::SourceUnproven,
        }
    }
}

impl Refused {
    /// Whether what should be a proof by signature is none, so that its sender has but wasted our time.
    pub(crate) fn is_garbage(&self) -> bool {
        matches!(
            self,
            Self::MalformedPkinit(_)
                | Self::TwoFormsOfPkinit
                | Self::DigestNotAccepted
                | Self::SignatureAlgorithm
                | Self::InvalidSignature
                | Self::KeyNotListed
                | Self::WeakKey(_)
                | Self::CertificateInvalid(_)
                | Self::CertificateNotIssued
                | Self::ClientNameMismatch
                | Self::ChecksumMissing
                | Self::ChecksumWrong
        )
    }

    /// Of the additional ticket; our own trouble stays ours.
    pub(crate) fn additional(why: Self) -> Self {
        match why {
            Self::Fault => Self::Fault,
            why => Self::Additional(Box::new(why)),
        }
    }

    /// Why, whatever the client is told instead.
    #[must_use]
    pub fn reason(&self) -> &Self {
        match self {
            Self::Nobody(told) if !matches!(**told, Self::SourceLimited | Self::SourceUnproven) => {
                &Self::ClientUnknown
            }
            Self::Nobody(why) | Self::AsWrongPassword(why) => why.reason(),
            why => why,
        }
    }

    /// The code that the peer sees.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed | Self::TwoFormsOfPkinit | Self::MalformedPkinit(_) | Self::Fault => {
                ErrorCode::KRB_ERR_GENERIC
            }
            Self::NotForUs => ErrorCode::KRB_AP_ERR_MSG_TYPE,
            Self::Nobody(told) => told.code(),
            Self::SourceLimited => ErrorCode::KDC_ERR_SVC_UNAVAILABLE,
            Self::WrongRealm => ErrorCode::KDC_ERR_WRONG_REALM,
            Self::Nameless("client") | Self::ClientUnknown => {
                ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN
            }
            Self::Nameless(_) | Self::ServiceUnknown => ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN,
            Self::BadOption(_) => ErrorCode::KDC_ERR_BADOPTION,
            // What clients of all makes take for "come over TCP" (RFC 4120 7.2.1).
            Self::ResponseTooBig | Self::SourceUnproven => ErrorCode::KRB_ERR_RESPONSE_TOO_BIG,
            Self::ClientDisabled | Self::ClientExpired | Self::ClientLockedOut => {
                ErrorCode::KDC_ERR_CLIENT_REVOKED
            }
            Self::PasswordMustChange => ErrorCode::KDC_ERR_KEY_EXPIRED,
            Self::ServiceDisabled => ErrorCode::KDC_ERR_SERVICE_REVOKED,
            Self::MustUseUserToUser => ErrorCode::KDC_ERR_MUST_USE_USER2USER,
            Self::NoCommonEtype => ErrorCode::KDC_ERR_ETYPE_NOSUPP,
            Self::CannotPostdate => ErrorCode::KDC_ERR_CANNOT_POSTDATE,
            Self::NeverValid => ErrorCode::KDC_ERR_NEVER_VALID,
            Self::PreauthRequired => ErrorCode::KDC_ERR_PREAUTH_REQUIRED,
            Self::WrongPassword | Self::AsWrongPassword(_) | Self::FreshnessMissing => {
                ErrorCode::KDC_ERR_PREAUTH_FAILED
            }
            Self::ArmorMissing | Self::ArmorOfItsOwn => ErrorCode::KDC_ERR_PREAUTH_FAILED,
            // Of the armor's account the client must not read as of its own.
            Self::Armor(refused) => match refused.code() {
                ErrorCode::KDC_ERR_CLIENT_REVOKED => ErrorCode::KDC_ERR_TGT_REVOKED,
                code => code,
            },
            Self::ArmorRequired
            | Self::ArmorWithoutSubkey
            | Self::ArmorAlone
            | Self::AnonymousNotOffered => ErrorCode::KDC_ERR_POLICY,
            Self::FastOptionUnknown => ErrorCode::KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS,
            Self::Skew => ErrorCode::KRB_AP_ERR_SKEW,
            Self::KeyRequired
            | Self::MandatoryUnknown
            | Self::InitialTicketNeeded
            | Self::PasswordOfAnother
            | Self::PasswordRefused(_) => ErrorCode::KDC_ERR_POLICY,
            Self::PkinitNotOffered => ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP,
            Self::DigestNotAccepted => ErrorCode::KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED,
            Self::SignatureAlgorithm | Self::InvalidSignature => ErrorCode::KDC_ERR_INVALID_SIG,
            Self::KeyNotListed
            | Self::WeakKey(_)
            | Self::CertificateNotIssued
            | Self::DeviceDisabled => ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED,
            Self::ClientNameMismatch => ErrorCode::KDC_ERR_CLIENT_NAME_MISMATCH,
            Self::CertificateInvalid(invalid) => code_of(invalid.why),
            Self::CertificateRevoked(_) => ErrorCode::KDC_ERR_REVOKED_CERTIFICATE,
            Self::RevocationUnknown => ErrorCode::KDC_ERR_REVOCATION_STATUS_UNKNOWN,
            Self::RevocationUnavailable(_) => ErrorCode::KDC_ERR_REVOCATION_STATUS_UNAVAILABLE,
            Self::CertificateMismatch => ErrorCode::KDC_ERR_CERTIFICATE_MISMATCH,
            Self::ChecksumMissing => ErrorCode::KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED,
            Self::ChecksumWrong | Self::Modified | Self::ArmoredModified | Self::ArmorTakenOff => {
                ErrorCode::KRB_AP_ERR_MODIFIED
            }
            Self::DhParameters => ErrorCode::KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED,
            Self::PublicKeyEncryption => ErrorCode::KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED,
            Self::NoAcceptableKdf => ErrorCode::KDC_ERR_NO_ACCEPTABLE_KDF,
            Self::FreshnessStale => ErrorCode::KDC_ERR_PREAUTH_EXPIRED,
            Self::KdcNotTrusted => ErrorCode::KDC_ERR_KDC_NOT_TRUSTED,
            Self::NoTgt => ErrorCode::KRB_AP_ERR_NO_TGT,
            Self::NotUs => ErrorCode::KRB_AP_ERR_NOT_US,
            Self::BadIntegrity | Self::ArmoredBadIntegrity => ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
            Self::KeyGone => ErrorCode::KRB_AP_ERR_BADKEYVER,
            Self::TicketExpired => ErrorCode::KRB_AP_ERR_TKT_EXPIRED,
            Self::TicketNotYetValid => ErrorCode::KRB_AP_ERR_TKT_NYV,
            Self::WrongAddress => ErrorCode::KRB_AP_ERR_BADADDR,
            Self::Repeated => ErrorCode::KRB_AP_ERR_REPEAT,
            Self::BadMatch => ErrorCode::KRB_AP_ERR_BADMATCH,
            Self::InappropriateChecksum | Self::ArmoredChecksumType => {
                ErrorCode::KRB_AP_ERR_INAPP_CKSUM
            }
            Self::ForUserChecksum => ErrorCode::KRB_AP_ERR_INAPP_CKSUM,
            Self::ForUserModified | Self::Evidence(_) => ErrorCode::KRB_AP_ERR_MODIFIED,
            Self::NotToItself | Self::AnothersTicket => ErrorCode::KRB_AP_ERR_BADMATCH,
            Self::ForeignUser | Self::NotTicketGranting | Self::DelegatedAtTheHouse => {
                ErrorCode::KDC_ERR_POLICY
            }
            Self::NotDelegated(_) => ErrorCode::KDC_ERR_BADOPTION,
            // Of the other party's account the client must not read as of its own.
            Self::Additional(refused) => match refused.code() {
                ErrorCode::KDC_ERR_CLIENT_REVOKED => ErrorCode::KDC_ERR_SERVICE_REVOKED,
                code => code,
            },
            Self::EvidenceRevoked(_) => ErrorCode::KDC_ERR_TGT_REVOKED,
            Self::PacRefused(_) | Self::TgtRevoked(_) => ErrorCode::KDC_ERR_TGT_REVOKED,
        }
    }
}

/// The code for a path that is not valid (RFC 4556 3.2.2).
fn code_of(why: Why) -> ErrorCode {
    match why {
        Why::Untrusted => ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED,
        Why::Algorithm => ErrorCode::KDC_ERR_CANT_VERIFY_CERTIFICATE,
        Why::Digest => ErrorCode::KDC_ERR_DIGEST_IN_CERT_NOT_ACCEPTED,
        Why::KeyUsage | Why::Purpose => ErrorCode::KDC_ERR_INCONSISTENT_KEY_PURPOSE,
        Why::NotYetValid
        | Why::Expired
        | Why::Key
        | Why::Malformed(_)
        | Why::Critical(_)
        | Why::Authority
        | Why::NotAuthority
        | Why::PathLength
        | Why::Names
        | Why::NameOfAnother
        | Why::Policy => ErrorCode::KDC_ERR_INVALID_CERTIFICATE,
    }
}
