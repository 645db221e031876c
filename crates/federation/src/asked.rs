//! A request as every handler takes it.

use std::net::IpAddr;

use token::parameters::{InvalidParameters, Parameters};
use trust::Timestamp;
use wire::Guid;
use wire::http::Request;

use crate::View;

/// A request with all that its handlers need.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a, 'd> {
    pub(crate) request: &'a Request,
    pub(crate) view: &'a View<'a, 'd>,
    pub(crate) now: Timestamp,
    /// Under which our log has what the peer is not told.
    pub(crate) trace: Guid,
}

impl Asked<'_, '_> {
    /// Where the request came from, for the audit log.
    pub(crate) fn from(&self) -> Option<String> {
        self.request.peer.map(|peer| peer.to_string())
    }

    /// Where the request came from, for limits: an IPv6 address counts as its network of 64 bits, which is what one
    /// peer usually has.
    pub(crate) fn address(&self) -> Vec<u8> {
        match self.request.peer {
            Some(IpAddr::V4(address)) => address.octets().to_vec(),
            Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(mapped) => mapped.octets().to_vec(),
                None => address.octets().iter().take(8).copied().collect(),
            },
            None => vec![],
        }
    }

    /// The parameters of the body.
    pub(crate) fn form(&self) -> Result<Parameters, InvalidParameters> {
        Parameters::from_fields(self.request.form())
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<Parameters, InvalidParameters> {
        Parameters::from_fields(self.request.query_fields())
    }
}
