//! OpenLDAP's programs sign in to the directory: by password, by ticket, by certificate; each refusal beside the same
//! program's success.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyporch_interop::{
    Background, DOMAIN_CONTROLLER, Finished, Lab, Ldap, Server, free_port, run,
};

use crate::certificate_trust::{Cards, openssl, upn};

pub(crate) const BASE: &str = "DC=corp,DC=example";
const ALICE: &str = "alice@corp.example";
pub(crate) const BOB: (&str, &str) = ("bob@corp.example", "another of his own choice 1");

/// What is said of a certificate that is nobody's, and of a wrong password.
const INVALID: &str = "Invalid credentials (49)";

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// Whose the connection is, as the server has it.
#[track_caller]
fn is(who: Finished, name: &str) {
    assert_eq!(who.succeeded().trim(), format!("u:CORP\\{name}"));
}

#[test]
fn a_password_signs_in_within_tls_and_nowhere_else() {
    let lab = Lab::start();
    lab.add_person("bob", BOB.1);
    let ldap = lab.ldap("nothing");
    let (plain, tls) = (ldap.plain(), ldap.tls());
    let who = |name: &str, password: &str, more: &[&str]| {
        ldap.by_password("ldapwhoami", (name, password), more)
    };
    is(who(BOB.0, BOB.1, &["-H", &tls]), "bob");
    is(who(BOB.0, BOB.1, &["-ZZ", "-H", &plain]), "bob");
    for name in [r"CORP\bob", "bob", "CN=bob,CN=Users,DC=corp,DC=example"] {
        is(who(name, BOB.1, &["-H", &tls]), "bob");
    }
    who(BOB.0, BOB.1, &["-H", &plain]).refused("Confidentiality required (13)");
    who(BOB.0, "a wrong one", &["-H", &tls]).refused(INVALID);
    who("nobody@corp.example", BOB.1, &["-H", &tls]).refused(INVALID);
    // A name without a password proves nothing (RFC 4513 5.1.2).
    who(BOB.0, "", &["-H", &tls]).refused("unwilling to perform (53)");

    // Who has not signed in sees the root of the server.
    let anonymous = |base: &str| {
        let arguments = ["-x", "-LLL", "-H", &tls, "-s", "base", "-b", base];
        ldap.run("ldapsearch", &arguments, "")
    };
    let root = anonymous("").succeeded();
    assert!(
        root.contains("defaultNamingContext: DC=corp,DC=example"),
        "{root}"
    );
    anonymous(BASE).refused("sign in first");

    lab.keyporch(&["admin", "user", "disable", "bob"])
        .succeeded();
    who(BOB.0, BOB.1, &["-H", &tls]).refused(INVALID);
    lab.keyporch(&["admin", "user", "enable", "bob"])
        .succeeded();
    is(who(BOB.0, BOB.1, &["-H", &tls]), "bob");
}

#[test]
fn a_ticket_signs_in_sealed_or_signed_or_within_tls() {
    let lab = Lab::start();
    let ldap = lab.ldap_by_key("alice");
    let (plain, tls) = (ldap.plain(), ldap.tls());
    let who = |ldap: &Ldap<'_>, mechanism: &str, more: &[&str]| {
        let by = ["-Q", "-N", "-Y", mechanism];
        ldap.run("ldapwhoami", &[&by, more].concat(), "")
    };
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        is(who(&ldap, mechanism, &["-H", &plain]), "alice");
        let signed = ["-O", "maxssf=1", "-H", &plain];
        is(who(&ldap, mechanism, &signed), "alice");
        is(who(&ldap, mechanism, &["-H", &tls]), "alice");
        is(who(&ldap, mechanism, &["-ZZ", "-H", &plain]), "alice");
        let within = ["-O", "maxssf=0", "-H", &tls];
        is(who(&ldap, mechanism, &within), "alice");
        // Neither signed nor within TLS: GSSAPI's client learns that there is no such layer, SPNEGO's that it is not enough.
        let words = match mechanism {
            "GSSAPI" => "mechanism too weak",
            _ => "Strong(er) authentication required (8)",
        };
        let bare = ["-O", "maxssf=0", "-H", &plain];
        who(&ldap, mechanism, &bare).refused(words);
        let without = lab.ldap("nothing");
        who(&without, mechanism, &["-H", &plain]).refused("redentials");
    }

    // What is long goes in many tokens, and comes back whole.
    let schema = "CN=Aggregate,CN=Schema,CN=Configuration,DC=corp,DC=example";
    let found = ldap.find(&[
        "-s",
        "base",
        "-b",
        schema,
        "attributeTypes",
        "objectClasses",
    ]);
    let found = found.succeeded();
    assert!(found.contains("NAME 'msDS-KeyCredentialLink'"), "{found}");

    lab.keyporch(&["admin", "user", "disable", "alice"])
        .succeeded();
    who(&ldap, "GSSAPI", &["-H", &plain]).refused("");
    lab.keyporch(&["admin", "user", "enable", "alice"])
        .succeeded();
    is(who(&ldap, "GSSAPI", &["-H", &plain]), "alice");
}

