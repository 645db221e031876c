//! Keys in `msDS-KeyCredentialLink`, written by `ldapmodify` with values that a program of another hand makes.

use std::process::Command;

use keyporch_interop::{Finished, Lab, Ldap, run};

use crate::ldap::BOB;

fn modify(ldap: &Ldap<'_>, name: &str, how: &str, value: &str) -> Finished {
    let attribute = "msDS-KeyCredentialLink";
    let ldif =
        format!("dn: {name}\nchangetype: modify\n{how}: {attribute}\n{attribute}: {value}\n");
    ldap.ask("ldapmodify", &[], &ldif)
}

#[test]
fn a_key_that_is_added_signs_in_at_once_and_one_that_is_removed_does_not() {
    let lab = Lab::start();
    let administrator = lab.ldap_as_administrator();
    lab.add_person("bob", BOB.1);
    let name = "CN=bob,CN=Users,DC=corp,DC=example";
    let (certificate, key) = (lab.scratch().join("bob.pem"), lab.scratch().join("bob.key"));
    let mut make = Command::new("openssl");
    make.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bob", "-days", "30",
    ])
    .arg("-keyout")
    .arg(&key)
    .arg("-out")
    .arg(&certificate);
    run(&mut make, "").succeeded();
    let path = certificate.to_str().expect("a temporary path is text");
    let value = administrator
        .python("key_credential.py", &[path, name], "")
        .succeeded();
    let value = value.trim();
    // MIT's client wants to trust its own certificate.
    let kinit = |cache: &str| {
        let krb5 = lab.krb5_edited(cache, |written| {
            let line = written.lines().find(|line| line.contains("pkinit_anchors"));
            let line = line.expect("krb5.conf has anchors");
            written.replacen(line, &format!("{line}\n  pkinit_anchors = FILE:{path}"), 1)
        });
        (krb5.kinit_with_key("bob", &certificate, &key), krb5)
    };
    assert!(!kinit("before").0.ok);

    // Nobody lists a key on an account who may not, be it one's own.
    let bob = lab.ldap("bob");
    bob.krb5().kinit(&["bob"], BOB.1).succeeded();
    let refused = modify(&bob, name, "add", value);
    assert_eq!(refused.code, Some(50), "{}", refused.text);
    assert!(!kinit("still").0.ok);

    // A value that is not what it says is not taken.
    let broken = value.replacen("0100040101000500", "0100040201000500", 1);
    assert_ne!(value, broken);
    let refused = modify(&administrator, name, "add", &broken);
    assert_eq!(refused.code, Some(19), "{}", refused.text);
    modify(&administrator, name, "add", value).succeeded();
    let (signed_in, krb5) = kinit("added");
    signed_in.succeeded();
    krb5.kvno(&["host/laptop-1.corp.example"]).succeeded();
    let shown = administrator.find(&["-s", "base", "-b", name, "msDS-KeyCredentialLink"]);
    assert!(
        shown.succeeded().contains(value),
        "it comes back as it went in"
    );

    let listed = lab.keyporch(&["admin", "key", "list", "bob"]).succeeded();
    assert!(listed.contains("it was added by hand"), "{listed}");

    modify(&administrator, name, "delete", value).succeeded();
    assert!(!kinit("removed").0.ok);
    // And the ticket that it got gets no other.
    krb5.kvno(&["HTTP/sts.corp.example"])
        .refused("TGT has been revoked");
    modify(&administrator, name, "add", value).succeeded();
    kinit("again").0.succeeded();
}
