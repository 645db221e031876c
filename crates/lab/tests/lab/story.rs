//! A new lab, the same one resumed, and one begun anew.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use lab::{Fault, Options};
use serde_json::Value;

/// Where a lab tells its story to.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn run(options: &Options) -> Result<String, Fault> {
    let page = Page::default();
    lab::run(options, Box::new(page.clone()))?;
    let told = page.0.lock().unwrap().clone();
    Ok(String::from_utf8(told).unwrap())
}

pub(super) fn once(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        once: true,
        base_port: 0,
        ..Options::default()
    }
}

pub(super) fn description(dir: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join("lab.json")).unwrap()).unwrap()
}

/// The steps of a story that was told as JSON lines.
pub(super) fn steps(told: &str) -> Vec<String> {
    told.lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"))
        })
        .filter_map(|line| line["step"].as_str().map(str::to_owned))
        .collect()
}

/// The steps in the tables of the flow's page.
fn documented() -> Vec<String> {
    include_str!("../../../../docs/flows/onprem-key.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_new_lab_tells_the_documented_story_and_a_resumed_one_goes_on_with_its_keys_and_people() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("lab");
    let json = Options {
        json: true,
        ..once(&dir)
    };

    let told = run(&json).unwrap();
    let flow: Vec<String> = steps(&told)
        .into_iter()
        .filter(|step| !step.starts_with("DREG-F5"))
        .collect();
    assert_eq!(flow, documented(), "{told}");
    assert!(
        steps(&told).iter().any(|step| step == "DREG-F5.5"),
        "{told}"
    );
    assert!(
        told.lines().last().unwrap().contains("\"ready\":true"),
        "{told}"
    );
    let first = description(&dir);

    let told = run(&json).unwrap();
    assert_eq!(
        steps(&told),
        ["AUTH-F8.A", "AUTH-F8.B", "AUTH-F8.C", "AUTH-F8.D"],
        "{told}"
    );
    let second = description(&dir);
    for member in ["/users", "/admin", "/devices", "/federation", "/kdc"] {
        assert_eq!(first.pointer(member), second.pointer(member), "{member}");
    }

    let told = run(&Options {
        fresh: true,
        ..json
    })
    .unwrap();
    assert!(steps(&told).iter().any(|step| step == "F7.C2"), "{told}");
    assert_ne!(
        first.pointer("/devices/0/id"),
        description(&dir).pointer("/devices/0/id")
    );
}

#[test]
fn the_description_keeps_the_contract_and_every_path_in_it_leads_to_a_file_of_the_user_alone() {
    // design.md 4, version 1.
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("lab");
    let told = run(&once(&dir)).unwrap();
    assert_eq!(told.lines().last(), Some("ready"), "{told}");
    let described = description(&dir);
    let members: BTreeSet<&str> = described
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let promised = BTreeSet::from([
        "version",
        "scenario",
        "ready_ms",
        "pid",
        "realm",
        "domain",
        "krb5_conf",
        "hosts",
        "root_pem",
        "kdc",
        "ldap",
        "federation",
        "tenant",
        "authority",
        "admin",
        "users",
        "devices",
    ]);
    assert!(members.is_superset(&promised), "{members:?}");
    assert_eq!(described["version"], 1);
    assert!(described["tenant"].is_null());
    for (parent, child) in [
        ("kdc", "udp"),
        ("kdc", "tcp"),
        ("kdc", "kkdcp"),
        ("password", "udp"),
        ("password", "tcp"),
        ("ldap", "url"),
        ("ldap", "tls_url"),
        ("ldap", "base"),
        ("federation", "base"),
        ("authority", "crl_url"),
        ("admin", "upn"),
        ("admin", "password"),
        ("admin", "totp_secret"),
        ("admin", "socket"),
    ] {
        assert!(described[parent].get(child).is_some(), "{parent}.{child}");
    }
    let (user, device) = (&described["users"][0], &described["devices"][0]);
    for member in [
        "upn",
        "sam",
        "password",
        "totp_secret",
        "pin",
        "device",
        "hello_key_pem",
        "hello_cert_pem",
        "ccache",
    ] {
        assert!(user[member].is_string(), "users[0].{member}");
    }
    for member in ["name", "id", "certificate_pem", "key_pem"] {
        assert!(device[member].is_string(), "devices[0].{member}");
    }
    let ccache = user["ccache"]
        .as_str()
        .unwrap()
        .strip_prefix("FILE:")
        .unwrap();
    let files = [
        &described["krb5_conf"],
        &described["hosts"],
        &described["root_pem"],
        &user["hello_key_pem"],
        &user["hello_cert_pem"],
        &device["certificate_pem"],
        &device["key_pem"],
    ];
    let files = files.map(|file| file.as_str().unwrap());
    for file in files.into_iter().chain([ccache]) {
        let path = Path::new(file);
        assert!(path.is_absolute(), "{file}");
        let mode = std::fs::metadata(path)
            .unwrap_or_else(|error| panic!("{file}: {error}"))
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(
        std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for key in [&user["hello_key_pem"], &device["key_pem"]] {
        let text = std::fs::read_to_string(key.as_str().unwrap()).unwrap();
        assert!(
            text.lines().next().unwrap().contains("PRIVATE KEY") && text.contains("lab"),
            "{text}"
        );
        assert!(crypto::key::PrivateKey::from_pem(&text).is_ok());
    }
}

#[test]
fn a_busy_port_is_one_clear_sentence_with_a_remedy_and_leaves_the_folder_as_it_was() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("lab");
    // HTTPS is 443 above the base port; a port below 443 leaves nothing to test.
    let Some(base_port) = port
        .checked_sub(443)
        .filter(|base| *base > 1024 && *base <= 65_092)
    else {
        return;
    };
    let fault = run(&Options {
        base_port,
        ..once(&dir)
    })
    .unwrap_err();
    assert_eq!(fault.exit_code(), 1);
    assert!(
        fault.to_string().contains(&format!("127.0.0.1:{port}")),
        "{fault}"
    );
    assert!(fault.remedy().contains("--base-port"), "{}", fault.remedy());
    assert!(!dir.join("directory.sqlite").exists());
}

#[test]
fn a_device_that_lost_its_files_is_joined_and_enrolled_anew() {
    // What befalls a lab, a crash within the join for instance, must not leave it beyond repair.
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("lab");
    run(&once(&dir)).unwrap();
    std::fs::remove_dir_all(dir.join("device")).unwrap();
    let told = run(&Options {
        json: true,
        ..once(&dir)
    })
    .unwrap();
    let steps = steps(&told);
    for step in ["DREG-F5.5", "F7.C3", "AUTH-F8.D"] {
        assert!(steps.iter().any(|told| told == step), "{step}: {told}");
    }
}
