//! Passwords as LDAP clients write them: `unicodePwd` ([MS-ADTS] 3.1.1.3.1.5), `userPassword`, and RFC 3062's operation.

use zeroize::Zeroizing;

use crate::password::PasswordRefused;
use crate::schema::Attribute;
use wire::ldap::{LdapResult, ResultCode};

/// Reads a password's value: text in quotation marks as UTF-16LE for `unicodePwd`, UTF-8 for `userPassword`.
pub(super) fn read(attribute: Attribute, value: &[u8]) -> Option<Zeroizing<String>> {
    if attribute == Attribute::UserPassword {
        let text = std::str::from_utf8(value).ok()?;
        // A hash is none: we keep no password in another's form.
        let hashed = text.starts_with('{') && text.contains('}');
        return (!hashed).then(|| Zeroizing::new(text.to_owned()));
    }
    if !value.len().is_multiple_of(2) {
        return None;
    }
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(
        value
            .chunks_exact(2)
            .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
            .collect(),
    );
    let quoted = Zeroizing::new(String::from_utf16(&units).ok()?);
    let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
    Some(Zeroizing::new(text.to_owned()))
}

/// What a refused password is called: `0000052D` is what Active Directory's clients look for.
pub(super) fn refused(refused: &PasswordRefused) -> LdapResult {
    let words = refused.sentence();
    LdapResult::told(
        ResultCode::ConstraintViolation,
        format!("0000052D: {words}"),
    )
}

/// The former password is not that.
pub(super) fn wrong() -> LdapResult {
    LdapResult::told(
        ResultCode::ConstraintViolation,
        "00000056: the former password is not the account's",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a_password_is_in_quotation_marks_and_sixteen_bits_or_plain() {
        let read = |attribute, value: &[u8]| read(attribute, value).map(|text| text.to_string());
        let unicode = Attribute::UnicodePwd;
        assert_eq!(
            read(unicode, &quoted("\"p\u{e4}\u{1f511}ss\"")).as_deref(),
            Some("p\u{e4}\u{1f511}ss")
        );
        assert_eq!(read(unicode, &quoted("\"\"")).as_deref(), Some(""));
        for wrong in [
            quoted("pass"),
            quoted("\""),
            b"\"pass\"".to_vec(),
            vec![0x22, 0, 0, 0xd8, 0x22, 0],
            vec![1],
        ] {
            assert_eq!(read(unicode, &wrong), None);
        }
        assert_eq!(
            read(Attribute::UserPassword, b"pass").as_deref(),
            Some("pass")
        );
        assert_eq!(read(Attribute::UserPassword, b"{SSHA}x"), None);
        assert_eq!(read(Attribute::UserPassword, &[0xff]), None);
    }
}
