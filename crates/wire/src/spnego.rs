//! The frame around Kerberos where an application negotiates: GSS-API tokens (RFC 2743 3.1, RFC 4121),
//! SPNEGO (RFC 4178, MS-SPNG), and the checksum that carries channel bindings and flags (RFC 4121 4.1.1).
//!
//! An acceptor reads what came with [`Token::decode`]: SPNEGO's first token, a later one, or Kerberos
//! without SPNEGO around it. What is inside a Kerberos token is [`KerberosToken`]'s to say.

#![allow(
    clippy::needless_question_mark,
    reason = "what der's derive writes for an optional octet string"
)]

use der::{Decode, Enumerated, Sequence, Tag, TagNumber};

use crate::asn1::{self, AnyRef, Der, Extensions, Malformed, ObjectIdentifier, SequenceOf};

/// Kerberos (RFC 4121 2).
pub const KERBEROS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113554.1.2.2");
/// Kerberos, by the number that Windows wrote with one bit lost; offered still (MS-SPNG 3.1.5.2).
pub const KERBEROS_MICROSOFT: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.48018.1.2.2");
/// Kerberos user-to-user (MS-KILE).
pub const KERBEROS_USER_TO_USER: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113554.1.2.2.3");
/// SPNEGO itself (RFC 4178).
pub const SPNEGO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.2");
/// NTLM, to be refused by name.
pub const NTLM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.2.10");

/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 128 * 1024;

/// What an initiator or an acceptor sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// SPNEGO's first token, from the initiator.
    Init(NegTokenInit),
    /// SPNEGO's later tokens, from either side.
    Resp(NegTokenResp),
    /// A mechanism's own first token, without SPNEGO around it.
    Mechanism(GssToken<'a>),
}

impl<'a> Token<'a> {
    /// Reads a token, whichever it is.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are too many, none of the three, or followed by others.
    pub fn decode(bytes: &'a [u8]) -> Result<Token<'a>, Malformed> {
        if bytes.first() != Some(&GSS_TAG) {
            return NegotiationToken::decode(bytes).map(Token::from);
        }
        let token = GssToken::decode(bytes)?;
        if token.mechanism == SPNEGO {
            NegotiationToken::decode(token.inner).map(Token::from)
        } else {
            Ok(Token::Mechanism(token))
        }
    }
}

impl From<NegotiationToken> for Token<'_> {
    fn from(token: NegotiationToken) -> Self {
        match token {
            NegotiationToken::Init(init) => Token::Init(init),
            NegotiationToken::Resp(resp) => Token::Resp(resp),
        }
    }
}

/// `[APPLICATION 0]`, constructed.
const GSS_TAG: u8 = 0x60;

/// A mechanism's first token (RFC 2743 3.1).
///
/// ```text
/// InitialContextToken ::= [APPLICATION 0] IMPLICIT SEQUENCE {
///         thisMech        MechType,
///         innerContextToken ANY DEFINED BY thisMech
///            -- contents mechanism-specific; ASN.1 structure not required
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GssToken<'a> {
    /// Which mechanism.
    pub mechanism: ObjectIdentifier,
    /// Its token.
    pub inner: &'a [u8],
}

impl<'a> GssToken<'a> {
    /// Reads a token with its header.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are too many or do not begin with that header, or the length in it
    /// is not that of the token.
    pub fn decode(bytes: &'a [u8]) -> Result<GssToken<'a>, Malformed> {
        let token: AnyRef<'a> = asn1::decode(bytes, "GSS-API token", MAX_TOKEN)?;
        let read = || {
            let expected = Tag::Application {
                constructed: true,
                number: TagNumber(0),
            };
            der::Tagged::tag(&token).assert_eq(expected)?;
            let (mechanism, inner) = ObjectIdentifier::from_der_partial(token.value())?;
            Ok(GssToken { mechanism, inner })
        };
        read().map_err(|source| Malformed::Syntax {
            what: "GSS-API token",
            source,
        })
    }

    /// Writes a token with its header.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let contents = [asn1::encode(&self.mechanism).as_slice(), self.inner].concat();
        let tag = Tag::Application {
            constructed: true,
            number: TagNumber(0),
        };
        AnyRef::new(tag, &contents).map_or_else(|_| Vec::new(), |token| asn1::encode(&token))
    }
}

/// What the first two bytes of a Kerberos token say it is (RFC 4121 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KerberosTokenId {
    /// `01 00`: an AP-REQ.
    ApReq,
    /// `02 00`: an AP-REP.
    ApRep,
    /// `03 00`: a KRB-ERROR.
    Error,
}

impl KerberosTokenId {
    /// The two bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        match self {
            KerberosTokenId::ApReq => [1, 0],
            KerberosTokenId::ApRep => [2, 0],
            KerberosTokenId::Error => [3, 0],
        }
    }
}

/// The inside of a [`GssToken`] of Kerberos (RFC 4121 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KerberosToken<'a> {
    /// What the message is.
    pub id: KerberosTokenId,
    /// The message, with its application tag.
    pub message: &'a [u8],
}

