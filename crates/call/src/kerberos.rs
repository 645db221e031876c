//! Carrying a Kerberos message to a KDC and its answer back (RFC 4120 7.2, protocols E.1).
//!
//! Short requests go by UDP, and again by TCP when the KDC says that the answer is too big for a
//! datagram; long ones go by TCP at once. Several KDCs are tried in turn, and those by UDP several times,
//! for a datagram may be lost.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use wire::kerberos::{ErrorCode, KrbError};

use crate::fault::CallFault;
use crate::hosts::Hosts;
use crate::moment;

/// The longest request that goes by UDP, as MIT's clients have it (`udp_preference_limit`).
const LONGEST_DATAGRAM: usize = 1465;

/// The longest answer that is taken.
const LONGEST_ANSWER: u32 = 1 << 20;

/// How long the first datagram is waited for; each repetition waits twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How often a datagram is sent.
const TRIES: u32 = 3;

/// How long a connection may take to be made, and to carry the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A realm's KDCs.
#[derive(Clone, Debug)]
pub struct Kdcs {
    /// Where they are: `host`, `host:port`, `[address]:port`; port 88 where none is given.
    names: Vec<String>,
    hosts: Hosts,
}

impl Kdcs {
    /// The KDCs of these names, in the order in which they are asked.
    #[must_use]
    pub fn new(names: Vec<String>, hosts: Hosts) -> Self {
        Self { names, hosts }
    }

    /// Sends `request` and gives the answer, without framing: a reply or a KRB-ERROR.
    ///
    /// # Errors
    /// When no KDC answered: what stopped the last of them.
    pub fn ask(&self, request: &[u8]) -> Result<Vec<u8>, CallFault> {
        let mut last = CallFault::UnknownHost {
            to: "the realm's KDC".to_owned(),
        };
        if let Some(here) = self.hosts.here() {
            return here.kerberos(request).ok_or(last);
        }
        for name in &self.names {
            let addresses = match self.addresses(name) {
                Ok(addresses) => addresses,
                Err(fault) => {
                    last = fault;
                    continue;
                }
            };
            for address in addresses {
                match exchange(address, request) {
                    Ok(answer) => return Ok(answer),
                    Err(error) => last = CallFault::from_io(format!("the KDC {name}"), error),
                }
            }
        }
        Err(last)
    }

    fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, CallFault> {
        let unknown = || CallFault::UnknownHost {
            to: name.to_owned(),
        };
        let (host, port) = match name.rsplit_once(':') {
            // A bare IPv6 address has colons and no port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().map_err(|_| unknown())?)
            }
            _ => (name, 88),
        };
        self.hosts.resolve(host, port).map_err(|_| unknown())
    }
}

fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    if request.len() > LONGEST_DATAGRAM {
        return by_tcp(address, request);
    }
    match by_udp(address, request) {
        Ok(answer) if is_too_big_for_a_datagram(&answer) => by_tcp(address, request),
        Ok(answer) => Ok(answer),
        // Where datagrams do not get through, or no KDC reads them, a stream may.
        Err(by_udp) => by_tcp(address, request).map_err(|_| by_udp),
    }
}

fn is_too_big_for_a_datagram(answer: &[u8]) -> bool {
    KrbError::decode(answer)
        .is_ok_and(|error| error.error_code == ErrorCode::KRB_ERR_RESPONSE_TOO_BIG)
}

fn by_udp(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let local: SocketAddr = if address.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0; 16], 0).into()
    };
    let socket = UdpSocket::bind(local)?;
    // Only datagrams of that very address are heard then, and a refusal of its host becomes an error.
    socket.connect(address)?;
    let mut answer = vec![0; 65_535];
    for attempt in 0..TRIES {
        socket.send(request)?;
        socket.set_read_timeout(Some(FIRST_WAIT * 2_u32.pow(attempt)))?;
        match socket.recv(&mut answer) {
            Ok(length) => {
                answer.truncate(length);
                return Ok(answer);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn by_tcp(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let deadline = moment::now() + PATIENCE;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = u32::try_from(request.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(request);
    stream.write_all(&framed)?;
    let mut length = [0; 4];
    read_by(&mut stream, &mut length, deadline)?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST_ANSWER {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the answer is longer than a KDC's",
        ));
    }
    // The buffer grows with what arrives.
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let mut left = length as usize;
    while left > 0 {
        let Some(room) = piece.get_mut(..left.min(4096)) else {
            break;
        };
        read_by(&mut stream, room, deadline)?;
        left -= room.len();
        answer.extend_from_slice(room);
    }
    Ok(answer)
}

/// Fills `room` before `deadline`.
fn read_by(
    stream: &mut TcpStream,
    mut room: &mut [u8],
    deadline: std::time::Instant,
) -> io::Result<()> {
    while !room.is_empty() {
        let left = deadline.saturating_duration_since(moment::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => room = room.get_mut(read..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;
    use wire::kerberos::{KerberosTime, Microseconds, PrincipalName, Realm};

    fn too_big() -> Vec<u8> {
        KrbError::new(
            ErrorCode::KRB_ERR_RESPONSE_TOO_BIG,
            KerberosTime::from_unix(0),
            Microseconds::new(0).unwrap(),
            Realm::from("CORP.EXAMPLE"),
            PrincipalName::krbtgt("CORP.EXAMPLE"),
        )
        .encode()
    }

    /// A KDC that answers one datagram with `datagram` and one stream with `stream`.
    fn kdc(datagram: Option<Vec<u8>>, stream: Vec<u8>) -> Kdcs {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            let (_, peer) = udp.recv_from(&mut buffer).unwrap();
            if let Some(answer) = datagram {
                udp.send_to(&answer, peer).unwrap();
            }
        });
        thread::spawn(move || {
            let (mut peer, _) = tcp.accept().unwrap();
            let mut length = [0; 4];
            peer.read_exact(&mut length).unwrap();
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            peer.read_exact(&mut request).unwrap();
            peer.write_all(&u32::try_from(stream.len()).unwrap().to_be_bytes())
                .unwrap();
            peer.write_all(&stream).unwrap();
        });
        Kdcs::new(vec![address.to_string()], Hosts::default())
    }

    #[test]
    fn a_short_request_is_answered_by_a_datagram() {
        assert_eq!(
            kdc(Some(b"reply".to_vec()), b"stream".to_vec())
                .ask(b"request")
                .unwrap(),
            b"reply"
        );
    }

    #[test]
    fn an_answer_too_big_for_a_datagram_comes_by_a_stream() {
        assert_eq!(
            kdc(Some(too_big()), vec![7; 10_000])
                .ask(b"request")
                .unwrap(),
            vec![7; 10_000]
        );
    }

    #[test]
    fn a_long_request_goes_by_a_stream_at_once() {
        assert_eq!(
            kdc(Some(b"reply".to_vec()), b"stream".to_vec())
                .ask(&[1; 4000])
                .unwrap(),
            b"stream"
        );
    }

    #[test]
    fn the_next_kdc_is_asked_when_one_is_gone() {
        let gone = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let mut kdcs = kdc(Some(b"reply".to_vec()), b"stream".to_vec());
        kdcs.names.insert(0, gone);
        assert_eq!(kdcs.ask(b"request").unwrap(), b"reply");
    }

    #[test]
    fn nobody_there_is_said_with_the_name() {
        let gone = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let fault = Kdcs::new(vec![gone.clone()], Hosts::default())
            .ask(b"request")
            .unwrap_err();
        assert_eq!(
            fault.to_string(),
            format!("nothing answers at the KDC {gone}")
        );
    }
}
