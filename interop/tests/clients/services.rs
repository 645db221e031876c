//! Services of other people with our keytabs, set up as `docs/services.md` says, and other people's clients at them: Debian's
//! `ssh` and `sshd`, `curl` and Apache.

use std::path::Path;
use std::process::Command;

use keyporch_interop::{Background, Finished, Krb5, Lab, Machine, binary, free_port, run, sshd};

const PAGE: &str = include_str!("../../../docs/services.md");
const SHELL: &str = "shell.corp.example";
const WEB: &str = "web.corp.example";
const LAPTOP: &str = "laptop-2.corp.example";
const BOB: (&str, &str) = ("bob", "another of his own choice 1");

/// Does what a line of the page says: what an administrator types in a folder of the test, the rest on the machine.
#[track_caller]
fn as_told(lab: &Lab, machine: &Machine, line: &str) {
    assert!(
        PAGE.lines().any(|own| own == line),
        "not on the page: {line}"
    );
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut command = match words.as_slice() {
        ["keyporch", rest @ ..] => {
            let mut command = Command::new(binary("keyporch"));
            command.arg("--lab").arg(lab.directory()).args(rest);
            command
        }
        [program, rest @ ..] => machine.command(Path::new(program), rest),
        [] => panic!("the line is empty"),
    };
    run(command.current_dir(lab.scratch()), "").succeeded();
}

/// That a program says these words, which the page explains.
#[track_caller]
fn told(said: &str, words: &str) {
    assert!(
        PAGE.contains(&format!("| `{words}` |")),
        "not on the page: {words}"
    );
    assert!(said.contains(words), "{said}");
}

/// What the page writes into a file.
#[track_caller]
fn file_of_the_page(path: &str) -> &'static str {
    let begin = format!("`{path}`:\n\n```\n");
    let (_, rest) = PAGE.split_once(&begin).expect("the page has the file");
    rest.split_once("```").expect("it ends").0
}

/// A machine that knows where the lab's KDC is.
fn machine(lab: &Lab, name: &str) -> Machine {
    let machine = Machine::new(lab.scratch(), name, &[SHELL, WEB]);
    let krb5 = std::fs::read_to_string(lab.text("/krb5_conf")).expect("krb5.conf is there");
    machine.write("etc/krb5.conf", &krb5);
    machine
}

/// A cache with a ticket-granting ticket that the enrolled key got.
#[track_caller]
fn by_key(lab: &Lab, cache: &str, arguments: &[&str]) -> Krb5 {
    let (person, krb5) = (lab.person(), lab.krb5(cache));
    let (certificate, key) = (person.certificate.display(), person.key.display());
    let identity = format!("X509_user_identity=FILE:{certificate},{key}");
    let arguments = [arguments, &["-X", &identity, &person.sam]].concat();
    run(&mut krb5.command("kinit", &arguments), "").succeeded();
    krb5
}

/// A cache with a ticket-granting ticket of somebody else, whom the directory knows.
#[track_caller]
fn of_bob(lab: &Lab) -> Krb5 {
    lab.add_person(BOB.0, BOB.1);
    let krb5 = lab.krb5("bob");
    krb5.kinit(&[BOB.0], BOB.1).succeeded();
    krb5
}

/// A person's machine, from which they go to others.
struct Laptop(Machine);

impl Laptop {
    fn run(&self, krb5: &Krb5, program: &str, arguments: &[&str]) -> Finished {
        let mut command = self.0.command(Path::new(program), arguments);
        command.env("KRB5CCNAME", format!("FILE:{}", krb5.cache().display()));
        run(&mut command, "")
    }
}

/// A machine with sshd and one local account, `alice`; and who goes there.
struct Shell {
    machine: Machine,
    laptop: Laptop,
    port: u16,
    _running: Background,
}

