//! The schema's tables, and how rows are written.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::codec::Reader;
use crate::layout::{self, Listing};
use crate::schema::{ATTRIBUTES, CLASSES};
use crate::testing::fresh;
use crate::{Attribute, Class, Edit, Entry, Refused, Stamp, Value, change};

#[test]
fn every_number_name_and_oid_is_given_once() {
    let mut last = 0;
    let mut names = BTreeSet::new();
    for row in ATTRIBUTES {
        assert!(
            row.attribute.number() > last,
            "{} is out of order",
            row.name
        );
        last = row.attribute.number();
        assert!(
            names.insert(row.name.to_lowercase()) && names.insert(row.oid.to_owned()),
            "{}",
            row.name
        );
        assert_eq!(Attribute::from_number(last), Some(row.attribute));
        assert_eq!(row.attribute.row().name, row.name);
        assert_eq!(
            Attribute::by_name(&row.name.to_uppercase()),
            Some(row.attribute)
        );
        assert_eq!(Attribute::by_name(row.oid), Some(row.attribute));
    }
    for (position, row) in CLASSES.iter().enumerate() {
        assert_eq!(row.class as usize, position + 1);
        assert_eq!(row.class.row().name, row.name);
        assert_eq!(Class::from_number(row.class as u8), Some(row.class));
        assert_eq!(Class::by_name(row.name), Some(row.class));
        assert_eq!(
            (row.chain.first(), row.chain.last()),
            (Some(&"top"), Some(&row.name))
        );
        assert!(names.insert(row.oid.to_owned()), "{}", row.name);
    }
    assert_eq!(Attribute::from_number(9_999), None);
    assert_eq!(Class::from_number(0), None);
}

#[test]
fn an_entry_takes_what_its_class_allows_and_nothing_else() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let refused = |edit: Edit| match write(&directory, &[change::modify(alice, vec![edit])]) {
        Err(CommitError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    };
    use Attribute as A;
    assert!(matches!(
        refused(Edit::set(A::GroupType, 1)),
        Refused::NotAllowed { .. }
    ));
    assert_eq!(
        refused(Edit::set(A::WhenCreated, START)),
        Refused::SystemOnly(A::WhenCreated)
    );
    assert_eq!(
        refused(Edit::set(A::MemberOf, alice)),
        Refused::SystemOnly(A::MemberOf)
    );
    assert!(matches!(
        refused(Edit::set(A::DisplayName, 1)),
        Refused::Invalid { .. }
    ));
    assert!(matches!(
        refused(Edit::set(A::DisplayName, "  ")),
        Refused::Invalid { .. }
    ));
    assert!(matches!(
        refused(Edit::set(A::DisplayName, "a\u{7}")),
        Refused::Invalid { .. }
    ));
    assert!(matches!(
        refused(Edit::set(A::PrimaryGroupId, 1 << 40)),
        Refused::Invalid { .. }
    ));
    let two = vec!["a".into(), "b".into()];
    assert_eq!(
        refused(Edit::Set(A::DisplayName, two)),
        Refused::SingleValued(A::DisplayName)
    );
    assert!(matches!(
        refused(Edit::clear(A::SamAccountName)),
        Refused::Missing { .. }
    ));
    let secret = crate::Secret::new(b"x".to_vec());
    assert_eq!(
        refused(Edit::set(A::PasswordHash, secret.clone())),
        Refused::SystemOnly(A::PasswordHash)
    );
    assert!(matches!(
        refused(Edit::Add(A::SecondFactor, vec![secret.into()])),
        Refused::Invalid { .. }
    ));
    let blob = vec![Value::Octets(vec![1])];
    assert!(matches!(
        refused(Edit::Add(A::MsDsKeyCredentialLink, blob)),
        Refused::Invalid { .. }
    ));
    for control in [0x2, 0x1200, 0x1000] {
        assert!(matches!(
            refused(Edit::set(A::UserAccountControl, control)),
            Refused::Invalid { .. }
        ));
    }
    let odd = NewEntry::new(
        id("x"),
        directory.domain().unwrap().devices,
        Class::Device,
        "x",
    );
    assert!(matches!(
        write(&directory, &[odd.into()]),
        Err(CommitError::Refused(Refused::Missing { .. }))
    ));
    for name in ["", " \t", &"x".repeat(65), "a\nb"] {
        let entry = NewEntry::new(
            id("x"),
            directory.domain().unwrap().head,
            Class::Container,
            name,
        );
        assert_eq!(
            write(&directory, &[entry.into()]),
            Err(Refused::InvalidName.into())
        );
    }
}

#[test]
fn second_factors_come_back_as_they_were_and_rest_wrapped() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let secrets = vec![
        crate::Secret::new(b"totp".to_vec()),
        crate::Secret::new(b"codes".to_vec()),
    ];
    write(
        &directory,
        &[change::set_second_factors(alice, secrets.clone())],
    )
    .unwrap();
    let account = directory
        .snapshot()
        .unwrap()
        .account_by_id(alice)
        .unwrap()
        .unwrap();
    assert_eq!(account.second_factors, secrets);
    assert_eq!(
        format!("{:?}", account.second_factors[0]),
        "Secret(4 bytes)"
    );
}

