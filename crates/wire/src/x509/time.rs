//! The two time forms of RFC 5280 4.1.2.5, to and from seconds since 1970-01-01T00:00:00Z.

use super::{Malformed, Result, read::Reader, tag, write};

/// 1950-01-01T00:00:00Z, the first moment that UTCTime can say.
pub(super) const FIRST: i64 = -631_152_000;
/// 2050-01-01T00:00:00Z: from here on GeneralizedTime, before it UTCTime (RFC 5280 4.1.2.5).
const GENERALIZED_FROM: i64 = 2_524_608_000;
/// 9999-12-31T23:59:59Z, "no well-defined expiration" (RFC 5280 4.1.2.5), the last moment there is.
pub(super) const LAST: i64 = 253_402_300_799;

/// `Time ::= CHOICE { utcTime UTCTime, generalTime GeneralizedTime }`
///
/// Both are read at either side of 2050; which one a moment should have been is a lint, not a parse error.
pub(super) fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<i64> {
    let element = match reader.peek() {
        Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => reader.any()?,
        Some(_) => return Err(Malformed::Unexpected(what)),
        None => return Err(Malformed::Missing(what)),
    };
    let digits = reader
        .content(&element)
        .strip_suffix(b"Z")
        .ok_or(Malformed::Unexpected(what))?;
    parse(digits, element.tag == tag::UTC_TIME).ok_or(Malformed::Unexpected(what))
}

/// `GeneralizedTime` alone, as OCSP has it (RFC 6960 4.2.2.1).
pub(super) fn read_generalized(reader: &mut Reader<'_>, what: &'static str) -> Result<i64> {
    match reader.peek() {
        Some(tag::UTC_TIME) => Err(Malformed::Unexpected(what)),
        _ => read(reader, what),
    }
}

fn parse(digits: &[u8], short: bool) -> Option<i64> {
    if digits.len() != if short { 12 } else { 14 } {
        return None;
    }
    let pair = |at: usize| -> Option<i64> {
        match digits.get(at..at + 2)? {
            [high @ b'0'..=b'9', low @ b'0'..=b'9'] => {
                Some(i64::from(high - b'0') * 10 + i64::from(low - b'0'))
            }
            _ => None,
        }
    };
    let (year, at) = match (short, pair(0)?) {
        (true, year @ 50..) => (1900 + year, 2),
        (true, year) => (2000 + year, 2),
        (false, century) => (century * 100 + pair(2)?, 4),
    };
    let (month, day) = (pair(at)?, pair(at + 2)?);
    let (hour, minute, second) = (pair(at + 4)?, pair(at + 6)?, pair(at + 8)?);
    if hour > 23 || minute > 59 || second > 59 || day == 0 || day > days_in(year, month)? {
        return None;
    }
    Some(days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The moment in the form that RFC 5280 prescribes. Moments outside 1950 to 9999 become the nearest end.
pub(super) fn write(seconds: i64) -> Vec<u8> {
    let (year, rest) = digits(seconds);
    if seconds < GENERALIZED_FROM {
        write::element(tag::UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes())
    } else {
        write::element(tag::GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes())
    }
}

/// The moment as GeneralizedTime, whenever it is. Moments outside 1950 to 9999 become the nearest end.
pub(super) fn write_generalized(seconds: i64) -> Vec<u8> {
    let (year, rest) = digits(seconds);
    write::element(tag::GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes())
}

/// The year, and what follows it.
fn digits(seconds: i64) -> (i64, String) {
    let seconds = seconds.clamp(FIRST, LAST);
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let rest = format!(
        "{month:02}{day:02}{:02}{:02}{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    );
    (year, rest)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if leap(year) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that the leap
/// day is the last of its year.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that is `days` after 1970-01-01: the inverse of [`days_before`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(der: &[u8]) -> Result<i64> {
        read(&mut Reader::new(der), "time")
    }

    #[test]
    fn the_form_changes_with_the_year_2050() {
        assert_eq!(write(GENERALIZED_FROM - 1), b"\x17\x0d491231235959Z");
        assert_eq!(write(GENERALIZED_FROM), b"\x18\x0f20500101000000Z");
        assert_eq!(write(LAST), b"\x18\x0f99991231235959Z");
        assert_eq!(write(i64::MAX), write(LAST));
    }

    #[test]
    fn known_moments_have_their_known_numbers() {
        assert_eq!(read_all(b"\x17\x0d700101000000Z"), Ok(0));
        assert_eq!(read_all(b"\x17\x0d500101000000Z"), Ok(FIRST));
        assert_eq!(read_all(b"\x17\x0d000229120000Z"), Ok(951_825_600));
        assert_eq!(read_all(b"\x18\x0f20380119031408Z"), Ok(1 << 31));
    }

    #[test]
    fn refuses_moments_that_no_calendar_has() {
        for der in [
            &b"\x17\x0d230229000000Z"[..],
            b"\x18\x0f21000229000000Z",
            b"\x17\x0d230001000000Z",
            b"\x17\x0d231301000000Z",
            b"\x17\x0d230100000000Z",
            b"\x17\x0d230101240000Z",
            b"\x17\x0d230101006000Z",
            b"\x17\x0d230101000060Z",
            b"\x17\x0b2301010000Z",
            b"\x17\x11230101000000+0100",
            b"\x18\x1120230101000000.5Z",
            b"\x17\x0d2301010000 0Z",
        ] {
            assert_eq!(
                read_all(der),
                Err(Malformed::Unexpected("time")),
                "{}",
                String::from_utf8_lossy(der)
            );
        }
    }

    proptest! {
        #[test]
        fn every_second_comes_back(seconds in FIRST..=LAST) {
            prop_assert_eq!(read_all(&write(seconds)), Ok(seconds));
        }
    }
}
