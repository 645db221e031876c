//! MIT's `kvno` as a service that acts for people (MS-SFU), and between two people (RFC 4120 3.3.3): what it gets, and
//! what it does not.

use keyporch_interop::{Krb5, Lab};

const WEB: &str = "http/web.corp.example";
const DB: &str = "sql/db.corp.example";
const HOST: &str = "host/laptop-1.corp.example";

/// A service with an exported keytab.
struct Service {
    keytab: String,
}

impl Service {
    fn add(lab: &Lab, principal: &str) -> Self {
        lab.keyporch(&["admin", "service", "add", principal])
            .succeeded();
        let file = principal.replace('/', "-");
        let keytab = lab.scratch().join(format!("{file}.keytab"));
        let keytab = keytab.to_str().expect("a temporary path is text");
        let export = ["admin", "service", "keytab", principal, "--out", keytab];
        lab.keyporch(&export).succeeded();
        Self {
            keytab: keytab.to_owned(),
        }
    }

    /// A cache with the service's ticket-granting ticket.
    fn signed_in(&self, lab: &Lab, principal: &str, cache: &str) -> Krb5 {
        let krb5 = lab.krb5(cache);
        let arguments = ["-f", "-k", "-t", &self.keytab, principal];
        krb5.kinit(&arguments, "").succeeded();
        krb5
    }
}

fn delegate(lab: &Lab, arguments: &[&str]) -> String {
    let command = [&["admin", "service", "delegate"], arguments].concat();
    lab.keyporch(&command).succeeded()
}

#[test]
fn kvno_gets_a_ticket_to_the_service_itself_for_a_person() {
    let lab = Lab::start();
    let person = lab.person();
    let web = Service::add(&lab, WEB);
    let krb5 = web.signed_in(&lab, WEB, "to-self");
    // By an enterprise name, with and without its suffix, and by the name of the realm.
    for (option, name) in [
        ("-U", &person.sam),
        ("-U", &person.upn),
        ("-I", &person.sam),
    ] {
        let said = krb5
            .kvno(&["-k", &web.keytab, option, name, WEB])
            .succeeded();
        assert!(said.contains(WEB), "{said}");
        let list = krb5.klist(&["-f"]).succeeded();
        let expected = format!("for client {}@CORP.EXAMPLE", person.sam);
        assert!(list.contains(&expected), "{list}");
    }
    // Not for somebody who is not there, not for who may not sign in. To ask for another service MIT refuses itself.
    krb5.kvno(&["-I", "nobody", WEB])
        .refused("Client not found");
    lab.keyporch(&["admin", "user", "disable", &person.sam])
        .succeeded();
    let again = web.signed_in(&lab, WEB, "to-self-again");
    again
        .kvno(&["-I", &person.sam, WEB])
        .refused("credentials have been revoked");
    lab.keyporch(&["admin", "user", "enable", &person.sam])
        .succeeded();
    again.kvno(&["-I", &person.sam, WEB]).succeeded();
}

#[test]
fn kvno_passes_a_person_on_where_the_service_s_own_list_says_so() {
    let lab = Lab::start();
    let person = lab.person();
    let web = Service::add(&lab, WEB);
    Service::add(&lab, DB);
    let on = ["-k", &web.keytab, "-U", &person.sam, "-P", DB];
    let krb5 = web.signed_in(&lab, WEB, "not-allowed");
    krb5.kvno(&on).refused("KDC can't fulfill requested option");

    // It may, but not by its own word alone.
    delegate(&lab, &[WEB, "--to", DB]);
    let krb5 = web.signed_in(&lab, WEB, "not-trusted");
    assert!(!krb5.kvno(&on).ok);
    let shown = delegate(&lab, &[WEB, "--trusted-to-authenticate", "true"]);
    assert!(shown.contains(DB), "{shown}");
    let krb5 = web.signed_in(&lab, WEB, "allowed");
    krb5.kvno(&on).succeeded();
    let list = krb5.klist(&[]).succeeded();
    assert!(list.contains(DB), "{list}");
    krb5.kvno(&["-U", &person.sam, "-P", HOST])
        .refused("KDC can't fulfill requested option");

    // Nobody acts for who is sensitive, nor when it is off the list.
    lab.keyporch(&["admin", "user", "sensitive", &person.sam])
        .succeeded();
    let krb5 = web.signed_in(&lab, WEB, "sensitive");
    assert!(!krb5.kvno(&on).ok);
    lab.keyporch(&["admin", "user", "sensitive", &person.sam, "--off"])
        .succeeded();
    let krb5 = web.signed_in(&lab, WEB, "no-longer-sensitive");
    krb5.kvno(&on).succeeded();
    delegate(&lab, &[WEB, "--to", DB, "--remove"]);
    let krb5 = web.signed_in(&lab, WEB, "removed");
    krb5.kvno(&on).refused("KDC can't fulfill requested option");
}

#[test]
fn kvno_passes_a_person_on_where_the_other_service_says_so() {
    let lab = Lab::start();
    let person = lab.person();
    let web = Service::add(&lab, WEB);
    Service::add(&lab, DB);
    let on = ["-k", &web.keytab, "-U", &person.sam, "-P", DB];
    let krb5 = web.signed_in(&lab, WEB, "before");
    krb5.kvno(&on).refused("KDC can't fulfill requested option");
    let shown = delegate(&lab, &[DB, "--from", WEB]);
    assert!(shown.contains("http-web.corp.example$"), "{shown}");
    let krb5 = web.signed_in(&lab, WEB, "after");
    krb5.kvno(&on).succeeded();
    delegate(&lab, &[DB, "--from", WEB, "--remove"]);
    let krb5 = web.signed_in(&lab, WEB, "removed");
    krb5.kvno(&on).refused("KDC can't fulfill requested option");
}

#[test]
fn kvno_gets_a_ticket_between_two_people() {
    let lab = Lab::start();
    let person = lab.person();
    let (name, password) = ("bertha", "another of her own choice 1");
    lab.add_person(name, password);
    let (own, other) = (lab.krb5("own"), lab.krb5("other"));
    own.kinit(&[&person.sam], &person.password).succeeded();
    other.kinit(&[name], password).succeeded();
    let cache = other.cache().to_str().expect("a temporary path is text");
    own.kvno(&["--u2u", &format!("FILE:{cache}"), name])
        .succeeded();
    // With a key of her own nobody gets one, and with another's ticket neither.
    own.kvno(&[name])
        .refused("Server principal valid for user2user only");
    let cache = own.cache().to_str().expect("a temporary path is text");
    own.kvno(&["--u2u", &format!("FILE:{cache}"), name])
        .refused("Ticket/authenticator don't match");
}
