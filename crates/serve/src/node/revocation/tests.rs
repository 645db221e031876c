use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::testing::{self, START};
use trust::revocation::Settings;
use wire::x509::{Extension, Name, Reason, Revoked, TbsCertList, TbsCertificate, assemble};

use super::*;

/// A clock that stands.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        START
    }
}

/// A place that answers every question with what was put there last, and counts them.
#[derive(Clone)]
struct Server {
    url: String,
    body: Arc<Mutex<Vec<u8>>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            url: format!("http://{}/list", listener.local_addr().unwrap()),
            body: Arc::default(),
            asked: Arc::default(),
        };
        let own = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                own.asked.fetch_add(1, Ordering::AcqRel);
                let _ = stream.read(&mut [0; 4096]);
                let head = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
                let body = own.body.lock().unwrap().clone();
                let _ = stream.write_all(&[head, body].concat());
            }
        });
        server
    }

    fn says(&self, body: Vec<u8>) {
        *self.body.lock().unwrap() = body;
    }
}

struct Issuer {
    key: PrivateKey,
    certificate: Certificate,
}

impl Issuer {
    fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::P256);
        let certificate = certificate(&key, &key, &[1]);
        Self { key, certificate }
    }

    fn list(&self, made: Timestamp, serials: &[u8]) -> Vec<u8> {
        let algorithm = SignatureAlgorithm::default_for(self.key.public_key());
        let revoked: Vec<Revoked> = serials
            .iter()
            .map(|serial| Revoked {
                serial: vec![*serial],
                since: START.unix(),
                reason: Reason::KeyCompromise,
            })
            .collect();
        let tbs = TbsCertList {
            signature_algorithm: &algorithm.identifier_der(),
            issuer: self.certificate.subject(),
            this_update: made.unix(),
            next_update: (START + Span::days(2)).unix(),
            revoked: &revoked,
            extensions: &[Extension::crl_number(1)],
        }
        .encode();
        let signature = self.key.sign(algorithm, &tbs).unwrap();
        assemble(&tbs, &algorithm.identifier_der(), &signature)
    }

    fn needed(&self, place: &str) -> Needed {
        Needed {
            certificate: certificate(&PrivateKey::generate(KeyKind::P256), &self.key, &[2]),
            issuer: self.certificate.clone(),
            responders: Vec::new(),
            lists: vec![Place {
                url: place.to_owned(),
                by_administrator: true,
            }],
        }
    }
}

fn certificate(key: &PrivateKey, signer: &PrivateKey, serial: &[u8]) -> Certificate {
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let tbs = TbsCertificate {
        serial,
        signature_algorithm: &algorithm.identifier_der(),
        issuer: &Name::common("Cards"),
        not_before: START.unix() - 60,
        not_after: START.unix() + 86_400,
        subject: &Name::common("Cards"),
        spki: &key.public_key().to_spki_der(),
        extensions: &[],
    }
    .encode();
    let signature = signer.sign(algorithm, &tbs).unwrap();
    let der = assemble(&tbs, &algorithm.identifier_der(), &signature);
    Certificate::parse(&der).unwrap()
}

fn getting() -> Arc<Getting> {
    let memory = Arc::new(kdc::Memory::new(Span::minutes(5), &mut SystemRng));
    Getting::new(testing::fresh(), Arc::new(Still), memory)
}

fn revoked(getting: &Getting, issuer: &Issuer) -> Vec<u8> {
    let snapshot = getting.directory.snapshot().unwrap();
    let id = IssuerId::of(&issuer.certificate);
    let is = |serial: &u8| {
        let row = snapshot.revoked_certificate(&id, &[*serial], START);
        row.unwrap().is_some()
    };
    (1..=9).filter(is).collect()
}

#[test]
fn a_list_is_put_in_by_its_difference_and_never_by_an_older_one() {
    let (getting, issuer, server) = (getting(), Issuer::new(), Server::start());
    let needed = issuer.needed(&server.url);
    let hour = |hour: i64| START - Span::hours(10) + Span::hours(hour);
    for (made, says, expected) in [
        (hour(1), vec![1, 2, 3], vec![1, 2, 3]),
        (hour(2), vec![2, 4], vec![2, 4]),
        // An attacker on the way has kept an old one.
        (hour(1), vec![], vec![2, 4]),
        (hour(3), vec![], vec![]),
    ] {
        server.says(issuer.list(made, &says));
        assert_eq!(getting.get(&needed, 1), Came::Here);
        assert_eq!(revoked(&getting, &issuer), expected);
    }
    let snapshot = getting.directory.snapshot().unwrap();
    let row = snapshot.revocation_list(&IssuerId::of(&issuer.certificate));
    let row = row.unwrap().unwrap();
    assert_eq!((row.this_update, row.place), (hour(3), server.url));
}

#[test]
fn what_is_no_list_of_the_issuer_changes_nothing() {
    let (getting, issuer, server) = (getting(), Issuer::new(), Server::start());
    let needed = issuer.needed(&server.url);
    server.says(issuer.list(START - Span::hours(2), &[5]));
    getting.get(&needed, 1);
    for wrong in [
        Issuer::new().list(START, &[]),
        b"<html>".to_vec(),
        Vec::new(),
    ] {
        server.says(wrong);
        assert_eq!(getting.get(&needed, 1), Came::Here);
        assert_eq!(revoked(&getting, &issuer), [5]);
    }
}

