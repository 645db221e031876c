//! Changing an entry's attributes, all or none, one change after another.

use std::sync::Arc;

use trust::Rng;
use wire::ldap::{Modification, ModificationKind, ModifyRequest, ResultCode};
use zeroize::Zeroizing;

use super::{
    Planned, Told, Work, few_enough, first_password, is_password, kept_from_ldap, key_value,
    listed, told, writable,
};
use crate::account::{Account, AccountControl, KeyCredential, KeyValueId, MUST_CHANGE};
use crate::audit::AuditRecord;
use crate::change::{self, Change, Edit};
use crate::delegation;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::ldap::passwords;
use crate::ldap::permissions::{By, Write};
use crate::ldap::values;
use crate::lockout::{LockoutPolicy, Recalled};
use crate::password::{self, Chooser, Prepared};
use crate::schema::{Attribute, AuxiliaryRow, Class, Syntax};
use crate::value::Value;

/// Members that one request can replace a list by; more are added and removed one by one.
const MEMBERS: usize = 20_000;

/// What the values of one attribute have together at most, in bytes: everybody who looks at the entry gets them, and people
/// write their own.
const LONGEST: usize = 256 << 10;

/// Changes that one request asks for, at most: each is held against what those before it left.
const MODIFICATIONS: usize = 5_000;

impl Work<'_, '_, '_> {
    /// The changes of a request.
    pub(in crate::ldap) fn modify(
        &self,
        request: &ModifyRequest<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Planned, Told> {
        if request.changes.len() > MODIFICATIONS {
            return Err(told(
                ResultCode::AdminLimitExceeded,
                format!("one request makes {MODIFICATIONS} changes at most"),
            ));
        }
        let entry = self.entry(request.name)?;
        let mut draft = Draft {
            work: self,
            entry: &entry,
            after: entry.clone(),
            edits: Vec::new(),
            changes: Vec::new(),
            changed: Vec::new(),
            password: None,
        };
        let mut modifications = request.changes.as_slice();
        while let [modification, rest @ ..] = modifications {
            let attribute = writable(modification.attribute.description)?;
            if is_password(attribute) {
                let taken = draft.password(attribute, modifications)?;
                modifications = modifications.get(taken..).unwrap_or_default();
                continue;
            }
            draft.apply(attribute, modification)?;
            modifications = rest;
        }
        draft.finish(rng)
    }
}

/// A request half done: what the entry will be like, and the changes that make it so.
struct Draft<'w, 'n, 's, 'd> {
    work: &'w Work<'n, 's, 'd>,
    entry: &'w Entry,
    after: Entry,
    edits: Vec<Edit>,
    changes: Vec<Change>,
    changed: Vec<Attribute>,
    password: Option<NewPassword>,
}

/// A new password that nobody has hashed yet, with all that it takes.
pub(in crate::ldap) struct NewPassword {
    account: Arc<Account>,
    /// What who changes their own says it was.
    old: Option<Zeroizing<String>>,
    new: Zeroizing<String>,
    prepared: Prepared,
    lockout: LockoutPolicy,
    recalled: Recalled,
    /// What is written down, and what is when the former one is wrong.
    done: AuditRecord,
    wrong: AuditRecord,
}

impl Draft<'_, '_, '_, '_> {
    fn finish(self, rng: &mut dyn Rng) -> Result<Planned, Told> {
        let Self {
            work,
            entry,
            after,
            edits,
            mut changes,
            mut changed,
            password,
        } = self;
        let must_change = edits.iter().any(|edit| {
            matches!(edit, Edit::Set(Attribute::PwdLastSet, values) if *values == [Value::Time(MUST_CHANGE)])
        });
        if !edits.is_empty() {
            changes.insert(0, change::modify(entry.id, edits));
        }
        changed.retain(|attribute| {
            // Keys and passwords have records of their own.
            *attribute != Attribute::MsDsKeyCredentialLink && !is_password(*attribute)
        });
        if !changed.is_empty() {
            changed.sort_unstable();
            changed.dedup();
            let names: Vec<&str> = changed.iter().map(|attribute| attribute.name()).collect();
            let record = work.audit("entry.modify", entry)?;
            let mut record = record.with("attributes", names.join(","));
            // Who may do what from now on is to be read in the log itself.
            if changed.contains(&Attribute::DelegatedRights) {
                let rights: Vec<String> =
                    delegation::grants(&after).map(|g| g.to_string()).collect();
                record = record.with("rights", rights.join(" "));
            }
            changes.push(change::audit(record));
        }
        // The last of all: nothing is read behind it.
        if let Some(password) = password {
            changes.extend(work.hashed(password, must_change, rng)?);
        }
        Ok(Planned {
            changes,
            target: entry.id,
        })
    }

