//! Service for user: a service asks for a ticket in a person's name (MS-SFU 2.2).

use der::Sequence;

use super::MAX_REQUEST;
use super::basic::{KerberosString, Realm, flags};
use super::principal::PrincipalName;
use super::ticket::Checksum;
use crate::asn1::{Der, Extensions, UInt32, message};

/// S4U2self by name (MS-SFU 2.2.1).
///
/// ```text
/// PA-FOR-USER ::= SEQUENCE {
///     userName     [0] PrincipalName,
///     userRealm    [1] Realm,
///     cksum        [2] Checksum,
///     auth-package [3] KerberosString
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PaForUser {
    /// Whom the ticket shall name.
    #[asn1(context_specific = "0")]
    pub user_name: PrincipalName,
    /// The person's realm.
    #[asn1(context_specific = "1")]
    pub user_realm: Realm,
    /// KERB_CHECKSUM_HMAC_MD5 in the session key of the ticket-granting ticket, usage 17, over
    /// [`PaForUser::checksum_input`], whatever the key's encryption type.
    #[asn1(context_specific = "2")]
    pub cksum: Checksum,
    /// How the person signed in at the service: `Kerberos`.
    #[asn1(context_specific = "3")]
    pub auth_package: KerberosString,
}
message!(PaForUser, "PA-FOR-USER", limit MAX_REQUEST);

impl PaForUser {
    /// The one `auth-package` that MS-SFU 2.2.1 knows.
    pub const AUTH_PACKAGE: &str = "Kerberos";

    /// What the checksum covers (MS-SFU 2.2.1, S4UByteArray): the name's type as four little-endian
    /// bytes, its components, the realm and the package, with nothing between.
    #[must_use]
    pub fn checksum_input(&self) -> Vec<u8> {
        let mut input = self.user_name.name_type.0.to_le_bytes().to_vec();
        for component in self.user_name.components() {
            input.extend_from_slice(component.as_bytes());
        }
        input.extend_from_slice(self.user_realm.as_bytes());
        input.extend_from_slice(self.auth_package.as_bytes());
        input
    }
}

/// S4U2self by name or certificate (MS-SFU 2.2.2).
///
/// ```text
/// PA-S4U-X509-USER ::= SEQUENCE {
///     user-id  [0] S4UUserID,
///     checksum [1] Checksum
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PaS4uX509User {
    /// Who is meant, with its bytes: the checksum is computed over [`Der::as_bytes`].
    #[asn1(context_specific = "0")]
    pub user_id: Der<S4uUserId>,
    /// In a request in the authenticator's subkey, or the session key where there is none, usage 26.
    /// In a reply in the same key, usage 27 where [`S4uOptions::USE_REPLY_KEY_USAGE`] is set, else 26.
    #[asn1(context_specific = "1")]
    pub checksum: Checksum,
}
message!(PaS4uX509User, "PA-S4U-X509-USER", limit MAX_REQUEST);

flags! {
    /// Options of [`S4uUserId`] (MS-SFU 2.2.2).
    pub struct S4uOptions {
        /// The person's logon hours count.
        CHECK_LOGON_HOURS = 1,
        /// Asks for usage 27 in the reply's checksum; in a reply, says so.
        USE_REPLY_KEY_USAGE = 2,
    }
}

/// Who is meant (MS-SFU 2.2.2).
///
/// ```text
/// S4UUserID ::= SEQUENCE {
///     nonce               [0] UInt32, -- the nonce in KDC-REQ-BODY
///     cname               [1] PrincipalName OPTIONAL, -- certificate mapping hints
///     crealm              [2] Realm,
///     subject-certificate [3] OCTET STRING OPTIONAL,
///     options             [4] BIT STRING OPTIONAL,
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct S4uUserId {
    /// The nonce of the request's body.
    #[asn1(context_specific = "0")]
    pub nonce: UInt32,
    /// The person, or a hint at whose the certificate is.
    #[asn1(context_specific = "1", optional = "true")]
    pub cname: Option<PrincipalName>,
    /// The person's realm.
    #[asn1(context_specific = "2")]
    pub crealm: Realm,
    /// The person's X.509 certificate, DER.
    #[asn1(context_specific = "3", type = "OCTET STRING", optional = "true")]
    pub subject_certificate: Option<Vec<u8>>,
    /// Options.
    #[asn1(context_specific = "4", optional = "true")]
    pub options: Option<S4uOptions>,
    /// What later versions add.
    pub extensions: Extensions<5>,
}
message!(S4uUserId, "S4UUserID", limit MAX_REQUEST);
