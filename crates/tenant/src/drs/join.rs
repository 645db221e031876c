//! `/EnrollmentServer/device`: somebody joins a device (protocols B.2 to B.5; DREG-F1).
//!
//! A join takes two commits, since the authority makes the certificate in between: the first asks for it, the second
//! writes the device with it. A request that is repeated meanwhile, or afterwards because its answer was lost, finds what
//! the first one began.

use directory::{Change, EntryId, change};
use registration::device::{self, AUTHORITY_OUTCOMES, Approved, JoinRules, TENANT_REGISTER};
use registration::proven_device;
use serde::{Deserialize, Serialize};
use signin::records;
use token::claims::Verified;
use trust::enrolment::Outcome;
use trust::{Rng, Span, Timestamp};
use wire::http::{Method, Response};
use wire::registration::{
    IssuedCertificate, JoinRequest, JoinResponse, MembershipChange, MembershipChanges,
    RegisteringUser,
};
use wire::x509::CertificationRequest;
use wire::{Guid, Sid};

use super::refused::Refused;
use super::{in_version, token};
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::keys::JOINS;
use crate::limits::within_limit;
use crate::nonce::{self, BadNonce};
use crate::prt::ended::Ending;
use crate::prt::refused::Dead;
use crate::refused::Trouble;
use crate::reply::{Answer, Reply};
use crate::story;
use crate::words::{self, Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] =
    &[
        route(Method::Post, "/EnrollmentServer/device", Words::Drs, join)
            .on(On::Registration)
            .up_to(JoinRequest::MAX_LENGTH),
    ];

/// How long a join waits for its certificate, once.
const PATIENCE: Span = Span::seconds(20);
/// How long what a join began is kept: longer than the token that it was made with.
const KEPT: Span = Span::hours(1);
/// The name of the registration service that known clients say whatever the tenant says.
const PUBLIC_SERVICE: &str = "enterpriseregistration.windows.net";

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

/// A request as it came, with the name under which what it began is kept.
struct Joining<'a> {
    message: &'a JoinRequest,
    name: [u8; 32],
    /// Where it came from.
    from: Option<String>,
}

/// Registers a device.
fn join(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    in_version(asked, &["1.0", "2.0", "3.0"])?;
    let token = token(asked)?;
    let message = JoinRequest::parse(&asked.request.body)
        .map_err(|_| Refused::Message("the body is no join request"))?;
    if !is_ours(asked, &message.target_domain) {
        return Err(Refused::TargetDomain.into());
    }
    let joining = Joining {
        name: name_of(token.jti, &message),
        message: &message,
        from: asked.from(),
    };
    let begun: Option<Join> = records::read(asked.view.snapshot, JOINS, &joining.name, asked.now)?;
    let taken = match begun {
        None => taken_nonce(asked, &message)?,
        Some(_) => None,
    };
    let entry = begun.as_ref().map(|begun| begun.entry);
    let approved = approved(asked, &token, &joining, entry, rng)?;
    match begun {
        None => Ok(ask(asked, &approved, &joining, rng).committing(taken)),
        Some(begun) => go_on(asked, approved, begun, &joining),
    }
}

/// The request, checked by the tenant's rules.
fn approved<'m>(
    asked: &Asked<'_, '_>,
    token: &'m Verified,
    joining: &'m Joining<'_>,
    begun: Option<EntryId>,
    rng: &mut dyn Rng,
) -> Result<Approved<'m>, Trouble> {
    let (settings, message) = (&asked.known.settings, joining.message);
    let rules = JoinRules {
        tenant: asked.known.id,
        region: &settings.region,
        may_join: settings.may_join,
        needs_second_factor: settings.join_needs_second_factor,
        most_devices: usize::try_from(settings.registration_quota).unwrap_or(usize::MAX),
    };
    let request = device::Request {
        token,
        csr: &message.certificate_request.data,
        transport_key: &message.transport_key,
        device_type: &message.device_type,
        os_version: &message.os_version,
        display_name: &message.device_display_name,
        join_type: message.join_type.0,
        reuse: message
            .attributes
            .is_some_and(|attributes| attributes.reuse_device),
        from: joining.from.as_deref(),
    };
    let checked =
        device::check_tenant_join(asked.view.snapshot, request, &rules, begun, asked.now, rng);
    checked.map_err(|error| match error {
        device::Error::Refused(refused) => Refused::Join(refused).into(),
        device::Error::Fault(fault) => fault.into(),
    })
}

/// Whether a device that names this as its organisation means this tenant: by a host name of ours, a verified domain, or the
/// tenant's identifier.
fn is_ours(asked: &Asked<'_, '_>, target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    let suffix = target.strip_prefix("enterpriseregistration.");
    let domain = |name: &str| asked.known.verified(name).is_some();
    target == PUBLIC_SERVICE
        || target == asked.known.id.to_string()
        || asked.view.deployment.host_names().contains(&target)
        || domain(&target)
        || suffix.is_some_and(domain)
}

/// The name of a request: the same for the same token, certification request and transport key.
fn name_of(token: Guid, message: &JoinRequest) -> [u8; 32] {
    let csr = crypto::digest::sha256(&message.certificate_request.data);
    let transport_key = crypto::digest::sha256(&message.transport_key);
    crypto::digest::sha256(&[b"join".as_slice(), &token.to_bytes(), &csr, &transport_key].concat())
}