    fn apply(&mut self, attribute: Attribute, asked: &Modification<'_>) -> Result<(), Told> {
        let (work, entry) = (self.work, self.entry);
        let given = asked.attribute.values.as_slice();
        if asked.kind == ModificationKind::Add && given.is_empty() {
            return Err(told(
                ResultCode::ProtocolError,
                format!("nothing is added to {}", attribute.name()),
            ));
        }
        match attribute {
            Attribute::Member => {
                let by = work.allow(Write::Attribute(attribute), entry, "group.change")?;
                let before = self.changes.len();
                self.members(asked)?;
                if by == By::Grant {
                    self.room_of_members(before)?;
                }
            }
            Attribute::MsDsKeyCredentialLink => self.keys(asked)?,
            Attribute::ObjectClass => {
                work.allow(Write::Attribute(attribute), entry, "entry.modify")?;
                self.classes(asked)?;
            }
            // Tools write it along with the numbers of Linux.
            Attribute::UnixUserPassword => {
                work.allow(
                    Write::Attribute(Attribute::UidNumber),
                    entry,
                    "entry.modify",
                )?;
            }
            _ if attribute == entry.class.row().naming || attribute == Attribute::Name => {
                return Err(told(
                    ResultCode::NotAllowedOnRdn,
                    "an entry's name is changed by renaming it",
                ));
            }
            _ => {
                kept_from_ldap(attribute)?;
                let by = work.allow(Write::Attribute(attribute), entry, "entry.modify")?;
                self.plain(attribute, asked)?;
                let (before, after) = (entry.values(attribute), self.after.values(attribute));
                if by == By::Grant {
                    work.allow_values(entry, attribute, before, after)?;
                }
                work.check_grants(attribute, before, after)?;
            }
        }
        self.changed.push(attribute);
        Ok(())
    }

