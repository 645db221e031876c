//! A server of one's own, as README tells it: set up, served, joined, enrolled with, signed in to, stopped, started again.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyporch_interop::{Device, Server, run};
use serde_json::Value;

use crate::browser::code;

const ALICE: &str = "alice@corp.example";
const BOB: &str = "bob@corp.example";
const PASSWORD: &str = "a long first password 1";

/// The code that an authenticator shows now.
fn now(secret: &str) -> String {
    code(secret, 0)
}

/// A device that has joined.
#[track_caller]
fn joined(server: &Server, name: &str) -> Device {
    let device = server.device(name);
    let secret = server.shown("/administrator/totp_secret");
    device.join(&now(secret), &[]).succeeded();
    device
}

/// The fingerprints of somebody's keys.
#[track_caller]
fn keys(server: &Server, name: &str) -> Vec<String> {
    let listed = server.admin_json(&["key", "list", name]);
    let rows = listed.as_array().expect("a list");
    let fingerprints = rows.iter().filter_map(|row| row["fingerprint"].as_str());
    fingerprints.map(str::to_owned).collect()
}

#[test]
fn from_nothing_to_a_ticket_and_on_after_a_restart() {
    let mut server = Server::start();
    let pin = server.file("pin", "735194\n");
    server.let_people_enrol();
    server.add_person("alice", PASSWORD);
    let device = joined(&server, "laptop-1");

    let (enrolled, authenticator) = device.enrol(ALICE, PASSWORD, &pin, now, &[]);
    enrolled.succeeded();
    let krb5 = server.krb5("alice.ccache");
    let said = device.sign_in(ALICE, &pin, krb5.cache()).succeeded();
    assert!(said.contains("Signed in as alice@CORP.EXAMPLE"), "{said}");
    let list = krb5.klist(&["-e"]).succeeded();
    assert!(list.contains("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"), "{list}");
    assert!(list.contains("aes256-cts-hmac"), "{list}");
    krb5.kvno(&["host/laptop-1.corp.example"]).succeeded();
    let by_password = server.krb5("password.ccache");
    by_password.kinit(&["alice"], PASSWORD).succeeded();

    let status = device.keyporch(&["status", "--json"], "").succeeded();
    let status: Value = serde_json::from_str(&status).expect("status is JSON");
    assert_eq!(status["people"][0]["upn"], ALICE, "{status:#}");
    assert_eq!(
        status["people"][0]["User State"]["NgcSet"], "YES",
        "{status:#}"
    );
    let devices = server.admin_json(&["device", "list"]);
    assert_eq!(devices[0]["name"], "laptop-1", "{devices:#}");

    // A key that is revoked gets no ticket, and the ticket that it got gets none either.
    let fingerprint = keys(&server, "alice").remove(0);
    server
        .admin(&["key", "revoke", "alice", &fingerprint, "--yes"])
        .succeeded();
    let refused = device.sign_in(ALICE, &pin, krb5.cache());
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    let said = refused.refused("KDC_ERR_CLIENT_NOT_TRUSTED");
    assert!(said.contains("enroll --replace"), "{said}");
    krb5.kvno(&["host/dc1.corp.example"])
        .refused("TGT has been revoked");

    let (status, said) = server.end_by("-TERM");
    assert!(status.success(), "{status:?}:\n{said}");
    assert!(said.contains("stopping"), "{said}");
    assert!(
        !server.data("admin.sock").exists(),
        "the socket is gone with the server"
    );
    server.serve();

    // Everything is there: the device's certificate, alice's authenticator, the policy; and bob comes along.
    let replaced = [
        "enroll",
        "--user",
        ALICE,
        "--password-file",
        "-",
        "--code-file",
        "-",
        "--pin-file",
        &pin,
        "--yes",
        "--replace",
    ];
    // The code of this half minute was used up by the enrolment.
    let input = format!("{PASSWORD}\n{}\n", code(&authenticator, 1));
    device.keyporch(&replaced, &input).succeeded();
    device.sign_in(ALICE, &pin, krb5.cache()).succeeded();
    krb5.kvno(&["host/dc1.corp.example"]).succeeded();
    // Bob has to choose a password of his own, which an enrolment asks for before all else.
    server.add_person_who_chooses("bob", PASSWORD);
    let own = server.file("bob.own", "another of my own choice 2\n");
    let (enrolled, _) = device.enrol(BOB, PASSWORD, &pin, now, &["--new-password-file", &own]);
    enrolled.succeeded();
    let by_password = server.krb5("bob-password.ccache");
    by_password
        .kinit(&["bob"], "another of my own choice 2")
        .succeeded();
    assert!(
        !by_password.kinit(&["bob"], PASSWORD).ok,
        "the first password is no more"
    );
    let krb5 = server.krb5("bob.ccache");
    device.sign_in(BOB, &pin, krb5.cache()).succeeded();
    krb5.kvno(&["host/laptop-1.corp.example"]).succeeded();
}

