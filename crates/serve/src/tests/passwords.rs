//! The sockets where passwords are changed: with a stand-in behind them, and with the service itself.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use crypto::etype::Key;
use crypto::password::Cost;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::storage::{Body, Memory, Read, Storage, StorageError};
use directory::{Attribute, Change, Directory, EntryId, NewEntry, Reads, account, change, testing};
use ticket::client::{Credential, Failed, Handled, Initial, Secret, Wish};
use trust::{Clock, Rng, SystemClock, SystemRng, Timestamp};
use wire::kerberos::{
    AddressType, ApOptions, ApReq, Authenticator, EncKrbPrivPart, EncryptedData, EncryptionKey,
    EncryptionType, ErrorCode, HostAddress, KdcProxyMessage, KerberosTime, KeyUsage, KrbPriv,
    Microseconds, PasswordReply, PasswordRequest, PasswordResult, PasswordResultCode,
    PasswordVersion, PrincipalName,
};

use super::kdc::{ask_udp, connect, receive, send};
use super::node::{ask_proxy, proxied, root, settings};
use super::{Echo, PATIENCE, Silent, any, identity, impatient, serve};
use crate::door::{Ends, Kerberos, Path};
use crate::fault::Role;
use crate::listeners::{Behind, BehindDomain, Listeners};
use crate::metrics::Metrics;
use crate::server::{Parts, Running, Server, found_authorities};
use crate::settings::{Limits, Listen};
use crate::sockets::{Inherited, Sockets};

fn listen() -> Listen {
    Listen {
        kdc: vec![any()],
        password: vec![any()],
        ..Listen::nowhere()
    }
}

#[test]
fn a_datagram_and_a_stream_get_their_answers_and_are_counted_apart_from_the_kdc() {
    let (serving, metrics) = serve(&listen(), &impatient());
    let address = serving.addresses().password[0];
    assert_eq!(ask_udp(address, b"request"), b"request by udp");
    let mut stream = connect(address);
    for _ in 0..3 {
        send(&mut stream, b"request");
        let answer = receive(&mut stream);
        assert_eq!(answer.as_deref(), Some(&b"request by tcp"[..]));
    }
    send(&mut stream, b"panic");
    assert_eq!(receive(&mut stream).as_deref(), Some(&b"generic"[..]));
    assert_eq!(metrics.answered(Role::PasswordTcp), 3);
    assert_eq!(metrics.answered(Role::KdcTcp), 0);
    assert!(metrics.text().contains("password_udp"));
}

#[test]
fn a_message_that_announces_too_much_is_refused_before_it_is_read() {
    let (serving, _) = serve(&listen(), &impatient());
    for length in [u32::MAX, 64 * 1024 + 1, 0] {
        let mut stream = connect(serving.addresses().password[0]);
        stream.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(receive(&mut stream).as_deref(), Some(&b"too long"[..]));
        assert_eq!(receive(&mut stream), None, "the connection ends");
    }
}

/// Works at `work` until it is told to stop.
struct Slow {
    begun: Mutex<mpsc::Sender<()>>,
    end: Mutex<Receiver<()>>,
}

impl Kerberos for Slow {
    fn answer(&self, message: &[u8], path: Path, ends: Ends) -> Option<Arc<[u8]>> {
        if message == b"work" {
            self.begun.lock().unwrap().send(()).unwrap();
            let _ = self.end.lock().unwrap().recv_timeout(PATIENCE);
        }
        Echo.answer(message, path, ends)
    }

    fn generic_failure(&self) -> Option<Arc<[u8]>> {
        None
    }

    fn too_long(&self) -> Option<Arc<[u8]>> {
        None
    }

    fn busy(&self, ends: Ends) -> Option<Arc<[u8]>> {
        Echo.busy(ends)
    }
}

