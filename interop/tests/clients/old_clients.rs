//! The switches of docs/old-clients.md with clients that need them: minikerberos, and Heimdal where nobody has told it better.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyporch_interop::{Finished, Heimdal, Krb5, Minikerberos, Secret, Server, run};
use serde_json::Value;

const PASSWORD: &str = "a-long-first-password-1";
const HOST: &str = "host/dc1.corp.example";

/// What minikerberos says for the codes of protocols E.3.6; 65 had another name before PKINIT used it.
const DIGEST: &str = "KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED";
const GROUP: &str = "KDC_ERR_KEY_TOO_WEAK";

/// A path as an argument.
#[track_caller]
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// A key of its own with a certificate that it signed itself. Heimdal signs by no certificate that does not say that its key
/// is for signatures.
#[track_caller]
pub(crate) fn self_signed(folder: &Path, name: &str, bits: u16) -> (PathBuf, PathBuf) {
    let path = |kind: &str| folder.join(format!("{name}.{kind}"));
    let (certificate, key) = (path("pem"), path("key"));
    let (subject, kind) = (format!("/CN={name}"), format!("rsa:{bits}"));
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", &kind])
        .args(["-subj", &subject, "-addext", "basicConstraints=CA:FALSE"])
        .args(["-addext", "keyUsage=digitalSignature"])
        .args(["-keyout", text(&key), "-out", text(&certificate)]);
    run(&mut openssl, "").succeeded();
    (certificate, key)
}

/// A server on which alice has a password, a key and a certificate.
struct Old {
    server: Server,
    key: (PathBuf, PathBuf),
    certificate: (PathBuf, PathBuf),
}

impl Old {
    /// With the defaults.
    #[track_caller]
    fn new() -> Self {
        Self::with("")
    }

    /// With these lines in `[kdc]`.
    #[track_caller]
    fn with(settings: &str) -> Self {
        let mut server = Server::set_up();
        server.configure(|written| written.replace("[kdc]\n", &format!("[kdc]\n{settings}\n")));
        server.serve();
        server.add_person("alice", PASSWORD);
        let folder = server.config();
        let folder = folder.parent().expect("it lies in a folder");
        let key = self_signed(folder, "alice", 2048);
        server
            .admin(&["key", "add", "alice", text(&key.0)])
            .succeeded();
        let certificate = (folder.join("issued.pem"), folder.join("issued.key"));
        let files = ["--out", text(&certificate.0), "--key", text(&certificate.1)];
        let mut issue = vec!["certificate", "issue", "alice"];
        issue.extend(files);
        server.admin(&issue).succeeded();
        Self {
            server,
            key,
            certificate,
        }
    }

    /// Starts the server anew with these switches in the place of those before.
    #[track_caller]
    fn switch(&mut self, switches: &str) {
        let _ = self.server.end_by("-TERM");
        self.server.configure(|written| {
            let others = written.lines().filter(|line| !line.starts_with("pkinit_"));
            let kept: String = others.map(|line| format!("{line}\n")).collect();
            kept.replace("[kdc]", &format!("[kdc]\n{switches}"))
        });
        self.server.serve();
    }

    /// Signs in with minikerberos: by the key or the certificate.
    #[track_caller]
    fn minikerberos(&self, (certificate, key): &(PathBuf, PathBuf), cache: &str) -> Finished {
        let file = certificate.with_extension("pfx");
        if !file.exists() {
            let mut openssl = Command::new("openssl");
            openssl
                .args(["pkcs12", "-export", "-passout", "pass:pw"])
                .args(["-in", text(certificate), "-inkey", text(key)])
                .args(["-out", text(&file)]);
            run(&mut openssl, "").succeeded();
        }
        let secret = Secret::Pkcs12(&file);
        let cache = self.server.path(cache);
        self.client().tgt("alice", &secret, &cache)
    }

    fn client(&self) -> Minikerberos {
        Minikerberos::new(&format!("127.0.0.1:{}", self.server.port(88)))
    }

