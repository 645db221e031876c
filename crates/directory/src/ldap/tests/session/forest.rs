//! What clients look up of the forest, its levels and its servers, and of who is protected in it.

use super::*;
use crate::change::NewEntry;
use crate::group::GLOBAL_SECURITY;
use crate::{Attribute, Edit};
use ModificationKind::Replace;

/// A global group for mail alone ([MS-ADTS] 2.2.12).
const GLOBAL_DISTRIBUTION: i64 = 2;
const CONFIGURATION: &str = "CN=Configuration,DC=corp,DC=example";
const PARTITIONS: &str = "CN=Partitions,CN=Configuration,DC=corp,DC=example";
const SERVER: &str =
    "CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,DC=corp,DC=example";

/// The values of one attribute of the entries that a search finds, as texts.
fn texts(found: &Answered, attribute: &str) -> Vec<String> {
    let own = found.entries.iter().flat_map(|(_, shown)| shown);
    own.filter(|(name, _)| name == attribute)
        .flat_map(|(_, values)| values)
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect()
}

/// Below a base, as anybody who signed in.
fn below(world: &World, base: &str, scope: Scope, filter: &str, attributes: Vec<&str>) -> Answered {
    let request = SearchRequest {
        base,
        scope,
        ..search(filter, attributes)
    };
    let mut client = Client::by_certificate(world, world.named("alice"));
    client.ask(Operation::SearchRequest(request))
}

/// As Samba asks for it.
#[test]
fn a_domain_s_short_name_is_found_among_the_naming_contexts() {
    let world = World::new();
    let filter =
        "(&(objectClass=crossRef)(nETBIOSName=*)(ncName=DC=corp,DC=example)(dnsroot=corp.example))";
    let found = below(&world, PARTITIONS, Scope::One, filter, vec!["nETBIOSName"]);
    assert_eq!(texts(&found, "nETBIOSName"), ["CORP"]);
    let all = vec!["nCName", "systemFlags", "objectCategory"];
    let found = below(
        &world,
        PARTITIONS,
        Scope::One,
        "(objectCategory=crossRef)",
        all,
    );
    let mut contexts = texts(&found, "nCName");
    contexts.sort();
    let schema = "CN=Schema,CN=Configuration,DC=corp,DC=example";
    assert_eq!(contexts, [CONFIGURATION, schema, "DC=corp,DC=example"]);
    let mut flags = texts(&found, "systemFlags");
    flags.sort();
    assert_eq!(flags, ["1", "1", "3"]);
    // Each is there.
    for context in contexts {
        let found = below(
            &world,
            &context,
            Scope::Base,
            "(objectClass=*)",
            vec!["1.1"],
        );
        assert_eq!(found.names(), [context]);
    }
}

#[test]
fn the_levels_of_domain_forest_and_server_are_those_of_the_root() {
    let world = World::new();
    let root = below(&world, "", Scope::Base, "(objectClass=*)", vec!["*"]);
    let settings = format!("CN=NTDS Settings,{SERVER}");
    assert_eq!(texts(&root, "serverName"), [SERVER]);
    assert_eq!(texts(&root, "dsServiceName"), [settings.as_str()]);
    let level = texts(&root, "domainFunctionality");
    let of = |base: &str, filter: &str| {
        let asked = vec!["msDS-Behavior-Version"];
        texts(
            &below(&world, base, Scope::Subtree, filter, asked),
            "msDS-Behavior-Version",
        )
    };
    assert_eq!(of("DC=corp,DC=example", "(objectClass=domainDNS)"), level);
    assert_eq!(of(PARTITIONS, "(objectClass=crossRefContainer)"), level);
    assert_eq!(
        of(PARTITIONS, "(msDS-Behavior-Version>=7)"),
        [&*level, &*level].concat()
    );
    assert_eq!(of(CONFIGURATION, "(objectClass=nTDSDSA)"), level);
    assert_eq!(of(PARTITIONS, "(cn=Enterprise Schema)"), [""; 0]);
    let mixed = below(
        &world,
        "DC=corp,DC=example",
        Scope::Base,
        "(nTMixedDomain=0)",
        vec!["nTMixedDomain"],
    );
    assert_eq!(texts(&mixed, "nTMixedDomain"), ["0"]);
    let server = below(
        &world,
        SERVER,
        Scope::Base,
        "(objectClass=server)",
        vec!["serverReference", "dNSHostName"],
    );
    assert_eq!(
        texts(&server, "serverReference"),
        ["CN=DC1,OU=Domain Controllers,DC=corp,DC=example"]
    );
    assert_eq!(texts(&server, "dNSHostName"), ["dc1.corp.example"]);
}

