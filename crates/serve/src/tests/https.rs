use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::{PATIENCE, any, certificate, identity, impatient, let_go, serve, wait_until_held};
use crate::listeners::Listeners;
use crate::settings::{Limits, Listen};

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn https() -> (Listeners, SocketAddr) {
    let (serving, _) = serve(
        &Listen {
            https: vec![any()],
            ..Listen::nowhere()
        },
        &impatient(),
    );
    let address = serving.addresses().https[0];
    (serving, address)
}

struct Client {
    trusts: &'static str,
    shows: Option<(&'static str, &'static str)>,
    version: &'static SupportedProtocolVersion,
    alpn: &'static [u8],
}

impl Default for Client {
    fn default() -> Self {
        Self {
            trusts: "first",
            shows: None,
            version: &rustls::version::TLS13,
            alpn: b"http/1.1",
        }
    }
}

impl Client {
    fn connect(&self, address: SocketAddr) -> Result<Tls, String> {
        let mut roots = RootCertStore::empty();
        roots
            .add(
                CertificateDer::from_pem_file(certificate(&format!("{}.pem", self.trusts)))
                    .unwrap(),
            )
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.shows {
            Some((chain, key)) => {
                let chain = vec![CertificateDer::from_pem_file(certificate(chain)).unwrap()];
                let key = PrivateKeyDer::from_pem_file(certificate(key)).unwrap();
                let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
                // Not `with_client_auth_cert`, which refuses a key that is not the certificate's.
                let shown = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(
                    chain, key,
                ));
                builder.with_client_cert_resolver(Arc::new(shown))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![self.alpn.to_vec()];
        let connection =
            ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap())
                .unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut tls = StreamOwned::new(connection, stream);
        tls.conn
            .complete_io(&mut tls.sock)
            .map_err(|error| error.to_string())?;
        Ok(tls)
    }
}

fn ask(stream: &mut impl ReadWrite, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    read_answer(stream)
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// Reads to the end of the connection or of the announced body.
fn read_answer(stream: &mut impl Read) -> String {
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
        }
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if length.is_some_and(|length| body.len() >= length) {
                break;
            }
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: STS.corp.example\r\n\r\n";

#[test]
fn a_request_reaches_the_door_as_it_was_sent() {
    let (_serving, address) = https();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut tls = Client {
            version,
            ..Client::default()
        }
        .connect(address)
        .unwrap();
        for _ in 0..2 {
            let answer = ask(&mut tls, GET);
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(
                answer.ends_with(
                    "GET /a?b=c host=STS.corp.example body=0 certificate=None role=https"
                ),
                "{answer}"
            );
        }
    }
}