    fn plain(&mut self, attribute: Attribute, asked: &Modification<'_>) -> Result<(), Told> {
        few_enough(attribute, asked.attribute.values.len())?;
        let mut given = self.work.values(attribute, &asked.attribute.values)?;
        self.as_meant(attribute, &mut given);
        let present = self.after.values(attribute).to_vec();
        let is_in = |list: &[Value], value: &Value| list.iter().any(|own| values::same(own, value));
        let after = match asked.kind {
            ModificationKind::Replace => given,
            ModificationKind::Add => {
                few_enough(attribute, present.len() + given.len())?;
                let mut after = present;
                for value in given {
                    if !is_in(&after, &value) {
                        after.push(value);
                    } else if !self.work.permissive {
                        return Err(told(
                            ResultCode::AttributeOrValueExists,
                            format!("{} has that value already", attribute.name()),
                        ));
                    }
                }
                after
            }
            ModificationKind::Delete => {
                let all = given.is_empty();
                let mut after = present;
                let before = after.len();
                after.retain(|own| !all && !is_in(&given, own));
                let missing = if all {
                    before == 0
                } else {
                    before - after.len() < given.len()
                };
                if missing && !self.work.permissive {
                    return Err(told(
                        ResultCode::NoSuchAttribute,
                        format!("{} has no such value", attribute.name()),
                    ));
                }
                after
            }
            ModificationKind::Increment => vec![incremented(attribute, &present, &given)?],
        };
        if attribute.row().single && after.len() > 1 {
            return Err(told(
                ResultCode::ConstraintViolation,
                format!("{} has one value at most", attribute.name()),
            ));
        }
        let length = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Octets(bytes) => bytes.len(),
            _ => 0,
        };
        if after.iter().map(length).sum::<usize>() > LONGEST {
            return Err(told(
                ResultCode::ConstraintViolation,
                format!("{} has {LONGEST} bytes at most", attribute.name()),
            ));
        }
        self.after.attributes.insert(attribute, after.clone());
        self.edits.retain(|edit| edit.attribute() != attribute);
        self.edits.push(Edit::Set(attribute, after));
        Ok(())
    }

    /// What Active Directory takes a value for where it is more than the value.
    fn as_meant(&self, attribute: Attribute, given: &mut Vec<Value>) {
        match attribute {
            // 0 unlocks; no other time can be written.
            Attribute::LockoutTime => {
                given.retain(|value| *value != Value::Time(trust::Timestamp::NEVER))
            }
            // -1 stands for now.
            Attribute::PwdLastSet => {
                for value in given.iter_mut() {
                    if *value != Value::Time(MUST_CHANGE) {
                        *value = Value::Time(self.work.now);
                    }
                }
            }
            Attribute::UserAccountControl => {
                let kind = match self.entry.class {
                    Class::User => AccountControl::NORMAL_ACCOUNT,
                    _ => AccountControl::WORKSTATION_TRUST_ACCOUNT,
                };
                for value in given.iter_mut() {
                    if let Value::Integer(number) = value {
                        *number = control(*number, kind).to_integer();
                    }
                }
            }
            _ => {}
        }
    }

    fn classes(&mut self, asked: &Modification<'_>) -> Result<(), Told> {
        let structural = |name: &str| {
            let chain = self.entry.class.row().chain;
            chain.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        let mut auxiliary = Vec::new();
        for value in &asked.attribute.values {
            let name = std::str::from_utf8(value).unwrap_or_default();
            match AuxiliaryRow::by_name(name) {
                Some(row) => auxiliary.push(Value::from(row.name)),
                // Who writes all classes back names those that are there.
                None if structural(name) && asked.kind != ModificationKind::Delete => {}
                None => {
                    return Err(told(
                        ResultCode::ObjectClassModsProhibited,
                        format!("the entry cannot become, or cease to be, {name:?}"),
                    ));
                }
            }
        }
        let present = self.after.values(Attribute::ObjectClass).to_vec();
        let after = match asked.kind {
            ModificationKind::Replace => auxiliary,
            ModificationKind::Add => {
                let mut after = present;
                for class in auxiliary {
                    if !after.contains(&class) {
                        after.push(class);
                    } else if !self.work.permissive {
                        return Err(told(
                            ResultCode::AttributeOrValueExists,
                            "the entry is of that class already",
                        ));
                    }
                }
                after
            }
            ModificationKind::Delete if !auxiliary.is_empty() => present
                .into_iter()
                .filter(|own| !auxiliary.contains(own))
                .collect(),
            _ => {
                return Err(told(
                    ResultCode::ObjectClassModsProhibited,
                    "an entry's classes cannot all be removed",
                ));
            }
        };
        self.after
            .attributes
            .insert(Attribute::ObjectClass, after.clone());
        self.edits
            .retain(|edit| edit.attribute() != Attribute::ObjectClass);
        self.edits.push(Edit::Set(Attribute::ObjectClass, after));
        Ok(())
    }

    fn members(&mut self, asked: &Modification<'_>) -> Result<(), Told> {
        let (work, group) = (self.work, self.entry.id);
        let mut named: Vec<EntryId> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for value in &asked.attribute.values {
            let id = work.named(value)?;
            if known.insert(id) {
                named.push(id);
            }
        }
        let is_member = |member| -> Result<bool, Fault> { work.snapshot.is_member(group, member) };
        match asked.kind {
            ModificationKind::Add => {
                for member in named {
                    if !is_member(member)? {
                        self.changes.push(Change::AddMember { group, member });
                    } else if !work.permissive {
                        return Err(told(
                            ResultCode::AttributeOrValueExists,
                            "it is a member of the group already",
                        ));
                    }
                }
            }
            ModificationKind::Delete if !named.is_empty() => {
                for member in named {
                    if is_member(member)? {
                        self.changes.push(Change::RemoveMember { group, member });
                    } else if !work.permissive {
                        return Err(told(
                            ResultCode::NoSuchAttribute,
                            "it is no member of the group",
                        ));
                    }
                }
            }
            ModificationKind::Delete | ModificationKind::Replace => {
                let present = work.snapshot.members(group, None, MEMBERS + 1)?;
                if present.len().max(named.len()) > MEMBERS {
                    return Err(told(
                        ResultCode::AdminLimitExceeded,
                        "the group has too many members to be replaced at once; add and remove them one by one",
                    ));
                }
                let present: std::collections::HashSet<EntryId> = present.into_iter().collect();
                let wanted: std::collections::HashSet<EntryId> = named.iter().copied().collect();
                let gone = present.difference(&wanted);
                self.changes.extend(gone.map(|member| Change::RemoveMember {
                    group,
                    member: *member,
                }));
                let new = named.into_iter().filter(|member| !present.contains(member));
                self.changes
                    .extend(new.map(|member| Change::AddMember { group, member }));
            }
            ModificationKind::Increment => return Err(no_number(Attribute::Member)),
        }
        Ok(())
    }

    /// Refuses new members whom who was granted the right may not put into the group; `before`: changes that were there.
    fn room_of_members(&self, before: usize) -> Result<(), Told> {
        for change in self.changes.get(before..).unwrap_or_default() {
            if let Change::AddMember { group, member } = change
                && !self
                    .work
                    .caller
                    .may_put(*member, *group, self.work.snapshot)?
            {
                return self.work.refuse("group.change", self.entry);
            }
        }
        Ok(())
    }

    fn keys(&mut self, asked: &Modification<'_>) -> Result<(), Told> {
        let (work, entry) = (self.work, self.entry);
        let account = work.account(entry)?;
        let account = account.as_deref();
        let own = work.namer.name_of(entry)?;
        let present = work.snapshot.key_credentials(entry.id)?;
        let given = asked.attribute.values.as_slice();
        let mut named = Vec::new();
        for value in given {
            named.push((KeyValueId::of(&key_value(value)?.binary), *value));
        }
        let is_listed = |id: KeyValueId| present.iter().any(|key| key.id == id);
        let before = self.changes.len();
        let mut remove = |key: &KeyCredential| -> Result<(), Told> {
            self.changes.extend(work.remove_key(entry, account, key)?);
            Ok(())
        };
        match asked.kind {
            ModificationKind::Add => {}
            ModificationKind::Delete if !named.is_empty() => {
                for (id, _) in &named {
                    match listed(work.snapshot, entry.id, *id)? {
                        Some(key) => remove(&key)?,
                        None if work.permissive => {}
                        None => {
                            work.may_touch_keys(entry, account)?;
                            return Err(told(ResultCode::NoSuchAttribute, "the key is not listed"));
                        }
                    }
                }
            }
            ModificationKind::Delete | ModificationKind::Replace => {
                for key in &present {
                    if !named.iter().any(|(id, _)| *id == key.id) {
                        remove(key)?;
                    }
                }
            }
            ModificationKind::Increment => {
                return Err(no_number(Attribute::MsDsKeyCredentialLink));
            }
        }
        if matches!(
            asked.kind,
            ModificationKind::Add | ModificationKind::Replace
        ) {
            for (id, value) in &named {
                if !is_listed(*id) {
                    let listing =
                        |change: &Change| matches!(change, Change::AddKeyCredential { .. });
                    let another = self.changes.iter().any(listing);
                    let added = work.add_key(entry, account, &own, value, another)?;
                    self.changes.extend(added);
                } else if asked.kind == ModificationKind::Add && !work.permissive {
                    work.may_touch_keys(entry, account)?;
                    return Err(told(
                        ResultCode::AttributeOrValueExists,
                        "the key is listed already",
                    ));
                }
            }
        }
        // To whoever may change nothing, not even what comes to nothing is done.
        if self.changes.len() == before {
            work.may_touch_keys(entry, account)?;
        }
        Ok(())
    }

    /// A new password: set by who may, or changed by who knows the former one, which comes as a value that is deleted
    /// before one is added ([MS-ADTS] 3.1.1.3.1.5.2). Returns how many modifications it took.
    fn password(
        &mut self,
        attribute: Attribute,
        modifications: &[Modification<'_>],
    ) -> Result<usize, Told> {
        let (work, entry) = (self.work, self.entry);
        if self.password.is_some() {
            return Err(told(
                ResultCode::ConstraintViolation,
                "one request sets one password",
            ));
        }
        let values = |modification: &Modification<'_>| {
            first_password(work, attribute, &modification.attribute.values)
        };
        let same = |modification: &Modification<'_>| {
            writable(modification.attribute.description).ok() == Some(attribute)
        };
        let (old, new, taken) = match modifications {
            [first, ..] if first.kind == ModificationKind::Replace => (None, values(first)?, 1),
            [first, second, ..]
                if first.kind == ModificationKind::Delete
                    && second.kind == ModificationKind::Add
                    && same(second) =>
            {
                (Some(values(first)?), values(second)?, 2)
            }
            // Some set the first password of an account by adding it.
            [first, ..] if first.kind == ModificationKind::Add => (None, values(first)?, 1),
            _ => {
                return Err(told(
                    ResultCode::UnwillingToPerform,
                    "a password is replaced, or the former one deleted and a new one added",
                ));
            }
        };
        self.password = Some(work.new_password(entry, old, new)?);
        Ok(taken)
    }
}

