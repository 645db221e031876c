//! `/EnrollmentServer/device`: a computer of the domain becomes a registered device (MS-DVRJ, protocols B.8.1, DREG-F5).
//!
//! A join takes two commits, since the authority makes the certificate in between: the first asks for it, the second
//! writes the device with it. A request that is repeated meanwhile, or afterwards because its answer was lost, finds what
//! the first one began.

use directory::{Change, EntryId, change};
use registration::device::{self, AUTHORITY_OUTCOMES, Approved};
use registration::proven_device;
use serde::{Deserialize, Serialize};
use trust::enrolment::Outcome;
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use wire::http::Response;
use wire::registration::{
    IssuedCertificate, JoinRequest, JoinResponse, RegisteringUser, api_version,
};

use crate::asked::Asked;
use crate::keys::signing_keys;
use crate::records::{self, JOINS};
use crate::refused::{Refused, Trouble};
use crate::reply::{Answer, Reply};
use crate::words::{self, Words};
use crate::{exchange, story};

/// How long a join waits for its certificate, once.
const PATIENCE: Span = Span::seconds(20);
/// How long what a join began is kept: longer than the token that it was made with.
const KEPT: Span = Span::hours(1);

/// A join that has begun.
#[derive(Debug, Serialize, Deserialize)]
struct Join {
    entry: EntryId,
    /// Whether the entry was made for it.
    is_new: bool,
    /// The latest moment at which the peer is answered, in microseconds since 1970.
    by: i64,
    /// The certificate with which the device was written, DER, once it was: the authority's own answer may be gone when
    /// the request comes again.
    certificate: Option<Vec<u8>>,
}

/// Registers a device.
pub(crate) fn join(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    match api_version(asked.request).as_deref() {
        Ok("1.0" | "2.0") => {}
        Ok(_) => return Err(Refused::Message("the api-version is neither 1.0 nor 2.0").into()),
        Err(_) => return Err(Refused::Message("the api-version is missing or repeated").into()),
    }
    let (view, now) = (asked.view, asked.now);
    let bearer = asked.request.bearer().ok_or(Refused::NoToken)?;
    let keys = signing_keys(view.snapshot, view.memory, now)?;
    let token = keys.verify(
        bearer,
        &view.settings.issuer,
        &view.settings.registration_resource,
        now,
    )?;
    let message = JoinRequest::parse(&asked.request.body)
        .map_err(|_| Refused::Message("the body is no join request"))?;
    let from = asked.from();
    let request = device::Request {
        token: &token,
        csr: &message.certificate_request.data,
        transport_key: &message.transport_key,
        device_type: &message.device_type,
        os_version: &message.os_version,
        display_name: &message.device_display_name,
        join_type: message.join_type.0,
        reuse: false,
        from: from.as_deref(),
    };
    let approved = match device::check_domain_join(view.snapshot, request, now) {
        Ok(approved) => approved,
        Err(device::Error::Refused(refused)) => return Err(refused.into()),
        Err(device::Error::Fault(fault)) => return Err(fault.into()),
    };
    let name = name_of(token.jti, &message);
    match records::read::<Join>(view.snapshot, JOINS, &name, now)? {
        None => Ok(ask(asked, &approved, &name, rng)),
        Some(begun) => go_on(asked, approved, begun, &name),
    }
}

/// The name of a request: the same for the same token, certification request and transport key.
fn name_of(token: Guid, message: &JoinRequest) -> [u8; 32] {
    let csr = crypto::digest::sha256(&message.certificate_request.data);
    let transport_key = crypto::digest::sha256(&message.transport_key);
    crypto::digest::sha256(&[b"join".as_slice(), &token.to_bytes(), &csr, &transport_key].concat())
}

