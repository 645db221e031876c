//! `ldapadd`, `ldapmodify`, `ldapmodrdn`, `ldapdelete` and `ldappasswd`: what they change is there at once, for LDAP and for
//! Kerberos.

use keyporch_interop::{Finished, Lab, Ldap};

use crate::ldap::{BASE, BOB};

const PERSON: &str = "CN=Bob Fleet,OU=Fleet,DC=corp,DC=example";
const UNIT: &str = "OU=Fleet,DC=corp,DC=example";
const STAFF: &str = "CN=Staff,OU=Fleet,DC=corp,DC=example";
const PERMISSIVE: &str = "1.2.840.113556.1.4.1413";
const TREE_DELETE: &str = "1.2.840.113556.1.4.805";

/// What an administrator of a small fleet adds: a unit, a person with a password and a home on Linux, and a group.
#[track_caller]
fn add(administrator: &Ldap<'_>) {
    let password = BOB.1;
    let ldif = format!(
        "dn: {UNIT}\nobjectClass: organizationalUnit\n\n\
         dn: {PERSON}\nobjectClass: user\nsAMAccountName: bob\nuserPrincipalName: bob@corp.example\n\
         userPassword: {password}\nuserAccountControl: 512\nuidNumber: 10001\ngidNumber: 10001\n\
         unixHomeDirectory: /home/bob\nloginShell: /bin/sh\n\n\
         dn: {STAFF}\nobjectClass: group\nsAMAccountName: Staff\n"
    );
    administrator.ask("ldapadd", &[], &ldif).succeeded();
}

fn modify(ldap: &Ldap<'_>, name: &str, changes: &str, more: &[&str]) -> Finished {
    let ldif = format!("dn: {name}\nchangetype: modify\n{changes}");
    ldap.ask("ldapmodify", more, &ldif)
}

#[track_caller]
fn has_code(finished: &Finished, code: i32) {
    assert_eq!(finished.code, Some(code), "{}", finished.text);
}

/// The values of an attribute, as they are written.
#[track_caller]
fn values(ldap: &Ldap<'_>, name: &str, attribute: &str) -> Vec<String> {
    let shown = ldap
        .find(&["-s", "base", "-b", name, attribute])
        .succeeded();
    let lines = shown.lines().filter(|line| line.starts_with(attribute));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_person_who_is_added_with_a_password_gets_a_ticket_at_once() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    let bob = lab.ldap("bob");
    bob.krb5()
        .kinit(&["bob"], BOB.1)
        .refused("while getting initial credentials");
    add(&administrator);
    bob.krb5().kinit(&["bob"], BOB.1).succeeded();
    let who = bob.ask("ldapwhoami", &[], "").succeeded();
    assert_eq!(who.trim(), r"u:CORP\bob");
    let again = administrator.ask(
        "ldapadd",
        &[],
        &format!("dn: {UNIT}\nobjectClass: organizationalUnit\n"),
    );
    has_code(&again, 68);

    // Another password by who may set it, and the former one is none.
    let set = ["-s", "yet another of his choice 2", PERSON];
    administrator.ask("ldappasswd", &set, "").succeeded();
    bob.krb5().kinit(&["bob"], BOB.1).refused("");
    bob.krb5()
        .kinit(&["bob"], "yet another of his choice 2")
        .succeeded();
    let made = administrator.ask("ldappasswd", &[PERSON], "").succeeded();
    let made = made
        .trim()
        .strip_prefix("New password: ")
        .expect("it is told")
        .to_owned();
    bob.krb5().kinit(&["bob"], &made).succeeded();
    // One's own with the former one: not twice a day, unless an administrator says so.
    lab.let_passwords_change_at_any_time();
    let wrong = bob.ask(
        "ldappasswd",
        &["-a", "a wrong one", "-s", "of my own free choice 3"],
        "",
    );
    wrong.refused("00000056: the former password is not");
    let weak = bob.ask("ldappasswd", &["-a", &made, "-s", "short"], "");
    weak.refused("0000052D:");
    bob.ask(
        "ldappasswd",
        &["-a", &made, "-s", "of my own free choice 3"],
        "",
    )
    .succeeded();
    bob.krb5()
        .kinit(&["bob"], "of my own free choice 3")
        .succeeded();

    // What is deleted is gone for Kerberos, too.
    administrator.ask("ldapdelete", &[PERSON], "").succeeded();
    bob.krb5()
        .kinit(&["bob"], "of my own free choice 3")
        .refused("while getting initial credentials");
}

