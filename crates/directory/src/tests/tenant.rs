//! A tenant in a store of its own.

use std::sync::Arc;

use crypto::password::Cost;
use wire::Guid;

use crate::account::Account;
use crate::change::{self, Change, NewEntry};
use crate::codec::Reader;
use crate::domain::{Domain, StoreKind};
use crate::password::{Chooser, PasswordRefused};
use crate::schema::Class;
use crate::storage::Memory;
use crate::tenant::{
    self, Application, Consent, Permission, Settings, TenantNames, VerifiedDomain, Who,
};
use crate::testing::{self, START, Seeded};
use crate::{Directory, EntryId, Reads, well_known};

use super::verify;

fn names() -> TenantNames {
    TenantNames {
        domain: "Corp.Example".into(),
        display_name: "Example Corporation".into(),
    }
}

fn tenant() -> Directory {
    let directory = testing::open(Arc::new(Memory::new()));
    tenant::found(&directory, &names(), START, &mut Seeded::new(1)).unwrap();
    directory
}

fn commit(directory: &Directory, changes: impl IntoIterator<Item = Change>) {
    let changes: Vec<Change> = changes.into_iter().collect();
    directory.commit(&changes, &Reads::none(), START).unwrap();
}

#[test]
fn a_tenant_has_what_people_and_devices_need_and_nothing_of_kerberos() {
    let directory = tenant();
    let snapshot = directory.snapshot().unwrap();
    let domain = snapshot.domain();
    assert_eq!(domain.kind, StoreKind::Tenant);
    assert_eq!(domain.dns_name, "corp.example");
    for id in [
        domain.head,
        domain.users,
        domain.devices,
        domain.policies,
        domain.configuration,
        domain.device_registration_service,
    ] {
        assert!(snapshot.entry(id).unwrap().is_some());
    }
    for id in [
        domain.krbtgt,
        domain.domain_controller,
        domain.computers,
        domain.services,
        domain.domain_controllers,
    ] {
        assert!(snapshot.entry(id).unwrap().is_none());
    }
    assert!(snapshot.krbtgt().is_err());
    for rid in [well_known::DOMAIN_ADMINS, well_known::DOMAIN_USERS] {
        let sid = domain.well_known_sid(rid);
        assert!(snapshot.group_by_sid(&sid).unwrap().is_some(), "{rid}");
    }
    let first = tenant::domain(&snapshot, "corp.example", START).unwrap();
    let first = first.unwrap();
    assert!(first.is_verified() && first.primary);
    let settings = tenant::settings(&snapshot, START).unwrap();
    assert_eq!(settings.display_name, "Example Corporation");
    assert!(tenant::changed_stamp(&snapshot).unwrap().is_some());
}

#[test]
fn a_tenant_lacks_nothing_that_a_domain_has_and_its_rows_agree() {
    let directory = tenant();
    let made = well_known::complete(&directory, START, &mut Seeded::new(2)).unwrap();
    assert!(made.added.is_empty() && made.in_the_way.is_empty());
    verify(&directory);
}

#[test]
fn a_store_says_which_of_the_two_it_is_and_one_that_says_nothing_is_a_domain() {
    let rng = &mut Seeded::new(3);
    for kind in [StoreKind::Domain, StoreKind::Tenant] {
        let domain = crate::bootstrap::new_domain("corp.example", "CORP", kind, rng);
        let written = domain.write();
        assert_eq!(Domain::read(Reader::new(&written)), Ok(domain));
    }
    let kind = StoreKind::Tenant;
    let tenant = crate::bootstrap::new_domain("corp.example", "CORP", kind, rng).write();
    let (_, bare) = tenant.split_last().unwrap();
    let read = Domain::read(Reader::new(bare)).unwrap();
    assert_eq!(read.kind, StoreKind::Domain);
    let other = [bare, &[2]].concat();
    assert!(Domain::read(Reader::new(&other)).is_err());
}

#[test]
fn names_that_are_none_make_no_tenant_and_there_is_one_in_a_store() {
    let directory = testing::open(Arc::new(Memory::new()));
    for (domain, display_name) in [
        ("corp", "Example"),
        ("corp..example", "Example"),
        ("-corp.example", "Example"),
        ("127.0.0.1", "Example"),
        ("corp.example", " "),
    ] {
        let names = TenantNames {
            domain: domain.into(),
            display_name: display_name.into(),
        };
        let made = tenant::found(&directory, &names, START, &mut Seeded::new(1));
        assert!(made.is_err(), "{domain} {display_name:?}");
    }
    tenant::found(&directory, &names(), START, &mut Seeded::new(1)).unwrap();
    let again = tenant::found(&directory, &names(), START, &mut Seeded::new(2));
    assert!(again.is_err());
}

fn alice(directory: &Directory) -> Arc<Account> {
    let snapshot = directory.snapshot().unwrap();
    snapshot.account_by_sam("alice").unwrap().unwrap()
}

