//! The tenant as the house of the pages: under which names, in which tables, and what its refusals are here.

use directory::tenant;
use signin::first_factor::Told;
use signin::{Cookies, House, Tables};
use token::authorize;
use token::session::{BROWSER_COOKIE, COOKIE};
use trust::Span;
use wire::Guid;

use crate::aadsts::Number;
use crate::asked::Asked;
use crate::consent;
use crate::keys::{CODES, FAMILIES, SESSIONS, SIGN_INS};
use crate::refused::Reason;

/// Where the pages' records are.
static TABLES: Tables = Tables {
    codes: CODES,
    families: FAMILIES,
    sessions: SESSIONS,
    sign_ins: SIGN_INS,
};

/// The claim space of codes that work once.
const ONCE: &str = "tenant.second-factor";

/// Paths and cookies of one tenant.
#[derive(Debug)]
pub(crate) struct Places {
    authorize_v1: String,
    authorize_v2: String,
    session: String,
    browser: String,
}

impl Places {
    /// Those of the tenant with this identifier. Two tenants on one host have cookies of their own.
    pub(crate) fn of(id: Guid) -> Self {
        let short: String = id.to_string().chars().take(8).collect();
        Self {
            authorize_v1: format!("/{id}/oauth2/authorize"),
            authorize_v2: format!("/{id}/oauth2/v2.0/authorize"),
            session: format!("{COOKIE}-{short}"),
            browser: format!("{BROWSER_COOKIE}-{short}"),
        }
    }
}

impl<'d> Asked<'_, 'd> {
    /// Whether the request is for an endpoint of the second version. A path may be written in several ways (RFC 3986 6.2.2), and
    /// means what its endpoint is.
    pub(crate) fn is_v2(&self) -> bool {
        self.endpoint.contains("/v2.0/")
    }

    /// The request as the pages take it. The issuer is that of the version that is asked for.
    pub(crate) fn sign_in(&self) -> signin::Asked<'_, 'd> {
        let (known, view) = (&*self.known, self.view);
        let (issuer, authorize) = match self.is_v2() {
            true => (&known.issuers.v2, &known.places.authorize_v2),
            false => (&known.issuers.v1, &known.places.authorize_v1),
        };
        signin::Asked {
            request: self.request,
            house: House {
                snapshot: view.snapshot,
                lockout: view.lockout,
                limiter: &view.memory.limiter,
                limits: view.deployment.limits,
                password_cost: view.password_cost,
                catalogue: &known.catalogue,
                origin: view.deployment.login.url(),
                issuer,
                organisation: known.organisation(),
                authorize,
                tables: &TABLES,
                cookies: Cookies {
                    session: &known.places.session,
                    browser: &known.places.browser,
                },
                once: ONCE,
                enrol_at_sign_in: known.settings.enrol_at_sign_in,
                epochs: Some(tenant::revoked_before),
                realms: Some(known),
                asks_more: Some(consent::must_ask),
            },
            now: self.now,
            trace: self.trace,
            device: None,
        }
    }
}

impl Reason for signin::Refused {
    fn number(&self) -> Number {
        use signin::account::Unusable;
        match self {
            Self::TooManyRequests(_) => Number::Throttled,
            Self::Parameters(_) => Number::Malformed,
            Self::SignedOutUri => Number::RedirectUri,
            Self::HintOfAnotherClient => Number::Parameter,
            Self::Authorize(refused) => authorize_number(refused),
            Self::ForeignForm | Self::SignInGone => Number::Nonce,
            Self::Password(wrong) => told_number(wrong.told()),
            Self::SecondFactorWait(_) => Number::Locked,
            Self::NotChosen(_) | Self::NewPassword(_) => Number::PasswordExpired,
            Self::Account(Unusable::Gone | Unusable::Disabled | Unusable::Expired) => {
                Number::Disabled
            }
            Self::Account(
                Unusable::PasswordChanged | Unusable::SecondFactorReplaced | Unusable::Revoked,
            ) => Number::Revoked,
            Self::SecondFactor(_) => Number::StrongAuthentication,
            Self::NoSecondFactor => Number::MustEnrol,
            Self::LoginRequired | Self::AnotherPerson => Number::NoSession,
            Self::InteractionRequired => Number::SecondFactor,
        }
    }

    fn action(&self) -> &'static str {
        Self::action(self)
    }

    fn wait(&self) -> Option<Span> {
        Self::wait(self)
    }
}

/// The number of what whoever typed a password or a pass is told ([`signin::first_factor::Wrong::told`]).
const fn told_number(told: Told) -> Number {
    match told {
        Told::NotRight => Number::Password,
        Told::PassNotRight => Number::AccessPass,
        Told::CannotBeUsed => Number::Disabled,
        Told::MustChange => Number::PasswordExpired,
        Told::NotHere => Number::UnknownUser,
        Told::Elsewhere => Number::Federated,
        Told::Wait(_) => Number::Locked,
    }
}

const fn authorize_number(refused: &authorize::Refused) -> Number {
    use authorize::Refused as Said;
    match refused {
        Said::Client => Number::UnknownClient,
        Said::NotThisClient => Number::UnknownClient,
        Said::RedirectUri => Number::RedirectUri,
        Said::Resource => Number::Resource,
        Said::ResourceOfOthers => Number::Consent,
        Said::NoResponseType => Number::Missing,
        Said::Challenge(_) => Number::CodeVerifierForm,
        Said::Parameters(_) => Number::Malformed,
        Said::ResponseType
        | Said::ResponseMode
        | Said::Prompt
        | Said::MaxAge
        | Said::TooLong
        | Said::Hint(_)
        | Said::RequestObject
        | Said::RequestUri => Number::Parameter,
    }
}
