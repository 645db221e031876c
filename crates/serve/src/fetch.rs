//! Getting a revocation list or an OCSP answer by plain HTTP, within limits: of time, of size, of redirections,
//! and of whom a certificate may make us talk to.
//!
//! What comes back is signed, so that it came by plain HTTP does not matter (RFC 5280 8).

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use wire::http::plain::{self, NotUnderstood, Understood};

use crate::moment;

/// How long a fetch may take as a whole.
const LONGEST: Duration = Duration::from_secs(6);
/// How long one address may take to be connected to.
const CONNECT: Duration = Duration::from_secs(2);
/// Redirections that are followed.
const REDIRECTIONS: usize = 3;
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFetched {
    #[error("{0:?} is no plain HTTP URL")]
    Url(String),
    #[error("{0} is an address that certificates may not name")]
    Address(IpAddr),
    #[error("the host has no address")]
    NoAddress,
    #[error("it took too long")]
    Time,
    #[error(transparent)]
    Answer(#[from] NotUnderstood),
    #[error("more redirections than are followed")]
    Redirections,
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
}

/// What is asked for.
pub(crate) struct Wanted<'a> {
    /// Where.
    pub(crate) url: &'a str,
    /// Whether an administrator named the place: then it may be anywhere.
    pub(crate) by_administrator: bool,
    /// What is posted, with its type; nothing for a GET.
    pub(crate) posted: Option<(&'static str, &'a [u8])>,
    /// The most that is taken, in bytes.
    pub(crate) most: usize,
}

/// Gets the body of a response with status 200.
pub(crate) fn fetch(wanted: &Wanted<'_>) -> Result<Vec<u8>, NotFetched> {
    let until = moment::now() + LONGEST;
    let mut place = wanted.url.to_owned();
    let mut trusted = wanted.by_administrator;
    for _ in 0..=REDIRECTIONS {
        let response = once(&place, trusted, wanted, until)?;
        match plain::understand(&response, &place, wanted.most)? {
            Understood::Body(body) => return Ok(body.to_vec()),
            Understood::Elsewhere(url) => place = url,
        }
        // Where a server sends us is not where the administrator did.
        trusted = false;
    }
    Err(NotFetched::Redirections)
}

/// Everything that one server answers.
fn once(
    url: &str,
    trusted: bool,
    wanted: &Wanted<'_>,
    until: Instant,
) -> Result<Vec<u8>, NotFetched> {
    let (authority, path) = plain::parts(url).ok_or_else(|| NotFetched::Url(url.to_owned()))?;
    let mut stream = connect(authority, trusted, until)?;
    let head = match wanted.posted {
        None => format!("GET {path} HTTP/1.0\r\n"),
        Some((kind, body)) => format!(
            "POST {path} HTTP/1.0\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
            body.len()
        ),
    };
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(format!("{head}Host: {authority}\r\nConnection: close\r\n\r\n").as_bytes())?;
    if let Some((_, body)) = wanted.posted {
        stream.write_all(body)?;
    }
    read(&mut stream, wanted.most, until)
}

fn connect(authority: &str, trusted: bool, until: Instant) -> Result<TcpStream, NotFetched> {
    let bracketed = authority.ends_with(']');
    let addresses: Vec<SocketAddr> = match !bracketed && authority.contains(':') {
        true => authority.to_socket_addrs()?.take(ADDRESSES).collect(),
        false => format!("{authority}:80")
            .to_socket_addrs()?
            .take(ADDRESSES)
            .collect(),
    };
    let mut failed = NotFetched::NoAddress;
    for address in addresses {
        if !trusted && !is_public(address.ip()) {
            failed = NotFetched::Address(address.ip());
            continue;
        }
        match TcpStream::connect_timeout(&address, left(until)?.min(CONNECT)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error.into(),
        }
    }
    Err(failed)
}

/// Whether a certificate may make us talk to an address: not to this machine, and not to what answers only to those on
/// the same wire. An organisation's own networks are where its lists are.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_loopback()
                && !address.is_link_local()
                && !address.is_unspecified()
                && !address.is_multicast()
                && !address.is_broadcast()
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public(mapped.into()),
            None => {
                !address.is_loopback()
                    && !address.is_unspecified()
                    && !address.is_multicast()
                    && !address.is_unicast_link_local()
            }
        },
    }
}