#[test]
fn who_is_in_a_group_is_so_with_the_next_operation() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    add(&administrator);
    let groups = |name: &str| values(&administrator, name, "tokenGroups").len();
    let member = format!("add: member\nmember: {PERSON}\n");
    assert_eq!(groups(PERSON), 1, "everybody is of the domain's users");
    modify(&administrator, STAFF, &member, &[]).succeeded();
    assert_eq!(groups(PERSON), 2);
    assert_eq!(
        values(&administrator, PERSON, "memberOf"),
        [format!("memberOf: {STAFF}")]
    );
    // A second time is an error, unless that was said to be none.
    has_code(&modify(&administrator, STAFF, &member, &[]), 20);
    modify(&administrator, STAFF, &member, &["-e", PERMISSIVE]).succeeded();
    let remove = format!("delete: member\nmember: {PERSON}\n");
    modify(&administrator, STAFF, &remove, &[]).succeeded();
    assert_eq!(groups(PERSON), 1);
    has_code(&modify(&administrator, STAFF, &remove, &[]), 16);

    // Rights come and go with a group: bob's, who signs in by a password, do not (see `who_signed_in_by_a_password...`), so
    // it is alice who loses hers, with the connection's next operation and the ticket that she has.
    let alice = values(
        &administrator,
        "CN=Domain Admins,CN=Users,DC=corp,DC=example",
        "member",
    );
    let alice = alice
        .iter()
        .filter_map(|line| line.strip_prefix("member: "))
        .find(|name| name.contains("Alice"))
        .expect("she is an administrator");
    let out = format!(
        "dn: CN=Domain Admins,CN=Users,DC=corp,DC=example\nchangetype: modify\ndelete: member\nmember: {alice}\n\n\
         dn: {UNIT}\nchangetype: modify\nreplace: description\ndescription: by nobody\n"
    );
    let refused = administrator.ask("ldapmodify", &[], &out);
    has_code(&refused, 50);
    assert_eq!(values(&administrator, UNIT, "description"), [""; 0]);
}

#[test]
fn an_entry_is_changed_as_a_whole_or_not_at_all() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    add(&administrator);
    let shell = |value: &str| format!("replace: loginShell\nloginShell: {value}\n");
    let is = |value: &str| {
        assert_eq!(
            values(&administrator, PERSON, "loginShell"),
            [format!("loginShell: {value}")]
        );
    };
    modify(&administrator, PERSON, &shell("/bin/bash"), &[]).succeeded();
    is("/bin/bash");
    // The second of two changes is of no attribute's syntax.
    let half = format!(
        "{}-\nreplace: uidNumber\nuidNumber: many\n",
        shell("/bin/zsh")
    );
    assert!(!modify(&administrator, PERSON, &half, &[]).ok);
    is("/bin/bash");
    let unknown = "replace: nonsense\nnonsense: 1\n";
    has_code(&modify(&administrator, PERSON, unknown, &[]), 17);

    let wrong = ["-e", "!assert=(sAMAccountName=carol)"];
    has_code(
        &modify(&administrator, PERSON, &shell("/bin/zsh"), &wrong),
        122,
    );
    is("/bin/bash");
    let right = [
        "-e",
        "!assert=(sAMAccountName=bob)",
        "-e",
        "!preread=loginShell",
        "-e",
        "!postread=loginShell",
    ];
    let told = modify(&administrator, PERSON, &shell("/bin/zsh"), &right).succeeded();
    let (before, after) = told.split_once("# ==> postread").expect("both are told");
    assert!(before.contains("# ==> preread"), "{told}");
    assert!(before.contains("loginShell: /bin/bash"), "{told}");
    assert!(after.contains("loginShell: /bin/zsh"), "{told}");
    is("/bin/zsh");

    // One's own: what is personal, and nothing else.
    let bob = lab.ldap("bob");
    bob.krb5().kinit(&["bob"], BOB.1).succeeded();
    modify(
        &bob,
        PERSON,
        "replace: telephoneNumber\ntelephoneNumber: 12\n",
        &[],
    )
    .succeeded();
    has_code(
        &modify(&bob, PERSON, "replace: uidNumber\nuidNumber: 0\n", &[]),
        50,
    );
    has_code(
        &modify(
            &bob,
            STAFF,
            &format!("add: member\nmember: {PERSON}\n"),
            &[],
        ),
        50,
    );
}

