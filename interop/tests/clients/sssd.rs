//! A small fleet of Linux machines, set up as `docs/fleet.md` says: Debian's SSSD with our directory and our KDC, and who
//! signs in there by PAM.

use std::path::Path;
use std::process::Command;

use keyporch_interop::{Finished, Network, Server, Workstation, binary, run, sshd};

pub(crate) const PAGE: &str = include_str!("../../../docs/fleet.md");
const HOST: &str = "ws1.corp.example";
const BOB: (&str, &str) = ("bob", "another of his own choice 1");
const CAROL: (&str, &str) = ("carol", "a first one to replace 1");
/// Where administrators keep their ticket.
pub(crate) const TICKET: &str = "FILE:/run/administrator.ccache";

/// Everything that a sign-in at the console asks.
const SIGN_IN: &[&str] = &["authenticate", "acct_mgmt", "open_session"];

/// A server and a machine on one network.
pub(crate) struct Fleet {
    pub(crate) machine: Workstation,
    pub(crate) server: Server,
    network: Network,
}

/// What the page writes into a file.
#[track_caller]
pub(crate) fn file_of_the_page(path: &str) -> &'static str {
    let begin = format!("`{path}`:\n\n```\n");
    let (_, rest) = PAGE.split_once(&begin).expect("the page has the file");
    rest.split_once("```").expect("it ends").0
}

impl Fleet {
    /// A server, and a machine that knows nothing of it but names.
    #[track_caller]
    pub(crate) fn begin() -> Self {
        let network = Network::new();
        let server = Server::start_on(&network);
        let machine = Workstation::new(
            &server.path("machines"),
            &network,
            HOST,
            &["dc1.corp.example"],
        );
        machine
            .machine()
            .write("etc/krb5.conf", file_of_the_page("/etc/krb5.conf"));
        Self {
            machine,
            server,
            network,
        }
    }

    /// An administrator, who signs in by a certificate, and the people and groups of the page.
    #[track_caller]
    pub(crate) fn with_people() -> Self {
        let fleet = Self::begin();
        let roots = std::fs::read_to_string(fleet.server.path("keyporch-roots.pem"))
            .expect("init wrote it");
        let own = fleet.machine.machine();
        own.write("etc/keyporch-roots.pem", &roots);
        // The page on the directory has these for who administers.
        let krb5 = own.read("etc/krb5.conf");
        let anchors = "  kdc = dc1.corp.example\n  pkinit_anchors = FILE:/etc/keyporch-roots.pem\n";
        own.write(
            "etc/krb5.conf",
            &krb5.replace("  kdc = dc1.corp.example\n", anchors),
        );
        own.write(
            "etc/ldap/ldap.conf",
            "URI ldaps://dc1.corp.example\nBASE DC=corp,DC=example\nTLS_CACERT /etc/keyporch-roots.pem\nSASL_NOCANON on\n",
        );
        let _ = fleet
            .server
            .file("fleet.ldif", file_of_the_page("fleet.ldif"));
        fleet.as_told("keyporch admin certificate issue admin --key admin.key --out admin.pem");
        fleet.as_told("kinit -X X509_user_identity=FILE:admin.pem,admin.key admin");
        fleet.as_told("ldapadd -Q -Y GSSAPI -f fleet.ldif");
        fleet
    }

    /// The whole page, to the restart of SSSD.
    #[track_caller]
    fn set_up() -> Self {
        let mut fleet = Self::with_people();
        fleet.as_told("keyporch admin service add host/ws1.corp.example");
        fleet.as_told("keyporch admin service keytab host/ws1.corp.example --out ws1.keytab");
        fleet.as_told("install -m 600 ws1.keytab /etc/krb5.keytab");
        fleet
            .machine
            .machine()
            .write("etc/krb5.conf", file_of_the_page("/etc/krb5.conf"));
        fleet.machine.machine().write(
            "etc/sssd/sssd.conf",
            file_of_the_page("/etc/sssd/sssd.conf"),
        );
        fleet.as_told("chmod 600 /etc/sssd/sssd.conf");
        fleet.as_told("pam-auth-update --enable mkhomedir");
        assert!(PAGE.contains("\nsystemctl restart sssd\n"));
        fleet.machine.start_sssd();
        fleet
    }

