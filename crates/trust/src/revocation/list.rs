//! Revocation lists (RFC 5280 5 and 6.3.3).

use wire::x509::{Certificate, CertificateList, GeneralName, KeyUsage, Reason, oid};

use super::{SKEW, Unusable, signed};
use crate::Timestamp;
use crate::path::same_name;

/// A list that may be used. Only [`judge_list`] makes one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// When it was made.
    pub this_update: Timestamp,
    /// Until when it holds.
    pub next_update: Timestamp,
    /// Its number, where it has one.
    pub number: Option<u64>,
    /// What it says is revoked: serial number, since when, why. A hold is in it, and the end of a hold is not.
    pub revoked: Vec<(Vec<u8>, Timestamp, Reason)>,
}

/// Judges a list of the authority with the certificate `issuer`, that came from `place` where it came from one.
///
/// Every entry is read: after a malformed one nothing could be said of those behind it. Lists of some reasons, of other
/// issuers' certificates, and deltas are not used: without what completes them, a certificate that is revoked would
/// seem not to be.
///
/// # Errors
/// [`Unusable`].
pub fn judge_list(
    der: &[u8],
    issuer: &Certificate,
    place: Option<&str>,
    now: Timestamp,
) -> Result<Checked, Unusable> {
    let list = CertificateList::parse(der)?;
    if !same_name(list.issuer(), issuer.subject()) {
        return Err(Unusable::OtherIssuer);
    }
    let usage = issuer.extensions().key_usage()?;
    let may_sign = usage.is_none_or(|usage| usage.allows(KeyUsage::CRL_SIGN));
    if !may_sign
        || !signed(
            issuer,
            list.signature_algorithm(),
            list.tbs(),
            list.signature(),
        )
    {
        return Err(Unusable::Signature);
    }
    let extensions = list.extensions();
    if extensions.delta_crl_indicator()?.is_some() {
        return Err(Unusable::Partial);
    }
    if let Some(point) = extensions.issuing_distribution_point()? {
        let elsewhere = match (&point.names, place) {
            (Some(names), Some(place)) => !names.contains(&GeneralName::Uri(place.to_owned())),
            // Brought by hand: the administrator says whose list it is.
            _ => false,
        };
        // One of end entities alone says nothing of an authority below; those are asked about by this very row.
        let part = point.only_some_reasons
            || point.indirect
            || point.only_attribute_certificates
            || point.only_ca_certificates
            || point.only_user_certificates;
        if elsewhere || part {
            return Err(Unusable::Partial);
        }
    }
    if extensions
        .unknown_critical(&[oid::ISSUING_DISTRIBUTION_POINT])
        .is_some()
    {
        return Err(Unusable::Critical);
    }
    let this_update = Timestamp::from_unix(list.this_update());
    if this_update > now + SKEW {
        return Err(Unusable::Future);
    }
    let next_update = list.next_update().map(Timestamp::from_unix);
    let next_update = next_update
        .filter(|next| *next > now)
        .ok_or(Unusable::Over)?;
    let mut revoked = Vec::new();
    for entry in list.revoked() {
        let entry = entry?;
        if entry.reason != Reason::RemoveFromCrl {
            let since = Timestamp::from_unix(entry.since);
            revoked.push((entry.serial, since, entry.reason));
        }
    }
    Ok(Checked {
        this_update,
        next_update,
        number: extensions.crl_number().unwrap_or_default(),
        revoked,
    })
}