/// What says which contexts there are is the directory's own: an administrator who raised a level would only have it said.
#[test]
fn nobody_changes_what_the_directory_says_of_itself() {
    let world = World::new();
    let mut administrator = Client::administrator(&world);
    let own = format!("CN=CORP,{PARTITIONS}");
    for (name, attribute, value) in [
        (PARTITIONS, "msDS-Behavior-Version", "10"),
        ("DC=corp,DC=example", "nTMixedDomain", "1"),
        (&own, "nETBIOSName", "OTHER"),
        (&own, "dnsRoot", "other.example"),
        (&own, "nCName", CONFIGURATION),
        (SERVER, "serverReference", ALICE),
        (ALICE, "uSNCreated", "1"),
    ] {
        let step: &[Step<'_>] = &[(Replace, attribute, &[value.as_bytes()])];
        let code = administrator.modify(name, step).code();
        assert_eq!(code, ResultCode::ConstraintViolation, "{attribute}");
    }
    let code = administrator.ask(Operation::DelRequest(&own)).code();
    assert_eq!(code, ResultCode::UnwillingToPerform);
}

#[test]
fn an_entry_says_which_commit_added_it_whatever_changes_later() {
    let world = World::new();
    let number = || world.directory.snapshot().unwrap().number().unwrap();
    let before = number();
    let mut administrator = Client::administrator(&world);
    let name = "CN=Eve,OU=People,DC=corp,DC=example";
    let added = administrator.add(
        name,
        &[("objectClass", &["user"]), ("sAMAccountName", &["eve"])],
    );
    assert_eq!(added.code(), ResultCode::Success);
    let created = number();
    let step: &[Step<'_>] = &[(Replace, "title", &[b"Dr"])];
    administrator.modify(name, step);
    let usn = |attribute| {
        let found = administrator_s(&world, "(sAMAccountName=eve)", attribute);
        texts(&found, attribute).concat().parse::<u64>().unwrap()
    };
    assert_eq!((usn("uSNCreated"), usn("uSNChanged")), (created, number()));
    assert!(before < created && created < number());
    let since = format!("(uSNCreated>={created})");
    assert_eq!(administrator_s(&world, &since, "cn").names(), [name]);
}

fn administrator_s(world: &World, filter: &str, attribute: &str) -> Answered {
    Client::administrator(world).search(filter, vec![attribute], vec![])
}

/// Whatever is asked of it: found are those who show it, and each who shows it is found.
#[test]
fn who_is_protected_is_found_by_whatever_makes_them_so() {
    let mut world = World::new();
    let domain = world.directory.domain().unwrap();
    let (nested, told, primary, mail, reader) =
        (world.id(), world.id(), world.id(), world.id(), world.id());
    let user = |id, name: &str| NewEntry::user(id, domain.users, name, name);
    let member = |group, member| Change::AddMember { group, member };
    let (admins, keys) = (world.named("Domain Admins"), world.named("Key Admins"));
    world.commit([
        NewEntry::group(nested, domain.users, "nested", GLOBAL_SECURITY).into(),
        NewEntry::group(mail, domain.users, "mail", GLOBAL_DISTRIBUTION).into(),
        user(told, "told").into(),
        user(primary, "primary").into(),
        user(reader, "reader").into(),
        member(keys, nested),
        member(nested, told),
        member(mail, reader),
    ]);
    let rid = i64::from(crate::well_known::SCHEMA_ADMINS);
    let edit = Edit::set(Attribute::PrimaryGroupId, rid);
    world.commit([
        change::modify(primary, vec![edit]),
        member(admins, world.named("boss")),
    ]);
    let found = |filter: &str| world.everywhere(filter);
    let all = found("(adminCount=1)");
    for name in [
        "nested",
        "told",
        "primary",
        "The Boss",
        "krbtgt",
        "kadmin-changepw",
        "DC1",
        "Domain Admins",
    ] {
        assert!(all.contains(name), "{name}: {all:?}");
    }
    for filter in [
        "(adminCount=*)",
        "(adminCount>=1)",
        "(adminCount<=1)",
        "(adminCount>=0)",
        "(adminCount:1.2.840.113556.1.4.803:=1)",
    ] {
        assert_eq!(found(filter), all, "{filter}");
    }
    for filter in [
        "(adminCount=0)",
        "(adminCount>=2)",
        "(adminCount<=0)",
        "(adminCount:1.2.840.113556.1.4.804:=2)",
    ] {
        assert_eq!(found(filter), names([]), "{filter}");
    }
    // By hand, of each.
    let snapshot = world.directory.snapshot().unwrap();
    let entries = snapshot.entries_after(None, 1_000).unwrap();
    let shows = entries
        .iter()
        .filter(|entry| !world.shown(entry.id, &["adminCount"]).is_empty());
    let by_hand: std::collections::BTreeSet<String> =
        shows.map(|entry| entry.name.clone()).collect();
    assert_eq!(all, by_hand);
    let rest = found("(!(adminCount=1))");
    assert!(rest.contains("reader") && rest.contains("Bob"), "{rest:?}");
    assert!(
        !rest.contains("told") && !rest.contains("primary"),
        "{rest:?}"
    );
}

/// As Samba lists who has not expired; found missing with it, where most accounts were left out.
#[test]
fn accounts_that_never_expire_say_so() {
    let world = World::new();
    let never = "(|(accountExpires=0)(accountExpires>=134000000000000000))";
    let people = format!("(&(objectCategory=person){never})");
    let mut before = world.everywhere(&people);
    assert!(
        before.contains("Bob") && before.contains("Alice Example"),
        "{before:?}"
    );
    let bob = world.named("bob");
    assert_eq!(world.value(bob, "accountExpires"), "9223372036854775807");
    let long_ago = trust::Timestamp::from_unix(1_000_000_000);
    world.commit([change::modify(
        bob,
        vec![Edit::set(Attribute::AccountExpires, long_ago)],
    )]);
    assert!(before.remove("Bob"));
    assert_eq!(world.everywhere(&people), before);
    assert!(
        world
            .everywhere("(accountExpires<=134000000000000000)")
            .contains("Bob")
    );
    assert_eq!(
        world.value(bob, "accountExpires"),
        long_ago.filetime().to_string()
    );
    // Units and groups do not expire.
    assert!(!world.everywhere("(accountExpires=*)").contains("People"));
    let all = world.shown(world.named("alice"), &[]);
    assert_eq!(
        all.iter()
            .filter(|(name, _)| name == "accountExpires")
            .count(),
        1
    );
}
