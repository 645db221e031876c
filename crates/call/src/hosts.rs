//! Names that are known without DNS: the lines of a hosts file.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use http::{Request, Response};

/// A line of a hosts file that is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of the hosts file does not begin with an address")]
pub struct HostsFault {
    /// The line, counted from 1.
    pub line: usize,
}

/// Servers that live in this very process: no name is resolved and no socket opened for them. A test bed has
/// every party in one process and the production doors in between.
pub trait InProcess: Send + Sync {
    /// Answers an HTTP request; `certificate`, DER, is what TLS would have proved the client to hold.
    fn http(&self, request: Request<Vec<u8>>, certificate: Option<&[u8]>) -> Response<Vec<u8>>;

    /// Answers a Kerberos message; `None` for silence.
    fn kerberos(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// Names and their addresses, asked before DNS is.
#[derive(Clone, Default)]
pub struct Hosts {
    known: HashMap<String, Vec<IpAddr>>,
    here: Option<Arc<dyn InProcess>>,
}

impl PartialEq for Hosts {
    fn eq(&self, other: &Self) -> bool {
        let same_process = match (&self.here, &other.here) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        self.known == other.known && same_process
    }
}

impl Eq for Hosts {}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Hosts");
        shown.field("known", &self.known);
        shown.field("in_process", &self.here.is_some()).finish()
    }
}

impl Hosts {
    /// Every name leads to `servers` in this process.
    #[must_use]
    pub fn in_process(servers: Arc<dyn InProcess>) -> Self {
        Self {
            known: HashMap::new(),
            here: Some(servers),
        }
    }

    pub(crate) fn here(&self) -> Option<&Arc<dyn InProcess>> {
        self.here.as_ref()
    }

    /// Reads the lines of a hosts file: an address, then its names; `#` begins a comment.
    pub fn parse(text: &str) -> Result<Self, HostsFault> {
        let mut hosts = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(address) = words.next() else {
                continue;
            };
            let address = address
                .parse()
                .map_err(|_| HostsFault { line: index + 1 })?;
            for name in words {
                hosts.add(name, address);
            }
        }
        Ok(hosts)
    }

    /// Adds an address of `name`.
    pub fn add(&mut self, name: &str, address: IpAddr) {
        let addresses = self.known.entry(name.to_ascii_lowercase()).or_default();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    /// The addresses of `name`, which may be an address itself; from DNS where this list does not know it.
    pub(crate) fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .unwrap_or(name);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        match self.known.get(&bare.to_ascii_lowercase()) {
            Some(addresses) => Ok(addresses
                .iter()
                .map(|address| SocketAddr::new(*address, port))
                .collect()),
            None => Ok((bare, port).to_socket_addrs()?.collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_resolve_by_the_list_whatever_their_case() {
        let hosts = Hosts::parse("# the lab\n127.0.0.1 sts.corp.example enterpriseregistration.corp.example\n::1 dc1.corp.example # too\n\n").unwrap();
        assert_eq!(
            hosts.resolve("STS.corp.example", 443).unwrap(),
            ["127.0.0.1:443".parse().unwrap()]
        );
        assert_eq!(
            hosts.resolve("dc1.corp.example", 88).unwrap(),
            ["[::1]:88".parse().unwrap()]
        );
    }

    #[test]
    fn an_address_is_its_own_name() {
        let hosts = Hosts::default();
        assert_eq!(
            hosts.resolve("192.0.2.1", 1).unwrap(),
            ["192.0.2.1:1".parse().unwrap()]
        );
        assert_eq!(
            hosts.resolve("[2001:db8::1]", 1).unwrap(),
            ["[2001:db8::1]:1".parse().unwrap()]
        );
    }

    #[test]
    fn a_line_without_an_address_is_named() {
        assert_eq!(
            Hosts::parse("127.0.0.1 a\nsts.corp.example 127.0.0.1"),
            Err(HostsFault { line: 2 })
        );
    }
}
