//! LDAP's listeners, with a stand-in for the directory: what peers can do to a connection, and what others notice of it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};

use wire::ldap::{
    Attribute, Authentication, BindRequest, BindResponse, CompareRequest, ExtendedRequest,
    ExtendedResponse, Filter, Frame, LdapResult, Message, Operation, ResultCode, Scope,
    SearchRequest, SearchResultEntry, extension_oid, frame,
};

use super::kdc::connect;
use super::{Echo, PATIENCE, any, identity, impatient};
use crate::door::{Ldap, LdapSession, Said};
use crate::listeners::{Behind, BehindDomain, Listeners};
use crate::metrics::Metrics;
use crate::settings::{Limits, Listen};
use crate::sockets::{Inherited, Sockets};

/// What an entry of the endless search has, in bytes.
const ENTRY: usize = 60_000;

/// What the sessions did.
#[derive(Default)]
struct Seen {
    /// Which messages were answered.
    messages: Mutex<Vec<i32>>,
    /// Entries of the endless search.
    entries: AtomicUsize,
    /// Searches that nobody wanted to hear more of.
    abandoned: AtomicUsize,
}

/// A directory that says who somebody is, compares whatever it is asked to, and finds entries without end.
struct Book {
    seen: Arc<Seen>,
    gone: Mutex<mpsc::Sender<()>>,
}

struct Session {
    seen: Arc<Seen>,
    gone: mpsc::Sender<()>,
    known: bool,
    agreed: bool,
    wrapped: bool,
    search: i32,
}

impl Ldap for Book {
    fn open(&self, _peer: SocketAddr, _start_tls: bool) -> Box<dyn LdapSession> {
        Box::new(Session {
            seen: Arc::clone(&self.seen),
            gone: self.gone.lock().unwrap().clone(),
            known: false,
            agreed: false,
            wrapped: false,
            search: 0,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.gone.send(());
    }
}

impl LdapSession for Session {
    fn is_quick(&self, _: &[u8]) -> bool {
        false
    }

    fn answer(&mut self, message: &[u8]) -> Said {
        let Ok(message) = Message::decode(message) else {
            return Said::Close(vec![self.disconnection(ResultCode::ProtocolError, "")]);
        };
        let id = message.id;
        self.seen.messages.lock().unwrap().push(id);
        let now = |operation| Said::Now(vec![Message::new(id, operation).encode()]);
        let extended = |name| {
            Operation::ExtendedResponse(ExtendedResponse {
                result: LdapResult::success(),
                name,
                value: None,
            })
        };
        match message.operation {
            Operation::BindRequest(request) => {
                self.known = true;
                self.agreed = matches!(request.authentication, Authentication::Sasl { .. });
                now(Operation::BindResponse(BindResponse {
                    result: LdapResult::success(),
                    credentials: None,
                }))
            }
            Operation::ExtendedRequest(request) if request.name == extension_oid::START_TLS => {
                Said::StartTls(Message::new(id, extended(Some(request.name))).encode())
            }
            Operation::ExtendedRequest(_) => now(extended(None)),
            Operation::CompareRequest(_) => now(Operation::CompareResponse(LdapResult::of(
                ResultCode::CompareTrue,
            ))),
            Operation::SearchRequest(_) => {
                self.search = id;
                self.go_on()
            }
            Operation::AbandonRequest(_) => Said::Now(Vec::new()),
            _ => Said::Close(Vec::new()),
        }
    }

    fn go_on(&mut self) -> Said {
        self.seen.entries.fetch_add(1, SeqCst);
        let value = vec![7; ENTRY];
        let entry = SearchResultEntry {
            name: "CN=one,DC=corp,DC=example",
            attributes: vec![Attribute {
                description: "jpegPhoto",
                values: vec![&value],
            }],
        };
        let entry = Message::new(self.search, Operation::SearchResultEntry(entry));
        Said::More(vec![entry.encode()])
    }

    fn commit(&mut self, _message: &[u8]) -> Said {
        Said::Close(Vec::new())
    }

    fn abandoned(&mut self) {
        self.seen.abandoned.fetch_add(1, SeqCst);
    }

    fn secured(&mut self, _: Vec<Vec<u8>>, _: Option<[u8; 16]>) {}

    fn is_known(&self) -> bool {
        self.known
    }

    fn settle(&mut self) {
        self.wrapped |= std::mem::take(&mut self.agreed);
    }

    fn is_wrapped(&self) -> bool {
        self.wrapped
    }

    fn wrap(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match self.wrapped {
            true => wrapped(&bytes),
            false => bytes,
        }
    }

    fn unwrap(&mut self, token: &[u8]) -> Option<Vec<u8>> {
        Some(token.strip_prefix(b"kept")?.to_vec())
    }

    fn disconnection(&self, code: ResultCode, why: &str) -> Vec<u8> {
        directory::ldap::disconnection(code, why)
    }

    fn busy(&self, message: &[u8]) -> Vec<u8> {
        directory::ldap::busy(message)
    }
}

/// As the stand-in's layer keeps messages.
fn wrapped(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len() + 4).unwrap();
    [&length.to_be_bytes(), &b"kept"[..], message].concat()
}

struct House {
    _serving: Listeners,
    address: SocketAddr,
    seen: Arc<Seen>,
    gone: mpsc::Receiver<()>,
}

impl House {
    fn new(limits: &Limits) -> Self {
        let seen = Arc::<Seen>::default();
        let (sender, gone) = mpsc::channel();
        let book = Book {
            seen: Arc::clone(&seen),
            gone: Mutex::new(sender),
        };
        let behind = Behind {
            domain: Some(BehindDomain {
                kdc: Arc::new(Echo),
                passwords: Arc::new(Echo),
                ldap: Arc::new(book),
            }),
            http: Arc::new(Echo),
            identities: vec![identity("first")],
            ready: Box::new(|| Ok(())),
        };
        let listen = Listen {
            ldap: vec![any()],
            ..Listen::nowhere()
        };
        let sockets = Sockets::open(&listen, Inherited::default()).unwrap();
        let metrics = Arc::new(Metrics::default());
        let serving = Listeners::serve(sockets, limits, behind, &metrics).unwrap();
        let address = serving.addresses().ldap[0];
        Self {
            _serving: serving,
            address,
            seen,
            gone,
        }
    }

