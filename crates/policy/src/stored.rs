//! Policy objects in the directory: read into values, changed by values.
//!
//! An object is an entry of class `groupPolicyContainer` below `CN=Policies,CN=System`, named by its GUID in
//! braces as in AD (protocols I.4), with the display name and one JSON document of settings.

use directory::{
    Account, Attribute, Change, Class, Edit, EntryId, Fault, NewEntry, Snapshot, change,
};
use serde::{Deserialize, Serialize};
use wire::Sid;

use crate::effective::Effective;
use crate::object::{Link, Membership, PolicyObject, Settings};

/// The version of the document of settings.
const VERSION: u32 = 1;
/// How many objects are read at once.
const PAGE: usize = 100;
/// The longest display name, in characters.
const NAME_LIMIT: usize = 255;

/// Why policy objects were not read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The directory's own trouble.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A document that this release cannot read. It is not passed over: what it sets may be what
    /// protects somebody.
    #[error("the settings of policy object {0} cannot be read by this release")]
    Unreadable(String),
    /// Another object has the name.
    #[error("there is already a policy object {0}")]
    NameTaken(String),
    /// A name without a visible character, too long, or with control characters.
    #[error("a policy object's name has 1 to 255 characters and no control characters")]
    InvalidName,
    /// There is no such object.
    #[error("there is no policy object {0}")]
    NotFound(String),
    /// The container that it is linked to is not there.
    #[error("there is no container {0} to link a policy object to")]
    NoSuchContainer(EntryId),
}

/// The document: all of an object but its identity and its name, which the entry has.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    enabled: bool,
    link: Link,
    order: u32,
    filter: std::collections::BTreeSet<Sid>,
    user: Settings,
    computer: Settings,
}

/// What holds for a person on a computer, from the directory's policy objects ([`Effective::of`]).
/// `computer` is the device's computer account; without one, objects for computers apply where they are
/// linked at the domain and filtered for nobody.
///
/// # Errors
/// [`PolicyError::Fault`], and [`PolicyError::Unreadable`] for an object that might have applied.
pub fn effective(
    snapshot: &Snapshot<'_>,
    person: &Account,
    computer: Option<&Account>,
) -> Result<Effective, PolicyError> {
    let objects = objects(snapshot)?;
    let person = membership(snapshot, person)?;
    let computer = computer
        .map(|computer| membership(snapshot, computer))
        .transpose()?
        .unwrap_or_default();
    Ok(Effective::of(&objects, &person, &computer))
}

/// What decides which objects apply to an account: its SID and those of its groups, and the containers
/// above it.
///
/// # Errors
/// [`PolicyError::Fault`].
pub fn membership(snapshot: &Snapshot<'_>, account: &Account) -> Result<Membership, PolicyError> {
    let groups = snapshot.token_groups(account)?;
    let mut sids: std::collections::BTreeSet<_> = groups.iter().map(|group| group.sid).collect();
    sids.extend([account.sid, Sid::EVERYONE, Sid::AUTHENTICATED_USERS]);
    let containers = snapshot.containers(account.id)?;
    Ok(Membership {
        sids,
        containers: containers.into_iter().map(|id| id.0).collect(),
    })
}

/// Every policy object, in the order of their ids.
///
/// # Errors
/// [`PolicyError`].
pub fn objects(snapshot: &Snapshot<'_>) -> Result<Vec<PolicyObject>, PolicyError> {
    let mut objects = Vec::new();
    let mut last = None;
    loop {
        let page = snapshot.entries_of_class(Class::GroupPolicyContainer, last.as_ref(), PAGE)?;
        for entry in &page {
            objects.push(read(entry)?);
        }
        if page.len() < PAGE {
            return Ok(objects);
        }
        last = page.into_iter().next_back();
    }
}

/// The policy object of that name, in any case; `None` when there is none.
///
/// # Errors
/// [`PolicyError`].
pub fn object(snapshot: &Snapshot<'_>, name: &str) -> Result<Option<PolicyObject>, PolicyError> {
    let wanted = directory::folded(name);
    Ok(objects(snapshot)?
        .into_iter()
        .find(|object| directory::folded(&object.name) == wanted))
}