#[test]
fn who_has_to_wait_too_long_is_told_so_and_the_kdc_answers_meanwhile() {
    let limits = Limits {
        password_workers: 1,
        queue_millis: 50,
        ..impatient()
    };
    let (begun, has_begun) = mpsc::channel();
    let (stop, end) = mpsc::channel();
    let slow = Slow {
        begun: Mutex::new(begun),
        end: Mutex::new(end),
    };
    let behind = Behind {
        domain: Some(BehindDomain {
            kdc: Arc::new(Echo),
            passwords: Arc::new(slow),
            ldap: Arc::new(Silent),
        }),
        http: Arc::new(Echo),
        identities: vec![identity("first")],
        ready: Box::new(|| Ok(())),
    };
    let sockets = Sockets::open(&listen(), Inherited::default()).unwrap();
    let metrics = Arc::new(Metrics::default());
    let serving = Listeners::serve(sockets, &limits, behind, &metrics).unwrap();
    let addresses = serving.addresses();

    let mut worked_at = connect(addresses.password[0]);
    send(&mut worked_at, b"work");
    has_begun.recv_timeout(PATIENCE).unwrap();
    for _ in 0..8 {
        let mut other = connect(addresses.password[0]);
        send(&mut other, b"request");
        assert_eq!(receive(&mut other).as_deref(), Some(&b"busy"[..]));
        assert_eq!(ask_udp(addresses.kdc[0], b"request"), b"request by udp");
        let mut stream = connect(addresses.kdc[0]);
        send(&mut stream, b"request");
        assert!(receive(&mut stream).is_some());
    }
    stop.send(()).unwrap();
    assert_eq!(
        receive(&mut worked_at).as_deref(),
        Some(&b"work by tcp"[..])
    );
    send(&mut worked_at, b"request");
    assert_eq!(
        receive(&mut worked_at).as_deref(),
        Some(&b"request by tcp"[..])
    );
}

const OLD: &str = "correct horse battery";
const NEW: &str = "a much better phrase";

/// A storage whose disk can be full.
struct Disk {
    below: Memory,
    full: AtomicBool,
}

impl Storage for Disk {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.below.snapshot()
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        if self.full.load(Ordering::Acquire) {
            return Err(StorageError::Full("no space is left".to_owned()));
        }
        self.below.transact(body)
    }
}

/// A server with alice, whose password may be changed at any time.
struct House {
    running: Running,
    directory: Arc<Directory>,
    disk: Arc<Disk>,
}

impl House {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut crate::settings::Settings)) -> Self {
        Self::over(|_| {}, change)
    }

    /// A server over a directory to which something was done before it started.
    fn over(
        before: impl FnOnce(&Directory),
        change: impl FnOnce(&mut crate::settings::Settings),
    ) -> Self {
        let disk = Arc::new(Disk {
            below: Memory::new(),
            full: AtomicBool::new(false),
        });
        let directory = testing::over(Arc::clone(&disk) as Arc<dyn Storage>);
        let domain = directory.domain().unwrap();
        let salt = account::user_salt(&domain.realm, "alice");
        let history = PasswordHistory::empty();
        let mut rng = SystemRng;
        let material =
            PasswordMaterial::of_password(OLD, &salt, &history, 0, Cost::LEAST, &mut rng);
        let id = EntryId::random(&mut rng);
        let mut alice = NewEntry::user(id, domain.users, "alice", "alice");
        alice.password = Some(Box::new(material));
        let changes = [
            Change::Add(Box::new(alice)),
            change::set(domain.head, Attribute::MinPwdAge, 0),
        ];
        let yesterday = SystemClock.now() - trust::Span::days(1);
        directory
            .commit(&changes, &Reads::none(), yesterday)
            .unwrap();
        let mut settings = settings();
        settings.listen.password = vec![any()];
        change(&mut settings);
        let parts = || Parts {
            password_cost: Cost::LEAST,
            ..Parts::new(Arc::clone(&directory))
        };
        found_authorities(&settings, parts()).unwrap();
        before(&directory);
        let running = Server::start(settings, parts()).unwrap();
        Self {
            running,
            directory,
            disk,
        }
    }

    fn port(&self) -> SocketAddr {
        self.running.addresses().password[0]
    }

    /// A ticket with which alice changes her password.
    fn ticket(&self, password: &str) -> Result<Credential, Failed> {
        let mut stream = connect(self.running.addresses().kdc[0]);
        let (mut exchange, mut message) = Initial::start(
            PrincipalName::principal("alice"),
            "CORP.EXAMPLE".into(),
            Wish::service(PrincipalName::service("kadmin", "changepw")),
            Secret::Password(password),
            SystemClock.now(),
            &mut SystemRng,
        );
        loop {
            send(&mut stream, &message);
            let answer = receive(&mut stream).unwrap();
            match exchange.handle(&answer, SystemClock.now(), &mut SystemRng)? {
                Handled::Done(credential) => return Ok(*credential),
                Handled::Send(next, again) => (exchange, message) = (*next, again),
            }
        }
    }
}

