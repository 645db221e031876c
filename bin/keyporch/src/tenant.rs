//! What the commands do on a device of a tenant.

pub(crate) mod enroll;
pub(crate) mod join;
pub(crate) mod sign_in;

use call::sign_in::SignIn;
use call::tenant::{NoTenant, Tokens, wish};
use call::{CallFault, Client};
use hello::prt::Prt;
use hello::registration::Tenant;
use hello::tenant::{NotSignedIn, TenantFault};
use trust::{Clock as _, SystemClock, SystemRng};

use crate::device::Device;
use crate::failure::{Failure, words};
use crate::output::Output;
use crate::people::{AtTerminal, may_try_again, sign_in_failed};

/// Has somebody sign in at the tenant's own pages, and keeps the primary refresh token that comes of it.
fn sign_in_at_pages(
    device: &Device,
    tenant: &Tenant,
    client: &Client,
    upn: &str,
    person: &mut AtTerminal,
    output: Output,
) -> Result<Prt, Failure> {
    output.note(&format!("Sign in at {}.", tenant.login));
    let wish = wish(endpoints(tenant), Some(upn.to_owned()));
    let mut sign_in = SignIn::new(client, wish, &mut SystemRng);
    let tokens = loop {
        match sign_in.run(person).and_then(|code| code.redeem(client)) {
            Ok(tokens) => break tokens,
            Err(fault) if may_try_again(&fault) => output.note(&words(&fault)),
            Err(fault) => return Err(sign_in_failed(&fault)),
        }
    };
    let refresh_token = tokens.refresh_token.ok_or_else(|| {
        Failure::failed(
            "the tenant gave no refresh token with the sign-in",
            "Check that this command and the server are of the same version.",
        )
    })?;
    let mut door = Tokens::new(client, &tenant.token);
    let now = SystemClock.now();
    device
        .hello
        .sign_in_with_refresh_token(&refresh_token, Some(upn), &mut door, now, &mut SystemRng)
        .map_err(|error| not_signed_in(&error))
}

/// The tenant's endpoints.
pub(crate) fn endpoints(tenant: &Tenant) -> call::sign_in::Endpoints {
    call::sign_in::Endpoints {
        authorize: tenant.authorize.clone(),
        token: tenant.token.clone(),
    }
}

/// Why nobody was signed in to the tenant, or nothing was got, and what to do about it.
pub(crate) fn not_signed_in(error: &NotSignedIn) -> Failure {
    let said = words(error);
    let failure = match error {
        NotSignedIn::Refused(refused) => return crate::sign_in::not_unlocked(refused),
        NotSignedIn::PinExpired { .. } => {
            Failure::refused(said, "Choose another PIN with `keyporch enroll --replace`.")
        }
        NotSignedIn::NotJoined => Failure::refused(
            said,
            "Join the organisation's tenant with `keyporch join DOMAIN`.",
        ),
        NotSignedIn::NotHeld => {
            Failure::refused(said, "Sign in with `keyporch sign-in`, or enrol first.")
        }
        NotSignedIn::Sign(_) => Failure::failed(
            said,
            "Join it anew with `keyporch join --replace`: its keys and its registration do not fit.",
        ),
        NotSignedIn::Tenant(fault) => tenant_fault(fault),
        NotSignedIn::AnotherPerson { .. } => {
            Failure::refused(said, "Sign in as the person whose name was given.")
        }
        NotSignedIn::State(error) => return crate::status::unreadable(error),
    };
    match error.code() {
        Some(code) => failure.with_id(code.to_string()),
        None => failure,
    }
}

fn tenant_fault(fault: &TenantFault) -> Failure {
    let TenantFault::Refused { number, said, .. } = fault else {
        let remedy = match fault {
            TenantFault::Unreachable(_) => "Check the network, then try again.",
            _ => "Check that this command and the server are of the same version.",
        };
        return Failure::of(fault, remedy);
    };
    // The number stands behind it.
    let what = format!("the tenant refused: {}", said.words());
    let remedy = remedy(*number).map_or_else(
        || {
            let under = said.trace.as_ref();
            let under = under.map_or_else(String::new, |trace| format!(" under {trace}"));
            format!("Ask an administrator: the tenant's audit log says why{under}.")
        },
        str::to_owned,
    );
    let failure = Failure::refused(what, remedy);
    match number {
        Some(number) => failure.with_id(format!("AADSTS{number}")),
        None => failure,
    }
}

/// What to do about a refusal with this number; `None` where only the audit log knows.
const fn remedy(number: Option<u32>) -> Option<&'static str> {
    Some(match number {
        Some(50155) => {
            "The tenant does not know this device any more: join it anew with `keyporch join --replace`."
        }
        Some(135_011) => "This device is disabled: ask an administrator.",
        Some(135_010) => {
            "The key is not listed on the account (any more), or the account is disabled: enrol again with \
             `keyporch enroll --replace`, or ask an administrator."
        }
        Some(50057) => "The account is disabled: ask an administrator.",
        Some(50173 | 700_082 | 70043) => "The sign-in has ended: sign in again.",
        Some(50076 | 50074) => "Sign in again, with a second factor.",
        Some(50072 | 50079) => "Set up a second factor at the tenant's own pages first.",
        Some(500_011) => "Give the identifier of a resource that the tenant knows with --resource.",
        Some(700_016) => {
            "Give the identifier of an application that the tenant knows with --client."
        }
        Some(65001) => {
            "Consent at the application's own sign-in, or ask an administrator to do so for everybody."
        }
        _ => return None,
    })
}

/// Why no tenant was found.
fn no_tenant(fault: &NoTenant) -> Failure {
    match fault {
        NoTenant::Call(call) => Failure::of(fault, CallFault::remedy(call)),
        NoTenant::Unknown { .. } => Failure::refused(
            words(fault),
            "Give the tenant's sign-in address with --server, and one of its verified domains.",
        ),
        NoTenant::NotUnderstood(_) => Failure::of(
            fault,
            "Check that this command and the server are of the same version.",
        ),
        NoTenant::NoRegistration(_) => Failure::of(
            fault,
            "Ask an administrator: the tenant's registration service must be found at its sign-in host, or at \
             enterpriseregistration.DOMAIN.",
        )
        .with_id("DREG-W1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_happened_the_number_once_and_what_to_do() {
        let told = |number: u32, sentence: &str| {
            let body = serde_json::json!({
                "error": "invalid_grant",
                "error_codes": [number],
                "error_description": format!(
                    "AADSTS{number}: {sentence} Trace ID: 5f1b Correlation ID: 77aa Timestamp: 2026-11-22 01:02:03Z"
                ),
            });
            let fault = TenantFault::of(400, body.to_string().as_bytes());
            not_signed_in(&NotSignedIn::Tenant(fault)).to_string()
        };
        assert_eq!(
            told(50155, "Device authentication failed."),
            "error: the tenant refused: device authentication failed (AADSTS50155)\n   do: The tenant does not know this \
             device any more: join it anew with `keyporch join --replace`."
        );
        assert_eq!(
            told(70000, "The grant is not valid."),
            "error: the tenant refused: the grant is not valid (AADSTS70000)\n   do: Ask an administrator: the tenant's \
             audit log says why under 5f1b."
        );
    }
}
