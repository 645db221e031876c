//! A principal together with its realm, as credential caches and key tables hold it.

use core::fmt;

use crate::kerberos::{NameType, PrincipalName, Realm};

/// A name and the realm in which it is one: `alice@CORP.EXAMPLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name within the realm.
    pub name: PrincipalName,
    /// The realm.
    pub realm: Realm,
}

impl Principal {
    /// A name in a realm.
    #[must_use]
    pub fn new(name: PrincipalName, realm: &str) -> Principal {
        Principal {
            name,
            realm: Realm::from(realm),
        }
    }

    /// The ticket-granting service of a realm, in that realm.
    #[must_use]
    pub fn krbtgt(realm: &str) -> Principal {
        Principal::new(PrincipalName::krbtgt(realm), realm)
    }

    /// The most components that are read, as in a Kerberos message.
    pub(crate) const MAX_COMPONENTS: usize = 16;

    /// From what a file holds; `None` when a part is not text.
    pub(crate) fn from_parts(
        name_type: u32,
        realm: &[u8],
        components: &[&[u8]],
    ) -> Option<Principal> {
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).ok().map(str::to_owned);
        let components = components
            .iter()
            .map(|part| text(part))
            .collect::<Option<Vec<_>>>()?;
        Some(Principal {
            name: PrincipalName::new(NameType(name_type.cast_signed()), components),
            realm: Realm::from(text(realm)?),
        })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.realm)
    }
}
