//! A server is backed up while it serves, and restored: MIT's client signs in with what was there and is still good, and
//! with nothing that was revoked since.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyporch_interop::{Finished, Krb5, Server, run};
use serde_json::Value;

/// A self-signed key of MIT's client, listed on an account.
struct Key {
    certificate: PathBuf,
    private: PathBuf,
}

fn key(server: &Server, name: &str, account: &str) -> Key {
    let made = Key {
        certificate: server.path(&format!("{name}.pem")),
        private: server.path(&format!("{name}.key")),
    };
    let subject = format!("/CN={name}");
    let mut make = Command::new("openssl");
    make.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
    ])
    .args(["-subj", &subject])
    .arg("-keyout")
    .arg(&made.private)
    .arg("-out")
    .arg(&made.certificate);
    run(&mut make, "").succeeded();
    let file = made.certificate.to_str().expect("a temporary path is text");
    server.admin(&["key", "add", account, file]).succeeded();
    made
}

/// MIT's client wants to trust its own certificate, too.
fn kinit(server: &Server, account: &str, key: &Key) -> Finished {
    let krb5 = server.krb5("key.ccache");
    let written = std::fs::read_to_string(krb5.configuration()).expect("it was just written");
    let own = format!(
        "  pkinit_anchors = FILE:{}\n }}\n",
        key.certificate.display()
    );
    let edited = server.file("key.conf", &written.replacen(" }\n", &own, 1));
    let krb5 = Krb5::new(Path::new(&edited), &server.path("key.ccache"));
    krb5.kinit_with_key(account, &key.certificate, &key.private)
}

fn backup(server: &Server, name: &str) -> String {
    let path = server.path(name);
    run(server.keyporchd("backup").arg(&path), "").succeeded();
    path.to_str().expect("a temporary path is text").to_owned()
}

fn restore(server: &Server, backup: &str, more: &[&str]) -> Finished {
    run(server.keyporchd("restore").arg(backup).args(more), "")
}

fn check(server: &Server) -> Value {
    let text = run(server.keyporchd("check").arg("--json"), "").succeeded();
    serde_json::from_str(&text).expect("check --json prints JSON")
}

#[test]
fn a_key_that_was_removed_after_the_backup_does_not_sign_in_after_the_restore() {
    let mut server = Server::start();
    for name in ["alice", "bob", "carol"] {
        server.add_person(name, "Correct-Horse-7");
    }
    let (kept, lost) = (key(&server, "kept", "alice"), key(&server, "lost", "alice"));
    let (bobs, carols) = (key(&server, "bobs", "bob"), key(&server, "carols", "carol"));
    for (account, key) in [
        ("alice", &kept),
        ("alice", &lost),
        ("bob", &bobs),
        ("carol", &carols),
    ] {
        kinit(&server, account, key).succeeded();
    }
    let file = backup(&server, "corp.keyporch");
    assert_eq!(check(&server)["store"]["found"], 0);

    let keys = server.admin_json(&["key", "list", "alice"]);
    let digest = fingerprint(&lost.certificate);
    assert!(keys.to_string().contains(&digest), "{keys}");
    server
        .admin(&["key", "revoke", "alice", &digest, "--yes"])
        .succeeded();
    server.admin(&["user", "disable", "bob"]).succeeded();
    server
        .admin(&["user", "delete", "carol", "--yes"])
        .succeeded();
    server.add_person("dave", "Correct-Horse-7");
    assert!(!kinit(&server, "alice", &lost).ok);

    // Beside a server nothing is restored, and nothing is overwritten unasked.
    restore(&server, &file, &["--replace"]).refused("another server has the store");
    server.end_by("-TERM");
    restore(&server, &file, &[]).refused("there is a store already");

    let told = restore(&server, &file, &["--replace", "--json"]).succeeded();
    let told: Value = serde_json::from_str(&told).expect("restore --json prints JSON");
    assert_eq!(told["revoked_known_from"], "the store that was replaced");
    assert!(told["withdrawn"].to_string().contains(&digest), "{told}");
    look(&mut server, &kept, &lost, &bobs, &carols);
    server.end_by("-TERM");

    // The store is lost altogether: the audit log knows as much.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(server.data(&format!("directory.sqlite{suffix}")));
    }
    let told = restore(&server, &file, &["--json"]).succeeded();
    let told: Value = serde_json::from_str(&told).expect("restore --json prints JSON");
    assert_eq!(told["revoked_known_from"], "the audit log", "{told}");
    look(&mut server, &kept, &lost, &bobs, &carols);
    server.end_by("-TERM");

    // And where that is lost too, nothing is restored unless somebody says so.
    std::fs::rename(server.data("audit.jsonl"), server.data("elsewhere.jsonl"))
        .expect("a file can be renamed");
    restore(&server, &file, &["--replace"]).succeeded();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(server.data(&format!("directory.sqlite{suffix}")));
    }
    restore(&server, &file, &[]).refused("it is not known what was revoked");
    assert!(!server.data("directory.sqlite").exists());
    let elsewhere = server.data("elsewhere.jsonl");
    let elsewhere = elsewhere.to_str().expect("a temporary path is text");
    restore(&server, &file, &["--audit", elsewhere]).succeeded();
    look(&mut server, &kept, &lost, &bobs, &carols);
}

