//! Records as other directories write them, translated into this one's words.
//!
//! Names: the base of the other domain becomes this one's, and `uid=alice` becomes `CN=alice`. Attributes: those that
//! directories set themselves are left out and counted; with `skip_unknown`, so is what this directory does not know.
//! RFC 2307's people and groups become users and groups. Nothing else is guessed: what does not fit is refused.

use std::collections::{BTreeMap, HashSet};

use directory::schema::{AuxiliaryRow, CLASSES, Syntax};
use directory::{Attribute as Known, Class, Dn, Domain};
use wire::ldap::{LdapResult, ResultCode};
use wire::ldif::{Attribute, Change, Kind, Record};

use super::left_out::{is_bookkeeping, is_own};
use crate::refused::Refused;

/// Other names of attributes that are known here (RFC 4519, RFC 4524).
const ALIASES: &[(&str, Known)] = &[
    ("commonName", Known::Cn),
    ("surname", Known::Surname),
    ("organizationalUnitName", Known::Ou),
    ("domainComponent", Known::Dc),
    ("userid", Known::Uid),
    ("rfc822Mailbox", Known::Mail),
    ("localityName", Known::LocalityName),
    ("stateOrProvinceName", Known::StateOrProvinceName),
    ("countryName", Known::CountryName),
    ("street", Known::StreetAddress),
    ("fax", Known::FacsimileTelephoneNumber),
    ("mobileTelephoneNumber", Known::Mobile),
    ("pagerTelephoneNumber", Known::Pager),
    ("homeTelephoneNumber", Known::HomePhone),
    ("uniqueMember", Known::Member),
];

/// Relative identifiers below this are those that every domain has.
const FIRST_RID: i64 = 1_000;

/// Values as a file has them.
type Values = Vec<Vec<u8>>;

/// What a record is here.
pub(super) enum Read {
    /// This.
    Record(Record),
    /// Nothing: every domain has it itself, or (with `skip_unknown`) there is no such class.
    PassedOver,
    /// It does not fit.
    Refused(LdapResult),
}

/// Translates records.
pub(super) struct Foreign {
    /// The name of this domain.
    head: String,
    /// What the other domain is called, in the parts of its name.
    from: Option<Vec<String>>,
    skip_unknown: bool,
    left_out: BTreeMap<String, u64>,
}

fn refused(code: ResultCode, why: impl Into<String>) -> LdapResult {
    LdapResult::told(code, why)
}

impl Foreign {
    /// For records of a domain that is called `from_base` there, or of this one.
    pub(super) fn new(
        domain: &Domain,
        from_base: Option<&str>,
        skip_unknown: bool,
    ) -> Result<Self, Refused> {
        let from = match from_base {
            None => None,
            Some(text) => match parts(text) {
                Some(parts) => Some(parts.iter().map(|part| canonical(part)).collect()),
                None => {
                    return Err(Refused::parameter(
                        "from_base",
                        "it must be a distinguished name",
                    ));
                }
            },
        };
        Ok(Self {
            head: Dn::of_domain(&domain.dns_name).to_string(),
            from,
            skip_unknown,
            left_out: BTreeMap::new(),
        })
    }

    /// What was left out, and how often.
    pub(super) const fn left_out(&self) -> &BTreeMap<String, u64> {
        &self.left_out
    }

    fn leave_out(&mut self, what: &str) {
        // A name that nobody knows may be of any length; what is told of it is not.
        let what: String = what.chars().take(100).collect();
        *self.left_out.entry(what).or_default() += 1;
    }

    /// Translates a record.
    pub(super) fn read(&mut self, record: &Record) -> Read {
        let name = self.name(&record.name);
        let kind = match &record.kind {
            Kind::Entry(attributes) => {
                let by_uid = first_type(&record.name).eq_ignore_ascii_case("uid");
                match self.entry(&name, by_uid, attributes) {
                    Ok(Some(attributes)) => Kind::Entry(attributes),
                    Ok(None) => return Read::PassedOver,
                    Err(result) => return Read::Refused(result),
                }
            }
            Kind::Modify(changes) => match self.changes(changes) {
                Ok(changes) if changes.is_empty() => return Read::PassedOver,
                Ok(changes) => Kind::Modify(changes),
                Err(result) => return Read::Refused(result),
            },
            Kind::Delete => Kind::Delete,
            Kind::Rename {
                new_rdn,
                delete_old_rdn,
                new_superior,
            } => Kind::Rename {
                new_rdn: as_cn(new_rdn),
                delete_old_rdn: *delete_old_rdn,
                new_superior: new_superior.as_deref().map(|name| self.name(name)),
            },
        };
        Read::Record(Record {
            name,
            kind,
            line: record.line,
        })
    }

