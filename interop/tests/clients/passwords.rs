//! MIT's clients change passwords: `kpasswd` by stream and by datagram, `kinit` when the password has to be changed; and
//! what they are told when the service refuses.

use std::net::UdpSocket;

use keyporch_interop::{Heimdal, Krb5, Lab, Server, run};

use crate::relay::datagram;

const FIRST: &str = "a long first password 1";
const SECOND: &str = "another of my own choice 2";
const THIRD: &str = "one that nobody guesses 3";
const HOST: &str = "host/laptop-1.corp.example";

/// A lab in which dora may change her password as often as she likes.
fn lab_with_dora() -> Lab {
    let lab = Lab::start();
    lab.let_passwords_change_at_any_time();
    lab.add_person("dora", FIRST);
    lab
}

/// Only the newer password gets a ticket.
#[track_caller]
fn changed(krb5: &Krb5, old: &str, new: &str) {
    krb5.kinit(&["dora"], old)
        .refused("Preauthentication failed");
    krb5.kinit(&["dora"], new).succeeded();
    krb5.kvno(&[HOST]).succeeded();
}

/// A port where only datagrams are taken, and passed on.
fn datagrams_to(server: &str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it is bound").to_string();
    let server = server.to_owned();
    std::thread::spawn(move || {
        let mut request = vec![0; 65_536];
        while let Ok((length, client)) = socket.recv_from(&mut request) {
            let answer = datagram(&server, &request[..length]);
            let _ = socket.send_to(&answer, client);
        }
    });
    address
}

#[test]
fn kpasswd_changes_a_password_by_a_stream() {
    let lab = lab_with_dora();
    let krb5 = lab.krb5("stream");
    let said = krb5.kpasswd("dora", FIRST, SECOND).succeeded();
    assert!(said.contains("Password changed."), "{said}");
    let port = lab.text("/password/tcp");
    let received = format!("from stream {port}");
    assert!(said.contains(&received), "{said}");
    changed(&krb5, FIRST, SECOND);
}

#[test]
fn each_request_is_in_the_audit_log_and_no_password_is() {
    let mut server = Server::start();
    server.add_person_who_chooses("dora", FIRST);
    let krb5 = server.krb5("dora.ccache");
    krb5.kpasswd("dora", FIRST, "short").refused("too short");
    krb5.kpasswd("dora", FIRST, SECOND).succeeded();
    server.end_by("-TERM");
    let audited = std::fs::read_to_string(server.data("audit.jsonl")).expect("there is a log");
    let of_dora = |event: &str, result: &str| {
        let (event, result) = (format!("\"{event}\""), format!("\"result\":\"{result}\""));
        let lines = audited.lines().filter(|line| line.contains("dora"));
        lines
            .filter(|line| line.contains(&event) && line.contains(&result))
            .count()
    };
    assert_eq!(of_dora("kdc.password", "refused"), 1, "{audited}");
    assert_eq!(of_dora("kdc.password", "done"), 1, "{audited}");
    assert_eq!(of_dora("password.change", "done"), 1, "{audited}");
    assert!(!audited.contains(FIRST) && !audited.contains(SECOND));
}

#[test]
fn kpasswd_changes_a_password_by_a_datagram() {
    let lab = lab_with_dora();
    let port = lab.text("/password/udp");
    let only = datagrams_to(port);
    let krb5 = lab.krb5_edited("datagram", |written| {
        let (taken, passed_on) = (
            format!("kpasswd_server = {port}"),
            format!("kpasswd_server = {only}"),
        );
        written.replace(&taken, &passed_on)
    });
    let said = krb5.kpasswd("dora", FIRST, SECOND).succeeded();
    let received = format!("from dgram {only}");
    assert!(said.contains(&received), "{said}");
    changed(&krb5, FIRST, SECOND);
}

#[test]
fn kpasswd_shows_which_rule_a_new_password_breaks() {
    let lab = lab_with_dora();
    let krb5 = lab.krb5("rules");
    for (new, words) in [
        ("short", "Choose one of at least 8 characters."),
        ("aaaaaaaaaaaa", "repeats too few characters"),
        ("it is Dora herself", "contains your user name"),
        (FIRST, "is one of your last 24"),
    ] {
        let said = krb5.kpasswd("dora", FIRST, new).refused(words);
        assert!(said.contains("Password change rejected"), "{said}");
    }
    krb5.kpasswd("dora", FIRST, SECOND).succeeded();
    krb5.kpasswd("dora", SECOND, FIRST)
        .refused("is one of your last 24");
    changed(&krb5, FIRST, SECOND);
}

#[test]
fn a_password_is_changed_once_a_day_unless_the_domain_says_otherwise() {
    let lab = Lab::start();
    lab.add_person("dora", FIRST);
    let krb5 = lab.krb5("day");
    krb5.kpasswd("dora", FIRST, SECOND)
        .refused("was changed a short while ago");
    lab.let_passwords_change_at_any_time();
    krb5.kpasswd("dora", FIRST, SECOND).succeeded();
}

