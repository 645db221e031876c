//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::link::Transport;
use crate::pkinit::{KdcCertificate, Signing};

pub const HELP: &str = "\
kdcload --kdc ADDRESS --mode asts|pkdh|pkec|tgs
  [--proto udp|tcp|tcp-keep] [--realm REALM] [--count N] [--seconds S] [--connections N] [--label TEXT]
  [--pid PID]...                          whose CPU time is counted, with all descendants
  [--users N] [--password TEXT] [--salt-user NAME] [--service host/name] [--pac 0|1]
  [--pk NAME:CERTIFICATE.pem:KEY.pem]...  clients of pkdh and pkec
  [--kdc-certificate FILE.pem | --kdc-issuer FILE.pem] [--dh-nonce 0|1]
  [--per-second N]                        no faster than this
  [--source ADDRESS]                      from where, by UDP
  [--prefix TEXT]                         what people are called, before their number; by default user
  [--names bare|guess|key]                whether names can be told by the time of such requests: of names that somebody has,
                                          --prefix and five digits, and of names that nobody has, in turns
  [--first N] [--cold 0|1]                whose names: --users pairs from the N-th on; 1: no lap before, to know them
  [--certificate 0|1]                     whether the signer's certificate goes along
  [--garbage 0|1]                         alter each signed request where its signature is
  [--wait SECONDS]                        first poll until a good answer, and say when it came, in ms since 1970";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// AS, encrypted timestamp.
    Timestamp,
    /// AS, PKINIT with MODP-2048.
    Modp,
    /// AS, PKINIT with P-256.
    P256,
    /// TGS.
    Service,
}

/// What is asked of names, to see how long it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Without pre-authentication.
    Bare,
    /// With a timestamp under a wrong key.
    Guess,
    /// With the signature of a key that nobody lists.
    Key,
}

pub struct Arguments {
    pub kdc: SocketAddr,
    pub mode: Mode,
    pub transport: Transport,
    pub realm: String,
    pub count: usize,
    pub limit: Duration,
    pub connections: usize,
    pub label: String,
    pub pids: Vec<u32>,
    pub users: usize,
    pub password: String,
    /// Whose salt everybody's key is made with; everybody's own, where nobody is named.
    pub salt_user: Option<String>,
    pub service: String,
    pub pac: bool,
    pub clients: Vec<(String, Signing)>,
    pub kdc_certificate: Option<KdcCertificate>,
    pub dh_nonce: bool,
    pub per_second: Option<u32>,
    pub source: Option<IpAddr>,
    pub prefix: String,
    pub garbage: bool,
    pub names: Option<Kind>,
    /// The first of the pairs of names.
    pub first: usize,
    /// Whether the first look at each name counts.
    pub cold: bool,
    pub wait: Option<Duration>,
}

impl Arguments {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self::default();
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} has no value"))?;
            read.set(&name, &value)?;
        }
        if !read.kdc.ip().is_loopback() {
            return Err(
                "the KDC must be on this machine: load is no way to treat others".to_owned(),
            );
        }
        if read.count == 0 || read.users == 0 || read.connections == 0 {
            return Err("--count, --users and --connections are at least 1".to_owned());
        }
        if matches!(read.mode, Mode::Modp | Mode::P256) && read.clients.is_empty() {
            return Err("pkdh and pkec need --pk NAME:CERTIFICATE:KEY".to_owned());
        }
        Ok(read)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{name} {value} means nothing");
        let number = || value.parse::<usize>().map_err(|_| wrong());
        match name {
            "--kdc" => self.kdc = value.parse().map_err(|_| wrong())?,
            "--mode" => {
                self.mode = match value {
                    "asts" => Mode::Timestamp,
                    "pkdh" => Mode::Modp,
                    "pkec" => Mode::P256,
                    "tgs" => Mode::Service,
                    _ => return Err(wrong()),
                }
            }
            "--proto" => {
                self.transport = match value {
                    "udp" => Transport::Udp,
                    "tcp" => Transport::Tcp,
                    "tcp-keep" => Transport::TcpKept,
                    _ => return Err(wrong()),
                }
            }
            "--realm" => self.realm = value.to_owned(),
            "--count" => self.count = number()?,
            "--seconds" => self.limit = Duration::from_secs(number()? as u64),
            "--connections" => self.connections = number()?,
            "--label" => self.label = value.to_owned(),
            "--pid" => self.pids.push(value.parse().map_err(|_| wrong())?),
            "--users" => self.users = number()?,
            "--password" => self.password = value.to_owned(),
            "--salt-user" => self.salt_user = Some(value.to_owned()),
            "--service" => self.service = value.to_owned(),
            "--pac" => self.pac = number()? != 0,
            "--pk" => {
                let [name, certificate, key] = value.split(':').collect::<Vec<_>>()[..] else {
                    return Err(wrong());
                };
                self.clients
                    .push((name.to_owned(), Signing::load(certificate, key)));
            }
            "--kdc-certificate" => self.kdc_certificate = Some(KdcCertificate::load(value, false)),
            "--kdc-issuer" => self.kdc_certificate = Some(KdcCertificate::load(value, true)),
            "--dh-nonce" => self.dh_nonce = number()? != 0,
            "--per-second" => {
                let number = u32::try_from(number()?).map_err(|_| wrong())?;
                self.per_second = Some(number.max(1));
            }
            "--source" => self.source = Some(value.parse().map_err(|_| wrong())?),
            "--prefix" => self.prefix = value.to_owned(),
            "--names" => {
                self.names = match value {
                    "bare" => Some(Kind::Bare),
                    "guess" => Some(Kind::Guess),
                    "key" => Some(Kind::Key),
                    _ => return Err(wrong()),
                }
            }
            "--first" => self.first = number()?,
            "--cold" => self.cold = number()? != 0,
            "--certificate" => {
                let with = number()? != 0;
                for (_, signing) in &mut self.clients {
                    signing.shows_certificate = with;
                }
            }
            "--garbage" => self.garbage = number()? != 0,
            "--wait" => self.wait = Some(Duration::from_secs(number()? as u64)),
            _ => return Err(format!("there is no option {name}")),
        }
        Ok(())
    }
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            kdc: SocketAddr::from(([127, 0, 0, 1], 88)),
            mode: Mode::Timestamp,
            transport: Transport::Udp,
            realm: "BENCH.TEST".to_owned(),
            count: 5_000,
            limit: Duration::from_secs(60),
            connections: 4,
            label: String::new(),
            pids: Vec::new(),
            users: 1,
            password: "Bench-Passw0rd".to_owned(),
            salt_user: None,
            service: "host/svc.bench.test".to_owned(),
            pac: true,
            clients: Vec::new(),
            kdc_certificate: None,
            dh_nonce: false,
            per_second: None,
            source: None,
            prefix: "user".to_owned(),
            garbage: false,
            names: None,
            first: 0,
            cold: false,
            wait: None,
        }
    }
}
