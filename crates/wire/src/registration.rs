//! What registers devices and keys over HTTPS: discovery (MS-DVRD), device join (MS-DVRJ) and key
//! provisioning (MS-KPP), in the form of a federation server (protocols B.1.2, B.3, B.4, B.8.1, C.1) and of a tenant (B.1.1,
//! B.1.3, C.2).
//!
//! Types bear the documents' member names. Requests are read by `parse`, which also checks that every text and
//! blob is of a size that an honest client sends; who may register what is the party's to decide. Members that
//! nobody documented are passed over: clients of other deployments send some.

mod device;
mod discovery;
mod error;
mod key;
mod tenant;

use core::fmt;

use crate::guid::Guid;
use crate::http::Request;

pub use device::{
    CertificateRequest, DeviceAttributes, IssuedCertificate, JoinRequest, JoinResponse, JoinType,
    MembershipChange, MembershipChanges, RegisteringUser,
};
pub use discovery::{
    AuthenticationService, DeviceJoinService, DeviceRegistrationService, DiscoveryContract,
    IdentityProviderService, KeyProvisioningService, OAuth2Endpoints, WebBrowserZone,
    WebBrowserZones,
};
pub use error::{InnerError, JoinErrorDetails, KeyErrorDetails, iso8601};
pub use key::{KeyRequest, KeyResponse, ProvisioningContext};
pub use tenant::{
    DiscoveryService, JoinNonce, JoinNonceStatus, NonceService, TenantDiscovery, TenantInfo,
};

/// Why a body is not the request it should be.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBody {
    /// The body is longer than any honest one.
    #[error("the request's body is longer than {limit} bytes")]
    TooLong {
        /// How long it may be.
        limit: usize,
    },
    /// The body is not JSON with the members that it must have.
    #[error("the request's body is not the JSON that it should be")]
    Json(#[from] serde_json::Error),
    /// A member is empty, too long, or holds control characters.
    #[error("{member} is empty, too long or holds control characters")]
    Member {
        /// Which one.
        member: &'static str,
    },
    /// The certificate request is of another type than `pkcs10`.
    #[error("the certificate request is not of type pkcs10")]
    CertificateRequestType,
}

/// Why a request's API version cannot be told (PROV-W1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiVersion {
    /// It is neither in the query nor in a header.
    #[error("the request says no api-version")]
    Absent,
    /// It is in both, or twice in one of them.
    #[error("the request says its api-version more than once")]
    Repeated,
    /// The query cannot be read.
    #[error("the request's query cannot be read")]
    Query,
}

/// The API version of a request: exactly one, in the query or in a header of that name (PROV-W1).
///
/// # Errors
/// [`InvalidApiVersion`].
pub fn api_version(request: &Request) -> Result<String, InvalidApiVersion> {
    let fields = request
        .query_fields()
        .map_err(|_| InvalidApiVersion::Query)?;
    let in_query = fields
        .iter()
        .filter(|(name, _)| *name == "api-version")
        .map(|(_, value)| value);
    let in_header = request
        .headers
        .get_all("api-version")
        .map(|value| value.trim().to_owned());
    let mut versions = in_query.chain(in_header);
    let version = versions.next().ok_or(InvalidApiVersion::Absent)?;
    match versions.next() {
        None => Ok(version),
        Some(_) => Err(InvalidApiVersion::Repeated),
    }
}

/// The GUID by which the client finds this request in its log, where it sent one (PROV-W1).
#[must_use]
pub fn client_request_id(request: &Request) -> Option<Guid> {
    request
        .headers
        .get("client-request-id")?
        .trim()
        .parse()
        .ok()
}

/// Whether the client wants its own request id back in the answer (PROV-W1).
#[must_use]
pub fn returns_client_request_id(request: &Request) -> bool {
    request
        .headers
        .get("return-client-request-id")
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// Reads JSON of at most `limit` bytes.
fn parse_json<T: serde::de::DeserializeOwned>(body: &[u8], limit: usize) -> Result<T, InvalidBody> {
    if body.len() > limit {
        return Err(InvalidBody::TooLong { limit });
    }
    Ok(serde_json::from_slice(body)?)
}

/// A text of 1 to `limit` characters, none of which is a control character.
fn check_text(member: &'static str, text: &str, limit: usize) -> Result<(), InvalidBody> {
    let right =
        !text.is_empty() && text.chars().count() <= limit && !text.chars().any(char::is_control);
    if right {
        Ok(())
    } else {
        Err(InvalidBody::Member { member })
    }
}

/// A blob of 1 to `limit` bytes.
fn check_blob(member: &'static str, blob: &[u8], limit: usize) -> Result<(), InvalidBody> {
    if (1..=limit).contains(&blob.len()) {
        Ok(())
    } else {
        Err(InvalidBody::Member { member })
    }
}

/// The length of a blob alone: what it holds is long, and of no use to who reads a log.
struct BlobLength(usize);

impl fmt::Debug for BlobLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests;
