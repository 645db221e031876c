//! What somebody with an account, or with a granted right, tries beyond it.

use super::hostile::{no_layer, token};
use super::rights::{BOSS, EVE, INNER, PC, UNIT, grant, key, quoted, world};
use super::*;
use crate::account::{AccountControl, Origin};
use crate::change::NewEntry;
use crate::delegation::Delegable;
use crate::group::{GLOBAL_SECURITY, TOKEN_GROUPS_LIMIT};
use crate::{Attribute, Class, Edit};
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

#[test]
fn who_looks_after_people_takes_them_nowhere_else() {
    let mut world = world();
    let (head, other) = (world.directory.domain().unwrap().head, world.id());
    world.commit([NewEntry::new(other, head, Class::OrganizationalUnit, "Other").into()]);
    let unit = world.named_unit(UNIT);
    grant(&world, unit, "helpdesk", &[Delegable::People]);
    let mut desk = Client::by_certificate(&world, world.named("desk"));
    let mut moved = |new_superior| {
        let request = ModifyDnRequest {
            name: EVE,
            new_rdn: "CN=Eve",
            delete_old_rdn: true,
            new_superior,
        };
        desk.ask(Operation::ModifyDnRequest(request)).code()
    };
    let elsewhere = "OU=Other,DC=corp,DC=example";
    assert_eq!(moved(Some(elsewhere)), REFUSED);
    assert_eq!(moved(Some("DC=corp,DC=example")), REFUSED);
    grant(&world, other, "helpdesk", &[Delegable::People]);
    assert_eq!(moved(Some(elsewhere)), ResultCode::Success);
}

#[test]
fn nobody_is_added_with_a_key_but_by_an_administrator() {
    let world = world();
    let name = format!("CN=carol,{UNIT}");
    let key = String::from_utf8(key(&name)).unwrap();
    let attributes: &[(&str, &[&str])] = &[
        ("objectClass", &["user"]),
        ("msDS-KeyCredentialLink", &[&key]),
    ];
    let mut desk = desk(&world, &Delegable::ALL);
    assert_eq!(desk.add(&name, attributes).code(), REFUSED);
    let mut boss = Client::by_certificate(&world, world.named("boss"));
    assert_eq!(boss.add(&name, attributes).code(), ResultCode::Success);
}

