//! Kerberos over UDP (protocols E.1): threads in blocking reads, each answering what it read.
//!
//! A ticket costs tens of microseconds, so handing it to another thread would cost as much as the work.
//! Several threads read one socket; the kernel wakes one of them per datagram, each in its turn. So no more of them read
//! than what takes microseconds needs: fewer stacks stay in the processors' caches. Whoever has a message that may cost a
//! signature lets one of the others read meanwhile. A new password has a socket and threads of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::door::{Ends, Kerberos, Path};
use crate::fault::{Fault, Role};
use crate::guard::guarded;
use crate::metrics::{Metrics, Outcome};
use crate::moment;
use crate::places::Places;

/// What a UDP datagram can hold at most; one that is larger does not exist.
const LARGEST: usize = 65_535;

/// How long a thread reads before it looks whether it should stop, in case the parting datagram is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// The threads that serve one UDP socket.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: Arc<UdpSocket>,
    stop: Arc<AtomicBool>,
    readers: Arc<Places>,
    threads: Vec<JoinHandle<()>>,
}

impl Datagrams {
    /// Starts threads on `socket`: so many that read, and as many more as may be held up by what takes long.
    pub(crate) fn serve(
        socket: UdpSocket,
        role: Role,
        readers: usize,
        held_up: usize,
        door: &Arc<dyn Kerberos>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Fault> {
        let own = socket.local_addr().map_err(Fault::Worker)?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .map_err(Fault::Worker)?;
        let mut serving = Self {
            socket: Arc::new(socket),
            stop: Arc::default(),
            readers: Arc::new(Places::new(readers)),
            threads: Vec::new(),
        };
        for number in 0..readers.max(1) + held_up {
            let (socket, stop) = (Arc::clone(&serving.socket), Arc::clone(&serving.stop));
            let behind = Behind {
                role,
                own,
                readers: Arc::clone(&serving.readers),
                door: Arc::clone(door),
                metrics: Arc::clone(metrics),
            };
            let thread = thread::Builder::new()
                .name(format!("{}-{number}", role.label()))
                .spawn(move || behind.read(&socket, &stop))
                .map_err(Fault::Worker)?;
            serving.threads.push(thread);
        }
        Ok(serving)
    }

    /// Lets each thread finish the datagram that it has, and waits for them.
    pub(crate) fn stop(mut self) {
        self.tell_to_stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    fn tell_to_stop(&self) {
        self.readers.end(&self.stop);
        // An empty datagram to itself ends each blocking read at once.
        let Ok(address) = self.socket.local_addr() else {
            return;
        };
        for _ in 0..self.threads.len() {
            let _ = self.socket.send_to(&[], reachable(address));
        }
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}

/// The address by which this machine reaches a socket bound to `address`.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A time-out, a signal, or a peer that was gone when the answer to it arrived.
fn is_ordinary(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(
        error.kind(),
        WouldBlock | TimedOut | Interrupted | ConnectionRefused | ConnectionReset
    )
}

/// What one thread needs to answer.
struct Behind {
    role: Role,
    /// What the socket is bound to.
    own: SocketAddr,
    readers: Arc<Places>,
    door: Arc<dyn Kerberos>,
    metrics: Arc<Metrics>,
}

impl Behind {
    fn read(&self, socket: &UdpSocket, stop: &AtomicBool) {
        let mut buffer = vec![0; LARGEST];
        self.readers.enter(stop);
        while !stop.load(Ordering::Acquire) {
            match socket.recv_from(&mut buffer) {
                Ok((0, _)) => {}
                Ok((length, peer)) => {
                    let message = buffer.get(..length).unwrap_or_default();
                    let costly = self.door.is_costly(message);
                    if costly {
                        self.readers.leave();
                    }
                    self.answer(socket, message, peer);
                    if costly {
                        self.readers.enter(stop);
                    }
                }
                Err(error) if is_ordinary(&error) => {}
                Err(error) => tracing::warn!(%error, "reading a datagram failed"),
            }
        }
    }

    fn answer(&self, socket: &UdpSocket, message: &[u8], peer: SocketAddr) {
        let began = moment::now();
        let own = self.own;
        let answer = guarded(&self.metrics, "a Kerberos datagram", || {
            self.door.answer(message, Path::Udp, Ends { peer, own })
        });
        let outcome = Outcome::of(&answer);
        let reply = answer.unwrap_or_else(|| self.door.generic_failure());
        if let Some(reply) = reply
            && let Err(error) = socket.send_to(&reply, peer)
            && !is_ordinary(&error)
        {
            tracing::debug!(%error, %peer, "the answer could not be sent");
        }
        self.metrics.request(self.role, outcome, began.elapsed());
    }
}
