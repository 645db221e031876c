//! Principal names (RFC 4120 5.2.2, 6.1, 6.2) and their text form.

use core::fmt;

use der::Sequence;

use super::basic::{KerberosString, Realm};
use crate::asn1::{SequenceOf, int32_numbers};

int32_numbers! {
    /// What kind of name a [`PrincipalName`] is (RFC 4120 6.2, RFC 6806 5, MS-KILE 3.1.5.2): a hint,
    /// which takes no part in telling two principals apart.
    pub struct NameType {
        /// Not known.
        NT_UNKNOWN = 0,
        /// Just the name of the principal, or a user's.
        NT_PRINCIPAL = 1,
        /// A service and instance; `krbtgt` is one.
        NT_SRV_INST = 2,
        /// A service with a host name as instance.
        NT_SRV_HST = 3,
        /// A service with the host as further components.
        NT_SRV_XHST = 4,
        /// A unique identifier.
        NT_UID = 5,
        /// An encoded X.509 distinguished name.
        NT_X500_PRINCIPAL = 6,
        /// A name in the form of a mail address.
        NT_SMTP_NAME = 7,
        /// An enterprise name, as a UPN: one component `alice@corp.example`.
        NT_ENTERPRISE = 10,
        /// A well-known name such as `WELLKNOWN/ANONYMOUS` (RFC 6111).
        NT_WELLKNOWN = 11,
        /// A domain-qualified name of Windows.
        NT_MS_PRINCIPAL = -128,
        /// The same with the SID.
        NT_MS_PRINCIPAL_AND_ID = -129,
        /// An enterprise name with the SID.
        NT_ENT_PRINCIPAL_AND_ID = -130,
    }
}

/// The realm of an anonymous client that hides its own realm too (RFC 8062 3, RFC 6111 4).
pub const ANONYMOUS_REALM: &str = "WELLKNOWN:ANONYMOUS";

/// The name of a person, machine or service within its realm (RFC 4120 5.2.2).
///
/// ```text
/// PrincipalName   ::= SEQUENCE {
///         name-type       [0] Int32,
///         name-string     [1] SEQUENCE OF KerberosString
/// }
/// ```
///
/// `==` compares the type too; [`PrincipalName::is_same`] is the protocol's comparison.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PrincipalName {
    /// What kind of name it is.
    #[asn1(context_specific = "0")]
    pub name_type: NameType,
    /// Its components.
    #[asn1(context_specific = "1")]
    pub name_string: SequenceOf<KerberosString, 16>,
}

impl PrincipalName {
    /// A name of the given components.
    pub fn new<I>(name_type: NameType, components: I) -> PrincipalName
    where
        I: IntoIterator,
        I::Item: Into<KerberosString>,
    {
        PrincipalName {
            name_type,
            name_string: components.into_iter().map(Into::into).collect(),
        }
    }

    /// A name of one component: `alice`.
    #[must_use]
    pub fn principal(name: &str) -> PrincipalName {
        PrincipalName::new(NameType::NT_PRINCIPAL, [name])
    }

    /// An enterprise name: `alice@corp.example` as one component.
    #[must_use]
    pub fn enterprise(upn: &str) -> PrincipalName {
        PrincipalName::new(NameType::NT_ENTERPRISE, [upn])
    }

    /// The ticket-granting service for `realm`: `krbtgt/REALM`.
    #[must_use]
    pub fn krbtgt(realm: &str) -> PrincipalName {
        PrincipalName::new(NameType::NT_SRV_INST, ["krbtgt", realm])
    }

    /// A service on a host: `host/pc.corp.example`.
    #[must_use]
    pub fn service(service: &str, host: &str) -> PrincipalName {
        PrincipalName::new(NameType::NT_SRV_HST, [service, host])
    }

    /// The anonymous client: `WELLKNOWN/ANONYMOUS` (RFC 8062 3).
    #[must_use]
    pub fn anonymous() -> PrincipalName {
        PrincipalName::new(NameType::NT_WELLKNOWN, ["WELLKNOWN", "ANONYMOUS"])
    }

