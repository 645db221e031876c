//! People, and what all accounts have in common: enabling, disabling, unlocking.

use std::sync::Arc;

use directory::delegation::Delegable;
use directory::password::{self, Chooser, PasswordMaterial};
use directory::{
    Account, AccountControl, Attribute, Change, Class, Edit, EntryId, NewEntry, Secret, Value,
    change,
};
use registration::second_factor;
use token::factor::SecondFactors;
use trust::Rng;

use crate::asked::Asked;
use crate::body::{Members, Patch};
use crate::caller::Needs;
use crate::done::Done;
use crate::guard::{self, Going};
use crate::names::{self, Kind, called};
use crate::refused::{Refused, Trouble};
use crate::{domains, list, shown, tenant};

/// Attributes of a person that are texts, by their members.
const TEXTS: &[(&str, Attribute)] = &[
    ("display_name", Attribute::DisplayName),
    ("given_name", Attribute::GivenName),
    ("surname", Attribute::Surname),
    ("mail", Attribute::Mail),
    ("telephone", Attribute::TelephoneNumber),
    ("description", Attribute::Description),
];

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    list::by_name(asked, Class::User, |entry| {
        let account = shown::account_of(entry, asked.view)?;
        Ok(shown::user_line(&account, asked.view, asked.now)?.into())
    })
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = names::account(asked.snapshot(), Kind::User, asked.part(0))?;
    let shown = shown::user(&account, asked.view, asked.now)?;
    Ok(Done::now(shown.into()))
}

pub(crate) fn add(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let snapshot = asked.snapshot();
    let domain = snapshot.domain();
    let name = members.needed("name")?;
    names::check_new(&name)?;
    names::must_be_free(snapshot, &name)?;
    let upn = members.text("upn")?;
    let upn = match upn {
        Some(upn) => upn,
        None => domains::usual_upn(asked, &name)?,
    };
    domains::may_have(asked, &upn)?;
    names::upn_must_be_free(snapshot, &upn, None)?;
    let unit = names::unit(snapshot, members.text("unit")?.as_deref(), domain.users)?;
    guard::adds_below(asked, Delegable::People, unit)?;
    guard::may_set(asked, Class::User, Attribute::SamAccountName, &name)?;
    guard::may_set(asked, Class::User, Attribute::UserPrincipalName, &upn)?;

    let id = EntryId::made_at(asked.now, rng);
    let mut user = NewEntry::user(id, unit, &name, name.clone())
        .with(Attribute::UserPrincipalName, upn.as_str());
    for (member, attribute) in TEXTS {
        if let Some(text) = members.text(member)? {
            user = user.with(*attribute, text);
        }
    }
    if let Patch::Set(expires) = members.patch_moment("expires")? {
        user = user.with(Attribute::AccountExpires, expires);
    }
    if members.flag("enabled")? == Some(false) {
        let control = AccountControl::NORMAL_ACCOUNT | AccountControl::ACCOUNT_DISABLE;
        user.attributes
            .retain(|(attribute, _)| *attribute != Attribute::UserAccountControl);
        user = user.with(Attribute::UserAccountControl, control.to_integer());
    }
    let must_change = members.flag("must_change")?;
    let mut record = asked.record().on(id, &upn);
    let user = match members.secret("password")? {
        Some(password) => {
            domains::may_have_password(asked, &upn)?;
            let cost = asked.view.deployment.password_cost;
            let material = password::first(snapshot, Class::User, &name, &password, cost, rng)?
                .map_err(Refused::from)?;
            user.with_password(material, must_change.unwrap_or(true))
        }
        None if must_change.is_some() => return Err(Refused::MissingMember("password").into()),
        None => user.with_password(PasswordMaterial::random(rng), false),
    };
    let mut changes: Vec<Change> = vec![user.into()];
    for group in members.texts("groups")?.unwrap_or_default() {
        let group = names::group(snapshot, &group)?;
        guard::looks_after(asked, Delegable::Members, group.id)?;
        changes.push(Change::AddMember {
            group: group.id,
            member: id,
        });
        record = record.with(format!("group {}", group.sam), "member");
    }
    changes.push(change::audit(record));
    Ok(Done::entry(id, changes).made())
}

