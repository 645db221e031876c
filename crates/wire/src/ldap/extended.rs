//! Extended operations that this directory knows.

use core::fmt;

use super::Malformed;
use super::ber::{self, Reader, SEQUENCE, Writer, context};

/// OIDs of extended operations.
pub mod extension_oid {
    /// TLS from here on (RFC 4511 4.14).
    pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
    /// Who am I? (RFC 4532)
    pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
    /// A new password (RFC 3062).
    pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
    /// The end of an operation, with an answer (RFC 3909).
    pub const CANCEL: &str = "1.3.6.1.1.8";
    /// Nobody asked, and the connection ends (RFC 4511 4.4.1).
    pub const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
}

/// A request for a new password (RFC 3062).
///
/// ```text
/// PasswdModifyRequestValue ::= SEQUENCE {
///      userIdentity    [0]  OCTET STRING OPTIONAL
///      oldPasswd       [1]  OCTET STRING OPTIONAL
///      newPasswd       [2]  OCTET STRING OPTIONAL }
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct PasswordModify<'a> {
    /// Whose; of who asks when it is absent.
    pub identity: Option<&'a str>,
    /// The password until now.
    pub old: Option<&'a [u8]>,
    /// The password from now on; one that the server makes when it is absent.
    pub new: Option<&'a [u8]>,
}

impl fmt::Debug for PasswordModify<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordModify({:?})", self.identity)
    }
}

impl<'a> PasswordModify<'a> {
    /// Reads the request's value; all of it may be absent.
    ///
    /// # Errors
    /// [`Malformed`] when it is none.
    pub fn decode(bytes: Option<&'a [u8]>) -> Result<Self, Malformed> {
        let Some(bytes) = bytes else {
            return Ok(Self::default());
        };
        let mut outer = Reader::new(bytes);
        let mut inner = outer.inside(SEQUENCE)?;
        outer.end()?;
        let identity = inner.optional(context(0))?.map(ber::text).transpose()?;
        let old = inner.optional(context(1))?;
        let new = inner.optional(context(2))?;
        inner.end()?;
        Ok(Self { identity, old, new })
    }

    /// Writes the request's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.sequence(|out| {
            if let Some(identity) = self.identity {
                out.value(context(0), identity.as_bytes());
            }
            if let Some(old) = self.old {
                out.value(context(1), old);
            }
            if let Some(new) = self.new {
                out.value(context(2), new);
            }
        });
        out.finish()
    }
}

/// Writes the answer's value with the password that the server made.
#[must_use]
pub fn generated_password(password: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    out.sequence(|out| {
        out.value(context(0), password);
    });
    out.finish()
}
