//! Many writes that are committed together, each computed from what those before it left: how directories are filled.
//!
//! The rules are those of the operations over LDAP, for it is they that compute. What is otherwise is that a write which
//! asks for what is so already is none and no error, so that a file can be brought in again from its beginning; and that
//! keys are kept as they come and marked as imported (protocols D.2).

use crypto::password::Cost;
use trust::{Rng, Timestamp};
use wire::ldap::{
    AddRequest, Attribute as WireAttribute, LdapResult, Modification, ModificationKind,
    ModifyDnRequest, ModifyRequest, ResultCode,
};

use super::names::Namer;
use super::outcome;
use super::settings::Settings;
use super::write::{Planned, Told, Work, first_password, is_password, told, writable};
use crate::access::Caller;
use crate::account::Origin;
use crate::audit::{Actor, AuditRecord};
use crate::change::{Change, Edit};
use crate::draft::Draft;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::lockout::Lockout;
use crate::password;
use crate::reads::Reads;
use crate::schema::Attribute;
use crate::snapshot::Snapshot;
use crate::value::Value;

/// Who writes, and when.
#[derive(Clone, Copy)]
pub struct Writer<'b> {
    /// Their rights.
    pub caller: &'b Caller,
    /// What the audit log calls them.
    pub actor: &'b Actor,
    /// Where they come from.
    pub from: &'b str,
    /// Failed passwords.
    pub lockout: &'b Lockout,
    /// What hashing a password costs.
    pub cost: Cost,
    /// The moment.
    pub now: Timestamp,
}

/// What becomes of an entry that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays; to say it otherwise than it is is refused.
    Keep,
    /// Its attributes become those that are said.
    Update,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The entry is new.
    Added,
    /// It was there, and is changed.
    Changed,
    /// It was there, and is like that.
    Unchanged,
    /// It is one of those that every domain has: these are left as they are.
    Own,
}

/// Many writes on their way to one commit.
pub struct Batch<'b, 's, 'd> {
    who: Writer<'b>,
    settings: Settings,
    snapshot: &'s Snapshot<'d>,
    draft: Draft,
    refused: Vec<AuditRecord>,
    hashed: usize,
}

