//! Values as LDAP has them: their bytes by syntax ([MS-ADTS] 3.1.1.2.2.2), and how they are compared (RFC 4517).

use std::cmp::Ordering;

use trust::Timestamp;
use wire::{Guid, Sid};

use super::names::Namer;
use crate::account::MUST_CHANGE;
use crate::error::Fault;
use crate::schema::{Attribute, Syntax};
use crate::value::{Value, folded};

/// Text that is not a value of the attribute's syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongSyntax;

/// A value's bytes. `None`: it names an entry that is gone, or is never shown.
pub(super) fn shown(
    attribute: Attribute,
    value: &Value,
    namer: &Namer<'_, '_>,
) -> Result<Option<Vec<u8>>, Fault> {
    Ok(Some(match value {
        Value::Text(text) => text.clone().into_bytes(),
        Value::Integer(number) => number.to_string().into_bytes(),
        Value::Boolean(truth) => if *truth { "TRUE" } else { "FALSE" }.into(),
        Value::Octets(bytes) => bytes.clone(),
        Value::Sid(sid) => sid.to_bytes(),
        Value::Time(time) => time_text(attribute, *time).into_bytes(),
        Value::Link(id) => match namer.name(*id)? {
            Some(name) => name.into_bytes(),
            None => return Ok(None),
        },
        Value::Secret(_) => return Ok(None),
    }))
}

/// A moment as the attribute's syntax writes it.
fn time_text(attribute: Attribute, time: Timestamp) -> String {
    match attribute.row().syntax {
        Syntax::GeneralizedTime => generalized_time(time),
        _ => file_time(attribute, time).to_string(),
    }
}

/// A moment as FILETIME. `accountExpires` of never is the greatest number, other attributes' is 0.
fn file_time(attribute: Attribute, time: Timestamp) -> u64 {
    if time == Timestamp::NEVER {
        return if attribute == Attribute::AccountExpires {
            i64::MAX.cast_unsigned()
        } else {
            0
        };
    }
    if time <= MUST_CHANGE {
        return 0;
    }
    time.filetime()
}

/// `20261121180000.0Z`, in whole seconds as Active Directory writes it.
pub(super) fn generalized_time(time: Timestamp) -> String {
    let moment = Civil::of(time);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}.0Z",
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
    )
}

/// A moment by the Gregorian calendar, in UTC.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

const DAY: i64 = 86_400;

impl Civil {
    /// Beyond the year 9999 the last second of it, before the year 0 its first.
    fn of(time: Timestamp) -> Self {
        let seconds = time.unix().clamp(-62_167_219_200, 253_402_300_799);
        let days = seconds.div_euclid(DAY);
        let rest = seconds.rem_euclid(DAY);
        // Years that begin in March, so that a leap day is the last of one: eras of 400 years are all alike.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// `None` when there is no such moment.
    fn time(&self) -> Option<Timestamp> {
        let shifted_year = self.year - i64::from(self.month <= 2);
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let march_month = (self.month + 9) % 12;
        let day_of_year = (153 * march_month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let seconds = days * DAY + self.hour * 3_600 + self.minute * 60 + self.second;
        let time = Timestamp::from_unix(seconds);
        // The 31st of April comes back as another day.
        let back = Self::of(time);
        let same = (back.year, back.month, back.day) == (self.year, self.month, self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        same.then_some(time)
    }
}

/// Reads a generalized time (RFC 4517 3.3.13): minutes and seconds may be absent, a fraction is passed over, the zone is
/// `Z` or a distance from it.
pub(super) fn read_generalized_time(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, mut rest) = text.split_at_checked(digits)?;
    if !matches!(digits, 10 | 12 | 14) {
        return None;
    }
    let part = |from: usize, to: usize| -> Option<i64> {
        match number.get(from..to) {
            Some(part) => part.parse().ok(),
            None => Some(0),
        }
    };
    let civil = Civil {
        year: part(0, 4)?,
        month: part(4, 6)?,
        day: part(6, 8)?,
        hour: part(8, 10)?,
        minute: part(10, 12)?,
        second: part(12, 14)?,
    };
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        rest = fraction.get(digits..)?;
    }
    let shift = match rest.as_bytes() {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), zone @ ..]
            if matches!(zone.len(), 2 | 4) && zone.iter().all(u8::is_ascii_digit) =>
        {
            let zone = rest.get(1..)?;
            let hours: i64 = zone.get(..2)?.parse().ok()?;
            let minutes: i64 = zone.get(2..4).map_or(Ok(0), str::parse).ok()?;
            let distance = hours * 3_600 + minutes * 60;
            if *sign == b'+' { -distance } else { distance }
        }
        _ => return None,
    };
    let time = civil.time()?;
    Some(Timestamp::from_unix(time.unix().checked_add(shift)?))
}

