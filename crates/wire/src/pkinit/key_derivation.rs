//! What the key derivation function of RFC 8636 hashes beside the shared secret (RFC 8636 6; protocols
//! E.3.3): `K = Hash(counter | Z | OtherInfo)`.

use der::Sequence;

use super::request::Krb5PrincipalName;
use crate::asn1::{self, ObjectIdentifier};
use crate::kerberos::{EncryptionType, PrincipalName, Realm};

/// Who derives a key, with which function (RFC 8636 6).
///
/// ```text
/// OtherInfo ::= SEQUENCE {
///         algorithmID   AlgorithmIdentifier,
///         partyUInfo    [0] OCTET STRING,  -- DER of KRB5PrincipalName, the client
///         partyVInfo    [1] OCTET STRING,  -- DER of KRB5PrincipalName, the KDC
///         suppPubInfo   [2] OCTET STRING OPTIONAL,  -- DER of PkinitSuppPubInfo
///         suppPrivInfo  [3] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Debug)]
pub struct OtherInfo<'a> {
    /// The function; its AlgorithmIdentifier has no parameters.
    pub kdf: ObjectIdentifier,
    /// The client's realm, as in the request.
    pub client_realm: &'a Realm,
    /// The client, as in the request.
    pub client: &'a PrincipalName,
    /// The realm of the service that the request names.
    pub server_realm: &'a Realm,
    /// The service that the request names.
    pub server: &'a PrincipalName,
    /// For which exchange.
    pub supp_pub_info: PkinitSuppPubInfo<'a>,
}

/// For which exchange a key is derived (RFC 8636 6).
///
/// ```text
/// PkinitSuppPubInfo ::= SEQUENCE {
///        enctype           [0] Int32, -- The enctype of the AS reply key.
///        as-REQ            [1] OCTET STRING, -- The AS-REQ, as it was sent.
///        pk-as-rep         [2] OCTET STRING, -- The content of PA-PK-AS-REP.
///        ...
/// }
/// ```
#[derive(Clone, Copy, Debug, Sequence)]
pub struct PkinitSuppPubInfo<'a> {
    /// The encryption type of the reply key.
    #[asn1(context_specific = "0")]
    pub enctype: EncryptionType,
    /// The whole AS-REQ, as it was sent.
    #[asn1(context_specific = "1", type = "OCTET STRING")]
    pub as_req: &'a [u8],
    /// The content of the reply's PA-PK-AS-REP.
    #[asn1(context_specific = "2", type = "OCTET STRING")]
    pub pk_as_rep: &'a [u8],
}

#[derive(Sequence)]
struct OtherInfoFields<'a> {
    algorithm_id: AlgorithmWithoutParameters,
    #[asn1(context_specific = "0", type = "OCTET STRING")]
    party_u_info: &'a [u8],
    #[asn1(context_specific = "1", type = "OCTET STRING")]
    party_v_info: &'a [u8],
    #[asn1(context_specific = "2", type = "OCTET STRING")]
    supp_pub_info: &'a [u8],
}

#[derive(Sequence)]
struct AlgorithmWithoutParameters {
    algorithm: ObjectIdentifier,
}

impl OtherInfo<'_> {
    /// Writes it as DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let principal = |realm: &Realm, name: &PrincipalName| {
            Krb5PrincipalName {
                realm: realm.clone(),
                principal_name: name.clone(),
            }
            .encode()
        };
        asn1::encode(&OtherInfoFields {
            algorithm_id: AlgorithmWithoutParameters {
                algorithm: self.kdf,
            },
            party_u_info: &principal(self.client_realm, self.client),
            party_v_info: &principal(self.server_realm, self.server),
            supp_pub_info: &asn1::encode(&self.supp_pub_info),
        })
    }
}
