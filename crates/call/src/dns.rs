//! Looking up the TXT records of a name, at the nameservers that this machine uses.
//!
//! A question goes by UDP to one nameserver after the other, and again by TCP where the answer does not fit into a datagram.
//! Who was silent is asked once more, for a datagram may be lost. What answers another question is not heard: an answer is
//! believed that comes from the nameserver's address to our port and knows the number that was drawn for the question.
//! More than that nobody can tell without DNSSEC; the way to the nameserver is to be one that nobody else writes on.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant};

use trust::Rng;
use wire::dns::{Answer, DATAGRAM, InvalidAnswer, Name, PORT, ResponseCode, TxtQuestion};

use crate::moment;

/// How long a nameserver is waited for, each time it is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often one that is silent is asked.
const ROUNDS: usize = 2;
/// More nameservers than this are not asked, as the C library has it (resolv.conf(5), MAXNS).
const MOST_SERVERS: usize = 3;

/// Why the texts of a name are not known.
#[derive(Debug, thiserror::Error)]
pub enum DnsFault {
    /// What was asked for can be no name.
    #[error("{name:?} is no name that can be looked up")]
    Name {
        /// What was given.
        name: String,
    },
    /// There is nobody to ask.
    #[error("no nameserver is known")]
    NoServer,
    /// The nameserver did not answer in time.
    #[error("the nameserver {server} did not answer in time")]
    Silent {
        /// Which one.
        server: SocketAddr,
    },
    /// The nameserver cannot be reached.
    #[error("the nameserver {server} cannot be asked")]
    Unreachable {
        /// Which one.
        server: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The nameserver could not or would not say.
    #[error("the nameserver {server} answers {code}")]
    Failed {
        /// Which one.
        server: SocketAddr,
        /// What it said.
        code: ResponseCode,
    },
    /// The nameserver's answer is none.
    #[error("the answer of the nameserver {server} cannot be read")]
    Unreadable {
        /// Which one.
        server: SocketAddr,
        /// What is wrong with it.
        source: InvalidAnswer,
    },
}

/// Asks nameservers.
#[derive(Clone, Debug)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    patience: Duration,
}

impl Resolver {
    /// One that asks these, in this order.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            patience: PATIENCE,
        }
    }

    /// One that asks the nameservers of a text in the form of `/etc/resolv.conf` (resolv.conf(5)): the first three of them, and
    /// the one on this machine where none is named. Everything else in it is about short names, and those are not looked up.
    #[must_use]
    pub fn from_resolv_conf(text: &str) -> Self {
        let addresses = text.lines().filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next().filter(|word| *word == "nameserver")?;
            address(words.next()?)
        });
        let mut servers: Vec<SocketAddr> = addresses.take(MOST_SERVERS).collect();
        if servers.is_empty() {
            servers.push(([127, 0, 0, 1], PORT).into());
        }
        Self::new(servers)
    }

    /// The texts of the TXT records of a name, each of its parts joined; none where nothing has that name or it has no such
    /// record. A text that is not UTF-8 is left out.
    ///
    /// # Errors
    /// [`DnsFault`]: what the last nameserver that was asked came to, when none of them could say.
    pub fn txt(&self, name: &str, rng: &mut dyn Rng) -> Result<Vec<String>, DnsFault> {
        let asked = Name::parse(name).ok_or_else(|| DnsFault::Name {
            name: name.to_owned(),
        })?;
        let mut last = DnsFault::NoServer;
        let mut servers = self.servers.clone();
        for _ in 0..ROUNDS {
            let mut silent = Vec::new();
            for server in servers {
                match self.ask(server, &asked, rng) {
                    Ok(texts) => return Ok(texts),
                    Err(fault) => {
                        if matches!(fault, DnsFault::Silent { .. }) {
                            silent.push(server);
                        }
                        last = fault;
                    }
                }
            }
            servers = silent;
        }
        Err(last)
    }

    /// Asks one nameserver, with EDNS0, and without where it does not know that (RFC 6891 7).
    fn ask(
        &self,
        server: SocketAddr,
        name: &Name,
        rng: &mut dyn Rng,
    ) -> Result<Vec<String>, DnsFault> {
        let mut answer = self.exchange(server, name, Some(DATAGRAM), rng)?;
        if matches!(answer, Answer::Failed(code) if code.may_mean_extensions()) {
            answer = self.exchange(server, name, None, rng)?;
        }
        match answer {
            Answer::Texts(texts) => {
                let texts = texts.into_iter().map(String::from_utf8);
                Ok(texts.filter_map(Result::ok).collect())
            }
            Answer::Failed(code) => Err(DnsFault::Failed { server, code }),
            // Over TCP there is room for everything.
            Answer::Truncated => Err(DnsFault::Unreadable {
                server,
                source: InvalidAnswer::Truncated,
            }),
        }
    }

    fn exchange(
        &self,
        server: SocketAddr,
        name: &Name,
        datagram: Option<u16>,
        rng: &mut dyn Rng,
    ) -> Result<Answer, DnsFault> {
        let mut question = || TxtQuestion {
            id: u16::from_be_bytes(rng.bytes()),
            name: name.clone(),
        };
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => DnsFault::Silent { server },
            _ => DnsFault::Unreachable {
                server,
                source: error,
            },
        };
        let unreadable = |source| DnsFault::Unreadable { server, source };
        let asked = question();
        let answer = by_udp(server, &asked, datagram, self.patience).map_err(failed)?;
        match answer.map_err(unreadable)? {
            Answer::Truncated => {
                let asked = question();
                let answer = by_tcp(server, &asked, datagram, self.patience).map_err(failed)?;
                asked.answer(&answer).map_err(unreadable)
            }
            answer => Ok(answer),
        }
    }
}

