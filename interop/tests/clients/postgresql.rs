//! Two servers on one PostgreSQL database: what one of them is told holds on the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyporch_interop::{Finished, Krb5, Server, run};
use store::testing::Cluster;
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};
use wire::key_material::PublicKeyMaterial;

const PASSWORD: &str = "a long first password 1";

/// A server in a new database, and another one that joined it as docs/postgresql.md says.
struct Pair {
    first: Server,
    second: Server,
    cluster: Cluster,
}

impl Pair {
    #[track_caller]
    fn start() -> Self {
        let cluster = Cluster::own();
        let database = cluster.database();
        let mut first = Server::set_up_in(&database.url);
        let mut second = first.joined_by("dc2.corp.example");
        first.serve();
        second.serve();
        Self {
            first,
            second,
            cluster,
        }
    }
}

/// A person's self-signed certificate: file, key.
fn certificate(server: &Server, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (
        server.path(&format!("{name}.pem")),
        server.path(&format!("{name}.key")),
    );
    let mut make = Command::new("openssl");
    make.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
    ])
    .arg(format!("/CN={name}"))
    .arg("-keyout")
    .arg(&key)
    .arg("-out")
    .arg(&certificate);
    run(&mut make, "").succeeded();
    (certificate, key)
}

/// Asks again until the answer is as wanted. Each time a program is run, which takes its time.
#[track_caller]
fn until(mut wanted: impl FnMut() -> bool) {
    assert!((0..500).any(|_| wanted()), "it never is");
}

fn by_password(server: &Server, name: &str) -> (Krb5, Finished) {
    let krb5 = server.krb5(&format!("{name}.ccache"));
    let finished = krb5.kinit(&[name], PASSWORD);
    (krb5, finished)
}

/// The value of `msDS-KeyCredentialLink` for the key of a certificate (protocols D.2).
fn key_credential(certificate: &Path, holder: &str) -> String {
    let public = "openssl x509 -in \"$1\" -pubkey -noout | openssl pkey -pubin -outform DER";
    let made = Command::new("sh")
        .args(["-c", public, "sh"])
        .arg(certificate)
        .output()
        .expect("openssl runs");
    let key = PublicKeyMaterial::from_spki_der(&made.stdout).expect("openssl writes a public key");
    let PublicKeyMaterial::Rsa(key) = key else {
        panic!("it is an RSA key")
    };
    // 2026-11-21, as Windows counts.
    let now = KeyTime::from_filetime(134_397_360_000_000_000, KeySource::Ad);
    let blob = NewKeyCredential {
        key_material: &key.to_bcrypt_blob(),
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: None,
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: Some(now),
        creation_time: Some(now),
    };
    let blob = blob.write().expect("the value keeps the rules");
    let digits: String = blob
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    format!("B:{}:{digits}:{holder}", digits.len())
}

#[test]
fn a_key_that_is_listed_on_one_server_signs_in_on_the_other_and_one_that_is_removed_on_neither() {
    let pair = Pair::start();
    let (first, second) = (&pair.first, &pair.second);
    first.add_person("bob", PASSWORD);
    // A person whom one server was told of is known to the other at once.
    by_password(second, "bob").1.succeeded();

    let name = "CN=bob,CN=Users,DC=corp,DC=example";
    let (certificate, key) = certificate(first, "bob");
    let value = key_credential(&certificate, name);
    let write = |server: &Server, how: &str| {
        let attribute = "msDS-KeyCredentialLink";
        let ldif = format!(
            "dn: {name}\nchangetype: modify\n{how}: {attribute}\n{attribute}: {value}\n-\n"
        );
        let file = server.file(&format!("{how}.ldif"), &ldif);
        server.admin(&["import", &file]).succeeded();
    };
    let kinit = |server: &Server, cache: &str| {
        let krb5 = server.krb5(cache);
        // MIT's client wants to trust its own certificate.
        let written = std::fs::read_to_string(krb5.configuration()).expect("it was written");
        let anchor = format!(
            "\n  pkinit_anchors = FILE:{}\n  kdc = ",
            certificate.display()
        );
        let edited = written.replacen("\n  kdc = ", &anchor, 1);
        std::fs::write(krb5.configuration(), edited).expect("there is room for a file");
        let finished = krb5.kinit_with_key("bob", &certificate, &key);
        (krb5, finished)
    };
    assert!(!kinit(second, "before").1.ok);
    write(first, "add");
    let (krb5, signed_in) = kinit(second, "added");
    signed_in.succeeded();
    krb5.kvno(&["HTTP/sts.corp.example"]).succeeded();

    // The second server removes it, and both refuse it at once, and what it got.
    write(second, "delete");
    assert!(!kinit(first, "removed").1.ok);
    assert!(!kinit(second, "removed").1.ok);
    krb5.kvno(&["host/dc1.corp.example"])
        .refused("TGT has been revoked");
}

#[test]
fn a_name_is_given_once_on_two_servers_that_are_asked_at_the_same_time() {
    let pair = Pair::start();
    for round in 0..5 {
        let name = format!("both{round}");
        let add = |server: &Server| {
            let file = server.file(&format!("{name}.password"), PASSWORD);
            let arguments = [
                "user",
                "add",
                &name,
                "--keep-password",
                "--password-file",
                &file,
            ];
            server.admin(&arguments)
        };
        let answers = std::thread::scope(|scope| {
            let one = scope.spawn(|| add(&pair.first));
            let other = scope.spawn(|| add(&pair.second));
            [one, other].map(|answer| answer.join().expect("it ran"))
        });
        let added = answers.iter().filter(|answer| answer.ok).count();
        assert_eq!(added, 1, "{}\n{}", answers[0].text, answers[1].text);
        by_password(&pair.first, &name).1.succeeded();
        by_password(&pair.second, &name).1.succeeded();
    }
}

#[test]
fn a_server_that_is_killed_leaves_the_other_serving_and_comes_back() {
    let mut pair = Pair::start();
    pair.first.add_person("alice", PASSWORD);
    pair.first.end_by("-KILL");
    let (krb5, finished) = by_password(&pair.second, "alice");
    finished.succeeded();
    krb5.kvno(&["HTTP/sts.corp.example"]).succeeded();
    pair.second.add_person("bob", PASSWORD);
    pair.first.serve();
    by_password(&pair.first, "bob").1.succeeded();
}

#[test]
fn a_database_that_goes_away_is_told_and_served_from_again_when_it_is_back() {
    let mut pair = Pair::start();
    pair.first.add_person("alice", PASSWORD);
    pair.cluster.crash();
    assert!(!by_password(&pair.first, "alice").1.ok);
    assert!(!pair.second.admin(&["user", "list"]).ok);
    pair.cluster.start();
    until(|| by_password(&pair.first, "alice").1.ok);
    until(|| pair.second.admin(&["user", "list"]).ok);
    let (_, said) = pair.first.end_by("-TERM");
    assert!(said.contains("is away"), "{said}");
}

#[test]
fn a_set_up_wants_an_empty_database_and_serving_one_that_is_set_up() {
    let cluster = Cluster::own();
    let database = cluster.database();
    let first = Server::set_up_in(&database.url);
    let again = Server::nowhere_yet();
    let refused = run(again.init().args(["--store", &database.url]), "");
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    refused.refused("holds a store already");
    run(&mut first.keyporchd("check"), "").succeeded();
    let empty = cluster.database();
    first.configure(|text| text.replace(&database.url, &empty.url));
    first.does_not_start().refused("there is no store");
}
