//! The client against servers that are as short as a test needs them.

mod sign_in;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{CallFault, Client, ClientCertificate, Hosts, Roots};

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/tests/certificates")
        .join(name)
}

/// What one request to a server that answers `answer` looks like, head and body.
pub(crate) fn one_exchange(stream: &mut (impl Read + Write), answer: &str) -> Option<String> {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => request.extend_from_slice(&piece[..read]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        if body.len() >= length.unwrap_or(0) {
            stream.write_all(answer.as_bytes()).ok()?;
            return Some(text);
        }
    }
}

/// Takes every client certificate whose key the peer proves to hold.
#[derive(Debug)]
struct AnyHolder;

impl ClientCertVerifier for AnyHolder {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 was offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, own, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A server with TLS for one connection; its thread gives the request.
pub(crate) fn tls_server(
    answer: &'static str,
    wants_certificate: bool,
) -> (SocketAddr, thread::JoinHandle<(Option<String>, usize)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match wants_certificate {
            true => builder.with_client_cert_verifier(Arc::new(AnyHolder)),
            false => builder.with_no_client_auth(),
        };
        let chain = vec![CertificateDer::from_pem_file(file("first.pem")).unwrap()];
        let config = builder
            .with_single_cert(
                chain,
                PrivateKeyDer::from_pem_file(file("first.key.pem")).unwrap(),
            )
            .unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        let request = one_exchange(&mut tls, answer);
        tls.conn.send_close_notify();
        let _ = tls.flush();
        (request, tls.conn.peer_certificates().map_or(0, <[_]>::len))
    });
    (address, serving)
}

fn client(roots: &str, certificate: Option<ClientCertificate>) -> Client {
    let mut hosts = Hosts::default();
    hosts.add("localhost", [127, 0, 0, 1].into());
    hosts.add("elsewhere.corp.example", [127, 0, 0, 1].into());
    Client::new(
        &Roots::from_pem_file(&file(roots)).unwrap(),
        hosts,
        certificate,
    )
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_server_that_our_roots_vouch_for_is_asked_by_its_name() {
    let (address, serving) = tls_server(OK, false);
    let answer = client("first.pem", None)
        .post_form(
            &format!("https://localhost:{}/token?x=1", address.port()),
            &[("a", "b c")],
        )
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_slice()),
        (200, &b"ok"[..])
    );
    let request = serving.join().unwrap().0.unwrap();
    assert!(
        request.starts_with("POST /token?x=1 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("host: localhost:{}\r\n", address.port())),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\na=b%20c"), "{request}");
}

#[test]
fn a_server_of_another_authority_or_another_name_is_not_believed() {
    let (address, _serving) = tls_server(OK, false);
    let fault = client("second.pem", None)
        .get(&format!("https://localhost:{}/", address.port()))
        .unwrap_err();
    assert!(matches!(&fault, CallFault::NotTrusted { .. }), "{fault:?}");
    let said = fault.to_string();
    assert!(said.ends_with("its certificate is by an authority that is not known here"));
    assert!(fault.remedy().contains("--roots"), "{}", fault.remedy());
    let (address, _serving) = tls_server(OK, false);
    let fault = client("first.pem", None)
        .get(&format!(
            "https://elsewhere.corp.example:{}/",
            address.port()
        ))
        .unwrap_err();
    assert!(matches!(&fault, CallFault::NotTrusted { .. }), "{fault:?}");
    let said = fault.to_string();
    assert!(said.ends_with("its certificate is that of another name"));
}

#[test]
fn a_redirect_is_an_answer_like_any_other() {
    let (address, _serving) = tls_server(
        "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n",
        false,
    );
    let answer = client("first.pem", None)
        .get(&format!("https://localhost:{}/", address.port()))
        .unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(answer.headers()["location"], "https://evil.example/");
}

#[test]
fn an_error_status_is_an_answer_too() {
    let (address, _serving) = tls_server(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno\n",
        false,
    );
    let answer = client("first.pem", None)
        .get(&format!("https://localhost:{}/", address.port()))
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_slice()),
        (401, &b"no\n"[..])
    );
}

#[test]
fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let own = CertificateDer::from_pem_file(file("device.pem"))
        .unwrap()
        .to_vec();
    let key = PrivateKeyDer::from_pem_file(file("device.key.pem"))
        .unwrap()
        .secret_der()
        .to_vec();
    let certificate = ClientCertificate::with_key(vec![own], key).unwrap();
    let (address, serving) = tls_server(OK, true);
    client("first.pem", Some(certificate))
        .get(&format!("https://localhost:{}/", address.port()))
        .unwrap();
    assert_eq!(serving.join().unwrap().1, 1);
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        one_exchange(
            &mut stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
        );
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let fault = client("first.pem", None)
        .get(&format!("http://localhost:{port}/"))
        .unwrap_err();
    assert!(matches!(fault, CallFault::Unreadable { .. }), "{fault:?}");
}

#[test]
fn nobody_there_and_no_such_name_are_told_apart() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let fault = client("first.pem", None)
        .get(&format!("https://localhost:{}/", gone.port()))
        .unwrap_err();
    assert_eq!(
        fault.to_string(),
        format!("nothing answers at localhost:{}", gone.port())
    );
    let fault = client("first.pem", None)
        .get("https://nowhere.invalid/")
        .unwrap_err();
    assert_eq!(fault.to_string(), "nowhere.invalid has no address");
}

#[test]
fn the_unix_socket_is_spoken_to_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = thread::spawn(move || one_exchange(&mut listener.accept().unwrap().0, OK));
    let answer = Client::local(&path)
        .get("http://local/administration/v1/users")
        .unwrap();
    assert_eq!(answer.body(), b"ok");
    assert!(
        serving
            .join()
            .unwrap()
            .unwrap()
            .starts_with("GET /administration/v1/users HTTP/1.1\r\n")
    );
    let fault = Client::local(&folder.path().join("gone.sock"))
        .get("http://local/")
        .unwrap_err();
    assert!(
        fault.to_string().starts_with("nothing answers at /"),
        "{fault}"
    );
}
