//! A request as every handler takes it.

use signin::{Cookies, House};
use token::parameters::{InvalidParameters, Parameters};
use token::session;
use trust::Timestamp;
use wire::Guid;
use wire::http::Request;

use crate::View;
use crate::records::TABLES;

/// Where the pages of a sign-in are, and where they post.
pub(crate) const AUTHORIZE: &str = "/adfs/oauth2/authorize";

/// A request with all that its handlers need.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a, 'd> {
    pub(crate) request: &'a Request,
    pub(crate) view: &'a View<'a, 'd>,
    pub(crate) now: Timestamp,
    /// Under which our log has what the peer is not told.
    pub(crate) trace: Guid,
}

impl<'a, 'd> Asked<'a, 'd> {
    /// The request as the pages of a sign-in take it.
    pub(crate) fn sign_in(&self) -> signin::Asked<'a, 'd> {
        let (view, settings) = (self.view, self.view.settings);
        signin::Asked {
            request: self.request,
            house: House {
                snapshot: view.snapshot,
                lockout: view.lockout,
                limiter: &view.memory.limiter,
                limits: settings.limits,
                password_cost: view.password_cost,
                catalogue: &settings.catalogue,
                origin: &settings.origin,
                issuer: &settings.issuer,
                organisation: &settings.organisation,
                authorize: AUTHORIZE,
                tables: &TABLES,
                cookies: Cookies {
                    session: session::COOKIE,
                    browser: session::BROWSER_COOKIE,
                },
                once: "federation.second-factor",
                enrol_at_sign_in: settings.enrol_at_sign_in,
                epochs: None,
                realms: None,
                asks_more: None,
            },
            now: self.now,
            trace: self.trace,
            device: None,
        }
    }

    /// Where the request came from, for the audit log.
    pub(crate) fn from(&self) -> Option<String> {
        self.request.peer.map(|peer| peer.to_string())
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
