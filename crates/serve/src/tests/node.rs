//! The whole server with its real parties, over a directory in memory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;

use authority::Ca;
use directory::{Directory, testing};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use trust::{Clock, SystemClock, SystemRng};
use wire::kerberos::{ErrorCode, KdcProxyMessage, KrbError, PrincipalName, Realm};

use super::{PATIENCE, any};
use crate::fault::Fault;
use crate::server::{Parts, Running, Server, found_authorities};
use crate::settings::{Listen, Settings};

pub(super) fn settings() -> Settings {
    let mut settings = Settings {
        listen: Listen::nowhere(),
        ..Settings::default()
    };
    settings.listen.kdc = vec![any()];
    settings.listen.https = vec![any()];
    settings.listen.http = vec![any()];
    settings.federation.base = "https://sts.corp.example".to_owned();
    settings
}

fn started() -> (Running, Arc<Directory>) {
    let directory = testing::fresh();
    found_authorities(&settings(), Parts::new(Arc::clone(&directory))).unwrap();
    let running = Server::start(settings(), Parts::new(Arc::clone(&directory))).unwrap();
    (running, directory)
}

pub(super) fn root(directory: &Directory) -> Vec<u8> {
    let snapshot = directory.snapshot().unwrap();
    authority::authority(&snapshot, Ca::Tls, SystemClock.now())
        .unwrap()
        .unwrap()
        .der()
        .to_vec()
}

pub(super) fn get(
    address: SocketAddr,
    root: Vec<u8>,
    name: &'static str,
    host: &str,
    path: &str,
) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = over_tls(address, root, name, request.as_bytes());
    String::from_utf8_lossy(&answer).into_owned()
}

fn over_tls(address: SocketAddr, root: Vec<u8>, name: &'static str, request: &[u8]) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root)).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection =
        ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut tls = StreamOwned::new(connection, stream);
    tls.write_all(request).unwrap();
    let mut answer = Vec::new();
    let _ = tls.read_to_end(&mut answer);
    answer
}

fn ask_kdc(address: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(message, address).unwrap();
    let mut answer = vec![0; 65_535];
    let (length, _) = socket.recv_from(&mut answer).unwrap();
    answer.truncate(length);
    answer
}

/// An AS-REQ of somebody whom the directory does not have.
fn of_nobody() -> Vec<u8> {
    let (_, request) = ticket::client::Initial::start(
        PrincipalName::principal("nobody"),
        Realm::from("CORP.EXAMPLE"),
        ticket::client::Wish::ticket_granting("CORP.EXAMPLE"),
        ticket::client::Secret::Password("no matter"),
        SystemClock.now(),
        &mut SystemRng,
    );
    request
}

#[test]
fn every_party_answers_behind_its_socket() {
    let (running, directory) = started();
    let addresses = running.addresses().clone();

    let request = of_nobody();
    let error = KrbError::decode(&ask_kdc(addresses.kdc[0], &request)).unwrap();
    assert!(
        matches!(
            error.error_code,
            ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN | ErrorCode::KDC_ERR_PREAUTH_REQUIRED
        ),
        "{error:?}"
    );

    let root = root(&directory);
    for name in ["sts.corp.example", "enterpriseregistration.corp.example"] {
        let answer = get(
            addresses.https[0],
            root.clone(),
            name,
            name,
            "/adfs/.well-known/openid-configuration",
        );
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("https://sts.corp.example/adfs"), "{answer}");
    }
    let answer = get(
        addresses.https[0],
        root.clone(),
        "sts.corp.example",
        "evil.example",
        "/adfs/.well-known/openid-configuration",
    );
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    let answer = get(
        addresses.https[0],
        root,
        "sts.corp.example",
        "sts.corp.example",
        "/nowhere",
    );
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");

    let mut plain = TcpStream::connect(addresses.http[0]).unwrap();
    plain
        .write_all(b"GET /root.crl HTTP/1.1\r\nHost: pki.corp.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.contains("content-type: application/pkix-crl"),
        "{answer}"
    );
    running.shutdown(PATIENCE);
}

#[test]
fn the_administration_answers_on_the_socket_and_wants_a_token_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let directory = testing::fresh();
    let mut settings = settings();
    settings.listen.admin_socket = Some(socket.clone());
    found_authorities(&settings, Parts::new(Arc::clone(&directory))).unwrap();
    let running = Server::start(settings, Parts::new(Arc::clone(&directory))).unwrap();

    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream
        .write_all(
            b"GET /administration/v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let kdc = running.addresses().kdc[0];
    assert!(
        answer.contains(&format!("\"kdcs\":[\"{kdc}\"]")),
        "{answer}"
    );

    let name = "sts.corp.example";
    let path = "/Administration/v1/status";
    let answer = get(
        running.addresses().https[0],
        root(&directory),
        name,
        name,
        path,
    );
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[test]
fn a_server_without_its_authorities_does_not_start() {
    let fault = Server::start(settings(), Parts::new(testing::fresh())).unwrap_err();
    assert!(matches!(fault, Fault::Certificate(_)), "{fault}");
}

#[test]
fn wrong_settings_of_a_party_are_said_with_its_section() {
    let mut settings = settings();
    settings.authority.tls_days = 1;
    let fault = Server::start(settings, Parts::new(testing::fresh())).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "[authority]: authority.tls_days is 1, expected 2 to 397"
    );
}

