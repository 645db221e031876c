//! What values and names are possible.

use crate::account::AccountControl;
use crate::entry::Entry;
use crate::error::Refused;
use crate::schema::{AUXILIARY, Attribute, Class, Exposure, Index, Syntax};
use crate::value::{Value, folded, is_composed};

/// The longest name of an entry among its siblings, in characters ([MS-ADTS] rangeUpper of cn is 64; a
/// device's is a GUID, a policy's a GUID in braces).
const NAME_LIMIT: usize = 64;
/// The longest text, in bytes.
const TEXT_LIMIT: usize = 32 * 1024;
/// The longest octet string, in bytes.
const OCTETS_LIMIT: usize = 256 * 1024;
/// The most values of one attribute that lie in the entry itself.
const VALUES_LIMIT: usize = 1_000;

pub(super) fn name(name: &str) -> Result<(), Refused> {
    let length = name.chars().count();
    if folded(name).is_empty() || length > NAME_LIMIT || name.chars().any(char::is_control) {
        return Err(Refused::InvalidName);
    }
    Ok(())
}

/// Secret values are replaced as a whole: what rests is wrapped and not compared.
pub(super) fn no_secret(attribute: Attribute) -> Result<(), Refused> {
    if attribute.row().syntax == Syntax::Secret {
        return Err(Refused::Invalid {
            attribute,
            reason: "secret values are set as a whole",
        });
    }
    Ok(())
}

/// Whether two values are the same to the directory.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => folded(one) == folded(other),
        _ => one == other,
    }
}

/// Checks all values of an attribute for an entry of a class.
pub(super) fn values(
    class: Class,
    attribute: Attribute,
    values: &[Value],
    by_system: bool,
) -> Result<(), Refused> {
    let row = attribute.row();
    if row.system && !by_system {
        return Err(Refused::SystemOnly(attribute));
    }
    if row.index == Index::Linked {
        return Err(Refused::Invalid {
            attribute,
            reason: "linked values have changes of their own",
        });
    }
    if !(class.allows(attribute) || row.system && by_system) {
        return Err(Refused::NotAllowed { class, attribute });
    }
    // Keys, hash and history belong together and are set by the one change that makes them.
    if row.exposure == Exposure::Never && attribute != Attribute::SecondFactor {
        return Err(Refused::SystemOnly(attribute));
    }
    if row.single && values.len() > 1 {
        return Err(Refused::SingleValued(attribute));
    }
    if values.len() > VALUES_LIMIT {
        return Err(invalid(attribute, "too many values"));
    }
    for (position, value) in values.iter().enumerate() {
        if !value.fits(row.syntax) {
            return Err(invalid(attribute, "another syntax"));
        }
        value_of(attribute, value)?;
        if attribute == Attribute::ObjectClass {
            auxiliary(class, value)?;
        }
        let earlier = values.get(..position).unwrap_or_default();
        if earlier.iter().any(|earlier| same(earlier, value)) {
            return Err(Refused::ValueExists(attribute));
        }
    }
    Ok(())
}

const fn invalid(attribute: Attribute, reason: &'static str) -> Refused {
    Refused::Invalid { attribute, reason }
}