/// The nonce of the certification request, taken: where there is one it must be good, and where the tenant asks for one it
/// must be there (protocols B.1.3).
fn taken_nonce(asked: &Asked<'_, '_>, message: &JoinRequest) -> Result<Option<Change>, Trouble> {
    let csr = CertificationRequest::parse(&message.certificate_request.data);
    let csr = csr.map_err(|_| Refused::Join(device::Refused::Csr))?;
    let text = csr.join_nonce();
    if text.is_none() && !asked.known.settings.csr_nonce_required {
        return Ok(None);
    }
    let nonce = nonce::check_join(asked, text).map_err(Refused::Nonce)?;
    let claim = nonce.taken_by(&crypto::digest::sha256(csr.spki()));
    if asked.view.snapshot.claimed(&claim, asked.now)? {
        return Err(Refused::Nonce(BadNonce::Taken).into());
    }
    Ok(Some(change::claim(claim, nonce.over())))
}

/// The first commit: asks for the certificate.
fn ask(
    asked: &Asked<'_, '_>,
    approved: &Approved<'_>,
    joining: &Joining<'_>,
    rng: &mut dyn Rng,
) -> Answer {
    let (now, by) = (asked.now, asked.now + PATIENCE);
    let asking = approved.ask(&joining.name, now + KEPT, rng);
    let join = Join {
        entry: asking.entry,
        is_new: asking.is_new,
        by: by.micros(),
        certificate: None,
    };
    wait(by, &joining.name)
        .committing(asking.changes)
        .committing([records::write(JOINS, &joining.name, &join, now + KEPT)])
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
    joining: &Joining<'_>,
) -> Result<Answer, Trouble> {
    let (now, by) = (asked.now, Timestamp::from_micros(begun.by));
    if let Some(certificate) = begun.certificate {
        let response = answer_with(asked, certificate, &approved, joining.message);
        return Ok(Answer::now(response));
    }
    let outcome = device::outcome(asked.view.snapshot, &joining.name, now)?;
    match outcome {
        Some(Outcome::Issued(certificate)) => {
            let der = certificate.der().to_vec();
            let response = answer_with(asked, der.clone(), &approved, joining.message);
            let former = what_it_was(asked, &approved)?;
            let registered = approved
                .register(&certificate, now)
                .map_err(Refused::Join)?;
            let done = Join {
                certificate: Some(der),
                ..begun
            };
            Ok(Answer::now(response)
                .committing(former)
                .committing(registered.changes)
                .committing([records::write(JOINS, &joining.name, &done, now + KEPT)])
                .telling(&story::DEVICE_WRITTEN))
        }
        Some(Outcome::Refused(reason)) => give_up(asked, &begun, joining, reason),
        None if now < by => Ok(wait(by, &joining.name)),
        None => give_up(
            asked,
            &begun,
            joining,
            "the authority did not answer in time".to_owned(),
        ),
    }
}

/// What a device had that is taken over with another key: its primary refresh tokens end, and the keys that people
/// registered from it come off their accounts, for whoever holds them is not this device any more.
fn what_it_was(asked: &Asked<'_, '_>, approved: &Approved<'_>) -> Result<Vec<Change>, Trouble> {
    let Some(former) = approved.former() else {
        return Ok(vec![]);
    };
    let (snapshot, now) = (asked.view.snapshot, asked.now);
    // All of them at once: the device is there again with this commit.
    let mut changes = Ending::of_device(former.id, Dead::DeviceGone, now).whole(snapshot, now)?;
    changes.extend(proven_device::set_up_anew(snapshot, former, now)?);
    Ok(changes)
}

/// Leaves nothing behind of a join without a certificate.
fn give_up(
    asked: &Asked<'_, '_>,
    begun: &Join,
    joining: &Joining<'_>,
    reason: String,
) -> Result<Answer, Trouble> {
    let mut changes: Vec<Change> = vec![change::remove(JOINS, joining.name.to_vec())];
    if begun.is_new && asked.view.snapshot.entry(begun.entry)?.is_some() {
        changes.push(Change::Delete { id: begun.entry });
    }
    let refused = Refused::NoCertificate(reason);
    Ok(words::reply(asked, Words::Drs, &refused).committing(changes))
}

/// The answer of protocols B.4.
fn answer_with(
    asked: &Asked<'_, '_>,
    certificate: Vec<u8>,
    approved: &Approved<'_>,
    message: &JoinRequest,
) -> Response {
    let thumbprint = crypto::digest::sha1(&certificate);
    let wants_sids = message
        .attributes
        .is_some_and(|attributes| attributes.return_client_sid);
    // A person's own device takes in nobody.
    let is_joined = message.join_type.0 != TENANT_REGISTER;
    let response = JoinResponse {
        certificate: IssuedCertificate::new(certificate, thumbprint),
        user: Some(RegisteringUser {
            upn: approved.owner().to_owned(),
        }),
        membership_changes: (wants_sids && is_joined)
            .then(|| administrators(approved.owner_id().0))
            .map(MembershipChanges::Many),
    };
    with_request_ids(asked, Response::json(200, &response))
}

/// Whoever joins a device administers it: their SID in the tenant's own form is for the device's administrators.
fn administrators(person: Guid) -> Vec<MembershipChange> {
    let sid = cloud_sid(person).into_iter();
    sid.map(|sid| MembershipChange {
        local_sid: Sid::BUILTIN_ADMINISTRATORS,
        add_sids: vec![sid],
    })
    .collect()
}

/// `S-1-12-1-a-b-c-d`: the four numbers are the identifier's sixteen octets in their Windows order, the lowest first
/// (protocols B.4).
pub(crate) fn cloud_sid(of: Guid) -> Option<Sid> {
    let mut numbers = vec![1];
    let bytes = of.to_windows_bytes();
    let (words, _) = bytes.as_chunks::<4>();
    numbers.extend(words.iter().map(|word| u32::from_le_bytes(*word)));
    Sid::new(12, &numbers).ok()
}
