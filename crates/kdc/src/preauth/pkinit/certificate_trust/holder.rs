//! Whose is a certificate that was shown without a name? (RFC 4513 5.2.3: SASL EXTERNAL.)
//!
//! Who signs in to the KDC says a name, and the certificate is judged for that account. Elsewhere there is the certificate
//! alone: whoever it may be meant for is found by what it says, and then judged by the same rules.

use std::sync::Arc;

use directory::{Account, Attribute, Value};
use ticket::Means;
use trust::Timestamp;
use trust::path::Valid;
use wire::Sid;
use wire::kerberos::{NameType, PrincipalName};
use wire::x509::mapping::{CertificateMapping, MappedName};
use wire::x509::{Certificate, GeneralName};

use super::{Path, mapping, strong_key};
use crate::View;
use crate::client;
use crate::refused::Refused;

/// Names of a certificate that are looked up: a card has two or three.
const MOST_NAMES: usize = 8;

/// An account whose certificate was shown. Only [`holder`] makes one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// The account.
    pub account: Arc<Account>,
    /// What proved it, to be looked at again ([`directory::Snapshot::lost`]).
    pub means: Means,
    /// When the certificate ends.
    pub until: Timestamp,
}

/// Judges a certificate whose key the peer proved to hold, as for a sign-in: path, purpose, mapping, revocation, and the
/// account's state. `others` are certificates that came with it, in any order and from anybody.
///
/// # Errors
/// [`Refused`], saying which rule was not met. [`Refused::RevocationUnavailable`] may say what to get first.
pub fn holder(
    certificate: &Certificate,
    others: &[Certificate],
    view: &View<'_>,
    now: Timestamp,
) -> Result<Holder, Refused> {
    let key = strong_key(certificate)?;
    view.realm.crypto.check_key(&key)?;
    let path = Path::judge(certificate, others, view, now)?;
    let account = mapped(&path.valid, view)?;
    path.check_revocation(view, now)?;
    client::check_state(&account, now)?;
    let means = Means {
        account: account.id.0,
        key: None,
        certificate: Some(path.means()?),
    };
    Ok(Holder {
        account,
        means,
        until: Timestamp::from_unix(certificate.not_after()),
    })
}

/// The one account that the certificate is mapped to.
fn mapped(valid: &Valid<'_>, view: &View<'_>) -> Result<Arc<Account>, Refused> {
    let certificate = valid.path.first().ok_or(Refused::Fault)?;
    let mut found: Option<Arc<Account>> = None;
    for candidate in candidates(certificate, view)? {
        match mapping::check(valid, &candidate, view) {
            Ok(()) if found.as_ref().is_some_and(|other| other.id != candidate.id) => {
                // Whom it means would be the directory's order to say.
                return Err(Refused::CertificateMismatch);
            }
            Ok(()) => found = Some(candidate),
            Err(Refused::ClientNameMismatch | Refused::CertificateMismatch) => {}
            Err(refused) => return Err(refused),
        }
    }
    found.ok_or(Refused::CertificateMismatch)
}

/// Whom it may be meant for: by its SID, by the mappings that fit it, by its names.
fn candidates(certificate: &Certificate, view: &View<'_>) -> Result<Vec<Arc<Account>>, Refused> {
    let directory = &view.directory;
    let sid = mapping::sid_of(certificate).map_err(|_| mapping::malformed(certificate))?;
    let mut found = Vec::new();
    if let Some(sid) = &sid {
        found.extend(directory.account_by_sid(sid)?);
    }
    let mut values = strong_values(certificate, sid.as_ref());
    values.extend(weak_values(certificate)?);
    for value in values {
        // Two are enough to know that it is not one's alone.
        let value = Value::Text(value.to_string());
        for entry in directory.entries_with(Attribute::AltSecurityIdentities, &value, 2)? {
            found.extend(directory.account_by_id(entry.id)?);
        }
    }
    let names = certificate.extensions().subject_alternative_names();
    let names = names.map_err(|_| mapping::malformed(certificate))?;
    for name in names.iter().take(MOST_NAMES) {
        match name {
            GeneralName::UserPrincipalName(upn) => found.extend(client::of_upn(upn, directory)?),
            GeneralName::Kerberos(principal) if principal.realm == view.realm.name.as_str() => {
                let components = principal.components.iter().map(String::as_str);
                let name = PrincipalName::new(NameType::NT_PRINCIPAL, components);
                found.extend(client::account_of(&name, view.realm, directory)?);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The values that name its holder by names alone; whether they count, the rule for mappings says (E.5.5).
fn weak_values(certificate: &Certificate) -> Result<Vec<CertificateMapping>, Refused> {
    let mut values = Vec::new();
    if let Some(subject) = MappedName::of(certificate.subject()) {
        if let Some(issuer) = MappedName::of(certificate.issuer()) {
            let subject = subject.clone();
            values.push(CertificateMapping::IssuerSubject { issuer, subject });
        }
        values.push(CertificateMapping::Subject(subject));
    }
    let names = certificate.extensions().subject_alternative_names();
    let names = names.map_err(|_| mapping::malformed(certificate))?;
    for name in names.iter().take(MOST_NAMES) {
        if let GeneralName::Email(mailbox) = name {
            values.push(CertificateMapping::Rfc822(mailbox.clone()));
        }
    }
    Ok(values)
}

/// The values of altSecurityIdentities that name this certificate or its key beyond doubt (E.5.2), as they are written here.
fn strong_values(certificate: &Certificate, sid: Option<&Sid>) -> Vec<CertificateMapping> {
    let mut values: Vec<_> = CertificateMapping::issuer_serial(certificate)
        .into_iter()
        .collect();
    if let Ok(Some(identifier)) = certificate.extensions().subject_key_identifier() {
        values.push(CertificateMapping::SubjectKeyIdentifier(identifier));
    }
    let digests = mapping::digests_of_key(certificate);
    values.extend(digests.into_iter().map(CertificateMapping::Sha1PublicKey));
    if let (Some(sid), Some(issuer)) = (sid, MappedName::of(certificate.issuer())) {
        values.push(CertificateMapping::IssuerSid { issuer, sid: *sid });
    }
    values
}