impl Shell {
    #[track_caller]
    fn start(lab: &Lab) -> Self {
        let (mut machine, laptop, port) = (machine(lab, SHELL), machine(lab, LAPTOP), free_port());
        machine.add_person("alice");
        as_told(
            lab,
            &machine,
            "keyporch admin service add host/shell.corp.example",
        );
        as_told(
            lab,
            &machine,
            "keyporch admin service keytab host/shell.corp.example --out shell.keytab",
        );
        as_told(
            lab,
            &machine,
            "install -m 600 shell.keytab /etc/krb5.keytab",
        );
        let ours = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey /etc/ssh/host_key\nPidFile none\nLogLevel DEBUG1\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        );
        let told = file_of_the_page("/etc/ssh/sshd_config.d/tickets.conf");
        machine.write("etc/ssh/sshd_config", &format!("{ours}{told}"));
        let key = ["-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/host_key"];
        run(&mut machine.command(Path::new("ssh-keygen"), &key), "").succeeded();
        let public = machine.read("etc/ssh/host_key.pub");
        laptop.write(
            "etc/ssh/ssh_known_hosts",
            &format!("[{SHELL}]:{port} {public}"),
        );
        let arguments = ["-D", "-f", "/etc/ssh/sshd_config", "-E", "/run/sshd.log"];
        let running = Background::start(&mut machine.command(&sshd(), &arguments), port);
        Self {
            machine,
            laptop: Laptop(laptop),
            port,
            _running: running,
        }
    }

    /// `ssh` with a cache, as the page has it.
    #[track_caller]
    fn ssh(&self, krb5: &Krb5, more: &[&str], remote: &str) -> Finished {
        const TOLD: &str = "ssh -o GSSAPIAuthentication=yes alice@shell.corp.example";
        assert!(PAGE.lines().any(|own| own == TOLD));
        let port = self.port.to_string();
        let mut arguments = vec!["-v", "-F", "none", "-o", "BatchMode=yes", "-p", &port];
        arguments.extend(more);
        arguments.extend(TOLD.split_whitespace().skip(1));
        arguments.push(remote);
        self.laptop.run(krb5, "ssh", &arguments)
    }

    /// Goes in.
    #[track_caller]
    fn lets_in(&self, krb5: &Krb5) {
        let entered = self.ssh(krb5, &[], "id -un");
        assert!(
            entered.ok && entered.text.starts_with("alice\n"),
            "{}\nsshd:\n{}",
            entered.text,
            self.log()
        );
    }

    /// Does not go in: the reason that the server has, in the lines that it adds to its log.
    #[track_caller]
    fn keeps_out(&self, krb5: &Krb5) -> String {
        let before = self.log().len();
        let said = self.ssh(krb5, &[], "id -un").refused("Permission denied");
        assert!(!said.starts_with("alice"), "{said}");
        format!("{said}\nsshd:\n{}", &self.log()[before..])
    }

    fn log(&self) -> String {
        self.machine.read("run/sshd.log")
    }
}

#[test]
fn ssh_lets_in_whom_the_ticket_names_and_nobody_else() {
    let lab = Lab::start();
    let shell = Shell::start(&lab);
    let before = by_key(&lab, "before", &[]);
    shell.lets_in(&by_key(&lab, "alice", &[]));

    let said = shell.keeps_out(&lab.krb5("nothing"));
    told(&said, "No Kerberos credentials available");

    // The ticket is good; it is the account that is not bob's, until alice says so.
    let bob = of_bob(&lab);
    let said = shell.keeps_out(&bob);
    bob.klist(&["-s"]).succeeded();
    assert!(!said.contains("Authorized to alice"), "{said}");
    shell.machine.write(
        "home/alice/.k5login",
        "alice@CORP.EXAMPLE\nbob@CORP.EXAMPLE\n",
    );
    shell.lets_in(&bob);
    assert!(
        shell
            .log()
            .contains("Authorized to alice, krb5 principal bob@CORP.EXAMPLE"),
        "{}",
        shell.log()
    );

    lab.keyporch(&["admin", "user", "disable", "alice"])
        .succeeded();
    let said = shell.keeps_out(&before);
    told(&said, "credentials have been revoked");
    lab.keyporch(&["admin", "user", "enable", "alice"])
        .succeeded();
    shell.lets_in(&before);
}

