//! MIT Kerberos is refused, each time for the right reason, beside the same client's success.

use std::path::Path;
use std::process::Command;

use keyporch_interop::{Lab, run};
use wire::kerberos::MessageType;

use crate::relay::Relay;

/// What MIT's library says for the codes of protocols E.3.6.
const NOT_TRUSTED: &str = "Client not trusted";
const REVOKED: &str = "credentials have been revoked";

fn openssl(arguments: &[&str]) {
    run(Command::new("openssl").args(arguments), "").succeeded();
}

/// A key pair with a self-signed certificate that no account lists.
fn stranger(lab: &Lab) -> (String, String) {
    let path = |name: &str| {
        lab.scratch()
            .join(name)
            .to_str()
            .expect("a temporary path is text")
            .to_owned()
    };
    let (certificate, key) = (path("stranger.pem"), path("stranger.key"));
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        &key,
        "-out",
        &certificate,
        "-subj",
        "/CN=stranger",
        "-addext",
        "basicConstraints=CA:FALSE",
        "-days",
        "2",
    ]);
    (certificate, key)
}

/// krb5.conf with one more anchor, as MIT's client wants its own certificate among them (J.5).
fn with_anchor(written: &str, anchor: &str) -> String {
    let line = written
        .lines()
        .find(|line| line.contains("pkinit_anchors"))
        .expect("krb5.conf has anchors");
    written.replacen(
        line,
        &format!("{line}\n  pkinit_anchors = FILE:{anchor}"),
        1,
    )
}

#[test]
fn refuses_a_key_that_is_not_listed() {
    let lab = Lab::start();
    let person = lab.person();
    let (certificate, key) = stranger(&lab);
    let krb5 = lab.krb5_edited("stranger", |written| with_anchor(written, &certificate));
    let refused = krb5.kinit_with_key(&person.sam, Path::new(&certificate), Path::new(&key));
    refused.refused(NOT_TRUSTED);
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
}

#[test]
fn refuses_another_person_s_key() {
    let lab = Lab::start();
    let person = lab.person();
    lab.add_person("bob", "a second person's password 2");
    let krb5 = lab.krb5("other");
    // MIT leaves the self-signed certificate out, so there is no key to look up: 62, not 75.
    krb5.kinit_with_key("bob", &person.certificate, &person.key)
        .refused(NOT_TRUSTED);
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
}

#[test]
fn a_revoked_key_gets_no_ticket_and_renews_none_once_the_command_has_returned() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("revoked"));
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
    let keys = lab.keyporch_json(&["admin", "key", "list", "--user", &person.sam]);
    let fingerprint = keys
        .pointer("/0/fingerprint")
        .and_then(|value| value.as_str());
    let fingerprint = fingerprint
        .unwrap_or_else(|| panic!("no fingerprint in {keys:#}"))
        .to_owned();
    lab.keyporch(&["admin", "key", "revoke", &person.sam, &fingerprint, "--yes"])
        .succeeded();
    let after = lab.krb5("after");
    after
        .kinit_with_key(&person.sam, &person.certificate, &person.key)
        .refused(NOT_TRUSTED);
    krb5.kinit(&["-R"], "").refused("TGT has been revoked");
    krb5.kvno(&["host/laptop-1.corp.example"])
        .refused("TGT has been revoked");
}

#[test]
fn refuses_a_disabled_account() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("disabled"));
    krb5.kinit(&[&person.sam], &person.password).succeeded();
    lab.keyporch(&["admin", "user", "disable", &person.sam])
        .succeeded();
    krb5.kinit(&[&person.sam], &person.password)
        .refused(REVOKED);
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .refused(REVOKED);
}

#[test]
fn the_client_refuses_a_kdc_whose_certificate_it_does_not_trust() {
    let lab = Lab::start();
    let person = lab.person();
    let (other, _) = stranger(&lab);
    let own = person.certificate.display().to_string();
    let krb5 = lab.krb5_edited("untrusted", |written| {
        let others = written
            .lines()
            .filter(|line| !line.contains("pkinit_anchors"));
        let kept: String = others.map(|line| format!("{line}\n")).collect();
        let anchors = format!(
            "kdc =\n  pkinit_anchors = FILE:{own}\n  pkinit_anchors = FILE:{other}\n  kdc ="
        );
        kept.replacen("kdc =", anchors.trim_start_matches("kdc =\n"), 1)
    });
    let refused = krb5.kinit_with_key(&person.sam, &person.certificate, &person.key);
    assert!(!refused.ok, "{}", refused.text);
    lab.krb5("trusted")
        .kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
}

