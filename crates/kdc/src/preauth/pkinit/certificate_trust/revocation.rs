//! Is anything of the path revoked? (Protocols E.5.1.)
//!
//! The KDC asks nobody: it looks at what is in hand, kept in the directory by whoever fetches. What is missing it
//! says ([`Needed`]), and is asked again when that is there, or when it was found not to be had.

use trust::Timestamp;
use trust::path::Valid;
use trust::revocation::{IssuerId, Requirement, Settings};
use wire::x509::Certificate;
use wire::x509::ocsp::CertificateStatus;

use crate::View;
use crate::refused::Refused;
use crate::revocation::{Needed, Place};

/// Places of each kind that a certificate may send us to.
const MOST_PLACES: usize = 4;

/// Judges each certificate of the path but the anchor: that one's standing is the administrator's to know.
///
/// # Errors
/// [`Refused::CertificateRevoked`], [`Refused::RevocationUnknown`], [`Refused::RevocationUnavailable`].
pub(super) fn check(valid: &Valid<'_>, view: &View<'_>, now: Timestamp) -> Result<(), Refused> {
    let anchor = valid.anchor.certificate();
    let settings = view.directory.issuer_settings(&IssuerId::of(anchor))?;
    let requirement = settings.revocation.unwrap_or(view.realm.revocation);
    for (certificate, issuer) in valid.links() {
        // What was said about an issuer is said of what it issues itself, not of who stands below it.
        let own = (issuer == anchor).then_some(&settings);
        match one(certificate, issuer, own, view, now) {
            Ok(()) => {}
            Err(Refused::RevocationUnavailable(None) | Refused::RevocationUnknown)
                if requirement == Requirement::Soft => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(())
}

/// The refusal of a certificate that is revoked.
pub(super) fn revoked(certificate: &Certificate) -> Refused {
    let serial: String = certificate
        .serial()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    Refused::CertificateRevoked(format!("{serial} of {}", certificate.issuer()).into())
}

fn one(
    certificate: &Certificate,
    issuer: &Certificate,
    settings: Option<&Settings>,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let (id, serial) = (IssuerId::of(issuer), certificate.serial());
    let directory = &view.directory;
    if directory.revoked_certificate(&id, serial, now)?.is_some() {
        return Err(revoked(certificate));
    }
    let answer = directory.revocation_answer(&id, serial, now)?;
    match answer.map(|answer| answer.status) {
        Some(CertificateStatus::Good) => return Ok(()),
        Some(CertificateStatus::Revoked { .. }) => return Err(revoked(certificate)),
        Some(CertificateStatus::Unknown) | None => {}
    }
    let list = directory.revocation_list(&id)?;
    if list.is_some_and(|list| list.next_update > now) {
        return Ok(());
    }
    // Whoever should know was asked, and does not.
    if answer.is_some() {
        return Err(Refused::RevocationUnknown);
    }
    let needed = Needed {
        responders: places(
            settings,
            |settings| &settings.responders,
            || certificate.extensions().ocsp_responders(),
        ),
        lists: places(
            settings,
            |settings| &settings.lists,
            || certificate.extensions().crl_distribution_points(),
        ),
        certificate: certificate.clone(),
        issuer: issuer.clone(),
    };
    if needed.responders.is_empty() && needed.lists.is_empty() {
        return Err(Refused::RevocationUnknown);
    }
    let tried = view.memory.was_not_had(&needed, now);
    Err(Refused::RevocationUnavailable(
        (!tried).then(|| Box::new(needed)),
    ))
}

/// Where the administrator said, or else where the certificate says.
fn places(
    settings: Option<&Settings>,
    said: impl Fn(&Settings) -> &Vec<String>,
    own: impl Fn() -> Result<Vec<String>, wire::x509::Malformed>,
) -> Vec<Place> {
    let said = settings.map(said).filter(|said| !said.is_empty());
    let place = |url: &String, by_administrator| Place {
        url: url.clone(),
        by_administrator,
    };
    match said {
        Some(said) => said.iter().map(|url| place(url, true)).collect(),
        None => own()
            .unwrap_or_default()
            .iter()
            .filter(|url| url.starts_with("http://"))
            .take(MOST_PLACES)
            .map(|url| place(url, false))
            .collect(),
    }
}