impl Work<'_, '_, '_> {
    /// A new password for an account, as far as it can be judged without hashing. `old`: what who changes their own says
    /// it was.
    pub(in crate::ldap) fn new_password(
        &self,
        entry: &Entry,
        old: Option<Zeroizing<String>>,
        new: Zeroizing<String>,
    ) -> Result<NewPassword, Told> {
        let Some(account) = self.account(entry)? else {
            return Err(told(
                ResultCode::ObjectClassViolation,
                "the entry has no password",
            ));
        };
        match &old {
            Some(_) if account.sid != self.caller.sid && !self.administers()? => {
                return self.refuse("password.change", entry);
            }
            Some(_) => {}
            None => {
                self.allow(Write::Reset, entry, "password.set")?;
            }
        }
        let action = match old {
            Some(_) => "password.change",
            None => "password.set",
        };
        let why = "the former password is wrong";
        let wrong = AuditRecord::refused(self.now, self.actor.clone(), action, why);
        Ok(NewPassword {
            lockout: self.snapshot.lockout_policy()?,
            recalled: self.lockout.recall(account.id, self.snapshot)?,
            prepared: Prepared::of(Arc::clone(&account), self.snapshot)?,
            done: self.audit(action, entry)?,
            wrong: wrong
                .from_address(self.from)
                .on(entry.id, self.namer.name_of(entry)?),
            account,
            old,
            new,
        })
    }

    /// The changes that give an account its new password. This hashes, and reads nothing.
    pub(in crate::ldap) fn hashed(
        &self,
        password: NewPassword,
        must_change: bool,
        rng: &mut dyn Rng,
    ) -> Result<[Change; 2], Told> {
        let account = &password.account;
        let chooser = match &password.old {
            Some(old) => {
                // Whoever found a session open could try as many as they like.
                let policy = &password.lockout;
                let locked = self.lockout.is_locked_out(account, policy, self.now);
                let judged = Some(account.as_ref()).filter(|_| !locked);
                if !password::verify(judged, old, self.cost) {
                    if !locked {
                        let recalled = password.recalled;
                        self.lockout.fail_after(account, recalled, policy, self.now);
                    }
                    let records = vec![password.wrong];
                    return Err(Told::Result(passwords::wrong(), records));
                }
                self.lockout.succeed(account, self.now);
                Chooser::Owner
            }
            None => Chooser::Administrator { must_change },
        };
        let prepared = &password.prepared;
        let made = prepared.change(&password.new, chooser, self.cost, self.now, rng);
        let change = made.map_err(|refused| Told::from(passwords::refused(&refused)))?;
        Ok([change, change::audit(password.done)])
    }
}

