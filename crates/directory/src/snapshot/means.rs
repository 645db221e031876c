//! Is what got a ticket still there?

use ticket::Means;
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
}

impl Lost {
    /// A word for it: `key`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Key => "key",
            Self::Device => "device",
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
