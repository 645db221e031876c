//! Samba's administration (`samba-tool`) on our directory, as `docs/fleet.md` says: people, groups, computers and units, with
//! an administrator's ticket; and what becomes of them, by other programs.

use keyporch_interop::{Finished, run};

use crate::sssd::{Fleet, PAGE, TICKET, file_of_the_page};

const DAVE: (&str, &str) = ("dave", "Some fine words 77");

/// What `samba-tool` says before all else where it does not like how it was called.
const NOISE: &str = "WARNING: ";

/// A machine with an administrator's ticket and Samba's settings.
#[track_caller]
fn fleet() -> Fleet {
    let fleet = Fleet::with_people();
    let settings = file_of_the_page("/etc/samba/smb.conf");
    // The machine of the tests has no other interface, which Samba complains of.
    let settings = format!("{settings} interfaces = lo\n");
    let machine = &fleet.machine;
    machine.machine().write("etc/samba/smb.conf", &settings);
    let folders = "mkdir -p /var/lib/samba/private /var/cache/samba /run/samba";
    machine.run("sh", &["-ec", folders], "").succeeded();
    fleet
}

/// Runs `samba-tool` with these words and options.
fn tool(fleet: &Fleet, words: &[&str], options: &[&str]) -> Finished {
    let mut command = fleet
        .machine
        .command("samba-tool", &[words, options].concat());
    let mut finished = run(command.env("KRB5CCNAME", TICKET), "");
    let lines = finished
        .text
        .lines()
        .filter(|line| !line.starts_with(NOISE));
    finished.text = lines.map(|line| format!("{line}\n")).collect();
    finished
}

/// With the administrator's ticket.
fn by_ticket(fleet: &Fleet, words: &[&str]) -> Finished {
    let options = ["-H", "ldap://dc1.corp.example", "--use-kerberos=required"];
    tool(fleet, words, &options)
}