#[test]
fn a_password_in_a_tenant_gives_no_kerberos_keys() {
    let directory = tenant();
    let rng = &mut Seeded::new(5);
    let (first, next) = ("correct horse battery", "another horse battery");
    let snapshot = directory.snapshot().unwrap();
    let class = Class::User;
    let made = crate::password::first(&snapshot, class, "alice", first, Cost::LEAST, rng).unwrap();
    let users = snapshot.domain().users;
    let id = EntryId::random(rng);
    let entry = NewEntry::user(id, users, "alice", "Alice").with_password(made.unwrap(), false);
    commit(&directory, [entry.into()]);
    let no_keys = |account: &Account| account.keys.current().is_none_or(|set| set.keys.is_empty());
    let account = alice(&directory);
    assert!(no_keys(&account));
    assert!(crate::password::verify(Some(&account), first, Cost::LEAST));

    let change = |password: &str, rng: &mut Seeded| {
        let snapshot = directory.snapshot().unwrap();
        let by = Chooser::Administrator { must_change: false };
        crate::password::change(&snapshot, id, password, by, Cost::LEAST, START, rng).unwrap()
    };
    commit(&directory, [change(next, rng).unwrap()]);
    let account = alice(&directory);
    assert!(no_keys(&account));
    assert!(crate::password::verify(Some(&account), next, Cost::LEAST));
    assert!(!crate::password::verify(Some(&account), first, Cost::LEAST));
    let short = change("short", rng).unwrap_err();
    assert!(matches!(short, PasswordRefused::TooShort(_)));

    // A domain's do.
    let domain = testing::fresh();
    let snapshot = domain.snapshot().unwrap();
    let made = crate::password::first(&snapshot, class, "bob", first, Cost::LEAST, rng).unwrap();
    assert!(!made.unwrap().keys().is_empty());
}

#[test]
fn records_come_back_as_they_were_written_and_each_change_is_seen_in_one_row() {
    let directory = tenant();
    let rng = &mut Seeded::new(7);
    let stamp = || {
        let snapshot = directory.snapshot().unwrap();
        tenant::changed_stamp(&snapshot).unwrap().unwrap()
    };
    let mut seen = vec![stamp()];
    let mut change = |changes: [Change; 2]| {
        commit(&directory, changes);
        let now = stamp();
        assert!(!seen.contains(&now));
        seen.push(now);
    };

    let settings = Settings {
        may_join: Who::Group(EntryId(Guid::from_random([3; 16]))),
        registration_quota: 3,
        ..Settings::default()
    };
    change(tenant::put_settings(&settings, rng));
    let second = VerifiedDomain::new("other.example".into(), rng);
    change(tenant::put_domain(&second, rng));
    let id = Guid::from_random([9; 16]);
    let application = Application {
        id,
        name: "Wiki".into(),
        permissions: vec![Permission {
            scope: "pages.read".into(),
            description: "Read pages".into(),
            administrator_only: false,
        }],
        ..Application::default()
    };
    change(tenant::put_application(&application, rng));
    let consent = |account| Consent {
        application: id,
        account,
        resource: "urn:wiki".into(),
        scopes: vec!["pages.read".into()],
        by: "alice@corp.example".into(),
        at: START,
    };
    let person = EntryId(Guid::from_random([4; 16]));
    change(tenant::put_consent(&consent(Some(person)), rng));
    change(tenant::put_consent(&consent(None), rng));

    let snapshot = directory.snapshot().unwrap();
    assert_eq!(tenant::settings(&snapshot, START).unwrap(), settings);
    let domains = tenant::domains(&snapshot, START).unwrap();
    let named: Vec<&str> = domains.iter().map(|domain| domain.name.as_str()).collect();
    assert_eq!(named, ["corp.example", "other.example"]);
    assert_eq!(domains[1], second);
    let applications = |after| tenant::applications(&snapshot, after, 10, START).unwrap();
    assert_eq!(applications(None), [application]);
    assert_eq!(applications(Some(id)), []);
    let consented = |account| tenant::consent(&snapshot, id, account, START).unwrap();
    assert_eq!(consented(Some(person)), [consent(Some(person))]);
    assert_eq!(consented(None), [consent(None)]);

    change(tenant::remove_domain("Other.Example", rng));
    change(tenant::remove_consent(id, None, "URN:wiki", rng));
    change(tenant::remove_application(id, rng));
    let snapshot = directory.snapshot().unwrap();
    assert_eq!(tenant::domains(&snapshot, START).unwrap().len(), 1);
    assert_eq!(tenant::application(&snapshot, id, START).unwrap(), None);
    assert_eq!(tenant::consent(&snapshot, id, None, START).unwrap(), []);
    let person = tenant::consent(&snapshot, id, Some(person), START).unwrap();
    assert_eq!(person.len(), 1);
}

#[test]
fn what_an_older_version_wrote_reads_with_defaults_and_what_cannot_be_read_is_a_fault() {
    let directory = tenant();
    let put = |json: &str| {
        let bytes = [&[1], json.as_bytes()].concat();
        let record = change::put(
            tenant::SETTINGS,
            b"settings",
            bytes,
            trust::Timestamp::NEVER,
        );
        commit(&directory, [record]);
        let snapshot = directory.snapshot().unwrap();
        tenant::settings(&snapshot, START)
    };
    let old = put(r#"{"display_name":"Old","no_longer":1}"#).unwrap();
    let expected = Settings {
        display_name: "Old".into(),
        ..Settings::default()
    };
    assert_eq!(old, expected);
    assert!(put("{").is_err());
}

#[test]
fn the_sign_ins_of_an_account_end_at_a_moment() {
    let directory = tenant();
    let id = EntryId(Guid::from_random([4; 16]));
    let revoked = || {
        let snapshot = directory.snapshot().unwrap();
        tenant::revoked_before(&snapshot, id, START).unwrap()
    };
    assert_eq!(revoked(), None);
    commit(&directory, [tenant::revoke_sign_ins(id, START)]);
    assert_eq!(revoked(), Some(START));
}

#[test]
fn a_name_is_in_the_domain_behind_its_last_at_sign() {
    for (upn, domain) in [
        ("alice@Corp.Example", Some("corp.example")),
        ("a@b@corp.example", Some("corp.example")),
        ("alice", None),
        ("@corp.example", None),
        ("alice@corp", None),
        ("alice@corp.example.", None),
        ("alice@corp_1.example", None),
    ] {
        assert_eq!(tenant::domain_of(upn).as_deref(), domain, "{upn}");
    }
}