    /// Does what a line of the page says: `keyporch admin` on the server, the rest on the machine.
    #[track_caller]
    pub(crate) fn as_told(&self, line: &str) -> String {
        assert!(
            PAGE.lines().any(|own| own == line),
            "not on the page: {line}"
        );
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = match words.as_slice() {
            ["keyporch", rest @ ..] => {
                let mut command = Command::new(binary("keyporch"));
                let socket = self.server.data("admin.sock");
                command.arg("--socket").arg(socket).args(rest);
                command
            }
            [_, ..] => {
                let folder = self.server.path("");
                let folder = folder.to_str().expect("a temporary path is text");
                let within = ["--chdir", folder];
                self.machine
                    .command("env", &[&within, words.as_slice()].concat())
            }
            [] => panic!("the line is empty"),
        };
        command
            .env("KRB5CCNAME", TICKET)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(self.server.path(""));
        run(&mut command, "").succeeded()
    }

    /// Changes entries as an administrator.
    #[track_caller]
    fn ldapmodify(&self, changes: &str) {
        let mut command = self.machine.command("ldapmodify", &["-Q", "-Y", "GSSAPI"]);
        run(command.env("KRB5CCNAME", TICKET), changes).succeeded();
    }

    /// Somebody at the console.
    #[track_caller]
    fn sign_in(&self, (name, password): (&str, &str)) -> Finished {
        self.machine.pam(name, SIGN_IN, &[password])
    }

    /// Somebody whose sign-in must succeed.
    #[track_caller]
    fn signs_in(&self, who: (&str, &str)) {
        let said = self.sign_in(who);
        assert!(said.ok, "{}\n{}", said.text, last_words(&self.machine));
    }
}

#[test]
fn people_and_groups_of_the_directory_are_those_of_the_machine() {
    let fleet = Fleet::set_up();
    let machine = &fleet.machine;
    let getent = |database: &str, name: &str| machine.getent(database, name).unwrap_or_default();
    assert_eq!(
        getent("passwd", "bob"),
        "bob:*:10001:10001:Bob Fleet:/home/bob:/bin/sh"
    );
    assert_eq!(
        getent("passwd", "10002"),
        "carol:*:10002:10001:Carol Fleet:/home/carol:/bin/bash"
    );
    assert_eq!(getent("group", "operators"), "operators:*:10002:carol");
    assert!(getent("group", "10001").starts_with("staff:*:10001:bob"));
    // Members of members are members.
    let all = getent("group", "fleet-users");
    let (_, members) = all.rsplit_once(':').expect("a line of group(5)");
    let mut members: Vec<&str> = members.split(',').collect();
    members.sort_unstable();
    assert_eq!(members, ["bob", "carol"], "{all}");
    let id = machine.run("id", &["carol"], "").succeeded();
    for group in ["gid=10001(staff)", "10002(operators)", "10003(fleet-users)"] {
        assert!(id.contains(group), "{id}");
    }
    // No number, no account; and nobody is made up.
    for nobody in ["admin", "krbtgt", "nobody-here", "Domain Users"] {
        assert_eq!(machine.getent("passwd", nobody), None, "{nobody}");
        assert_eq!(machine.getent("group", nobody), None, "{nobody}");
    }

    // What an administrator changes is there as soon as the machine asks again.
    fleet.ldapmodify(
        "dn: CN=operators,OU=Fleet,DC=corp,DC=example\nchangetype: modify\nadd: member\n\
         member: CN=Bob Fleet,OU=Fleet,DC=corp,DC=example\n\n\
         dn: CN=Bob Fleet,OU=Fleet,DC=corp,DC=example\nchangetype: modify\nreplace: loginShell\nloginShell: /bin/bash\n",
    );
    fleet_asks_again(machine);
    assert_eq!(
        getent("passwd", "bob"),
        "bob:*:10001:10001:Bob Fleet:/home/bob:/bin/bash"
    );
    let id = machine.run("id", &["bob"], "").succeeded();
    assert!(id.contains("10002(operators)"), "{id}");

    // Groups decide here, too.
    let sudoers = "%operators ALL=(ALL) ALL";
    assert!(PAGE.contains(&format!("\n{sudoers}\n")));
    machine
        .machine()
        .write("etc/sudoers", &format!("{sudoers}\n"));
    let rights = machine.run("sudo", &["-l", "-U", "carol"], "").succeeded();
    assert!(rights.contains("(ALL) ALL"), "{rights}");
    fleet.ldapmodify(
        "dn: CN=operators,OU=Fleet,DC=corp,DC=example\nchangetype: modify\ndelete: member\n\
         member: CN=Carol Fleet,OU=Fleet,DC=corp,DC=example\n",
    );
    fleet_asks_again(machine);
    let rights = machine.run("sudo", &["-l", "-U", "carol"], "");
    assert!(
        rights.text.contains("is not allowed to run sudo"),
        "{}",
        rights.text
    );
}

