//! The environment of the process, read here and nowhere else.
#![allow(
    clippy::disallowed_methods,
    reason = "this is where the ban points to: the values are passed down from here"
)]

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use serve::{Inherited, Supervisor};

/// Whether the person wants no colours (no-color.org).
pub(crate) fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The service supervisor that started this process.
pub(crate) fn supervisor() -> Supervisor {
    let for_us =
        std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
    let watchdog = std::env::var("WATCHDOG_USEC").ok().filter(|_| for_us);
    let socket = std::env::var_os("NOTIFY_SOCKET");
    Supervisor::from_values(socket.as_deref(), watchdog.as_deref()).unwrap_or_else(|error| {
        tracing::warn!(%error, "the service supervisor cannot be told anything");
        Supervisor::none()
    })
}

/// The sockets that a service supervisor opened for us (sd_listen_fds(3)).
pub(crate) fn inherited() -> Inherited {
    let mut handed = ListenFd::from_env();
    let mut inherited = Inherited::default();
    for index in 0..handed.len() {
        if let Ok(Some(socket)) = handed.take_tcp_listener(index) {
            inherited.tcp.push(socket as TcpListener);
        } else if let Ok(Some(socket)) = handed.take_udp_socket(index) {
            inherited.udp.push(socket as UdpSocket);
        } else if let Ok(Some(socket)) = handed.take_unix_listener(index) {
            inherited.unix.push(socket as UnixListener);
        } else {
            tracing::warn!(
                index,
                "the service supervisor handed over a socket of a kind that is not served"
            );
        }
    }
    inherited
}