    fn client(&self) -> Client {
        Client {
            stream: connect(self.address),
            arrived: Vec::new(),
        }
    }

    /// Whether somebody who does nothing wrong is served.
    fn serves(&self) -> bool {
        let mut good = self.client();
        good.send(&who(1));
        good.receive() == Some((1, ResultCode::Success))
    }
}

struct Client {
    stream: TcpStream,
    arrived: Vec<u8>,
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next message's id and result; an entry's result is success. `None` at the end of the connection.
    fn receive(&mut self) -> Option<(i32, ResultCode)> {
        loop {
            if let Ok(Frame::Whole(length)) = frame(&self.arrived, usize::MAX) {
                let rest = self.arrived.split_off(length);
                let message = std::mem::replace(&mut self.arrived, rest);
                let message = Message::decode(&message).unwrap();
                let code = match &message.operation {
                    Operation::ExtendedResponse(response) => response.result.code,
                    Operation::BindResponse(response) => response.result.code,
                    Operation::CompareResponse(result) => result.code,
                    Operation::SearchResultEntry(_) => ResultCode::Success,
                    other => panic!("{other:?}"),
                };
                return Some((message.id, code));
            }
            let mut piece = [0; 65_536];
            match self.stream.read(&mut piece) {
                Ok(count) if count > 0 => self.arrived.extend_from_slice(&piece[..count]),
                // A peer that closes with bytes of ours unread resets.
                Ok(_) => return None,
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                    return None;
                }
            }
        }
    }
}

fn who(id: i32) -> Vec<u8> {
    extended(id, extension_oid::WHO_AM_I)
}

fn extended(id: i32, name: &str) -> Vec<u8> {
    let request = ExtendedRequest { name, value: None };
    Message::new(id, Operation::ExtendedRequest(request)).encode()
}

fn bind(id: i32, authentication: Authentication<'_>) -> Vec<u8> {
    let request = BindRequest {
        version: 3,
        name: "",
        authentication,
    };
    Message::new(id, Operation::BindRequest(request)).encode()
}

fn compare(id: i32, value: &[u8]) -> Vec<u8> {
    let request = CompareRequest {
        name: "",
        attribute: "cn",
        value,
    };
    Message::new(id, Operation::CompareRequest(request)).encode()
}

