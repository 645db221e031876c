//! The numbers of Kerberos: message types, error codes, pre-authentication data, encryption types,
//! checksums, key usages, authorization data.

use crate::asn1::{int32_numbers, numbers};

int32_numbers! {
    /// The type of a message (RFC 4120 7.5.7), which is also the number of its application tag.
    pub struct MessageType {
        /// Request for initial authentication.
        AS_REQ = 10,
        /// Its answer.
        AS_REP = 11,
        /// Request on the strength of a ticket.
        TGS_REQ = 12,
        /// Its answer.
        TGS_REP = 13,
        /// A client shows a ticket to a service.
        AP_REQ = 14,
        /// The service proves itself.
        AP_REP = 15,
        /// Integrity-protected application data.
        KRB_SAFE = 20,
        /// Encrypted application data.
        KRB_PRIV = 21,
        /// Forwarded credentials.
        KRB_CRED = 22,
        /// An error.
        KRB_ERROR = 30,
    }
}

int32_numbers! {
    /// Why a request was refused (RFC 4120 7.5.9, RFC 4556 3.1.3, RFC 6113, RFC 8636; protocols E.3.6).
    pub struct ErrorCode {
        /// No error.
        KDC_ERR_NONE = 0,
        /// The client's entry has expired.
        KDC_ERR_NAME_EXP = 1,
        /// The service's entry has expired.
        KDC_ERR_SERVICE_EXP = 2,
        /// The protocol version is not supported.
        KDC_ERR_BAD_PVNO = 3,
        /// The client's key is encrypted in an old master key.
        KDC_ERR_C_OLD_MAST_KVNO = 4,
        /// The service's key is encrypted in an old master key.
        KDC_ERR_S_OLD_MAST_KVNO = 5,
        /// The client is not in the database.
        KDC_ERR_C_PRINCIPAL_UNKNOWN = 6,
        /// The service is not in the database.
        KDC_ERR_S_PRINCIPAL_UNKNOWN = 7,
        /// Several entries match.
        KDC_ERR_PRINCIPAL_NOT_UNIQUE = 8,
        /// The client or the service has no key.
        KDC_ERR_NULL_KEY = 9,
        /// The ticket cannot be postdated.
        KDC_ERR_CANNOT_POSTDATE = 10,
        /// The start lies after the end.
        KDC_ERR_NEVER_VALID = 11,
        /// Policy refuses the request.
        KDC_ERR_POLICY = 12,
        /// An option that the ticket or the policy does not allow.
        KDC_ERR_BADOPTION = 13,
        /// No encryption type in common.
        KDC_ERR_ETYPE_NOSUPP = 14,
        /// The checksum type is not supported.
        KDC_ERR_SUMTYPE_NOSUPP = 15,
        /// The pre-authentication type is not supported.
        KDC_ERR_PADATA_TYPE_NOSUPP = 16,
        /// The transited type is not supported.
        KDC_ERR_TRTYPE_NOSUPP = 17,
        /// The client is disabled, locked or expired.
        KDC_ERR_CLIENT_REVOKED = 18,
        /// The service is disabled.
        KDC_ERR_SERVICE_REVOKED = 19,
        /// The ticket-granting ticket has been revoked.
        KDC_ERR_TGT_REVOKED = 20,
        /// The client is not valid yet.
        KDC_ERR_CLIENT_NOTYET = 21,
        /// The service is not valid yet.
        KDC_ERR_SERVICE_NOTYET = 22,
        /// The password has expired or must be changed.
        KDC_ERR_KEY_EXPIRED = 23,
        /// Pre-authentication failed.
        KDC_ERR_PREAUTH_FAILED = 24,
        /// Pre-authentication is required.
        KDC_ERR_PREAUTH_REQUIRED = 25,
        /// The ticket is for another service.
        KDC_ERR_SERVER_NOMATCH = 26,
        /// The service takes user-to-user tickets alone.
        KDC_ERR_MUST_USE_USER2USER = 27,
        /// The KDC does not accept the transited path.
        KDC_ERR_PATH_NOT_ACCEPTED = 28,
        /// A service that the KDC needs is not there.
        KDC_ERR_SVC_UNAVAILABLE = 29,
        /// Decryption failed the integrity check.
        KRB_AP_ERR_BAD_INTEGRITY = 31,
        /// The ticket has expired.
        KRB_AP_ERR_TKT_EXPIRED = 32,
        /// The ticket is not valid yet.
        KRB_AP_ERR_TKT_NYV = 33,
        /// The request was seen before.
        KRB_AP_ERR_REPEAT = 34,
        /// The ticket is for another service.
        KRB_AP_ERR_NOT_US = 35,
        /// Ticket and authenticator name different clients.
        KRB_AP_ERR_BADMATCH = 36,
        /// The clocks are too far apart.
        KRB_AP_ERR_SKEW = 37,
        /// The network address is not one of the ticket's.
        KRB_AP_ERR_BADADDR = 38,
        /// The protocol version is not supported.
        KRB_AP_ERR_BADVERSION = 39,
        /// The message type is not supported.
        KRB_AP_ERR_MSG_TYPE = 40,
        /// The checksum does not match.
        KRB_AP_ERR_MODIFIED = 41,
        /// The message is out of order.
        KRB_AP_ERR_BADORDER = 42,
        /// The key version is not there.
        KRB_AP_ERR_BADKEYVER = 44,
        /// The service's key is not there.
        KRB_AP_ERR_NOKEY = 45,
        /// Mutual authentication failed.
        KRB_AP_ERR_MUT_FAIL = 46,
        /// The message goes the wrong way.
        KRB_AP_ERR_BADDIRECTION = 47,
        /// Another authentication method is required.
        KRB_AP_ERR_METHOD = 48,
        /// The sequence number is wrong.
        KRB_AP_ERR_BADSEQ = 49,
        /// The checksum is unkeyed, missing or of the wrong type.
        KRB_AP_ERR_INAPP_CKSUM = 50,
        /// The transited path is not accepted.
        KRB_AP_PATH_NOT_ACCEPTED = 51,
        /// The answer does not fit in a datagram: ask again over TCP.
        KRB_ERR_RESPONSE_TOO_BIG = 52,
        /// Anything else.
        KRB_ERR_GENERIC = 60,
        /// A field is too long for this implementation.
        KRB_ERR_FIELD_TOOLONG = 61,
        /// The client's certificate or key is not trusted.
        KDC_ERR_CLIENT_NOT_TRUSTED = 62,
        /// No certificate of the KDC reaches a certifier that the client trusts.
        KDC_ERR_KDC_NOT_TRUSTED = 63,
        /// The signature does not verify.
        KDC_ERR_INVALID_SIG = 64,
        /// The Diffie-Hellman group is not accepted.
        KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED = 65,
        /// The certificate does not belong to the client's account.
        KDC_ERR_CERTIFICATE_MISMATCH = 66,
        /// No ticket-granting ticket was presented.
        KRB_AP_ERR_NO_TGT = 67,
        /// The client belongs to another realm.
        KDC_ERR_WRONG_REALM = 68,
        /// User-to-user authentication is required.
        KRB_AP_ERR_USER_TO_USER_REQUIRED = 69,
        /// No path from the certificate to a trusted root.
        KDC_ERR_CANT_VERIFY_CERTIFICATE = 70,
        /// A certificate of the path is invalid.
        KDC_ERR_INVALID_CERTIFICATE = 71,
        /// A certificate of the path is revoked.
        KDC_ERR_REVOKED_CERTIFICATE = 72,
        /// It is not known whether a certificate is revoked.
        KDC_ERR_REVOCATION_STATUS_UNKNOWN = 73,
        /// The revocation source cannot be reached.
        KDC_ERR_REVOCATION_STATUS_UNAVAILABLE = 74,
        /// The key belongs to another account than the one named.
        KDC_ERR_CLIENT_NAME_MISMATCH = 75,
        /// The KDC's certificate names another realm.
        KDC_ERR_KDC_NAME_MISMATCH = 76,
        /// The certificate's purposes do not allow this use.
        KDC_ERR_INCONSISTENT_KEY_PURPOSE = 77,
        /// The digest algorithm of a certificate's signature is not accepted.
        KDC_ERR_DIGEST_IN_CERT_NOT_ACCEPTED = 78,
        /// The PKAuthenticator has no checksum over the request.
        KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED = 79,
        /// The digest algorithm of the SignedData is not accepted.
        KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED = 80,
        /// A reply key by public-key encryption is not given.
        KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED = 81,
        /// The pre-authentication exchange took too long, or its token is stale.
        KDC_ERR_PREAUTH_EXPIRED = 90,
        /// Another round of pre-authentication is needed.
        KDC_ERR_MORE_PREAUTH_DATA_REQUIRED = 91,
        /// The pre-authentication set is bad (RFC 6113).
        KDC_ERR_PREAUTH_BAD_AUTHENTICATION_SET = 92,
        /// A critical FAST option is not known.
        KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS = 93,
        /// No key derivation function in common (RFC 8636).
        KDC_ERR_NO_ACCEPTABLE_KDF = 100,
    }
}

