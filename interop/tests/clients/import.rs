//! `keyporch admin import` and `export`, beside OpenLDAP's and MIT's programs, which see what they did.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use keyporch_interop::{Lab, Server, binary, run};

use crate::ldap::BASE;

const PASSWORD: &str = "a long imported password 1";

/// A fleet: units, people of Linux machines, groups in groups. One of them has a password.
fn fleet(people: usize) -> String {
    let head = "OU=Fleet,DC=corp,DC=example";
    let mut ldif = String::from("version: 1\n\n");
    // Groups before their members, and the unit after what hangs on it.
    let _ = write!(
        ldif,
        "dn: CN=Crew,{head}\nobjectClass: group\nsAMAccountName: crew\ngidNumber: 30000\n"
    );
    for person in 0..people {
        let _ = writeln!(ldif, "member: CN=Sailor {person},{head}");
    }
    let _ = write!(
        ldif,
        "\ndn: CN=All hands,{head}\nobjectClass: group\nmember: CN=Crew,{head}\n\n"
    );
    for person in 0..people {
        let _ = write!(
            ldif,
            "dn: CN=Sailor {person},{head}\nobjectClass: user\nsAMAccountName: sailor{person}\n\
             userPrincipalName: sailor{person}@corp.example\nuserAccountControl: 512\nuidNumber: {}\n\
             gidNumber: 30000\nunixHomeDirectory: /home/sailor{person}\nloginShell: /bin/sh\n\
             objectGUID:: AAAAAAAAAAAAAAAAAAAAAA==\nmanager: CN=Sailor 0,{head}\n",
            20_000 + person
        );
        if person == 0 {
            let _ = writeln!(ldif, "userPassword: {PASSWORD}");
        }
        ldif.push('\n');
    }
    let _ = write!(ldif, "dn: {head}\nobjectClass: organizationalUnit\n");
    ldif
}

fn file(lab: &Lab, name: &str, content: &str) -> String {
    let path = lab.scratch().join(name);
    std::fs::write(&path, content).expect("there is room for a file");
    path.to_str().expect("a temporary path is text").to_owned()
}

/// What an import came to, by its outcomes.
#[track_caller]
fn imported(lab: &Lab, more: &[&str], path: &str) -> serde_json::Value {
    let arguments = [&["admin", "import", path], more].concat();
    lab.keyporch_json(&arguments)
}

#[test]
fn a_fleet_is_brought_in_seen_by_ldapsearch_and_signs_in_and_a_second_time_changes_nothing() {
    let lab = Lab::start();
    let path = file(&lab, "fleet.ldif", &fleet(30));
    let tried = imported(&lab, &["--dry-run"], &path);
    assert_eq!(tried["outcomes"]["added"], 33, "{tried:#}");
    let administrator = lab.ldap_as_administrator();
    let found = |filter: &str| {
        let shown = administrator.find(&["-b", BASE, filter, "dn"]).succeeded();
        shown.lines().filter(|line| line.starts_with("dn:")).count()
    };
    assert_eq!(found("(uidNumber>=20000)"), 0, "on trial nothing is done");

    let done = imported(&lab, &[], &path);
    assert_eq!(done["outcomes"]["added"], 33, "{done:#}");
    assert_eq!(done["left_out"]["objectGUID"], 30, "{done:#}");
    assert_eq!(found("(uidNumber>=20000)"), 30);
    let crew = "CN=Crew,OU=Fleet,DC=corp,DC=example";
    assert_eq!(found(&format!("(memberOf={crew})")), 30);
    let nested = "(memberOf:1.2.840.113556.1.4.1941:=CN=All hands,OU=Fleet,DC=corp,DC=example)";
    assert_eq!(found(nested), 31);
    let boss = "(manager=CN=Sailor 0,OU=Fleet,DC=corp,DC=example)";
    assert_eq!(found(boss), 30);
    let krb5 = lab.krb5("sailor.ccache");
    krb5.kinit(&["sailor0"], PASSWORD).succeeded();
    krb5.kinit(&["sailor1"], PASSWORD).refused("");

    for more in [&[][..], &["--update"]] {
        let again = imported(&lab, more, &path);
        let outcomes = again["outcomes"].as_object().expect("an object");
        assert_eq!(outcomes.len(), 1, "{again:#}");
        assert_eq!(outcomes["unchanged"], 33, "{again:#}");
    }
    // A changed file changes what it says otherwise, if that is wanted.
    let other = fleet(30).replace(
        "loginShell: /bin/sh\nobjectGUID",
        "loginShell: /bin/zsh\nobjectGUID",
    );
    let other = file(&lab, "other.ldif", &other);
    let refused = lab.keyporch(&["admin", "import", &other]);
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    refused.refused("differs in loginShell");
    let done = imported(&lab, &["--update"], &other);
    assert_eq!(done["outcomes"]["changed"], 30, "{done:#}");
    assert_eq!(found("(loginShell=/bin/zsh)"), 30);
    krb5.kinit(&["sailor0"], PASSWORD).succeeded();
}