#[test]
fn what_is_answered_in_no_time_waits_for_no_worker() {
    let limits = Limits {
        workers: 2,
        queue_millis: 60_000,
        ..impatient()
    };
    let listen = Listen {
        https: vec![any()],
        ..Listen::nowhere()
    };
    let (serving, _) = serve(&listen, &limits);
    let address = serving.addresses().https[0];
    let connect = || Client::default().connect(address).unwrap();
    let (mut others, mut mine) = ([connect(), connect()], connect());
    for other in &mut others {
        other
            .write_all(&GET.replace("/a?b=c", "/hold").into_bytes())
            .unwrap();
    }
    wait_until_held(2);
    let answer = ask(&mut mine, &GET.replace("/a?b=c", "/quick"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let_go();
    for other in &mut others {
        let answer = read_answer(other);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn a_client_certificate_of_an_unknown_issuer_reaches_the_door() {
    let (_serving, address) = https();
    let length = CertificateDer::from_pem_file(certificate("device.pem"))
        .unwrap()
        .len();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let shows = Some(("device.pem", "device.key.pem"));
        let mut tls = Client {
            version,
            shows,
            ..Client::default()
        }
        .connect(address)
        .unwrap();
        let answer = ask(&mut tls, GET);
        assert!(
            answer.contains(&format!("certificate=Some({length})")),
            "{answer}"
        );
    }
}

#[test]
fn a_client_certificate_without_its_key_gets_nowhere() {
    let (_serving, address) = https();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        // The device's certificate, signed for with another key.
        let shows = Some(("device.pem", "second.key.pem"));
        let answered = Client {
            version,
            shows,
            ..Client::default()
        }
        .connect(address)
        .map(|mut tls| {
            let _ = tls.write_all(GET.as_bytes());
            read_answer(&mut tls)
        });
        assert!(
            answered.as_ref().is_err() || answered.as_ref().is_ok_and(String::is_empty),
            "{answered:?}"
        );
    }
}

#[test]
fn a_replaced_certificate_is_shown_from_the_next_handshake_on() {
    let (serving, address) = https();
    let mut standing = Client::default().connect(address).unwrap();
    assert!(ask(&mut standing, GET).contains("200 OK"));
    serving.replace_identity(identity("second")).unwrap();
    assert!(
        ask(&mut standing, GET).contains("200 OK"),
        "a connection that stands goes on"
    );
    assert!(Client::default().connect(address).is_err());
    let mut renewed = Client {
        trusts: "second",
        ..Client::default()
    }
    .connect(address)
    .unwrap();
    assert!(ask(&mut renewed, GET).contains("200 OK"));
}

#[test]
fn a_certificate_that_is_not_of_its_key_changes_nothing() {
    let (serving, address) = https();
    let mixed =
        crate::Identity::from_pem_files(&certificate("second.pem"), &certificate("first.key.pem"))
            .unwrap();
    assert!(serving.replace_identity(mixed).is_err());
    assert!(Client::default().connect(address).is_ok());
}

#[test]
fn a_body_over_the_limit_is_refused_whether_announced_or_not() {
    let limits = Limits {
        request_body: 1000,
        ..impatient()
    };
    let (serving, _) = serve(
        &Listen {
            http: vec![any()],
            ..Listen::nowhere()
        },
        &limits,
    );
    let address = serving.addresses().http[0];
    let connect = || TcpStream::connect(address).unwrap();
    let answer = ask(
        &mut connect(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1001)
    );
    let answer = ask(&mut connect(), &chunked);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let whole = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{}",
        "x".repeat(1000)
    );
    assert!(ask(&mut connect(), &whole).contains("body=1000"));
}

#[test]
fn slow_heads_and_slow_bodies_are_let_go_and_hold_up_nobody() {
    let (serving, _) = serve(
        &Listen {
            http: vec![any()],
            ..Listen::nowhere()
        },
        &impatient(),
    );
    let address = serving.addresses().http[0];
    let begun = |text: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let mut heads: Vec<TcpStream> = (0..200).map(|_| begun("GET / HTTP/1.1\r\nHost")).collect();
    let mut body = begun("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    let mut good = begun("");
    assert!(ask(&mut good, GET).starts_with("HTTP/1.1 200"));
    let answer = read_answer(&mut body);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    for head in &mut heads {
        let answer = read_answer(head);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
}

#[test]
fn a_connection_that_does_nothing_is_closed() {
    let limits = Limits {
        idle_seconds: 1,
        head_seconds: 60,
        ..impatient()
    };
    let (serving, _) = serve(
        &Listen {
            http: vec![any()],
            https: vec![any()],
            ..Listen::nowhere()
        },
        &limits,
    );
    let mut plain = TcpStream::connect(serving.addresses().http[0]).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_answer(&mut plain), "");
    let mut http2 = Client {
        alpn: b"h2",
        ..Client::default()
    }
    .connect(serving.addresses().https[0])
    .unwrap();
    http2
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut heard = Vec::new();
    let _ = http2.read_to_end(&mut heard);
    assert!(
        !heard.is_empty(),
        "the server's settings come, then the end"
    );
}

/// A frame of HTTP/2 (RFC 9113 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn a_connection_whose_requests_were_taken_back_makes_room_for_others() {
    let limits = Limits {
        http_connections: 1,
        idle_seconds: 600,
        transfer_seconds: 600,
        ..impatient()
    };
    let (serving, _) = serve(
        &Listen {
            https: vec![any()],
            ..Listen::nowhere()
        },
        &limits,
    );
    let address = serving.addresses().https[0];
    let mut taker = Client {
        alpn: b"h2",
        ..Client::default()
    }
    .connect(address)
    .unwrap();
    // POST / without its body, and RST_STREAM with CANCEL at once; the PING says when both were read.
    let request = [0x83, 0x87, 0x84, 0x41, 1, b'a'];
    let taken_back = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 4, 1, &request),
        frame(3, 0, 1, &[0, 0, 0, 8]),
        frame(6, 0, 0, &[7; 8]),
    ];
    taker.write_all(&taken_back.concat()).unwrap();
    let pong = frame(6, 1, 0, &[7; 8]);
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    while !heard.windows(pong.len()).any(|part| part == pong) {
        let read = taker.read(&mut piece).unwrap();
        assert_ne!(read, 0, "{heard:?}");
        heard.extend_from_slice(&piece[..read]);
    }
    let let_in = (0..500).any(|_| {
        let newcomer = Client::default().connect(address);
        newcomer.is_ok_and(|mut tls| {
            tls.write_all(GET.as_bytes()).is_ok() && read_answer(&mut tls).contains("200 OK")
        })
    });
    assert!(let_in);
}

