//! Heimdal's clients: tickets with a password, and new passwords, where theirs is the later version of the protocol.

use std::path::Path;

use keyporch_interop::{Heimdal, Lab};

const FIRST: &str = "a long first password 1";
const SECOND: &str = "another of my own choice 2";
const HOST: &str = "host/laptop-1.corp.example";

fn heimdal(lab: &Lab, cache: &str) -> Heimdal {
    let configuration = Path::new(lab.text("/krb5_conf"));
    Heimdal::new(configuration, &lab.scratch().join(cache))
}

#[test]
fn kinit_and_kgetcred_get_tickets_with_a_password() {
    let lab = Lab::start();
    let (person, heimdal) = (lab.person(), heimdal(&lab, "heimdal"));
    heimdal
        .kinit(&[&person.sam], "another password")
        .refused("Password incorrect");
    heimdal.kinit(&[&person.sam], &person.password).succeeded();
    heimdal.kgetcred(HOST).succeeded();
    let list = lab.krb5("heimdal").klist(&["-e"]).succeeded();
    assert!(list.contains("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"), "{list}");
    assert!(list.contains(HOST), "{list}");
}

#[test]
fn kpasswd_changes_a_password_and_shows_which_rule_a_new_one_breaks() {
    let lab = Lab::start();
    lab.let_passwords_change_at_any_time();
    lab.add_person("dora", FIRST);
    let heimdal = heimdal(&lab, "kpasswd");
    for (new, words) in [
        ("short", "Choose one of at least 8 characters."),
        (FIRST, "is one of your last 24"),
    ] {
        let said = heimdal.kpasswd("dora", FIRST, new).text;
        assert!(said.contains("Soft error"), "{said}");
        assert!(said.contains(words), "{said}");
    }
    heimdal
        .kpasswd("dora", SECOND, "one that nobody guesses 3")
        .refused("Preauthentication failed");
    let said = heimdal.kpasswd("dora", FIRST, SECOND).succeeded();
    assert!(
        said.contains("Success : The password was changed."),
        "{said}"
    );
    heimdal
        .kinit(&["dora"], FIRST)
        .refused("Password incorrect");
    heimdal.kinit(&["dora"], SECOND).succeeded();
    heimdal.kgetcred(HOST).succeeded();
}

#[test]
fn kinit_asks_for_a_new_password_where_one_has_to_be_chosen() {
    let lab = Lab::start();
    lab.add_person_who_chooses("dora", FIRST);
    let heimdal = heimdal(&lab, "chosen");
    let said = heimdal
        .kinit(&["dora"], &format!("{FIRST}\n{SECOND}\n{SECOND}"))
        .succeeded();
    assert!(
        said.contains("Success: The password was changed."),
        "{said}"
    );
    heimdal.kgetcred(HOST).succeeded();
    heimdal.kinit(&["dora"], SECOND).succeeded();
}