pub(crate) fn change_user(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = looked_after(asked, Kind::User, Delegable::People)?;
    let mut members = asked.members()?;
    // What tickets are like is no part of looking after people.
    for reserved in ["not_delegated", "encryption_types"] {
        if members.has(reserved) && !asked.who.may(Needs::Administrator) {
            return Err(Refused::NotPermitted("this member is for administrators").into());
        }
    }
    let mut changed = Changed::new(asked, &account)?;
    match members.patch("upn")? {
        Patch::Keep => {}
        Patch::Clear if tenant::is_one(asked) => {
            return Err(Refused::member("upn", "nobody in a tenant is without one").into());
        }
        Patch::Clear => changed.clear(Attribute::UserPrincipalName, "upn"),
        Patch::Set(upn) => {
            domains::may_have(asked, &upn)?;
            names::upn_must_be_free(asked.snapshot(), &upn, Some(account.id))?;
            guard::may_set(asked, Class::User, Attribute::UserPrincipalName, &upn)?;
            changed.set(Attribute::UserPrincipalName, "upn", upn);
        }
    }
    changed.texts(&mut members, TEXTS)?;
    changed.encryption_types(&mut members)?;
    let flags = [("not_delegated", AccountControl::NOT_DELEGATED)];
    changed.flags(&mut members, account.control, &flags)?;
    match members.patch_moment("expires")? {
        Patch::Keep => {}
        Patch::Clear => changed.clear(Attribute::AccountExpires, "expires"),
        Patch::Set(expires) => {
            if expires <= asked.now {
                guard::somebody_remains(asked, Going::Account(account.id))?;
            }
            changed.set(Attribute::AccountExpires, "expires", expires);
        }
    }
    Ok(changed.done())
}

pub(crate) fn delete(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = looked_after(asked, Kind::User, Delegable::People)?;
    guard::somebody_remains(asked, Going::Account(account.id))?;
    delete_account(asked, &account)
}

/// Deletes an account that nothing protects.
pub(crate) fn delete_account(asked: &Asked<'_, '_>, account: &Account) -> Result<Done, Trouble> {
    if let Some(entry) = asked.snapshot().entry(account.id)? {
        guard::not_critical(&entry, called(account))?;
    }
    let record = asked
        .record()
        .on(account.id, called(account))
        .with("sid", account.sid)
        .with("keys", account.key_credentials.len());
    Ok(Done::changed(vec![
        Change::Delete { id: account.id },
        change::audit(record),
    ]))
}

pub(crate) fn enable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    enable_account(asked, Kind::User)
}

pub(crate) fn disable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = looked_after(asked, Kind::User, Delegable::People)?;
    if account.is_enabled() {
        guard::somebody_remains(asked, Going::Account(account.id))?;
    }
    disable_account(asked, Kind::User)
}

/// Lets an account in again.
pub(crate) fn enable_account(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = looked_after(asked, kind, kind.right())?;
    asked.members()?;
    Ok(Done::changed(match account.is_enabled() {
        true => Vec::new(),
        false => vec![
            change::enable(account.id, account.control),
            asked.audit(account.id, called(&account)),
        ],
    }))
}

/// Keeps an account out.
pub(crate) fn disable_account(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = looked_after(asked, kind, kind.right())?;
    asked.members()?;
    Ok(Done::changed(match account.is_enabled() {
        false => Vec::new(),
        true => vec![
            change::disable(account.id, account.control),
            asked.audit(account.id, called(&account)),
        ],
    }))
}

pub(crate) fn unlock(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = looked_after(asked, Kind::User, Delegable::Passwords)?;
    let policy = asked.snapshot().lockout_policy()?;
    let locked = asked
        .view
        .lockout
        .is_locked_out(&account, &policy, asked.now);
    if !locked && account.locked_since.is_none() {
        return Ok(Done::changed(Vec::new()));
    }
    // A lock that is not on disk yet would be written after this and hold on.
    asked.view.lockout.forget(account.id);
    Ok(Done::changed(vec![
        change::unlock(account.id),
        asked.audit(account.id, called(&account)),
    ]))
}

pub(crate) fn set_password(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = looked_after(asked, Kind::User, Delegable::Passwords)?;
    let mut members = asked.members()?;
    let password = members
        .secret("password")?
        .ok_or(Refused::MissingMember("password"))?;
    domains::may_have_password(asked, called(&account))?;
    let must_change = members.flag("must_change")?.unwrap_or(true);
    let set = password::change(
        asked.snapshot(),
        account.id,
        &password,
        Chooser::Administrator { must_change },
        asked.view.deployment.password_cost,
        asked.now,
        rng,
    )?
    .map_err(Refused::from)?;
    let record = asked
        .record()
        .on(account.id, called(&account))
        .with("must change", must_change);
    Ok(Done::changed(vec![set, change::audit(record)]))
}

pub(crate) fn expire_password(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = looked_after(asked, Kind::User, Delegable::Passwords)?;
    Ok(Done::changed(match account.must_change_password() {
        true => Vec::new(),
        false => vec![
            change::expire_password(account.id),
            asked.audit(account.id, called(&account)),
        ],
    }))
}

pub(crate) fn reset_second_factor(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    let factors = second_factor::of(&account);
    let count = factors.enrolled.len();
    // A value that cannot be read goes, too.
    let all_read = factors.write().len() == account.second_factors.len();
    if count == 0 && all_read {
        return Ok(Done::changed(Vec::new()));
    }
    let forgotten = SecondFactors::forgotten(asked.now).write();
    let record = asked
        .record()
        .on(account.id, called(&account))
        .with("forgotten", count);
    Ok(Done::changed(vec![
        change::set_second_factors(account.id, forgotten.into_iter().map(Secret::new).collect()),
        change::audit(record),
    ]))
}