    /// A name of the other domain as it is here. What is no name stays as it is, and is refused where it is used.
    fn name(&self, text: &str) -> String {
        let Some(mut own) = parts(text) else {
            return text.to_owned();
        };
        let mut below = None;
        if let Some(from) = &self.from
            && let Some(depth) = own.len().checked_sub(from.len())
        {
            let (_, end) = own.split_at(depth);
            if end
                .iter()
                .zip(from)
                .all(|(one, other)| canonical(one) == *other)
            {
                below = Some(depth);
            }
        }
        if let Some(depth) = below {
            own.truncate(depth);
        }
        let mut name: Vec<String> = own.iter().map(|part| as_cn(part)).collect();
        if below.is_some() {
            name.push(self.head.clone());
        }
        name.join(",")
    }

    /// The attributes of an entry; `None` when the entry is none for here.
    fn entry(
        &mut self,
        name: &str,
        by_uid: bool,
        given: &[Attribute],
    ) -> Result<Option<Vec<Attribute>>, LdapResult> {
        let says = |wanted: &str| {
            let same = |attribute: &&Attribute| attribute.description.eq_ignore_ascii_case(wanted);
            given.iter().find(same)
        };
        let true_ = |attribute: &Attribute| {
            attribute
                .values
                .iter()
                .any(|value| value.eq_ignore_ascii_case(b"TRUE"))
        };
        if says("isCriticalSystemObject").is_some_and(true_) {
            return Ok(None);
        }
        let classes = says("objectClass").map_or(&[][..], |attribute| &attribute.values);
        let Some((class, classes)) = self.classes(classes)? else {
            return Ok(None);
        };
        let mut kept: Vec<Attribute> = vec![Attribute {
            description: Known::ObjectClass.name().to_owned(),
            values: classes,
        }];
        let posix = says("sAMAccountName").is_none();
        for attribute in given {
            let Some((known, mut values)) = self.attribute(attribute)? else {
                continue;
            };
            let mut known = known;
            match known {
                Known::ObjectClass => continue,
                Known::PwdLastSet if values != [b"0".to_vec()] => {
                    self.leave_out(known.name());
                    continue;
                }
                // The group of another domain.
                Known::PrimaryGroupId if number(&values).is_none_or(|rid| rid >= FIRST_RID) => {
                    self.leave_out(known.name());
                    continue;
                }
                // RFC 2307 says so of what Active Directory has another word for, and means another thing by this one.
                Known::HomeDirectory
                    if posix && values.iter().all(|value| value.starts_with(b"/")) =>
                {
                    known = Known::UnixHomeDirectory;
                }
                Known::Cn if posix => {
                    let own = own_value(name);
                    let others = values
                        .iter()
                        .position(|value| !value.eq_ignore_ascii_case(own.as_bytes()));
                    if let Some(other) = others.and_then(|place| values.get(place).cloned())
                        && (by_uid || values.len() > 1)
                    {
                        values.retain(|value| value.eq_ignore_ascii_case(own.as_bytes()));
                        if class == Class::User && says("displayName").is_none() {
                            put(&mut kept, Known::DisplayName, vec![other]);
                        } else {
                            self.leave_out("cn");
                        }
                        if values.is_empty() {
                            continue;
                        }
                    }
                }
                _ => {}
            }
            let naming = matches!(known, Known::Cn | Known::Ou | Known::Dc | Known::Name);
            let password = matches!(known, Known::UnicodePwd | Known::UserPassword);
            if self.skip_unknown
                && !naming
                && !password
                && !known.row().system
                && !class.allows(known)
            {
                self.leave_out(known.name());
                continue;
            }
            if self.skip_unknown && known.row().single && values.len() > 1 {
                values.truncate(1);
                self.leave_out(known.name());
            }
            put(&mut kept, known, values);
        }
        if posix
            && class == Class::User
            && let Some(uid) = says("uid").or_else(|| says("userid"))
        {
            let first: Vec<Vec<u8>> = uid.values.iter().take(1).cloned().collect();
            put(&mut kept, Known::SamAccountName, first);
        }
        Ok(Some(kept))
    }

