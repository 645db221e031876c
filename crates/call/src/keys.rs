//! Registering a person's key with a registration service, of the federation or of a tenant (PROV-W1 to PROV-W5).

use base64ct::{Base64, Encoding};
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use provisioning::doors::{NewKey, Registered, RegistrationError};
use provisioning::phases::second_factor::FreshSecondFactor;
use trust::Rng;
use wire::registration::{KeyErrorDetails, KeyRequest, KeyResponse};
use zeroize::Zeroizing;

use crate::client::{Client, request};
use crate::fault::CallFault;

/// Registers the key at `endpoint`, in that version of its API.
pub(crate) fn register(
    client: &Client,
    endpoint: &str,
    version: &str,
    token: &FreshSecondFactor,
    key: &NewKey,
    rng: &mut dyn Rng,
) -> Result<Registered, RegistrationError> {
    let bearer = Zeroizing::new(format!("Bearer {}", token.bearer().expose()));
    let request_id = wire::Guid::from_random(rng.bytes()).to_string();
    let headers = [
        (ACCEPT, "application/json"),
        (CONTENT_TYPE, "application/json"),
        (AUTHORIZATION, bearer.as_str()),
        (
            HeaderName::from_static("client-request-id"),
            request_id.as_str(),
        ),
    ];
    let body = serde_json::to_vec(&KeyRequest {
        kngc: key.material.clone(),
    })
    .map_err(|error| RegistrationError::NotUnderstood(error.to_string()))?;
    let url = wire::http::with_query(endpoint, [("api-version", version)]);
    let unreachable = |fault: CallFault| RegistrationError::Unreachable(fault.to_string());
    let answer = request(Method::POST, &url, &headers, body)
        .and_then(|request| client.send(request))
        .map_err(unreachable)?;
    match answer.status().as_u16() {
        200 => registered(answer.body()),
        status => Err(refusal(
            status,
            answer.body(),
            answer.headers().get("request-id"),
        )),
    }
}

fn registered(body: &[u8]) -> Result<Registered, RegistrationError> {
    let answer: KeyResponse = serde_json::from_slice(body)
        .map_err(|error| RegistrationError::NotUnderstood(error.to_string()))?;
    let pctx = answer.pctx.map(|bytes| Base64::encode_string(&bytes));
    Ok(Registered {
        kid: answer.kid,
        upn: answer.upn,
        pctx,
    })
}

/// PROV-W4, PROV-W5: what an error of the service means.
fn refusal(status: u16, body: &[u8], request_id: Option<&http::HeaderValue>) -> RegistrationError {
    let details: Option<KeyErrorDetails> = serde_json::from_slice(body).ok();
    let said = details.as_ref().map_or_else(
        || format!("HTTP status {status}"),
        |details| details.message.clone(),
    );
    let code = details
        .map(|details| details.code.to_ascii_lowercase())
        .unwrap_or_default();
    match status {
        401 | 403 if code.contains("mfa") || code.contains("second") || code.contains("claims") => {
            RegistrationError::SecondFactor
        }
        401 | 403 => RegistrationError::NotAuthorised(said),
        400 if code.contains("quota") => RegistrationError::Quota,
        400 if code.contains("attestation") => RegistrationError::Attestation,
        400 => RegistrationError::Refused(said),
        500..=599 => RegistrationError::Server {
            request_id: request_id
                .and_then(|id| id.to_str().ok())
                .unwrap_or("unknown")
                .to_owned(),
        },
        other => RegistrationError::UnexpectedStatus(other),
    }
}
