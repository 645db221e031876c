//! The two forms of time in key credentials (protocols D.6).

use core::fmt;

use super::KeySource;

/// 100-nanosecond intervals from 0001-01-01 to 1601-01-01.
const TICKS_AT_FILETIME_EPOCH: u64 = 504_911_232_000_000_000;
/// The bits of a .NET binary time that say which clock it was read from; `01` is UTC.
const KIND_MASK: u64 = 0xc000_0000_0000_0000;
const KIND_UTC: u64 = 0x4000_0000_0000_0000;

/// A time in a key credential, in the form that its source writes (protocols D.6).
///
/// Of source AD it is a FILETIME: 100-nanosecond intervals since 1601-01-01 UTC, 64 bits. Of source AzureAD it is
/// .NET's `DateTime.ToBinary()`: two bits for the clock, then 100-nanosecond intervals since 0001-01-01. Tools
/// have mixed the two up, so a time may be far off: it is shown, and decides nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyTime {
    raw: u64,
    dotnet: bool,
}

impl KeyTime {
    /// What a tenant writes as last logon, which it does not know (protocols D.6).
    pub const TENANT_LAST_LOGON: KeyTime = KeyTime {
        raw: 0x4000_0043_0e23_4000,
        dotnet: true,
    };

    /// From the entry's eight bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8], source: KeySource) -> KeyTime {
        KeyTime {
            raw: u64::from_le_bytes(bytes),
            dotnet: matches!(source, KeySource::AzureAd),
        }
    }

    /// The entry's eight bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.raw.to_le_bytes()
    }

    /// A FILETIME in the form that `source` writes.
    ///
    /// A time that .NET cannot express (after the year 9999) becomes the last one it can.
    #[must_use]
    pub fn from_filetime(filetime: u64, source: KeySource) -> KeyTime {
        if !matches!(source, KeySource::AzureAd) {
            return KeyTime {
                raw: filetime,
                dotnet: false,
            };
        }
        const LAST_TICK: u64 = 3_155_378_975_999_999_999;
        let ticks = filetime
            .saturating_add(TICKS_AT_FILETIME_EPOCH)
            .min(LAST_TICK);
        KeyTime {
            raw: ticks | KIND_UTC,
            dotnet: true,
        }
    }

    /// The time as FILETIME; `None` when it lies before 1601-01-01 or has the sign bit set.
    #[must_use]
    pub fn filetime(self) -> Option<u64> {
        if self.dotnet {
            (self.raw & !KIND_MASK).checked_sub(TICKS_AT_FILETIME_EPOCH)
        } else {
            (self.raw >> 63 == 0).then_some(self.raw)
        }
    }
}

impl fmt::Debug for KeyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.dotnet { ".NET" } else { "FILETIME" };
        write!(f, "KeyTime({form} 0x{:016x})", self.raw)
    }
}
