//! How a connection is made: names by our own list, TLS by our own roots and vault, and the Unix socket.
//!
//! `ureq` speaks HTTP/1.1 and keeps connections; what is under that is chosen here, so that no system
//! store, proxy variable or surprise decides whom we trust.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};
use ureq::{Error, Timeout};

use crate::hosts::Hosts;

/// More addresses than this are not tried.
const ADDRESSES: usize = 8;

/// Resolves by our own list first.
#[derive(Debug)]
pub(crate) struct ByHosts(pub(crate) Hosts);

impl Resolver for ByHosts {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or_else(|| Error::BadUri(uri.to_string()))?;
        let port = uri
            .port_u16()
            .unwrap_or(if uri.scheme_str() == Some("https") {
                443
            } else {
                80
            });
        let found = self
            .0
            .resolve(host, port)
            .map_err(|_| Error::HostNotFound)?;
        let mut addresses = self.empty();
        found
            .into_iter()
            .take(ADDRESSES)
            .for_each(|address| addresses.push(address));
        if addresses.is_empty() {
            Err(Error::HostNotFound)
        } else {
            Ok(addresses)
        }
    }
}

/// No name is resolved: the connection goes to a socket of this machine.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// Puts TLS over a connection to an `https` address.
pub(crate) struct Tls(pub(crate) Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        under: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(under) = under else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Box::new(under)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::BadUri(details.uri.to_string()))?;
        let mut connection = ClientConnection::new(Arc::clone(&self.0), name)?;
        let under: Box<dyn Transport> = Box::new(under);
        let mut adapter = TransportAdapter::new(under, Arc::clone(&details.current_time));
        adapter.set_timeout(details.timeout);
        connection.complete_io(&mut adapter)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Box::new(TlsTransport {
            stream: StreamOwned::new(connection, adapter),
            buffers,
        })))
    }
}

struct TlsTransport {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: LazyBuffers,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self
            .buffers
            .output()
            .get(..amount)
            .ok_or(Error::ConnectionFailed)?;
        self.stream.write_all(output)?;
        Ok(self.stream.flush()?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Connects to a Unix socket, whatever the address says.
#[derive(Debug)]
pub(crate) struct Local(pub(crate) PathBuf);

impl Connector<()> for Local {
    type Out = LocalTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let stream = UnixStream::connect(&self.0)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(LocalTransport { stream, buffers }))
    }
}

/// A connection over a Unix socket.
#[derive(Debug)]
pub(crate) struct LocalTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl Transport for LocalTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream
            .set_write_timeout(timeout.not_zero().map(|after| *after))?;
        let output = self
            .buffers
            .output()
            .get(..amount)
            .ok_or(Error::ConnectionFailed)?;
        self.stream
            .write_all(output)
            .map_err(|error| timed_out(error, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream
            .set_read_timeout(timeout.not_zero().map(|after| *after))?;
        let amount = self
            .stream
            .read(self.buffers.input_append_buf())
            .map_err(|error| timed_out(error, timeout.reason))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        // A connection costs nothing here: each request gets its own.
        false
    }
}

fn timed_out(error: std::io::Error, reason: Timeout) -> Error {
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => Error::Timeout(reason),
        _ => Error::Io(error),
    }
}