/// The first commit: asks for the certificate.
fn ask(
    asked: &Asked<'_, '_>,
    approved: &Approved<'_>,
    name: &[u8; 32],
    rng: &mut dyn Rng,
) -> Answer {
    let (now, by) = (asked.now, asked.now + PATIENCE);
    let asking = approved.ask(name, now + KEPT, rng);
    let join = Join {
        entry: asking.entry,
        is_new: asking.is_new,
        by: by.micros(),
        certificate: None,
    };
    wait(by, name)
        .committing(asking.changes)
        .committing([records::write(JOINS, name, &join, now + KEPT)])
}

/// An answer that waits for the certificate.
fn wait(by: Timestamp, name: &[u8; 32]) -> Answer {
    let reply = Reply::When {
        changed: (AUTHORITY_OUTCOMES, name.to_vec()),
        by,
    };
    Answer {
        reply,
        ..Answer::now(Response::empty(503))
    }
}

/// The second commit: writes the device with the certificate that has come.
fn go_on(
    asked: &Asked<'_, '_>,
    approved: Approved<'_>,
    begun: Join,
    name: &[u8; 32],
) -> Result<Answer, Trouble> {
    let (now, by) = (asked.now, Timestamp::from_micros(begun.by));
    if let Some(certificate) = begun.certificate {
        return Ok(Answer::now(answer_with(certificate, approved.owner())));
    }
    match device::outcome(asked.view.snapshot, name, now)? {
        Some(Outcome::Issued(certificate)) => {
            let der = certificate.der().to_vec();
            let response = answer_with(der.clone(), approved.owner());
            let registered = approved.register(&certificate, now)?;
            let done = Join {
                certificate: Some(der),
                ..begun
            };
            Ok(Answer::now(response)
                .committing(registered.changes)
                .committing([records::write(JOINS, name, &done, now + KEPT)])
                .telling(&story::DEVICE_WRITTEN))
        }
        Some(Outcome::Refused(reason)) => give_up(asked, &begun, name, reason),
        None if now < by => Ok(wait(by, name)),
        None => give_up(
            asked,
            &begun,
            name,
            "the authority did not answer in time".to_owned(),
        ),
    }
}

/// Leaves nothing behind of a join without a certificate.
fn give_up(
    asked: &Asked<'_, '_>,
    begun: &Join,
    name: &[u8; 32],
    reason: String,
) -> Result<Answer, Trouble> {
    let mut changes: Vec<Change> = vec![change::remove(JOINS, name.to_vec())];
    if begun.is_new && asked.view.snapshot.entry(begun.entry)?.is_some() {
        changes.push(Change::Delete { id: begun.entry });
    }
    let refused = Refused::NoCertificate(reason);
    Ok(words::reply(asked, Words::Device, &refused).committing(changes))
}

/// The answer of protocols B.4.
fn answer_with(certificate: Vec<u8>, owner: &str) -> Response {
    let thumbprint = crypto::digest::sha1(&certificate);
    let response = JoinResponse {
        certificate: IssuedCertificate::new(certificate, thumbprint),
        user: Some(RegisteringUser {
            upn: owner.to_owned(),
        }),
        membership_changes: None,
    };
    Response::json(200, &response)
}

/// A device ends its registration (DREG-W6, protocols B.6).
pub(crate) fn unregister(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    match api_version(asked.request).as_deref() {
        Ok("1.0" | "2.0") => {}
        _ => {
            return Err(Refused::Message("the api-version is missing, repeated or unknown").into());
        }
    }
    let named = asked
        .request
        .path_matches("/EnrollmentServer/device/{deviceid}")
        .and_then(|mut parts| parts.pop());
    let named: Guid = named
        .and_then(|text| text.parse().ok())
        .ok_or(Refused::Message("the path names no device"))?;
    let device = exchange::device(asked)?.ok_or(Refused::NoDevice)?;
    if device.device().device_id != named {
        return Err(Refused::AnotherDevice.into());
    }
    let changes = proven_device::unregister(
        asked.view.snapshot,
        &device,
        asked.from().as_deref(),
        asked.now,
    )?;
    Ok(Answer::now(Response::empty(200)).committing(changes))
}
