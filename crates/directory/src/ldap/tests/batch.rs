//! Many writes committed together.

use crypto::password::Cost;
use wire::Sid;
use wire::ldap::{
    AddRequest, Attribute as WireAttribute, LdapResult, Modification, ModificationKind,
    ModifyDnRequest, ModifyRequest, ResultCode,
};

use super::World;
use crate::access::Caller;
use crate::account::Origin;
use crate::audit::Actor;
use crate::change::{self, Change};
use crate::error::CommitError;
use crate::ldap::{Batch, Existing, Put, Writer};
use crate::lockout::Lockout;
use crate::schema::Attribute;
use crate::snapshot::Snapshot;
use crate::testing::{START, Seeded, key_credential};

const HEAD: &str = "DC=corp,DC=example";

/// An administrator who fills the directory.
struct Administrator {
    caller: Caller,
    actor: Actor,
    lockout: Lockout,
}

impl Administrator {
    fn new() -> Self {
        Self {
            caller: Caller::with_sids(Sid::BUILTIN_ADMINISTRATORS, []),
            actor: Actor::named("local administrator"),
            lockout: Lockout::default(),
        }
    }

    fn batch<'b, 's, 'd>(&'b self, snapshot: &'s Snapshot<'d>) -> Batch<'b, 's, 'd> {
        let who = Writer {
            caller: &self.caller,
            actor: &self.actor,
            from: "local",
            lockout: &self.lockout,
            cost: Cost::LEAST,
            now: START,
        };
        Batch::new(who, snapshot).unwrap()
    }
}

fn attributes<'a>(said: &[(&'a str, &'a str)]) -> Vec<WireAttribute<'a>> {
    let each = said.iter().map(|(description, value)| WireAttribute {
        description,
        values: vec![value.as_bytes()],
    });
    each.collect()
}

fn put(
    batch: &mut Batch<'_, '_, '_>,
    existing: Existing,
    name: &str,
    said: &[(&str, &str)],
) -> Result<Put, LdapResult> {
    let request = AddRequest {
        name,
        attributes: attributes(said),
    };
    let seed = name.bytes().map(u64::from).sum();
    batch
        .put(&request, existing, &mut Seeded::new(seed))
        .unwrap()
}

fn add(batch: &mut Batch<'_, '_, '_>, name: &str, said: &[(&str, &str)]) -> Put {
    put(batch, Existing::Keep, name, said).unwrap()
}

fn modify(
    batch: &mut Batch<'_, '_, '_>,
    name: &str,
    kind: ModificationKind,
    (description, value): (&str, &str),
) -> Result<bool, LdapResult> {
    let attribute = WireAttribute {
        description,
        values: vec![value.as_bytes()],
    };
    let changes = vec![Modification { kind, attribute }];
    let request = ModifyRequest { name, changes };
    batch.modify(&request, &mut Seeded::new(3)).unwrap()
}

const UNIT: &[(&str, &str)] = &[("objectClass", "organizationalUnit")];
const GROUP: &[(&str, &str)] = &[("objectClass", "group")];

fn person<'a>(sam: &'a str, mail: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("objectClass", "user"),
        ("sAMAccountName", sam),
        ("mail", mail),
        ("uidNumber", "20001"),
    ]
}

/// A unit with a person and a group that she is in, one after another.
fn fill(batch: &mut Batch<'_, '_, '_>) -> [Put; 3] {
    let carol = person("carol", "carol@corp.example");
    let puts = [
        add(batch, "OU=New,DC=corp,DC=example", UNIT),
        add(batch, "CN=Carol,OU=New,DC=corp,DC=example", &carol),
        add(batch, "CN=Crew,OU=New,DC=corp,DC=example", GROUP),
    ];
    let member = ("member", "CN=Carol,OU=New,DC=corp,DC=example");
    let crew = "CN=Crew,OU=New,DC=corp,DC=example";
    modify(batch, crew, ModificationKind::Add, member).unwrap();
    puts
}

