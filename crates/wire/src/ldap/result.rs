//! Results (RFC 4511 4.1.9).

use super::Malformed;
use super::ber::{self, Reader, Writer};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal;)*) => {
        /// A result code (RFC 4511 appendix A).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum ResultCode {
            $($(#[$doc])* #[doc = concat!("`", $name, "`.")] $variant = $number,)*
        }

        impl ResultCode {
            /// The code's number.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The code of a number, if this library names it.
            #[must_use]
            pub const fn from_number(number: i64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The code's name in RFC 4511.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    Success = 0 "success";
    OperationsError = 1 "operationsError";
    ProtocolError = 2 "protocolError";
    TimeLimitExceeded = 3 "timeLimitExceeded";
    SizeLimitExceeded = 4 "sizeLimitExceeded";
    CompareFalse = 5 "compareFalse";
    CompareTrue = 6 "compareTrue";
    AuthMethodNotSupported = 7 "authMethodNotSupported";
    StrongerAuthRequired = 8 "strongerAuthRequired";
    Referral = 10 "referral";
    AdminLimitExceeded = 11 "adminLimitExceeded";
    UnavailableCriticalExtension = 12 "unavailableCriticalExtension";
    ConfidentialityRequired = 13 "confidentialityRequired";
    SaslBindInProgress = 14 "saslBindInProgress";
    NoSuchAttribute = 16 "noSuchAttribute";
    UndefinedAttributeType = 17 "undefinedAttributeType";
    InappropriateMatching = 18 "inappropriateMatching";
    ConstraintViolation = 19 "constraintViolation";
    AttributeOrValueExists = 20 "attributeOrValueExists";
    InvalidAttributeSyntax = 21 "invalidAttributeSyntax";
    NoSuchObject = 32 "noSuchObject";
    AliasProblem = 33 "aliasProblem";
    InvalidDnSyntax = 34 "invalidDNSyntax";
    AliasDereferencingProblem = 36 "aliasDereferencingProblem";
    InappropriateAuthentication = 48 "inappropriateAuthentication";
    InvalidCredentials = 49 "invalidCredentials";
    InsufficientAccessRights = 50 "insufficientAccessRights";
    Busy = 51 "busy";
    Unavailable = 52 "unavailable";
    UnwillingToPerform = 53 "unwillingToPerform";
    LoopDetect = 54 "loopDetect";
    NamingViolation = 64 "namingViolation";
    ObjectClassViolation = 65 "objectClassViolation";
    NotAllowedOnNonLeaf = 66 "notAllowedOnNonLeaf";
    NotAllowedOnRdn = 67 "notAllowedOnRDN";
    EntryAlreadyExists = 68 "entryAlreadyExists";
    ObjectClassModsProhibited = 69 "objectClassModsProhibited";
    AffectsMultipleDsas = 71 "affectsMultipleDSAs";
    Other = 80 "other";
    /// RFC 3909.
    Canceled = 118 "canceled";
    /// RFC 3909.
    NoSuchOperation = 119 "noSuchOperation";
    /// RFC 3909.
    TooLate = 120 "tooLate";
    /// RFC 3909.
    CannotCancel = 121 "cannotCancel";
    /// RFC 4528.
    AssertionFailed = 122 "assertionFailed";
}

/// The longest sentence for people, in bytes.
const LONGEST_MESSAGE: usize = 1_024;

/// How an operation ended.
///
/// ```text
/// LDAPResult ::= SEQUENCE {
///      resultCode         ENUMERATED { ... },
///      matchedDN          LDAPDN,
///      diagnosticMessage  LDAPString,
///      referral           [3] Referral OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapResult {
    /// The code.
    pub code: ResultCode,
    /// The nearest entry above what was not found; empty elsewhere.
    pub matched: String,
    /// A sentence for people.
    pub message: String,
    /// Where else to ask: URLs.
    pub referral: Vec<String>,
}

impl LdapResult {
    /// A result without more to say.
    #[must_use]
    pub fn of(code: ResultCode) -> Self {
        Self::told(code, "")
    }

    /// A result with a sentence for people, of which there are 1,024 bytes at most: it may say again what the client said.
    #[must_use]
    pub fn told(code: ResultCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        Self {
            code,
            matched: String::new(),
            message,
            referral: Vec::new(),
        }
    }

    /// The operation did what it was asked for.
    #[must_use]
    pub fn success() -> Self {
        Self::of(ResultCode::Success)
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let code = ResultCode::from_number(from.enumerated()?)
            .ok_or(Malformed("a result code that nobody knows"))?;
        let mut result = Self {
            code,
            matched: from.text()?.to_owned(),
            message: from.text()?.to_owned(),
            referral: Vec::new(),
        };
        if let Some(urls) = from.optional(ber::context_constructed(3))? {
            let mut urls = Reader::new(urls);
            while !urls.is_empty() {
                result.referral.push(urls.text()?.to_owned());
            }
        }
        Ok(result)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.enumerated(i64::from(self.code.number()))
            .octets(&self.matched)
            .octets(&self.message);
        if !self.referral.is_empty() {
            out.constructed(ber::context_constructed(3), |inner| {
                for url in &self.referral {
                    inner.octets(url);
                }
            });
        }
    }
}
