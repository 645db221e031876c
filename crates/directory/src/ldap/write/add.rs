//! Adding an entry.

use trust::Rng;
use wire::ldap::{AddRequest, ResultCode};
use zeroize::Zeroizing;

use super::{
    Planned, Told, Work, few_enough, first_password, is_password, kept_from_ldap, told, writable,
};
use crate::account::{AccountControl, MUST_CHANGE};
use crate::change::{self, Change, NewEntry};
use crate::delegation::{self, Delegable};
use crate::entry::Entry;
use crate::id::EntryId;
use crate::ldap::names::Namer;
use crate::ldap::passwords;
use crate::password::{self, PasswordMaterial};
use crate::schema::{Attribute, AuxiliaryRow, CLASSES, Class};
use crate::value::{Value, folded};

/// What a request says, sorted.
struct Asked<'r> {
    class: Class,
    auxiliary: Vec<&'static str>,
    plain: Vec<(Attribute, Vec<&'r [u8]>)>,
    members: Vec<&'r [u8]>,
    keys: Vec<&'r [u8]>,
    password: Option<Zeroizing<String>>,
}

impl Work<'_, '_, '_> {
    /// The entry of a request, and what hangs on its being there.
    pub(in crate::ldap) fn add(
        &self,
        request: &AddRequest<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Planned, Told> {
        let (own, above) = Namer::split(request.name)
            .map_err(|_| told(ResultCode::InvalidDnSyntax, "that is no name of an entry"))?;
        let parent = match self.snapshot.entry_by_dn(&above)? {
            Some(parent) => parent,
            None => return Err(self.no_such(&above.to_string())?),
        };
        let asked = self.sorted(request)?;
        let row = asked.class.row();
        if own.attribute != row.naming {
            let (class, naming) = (row.name, row.naming.name());
            return Err(told(
                ResultCode::NamingViolation,
                format!("an entry of class {class} is named by {naming}"),
            ));
        }
        let id = EntryId::made_at(self.now, rng);
        let name = above.clone().under(vec![own.clone()]).to_string();
        let mut new = NewEntry::new(id, parent.id, asked.class, own.value.clone());
        let mut must_change = false;
        for (attribute, given) in &asked.plain {
            let values = self.values(*attribute, given)?;
            if *attribute == row.naming || *attribute == Attribute::Name {
                let same = |value: &Value| matches!(value, Value::Text(text) if folded(text) == folded(&own.value));
                if !values.iter().all(same) {
                    return Err(told(
                        ResultCode::NamingViolation,
                        format!("{} is not as the entry's name has it", attribute.name()),
                    ));
                }
                continue;
            }
            // 0 has the first password changed at the first sign-in; other times are the directory's to set.
            if *attribute == Attribute::PwdLastSet {
                must_change = values.contains(&Value::Time(MUST_CHANGE));
                if !must_change {
                    continue;
                }
            }
            self.check_grants(*attribute, &[], &values)?;
            new.attributes.push((*attribute, values));
        }
        for class in &asked.auxiliary {
            new = new.with(Attribute::ObjectClass, *class);
        }
        let mut new = self.completed(new, &asked)?;
        self.may_add(&new, &parent)?;
        if row.principal || asked.class == Class::Device {
            new = new.created_by(self.caller.sid);
        }
        let mut changes = Vec::new();
        for member in &asked.members {
            let member = self.named(member)?;
            if !self.caller.may_put(member, id, self.snapshot)? {
                return self.refuse("entry.add", &parent);
            }
            changes.push(Change::AddMember { group: id, member });
        }
        for key in &asked.keys {
            if !self.administers()? {
                return self.refuse("key.add", &parent);
            }
            changes.extend(self.add_key_of_new(id, &name, key)?);
        }
        let mut record = crate::AuditRecord::done(self.now, self.actor.clone(), "entry.add")
            .from_address(self.from)
            .on(id, name);
        record = record.with("class", row.name);
        changes.push(change::audit(record));
        // Hashing takes its time, and the state is not there for long: nothing is read behind it.
        if let Some(password) = &asked.password {
            let material = self.first_material(&new, password, rng)?;
            new = new.with_password(material, must_change);
        }
        changes.insert(0, new.into());
        Ok(Planned {
            changes,
            target: id,
        })
    }

    fn sorted<'r>(&self, request: &AddRequest<'r>) -> Result<Asked<'r>, Told> {
        let mut classes: Vec<&[u8]> = Vec::new();
        let mut asked = Asked {
            class: Class::Container,
            auxiliary: Vec::new(),
            plain: Vec::new(),
            members: Vec::new(),
            keys: Vec::new(),
            password: None,
        };
        for given in &request.attributes {
            let attribute = writable(given.description)?;
            if given.values.is_empty() {
                return Err(told(
                    ResultCode::InvalidAttributeSyntax,
                    format!("{} comes without a value", attribute.name()),
                ));
            }
            let values = given.values.iter().copied();
            match attribute {
                Attribute::ObjectClass => classes.extend(values),
                Attribute::Member => asked.members.extend(values),
                Attribute::MsDsKeyCredentialLink => asked.keys.extend(values),
                // What every entry has by itself; tools write it along.
                Attribute::ObjectCategory
                | Attribute::InstanceType
                | Attribute::DistinguishedName
                | Attribute::UnixUserPassword => {}
                Attribute::Cn | Attribute::Ou | Attribute::Dc | Attribute::Name => {
                    asked.plain.push((attribute, values.collect()));
                }
                _ if is_password(attribute) => {
                    asked.password = Some(first_password(self, attribute, &given.values)?);
                }
                _ => {
                    kept_from_ldap(attribute)?;
                    few_enough(attribute, given.values.len())?;
                    if asked.plain.iter().any(|(known, _)| *known == attribute) {
                        return Err(told(
                            ResultCode::AttributeOrValueExists,
                            format!("{} comes twice", attribute.name()),
                        ));
                    }
                    asked.plain.push((attribute, values.collect()));
                }
            }
        }
        (asked.class, asked.auxiliary) = self::classes(&classes)?;
        Ok(asked)
    }

    /// What the directory fills in where the client says nothing, as Active Directory does.
    fn completed(&self, mut new: NewEntry, asked: &Asked<'_>) -> Result<NewEntry, Told> {
        let has =
            |new: &NewEntry, attribute| new.attributes.iter().any(|(known, _)| *known == attribute);
        if asked.class.row().principal && !has(&new, Attribute::SamAccountName) {
            let machine = matches!(asked.class, Class::Computer | Class::ManagedServiceAccount);
            let sam = match machine {
                true => format!("{}$", new.name),
                false => new.name.clone(),
            };
            new = new.with(Attribute::SamAccountName, sam);
        }
        if asked.class == Class::Group && !has(&new, Attribute::GroupType) {
            new = new.with(Attribute::GroupType, crate::group::GLOBAL_SECURITY);
        }
        let control = new
            .attributes
            .iter_mut()
            .find(|(known, _)| *known == Attribute::UserAccountControl);
        let kind = match asked.class {
            Class::User => AccountControl::NORMAL_ACCOUNT,
            _ => AccountControl::WORKSTATION_TRUST_ACCOUNT,
        };
        match control {
            Some((_, values)) => {
                for value in values.iter_mut() {
                    if let Value::Integer(number) = value {
                        *number = super::modify::control(*number, kind).to_integer();
                    }
                }
            }
            // Without a password nobody can sign in yet: the account waits for one.
            None if asked.class.is_account() => {
                let control = match (&asked.password, asked.class) {
                    (None, Class::User) => kind.with(AccountControl::ACCOUNT_DISABLE),
                    _ => kind,
                };
                new = new.with(Attribute::UserAccountControl, control.to_integer());
            }
            None => {}
        }
        let device = asked.class == Class::Device && !has(&new, Attribute::MsDsIsEnabled);
        if device {
            new = new.with(Attribute::MsDsIsEnabled, true);
        }
        Ok(new)
    }

    /// Administrators add anything; others computers, as many as the domain lets them.
    fn may_add(&self, new: &NewEntry, parent: &Entry) -> Result<(), Told> {
        if self.administers()? {
            return Ok(());
        }
        let right =
            delegation::right_over(new.class).filter(|right| *right != Delegable::Computers);
        if let Some(right) = right {
            self.allow_below(new.class, parent, "entry.add")?;
            for (attribute, values) in &new.attributes {
                let own = *attribute == Attribute::ObjectClass
                    || delegation::right_to(new.class, *attribute) == Some(right)
                    // A password that is to be changed, or a group's first members by name.
                    || matches!(attribute, Attribute::PwdLastSet | Attribute::MemberUid);
                let caller = self.caller;
                let fine =
                    own && caller.may_set(new.class, *attribute, &[], values, self.snapshot)?;
                if !fine {
                    return self.refuse("entry.add", parent);
                }
            }
            return Ok(());
        }
        const JOIN: [Attribute; 8] = [
            Attribute::SamAccountName,
            Attribute::UserAccountControl,
            Attribute::DnsHostName,
            Attribute::ServicePrincipalName,
            Attribute::OperatingSystem,
            Attribute::OperatingSystemVersion,
            Attribute::MsDsSupportedEncryptionTypes,
            Attribute::Description,
        ];
        let plain_computer = new.class == Class::Computer
            && new
                .attributes
                .iter()
                .all(|(attribute, _)| JOIN.contains(attribute))
            && self.is_ordinary_computer(new);
        let usual = parent.id == self.snapshot.domain().computers;
        if plain_computer && usual && self.caller.may_join_computer(self.snapshot)? {
            return Ok(());
        }
        if plain_computer {
            self.allow_below(new.class, parent, "entry.add")?;
            return Ok(());
        }
        self.refuse("entry.add", parent)
    }

    /// Names and services that are the computer's own: a service name of another host would draw its tickets here
    /// (security.md row 2). The name is one label, for a computer `dc1.corp.example` would have the names of another one.
    fn is_ordinary_computer(&self, new: &NewEntry) -> bool {
        let host = folded(&new.name);
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !host.bytes().all(label) {
            return false;
        }
        let full = format!("{host}.{}", self.snapshot.domain().dns_name);
        new.attributes.iter().all(|(attribute, values)| {
            values.iter().all(|value| match (attribute, value) {
                (Attribute::ServicePrincipalName, Value::Text(service)) => {
                    let mut parts = service.split('/');
                    let (_, host_part, more) = (parts.next(), parts.next(), parts.next());
                    let named = host_part.map(folded);
                    more.is_none()
                        && (named.as_deref() == Some(&host) || named.as_deref() == Some(&full))
                }
                (Attribute::DnsHostName, Value::Text(name)) => folded(name) == full,
                (Attribute::SamAccountName, Value::Text(name)) => {
                    folded(name) == format!("{host}$")
                }
                (Attribute::UserAccountControl, Value::Integer(control)) => {
                    AccountControl::from_integer(*control).without(AccountControl::ACCOUNT_DISABLE)
                        == AccountControl::WORKSTATION_TRUST_ACCOUNT
                }
                _ => true,
            })
        })
    }

    fn first_material(
        &self,
        new: &NewEntry,
        password: &str,
        rng: &mut dyn Rng,
    ) -> Result<PasswordMaterial, Told> {
        let sam = new
            .attributes
            .iter()
            .find(|(attribute, _)| *attribute == Attribute::SamAccountName)
            .and_then(|(_, values)| match values.first() {
                Some(Value::Text(sam)) => Some(sam.as_str()),
                _ => None,
            })
            .unwrap_or_default();
        let made = password::first(self.snapshot, new.class, sam, password, self.cost, rng)?;
        made.map_err(|refused| passwords::refused(&refused).into())
    }

    /// A key on an entry that only administrators add.
    fn add_key_of_new(&self, id: EntryId, name: &str, key: &[u8]) -> Result<[Change; 2], Told> {
        self.is_kept()?;
        let (value, _) = self.key_of(name, key)?;
        let record = crate::AuditRecord::done(self.now, self.actor.clone(), "key.add")
            .from_address(self.from)
            .on(id, name)
            .with("by", "ldap")
            .with("shadow", "true");
        Ok([
            change::add_key_credential(id, value.binary, crate::Origin::Administrator),
            change::audit(record),
        ])
    }
}