#[test]
fn a_crowd_that_never_ends_its_requests_does_not_shut_the_door() {
    let limits = Limits {
        http_connections: 50,
        transfer_seconds: 600,
        idle_seconds: 600,
        ..impatient()
    };
    let (serving, _) = serve(
        &Listen {
            http: vec![any()],
            ..Listen::nowhere()
        },
        &limits,
    );
    let address = serving.addresses().http[0];
    let crowd: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // The server asks for the body once it has read the head.
            let head =
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = [0; 25];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
            stream
        })
        .collect();
    let mut good = TcpStream::connect(address).unwrap();
    good.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(ask(&mut good, GET).starts_with("HTTP/1.1 200"));
    drop(crowd);
}

#[test]
fn garbage_is_no_reason_to_stop() {
    let (serving, _) = serve(
        &Listen {
            http: vec![any()],
            https: vec![any()],
            ..Listen::nowhere()
        },
        &impatient(),
    );
    for address in [serving.addresses().http[0], serving.addresses().https[0]] {
        for garbage in [
            &[0x16, 3, 1, 0xff, 0xff, 0][..],
            b"\0\0\0\0\0\0",
            b"GET\r\n\r\n",
            &[0xff; 70_000],
        ] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let _ = stream.write_all(garbage);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            assert!(!read_answer(&mut stream).contains("200 OK"));
        }
    }
    assert!(
        ask(
            &mut Client::default()
                .connect(serving.addresses().https[0])
                .unwrap(),
            GET
        )
        .contains("200 OK")
    );
}

#[test]
fn a_party_that_panics_gives_a_plain_error_and_the_connection_goes_on() {
    let (_serving, address) = https();
    let mut tls = Client::default().connect(address).unwrap();
    let answer = ask(&mut tls, "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(!answer.contains("on purpose"), "{answer}");
    assert!(ask(&mut tls, GET).contains("200 OK"));
}

#[test]
fn metrics_and_health_are_told_on_their_own_listener() {
    let (serving, _) = serve(
        &Listen {
            operations: Some(any()),
            http: vec![any()],
            ..Listen::nowhere()
        },
        &impatient(),
    );
    let operations = serving.addresses().operations.unwrap();
    ask(
        &mut TcpStream::connect(serving.addresses().http[0]).unwrap(),
        GET,
    );
    for (path, expected) in [
        (
            "/metrics",
            "keyporch_requests_total{role=\"http\",outcome=\"answered\"} 1\n",
        ),
        ("/healthz", "ok\n"),
        ("/readyz", "ready\n"),
        ("/", "HTTP/1.1 404"),
    ] {
        let answer = ask(
            &mut TcpStream::connect(operations).unwrap(),
            &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        );
        assert!(answer.contains(expected), "{path}: {answer}");
    }
}