/// The address in a line of `resolv.conf`, which may be one of a link: `fe80::1%eth0`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.split('%').next()?;
    let _: std::net::IpAddr = bare.parse().ok()?;
    // An address is only read here, and the name of its link; nothing is looked up.
    (text, PORT).to_socket_addrs().ok()?.next()
}

/// The answer in the first datagram that is one to this question.
fn by_udp(
    server: SocketAddr,
    question: &TxtQuestion,
    datagram: Option<u16>,
    patience: Duration,
) -> io::Result<Result<Answer, InvalidAnswer>> {
    let local: SocketAddr = match server.is_ipv4() {
        true => ([0; 4], 0).into(),
        false => ([0; 16], 0).into(),
    };
    // Each question has a port of its own, which the system draws.
    let socket = UdpSocket::bind(local)?;
    // Only datagrams of that very address are heard then, and a refusal of its host becomes an error.
    socket.connect(server)?;
    let deadline = moment::now() + patience;
    socket.send(&question.encode(datagram))?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        socket.set_read_timeout(Some(left(deadline)?))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        match question.answer(buffer.get(..length).unwrap_or_default()) {
            // It may be from somebody who guesses, or late and to a question before.
            Err(InvalidAnswer::Another) => {}
            answer => return Ok(answer),
        }
    }
}

/// The message that a nameserver sends over TCP, behind its length (RFC 1035 4.2.2).
fn by_tcp(
    server: SocketAddr,
    question: &TxtQuestion,
    datagram: Option<u16>,
    patience: Duration,
) -> io::Result<Vec<u8>> {
    let deadline = moment::now() + patience;
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    let message = question.encode(datagram);
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(&message);
    stream.write_all(&framed)?;
    let mut length = [0; 2];
    read_by(&mut stream, &mut length, deadline)?;
    // At most 64 KiB, by its form.
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    read_by(&mut stream, &mut answer, deadline)?;
    Ok(answer)
}

/// Fills `room` before `deadline`.
fn read_by(stream: &mut TcpStream, mut room: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !room.is_empty() {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => room = room.get_mut(read..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The time until `deadline`, which is never none: a socket takes that for no limit.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(moment::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

#[cfg(test)]
mod tests;
