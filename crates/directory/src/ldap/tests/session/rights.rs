//! Administration that is delegated: what who was granted a right does over LDAP, and what nobody does by a grant.

use super::*;
use crate::change::NewEntry;
use crate::delegation::{Delegable, Grant};
use crate::group::GLOBAL_SECURITY;
use crate::{Attribute, Class, Edit};
use ModificationKind::{Add, Replace};

pub(super) const UNIT: &str = "OU=People,DC=corp,DC=example";
const BOB: &str = "CN=Bob,OU=People,DC=corp,DC=example";
pub(super) const EVE: &str = "CN=Eve,OU=People,DC=corp,DC=example";
pub(super) const BOSS: &str = "CN=The Boss,OU=People,DC=corp,DC=example";
pub(super) const INNER: &str = "CN=inner,OU=People,DC=corp,DC=example";
const OUTER: &str = "CN=outer,OU=People,DC=corp,DC=example";
pub(super) const PC: &str = "CN=PC,OU=People,DC=corp,DC=example";
const DESK: &str = "CN=desk,CN=Users,DC=corp,DC=example";
const HELPDESK: &str = "CN=helpdesk,CN=Users,DC=corp,DC=example";

/// A world with a computer in the unit, an administrator, and somebody in a group that has nothing yet.
pub(super) fn world() -> World {
    let mut world = World::new();
    let domain = world.directory.domain().unwrap();
    let (pc, desk, helpdesk, eve) = (world.id(), world.id(), world.id(), world.id());
    let unit = world.named_unit(UNIT);
    world.commit([
        NewEntry::computer(pc, unit, "PC").into(),
        NewEntry::user(eve, unit, "eve", "Eve").into(),
        NewEntry::user(desk, domain.users, "desk", "desk").into(),
        NewEntry::group(helpdesk, domain.users, "helpdesk", GLOBAL_SECURITY).into(),
        Change::AddMember {
            group: helpdesk,
            member: desk,
        },
        Change::AddMember {
            group: world.named("Domain Admins"),
            member: world.named("boss"),
        },
    ]);
    world
}

/// Grants rights over what is below a unit.
pub(super) fn grant(world: &World, unit: EntryId, group: &str, rights: &[Delegable]) {
    let snapshot = world.directory.snapshot().unwrap();
    let to = snapshot.group_by_name(group).unwrap().unwrap().sid;
    let values = rights.iter().map(|right| {
        let grant = Grant { to, right: *right };
        grant.to_string().into()
    });
    let edit = Edit::Add(Attribute::DelegatedRights, values.collect());
    world.commit([change::modify(unit, vec![edit])]);
}