#[test]
fn a_bad_record_is_named_by_its_line_and_the_others_are_done() {
    let lab = Lab::start();
    let good = fleet(4);
    let bad = "dn: CN=Ghost,OU=Fleet,DC=corp,DC=example\nobjectClass: user\nsAMAccountName: ghost\nshoeSize: 43\n\n";
    let (first, rest) = good
        .split_once("dn: CN=Sailor 2,")
        .expect("there is a third");
    let line = first.lines().count() + 1;
    let nobody = rest.replace("manager: CN=Sailor 0,", "manager: CN=Nobody,");
    let path = file(
        &lab,
        "fleet.ldif",
        &format!("{first}{bad}dn: CN=Sailor 2,{nobody}"),
    );
    let refused = lab.keyporch(&["admin", "import", &path]);
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    let said = refused.refused("shoeSize");
    assert!(
        said.contains(&format!("{path}:{line}: CN=Ghost,")) && said.contains("--continue"),
        "{said}"
    );

    let went_on = lab.keyporch(&["admin", "import", "--continue", &path]);
    assert_eq!(went_on.code, Some(1), "{}", went_on.text);
    let said = went_on.refused("3 records were refused");
    assert!(
        said.contains(&format!("{path}:{line}: CN=Ghost,")),
        "{said}"
    );
    assert!(said.contains("that there is not: \"CN=Nobody,"), "{said}");
    let rejects = std::fs::read_to_string(format!("{path}.rejects")).expect("they are written");
    assert!(rejects.contains("shoeSize: 43"), "{rejects}");
    assert_eq!(
        rejects.matches("replace: manager").count() + rejects.matches("add: manager").count(),
        2,
        "{rejects}"
    );
    let found = lab
        .ldap_as_administrator()
        .find(&["-b", BASE, "(uidNumber>=20000)", "dn"])
        .succeeded();
    assert_eq!(found.matches("dn: CN=Sailor").count(), 4, "{found}");

    // What is refused alone is corrected and imported.
    let corrected = rejects
        .replace("shoeSize: 43\n", "")
        .replace("CN=Nobody,", "CN=Sailor 1,");
    let corrected = file(&lab, "corrected.ldif", &corrected);
    let done = imported(&lab, &[], &corrected);
    assert_eq!(done["outcomes"]["added"], 1, "{done:#}");
    assert_eq!(done["outcomes"]["changed"], 2, "{done:#}");
    // What is no LDIF is refused before anything is done.
    let broken = file(&lab, "broken.ldif", &format!("{good}\n\nnothing\n"));
    let refused = lab.keyporch(&["admin", "import", &broken]);
    refused.refused("there is no ':' behind an attribute's name; nothing was done");
}

