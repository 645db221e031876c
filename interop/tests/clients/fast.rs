//! MIT's clients armor their requests (FAST, RFC 6113) with the machine's ticket, or, where the server gives one, with an
//! anonymous ticket (RFC 8062).

use keyporch_interop::{Finished, Krb5, Lab, Server};

const HOST: &str = "host/laptop-1.corp.example";
const PASSWORD: &str = "a long first password 1";

/// What MIT's library tells of a request that it armored.
const ARMORED: &str = "Encoding request body and padata into FAST request";
/// And of an answer that it opened.
const OPENED: &str = "FAST reply key";

/// A credential cache with the laptop's ticket, got with its keytab: the argument of `kinit -T`.
fn machine(lab: &Lab) -> String {
    let keytab = lab.scratch().join("laptop-1.keytab");
    let path = keytab.to_str().expect("a temporary path is text");
    lab.keyporch(&["admin", "service", "keytab", HOST, "--out", path])
        .succeeded();
    let krb5 = lab.krb5("laptop-1.ccache");
    krb5.kinit(&["-k", "-t", path, HOST], "").succeeded();
    // It remembers that this KDC speaks FAST.
    let list = krb5.klist(&["-C"]).succeeded();
    assert!(list.contains("fast_avail"), "{list}");
    format!("FILE:{}", krb5.cache().display())
}

#[track_caller]
fn armored(said: &str) {
    assert!(said.contains(ARMORED), "{said}");
    assert!(said.contains(OPENED), "{said}");
}