impl<'a> KerberosToken<'a> {
    /// Reads what follows the mechanism in a token; `None` when the first two bytes are not those of
    /// one that establishes a context.
    #[must_use]
    pub fn from_inner(inner: &'a [u8]) -> Option<KerberosToken<'a>> {
        let (id, message) = inner.split_first_chunk::<2>()?;
        let id = match id {
            [1, 0] => KerberosTokenId::ApReq,
            [2, 0] => KerberosTokenId::ApRep,
            [3, 0] => KerberosTokenId::Error,
            _ => return None,
        };
        Some(KerberosToken { id, message })
    }

    /// Reads a token with its header, as `mechToken` and `responseToken` carry it; `None` when it is
    /// not Kerberos' by either of its numbers, or not one that establishes a context.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<KerberosToken<'a>> {
        let token = GssToken::decode(bytes).ok()?;
        match token.mechanism {
            KERBEROS | KERBEROS_MICROSOFT => KerberosToken::from_inner(token.inner),
            _ => None,
        }
    }

    /// Writes it with the header of [`KERBEROS`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        GssToken {
            mechanism: KERBEROS,
            inner: &[&self.id.to_bytes(), self.message].concat(),
        }
        .encode()
    }
}

/// ```text
/// NegotiationToken ::= CHOICE {
///     negTokenInit    [0] NegTokenInit,
///     negTokenResp    [1] NegTokenResp
/// }
/// ```
enum NegotiationToken {
    Init(NegTokenInit),
    Resp(NegTokenResp),
}

impl NegotiationToken {
    fn decode(bytes: &[u8]) -> Result<NegotiationToken, Malformed> {
        let what = "NegotiationToken";
        let choice: AnyRef<'_> = asn1::decode(bytes, what, MAX_TOKEN)?;
        let read = || match der::Tagged::tag(&choice) {
            Tag::ContextSpecific {
                constructed: true,
                number: TagNumber(0),
            } => NegTokenInit::from_der(choice.value()).map(NegotiationToken::Init),
            Tag::ContextSpecific {
                constructed: true,
                number: TagNumber(1),
            } => NegTokenResp::from_der(choice.value()).map(NegotiationToken::Resp),
            tag => Err(tag.unexpected_error(None).into()),
        };
        read().map_err(|source| Malformed::Syntax { what, source })
    }
}

/// Mechanisms, the preferred one first: `MechTypeList ::= SEQUENCE OF MechType`.
pub type MechTypeList = SequenceOf<ObjectIdentifier, 32>;

/// The initiator's offer (RFC 4178 4.2.1; MS-SPNG 2.2.1 puts hints in `[3]` and the MIC in `[4]`).
///
/// ```text
/// NegTokenInit ::= SEQUENCE {
///     mechTypes       [0] MechTypeList,
///     reqFlags        [1] ContextFlags  OPTIONAL,
///     mechToken       [2] OCTET STRING  OPTIONAL,
///     mechListMIC     [3] OCTET STRING  OPTIONAL,
///     ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct NegTokenInit {
    /// What the initiator can do, with its bytes: the MIC is computed over them.
    #[asn1(context_specific = "0")]
    pub mech_types: Der<MechTypeList>,
    /// Unprotected, deprecated and not used.
    #[asn1(context_specific = "1", optional = "true")]
    pub req_flags: Option<der::asn1::BitString>,
    /// The first token of the first mechanism.
    #[asn1(context_specific = "2", type = "OCTET STRING", optional = "true")]
    pub mech_token: Option<Vec<u8>>,
    /// The MIC or Windows' hints, kept as they came; a first token need carry neither.
    pub extensions: Extensions<3>,
}

impl NegTokenInit {
    /// An offer of these mechanisms, with the first one's first token.
    #[must_use]
    pub fn new(mech_types: impl Into<MechTypeList>, mech_token: Option<Vec<u8>>) -> NegTokenInit {
        NegTokenInit {
            mech_types: Der::new(mech_types.into()),
            req_flags: None,
            mech_token,
            extensions: Extensions::NONE,
        }
    }

    /// Writes it with the header that a first token has.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        GssToken {
            mechanism: SPNEGO,
            inner: &choice(0, self),
        }
        .encode()
    }
}

/// How far the negotiation has come (RFC 4178 4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u32)]
pub enum NegState {
    /// Done.
    AcceptCompleted = 0,
    /// Another token is needed.
    AcceptIncomplete = 1,
    /// Refused.
    Reject = 2,
    /// Another token is needed, and a MIC over the mechanisms.
    RequestMic = 3,
}

