//! One request, one reply, over UDP or TCP.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// How long a reply may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    /// A connection for each exchange.
    Tcp,
    /// One connection for all of them.
    TcpKept,
}

pub enum Link {
    Udp(UdpSocket),
    Tcp {
        to: SocketAddr,
        keep: bool,
        open: Option<TcpStream>,
    },
}

impl Link {
    /// A way to the KDC; datagrams leave from `source`.
    pub fn new(to: SocketAddr, transport: Transport, source: Option<IpAddr>) -> io::Result<Self> {
        if transport != Transport::Udp {
            return Ok(Self::Tcp {
                to,
                keep: transport == Transport::TcpKept,
                open: None,
            });
        }
        let any = if to.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind(SocketAddr::new(source.unwrap_or(any), 0))?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::Udp(socket))
    }

    /// Sends a request and fills `reply` with what comes back.
    pub fn exchange(&mut self, request: &[u8], reply: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Udp(socket) => {
                socket.send(request)?;
                reply.resize(65_536, 0);
                let length = socket.recv(reply)?;
                reply.truncate(length);
            }
            Self::Tcp { to, keep, open } => {
                let mut stream = match open.take() {
                    Some(stream) => stream,
                    None => connect(*to)?,
                };
                let length = u32::try_from(request.len()).map_err(io::Error::other)?;
                stream.write_all(&[&length.to_be_bytes(), request].concat())?;
                let mut length = [0; 4];
                stream.read_exact(&mut length)?;
                reply.resize(u32::from_be_bytes(length) as usize & 0x00ff_ffff, 0);
                stream.read_exact(reply)?;
                *open = keep.then_some(stream);
            }
        }
        Ok(())
    }
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