/// The structural class that a list of names means, the one furthest from `top`, and the auxiliary ones.
pub(in crate::ldap) fn classes(names: &[&[u8]]) -> Result<(Class, Vec<&'static str>), Told> {
    let mut structural: Option<Class> = None;
    let mut auxiliary = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for name in names {
        let name = std::str::from_utf8(name)
            .map_err(|_| told(ResultCode::InvalidAttributeSyntax, "a class's name is text"))?;
        if let Some(row) = AuxiliaryRow::by_name(name) {
            auxiliary.push(row.name);
            continue;
        }
        let known = CLASSES
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(name) || row.oid == name);
        match known {
            Some(row) => {
                let deeper = |class: Class| class.row().chain.len() < row.chain.len();
                if structural.is_none_or(deeper) {
                    if let Some(class) = structural {
                        above.push(class.name().to_owned());
                    }
                    structural = Some(row.class);
                } else {
                    above.push(row.name.to_owned());
                }
            }
            None => above.push(name.to_owned()),
        }
    }
    // Scripts write inetOrgPerson and no user.
    if structural.is_none() && auxiliary.contains(&"inetOrgPerson") {
        structural = Some(Class::User);
    }
    let Some(class) = structural else {
        return Err(told(
            ResultCode::ObjectClassViolation,
            "the entry has no structural class of this directory",
        ));
    };
    for name in above {
        if !class
            .row()
            .chain
            .iter()
            .any(|own| own.eq_ignore_ascii_case(&name))
        {
            return Err(told(
                ResultCode::ObjectClassViolation,
                format!("an entry of class {} is no {name:?}", class.name()),
            ));
        }
    }
    auxiliary.sort_unstable();
    auxiliary.dedup();
    Ok((class, auxiliary))
}