int32_numbers! {
    /// What a PA-DATA or a TYPED-DATA holds (RFC 4120 7.5.2, RFC 6113, RFC 4556, RFC 8070, MS-KILE;
    /// protocols E.2).
    pub struct PaDataType {
        /// The AP-REQ of a TGS-REQ.
        TGS_REQ = 1,
        /// An encrypted timestamp.
        ENC_TIMESTAMP = 2,
        /// A salt, bare.
        PW_SALT = 3,
        /// Encryption types with salts, old form.
        ETYPE_INFO = 11,
        /// PKINIT request of a draft.
        PK_AS_REQ_OLD = 14,
        /// PKINIT reply of a draft.
        PK_AS_REP_OLD = 15,
        /// PKINIT request.
        PK_AS_REQ = 16,
        /// PKINIT reply.
        PK_AS_REP = 17,
        /// Encryption types with salts and parameters.
        ETYPE_INFO2 = 19,
        /// Referral data of the service's realm.
        SVR_REFERRAL_INFO = 20,
        /// Typed data: certifiers that the KDC trusts.
        TD_TRUSTED_CERTIFIERS = 104,
        /// Typed data: certificates that do not verify.
        TD_INVALID_CERTIFICATES = 105,
        /// Typed data: groups that the KDC accepts.
        TD_DH_PARAMETERS = 109,
        /// Typed data: CMS digest algorithms that the KDC accepts (RFC 8636).
        TD_CMS_DIGEST_ALGORITHMS = 111,
        /// Typed data: certificate digest algorithms that the KDC accepts (RFC 8636).
        TD_CERT_DIGEST_ALGORITHMS = 112,
        /// Whether the client wants a PAC.
        PAC_REQUEST = 128,
        /// S4U2self by name.
        FOR_USER = 129,
        /// S4U2self by certificate.
        S4U_X509_USER = 130,
        /// The newer checksum rule (MS-PKCA).
        AS_CHECKSUM = 132,
        /// The KDC's state between two requests.
        FX_COOKIE = 133,
        /// An authentication set.
        AUTHENTICATION_SET = 134,
        /// FAST armor and its content.
        FX_FAST = 136,
        /// An error inside FAST.
        FX_ERROR = 137,
        /// An encrypted timestamp under FAST.
        ENCRYPTED_CHALLENGE = 138,
        /// Session key contribution of anonymous PKINIT.
        PKINIT_KX = 147,
        /// The request's checksum comes back encrypted (RFC 6806 11).
        REQ_ENC_PA_REP = 149,
        /// Freshness token (RFC 8070).
        AS_FRESHNESS = 150,
        /// SPAKE (RFC 9588).
        SPAKE = 151,
        /// Asks for long-term keys by a partial ticket (MS-KILE).
        KERB_KEY_LIST_REQ = 161,
        /// Those keys.
        KERB_KEY_LIST_REP = 162,
        /// Encryption types that the peer supports.
        SUPPORTED_ETYPES = 165,
        /// Extended error of MS-KILE.
        EXTENDED_ERROR = 166,
        /// What the client supports of the PAC.
        PAC_OPTIONS = 167,
    }
}