/// The end of what SSSD said.
fn last_words(machine: &Workstation) -> String {
    let said = machine.sssd_said();
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(80)..].join("\n")
}

/// What the page has for it, with the answers that C libraries keep for themselves.
#[track_caller]
fn fleet_asks_again(machine: &Workstation) {
    assert!(PAGE.contains("`sss_cache -E`"));
    machine.run("sss_cache", &["-E"], "").succeeded();
}

#[test]
fn a_sign_in_takes_the_password_of_the_directory_and_ends_with_a_home_and_a_ticket() {
    let mut fleet = Fleet::set_up();
    fleet
        .sign_in((BOB.0, "a wrong one"))
        .refused("Authentication failure");
    fleet.sign_in(("nobody-here", BOB.1)).refused("");
    assert!(!fleet.machine.machine().path("home/bob").exists());
    fleet.signs_in(BOB);
    assert!(fleet.machine.machine().path("home/bob").is_dir());
    fleet.sign_in((BOB.0, "")).refused("Authentication failure");

    // Disabled: out at once, and in again at once.
    fleet.as_told("keyporch admin user disable bob");
    fleet.sign_in(BOB).refused("");
    fleet_asks_again(&fleet.machine);
    // Who needs no password, for there is a key of ssh: refused, too.
    let account = fleet.machine.pam(BOB.0, &["acct_mgmt"], &[]);
    account.refused("");
    fleet.server.admin(&["user", "enable", "bob"]).succeeded();
    fleet_asks_again(&fleet.machine);
    fleet.signs_in(BOB);

    // Too many wrong passwords: out for a while, with the right one, too.
    fleet.ldapmodify(
        "dn: DC=corp,DC=example\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: 3\n",
    );
    for _ in 0..3 {
        fleet
            .sign_in((BOB.0, "a wrong one"))
            .refused("Authentication failure");
    }
    fleet.sign_in(BOB).refused("");
    let shown = fleet
        .server
        .admin_json(&["user", "show", "bob"])
        .to_string();
    assert!(shown.contains("locked"), "{shown}");
    fleet.server.admin(&["user", "unlock", "bob"]).succeeded();
    fleet.signs_in(BOB);

    // Each was armored with the machine's ticket.
    let _ = fleet.server.end_by("-TERM");
    let audited =
        std::fs::read_to_string(fleet.server.data("audit.jsonl")).expect("there is a log");
    let of_bob: Vec<&str> = audited
        .lines()
        .filter(|line| line.contains("\"kdc.as\"") && line.contains("\"client\":\"bob\""))
        .collect();
    assert!(of_bob.len() > 5, "{audited}");
    for line in of_bob {
        assert!(
            line.contains("\"armor\":\"host-ws1.corp.example$\""),
            "{line}"
        );
    }
}