#[test]
fn sshd_takes_no_ticket_under_a_key_that_it_has_not() {
    let lab = Lab::start();
    let shell = Shell::start(&lab);
    let first = by_key(&lab, "first", &[]);
    shell.lets_in(&first);

    // Other keys of the same name and version: those of a machine elsewhere.
    let elsewhere = Lab::start();
    let own = std::fs::read(shell.machine.path("etc/krb5.keytab")).expect("it was installed");
    let other = shell.machine.path("etc/other.keytab");
    let other = other.to_str().expect("a temporary path is text");
    for arguments in [
        &["add", "host/shell.corp.example"][..],
        &["keytab", "host/shell.corp.example", "--out", other],
    ] {
        elsewhere
            .keyporch(&[&["admin", "service"], arguments].concat())
            .succeeded();
    }
    std::fs::copy(other, shell.machine.path("etc/krb5.keytab")).expect("there is room for a file");
    let said = shell.keeps_out(&first);
    told(&said, "cannot decrypt ticket");
    std::fs::write(shell.machine.path("etc/krb5.keytab"), own).expect("there is room for a file");
    shell.lets_in(&first);

    // New keys, which the machine has not yet; then it has both, and who has a ticket notices nothing.
    as_told(
        &lab,
        &shell.machine,
        "keyporch admin service keytab host/shell.corp.example --out shell.keytab --rotate",
    );
    let second = by_key(&lab, "second", &[]);
    let said = shell.keeps_out(&second);
    told(&said, "keytab is likely out of date");
    shell.lets_in(&first);
    let install = "install -m 600 shell.keytab /etc/krb5.keytab";
    as_told(&lab, &shell.machine, install);
    shell.lets_in(&second);
    shell.lets_in(&first);

    // As after a theft: tickets under the first keys open nothing any more.
    let again =
        "keyporch admin service keytab host/shell.corp.example --out shell.keytab --rotate --force";
    let (careful, _) = again.rsplit_once(' ').expect("it has words");
    let careful: Vec<&str> = careful.split_whitespace().skip(1).collect();
    lab.keyporch(&careful)
        .refused("were renewed a short while ago");
    as_told(&lab, &shell.machine, again);
    as_told(&lab, &shell.machine, install);
    told(&shell.keeps_out(&first), "ticket is likely out of date");
    shell.lets_in(&second);
    shell.lets_in(&by_key(&lab, "third", &[]));

    // The keytab of another principal.
    lab.keyporch(&["admin", "service", "add", "host/other.corp.example"])
        .succeeded();
    let keytab = shell.machine.path("etc/krb5.keytab");
    let keytab = keytab.to_str().expect("a temporary path is text");
    let export = ["keytab", "host/other.corp.example", "--out", keytab];
    lab.keyporch(&[&["admin", "service"], &export[..]].concat())
        .succeeded();
    told(
        &shell.keeps_out(&second),
        "No key table entry found matching",
    );
}

#[test]
fn ssh_takes_a_ticket_along_where_its_owner_may() {
    let lab = Lab::start();
    let shell = Shell::start(&lab);
    let alice = by_key(&lab, "forwardable", &["-f"]);
    let on = "klist -f && kvno host/laptop-1.corp.example";
    shell
        .ssh(&alice, &[], on)
        .refused("No credentials cache found");
    let said = shell.ssh(&alice, &["-K"], on).succeeded();
    assert!(
        said.contains("Default principal: alice@CORP.EXAMPLE"),
        "{said}"
    );
    assert!(said.contains("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"), "{said}");
    assert!(said.contains("Flags: Ff"), "{said}");
    assert!(
        said.contains("host/laptop-1.corp.example@CORP.EXAMPLE: kvno"),
        "{said}"
    );

    // Not one that may not be forwarded, and not of who is sensitive, though the ticket is of a time before.
    let unforwardable = by_key(&lab, "unforwardable", &[]);
    shell
        .ssh(&unforwardable, &["-K"], on)
        .refused("No credentials cache found");
    shell.lets_in(&unforwardable);
    lab.keyporch(&["admin", "user", "sensitive", "alice"])
        .succeeded();
    shell
        .ssh(&alice, &["-K"], on)
        .refused("No credentials cache found");
    shell.lets_in(&alice);
}

/// A machine with Apache; and who goes there.
struct Web {
    machine: Machine,
    laptop: Laptop,
    port: u16,
    _running: Background,
}

/// What Debian's package `apache2` configures beside the site.
const APACHE: &str = "\
ServerRoot /etc/apache2
ServerName web.corp.example
DefaultRuntimeDir /run
PidFile /run/apache2.pid
ErrorLog /run/apache2.log
LogLevel info auth_gssapi:debug
User www-data
Group www-data
";
const MODULES: &[&str] = &[
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "auth_gssapi",
    "ssl",
    "headers",
    "dir",
];