int32_numbers! {
    /// An encryption type (RFC 3961, 3962, 8009; protocols E.1).
    pub struct EncryptionType {
        /// DES, which nobody should use; known so that lists of clients can be shown.
        DES_CBC_CRC = 1,
        /// DES with MD5.
        DES_CBC_MD5 = 3,
        /// Triple DES.
        DES3_CBC_SHA1 = 16,
        /// AES-128 with HMAC-SHA1 (RFC 3962).
        AES128_CTS_HMAC_SHA1_96 = 17,
        /// AES-256 with HMAC-SHA1 (RFC 3962).
        AES256_CTS_HMAC_SHA1_96 = 18,
        /// AES-128 with HMAC-SHA-256 (RFC 8009).
        AES128_CTS_HMAC_SHA256_128 = 19,
        /// AES-256 with HMAC-SHA-384 (RFC 8009).
        AES256_CTS_HMAC_SHA384_192 = 20,
        /// RC4, which nobody should use.
        RC4_HMAC = 23,
        /// Camellia-128 (RFC 6803).
        CAMELLIA128_CTS_CMAC = 25,
        /// Camellia-256 (RFC 6803).
        CAMELLIA256_CTS_CMAC = 26,
    }
}

int32_numbers! {
    /// A checksum type (RFC 3961, 3962, 8009, 4121).
    pub struct ChecksumType {
        /// MD5, unkeyed.
        RSA_MD5 = 7,
        /// SHA-1, unkeyed.
        SHA1 = 14,
        /// HMAC-SHA1 with an AES-128 key.
        HMAC_SHA1_96_AES128 = 15,
        /// HMAC-SHA1 with an AES-256 key.
        HMAC_SHA1_96_AES256 = 16,
        /// HMAC-SHA-256 with an AES-128 key.
        HMAC_SHA256_128_AES128 = 19,
        /// HMAC-SHA-384 with an AES-256 key.
        HMAC_SHA384_192_AES256 = 20,
        /// HMAC-MD5 of RC4.
        HMAC_MD5 = -138,
        /// No checksum at all: channel bindings and flags of GSS-API (RFC 4121 4.1.1).
        GSSAPI = 0x8003,
    }
}

