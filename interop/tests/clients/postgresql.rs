//! Two servers on one PostgreSQL database: what one of them is told holds on the other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyporch_interop::{Finished, Krb5, Server, run};
use store::testing::Cluster;
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};
use wire::key_material::PublicKeyMaterial;

use super::certificate_trust::Cards;

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

/// Within what time something that was revoked at one server is refused by the others.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);

/// Asks again until the answer is as wanted, and fails if it was not within a second. What counts is when the question was
/// asked that got the answer: how long a program needs to start is not the server's.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "time is what is measured")]
fn within_a_second(what: &str, mut wanted: impl FnMut() -> bool) {
    let revoked = Instant::now();
    loop {
        let asked = revoked.elapsed();
        if wanted() {
            println!("{what}: refused when asked after {asked:?}");
            assert!(asked < REVOKED_WITHIN, "{what}: only after {asked:?}");
            return;
        }
        assert!(asked < REVOKED_WITHIN, "{what}: not after {asked:?}");
    }
}

/// MIT's `kinit` of bob with a certificate that an authority of one's own signed, or nobody: MIT's client wants to trust
/// its own certificate.
fn by_certificate(
    server: &Server,
    cache: &str,
    (certificate, key): (&Path, &Path),
    anchor: &Path,
) -> (Krb5, Finished) {
    let krb5 = server.krb5(cache);
    let written = std::fs::read_to_string(krb5.configuration()).expect("it was written");
    let anchor = format!("\n  pkinit_anchors = FILE:{}\n  kdc = ", anchor.display());
    let edited = written.replacen("\n  kdc = ", &anchor, 1);
    std::fs::write(krb5.configuration(), edited).expect("there is room for a file");
    let finished = krb5.kinit_with_key("bob", certificate, key);
    (krb5, finished)
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
        by_certificate(server, cache, (&certificate, &key), &certificate)
    };
    assert!(!kinit(second, "before").1.ok);
    write(first, "add");
    let (krb5, signed_in) = kinit(second, "added");
    signed_in.succeeded();
    krb5.kvno(&["HTTP/sts.corp.example"]).succeeded();

    kinit(first, "both").1.succeeded();

    // The first server removes it, and both refuse it at once, and what it got.
    write(first, "delete");
    within_a_second("a key at the other server", || {
        !kinit(second, "removed").1.ok
    });
    within_a_second("a ticket at the other server", || {
        let asked = krb5.kvno(&["host/dc1.corp.example"]);
        !asked.ok && asked.text.contains("TGT has been revoked")
    });
    assert!(!kinit(first, "removed").1.ok);
    assert!(!kinit(second, "removed").1.ok);
}

/// Who is trusted to issue certificates is kept in memory, and it is the feed that tells the other server of a change,
/// also when it has thousands of others to react to.
#[test]
fn an_issuer_that_one_server_stops_trusting_the_other_does_not_trust_within_a_second() {
    let pair = Pair::start();
    let (first, second) = (&pair.first, &pair.second);
    first.add_person("bob", PASSWORD);
    let cards = Cards::within(&first.path("."));
    let name = "otherName=1.3.6.1.4.1.311.20.2.3;UTF8:bob@corp.example";
    let (certificate, key) = cards.card("bob", name);
    let (list, issuer) = (cards.list(), cards.path("ca.pem"));
    let card = certificate.to_str().expect("a temporary path is text");
    let trust = ["issuer", "add", &issuer, "--mapping", "explicit"];
    let trust = [&trust[..], &["--crl", &list]].concat();
    let distrust = ["issuer", "remove", "Cards", "--yes"];
    first.admin(&["user", "map", "bob", card]).succeeded();
    let signs_in = |cache: &str| {
        by_certificate(second, cache, (&certificate, &key), Path::new(&issuer))
            .1
            .ok
    };
    assert!(!signs_in("stranger"));
    first.admin(&trust).succeeded();
    until(|| signs_in("trusted"));
    first.admin(&distrust).succeeded();
    within_a_second("an issuer at the other server", || !signs_in("removed"));

    first.admin(&trust).succeeded();
    until(|| signs_in("again"));
    let people: String = (0..3_000)
        .map(|number| {
            format!(
                "dn: CN=p{number},CN=Users,DC=corp,DC=example\nobjectClass: user\nsAMAccountName: p{number}\n\n"
            )
        })
        .collect();
    let people = first.file("people.ldif", &people);
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let running = &running;
        scope.spawn(move || {
            let imported = first.admin(&["import", &people]);
            running.store(false, Ordering::SeqCst);
            imported.succeeded();
        });
        // It has begun when the other server knows of somebody whom it brought.
        while running.load(Ordering::SeqCst) && !second.admin(&["user", "show", "p0"]).ok {}
        assert!(running.load(Ordering::SeqCst), "it takes longer than that");
        first.admin(&distrust).succeeded();
        within_a_second("an issuer during an import", || !signs_in("later"));
    });
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