/// The change that adds `object`.
///
/// # Errors
/// [`PolicyError::NameTaken`], [`PolicyError::InvalidName`], [`PolicyError::NoSuchContainer`].
pub fn add(snapshot: &Snapshot<'_>, object: &PolicyObject) -> Result<Change, PolicyError> {
    check(snapshot, object)?;
    let version = [
        1 - i64::from(object.user.is_empty()),
        1 - i64::from(object.computer.is_empty()),
    ];
    let name = format!("{{{}}}", object.id.to_string().to_uppercase());
    let entry = NewEntry::new(
        EntryId(object.id),
        snapshot.domain().policies,
        Class::GroupPolicyContainer,
        name,
    )
    .with(Attribute::DisplayName, object.name.as_str())
    .with(Attribute::PolicyDocument, write(object)?)
    .with(Attribute::VersionNumber, join_version(version));
    Ok(entry.into())
}

/// The change that replaces the object with that id by `object`: a new name, other settings, another
/// link. Each half that changed gets its next version number (protocols I.4).
///
/// # Errors
/// [`PolicyError::NotFound`], and as [`add`].
pub fn replace(snapshot: &Snapshot<'_>, object: &PolicyObject) -> Result<Change, PolicyError> {
    let id = EntryId(object.id);
    let entry = snapshot
        .entry(id)?
        .filter(|entry| entry.class == Class::GroupPolicyContainer)
        .ok_or_else(|| PolicyError::NotFound(object.name.clone()))?;
    check(snapshot, object)?;
    let before = read(&entry)?;
    let [user, computer] = split_version(entry.integer(Attribute::VersionNumber).unwrap_or(0));
    let version = [
        user + i64::from(before.user != object.user),
        computer + i64::from(before.computer != object.computer),
    ];
    Ok(change::modify(
        id,
        vec![
            Edit::set(Attribute::DisplayName, object.name.as_str()),
            Edit::set(Attribute::PolicyDocument, write(object)?),
            Edit::set(Attribute::VersionNumber, join_version(version)),
        ],
    ))
}

/// The change that deletes the object of that name. What it set is no longer set.
///
/// # Errors
/// [`PolicyError::NotFound`].
pub fn delete(snapshot: &Snapshot<'_>, name: &str) -> Result<Change, PolicyError> {
    // An object that cannot be read can be deleted all the same: that is the way out.
    let wanted = directory::folded(name);
    let mut last = None;
    loop {
        let page = snapshot.entries_of_class(Class::GroupPolicyContainer, last.as_ref(), PAGE)?;
        let found = page
            .iter()
            .find(|entry| directory::folded(display_name(entry)) == wanted);
        if let Some(entry) = found {
            return Ok(Change::Delete { id: entry.id });
        }
        if page.len() < PAGE {
            return Err(PolicyError::NotFound(name.to_owned()));
        }
        last = page.into_iter().next_back();
    }
}

fn check(snapshot: &Snapshot<'_>, object: &PolicyObject) -> Result<(), PolicyError> {
    let name = &object.name;
    let visible = name.chars().any(|character| !character.is_whitespace());
    if !visible || name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) {
        return Err(PolicyError::InvalidName);
    }
    if self::object(snapshot, name)?.is_some_and(|other| other.id != object.id) {
        return Err(PolicyError::NameTaken(name.clone()));
    }
    if let Link::Container(container) = object.link {
        let id = EntryId(container);
        if snapshot.entry(id)?.is_none() {
            return Err(PolicyError::NoSuchContainer(id));
        }
    }
    Ok(())
}

fn display_name(entry: &directory::Entry) -> &str {
    entry.text(Attribute::DisplayName).unwrap_or(&entry.name)
}

fn read(entry: &directory::Entry) -> Result<PolicyObject, PolicyError> {
    let name = display_name(entry).to_owned();
    let document = entry
        .text(Attribute::PolicyDocument)
        .and_then(|text| serde_json::from_str::<Document>(text).ok())
        .filter(|document| document.version == VERSION);
    let Some(document) = document else {
        return Err(PolicyError::Unreadable(name));
    };
    Ok(PolicyObject {
        id: entry.id.0,
        name,
        enabled: document.enabled,
        link: document.link,
        order: document.order,
        filter: document.filter,
        user: document.user,
        computer: document.computer,
    })
}

fn write(object: &PolicyObject) -> Result<String, PolicyError> {
    let document = Document {
        version: VERSION,
        enabled: object.enabled,
        link: object.link,
        order: object.order,
        filter: object.filter.clone(),
        user: object.user.clone(),
        computer: object.computer.clone(),
    };
    serde_json::to_string(&document).map_err(|_| PolicyError::Unreadable(object.name.clone()))
}

