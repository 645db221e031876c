//! How somebody may sign in, asked before anything is proven (protocols A.2.3). It never says that somebody does not
//! exist: a name in a domain of ours is answered in one way, whoever has it.

use serde::{Deserialize, Serialize};
use token::access_pass;
use token::factor::{AuthenticationAdapter, SecondFactors};
use trust::Rng;
use wire::http::{Method, Response};

use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Post,
    "/{t}/GetCredentialType",
    Words::OAuth,
    credential_type,
)];

/// What is asked. Everything else says what the client is capable of, and changes nothing here.
#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    username: String,
    #[serde(default, rename = "isAccessPassSupported")]
    access_pass: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    username: String,
    display: String,
    if_exists_result: u8,
    is_unmanaged: bool,
    throttle_status: u8,
    credentials: Credentials,
    ests_properties: EstsProperties,
    is_signup_disallowed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    pref_credential: u8,
    has_password: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_access_pass: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    federation_redirect_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EstsProperties {
    domain_type: u8,
}

/// `IfExistsResult`.
const EXISTS: u8 = 0;
const NOT_HERE: u8 = 1;
const THROTTLED: u8 = 2;
/// `PrefCredential`.
const PASSWORD: u8 = 1;
const FEDERATION: u8 = 4;
const ACCESS_PASS: u8 = 13;
/// `DomainType`.
const UNKNOWN: u8 = 1;
const MANAGED: u8 = 3;
const FEDERATED: u8 = 4;

fn credential_type(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let question: Question = asked.json()?;
    let name = question.username.trim();
    if name.is_empty() {
        return Err(Refused::Missing("username").into());
    }
    let mut said = Said {
        username: name.chars().take(1024).collect(),
        display: name.chars().take(1024).collect(),
        if_exists_result: EXISTS,
        is_unmanaged: false,
        throttle_status: 0,
        credentials: Credentials {
            pref_credential: PASSWORD,
            has_password: true,
            has_access_pass: None,
            federation_redirect_url: None,
        },
        ests_properties: EstsProperties {
            domain_type: MANAGED,
        },
        is_signup_disallowed: true,
    };
    if within_limit(asked).is_err() {
        said.throttle_status = 1;
        said.if_exists_result = THROTTLED;
        return Ok(Answer::now(Response::json(200, &said)));
    }
    match asked.known.domain_of(name) {
        // Which domains are ours is no secret: realm discovery says it to everybody.
        None => {
            said.if_exists_result = NOT_HERE;
            said.ests_properties.domain_type = UNKNOWN;
        }
        Some(domain) => match &domain.federation {
            Some(federation) => {
                said.ests_properties.domain_type = FEDERATED;
                said.credentials.pref_credential = FEDERATION;
                said.credentials.federation_redirect_url = Some(federation.passive_url.clone());
            }
            None if question.access_pass != Some(false) && has_access_pass(asked, name)? => {
                said.credentials.pref_credential = ACCESS_PASS;
                said.credentials.has_access_pass = Some(true);
            }
            None => {}
        },
    }
    Ok(Answer::now(Response::json(200, &said)))
}

/// Whether somebody has a Temporary Access Pass that works now, and may be told so. Who has one is asked for it by known
/// clients, and never for a password.
fn has_access_pass(asked: &Asked<'_, '_>, name: &str) -> Result<bool, Trouble> {
    if asked.known.settings.hide_access_pass {
        return Ok(false);
    }
    let Some(account) = asked.view.snapshot.account_by_upn(name)? else {
        return Ok(false);
    };
    let SecondFactors { enrolled, .. } = registration::second_factor::of(&account);
    let pass = enrolled.get(access_pass::ID);
    Ok(pass.is_some_and(|pass| access_pass::AccessPass.works(pass, asked.now)))
}