impl<'b, 's, 'd> Batch<'b, 's, 'd> {
    /// Begins, on the directory of a snapshot.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn new(who: Writer<'b>, snapshot: &'s Snapshot<'d>) -> Result<Self, Fault> {
        Ok(Self {
            who,
            settings: Settings {
                strict_keys: false,
                ..Settings::default()
            },
            draft: snapshot.draft()?,
            snapshot,
            refused: Vec::new(),
            hashed: 0,
        })
    }

    /// Whether it is time to commit: one transaction takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.draft.is_full()
    }

    /// How many passwords were hashed, each of which takes tens of milliseconds.
    #[must_use]
    pub const fn hashed(&self) -> usize {
        self.hashed
    }

    /// What is to be committed, all or nothing: with it the snapshot that the batch was begun with has read what the
    /// changes were computed from. Refusals that are to be written down are among them.
    #[must_use]
    pub fn finish(self) -> Vec<Change> {
        let (mut changes, reads) = self.draft.finish();
        self.snapshot.take_over(reads);
        changes.extend(self.refused.into_iter().map(crate::change::audit));
        changes
    }

    /// An entry that is to be like this.
    ///
    /// Of one that is there, a password, `pwdLastSet` and `lockoutTime` are not compared: they are its owner's by now. A
    /// password is set anew by [`Existing::Update`] alone, and keys are added and never removed.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails. Inside: why it is refused.
    pub fn put(
        &mut self,
        request: &AddRequest<'_>,
        existing: Existing,
        rng: &mut dyn Rng,
    ) -> Result<Result<Put, LdapResult>, Fault> {
        let with_password = match existing {
            Existing::Keep => false,
            Existing::Update => match self.has_another_password(request)? {
                Ok(another) => another,
                Err(result) => return Ok(Err(result)),
            },
        };
        let mut put = Put::Added;
        let outcome = self.run(|work| {
            let Ok(found) = work.namer.find(request.name)? else {
                return Err(told(
                    ResultCode::InvalidDnSyntax,
                    "that is no name of an entry: names are of CN, OU and DC",
                ));
            };
            let Some(id) = found else {
                return work.add(request, rng);
            };
            let entry = work.entry(request.name)?;
            if entry.is_critical() || entry.parent == EntryId::NONE {
                put = Put::Own;
                return Ok(nothing(id));
            }
            let planned = work.modify(&as_changes(request, &entry, with_password)?, rng)?;
            let differing = differing(&planned.changes, &entry);
            if differing.is_empty() {
                put = Put::Unchanged;
                return Ok(nothing(id));
            }
            put = Put::Changed;
            match existing {
                Existing::Update => Ok(planned),
                Existing::Keep => Err(told(
                    ResultCode::EntryAlreadyExists,
                    format!(
                        "the entry is there already, and differs in {}",
                        differing.join(", ")
                    ),
                )),
            }
        })?;
        Ok(outcome.map(|_| put))
    }

    /// Changes of an entry. Returns whether it was otherwise.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn modify(
        &mut self,
        request: &ModifyRequest<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Result<bool, LdapResult>, Fault> {
        self.run(|work| {
            let entry = work.entry(request.name)?;
            let mut planned = work.modify(request, rng)?;
            if differing(&planned.changes, &entry).is_empty() {
                planned.changes.clear();
            }
            Ok(planned)
        })
    }

    /// Deletes an entry. Returns whether it was there.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn delete(&mut self, name: &str) -> Result<Result<bool, LdapResult>, Fault> {
        self.run(|work| match work.namer.find(name)? {
            Ok(None) => Ok(nothing(EntryId::NONE)),
            _ => work.delete(name, false),
        })
    }

    /// Renames an entry, or hangs it elsewhere. Returns whether it was otherwise.
    ///
    /// # Errors
    /// As [`Batch::put`].
    pub fn rename(
        &mut self,
        request: &ModifyDnRequest<'_>,
    ) -> Result<Result<bool, LdapResult>, Fault> {
        self.run(|work| {
            let gone = matches!(work.namer.find(request.name)?, Ok(None));
            if gone && let Ok((_, above)) = Namer::split(request.name) {
                let above = above.to_string();
                let above = request.new_superior.unwrap_or(&above);
                let after = format!("{},{above}", request.new_rdn);
                if let Ok(Some(id)) = work.namer.find(&after)? {
                    return Ok(nothing(id));
                }
            }
            let entry = work.entry(request.name)?;
            let planned = work.rename(request)?;
            let same = planned.changes.iter().all(|change| match change {
                Change::Move { parent, name, .. } => *parent == entry.parent && name.is_none(),
                _ => true,
            });
            Ok(if same { nothing(entry.id) } else { planned })
        })
    }

    /// Computes changes and tries them. Returns whether there were any.
    fn run(
        &mut self,
        compute: impl FnOnce(&Work<'_, '_, '_>) -> Result<Planned, Told>,
    ) -> Result<Result<bool, LdapResult>, Fault> {
        let snapshot = self.draft.snapshot()?;
        let planned = {
            let namer = Namer::new(&snapshot);
            compute(&Work {
                caller: self.who.caller,
                actor: self.who.actor,
                from: self.who.from,
                snapshot: &snapshot,
                namer: &namer,
                settings: &self.settings,
                lockout: self.who.lockout,
                cost: self.who.cost,
                now: self.who.now,
                permissive: true,
                confidential: true,
                signed: true,
            })
        };
        let reads = snapshot.into_reads();
        match planned {
            Ok(planned) if planned.changes.is_empty() => {
                self.draft.note(reads)?;
                Ok(Ok(false))
            }
            Ok(planned) => self.tried(planned.changes, reads),
            Err(Told::Result(result, records)) => {
                self.draft.note(reads)?;
                self.refused.extend(records);
                Ok(Err(result))
            }
            Err(Told::Fault(fault)) => Err(fault),
        }
    }

    fn tried(
        &mut self,
        changes: Vec<Change>,
        reads: Reads,
    ) -> Result<Result<bool, LdapResult>, Fault> {
        let changes: Vec<Change> = changes.into_iter().map(imported).collect();
        let hashed = changes.iter().filter(|change| has_password(change)).count();
        self.hashed += hashed;
        let tried = self.draft.try_changes(changes, reads, self.who.now)?;
        Ok(match tried {
            Ok(()) => Ok(true),
            Err(refused) => Err(outcome::of_refused(&refused)),
        })
    }

    /// Whether a request says a password, and the entry is there and has another one. Nothing is read behind the hashing
    /// that tells it.
    fn has_another_password(
        &mut self,
        request: &AddRequest<'_>,
    ) -> Result<Result<bool, LdapResult>, Fault> {
        let is = |given: &&WireAttribute<'_>| writable(given.description).is_ok_and(is_password);
        let Some(given) = request.attributes.iter().find(is) else {
            return Ok(Ok(false));
        };
        let mut found = None;
        let read = self.run(|work| {
            let attribute = writable(given.description)?;
            let password = first_password(work, attribute, &given.values)?;
            let account = match work.namer.find(request.name)? {
                Ok(Some(id)) => work.snapshot.account_by_id(id)?,
                _ => None,
            };
            found = account.map(|account| (account, password));
            Ok(nothing(EntryId::NONE))
        })?;
        if let Err(result) = read {
            return Ok(Err(result));
        }
        let Some((account, password)) = found else {
            return Ok(Ok(false));
        };
        let hashed = account.password_hash.is_some();
        self.hashed += usize::from(hashed);
        let same = hashed && password::verify(Some(&account), &password, self.who.cost);
        Ok(Ok(!same))
    }
}