/// The value that bytes stand for. `None` where they name an entry that does not exist.
pub(super) fn read(
    attribute: Attribute,
    bytes: &[u8],
    namer: &Namer<'_, '_>,
) -> Result<Result<Option<Value>, WrongSyntax>, Fault> {
    if attribute.row().syntax == Syntax::DistinguishedName {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(Err(WrongSyntax));
        };
        return Ok(match namer.find(text)? {
            Ok(found) => Ok(found.map(Value::Link)),
            Err(_) => Err(WrongSyntax),
        });
    }
    Ok(plain(attribute, bytes).map(Some).ok_or(WrongSyntax))
}

/// The value that bytes stand for, where no entry's name is needed for it.
pub(super) fn plain(attribute: Attribute, bytes: &[u8]) -> Option<Value> {
    let text = || std::str::from_utf8(bytes).ok();
    Some(match attribute.row().syntax {
        Syntax::DirectoryString => Value::Text(text()?.to_owned()),
        Syntax::Integer | Syntax::LargeInteger => Value::Integer(integer(text()?)?),
        Syntax::Boolean => Value::Boolean(match text()?.to_ascii_uppercase().as_str() {
            "TRUE" => true,
            "FALSE" => false,
            _ => return None,
        }),
        Syntax::OctetString => Value::Octets(bytes.to_vec()),
        Syntax::Sid => Value::Sid(sid(bytes)?),
        Syntax::GeneralizedTime => Value::Time(read_generalized_time(text()?)?),
        Syntax::FileTime => {
            let number = integer(text()?)?;
            Value::Time(match u64::try_from(number) {
                // -1 is this moment ([MS-ADTS] 3.1.1.5.3.2), as is every time but 0 there.
                Err(_) if number == -1 && attribute == Attribute::PwdLastSet => Timestamp::NEVER,
                Ok(0) if attribute == Attribute::PwdLastSet => MUST_CHANGE,
                Ok(0 | 0x7fff_ffff_ffff_ffff) => Timestamp::NEVER,
                Ok(number) => Timestamp::from_filetime(number),
                Err(_) => return None,
            })
        }
        Syntax::DistinguishedName | Syntax::DnBinary | Syntax::Secret => return None,
    })
}

/// Decimal digits with a sign, without what Rust's own reading would take besides.
fn integer(text: &str) -> Option<i64> {
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

/// A SID in its bytes or as `S-1-…`, which Active Directory takes in filters and names.
pub(super) fn sid(bytes: &[u8]) -> Option<Sid> {
    if bytes.starts_with(b"S-") {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    Sid::from_bytes(bytes).ok()
}

/// A GUID in its Windows bytes or as text.
pub(super) fn guid(bytes: &[u8]) -> Option<Guid> {
    Guid::from_windows_slice(bytes).or_else(|| {
        std::str::from_utf8(bytes)
            .ok()?
            .trim_matches(['{', '}'])
            .parse()
            .ok()
    })
}

/// How two values of one syntax stand to each other; `None` where there is no order.
pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => Some(folded(one).cmp(&folded(other))),
        (Value::Integer(one), Value::Integer(other)) => Some(one.cmp(other)),
        (Value::Time(one), Value::Time(other)) => Some(one.cmp(other)),
        (Value::Octets(one), Value::Octets(other)) => Some(one.cmp(other)),
        (Value::Boolean(one), Value::Boolean(other)) => Some(one.cmp(other)),
        _ => (one == other).then_some(Ordering::Equal),
    }
}

