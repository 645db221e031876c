//! Tickets die with their account, key and device (design: "revocation reaches tickets").

use std::sync::Arc;

use directory::{Account, EntryId};
use ticket::Means;
use trust::Timestamp;
use wire::kerberos::PrincipalName;

use crate::refused::Refused;
use crate::{View, client};

/// The account that a ticket was given to, if nothing that gave it is gone: the account under the name that it has in
/// the ticket, the key, the device.
///
/// # Errors
/// [`Refused::TgtRevoked`], and what [`client::check_state`] says.
pub(crate) fn still_there(
    means: &Means,
    name: &PrincipalName,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Arc<Account>, Refused> {
    let id = EntryId(means.account);
    let named = client::account_of(name, view.realm, &view.directory)?;
    let Some(account) = named.filter(|named| named.id == id) else {
        let renamed = view.directory.account_by_id(id)?.is_some();
        return Err(Refused::TgtRevoked(if renamed {
            "name"
        } else {
            "account"
        }));
    };
    client::check_state(&account, now)?;
    match view.directory.lost(means, &account)? {
        None => Ok(account),
        Some(lost) => Err(Refused::TgtRevoked(lost.name())),
    }
}
