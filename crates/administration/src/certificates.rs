//! Certificates that the authority issued: listed, shown, revoked.

use directory::Change;
use registration::proven_device;
use serde_json::{Value, json};
use trust::{Rng, Timestamp};
use wire::x509::{Reason, pem};

use crate::asked::Asked;
use crate::authority::{Certificates, IssuedCertificate, NotRevoked};
use crate::done::Done;
use crate::list::{self, Page, SCAN, not_a_place};
use crate::names::called;
use crate::refused::{Refused, Trouble};
use crate::shown::{hex, moment};

/// The reasons that can be given, as RFC 5280 5.3.1 spells them with hyphens.
const REASONS: &[(&str, Reason)] = &[
    ("unspecified", Reason::Unspecified),
    ("key-compromise", Reason::KeyCompromise),
    ("affiliation-changed", Reason::AffiliationChanged),
    ("superseded", Reason::Superseded),
    ("cessation-of-operation", Reason::CessationOfOperation),
    ("certificate-hold", Reason::CertificateHold),
    ("privilege-withdrawn", Reason::PrivilegeWithdrawn),
];

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let lent = lent(asked)?;
    let page = Page::of(asked)?;
    let search = page.search.to_lowercase();
    let mut names = authorities(asked, lent)?;
    let mut after = None;
    if let Some(place) = page.place() {
        let (name, serial) = read_place(place)?;
        let start = names.iter().position(|known| *known == name);
        names.drain(..start.ok_or_else(not_a_place)?);
        after = Some(serial);
    }
    let mut items = Vec::new();
    let mut looked = 0;
    for name in names {
        loop {
            let look = (page.limit + 1).min(SCAN);
            let found = lent.page(asked.snapshot(), name, after.as_deref(), look, asked.now)?;
            for issued in &found {
                if items.len() == page.limit || looked >= SCAN {
                    let place = write_place(name, after.as_deref().unwrap_or_default());
                    return Ok(list::page(items, Some(place)));
                }
                looked += 1;
                after = Some(issued.certificate.serial().to_vec());
                let subject = issued.certificate.subject().to_string();
                if subject.to_lowercase().contains(&search) {
                    items.push(show_one(asked, name, issued)?);
                }
            }
            if found.len() < look {
                break;
            }
        }
        after = None;
    }
    Ok(list::page(items, None))
}

/// The authorities that are asked for.
fn authorities(
    asked: &Asked<'_, '_>,
    lent: &dyn Certificates,
) -> Result<Vec<&'static str>, Refused> {
    let all = lent.authorities();
    match asked.parameter("authority") {
        None => Ok(all),
        Some(wanted) => match all.into_iter().find(|name| *name == wanted) {
            Some(name) => Ok(vec![name]),
            None => Err(Refused::not_found("authority", wanted)),
        },
    }
}

fn write_place(authority: &str, serial: &[u8]) -> Vec<u8> {
    [authority.as_bytes(), &[0], serial].concat()
}

fn read_place(place: &[u8]) -> Result<(String, Vec<u8>), Refused> {
    let at = place.iter().position(|byte| *byte == 0);
    let (name, serial) = at
        .and_then(|at| place.split_at_checked(at))
        .ok_or_else(not_a_place)?;
    let name = String::from_utf8(name.to_vec()).map_err(|_| not_a_place())?;
    Ok((name, serial.get(1..).unwrap_or_default().to_vec()))
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let (authority, found) = named(asked)?;
    let mut shown = show_one(asked, authority, &found)?;
    if let Some(members) = shown.as_object_mut() {
        let text = pem::encode(pem::CERTIFICATE, found.certificate.der());
        members.insert("pem".to_owned(), text.into());
    }
    Ok(Done::now(shown))
}

pub(crate) fn revoke(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let wanted = asked.members()?.text("reason")?;
    let reason = match wanted.as_deref() {
        None => Reason::Unspecified,
        Some(wanted) => {
            let known = REASONS.iter().find(|(name, _)| *name == wanted);
            let names: Vec<&str> = REASONS.iter().map(|(name, _)| *name).collect();
            let (_, reason) = known.ok_or_else(|| {
                Refused::member("reason", format!("it must be one of {}", names.join(", ")))
            })?;
            *reason
        }
    };
    change(asked, reason, rng)
}

pub(crate) fn release(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    asked.members()?;
    change(asked, Reason::RemoveFromCrl, rng)
}