#[test]
fn the_new_domain_has_what_the_specification_lists() {
    let directory = fresh();
    let snapshot = directory.snapshot().unwrap();
    let there = |dn: &str| {
        snapshot
            .entry_by_dn(&dn.parse().unwrap())
            .unwrap()
            .unwrap_or_else(|| panic!("{dn}"))
    };
    for dn in [
        "DC=corp,DC=example",
        "CN=Users,DC=corp,DC=example",
        "CN=Computers,DC=corp,DC=example",
        "OU=Domain Controllers,DC=corp,DC=example",
        "CN=System,DC=corp,DC=example",
        "CN=RegisteredDevices,DC=corp,DC=example",
        "CN=Configuration,DC=corp,DC=example",
        "CN=Services,CN=Configuration,DC=corp,DC=example",
        "CN=DC1,OU=Domain Controllers,DC=corp,DC=example",
    ] {
        there(dn);
    }
    // DREG-1, DREG-2, DIR-D1.
    let configuration =
        "CN=Device Registration Configuration,CN=Services,CN=Configuration,DC=corp,DC=example";
    let point = there(&format!(
        "CN=62a0ff2e-97b9-4513-943f-0d221bd30080,{configuration}"
    ));
    assert_eq!(point.class, Class::ServiceConnectionPoint);
    assert_eq!(
        point.text(Attribute::Keywords),
        Some("enterpriseDrsName:sts.corp.example")
    );
    let service = there(&format!(
        "CN=DeviceRegistrationService,CN=Device Registration Services,{configuration}"
    ));
    let location = service.link(Attribute::MsDsDeviceLocation).unwrap();
    assert_eq!(
        snapshot.dn(location).unwrap().unwrap().to_string(),
        "CN=RegisteredDevices,DC=corp,DC=example"
    );
    for (name, rid) in [
        ("Domain Admins", 512),
        ("Domain Users", 513),
        ("Domain Computers", 515),
        ("Domain Controllers", 516),
        ("Key Admins", 526),
        ("Enterprise Key Admins", 527),
    ] {
        let group = snapshot.group_by_name(name).unwrap().unwrap();
        assert_eq!(group.sid, snapshot.domain().well_known_sid(rid), "{name}");
        assert!(group.critical);
    }
    // POL-G1.
    assert!(
        snapshot
            .group_by_name("Windows Hello for Business Users")
            .unwrap()
            .is_some()
    );
    let krbtgt = snapshot.account_by_sam("krbtgt").unwrap().unwrap();
    assert_eq!(
        (krbtgt.sid.rid(), krbtgt.kind),
        (502, crate::AccountKind::Krbtgt)
    );
    assert_eq!(krbtgt.keys.current().unwrap().keys.len(), 4);
    let controller = snapshot.account_by_sam("DC1$").unwrap().unwrap();
    assert_eq!(controller.primary_group, 516);
    assert!(
        snapshot
            .account_by_spn("ldap/dc1.corp.example")
            .unwrap()
            .is_some()
    );
    assert!(
        snapshot
            .account_by_spn("HTTP/sts.corp.example")
            .unwrap()
            .is_some()
    );
    assert_eq!(snapshot.machine_account_quota().unwrap(), 10);
    assert_eq!(
        snapshot.password_policy().unwrap(),
        crate::password::PasswordPolicy::default()
    );
    assert_eq!(
        snapshot.lockout_policy().unwrap(),
        crate::lockout::LockoutPolicy::default()
    );
    verify(&directory);
}

#[test]
fn impossible_names_make_no_domain() {
    let changes: [fn(&mut crate::Bootstrap); 7] = [
        |names| names.dns_name = "corp".into(),
        |names| names.dns_name = "corp..example".into(),
        |names| names.dns_name = "-corp.example".into(),
        |names| names.netbios_name = "A NAME".into(),
        |names| names.netbios_name = "X".repeat(16),
        |names| names.domain_controller = String::new(),
        |names| names.federation_host = Some("sts corp".into()),
    ];
    for change in changes {
        let directory = crate::testing::open(std::sync::Arc::new(crate::storage::Memory::new()));
        let mut names = crate::Bootstrap::of("corp.example");
        change(&mut names);
        let made = crate::bootstrap(&directory, &names, START, &mut Seeded::new(1));
        assert_eq!(made, Err(Refused::InvalidName.into()), "{names:?}");
        assert_eq!(directory.snapshot().unwrap_err(), crate::Fault::NoDomain);
    }
}

proptest! {
    #[test]
    fn no_row_of_random_bytes_makes_a_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Entry::read(EntryId::NONE, Stamp::ZERO, &mut Reader::new(&bytes));
        let _ = Commit::read(Stamp::ZERO, Reader::new(&bytes));
        let _ = layout::open_row(&bytes);
        let _ = crate::domain::Domain::read(Reader::new(&bytes));
        let _ = crate::account::KerberosKeys::read(&crate::Secret::new(bytes.clone()));
        let _ = crate::password::PasswordHistory::read(&crate::Secret::new(bytes.clone()));
        let _ = crate::KeyCredential::new(bytes, crate::Origin::Import, START);
    }

    #[test]
    fn keys_keep_the_order_of_values_and_none_is_a_prefix_of_another(
        one in proptest::collection::vec(0u8..4, 0..6),
        other in proptest::collection::vec(0u8..4, 0..6),
    ) {
        let key = |value: &[u8]| layout::listed_value(Listing::KeyDevice, value);
        prop_assert_eq!(key(&one).cmp(&key(&other)), one.cmp(&other));
        prop_assert!(one == other || !key(&one).starts_with(&key(&other)));
    }

    #[test]
    fn names_are_printed_and_read_back(value in "\\PC{1,20}") {
        prop_assume!(!folded_is_empty(&value));
        let rdn = crate::Rdn { attribute: Attribute::Cn, value: value.clone() };
        let dn = crate::Dn::of_domain("corp.example").under(vec![rdn]);
        let back: crate::Dn = dn.to_string().parse().unwrap();
        prop_assert_eq!(&back.parts()[0].value, &value);
    }

    #[test]
    fn no_text_makes_the_name_reader_fall(text in "\\PC{0,40}") {
        let _ = text.parse::<crate::Dn>();
    }
}

fn folded_is_empty(value: &str) -> bool {
    crate::folded(value).is_empty()
}
