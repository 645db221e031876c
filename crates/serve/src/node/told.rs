//! What the audit log is told of an exchange, for tests of the document.

use super::kerberos::Later;
use crate::door::Path;

/// A line of the audit log.
pub(crate) fn line(exchange: kdc::Exchange) -> serde_json::Value {
    let path = Path::Tcp;
    serde_json::to_value(Later { exchange, path }).expect("a line is JSON")
}