/// A line of the audit log with these words, once it is there: it is written in batches.
#[track_caller]
fn audited(lab: &Lab, words: &[&str]) {
    let path = lab.directory().join("audit.jsonl");
    for _ in 0..200_000 {
        let log = std::fs::read_to_string(&path).expect("the lab has an audit log");
        let mut lines = log.lines();
        if lines.any(|line| words.iter().all(|word| line.contains(word))) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("the audit log has no line with {words:?}");
}

#[test]
fn kinit_proves_a_password_under_the_machine_s_armor_and_all_that_follows_is_armored() {
    let lab = Lab::start();
    let (person, armor) = (lab.person(), machine(&lab));
    let krb5 = lab.krb5("alice");
    let said = krb5
        .kinit(&["-T", &armor, "-r", "7d", &person.sam], &person.password)
        .succeeded();
    armored(&said);
    assert!(said.contains("PA-ENCRYPTED-CHALLENGE (138)"), "{said}");
    assert!(
        !said.contains("Produced preauth for next request: PA-ENC-TIMESTAMP"),
        "{said}"
    );
    armored(&krb5.kvno(&[HOST]).succeeded());
    armored(&krb5.kinit(&["-R"], "").succeeded());
    armored(&krb5.kvno(&["host/dc1.corp.example"]).succeeded());
    armored(
        &krb5
            .kvno(&["host/nowhere.corp.example"])
            .refused("Server not found")
            .replace("Decoding FAST response", OPENED),
    );
    audited(
        &lab,
        &[
            "\"kdc.as\"",
            "\"client\":\"alice\"",
            "\"armor\":\"LAPTOP-1$\"",
        ],
    );
}

#[test]
fn what_is_wrong_is_told_to_kinit_under_armor() {
    let lab = Lab::start();
    let (person, armor) = (lab.person(), machine(&lab));
    let krb5 = lab.krb5("alice");
    let wrong = krb5.kinit(&["-T", &armor, &person.sam], "another password");
    let said = wrong.refused("Password incorrect");
    assert!(said.contains("Decoding FAST response"), "{said}");
    assert!(
        said.contains("Received error from KDC: -1765328324/Generic error"),
        "outside there is one code: {said}"
    );
    krb5.kinit(&["-T", &armor, "mallory"], "another password")
        .refused("Password incorrect");
    lab.add_person_who_chooses("dora", PASSWORD);
    krb5.kinit(&["-T", &armor, "dora"], PASSWORD)
        .refused("expired");
    krb5.kinit(&["-T", &armor, &person.sam], &person.password)
        .succeeded();
}

#[test]
fn kinit_signs_in_with_a_key_under_armor() {
    let lab = Lab::start();
    let (person, armor) = (lab.person(), machine(&lab));
    let krb5 = lab.krb5("alice");
    let identity = format!(
        "X509_user_identity=FILE:{},{}",
        person.certificate.display(),
        person.key.display()
    );
    let said = krb5
        .kinit(&["-T", &armor, "-X", &identity, &person.sam], "")
        .succeeded();
    armored(&said);
    assert!(said.contains("PKINIT client verified DH reply"), "{said}");
    armored(&krb5.kvno(&[HOST]).succeeded());
}

#[test]
fn the_ticket_of_a_machine_that_is_kept_out_is_no_armor() {
    let lab = Lab::start();
    let (person, armor) = (lab.person(), machine(&lab));
    let krb5 = lab.krb5("alice");
    let kinit = |krb5: &Krb5| krb5.kinit(&["-T", &armor, &person.sam], &person.password);
    lab.keyporch(&["admin", "computer", "disable", "LAPTOP-1"])
        .succeeded();
    kinit(&krb5).refused("TGT has been revoked");
    lab.keyporch(&["admin", "computer", "enable", "LAPTOP-1"])
        .succeeded();
    kinit(&krb5).succeeded();
}

#[test]
fn a_group_signs_in_under_armor_alone_where_a_policy_says_so() {
    let lab = Lab::start();
    let (person, armor) = (lab.person(), machine(&lab));
    lab.add_person("bob", PASSWORD);
    for arguments in [
        &["admin", "group", "add", "Payroll"][..],
        &["admin", "group", "add-member", "Payroll", &person.sam],
        &[
            "admin",
            "policy",
            "set",
            "RequireFast",
            "true",
            "--for-users",
            "--policy",
            "Armored",
            "--group",
            "Payroll",
        ],
    ] {
        lab.keyporch(arguments).succeeded();
    }
    let krb5 = lab.krb5("alice");
    krb5.kinit(&[&person.sam], &person.password)
        .refused("KDC policy rejects request");
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .refused("KDC policy rejects request");
    audited(
        &lab,
        &["\"refused\"", "\"client\":\"alice\"", "RequireFast"],
    );
    let said = krb5
        .kinit(&["-T", &armor, &person.sam], &person.password)
        .succeeded();
    armored(&said);
    // Our own client armors its sign-in with the machine's key when it is told to.
    let own = lab.krb5("own");
    let ccache = own.cache().to_str().expect("a temporary path is text");
    lab.keyporch(&["sign-in", "--user", &person.upn, "--ccache", ccache])
        .succeeded();
    own.kvno(&[HOST]).succeeded();
    audited(&lab, &["\"kdc.as\"", "\"key\":", "\"armor\":\"LAPTOP-1$\""]);
    lab.krb5("bob").kinit(&["bob"], PASSWORD).succeeded();
    lab.keyporch(&[
        "admin",
        "policy",
        "unset",
        "RequireFast",
        "--for-users",
        "--policy",
        "Armored",
    ])
    .succeeded();
    krb5.kinit(&[&person.sam], &person.password).succeeded();
}

#[test]
fn kpasswd_armors_a_change_with_the_ticket_that_is_there() {
    let lab = Lab::start();
    lab.let_passwords_change_at_any_time();
    lab.add_person("dora", PASSWORD);
    let (krb5, new) = (lab.krb5("dora"), "another of my own choice 2");
    krb5.kinit(&["dora"], PASSWORD).succeeded();
    let said = krb5.kpasswd("dora", PASSWORD, new).succeeded();
    armored(&said);
    assert!(said.contains("Password changed."), "{said}");
    krb5.kinit(&["dora"], new).succeeded();
}
/// A server with anonymous tickets switched on or off, and somebody who signs in.
fn server(anonymous: bool) -> Server {
    let mut server = Server::set_up();
    if anonymous {
        server.configure(|written| written.replace("[kdc]", "[kdc]\nanonymous = true"));
    }
    server.serve();
    server.add_person("alice", PASSWORD);
    server
}

fn anonymous(server: &Server) -> (Krb5, Finished) {
    let krb5 = server.krb5("anonymous.ccache");
    let done = krb5.kinit(&["-n", "@CORP.EXAMPLE"], "");
    (krb5, done)
}

#[test]
fn an_anonymous_ticket_is_armor_and_nothing_else_where_it_is_switched_on() {
    let server = server(true);
    let (nobody, done) = anonymous(&server);
    let said = done.succeeded();
    assert!(said.contains("PKINIT client verified DH reply"), "{said}");
    let list = nobody.klist(&["-f"]).succeeded();
    assert!(
        list.contains("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS"),
        "{list}"
    );
    nobody
        .kvno(&["host/dc1.corp.example"])
        .refused("KDC policy rejects request");
    let armor = format!("FILE:{}", nobody.cache().display());
    let krb5 = server.krb5("alice.ccache");
    let said = krb5.kinit(&["-T", &armor, "alice"], PASSWORD).succeeded();
    armored(&said);
    krb5.kinit(&["-T", &armor, "alice"], "another password")
        .refused("Password incorrect");
}

#[test]
fn nobody_is_anonymous_where_it_is_not_switched_on() {
    let server = server(false);
    let (_, done) = anonymous(&server);
    done.refused("KDC can't fulfill requested option");
    let krb5 = server.krb5("alice.ccache");
    krb5.kinit(&["alice"], PASSWORD).succeeded();
}