fn change(asked: &Asked<'_, '_>, reason: Reason, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let lent = lent(asked)?;
    let (authority, found) = named(asked)?;
    let serial = found.certificate.serial();
    let actor = &asked.who.actor;
    let changes = lent.revoke(
        asked.snapshot(),
        authority,
        serial,
        reason,
        actor,
        asked.now,
        rng,
    )?;
    let mut changes = match changes {
        Ok(changes) => changes,
        Err(NotRevoked::AlreadyRevoked) => return Ok(Done::changed(Vec::new())),
        Err(NotRevoked::NotIssued) => {
            return Err(Refused::not_found("certificate", asked.part(0)).into());
        }
        Err(why @ (NotRevoked::NotOnHold | NotRevoked::Reason)) => {
            return Err(Refused::InTheWay(why.to_string()).into());
        }
    };
    // Services on this server know a device by its entry, and read no revocation list.
    if let Some(holder) = found.holder
        && asked
            .snapshot()
            .device_by_entry(directory::EntryId(holder))?
            .is_some()
    {
        changes.push(match reason {
            Reason::RemoveFromCrl => proven_device::release(&found.certificate),
            _ => proven_device::revoke(&found.certificate),
        });
    }
    // The authority does not know from where the administrator came.
    let from = asked.record().from;
    for change in &mut changes {
        if let Change::Audit(record) = change
            && record.actor == *actor
        {
            record.from.clone_from(&from);
        }
    }
    Ok(Done::changed(changes))
}

fn lent<'a>(asked: &Asked<'a, '_>) -> Result<&'a dyn Certificates, Refused> {
    let lent = asked.view.certificates;
    lent.ok_or_else(|| Refused::not_found("authority", "on this server"))
}

/// The certificate that the path names.
fn named(asked: &Asked<'_, '_>) -> Result<(&'static str, IssuedCertificate), Trouble> {
    let lent = lent(asked)?;
    let digits = asked.part(0);
    let serial = unhex(digits).ok_or_else(|| {
        Refused::parameter("serial", "it must be an even number of hexadecimal digits")
    })?;
    let mut found = Vec::new();
    for name in authorities(asked, lent)? {
        let issued = lent.find(asked.snapshot(), name, &serial, asked.now)?;
        found.extend(issued.map(|issued| (name, issued)));
    }
    let several: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    if several.len() > 1 {
        return Err(Refused::Ambiguous {
            name: digits.to_owned(),
            candidates: format!("authority={}", several.join(", authority=")),
        }
        .into());
    }
    match found.pop() {
        Some(found) => Ok(found),
        None => Err(Refused::not_found("certificate", digits).into()),
    }
}

pub(crate) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let bare: String = digits.chars().filter(|c| *c != ':').collect();
    if bare.is_empty() || bare.len() > 80 || !bare.len().is_multiple_of(2) || !bare.is_ascii() {
        return None;
    }
    (0..bare.len())
        .step_by(2)
        .map(|at| {
            let pair = bare.get(at..at + 2)?;
            let digits = pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(pair, 16).ok())?
        })
        .collect()
}

fn show_one(
    asked: &Asked<'_, '_>,
    authority: &str,
    issued: &IssuedCertificate,
) -> Result<Value, Trouble> {
    let certificate = &issued.certificate;
    let holder = match issued.holder {
        None => Value::Null,
        Some(id) => {
            let entry = directory::EntryId(id);
            let account = asked.snapshot().account_by_id(entry)?;
            let device = asked.snapshot().device_by_entry(entry)?;
            let name = account
                .map(|account| called(&account).to_owned())
                .or_else(|| device.map(|device| device.display_name.clone()));
            json!({ "id": id.to_string(), "name": name })
        }
    };
    let state = match &issued.revoked {
        Some((_, Reason::CertificateHold)) => "on-hold",
        Some(_) => "revoked",
        None if certificate.not_after() < asked.now.unix() => "expired",
        None => "valid",
    };
    let reason = issued.revoked.as_ref().map(|(_, reason)| {
        let known = REASONS.iter().find(|(_, known)| known == reason);
        known.map_or_else(|| reason.to_string(), |(name, _)| (*name).to_owned())
    });
    Ok(json!({
        "authority": authority,
        "serial": hex(certificate.serial()),
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "not_before": moment(Some(Timestamp::from_unix(certificate.not_before()))),
        "not_after": moment(Some(Timestamp::from_unix(certificate.not_after()))),
        "thumbprint": certificate.thumbprint().to_string(),
        "issued": moment(Some(issued.at)),
        "holder": holder,
        "state": state,
        "revoked": moment(issued.revoked.as_ref().map(|(since, _)| *since)),
        "reason": reason,
    }))
}