#[test]
fn init_shows_the_secrets_once_and_overwrites_nothing() {
    let server = Server::nowhere_yet();
    let shown = run(&mut server.init(), "").succeeded();
    for part in [
        "password",
        "second factor",
        "keyporchd serve",
        "admin policy set",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    let files = [
        server.config(),
        server.path("keyporch-roots.pem"),
        server.data("root.key"),
        server.data("directory.sqlite"),
    ];
    let content = || {
        files
            .iter()
            .map(|path| std::fs::read(path).expect("init wrote it"))
            .collect::<Vec<_>>()
    };
    let before = content();
    let again = run(&mut server.init(), "");
    assert_eq!(again.code, Some(2), "{}", again.text);
    let said = again.refused("is there already, and init overwrites nothing");
    assert!(
        said.contains("Move it away, or give other places with --config and --data."),
        "{said}"
    );
    // Nor where only one of its files is left.
    std::fs::rename(server.config(), server.path("kept.toml")).expect("the file can be moved");
    run(&mut server.init(), "").refused("root.key is there already");
    std::fs::rename(server.path("kept.toml"), server.config()).expect("the file can be moved");
    assert!(before == content(), "a file was touched");
    run(&mut server.keyporchd("check"), "").succeeded();
}

#[test]
fn a_device_that_lost_its_files_takes_its_own_place_and_what_it_had_ends() {
    let server = Server::start();
    let pin = server.file("pin", "735194\n");
    server.let_people_enrol();
    server.add_person("alice", PASSWORD);
    let lost = joined(&server, "laptop-1");
    let (enrolled, authenticator) = lost.enrol(ALICE, PASSWORD, &pin, now, &[]);
    enrolled.succeeded();
    let krb5 = server.krb5("alice.ccache");
    lost.sign_in(ALICE, &pin, krb5.cache()).succeeded();
    let [former] = keys(&server, "alice").try_into().expect("one key");

    // The machine set up anew: not by accident, and on purpose only by who may. (Each code is of use once.)
    let anew = server.device_kept_in("laptop-1", "anew");
    let secret = server.shown("/administrator/totp_secret");
    let refused = anew.join(&code(secret, 1), &[]);
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    let said = refused.refused("the computer account was not made");
    assert!(said.contains("--replace"), "{said}");
    assert_eq!(
        keys(&server, "alice"),
        [former.as_str()],
        "nothing was done"
    );
    server
        .admin(&["user", "reset-second-factor", "admin", "--yes"])
        .succeeded();
    anew_with_a_new_authenticator(&server, &anew);

    assert!(
        keys(&server, "alice").is_empty(),
        "the key died with the device that held it"
    );
    lost.sign_in(ALICE, &pin, krb5.cache())
        .refused("KDC_ERR_CLIENT_NOT_TRUSTED");
    krb5.kvno(&["host/dc1.corp.example"])
        .refused("TGT has been revoked");
    let enroll = [
        "enroll",
        "--user",
        ALICE,
        "--replace",
        "--yes",
        "--password-file",
        "-",
        "--code-file",
        "-",
        "--pin-file",
        &pin,
    ];
    let refused = lost.keyporch(
        &enroll,
        &format!("{PASSWORD}\n{}\n", code(&authenticator, 1)),
    );
    assert_eq!(refused.code, Some(2), "{}", refused.text);
    refused.refused("the server does not know this device any more");

    let audit = server.admin_json(&["audit", "--limit", "200"]).to_string();
    for action in ["device.delete", "computer.rejoin", "device.register"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    // The new one is a device like any other.
    let input = format!("{PASSWORD}\n{}\n", code(&authenticator, 1));
    anew.keyporch(
        &[
            "enroll",
            "--user",
            ALICE,
            "--yes",
            "--password-file",
            "-",
            "--code-file",
            "-",
            "--pin-file",
            &pin,
        ],
        &input,
    )
    .succeeded();
    anew.sign_in(ALICE, &pin, krb5.cache()).succeeded();
    krb5.kvno(&["host/laptop-1.corp.example"]).succeeded();
}

/// Joins as the administrator, who sets up an authenticator at that sign-in.
#[track_caller]
fn anew_with_a_new_authenticator(server: &Server, device: &Device) {
    device
        .join_first_time(now, &["--replace", "--yes"])
        .succeeded();
    let devices = server.admin_json(&["device", "list"]);
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "{devices:#}");
}

#[test]
fn killed_in_the_middle_it_comes_back_with_everything_that_it_acknowledged() {
    let mut server = Server::start();
    let mut acknowledged: Vec<String> = Vec::new();
    for life in 0..3 {
        let (socket, count) = (server.data("admin.sock"), AtomicUsize::new(0));
        // Groups are added until the kill comes in between.
        let added = std::thread::scope(|scope| {
            let adding = scope.spawn(|| add_groups_until_it_fails(&socket, life, &count));
            while count.load(Ordering::SeqCst) < 5 + 9 * life {
                assert!(!adding.is_finished(), "it failed before the kill");
                std::thread::yield_now();
            }
            let (status, _) = server.end_by("-KILL");
            assert!(!status.success());
            adding.join().expect("the thread ends")
        });
        acknowledged.extend(added);
        assert!(
            server.data("admin.sock").exists(),
            "a kill leaves the socket's file behind"
        );
        server.serve();
        let listed = server
            .admin_json(&["group", "list", "--search", "g-"])
            .to_string();
        for name in &acknowledged {
            assert!(
                listed.contains(&format!("\"{name}\"")),
                "life {life}: {name} is lost"
            );
        }
    }
}

/// Adds groups by the server's socket, as fast as they are acknowledged, until one is not: the names of those that were.
fn add_groups_until_it_fails(socket: &Path, life: usize, count: &AtomicUsize) -> Vec<String> {
    let mut added = Vec::new();
    for number in 0.. {
        let name = format!("g-{life}-{number}");
        let body = format!("{{\"name\":\"{name}\"}}");
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--fail",
            "--output",
            "/dev/null",
            "--unix-socket",
        ])
        .arg(socket)
        .args(["--json", &body, "http://localhost/administration/v1/groups"]);
        if !run(&mut curl, "").ok {
            break;
        }
        added.push(name);
        count.fetch_add(1, Ordering::SeqCst);
    }
    added
}
