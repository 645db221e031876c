//! Python's `ldap3`, which reads the schema first and everything else by it.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use keyporch_interop::{Lab, Ldap};
use serde_json::Value;

use crate::ldap::{BASE, BOB};

#[track_caller]
fn ask(ldap: &Ldap<'_>, step: &str, arguments: &[&str]) -> Value {
    let lab_roots = ldap.roots();
    let url = ldap.tls();
    let before = [step, &url, &lab_roots];
    let told = ldap.python("directory.py", &[&before, arguments].concat(), "");
    let told = told.succeeded();
    serde_json::from_str(told.trim()).unwrap_or_else(|error| panic!("no JSON ({error}):\n{told}"))
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().expect("a list");
    list.iter().filter_map(Value::as_str).collect()
}

#[test]
fn ldap3_reads_the_server_s_root_and_its_schema() {
    let lab = Lab::start();
    lab.add_person("bob", BOB.1);
    let ldap = lab.ldap("nothing");
    let told = ask(&ldap, "schema", &[BOB.0, BOB.1]);
    assert_eq!(told["bound"], true, "{told:#}");
    assert_eq!(told["who"], r"u:CORP\bob");
    assert_eq!(texts(&told["contexts"]), [BASE]);
    let mechanisms = texts(&told["mechanisms"]);
    assert!(mechanisms.contains(&"GSSAPI") && mechanisms.contains(&"GSS-SPNEGO"));
    assert!(texts(&told["controls"]).contains(&"1.2.840.113556.1.4.319"));
    assert_eq!(told["key_single"], false);
    assert_eq!(
        told["key_syntax"], "1.2.840.113556.1.4.903",
        "DN with binary"
    );
    assert_eq!(texts(&told["user_superior"]), ["organizationalPerson"]);
    assert!(texts(&told["user_may"]).contains(&"msDS-KeyCredentialLink"));
    let told = ask(&ldap, "schema", &[BOB.0, "a wrong one"]);
    assert_eq!(
        (&told["bound"], &told["said"]),
        (&Value::Bool(false), &"invalidCredentials".into())
    );
}

#[test]
fn ldap3_goes_through_pages_and_changes_what_it_may() {
    let lab = Lab::start();
    for name in ["bob", "carol", "dave", "erin"] {
        lab.add_person(name, BOB.1);
    }
    let ldap = lab.ldap("nothing");
    let all = "(&(objectClass=user)(!(cn=krbtgt)))";
    let told = ask(&ldap, "pages", &[BOB.0, BOB.1, BASE, all, "2"]);
    let found = texts(&told["names"]).join(" ");
    for name in ["bob", "carol", "dave", "erin"] {
        assert!(
            found.contains(&format!("CN={name},CN=Users,{BASE}")),
            "{found}"
        );
    }
    for read in ["guids", "times", "numbers"] {
        assert_eq!(told[read], true, "{read}: {told:#}");
    }

    let person = format!("CN=bob,CN=Users,{BASE}");
    let told = ask(&ldap, "write", &[BOB.0, BOB.1, &person, "/bin/sh"]);
    assert_eq!(
        (&told["bound"], &told["result"]),
        (&Value::Bool(true), &"insufficientAccessRights".into())
    );
    let told = ask(&ldap, "ntlm", &[r"CORP\bob", BOB.1]);
    assert_eq!(told["bound"], false, "NTLM is none of ours: {told:#}");
}

/// Signs in by Debian's ldap3 with the ticket of a cache; `bindings` as `tickets.py` has it.
#[track_caller]
fn by_ticket(ldap: &Ldap<'_>, bindings: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/tickets.py");
    let (url, roots) = (ldap.tls(), ldap.roots());
    let arguments = ["-I", script, &url, &roots, bindings];
    let told = ldap.run("/usr/bin/python3", &arguments, "").succeeded();
    serde_json::from_str(told.trim()).unwrap_or_else(|error| panic!("no JSON ({error}):\n{told}"))
}

/// `kinit`, and then ldap3, which says by itself on which TLS connection it is (RFC 5929).
#[test]
fn ldap3_signs_in_by_ticket_and_is_not_taken_from_another_tls_connection() {
    let lab = Lab::start();
    lab.add_person("bob", BOB.1);
    let ldap = lab.ldap("bob");
    let without = by_ticket(&ldap, "own");
    assert_eq!(without["bound"], false, "{without:#}");
    ldap.krb5().kinit(&["bob"], BOB.1).succeeded();
    for bindings in ["own", "none"] {
        let told = by_ticket(&ldap, bindings);
        assert_eq!(told["who"], r"u:CORP\bob", "{bindings}: {told:#}");
    }
    let others = by_ticket(&ldap, "others");
    assert_eq!(others["bound"], false, "{others:#}");
    let said = texts(&others["said"]).join(" ");
    assert!(said.contains("80090346"), "{others:#}");
}

/// A connection that stands does not outlive what it was opened with.
#[test]
fn a_connection_of_a_certificate_that_is_revoked_has_no_more_rights() {
    let lab = Lab::start();
    let person = lab.person();
    let [certificate, key] =
        ["own.pem", "own.key"].map(|name| lab.scratch().join(name).display().to_string());
    let issue = [
        "admin",
        "certificate",
        "issue",
        &person.sam,
        "--key",
        &key,
        "--out",
        &certificate,
        "--days",
        "30",
    ];
    let issued = lab.keyporch_json(&issue);
    let serial = issued["serial"].as_str().expect("a serial number");
    let ldap = lab.ldap("nothing");
    let (url, roots) = (ldap.tls(), ldap.roots());
    let mut command = ldap.python_command(
        "directory.py",
        &["external", &url, &roots, &certificate, &key, BASE],
    );
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare is there");
    let mut typed = child.stdin.take().expect("standard input was piped");
    let mut lines = BufReader::new(child.stdout.take().expect("standard output was piped")).lines();
    let mut told = || -> Value {
        let line = lines
            .next()
            .expect("it says something")
            .expect("it is text");
        serde_json::from_str(&line).expect("it is JSON")
    };
    let first = told();
    assert_eq!(
        (&first["bound"], &first["found"]),
        (&Value::Bool(true), &1.into()),
        "{first:#}"
    );
    writeln!(typed, "again").expect("it reads");
    assert_eq!(told()["found"], 1);
    lab.keyporch(&["admin", "certificate", "revoke", serial, "--yes"])
        .succeeded();
    writeln!(typed, "again").expect("it reads");
    let last = told();
    assert_eq!(last["found"], 0, "{last:#}");
    assert_eq!(
        last["result"], "operationsError",
        "it is as if nobody had signed in"
    );
    drop(typed);
    let _ = child.wait();
}