/// Whether two values are the same: texts as people read them, moments of generalized time to the second.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Time(one), Value::Time(other)) => one.unix() == other.unix(),
        _ => compare(one, other) == Some(Ordering::Equal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_as_generalized_time() {
        for (text, unix) in [
            ("19700101000000.0Z", 0),
            ("20000229235959.0Z", 951_868_799),
            ("20261121180000.0Z", 1_795_284_000),
            ("16010101000000.0Z", -11_644_473_600),
            ("99991231235959.0Z", 253_402_300_799),
        ] {
            assert_eq!(generalized_time(Timestamp::from_unix(unix)), text);
            assert_eq!(read_generalized_time(text).unwrap().unix(), unix);
        }
        assert_eq!(generalized_time(Timestamp::NEVER), "99991231235959.0Z");
        assert_eq!(
            read_generalized_time("2026112118Z"),
            read_generalized_time("20261121180000Z")
        );
        assert_eq!(
            read_generalized_time("202611211930+0130"),
            read_generalized_time("20261121180000Z")
        );
        assert_eq!(
            read_generalized_time("20261121180000,123-00"),
            read_generalized_time("20261121180000Z")
        );
        for text in [
            "",
            "2026",
            "20260431000000Z",
            "20261321000000Z",
            "20261121240000Z",
            "20261121180000",
            "20261121180000.Z",
            "20261121180000+1",
            "20261121180000Zx",
            "2026112118000\u{e9}",
        ] {
            assert_eq!(read_generalized_time(text), None, "{text}");
        }
    }

    #[test]
    fn never_and_must_change_are_written_as_active_directory_does() {
        let text = |attribute, time| time_text(attribute, time);
        assert_eq!(
            text(Attribute::AccountExpires, Timestamp::NEVER),
            "9223372036854775807"
        );
        assert_eq!(text(Attribute::LockoutTime, Timestamp::NEVER), "0");
        assert_eq!(text(Attribute::PwdLastSet, MUST_CHANGE), "0");
        let read = |attribute, text: &str| plain(attribute, text.as_bytes());
        assert_eq!(
            read(Attribute::AccountExpires, "0"),
            read(Attribute::AccountExpires, "9223372036854775807")
        );
        assert_eq!(
            read(Attribute::PwdLastSet, "0"),
            Some(Value::Time(MUST_CHANGE))
        );
        assert_eq!(read(Attribute::AccountExpires, "-1"), None);
        assert_eq!(
            read(Attribute::PwdLastSet, "-1"),
            Some(Value::Time(Timestamp::NEVER))
        );
    }

    #[test]
    fn what_is_not_of_the_syntax_is_no_value() {
        assert_eq!(plain(Attribute::UidNumber, b"+7"), None);
        assert_eq!(plain(Attribute::UidNumber, b"7x"), None);
        assert_eq!(plain(Attribute::UidNumber, b"-7"), Some(Value::Integer(-7)));
        assert_eq!(
            plain(Attribute::MsDsIsEnabled, b"true"),
            Some(Value::Boolean(true))
        );
        assert_eq!(plain(Attribute::MsDsIsEnabled, b"yes"), None);
        assert_eq!(plain(Attribute::DisplayName, &[0xff]), None);
        let sid: Sid = "S-1-5-21-1-2-3-500".parse().unwrap();
        assert_eq!(
            plain(Attribute::ObjectSid, b"S-1-5-21-1-2-3-500"),
            Some(Value::Sid(sid))
        );
        assert_eq!(
            plain(Attribute::ObjectSid, &sid.to_bytes()),
            Some(Value::Sid(sid))
        );
    }
}