    /// The class that an entry is of here, and the names of its classes; `None` to pass it over.
    fn classes(&mut self, given: &[Vec<u8>]) -> Result<Option<(Class, Values)>, LdapResult> {
        let names: Vec<&str> = given
            .iter()
            .filter_map(|name| std::str::from_utf8(name).ok())
            .collect();
        let is = |wanted: &[&str]| {
            names.iter().any(|name| {
                wanted
                    .iter()
                    .any(|wanted| name.eq_ignore_ascii_case(wanted))
            })
        };
        let structural = CLASSES
            .iter()
            .filter(|row| is(&[row.name]))
            .max_by_key(|row| row.chain.len());
        let class = match structural {
            Some(row) => Some(row.class),
            None if is(&["posixGroup", "groupOfNames", "groupOfUniqueNames"]) => Some(Class::Group),
            None if is(&[
                "inetOrgPerson",
                "person",
                "organizationalPerson",
                "posixAccount",
                "account",
            ]) =>
            {
                Some(Class::User)
            }
            None => None,
        };
        let Some(class) = class else {
            // What the domain itself is, it is already.
            if is(&["domain", "dcObject", "organization"]) {
                return Ok(None);
            }
            if self.skip_unknown {
                let last = names.last().copied().unwrap_or("none");
                self.leave_out(&format!("objectClass: {last} (whole entries)"));
                return Ok(None);
            }
            return Err(refused(
                ResultCode::ObjectClassViolation,
                "the entry is of no class of this directory",
            ));
        };
        if class == Class::DomainDns {
            return Ok(None);
        }
        let chain = class.row().chain;
        let mut kept = vec![class.name().as_bytes().to_vec()];
        for name in names {
            let part = chain.iter().any(|own| own.eq_ignore_ascii_case(name));
            let auxiliary = AuxiliaryRow::by_name(name).is_some_and(|row| row.of.contains(&class));
            if auxiliary {
                kept.push(name.as_bytes().to_vec());
                continue;
            }
            // Said in another way above.
            let said = [
                "groupOfNames",
                "groupOfUniqueNames",
                "account",
                "person",
                "organizationalPerson",
            ];
            if part || said.iter().any(|said| name.eq_ignore_ascii_case(said)) {
                continue;
            }
            if !self.skip_unknown {
                kept.push(name.as_bytes().to_vec());
                continue;
            }
            self.leave_out(&format!("objectClass: {name}"));
        }
        Ok(Some((class, kept)))
    }