#[test]
fn each_write_sees_those_before_it_and_all_are_one_commit() {
    let world = World::new();
    let administrator = Administrator::new();
    let snapshot = world.directory.snapshot().unwrap();
    let mut batch = administrator.batch(&snapshot);
    assert_eq!(fill(&mut batch), [Put::Added; 3]);
    let rename = ModifyDnRequest {
        name: "CN=Carol,OU=New,DC=corp,DC=example",
        new_rdn: "CN=Caroline",
        delete_old_rdn: true,
        new_superior: None,
    };
    assert!(batch.rename(&rename).unwrap().unwrap());
    assert!(!batch.rename(&rename).unwrap().unwrap(), "it is renamed");
    assert!(
        batch
            .delete("CN=Bob,OU=People,DC=corp,DC=example")
            .unwrap()
            .unwrap()
    );
    // The name that is free now.
    let other = person("bob", "other@corp.example");
    add(&mut batch, "CN=Bob,OU=People,DC=corp,DC=example", &other);
    // Nothing of it is there yet.
    let before = world.directory.snapshot().unwrap();
    assert!(before.account_by_sam("carol").unwrap().is_none());
    let changes = batch.finish();
    let commit = world
        .directory
        .commit(&changes, &snapshot.into_reads(), START)
        .unwrap();
    assert!(commit.changed.len() >= 5, "{commit:?}");
    let after = world.directory.snapshot().unwrap();
    let carol = after.account_by_sam("carol").unwrap().unwrap();
    let name = after.dn(carol.id).unwrap().unwrap().to_string();
    assert_eq!(name, format!("CN=Caroline,OU=New,{HEAD}"));
    assert!(after.is_member(world.named("Crew"), carol.id).unwrap());
    let bob = after.account_by_sam("bob").unwrap().unwrap();
    let bob = after.entry(bob.id).unwrap().unwrap();
    assert_eq!(bob.text(Attribute::Mail), Some("other@corp.example"));
    let log = after
        .audit_log(trust::Timestamp::EPOCH, START + trust::Span::days(1), 100)
        .unwrap();
    let actions = |action: &str| log.iter().filter(|line| line.action == action).count();
    assert_eq!(
        (
            actions("entry.add"),
            actions("entry.rename"),
            actions("entry.delete")
        ),
        (4, 1, 1)
    );
}

#[test]
fn a_write_that_is_refused_takes_nothing_of_the_others_along() {
    let world = World::new();
    let administrator = Administrator::new();
    let snapshot = world.directory.snapshot().unwrap();
    let mut batch = administrator.batch(&snapshot);
    fill(&mut batch);
    let again = person("CAROL", "another@corp.example");
    let taken = put(
        &mut batch,
        Existing::Keep,
        "CN=Another,OU=New,DC=corp,DC=example",
        &again,
    )
    .unwrap_err();
    assert_eq!(taken.code, ResultCode::ConstraintViolation, "{taken:?}");
    assert!(taken.message.contains("sAMAccountName"), "{taken:?}");
    let nowhere = put(
        &mut batch,
        Existing::Keep,
        "CN=Another,OU=Nowhere,DC=corp,DC=example",
        &again,
    )
    .unwrap_err();
    assert_eq!(nowhere.code, ResultCode::NoSuchObject);
    assert_eq!(nowhere.matched, HEAD);
    let changes = batch.finish();
    world
        .directory
        .commit(&changes, &snapshot.into_reads(), START)
        .unwrap();
    let after = world.directory.snapshot().unwrap();
    assert!(after.account_by_sam("carol").unwrap().is_some());
    let another = format!("CN=Another,OU=New,{HEAD}").parse().unwrap();
    assert!(after.entry_by_dn(&another).unwrap().is_none());
}

#[test]
fn what_is_so_already_is_no_change_and_no_error() {
    let world = World::new();
    let administrator = Administrator::new();
    let fill_and_commit = || {
        let snapshot = world.directory.snapshot().unwrap();
        let mut batch = administrator.batch(&snapshot);
        let puts = fill(&mut batch);
        let changes = batch.finish();
        let reads = snapshot.into_reads();
        world.directory.commit(&changes, &reads, START).unwrap();
        (puts, changes.len())
    };
    assert_eq!(fill_and_commit().0, [Put::Added; 3]);
    assert_eq!(fill_and_commit(), ([Put::Unchanged; 3], 0));

    // Otherwise than it is: by name, or as it is to be from now on.
    let snapshot = world.directory.snapshot().unwrap();
    let mut batch = administrator.batch(&snapshot);
    let name = "CN=Carol,OU=New,DC=corp,DC=example";
    let other = person("carol", "c@corp.example");
    let refused = put(&mut batch, Existing::Keep, name, &other).unwrap_err();
    assert_eq!(refused.code, ResultCode::EntryAlreadyExists);
    assert!(refused.message.ends_with("differs in mail"), "{refused:?}");
    let refused = put(&mut batch, Existing::Update, name, GROUP).unwrap_err();
    assert_eq!(refused.code, ResultCode::EntryAlreadyExists);
    let changed = put(&mut batch, Existing::Update, name, &other);
    assert_eq!(changed, Ok(Put::Changed));
    assert_eq!(
        put(&mut batch, Existing::Update, name, &other),
        Ok(Put::Unchanged)
    );
    // What every domain has is left as it is.
    let admins = "CN=Domain Admins,CN=Users,DC=corp,DC=example";
    let said = [("objectClass", "group"), ("description", "x")];
    assert_eq!(
        put(&mut batch, Existing::Update, admins, &said),
        Ok(Put::Own)
    );
    assert_eq!(
        batch.delete("CN=Nobody,DC=corp,DC=example").unwrap(),
        Ok(false)
    );
}

