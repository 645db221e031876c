//! Certificates to sign in with, asked for by an administrator (protocols E.5, G.3). The authority finds the request
//! in the directory, takes all that it says of the person from there, and answers there.

use directory::{Table, change};
use serde_json::json;
use trust::enrolment::{self, LogonEnrolment, Outcome, PossessedKey};
use trust::{Rng, Span};
use wire::x509::{CertificationRequest, pem};

use crate::asked::Asked;
use crate::done::Done;
use crate::issuers;
use crate::names::{self, Kind, called};
use crate::refused::{Refused, Trouble};
use crate::shown::hex;

const REQUESTS: Table = Table::new(enrolment::REQUESTS);
const OUTCOMES: Table = Table::new(enrolment::OUTCOMES);

/// How long a request waits for the authority.
const WAITS: Span = Span::hours(1);

pub(crate) fn request(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let name = members.needed("user")?;
    let days = members.number("days", 1, 730)?;
    let text = members
        .encoded("csr")?
        .ok_or(Refused::MissingMember("csr"))?;
    let account = names::account(asked.snapshot(), Kind::User, &name)?;
    crate::guard::ordinary(&account)?;
    if !account.is_enabled() {
        return Err(Refused::InTheWay("the account is disabled".to_owned()).into());
    }
    let der = issuers::decoded("csr", &text, "CERTIFICATE REQUEST")?;
    let key = CertificationRequest::parse(&der)
        .map_err(|_| Refused::member("csr", "it is no certification request"))
        .and_then(|csr| {
            PossessedKey::of(&csr).map_err(|why| Refused::member("csr", why.to_string()))
        })?;
    let fingerprint = key.key().fingerprint();
    let days = days.and_then(|days| u16::try_from(days).ok());
    let enrolment = LogonEnrolment::new(account.id.0, days, key);
    let id = rng.bytes::<16>();
    let record = asked
        .record()
        .on(account.id, called(&account))
        .about_key(fingerprint);
    let put = change::put(
        REQUESTS,
        id.to_vec(),
        enrolment.to_bytes(),
        asked.now + WAITS,
    );
    Ok(Done::now(json!({ "request": hex(&id) }))
        .made()
        .committing([put, change::audit(record)]))
}

pub(crate) fn outcome(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let wanted = asked.part(0);
    let id = crate::certificates::unhex(wanted)
        .filter(|id| id.len() == 16)
        .ok_or_else(|| Refused::parameter("request", "it must be 32 hexadecimal digits"))?;
    let outcome = asked.snapshot().record(OUTCOMES, &id, asked.now)?;
    let outcome = outcome.and_then(|record| Outcome::from_bytes(record.value.bytes()));
    Ok(Done::now(match outcome {
        None => json!({ "state": "pending" }),
        Some(Outcome::Refused(why)) => json!({ "state": "refused", "reason": why }),
        Some(Outcome::Issued(certificate)) => json!({
            "state": "issued",
            "serial": hex(certificate.serial()),
            "subject": certificate.subject().to_string(),
            "pem": pem::encode(pem::CERTIFICATE, certificate.der()),
        }),
    }))
}