fn value_of(attribute: Attribute, value: &Value) -> Result<(), Refused> {
    match value {
        Value::Text(text) => {
            if folded(text).is_empty() {
                return Err(invalid(attribute, "it is empty"));
            }
            if text.len() > TEXT_LIMIT {
                return Err(invalid(attribute, "it is too long"));
            }
            let lines = matches!(
                attribute,
                Attribute::Description | Attribute::PolicyDocument
            );
            if text
                .chars()
                .any(|character| character.is_control() && !(lines && character == '\n'))
            {
                return Err(invalid(attribute, "it holds control characters"));
            }
            text_of(attribute, text)
        }
        Value::Octets(bytes) => match attribute {
            _ if bytes.len() > OCTETS_LIMIT => Err(invalid(attribute, "it is too long")),
            Attribute::MsDsDeviceId if bytes.len() != 16 => {
                Err(invalid(attribute, "it is not a GUID"))
            }
            _ => Ok(()),
        },
        Value::Integer(number) if attribute.row().syntax == Syntax::Integer => {
            // AD's integers are signed; flags above 2^31 are written either way.
            if i32::try_from(*number).is_err() && u32::try_from(*number).is_err() {
                return Err(invalid(attribute, "it has more than 32 bits"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What an entry says it is besides its structural class, in the table's spelling.
fn auxiliary(class: Class, value: &Value) -> Result<(), Refused> {
    let known = matches!(value, Value::Text(name) if AUXILIARY.iter().any(|row| row.name == name && row.of.contains(&class)));
    if known {
        Ok(())
    } else {
        let attribute = Attribute::ObjectClass;
        Err(invalid(
            attribute,
            "it is no auxiliary class of such entries",
        ))
    }
}

fn text_of(attribute: Attribute, text: &str) -> Result<(), Refused> {
    match attribute {
        Attribute::SamAccountName => sam_account_name(text),
        Attribute::UserPrincipalName => user_principal_name(text),
        Attribute::ServicePrincipalName => service_principal_name(text),
        _ => Ok(()),
    }
    .map_err(|reason| invalid(attribute, reason))
}

const NOT_COMPOSED: &str = "a letter and its mark are written as two characters, where there is one for both (Unicode NFC)";

/// [MS-SAMR] 3.1.1.6, and no `@`: a name that looks like a UPN would be found as one.
fn sam_account_name(text: &str) -> Result<(), &'static str> {
    if text.chars().count() > 64 {
        return Err("it is longer than 64 characters");
    }
    if text != text.trim() {
        return Err("it begins or ends with a space");
    }
    if !is_composed(text) {
        return Err(NOT_COMPOSED);
    }
    if text
        .chars()
        .any(|character| "\"/\\[]:;|=,+*?<>@".contains(character))
    {
        return Err("it holds a character that names must not have");
    }
    if text.ends_with('.')
        || text
            .chars()
            .all(|character| character == '.' || character == ' ')
    {
        return Err("it ends with a full stop");
    }
    Ok(())
}

fn user_principal_name(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_whitespace) || text.len() > 1_024 {
        return Err("it is too long or holds a space");
    }
    if !is_composed(text) {
        return Err(NOT_COMPOSED);
    }
    match text.rsplit_once('@') {
        Some((name, suffix)) if !name.is_empty() && !name.contains('@') => {
            let labels = suffix.split('.').all(|label| !label.is_empty());
            if labels {
                Ok(())
            } else {
                Err("what follows the @ is no domain name")
            }
        }
        _ => Err("it is not of the form name@domain"),
    }
}

fn service_principal_name(text: &str) -> Result<(), &'static str> {
    let mut parts = text.split('/');
    let (service, host) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let rest = parts.all(|part| !part.is_empty());
    let strange = text
        .chars()
        .any(|character| character.is_whitespace() || character == '@' || character == '\\');
    if service.is_empty() || host.is_empty() || !rest || strange || text.len() > 512 {
        return Err("it is not of the form service/host");
    }
    Ok(())
}

/// Checks an entry as it is about to be written.
pub(super) fn whole(entry: &Entry) -> Result<(), Refused> {
    let class = entry.class;
    for attribute in class.row().must {
        if entry.values(*attribute).is_empty() {
            let attribute = *attribute;
            return Err(Refused::Missing { class, attribute });
        }
    }
    if matches!(class, Class::Computer | Class::ManagedServiceAccount)
        && !entry
            .text(Attribute::SamAccountName)
            .is_some_and(|sam| sam.ends_with('$') && sam.len() > 1)
    {
        return Err(invalid(
            Attribute::SamAccountName,
            "a computer's or service's ends with $",
        ));
    }
    if class == Class::User
        && entry
            .text(Attribute::SamAccountName)
            .is_some_and(|sam| sam.ends_with('$'))
    {
        return Err(invalid(
            Attribute::SamAccountName,
            "a person's does not end with $",
        ));
    }
    if class.is_account() {
        let control =
            AccountControl::from_integer(entry.integer(Attribute::UserAccountControl).unwrap_or(0));
        let kinds = [
            AccountControl::NORMAL_ACCOUNT,
            AccountControl::WORKSTATION_TRUST_ACCOUNT,
            AccountControl::SERVER_TRUST_ACCOUNT,
        ];
        if kinds.iter().filter(|kind| control.contains(**kind)).count() != 1 {
            return Err(invalid(
                Attribute::UserAccountControl,
                "it names no or several kinds of account",
            ));
        }
        let user = control.contains(AccountControl::NORMAL_ACCOUNT);
        if (class == Class::User) != user {
            return Err(invalid(
                Attribute::UserAccountControl,
                "its kind of account is not the class's",
            ));
        }
    }
    Ok(())
}

/// sAMAccountType ([MS-SAMR] 2.2.1.9).
pub(super) fn sam_account_type(entry: &Entry) -> i64 {
    match entry.class {
        Class::Computer | Class::ManagedServiceAccount => 0x3000_0001,
        Class::User => 0x3000_0000,
        _ => {
            let kind =
                crate::group::GroupType(entry.integer(Attribute::GroupType).unwrap_or(0) as u32);
            match (kind.is_domain_local(), kind.is_security()) {
                (false, true) => 0x1000_0000,
                (false, false) => 0x1000_0001,
                (true, true) => 0x2000_0000,
                (true, false) => 0x2000_0001,
            }
        }
    }
}
