//! `keyporch` on a device of a tenant, as a person and a program use it: join, enroll, sign-in online and offline, status, token,
//! with their exit codes.

use std::process::Command;

use keyporch_interop::{Finished, Lab, binary, run};
use serde_json::Value;

use crate::webdriver::Browser;

const GRAPH: &str = "https://graph.microsoft.com";

/// A device of its own beside that of the lab.
struct Laptop<'a> {
    lab: &'a Lab,
    state: &'static str,
}

impl Laptop<'_> {
    fn keyporch(&self, arguments: &[&str]) -> Finished {
        run(&mut self.command(arguments), "")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("keyporch"));
        command
            .arg("--lab")
            .arg(self.lab.directory())
            .arg("--state")
            .arg(self.lab.scratch().join(self.state))
            .args(arguments);
        command
    }

    /// The same at a terminal.
    fn at_a_terminal(&self, arguments: &[&str]) -> Finished {
        let command = self.command(arguments);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.display())).collect();
        let mut script = Command::new("script");
        script.args([
            "--quiet",
            "--return",
            "--command",
            &words.join(" "),
            "/dev/null",
        ]);
        run(&mut script, "")
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self
            .keyporch(&[&["--json"], arguments].concat())
            .succeeded();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}):\n{text}"))
    }
}

fn tenant() -> Lab {
    Lab::start_with(&["--scenario", "cloud-managed"], &[])
}

#[test]
fn a_person_joins_enrols_signs_in_and_a_program_gets_a_token() {
    let lab = tenant();
    let laptop = Laptop {
        lab: &lab,
        state: "laptop-2",
    };
    let early = laptop.keyporch(&["token", "--resource", GRAPH]);
    assert_eq!(early.code, Some(2));
    early.refused("this device has not joined an organisation");

    let joined = laptop.json(&["join", "--name", "LAPTOP-2"]);
    assert_eq!(joined["tenant_id"], lab.text("/tenant/id"));
    assert_eq!(joined["user"], "alice@corp.example");
    let again = laptop.keyporch(&["join", "--name", "LAPTOP-2"]);
    let said = again.refused("this device has joined corp.example already, as LAPTOP-2");
    assert!(said.contains("`keyporch join --replace`"), "{said}");

    // Who joined the device is signed in on it before any PIN (DREG-F1.H).
    let status = laptop.json(&["status"]);
    assert_eq!(status["Device State"]["AzureAdJoined"], "YES");
    assert_eq!(status["Device State"]["DomainJoined"], "NO");
    assert_eq!(status["Device Details"]["DeviceId"], joined["device_id"]);
    assert_eq!(status["Tenant Details"]["TenantId"], lab.text("/tenant/id"));
    assert_eq!(status["people"][0]["SSO State"]["AzureAdPrt"], "YES");
    assert_eq!(status["people"][0]["User State"]["NgcSet"], "NO");
    laptop.keyporch(&["token", "--resource", GRAPH]).succeeded();
    laptop
        .keyporch(&["sign-in"])
        .refused("nobody has enrolled on this device");

    // PROV-5.6: the second factor of the join is still fresh.
    let enrolled = laptop.keyporch(&["enroll"]).succeeded();
    assert!(
        enrolled.contains("The second factor is still fresh."),
        "{enrolled}"
    );
    let signed_in = laptop.json(&["sign-in"]);
    assert_eq!(signed_in["online"], true);
    let token = laptop.json(&["token", "--resource", GRAPH]);
    assert!(
        token["access_token"]
            .as_str()
            .is_some_and(|token| token.starts_with("eyJ"))
    );
    assert!(
        token["expires_in"]
            .as_i64()
            .is_some_and(|seconds| seconds > 60)
    );
    let printed = laptop.keyporch(&["token", "--resource", GRAPH]).succeeded();
    assert!(printed.starts_with("eyJ") && printed.lines().count() == 1);
    let unknown = laptop.keyporch(&["token", "--resource", "urn:nobody"]);
    assert_eq!(unknown.code, Some(2));
    let words = "the tenant refused: the resource is not known in this tenant (AADSTS500011)\n";
    let said = unknown.refused(words);
    assert_eq!(said.matches("AADSTS").count(), 1, "{said}");
    assert!(!said.contains("Trace ID"), "{said}");
}