/// The lines of what succeeds.
#[track_caller]
fn lines(fleet: &Fleet, words: &[&str]) -> Vec<String> {
    let said = by_ticket(fleet, words).succeeded();
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// That it says so, or this.
#[track_caller]
fn says(fleet: &Fleet, words: &[&str], expected: &str) {
    let said = by_ticket(fleet, words).succeeded();
    assert!(said.contains(expected), "{words:?}: {said}");
}

#[test]
fn people_are_listed_shown_made_and_unmade() {
    let fleet = fleet();
    for line in PAGE.lines().filter(|line| line.starts_with("samba-tool ")) {
        fleet.as_told(line);
    }
    says(&fleet, &["user", "delete", "dave"], "Deleted user dave");

    let before = ["admin", "bob", "carol", "krbtgt"];
    assert_eq!(lines(&fleet, &["user", "list"]), before);
    says(&fleet, &["user", "show", "bob"], "uidNumber: 10001");
    by_ticket(&fleet, &["user", "show", "nobody-here"]).refused("Unable to find user");
    let words = [
        "user",
        "create",
        DAVE.0,
        DAVE.1,
        "--given-name=Dave",
        "--surname=Fleet",
        "--mail-address=dave@corp.example",
        "--userou=OU=Fleet",
        "--uid-number=10004",
        "--gid-number=10001",
        "--uid=dave",
        "--nis-domain=corp",
        "--unix-home=/home/dave",
        "--login-shell=/bin/sh",
    ];
    says(&fleet, &words, "User 'dave' added successfully");
    by_ticket(&fleet, &words).refused("already");
    by_ticket(&fleet, &["user", "create", "erin", "short"]).refused("too short");
    let shown = by_ticket(&fleet, &["user", "show", "dave"]).succeeded();
    for line in [
        "dn: CN=Dave Fleet,OU=Fleet,DC=corp,DC=example",
        "userPrincipalName: dave@corp.example",
        "uidNumber: 10004",
        "mail: dave@corp.example",
        "userAccountControl: 512",
    ] {
        assert!(shown.lines().any(|own| own == line), "{line}: {shown}");
    }
    assert!(!shown.contains("unixUserPassword"), "{shown}");

    // He is there at once for Kerberos, and gone at once.
    let kinit = |password: &str| {
        let mut command = fleet
            .machine
            .command("kinit", &["-c", "/run/dave.ccache", DAVE.0]);
        run(&mut command, &format!("{password}\n"))
    };
    kinit(DAVE.1).succeeded();
    by_ticket(&fleet, &["user", "disable", "dave"]).succeeded();
    kinit(DAVE.1).refused("revoked");
    says(
        &fleet,
        &["user", "show", "dave", "--attributes=userAccountControl"],
        ": 514",
    );
    says(&fleet, &["user", "enable", "dave"], "Enabled user 'dave'");
    kinit(DAVE.1).succeeded();
    let new = "--newpassword=Other fine words 88";
    says(
        &fleet,
        &["user", "setpassword", "dave", new],
        "Changed password OK",
    );
    kinit(DAVE.1).refused("Password incorrect");
    kinit("Other fine words 88").succeeded();
    let (third, once) = (
        "--newpassword=Third fine words 99",
        "--must-change-at-next-login",
    );
    by_ticket(&fleet, &["user", "setpassword", "dave", third, once]).succeeded();
    let asked = kinit("Third fine words 99");
    assert!(asked.text.contains("Password expired"), "{}", asked.text);
    says(
        &fleet,
        &["user", "setexpiry", "dave", "--days=30"],
        "Expiry for user 'dave' set to 30 days",
    );
    says(&fleet, &["user", "sensitive", "dave", "on"], "");
    says(
        &fleet,
        &["user", "sensitive", "dave", "show"],
        "UF_NOT_DELEGATED: True",
    );
    says(
        &fleet,
        &["user", "rename", "dave", "--surname=Floot"],
        "sn: Floot",
    );
    says(
        &fleet,
        &["user", "move", "dave", "CN=Users"],
        "Moved user \"dave\"",
    );
    says(&fleet, &["user", "delete", "dave"], "Deleted user dave");
    kinit("Third fine words 99").refused("");
    assert_eq!(lines(&fleet, &["user", "list"]), before);
}

#[test]
fn groups_computers_and_units_are_listed_and_changed() {
    let fleet = fleet();
    let groups = lines(&fleet, &["group", "list"]);
    for group in [
        "staff",
        "fleet-users",
        "Domain Admins",
        "Windows Hello for Business Users",
    ] {
        assert!(groups.iter().any(|own| own == group), "{group}: {groups:?}");
    }
    assert_eq!(
        lines(&fleet, &["group", "listmembers", "fleet-users"]),
        ["operators", "staff"]
    );
    says(&fleet, &["group", "add", "testers"], "Added group testers");
    by_ticket(&fleet, &["group", "add", "testers"]).refused("already");
    says(
        &fleet,
        &["group", "addmembers", "testers", "bob,carol"],
        "Added members to group testers",
    );
    assert_eq!(
        lines(&fleet, &["group", "listmembers", "testers"]),
        ["bob", "carol"]
    );
    let of_bob = lines(&fleet, &["user", "getgroups", "bob"]);
    assert_eq!(of_bob, ["Domain Users", "staff", "testers"]);
    says(
        &fleet,
        &["group", "removemembers", "testers", "bob"],
        "Removed members from group testers",
    );
    assert_eq!(
        lines(&fleet, &["group", "listmembers", "testers"]),
        ["carol"]
    );
    says(
        &fleet,
        &["group", "show", "testers"],
        "member: CN=Carol Fleet,OU=Fleet,DC=corp,DC=example",
    );
    by_ticket(&fleet, &["group", "stats"]).succeeded();
    // A membership decides what the policy says.
    let hello = "Windows Hello for Business Users";
    let set = [
        "policy",
        "set",
        "UsePassportForWork",
        "true",
        "--for-users",
        "--policy",
        "Enrolment",
        "--group",
        hello,
    ];
    fleet.server.admin(&set).succeeded();
    let may_enrol = |name: &str| {
        let shown = fleet.server.admin_json(&["policy", "show", "--user", name]);
        let decisions = shown["effective"]["decisions"].as_array().expect("a list");
        decisions
            .iter()
            .any(|row| row["setting"] == "UsePassportForWork" && row["value"] == true)
    };
    says(
        &fleet,
        &["group", "addmembers", hello, "carol"],
        "Added members",
    );
    assert!(may_enrol("carol") && !may_enrol("bob"));
    says(
        &fleet,
        &["group", "removemembers", hello, "carol"],
        "Removed members",
    );
    assert!(!may_enrol("carol"));

    says(
        &fleet,
        &["group", "delete", "testers"],
        "Deleted group testers",
    );

    says(
        &fleet,
        &["computer", "create", "ws7"],
        "Computer 'ws7' added successfully",
    );
    let computers = lines(&fleet, &["computer", "list"]);
    let made = computers
        .iter()
        .any(|name| name.eq_ignore_ascii_case("ws7$"));
    assert!(made, "{computers:?}");
    says(
        &fleet,
        &["computer", "show", "ws7"],
        "sAMAccountType: 805306369",
    );
    says(
        &fleet,
        &["computer", "delete", "ws7"],
        "Deleted computer ws7",
    );

    says(
        &fleet,
        &["ou", "create", "OU=New"],
        "Added ou \"OU=New,DC=corp,DC=example\"",
    );
    assert_eq!(
        lines(&fleet, &["ou", "list"]),
        ["OU=Domain Controllers", "OU=Fleet", "OU=New"]
    );
    says(
        &fleet,
        &["user", "move", "bob", "OU=New"],
        "Moved user \"bob\"",
    );
    assert_eq!(
        lines(&fleet, &["ou", "listobjects", "OU=New"]),
        ["CN=Bob Fleet,OU=New"]
    );
    by_ticket(&fleet, &["ou", "delete", "OU=New"]).refused("");
    says(
        &fleet,
        &["ou", "rename", "OU=New", "OU=Newer"],
        "Renamed ou",
    );
    says(&fleet, &["ou", "move", "OU=Newer", "OU=Fleet"], "Moved ou");
    says(
        &fleet,
        &["user", "show", "bob"],
        "dn: CN=Bob Fleet,OU=Newer,OU=Fleet,DC=corp,DC=example",
    );
    says(
        &fleet,
        &[
            "ou",
            "delete",
            "OU=Newer,OU=Fleet",
            "--force-subtree-delete",
        ],
        "Deleted ou",
    );
    by_ticket(&fleet, &["user", "show", "bob"]).refused("Unable to find user");

    // What the domain asks of passwords.
    let settings = by_ticket(&fleet, &["domain", "passwordsettings", "show"]).succeeded();
    for line in [
        "Password complexity: off",
        "Password history length: 24",
        "Minimum password length: 8",
    ] {
        assert!(settings.contains(line), "{line}: {settings}");
    }
    says(
        &fleet,
        &["domain", "passwordsettings", "set", "--min-pwd-length=12"],
        "Minimum password length changed!",
    );
    by_ticket(
        &fleet,
        &["user", "setpassword", "carol", "--newpassword=too shrt 1"],
    )
    .refused("too short");
}

#[test]
fn a_password_reads_within_tls_and_changes_nothing() {
    let fleet = fleet();
    let bob = "--simple-bind-dn=bob@corp.example";
    let (right, wrong) = (
        "--password=another of his own choice 1",
        "--password=a wrong one",
    );
    let (tls, plain) = ("ldaps://dc1.corp.example", "ldap://dc1.corp.example");
    let list =
        |url: &str, password: &str| tool(&fleet, &["user", "list"], &["-H", url, bob, password]);
    let listed = list(tls, right).succeeded();
    assert!(listed.lines().any(|line| line == "carol"), "{listed}");
    list(tls, wrong).refused("INVALID_CREDENTIALS");
    list(plain, right).refused("CONFIDENTIALITY_REQUIRED");
    let add = tool(
        &fleet,
        &["group", "add", "testers"],
        &["-H", tls, bob, right],
    );
    add.refused("INSUFFICIENT_ACCESS_RIGHTS");
    // A ticket within TLS.
    let options = ["-H", tls, "--use-kerberos=required"];
    let listed = tool(&fleet, &["user", "list"], &options).succeeded();
    assert!(listed.lines().any(|line| line == "carol"), "{listed}");
    // A server with another name is not believed.
    tool(
        &fleet,
        &["user", "list"],
        &["-H", "ldaps://ws1.corp.example", bob, right],
    )
    .refused("");
}

/// What asks for the domain's naming contexts, its servers and what everybody shows.
#[test]
fn levels_are_shown_and_linux_numbers_are_given_to_who_is_there() {
    let fleet = fleet();
    let shown = by_ticket(&fleet, &["domain", "level", "show"]).succeeded();
    for line in [
        "Forest function level: (Windows) higher than 2012 R2",
        "Domain function level: (Windows) higher than 2012 R2",
        "Lowest function level of a DC: (Windows) higher than 2012 R2",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let raise = ["domain", "level", "raise", "--domain-level=2012_R2"];
    by_ticket(&fleet, &raise).refused("can't be smaller than or equal");

    let create = ["user", "create", DAVE.0, DAVE.1];
    says(&fleet, &create, "User 'dave' added successfully");
    let numbers = |number: &'static str| {
        let group = "--gid-number=10001";
        by_ticket(&fleet, &["user", "addunixattrs", DAVE.0, number, group])
    };
    numbers("10001").refused("already being used");
    assert!(numbers("10004").ok);
    numbers("10005").refused("already a Unix user");
    let shown = by_ticket(&fleet, &["user", "show", DAVE.0]).succeeded();
    for line in [
        "uidNumber: 10004",
        "gidNumber: 10001",
        "unixHomeDirectory: /home/CORP/dave",
        "accountExpires: 9223372036854775807",
    ] {
        assert!(shown.lines().any(|own| own == line), "{line}: {shown}");
    }
    says(&fleet, &["group", "create", "testers"], "Added group");
    let group = ["group", "addunixattrs", "testers", "10021"];
    says(&fleet, &group, "Modified Group 'testers' successfully");
    by_ticket(&fleet, &group).refused("is a Unix group");
    let rename = ["group", "rename", "testers", "--samaccountname=tasters"];
    says(&fleet, &rename, "sAMAccountName: tasters");
    says(&fleet, &["group", "list", "--verbose"], "tasters");

    // Who has not expired and is not turned off.
    let active = ["user", "list", "--hide-expired", "--hide-disabled"];
    assert_eq!(lines(&fleet, &active), ["admin", "bob", "carol", "dave"]);
    by_ticket(&fleet, &["user", "setexpiry", "dave", "--days=-1"]).succeeded();
    by_ticket(&fleet, &["user", "disable", "carol"]).succeeded();
    assert_eq!(lines(&fleet, &active), ["admin", "bob"]);

    let name = "HTTP/dave.corp.example";
    by_ticket(&fleet, &["spn", "add", name, "dave"]).succeeded();
    says(&fleet, &["spn", "list", "dave"], name);
    by_ticket(&fleet, &["spn", "delete", name, "dave"]).succeeded();
    says(
        &fleet,
        &["spn", "list", "dave"],
        "has no servicePrincipalName",
    );
}
