//! The authority's certificates, lent to the administration: parties do not know one another.

use administration::{AuthorityFault, Certificates, IssuedCertificate, NotRevoked};
use authority::{Ca, Issued};
use directory::{Actor, Change, Snapshot};
use trust::{Rng, Timestamp};
use wire::x509::Reason;

use super::parties::Parties;

/// The certificates that the authorities of a store issued.
pub(super) struct Issuing<'p>(pub(super) &'p dyn Parties);

impl Certificates for Issuing<'_> {
    fn authorities(&self) -> Vec<&'static str> {
        let domain = self.0.core().directory.domain();
        let kind = domain.map(|domain| domain.kind).unwrap_or_default();
        Ca::of(kind).iter().map(|ca| ca.name()).collect()
    }

    fn page(
        &self,
        snapshot: &Snapshot<'_>,
        authority: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<IssuedCertificate>, AuthorityFault> {
        let Some(ca) = Ca::from_name(authority) else {
            return Ok(Vec::new());
        };
        let found = authority::certificates(snapshot, ca, after, limit, now).map_err(fault)?;
        Ok(found.into_iter().map(shown).collect())
    }

    fn find(
        &self,
        snapshot: &Snapshot<'_>,
        authority: &str,
        serial: &[u8],
        now: Timestamp,
    ) -> Result<Option<IssuedCertificate>, AuthorityFault> {
        let Some(ca) = Ca::from_name(authority) else {
            return Ok(None);
        };
        let found = authority::certificate(snapshot, ca, serial, now).map_err(fault)?;
        Ok(found.map(shown))
    }

    fn revoke(
        &self,
        snapshot: &Snapshot<'_>,
        authority: &str,
        serial: &[u8],
        reason: Reason,
        actor: &Actor,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Result<Vec<Change>, NotRevoked>, AuthorityFault> {
        let Some(ca) = Ca::from_name(authority) else {
            return Ok(Err(NotRevoked::NotIssued));
        };
        let view = self.0.authority_view(snapshot);
        let which = (ca, serial);
        let outcome = match reason {
            Reason::RemoveFromCrl => authority::release(&view, which, actor, now, rng),
            _ => authority::revoke(&view, which, reason, actor, now, rng),
        };
        Ok(outcome.map_err(fault)?.map_err(|refused| match refused {
            authority::Refused::AlreadyRevoked => NotRevoked::AlreadyRevoked,
            authority::Refused::NotOnHold => NotRevoked::NotOnHold,
            authority::Refused::Reason => NotRevoked::Reason,
            _ => NotRevoked::NotIssued,
        }))
    }
}

fn fault(fault: authority::Fault) -> AuthorityFault {
    AuthorityFault(Box::new(fault))
}

fn shown(issued: Issued) -> IssuedCertificate {
    IssuedCertificate {
        certificate: issued.certificate,
        at: issued.at,
        holder: issued.holder,
        revoked: issued.revoked,
    }
}
