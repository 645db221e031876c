//! The list of trusted issuers, `CN=NTAuthCertificates` (protocols E.5.1): putting certificates on it and taking
//! them off.

use trust::revocation::{IssuerId, Settings};
use trust::{Rng, Timestamp};
use wire::x509::Certificate;

use crate::change::{self, Change, Edit, NewEntry};
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::{Attribute, Class};
use crate::snapshot::Snapshot;
use crate::snapshot::certificates::WAY;
use crate::value::Value;

pub use crate::snapshot::certificates::{ANSWERS, ISSUERS, LISTS, REVOKED, Standing};

/// The changes that put a certificate on the list, which is made where it is not there; none where it is on it.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn trust(
    snapshot: &Snapshot<'_>,
    certificate: &Certificate,
    rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    let value = Value::Octets(certificate.der().to_vec());
    if let Some(entry) = snapshot.trusted_issuers_entry()? {
        if entry.values(Attribute::CaCertificate).contains(&value) {
            return Ok(Vec::new());
        }
        let edit = Edit::Add(Attribute::CaCertificate, vec![value]);
        return Ok(vec![change::modify(entry.id, vec![edit])]);
    }
    let mut changes = Vec::new();
    let mut parent = snapshot.domain().configuration;
    let mut made = false;
    for name in WAY {
        let there = match made {
            true => None,
            false => snapshot.child_named(parent, name)?,
        };
        parent = match there {
            Some(child) => child,
            None => {
                made = true;
                let id = EntryId::random(rng);
                let last = WAY.last() == Some(&name);
                let class = match last {
                    true => Class::CertificationAuthority,
                    false => Class::Container,
                };
                let mut entry = NewEntry::new(id, parent, class, name);
                if last {
                    entry = entry.with(Attribute::CaCertificate, value.clone());
                }
                changes.push(entry.into());
                id
            }
        };
    }
    Ok(changes)
}

/// The changes that take a certificate off the list, with what was said about its issuer where that is on it no more;
/// none where it is not on it.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn distrust(snapshot: &Snapshot<'_>, certificate: &Certificate) -> Result<Vec<Change>, Fault> {
    let value = Value::Octets(certificate.der().to_vec());
    let Some(entry) = snapshot.trusted_issuers_entry()? else {
        return Ok(Vec::new());
    };
    if !entry.values(Attribute::CaCertificate).contains(&value) {
        return Ok(Vec::new());
    }
    let edit = Edit::Remove(Attribute::CaCertificate, vec![value]);
    let mut changes = vec![change::modify(entry.id, vec![edit])];
    let issuer = IssuerId::of(certificate);
    let others = snapshot.trusted_issuers()?;
    let still = others
        .iter()
        .any(|other| other != certificate && IssuerId::of(other) == issuer);
    if !still {
        changes.push(change::remove(ISSUERS, issuer.0.to_vec()));
    }
    Ok(changes)
}

/// The change that keeps what an administrator said about an issuer.
#[must_use]
pub fn settings(issuer: &IssuerId, settings: &Settings) -> Change {
    change::put(
        ISSUERS,
        issuer.0.to_vec(),
        settings.to_bytes(),
        Timestamp::NEVER,
    )
}
