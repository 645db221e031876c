//! Error codes of OAuth and OpenID Connect, and the messages that carry them.

use serde::Serialize;

/// An error code that a client sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// RFC 6749 4.1.2.1 and 5.2: a parameter is missing, wrong or repeated.
    InvalidRequest,
    /// RFC 6749 5.2: the client is unknown or did not authenticate.
    InvalidClient,
    /// RFC 6749 5.2: the code or refresh token is not valid for this client.
    InvalidGrant,
    /// RFC 6749 4.1.2.1: this client may not use this way.
    UnauthorizedClient,
    /// RFC 6749 5.2.
    UnsupportedGrantType,
    /// RFC 6749 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 4.1.2.1.
    AccessDenied,
    /// AD FS: the resource is unknown (RFC 8707 calls it `invalid_target`).
    InvalidResource,
    /// RFC 6749 4.1.2.1: try again later.
    TemporarilyUnavailable,
    /// RFC 6749 4.1.2.1: our own trouble.
    ServerError,
    /// OpenID Connect Core 3.1.2.6: nobody is signed in and nobody may be asked.
    LoginRequired,
    /// OpenID Connect Core 3.1.2.6: a person must act, and may not be asked.
    InteractionRequired,
    /// OpenID Connect Core 6.1.
    RequestNotSupported,
    /// OpenID Connect Core 6.1.
    RequestUriNotSupported,
    /// RFC 6750 3.1.
    InvalidToken,
    /// RFC 6750 3.1.
    InsufficientScope,
    /// RFC 8628 3.5: nobody has approved yet.
    AuthorizationPending,
    /// RFC 8628 3.5: polled too often.
    SlowDown,
    /// RFC 8628 3.5: the device code has ended.
    ExpiredToken,
    /// Protocols A.3.2: the device code is not known.
    BadVerificationCode,
    /// Protocols A.3.2: as [`Self::ExpiredToken`].
    CodeExpired,
    /// Protocols A.3.2: there is no such tenant.
    InvalidTenant,
    /// OpenID Connect Core 3.1.2.6: somebody must consent, and may not be asked.
    ConsentRequired,
}

impl Code {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::InvalidResource => "invalid_resource",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::BadVerificationCode => "bad_verification_code",
            Self::CodeExpired => "code_expired",
            Self::InvalidTenant => "invalid_tenant",
            Self::ConsentRequired => "consent_required",
        }
    }

    /// The HTTP status of an answer from the token endpoint (RFC 6749 5.2) or a protected resource (RFC 6750 3.1).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::TemporarilyUnavailable => 503,
            Self::ServerError => 500,
            _ => 400,
        }
    }

    /// A sentence for the developer who reads the answer. It names the kind of trouble and never the reason, which
    /// stands in our own log under the trace.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "The request lacks a parameter, repeats one, or has a value that is not allowed."
            }
            Self::InvalidClient => {
                "The client is not known here or must not authenticate in this way."
            }
            Self::InvalidGrant => {
                "The code or token is not valid, has expired, was used before or belongs to another client."
            }
            Self::UnauthorizedClient => "The client may not make this request.",
            Self::UnsupportedGrantType => "This grant type is not offered.",
            Self::UnsupportedResponseType => "Only the response type code is offered.",
            Self::AccessDenied => "The request was denied.",
            Self::InvalidResource => "The resource is not known here.",
            Self::TemporarilyUnavailable => "Too many requests at the moment. Try again later.",
            Self::ServerError => "The server could not complete the request.",
            Self::LoginRequired => "Somebody must sign in, and the request allows no page for it.",
            Self::InteractionRequired => {
                "Somebody must answer a page, and the request allows none."
            }
            Self::RequestNotSupported => "The parameter request is not supported.",
            Self::RequestUriNotSupported => "The parameter request_uri is not supported.",
            Self::InvalidToken => "The access token is not valid here.",
            Self::InsufficientScope => "The access token does not permit this.",
            Self::AuthorizationPending => "Nobody has approved the request yet.",
            Self::SlowDown => "The request comes too often.",
            Self::ExpiredToken | Self::CodeExpired => "The device code has ended.",
            Self::BadVerificationCode => "The device code is not known.",
            Self::InvalidTenant => "There is no such tenant.",
            Self::ConsentRequired => {
                "Somebody must consent to what the client asks for, and the request allows no page for it."
            }
        }
    }
}

/// The body of an error answer (RFC 6749 5.2; member names as protocols A.3.2).
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// The code.
    pub error: &'static str,
    /// The sentence of [`Code::description`].
    pub error_description: &'static str,
    /// Under which the reason stands in our log.
    pub trace_id: String,
}

impl Message {
    /// The message of `code`; its reason is logged under `trace`.
    #[must_use]
    pub fn new(code: Code, trace: wire::Guid) -> Self {
        Self {
            error: code.as_str(),
            error_description: code.description(),
            trace_id: trace.to_string(),
        }
    }
}