#[test]
fn a_first_password_is_changed_at_the_sign_in_and_one_s_own_by_passwd() {
    let fleet = Fleet::set_up();
    // As often as she likes (by default it is once a day), and a rule that Debian's own do not have.
    fleet.ldapmodify(
        "dn: DC=corp,DC=example\nchangetype: modify\nreplace: minPwdAge\nminPwdAge: 0\n-\n\
         replace: minPwdLength\nminPwdLength: 20\n",
    );
    let (second, third) = ("one of her own choice 2", "and another of hers 33");
    let account = fleet
        .machine
        .pam(CAROL.0, &["authenticate", "acct_mgmt"], &[CAROL.1]);
    account.refused("new one required");
    let change = ["authenticate", "chauthtok(PAM_CHANGE_EXPIRED_AUTHTOK)"];
    // In the directory's words.
    let short = "nine little words";
    let typed = [CAROL.1, CAROL.1, short, short];
    fleet
        .machine
        .pam(CAROL.0, &change, &typed)
        .refused("too short");
    let typed = [CAROL.1, CAROL.1, second, second];
    fleet.machine.pam(CAROL.0, &change, &typed).succeeded();
    fleet.sign_in(CAROL).refused("Authentication failure");
    fleet.signs_in((CAROL.0, second));

    let passwd = |old: &str, new: &str| {
        let typed = format!("{old}\n{new}\n{new}\n");
        fleet
            .machine
            .run("runuser", &["-u", CAROL.0, "--", "passwd"], &typed)
    };
    passwd("a wrong one", third).refused("password unchanged");
    passwd(second, CAROL.1).refused("is one of your last 24");
    passwd(second, third).succeeded();
    fleet
        .sign_in((CAROL.0, second))
        .refused("Authentication failure");
    fleet.signs_in((CAROL.0, third));
}

#[test]
fn who_is_in_no_group_of_the_machine_stays_out_of_it() {
    let fleet = Fleet::set_up();
    fleet.signs_in(BOB);
    let remove = "dn: CN=fleet-users,OU=Fleet,DC=corp,DC=example\nchangetype: modify\ndelete: member\n\
                  member: CN=staff,OU=Fleet,DC=corp,DC=example\n";
    fleet.ldapmodify(remove);
    fleet_asks_again(&fleet.machine);
    // The password is right, and it is not enough.
    fleet
        .machine
        .pam(BOB.0, &["authenticate"], &[BOB.1])
        .succeeded();
    fleet.sign_in(BOB).refused("Permission denied");
    fleet.ldapmodify(&remove.replace("delete:", "add:"));
    fleet_asks_again(&fleet.machine);
    fleet.signs_in(BOB);
}

/// By ticket, and into an account that is nowhere but in the directory. (`sshd` speaks to its client without a port between.)
#[test]
fn ssh_takes_the_tickets_of_a_group_and_asks_the_directory_each_time() {
    let fleet = Fleet::set_up();
    let machine = &fleet.machine;
    let keys = ["-q", "-t", "ed25519", "-N", "", "-f", "/run/host_key"];
    machine.run("ssh-keygen", &keys, "").succeeded();
    let ours = "HostKey /run/host_key\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\n";
    let told = file_of_the_page("/etc/ssh/sshd_config.d/fleet.conf");
    let own = machine.machine();
    own.write("etc/ssh/sshd_config", &format!("{ours}{told}"));
    own.write("etc/pam.d/sshd", &own.read("etc/pam.d/fleet"));
    let cache = "FILE:/run/bob.ccache";
    let mut kinit = machine.command("kinit", &["-c", cache, BOB.0]);
    run(&mut kinit, &format!("{}\n", BOB.1)).succeeded();
    let server = format!(
        "ProxyCommand={} -i -e -f /etc/ssh/sshd_config",
        sshd().display()
    );
    let ssh = || {
        let mut options = vec!["-F", "none", "-o", &server];
        for option in [
            "BatchMode=yes",
            "GSSAPIAuthentication=yes",
            "StrictHostKeyChecking=no",
        ] {
            options.extend(["-o", option]);
        }
        options.extend(["bob@ws1.corp.example", "id", "-un"]);
        let mut command = machine.command("ssh", &options);
        run(command.env("KRB5CCNAME", cache), "")
    };
    ssh().refused("Permission denied");
    let member = "dn: CN=operators,OU=Fleet,DC=corp,DC=example\nchangetype: modify\nadd: member\n\
                  member: CN=Bob Fleet,OU=Fleet,DC=corp,DC=example\n";
    fleet.ldapmodify(member);
    fleet_asks_again(machine);
    let said = ssh().succeeded();
    assert!(said.lines().any(|line| line == "bob"), "{said}");
    assert!(own.path("home/bob").is_dir());
    // He has his ticket still, and it opens nothing.
    fleet.as_told("keyporch admin user disable bob");
    fleet_asks_again(machine);
    ssh().refused("");
}

