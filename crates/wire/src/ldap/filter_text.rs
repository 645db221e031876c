//! Filters as texts (RFC 4515): what people and command lines write, and what a log says.

use core::fmt;
use std::borrow::Cow;
use std::str::FromStr;

use super::filter::{Assertion, Filter, MAX_FILTER_DEPTH};

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a filter at byte {at}: {why}")]
pub struct InvalidFilter {
    /// Where reading ended, in bytes.
    pub at: usize,
    /// What is wrong there.
    pub why: &'static str,
}

impl FromStr for Filter<'static> {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        let mut parser = Parser { text, at: 0 };
        let filter = parser.filter(MAX_FILTER_DEPTH)?;
        if parser.at == text.len() {
            Ok(filter)
        } else {
            Err(parser.wrong("something after the filter"))
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn wrong(&self, why: &'static str) -> InvalidFilter {
        InvalidFilter { at: self.at, why }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        if found {
            self.at += character.len_utf8();
        }
        found
    }

    fn filter(&mut self, deeper: usize) -> Result<Filter<'static>, InvalidFilter> {
        let deeper = deeper
            .checked_sub(1)
            .ok_or_else(|| self.wrong("nested too deep"))?;
        if !self.take('(') {
            return Err(self.wrong("'(' is missing"));
        }
        let filter = if self.take('&') {
            Filter::And(self.several(deeper)?)
        } else if self.take('|') {
            Filter::Or(self.several(deeper)?)
        } else if self.take('!') {
            Filter::Not(Box::new(self.filter(deeper)?))
        } else {
            self.item()?
        };
        if !self.take(')') {
            return Err(self.wrong("')' is missing"));
        }
        Ok(filter)
    }

    fn several(&mut self, deeper: usize) -> Result<Vec<Filter<'static>>, InvalidFilter> {
        let mut parts = Vec::new();
        while self.rest().starts_with('(') {
            parts.push(self.filter(deeper)?);
        }
        Ok(parts)
    }

    fn item(&mut self) -> Result<Filter<'static>, InvalidFilter> {
        let rest = self.rest();
        let length = rest
            .find(['=', ')', '('])
            .filter(|place| rest[*place..].starts_with('='))
            .ok_or_else(|| self.wrong("'=' is missing"))?;
        let (head, _) = rest.split_at(length);
        self.at += length + 1;
        if let Some(head) = head.strip_suffix(':') {
            return self.extensible(head);
        }
        let (attribute, kind) = match head.char_indices().next_back() {
            Some((place, kind @ ('>' | '<' | '~'))) => (&head[..place], Some(kind)),
            _ => (head, None),
        };
        self.description(attribute)?;
        let raw = self.value_text();
        let attribute = Cow::Owned(attribute.to_owned());
        if kind.is_none() && raw.contains('*') {
            if raw == "*" {
                return Ok(Filter::Present(attribute));
            }
            return self.substrings(attribute, raw);
        }
        let value = Cow::Owned(self.unescape(raw)?);
        let assertion = Assertion { attribute, value };
        Ok(match kind {
            None => Filter::Equality(assertion),
            Some('>') => Filter::GreaterOrEqual(assertion),
            Some('<') => Filter::LessOrEqual(assertion),
            Some(_) => Filter::Approximately(assertion),
        })
    }

    fn substrings(
        &self,
        attribute: Cow<'static, str>,
        raw: &str,
    ) -> Result<Filter<'static>, InvalidFilter> {
        let mut parts = Vec::new();
        for part in raw.split('*') {
            parts.push(self.unescape(part)?);
        }
        let some = |part: Vec<u8>| (!part.is_empty()).then_some(Cow::Owned(part));
        let last = parts.pop().and_then(some);
        let mut parts = parts.into_iter();
        let initial = parts.next().and_then(some);
        let any: Vec<_> = parts.filter_map(some).collect();
        if initial.is_none() && any.is_empty() && last.is_none() {
            return Ok(Filter::Present(attribute));
        }
        Ok(Filter::Substrings {
            attribute,
            initial,
            any,
            last,
        })
    }

    /// `[attribute][":dn"][":" rule] ":="`; `head` ends before the last colon.
    fn extensible(&mut self, head: &str) -> Result<Filter<'static>, InvalidFilter> {
        let mut parts = head.split(':');
        let attribute = parts.next().filter(|part| !part.is_empty());
        let mut rule = parts.next();
        let dn_attributes = rule.is_some_and(|part| part.eq_ignore_ascii_case("dn"));
        if dn_attributes {
            rule = parts.next();
        }
        if parts.next().is_some() || (attribute.is_none() && rule.is_none()) {
            return Err(self.wrong("neither attribute nor rule, or too much of them"));
        }
        for part in attribute.iter().chain(&rule) {
            self.description(part)?;
        }
        let owned = |part: &str| Cow::Owned(part.to_owned());
        let raw = self.value_text();
        Ok(Filter::Extensible {
            rule: rule.map(owned),
            attribute: attribute.map(owned),
            value: Cow::Owned(self.unescape(raw)?),
            dn_attributes,
        })
    }

    fn description(&self, text: &str) -> Result<(), InvalidFilter> {
        if is_description(text) {
            Ok(())
        } else {
            Err(self.wrong("no attribute's name"))
        }
    }

    /// Up to the parenthesis that closes, which stays.
    fn value_text(&mut self) -> &'t str {
        let rest = self.rest();
        let length = rest.find(['(', ')']).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn unescape(&self, text: &str) -> Result<Vec<u8>, InvalidFilter> {
        let mut bytes = text.bytes();
        let mut out = Vec::with_capacity(text.len());
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => match (digit(bytes.next()), digit(bytes.next())) {
                    #[allow(clippy::cast_possible_truncation, reason = "two hex digits")]
                    (Some(high), Some(low)) => out.push((high * 16 + low) as u8),
                    _ => return Err(self.wrong("'\\' without two hex digits")),
                },
                0 => return Err(self.wrong("a NUL that is not escaped")),
                _ => out.push(byte),
            }
        }
        Ok(out)
    }
}

