//! Times and their parts below the second (RFC 4120 5.2.3, 5.2.4).

use core::fmt;

use der::{DecodeValue, EncodeValue, Error, FixedTag, Header, Length, Reader, Result, Tag, Writer};

/// A point in time of RFC 4120 5.2.3, in whole seconds since 1970-01-01T00:00:00Z.
///
/// ```text
/// KerberosTime    ::= GeneralizedTime -- with no fractional seconds
/// ```
///
/// Written `YYYYMMDDHHMMSSZ`; only this form is read. Runs from 1970 to the end of 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KerberosTime(u64);

const SECONDS_PER_DAY: u64 = 86_400;

impl KerberosTime {
    /// 1970-01-01T00:00:00Z: in a request's `till`, "as long as you will" (RFC 4120 3.1.1).
    pub const EPOCH: KerberosTime = KerberosTime(0);
    /// 9999-12-31T23:59:59Z.
    pub const MAX: KerberosTime = KerberosTime(253_402_300_799);

    /// The time `seconds` after the Unix epoch; what lies outside the range becomes its nearest end.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> KerberosTime {
        if seconds < 0 {
            return KerberosTime::EPOCH;
        }
        let seconds = seconds.cast_unsigned();
        if seconds > KerberosTime::MAX.0 {
            return KerberosTime::MAX;
        }
        KerberosTime(seconds)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0.cast_signed()
    }

    /// Year, month, day, hour, minute, second.
    const fn parts(self) -> [u64; 6] {
        let [year, month, day] = date(self.0 / SECONDS_PER_DAY);
        let second = self.0 % SECONDS_PER_DAY;
        [
            year,
            month,
            day,
            second / 3600,
            second / 60 % 60,
            second % 60,
        ]
    }

    /// `YYYYMMDDHHMMSSZ`.
    pub(super) fn text(self) -> [u8; LENGTH] {
        let [year, month, day, hour, minute, second] = self.parts();
        let mut text = [b'Z'; LENGTH];
        let numbers = [year / 100, year % 100, month, day, hour, minute, second];
        for (pair, number) in text.as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
            *pair = [number / 10, number % 10].map(|digit| b'0' + (digit % 10) as u8);
        }
        text
    }

    fn parse(text: &[u8; LENGTH]) -> Option<KerberosTime> {
        let [digits @ .., b'Z'] = text else {
            return None;
        };
        let mut numbers = [0; 7];
        for (number, pair) in numbers.iter_mut().zip(digits.as_chunks::<2>().0) {
            let [tens, ones] = pair.map(|digit| digit.wrapping_sub(b'0'));
            if tens > 9 || ones > 9 {
                return None;
            }
            *number = u64::from(tens * 10 + ones);
        }
        let [century, year, month, day, hour, minute, second] = numbers;
        let year = century * 100 + year;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days(year, month, day)?;
        Some(KerberosTime(
            days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second,
        ))
    }
}

/// The length of `YYYYMMDDHHMMSSZ`.
const LENGTH: usize = 15;

/// Days from 0000-03-01 to 1970-01-01 in the Gregorian calendar. Counting years from March puts the
/// day that a leap year adds at a year's end, and months become multiples of 30.6 days.
const EPOCH_DAY: u64 = 719_468;
const DAYS_PER_ERA: u64 = 146_097; // 400 years

/// The date `days` after 1970-01-01: year, month, day.
const fn date(days: u64) -> [u64; 3] {
    let days = days + EPOCH_DAY;
    let (era, day) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let year = era * 400 + year;
    let day = day - (153 * month + 2) / 5 + 1;
    if month < 10 {
        [year, month + 3, day]
    } else {
        [year + 1, month - 9, day]
    }
}

/// Days from 1970-01-01; `None` for a date before it, or one that the calendar does not have.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (from_march, month_from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (from_march / 400, from_march % 400);
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = era * DAYS_PER_ERA + of_era - EPOCH_DAY;
    // The thirtieth of February comes back as a day of March.
    (date(days) == [year, month, day]).then_some(days)
}

impl fmt::Display for KerberosTime {
    /// `2026-11-21T12:28:47Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second] = self.parts();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl fmt::Debug for KerberosTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FixedTag for KerberosTime {
    const TAG: Tag = Tag::GeneralizedTime;
}

impl<'a> DecodeValue<'a> for KerberosTime {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let text = reader.read_slice(header.length())?;
        text.try_into()
            .ok()
            .and_then(KerberosTime::parse)
            .ok_or_else(|| reader.error(Self::TAG.value_error()))
    }
}

impl EncodeValue for KerberosTime {
    fn value_len(&self) -> Result<Length> {
        Ok(Length::new(LENGTH as u32))
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        writer.write(&self.text())
    }
}

/// The part of a time below the second (RFC 4120 5.2.4).
///
/// ```text
/// Microseconds    ::= INTEGER (0..999999)
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Microseconds(u32);

impl Microseconds {
    /// `None` for a million and above.
    #[must_use]
    pub const fn new(value: u32) -> Option<Microseconds> {
        if value < 1_000_000 {
            Some(Microseconds(value))
        } else {
            None
        }
    }

    /// 0 to 999999.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FixedTag for Microseconds {
    const TAG: Tag = Tag::Integer;
}

impl<'a> DecodeValue<'a> for Microseconds {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self> {
        let value = u32::decode_value(reader, header)?;
        Microseconds::new(value).ok_or_else(|| reader.error(Self::TAG.value_error()))
    }
}

impl EncodeValue for Microseconds {
    fn value_len(&self) -> Result<Length> {
        self.0.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> Result<()> {
        self.0.encode_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::{DAYS_PER_ERA, date, days};

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut expected = [1970, 1, 1];
        for day in 0..2 * DAYS_PER_ERA {
            assert_eq!(date(day), expected);
            let [year, month, of_month] = expected;
            assert_eq!(days(year, month, of_month), Some(day));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            assert_eq!(days(year, month, length + 1), None);
            expected = match (month, of_month == length) {
                (12, true) => [year + 1, 1, 1],
                (_, true) => [year, month + 1, 1],
                _ => [year, month, of_month + 1],
            };
        }
    }
}