/// The account that the path names, when it is neither krbtgt's nor a domain controller's.
pub(crate) fn ordinary(asked: &Asked<'_, '_>, kind: Kind) -> Result<Arc<Account>, Trouble> {
    let account = names::account(asked.snapshot(), kind, asked.part(0))?;
    guard::ordinary(&account)?;
    Ok(account)
}

/// The account that the path names, when the caller may look after it.
pub(crate) fn looked_after(
    asked: &Asked<'_, '_>,
    kind: Kind,
    right: Delegable,
) -> Result<Arc<Account>, Trouble> {
    let account = ordinary(asked, kind)?;
    guard::looks_after(asked, right, account.id)?;
    Ok(account)
}

/// The changes of a `PATCH` to an entry, with the record of what they are.
pub(crate) struct Changed {
    id: EntryId,
    entry: directory::Entry,
    edits: Vec<Edit>,
    record: directory::AuditRecord,
}

impl Changed {
    pub(crate) fn new(asked: &Asked<'_, '_>, account: &Account) -> Result<Self, Trouble> {
        Self::of(asked, account.id, called(account))
    }

    pub(crate) fn of(asked: &Asked<'_, '_>, id: EntryId, name: &str) -> Result<Self, Trouble> {
        let entry = asked.snapshot().entry(id)?;
        Ok(Self {
            id,
            entry: entry.ok_or(directory::Fault::Corrupt("entry"))?,
            edits: Vec::new(),
            record: asked.record().on(id, name),
        })
    }

    /// Sets a value, if it is another than now.
    pub(crate) fn set(&mut self, attribute: Attribute, member: &str, value: impl Into<Value>) {
        let value = value.into();
        if self.entry.values(attribute) == core::slice::from_ref(&value) {
            return;
        }
        let text = match &value {
            Value::Text(text) => text.clone(),
            Value::Time(time) => time.to_rfc3339(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(truth) => truth.to_string(),
            _ => "set".to_owned(),
        };
        self.note(member, &text);
        self.edits.push(Edit::set(attribute, value));
    }

    /// Takes a value away, if it is there.
    /// `encryption_types`: the bits of msDS-SupportedEncryptionTypes; 0 leaves it to the realm.
    pub(crate) fn encryption_types(&mut self, members: &mut Members) -> Result<(), Refused> {
        let member = "encryption_types";
        if members.has(member) {
            let bits = members.number(member, 0, u32::MAX.into())?;
            let bits = bits.ok_or_else(|| Refused::member(member, "it must be a number"))?;
            self.set(Attribute::MsDsSupportedEncryptionTypes, member, bits);
        }
        Ok(())
    }

    pub(crate) fn clear(&mut self, attribute: Attribute, member: &str) {
        if !self.entry.values(attribute).is_empty() {
            self.note(member, "");
            self.edits.push(Edit::clear(attribute));
        }
    }

    /// What `PATCH` says of texts.
    pub(crate) fn texts(
        &mut self,
        members: &mut Members,
        texts: &[(&str, Attribute)],
    ) -> Result<(), Refused> {
        for (member, attribute) in texts {
            match members.patch(member)? {
                Patch::Keep => {}
                Patch::Clear => self.clear(*attribute, member),
                Patch::Set(text) => self.set(*attribute, member, text),
            }
        }
        Ok(())
    }

    /// What `PATCH` says of the flags of userAccountControl, which are `control` now.
    pub(crate) fn flags(
        &mut self,
        members: &mut Members,
        mut control: AccountControl,
        flags: &[(&str, AccountControl)],
    ) -> Result<(), Refused> {
        let before = control;
        for (member, flag) in flags {
            let Some(wanted) = members.flag(member)? else {
                continue;
            };
            if control.contains(*flag) != wanted {
                self.note(member, if wanted { "true" } else { "false" });
            }
            control = match wanted {
                true => control.with(*flag),
                false => control.without(*flag),
            };
        }
        if control != before {
            let value = control.to_integer();
            let edit = Edit::set(Attribute::UserAccountControl, value);
            self.edits.push(edit);
        }
        Ok(())
    }

    fn note(&mut self, member: &str, value: &str) {
        let shortened: String = value.chars().take(200).collect();
        self.record.details.insert(member.to_owned(), shortened);
    }

    /// The entry as it will be; nothing to commit where nothing changes.
    pub(crate) fn done(self) -> Done {
        let changes = match self.edits.is_empty() {
            true => Vec::new(),
            false => vec![
                change::modify(self.id, self.edits),
                change::audit(self.record),
            ],
        };
        Done::entry(self.id, changes)
    }
}
