//! Who somebody is, asked by a device (protocols A.15.1): name and SID of a person by the name that they type.
//!
//! The request is signed with the device's key and brings no certificate: the key's fingerprint finds the device. Known clients
//! send it as the body of a GET.

use crypto::jose::{Unverified, VerifyingKey};
use directory::{Account, AccountKind};
use registration::proven_device::{self, NotADevice};
use serde::Deserialize;
use serde_json::json;
use trust::Rng;
use wire::Guid;
use wire::http::{Method, Response};

use crate::aadsts::Number;
use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::nonce;
use crate::prt::refused::Refused;
use crate::prt::request::{algorithm, must_be_untaken};
use crate::refused::{self as general, Reason, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, "/{t}/sidtoname", Words::OAuth, answer),
    route(Method::Post, "/{t}/sidtoname", Words::OAuth, answer),
];

/// What a request says.
#[derive(Deserialize)]
struct Claims {
    nonce: String,
    username: String,
}

/// The name is nobody's. Only a device of the tenant is told so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the name is nobody's here")]
struct Nobody;

impl Reason for Nobody {
    fn number(&self) -> Number {
        Number::UnknownUser
    }

    fn action(&self) -> &'static str {
        "device.sid-to-name"
    }
}

fn answer(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.request.form();
    let form = form.map_err(|error| general::Refused::Parameters(error.into()))?;
    let signed = form.get_verbatim("signedRequest");
    let signed = signed.ok_or(general::Refused::Missing("signedRequest"))?;
    let token = Unverified::parse(&signed).map_err(Refused::Form)?;
    let fingerprint = token.header().key_id().and_then(|kid| kid.parse().ok());
    let fingerprint: crypto::key::Fingerprint = fingerprint.ok_or(Refused::NoCertificate)?;
    let found = proven_device::by_key(asked.view.snapshot, &fingerprint.0, asked.now)?;
    let found = found.ok_or(Refused::Device(NotADevice::Unknown))?;
    if !found.device.enabled {
        return Err(Refused::Device(NotADevice::Disabled).into());
    }
    let algorithm = algorithm(&token, &found.key);
    let key = VerifyingKey::new(found.key, algorithm, None).map_err(Refused::DeviceSignature)?;
    let verified = token.verify(&key).map_err(Refused::DeviceSignature)?;
    let claims: Claims = verified.claims().map_err(|_| Refused::Claims)?;
    let nonce = nonce::check(asked, Some(&claims.nonce)).map_err(Refused::Nonce)?;
    let taken = must_be_untaken(asked, &nonce, &fingerprint.0)?;
    let account = asked.view.snapshot.account_by_upn(&claims.username)?;
    let account = account
        .filter(|account| account.kind == AccountKind::User && account.is_enabled())
        .ok_or(Nobody)?;
    let response = Response::json(200, &told(&account));
    Ok(Answer::now(response).committing([taken]))
}

/// What is told of somebody. What is not known is left out.
fn told(account: &Account) -> serde_json::Value {
    let upn = account.upn.as_deref().unwrap_or(&account.sam);
    let mut told = json!({
        "upn": upn,
        "name": account.display_name.as_deref().unwrap_or(upn),
        "sid": sid_of(account.id.0),
    });
    if let Some(mail) = &account.mail {
        told["email"] = mail.as_str().into();
    }
    told
}

/// The SID that a tenant's clients know somebody by: their identifier, in four numbers.
fn sid_of(id: Guid) -> String {
    let bytes = id.to_windows_bytes();
    let numbers = bytes.as_chunks::<4>().0.iter();
    let numbers = numbers.map(|chunk| u32::from_le_bytes(*chunk).to_string());
    let numbers: Vec<String> = numbers.collect();
    format!("S-1-12-1-{}", numbers.join("-"))
}