#[test]
fn without_the_server_who_was_there_before_signs_in_and_nobody_else() {
    let mut fleet = Fleet::set_up();
    fleet.signs_in(BOB);
    let _ = fleet.server.end_by("-TERM");
    fleet.signs_in(BOB);
    fleet
        .sign_in((BOB.0, "a wrong one"))
        .refused("Authentication failure");
    fleet.sign_in(CAROL).refused("");
    fleet.server.serve_on(&fleet.network);
}

#[test]
fn a_machine_without_a_keytab_reads_by_a_name_and_a_password_within_tls() {
    let mut fleet = Fleet::with_people();
    let (line, password) = (
        "keyporch admin user add sssd-reader --keep-password",
        "a long password of its own 1",
    );
    assert!(PAGE.lines().any(|own| own == line));
    fleet.server.add_person("sssd-reader", password);
    let (_, rest) = PAGE
        .split_once("these lines differ:\n\n```\n")
        .expect("the page has them");
    let other = rest.split_once("```").expect("they end").0;
    let name = |line: &str| line.split_once('=').map(|(name, _)| name.trim().to_owned());
    let replaced: Vec<String> = other.lines().filter_map(name).collect();
    let gone = ["ldap_sasl_mech", "ldap_sasl_authid", "krb5_fast_principal"];
    let mut settings = String::new();
    for line in file_of_the_page("/etc/sssd/sssd.conf").lines() {
        let own = name(line).unwrap_or_default();
        if !gone.contains(&own.as_str()) && !replaced.contains(&own) {
            settings.push_str(line);
            settings.push('\n');
        }
        if own == "id_provider" {
            settings.push_str(other);
        }
    }
    fleet
        .machine
        .machine()
        .write("etc/sssd/sssd.conf", &settings);
    fleet.as_told("chmod 600 /etc/sssd/sssd.conf");
    fleet.as_told("pam-auth-update --enable mkhomedir");
    fleet.machine.start_sssd();
    let bob = fleet.machine.getent("passwd", BOB.0);
    assert_eq!(
        bob.as_deref(),
        Some("bob:*:10001:10001:Bob Fleet:/home/bob:/bin/sh"),
        "{}",
        last_words(&fleet.machine)
    );
    assert_eq!(fleet.machine.getent("passwd", "sssd-reader"), None);
    fleet.signs_in(BOB);
    fleet
        .sign_in((BOB.0, "a wrong one"))
        .refused("Authentication failure");

    // Not without TLS: the server would see a password that everybody on the way has seen.
    fleet.machine.stop_sssd();
    let plain = settings.replace("ldaps://", "ldap://");
    fleet.machine.machine().write("etc/sssd/sssd.conf", &plain);
    let _ = fleet.machine.run(
        "sh",
        &["-c", "rm -f /var/lib/sss/db/* /var/lib/sss/mc/*"],
        "",
    );
    fleet.machine.start_sssd();
    assert_eq!(fleet.machine.getent("passwd", BOB.0), None);
}

/// The files of a machine that is no more are nobody's.
#[test]
fn the_machine_that_the_tests_run_on_is_left_alone() {
    let before = std::fs::read("/etc/nsswitch.conf").expect("every machine has one");
    let fleet = Fleet::begin();
    fleet
        .machine
        .run("sh", &["-c", "echo mine >/etc/of-the-machine"], "")
        .succeeded();
    let seen = fleet
        .machine
        .run("cat", &["/etc/nsswitch.conf"], "")
        .succeeded();
    assert!(seen.contains("files sss"), "{seen}");
    assert!(!Path::new("/etc/of-the-machine").exists());
    assert_eq!(
        std::fs::read("/etc/nsswitch.conf").expect("it is there"),
        before
    );
    drop(fleet);
}
