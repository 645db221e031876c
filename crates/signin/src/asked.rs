//! A request, and the authority that it is for.

use std::net::IpAddr;

use crypto::password::Cost;
use directory::lockout::Lockout;
use directory::{EntryId, Fault, Snapshot, Table};
use token::authorize::AuthorizeRequest;
use token::client::Catalogue;
use token::parameters::{InvalidParameters, Parameters};
use trust::limiter::{Limit, Limiter};
use trust::{Span, Timestamp};
use wire::Guid;
use wire::http::Request;

use crate::first_factor::Realms;

/// What an authority is to the pages: the federation, or one tenant.
#[derive(Clone, Copy)]
pub struct House<'a, 'd> {
    /// A state of its directory.
    pub snapshot: &'a Snapshot<'d>,
    /// The counters of wrong passwords, shared with everyone who checks passwords of this directory.
    pub lockout: &'a Lockout,
    /// The counters of requests and failures.
    pub limiter: &'a Limiter,
    /// How much they allow.
    pub limits: Limits,
    /// What hashing a password costs.
    pub password_cost: Cost,
    /// Its clients and resources.
    pub catalogue: &'a Catalogue,
    /// Its origin, `https://sts.corp.example`, in lower case.
    pub origin: &'a str,
    /// The issuer that answers to clients name (RFC 9207).
    pub issuer: &'a str,
    /// What people see.
    pub organisation: &'a str,
    /// The path to which the pages of a sign-in post.
    pub authorize: &'a str,
    /// Where its records are.
    pub tables: &'static Tables,
    /// What its cookies are called.
    pub cookies: Cookies<'a>,
    /// The claim space of codes that work once, `federation.second-factor`.
    pub once: &'static str,
    /// Whether a second factor may be set up at sign-in.
    pub enrol_at_sign_in: bool,
    /// From when on an account's sign-ins count again, where an administrator revoked the former ones.
    pub epochs: Option<Epochs>,
    /// Whose people have which names, where that is told; else all names are its own.
    pub realms: Option<&'a dyn Realms>,
    /// Whether somebody who has signed in must be asked something more, as consent, before the client gets its code.
    pub asks_more: Option<AsksMore>,
}

/// Whether a person must be asked something more for a request. They come back to it then, signed in.
pub type AsksMore =
    fn(&House<'_, '_>, &AuthorizeRequest, EntryId, Timestamp) -> Result<bool, Fault>;

/// Reads from when on an account's sign-ins count; `None` where none were revoked.
pub type Epochs = fn(&Snapshot<'_>, EntryId, Timestamp) -> Result<Option<Timestamp>, Fault>;

/// Where an authority's records are.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// Authorization codes, by digest ([`token::grant::CodeRecord`]).
    pub codes: Table,
    /// Families of refresh tokens, by name ([`token::grant::FamilyRecord`]).
    pub families: Table,
    /// Browser sessions, by digest ([`token::session::SessionRecord`]).
    pub sessions: Table,
    /// Sign-ins on their way, by digest ([`token::sign_in::SignIn`]).
    pub sign_ins: Table,
}

/// What an authority's cookies are called. Several authorities on one host need several names.
#[derive(Clone, Copy, Debug)]
pub struct Cookies<'a> {
    /// The one that holds a session's secret ([`token::session::COOKIE`]).
    pub session: &'a str,
    /// The one that holds the secret of the browser in which a sign-in is on its way ([`token::session::BROWSER_COOKIE`]).
    pub browser: &'a str,
}

/// How often a peer, or a name, may be tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Wrong passwords for one name.
    pub failures_of_name: Limit,
    /// Wrong passwords from one address, behind which there may be a whole office.
    pub failures_from_address: Limit,
    /// Requests for pages and tokens from one address.
    pub requests_from_address: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures_of_name: Limit {
                burst: 20,
                every: Span::minutes(1),
            },
            failures_from_address: Limit {
                burst: 100,
                every: Span::seconds(10),
            },
            requests_from_address: Limit {
                burst: 300,
                every: Span::millis(200),
            },
        }
    }
}

/// A request with all that its handlers need.
#[derive(Clone, Copy)]
pub struct Asked<'a, 'd> {
    /// The request.
    pub request: &'a Request,
    /// For whom it is.
    pub house: House<'a, 'd>,
    /// The time.
    pub now: Timestamp,
    /// Under which our log has what the peer is not told.
    pub trace: Guid,
    /// The device that proved itself with the request, where the party has seen that.
    pub device: Option<Guid>,
}

impl Asked<'_, '_> {
    /// Where the request came from, for the audit log.
    #[must_use]
    pub fn from(&self) -> Option<String> {
        self.request.peer.map(|peer| peer.to_string())
    }

    /// Where the request came from, for limits: an IPv6 address counts as its network of 64 bits, which is what one
    /// peer usually has.
    #[must_use]
    pub fn address(&self) -> Vec<u8> {
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
    ///
    /// # Errors
    /// [`InvalidParameters`].
    pub fn form(&self) -> Result<Parameters, InvalidParameters> {
        Parameters::from_fields(self.request.form())
    }

    /// The parameters of the query.
    ///
    /// # Errors
    /// [`InvalidParameters`].
    pub fn query(&self) -> Result<Parameters, InvalidParameters> {
        Parameters::from_fields(self.request.query_fields())
    }
}