/// A request for a new password, and the key under which it is answered.
fn asking(credential: &Credential, password: &str) -> (Vec<u8>, Key) {
    let rng: &mut dyn Rng = &mut SystemRng;
    let now = SystemClock.now();
    let key = &credential.key;
    let number = EncryptionType(key.etype().number());
    let subkey = Key::random_to_key(key.etype(), &rng.bytes::<32>());
    let mut authenticator = Authenticator::new(
        credential.client_realm.clone(),
        credential.client.clone(),
        KerberosTime::from_unix(now.unix()),
        Microseconds::new(now.subsecond_micros()).unwrap(),
    );
    authenticator.subkey = Some(EncryptionKey {
        keytype: number,
        keyvalue: subkey.bytes().to_vec(),
    });
    authenticator.seq_number = Some(7.into());
    let part = EncKrbPrivPart {
        user_data: password.as_bytes().to_vec(),
        timestamp: None,
        usec: None,
        seq_number: Some(7.into()),
        s_address: HostAddress {
            addr_type: AddressType::IPV4,
            address: vec![127, 0, 0, 1],
        },
        r_address: None,
    };
    let mut seal = |key: &Key, usage, plain: &[u8]| EncryptedData {
        etype: number,
        kvno: None,
        cipher: key.encrypt(usage, &rng.bytes(), plain),
    };
    let sealed = seal(key, KeyUsage::AP_REQ_AUTHENTICATOR, &authenticator.encode());
    let krb_priv = seal(&subkey, KeyUsage::KRB_PRIV_ENC_PART, &part.encode());
    let ticket = credential.ticket.clone();
    let request = PasswordRequest {
        version: PasswordVersion::Change,
        ap_req: ApReq::new(ApOptions::MUTUAL_REQUIRED, ticket, sealed),
        krb_priv: KrbPriv::new(krb_priv),
    };
    (request.encode().unwrap(), subkey)
}

/// What a reply says, and from which address it says that.
fn opened(reply: &[u8], key: &Key) -> (PasswordResult, Vec<u8>) {
    match PasswordReply::decode(reply).unwrap() {
        PasswordReply::Result { krb_priv, .. } => {
            let cipher = &krb_priv.enc_part.cipher;
            let plain = key.decrypt(KeyUsage::KRB_PRIV_ENC_PART, cipher).unwrap();
            let part = EncKrbPrivPart::decode(&plain).unwrap();
            let result = PasswordResult::decode(&part.user_data).unwrap();
            (result, part.s_address.address.clone())
        }
        PasswordReply::Error(error) => panic!("{error:?}"),
    }
}

/// What an unprotected reply says.
fn error(reply: &[u8]) -> (ErrorCode, PasswordResult) {
    match PasswordReply::decode(reply).unwrap() {
        PasswordReply::Error(error) => {
            let data = error.e_data.unwrap();
            (error.error_code, PasswordResult::decode(&data).unwrap())
        }
        PasswordReply::Result { .. } => panic!("a protected reply"),
    }
}

/// A store that was set up before the service had an account of its own had none, and nobody could change a password there.
#[test]
fn a_server_over_an_older_store_adds_the_service_s_account_at_its_first_start_alone() {
    let service = |directory: &Directory| {
        let snapshot = directory.snapshot().unwrap();
        snapshot.account_by_spn(account::PASSWORD_SERVICE).unwrap()
    };
    let house = House::over(
        |directory| {
            let id = service(directory).unwrap().id;
            let delete = [Change::Delete { id }];
            directory
                .commit(&delete, &Reads::none(), SystemClock.now())
                .unwrap();
            assert!(service(directory).is_none());
        },
        |_| {},
    );
    let (request, key) = asking(&house.ticket(OLD).unwrap(), NEW);
    let (result, _) = opened(&ask_udp(house.port(), &request), &key);
    assert_eq!(result.code, PasswordResultCode::SUCCESS);
    house.ticket(NEW).unwrap();

    let made = service(&house.directory).unwrap();
    let House {
        running, directory, ..
    } = house;
    running.shutdown(PATIENCE);
    let mut settings = settings();
    settings.listen.password = vec![any()];
    let again = Server::start(settings, Parts::new(Arc::clone(&directory))).unwrap();
    let still = service(&directory).unwrap();
    assert_eq!((still.id, still.keys.kvno()), (made.id, 1));
    let now = SystemClock.now();
    let log = directory.snapshot().unwrap();
    let log = log.audit_log(Timestamp::EPOCH, now, 1_000).unwrap();
    let completions = log.iter().filter(|line| line.action == "domain.complete");
    assert_eq!(completions.count(), 1);
    drop(again);
}

#[test]
fn a_new_password_holds_when_its_answer_is_out_and_the_same_datagram_gets_the_same_answer() {
    let house = House::new();
    let (request, key) = asking(&house.ticket(OLD).unwrap(), NEW);
    let first = ask_udp(house.port(), &request);
    let (result, from) = opened(&first, &key);
    assert_eq!(result.code, PasswordResultCode::SUCCESS);
    assert_eq!(from, [127, 0, 0, 1]);
    assert!(house.ticket(OLD).is_err());
    house.ticket(NEW).unwrap();
    assert_eq!(ask_udp(house.port(), &request), first);
    let mut stream = connect(house.port());
    send(&mut stream, &request);
    assert_eq!(receive(&mut stream), Some(first));
    let exchanges = house.running.metrics().text();
    assert!(exchanges.contains("password_tcp"), "{exchanges}");
}