/// An older backup was restored first, and a newer one is restored over it: who came between the two is no one that was
/// deleted since.
#[test]
fn a_store_that_is_older_than_the_backup_is_not_asked_what_was_revoked() {
    let mut server = Server::start();
    server.add_person("alice", "Correct-Horse-7");
    let older = backup(&server, "older.keyporch");
    server.add_person("bob", "Correct-Horse-7");
    let (kept, lost) = (key(&server, "kept", "bob"), key(&server, "lost", "bob"));
    let newer = backup(&server, "newer.keyporch");
    let digest = fingerprint(&lost.certificate);
    server
        .admin(&["key", "revoke", "bob", &digest, "--yes"])
        .succeeded();
    server.end_by("-TERM");
    restore(&server, &older, &["--replace"]).succeeded();
    // The name under which a store is kept has the time in seconds.
    for kept in std::fs::read_dir(server.data("")).expect("a folder can be read") {
        let kept = kept.expect("a folder can be read").path();
        if kept.to_string_lossy().contains(".replaced-") {
            std::fs::remove_file(kept).expect("a file can be removed");
        }
    }
    let told = restore(&server, &newer, &["--replace", "--json"]).succeeded();
    let told: Value = serde_json::from_str(&told).expect("restore --json prints JSON");
    assert_eq!(told["revoked_known_from"], "the audit log", "{told}");
    let books = &told["store"]["issuance_log"];
    assert!(books.as_u64().is_some_and(|entries| entries > 5), "{told}");
    assert_eq!(check(&server)["store"]["found"], 0);
    server.serve();
    kinit(&server, "bob", &kept).succeeded();
    assert!(!kinit(&server, "bob", &lost).ok, "it was revoked");
}

/// What is good and what is not, whatever told of it.
fn look(server: &mut Server, kept: &Key, lost: &Key, bobs: &Key, carols: &Key) {
    assert_eq!(check(server)["store"]["found"], 0);
    server.serve();
    kinit(server, "alice", kept).succeeded();
    assert!(!kinit(server, "alice", lost).ok, "it was revoked");
    assert!(!kinit(server, "bob", bobs).ok, "bob was disabled");
    assert!(!kinit(server, "carol", carols).ok, "carol was deleted");
    server.admin(&["user", "enable", "bob"]).succeeded();
    kinit(server, "bob", bobs).succeeded();
    server.admin(&["user", "disable", "bob"]).succeeded();
    server.admin(&["user", "show", "dave"]).refused("");
}

/// The key's fingerprint as the directory shows it: SHA-256 over its SubjectPublicKeyInfo.
fn fingerprint(certificate: &Path) -> String {
    let script =
        "openssl x509 -in \"$1\" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(certificate);
    let text = run(&mut shell, "").succeeded();
    text.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A certificate to sign in with, issued to an account: its serial number.
fn issue(server: &Server, account: &str, name: &str) -> (String, Key) {
    let made = Key {
        certificate: server.path(&format!("{name}.pem")),
        private: server.path(&format!("{name}.key")),
    };
    let text = |path: &Path| path.to_str().expect("a temporary path is text").to_owned();
    let (key, out) = (text(&made.private), text(&made.certificate));
    let issued = server.admin_json(&[
        "certificate",
        "issue",
        account,
        "--key",
        &key,
        "--out",
        &out,
        "--days",
        "30",
    ]);
    let serial = issued["serial"].as_str().expect("a serial number");
    (serial.to_owned(), made)
}

#[test]
fn a_certificate_that_was_revoked_after_the_backup_stays_revoked_and_on_the_list() {
    let mut server = Server::start();
    server.add_person("alice", "Correct-Horse-7");
    let (kept, (revoked, lost)) = (
        issue(&server, "alice", "kept").1,
        issue(&server, "alice", "lost"),
    );
    kinit(&server, "alice", &lost).succeeded();
    let file = backup(&server, "corp.keyporch");
    let (later, unknown) = issue(&server, "alice", "later");
    kinit(&server, "alice", &unknown).succeeded();
    for serial in [&revoked, &later] {
        server
            .admin(&["certificate", "revoke", serial, "--yes"])
            .succeeded();
    }
    server.end_by("-TERM");

    for way in ["the store that was replaced", "the audit log"] {
        if way == "the audit log" {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(server.data(&format!("directory.sqlite{suffix}")));
            }
        }
        let told = restore(&server, &file, &["--replace", "--json"]).succeeded();
        let told: Value = serde_json::from_str(&told).expect("restore --json prints JSON");
        assert_eq!(told["revoked_known_from"], way, "{told}");
        assert_eq!(check(&server)["store"]["found"], 0);
        server.serve();
        kinit(&server, "alice", &kept).succeeded();
        assert!(!kinit(&server, "alice", &lost).ok, "{way}: it was revoked");
        assert!(
            !kinit(&server, "alice", &unknown).ok,
            "{way}: nobody issued it"
        );
        let list = list(&server);
        for serial in [&revoked, &later] {
            let listed = list.contains(&serial.to_uppercase());
            assert!(listed, "{way}: {serial} is not on the list\n{list}");
        }
        server.end_by("-TERM");
    }
}

/// The revocation list that the server publishes, as text.
fn list(server: &Server) -> String {
    let url = format!("http://127.0.0.1:{}/root.crl", server.port(80));
    let script = "curl -sf \"$1\" | openssl crl -inform DER -noout -text";
    run(Command::new("sh").args(["-c", script, "sh", &url]), "").succeeded()
}