pub(super) fn quoted(text: &str) -> Vec<u8> {
    let text = format!("\"{text}\"");
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn key(holder: &str) -> Vec<u8> {
    let value = DnBinary {
        binary: key_credential(&mut Seeded::new(1), None),
        dn: holder.to_owned(),
    };
    value.to_string().into_bytes()
}

fn delete(client: &mut Client<'_>, name: &str) -> ResultCode {
    client.ask(Operation::DelRequest(name)).code()
}

fn rename(client: &mut Client<'_>, name: &str, to: &str) -> ResultCode {
    let request = wire::ldap::ModifyDnRequest {
        name,
        new_rdn: to,
        delete_old_rdn: true,
        new_superior: None,
    };
    client.ask(Operation::ModifyDnRequest(request)).code()
}

type Act = fn(&mut Client<'_>) -> ResultCode;

/// What can be done in the unit, and by which rights.
const ACTS: &[(&str, &[Delegable], Act)] = &[
    ("a new password", &[Delegable::Passwords], |client| {
        let password = quoted("another horse battery");
        let steps: &[Step<'_>] = &[
            (Replace, "unicodePwd", &[&password]),
            (Replace, "pwdLastSet", &[b"0"]),
        ];
        client.modify(ALICE, steps).code()
    }),
    ("unlocking", &[Delegable::Passwords], |client| {
        client
            .modify(ALICE, &[(Replace, "lockoutTime", &[b"0"])])
            .code()
    }),
    ("a title", &[Delegable::People], |client| {
        client.modify(ALICE, &[(Replace, "title", &[b"Dr"])]).code()
    }),
    ("turning off", &[Delegable::People], |client| {
        let off: &[Step<'_>] = &[(Replace, "userAccountControl", &[b"514"])];
        client.modify(ALICE, off).code()
    }),
    ("somebody new", &[Delegable::People], |client| {
        let somebody: &[(&str, &[&str])] = &[
            ("objectClass", &["user"]),
            ("sAMAccountName", &["carol"]),
            ("userPassword", &["another horse battery"]),
            ("userPrincipalName", &["carol@corp.example"]),
            ("uidNumber", &["10009"]),
        ];
        let name = "CN=Carol,OU=People,DC=corp,DC=example";
        client.add(name, somebody).code()
    }),
    ("another name", &[Delegable::People], |client| {
        rename(client, BOB, "CN=Robert")
    }),
    ("a person's end", &[Delegable::People], |client| {
        delete(client, BOB)
    }),
    ("a group's description", &[Delegable::Groups], |client| {
        let steps: &[Step<'_>] = &[(Replace, "description", &[b"those within"])];
        client.modify(INNER, steps).code()
    }),
    ("a new group", &[Delegable::Groups], |client| {
        let group: &[(&str, &[&str])] = &[("objectClass", &["group"]), ("member", &[ALICE])];
        client
            .add("CN=new,OU=People,DC=corp,DC=example", group)
            .code()
    }),
    ("a group's end", &[Delegable::Groups], |client| {
        delete(client, OUTER)
    }),
    (
        "a member",
        &[Delegable::Groups, Delegable::Members],
        |client| {
            client
                .modify(INNER, &[(Add, "member", &[BOB.as_bytes()])])
                .code()
        },
    ),
    ("a computer joined", &[Delegable::Computers], |client| {
        let computer: &[(&str, &[&str])] = &[
            ("objectClass", &["computer"]),
            ("dNSHostName", &["pc-2.corp.example"]),
        ];
        client
            .add("CN=PC-2,OU=People,DC=corp,DC=example", computer)
            .code()
    }),
    ("a computer turned off", &[Delegable::Computers], |client| {
        let off: &[Step<'_>] = &[(Replace, "userAccountControl", &[b"4098"])];
        client.modify(PC, off).code()
    }),
    ("a computer's end", &[Delegable::Computers], |client| {
        delete(client, PC)
    }),
    ("a person's key", &[Delegable::Keys], |client| {
        let key = key(ALICE);
        client
            .modify(ALICE, &[(Add, "msDS-KeyCredentialLink", &[&key])])
            .code()
    }),
    ("a computer's key", &[Delegable::Keys], |client| {
        let key = key(PC);
        client
            .modify(PC, &[(Add, "msDS-KeyCredentialLink", &[&key])])
            .code()
    }),
];

#[test]
fn each_right_is_for_its_own_work_below_its_unit_and_for_nothing_else() {
    for (act, rights, go) in ACTS {
        for right in Delegable::ALL {
            let expected = match rights.contains(&right) {
                true => ResultCode::Success,
                false => ResultCode::InsufficientAccessRights,
            };
            let world = world();
            grant(&world, world.named_unit(UNIT), "helpdesk", &[right]);
            let mut desk = Client::by_certificate(&world, world.named("desk"));
            assert_eq!(go(&mut desk), expected, "{act} by {right:?}");
        }
    }
}

#[test]
fn a_right_reaches_units_below_and_no_unit_beside_or_above() {
    let reaches = |granted_at: fn(&World) -> EntryId| -> usize {
        let acts = ACTS.iter().filter(|(act, _, go)| {
            let world = world();
            grant(&world, granted_at(&world), "helpdesk", &Delegable::ALL);
            let mut desk = Client::by_certificate(&world, world.named("desk"));
            let code = go(&mut desk);
            let refused = code == ResultCode::InsufficientAccessRights;
            assert!(refused || code == ResultCode::Success, "{act}: {code:?}");
            !refused
        });
        acts.count()
    };
    assert_eq!(
        reaches(|world| world.directory.domain().unwrap().head),
        ACTS.len()
    );
    assert_eq!(reaches(|world| world.directory.domain().unwrap().users), 0);
    assert_eq!(reaches(|world| world.directory.domain().unwrap().system), 0);
}

#[test]
fn by_no_grant_does_anybody_become_more_than_it_says() {
    let world = world();
    let domain = world.directory.domain().unwrap();
    grant(&world, domain.head, "helpdesk", &Delegable::ALL);
    // A group within Domain Admins, and somebody who was granted something elsewhere.
    let admins = world.named("Domain Admins");
    world.commit([Change::AddMember {
        group: admins,
        member: world.named("outer"),
    }]);
    grant(&world, domain.computers, "inner", &[Delegable::Computers]);
    let mut desk = Client::by_certificate(&world, world.named("desk"));
    let password = quoted("another horse battery");
    let (boss_key, alice_key) = (key(BOSS), key(ALICE));
    let admins_dn = "CN=Domain Admins,CN=Users,DC=corp,DC=example";
    let unit_dn = UNIT;
    let modifications: &[(&str, &str, ModificationKind, &[u8])] = &[
        // Administrators, and who was granted something (Alice, by being in `inner`).
        (BOSS, "unicodePwd", Replace, &password),
        (BOSS, "title", Replace, b"Dr"),
        (BOSS, "msDS-KeyCredentialLink", Add, &boss_key),
        (ALICE, "unicodePwd", Replace, &password),
        (ALICE, "msDS-KeyCredentialLink", Add, &alice_key),
        (DESK, "unicodePwd", Replace, &password),
        // Groups that make administrators, or delegates, of who is in them; the domain's own.
        (admins_dn, "member", Add, DESK.as_bytes()),
        (OUTER, "member", Add, DESK.as_bytes()),
        (INNER, "member", Add, DESK.as_bytes()),
        (HELPDESK, "member", Add, EVE.as_bytes()),
        (
            "CN=Protected Users,CN=Users,DC=corp,DC=example",
            "member",
            Add,
            EVE.as_bytes(),
        ),
        // What makes somebody more, or somebody else.
        (EVE, "userAccountControl", Replace, b"524800"),
        (EVE, "userAccountControl", Replace, b"4194816"),
        (EVE, "servicePrincipalName", Add, b"HTTP/web"),
        (EVE, "msDS-AllowedToDelegateTo", Add, b"HTTP/web"),
        (EVE, "altSecurityIdentities", Add, b"X509:<SKI>00"),
        (EVE, "primaryGroupID", Replace, b"512"),
        (EVE, "userPrincipalName", Replace, b"bob@elsewhere.example"),
        (EVE, "sAMAccountName", Replace, b"dc1$"),
        (EVE, "uidNumber", Replace, b"0"),
        (EVE, "uidNumber", Replace, b"10001"),
        (EVE, "gidNumber", Replace, b"0"),
        (PC, "servicePrincipalName", Add, b"HTTP/web"),
        (PC, "dNSHostName", Replace, b"dc1.corp.example"),
        (PC, "userAccountControl", Replace, b"8192"),
        (PC, "userAccountControl", Replace, b"528384"),
        // The grants themselves.
        (unit_dn, "keyporch-DelegatedRights", Add, b"S-1-1-0:keys"),
        (unit_dn, "description", Replace, b"ours"),
    ];
    for (name, attribute, kind, value) in modifications {
        let answered = desk.modify(name, &[(*kind, attribute, &[value])]);
        let code = answered.code();
        assert_eq!(
            code,
            ResultCode::InsufficientAccessRights,
            "{attribute} of {name}: {}",
            answered.result.message
        );
    }
    for name in [BOSS, ALICE, INNER, OUTER, admins_dn, DESK, HELPDESK, UNIT] {
        let code = delete(&mut desk, name);
        assert_eq!(code, ResultCode::InsufficientAccessRights, "{name}");
    }
    let service: &[(&str, &[&str])] = &[("objectClass", &["msDS-ManagedServiceAccount"])];
    let unit: &[(&str, &[&str])] = &[("objectClass", &["organizationalUnit"])];
    let strong: &[(&str, &[&str])] = &[
        ("objectClass", &["user"]),
        ("servicePrincipalName", &["HTTP/web"]),
    ];
    let controller: &[(&str, &[&str])] = &[
        ("objectClass", &["computer"]),
        ("userAccountControl", &["8192"]),
    ];
    for (name, entry) in [
        ("CN=svc,OU=People,DC=corp,DC=example", service),
        ("OU=Mine,OU=People,DC=corp,DC=example", unit),
        ("CN=strong,OU=People,DC=corp,DC=example", strong),
        ("CN=DC9,OU=People,DC=corp,DC=example", controller),
    ] {
        let code = desk.add(name, entry).code();
        assert_eq!(code, ResultCode::InsufficientAccessRights, "{name}");
    }
    assert_eq!(
        desk.modify(EVE, &[(Replace, "title", &[b"Dr"])]).code(),
        ResultCode::Success,
        "all that is refused for what it is, and not for who asks"
    );
}

#[test]
fn key_admins_do_not_reach_who_was_granted_something() {
    let world = world();
    world.commit([Change::AddMember {
        group: world.named("Key Admins"),
        member: world.named("bob"),
    }]);
    let mut bob = Client::by_certificate(&world, world.named("bob"));
    let (alice_key, desk_key) = (key(ALICE), key(DESK));
    let attribute = "msDS-KeyCredentialLink";
    let head = world.directory.domain().unwrap().head;
    grant(&world, head, "helpdesk", &[Delegable::People]);
    let code = bob.modify(DESK, &[(Add, attribute, &[&desk_key])]).code();
    assert_eq!(code, ResultCode::InsufficientAccessRights);
    let code = bob.modify(ALICE, &[(Add, attribute, &[&alice_key])]).code();
    assert_eq!(code, ResultCode::Success);
}

#[test]
fn a_password_alone_brings_no_granted_right_and_what_is_taken_back_is_gone_at_once() {
    let world = world();
    let unit = world.named_unit(UNIT);
    grant(&world, unit, "helpdesk", &[Delegable::People]);
    with_password(&world, "desk");
    let title: &[Step<'_>] = &[(Replace, "title", &[b"Dr"])];
    let mut by_password = Client::new(&world);
    assert_eq!(by_password.bind("desk", PASSWORD), ResultCode::Success);
    let code = by_password.modify(BOB, title).code();
    assert_eq!(code, ResultCode::InsufficientAccessRights);
    let mut desk = Client::by_certificate(&world, world.named("desk"));
    assert_eq!(desk.modify(BOB, title).code(), ResultCode::Success);
    world.commit([change::modify(
        unit,
        vec![Edit::clear(Attribute::DelegatedRights)],
    )]);
    let title: &[Step<'_>] = &[(Replace, "title", &[b"Professor"])];
    let code = desk.modify(BOB, title).code();
    assert_eq!(code, ResultCode::InsufficientAccessRights);
}

#[test]
fn administrators_grant_over_ldap_what_can_be_granted_and_the_log_says_what() {
    let world = world();
    let mut boss = Client::by_certificate(&world, world.named("boss"));
    let attribute = "keyporch-DelegatedRights";
    let snapshot = world.directory.snapshot().unwrap();
    let sid = snapshot.group_by_name("helpdesk").unwrap().unwrap().sid;
    let text = format!("{sid}:passwords");
    let granted = boss.modify(UNIT, &[(Add, attribute, &[text.as_bytes()])]);
    assert_eq!(granted.code(), ResultCode::Success);
    for wrong in ["", "S-1-5-32:everything", "helpdesk:keys", "S-1-05-32:keys"] {
        let answered = boss.modify(UNIT, &[(Add, attribute, &[wrong.as_bytes()])]);
        assert_eq!(
            answered.code(),
            ResultCode::InvalidAttributeSyntax,
            "{wrong}"
        );
    }
    let answered = boss.modify(BOB, &[(Add, attribute, &[text.as_bytes()])]);
    assert_eq!(answered.code(), ResultCode::ObjectClassViolation);
    let snapshot = world.directory.snapshot().unwrap();
    let records = snapshot
        .audit_log(START, trust::Timestamp::NEVER, 10_000)
        .unwrap();
    let rights: Vec<_> = records
        .iter()
        .filter_map(|record| record.details.get("rights"))
        .collect();
    assert_eq!(rights, [&text]);
}

#[test]
fn admin_count_shows_who_is_protected_and_as_long_as_they_are() {
    let world = world();
    let protected = |filter: &str| {
        let mut boss = Client::by_certificate(&world, world.named("boss"));
        let found = boss.search(filter, vec!["1.1"], vec![]);
        let mut names: Vec<String> = found
            .names()
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        names.sort();
        names
    };
    let filter = "(&(objectClass=user)(!(objectClass=computer))(adminCount=1))";
    let krbtgt = "CN=krbtgt,CN=Users,DC=corp,DC=example";
    assert_eq!(protected(filter), [BOSS, krbtgt]);
    let unit = world.named_unit(UNIT);
    grant(&world, unit, "helpdesk", &[Delegable::People]);
    assert_eq!(protected(filter), [BOSS, DESK, krbtgt]);
    assert!(protected("(&(objectClass=group)(adminCount=1))").contains(&HELPDESK.to_owned()));
    world.commit([Change::RemoveMember {
        group: world.named("helpdesk"),
        member: world.named("desk"),
    }]);
    assert_eq!(protected(filter), [BOSS, krbtgt]);
}

/// A client on a connection within TLS where a registered device's certificate was shown.
fn by_device(world: &World, computer: EntryId, device: wire::Guid) -> (ResultCode, Client<'_>) {
    let mut client = Client::new(world);
    client.channel.certificate = Shown::OfDevice {
        computer,
        device,
        until: START + trust::Span::hours(1),
    };
    let bound = client.ask(Operation::BindRequest(BindRequest {
        version: 3,
        name: "",
        authentication: Authentication::Sasl {
            mechanism: "EXTERNAL",
            credentials: None,
        },
    }));
    (bound.code(), client)
}

#[test]
fn a_computer_by_its_device_s_certificate_lists_one_key_on_itself_and_takes_it_off() {
    let world = world();
    let laptop = world.named("LAPTOP-1$");
    let name = "CN=LAPTOP-1,CN=Computers,DC=corp,DC=example";
    let id = laptop.0;
    // Its device is not there yet.
    assert_eq!(
        by_device(&world, laptop, id).0,
        ResultCode::InvalidCredentials
    );
    let devices = world.directory.domain().unwrap().devices;
    let device = EntryId::random(&mut Seeded::new(44));
    let enabled = |on: bool| vec![Edit::set(Attribute::MsDsIsEnabled, on)];
    world.commit([
        NewEntry::new(device, devices, Class::Device, id.to_string())
            .with(Attribute::MsDsDeviceId, id.to_windows_bytes().to_vec())
            .with(Attribute::DisplayName, "LAPTOP-1")
            .with(Attribute::MsDsIsEnabled, true)
            .into(),
    ]);
    let (bound, mut own) = by_device(&world, laptop, id);
    assert_eq!(bound, ResultCode::Success);
    assert!(own.session.is_of_device());
    let attribute = "msDS-KeyCredentialLink";
    let own_key = key(name);
    let second = DnBinary {
        binary: key_credential(&mut Seeded::new(2), None),
        dn: name.to_owned(),
    };
    let second = second.to_string().into_bytes();
    let code = |client: &mut Client<'_>, steps: &[Step<'_>]| client.modify(name, steps).code();
    use ModificationKind::Delete;
    assert_eq!(
        code(&mut own, &[(Add, attribute, &[&own_key])]),
        ResultCode::Success
    );
    assert_eq!(
        code(&mut own, &[(Add, attribute, &[&second])]),
        ResultCode::ConstraintViolation,
        "one, and no value there yet (D.7)"
    );
    let others = key(PC);
    assert_eq!(
        own.modify(PC, &[(Add, attribute, &[&others])]).code(),
        ResultCode::InsufficientAccessRights
    );
    assert_eq!(
        code(&mut own, &[(Delete, attribute, &[&own_key])]),
        ResultCode::Success
    );
    assert_eq!(
        code(&mut own, &[(Add, attribute, &[&second])]),
        ResultCode::Success
    );
    // A device that is disabled is nobody, on the connections that stand, too.
    world.commit([change::modify(device, enabled(false))]);
    let refused = code(&mut own, &[(Delete, attribute, &[&second])]);
    assert_ne!(refused, ResultCode::Success);
    assert_eq!(
        by_device(&world, laptop, id).0,
        ResultCode::InvalidCredentials
    );
}

impl World {
    pub(super) fn named_unit(&self, name: &str) -> EntryId {
        let snapshot = self.directory.snapshot().unwrap();
        let entry = snapshot.entry_by_dn(&name.parse().unwrap()).unwrap();
        let entry = entry.unwrap();
        assert_eq!(entry.class, Class::OrganizationalUnit);
        entry.id
    }
}