impl Web {
    #[track_caller]
    fn start(lab: &Lab, edit: impl FnOnce(&str) -> String) -> Self {
        let (machine, laptop, port) = (machine(lab, WEB), machine(lab, LAPTOP), free_port());
        machine.write("etc/apache2/apache2.conf", "");
        for line in [
            "keyporch admin service add HTTP/web.corp.example",
            "keyporch admin service keytab HTTP/web.corp.example --out web.keytab",
            "install -m 640 -g www-data web.keytab /etc/apache2/web.keytab",
        ] {
            as_told(lab, &machine, line);
        }
        machine.write("home/www/index.html", "for those who are known\n");
        let mut certify = Command::new("openssl");
        certify
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args([
                "-nodes",
                "-subj",
                "/CN=web",
                "-addext",
                "subjectAltName=DNS:web.corp.example",
            ])
            .arg("-keyout")
            .arg(machine.path("etc/apache2/key.pem"))
            .arg("-out")
            .arg(machine.path("etc/apache2/web.crt"));
        run(&mut certify, "").succeeded();
        let certificate = machine.read("etc/apache2/web.crt");
        let key = machine.read("etc/apache2/key.pem");
        machine.write("etc/apache2/web.pem", &format!("{certificate}{key}"));
        laptop.write("etc/web.crt", &certificate);
        let site = file_of_the_page("/etc/apache2/sites-enabled/web.conf");
        let site = site
            .replace("*:443", &format!("*:{port}"))
            .replace("/var/www/html", "/home/www");
        let modules: String = MODULES
            .iter()
            .map(|name| {
                format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
            })
            .collect();
        let who = "Header always set X-Person expr=%{REMOTE_USER}";
        let config = format!(
            "{modules}{APACHE}Listen 127.0.0.1:{port}\n{who}\n{}",
            edit(&site)
        );
        machine.write("etc/apache2/apache2.conf", &config);
        let arguments = ["-DFOREGROUND", "-f", "/etc/apache2/apache2.conf"];
        let mut server = machine.command(Path::new("apache2"), &arguments);
        let running = Background::start(&mut server, port);
        Self {
            machine,
            laptop: Laptop(laptop),
            port,
            _running: running,
        }
    }

    /// `curl` with a cache, as the page has it.
    #[track_caller]
    fn curl(&self, krb5: &Krb5) -> Finished {
        const TOLD: &str = "curl --negotiate --user : https://web.corp.example/";
        assert!(PAGE.lines().any(|own| own == TOLD));
        let told = TOLD.replace("example/", &format!("example:{}/", self.port));
        let mut arguments = vec!["--silent", "--show-error", "--include", "--fail-with-body"];
        arguments.extend(["--cacert", "/etc/web.crt"]);
        arguments.extend(told.split_whitespace().skip(1));
        self.laptop.run(krb5, "curl", &arguments)
    }

    #[track_caller]
    fn lets_in(&self, krb5: &Krb5, person: &str) {
        let said = self.curl(krb5);
        let named = format!("X-Person: {person}\r\n");
        assert!(
            said.ok && said.text.contains(&named) && said.text.contains("for those who are known"),
            "{}\napache2:\n{}",
            said.text,
            self.machine.read("run/apache2.log")
        );
    }

    /// Refused: what the server adds to its log.
    #[track_caller]
    fn keeps_out(&self, krb5: &Krb5) -> String {
        let before = self.machine.read("run/apache2.log").len();
        let said = self.curl(krb5).refused("HTTP/1.1 401 Unauthorized");
        assert!(!said.contains("for those who are known"), "{said}");
        self.machine.read("run/apache2.log")[before..].to_owned()
    }
}

#[test]
fn curl_gets_what_a_web_server_gives_to_those_who_are_known() {
    let lab = Lab::start();
    let web = Web::start(&lab, str::to_owned);
    let before = by_key(&lab, "before", &[]);
    let alice = by_key(&lab, "alice", &[]);
    web.lets_in(&alice, "alice@CORP.EXAMPLE");
    web.lets_in(&of_bob(&lab), "bob@CORP.EXAMPLE");
    web.keeps_out(&lab.krb5("nothing"));

    lab.keyporch(&["admin", "user", "disable", "alice"])
        .succeeded();
    web.keeps_out(&before);
    lab.keyporch(&["admin", "user", "enable", "alice"])
        .succeeded();
    web.lets_in(&before, "alice@CORP.EXAMPLE");
}

