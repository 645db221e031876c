//! A tenant as libhimmelblau knows it, the library of a Linux client that nobody here wrote: from the realm to tokens by a
//! Hello key, and what it is refused. Numbers are the tenant's (protocols A.3.2), as the library read them.

use keyporch_interop::{Himmelblau, Lab};
use serde_json::Value;

use crate::browser::code;

const ALICE: &str = "alice@corp.example";
const GRAPH: &str = "https://graph.microsoft.com";
const PIN: [&str; 2] = ["--pin", "271828"];

fn tenant() -> Lab {
    Lab::start_with(&["--scenario", "cloud-managed"], &[])
}

/// The code after the one that the lab's own sign-in took.
fn otp(lab: &Lab) -> String {
    code(lab.text("/users/0/totp_secret"), 1)
}

/// Whether an access token's claims say that.
fn says(token: &Value, amr: &str) -> bool {
    let said = token["claims"]["amr"].as_array();
    said.is_some_and(|said| said.iter().any(|said| said == amr))
}

/// A device on which alice has joined, enrolled, and signed in with her PIN.
#[track_caller]
fn enrolled(lab: &Lab) -> Himmelblau {
    let (device, password) = (Himmelblau::new(lab, "linux"), lab.text("/users/0/password"));
    let sign_in = ["--password", password, "--otp", &otp(lab), "--force-mfa"];
    device.step("headless", ALICE, &sign_in).done();
    let join = ["--domain", "corp.example", "--name", "linux-1"];
    device.step("enroll", ALICE, &join).done();
    device.step("prt-refresh", ALICE, &[]).done();
    device.step("hello-provision", ALICE, &PIN).done();
    device.step("prt-hello", ALICE, &PIN).done();
    device
}

#[test]
fn it_joins_a_device_provisions_a_hello_key_and_gets_tokens_with_its_pin() {
    let lab = tenant();
    let device = Himmelblau::new(&lab, "linux");
    let host = lab.text("/tenant/base").trim_start_matches("https://");
    let realm = device.step("realm", ALICE, &["--odc", host, "--domain", "corp.example"]);
    assert_eq!(realm.done()["tenant_id"], lab.text("/tenant/id"));

    // A wrong code can be tried again in the same sign-in.
    let password = lab.text("/users/0/password");
    let code = otp(&lab);
    let typed = [
        "--password",
        password,
        "--otp",
        "000000",
        "--otp",
        &code,
        "--force-mfa",
    ];
    let signed_in = device.step("headless", ALICE, &typed);
    assert!(signed_in.says("invalid-code"), "{signed_in:#?}");
    assert!(says(signed_in.done(), "ngcmfa"));

    let join = ["--domain", "corp.example", "--name", "linux-1"];
    let joined = device.step("enroll", ALICE, &join);
    let id = &joined.done()["device_id"];
    let prt = device.step("prt-refresh", ALICE, &[]);
    assert_eq!(prt.done()["name"], ALICE);
    device.step("hello-provision", ALICE, &PIN).done();
    device.step("prt-hello", ALICE, &PIN).done();

    let token = device.step("exchange", ALICE, &["--resource", GRAPH]);
    let token = token.done();
    assert_eq!(&token["claims"]["deviceid"], id);
    assert_eq!(token["claims"]["upn"], ALICE);
    assert!(says(token, "rsa") && says(token, "mfa") && !says(token, "ngcmfa"));
    device.step("prt-renew", ALICE, &[]).done();
    let token = device.step("exchange", ALICE, &["--resource", GRAPH]);
    assert_eq!(&token.done()["claims"]["deviceid"], id);
    let by_pin = device.step("token-hello", ALICE, &PIN);
    assert!(says(by_pin.done(), "rsa"));
    device
        .step("prt-password", ALICE, &["--password", password])
        .done();
    let named = device.step("name-to-sid", ALICE, &["--name", ALICE]);
    let sid = named.done()["sid"].as_str().unwrap_or_default();
    assert!(sid.starts_with("S-1-12-1-"), "{sid}");

    let listed = lab.keyporch_json(&["admin", "device", "list"]);
    let names = listed
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| &row["name"]);
    assert!(
        names.into_iter().any(|name| name == "linux-1"),
        "{listed:#}"
    );
}