/// Every token after the first (RFC 4178 4.2.2).
///
/// ```text
/// NegTokenResp ::= SEQUENCE {
///     negState       [0] ENUMERATED OPTIONAL,
///     supportedMech  [1] MechType      OPTIONAL,
///     responseToken  [2] OCTET STRING  OPTIONAL,
///     mechListMIC    [3] OCTET STRING  OPTIONAL,
///     ...
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Sequence)]
pub struct NegTokenResp {
    /// How far it has come.
    #[asn1(context_specific = "0", optional = "true")]
    pub neg_state: Option<NegState>,
    /// The mechanism that was chosen.
    #[asn1(context_specific = "1", optional = "true")]
    pub supported_mech: Option<ObjectIdentifier>,
    /// The mechanism's token.
    #[asn1(context_specific = "2", type = "OCTET STRING", optional = "true")]
    pub response_token: Option<Vec<u8>>,
    /// The mechanism's MIC over the initiator's list.
    #[asn1(context_specific = "3", type = "OCTET STRING", optional = "true")]
    pub mech_list_mic: Option<Vec<u8>>,
    /// What later versions add.
    pub extensions: Extensions<4>,
}

impl NegTokenResp {
    /// Writes it; there is no header.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        choice(1, self)
    }
}

fn choice<T: der::EncodeValue + der::Tagged>(number: u32, value: &T) -> Vec<u8> {
    asn1::encode(&der::asn1::ContextSpecificRef {
        tag_number: TagNumber(number),
        tag_mode: der::TagMode::Explicit,
        value,
    })
}

asn1::numbers! {
    /// One of the flags of a context (RFC 4121 4.1.1.1, RFC 4757 7.1 for the last three).
    pub struct GssFlag(u32) {
        /// The initiator delegates its credentials.
        DELEG = 0x0001,
        /// The acceptor must prove itself.
        MUTUAL = 0x0002,
        /// Replays are detected.
        REPLAY = 0x0004,
        /// Disorder is detected.
        SEQUENCE = 0x0008,
        /// Messages can be encrypted.
        CONF = 0x0010,
        /// Messages can be signed.
        INTEG = 0x0020,
        /// Three legs, as DCE has it.
        DCE_STYLE = 0x1000,
        /// The acceptor may identify the client, and no more.
        IDENTIFY = 0x2000,
        /// Errors tell an NTSTATUS.
        EXTENDED_ERROR = 0x4000,
    }
}

/// The "checksum" of type 0x8003 in the authenticator of GSS-API (RFC 4121 4.1.1): no checksum, but
/// what the initiator says about the context. Numbers are little-endian.
///
/// ```text
/// Octet        Name      Description
/// 0..3         Lgth      Number of octets in Bnd field (16)
/// 4..19        Bnd       MD5 hash of the channel bindings, or zeros
/// 20..23       Flags     Context-establishment flags
/// 24..25       DlgOpt    The delegation option identifier (=1) [optional]
/// 26..27       Dlgth     The length of the Deleg field [optional]
/// 28..(n-1)    Deleg     A KRB_CRED message (n = Dlgth + 28) [optional]
/// n..last      Exts      Extensions [optional]
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GssChecksum {
    /// MD5 over the channel bindings; zeros where there are none.
    pub bindings: [u8; 16],
    /// The flags, combined.
    pub flags: u32,
    /// A KRB-CRED, where [`GssFlag::DELEG`] is set.
    pub delegation: Option<Vec<u8>>,
}

impl GssChecksum {
    /// Whether a flag is set.
    #[must_use]
    pub const fn has(&self, flag: GssFlag) -> bool {
        self.flags & flag.0 != 0
    }

    /// Reads the contents of the checksum; `None` when they are not of this form. Extensions are
    /// passed over. The delegation is read where the flag announces it, as RFC 4121 has it.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<GssChecksum> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*length) != 16 {
            return None;
        }
        let (bindings, rest) = rest.split_first_chunk::<16>()?;
        let (flags, rest) = rest.split_first_chunk::<4>()?;
        let mut checksum = GssChecksum {
            bindings: *bindings,
            flags: u32::from_le_bytes(*flags),
            delegation: None,
        };
        if checksum.has(GssFlag::DELEG) {
            let (option, rest) = rest.split_first_chunk::<2>()?;
            let (length, rest) = rest.split_first_chunk::<2>()?;
            if u16::from_le_bytes(*option) != 1 {
                return None;
            }
            let delegation = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
            checksum.delegation = Some(delegation.to_vec());
        }
        Some(checksum)
    }

    /// Writes the contents of the checksum, with [`GssFlag::DELEG`] as the delegation has it; `None`
    /// when the delegation is longer than 65,535 bytes.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let flags = match self.delegation {
            Some(_) => self.flags | GssFlag::DELEG.0,
            None => self.flags & !GssFlag::DELEG.0,
        };
        let mut bytes = Vec::with_capacity(28);
        bytes.extend_from_slice(&16_u32.to_le_bytes());
        bytes.extend_from_slice(&self.bindings);
        bytes.extend_from_slice(&flags.to_le_bytes());
        if let Some(delegation) = &self.delegation {
            bytes.extend_from_slice(&1_u16.to_le_bytes());
            bytes.extend_from_slice(&u16::try_from(delegation.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(delegation);
        }
        Some(bytes)
    }
}