fn left(until: Instant) -> Result<Duration, NotFetched> {
    let left = until.saturating_duration_since(moment::now());
    match left.is_zero() {
        true => Err(NotFetched::Time),
        false => Ok(left),
    }
}

fn read(stream: &mut TcpStream, most: usize, until: Instant) -> Result<Vec<u8>, NotFetched> {
    let mut response = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        stream.set_read_timeout(Some(left(until)?))?;
        let length = match stream.read(&mut piece) {
            Ok(0) => return Ok(response),
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                return Err(NotFetched::Time);
            }
            Err(error) => return Err(error.into()),
        };
        response.extend_from_slice(piece.get(..length).unwrap_or_default());
        if response.len() > plain::MAX_HEAD + most {
            return Err(NotUnderstood::Size(most).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers each connection with the next of these, in order.
    fn server(answers: Vec<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = Vec::new();
                let mut piece = [0; 1024];
                while !asked.windows(4).any(|four| four == b"\r\n\r\n") {
                    let length = stream.read(&mut piece).unwrap();
                    asked.extend_from_slice(&piece[..length]);
                }
                let _ = stream.write_all(&answer);
            }
        });
        format!("http://{address}")
    }

    fn get(url: &str, by_administrator: bool) -> Result<Vec<u8>, NotFetched> {
        fetch(&Wanted {
            url,
            by_administrator,
            posted: None,
            most: 100,
        })
    }

    #[test]
    fn a_body_comes_whole_or_not_at_all() {
        let right = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist".to_vec();
        assert_eq!(get(&server(vec![right]), true).unwrap(), b"list");
        let open = b"HTTP/1.0 200 OK\r\n\r\nlist".to_vec();
        assert_eq!(get(&server(vec![open]), true).unwrap(), b"list");
        let short = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlist".to_vec();
        assert!(matches!(
            get(&server(vec![short]), true),
            Err(NotFetched::Answer(NotUnderstood::NotHttp))
        ));
        let pieces = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlist\r\n".to_vec();
        assert!(matches!(
            get(&server(vec![pieces]), true),
            Err(NotFetched::Answer(NotUnderstood::NotHttp))
        ));
        let other = b"SSH-2.0-server\r\n".to_vec();
        assert!(matches!(
            get(&server(vec![other]), true),
            Err(NotFetched::Answer(NotUnderstood::NotHttp))
        ));
        let absent = b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec();
        assert!(matches!(
            get(&server(vec![absent]), true),
            Err(NotFetched::Answer(NotUnderstood::Status(404)))
        ));
    }

    #[test]
    fn what_is_too_long_is_not_taken() {
        let mut long = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        long.extend([7; 101]);
        assert!(matches!(
            get(&server(vec![long]), true),
            Err(NotFetched::Answer(NotUnderstood::Size(100)))
        ));
        let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        endless.extend(vec![7; 100_000]);
        assert!(matches!(
            get(&server(vec![endless]), true),
            Err(NotFetched::Answer(NotUnderstood::Size(100)))
        ));
    }

    #[test]
    fn redirections_are_followed_for_a_while_and_to_where_certificates_may_send_us() {
        let there = b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n".to_vec();
        // This machine is no place that a server may send us to.
        let sent = get(&server(vec![there]), true);
        assert!(matches!(sent, Err(NotFetched::Address(_))), "{sent:?}");
        let tls = b"HTTP/1.1 302 Found\r\nLocation: https://a/\r\n\r\n".to_vec();
        assert!(matches!(
            get(&server(vec![tls]), true),
            Err(NotFetched::Url(_))
        ));
    }

    #[test]
    fn a_certificate_cannot_make_us_talk_to_ourselves() {
        for address in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "fe80::1",
            "224.0.0.1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["10.1.2.3", "192.0.2.1", "2001:db8::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        let own = server(Vec::new());
        assert!(matches!(get(&own, false), Err(NotFetched::Address(_))));
    }
}
