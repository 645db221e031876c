//! Whose certificates are whose: values of altSecurityIdentities (protocols E.5.2).

use directory::{Attribute, Edit, Value, change};
use serde_json::json;
use trust::Rng;
use wire::x509::mapping::CertificateMapping;

use crate::asked::Asked;
use crate::done::Done;
use crate::issuers;
use crate::names::{Kind, called};
use crate::refused::{Refused, Trouble};
use crate::users::ordinary;

/// The most mappings of one account.
const MOST: usize = 100;

pub(crate) fn add(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    let mut members = asked.members()?;
    let (text, certificate) = (members.text("mapping")?, members.encoded("certificate")?);
    let mapping = match (text, certificate) {
        (Some(text), None) => read(&text)?,
        (None, Some(text)) => {
            let certificate = issuers::certificate("certificate", &text)?;
            CertificateMapping::issuer_serial(&certificate).ok_or_else(|| {
                Refused::member(
                    "certificate",
                    "its issuer's name cannot be written as a mapping",
                )
            })?
        }
        (None, None) => return Err(Refused::MissingMember("mapping").into()),
        (Some(_), Some(_)) => {
            let why = "give either mapping or certificate";
            return Err(Refused::member("certificate", why).into());
        }
    };
    let value = mapping.to_string();
    let shown = json!({ "mapping": value, "strong": mapping.is_strong() });
    let own = &account.alt_security_identities;
    if own
        .iter()
        .any(|own| directory::folded(own) == directory::folded(&value))
    {
        return Ok(Done::now(shown).with("changed", false));
    }
    if own.len() >= MOST {
        return Err(Refused::InTheWay(format!("it has {MOST} mappings already")).into());
    }
    must_be_nobodys(asked, &value)?;
    let edit = Edit::Add(
        Attribute::AltSecurityIdentities,
        vec![Value::from(value.as_str())],
    );
    let record = asked
        .record()
        .on(account.id, called(&account))
        .with("mapping", &value);
    Ok(Done::now(shown).with("changed", true).committing([
        change::modify(account.id, vec![edit]),
        change::audit(record),
    ]))
}

pub(crate) fn remove(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    let wanted = asked.part(1);
    // As it was written, or in another way that means the same.
    let meant = wanted.parse::<CertificateMapping>().ok();
    let found = account.alt_security_identities.iter().find(|own| {
        directory::folded(own) == directory::folded(wanted)
            || (meant.is_some() && own.parse::<CertificateMapping>().ok() == meant)
    });
    let Some(found) = found else {
        return Ok(Done::changed(Vec::new()));
    };
    let edit = Edit::Remove(
        Attribute::AltSecurityIdentities,
        vec![Value::from(found.as_str())],
    );
    let record = asked
        .record()
        .on(account.id, called(&account))
        .with("mapping", found);
    Ok(Done::changed(vec![
        change::modify(account.id, vec![edit]),
        change::audit(record),
    ]))
}

/// Whether nobody else has the mapping: whoever holds the certificate could choose whom they sign in as.
fn must_be_nobodys(asked: &Asked<'_, '_>, value: &str) -> Result<(), Trouble> {
    let attribute = Attribute::AltSecurityIdentities;
    let others = asked
        .snapshot()
        .entries_with(attribute, &Value::from(value), 1)?;
    match others.first() {
        None => Ok(()),
        Some(other) => {
            let holder = other.text(Attribute::SamAccountName);
            let holder = holder.unwrap_or(&other.name);
            Err(Refused::taken("the mapping", value, holder).into())
        }
    }
}

fn read(text: &str) -> Result<CertificateMapping, Refused> {
    text.parse()
        .map_err(|why: wire::x509::mapping::InvalidMapping| {
            Refused::member("mapping", why.to_string())
        })
}
