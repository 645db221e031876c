//! What can go wrong.

use crypto::key::{MalformedKey, UnusableKey};
use crypto::signature::SignError;

use crate::ca::Ca;
use crate::lint::Violations;

/// Trouble of our own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The directory could not be read.
    #[error("the directory could not be read")]
    Directory(#[from] directory::Fault),
    /// A record of the authority does not decode.
    #[error("the directory holds a {0} of the authority that cannot be read")]
    Corrupt(&'static str),
    /// The authority's private key is neither in the directory nor given.
    #[error("the private key of the authority {0} is not here")]
    NoKey(Ca),
    /// The private key is not that of the authority's certificate.
    #[error("the private key of the authority {0} is not that of its certificate")]
    OtherKey(Ca),
    /// A private key does not decode.
    #[error("a private key cannot be used")]
    Key(#[from] UnusableKey),
    /// A public key does not decode.
    #[error("a public key cannot be used")]
    PublicKey(#[from] MalformedKey),
    /// Whoever holds the private key did not sign.
    #[error("the authority's key did not sign")]
    Sign(#[from] SignError),
    /// What came back is not a signature of what was to be signed.
    #[error("the signature of the authority {0} does not verify")]
    BadSignature(Ca),
    /// The linter refused; nothing was signed.
    #[error("the linter refused")]
    Lint(#[from] Violations),
}

/// Why something that was asked for is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The authority did not issue a certificate of that serial number.
    #[error("the authority {0} has issued no certificate of that serial number")]
    NotIssued(Ca),
    /// It is revoked for good already.
    #[error("the certificate is revoked already")]
    AlreadyRevoked,
    /// The certificate is not on hold, so it cannot come back.
    #[error("the certificate is not on hold")]
    NotOnHold,
    /// A certificate cannot be revoked for that reason: it says that something comes back.
    #[error("that is not a reason to revoke a certificate")]
    Reason,
    /// The device or account does not exist or is disabled.
    #[error("the device or account does not exist, or is disabled")]
    NoHolder,
    /// The key is in a valid certificate of another device or account.
    #[error("the key is certified for another already")]
    KeyInUse,
    /// The authority has no certificate of its own yet.
    #[error("the authority {0} is not founded")]
    NotFounded(Ca),
    /// The request does not decode.
    #[error("the request cannot be read")]
    Request,
    /// The certificate would break a rule.
    #[error("the linter refused")]
    Lint(#[from] Violations),
}
