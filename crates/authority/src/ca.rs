//! The three authorities.

use std::fmt;

use directory::StoreKind;

/// A certification authority. Each is a root of its own, signs for its subjects itself, and keeps its own
/// log and revocation list (protocols G.1).
///
/// They are apart so that trusting one for its purpose is not trusting it for another's: only the enterprise
/// authority belongs into the list of smart-card issuers, and neither a TLS certificate nor a device's can
/// ever have a path that reaches it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ca {
    /// For KDCs, and for people.
    Enterprise,
    /// For devices (protocols B.5).
    Devices,
    /// For TLS servers.
    Tls,
}

impl Ca {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Enterprise, Self::Devices, Self::Tls];

    /// Those that a store has: a tenant has no KDC, and nobody signs in with a certificate there.
    #[must_use]
    pub const fn of(kind: StoreKind) -> &'static [Self] {
        match kind {
            StoreKind::Domain => &Self::ALL,
            StoreKind::Tenant => &[Self::Devices, Self::Tls],
        }
    }

    /// Its name in records, in the log and in the paths of its list and certificate: `root`, `devices`,
    /// `tls`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enterprise => "root",
            Self::Devices => "devices",
            Self::Tls => "tls",
        }
    }

    /// The authority of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ca| ca.name() == name)
    }
}

impl fmt::Display for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
