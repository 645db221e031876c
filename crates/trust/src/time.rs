//! Time as a value.

use std::ops::{Add, Sub};

/// Seconds between 1601-01-01 and 1970-01-01, the epochs of FILETIME and of Unix.
const FILETIME_EPOCH_SECONDS: i64 = 11_644_473_600;

/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z; leap seconds are not counted.
///
/// Microseconds because Kerberos authenticators carry them (RFC 4120 5.5.1, `cusec`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(i64);

/// A length of time in microseconds; negative when it points backwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// Later than every moment that a message can name.
    pub const NEVER: Self = Self(i64::MAX);

    /// The moment `seconds` after the Unix epoch.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// The moment `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole seconds since the Unix epoch, rounded towards the past.
    pub const fn unix(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Microseconds within the second, 0 to 999,999.
    pub const fn subsecond_micros(self) -> u32 {
        self.0.rem_euclid(1_000_000) as u32
    }

    /// The same moment without its fraction of a second.
    pub const fn whole_seconds(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1_000_000))
    }

    /// The moment as FILETIME: 100-nanosecond steps since 1601-01-01 UTC ([MS-DTYP] 2.3.3).
    /// Moments before 1601 give 0.
    pub const fn filetime(self) -> u64 {
        let steps = self.0 as i128 * 10 + FILETIME_EPOCH_SECONDS as i128 * 10_000_000;
        if steps < 0 {
            0
        } else if steps > i64::MAX as i128 {
            i64::MAX as u64
        } else {
            steps as u64
        }
    }

    /// The moment that a FILETIME names, to the microsecond; the far future saturates.
    pub const fn from_filetime(filetime: u64) -> Self {
        let micros = filetime as i128 / 10 - FILETIME_EPOCH_SECONDS as i128 * 1_000_000;
        Self(if micros > i64::MAX as i128 {
            i64::MAX
        } else {
            micros as i64
        })
    }

    /// How long after `earlier` this moment is; negative when it is before.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The distance to `other`, whichever comes first.
    pub const fn distance(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0).saturating_abs())
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `micros` microseconds.
    pub const fn micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A span of `millis` milliseconds.
    pub const fn millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// A span of `seconds` seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// A span of `minutes` minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// A span of `hours` hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// A span of `days` days of 24 hours.
    pub const fn days(days: i64) -> Self {
        Self::hours(days.saturating_mul(24))
    }

    /// The span in whole seconds, rounded towards the past.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The span in microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Where the edge of the system gets its time from.
pub trait Clock: Send + Sync {
    /// The moment now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock; for `serve`, `call`, `lab` and `bin` alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the seam that the ban points to"
    )]
    fn now(&self) -> Timestamp {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => {
                Timestamp(-i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filetime_of_a_known_value_comes_back() {
        // UserKey1 of protocols D.8 was made at 2018-06-15T07:32:38.168454Z.
        let made = Timestamp::from_filetime(131_734_027_581_684_545);
        assert_eq!(made.unix(), 1_528_929_158);
        assert_eq!(made.filetime(), 131_734_027_581_684_540);
    }

    #[test]
    fn times_before_1970_keep_their_fraction_positive() {
        let moment = Timestamp::from_micros(-1);
        assert_eq!((moment.unix(), moment.subsecond_micros()), (-1, 999_999));
    }
}