int32_numbers! {
    /// What an element of authorization data is (RFC 4120 7.5.4, RFC 7751, MS-KILE).
    pub struct AuthorizationDataType {
        /// May be ignored where not understood.
        AD_IF_RELEVANT = 1,
        /// Issued by the KDC.
        AD_KDC_ISSUED = 4,
        /// One of several conditions.
        AD_AND_OR = 5,
        /// Must be understood by the KDC.
        AD_MANDATORY_FOR_KDC = 8,
        /// How the client authenticated at first.
        AD_INITIAL_VERIFIED_CAS = 9,
        /// The ticket is for armor alone (RFC 6113 5.4.1.1).
        AD_FX_FAST_ARMOR = 71,
        /// The authenticator belongs to a request with FAST (RFC 6113 5.4.2).
        AD_FX_FAST_USED = 72,
        /// Authentication indicators (RFC 8129).
        AD_AUTHENTICATION_INDICATOR = 97,
        /// Container with a MAC of the KDC (RFC 7751).
        AD_CAMMAC = 96,
        /// The PAC (MS-PAC).
        AD_WIN2K_PAC = 128,
        /// Encryption types for the negotiation of RFC 4537.
        AD_ETYPE_NEGOTIATION = 129,
        /// Restrictions of the client's token (MS-KILE 2.2.6).
        KERB_AUTH_DATA_TOKEN_RESTRICTIONS = 141,
        /// The client's own machine (MS-KILE).
        KERB_LOCAL = 142,
        /// Flags of the AP-REQ (MS-KILE 3.2.5.8).
        AD_AUTH_DATA_AP_OPTIONS = 143,
        /// The name of the target as the client knows it (MS-KILE).
        AD_TARGET_PRINCIPAL = 144,
    }
}

int32_numbers! {
    /// Where the armor key of FAST comes from (RFC 6113 5.4.1).
    pub struct FastArmorType {
        /// A ticket: its subkey and session key, combined.
        FX_FAST_ARMOR_AP_REQUEST = 1,
    }
}

int32_numbers! {
    /// What an address is (RFC 4120 7.5.3).
    pub struct AddressType {
        /// Four bytes.
        IPV4 = 2,
        /// A directional address of RFC 4120.
        DIRECTIONAL = 3,
        /// A NetBIOS name of sixteen bytes, padded with spaces.
        NETBIOS = 20,
        /// Sixteen bytes.
        IPV6 = 24,
    }
}