fn endless(id: i32) -> Vec<u8> {
    let request = SearchRequest {
        base: "",
        scope: Scope::Subtree,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::And(Vec::new()),
        attributes: Vec::new(),
    };
    Message::new(id, Operation::SearchRequest(request)).encode()
}

#[test]
fn what_is_no_ldap_or_too_long_ends_with_a_notice() {
    let house = House::new(&impatient());
    let client_hello = [&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3][..], &[0; 200]].concat();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: dc1.corp.example\r\n\r\n"[..],
        &client_hello,
        &[0xff; 100],
        &[0; 100],
        // 1 GB, 2^64 - 1, one byte more than is taken from who has not signed in, and no length at all.
        &[0x30, 0x84, 0x40, 0, 0, 0, 2, 1, 1],
        &[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0x83, 0x03, 0xff, 0xfc],
        &[0x30, 0x80, 2, 1, 1, 0, 0],
        // Whole, and no message.
        &[0x30, 3, 2, 1, 1],
    ] {
        let mut client = house.client();
        client.send(bytes);
        assert_eq!(
            client.receive(),
            Some((0, ResultCode::ProtocolError)),
            "{bytes:?}"
        );
        assert_eq!(client.receive(), None);
    }
    assert!(house.serves());
}

#[test]
fn who_signed_in_sends_longer_messages_than_who_has_not() {
    let house = House::new(&impatient());
    let long = compare(2, &vec![7; 300_000]);
    let mut client = house.client();
    // The notice may come while it is still being sent.
    let _ = client.stream.write_all(&long);
    assert!(matches!(
        client.receive(),
        None | Some((0, ResultCode::ProtocolError))
    ));
    let mut client = house.client();
    client.send(&bind(1, Authentication::Simple(b"secret")));
    assert_eq!(client.receive(), Some((1, ResultCode::Success)));
    client.send(&long);
    assert_eq!(client.receive(), Some((2, ResultCode::CompareTrue)));
    client.send(&[0x30, 0x84, 0x40, 0, 0, 0]);
    assert_eq!(client.receive(), Some((0, ResultCode::ProtocolError)));
}

#[test]
fn a_message_may_come_byte_by_byte_and_several_at_once() {
    let house = House::new(&impatient());
    let mut client = house.client();
    client.stream.set_nodelay(true).unwrap();
    for byte in who(7) {
        client.send(&[byte]);
    }
    assert_eq!(client.receive(), Some((7, ResultCode::Success)));
    let several: Vec<u8> = (1..100).flat_map(who).collect();
    client.send(&several);
    for id in 1..100 {
        assert_eq!(client.receive(), Some((id, ResultCode::Success)));
    }
}

#[test]
fn who_stops_in_the_middle_is_let_go_and_holds_up_nobody() {
    let house = House::new(&impatient());
    let message = compare(1, &[7; 1_000]);
    let mut stalled: Vec<Client> = (0..100).map(|_| house.client()).collect();
    for (number, client) in stalled.iter_mut().enumerate() {
        client.send(&message[..1 + number]);
    }
    // Half open: they say that nothing more comes, and still listen.
    let mut half: Vec<Client> = (0..50).map(|_| house.client()).collect();
    for client in &mut half {
        client.send(&message[..500]);
        client.stream.shutdown(Shutdown::Write).unwrap();
    }
    assert!(house.serves());
    for client in &mut half {
        assert_eq!(client.receive(), None);
    }
    for client in &mut stalled {
        assert_eq!(client.receive(), Some((0, ResultCode::Unavailable)));
        assert_eq!(client.receive(), None);
    }
    assert!(house.serves());
}

/// How many connections a process can have to itself: both ends are here.
fn most() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok());
    (soft.unwrap_or(1_024).saturating_sub(200) / 2).min(2_000)
}

#[test]
fn two_thousand_at_once_are_all_served() {
    let house = House::new(&Limits {
        connections_per_address: 4_096,
        idle_seconds: 60,
        transfer_seconds: 20,
        ..Limits::default()
    });
    let mut clients: Vec<Client> = (0..most()).map(|_| house.client()).collect();
    for round in 1..3 {
        for client in &mut clients {
            client.send(&who(round));
        }
        for client in &mut clients {
            assert_eq!(client.receive(), Some((round, ResultCode::Success)));
        }
    }
}