#[test]
fn kpasswd_is_refused_with_a_wrong_password_and_for_who_is_kept_out() {
    let lab = lab_with_dora();
    let krb5 = lab.krb5("refused");
    krb5.kpasswd("dora", SECOND, THIRD)
        .refused("Preauthentication failed");
    krb5.kpasswd("nobody", SECOND, THIRD)
        .refused("Preauthentication failed");
    lab.keyporch(&["admin", "user", "disable", "dora"])
        .succeeded();
    krb5.kpasswd("dora", FIRST, SECOND)
        .refused("credentials have been revoked");
    lab.keyporch(&["admin", "user", "enable", "dora"])
        .succeeded();
    krb5.kpasswd("dora", FIRST, SECOND).succeeded();
}

#[test]
fn kinit_asks_for_a_new_password_where_one_has_to_be_chosen() {
    let lab = Lab::start();
    let krb5 = lab.krb5("chosen");
    chosen_at_kinit(&lab, &krb5);
    let list = krb5.klist(&[]).succeeded();
    assert!(list.contains("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"), "{list}");
    krb5.kvno(&[HOST]).succeeded();
    changed(&krb5, FIRST, SECOND);
    krb5.kpasswd("dora", SECOND, THIRD)
        .refused("was changed a short while ago");
}

/// What is refused first is asked for again, with the reason.
#[track_caller]
pub(crate) fn chosen_at_kinit(lab: &Lab, krb5: &Krb5) {
    lab.add_person_who_chooses("dora", FIRST);
    let typed = format!("{FIRST}\nshort\nshort\n{SECOND}\n{SECOND}");
    let said = krb5.kinit(&["dora"], &typed).succeeded();
    assert!(said.contains("You must change it now."), "{said}");
    assert!(
        said.contains("rejected: The new password is too short."),
        "{said}"
    );
}

/// Heimdal's `kpasswd` sets another's password with a ticket that a key got: a granted right is one here, too, and reaches as
/// far as over LDAP.
#[test]
fn who_was_granted_passwords_sets_them_over_kerberos_and_nobody_protected_s() {
    let lab = lab_with_dora();
    lab.add_person("boss", FIRST);
    let admin = |arguments: &[&str]| {
        let arguments = [&["admin"], arguments].concat();
        lab.keyporch(&arguments).succeeded()
    };
    admin(&["group", "add-member", "Domain Admins", "boss"]);
    let (person, krb5) = (lab.person(), lab.krb5("desk"));
    let identity = format!(
        "X509_user_identity=FILE:{},{}",
        person.certificate.display(),
        person.key.display()
    );
    let heimdal = Heimdal::beside(&krb5);
    // Its tickets live for five minutes; each try has its own.
    let set = |name: &str, new: &str| {
        let arguments = ["-S", "kadmin/changepw", "-X", &identity, &person.sam];
        run(&mut krb5.command("kinit", &arguments), "").succeeded();
        heimdal.set_password(name, new).text
    };
    // Told "access denied", it tries the change of one's own, which is none of another's.
    let denied = "Operation not permitted";
    let said = set("dora", SECOND);
    assert!(said.contains(denied), "{said}");
    admin(&["group", "add", "helpdesk"]);
    admin(&["group", "add-member", "helpdesk", &person.sam]);
    admin(&["right", "grant", "passwords", "helpdesk"]);
    let said = set("boss", SECOND);
    assert!(said.contains(denied), "{said}");
    let said = set("dora", SECOND);
    assert!(said.contains("Success"), "{said}");
    // She chooses her own at once.
    let own = lab.krb5("own");
    own.kinit(&["boss"], FIRST).succeeded();
    let typed = format!("{SECOND}\n{THIRD}\n{THIRD}");
    own.kinit(&["dora"], &typed).succeeded();
    admin(&["right", "revoke", "passwords", "helpdesk"]);
    let said = set("dora", FIRST);
    assert!(said.contains(denied), "{said}");
    own.kinit(&["dora"], THIRD).succeeded();
}

/// A ticket for a service, or a ticket-granting ticket, is none for another password.
#[test]
fn the_ticket_comes_from_a_sign_in_and_from_nothing_else() {
    let lab = lab_with_dora();
    let krb5 = lab.krb5("initial");
    krb5.kinit(&["dora"], FIRST).succeeded();
    krb5.kvno(&[HOST]).succeeded();
    krb5.kvno(&["kadmin/changepw"])
        .refused("KDC policy rejects request");
    krb5.kinit(&["-S", "kadmin/changepw", "dora"], FIRST)
        .succeeded();
    let list = krb5.klist(&["-f"]).succeeded();
    assert!(list.contains("kadmin/changepw@CORP.EXAMPLE"), "{list}");
    assert!(!list.contains("renew until"), "{list}");
}