int32_numbers! {
    /// What the time of a LastReq means (RFC 4120 5.4.2). Negative: of this KDC alone.
    pub struct LastReqType {
        /// Nothing is told.
        NONE = 0,
        /// Last initial request for a ticket-granting ticket.
        LAST_INITIAL_TGT = 1,
        /// Last initial request.
        LAST_INITIAL = 2,
        /// When the newest ticket-granting ticket was issued.
        NEWEST_TGT = 3,
        /// Last renewal.
        LAST_RENEWAL = 4,
        /// Last request of any kind.
        LAST_REQUEST = 5,
        /// When the password expires.
        PASSWORD_EXPIRES = 6,
        /// When the account expires.
        ACCOUNT_EXPIRES = 7,
    }
}

numbers! {
    /// What a key is used for (RFC 4120 7.5.1, RFC 4121, 4556, 6806, 6113; MS-PAC, MS-SFU): each use derives
    /// a key of its own.
    pub struct KeyUsage(u32) {
        /// The encrypted timestamp of PA-ENC-TIMESTAMP, client's key.
        PA_ENC_TIMESTAMP = 1,
        /// A ticket's encrypted part, service's key.
        TICKET = 2,
        /// An AS-REP's encrypted part, reply key.
        AS_REP_ENC_PART = 3,
        /// A TGS-REQ's authorization data, session key.
        TGS_REQ_AUTH_DATA_SESSION_KEY = 4,
        /// A TGS-REQ's authorization data, authenticator subkey.
        TGS_REQ_AUTH_DATA_SUBKEY = 5,
        /// The checksum over a TGS-REQ's body, session key. Also PKINIT's `asChecksum` (RFC 4556 3.2.3.2).
        TGS_REQ_AUTHENTICATOR_CHECKSUM = 6,
        /// A TGS-REQ's authenticator, session key.
        TGS_REQ_AUTHENTICATOR = 7,
        /// A TGS-REP's encrypted part, session key.
        TGS_REP_ENC_PART_SESSION_KEY = 8,
        /// A TGS-REP's encrypted part, authenticator subkey.
        TGS_REP_ENC_PART_SUBKEY = 9,
        /// The checksum of an AP-REQ's authenticator, session key.
        AP_REQ_AUTHENTICATOR_CHECKSUM = 10,
        /// An AP-REQ's authenticator, session key.
        AP_REQ_AUTHENTICATOR = 11,
        /// An AP-REP's encrypted part.
        AP_REP_ENC_PART = 12,
        /// A KRB-PRIV's encrypted part.
        KRB_PRIV_ENC_PART = 13,
        /// A KRB-CRED's encrypted part.
        KRB_CRED_ENC_PART = 14,
        /// A KRB-SAFE's checksum.
        KRB_SAFE_CHECKSUM = 15,
        /// The NTLM credentials of a PAC, reply key (MS-PAC 2.6.1).
        PAC_CREDENTIALS = 16,
        /// The signatures of a PAC (MS-PAC 2.8), and other checksums of applications.
        KERB_NON_KERB_CKSUM_SALT = 17,
        /// AD-KDC-ISSUED.
        AD_KDC_ISSUED_CHECKSUM = 19,
        /// GSS-API: sealed token of the acceptor (RFC 4121 2).
        GSS_ACCEPTOR_SEAL = 22,
        /// GSS-API: signed token of the acceptor.
        GSS_ACCEPTOR_SIGN = 23,
        /// GSS-API: sealed token of the initiator.
        GSS_INITIATOR_SEAL = 24,
        /// GSS-API: signed token of the initiator.
        GSS_INITIATOR_SIGN = 25,
        /// The checksum of PA-S4U-X509-USER (MS-SFU 2.2.2).
        PA_S4U_X509_USER_REQUEST = 26,
        /// The same in a reply, where the request asked for it.
        PA_S4U_X509_USER_REPLY = 27,
        /// PKINIT-KX (RFC 8062).
        PA_PKINIT_KX = 44,
        /// FAST: checksum over the request (RFC 6113).
        FAST_REQ_CHECKSUM = 50,
        /// FAST: encrypted request.
        FAST_ENC = 51,
        /// FAST: encrypted reply.
        FAST_REP = 52,
        /// FAST: checksum over the ticket.
        FAST_FINISHED = 53,
        /// Encrypted challenge of the client.
        ENC_CHALLENGE_CLIENT = 54,
        /// Encrypted challenge of the KDC.
        ENC_CHALLENGE_KDC = 55,
        /// The checksum over the AS-REQ that PA-REQ-ENC-PA-REP returns (RFC 6806 11).
        AS_REQ_CHECKSUM = 56,
    }
}
