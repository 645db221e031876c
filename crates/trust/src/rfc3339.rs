//! Moments as text (RFC 3339): what JSON messages and logs carry.

use core::fmt::Write;

use crate::{Span, Timestamp};

/// A text that is no moment in UTC of RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a moment in UTC: expected YYYY-MM-DDThh:mm:ssZ")]
pub struct InvalidRfc3339;

impl Timestamp {
    /// The moment as `2026-11-05T07:09:00Z`, with its fraction of a second where it has one. Years are held within 0000
    /// to 9999, which is all that the format can say.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        const FIRST: i64 = -62_167_219_200;
        const LAST: i64 = 253_402_300_799;
        let seconds = self.unix().clamp(FIRST, LAST);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if self.subsecond_micros() != 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, ".{:06}", self.subsecond_micros());
        }
        text.push('Z');
        text
    }

    /// Reads a moment in UTC (`Z`), to the microsecond. Leap seconds and other offsets are not read.
    ///
    /// # Errors
    /// [`InvalidRfc3339`].
    pub fn from_rfc3339(text: &str) -> Result<Self, InvalidRfc3339> {
        parse(text.as_bytes()).ok_or(InvalidRfc3339)
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (moment, fraction) = text.strip_suffix(b"Z")?.split_at_checked(19)?;
    let number = |from: usize, to: usize| {
        moment
            .get(from..to)?
            .iter()
            .try_fold(0i64, |number, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| number * 10 + i64::from(digit - b'0'))
            })
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators
        .iter()
        .any(|(place, expected)| moment.get(*place) != Some(expected))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let days = days_from_civil(year, month, day);
    if civil(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let padded = digits.iter().chain([b'0'; 6].iter()).take(6);
            padded.fold(0i64, |micros, digit| micros * 10 + i64::from(digit - b'0'))
        }
        _ => return None,
    };
    Some(
        Timestamp::from_unix(days * 86_400 + hour * 3600 + minute * 60 + second)
            + Span::micros(micros),
    )
}

/// Year, month and day, `days` after 1970-01-01 in the Gregorian calendar. Years here begin in March, so that the day
/// that leap years add is their last; an era is 400 years.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as i64;
    (year, month, day)
}

/// The inverse of [`civil`].
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - (month <= 2) as i64;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let months = (month + 9) % 12;
    let day_of_year = (153 * months + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_and_read() {
        // RFC 3339 5.8, the first in UTC; the others are `date -u -d @N`.
        for (micros, text) in [
            (482_196_050_520_000, "1985-04-12T23:20:50.520000Z"),
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (253_402_300_799_000_000, "9999-12-31T23:59:59Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00Z"),
        ] {
            let moment = Timestamp::from_micros(micros);
            assert_eq!(moment.to_rfc3339(), text);
            assert_eq!(Timestamp::from_rfc3339(text), Ok(moment));
        }
        assert_eq!(
            Timestamp::from_rfc3339("1985-04-12T23:20:50.5Z"),
            Ok(Timestamp::from_micros(482_196_050_500_000))
        );
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for day in -146_097..146_097 {
            let (year, month, of_month) = civil(day);
            assert_eq!(days_from_civil(year, month, of_month), day);
        }
    }

    #[test]
    fn refuses_what_is_no_moment_in_utc() {
        for text in [
            "",
            "Z",
            "2026-11-05",
            "2026-11-05T07:09:00",
            "2026-11-05T07:09:00+00:00",
            "2026-11-05 07:09:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-05T24:00:00Z",
            "2026-11-05T23:59:60Z",
            "2026-11-05T07:09:00.Z",
            "2026-11-05T07:09:00.1xZ",
            "+026-11-05T07:09:00Z",
            "2026-11-05T07:09:0éZ",
        ] {
            assert_eq!(
                Timestamp::from_rfc3339(text),
                Err(InvalidRfc3339),
                "{text:?}"
            );
        }
    }

    #[test]
    fn moments_out_of_range_are_held_at_its_ends() {
        assert_eq!(&Timestamp::NEVER.to_rfc3339()[..10], "9999-12-31");
    }
}