#[test]
fn a_password_is_set_once_and_not_again_by_the_same_file() {
    let world = World::new();
    let administrator = Administrator::new();
    let name = "CN=Dora,OU=People,DC=corp,DC=example";
    let said = |password| {
        let mut said = person("dora", "dora@corp.example");
        said.extend([("userPassword", password), ("userAccountControl", "512")]);
        said
    };
    let write = |existing, password| {
        let snapshot = world.directory.snapshot().unwrap();
        let mut batch = administrator.batch(&snapshot);
        let put = put(&mut batch, existing, name, &said(password));
        let hashed = batch.hashed();
        let changes = batch.finish();
        let reads = snapshot.into_reads();
        world.directory.commit(&changes, &reads, START).unwrap();
        (put, hashed)
    };
    let first = "a long first password 1";
    assert_eq!(write(Existing::Keep, first), (Ok(Put::Added), 1));
    assert_eq!(write(Existing::Keep, first), (Ok(Put::Unchanged), 0));
    // To find out that it is the same costs as much as to set it.
    assert_eq!(write(Existing::Update, first), (Ok(Put::Unchanged), 1));
    assert_eq!(
        write(Existing::Keep, "another long password 2"),
        (Ok(Put::Unchanged), 0)
    );
    let changed = write(Existing::Update, "another long password 2");
    assert_eq!(changed, (Ok(Put::Changed), 2));
    let hashed = write(Existing::Update, "{SSHA}AAAA").0.unwrap_err();
    assert!(hashed.message.contains("userPassword"), "{hashed:?}");
}

#[test]
fn what_others_change_meanwhile_is_a_conflict() {
    let world = World::new();
    let administrator = Administrator::new();
    let alice = "CN=Alice Example,OU=People,DC=corp,DC=example";
    let mail = ("mail", "new@corp.example");
    let outcome = |meanwhile: Option<Change>| {
        let snapshot = world.directory.snapshot().unwrap();
        let mut batch = administrator.batch(&snapshot);
        // The second is computed from what the first one left: only the state before both is the storage's.
        modify(&mut batch, alice, ModificationKind::Replace, mail).unwrap();
        let title = ("title", "Doctor");
        modify(&mut batch, alice, ModificationKind::Replace, title).unwrap();
        let changes = batch.finish();
        world.commit(meanwhile.into_iter().collect::<Vec<_>>());
        world
            .directory
            .commit(&changes, &snapshot.into_reads(), START)
    };
    let other = |attribute| change::set(world.named("alice"), attribute, "other@corp.example");
    assert_eq!(
        outcome(Some(other(Attribute::Mail))).unwrap_err(),
        CommitError::Conflict
    );
    // What nobody read does not matter.
    let boss = change::set(world.named("boss"), Attribute::Title, "Boss");
    outcome(Some(boss)).unwrap();
}

#[test]
fn lists_that_a_batch_has_changed_itself_are_checked_as_the_storage_has_them() {
    let world = World::new();
    let administrator = Administrator::new();
    let alice = "CN=Alice Example,OU=People,DC=corp,DC=example";
    let mut rng = Seeded::new(11);
    let mut blob = || key_credential(&mut rng, None);
    let value = |blob: &[u8]| {
        let hex: String = blob.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("B:{}:{hex}:{alice}", hex.len())
    };
    let blobs = [blob(), blob(), blob(), blob(), blob(), blob()];
    let id = world.named("alice");
    let outcome = |keys: [&[u8]; 2], meanwhile: Option<&[u8]>| {
        let snapshot = world.directory.snapshot().unwrap();
        let mut batch = administrator.batch(&snapshot);
        for key in keys {
            let value = value(key);
            let said = ("msDS-KeyCredentialLink", value.as_str());
            modify(&mut batch, alice, ModificationKind::Add, said).unwrap();
        }
        let changes = batch.finish();
        world.commit(
            meanwhile
                .map(|blob| change::add_key_credential(id, blob.to_vec(), Origin::Administrator))
                .into_iter()
                .collect::<Vec<_>>(),
        );
        world
            .directory
            .commit(&changes, &snapshot.into_reads(), START)
            .map(|_| ())
    };
    let [one, two, three, four, five, _] = &blobs;
    assert_eq!(outcome([one, two], None), Ok(()));
    assert_eq!(
        outcome([three, four], Some(five)),
        Err(CommitError::Conflict)
    );
    assert_eq!(outcome([three, four], None), Ok(()));
    let snapshot = world.directory.snapshot().unwrap();
    let keys = snapshot.key_credentials(id).unwrap();
    let imported = keys.iter().filter(|key| key.origin == Origin::Import);
    assert_eq!(imported.count(), 4);
    let log = snapshot
        .audit_log(trust::Timestamp::EPOCH, trust::Timestamp::NEVER, 100)
        .unwrap();
    let by = log.iter().find(|line| line.action == "key.add").unwrap();
    assert_eq!(by.details["by"], "import");
}