#[test]
fn a_disabled_device_is_kept_out_and_a_tenant_that_is_away_keeps_nobody_out_who_has_the_pin() {
    let lab = tenant();
    let laptop = Laptop {
        lab: &lab,
        state: "laptop-2",
    };
    let id = laptop.json(&["join", "--name", "LAPTOP-2"])["device_id"].clone();
    let id = id.as_str().expect("a device has an ID");
    laptop.keyporch(&["enroll"]).succeeded();
    laptop.keyporch(&["sign-in"]).succeeded();

    lab.keyporch(&["admin", "device", "disable", id])
        .succeeded();
    for asked in [&["token", "--resource", GRAPH][..], &["sign-in"]] {
        let refused = laptop.keyporch(asked);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        refused.refused("AADSTS135011");
    }
    // PRT-6: what the tenant has ended, the device has forgotten.
    laptop
        .keyporch(&["token", "--resource", GRAPH])
        .refused("nobody is signed in on this device");
    lab.keyporch(&["admin", "device", "enable", id]).succeeded();
    laptop.keyporch(&["sign-in"]).succeeded();

    // AUTH-2: the tenant is gone, and the names and roots are those that the join has left.
    let wrong = lab.scratch().join("wrong.pin");
    std::fs::write(&wrong, "000000\n").expect("there is room for a file");
    let wrong = wrong.to_str().expect("a temporary path is text");
    lab.stop();
    let offline = laptop.json(&["sign-in"]);
    assert_eq!(offline["online"], false);
    laptop
        .keyporch(&["sign-in", "--pin-file", wrong])
        .refused("the PIN is wrong");
    let token = laptop.keyporch(&["token", "--resource", GRAPH]);
    assert_eq!(token.code, Some(1));
    token.refused("the tenant cannot be reached");
}

#[test]
fn somebody_new_has_a_pass_then_a_pin_and_never_a_password() {
    let lab = tenant();
    let laptop = Laptop {
        lab: &lab,
        state: "laptop-2",
    };
    let file = |name: &str, content: &str| {
        let path = lab.scratch().join(name);
        std::fs::write(&path, content).expect("there is room for a file");
        path.to_str().expect("a temporary path is text").to_owned()
    };
    lab.keyporch(&["admin", "user", "add", "dora", "--no-password"])
        .succeeded();
    let given = lab.keyporch_json(&["admin", "user", "access-pass", "dora"]);
    let pass = ["access_pass", "pass"]
        .iter()
        .find_map(|name| given[name].as_str())
        .unwrap_or_else(|| panic!("no pass in {given:#}"));
    let (pass, pin) = (file("pass", pass), file("pin", "735194\n"));
    let dora = ["--user", "dora@corp.example"];
    let join = ["join", "--name", "DORAS", "--password-file", &pass, "--yes"];
    laptop.keyporch(&[&join[..], &dora].concat()).succeeded();
    let enroll = ["enroll", "--pin-file", &pin, "--yes"];
    let enrolled = laptop.keyporch(&[&enroll[..], &dora].concat()).succeeded();
    assert!(
        enrolled.contains("The second factor is still fresh."),
        "{enrolled}"
    );
    let sign_in = ["sign-in", "--pin-file", &pin];
    let said = laptop.keyporch(&[&sign_in[..], &dora].concat()).succeeded();
    assert!(said.contains("Signed in as dora@corp.example"), "{said}");

    // The pass was for once.
    let other = Laptop {
        lab: &lab,
        state: "laptop-3",
    };
    let again = other.keyporch(&[&join[..], &dora].concat());
    assert_ne!(again.code, Some(0), "{again:?}");
}

