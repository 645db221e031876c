//! Rights that were granted, limits that were set, and what is left of changes when the server is killed among them: with OpenLDAP's
//! programs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use keyporch_interop::{DOMAIN_CONTROLLER, Finished, Lab, Server, run};

use crate::ldap::BOB;

const PERSON: &str = "CN=bob,CN=Users,DC=corp,DC=example";
const NEW: &str = "yet another of his choice 2";
const NO_RIGHT: &str = "Insufficient access (50)";

#[test]
fn a_help_desk_sets_passwords_and_nothing_else_until_that_is_taken_back() {
    let lab = Lab::start();
    lab.add_person("bob", BOB.1);
    let desk = lab.ldap_by_key("desk");
    let name = lab.person().sam;
    let admin = |arguments: &[&str]| {
        let arguments = [&["admin"], arguments].concat();
        lab.keyporch(&arguments).succeeded()
    };
    let set = || desk.ask("ldappasswd", &["-s", NEW, PERSON], "");
    set().refused(NO_RIGHT);
    admin(&["group", "add", "helpdesk"]);
    admin(&["group", "add-member", "helpdesk", &name]);
    admin(&["right", "grant", "passwords", "helpdesk"]);
    let listed = admin(&["right", "list"]);
    assert!(
        listed.contains("passwords") && listed.contains("helpdesk"),
        "{listed}"
    );
    // On the connections and tickets that there are.
    set().succeeded();
    let bob = lab.ldap("bob");
    bob.krb5().kinit(&["bob"], NEW).succeeded();
    let title = format!("dn: {PERSON}\nchangetype: modify\nreplace: title\ntitle: Dr\n");
    desk.ask("ldapmodify", &[], &title).refused(NO_RIGHT);
    let member = format!(
        "dn: CN=helpdesk,CN=Users,DC=corp,DC=example\nchangetype: modify\nadd: member\nmember: {PERSON}\n"
    );
    desk.ask("ldapmodify", &[], &member).refused(NO_RIGHT);
    admin(&["right", "revoke", "passwords", "helpdesk"]);
    set().refused(NO_RIGHT);
}

/// A server whose configuration has a section about LDAP.
fn server(ldap: &str) -> Server {
    let mut server = Server::set_up();
    server.configure(|written| format!("{written}\n[ldap]\n{ldap}\n"));
    server.serve();
    server.add_person("bob", BOB.1);
    server
}

/// `ldapwhoami` by ticket within TLS, where the domain controller's name leads to loopback.
fn who_by_ticket(server: &Server, more: &[&str]) -> Finished {
    let hosts = server.file("hosts", &format!("127.0.0.1 {DOMAIN_CONTROLLER}\n"));
    let krb5 = server.krb5("bob.ccache");
    krb5.kinit(&["bob"], BOB.1).succeeded();
    let url = format!("ldaps://{DOMAIN_CONTROLLER}:{}", server.port(636));
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-ec"])
        .arg("mount --bind \"$1\" /etc/hosts; shift; exec \"$@\"")
        .args(["sh", &hosts, "ldapwhoami", "-Q", "-N", "-Y", "GSSAPI"])
        .args(["-H", &url])
        .args(more)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .env("HOME", server.path(""))
        .env("KRB5_CONFIG", krb5.configuration())
        .env("KRB5CCNAME", format!("FILE:{}", krb5.cache().display()))
        .env("LDAPTLS_CACERT", server.path("keyporch-roots.pem"));
    run(&mut command, "")
}

#[test]
fn who_does_not_name_the_tls_connection_is_refused_where_that_is_asked() {
    let server = server("channel_bindings = \"always\"");
    let bound = ["-o", "SASL_CBINDING=tls-endpoint"];
    let who = who_by_ticket(&server, &bound).succeeded();
    assert_eq!(who.trim(), r"u:CORP\bob");
    let said = who_by_ticket(&server, &[]).refused("Invalid credentials (49)");
    assert!(said.contains("80090346"), "{said}");
}

