//! Opening the listening sockets, all of them before the first one is served, so that a server that
//! cannot start leaves nothing behind.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use socket2::{Domain, Protocol, Socket, Type};

use crate::fault::{Fault, Role};
use crate::local;
use crate::settings::Listen;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Room for bursts of datagrams while a thread signs; the kernel may give less.
const DATAGRAM_ROOM: usize = 1 << 20;

/// How often a free port is looked for that is free for UDP and TCP alike.
const TRIES: usize = 32;

/// Sockets that a service supervisor opened for us (systemd socket activation). One that is among the
/// addresses of [`Listen`] is used in place of a new one.
#[derive(Debug, Default)]
pub struct Inherited {
    /// TCP sockets that listen.
    pub tcp: Vec<TcpListener>,
    /// UDP sockets.
    pub udp: Vec<UdpSocket>,
    /// Unix sockets that listen.
    pub unix: Vec<UnixListener>,
}

impl Inherited {
    /// All of them, which leaves none.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    fn tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let index = self
            .tcp
            .iter()
            .position(|each| each.local_addr().is_ok_and(|own| own == address))?;
        Some(self.tcp.swap_remove(index))
    }

    fn udp(&mut self, address: SocketAddr) -> Option<UdpSocket> {
        let index = self
            .udp
            .iter()
            .position(|each| each.local_addr().is_ok_and(|own| own == address))?;
        Some(self.udp.swap_remove(index))
    }

    fn unix(&mut self, path: &std::path::Path) -> Option<UnixListener> {
        let is_it = |each: &UnixListener| {
            each.local_addr()
                .is_ok_and(|own| own.as_pathname() == Some(path))
        };
        let index = self.unix.iter().position(is_it)?;
        Some(self.unix.swap_remove(index))
    }

    fn left_over(&self) -> usize {
        self.tcp.len() + self.udp.len() + self.unix.len()
    }
}

/// The addresses that are really listened on, in the order of [`Listen`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses {
    /// Kerberos, UDP and TCP alike.
    pub kdc: Vec<SocketAddr>,
    /// Changes of passwords, UDP and TCP alike.
    pub password: Vec<SocketAddr>,
    /// LDAP.
    pub ldap: Vec<SocketAddr>,
    /// LDAP within TLS.
    pub ldaps: Vec<SocketAddr>,
    /// HTTPS.
    pub https: Vec<SocketAddr>,
    /// Plain HTTP.
    pub http: Vec<SocketAddr>,
    /// Metrics and health.
    pub operations: Option<SocketAddr>,
    /// The Unix socket.
    pub admin_socket: Option<PathBuf>,
}

/// Whether everything that `listen` names can be listened on: opens it, and lets it go again. For whoever wants to
/// know before a long preparation.
///
/// # Errors
/// [`Fault`], as [`crate::Server::start`] would.
pub fn probe(listen: &Listen) -> Result<(), Fault> {
    Sockets::open(listen, Inherited::default()).map(drop)
}

/// All sockets, open.
pub(crate) struct Sockets {
    pub(crate) kdc: Vec<Pair>,
    pub(crate) password: Vec<Pair>,
    pub(crate) ldap: Vec<TcpListener>,
    pub(crate) ldaps: Vec<TcpListener>,
    pub(crate) https: Vec<TcpListener>,
    pub(crate) http: Vec<TcpListener>,
    pub(crate) operations: Option<TcpListener>,
    pub(crate) admin: Option<(UnixListener, local::Socket)>,
    pub(crate) addresses: Addresses,
}

impl Sockets {
    /// Whether all of them are of use without a domain.
    pub(crate) fn are_for_tenants_alone(&self) -> bool {
        self.kdc.is_empty()
            && self.password.is_empty()
            && self.ldap.is_empty()
            && self.ldaps.is_empty()
    }

    /// Opens everything that `listen` names.
    pub(crate) fn open(listen: &Listen, mut inherited: Inherited) -> Result<Self, Fault> {
        let mut addresses = Addresses::default();
        let kdc = some(&listen.kdc, |address| {
            pair(Role::KdcUdp, Role::KdcTcp, address, &mut inherited)
        })?;
        let password = some(&listen.password, |address| {
            let (udp, tcp) = (Role::PasswordUdp, Role::PasswordTcp);
            pair(udp, tcp, address, &mut inherited)
        })?;
        let ldap = some(&listen.ldap, |address| {
            tcp(Role::Ldap, address, &mut inherited)
        })?;
        let ldaps = some(&listen.ldaps, |address| {
            tcp(Role::Ldaps, address, &mut inherited)
        })?;
        let https = some(&listen.https, |address| {
            tcp(Role::Https, address, &mut inherited)
        })?;
        let http = some(&listen.http, |address| {
            tcp(Role::Http, address, &mut inherited)
        })?;
        let operations = listen
            .operations
            .map(|address| operations(address, &mut inherited))
            .transpose()?;
        let admin = match &listen.admin_socket {
            Some(path) => Some(match inherited.unix(path) {
                Some(listener) => (listener, local::inherited(path)?),
                None => local::bind(path)?,
            }),
            None => None,
        };
        if inherited.left_over() > 0 {
            tracing::warn!(
                count = inherited.left_over(),
                "the supervisor handed over sockets that [listen] does not name; they are not served"
            );
        }
        let of = |listeners: &[TcpListener]| {
            listeners
                .iter()
                .filter_map(|each| each.local_addr().ok())
                .collect()
        };
        let of_pairs = |pairs: &[Pair]| {
            let addresses = pairs.iter().map(|(udp, _)| udp.local_addr());
            addresses.filter_map(Result::ok).collect()
        };
        addresses.kdc = of_pairs(&kdc);
        addresses.password = of_pairs(&password);
        addresses.ldap = of(&ldap);
        addresses.ldaps = of(&ldaps);
        addresses.https = of(&https);
        addresses.http = of(&http);
        addresses.operations = operations
            .as_ref()
            .and_then(|listener| listener.local_addr().ok());
        addresses.admin_socket.clone_from(&listen.admin_socket);
        Ok(Self {
            kdc,
            password,
            ldap,
            ldaps,
            https,
            http,
            operations,
            admin,
            addresses,
        })
    }
}