#[test]
fn e_9_the_proxy_passes_requests_for_new_passwords_on_too() {
    let house = House::new();
    let address = house.running.addresses().https[0];
    let root = root(&house.directory);
    let (request, key) = asking(&house.ticket(OLD).unwrap(), NEW);
    let asked = proxied(&request, Some("CORP.EXAMPLE")).encode();
    let (status, body) = ask_proxy(address, &root, "POST", &asked);
    assert_eq!(status, "HTTP/1.1 200 OK");
    let answer = KdcProxyMessage::decode(&body).unwrap();
    let (result, from) = opened(answer.message().unwrap(), &key);
    assert_eq!(result.code, PasswordResultCode::SUCCESS);
    assert_eq!(from, [127, 0, 0, 1]);
    house.ticket(NEW).unwrap();

    let elsewhere = proxied(&request, Some("ELSEWHERE.EXAMPLE")).encode();
    let (status, _) = ask_proxy(address, &root, "POST", &elsewhere);
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
}

#[test]
fn a_full_disk_changes_no_password_and_says_so_and_the_same_request_is_taken_when_there_is_room() {
    let house = House::new();
    let (request, key) = asking(&house.ticket(OLD).unwrap(), NEW);
    house.disk.full.store(true, Ordering::Release);
    for _ in 0..2 {
        let (code, result) = error(&ask_udp(house.port(), &request));
        assert_eq!(code, ErrorCode::KRB_ERR_GENERIC);
        assert_eq!(result.code, PasswordResultCode::HARDERROR);
        assert_eq!(
            result.text(),
            Some("The server failed. Try again later."),
            "what was not committed is not remembered either"
        );
    }
    house.ticket(OLD).unwrap();
    house.disk.full.store(false, Ordering::Release);
    let (result, _) = opened(&ask_udp(house.port(), &request), &key);
    assert_eq!(result.code, PasswordResultCode::SUCCESS);
    house.ticket(NEW).unwrap();
}

#[test]
fn a_request_that_is_not_come_to_has_a_line_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let house = House::with(|settings| settings.audit.file = Some(file.clone()));
    let (request, _) = asking(&house.ticket(OLD).unwrap(), NEW);
    house.disk.full.store(true, Ordering::Release);
    error(&ask_udp(house.port(), &request));
    house.running.shutdown(PATIENCE);
    let text = std::fs::read_to_string(file).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let said = ["event", "result", "by", "from", "reason"].map(|name| last[name].as_str());
    let expected = [
        "kdc.password",
        "refused",
        "udp",
        "127.0.0.1",
        "our own trouble",
    ];
    assert_eq!(said, expected.map(Some), "{last}");
    assert_eq!(last["code"], 60);
}

/// The class of CVE-2002-2443: what is sent in a server's name must not make two of them answer each other for ever.
#[test]
fn what_is_no_request_gets_no_answer_and_least_of_all_an_answer_of_our_own() {
    let house = House::new();
    let (request, _) = asking(&house.ticket(OLD).unwrap(), NEW);
    let answer = ask_udp(house.port(), &request);
    let damaged = [&request[..4], &[0xff, 0xff], &request[6..]].concat();
    let refusal = ask_udp(house.port(), &damaged);
    let (_, result) = error(&refusal);
    assert_eq!(result.code, PasswordResultCode::MALFORMED);

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let empty = [0, 6, 0, 1, 0, 0];
    let garbage = [0x6a; 400];
    for none in [
        &answer[..],
        &refusal,
        &empty,
        &garbage,
        b"\0",
        &request[1..],
    ] {
        socket.send_to(none, house.port()).unwrap();
        let mut stream = connect(house.port());
        send(&mut stream, none);
        assert_eq!(receive(&mut stream), None, "the connection ends");
    }
    // Had any of them been answered, this would be a later answer.
    let mut other = request;
    other[3] = 2;
    socket.send_to(&other, house.port()).unwrap();
    let mut read = [0; 2048];
    let (length, _) = socket.recv_from(&mut read).unwrap();
    let (_, result) = error(&read[..length]);
    assert_eq!(result.code, PasswordResultCode::BAD_VERSION);
}

#[test]
fn an_unknown_version_is_told_from_a_malformed_request() {
    let house = House::new();
    let (mut request, _) = asking(&house.ticket(OLD).unwrap(), NEW);
    request[3] = 2;
    let (_, result) = error(&ask_udp(house.port(), &request));
    assert_eq!(result.code, PasswordResultCode::BAD_VERSION);
}
