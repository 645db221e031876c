//! The sockets with stand-ins behind them: what peers can do to a listener, and what it answers then.

mod front;
mod https;
mod kdc;
mod ldap;
mod local;
mod node;
mod passwords;
mod tenant;
mod told;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use wire::http::{Request, Response};

use crate::door::{Ends, Http, Kerberos, Ldap, LdapSession, Path, Said};
use crate::fault::Role;
use crate::listeners::{Behind, BehindDomain, Listeners};
use crate::metrics::Metrics;
use crate::settings::{Limits, Listen};
use crate::sockets::{Inherited, Sockets};
use crate::tls::Identity;

/// Answers with what it was asked, fails on `panic`, is silent on `silence`, keeps its worker on `/hold`.
struct Echo;

/// How many requests for `/hold` are under way; none goes on before [`let_go`].
static HELD: (Mutex<Option<usize>>, Condvar) = (Mutex::new(Some(0)), Condvar::new());

fn hold() {
    let (held, changed) = &HELD;
    let mut held = held.lock().unwrap();
    *held = held.map(|held| held + 1);
    changed.notify_all();
    drop(changed.wait_while(held, |held| held.is_some()).unwrap());
}

fn wait_until_held(count: usize) {
    let (held, changed) = &HELD;
    let (_held, late) = changed
        .wait_timeout_while(held.lock().unwrap(), PATIENCE, |held| *held < Some(count))
        .unwrap();
    assert!(!late.timed_out());
}

fn let_go() {
    *HELD.0.lock().unwrap() = None;
    HELD.1.notify_all();
}

impl Kerberos for Echo {
    fn answer(&self, message: &[u8], path: Path, ends: Ends) -> Option<Arc<[u8]>> {
        assert!(ends.own.ip().is_loopback() && ends.peer.ip().is_loopback());
        match message {
            b"panic" => panic!("on purpose"),
            b"silence" => None,
            _ => {
                let by: &[u8] = if path == Path::Udp {
                    b" by udp"
                } else {
                    b" by tcp"
                };
                Some([message, by].concat().into())
            }
        }
    }

    fn generic_failure(&self) -> Option<Arc<[u8]>> {
        Some(Arc::from(*b"generic"))
    }

    fn too_long(&self) -> Option<Arc<[u8]>> {
        Some(Arc::from(*b"too long"))
    }

    fn busy(&self, _: Ends) -> Option<Arc<[u8]>> {
        Some(Arc::from(*b"busy"))
    }
}

impl Http for Echo {
    fn answer(&self, request: Request, role: Role) -> Response {
        match request.path.as_str() {
            "/panic" => panic!("on purpose"),
            "/hold" => hold(),
            _ => {}
        }
        let certificate = request.client_certificate.as_ref().map(|der| der.len());
        let text = format!(
            "{} {} host={} body={} certificate={certificate:?} role={}",
            request.method.as_str(),
            request.target(),
            request.host,
            request.body.len(),
            role.label(),
        );
        Response::text(200, &text)
    }

    fn is_quick(&self, request: &Request, _: Role) -> bool {
        request.path == "/quick"
    }
}

/// Limits that end a test's patience soon.
fn impatient() -> Limits {
    Limits {
        idle_seconds: 4,
        head_seconds: 1,
        transfer_seconds: 1,
        kdc_threads: 2,
        ..Limits::default()
    }
}

/// A directory that ends every connection at its first message.
struct Silent;

impl Ldap for Silent {
    fn open(&self, _peer: SocketAddr, _start_tls: bool) -> Box<dyn LdapSession> {
        Box::new(Self)
    }
}

impl LdapSession for Silent {
    fn is_quick(&self, _: &[u8]) -> bool {
        false
    }

    fn answer(&mut self, _message: &[u8]) -> Said {
        Said::Close(Vec::new())
    }

    fn go_on(&mut self) -> Said {
        Said::Close(Vec::new())
    }

    fn commit(&mut self, _message: &[u8]) -> Said {
        Said::Close(Vec::new())
    }

    fn abandoned(&mut self) {}

    fn secured(&mut self, _: Vec<Vec<u8>>, _: Option<[u8; 16]>) {}

    fn is_known(&self) -> bool {
        false
    }

    fn settle(&mut self) {}

    fn is_wrapped(&self) -> bool {
        false
    }

    fn wrap(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    fn unwrap(&mut self, _token: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn disconnection(&self, _code: wire::ldap::ResultCode, _why: &str) -> Vec<u8> {
        Vec::new()
    }

    fn busy(&self, _message: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

fn certificate(name: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/tests/certificates")
        .join(name)
}

fn identity(name: &str) -> Identity {
    Identity::from_pem_files(
        &certificate(&format!("{name}.pem")),
        &certificate(&format!("{name}.key.pem")),
    )
    .unwrap()
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn serve(listen: &Listen, limits: &Limits) -> (Listeners, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::default());
    let behind = Behind {
        domain: Some(BehindDomain {
            kdc: Arc::new(Echo),
            passwords: Arc::new(Echo),
            ldap: Arc::new(Silent),
        }),
        http: Arc::new(Echo),
        identities: vec![identity("first")],
        ready: Box::new(|| Ok(())),
    };
    let sockets = Sockets::open(listen, Inherited::default()).unwrap();
    (
        Listeners::serve(sockets, limits, behind, &metrics).unwrap(),
        metrics,
    )
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