    /// An attribute with its values in this directory's words; `None` where it is left out.
    fn attribute(&mut self, given: &Attribute) -> Result<Option<(Known, Values)>, LdapResult> {
        let (name, options) = match given.description.split_once(';') {
            Some((name, options)) => (name, options),
            None => (given.description.as_str(), ""),
        };
        if is_bookkeeping(name) {
            self.leave_out(name);
            return Ok(None);
        }
        let alias = ALIASES
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(name))
            .map(|(_, known)| *known);
        let Some(known) = Known::by_name(name).or(alias) else {
            if self.skip_unknown {
                self.leave_out(name);
                return Ok(None);
            }
            return Err(refused(
                ResultCode::UndefinedAttributeType,
                format!("there is no attribute {name:?}"),
            ));
        };
        if options.to_ascii_lowercase().starts_with("range=") {
            return Err(refused(
                ResultCode::UndefinedAttributeType,
                format!(
                    "{} is there in part alone ({options}): export it whole",
                    known.name()
                ),
            ));
        }
        // How values travel, which says nothing of them (RFC 4522).
        if !(options.is_empty() || options.eq_ignore_ascii_case("binary")) {
            if self.skip_unknown {
                self.leave_out(&given.description);
                return Ok(None);
            }
            return Err(refused(
                ResultCode::UndefinedAttributeType,
                format!("{} has no options to write to", known.name()),
            ));
        }
        if is_own(known) {
            self.leave_out(known.name());
            return Ok(None);
        }
        if known == Known::UserPassword && given.values.iter().any(|value| is_hash(value)) {
            if self.skip_unknown {
                self.leave_out("userPassword (as a hash)");
                return Ok(None);
            }
            return Err(refused(
                ResultCode::ConstraintViolation,
                "the password is there as a hash, and the keys of Kerberos cannot be made from one: \
                 import without it (skip_unknown) and set a password or let the person enrol a key",
            ));
        }
        let values = given.values.iter().map(|value| self.value(known, value));
        let values = values.collect();
        Ok(Some((known, values)))
    }

    /// A value, with the name in it translated where it is one.
    fn value(&self, attribute: Known, value: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(value) else {
            return value.to_vec();
        };
        match attribute.row().syntax {
            Syntax::DistinguishedName => self.name(text).into_bytes(),
            Syntax::DnBinary => {
                // B:<count>:<hex>:<DN>
                let mut pieces = text.splitn(4, ':');
                let pieces = (pieces.next(), pieces.next(), pieces.next(), pieces.next());
                match pieces {
                    (Some(kind), Some(count), Some(hex), Some(name)) => {
                        format!("{kind}:{count}:{hex}:{}", self.name(name)).into_bytes()
                    }
                    _ => value.to_vec(),
                }
            }
            _ => value.to_vec(),
        }
    }

    fn changes(&mut self, given: &[Change]) -> Result<Vec<Change>, LdapResult> {
        let mut kept = Vec::new();
        for change in given {
            let Some((known, values)) = self.attribute(&change.attribute)? else {
                continue;
            };
            kept.push(Change {
                kind: change.kind,
                attribute: Attribute {
                    description: known.name().to_owned(),
                    values,
                },
            });
        }
        Ok(kept)
    }
}

/// Adds values to those of an attribute.
fn put(kept: &mut Vec<Attribute>, known: Known, values: Vec<Vec<u8>>) {
    match kept
        .iter_mut()
        .find(|attribute| attribute.description == known.name())
    {
        Some(attribute) => {
            let mut there: HashSet<Vec<u8>> = attribute.values.iter().cloned().collect();
            let new = values
                .into_iter()
                .filter(|value| there.insert(value.clone()));
            attribute.values.extend(new);
        }
        None => kept.push(Attribute {
            description: known.name().to_owned(),
            values,
        }),
    }
}

fn number(values: &[Vec<u8>]) -> Option<i64> {
    match values {
        [value] => std::str::from_utf8(value).ok()?.parse().ok(),
        _ => None,
    }
}

/// `{SSHA}…`, `{CRYPT}…`: a scheme in braces (RFC 2307 5.3).
fn is_hash(value: &[u8]) -> bool {
    let end = value.iter().position(|byte| *byte == b'}');
    value.first() == Some(&b'{') && end.is_some_and(|end| end > 1)
}

/// The parts of a name, as they are written; `None` when one is empty.
fn parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut letters = text.trim().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                part.push(letter);
                part.extend(letters.next());
            }
            ',' | ';' => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    parts.push(part);
    let parts: Vec<String> = parts
        .iter()
        .map(|part| part.trim_start().to_owned())
        .collect();
    parts.iter().all(|part| part.contains('=')).then_some(parts)
}

/// A part as it is compared.
fn canonical(part: &str) -> String {
    let (kind, value) = part.split_once('=').unwrap_or((part, ""));
    format!(
        "{}={}",
        kind.trim().to_lowercase(),
        value.trim().to_lowercase()
    )
}

/// The type of a name's own part: `uid` of `uid=alice,ou=People,…`.
fn first_type(name: &str) -> &str {
    name.split_once('=').map_or("", |(kind, _)| kind.trim())
}

/// A part of a name whose entries are called by `CN` here.
fn as_cn(part: &str) -> String {
    match part.split_once('=') {
        Some((kind, value))
            if ["uid", "userid", "0.9.2342.19200300.100.1.1"]
                .iter()
                .any(|uid| kind.trim().eq_ignore_ascii_case(uid)) =>
        {
            format!("CN={}", value.trim_start())
        }
        _ => part.to_owned(),
    }
}

/// The value of a name's own part, without escapes.
fn own_value(name: &str) -> String {
    let dn: Option<Dn> = name.parse().ok();
    dn.and_then(|dn| dn.parts().first().map(|part| part.value.clone()))
        .unwrap_or_default()
}