/// Somebody stands between client and server, with a certificate that the client takes.
#[test]
fn a_client_that_says_which_server_s_tls_it_is_on_is_not_taken_from_another_s() {
    let lab = Lab::start();
    let ldap = lab.ldap_by_key("alice");
    let (certificate, key) = (
        lab.scratch().join("between.pem"),
        lab.scratch().join("between.key"),
    );
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=between",
        "-keyout",
        text(&key),
        "-out",
        text(&certificate),
    ]);
    let (_, server) = ldap
        .tls()
        .rsplit_once(':')
        .map(|(url, port)| (url.to_owned(), port.to_owned()))
        .expect("a port");
    let port = free_port();
    let arguments = [&port.to_string(), &server, text(&certificate), text(&key)];
    let mut relay = ldap.python_command("tls_relay.py", &arguments);
    let _relay = Background::start(&mut relay, port);

    let trusting = lab.ldap("alice").with("LDAPTLS_REQCERT", "never");
    let straight = ldap.tls();
    let between = format!("ldaps://{DOMAIN_CONTROLLER}:{port}");
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        let who = |url: &str, more: &[&str]| {
            let by = ["-Q", "-N", "-Y", mechanism, "-H", url];
            trusting.run("ldapwhoami", &[&by, more].concat(), "")
        };
        let bound = ["-o", "SASL_CBINDING=tls-endpoint"];
        is(who(&straight, &bound), "alice");
        // Who does not say it is taken, as the ticket alone proves it.
        is(who(&between, &[]), "alice");
        who(&between, &bound).refused(INVALID);
    }
}

/// KERB_AP_OPTIONS_CBT ([MS-KILE] 2.2.12), which MIT's library says where `client_aware_channel_bindings` is set: who knows of
/// channel bindings and names none within TLS is not where the connection ends.
#[test]
fn a_client_that_knows_of_channel_bindings_and_gives_none_is_refused_within_tls() {
    let lab = Lab::start();
    lab.add_person("bob", BOB.1);
    let aware = lab.krb5_edited("aware", |written| {
        let line = "[libdefaults]\n client_aware_channel_bindings = true";
        written.replacen("[libdefaults]", line, 1)
    });
    aware.kinit(&["bob"], BOB.1).succeeded();
    let configuration = text(aware.configuration());
    let ldap = lab.ldap("aware").with("KRB5_CONFIG", configuration);
    let (plain, tls) = (ldap.plain(), ldap.tls());
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        let who = |more: &[&str]| {
            let by = ["-Q", "-N", "-Y", mechanism];
            ldap.run("ldapwhoami", &[&by, more].concat(), "")
        };
        let said = who(&["-H", &tls]).refused(INVALID);
        assert!(said.contains("80090346"), "{said}");
        let bound = ["-H", &tls, "-o", "SASL_CBINDING=tls-endpoint"];
        is(who(&bound), "bob");
        // Without TLS there is nothing to be bound to: the layer keeps what passes.
        is(who(&["-H", &plain]), "bob");
    }
}

/// A certificate that is alice's by name, good since 2020 and until then (YYMMDDHHMMSSZ).
fn good_until(cards: &Cards, name: &str, until: &str) -> (PathBuf, PathBuf) {
    let dates = ["-startdate", "200101000000Z", "-enddate", until];
    cards.card_in(name, name, &upn(ALICE), &dates)
}

/// The issuer is trusted, with the list of what it has revoked.
fn trust(cards: &Cards, lab: &Lab) {
    let (certificate, list) = (cards.path("ca.pem"), cards.list());
    let mut add = vec!["admin", "issuer", "add", &certificate];
    add.extend(["--mapping", "explicit", "--crl", &list]);
    lab.keyporch(&add).succeeded();
}