/// `versionNumber`: user << 16 | computer (protocols I.4).
const fn join_version([user, computer]: [i64; 2]) -> i64 {
    (user & 0xffff) << 16 | computer & 0xffff
}

const fn split_version(number: i64) -> [i64; 2] {
    [number >> 16 & 0xffff, number & 0xffff]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use directory::testing::{START, Seeded, fresh};
    use directory::{Directory, group};
    use wire::Guid;

    use super::*;
    use crate::object::Half;
    use crate::setting::Value;
    use crate::settings::named;

    struct World {
        directory: Arc<Directory>,
        rng: Seeded,
    }

    impl World {
        fn new() -> Self {
            Self {
                directory: fresh(),
                rng: Seeded::new(3),
            }
        }

        fn commit(&self, snapshot: Snapshot<'_>, change: Change) {
            self.directory
                .commit(&[change], &snapshot.into_reads(), START)
                .unwrap();
        }

        fn add(&mut self, change: impl FnOnce(&mut Seeded, &Snapshot<'_>) -> Change) {
            let snapshot = self.directory.snapshot().unwrap();
            let change = change(&mut self.rng, &snapshot);
            self.commit(snapshot, change);
        }

        fn object(&mut self, name: &str, set: &[(Half, &str, Value)]) -> PolicyObject {
            use trust::Rng as _;
            let mut id = [0; 16];
            self.rng.fill(&mut id);
            let mut object = PolicyObject::new(Guid::from_random(id), name);
            for (half, name, value) in set {
                let setting = named(name).unwrap();
                object.set(*half, setting, value.clone()).unwrap();
            }
            object
        }

        fn store(&self, object: &PolicyObject) {
            let snapshot = self.directory.snapshot().unwrap();
            let change = add(&snapshot, object).unwrap();
            self.commit(snapshot, change);
        }
    }

    const USE: &str = "UsePassportForWork";

    #[test]
    fn an_object_comes_back_as_it_was_stored() {
        let mut world = World::new();
        let mut object = world.object("Enable Hello", &[(Half::User, USE, Value::Switch(true))]);
        object.filter.insert(Sid::AUTHENTICATED_USERS);
        object.order = 7;
        world.store(&object);
        let snapshot = world.directory.snapshot().unwrap();
        assert_eq!(objects(&snapshot).unwrap(), [object.clone()]);
        assert_eq!(
            super::object(&snapshot, "enable HELLO").unwrap(),
            Some(object)
        );
        assert_eq!(super::object(&snapshot, "enable").unwrap(), None);
    }

    #[test]
    fn a_name_belongs_to_one_object() {
        let mut world = World::new();
        let object = world.object("Enable Hello", &[]);
        world.store(&object);
        let other = world.object("ENABLE hello", &[]);
        let snapshot = world.directory.snapshot().unwrap();
        assert_eq!(
            add(&snapshot, &other).unwrap_err(),
            PolicyError::NameTaken("ENABLE hello".into())
        );
        for name in ["", "  ", "a\nb", &"x".repeat(256)] {
            let unnamed = PolicyObject::new(Guid::from_bytes([1; 16]), name);
            assert_eq!(
                add(&snapshot, &unnamed).unwrap_err(),
                PolicyError::InvalidName
            );
        }
    }

    #[test]
    fn two_objects_of_one_name_cannot_be_added_at_once() {
        // Both were computed from a state without the name; the second commit is a conflict.
        let mut world = World::new();
        let one = world.object("Enable Hello", &[]);
        let two = world.object("Enable Hello", &[]);
        let first = world.directory.snapshot().unwrap();
        let second = world.directory.snapshot().unwrap();
        let add_one = add(&first, &one).unwrap();
        let add_two = add(&second, &two).unwrap();
        world.commit(first, add_one);
        let conflict = world
            .directory
            .commit(&[add_two], &second.into_reads(), START);
        assert!(conflict.is_err());
    }

    #[test]
    fn the_version_counts_each_half() {
        let mut world = World::new();
        let mut object = world.object("o", &[(Half::User, USE, Value::Switch(true))]);
        world.store(&object);
        let id = EntryId(object.id);
        let number = |world: &World| {
            let snapshot = world.directory.snapshot().unwrap();
            let entry = snapshot.entry(id).unwrap().unwrap();
            entry.integer(Attribute::VersionNumber)
        };
        assert_eq!(number(&world), Some(1 << 16));
        let setting = named("Digits").unwrap();
        object
            .set(Half::Computer, setting, Value::Number(1))
            .unwrap();
        let snapshot = world.directory.snapshot().unwrap();
        let change = replace(&snapshot, &object).unwrap();
        world.commit(snapshot, change);
        assert_eq!(number(&world), Some(1 << 16 | 1));
        let snapshot = world.directory.snapshot().unwrap();
        assert_eq!(objects(&snapshot).unwrap(), [object.clone()]);
    }

    #[test]
    fn a_deleted_object_sets_nothing_and_cannot_be_replaced() {
        let mut world = World::new();
        let object = world.object("o", &[(Half::Computer, USE, Value::Switch(true))]);
        world.store(&object);
        let snapshot = world.directory.snapshot().unwrap();
        let change = delete(&snapshot, "O").unwrap();
        world.commit(snapshot, change);
        let snapshot = world.directory.snapshot().unwrap();
        assert_eq!(objects(&snapshot).unwrap(), []);
        let gone = PolicyError::NotFound("o".into());
        assert_eq!(delete(&snapshot, "o").unwrap_err(), gone);
        assert_eq!(replace(&snapshot, &object).unwrap_err(), gone);
    }

    #[test]
    fn a_link_needs_its_container() {
        let mut world = World::new();
        let mut object = world.object("o", &[]);
        let nowhere = Guid::from_bytes([9; 16]);
        object.link = Link::Container(nowhere);
        let snapshot = world.directory.snapshot().unwrap();
        assert_eq!(
            add(&snapshot, &object).unwrap_err(),
            PolicyError::NoSuchContainer(EntryId(nowhere))
        );
    }

    #[test]
    fn an_object_that_cannot_be_read_is_not_passed_over_and_can_be_deleted() {
        let mut world = World::new();
        let object = world.object("newer", &[]);
        world.store(&object);
        world.add(|_, _| {
            change::set(
                EntryId(object.id),
                Attribute::PolicyDocument,
                "{\"version\":2}",
            )
        });
        let snapshot = world.directory.snapshot().unwrap();
        assert_eq!(
            objects(&snapshot).unwrap_err(),
            PolicyError::Unreadable("newer".into())
        );
        let change = delete(&snapshot, "newer").unwrap();
        world.commit(snapshot, change);
        let snapshot = world.directory.snapshot().unwrap();
        assert_eq!(objects(&snapshot), Ok(Vec::new()));
    }

    #[test]
    fn a_person_is_reached_through_nested_groups_and_the_containers_above() {
        // POL-G1 to POL-G4: the object is filtered for a group, the person is in a group of the group.
        let mut world = World::new();
        let id = |byte: u8| EntryId(Guid::from_bytes([byte; 16]));
        let (alice, outer, inner, office) = (id(1), id(2), id(3), id(4));
        world.add(|_, snapshot| {
            let head = snapshot.domain().head;
            NewEntry::new(office, head, Class::OrganizationalUnit, "Office").into()
        });
        world.add(|_, _| NewEntry::user(alice, office, "alice", "Alice").into());
        for (id, name) in [(outer, "outer"), (inner, "inner")] {
            world.add(|_, snapshot| {
                let users = snapshot.domain().users;
                NewEntry::group(id, users, name, group::GLOBAL_SECURITY).into()
            });
        }
        for (group, member) in [(outer, inner), (inner, alice)] {
            world.add(|_, _| Change::AddMember { group, member });
        }

        let snapshot = world.directory.snapshot().unwrap();
        let sid = snapshot.group(outer).unwrap().unwrap().sid;
        drop(snapshot);
        let mut filtered = world.object("filtered", &[(Half::User, USE, Value::Switch(true))]);
        filtered.filter.insert(sid);
        world.store(&filtered);
        let mut linked = world.object(
            "linked",
            &[(Half::User, "MinimumPINLength", Value::Number(8))],
        );
        linked.link = Link::Container(office.0);
        world.store(&linked);

        let snapshot = world.directory.snapshot().unwrap();
        let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
        let policy = effective(&snapshot, &alice, None).unwrap();
        assert_eq!(policy.use_hello, Some(true));
        assert_eq!(policy.pin.minimum_length(), 8);
        let krbtgt = snapshot.account_by_sam("krbtgt").unwrap().unwrap();
        let policy = effective(&snapshot, &krbtgt, Some(&alice)).unwrap();
        assert_eq!(policy.use_hello, None);
        assert_eq!(policy.pin.minimum_length(), 6);
    }
}