    /// The ticket-granting ticket of a cache gets a service ticket, by Heimdal's client.
    #[track_caller]
    fn opens(&self, cache: &str) {
        Heimdal::beside(&self.server.krb5(cache))
            .kgetcred(HOST)
            .succeeded();
    }

    /// How often a switch has been used since the start.
    #[track_caller]
    fn used(&self, switch: &str) -> u64 {
        self.counter(&format!(
            "keyporch_kdc_old_crypto_total{{switch=\"{switch}\"}} "
        ))
    }

    /// A line of /metrics.
    #[track_caller]
    fn counter(&self, name: &str) -> u64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.server.port(9464));
        let mut curl = Command::new("curl");
        let page = run(curl.args(["--silent", "--fail", &url]), "").succeeded();
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no {name} in:\n{page}"));
        value.parse().expect("a counter is a number")
    }

    /// What the audit log says of sign-ins, once the server has ended.
    #[track_caller]
    fn audited(&mut self) -> Vec<Value> {
        let _ = self.server.end_by("-TERM");
        let log = std::fs::read_to_string(self.server.data("audit.jsonl")).expect("there is a log");
        let lines = log
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of the log is JSON"));
        lines
            .filter(|line: &Value| line["event"] == "kdc.as")
            .collect()
    }
}