/// A computer that administers has the rights of anybody by its password, and so none over a protected account: its own.
#[test]
fn a_computer_that_administers_lists_no_key_on_itself_by_a_password() {
    let world = world();
    let name = "CN=LAPTOP-1,CN=Computers,DC=corp,DC=example";
    let own = key(name);
    let listed = |number| {
        let mut client = Client::new(&world);
        let (first, mut context) = token(&world, "LAPTOP-1$", number);
        client.sasl("GSSAPI", &first);
        let bound = client.sasl("GSSAPI", &no_layer(&mut context));
        assert_eq!(bound, ResultCode::Success);
        let steps: &[Step<'_>] = &[(Add, "msDS-KeyCredentialLink", &[&own])];
        client.modify(name, steps).code()
    };
    let (admins, laptop) = (world.named("Domain Admins"), world.named("LAPTOP-1$"));
    world.commit([Change::AddMember {
        group: admins,
        member: laptop,
    }]);
    assert_eq!(listed(1), REFUSED);
    world.commit([Change::RemoveMember {
        group: admins,
        member: laptop,
    }]);
    assert_eq!(listed(2), ResultCode::Success);
}

#[test]
fn a_key_says_whether_its_computer_listed_it_or_somebody_else() {
    let world = world();
    let name = "CN=LAPTOP-1,CN=Computers,DC=corp,DC=example";
    let own = key(name);
    let steps: &[Step<'_>] = &[(Add, "msDS-KeyCredentialLink", &[&own])];
    let origin = || {
        let snapshot = world.directory.snapshot().unwrap();
        let laptop = snapshot.account_by_sam("LAPTOP-1$").unwrap().unwrap();
        laptop.key_credentials.first().unwrap().origin
    };
    let mut computer = Client::new(&world);
    let (first, mut context) = token(&world, "LAPTOP-1$", 1);
    computer.sasl("GSSAPI", &first);
    computer.sasl("GSSAPI", &no_layer(&mut context));
    assert_eq!(computer.modify(name, steps).code(), ResultCode::Success);
    assert_eq!(origin(), Origin::Computer);
    let gone: &[Step<'_>] = &[(Delete, "msDS-KeyCredentialLink", &[&own])];
    assert_eq!(computer.modify(name, gone).code(), ResultCode::Success);
    let mut boss = Client::by_certificate(&world, world.named("boss"));
    assert_eq!(boss.modify(name, steps).code(), ResultCode::Success);
    assert_eq!(origin(), Origin::Administrator);
}

#[test]
fn a_layer_is_one_that_was_offered_for_oneself_and_then_held() {
    let world = world();
    let mut client = Client::new(&world);
    let mut choose = |encrypted: bool, number: u64, choice: &[u8]| {
        (client.channel.encrypted, client.channel.signed) = (encrypted, encrypted);
        let (first, mut context) = token(&world, "alice", number);
        let begun = client.sasl("GSSAPI", &first);
        assert_eq!(begun, ResultCode::SaslBindInProgress);
        let choice = context.wrap(choice, false, &mut Seeded::new(2));
        let code = client.sasl("GSSAPI", &choice);
        (code, client.session.take_layer(), context)
    };
    let (success, invalid) = (ResultCode::Success, ResultCode::InvalidCredentials);
    // Without TLS there is no layer that is none; two at once are none either, nor is what nobody knows.
    for (number, choice) in [(1, 1_u8), (2, 6), (3, 0), (4, 8)] {
        let (code, layer, _) = choose(false, number, &[choice, 0, 0, 0]);
        assert_eq!((code, layer.is_some()), (invalid, false), "{choice}");
    }
    // Within TLS all three (as ldap3 wants to be told).
    for (number, choice) in [(5, 1_u8), (6, 2), (7, 4)] {
        let (code, layer, _) = choose(true, number, &[choice, 0, 0, 0]);
        assert_eq!((code, layer.is_some()), (success, choice > 1), "{choice}");
    }
    // Nobody acts as somebody else.
    let as_somebody = |who: &[u8]| [&[1, 0, 0, 0], who].concat();
    assert_eq!(choose(true, 8, &as_somebody(b"u:alice")).0, success);
    for (number, who) in [
        (9, &b"u:boss"[..]),
        (10, b"boss"),
        (11, b"dn:CN=The Boss"),
        (12, &[0xff]),
    ] {
        assert_eq!(choose(true, number, &as_somebody(who)).0, invalid);
    }
    // Who agreed to encrypt does; who agreed to sign may encrypt.
    for (number, choice, signed_is_enough) in [(13, 2_u8, true), (14, 4, false)] {
        let (_, layer, mut context) = choose(false, number, &[choice, 0, 0, 0]);
        let mut layer = layer.unwrap();
        let sealed = context.wrap(b"message", true, &mut Seeded::new(3));
        assert_eq!(layer.unwrap(&sealed).unwrap(), b"message");
        let signed = context.wrap(b"message", false, &mut Seeded::new(4));
        assert_eq!(layer.unwrap(&signed).is_ok(), signed_is_enough, "{choice}");
        assert!(layer.unwrap(&signed).is_err(), "once");
    }
}

#[test]
fn by_spnego_nobody_signs_in_whom_neither_tls_nor_a_layer_keeps() {
    let world = world();
    let mut client = Client::new(&world);
    (client.channel.encrypted, client.channel.signed) = (false, false);
    // It asks for no layer.
    let (first, _) = token(&world, "alice", 1);
    let refused = client.sasl("GSS-SPNEGO", &first);
    assert_eq!(refused, ResultCode::StrongerAuthRequired);
    assert_eq!(client.who(), "");
    (client.channel.encrypted, client.channel.signed) = (true, true);
    let (second, _) = token(&world, "alice", 2);
    assert_eq!(client.sasl("GSS-SPNEGO", &second), ResultCode::Success);
}

#[test]
fn a_session_ends_with_its_account() {
    let world = world();
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    assert_ne!(alice.who(), "");
    let expires = |at| {
        let edit = Edit::set(Attribute::AccountExpires, at);
        world.commit([change::modify(world.named("alice"), vec![edit])]);
    };
    expires(START - trust::Span::minutes(1));
    assert_eq!(alice.who(), "");
    expires(START + trust::Span::minutes(1));
    assert_ne!(alice.who(), "");
}

#[test]
fn a_former_password_is_one_s_own_and_none_while_the_account_is_locked() {
    let world = world();
    for sam in ["alice", "bob"] {
        with_password(&world, sam);
    }
    let head = world.directory.domain().unwrap().head;
    world.commit([change::set(head, Attribute::MinPwdAge, 0)]);
    let (old, new) = (quoted(PASSWORD), quoted("another horse battery"));
    let steps: &[Step<'_>] = &[
        (Delete, "unicodePwd", &[&old]),
        (Add, "unicodePwd", &[&new]),
    ];
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    assert_eq!(alice.modify(BOB, steps).code(), REFUSED);
    for _ in 0..10 {
        alice.bind("alice", "wrong");
    }
    alice.ask(Operation::BindRequest(BindRequest {
        version: 3,
        name: "",
        authentication: Authentication::Sasl {
            mechanism: "EXTERNAL",
            credentials: None,
        },
    }));
    assert_ne!(
        alice.who(),
        "",
        "a certificate is not locked out by passwords"
    );
    let locked = alice.modify(ALICE, steps);
    assert_eq!(locked.code(), ResultCode::ConstraintViolation);
    let mut elsewhere = Client::by_certificate(&world, world.named("alice"));
    assert_eq!(elsewhere.modify(ALICE, steps).code(), ResultCode::Success);
}
