//! Is what got a ticket still there?

use ticket::{CertificateMeans, Means};
use trust::Timestamp;
use trust::revocation::OWN;
use wire::Guid;

use super::Snapshot;
use crate::account::{Account, Origin};
use crate::error::Fault;

/// What a ticket was got with, and is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The account: the ticket is another's.
    Account,
    /// The key: the account lists it for signing in no more.
    Key,
    /// The key's device: it is disabled or gone.
    Device,
    /// The certificate: it is revoked, or its issuer is trusted no more.
    Certificate,
}

impl Lost {
    /// A word for it: `key`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Key => "key",
            Self::Device => "device",
            Self::Certificate => "certificate",
        }
    }
}

impl Snapshot<'_> {
    /// What of the means of a ticket is gone, of those that `account` had; `None` when all are there. Whether the account
    /// itself may be used is asked elsewhere.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn lost(&self, means: &Means, account: &Account) -> Result<Option<Lost>, Fault> {
        if means.account != account.id.0 {
            return Ok(Some(Lost::Account));
        }
        if let Some(certificate) = &means.certificate
            && self.certificate_is_lost(certificate)?
        {
            return Ok(Some(Lost::Certificate));
        }
        let Some(key) = &means.key else {
            return Ok(None);
        };
        let Some(listed) = account.sign_in_key(&key.fingerprint) else {
            return Ok(Some(Lost::Key));
        };
        Ok(match key.device {
            Some(device) if !self.device_is_usable(device, listed.origin)? => Some(Lost::Device),
            _ => None,
        })
    }

    /// By what is in hand: nobody is asked again for a ticket that was given.
    fn certificate_is_lost(&self, means: &CertificateMeans) -> Result<bool, Fault> {
        let serial = means.serial();
        if means.own {
            return self.is_own_revoked(OWN, serial);
        }
        let revoked = self.revoked_certificate(&means.issuer, serial, Timestamp::EPOCH)?;
        Ok(revoked.is_some() || !self.is_trusted_issuer(&means.anchor)?)
    }

    /// Whether keys from a device may be used: one that was registered here must still be there and enabled; one that
    /// another directory knows need not be here.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn device_is_usable(&self, device: Guid, origin: Origin) -> Result<bool, Fault> {
        Ok(match self.device_by_id(device)? {
            Some(device) => device.enabled,
            None => origin != Origin::Registration,
        })
    }
}
