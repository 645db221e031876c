//! What a refused client is told. The two protocols have an `ErrorDetails` each, of different members.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::guid::Guid;

/// ErrorDetails of device join (MS-DVRJ 2.2.3.1, protocols B.8.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinErrorDetails {
    /// What kind of error, such as `AuthenticationError`.
    pub error_type: String,
    /// What a person reads.
    pub message: String,
    /// By which the server's log finds the request.
    pub trace_id: Guid,
    /// When it happened, ISO 8601.
    pub time: String,
}

impl JoinErrorDetails {
    /// The type for a token that does not permit the join.
    pub const AUTHENTICATION_ERROR: &str = "AuthenticationError";
    /// The type for a person or device that may not join.
    pub const AUTHORIZATION_ERROR: &str = "AuthorizationError";
    /// The type for a request that is malformed.
    pub const INVALID_PARAMETER: &str = "InvalidParameter";
    /// The type for trouble with the directory.
    pub const DIRECTORY_ERROR: &str = "DirectoryError";

    /// An error at a time given in seconds since 1970.
    #[must_use]
    pub fn new(
        error_type: &str,
        message: &str,
        trace_id: Guid,
        unix_seconds: u64,
    ) -> JoinErrorDetails {
        JoinErrorDetails {
            error_type: error_type.to_owned(),
            message: message.to_owned(),
            trace_id,
            time: iso8601(unix_seconds),
        }
    }
}

/// ErrorDetails of key provisioning (MS-KPP 2.2.3.1, PROV-W5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyErrorDetails {
    /// What programs read.
    pub code: String,
    /// What a person reads.
    pub message: String,
    /// What the client should do: always `ERROR_FAIL`.
    pub response: String,
    /// The resource that was acted upon.
    pub target: String,
    /// The client's own name for the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clientrequestid: Option<Guid>,
    /// When it happened, ISO 8601.
    pub time: String,
    /// Never filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub innererror: Option<InnerError>,
}

/// The part of [`KeyErrorDetails`] that is never filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InnerError {
    /// Null.
    #[serde(default)]
    pub trace: Option<String>,
    /// Null.
    #[serde(default)]
    pub context: Option<String>,
}

impl KeyErrorDetails {
    /// The only response that is documented.
    pub const ERROR_FAIL: &str = "ERROR_FAIL";

    /// An error at a time given in seconds since 1970.
    #[must_use]
    pub fn new(
        code: &str,
        message: &str,
        target: &str,
        client_request_id: Option<Guid>,
        unix_seconds: u64,
    ) -> KeyErrorDetails {
        KeyErrorDetails {
            code: code.to_owned(),
            message: message.to_owned(),
            response: KeyErrorDetails::ERROR_FAIL.to_owned(),
            target: target.to_owned(),
            clientrequestid: client_request_id,
            time: iso8601(unix_seconds),
            innererror: Some(InnerError::default()),
        }
    }
}

/// A time in seconds since 1970 as ISO 8601, in UTC: `2026-11-21T12:31:50Z`. What lies after the year 9999 becomes
/// its last second.
#[must_use]
pub fn iso8601(unix_seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    der::DateTime::from_unix_duration(Duration::from_secs(unix_seconds.min(LAST)))
        .expect("every second from 1970 to 9999 is a date")
        .to_string()
}