impl std::fmt::Debug for Batch<'_, '_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("hashed", &self.hashed)
            .finish_non_exhaustive()
    }
}

fn nothing(target: EntryId) -> Planned {
    Planned {
        changes: Vec::new(),
        target,
    }
}

/// What makes an entry that is there like a request says, without what is its owner's.
fn as_changes<'r>(
    request: &AddRequest<'r>,
    entry: &Entry,
    with_password: bool,
) -> Result<ModifyRequest<'r>, Told> {
    let mut changes = Vec::new();
    for given in &request.attributes {
        let attribute = writable(given.description)?;
        let kind = match attribute {
            Attribute::Cn
            | Attribute::Ou
            | Attribute::Dc
            | Attribute::Name
            | Attribute::ObjectCategory
            | Attribute::InstanceType
            | Attribute::DistinguishedName
            | Attribute::PwdLastSet
            | Attribute::LockoutTime => continue,
            _ if is_password(attribute) && !with_password => continue,
            Attribute::ObjectClass => {
                let (class, _) = super::write::classes(&given.values)?;
                if class != entry.class {
                    return Err(told(
                        ResultCode::EntryAlreadyExists,
                        format!(
                            "the entry is there already, of class {}",
                            entry.class.name()
                        ),
                    ));
                }
                ModificationKind::Replace
            }
            // Who lost a key has it removed, and an older list does not bring it back unseen; newer ones stay.
            Attribute::MsDsKeyCredentialLink => ModificationKind::Add,
            _ => ModificationKind::Replace,
        };
        changes.push(Modification {
            kind,
            attribute: given.clone(),
        });
    }
    Ok(ModifyRequest {
        name: request.name,
        changes,
    })
}

/// The names of the attributes that changes make otherwise than an entry has them.
fn differing(changes: &[Change], entry: &Entry) -> Vec<&'static str> {
    let mut names = Vec::new();
    for change in changes {
        match change {
            Change::Audit(_) => {}
            Change::Modify { edits, .. } => {
                let others = edits.iter().filter(|edit| !is_so(edit, entry));
                names.extend(others.map(|edit| edit.attribute().name()));
            }
            Change::AddMember { .. } | Change::RemoveMember { .. } => {
                names.push(Attribute::Member.name());
            }
            Change::AddKeyCredential { .. } | Change::RemoveKeyCredential { .. } => {
                names.push(Attribute::MsDsKeyCredentialLink.name());
            }
            Change::SetPassword { .. } => names.push(Attribute::UserPassword.name()),
            _ => names.push(Attribute::Name.name()),
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether an entry has these values, in whatever order.
fn is_so(edit: &Edit, entry: &Entry) -> bool {
    let Edit::Set(attribute, values) = edit else {
        return false;
    };
    let own = entry.values(*attribute);
    let all_in = |some: &[Value], others: &[Value]| some.iter().all(|value| others.contains(value));
    own.len() == values.len() && all_in(own, values) && all_in(values, own)
}

fn has_password(change: &Change) -> bool {
    match change {
        Change::Add(new) => new.password.is_some(),
        Change::SetPassword { .. } => true,
        _ => false,
    }
}

/// A change as an import makes it.
fn imported(change: Change) -> Change {
    match change {
        Change::AddKeyCredential { holder, blob, .. } => Change::AddKeyCredential {
            holder,
            blob,
            origin: Origin::Import,
        },
        // Who counts the computers that a person joined does not count these.
        Change::Add(mut new) => {
            new.creator = None;
            Change::Add(new)
        }
        Change::Audit(mut record) => {
            if let Some(by) = record.details.get_mut("by") {
                "import".clone_into(by);
            }
            Change::Audit(record)
        }
        other => other,
    }
}