    /// Whether this is the anonymous client's name, whatever the type says (RFC 4120 6.2).
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.pair() == Some(("WELLKNOWN", "ANONYMOUS"))
    }

    /// The components as text.
    pub fn components(&self) -> impl ExactSizeIterator<Item = &str> {
        self.name_string.iter().map(KerberosString::as_str)
    }

    /// The one component of a name that has just one.
    #[must_use]
    pub fn single(&self) -> Option<&str> {
        match self.name_string.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The two components of a name that has just two, as a service's.
    #[must_use]
    pub fn pair(&self) -> Option<(&str, &str)> {
        match self.name_string.as_slice() {
            [first, second] => Some((first, second)),
            _ => None,
        }
    }

    /// The realm a ticket-granting service is for: `Some("REALM")` for `krbtgt/REALM`.
    #[must_use]
    pub fn krbtgt_realm(&self) -> Option<&str> {
        match self.pair() {
            Some(("krbtgt", realm)) => Some(realm),
            _ => None,
        }
    }

    /// Whether both name the same principal of a realm: the same components, the type ignored (RFC 4120 6.2).
    #[must_use]
    pub fn is_same(&self, other: &PrincipalName) -> bool {
        self.name_string == other.name_string
    }

    /// Reads `alice`, `host/pc.corp.example` or `alice@REALM`, with `\` before a `/`, `@` or `\` that
    /// belongs to a component and `\n`, `\t`, `\b`, `\0` for those characters. The realm is what
    /// follows the first bare `@`. A name of two components or more is taken for a service's
    /// ([`NameType::NT_SRV_INST`] for `krbtgt`, else [`NameType::NT_SRV_HST`]).
    ///
    /// `None` when the text has an empty name, ends in a lone `\`, has a second bare `@`, or has a
    /// control character, with `\` before it or not.
    #[must_use]
    pub fn parse(text: &str) -> Option<(PrincipalName, Option<Realm>)> {
        let mut parts = vec![String::new()];
        let mut realm: Option<String> = None;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let (character, bare) = match character {
                '\\' => (unescape(characters.next()?)?, false),
                other => (other, true),
            };
            match (&mut realm, character, bare) {
                (None, '/', true) => parts.push(String::new()),
                (None, '@', true) => realm = Some(String::new()),
                (Some(_), '@', true) => return None,
                // Nobody types one, and shown again it would not be the same text.
                (_, control, true) if control.is_control() => return None,
                (Some(realm), other, _) => realm.push(other),
                (None, other, _) => parts.last_mut()?.push(other),
            }
        }
        if matches!(parts.as_slice(), [only] if only.is_empty())
            || realm.as_deref().is_some_and(str::is_empty)
        {
            return None;
        }
        let name_type = match parts.as_slice() {
            [_] => NameType::NT_PRINCIPAL,
            [first, ..] if first == "krbtgt" => NameType::NT_SRV_INST,
            _ => NameType::NT_SRV_HST,
        };
        Some((PrincipalName::new(name_type, parts), realm.map(Realm::from)))
    }
}

/// What stands for itself behind a `\`, or for a control character; `None` for a control character itself.
fn unescape(character: char) -> Option<char> {
    Some(match character {
        'n' => '\n',
        't' => '\t',
        'b' => '\u{8}',
        '0' => '\0',
        control if control.is_control() => return None,
        other => other,
    })
}

/// Whether a character is written with an escape.
fn is_special(character: char) -> bool {
    matches!(character, '/' | '@' | '\\') || character.is_control()
}

impl fmt::Display for PrincipalName {
    /// `host/pc.corp.example`, with the escapes that [`PrincipalName::parse`] reads; other control
    /// characters come as `\u{…}`, so that a name cannot write a line of somebody's log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, component) in self.components().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            // Runs of ordinary characters go out whole: names are written for every ticket.
            let mut plain = component;
            while let Some((at, special)) = plain.char_indices().find(|(_, one)| is_special(*one)) {
                f.write_str(plain.get(..at).unwrap_or_default())?;
                match special {
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\u{8}' => f.write_str("\\b")?,
                    '\0' => f.write_str("\\0")?,
                    control if control.is_control() => write!(f, "{}", control.escape_default())?,
                    sign => write!(f, "\\{sign}")?,
                }
                plain = plain.get(at + special.len_utf8()..).unwrap_or_default();
            }
            f.write_str(plain)?;
        }
        Ok(())
    }
}
