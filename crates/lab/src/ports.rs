//! Where the lab listens: beside a base port, or on free ports, which a lab keeps as long as they stay free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use serve::{Inherited, Listen};

use crate::fault::Fault;

/// How often a port is looked for that is free for UDP and TCP alike.
const TRIES: usize = 64;

/// The addresses, and the sockets where they are open already.
pub(crate) struct Ports {
    /// Kerberos, UDP and TCP.
    pub(crate) kdc: SocketAddr,
    /// Changes of passwords, UDP and TCP.
    pub(crate) password: SocketAddr,
    /// HTTPS.
    pub(crate) https: SocketAddr,
    /// Plain HTTP.
    pub(crate) http: SocketAddr,
    /// LDAP.
    pub(crate) ldap: SocketAddr,
    /// LDAP within TLS.
    pub(crate) ldaps: SocketAddr,
    inherited: Inherited,
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Ports {
    /// The ports above `base`; free ones for 0, the former ones where they still are. Whoever holds one of those that `used`
    /// names is told of; the others may be anybody's.
    pub(crate) fn choose(
        base: u16,
        former: Option<&[u16]>,
        used: fn(&Self) -> Listen,
    ) -> Result<Self, Fault> {
        if base > 0 {
            let ports = Self {
                kdc: loopback(base.saturating_add(88)),
                password: loopback(base.saturating_add(464)),
                https: loopback(base.saturating_add(443)),
                http: loopback(base.saturating_add(80)),
                ldap: loopback(base.saturating_add(389)),
                ldaps: loopback(base.saturating_add(636)),
                inherited: Inherited::default(),
            };
            serve::probe(&used(&ports))?;
            return Ok(ports);
        }
        // What a lab of an earlier release kept may have fewer.
        let former = former.and_then(|former| <[u16; 6]>::try_from(former).ok());
        if let Some(open) = former.and_then(|former| Self::open(former).ok()) {
            return Ok(open);
        }
        let opened = (0..TRIES).find_map(|_| Self::open([0; 6]).ok());
        opened.ok_or_else(|| {
            Fault::failed(
                "no free ports were found on 127.0.0.1",
                "Give ports with --base-port.",
            )
        })
    }

    fn open([kdc, https, http, password, ldap, ldaps]: [u16; 6]) -> std::io::Result<Self> {
        let listen = |port| {
            let listener = TcpListener::bind(loopback(port))?;
            listener.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(listener)
        };
        let (kdc, password) = (listen(kdc)?, listen(password)?);
        let kdc_datagrams = UdpSocket::bind(kdc.local_addr()?)?;
        let password_datagrams = UdpSocket::bind(password.local_addr()?)?;
        let (https, http) = (listen(https)?, listen(http)?);
        let (ldap, ldaps) = (listen(ldap)?, listen(ldaps)?);
        Ok(Self {
            kdc: kdc.local_addr()?,
            password: password.local_addr()?,
            https: https.local_addr()?,
            http: http.local_addr()?,
            ldap: ldap.local_addr()?,
            ldaps: ldaps.local_addr()?,
            inherited: Inherited {
                tcp: vec![kdc, password, https, http, ldap, ldaps],
                udp: vec![kdc_datagrams, password_datagrams],
                unix: Vec::new(),
            },
        })
    }

    /// The ports, to be kept.
    pub(crate) fn numbers(&self) -> [u16; 6] {
        let all = [
            self.kdc,
            self.https,
            self.http,
            self.password,
            self.ldap,
            self.ldaps,
        ];
        all.map(|address| address.port())
    }

    /// What the server listens on, without its Unix socket.
    pub(crate) fn listen(&self) -> Listen {
        Listen {
            kdc: vec![self.kdc],
            password: vec![self.password],
            https: vec![self.https],
            http: vec![self.http],
            ldap: vec![self.ldap],
            ldaps: vec![self.ldaps],
            ..Listen::nowhere()
        }
    }

    /// What the server of a tenant listens on, which answers neither Kerberos nor LDAP.
    pub(crate) fn listen_for_tenant(&self) -> Listen {
        Listen {
            https: vec![self.https],
            http: vec![self.http],
            ..Listen::nowhere()
        }
    }

    /// The sockets of a tenant's server that are open already. The others are let go.
    pub(crate) fn take_open_for_tenant(&mut self) -> Inherited {
        let mut open = std::mem::take(&mut self.inherited);
        let wanted = [self.https, self.http];
        open.tcp
            .retain(|socket| socket.local_addr().is_ok_and(|own| wanted.contains(&own)));
        open.udp.clear();
        open
    }

    /// The sockets that are open already.
    pub(crate) fn take_open(&mut self) -> Inherited {
        std::mem::take(&mut self.inherited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_above_the_default_are_those_of_the_contract() {
        // The example in design.md 4.
        let ports = Ports::choose(crate::DEFAULT_BASE_PORT, None, Ports::listen).unwrap();
        assert_eq!(
            ports.numbers(),
            [18_088, 18_443, 18_080, 18_464, 18_389, 18_636]
        );
    }

    #[test]
    fn free_ports_are_kept_as_long_as_they_are_free() {
        let choose = |former| Ports::choose(0, former, Ports::listen).unwrap();
        let first = choose(None);
        let numbers = first.numbers();
        let beside = choose(Some(&numbers));
        assert_ne!(beside.numbers(), numbers, "the first lab still holds them");
        drop((first, beside));
        assert_eq!(choose(Some(&numbers)).numbers(), numbers);
    }

    #[test]
    fn a_lab_of_a_tenant_is_told_of_its_own_ports_that_somebody_holds_and_of_no_others() {
        // Free ones above a base: those of the tenant's server, and that of a KDC.
        let (base, http) = (20_000..60_000)
            .step_by(997)
            .find_map(|base| {
                let http = TcpListener::bind(loopback(base + 80)).ok()?;
                TcpListener::bind(loopback(base + 443)).ok()?;
                UdpSocket::bind(loopback(base + 88)).ok()?;
                Some((base, http))
            })
            .unwrap();
        let choose = |listen| Ports::choose(base, None, listen).map(drop);
        let said = choose(Ports::listen_for_tenant).unwrap_err().to_string();
        assert!(said.contains(&(base + 80).to_string()), "{said}");
        assert!(!said.contains("KDC"), "{said}");
        drop(http);
        let _kdc = UdpSocket::bind(loopback(base + 88)).unwrap();
        choose(Ports::listen_for_tenant).unwrap();
        let said = choose(Ports::listen).unwrap_err().to_string();
        assert!(said.contains("KDC"), "{said}");
    }
}
