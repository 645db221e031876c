//! A request as every handler takes it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use token::parameters::{InvalidParameters, Parameters};
use trust::Timestamp;
use wire::Guid;
use wire::http::Request;

use crate::View;
use crate::known::Known;
use crate::refused::Refused;

/// Whom the path of a request names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TenantName {
    /// This tenant, by its identifier or a verified domain of it; or the path names none.
    Ours,
    /// `common`: whoever signs in.
    Common,
    /// `organizations`: whoever signs in and is no consumer, which nobody is here.
    Organizations,
}

/// A request with all that its handlers need.
pub(crate) struct Asked<'a, 'd> {
    pub(crate) request: &'a Request,
    pub(crate) view: &'a View<'a, 'd>,
    pub(crate) now: Timestamp,
    /// Under which our log has what the peer is not told.
    pub(crate) trace: Guid,
    /// Under which the peer's log has the request, where it said so; else the trace.
    pub(crate) correlation: Guid,
    /// What rarely changes.
    pub(crate) known: Arc<Known>,
    /// Whom the path names.
    pub(crate) named: TenantName,
    /// The endpoint's path as its table has it, however the request wrote it.
    pub(crate) endpoint: &'static str,
    /// What stands in the path's segments that vary, behind the tenant's.
    pub(crate) captured: Vec<String>,
}

impl Asked<'_, '_> {
    /// Where the request came from, for the audit log.
    pub(crate) fn from(&self) -> Option<String> {
        self.request.peer.map(|peer| peer.to_string())
    }

    /// Where the request came from, for limits.
    pub(crate) fn address(&self) -> Vec<u8> {
        self.sign_in().address()
    }

    /// The parameters of the body.
    pub(crate) fn form(&self) -> Result<Parameters, InvalidParameters> {
        Parameters::from_fields(self.request.form())
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<Parameters, InvalidParameters> {
        Parameters::from_fields(self.request.query_fields())
    }

    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        self.request.json().map_err(|_| Refused::Json)
    }

    /// The first of the path's segments that vary, behind the tenant's.
    pub(crate) fn segment(&self) -> &str {
        self.captured.first().map_or("", String::as_str)
    }
}