#[test]
fn entries_are_renamed_moved_and_deleted_with_what_is_below() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    add(&administrator);
    let guid = values(&administrator, PERSON, "objectGUID");
    let rename =
        |arguments: &[&str]| administrator.ask("ldapmodrdn", &[&["-r"], arguments].concat(), "");
    rename(&[PERSON, "CN=Robert"]).succeeded();
    has_code(&administrator.find(&["-s", "base", "-b", PERSON]), 32);
    let robert = "CN=Robert,OU=Fleet,DC=corp,DC=example";
    assert_eq!(values(&administrator, robert, "objectGUID"), guid);
    rename(&["-s", BASE, robert, "CN=Robert"]).succeeded();
    let moved = "CN=Robert,DC=corp,DC=example";
    assert_eq!(values(&administrator, moved, "objectGUID"), guid);
    rename(&["-s", UNIT, moved, "CN=Staff"]).refused("Already exists (68)");
    rename(&["-s", UNIT, moved, "CN=Bob Fleet"]).succeeded();

    let delete =
        |more: &[&str], name: &str| administrator.ask("ldapdelete", &[more, &[name]].concat(), "");
    has_code(&delete(&[], UNIT), 66);
    delete(&["-e", &format!("!{TREE_DELETE}")], UNIT).succeeded();
    has_code(&administrator.find(&["-s", "base", "-b", UNIT]), 32);
    lab.krb5("gone")
        .kinit(&["bob"], BOB.1)
        .refused("while getting initial credentials");
    // The organisation itself is not to be deleted.
    assert!(!delete(&["-e", &format!("!{TREE_DELETE}")], BASE).ok);
    assert!(!delete(&[], "CN=Domain Admins,CN=Users,DC=corp,DC=example").ok);
}

/// What `docs/directory.md` has an administrator write.
#[test]
fn what_the_page_about_the_directory_says_can_be_done_is_done() {
    let page = include_str!("../../../docs/directory.md");
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    let mut blocks = page.split("```ldif\n").skip(1);
    let mut block = || {
        let block = blocks.next().expect("the page has another one");
        block.split("```").next().unwrap_or_default()
    };
    administrator.ask("ldapadd", &[], block()).succeeded();
    let bob = lab.krb5("bob");
    bob.kinit(&["bob"], BOB.1).succeeded();
    administrator.ask("ldapmodify", &[], block()).succeeded();
    assert_eq!(
        values(&administrator, PERSON, "memberOf"),
        [format!("memberOf: {STAFF}")]
    );
    bob.kinit(&["bob"], BOB.1)
        .refused("while getting initial credentials");
    for filter in [
        "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        "(memberOf:1.2.840.113556.1.4.1941:=CN=Staff,OU=Fleet,DC=corp,DC=example)",
        "(sAMAccountName=bob)",
    ] {
        assert!(page.contains(filter), "not on the page: {filter}");
        let found = administrator.find(&["-b", UNIT, filter, "cn"]);
        assert!(found.succeeded().contains("cn: Bob Fleet"), "{filter}");
    }
}