#[test]
fn minikerberos_gets_tickets_with_the_switches_on_and_is_refused_with_them_off() {
    let mut old = Old::new();
    // Off: a password is as good as another client's, a key is not.
    let (cache, password) = (old.server.path("by-password"), Secret::Password(PASSWORD));
    old.client().tgt("alice", &password, &cache).succeeded();
    old.minikerberos(&old.key, "off").refused(DIGEST);
    old.minikerberos(&old.certificate, "off").refused(DIGEST);
    assert_eq!(old.counter("keyporch_kdc_refusals_total{code=\"80\"} "), 2);

    // One of the two is not enough.
    old.switch("pkinit_sha1_cms = true");
    old.minikerberos(&old.key, "half").refused(GROUP);
    old.switch("pkinit_modp1024 = true");
    old.minikerberos(&old.certificate, "half").refused(DIGEST);

    old.switch("pkinit_sha1_cms = true\npkinit_modp1024 = true");
    old.minikerberos(&old.key, "key").succeeded();
    old.minikerberos(&old.certificate, "certificate")
        .succeeded();
    // What it got is a ticket like any other. (MIT's tools take the flags that it writes into its cache for wishes.)
    for cache in ["by-password", "key", "certificate"] {
        old.opens(cache);
    }
    for switch in ["pkinit_sha1_cms", "pkinit_modp1024"] {
        assert_eq!(old.used(switch), 2, "{switch}");
    }
    assert_eq!(old.used("pkinit_rsa_mode"), 0);

    let audited = old.audited();
    let said = |line: &Value| {
        let why = if line["result"] == "done" {
            "method"
        } else {
            "code"
        };
        (line[why].to_string(), line["old"].to_string())
    };
    let both = r#"["pkinit_sha1_cms","pkinit_modp1024"]"#;
    let expected = [
        (r#""password""#, "null"),
        ("80", "null"),
        ("80", "null"),
        ("65", "null"),
        ("80", "null"),
        (r#""key""#, both),
        (r#""certificate""#, both),
    ];
    let expected = expected.map(|(why, old)| (why.to_owned(), old.to_owned()));
    let got: Vec<_> = audited.iter().map(said).collect();
    assert_eq!(got, expected, "{audited:#?}");
}

/// Its requests for service tickets have no checksum over what they ask for (protocols E.3.6, code 50). No switch lets that in:
/// whoever is between could ask for something else.
#[test]
fn minikerberos_gets_nothing_with_rc4_or_a_wrong_password_or_for_a_request_without_checksum() {
    let server = Server::start();
    server.add_person("alice", PASSWORD);
    let client = Minikerberos::new(&format!("127.0.0.1:{}", server.port(88)));
    let (cache, password) = (server.path("ccache"), Secret::Password(PASSWORD));
    let tgt = |secret: &Secret<'_>| client.tgt("alice", secret, &cache);
    tgt(&Secret::Rc4("00112233445566778899aabbccddeeff")).refused("KDC_ERR_ETYPE_NOTSUPP");
    tgt(&Secret::Password("another-password")).refused("KDC_ERR_PREAUTH_FAILED");
    tgt(&password).succeeded();
    let list = server.krb5("ccache").klist(&["-e"]).succeeded();
    assert!(list.contains("aes256-cts-hmac"), "{list}");
    let unprotected = client.service("alice", &password, HOST, &server.path("another"));
    unprotected.refused("KRB_AP_ERR_INAPP_CKSUM");
}

#[test]
fn heimdal_agrees_in_1024_bits_with_the_switch_on_alone() {
    let mut old = Old::new();
    let (certificate, key) = old.key.clone();
    let small = Heimdal::beside(&old.server.krb5("small"));
    let large = Heimdal::beside(&old.server.krb5("large")).in_2048_bits();
    small
        .kinit_with_key(&["alice"], &certificate, &key)
        .refused("DH parameters not accepted");
    large
        .kinit_with_key(&["alice"], &certificate, &key)
        .succeeded();
    old.switch("pkinit_modp1024 = true");
    large
        .kinit_with_key(&["alice"], &certificate, &key)
        .succeeded();
    assert_eq!(old.used("pkinit_modp1024"), 0);
    small
        .kinit_with_key(&["alice"], &certificate, &key)
        .succeeded();
    small.kgetcred(HOST).succeeded();
    assert_eq!(old.used("pkinit_modp1024"), 1);
    assert_eq!(old.used("pkinit_sha1_cms"), 0);
}

#[test]
fn heimdal_takes_a_reply_key_under_its_own_with_the_switch_on_alone() {
    let mut old = Old::new();
    let (certificate, key) = old.key.clone();
    let heimdal = Heimdal::beside(&old.server.krb5("transported"));
    let transported = ["--pk-use-enckey", "alice"];
    heimdal
        .kinit_with_key(&transported, &certificate, &key)
        .refused("(81)");
    old.switch("pkinit_rsa_mode = true");
    heimdal
        .kinit_with_key(&transported, &certificate, &key)
        .succeeded();
    heimdal.kgetcred(HOST).succeeded();
    assert_eq!(old.used("pkinit_rsa_mode"), 1);
    assert_eq!(old.used("pkinit_modp1024"), 0);
}

/// MIT's client agrees in a larger group once it is told so; Heimdal's has none.
#[test]
fn stricter_groups_keys_and_etypes_keep_out_what_is_below_them() {
    let old = Old::with(
        "pkinit_minimum_group = \"4096\"\npkinit_minimum_rsa_bits = 3072\n\
         etypes = [\"aes256-cts-hmac-sha384-192\"]",
    );
    let server = &old.server;
    let folder = server.path("");
    let long = self_signed(&folder, "long", 3072);
    server
        .admin(&["key", "add", "alice", text(&long.0)])
        .succeeded();
    // MIT's client verifies its own certificate (protocols J.5).
    let mit = |cache: &str, (certificate, key): &(PathBuf, PathBuf)| {
        let krb5 = server.krb5(cache);
        let written = std::fs::read_to_string(krb5.configuration()).expect("krb5.conf is there");
        let own = format!("pkinit_anchors = FILE:{}\n  pkinit_", text(certificate));
        let both = written.replacen("pkinit_", &own, 1);
        let file = server.file(&format!("{cache}.conf"), &both);
        let krb5 = Krb5::new(Path::new(&file), krb5.cache());
        (krb5.kinit_with_key("alice", certificate, key), krb5)
    };
    let (done, krb5) = mit("long", &long);
    let said = done.succeeded();
    assert!(said.contains("Preauth tryagain input types"), "{said}");
    let list = krb5.klist(&["-e"]).succeeded();
    assert!(list.contains("aes256-cts-hmac-sha384-192"), "{list}");
    mit("short", &old.key).0.refused("Client not trusted");

    let heimdal = Heimdal::beside(&server.krb5("heimdal")).in_2048_bits();
    heimdal
        .kinit_with_key(&["alice"], &long.0, &long.1)
        .refused("DH parameters not accepted");
    heimdal.kinit(&["alice"], PASSWORD).succeeded();
    let password = Secret::Password(PASSWORD);
    old.client()
        .tgt("alice", &password, &server.path("sha1"))
        .refused("KDC_ERR_ETYPE_NOTSUPP");
}

/// MIT's client signs over SHA-256, whatever it is told, and Heimdal's over SHA-512. Heimdal's knows no freshness tokens.
#[test]
fn a_stricter_digest_keeps_out_mit_s_client_and_freshness_heimdal_s() {
    let mut old = Old::with("pkinit_minimum_digest = \"sha512\"");
    let (certificate, key) = old.certificate.clone();
    let mit = |old: &Old, cache: &str| {
        let krb5 = old.server.krb5(cache);
        krb5.kinit_with_key("alice", &certificate, &key)
    };
    let heimdal = |old: &Old, cache: &str| {
        let heimdal = Heimdal::beside(&old.server.krb5(cache)).in_2048_bits();
        heimdal.kinit_with_key(&["alice"], &certificate, &key)
    };
    mit(&old, "strict").refused("Digest in signed-data not accepted");
    heimdal(&old, "strict").succeeded();
    old.switch("require_freshness = true");
    mit(&old, "fresh").succeeded();
    // It tries again at once with the same authenticator, so that what it shows is that or that it was seen before.
    heimdal(&old, "fresh").refused("krb5_get_init_creds");
    let missing = old.counter("keyporch_kdc_refusals_total{code=\"24\"} ");
    assert!(missing > 0, "it was refused for another reason");
}

/// `msDS-SupportedEncryptionTypes` of the person: a password is used with those alone, and only they seal the reply.
#[test]
fn a_person_s_encryption_types_hold_for_every_client() {
    let mut server = Server::start();
    server.add_person("alice", PASSWORD);
    let password = Secret::Password(PASSWORD);
    let sign_in = |server: &Server, name: &str| {
        let python = Minikerberos::new(&format!("127.0.0.1:{}", server.port(88)));
        let path = |client: &str| format!("{client}-{name}");
        [
            server.krb5(&path("mit")).kinit(&["alice"], PASSWORD),
            Heimdal::beside(&server.krb5(&path("heimdal"))).kinit(&["alice"], PASSWORD),
            python.tgt("alice", &password, &server.path(&path("minikerberos"))),
        ]
    };
    let restrict = |server: &Server, types: u32| {
        let data = format!("{{\"encryption_types\":{types}}}");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--request", "PATCH"])
            .args([
                "--header",
                "Content-Type: application/json",
                "--data",
                &data,
            ])
            .args(["--unix-socket", text(&server.data("admin.sock"))])
            .arg("http://server/administration/v1/users/alice");
        run(&mut curl, "").succeeded();
    };
    for done in sign_in(&server, "any") {
        done.succeeded();
    }
    // AES-128 with SHA-1; then RC4, which nobody is let in with.
    restrict(&server, 8);
    for done in sign_in(&server, "aes128") {
        done.succeeded();
    }
    restrict(&server, 4);
    for done in sign_in(&server, "rc4") {
        assert!(!done.ok, "{}", done.text);
    }
    let _ = server.end_by("-TERM");
    let log = std::fs::read_to_string(server.data("audit.jsonl")).expect("there is a log");
    let lines = log.lines().map(serde_json::from_str);
    let lines: Vec<Value> = lines.collect::<Result<_, _>>().expect("the log is JSON");
    let given = lines
        .iter()
        .filter(|line| line["event"] == "kdc.as" && line["result"] == "done");
    let etypes: Vec<i64> = given
        .filter_map(|line| line["reply_etype"].as_i64())
        .collect();
    assert_eq!(etypes, [18, 18, 18, 17, 17, 17], "{log}");
}
