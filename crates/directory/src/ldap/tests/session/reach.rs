//! What somebody with an account, or with a granted right, tries beyond it.

use super::rights::{BOSS, EVE, INNER, PC, UNIT, grant, key, quoted, world};
use super::*;
use crate::account::AccountControl;
use crate::change::NewEntry;
use crate::delegation::Delegable;
use crate::group::{GLOBAL_SECURITY, TOKEN_GROUPS_LIMIT};
use crate::{Attribute, Edit};
use ModificationKind::{Add, Delete, Replace};

const REFUSED: ResultCode = ResultCode::InsufficientAccessRights;

fn desk<'w>(world: &'w World, rights: &[Delegable]) -> Client<'w> {
    let head = world.directory.domain().unwrap().head;
    grant(world, head, "helpdesk", rights);
    Client::by_certificate(world, world.named("desk"))
}

/// Who is in more groups than a ticket names gets none: an administrator, too.
#[test]
fn nobody_is_put_into_so_many_groups_by_a_grant_that_they_sign_in_no_more() {
    let mut world = world();
    let unit = world.named_unit(UNIT);
    let (first, list) = (world.id(), world.id());
    let mut changes: Vec<Change> =
        vec![NewEntry::group(first, unit, "first", GLOBAL_SECURITY).into()];
    // Distribution lists count: what they are can be changed behind it.
    for number in 1..TOKEN_GROUPS_LIMIT / 2 {
        let id = world.id();
        changes.push(NewEntry::group(id, unit, &format!("list-{number}"), 2).into());
        changes.push(Change::AddMember {
            group: id,
            member: first,
        });
    }
    changes.push(NewEntry::group(list, unit, "staff", 2).into());
    changes.push(Change::AddMember {
        group: list,
        member: world.named("boss"),
    });
    world.commit(changes);
    let mut desk = desk(&world, &[Delegable::Groups]);
    let first = format!("CN=first,{UNIT}");
    let staff = format!("CN=staff,{UNIT}");
    let users = "CN=Domain Users,CN=Users,DC=corp,DC=example";
    let mut add = |group: &str, member: &str| {
        desk.modify(group, &[(Add, "member", &[member.as_bytes()])])
            .code()
    };
    assert_eq!(add(&first, BOSS), REFUSED);
    assert_eq!(add(&first, EVE), REFUSED);
    assert_eq!(add(&first, &staff), REFUSED);
    assert_eq!(add(INNER, users), REFUSED, "everybody, at once");
    assert_eq!(add(INNER, BOSS), ResultCode::Success);
    assert_eq!(add(INNER, &staff), ResultCode::Success);
    let attributes: &[(&str, &[&str])] = &[("objectClass", &["group"]), ("member", &[users])];
    let new = desk.add(&format!("CN=new,{UNIT}"), attributes);
    assert_eq!(new.code(), REFUSED);
    // An administrator knows what they do.
    let mut boss = Client::by_certificate(&world, world.named("boss"));
    let added = boss.modify(&first, &[(Add, "member", &[EVE.as_bytes()])]);
    assert_eq!(added.code(), ResultCode::Success);
}

/// Who has the key of a service that comes to others as anybody has what those let an administrator have.
#[test]
fn no_grant_reaches_an_account_that_acts_for_others() {
    let control = |kind: AccountControl, flag| kind.with(flag).to_integer();
    let (user, computer) = (
        AccountControl::NORMAL_ACCOUNT,
        AccountControl::WORKSTATION_TRUST_ACCOUNT,
    );
    let to_itself = AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION;
    let tickets = AccountControl::TRUSTED_FOR_DELEGATION;
    let none = AccountControl(0);
    for (edit, of_computer, reached) in [
        (
            Edit::set(Attribute::UserAccountControl, control(user, none)),
            false,
            true,
        ),
        (
            Edit::set(Attribute::UserAccountControl, control(user, to_itself)),
            false,
            false,
        ),
        (
            Edit::set(Attribute::UserAccountControl, control(user, tickets)),
            false,
            false,
        ),
        (
            Edit::set(Attribute::MsDsAllowedToDelegateTo, "ldap/dc1.corp.example"),
            false,
            false,
        ),
        (
            Edit::set(Attribute::UserAccountControl, control(computer, none)),
            true,
            true,
        ),
        (
            Edit::set(Attribute::UserAccountControl, control(computer, tickets)),
            true,
            false,
        ),
    ] {
        let world = world();
        let (id, name) = match of_computer {
            true => (world.named("PC$"), PC),
            false => (world.named("eve"), EVE),
        };
        let described = format!("{edit:?}");
        world.commit([change::modify(id, vec![edit])]);
        let mut desk = desk(&world, &Delegable::ALL);
        let expected = if reached {
            ResultCode::Success
        } else {
            REFUSED
        };
        let key = key(name);
        let listed = desk.modify(name, &[(Add, "msDS-KeyCredentialLink", &[&key])]);
        assert_eq!(listed.code(), expected, "{described}");
        let off = desk.modify(name, &[(Replace, "description", &[b"x"])]);
        assert_eq!(off.code(), expected, "{described}");
        if !of_computer {
            let password = quoted("another horse battery");
            let set = desk.modify(name, &[(Replace, "unicodePwd", &[&password])]);
            assert_eq!(set.code(), expected, "{described}");
        }
        let gone = desk.ask(Operation::DelRequest(name));
        assert_eq!(gone.code(), expected, "{described}");
    }
}