#[test]
fn where_joining_takes_no_second_factor_a_device_joins_with_one_and_enrolling_asks_for_the_other() {
    let lab = tenant();
    let set = ["admin", "tenant", "set", "join_needs_second_factor=false"];
    lab.keyporch(&set).succeeded();
    let secret = |name: &str, text: &str| {
        let path = lab.scratch().join(name);
        std::fs::write(&path, text).expect("there is room");
        path.display().to_string()
    };
    let password = secret("password", lab.text("/users/0/password"));
    let nothing = secret("nothing", "");
    let pin = secret("pin", "385027");
    let upn = lab.text("/users/0/upn");
    let laptop = Laptop {
        lab: &lab,
        state: "laptop-3",
    };
    // Whoever is asked for a code that is not there gets no further.
    let who = [
        "--user",
        upn,
        "--password-file",
        &password,
        "--code-file",
        &nothing,
    ];
    let join = [&["join", "--name", "LAPTOP-3"], &who[..]].concat();
    let joined = laptop.json(&join);
    assert_eq!(joined["user"], upn);
    let enroll = [&["enroll", "--yes", "--pin-file", &pin], &who[..]].concat();
    assert_ne!(laptop.keyporch(&enroll).code, Some(0));

    lab.keyporch(&["admin", "tenant", "set", "join_needs_second_factor=true"])
        .succeeded();
    let other = Laptop {
        lab: &lab,
        state: "laptop-4",
    };
    let join = [&["join", "--name", "LAPTOP-4"], &who[..]].concat();
    assert_ne!(other.keyporch(&join).code, Some(0));
}

#[test]
fn a_device_that_was_deleted_joins_again_over_what_it_keeps_and_one_that_may_not_keeps_it() {
    let lab = tenant();
    let laptop = Laptop {
        lab: &lab,
        state: "laptop-2",
    };
    // Somebody whose pass is of use more than once, as codes are not.
    lab.add_person("carol", "a long first password 1");
    let given = lab.keyporch_json(&["admin", "user", "access-pass", "carol", "--reusable"]);
    let file = |name: &str, content: &str| {
        let path = lab.scratch().join(name);
        std::fs::write(&path, content).expect("there is room for a file");
        path.to_str().expect("a temporary path is text").to_owned()
    };
    let pass = file("pass", given["access_pass"].as_str().expect("a pass"));
    let pin = file("pin", "735194\n");
    let carol = ["--user", "carol@corp.example"];
    let by_pass = [&carol[..], &["--password-file", &pass]].concat();
    let by_pin = [&carol[..], &["--pin-file", &pin]].concat();
    let again = [&["join", "--replace"], &by_pass[..]].concat();
    let sign_in = [&["sign-in"], &by_pin[..]].concat();
    let enroll = [&["enroll", "--yes"], &by_pin[..]].concat();

    let joined = laptop.json(&[&["join", "--name", "LAPTOP-2"], &by_pass[..]].concat());
    let id = joined["device_id"].as_str().expect("a device has an ID");
    laptop.keyporch(&enroll).succeeded();
    laptop.keyporch(&sign_in).succeeded();

    // Nobody may join: what the device has stays as it was.
    let may_join = |who: &str| {
        let set = ["admin", "tenant", "set", &format!("may_join={who}")];
        lab.keyporch(&set).succeeded();
    };
    may_join("nobody");
    let refused = laptop.keyporch(&again);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    refused.refused("the registration service refused the device");
    laptop.keyporch(&sign_in).succeeded();
    laptop.keyporch(&["token", "--resource", GRAPH]).succeeded();
    may_join("everybody");

    lab.keyporch(&["admin", "device", "delete", id, "--yes"])
        .succeeded();
    let gone = laptop.keyporch(&sign_in);
    assert_eq!(gone.code, Some(2), "{gone:?}");
    gone.refused("keyporch join --replace");
    laptop
        .keyporch(&[&["join"], &by_pass[..]].concat())
        .refused("this device has joined corp.example already, as LAPTOP-2");

    // By the name that it had, in the organisation that it was in.
    let anew = laptop.json(&again);
    assert_eq!(anew["computer"], "LAPTOP-2");
    assert_ne!(anew["device_id"], joined["device_id"]);
    laptop
        .keyporch(&["sign-in"])
        .refused("nobody has enrolled on this device");
    laptop.keyporch(&enroll).succeeded();
    let sign_in = [&["--json"], &sign_in[..]].concat();
    let said = laptop.keyporch(&sign_in).succeeded();
    assert!(said.contains("\"online\":true"), "{said}");
    let devices = lab.keyporch_json(&["admin", "device", "list"]);
    let rows = devices.as_array().expect("a list").iter();
    let named = rows.filter(|row| row.to_string().contains("LAPTOP-2"));
    assert_eq!(named.count(), 1, "{devices:#}");
}