#[test]
fn a_certificate_signs_in_by_external_until_it_is_revoked() {
    let lab = Lab::start();
    let person = lab.person();
    let (certificate, key) = (lab.scratch().join("own.pem"), lab.scratch().join("own.key"));
    let issue = [
        "admin",
        "certificate",
        "issue",
        &person.sam,
        "--key",
        text(&key),
        "--out",
        text(&certificate),
        "--days",
        "30",
    ];
    let issued = lab.keyporch_json(&issue);
    let serial = issued["serial"].as_str().expect("a serial number");
    let external = |ldap: &Ldap<'_>, more: &[&str]| {
        let by = ["-Q", "-Y", "EXTERNAL"];
        ldap.run("ldapwhoami", &[&by, more].concat(), "")
    };
    let ldap = lab.ldap("nothing").with_certificate(&certificate, &key);
    let (plain, tls) = (ldap.plain(), ldap.tls());
    is(external(&ldap, &["-H", &tls]), "alice");
    is(external(&ldap, &["-ZZ", "-H", &plain]), "alice");
    // One's own certificate says who one is, and nobody else.
    external(&ldap, &["-X", "u:bob", "-H", &tls]).refused("method not supported (7)");

    // The enrolled key's certificate is signed by itself: that key signs in to the KDC, and no certificate does here.
    let own = lab
        .ldap("nothing")
        .with_certificate(&person.certificate, &person.key);
    external(&own, &["-H", &tls]).refused(INVALID);

    lab.keyporch(&["admin", "certificate", "revoke", serial, "--yes"])
        .succeeded();
    external(&ldap, &["-H", &tls]).refused(INVALID);
}

#[test]
fn another_issuer_s_certificate_signs_in_by_external_as_it_is_mapped() {
    let lab = Lab::start();
    let person = lab.person();
    let cards = Cards::within(lab.scratch());
    let good = good_until(&cards, "good", "20491231000000Z");
    let expired = good_until(&cards, "expired", "20210101000000Z");
    let external = |(certificate, key): &(PathBuf, PathBuf)| {
        let ldap = lab.ldap("nothing").with_certificate(certificate, key);
        let url = ldap.tls();
        ldap.run("ldapwhoami", &["-Q", "-Y", "EXTERNAL", "-H", &url], "")
    };
    external(&good).refused(INVALID);
    trust(&cards, &lab);
    external(&good).refused(INVALID);
    for card in [&good, &expired] {
        let map = ["admin", "user", "map", &person.sam, text(&card.0)];
        lab.keyporch(&map).succeeded();
    }
    is(external(&good), "alice");
    external(&expired).refused(INVALID);
    cards.revoke(&good.0);
    trust(&cards, &lab);
    external(&good).refused(INVALID);
}

/// `ldapwhoami` with a certificate, at a server whose own is not looked at.
fn external(server: &Server, (certificate, key): &(PathBuf, PathBuf)) -> Finished {
    let url = format!("ldaps://127.0.0.1:{}", server.port(636));
    let mut who = Command::new("ldapwhoami");
    who.args(["-Q", "-Y", "EXTERNAL", "-H", &url])
        .env("LDAPTLS_REQCERT", "never")
        .env("LDAPTLS_CERT", certificate)
        .env("LDAPTLS_KEY", key)
        .env("LC_ALL", "C");
    run(&mut who, "")
}

/// Names that others can choose map somebody by EXTERNAL where they do at the KDC, and nowhere else (E.5.5).
#[test]
fn a_weak_mapping_signs_in_by_external_as_the_kdc_s_setting_has_it() {
    let mut server = Server::set_up();
    let cards = Cards::within(&server.path(""));
    server.configure(|written| written.replacen("[kdc]", "[kdc]\nstrong_mapping = \"full\"", 1));
    server.serve();
    server.add_person("bob", BOB.1);
    let old = good_until(&cards, "good", "20491231000000Z");
    // No older than the account.
    let until = ["-enddate", "20491231000000Z"];
    let new = cards.card_in("new", "good", &upn(ALICE), &until);
    let (certificate, list) = (cards.path("ca.pem"), cards.list());
    let add = [
        "issuer",
        "add",
        &certificate,
        "--mapping",
        "explicit",
        "--crl",
        &list,
    ];
    server.admin(&add).succeeded();
    let weak = "X509:<I>CN=Cards<S>CN=good";
    server.admin(&["user", "map", "bob", weak]).succeeded();
    let mut before = "full";
    for (mode, old_signs_in, new_signs_in) in [
        ("full", false, false),
        ("compatibility", false, true),
        ("disabled", true, true),
    ] {
        if mode != before {
            server.end_by("-TERM");
            let [from, to] = [before, mode].map(|mode| format!("strong_mapping = \"{mode}\""));
            server.configure(|written| written.replace(&from, &to));
            server.serve();
            before = mode;
        }
        for (card, signs_in) in [(&old, old_signs_in), (&new, new_signs_in)] {
            let who = external(&server, card);
            assert_eq!(who.ok, signs_in, "{mode}: {}", who.text);
            match signs_in {
                true => is(who, "bob"),
                false => drop(who.refused(INVALID)),
            }
        }
    }
    // Another's name in it is another's, in each mode.
    server.admin(&["user", "unmap", "bob", weak]).succeeded();
    let another = "X509:<I>CN=Cards<S>CN=somebody";
    server.admin(&["user", "map", "bob", another]).succeeded();
    external(&server, &new).refused(INVALID);
}