/// A person's own SID is there with a password alone, which administers nothing.
#[test]
fn a_right_is_a_group_s_and_no_person_s_wherever_it_was_written() {
    let mut world = world();
    let (unit, id) = (world.named_unit(UNIT), world.id());
    world.commit([NewEntry::group(id, unit, "letter", 2).into()]);
    let sid = |name: &str| {
        let snapshot = world.directory.snapshot().unwrap();
        let account = snapshot.account_by_sam(name).unwrap();
        match account {
            Some(account) => account.sid,
            None => snapshot.group_by_name(name).unwrap().unwrap().sid,
        }
    };
    let mut boss = Client::by_certificate(&world, world.named("boss"));
    let attribute = "keyporch-DelegatedRights";
    for to in [
        sid("bob").to_string(),
        sid("letter").to_string(),
        sid("Domain Users").to_string(),
        sid("Domain Computers").to_string(),
        "S-1-1-0".to_owned(),
        "S-1-5-21-1-2-3-1234".to_owned(),
    ] {
        let text = format!("{to}:people");
        let granted = boss.modify(UNIT, &[(Add, attribute, &[text.as_bytes()])]);
        assert_eq!(granted.code(), ResultCode::ConstraintViolation, "{to}");
        let attributes: &[(&str, &[&str])] = &[
            ("objectClass", &["organizationalUnit"]),
            (attribute, &[&text]),
        ];
        let made = boss.add("OU=Other,DC=corp,DC=example", attributes);
        assert_eq!(made.code(), ResultCode::ConstraintViolation, "{to}");
    }
    // One that is there all the same gives nothing, and can be taken away.
    let text = format!("{}:people", sid("bob"));
    let edit = Edit::Add(Attribute::DelegatedRights, vec![text.as_str().into()]);
    world.commit([change::modify(unit, vec![edit])]);
    with_password(&world, "bob");
    let title: &[Step<'_>] = &[(Replace, "title", &[b"Dr"])];
    let mut by_password = Client::new(&world);
    assert_eq!(by_password.bind("bob", PASSWORD), ResultCode::Success);
    assert_eq!(by_password.modify(EVE, title).code(), REFUSED);
    let mut by_certificate = Client::by_certificate(&world, world.named("bob"));
    assert_eq!(by_certificate.modify(EVE, title).code(), REFUSED);
    let taken = boss.modify(UNIT, &[(Delete, attribute, &[text.as_bytes()])]);
    assert_eq!(taken.code(), ResultCode::Success);
}

/// A principal `root` is root on Linux machines, and a group `sudo` is taken for theirs.
#[test]
fn by_a_grant_nobody_gets_a_name_that_linux_machines_give_their_own() {
    let world = world();
    let mut desk = desk(&world, &Delegable::ALL);
    for (name, attribute, value) in [
        (EVE, "sAMAccountName", "root"),
        (EVE, "sAMAccountName", "ROOT"),
        (EVE, "userPrincipalName", "root@corp.example"),
        (INNER, "sAMAccountName", "sudo"),
        (INNER, "sAMAccountName", "Wheel"),
    ] {
        let steps: &[Step<'_>] = &[(Replace, attribute, &[value.as_bytes()])];
        assert_eq!(desk.modify(name, steps).code(), REFUSED, "{value}");
    }
    let root: &[(&str, &[&str])] = &[("objectClass", &["user"]), ("sAMAccountName", &["root"])];
    assert_eq!(desk.add(&format!("CN=r,{UNIT}"), root).code(), REFUSED);
    // Where no name is said it is the entry's.
    let group: &[(&str, &[&str])] = &[("objectClass", &["group"])];
    assert_eq!(
        desk.add(&format!("CN=docker,{UNIT}"), group).code(),
        REFUSED
    );
    let steps: &[Step<'_>] = &[(Replace, "sAMAccountName", &[b"rooted"])];
    assert_eq!(desk.modify(EVE, steps).code(), ResultCode::Success);
}

#[test]
fn a_number_of_linux_that_too_many_have_is_not_taken_for_nobody_s() {
    let mut world = world();
    let unit = world.named_unit(UNIT);
    // The last of all in the order of ids.
    let last = EntryId(wire::Guid::from_windows_bytes([0xff; 16]));
    let mut changes: Vec<Change> = vec![
        NewEntry::group(last, unit, "operators", GLOBAL_SECURITY)
            .with(Attribute::GidNumber, 5_000)
            .into(),
        Change::AddMember {
            group: world.named("Domain Admins"),
            member: last,
        },
    ];
    for number in 0..2_000 {
        let id = world.id();
        let person = NewEntry::user(id, unit, &format!("p{number}"), format!("p{number}"));
        changes.push(person.with(Attribute::GidNumber, 5_000).into());
    }
    world.commit(changes);
    let mut desk = desk(&world, &Delegable::ALL);
    let steps: &[Step<'_>] = &[(Replace, "gidNumber", &[b"5000"])];
    assert_eq!(desk.modify(EVE, steps).code(), REFUSED);
    let steps: &[Step<'_>] = &[(Replace, "gidNumber", &[b"5001"])];
    assert_eq!(desk.modify(EVE, steps).code(), ResultCode::Success);
    // What everybody has is anybody's to have.
    let everybody = world.named("Domain Users");
    let number = vec![Edit::set(Attribute::GidNumber, 5_000)];
    world.commit([change::modify(everybody, number)]);
    let steps: &[Step<'_>] = &[(Replace, "gidNumber", &[b"5000"])];
    assert_eq!(desk.modify(EVE, steps).code(), ResultCode::Success);
}

/// A computer whose name is another one's whole name would be asked for in its place (security.md row 2).
#[test]
fn nobody_joins_a_computer_under_the_whole_name_of_another_one() {
    let world = world();
    let mut desk = desk(&world, &[Delegable::Computers]);
    for name in [
        "dc1.corp.example",
        "DC1.corp.example",
        "www.elsewhere.example",
    ] {
        let spn = format!("cifs/{name}");
        let attributes: &[(&str, &[&str])] = &[
            ("objectClass", &["computer"]),
            ("servicePrincipalName", &[&spn]),
        ];
        let dn = format!("CN={name},CN=Computers,DC=corp,DC=example");
        let mut alice = Client::by_certificate(&world, world.named("alice"));
        assert_eq!(alice.add(&dn, attributes).code(), REFUSED, "{name}");
        assert_eq!(desk.add(&dn, attributes).code(), REFUSED, "{name}");
    }
}

#[test]
fn who_may_not_write_keys_learns_nothing_by_writing_what_is_there_or_is_not() {
    let world = world();
    let attribute = "msDS-KeyCredentialLink";
    let listed = key(EVE);
    let other = DnBinary {
        binary: key_credential(&mut Seeded::new(9), None),
        dn: EVE.to_owned(),
    };
    let other = other.to_string().into_bytes();
    let mut boss = Client::by_certificate(&world, world.named("boss"));
    let added = boss.modify(EVE, &[(Add, attribute, &[&listed])]);
    assert_eq!(added.code(), ResultCode::Success);
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    for permissive in [false, true] {
        for (kind, value) in [
            (Add, &listed),
            (Delete, &other),
            (Replace, &listed),
            (Delete, &listed),
            (Add, &other),
        ] {
            let control = Control {
                oid: control_oid::PERMISSIVE_MODIFY,
                critical: true,
                value: None,
            };
            let controls = if permissive {
                vec![control]
            } else {
                Vec::new()
            };
            let tried = alice.modify_with(EVE, &[(kind, attribute, &[value])], controls);
            assert_eq!(tried.code(), REFUSED, "{kind:?} {permissive}");
        }
    }
    assert_eq!(
        boss.modify(EVE, &[(Delete, attribute, &[&other])]).code(),
        ResultCode::NoSuchAttribute
    );
}

#[test]
fn a_bind_that_is_refused_for_a_control_leaves_nobody_signed_in() {
    let world = world();
    let mut boss = Client::by_certificate(&world, world.named("boss"));
    assert_ne!(boss.who(), "");
    let bind = Operation::BindRequest(BindRequest {
        version: 3,
        name: "bob",
        authentication: Authentication::Simple(b"wrong"),
    });
    let control = Control {
        oid: "1.2.3.4",
        critical: true,
        value: None,
    };
    let refused = boss.ask_with(bind, vec![control]);
    assert_eq!(refused.code(), ResultCode::UnavailableCriticalExtension);
    assert_eq!(boss.who(), "");
}

#[test]
fn services_are_out_of_reach_of_every_grant() {
    let world = world();
    let service = EntryId::random(&mut Seeded::new(12));
    let unit = world.named_unit(UNIT);
    world.commit([NewEntry::service(service, unit, "svc").into()]);
    let mut desk = desk(&world, &Delegable::ALL);
    let name = format!("CN=svc,{UNIT}");
    let key = key(&name);
    let password = quoted("another horse battery of a machine");
    let steps: [&[Step<'_>]; 4] = [
        &[(Add, "msDS-KeyCredentialLink", &[&key])],
        &[(Replace, "unicodePwd", &[&password])],
        &[(Replace, "description", &[b"x"])],
        &[(Add, "servicePrincipalName", &[b"HTTP/x"])],
    ];
    for steps in steps {
        assert_eq!(desk.modify(&name, steps).code(), REFUSED, "{steps:?}");
    }
    assert_eq!(desk.ask(Operation::DelRequest(&name)).code(), REFUSED);
}
