//! LDIF in and out.

use administration::Caller;
use serde_json::{Value, json};

use crate::world::{Got, World, request};

fn import(world: &World, query: &str, ldif: &str) -> Got {
    let mut request = request(&format!("POST /import?{query}"), &Value::Null)
        .with_header("Content-Type", "application/ldif");
    request.body = ldif.as_bytes().to_vec();
    world.send(&request, &Caller::Local)
}

/// What is exported of a part, page by page, what others hang on before these.
fn part(world: &World, part: &str, query: &str) -> String {
    let mut records: Vec<(u64, String)> = Vec::new();
    let mut after = String::new();
    loop {
        let request = request(
            &format!("GET /export?part={part}{query}{after}"),
            &Value::Null,
        );
        let got = world.send(&request, &Caller::Local).ok();
        for item in got["items"].as_array().unwrap() {
            let ldif = item["ldif"].as_str().unwrap().to_owned();
            records.push((item["depth"].as_u64().unwrap(), ldif));
        }
        match got["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    records.sort();
    records.into_iter().map(|(_, ldif)| ldif).collect()
}

fn export(world: &World, query: &str) -> String {
    ["containers", "entries", "links"]
        .map(|name| part(world, name, query))
        .concat()
}

/// How many records are done, and how many of them were added, changed, like that, and passed over.
fn numbers(got: &Value) -> [usize; 5] {
    let outcomes = got["outcomes"].as_array().unwrap();
    let count = |wanted: &str| outcomes.iter().filter(|outcome| *outcome == wanted).count();
    let each = ["added", "changed", "unchanged", "passed_over"].map(count);
    [outcomes.len(), each[0], each[1], each[2], each[3]]
}

const FLEET: &str = "dn: OU=Fleet,DC=corp,DC=example
objectClass: organizationalUnit

dn: OU=North,OU=Fleet,DC=corp,DC=example
objectClass: organizationalUnit
description: where it is cold

dn: CN=Bob Fleet,OU=North,OU=Fleet,DC=corp,DC=example
objectClass: user
objectClass: posixAccount
sAMAccountName: bobf
userPrincipalName: bobf@corp.example
userAccountControl: 512
uidNumber: 10001
gidNumber: 10001
unixHomeDirectory: /home/bob
loginShell: /bin/sh
description:: wqcgc3RyYW5nZQ==

dn: CN=Carol Fleet,OU=Fleet,DC=corp,DC=example
objectClass: user
sAMAccountName: carolf
manager: CN=Bob Fleet,OU=North,OU=Fleet,DC=corp,DC=example

dn: CN=Inner,OU=Fleet,DC=corp,DC=example
objectClass: group
member: CN=Bob Fleet,OU=North,OU=Fleet,DC=corp,DC=example

dn: CN=Outer,OU=Fleet,DC=corp,DC=example
objectClass: group
gidNumber: 10002
member: CN=Inner,OU=Fleet,DC=corp,DC=example
member: CN=Carol Fleet,OU=Fleet,DC=corp,DC=example
";

#[test]
fn a_fleet_is_brought_in_once_however_often_it_is_tried() {
    let world = World::new();
    let tried = import(&world, "dry_run=true", FLEET).ok();
    assert_eq!(numbers(&tried), [6, 6, 0, 0, 0]);
    let got = import(&world, "", FLEET).ok();
    assert_eq!(numbers(&got), [6, 6, 0, 0, 0], "a trial leaves nothing");
    let bob = world.get("admin", "/users/bobf").ok();
    assert_eq!(bob["upn"], "bobf@corp.example");
    assert_eq!(bob["description"], "\u{a7} strange");
    assert_eq!(bob["enabled"], true);
    let groups: Vec<&str> = bob["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["name"].as_str().unwrap())
        .collect();
    assert!(groups.contains(&"Outer"), "{groups:?}");
    let records = world.log().len();
    let again = import(&world, "", FLEET).ok();
    assert_eq!(numbers(&again), [6, 0, 0, 6, 0]);
    let again = import(&world, "update=true", FLEET).ok();
    assert_eq!(numbers(&again), [6, 0, 0, 6, 0]);
    assert_eq!(
        world.log().len(),
        records,
        "nothing was done, nothing is written"
    );
    let added = world.log();
    let added = added.iter().filter(|line| line.action == "entry.add");
    assert!(added.clone().count() == 6, "one record for each entry");
    assert!(
        added
            .clone()
            .all(|line| line.actor.name == "local administrator")
    );
}

#[test]
fn what_is_exported_makes_the_same_directory_elsewhere() {
    let world = World::new();
    import(&world, "", FLEET).ok();
    let key = json!({"key": crate::world::new_key().0});
    world.ask("admin", "POST /users/bobf/keys", key).ok();
    let changes = "dn: CN=Domain Admins,CN=Users,DC=corp,DC=example\nchangetype: modify\nadd: member\n\
                   member: CN=Bob Fleet,OU=North,OU=Fleet,DC=corp,DC=example\n";
    import(&world, "", changes).ok();
    let ldif = export(&world, "");
    assert!(ldif.contains("msDS-KeyCredentialLink: B:"), "{ldif}");
    for secret in [
        "userPassword",
        "unicodePwd",
        "supplementalCredentials",
        "objectSid",
        "objectGUID",
    ] {
        assert!(!ldif.contains(secret), "{secret}");
    }
    let other = World::new();
    let got = import(&other, "go_on=true", &ldif).ok();
    assert_eq!(got["refused"], json!([]), "{got:#}");
    assert_eq!(sorted(&export(&other, "")), sorted(&ldif));
    let keys = other.get("admin", "/users/bobf/keys").ok();
    assert_eq!(keys["items"][0]["origin"], "import");
    let bob = other.get("admin", "/users/bobf").ok();
    assert_eq!(bob["protected"], true, "he administers there, too");
}

/// The records of a text, for entries come in the order of their identifiers.
fn sorted(ldif: &str) -> Vec<Vec<&str>> {
    let mut records: Vec<Vec<&str>> = ldif
        .split("\n\n")
        .map(|record| {
            let mut lines: Vec<&str> = record.lines().collect();
            lines.sort_unstable();
            lines
        })
        .collect();
    records.sort();
    records
}

#[test]
fn an_export_can_be_of_a_part_and_of_some_attributes() {
    let world = World::new();
    import(&world, "", FLEET).ok();
    let ldif = export(
        &world,
        "&base=OU%3DFleet,DC%3Dcorp,DC%3Dexample&filter=(objectClass%3Duser)&attributes=sAMAccountName,uidNumber",
    );
    let names: Vec<&str> = ldif
        .lines()
        .filter(|line| line.starts_with("dn: "))
        .collect();
    assert_eq!(names.len(), 2, "{ldif}");
    assert!(
        ldif.contains("uidNumber: 10001") && !ldif.contains("loginShell"),
        "{ldif}"
    );
    for (query, status) in [
        ("base=CN%3DNobody,DC%3Dcorp,DC%3Dexample", 400),
        ("filter=(cn", 400),
        ("attributes=cnn", 400),
        ("part=all", 400),
        ("after=x", 400),
    ] {
        let request = request(&format!("GET /export?{query}"), &Value::Null);
        assert_eq!(
            world.send(&request, &Caller::Local).status,
            status,
            "{query}"
        );
    }
    assert_eq!(world.get("keeper", "/export").status, 403);
}

#[test]
fn a_bad_record_is_named_and_what_is_before_it_is_done() {
    let world = World::new();
    let bad = "dn: CN=Who,OU=Fleet,DC=corp,DC=example\nobjectClass: user\nsAMAccountName: who\nshoeSize: 43\n\n";
    let (first, rest) = FLEET.split_at(FLEET.find("dn: CN=Carol").unwrap());
    let ldif = format!("{first}{bad}{rest}");
    let got = import(&world, "", &ldif).ok();
    assert_eq!(numbers(&got), [3, 3, 0, 0, 0]);
    let refused = &got["refused"][0];
    assert_eq!(refused["record"], 3);
    assert_eq!(refused["line"], 20);
    assert!(
        refused["why"].as_str().unwrap().contains("shoeSize"),
        "{refused}"
    );
    assert!(
        refused["remedy"].as_str().unwrap().contains("skip_unknown"),
        "{refused}"
    );
    let got = import(&world, "go_on=true", &ldif).ok();
    assert_eq!(numbers(&got), [7, 3, 0, 3, 0]);
    assert_eq!(got["refused"].as_array().unwrap().len(), 1);
    let got = import(&world, "skip_unknown=true", &ldif).ok();
    assert_eq!(numbers(&got), [7, 1, 0, 6, 0]);
    assert_eq!(got["left_out"], json!({"shoeSize": 1}));
    for (ldif, what) in [
        ("dn CN=x", "line 1"),
        ("dn: CN=x\nphoto:< file:///etc/passwd\n", "line 2"),
    ] {
        let got = import(&world, "", ldif);
        assert_eq!(got.code(), (400, "malformed"));
        assert!(
            got.json["detail"].as_str().unwrap().contains(what),
            "{}",
            got.json
        );
    }
}

#[test]
fn entries_of_openldap_become_people_and_groups() {
    let world = World::new();
    let ldif = "dn: dc=old,dc=org
objectClass: top
objectClass: dcObject
objectClass: organization
o: Old
dc: old

dn: ou=People,dc=old,dc=org
objectClass: organizationalUnit
ou: People
structuralObjectClass: organizationalUnit
entryUUID: 5d0e1f1e-5b5c-103e-8f2e-1f6a4bd5d6a1
creatorsName: cn=admin,dc=old,dc=org
entryCSN: 20260101000000.000000Z#000000#000#000000

dn: uid=dora,ou=People,dc=old,dc=org
objectClass: inetOrgPerson
objectClass: posixAccount
objectClass: shadowAccount
uid: dora
cn: Dora Old
sn: Old
mail: dora@old.org
mail: d.old@old.org
userPassword:: e1NTSEF9eHh4
uidNumber: 2001
gidNumber: 2001
homeDirectory: /home/dora
shadowLastChange: 19000

dn: cn=staff,ou=People,dc=old,dc=org
objectClass: posixGroup
objectClass: groupOfNames
cn: staff
gidNumber: 2001
memberUid: dora
member: uid=dora,ou=People,dc=old,dc=org
";
    let query = "from_base=dc%3Dold,dc%3Dorg";
    let got = import(&world, query, ldif).ok();
    assert_eq!(numbers(&got), [2, 1, 0, 0, 1]);
    let why = got["refused"][0]["why"].as_str().unwrap();
    assert!(why.contains("hash") && !why.contains("SSHA"), "{why}");
    let got = import(&world, &format!("{query}&skip_unknown=true"), ldif).ok();
    assert_eq!(got["refused"], json!([]), "{got:#}");
    assert_eq!(numbers(&got), [4, 2, 0, 1, 1]);
    assert_eq!(got["left_out"]["userPassword (as a hash)"], 1, "{got:#}");
    assert_eq!(got["left_out"]["mail"], 1, "{got:#}");
    let dora = world.get("admin", "/users/dora").ok();
    assert_eq!(dora["dn"], "CN=dora,OU=People,DC=corp,DC=example");
    assert_eq!(dora["display_name"], "Dora Old");
    let listed = export(&world, "&filter=(uid%3Ddora)");
    assert!(listed.contains("unixHomeDirectory: /home/dora"), "{listed}");
    let staff = world.get("admin", "/groups/staff").ok();
    assert_eq!(staff["members"][0]["name"], "dora", "{staff:#}");
}

#[test]
fn entries_of_active_directory_keep_what_is_theirs_to_say() {
    let world = World::new();
    let ldif = "dn: CN=Erik,CN=Users,DC=ad,DC=example
changetype: add
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: user
cn: Erik
distinguishedName: CN=Erik,CN=Users,DC=ad,DC=example
instanceType: 4
whenCreated: 20200101000000.0Z
uSNCreated: 12345
memberOf: CN=Domain Admins,CN=Users,DC=ad,DC=example
objectGUID:: AAAAAAAAAAAAAAAAAAAAAA==
userAccountControl: 66048
badPwdCount: 0
pwdLastSet: 132000000000000000
primaryGroupID: 513
objectSid:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAUAQAAA==
sAMAccountName: erik
objectCategory: CN=Person,CN=Schema,CN=Configuration,DC=ad,DC=example
lastLogonTimestamp: 132000000000000000

dn: OU=Granted,DC=ad,DC=example
changetype: add
objectClass: organizationalUnit
keyporch-DelegatedRights: S-1-5-21-1-2-3-1234:people

dn: CN=Domain Admins,CN=Users,DC=ad,DC=example
changetype: add
objectClass: group
isCriticalSystemObject: TRUE
member: CN=Erik,CN=Users,DC=ad,DC=example
";
    let got = import(&world, "from_base=DC%3Dad,DC%3Dexample", ldif).ok();
    assert_eq!(numbers(&got), [3, 2, 0, 0, 1], "{got:#}");
    for name in [
        "keyporch-DelegatedRights",
        "objectGUID",
        "memberOf",
        "uSNCreated",
        "pwdLastSet",
        "lastLogonTimestamp",
    ] {
        assert_eq!(got["left_out"][name], 1, "{name}: {got:#}");
    }
    let erik = world.get("admin", "/users/erik").ok();
    assert_eq!(
        erik["protected"], false,
        "who administers there does not administer here by it"
    );
    assert_eq!(erik["enabled"], true);
}

#[test]
fn changes_are_made_once_and_are_no_error_the_second_time() {
    let world = World::new();
    import(&world, "", FLEET).ok();
    let changes = "dn: CN=Bob Fleet,OU=North,OU=Fleet,DC=corp,DC=example
changetype: modify
replace: loginShell
loginShell: /bin/bash
-
delete: description

dn: CN=Bob Fleet,OU=North,OU=Fleet,DC=corp,DC=example
changetype: modrdn
newrdn: CN=Robert
deleteoldrdn: 1
newsuperior: OU=Fleet,DC=corp,DC=example

dn: CN=Outer,OU=Fleet,DC=corp,DC=example
changetype: modify
delete: member
member: CN=Carol Fleet,OU=Fleet,DC=corp,DC=example

dn: CN=Carol Fleet,OU=Fleet,DC=corp,DC=example
changetype: delete
";
    let got = import(&world, "", changes).ok();
    assert_eq!(
        got["outcomes"],
        json!(["changed", "changed", "changed", "deleted"])
    );
    let bob = world.get("admin", "/users/bobf").ok();
    assert_eq!(bob["dn"], "CN=Robert,OU=Fleet,DC=corp,DC=example");
    // Behind a renaming the file's first record names nobody; those that can be so already are.
    let got = import(&world, "go_on=true", changes).ok();
    let refused: Vec<&Value> = got["refused"].as_array().unwrap().iter().collect();
    assert!(refused.iter().all(|line| line["result"] == 32), "{got:#}");
    assert_eq!(numbers(&got)[1..3], [0, 0]);
}

#[test]
fn only_administrators_import() {
    let world = World::new();
    for who in ["alice", "keeper"] {
        let got = world.ask(who, "POST /import", json!({}));
        assert_eq!(got.status, 403, "{who}");
    }
    let got = world.ask("admin", "POST /import", json!({}));
    assert_eq!(got.code(), (415, "not_ldif"));
}
