//! Telling somebody of something: JSON posted to an address that the organisation named.
//!
//! It goes over HTTPS, to a server that proves its name by certain roots, or by plain HTTP to this machine itself. Only a
//! status of success says that it was taken. No redirection is followed, for the address was named and no other; of an answer
//! nothing is read but its status. An address may hold what lets somebody in (a path that nobody else knows): no fault has more
//! of it than the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, Uri};

use crate::client::{Client, Roots, request};
use crate::fault::CallFault;
use crate::hosts::Hosts;

/// How long it may take as a whole.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum NotTold {
    /// The address is none of HTTPS, nor of plain HTTP to this machine.
    #[error("the address is none of HTTPS, nor of HTTP on this machine")]
    Address,
    /// No answer came.
    #[error(transparent)]
    Call(CallFault),
    /// The other side did not take it.
    #[error("{to} answered with status {}", status.as_u16())]
    Status {
        /// The host.
        to: String,
        /// What it said.
        status: StatusCode,
    },
}

impl From<CallFault> for NotTold {
    fn from(fault: CallFault) -> Self {
        match fault {
            // It has the whole address.
            CallFault::Address { .. } => Self::Address,
            other => Self::Call(other),
        }
    }
}

/// Posts JSON to `to`. `roots`: a PEM file of the authorities that may vouch for an HTTPS server; it is read each time, so that
/// one that was added counts at once, and not at all for plain HTTP.
///
/// # Errors
/// [`NotTold`].
pub fn json(to: &str, body: &[u8], roots: &Path) -> Result<(), NotTold> {
    post(to, body, roots, PATIENCE)
}

fn post(to: &str, body: &[u8], roots: &Path, patience: Duration) -> Result<(), NotTold> {
    let uri: Uri = to.parse().map_err(|_| NotTold::Address)?;
    let client = match uri.scheme_str() {
        Some("https") => Client::new(&Roots::from_system_file(roots)?, Hosts::default(), None),
        Some("http") if is_this_machine(uri.host().unwrap_or_default()) => {
            Client::new(&Roots::none(), this_machine(), None)
        }
        _ => return Err(NotTold::Address),
    };
    let host = match uri.authority() {
        Some(authority) if !authority.as_str().contains('@') => authority.to_string(),
        _ => return Err(NotTold::Address),
    };
    let headers = [(CONTENT_TYPE, "application/json")];
    let asked = request(Method::POST, to, &headers, body.to_vec())?;
    let status = client.status(asked, patience)?;
    match status.is_success() {
        true => Ok(()),
        false => Err(NotTold::Status { to: host, status }),
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bare.unwrap_or(host).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// The one name that plain HTTP goes to, wherever else a nameserver would send it.
fn this_machine() -> Hosts {
    let mut hosts = Hosts::default();
    hosts.add("localhost", Ipv4Addr::LOCALHOST.into());
    hosts.add("localhost", Ipv6Addr::LOCALHOST.into());
    hosts
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::tests::{file, one_exchange, tls_server};

    const BODY: &[u8] = br#"{"event":"key.register"}"#;

    /// A server for one connection, and the request that comes to it.
    fn server(answer: &'static str) -> (u16, thread::JoinHandle<Option<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            one_exchange(&mut stream, answer)
        });
        (port, serving)
    }

    fn tell(to: &str) -> Result<(), NotTold> {
        post(to, BODY, &file("first.pem"), Duration::from_secs(5))
    }

    #[test]
    fn json_is_posted_over_https_to_who_proves_the_name() {
        let (address, serving) = tls_server("HTTP/1.1 204 No Content\r\n\r\n", false);
        tell(&format!("https://localhost:{}/hook?s=1", address.port())).unwrap();
        let request = serving.join().unwrap().0.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /hook?s=1 HTTP/1.1\r\n"), "{head}");
        let is_json = |line: &str| line.eq_ignore_ascii_case("content-type: application/json");
        assert!(head.lines().any(is_json), "{head}");
        assert_eq!(body.as_bytes(), BODY);
    }

    #[test]
    fn nobody_is_told_who_does_not_prove_the_name() {
        let (address, serving) = tls_server("HTTP/1.1 200 OK\r\n\r\n", false);
        let to = format!("https://localhost:{}/", address.port());
        let fault = post(&to, BODY, &file("second.pem"), PATIENCE).unwrap_err();
        assert!(
            matches!(fault, NotTold::Call(CallFault::NotTrusted { .. })),
            "{fault}"
        );
        assert_eq!(serving.join().unwrap().0, None);
    }

    #[test]
    fn this_machine_is_told_by_plain_http() {
        for host in ["127.0.0.1", "localhost"] {
            let (port, serving) = server("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
            tell(&format!("http://{host}:{port}/hook")).unwrap();
            assert!(
                serving
                    .join()
                    .unwrap()
                    .unwrap()
                    .ends_with("key.register\"}")
            );
        }
    }

    #[test]
    fn only_success_says_that_it_was_taken_and_a_redirection_leads_nowhere() {
        // Were it followed, it would find a server that takes everything.
        let (elsewhere, _waiting) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let moved = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        );
        let moved: &'static str = Box::leak(moved.into_boxed_str());
        for (answer, status) in [
            (moved, 307),
            (
                "HTTP/1.1 303 See Other\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
                303,
            ),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404),
            ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500),
        ] {
            let (port, serving) = server(answer);
            let fault = tell(&format!("http://127.0.0.1:{port}/secret")).unwrap_err();
            assert_eq!(
                fault.to_string(),
                format!("127.0.0.1:{port} answered with status {status}")
            );
            serving.join().unwrap();
        }
    }

    #[test]
    fn what_an_answer_says_besides_its_status_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let begun = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nmore to come";
            let request = one_exchange(&mut stream, begun);
            // The connection stays open until the other side has its answer.
            let _ = is_done.recv();
            request
        });
        tell(&format!("http://127.0.0.1:{port}/")).unwrap();
        drop(done);
        assert!(serving.join().unwrap().is_some());
    }

    #[test]
    fn who_is_silent_is_not_waited_for() {
        // Its backlog takes the connection, and nobody reads from it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_millis(200);
        let fault = post(
            &format!("http://{address}/secret"),
            BODY,
            &file("first.pem"),
            patience,
        );
        assert_eq!(
            fault.unwrap_err().to_string(),
            format!("{address} did not answer in time")
        );
    }

    #[test]
    fn plain_http_leaves_the_machine_for_nobody() {
        for to in [
            "http://corp.example/secret",
            "http://192.0.2.1/secret",
            "http://127.0.0.1.corp.example/secret",
            "http://localhost.corp.example/secret",
            "http://localhost@corp.example/secret",
            "https://secret@localhost/",
            "ftp://localhost/secret",
            "localhost/secret",
            "/secret",
            "",
        ] {
            let fault = tell(to).unwrap_err();
            assert!(matches!(fault, NotTold::Address), "{to}: {fault}");
            assert!(!fault.to_string().contains("secret"));
        }
    }

    #[test]
    fn roots_that_are_missing_are_named() {
        let fault = post(
            "https://localhost:1/",
            BODY,
            Path::new("/nowhere.pem"),
            PATIENCE,
        );
        let said = fault.unwrap_err().to_string();
        assert!(
            said.starts_with("/nowhere.pem holds no usable certificates"),
            "{said}"
        );
    }
}