#[test]
fn an_import_that_is_killed_is_begun_again() {
    let lab = Lab::start();
    let people = 600;
    let path = file(&lab, "fleet.ldif", &fleet(people));
    let start = || {
        let mut command = Command::new(binary("keyporch"));
        command
            .arg("--lab")
            .arg(lab.directory())
            .args(["admin", "import", &path])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("keyporch starts")
    };
    let administrator = lab.ldap_as_administrator();
    let there = || {
        let shown = administrator.find(&[
            "-b",
            BASE,
            "-E",
            "pr=500/noprompt",
            "(uidNumber>=20000)",
            "dn",
        ]);
        shown.succeeded().matches("dn: CN=Sailor").count()
    };
    // As soon as something is there it is killed.
    let mut child = start();
    while there() == 0 {
        assert!(
            child
                .try_wait()
                .expect("a child")
                .is_none_or(|status| status.success()),
            "it failed"
        );
    }
    let _ = child.kill();
    let _ = child.wait();
    let done = imported(&lab, &[], &path);
    assert_eq!(there(), people);
    let outcomes = &done["outcomes"];
    let count = |name: &str| outcomes[name].as_u64().unwrap_or(0);
    assert!(count("unchanged") > 0, "{done:#}");
    assert_eq!(
        count("unchanged") + count("added"),
        people as u64 + 3,
        "{done:#}"
    );
    let crew = administrator
        .find(&[
            "-b",
            BASE,
            "-E",
            "pr=500/noprompt",
            "(memberOf=CN=Crew,OU=Fleet,DC=corp,DC=example)",
            "dn",
        ])
        .succeeded();
    assert_eq!(crew.matches("dn: CN=Sailor").count(), people);
}

#[test]
fn what_one_server_exports_another_one_takes_and_exports_alike() {
    let lab = Lab::start();
    let path = file(&lab, "fleet.ldif", &fleet(20));
    imported(&lab, &[], &path);
    let export = |name: &str, more: &[&str]| -> String {
        let out = lab.scratch().join(name);
        let out = out.to_str().expect("a temporary path is text");
        let arguments = [&["admin", "export", "--out", out], more].concat();
        lab.keyporch(&arguments).succeeded();
        std::fs::read_to_string(out).expect("it is written")
    };
    let ldif = export("all.ldif", &[]);
    for secret in ["userPassword", "unicodePwd", "objectSid", "pwdLastSet"] {
        assert!(!ldif.contains(&format!("\n{secret}:")), "{secret}");
    }
    assert!(
        ldif.contains("msDS-KeyCredentialLink: B:"),
        "the lab's person has a key"
    );
    // OpenLDAP's own reader takes it, too.
    let one = export(
        "one.ldif",
        &[
            "--filter",
            "(sAMAccountName=sailor1)",
            "--attributes",
            "loginShell",
        ],
    );
    assert_eq!(one.matches("dn: ").count(), 1, "{one}");

    let server = Server::start();
    let taken = server.path("taken.ldif");
    std::fs::write(&taken, &ldif).expect("there is room for a file");
    let taken = taken.to_str().expect("a temporary path is text");
    // The lab's administrator is another one by the server's account name.
    let import = || server.admin(&["import", "--continue", taken]);
    let said = import().refused("belongs to another entry");
    assert_eq!(
        said.matches("refused: ").count(),
        2,
        "the entry and a membership: {said}"
    );
    let other = server.path("other.ldif");
    let other = other.to_str().expect("a temporary path is text");
    server.admin(&["export", "--out", other]).succeeded();
    let other = std::fs::read_to_string(other).expect("it is written");
    let mut missing = records(&ldif);
    assert!(missing.len() > 25, "{ldif}");
    let there = records(&other);
    let is_lab = |line: &String| line.contains("Administrator of the lab");
    missing.retain(|record| !there.contains(record) && !record.iter().any(is_lab));
    assert!(missing.is_empty(), "{missing:#?}");
    let again = import().refused("belongs to another entry");
    assert!(
        !again.contains("added") && !again.contains("changed"),
        "{again}"
    );
}

/// The records of a text, each with its lines in an order of their own.
fn records(ldif: &str) -> Vec<Vec<String>> {
    let unfolded = ldif.replace("\n ", "");
    unfolded
        .split("\n\n")
        .map(|record| {
            let lines = record.lines().filter(|line| !line.starts_with('#'));
            let mut lines: Vec<String> = lines.map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        })
        .collect()
}

#[test]
fn ldif_comes_from_standard_input() {
    let lab = Lab::start();
    let mut command = Command::new(binary("keyporch"));
    command
        .arg("--lab")
        .arg(lab.directory())
        .args(["admin", "import", "-"]);
    let done = run(&mut command, &fleet(3)).succeeded();
    assert!(done.contains("6 added"), "{done}");
}
