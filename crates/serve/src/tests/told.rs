//! What is told of the KDC's exchanges: the audit log's fields, the metrics, and what the documents say of both.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use directory::password::PasswordMaterial;
use directory::{Attribute, Change, EntryId, NewEntry, Reads, testing};
use serde_json::{Map, Value};
use ticket::client::{Credential, Granting, Handled, Initial, Secret, Wish};
use trust::{Clock, Span, SystemClock, SystemRng, Timestamp};
use wire::kerberos::{MessageType, PrincipalName, Realm};

use super::PATIENCE;
use super::node::settings;
use crate::metrics::Metrics;
use crate::node::told::line;
use crate::server::{Parts, Server, found_authorities};

const AUDIT: &str = include_str!("../../../../docs/audit.md");
const ALERTS: &str = include_str!("../../../../docs/alerts.yml");
const PASSWORD: &str = "correct horse battery staple";

/// The fields of the table of an exchange, as the document has them.
fn documented() -> BTreeSet<&'static str> {
    let (_, from) = AUDIT.split_once("## A Kerberos exchange\n").unwrap();
    let (section, _) = from.split_once("\n## ").unwrap();
    let rows = section.lines();
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .collect()
}

fn fields(line: &Value) -> BTreeSet<&str> {
    line.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn exchange() -> kdc::Exchange {
    kdc::Exchange {
        kind: kdc::ExchangeKind::As,
        time: Timestamp::from_unix(1_800_000_000),
        from: Some("192.0.2.1".parse().unwrap()),
        client: Some("alice".into()),
        service: Some("krbtgt/CORP.EXAMPLE".into()),
        for_user: Some("bob".into()),
        means: Some(kdc::Means {
            account: wire::Guid::NIL,
            key: Some(kdc::KeyMeans {
                fingerprint: crypto::key::Fingerprint([7; 32]),
                device: Some(wire::Guid::NIL),
            }),
            certificate: kdc::CertificateMeans::new(
                true,
                trust::revocation::IssuerId([1; 32]),
                trust::revocation::IssuerId([2; 32]),
                &[0x0a, 0x11],
            ),
        }),
        armor: Some("LAPTOP-1$".into()),
        etypes: Some(kdc::Etypes {
            ticket: 18,
            session: 17,
            reply: 20,
        }),
        old: vec![kdc::OldCrypto::Sha1Cms],
        refused: Some(kdc::Refused::WrongPassword),
    }
}

#[test]
fn every_field_that_is_written_is_documented_and_every_documented_one_is_written() {
    let whole = line(exchange());
    assert_eq!(fields(&whole), documented());
    assert_eq!(whole["old"], serde_json::json!(["pkinit_sha1_cms"]));
    assert_eq!(whole["certificate"], "0a11");
    assert_eq!((&whole["code"], &whole["fast"]), (&24.into(), &true.into()));
    // The examples of exchanges have no field that is not in the table.
    let known = documented();
    let examples = AUDIT.lines().filter(|line| line.starts_with("{\"time\""));
    let mut count = 0;
    for example in examples {
        let example: Map<String, Value> = serde_json::from_str(example).unwrap();
        if !example["event"].as_str().unwrap().starts_with("kdc.") {
            continue;
        }
        for field in example.keys() {
            assert!(known.contains(field.as_str()), "{field}");
        }
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn every_metric_that_an_alert_names_is_there() {
    let text = Metrics::default().text();
    let there: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    // Shown once there is a certificate.
    let later = ["keyporch_tls_certificate_not_after_seconds"];
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let named: BTreeSet<&str> = ALERTS
        .split(word)
        .filter(|word| word.starts_with("keyporch_"))
        .collect();
    assert!(named.len() >= 10, "{named:?}");
    for name in named {
        let family = name.strip_suffix("_bucket").unwrap_or(name);
        assert!(there.contains(family) || later.contains(&family), "{name}");
    }
}

fn add_alice(directory: &directory::Directory) {
    let domain = directory.domain().unwrap();
    let id = EntryId::random(&mut SystemRng);
    let salt = directory::account::user_salt(&domain.realm, "alice");
    let material = PasswordMaterial::of_password(
        PASSWORD,
        &salt,
        &directory::password::PasswordHistory::empty(),
        0,
        crypto::password::Cost::LEAST,
        &mut SystemRng,
    );
    let mut person = NewEntry::user(id, domain.users, "alice", "Alice")
        .with(Attribute::UserPrincipalName, "alice@corp.example");
    person.password = Some(Box::new(material));
    let changes = [Change::Add(Box::new(person))];
    let now = SystemClock.now();
    directory.commit(&changes, &Reads::none(), now).unwrap();
}

fn ask(address: SocketAddr, message: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    super::kdc::send(&mut stream, message);
    super::kdc::receive(&mut stream).unwrap()
}

fn sign_in(address: SocketAddr, name: &str, password: &str) -> Option<Credential> {
    let (mut exchange, mut message) = Initial::start(
        PrincipalName::principal(name),
        Realm::from("CORP.EXAMPLE"),
        Wish::ticket_granting("CORP.EXAMPLE"),
        Secret::Password(password),
        SystemClock.now(),
        &mut SystemRng,
    );
    loop {
        let answer = ask(address, &message);
        let handled = exchange.handle(&answer, SystemClock.now(), &mut SystemRng);
        match handled.ok()? {
            Handled::Send(next, again) => (exchange, message) = (*next, again),
            Handled::Done(credential) => return Some(*credential),
        }
    }
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
    // Beside them there is what was made when the server started.
    all.filter(|line: &Value| {
        line["event"]
            .as_str()
            .is_some_and(|event| event.starts_with("kdc."))
    })
    .collect()
}

#[test]
fn exchanges_are_in_the_audit_log_and_counted_as_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let mut settings = settings();
    settings.audit.file = Some(file.clone());
    settings.limits.failures_per_address = 3;
    let directory = testing::fresh();
    found_authorities(&settings, Parts::new(Arc::clone(&directory))).unwrap();
    add_alice(&directory);
    let running = Server::start(settings, Parts::new(directory)).unwrap();
    let address = running.addresses().kdc[0];
    let tgt = sign_in(address, "alice", PASSWORD).unwrap();
    let wish = Wish {
        lifetime: Span::hours(1),
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let (_, message) = Granting::start(&tgt, &wish, SystemClock.now(), &mut SystemRng);
    let answer = ask(address, &message);
    assert_eq!(MessageType::of(&answer), Some(MessageType::TGS_REP));
    for _ in 0..4 {
        assert!(sign_in(address, "nobody", "no matter").is_none());
    }
    let text = running.metrics().text();
    for expected in [
        "keyporch_kdc_exchanges_total{kind=\"as\",result=\"done\"} 1",
        "keyporch_kdc_exchanges_total{kind=\"tgs\",result=\"done\"} 1",
        "keyporch_kdc_refusals_total{code=\"24\"} 3",
        "keyporch_kdc_refusals_total{code=\"29\"} 1",
        "keyporch_kdc_sign_ins_total{method=\"password\"} 1",
        "keyporch_kdc_source_limited_total 1",
        "keyporch_kdc_old_crypto_total{switch=\"pkinit_modp1024\"} 0",
    ] {
        let there = text.lines().any(|line| line == expected);
        assert!(there, "{expected} is missing in\n{text}");
    }
    running.shutdown(PATIENCE);
    let lines = lines(&file);
    let shown: Vec<_> = lines
        .iter()
        .map(|line| (line["event"].as_str().unwrap(), line["code"].as_i64()))
        .collect();
    let (asked, guessed) = (("kdc.as", Some(25)), ("kdc.as", Some(24)));
    assert_eq!(
        shown,
        [
            ("kdc.as", None),
            ("kdc.tgs", None),
            asked,
            guessed,
            asked,
            guessed,
            asked,
            guessed,
            ("kdc.as", Some(29))
        ]
    );
    // Who asked is told what anybody is told; here stands why.
    for line in &lines[2..8] {
        assert_eq!(line["reason"], "unknown client");
    }
    let first = &lines[0];
    assert_eq!(first["client"], "alice");
    assert_eq!(first["method"], "password");
    assert_eq!(first["by"], "tcp");
    assert_eq!(first["from"], "127.0.0.1");
    assert_eq!(
        (&first["ticket_etype"], &first["fast"]),
        (&18.into(), &false.into())
    );
    assert!(first.get("reason").is_none());
    assert_eq!(lines[1]["client"], "alice");
    assert_eq!(
        lines[8]["reason"],
        "too many failures came from this address"
    );
}