#[test]
fn a_second_server_over_the_same_directory_takes_up_where_the_first_one_stopped() {
    let (running, directory) = started();
    let first = get(
        running.addresses().https[0],
        root(&directory),
        "sts.corp.example",
        "sts.corp.example",
        "/adfs/discovery/keys",
    );
    running.shutdown(PATIENCE);
    let running = Server::start(settings(), Parts::new(Arc::clone(&directory))).unwrap();
    let second = get(
        running.addresses().https[0],
        root(&directory),
        "sts.corp.example",
        "sts.corp.example",
        "/adfs/discovery/keys",
    );
    let body = |answer: &str| {
        answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
    };
    assert_eq!(body(&first), body(&second));
    assert!(
        body(&first).is_some_and(|body| body.contains("\"kid\"")),
        "{first}"
    );
}

/// Posts `body` to the KDC proxy; the status line and the body of the answer.
pub(super) fn ask_proxy(
    address: SocketAddr,
    root: &[u8],
    method: &str,
    body: &[u8],
) -> (String, Vec<u8>) {
    let name = "sts.corp.example";
    let head = format!(
        "{method} /KdcProxy HTTP/1.1\r\nHost: {name}\r\nContent-Type: application/kerberos\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    let answer = over_tls(address, root.to_vec(), name, &request);
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.lines().next().unwrap().to_owned();
    (status, answer[end + 4..].to_vec())
}

pub(super) fn proxied(message: &[u8], realm: Option<&str>) -> KdcProxyMessage {
    KdcProxyMessage::new(message, realm.map(Realm::from))
}

#[test]
fn e_9_the_kdc_answers_through_its_proxy_for_this_realm_alone() {
    let (running, directory) = started();
    let address = running.addresses().https[0];
    let root = root(&directory);
    let message = of_nobody();

    for realm in [None, Some("CORP.EXAMPLE"), Some("corp.example")] {
        let asked = proxied(&message, realm).encode();
        let (status, body) = ask_proxy(address, &root, "POST", &asked);
        assert_eq!(status, "HTTP/1.1 200 OK", "{realm:?}");
        let answer = KdcProxyMessage::decode(&body).unwrap();
        let (length, reply) = answer.kerb_message.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, reply.len());
        let error = KrbError::decode(reply).unwrap();
        assert_eq!(error.error_code, ErrorCode::KDC_ERR_PREAUTH_REQUIRED);
    }

    let mut shorter = proxied(&message, None);
    shorter.kerb_message.pop();
    let mut bare = proxied(&message, None);
    bare.kerb_message = message.clone();
    let refused: [(&str, &str, Vec<u8>); 6] = [
        (
            "HTTP/1.1 405 Method Not Allowed",
            "PUT",
            proxied(&message, None).encode(),
        ),
        (
            "HTTP/1.1 403 Forbidden",
            "POST",
            proxied(&message, Some("ELSEWHERE.EXAMPLE")).encode(),
        ),
        ("HTTP/1.1 400 Bad Request", "POST", message.clone()),
        ("HTTP/1.1 400 Bad Request", "POST", shorter.encode()),
        ("HTTP/1.1 400 Bad Request", "POST", bare.encode()),
        (
            "HTTP/1.1 400 Bad Request",
            "POST",
            proxied(b"garbage", None).encode(),
        ),
    ];
    for (expected, method, body) in refused {
        let (status, _) = ask_proxy(address, &root, method, &body);
        assert_eq!(status, expected);
    }
    running.shutdown(PATIENCE);
}

#[test]
fn who_does_not_want_the_proxy_has_none() {
    let directory = testing::fresh();
    found_authorities(&settings(), Parts::new(Arc::clone(&directory))).unwrap();
    let mut settings = settings();
    settings.kdc.proxy = false;
    let running = Server::start(settings, Parts::new(Arc::clone(&directory))).unwrap();
    let asked = proxied(&of_nobody(), None).encode();
    let (status, _) = ask_proxy(
        running.addresses().https[0],
        &root(&directory),
        "POST",
        &asked,
    );
    assert_eq!(status, "HTTP/1.1 404 Not Found");
    running.shutdown(PATIENCE);
}
