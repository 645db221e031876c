//! MIT Kerberos is let in: password, key, service tickets, renewal, forwarding, keytabs.

use keyporch_interop::{Lab, run};

const HOST: &str = "host/laptop-1.corp.example";

#[test]
fn kinit_gets_a_ticket_with_the_password() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("password"));
    krb5.kinit(&[&person.sam], &person.password).succeeded();
    let list = krb5.klist(&["-e", "-f"]).succeeded();
    assert!(list.contains("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"), "{list}");
    assert!(list.contains("aes256-cts-hmac"), "{list}");
    krb5.kvno(&[HOST]).succeeded();
}

#[test]
fn kinit_gets_a_ticket_with_the_enrolled_key_and_no_password() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("key"));
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
    let list = krb5.klist(&["-e"]).succeeded();
    assert!(list.contains("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"), "{list}");
    krb5.kvno(&[HOST]).succeeded();
}

#[test]
fn kinit_finds_a_person_by_upn() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("upn"));
    krb5.kinit(&["-E", &person.upn], &person.password)
        .succeeded();
    let list = krb5.klist(&[]).succeeded();
    assert!(
        list.contains(&format!("Default principal: {}@CORP.EXAMPLE", person.sam)),
        "{list}"
    );
}

#[test]
fn a_ticket_is_renewed() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("renew"));
    krb5.kinit(&["-r", "7d", "-l", "1h", &person.sam], &person.password)
        .succeeded();
    krb5.kinit(&["-R"], "").succeeded();
    krb5.kvno(&[HOST]).succeeded();
}

/// The sample application of MIT's GSS-API sends its ticket-granting ticket along: a forwarded one, which the
/// KDC made for the purpose, accepted with a key table that was exported.
#[test]
fn a_ticket_is_forwarded_to_a_service_with_an_exported_keytab() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("forward"));
    lab.keyporch(&["admin", "service", "add", "sample/app.corp.example"])
        .succeeded();
    let keytab = lab.scratch().join("sample.keytab");
    let path = keytab.to_str().expect("a temporary path is text");
    lab.keyporch(&[
        "admin",
        "service",
        "keytab",
        "sample/app.corp.example",
        "--out",
        path,
    ])
    .succeeded();
    let listed = krb5.klist(&["-ket", path]).succeeded();
    assert!(
        listed.contains("sample/app.corp.example@CORP.EXAMPLE"),
        "{listed}"
    );

    krb5.kinit(&["-f", &person.sam], &person.password)
        .succeeded();
    krb5.kvno(&["-k", path, "sample/app.corp.example"])
        .succeeded();
    let port = keyporch_interop::free_port();
    let mut server = krb5.command(
        "gss-server",
        &[
            "-once",
            "-port",
            &port.to_string(),
            "sample@app.corp.example",
        ],
    );
    server.env("KRB5_KTNAME", format!("FILE:{path}"));
    let server = keyporch_interop::Background::start(&mut server, port);
    let client = [
        "-port",
        &port.to_string(),
        "-d",
        "127.0.0.1",
        "sample@app.corp.example",
        "hello",
    ];
    run(&mut krb5.command("gss-client", &client), "").succeeded();
    let said = server.finish();
    assert!(said.contains("hello"), "{said}");
    assert!(said.contains("GSS_C_DELEG_FLAG"), "{said}");
    assert!(
        said.contains("Storing alice@CORP.EXAMPLE -> krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"),
        "{said}"
    );
}

#[test]
fn a_service_signs_in_with_its_keytab() {
    let lab = Lab::start();
    let krb5 = lab.krb5("keytab");
    lab.keyporch(&["admin", "service", "add", "backup/store.corp.example"])
        .succeeded();
    let keytab = lab.scratch().join("backup.keytab");
    let path = keytab.to_str().expect("a temporary path is text");
    lab.keyporch(&[
        "admin",
        "service",
        "keytab",
        "backup/store.corp.example",
        "--out",
        path,
    ])
    .succeeded();
    krb5.kinit(&["-k", "-t", path, "backup/store.corp.example"], "")
        .succeeded();
    krb5.kvno(&[HOST]).succeeded();
}

/// A password that must be changed gets no ticket, and the one that its owner chooses in its place does.
#[test]
fn kinit_gets_a_ticket_with_the_password_that_an_added_person_has_chosen_and_not_with_the_first() {
    let lab = Lab::start();
    let (first, own) = ("a long first password 1", "another of her own choice");
    let file = |name: &str, text: &str| {
        let path = lab.scratch().join(name);
        std::fs::write(&path, text).expect("there is room for a file");
        path.to_str().expect("a temporary path is text").to_owned()
    };
    let (first_file, own_file) = (file("first", first), file("own", own));
    lab.keyporch(&[
        "admin",
        "user",
        "add",
        "dora",
        "--password-file",
        &first_file,
    ])
    .succeeded();
    let krb5 = lab.krb5("dora");
    krb5.kinit(&["dora"], first).refused("expired");

    let change = |new: &str| {
        lab.keyporch(&[
            "password",
            "--user",
            "dora@corp.example",
            "--password-file",
            &first_file,
            "--new-password-file",
            new,
        ])
    };
    change(&first_file).refused("one of your last");
    change(&own_file).succeeded();
    krb5.kinit(&["dora"], first)
        .refused("Preauthentication failed");
    krb5.kinit(&["dora"], own).succeeded();
    krb5.kvno(&[HOST]).succeeded();
    change(&own_file).refused("not right");
}