#[test]
fn what_has_ended_opens_nothing_and_is_told_by_its_number() {
    let lab = tenant();
    let device = enrolled(&lab);
    let exchange = ["--resource", GRAPH];
    let wrong_pin = device.step("prt-hello", ALICE, &["--pin", "314159"]);
    wrong_pin.failed("TPMFail");

    lab.keyporch(&["admin", "user", "disable", "alice"])
        .succeeded();
    device.step("prt-hello", ALICE, &PIN).refused(135_010);
    device.step("exchange", ALICE, &exchange).refused(50057);
    lab.keyporch(&["admin", "user", "enable", "alice"])
        .succeeded();
    device.step("prt-hello", ALICE, &PIN).done();

    let listed = lab.keyporch_json(&["admin", "device", "list"]);
    let row = listed
        .as_array()
        .and_then(|rows| rows.iter().find(|row| row["name"] == "linux-1"));
    let id = row
        .and_then(|row| row["id"].as_str())
        .expect("it is listed");
    lab.keyporch(&["admin", "device", "disable", id])
        .succeeded();
    device.step("prt-hello", ALICE, &PIN).refused(135_011);
    device.step("exchange", ALICE, &exchange).refused(135_011);
    lab.keyporch(&["admin", "device", "enable", id]).succeeded();
    device.step("prt-hello", ALICE, &PIN).done();

    let keys = lab.keyporch_json(&["admin", "key", "list", "alice"]);
    let keys = keys.as_array().expect("a list");
    let key = keys.iter().find(|key| key["device"]["id"] == id);
    let key = key.and_then(|key| key["fingerprint"].as_str());
    let key = key.unwrap_or_else(|| panic!("the key is not listed: {keys:#?}"));
    lab.keyporch(&["admin", "key", "revoke", "alice", key, "--yes"])
        .succeeded();
    device.step("prt-hello", ALICE, &PIN).refused(135_010);
    // What the key got dies with it.
    device.step("exchange", ALICE, &exchange).refused(135_010);

    lab.keyporch(&["admin", "device", "delete", id, "--yes"])
        .succeeded();
    device.step("prt-hello", ALICE, &PIN).refused(50155);
    device.step("prt-refresh", ALICE, &[]).refused(50155);
}

#[test]
fn who_does_not_prove_enough_gets_nothing() {
    let lab = tenant();
    let device = Himmelblau::new(&lab, "linux");
    let password = lab.text("/users/0/password");
    let wrong = ["--password", "not hers", "--otp", "000000", "--force-mfa"];
    device.step("headless", ALICE, &wrong).refused(50126);
    let nobody = ["--password", "not hers", "--otp", "000000", "--force-mfa"];
    device
        .step("headless", "nobody@corp.example", &nobody)
        .refused(50126);
    let wrong_code = ["--password", password, "--otp", "000000", "--force-mfa"];
    let refused = device.step("headless", ALICE, &wrong_code);
    assert!(refused.says("invalid-code"));
    refused.failed("MFAInvalidCode");
    // Passwords alone, outside of a sign-in in a browser, are for clients that are named for it.
    device
        .step("token-password", ALICE, &["--password", password])
        .refused(70003);

    // A token of one factor registers no Hello key: the library knows, and asks nobody.
    let one_factor = ["--password", password, "--for", "graph"];
    let token = device.step("headless", ALICE, &one_factor);
    assert!(!says(token.done(), "mfa"));
    device
        .step("hello-provision", ALICE, &PIN)
        .failed("GeneralFailure");
}

#[test]
fn who_has_nothing_but_a_pass_begins_with_it() {
    let lab = tenant();
    let device = Himmelblau::new(&lab, "linux");
    let given = lab.keyporch_json(&["admin", "user", "access-pass", "alice"]);
    let pass = given["access_pass"].as_str();
    let pass = pass.unwrap_or_else(|| panic!("no pass: {given:#}"));
    let sign_in = ["--tap", pass, "--force-mfa"];
    let signed_in = device.step("headless", ALICE, &sign_in);
    assert!(says(signed_in.done(), "ngcmfa") && !says(signed_in.done(), "pwd"));
    let join = ["--domain", "corp.example", "--name", "linux-1"];
    device.step("enroll", ALICE, &join).done();
    device.step("prt-refresh", ALICE, &[]).done();
    device.step("hello-provision", ALICE, &PIN).done();
    device.step("prt-hello", ALICE, &PIN).done();
    // It was for one use.
    let again = Himmelblau::new(&lab, "another");
    let refused = again.step("headless", ALICE, &sign_in);
    assert!(!refused.done, "a pass was used twice: {refused:#?}");
}

#[test]
fn a_device_code_is_approved_in_another_browser_and_registers_no_key() {
    let lab = tenant();
    let device = Himmelblau::new(&lab, "linux");
    // A client that nobody has named gets none.
    let refused = device.step("device-code-begin", ALICE, &[]);
    assert!(!refused.done, "{refused:#?}");
    let named = "device_code_clients=29d9ed98-a469-4536-ade2-f981bc1d605e,b743a22d-6705-4147-8670-d92fa515ee2b";
    lab.keyporch(&["admin", "tenant", "set", named]).succeeded();
    let begun = device.step("device-code-begin", ALICE, &[]);
    begun.done();
    let shown = begun
        .lines
        .iter()
        .find(|line| line["event"] == "device-code");
    let shown = shown.expect("there is a code to be typed");
    device.step("device-code-poll", ALICE, &[]).refused(70016);
    let password = lab.text("/users/0/password");
    let pages = device
        .approve(shown, ALICE, password, &otp(&lab))
        .succeeded();
    assert!(pages.contains("Sign in the device?"), "{pages}");
    let signed_in = device.step("device-code-poll", ALICE, &[]);
    assert!(says(signed_in.done(), "mfa") && !says(signed_in.done(), "ngcmfa"));
    let join = ["--domain", "corp.example", "--name", "linux-1"];
    device.step("enroll", ALICE, &join).done();
    device.step("prt-refresh", ALICE, &[]).done();
    device
        .step("exchange", ALICE, &["--resource", GRAPH])
        .done();
    // Whoever talked somebody into typing a code gets no key that lasts.
    device
        .step("hello-provision", ALICE, &PIN)
        .failed("MFARequired");
}