#[test]
fn a_datagram_does_not_wait_and_what_is_asked_twice_is_got_once() {
    let (getting, issuer) = (getting(), Issuer::new());
    // It answers when it is let.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let needed = issuer.needed(&format!("http://{}/", listener.local_addr().unwrap()));
    for _ in 0..20 {
        assert_eq!(getting.get(&needed, 0), Came::NotYet);
    }
    let (mut stream, _) = listener.accept().unwrap();
    let _ = stream.read(&mut [0; 4096]);
    let list = issuer.list(START - Span::hours(1), &[7]);
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    stream.write_all(&list).unwrap();
    drop(stream);
    // This one waits for the one that is under way, and starts none of its own while it is.
    let _ = getting.wait(&key_of(&needed), 1);
    assert_eq!(revoked(&getting, &issuer), [7]);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "it was asked twice");
}

#[test]
fn only_so_much_is_got_at_once() {
    let (getting, issuer) = (getting(), Issuer::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = |number: usize| {
        let address = listener.local_addr().unwrap();
        issuer.needed(&format!("http://{address}/{number}"))
    };
    for number in 0..AT_ONCE {
        assert_eq!(getting.get(&place(number), 0), Came::NotYet);
    }
    assert_eq!(getting.get(&place(AT_ONCE), 1), Came::Not);
    assert_eq!(getting.get(&place(0), 0), Came::NotYet);
}

#[test]
fn a_list_is_renewed_before_it_ends() {
    let row = |life: Span| ListRow {
        this_update: START,
        next_update: START + life,
        fetched: START,
        number: 0,
        entries: 0,
        place: String::new(),
        issuer: Vec::new(),
    };
    let week = row(Span::days(7));
    assert!(!is_due(&week, START + Span::days(6)));
    assert!(is_due(&week, START + Span::days(7) - Span::minutes(59)));
    let short = row(Span::minutes(20));
    assert!(!is_due(&short, START + Span::minutes(14)));
    assert!(is_due(&short, START + Span::minutes(15)));
}

/// An anchor whose list came from a place, and is due.
fn due(getting: &Getting, issuer: &Issuer, place: &str, said: bool) -> Anchor {
    let id = IssuerId::of(&issuer.certificate);
    let row = ListRow {
        this_update: START - Span::days(2),
        next_update: START,
        fetched: START - Span::days(2),
        number: 0,
        entries: 0,
        place: place.to_owned(),
        issuer: issuer.certificate.der().to_vec(),
    };
    let settings = Settings {
        lists: said.then(|| place.to_owned()).into_iter().collect(),
        ..Settings::default()
    };
    let changes = [
        change::put(LISTS, id.0.to_vec(), row.to_bytes(), Timestamp::NEVER),
        directory::issuers::settings(&id, &settings),
    ];
    let reads = Reads::none();
    getting.directory.commit(&changes, &reads, START).unwrap();
    Anchor::new(issuer.certificate.clone())
}

/// Waits until nothing is under way any more.
fn finish(getting: &Getting) {
    let under_way = getting.under_way.lock().unwrap();
    let finished = getting
        .done
        .wait_timeout_while(under_way, PATIENCE, |under_way| !under_way.is_empty());
    assert!(!finished.unwrap().1.timed_out());
}

#[test]
fn a_list_is_renewed_where_an_administrator_said_and_not_on_this_machine_where_a_certificate_did() {
    for said in [true, false] {
        let (getting, issuer, server) = (getting(), Issuer::new(), Server::start());
        server.says(issuer.list(START, &[3]));
        let anchor = due(&getting, &issuer, &server.url, said);
        getting.renew(&[anchor]).unwrap();
        finish(&getting);
        assert_eq!(server.asked.load(Ordering::Acquire), usize::from(said));
        assert_eq!(!revoked(&getting, &issuer).is_empty(), said);
    }
}

#[test]
fn what_a_responder_called_revoked_stays_so_when_it_cannot_be_asked_any_more() {
    let (getting, issuer) = (getting(), Issuer::new());
    let id = IssuerId::of(&issuer.certificate);
    let ends = START + Span::days(300);
    let cases = [
        (4, Reason::KeyCompromise, true),
        (5, Reason::Unspecified, true),
        (6, Reason::CertificateHold, false),
    ];
    for (serial, reason, stays) in cases {
        let status = Status {
            status: CertificateStatus::Revoked {
                since: START.unix(),
                reason,
            },
            this_update: START,
            until: START + Span::minutes(10),
        };
        let changes = answered(&status, id.row(&[serial]), ends, START);
        let reads = Reads::none();
        getting.directory.commit(&changes, &reads, START).unwrap();
        let snapshot = getting.directory.snapshot().unwrap();
        let known = |at| snapshot.revoked_certificate(&id, &[serial], at).unwrap();
        assert!(known(START + Span::minutes(9)).is_some());
        assert_eq!(known(START + Span::minutes(11)).is_some(), stays);
        assert!(known(ends).is_none(), "it is over by itself");
    }
    // A list that does not have it yet was made before the responder knew.
    let list = issuer.list(START, &[7]);
    let list = judge_list(&list, &issuer.certificate, None, START).unwrap();
    getting
        .put_list(&list, &issuer.certificate, "", START)
        .unwrap();
    assert_eq!(revoked(&getting, &issuer), [4, 5, 6, 7]);
}
