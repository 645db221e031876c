//! Whom certificates are believed from, and which of them are revoked: the rows of [`trust::revocation`], and the
//! entry `CN=NTAuthCertificates,CN=Public Key Services,CN=Services,CN=Configuration` (protocols E.5.1).

use trust::Timestamp;
use trust::revocation::{self, IssuerId, ListRow, OcspRow, RevokedRow, Settings, own_row};
use wire::x509::Certificate;

use super::Snapshot;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::record::{Record, Table};
use crate::schema::Attribute;

/// Where the trusted issuers stand, from the configuration down.
pub(crate) const WAY: [&str; 3] = ["Services", "Public Key Services", "NTAuthCertificates"];

/// Settings of trusted issuers.
pub const ISSUERS: Table = Table::new(revocation::ISSUERS);
/// What is known of issuers' lists.
pub const LISTS: Table = Table::new(revocation::LISTS);
/// Certificates of others that are revoked.
pub const REVOKED: Table = Table::new(revocation::REVOKED);
/// What responders said.
pub const ANSWERS: Table = Table::new(revocation::ANSWERS);
const OWN_REVOKED: Table = Table::new(revocation::OWN_REVOKED);
const OWN_ISSUED: Table = Table::new(revocation::OWN_ISSUED);

/// What the books of our own authority say of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It was issued, and is not revoked.
    Good,
    /// It is revoked or on hold.
    Revoked,
    /// It is not in the books: whoever made it has the authority's key, and is not the authority (security: "golden
    /// certificate").
    NotIssued,
}

impl Snapshot<'_> {
    /// The entry that lists the trusted issuers; `None` until the first was added.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn trusted_issuers_entry(&self) -> Result<Option<Entry>, Fault> {
        let mut id = self.domain().configuration;
        for name in WAY {
            match self.child(id, Attribute::Cn, name)? {
                Some(child) => id = child,
                None => return Ok(None),
            }
        }
        self.entry(id)
    }

    /// The certificates of the issuers that are trusted for signing in. A value that is no certificate trusts nobody.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn trusted_issuers(&self) -> Result<Vec<Certificate>, Fault> {
        let Some(entry) = self.trusted_issuers_entry()? else {
            return Ok(Vec::new());
        };
        let values = entry.values(Attribute::CaCertificate).iter();
        Ok(values
            .filter_map(|value| match value {
                crate::Value::Octets(der) => Certificate::parse(der).ok(),
                _ => None,
            })
            .collect())
    }

    /// Whether an issuer is trusted for signing in.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn is_trusted_issuer(&self, issuer: &IssuerId) -> Result<bool, Fault> {
        let issuers = self.trusted_issuers()?;
        Ok(issuers.iter().any(|known| IssuerId::of(known) == *issuer))
    }

    /// What an administrator said about an issuer; the defaults where nothing was said.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or the row does not decode.
    pub fn issuer_settings(&self, issuer: &IssuerId) -> Result<Settings, Fault> {
        match self.lasting(ISSUERS, &issuer.0)? {
            None => Ok(Settings::default()),
            Some(row) => decoded(Settings::from_bytes(row.value.bytes()), "issuer"),
        }
    }

    /// What is known of an issuer's list.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or the row does not decode.
    pub fn revocation_list(&self, issuer: &IssuerId) -> Result<Option<ListRow>, Fault> {
        let row = self.lasting(LISTS, &issuer.0)?;
        row.map(|row| decoded(ListRow::from_bytes(row.value.bytes()), "list"))
            .transpose()
    }

    /// Whether, and since when, another issuer's certificate is known to be revoked.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or the row does not decode.
    pub fn revoked_certificate(
        &self,
        issuer: &IssuerId,
        serial: &[u8],
        now: Timestamp,
    ) -> Result<Option<RevokedRow>, Fault> {
        let row = self.record(REVOKED, &issuer.row(serial), now)?;
        row.map(|row| decoded(RevokedRow::from_bytes(row.value.bytes()), "revocation"))
            .transpose()
    }

    /// What a responder said of a certificate, while it may be used.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or the row does not decode.
    pub fn revocation_answer(
        &self,
        issuer: &IssuerId,
        serial: &[u8],
        now: Timestamp,
    ) -> Result<Option<OcspRow>, Fault> {
        let row = self.record(ANSWERS, &issuer.row(serial), now)?;
        let answer = row
            .map(|row| decoded(OcspRow::from_bytes(row.value.bytes()), "answer"))
            .transpose()?;
        // The row says it as well as the record that holds it: neither is enough to go on by itself.
        Ok(answer.filter(|answer| answer.until > now))
    }

    /// What the books of our own authority say of this very certificate.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn own_certificate(
        &self,
        authority: &str,
        certificate: &Certificate,
    ) -> Result<Standing, Fault> {
        let row = own_row(authority, certificate.serial());
        if self.lasting(OWN_REVOKED, &row)?.is_some() {
            return Ok(Standing::Revoked);
        }
        let issued = self.lasting(OWN_ISSUED, &row)?;
        let der = certificate.der();
        let same = issued.is_some_and(|issued| {
            let mut windows = issued.value.bytes().windows(der.len());
            windows.any(|window| window == der)
        });
        Ok(match same {
            true => Standing::Good,
            false => Standing::NotIssued,
        })
    }

    /// Whether a certificate of our own authority is revoked or on hold.
    pub(crate) fn is_own_revoked(&self, authority: &str, serial: &[u8]) -> Result<bool, Fault> {
        Ok(self
            .lasting(OWN_REVOKED, &own_row(authority, serial))?
            .is_some())
    }

    /// A record that does not expire.
    fn lasting(&self, table: Table, key: &[u8]) -> Result<Option<Record>, Fault> {
        self.record(table, key, Timestamp::EPOCH)
    }

    /// The child of that name, where there is one.
    pub(crate) fn child_named(
        &self,
        parent: EntryId,
        name: &str,
    ) -> Result<Option<EntryId>, Fault> {
        self.child(parent, Attribute::Cn, name)
    }
}

fn decoded<T>(read: Option<T>, what: &'static str) -> Result<T, Fault> {
    read.ok_or(Fault::Corrupt(what))
}

#[cfg(test)]
mod tests {
    use trust::Span;
    use wire::x509::ocsp::CertificateStatus;

    use super::*;
    use crate::testing::{START, fresh};
    use crate::{Reads, change};

    #[test]
    fn an_answer_that_is_over_is_none_however_long_its_row_is_kept() {
        let directory = fresh();
        let (issuer, until) = (IssuerId([7; 32]), START + Span::hours(1));
        let row = OcspRow {
            status: CertificateStatus::Good,
            until,
        };
        let put = change::put(ANSWERS, issuer.row(&[1]), row.to_bytes(), Timestamp::NEVER);
        directory.commit(&[put], &Reads::none(), START).unwrap();
        let snapshot = directory.snapshot().unwrap();
        let said = |now| snapshot.revocation_answer(&issuer, &[1], now).unwrap();
        assert_eq!(said(START), Some(row));
        assert_eq!(said(until), None);
    }
}