/// The flags of an account that are kept; those that say something else elsewhere, or nothing here, are left out, and
/// what kind of account it is stays with its class.
pub(super) fn control(number: i64, kind: AccountControl) -> AccountControl {
    // HOMEDIR_REQUIRED, LOCKOUT, PASSWD_CANT_CHANGE, PASSWORD_EXPIRED: worked out, or kept in other attributes.
    const LEFT_OUT: AccountControl = AccountControl(0x0080_0058 | 0x01);
    const KINDS: AccountControl = AccountControl(0x0000_3b00);
    let control = AccountControl::from_integer(number).without(LEFT_OUT);
    if control.0 & KINDS.0 == 0 {
        control.with(kind)
    } else {
        control
    }
}

fn incremented(attribute: Attribute, present: &[Value], given: &[Value]) -> Result<Value, Told> {
    let numbers = matches!(
        attribute.row().syntax,
        Syntax::Integer | Syntax::LargeInteger
    );
    match (present, given) {
        ([Value::Integer(own)], [Value::Integer(by)]) if numbers => own
            .checked_add(*by)
            .map(Value::Integer)
            .ok_or_else(|| told(ResultCode::ConstraintViolation, "the sum is too large")),
        ([], _) => Err(told(
            ResultCode::NoSuchAttribute,
            format!("{} has no value", attribute.name()),
        )),
        _ => Err(no_number(attribute)),
    }
}

fn no_number(attribute: Attribute) -> Told {
    told(
        ResultCode::ConstraintViolation,
        format!("{} is no number that could grow", attribute.name()),
    )
}
