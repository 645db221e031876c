//! userAccountControl ([MS-ADTS] 2.2.16).

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// The flags of userAccountControl.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AccountControl(pub u32);

impl AccountControl {
    /// The account is disabled.
    pub const ACCOUNT_DISABLE: Self = Self(0x0000_0002);
    /// The account may have no password.
    pub const PASSWORD_NOT_REQUIRED: Self = Self(0x0000_0020);
    /// A person's or service's account.
    pub const NORMAL_ACCOUNT: Self = Self(0x0000_0200);
    /// A member computer's account.
    pub const WORKSTATION_TRUST_ACCOUNT: Self = Self(0x0000_1000);
    /// A domain controller's account.
    pub const SERVER_TRUST_ACCOUNT: Self = Self(0x0000_2000);
    /// The password never expires.
    pub const DONT_EXPIRE_PASSWORD: Self = Self(0x0001_0000);
    /// Interactive sign-in by password is refused; keys and certificates are not.
    pub const SMARTCARD_REQUIRED: Self = Self(0x0004_0000);
    /// The service may use forwarded tickets (ok-as-delegate).
    pub const TRUSTED_FOR_DELEGATION: Self = Self(0x0008_0000);
    /// Tickets of the account are not forwardable or proxiable.
    pub const NOT_DELEGATED: Self = Self(0x0010_0000);
    /// The account signs in without preauthentication. Never set by default.
    pub const DONT_REQUIRE_PREAUTH: Self = Self(0x0040_0000);
    /// The service may ask for tickets to itself on behalf of others (S4U2self, forwardable).
    pub const TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION: Self = Self(0x0100_0000);
    /// Tickets to the service carry no PAC.
    pub const NO_AUTH_DATA_REQUIRED: Self = Self(0x0200_0000);

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The flags as the attribute's integer; AD keeps it as a signed 32-bit number.
    #[must_use]
    pub const fn to_integer(self) -> i64 {
        self.0.cast_signed() as i64
    }

    /// From the attribute's integer, of which the low 32 bits count.
    #[must_use]
    pub const fn from_integer(integer: i64) -> Self {
        Self(integer as u32)
    }
}

impl BitOr for AccountControl {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for AccountControl {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.with(other);
    }
}

impl fmt::Debug for AccountControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountControl(0x{:08x})", self.0)
    }
}
