//! Why a request at the token endpoint is refused.

use crate::client_assertion::NotAsserted;
use crate::parameters::InvalidParameters;
use crate::refusal::Code;

/// Why a request at the token endpoint is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// A parameter stands there twice, or there are too many.
    #[error(transparent)]
    Parameters(#[from] InvalidParameters),
    /// `grant_type` is missing.
    #[error("the request carries no grant_type")]
    NoGrantType,
    /// `grant_type` is another.
    #[error("the grant type is not offered")]
    GrantType,
    /// The client may not come by tokens in this way.
    #[error("the client may not use this grant type")]
    GrantOfOthers,
    /// The client is missing or unknown, or named differently in header and body.
    #[error("the client is not known")]
    Client,
    /// A public client sent a secret or an assertion, which proves nothing here.
    #[error("a public client sent credentials")]
    ClientCredentials,
    /// A confidential client did not prove itself (RFC 6749 2.3).
    #[error("the client did not prove itself")]
    NoClientProof,
    /// A client proved itself in two ways at once (RFC 6749 2.3).
    #[error("the client proved itself in two ways at once")]
    TwoClientProofs,
    /// The client's secret is not right, or no longer or not yet.
    #[error("the secret of the client is not right")]
    ClientSecret,
    /// The client's assertion is not accepted.
    #[error("the assertion of the client is not accepted")]
    ClientAssertion(#[from] NotAsserted),
    /// What was granted demands more than was proven: a second factor.
    #[error("a second factor is needed")]
    SecondFactor,
    /// The device code is not known.
    #[error("the device code is not known")]
    DeviceCode,
    /// Nobody has approved the device code yet.
    #[error("nobody has approved the device code yet")]
    DeviceCodePending,
    /// The device code was denied.
    #[error("the device code was denied")]
    DeviceCodeDenied,
    /// The device code has ended.
    #[error("the device code has ended")]
    DeviceCodeExpired,
    /// The refresh token was issued by another authority.
    #[error("the refresh token was issued by another authority")]
    RefreshTokenOfAnotherAuthority,
    /// `code`, `redirect_uri`, `code_verifier` or `refresh_token` is missing.
    #[error("the request carries no {0}")]
    Missing(&'static str),
    /// The code is not one of ours, or its record is gone.
    #[error("the code is not known")]
    Code,
    /// The code was issued to another client.
    #[error("the code belongs to another client")]
    CodeOfAnotherClient,
    /// The code was used before.
    #[error("the code was used before")]
    CodeSpent,
    /// The code is more than a minute old.
    #[error("the code has expired")]
    CodeExpired,
    /// The redirect URI is not that of the authorization request.
    #[error("the redirect URI is not that of the authorization request")]
    RedirectUri,
    /// The verifier does not meet the challenge (RFC 7636 4.6).
    #[error("the code verifier does not meet the challenge")]
    Verifier,
    /// The refresh token is not one of ours, or its family has ended.
    #[error("the refresh token is not known")]
    RefreshToken,
    /// The refresh token was used before; its family ends.
    #[error("the refresh token was used before")]
    RefreshTokenSpent,
    /// The refresh token was issued to another client.
    #[error("the refresh token belongs to another client")]
    RefreshTokenOfAnotherClient,
    /// The family has come to its end.
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    /// The device that proves itself is another than the one to which the code was given.
    #[error("the code belongs to another device")]
    CodeOfAnotherDevice,
    /// The refresh token was issued to a device that does not prove itself now.
    #[error("the refresh token belongs to another device")]
    RefreshTokenOfAnotherDevice,
    /// The resource is not the one that was granted.
    #[error("the resource was not granted")]
    ResourceNotGranted,
    /// The resource is not known.
    #[error("the resource is not known")]
    Resource,
}

impl Refused {
    /// What the client is told.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Parameters(_) | Self::NoGrantType | Self::Missing(_) | Self::TwoClientProofs => {
                Code::InvalidRequest
            }
            Self::GrantType => Code::UnsupportedGrantType,
            Self::GrantOfOthers => Code::UnauthorizedClient,
            Self::Client
            | Self::ClientCredentials
            | Self::NoClientProof
            | Self::ClientSecret
            | Self::ClientAssertion(_) => Code::InvalidClient,
            Self::SecondFactor => Code::InteractionRequired,
            Self::DeviceCode => Code::BadVerificationCode,
            Self::DeviceCodePending => Code::AuthorizationPending,
            Self::DeviceCodeDenied => Code::AccessDenied,
            Self::DeviceCodeExpired => Code::ExpiredToken,
            Self::Resource | Self::ResourceNotGranted => Code::InvalidResource,
            _ => Code::InvalidGrant,
        }
    }
}