#[test]
fn refuses_a_clock_that_is_ten_minutes_off() {
    let lab = Lab::start();
    let person = lab.person();
    let strict =
        |written: &str| written.replacen("[libdefaults]", "[libdefaults]\n kdc_timesync = 0", 1);
    let krb5 = lab.krb5_edited("skew", strict);
    for offset in ["-10m", "+10m"] {
        let mut kinit = krb5.command("faketime", &["-f", offset, "kinit", &person.sam]);
        run(&mut kinit, &format!("{}\n", person.password)).refused("Clock skew too great");
        let identity = format!(
            "X509_user_identity=FILE:{},{}",
            person.certificate.display(),
            person.key.display()
        );
        let mut kinit = krb5.command(
            "faketime",
            &["-f", offset, "kinit", "-X", &identity, &person.sam],
        );
        run(&mut kinit, "").refused("Clock skew too great");
    }
    krb5.kinit(&[&person.sam], &person.password).succeeded();
}

#[test]
fn wrong_passwords_lock_out_and_the_key_still_opens() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5("locked"));
    krb5.kinit(&[&person.sam], &person.password).succeeded();
    // Ten lock the account. Where it signed in lately ten more may come, over TCP alone, for anybody sends datagrams in
    // the name of that place; the client is told so and does.
    for _ in 0..20 {
        krb5.kinit(&[&person.sam], "wrong")
            .refused("Password incorrect");
    }
    // The right one opens nothing now, and whoever guesses does not learn that the account is locked.
    krb5.kinit(&[&person.sam], &person.password)
        .refused("Password incorrect");
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
}

/// A relay between kinit and the KDC puts an old freshness token in the place of the new one. The
/// lab's clock is moved in between, so that the old one is really old.
#[test]
fn refuses_a_stale_freshness_token() {
    let clock = tempfile::NamedTempFile::new().expect("there is room for a file");
    let path = clock
        .path()
        .to_str()
        .expect("a temporary path is text")
        .to_owned();
    let set = |offset: &str| std::fs::write(&path, offset).expect("the file can be written");
    set("+0");
    let preload = keyporch_interop::libfaketime();
    let environment = [
        ("LD_PRELOAD", preload.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", path.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let lab = Lab::start_with(&[], &environment);
    let person = lab.person();
    let relay = Relay::start(lab.text("/kdc/tcp"));
    let krb5 = lab.krb5_edited("stale", |written| relay.in_place_of_the_kdc(written));
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
    let old = relay.last_token();
    set("+6m");
    relay.replace_tokens_with(&old);
    let refused = krb5.kinit_with_key(&person.sam, &person.certificate, &person.key);
    assert!(!refused.ok, "{}", refused.text);
    assert!(
        relay.codes().contains(&90),
        "codes seen: {:?}\n{}",
        relay.codes(),
        refused.text
    );
    relay.leave_tokens();
    krb5.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
}

/// Without a PAC a service ticket fits in a datagram, and so does its repetition.
#[test]
fn a_repeated_datagram_gets_its_first_answer() {
    let lab = Lab::start();
    let person = lab.person();
    let relay = Relay::start(lab.text("/kdc/tcp"));
    let krb5 = lab.krb5_edited("repeated", |written| relay.in_place_of_the_kdc(written));
    krb5.kinit(&["--no-request-pac", &person.sam], &person.password)
        .succeeded();
    krb5.kvno(&["host/laptop-1.corp.example"]).succeeded();
    let is_ticket = |answer: &[u8]| MessageType::of(answer) == Some(MessageType::TGS_REP);
    let requests = relay.requests();
    let mut granted = requests.iter().filter(|(_, answer)| is_ticket(answer));
    let (request, first) = granted.next().expect("a service ticket passed");
    let udp = lab.text("/kdc/udp");
    for _ in 0..2 {
        assert_eq!(crate::relay::datagram(udp, request), *first);
    }
}
