//! What got a ticket-granting ticket, remembered in the ticket itself: so that tickets die with their key,
//! device or account (design: "revocation reaches tickets").
//!
//! An element of authorization data of our own, in AD-IF-RELEVANT: a version byte, the account's id
//! (16 bytes), then for a key its fingerprint (32 bytes) and the device's id (16 bytes, zeros for none).
//! The ticket's encryption protects it; [`strip`] takes out what clients would like to put in its place.

use std::sync::Arc;

use crypto::key::Fingerprint;
use directory::{Account, EntryId};
use trust::Timestamp;
use wire::Guid;
use wire::kerberos::{
    AuthorizationData, AuthorizationDataElement, AuthorizationDataType, PrincipalName,
};

use crate::preauth::pkinit::key_trust;
use crate::refused::Refused;
use crate::{View, client};

/// Negative numbers are for local use (RFC 4120 5.2.6).
const TYPE: AuthorizationDataType = AuthorizationDataType(-19_280);

const VERSION: u8 = 1;

/// Who got a ticket-granting ticket, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// The account.
    pub account: EntryId,
    /// The key, where it was one; a password otherwise.
    pub key: Option<KeyMeans>,
}

/// The key that got a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMeans {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// On which device.
    pub device: Option<Guid>,
}

impl Means {
    /// The element that goes into the ticket.
    pub(crate) fn element(&self) -> AuthorizationDataElement {
        let mut data = vec![VERSION];
        data.extend_from_slice(&self.account.0.to_windows_bytes());
        if let Some(key) = &self.key {
            data.extend_from_slice(&key.fingerprint.0);
            data.extend_from_slice(&key.device.unwrap_or(Guid::NIL).to_windows_bytes());
        }
        let element = AuthorizationDataElement {
            ad_type: TYPE,
            ad_data: data,
        };
        AuthorizationDataElement::if_relevant(&AuthorizationData::from([element]))
    }

    /// Reads the first element of our type; `None` when there is none that we wrote.
    pub(crate) fn find(data: &AuthorizationData) -> Option<Self> {
        data.iter()
            .filter(|element| element.ad_type == AuthorizationDataType::AD_IF_RELEVANT)
            .filter_map(|element| AuthorizationData::decode(&element.ad_data).ok())
            .flat_map(AuthorizationData::into_vec)
            .find(|element| element.ad_type == TYPE)
            .and_then(|element| Self::read(&element.ad_data))
    }

    fn read(data: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = data.split_first()? else {
            return None;
        };
        let (account, rest) = rest.split_first_chunk()?;
        let key = match rest {
            [] => None,
            rest => {
                let (fingerprint, rest) = rest.split_first_chunk()?;
                let device = Guid::from_windows_bytes(rest.try_into().ok()?);
                Some(KeyMeans {
                    fingerprint: Fingerprint(*fingerprint),
                    device: (!device.is_nil()).then_some(device),
                })
            }
        };
        Some(Self {
            account: EntryId(Guid::from_windows_bytes(*account)),
            key,
        })
    }
}

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
    let named = client::account_of(name, view.realm, &view.directory)?;
    let Some(account) = named.filter(|named| named.id == means.account) else {
        let renamed = view.directory.account_by_id(means.account)?.is_some();
        return Err(Refused::TgtRevoked(if renamed {
            "name"
        } else {
            "account"
        }));
    };
    client::check_state(&account, now)?;
    if let Some(key) = &means.key {
        let listed =
            key_trust::listed(&account, &key.fingerprint).ok_or(Refused::TgtRevoked("key"))?;
        if let Some(device) = key.device
            && !key_trust::device_is_usable(device, listed.origin, &view.directory)?
        {
            return Err(Refused::TgtRevoked("device"));
        }
    }
    Ok(account)
}

/// A client's own authorization data without what only a KDC may say: a PAC, or our own element, at any of
/// the levels that anybody looks at. What does not parse is left out, too.
pub(crate) fn strip(data: &AuthorizationData) -> Vec<AuthorizationDataElement> {
    let forbidden = |kind| {
        kind == TYPE
            || kind == AuthorizationDataType::AD_WIN2K_PAC
            || kind == AuthorizationDataType::AD_KDC_ISSUED
            || kind == AuthorizationDataType::AD_CAMMAC
    };
    let mut kept = Vec::new();
    for element in data {
        if forbidden(element.ad_type) {
            continue;
        }
        if element.ad_type != AuthorizationDataType::AD_IF_RELEVANT {
            kept.push(element.clone());
            continue;
        }
        let Ok(inner) = AuthorizationData::decode(&element.ad_data) else {
            continue;
        };
        let inner: AuthorizationData = inner
            .into_iter()
            .filter(|element| {
                !forbidden(element.ad_type)
                    && element.ad_type != AuthorizationDataType::AD_IF_RELEVANT
            })
            .collect();
        if !inner.is_empty() {
            kept.push(AuthorizationDataElement::if_relevant(&inner));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means() -> Means {
        Means {
            account: EntryId(Guid::from_windows_bytes([7; 16])),
            key: Some(KeyMeans {
                fingerprint: Fingerprint([9; 32]),
                device: Some(Guid::from_windows_bytes([8; 16])),
            }),
        }
    }

    #[test]
    fn what_got_a_ticket_is_found_in_it() {
        let password = Means {
            key: None,
            ..means()
        };
        for means in [means(), password] {
            let data = AuthorizationData::from([means.element()]);
            assert_eq!(Means::find(&data), Some(means));
        }
        assert_eq!(Means::find(&AuthorizationData::new()), None);
    }

    #[test]
    fn a_client_cannot_put_its_own_words_in_its_place() {
        let element = |ad_type| AuthorizationDataElement {
            ad_type,
            ad_data: vec![1, 2, 3],
        };
        let pac = element(AuthorizationDataType::AD_WIN2K_PAC);
        let wish = element(AuthorizationDataType::AD_TARGET_PRINCIPAL);
        let both = AuthorizationData::from([pac.clone(), wish.clone()]);
        let nested = AuthorizationDataElement::if_relevant(&both);
        let twice =
            AuthorizationDataElement::if_relevant(&AuthorizationData::from([nested.clone()]));
        let data = AuthorizationData::from([means().element(), pac, nested, twice, wish.clone()]);
        let kept = AuthorizationData::from(strip(&data));
        assert_eq!(Means::find(&kept), None);
        let expected =
            AuthorizationDataElement::if_relevant(&AuthorizationData::from([wish.clone()]));
        assert_eq!(kept.into_vec(), [expected, wish]);
    }
}