#[test]
fn a_web_server_tells_people_apart_and_takes_no_ticket_under_another_key() {
    let lab = Lab::start();
    let web = Web::start(&lab, |site| {
        site.replace("Require valid-user", "Require user alice@CORP.EXAMPLE")
    });
    let alice = by_key(&lab, "alice", &[]);
    web.lets_in(&alice, "alice@CORP.EXAMPLE");
    let bob = of_bob(&lab);
    let said = web.keeps_out(&bob);
    assert!(said.contains("bob@CORP.EXAMPLE"), "{said}");

    let file = |name: &str| web.machine.path(&format!("etc/apache2/{name}"));
    let own = std::fs::read(file("web.keytab")).expect("it was installed");
    let elsewhere = Lab::start();
    let other = elsewhere.scratch().join("other.keytab");
    let other = other.to_str().expect("a temporary path is text");
    let name = "HTTP/web.corp.example";
    for arguments in [&["add", name][..], &["keytab", name, "--out", other]] {
        elsewhere
            .keyporch(&[&["admin", "service"], arguments].concat())
            .succeeded();
    }
    // Written into the file that is there, so that it stays the web server's to read.
    std::fs::write(
        file("web.keytab"),
        std::fs::read(other).expect("it was exported"),
    )
    .expect("there is room for a file");
    let said = web.keeps_out(&alice);
    told(&said, "cannot decrypt ticket");
    std::fs::write(file("web.keytab"), own).expect("there is room for a file");
    web.lets_in(&alice, "alice@CORP.EXAMPLE");
}

/// Asks our own federation service for an authorization code with what a cache has: the status, and where it sends the
/// browser.
#[track_caller]
fn authorization_code(lab: &Lab, krb5: &Krb5) -> (String, Option<String>) {
    let base = lab.text("/federation/base");
    let (_, port) = base.rsplit_once(':').expect("the lab says its port");
    // The challenge is RFC 7636's example.
    let asked = format!(
        "{base}/adfs/oauth2/authorize?response_type=code&client_id=3f6f9f0a-8c39-4d5e-9c0f-6b2d7a1e5c44&\
         resource=urn:keyporch:administration&redirect_uri=http://127.0.0.1/&state=s1&prompt=none&\
         code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let host = format!("sts.corp.example:{port}:127.0.0.1");
    let mut arguments = vec!["--negotiate", "--user", ":", "--silent", "--show-error"];
    arguments.extend(["--include", "--http1.1", "--cacert", lab.text("/root_pem")]);
    arguments.extend(["--resolve", &host, &asked]);
    let text = run(&mut krb5.command("curl", &arguments), "").succeeded();
    let status = text.split_whitespace().nth(1).unwrap_or_default();
    let location = text
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    (
        status.to_owned(),
        location.map(|line| line.trim().to_owned()),
    )
}

#[test]
fn curl_gets_an_authorization_code_for_a_ticket_of_a_key_and_for_no_other() {
    let lab = Lab::start();
    let alice = by_key(&lab, "alice", &[]);
    let sent = |krb5: &Krb5| {
        let (status, location) = authorization_code(&lab, krb5);
        assert_eq!(status, "302", "{location:?}");
        location.expect("a redirect says where to")
    };
    let to = sent(&alice);
    assert!(to.starts_with("http://127.0.0.1/?code="), "{to}");
    assert!(to.ends_with("&state=s1"), "{to}");

    // By a password alone there was no second factor, and without a ticket there was nobody.
    let by_password = lab.krb5("password");
    let person = lab.person();
    by_password
        .kinit(&[&person.sam], &person.password)
        .succeeded();
    let to = sent(&by_password);
    assert!(to.contains("error=interaction_required"), "{to}");
    let to = sent(&lab.krb5("nothing"));
    assert!(to.contains("error=login_required"), "{to}");

    // The ticket for the service is still there; what got it is not.
    let keys = lab.keyporch_json(&["admin", "key", "list", "alice"]);
    let fingerprint = keys[0]["fingerprint"].as_str().expect("alice has a key");
    lab.keyporch(&["admin", "key", "revoke", "alice", fingerprint, "--yes"])
        .succeeded();
    let (status, location) = authorization_code(&lab, &alice);
    assert_eq!((status.as_str(), location), ("401", None));
}