/// The person's consent in a browser, at the address that the command has told.
#[track_caller]
fn consents(address: &str, name: &str, pass: &str) {
    let browser = Browser::start();
    browser.open(address);
    browser.fill("#i0116", name);
    browser.fill("#i0118", pass);
    browser.follow("#password button");
    browser.follow("#not-now button");
    assert!(browser.has("#consent"), "{}", browser.source());
    browser.follow("#consent button[value=accept]");
    assert!(!browser.has("#consent"), "{}", browser.source());
}

#[test]
fn an_application_whose_person_has_to_consent_gets_a_token_once_they_did_at_the_address_that_was_told()
 {
    let lab = tenant();
    let file = |name: &str, content: &str| {
        let path = lab.scratch().join(name);
        std::fs::write(&path, content).expect("there is room for a file");
        path.to_str().expect("a temporary path is text").to_owned()
    };
    let set = ["admin", "tenant", "set", "join_needs_second_factor=false"];
    lab.keyporch(&set).succeeded();
    let password = "a long first password 1";
    lab.add_person("carol", password);
    let password = file("password", password);
    let given = lab.keyporch_json(&["admin", "user", "access-pass", "carol", "--reusable"]);
    let pass = given["access_pass"].as_str().expect("a pass");
    let by_pass = file("pass", pass);
    // Its redirect address is that which the command recognises.
    let add = [
        "admin",
        "app",
        "add",
        "Notes",
        "--redirect",
        "http://127.0.0.1/keyporch",
        "--second-factor",
        "true",
    ];
    let notes = lab.keyporch_json(&add)["id"].clone();
    let notes = notes.as_str().expect("an application has an ID");
    let laptop = Laptop {
        lab: &lab,
        state: "laptop-2",
    };
    let carol = "carol@corp.example";
    let join = ["join", "--name", "CAROLS", "--user", carol];
    let join = [&join[..], &["--password-file", &password]].concat();
    laptop.keyporch(&join).succeeded();

    let token = ["token", "--client", notes, "--resource", GRAPH];
    let token = [
        &token[..],
        &["--scope", "openid profile"],
        &["--password-file", &by_pass],
    ]
    .concat();
    // Nobody is asked where nobody sits.
    let unasked = laptop.keyporch(&token);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    unasked.refused("AADSTS50076");
    let told = laptop.at_a_terminal(&token);
    assert_eq!(told.code, Some(2), "{told:?}");
    let told = told.refused("the application asks for consent first");
    let mut words = told.split_whitespace();
    let address = words.find(|word| word.starts_with("https://") && word.contains(notes));
    let address = address.unwrap_or_else(|| panic!("no address:\n{told}"));
    consents(address, carol, pass);
    let got = laptop.at_a_terminal(&token).succeeded();
    assert!(got.contains("eyJ"), "{got}");
}