/// A registered device's certificate is its computer's: `ldapwhoami` shows that, and it lists a key on itself (D.7).
#[test]
fn a_device_s_certificate_signs_in_its_computer_by_external_until_the_device_is_disabled() {
    let lab = Lab::start();
    let certificate = PathBuf::from(lab.text("/devices/0/certificate_pem"));
    let key = PathBuf::from(lab.text("/devices/0/key_pem"));
    let device = lab.text("/devices/0/name");
    let ldap = lab.ldap("nothing").with_certificate(&certificate, &key);
    let (plain, tls) = (ldap.plain(), ldap.tls());
    let by = ["-Q", "-Y", "EXTERNAL"];
    let who = |more: &[&str]| ldap.run("ldapwhoami", &[&by, more].concat(), "");
    let sam = format!("{device}$");
    is(who(&["-H", &tls]), &sam);
    is(who(&["-ZZ", "-H", &plain]), &sam);
    let find = ["-LLL", "-o", "ldif_wrap=no", "-H", &tls, "-b", BASE];
    let find = |more: &[&str]| ldap.run("ldapsearch", &[&by, &find[..], more].concat(), "");
    let own = format!("(sAMAccountName={sam})");
    let found = find(&[&own, "distinguishedName"]).succeeded();
    let name = found
        .lines()
        .find_map(|line| line.strip_prefix("distinguishedName: "))
        .expect("a computer has a name")
        .to_owned();
    let modify = |name: &str, how: &str, value: &str| {
        let attribute = "msDS-KeyCredentialLink";
        let ldif =
            format!("dn: {name}\nchangetype: modify\n{how}: {attribute}\n{attribute}: {value}\n");
        let arguments = [&by[..], &["-H", &tls]].concat();
        ldap.run("ldapmodify", &arguments, &ldif)
    };
    let value = |name: &str, file: &str| {
        let (certificate, key) = (lab.scratch().join(file), lab.scratch().join("its.key"));
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=its",
            "-days",
            "30",
            "-keyout",
            text(&key),
            "-out",
            text(&certificate),
        ]);
        let made = ldap.python("key_credential.py", &[text(&certificate), name], "");
        made.succeeded().trim().to_owned()
    };
    // There is one from its join, and one is all (D.7); to take keys off is free.
    let first = value(&name, "first.pem");
    let listed = find(&[&own, "msDS-KeyCredentialLink"]).succeeded();
    for line in listed.lines() {
        if let Some(there) = line.strip_prefix("msDS-KeyCredentialLink: ") {
            modify(&name, "add", &first).refused("Constraint violation (19)");
            modify(&name, "delete", there).succeeded();
        }
    }
    modify(&name, "add", &first).succeeded();
    let found = find(&[&own, "msDS-KeyCredentialLink"]).succeeded();
    assert!(found.contains(&first), "{found}");
    modify(&name, "add", &value(&name, "second.pem")).refused("Constraint violation (19)");
    modify(&name, "delete", &first).succeeded();
    // On itself, and nowhere else.
    lab.add_person("bob", BOB.1);
    let other = "CN=bob,CN=Users,DC=corp,DC=example";
    modify(other, "add", &value(other, "other.pem")).refused("Insufficient access (50)");
    let id = lab.text("/devices/0/id");
    lab.keyporch(&["admin", "device", "disable", id])
        .succeeded();
    who(&["-H", &tls]).refused(INVALID);
    lab.keyporch(&["admin", "device", "enable", id]).succeeded();
    is(who(&["-H", &tls]), &sam);
}

#[test]
fn who_signed_in_by_a_password_alone_does_not_administer() {
    let lab = Lab::start();
    let person = lab.person();
    let administrator = lab.ldap_as_administrator();
    let add = "dn: OU=Fleet,DC=corp,DC=example\nobjectClass: organizationalUnit\n";
    let by_password = lab.ldap("password");
    by_password
        .krb5()
        .kinit(&[&person.sam], &person.password)
        .succeeded();
    let refused = by_password.ask("ldapadd", &[], add);
    assert_eq!(refused.code, Some(50), "{}", refused.text);
    let tls = by_password.tls();
    let file = lab.scratch().join("fleet.ldif");
    std::fs::write(&file, add).expect("there is room for a file");
    let simple = by_password.by_password(
        "ldapadd",
        (&person.upn, &person.password),
        &["-H", &tls, "-f", text(&file)],
    );
    assert_eq!(simple.code, Some(50), "{}", simple.text);
    administrator.ask("ldapadd", &[], add).succeeded();
}
