//! A browser's session after sign-in, so that the next client asks for nothing that was proven already.

use serde::{Deserialize, Serialize};
use trust::{Span, Timestamp};
use wire::Guid;

use crate::authentication::Authentication;
use crate::moment;

/// How long a session lasts from sign-in, used or not: AD FS's default of eight hours.
pub const LIFETIME: Span = Span::hours(8);
/// The cookie that holds the session's secret. The prefix has browsers refuse it from anyone but this very host, over
/// TLS (RFC 6265bis 4.1.3.2).
pub const COOKIE: &str = "__Host-keyporch-session";
/// The cookie that holds the secret of the browser in which a sign-in is on its way. It never becomes a session's.
pub const BROWSER_COOKIE: &str = "__Host-keyporch-browser";

/// What rests of a session, under the digest of its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Who signed in.
    pub account: Guid,
    /// What they have proven.
    pub authentication: Authentication,
    /// When the session ends.
    #[serde(with = "moment")]
    pub expires: Timestamp,
}
