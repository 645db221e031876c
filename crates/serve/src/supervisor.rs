//! Telling the service supervisor how the server does: the notify protocol of systemd (sd_notify(3)).
//!
//! One datagram per message to the socket that the supervisor names; without a supervisor nothing happens.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

/// The supervisor that started this process.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// Nobody supervises.
    #[must_use]
    pub fn none() -> Self {
        Self {
            socket: None,
            watchdog: None,
        }
    }

    /// The supervisor that the values of `NOTIFY_SOCKET` and `WATCHDOG_USEC` describe. A `WATCHDOG_PID` that
    /// is not this process's must be checked by the caller, who reads the environment.
    pub fn from_values(
        notify_socket: Option<&OsStr>,
        watchdog_usec: Option<&str>,
    ) -> io::Result<Self> {
        let Some(name) = notify_socket else {
            return Ok(Self::none());
        };
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(Path::new(name))?,
        };
        let watchdog = watchdog_usec
            .and_then(|text| text.parse().ok())
            .filter(|micros| *micros > 0);
        Ok(Self {
            socket: Some((UnixDatagram::unbound()?, address)),
            watchdog: watchdog.map(Duration::from_micros),
        })
    }

    /// How often to say that the server lives: half of what the supervisor waits for.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / 2)
    }

    /// The server answers requests.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// The server lives.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// The server stops.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
        {
            tracing::debug!(%error, "the service supervisor did not take a message");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_ready_and_alive_to_the_socket_that_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let theirs = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::from_values(Some(path.as_os_str()), Some("30000000")).unwrap();
        assert_eq!(
            supervisor.watchdog_interval(),
            Some(Duration::from_secs(15))
        );
        supervisor.ready("serving");
        supervisor.alive();
        let mut buffer = [0; 64];
        let length = theirs.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\nSTATUS=serving");
        let length = theirs.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"WATCHDOG=1");
    }

    #[test]
    fn without_a_supervisor_nothing_happens() {
        let supervisor = Supervisor::from_values(None, Some("1")).unwrap();
        supervisor.ready("serving");
        assert_eq!(supervisor.watchdog_interval(), None);
    }
}
