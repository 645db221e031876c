//! `keyporch token`: an access token of the tenant, for programs.

use std::io::IsTerminal as _;

use call::Client;
use call::federation::REDIRECT_URI;
use call::sign_in::{SignIn, Wish};
use call::tenant::Tokens;
use hello::prt::{AccessToken, BROKER_CLIENT, Credentials};
use hello::registration::Tenant;
use hello::tenant::{NotSignedIn, TenantFault, TokenEndpoint, Wanted};
use serde_json::json;
use trust::{Clock as _, SystemClock, SystemRng};

use crate::arguments::{Common, Token};
use crate::device::{self, Device};
use crate::enroll::certificate;
use crate::failure::{Failure, words};
use crate::output::Output;
use crate::people::{AtTerminal, may_try_again, sign_in_failed};
use crate::site;
use crate::tenant::{endpoints, not_signed_in};

/// Prints an access token.
pub(crate) fn run(token: &Token, common: &Common, output: Output) -> Result<(), Failure> {
    let device = device::open(common)?;
    let tenant = device.registration()?.tenant();
    let tenant = tenant.ok_or_else(|| not_signed_in(&NotSignedIn::NotJoined))?;
    let upn = device.whose_token(token.person.user.as_deref())?;
    let site = site::of(common)?;
    let client = Client::new(&site.roots, site.hosts.clone(), Some(certificate(&device)?));
    let mut tokens = Tokens::new(&client, &tenant.token);
    let got = output.during("asking the tenant", || {
        asked(token, &device, &upn, &mut tokens)
    });
    let got = match got {
        Ok(got) => got,
        Err(NotSignedIn::Tenant(fault))
            if fault.wants_interaction() && std::io::stdin().is_terminal() =>
        {
            output.note(&words(&fault));
            at_pages(token, &device, tenant, &upn, &client, output)?
        }
        Err(NotSignedIn::Tenant(TenantFault::Refused {
            number: Some(NO_CONSENT),
            ..
        })) => return Err(no_consent(token)),
        Err(error) => return Err(not_signed_in(&error)),
    };
    if output.json {
        let shown = json!({
            "access_token": got.access_token.as_str(),
            "expires_in": got.expires_in,
            "scope": got.scope,
            "user": upn,
        });
        output.print(&shown.to_string());
    } else {
        output.print(&got.access_token);
    }
    Ok(())
}

/// Nobody has consented to what the application asks (protocols A.3.2).
const NO_CONSENT: u32 = 65001;

/// An administrator has to consent, and how: a person is not asked for what concerns others, too.
fn no_consent(token: &Token) -> Failure {
    let client = token.client.as_deref().unwrap_or(BROKER_CLIENT);
    // Those of OpenID Connect are nobody's to consent to for others.
    let scopes = token.scope.split_ascii_whitespace();
    let scopes =
        scopes.filter(|scope| !["openid", "profile", "email", "offline_access"].contains(scope));
    let scopes: String = scopes.flat_map(|scope| [" ", scope]).collect();
    Failure::refused(
        format!(
            "nobody has consented to what the application {client} asks of {}",
            token.resource
        ),
        format!(
            "An administrator consents for everybody: `keyporch admin app consent {client} {}{scopes}`.",
            token.resource
        ),
    )
    .with_id(format!("AADSTS{NO_CONSENT}"))
}

/// A token for what this device holds, which is renewed first where it is time to (PRT-3).
fn asked(
    token: &Token,
    device: &Device,
    upn: &str,
    tokens: &mut dyn TokenEndpoint,
) -> Result<AccessToken, NotSignedIn> {
    let now = SystemClock.now();
    let prt = device.hello.current_prt(upn, tokens, now, &mut SystemRng)?;
    let wanted = Wanted {
        client: token.client.as_deref().unwrap_or(BROKER_CLIENT),
        resource: &token.resource,
        scope: &token.scope,
    };
    device
        .hello
        .access_token(&prt, &wanted, tokens, now, &mut SystemRng)
}

/// A token for what the person answers at the tenant's own pages, which know who is signed in on this device.
fn at_pages(
    token: &Token,
    device: &Device,
    tenant: &Tenant,
    upn: &str,
    client: &Client,
    output: Output,
) -> Result<AccessToken, Failure> {
    let mut tokens = Tokens::new(client, &tenant.token);
    let credentials = shown(device, upn, &mut tokens).map_err(|error| not_signed_in(&error))?;
    let wish = Wish {
        endpoints: endpoints(tenant),
        client_id: token
            .client
            .clone()
            .unwrap_or_else(|| BROKER_CLIENT.to_owned()),
        redirect_uri: REDIRECT_URI.to_owned(),
        resource: token.resource.clone(),
        scope: token.scope.clone(),
        login_hint: Some(upn.to_owned()),
        fresh_second_factor: false,
    };
    let mut person = AtTerminal::new(output, Some(&token.person), None);
    let mut sign_in = SignIn::new(client, wish, &mut SystemRng).showing(credentials);
    loop {
        match sign_in
            .run(&mut person)
            .and_then(|code| code.redeem(client))
        {
            Ok(tokens) => {
                return Ok(AccessToken {
                    access_token: tokens.access_token,
                    expires_in: tokens.expires_in,
                    scope: None,
                });
            }
            Err(fault) if may_try_again(&fault) => output.note(&words(&fault)),
            Err(fault) => return Err(sign_in_failed(&fault)),
        }
    }
}

/// What shows the tenant's pages who is signed in on this device.
fn shown(
    device: &Device,
    upn: &str,
    tokens: &mut dyn TokenEndpoint,
) -> Result<Credentials, NotSignedIn> {
    let prt = device.hello.prt(upn, SystemClock.now())?;
    let broker = device.hello.broker(prt.ok_or(NotSignedIn::NotHeld)?)?;
    broker.credentials(tokens, &mut SystemRng)
}