/// One of OpenLDAP's programs with a name and a password, without TLS.
fn by_password(server: &Server, program: &str, name: &str, password: &str) -> Command {
    let url = format!("ldap://127.0.0.1:{}", server.port(389));
    let mut command = Command::new(program);
    command
        .args(["-x", "-H", &url, "-D", name, "-w", password])
        .env("LC_ALL", "C")
        .env("LDAPNOINIT", "1");
    command
}

#[test]
fn an_address_is_turned_away_that_guesses_and_a_server_of_many_is_not() {
    for (setting, code) in [("", 51), ("application_servers = [\"127.0.0.0/8\"]", 49)] {
        // So few that none is forgiven while the test goes on.
        let limits = "[limits]\nfailures_per_address = 5\nfailure_seconds = 3600";
        let server = server(&format!("simple_without_tls = true\n{setting}\n\n{limits}"));
        let guess = |name: &str| {
            let mut guess = by_password(&server, "ldapwhoami", name, "a wrong one");
            run(&mut guess, "").code
        };
        for number in 0..5 {
            assert_eq!(guess(&format!("nobody{number}@corp.example")), Some(49));
        }
        assert_eq!(guess("nobody@corp.example"), Some(code), "{setting}");
        let mut right = by_password(&server, "ldapwhoami", BOB.0, BOB.1);
        let expected = if code == 51 { 51 } else { 0 };
        assert_eq!(run(&mut right, "").code, Some(expected), "{setting}");
    }
}

/// What is written together: the same number each.
const TOGETHER: [&str; 4] = ["description", "title", "info", "department"];

/// The numbers that an entry has.
#[track_caller]
fn numbers(server: &Server) -> Vec<Option<u64>> {
    let mut find = by_password(server, "ldapsearch", BOB.0, BOB.1);
    find.args(["-LLL", "-s", "base", "-b", PERSON])
        .args(TOGETHER);
    let found = run(&mut find, "").succeeded();
    let number = |attribute: &&str| {
        let line = found
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{attribute}: ")));
        line.and_then(|number| number.parse().ok())
    };
    TOGETHER.iter().map(number).collect()
}

/// 20 times, each at another change: `keyporchd` gets a kill -9 while OpenLDAP's `ldapmodify` changes four attributes of an
/// entry at once, a few hundred times.
#[test]
fn a_change_of_many_attributes_is_whole_or_not_there_after_a_kill() {
    let mut server = server("simple_without_tls = true\nadminister_by_password = true");
    server.add_person("boss", BOB.1);
    let join = ["group", "add-member", "Domain Admins", "boss"];
    server.admin(&join).succeeded();
    let mut next = 1_u64;
    for round in 0..20 {
        let first = next;
        let mut changes = String::new();
        for number in first..first + 400 {
            changes.push_str(&format!("dn: {PERSON}\nchangetype: modify\n"));
            for attribute in TOGETHER {
                changes.push_str(&format!("replace: {attribute}\n{attribute}: {number}\n-\n"));
            }
            changes.push('\n');
        }
        next += 400;
        let modify = by_password(&server, "ldapmodify", "boss@corp.example", BOB.1);
        // By the line, so that what it says is what it has come to.
        let mut client = Command::new("stdbuf")
            .arg("-oL")
            .arg(modify.get_program())
            .args(modify.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ldapmodify is installed");
        let mut input = client.stdin.take().expect("it was piped");
        let written = std::thread::spawn(move || input.write_all(changes.as_bytes()));
        let said = BufReader::new(client.stdout.take().expect("it was piped"));
        let begun = said
            .lines()
            .map_while(Result::ok)
            .filter(|line| line.starts_with("modifying entry"))
            .take(3 + round * 7)
            .count();
        server.end_by("-9");
        let _ = client.kill();
        let _ = client.wait();
        let _ = written.join();
        server.serve();
        let found = numbers(&server);
        let number = found[0].expect("it was changed");
        assert!(
            found.iter().all(|each| *each == Some(number)),
            "{found:?} in round {round}"
        );
        // The change that was last begun may be there or not, and those before it were acknowledged.
        let acknowledged = first + begun as u64 - 2;
        assert!(
            (acknowledged..next).contains(&number),
            "{number} after {acknowledged} was acknowledged"
        );
    }
}
