//! MIT's clients by HTTPS alone: the KDC proxy (protocols E.9) passes on requests for tickets and for new passwords, for
//! this realm.

use keyporch_interop::{Krb5, Lab};

use crate::passwords::chosen_at_kinit;

const FIRST: &str = "a long first password 1";
const SECOND: &str = "another of my own choice 2";
const HOST: &str = "host/laptop-1.corp.example";

/// That the client went by the proxy and in no other way.
#[track_caller]
fn by_https(said: &str) {
    assert!(said.contains("from https 127.0.0.1:"), "{said}");
    for other in ["dgram", "from stream"] {
        assert!(!said.contains(other), "{said}");
    }
}

#[track_caller]
fn gets_tickets(krb5: &Krb5) {
    by_https(&krb5.kvno(&[HOST]).succeeded());
    let list = krb5.klist(&["-e"]).succeeded();
    assert!(list.contains(HOST), "{list}");
}

#[test]
fn kinit_and_kvno_get_tickets_with_a_password_and_with_the_enrolled_key() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5_by_proxy("proxy"));
    by_https(&krb5.kinit(&[&person.sam], &person.password).succeeded());
    gets_tickets(&krb5);
    let krb5 = lab.krb5_by_proxy("proxy-key");
    let said = krb5
        .kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
    by_https(&said);
    gets_tickets(&krb5);
}

#[test]
fn who_is_refused_at_the_kdc_is_refused_through_the_proxy() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), lab.krb5_by_proxy("refused"));
    let said = krb5
        .kinit(&[&person.sam], "another password")
        .refused("Preauthentication failed");
    by_https(&said);
    krb5.kinit(&["nobody"], FIRST)
        .refused("Preauthentication failed");
    by_https(&krb5.kinit(&[&person.sam], &person.password).succeeded());
}

#[test]
fn the_proxy_serves_no_realm_but_its_own() {
    let lab = Lab::start();
    let person = lab.person();
    let (proxy, root) = (lab.text("/kdc/kkdcp"), lab.text("/root_pem"));
    let elsewhere = lab.krb5_edited("elsewhere", |written| {
        let realm = format!(
            "[realms]\n ELSEWHERE.EXAMPLE = {{\n  kdc = {proxy}\n  http_anchors = FILE:{root}\n }}\n"
        );
        written.replacen("[realms]\n", &realm, 1)
    });
    let said = elsewhere
        .kinit(&["alice@ELSEWHERE.EXAMPLE"], &person.password)
        .refused("Cannot contact any KDC");
    assert!(said.contains("https 127.0.0.1:"), "{said}");
    let krb5 = lab.krb5_by_proxy("here");
    by_https(&krb5.kinit(&[&person.sam], &person.password).succeeded());
}

#[test]
fn a_proxy_that_nobody_vouches_for_is_not_believed() {
    let lab = Lab::start();
    let person = lab.person();
    let (proxy, kdc) = (lab.text("/kdc/kkdcp"), lab.text("/kdc/tcp"));
    let krb5 = lab.krb5_edited("unknown", |written| {
        written.replace(&format!("kdc = {kdc}"), &format!("kdc = {proxy}"))
    });
    krb5.kinit(&[&person.sam], &person.password)
        .refused("Cannot contact any KDC");
}

#[test]
fn kpasswd_and_kinit_change_passwords() {
    let lab = Lab::start();
    lab.let_passwords_change_at_any_time();
    lab.add_person("emil", FIRST);
    let krb5 = lab.krb5_by_proxy("kpasswd");
    krb5.kpasswd("emil", FIRST, "short")
        .refused("Choose one of at least 8 characters.");
    krb5.kpasswd("emil", SECOND, FIRST)
        .refused("Preauthentication failed");
    by_https(&krb5.kpasswd("emil", FIRST, SECOND).succeeded());
    krb5.kinit(&["emil"], FIRST)
        .refused("Preauthentication failed");
    krb5.kinit(&["emil"], SECOND).succeeded();

    chosen_at_kinit(&lab, &krb5);
    gets_tickets(&krb5);
}