#[test]
fn who_reads_nothing_of_a_search_is_not_computed_for() {
    let house = House::new(&impatient());
    let mut client = house.client();
    client.send(&endless(1));
    // It ends by the time that a piece of the answer may take.
    house.gone.recv_timeout(PATIENCE).unwrap();
    let bytes = house.seen.entries.load(SeqCst) * ENTRY;
    // What both sockets hold, and one piece.
    assert!(bytes < 32 << 20, "{bytes} bytes were computed");
    assert!(house.serves());
}

#[test]
fn a_search_ends_when_it_is_abandoned_and_when_its_client_goes() {
    let house = House::new(&impatient());
    let mut client = house.client();
    client.send(&endless(1));
    assert_eq!(client.receive(), Some((1, ResultCode::Success)));
    // Another search's abandon ends nothing; what is asked meanwhile is answered behind it.
    let abandon = |which| Message::new(3, Operation::AbandonRequest(which)).encode();
    client.send(&[abandon(9), who(2)].concat());
    for _ in 0..200 {
        assert_eq!(client.receive(), Some((1, ResultCode::Success)));
    }
    client.send(&abandon(1));
    while client.receive().unwrap() != (2, ResultCode::Success) {}
    assert_eq!(house.seen.abandoned.load(SeqCst), 1);
    client.send(&who(4));
    assert_eq!(client.receive(), Some((4, ResultCode::Success)));
    drop(client);
    house.gone.recv_timeout(PATIENCE).unwrap();

    let mut client = house.client();
    client.send(&endless(1));
    assert_eq!(client.receive(), Some((1, ResultCode::Success)));
    drop(client);
    house.gone.recv_timeout(PATIENCE).unwrap();
    assert!(house.serves());
}

/// Whoever stands between could put messages behind the last one of a bind: they would be done in the name of who signed
/// in, though no layer kept them.
#[test]
fn what_came_before_a_layer_is_not_done_behind_it() {
    let house = House::new(&impatient());
    let sasl = Authentication::Sasl {
        mechanism: "GSSAPI",
        credentials: Some(b"the last one"),
    };
    let mut client = house.client();
    client.send(&[bind(1, sasl), compare(2, b"put in")].concat());
    assert_eq!(client.receive(), Some((1, ResultCode::Success)));
    let mut rest = std::mem::take(&mut client.arrived);
    client.stream.read_to_end(&mut rest).unwrap_or_default();
    let notice = rest.get(8..).map(Message::decode);
    let Some(Ok(Message {
        id: 0, operation, ..
    })) = notice
    else {
        panic!("{rest:?}");
    };
    let Operation::ExtendedResponse(response) = operation else {
        panic!("{operation:?}");
    };
    assert_eq!(response.result.code, ResultCode::ProtocolError);
    assert_eq!(*house.seen.messages.lock().unwrap(), [1]);

    let mut client = house.client();
    client.send(&bind(1, sasl));
    assert_eq!(client.receive(), Some((1, ResultCode::Success)));
    client.send(&wrapped(&who(2)));
    let mut head = [0; 8];
    client.stream.read_exact(&mut head).unwrap();
    assert_eq!(client.receive(), Some((2, ResultCode::Success)));
    // Without the layer nothing is taken any more, nor is a token of 1 GB.
    for bytes in [&who(3), &[0x40, 0, 0, 0, 1][..]] {
        let mut client = house.client();
        client.send(&bind(1, sasl));
        assert_eq!(client.receive(), Some((1, ResultCode::Success)));
        client.send(bytes);
        let mut rest = Vec::new();
        client.stream.read_to_end(&mut rest).unwrap_or_default();
        let notice = rest.get(8..).map(Message::decode);
        assert!(
            matches!(notice, Some(Ok(Message { id: 0, .. }))),
            "{rest:?}"
        );
    }
    assert_eq!(*house.seen.messages.lock().unwrap(), [1, 1, 2, 1, 1]);
}

#[test]
fn what_came_before_tls_is_not_done_within_it() {
    let house = House::new(&impatient());
    let mut client = house.client();
    let start = extended(1, extension_oid::START_TLS);
    client.send(&[start, compare(2, b"put in")].concat());
    assert_eq!(client.receive(), Some((0, ResultCode::ProtocolError)));
    assert_eq!(client.receive(), None);
    assert_eq!(*house.seen.messages.lock().unwrap(), [1]);
}