/// Opens each address. "Everywhere" in a family that this machine does not have is no fault as long as
/// another address is left.
fn some<T>(
    addresses: &[SocketAddr],
    mut open: impl FnMut(SocketAddr) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut opened = Vec::new();
    let mut without_family = None;
    for address in addresses {
        match open(*address) {
            Ok(socket) => opened.push(socket),
            Err(fault) if address.ip().is_unspecified() && lacks_family(&fault) => {
                without_family = Some(fault)
            }
            Err(fault) => return Err(fault),
        }
    }
    match without_family {
        Some(fault) if opened.is_empty() => Err(fault),
        _ => Ok(opened),
    }
}

fn lacks_family(fault: &Fault) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    match fault {
        Fault::AddressUnknown { .. } => true,
        Fault::Listen { source, .. } => source.raw_os_error() == Some(EAFNOSUPPORT),
        _ => false,
    }
}

/// A UDP and a TCP socket on the same port.
pub(crate) type Pair = (UdpSocket, TcpListener);

fn pair(
    datagrams: Role,
    streams: Role,
    address: SocketAddr,
    inherited: &mut Inherited,
) -> Result<Pair, Fault> {
    let mut last = None;
    for _ in 0..TRIES {
        let udp = match inherited.udp(address) {
            Some(udp) => udp,
            None => udp(datagrams, address)?,
        };
        let port = udp
            .local_addr()
            .map_err(|error| Fault::bind(datagrams, address, error))?
            .port();
        match tcp(streams, SocketAddr::new(address.ip(), port), inherited) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(fault) if address.port() == 0 => last = Some(fault),
            Err(fault) => return Err(fault),
        }
    }
    Err(last.unwrap_or(Fault::AddressTaken {
        role: streams,
        address,
        holder: None,
    }))
}

fn udp(role: Role, address: SocketAddr) -> Result<UdpSocket, Fault> {
    let open = || -> io::Result<UdpSocket> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        let _ = socket.set_recv_buffer_size(DATAGRAM_ROOM);
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    open().map_err(|error| Fault::bind(role, address, error))
}

fn tcp(role: Role, address: SocketAddr, inherited: &mut Inherited) -> Result<TcpListener, Fault> {
    let open = || -> io::Result<TcpListener> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restart may listen again while connections of the process before it are still closing.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    let listener = match inherited.tcp(address) {
        Some(listener) => listener,
        None => open().map_err(|error| Fault::bind(role, address, error))?,
    };
    listener
        .set_nonblocking(true)
        .map_err(|error| Fault::bind(role, address, error))?;
    Ok(listener)
}

fn operations(address: SocketAddr, inherited: &mut Inherited) -> Result<TcpListener, Fault> {
    if !address.ip().is_loopback() {
        return Err(Fault::NotLoopback { address });
    }
    tcp(Role::Operations, address, inherited)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen() -> Listen {
        Listen::nowhere()
    }

    fn any() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn port_zero_is_a_free_port_for_udp_and_tcp_alike() {
        let sockets = Sockets::open(
            &Listen {
                kdc: vec![any()],
                ..listen()
            },
            Inherited::default(),
        )
        .unwrap();
        let (udp, tcp) = &sockets.kdc[0];
        assert_eq!(udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        assert_eq!(sockets.addresses.kdc, [udp.local_addr().unwrap()]);
    }

    #[test]
    fn a_busy_port_names_the_address_and_its_holder() {
        let holder = TcpListener::bind(any()).unwrap();
        let address = holder.local_addr().unwrap();
        let fault = Sockets::open(
            &Listen {
                https: vec![address],
                ..listen()
            },
            Inherited::default(),
        )
        .err()
        .unwrap();
        let expected = format!("the address {address} that HTTPS wants is taken by ");
        assert!(fault.to_string().starts_with(&expected), "{fault}");
        assert!(
            fault
                .to_string()
                .ends_with(&format!("(process {})", std::process::id())),
            "{fault}"
        );
        assert_eq!(fault.exit_code(), 1);
    }

    #[test]
    fn metrics_are_for_loopback_only() {
        let listen = Listen {
            operations: Some("0.0.0.0:0".parse().unwrap()),
            ..listen()
        };
        let fault = Sockets::open(&listen, Inherited::default()).err().unwrap();
        assert!(matches!(fault, Fault::NotLoopback { .. }));
    }

    #[test]
    fn an_inherited_socket_is_used_in_place_of_a_new_one() {
        let theirs = TcpListener::bind(any()).unwrap();
        let address = theirs.local_addr().unwrap();
        let inherited = Inherited {
            tcp: vec![theirs],
            ..Inherited::default()
        };
        let sockets = Sockets::open(
            &Listen {
                https: vec![address],
                ..listen()
            },
            inherited,
        )
        .unwrap();
        assert_eq!(sockets.addresses.https, [address]);
    }

    #[test]
    fn an_address_of_another_machine_is_said_to_be_one() {
        let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let fault = Sockets::open(
            &Listen {
                http: vec![elsewhere],
                ..listen()
            },
            Inherited::default(),
        )
        .err()
        .unwrap();
        assert_eq!(
            fault.to_string(),
            "192.0.2.1:0 for plain HTTP is no address of this machine"
        );
    }
}