/// `cn`, `2.5.4.3`, `member;range=0-9`.
fn is_description(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-._;=*".contains(&byte);
    !text.is_empty() && text.bytes().all(word) && !text.contains('*') && !text.contains('=')
}

impl fmt::Display for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = |f: &mut fmt::Formatter<'_>, sign: char, parts: &[Filter<'_>]| {
            write!(f, "({sign}")?;
            parts.iter().try_for_each(|part| write!(f, "{part}"))?;
            f.write_str(")")
        };
        let item = |f: &mut fmt::Formatter<'_>, sign: &str, assertion: &Assertion<'_>| {
            let Assertion { attribute, value } = assertion;
            write!(f, "({attribute}{sign}{})", Escaped(value))
        };
        match self {
            Self::And(parts) => several(f, '&', parts),
            Self::Or(parts) => several(f, '|', parts),
            Self::Not(part) => write!(f, "(!{part})"),
            Self::Equality(assertion) => item(f, "=", assertion),
            Self::GreaterOrEqual(assertion) => item(f, ">=", assertion),
            Self::LessOrEqual(assertion) => item(f, "<=", assertion),
            Self::Approximately(assertion) => item(f, "~=", assertion),
            Self::Present(attribute) => write!(f, "({attribute}=*)"),
            Self::Substrings {
                attribute,
                initial,
                any,
                last,
            } => {
                write!(f, "({attribute}=")?;
                if let Some(part) = initial {
                    write!(f, "{}", Escaped(part))?;
                }
                for part in any {
                    write!(f, "*{}", Escaped(part))?;
                }
                f.write_str("*")?;
                if let Some(part) = last {
                    write!(f, "{}", Escaped(part))?;
                }
                f.write_str(")")
            }
            Self::Extensible {
                rule,
                attribute,
                value,
                dn_attributes,
            } => {
                write!(f, "({}", attribute.as_deref().unwrap_or_default())?;
                if *dn_attributes {
                    f.write_str(":dn")?;
                }
                if let Some(rule) = rule {
                    write!(f, ":{rule}")?;
                }
                write!(f, ":={})", Escaped(value))
            }
        }
    }
}

/// A value with what RFC 4515 wants escaped, and what no terminal should be sent.
struct Escaped<'v>(&'v [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() || "()*\\".contains(character) {
                    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                        write!(f, "\\{byte:02x}")?;
                    }
                } else {
                    write!(f, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_comes_back_as_text_and_as_bytes() {
        for text in [
            "(cn=Babs Jensen)",
            "(!(cn=Tim Howes))",
            "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
            "(o=univ*of*mich*)",
            "(cn=*end)",
            "(cn=*)",
            "(seeAlso=)",
            "(cn:caseExactMatch:=Fred Flintstone)",
            "(cn:=Betty Rubble)",
            "(sn:dn:2.4.6.8.10:=Barney Rubble)",
            "(o:dn:=Ace Industry)",
            "(:1.2.3:=Wilma Flintstone)",
            "(:dn:2.4.6.8.10:=Dino)",
            "(o=Parens R Us \\28for all your parenthetical needs\\29)",
            "(cn=*\\2a*)",
            "(bin=\\00\\00\\00\\04)",
            "(sn=Lu\u{10d}i\u{107})",
            "(objectGUID=\\ff\\fe)",
            "(userAccountControl:1.2.840.113556.1.4.803:=2)",
            "(uSNChanged>=12)",
            "(uSNChanged<=12)",
            "(cn~=alice)",
            "(&)",
            "(|)",
        ] {
            let filter: Filter<'_> = text
                .parse()
                .unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
            assert_eq!(filter.to_string(), text);
            assert_eq!(Filter::decode(&filter.encode()).unwrap(), filter, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_filter() {
        for text in [
            "",
            "()",
            "cn=a",
            "(cn=a",
            "(cn=a))",
            "(cn)",
            "(=a)",
            "(cn=\\2)",
            "(cn=\\zz)",
            "(!cn=a)",
            "(&(cn=a)",
            "(:=a)",
            "(c n=a)",
            "(cn=a(b)",
            "(cn:dn:a:b:=c)",
            "(cn=\0)",
        ] {
            assert!(text.parse::<Filter<'_>>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn neither_text_nor_bytes_nest_deeper_than_the_limit() {
        let text = |depth: usize| format!("{}(a=b){}", "(!".repeat(depth), ")".repeat(depth));
        let deepest: Filter<'_> = text(MAX_FILTER_DEPTH - 1).parse().unwrap();
        assert!(Filter::decode(&deepest.encode()).is_ok());
        assert!(text(MAX_FILTER_DEPTH).parse::<Filter<'_>>().is_err());
        let deeper = Filter::Not(Box::new(deepest));
        assert!(Filter::decode(&deeper.encode()).is_err());
    }
}
