//! Where the database is, and how it is spoken to: a PostgreSQL URL, read the safe way.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Where the socket is when the URL names no host, as Debian and libpq have it.
const USUAL_SOCKET: &str = "/var/run/postgresql";
/// PostgreSQL's.
const USUAL_PORT: u16 = 5432;
/// How long a host may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long sent data may stay unacknowledged before a connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// After how long a silence a connection is probed.
const IDLE: Duration = Duration::from_secs(15);

/// A database's address: what a URL `postgresql://user@host:port/database` says.
///
/// TLS is used, and the server's certificate and name are verified, unless every host is this machine (a socket's
/// folder, a loopback address) or the URL says `sslmode=disable`. Nothing in between is taken: a connection whose
/// other end is not verified protects from nobody who can sit in the middle.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) tls: Option<Roots>,
    name: String,
}

/// Who may vouch for the database server's certificate.
#[derive(Clone, Debug)]
pub(super) enum Roots {
    /// The authorities in a PEM file.
    File(PathBuf),
    /// Those that the operating system trusts.
    System,
}

/// Why an address will not do. Says nothing of a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins otherwise.
    #[error("the address of a PostgreSQL database begins with postgresql://")]
    NotPostgresql,
    /// A part cannot be read.
    #[error(
        "the address is not one of a PostgreSQL database: postgresql://user@host:port/database"
    )]
    Malformed,
    /// `sslmode` has a value that verifies less than everything.
    #[error("sslmode is {0:?}, and only verify-full and disable are possible")]
    Mode(String),
    /// TLS is asked for where there is none.
    #[error("a socket of this machine has no TLS: leave sslmode out")]
    TlsOnSocket,
}

impl Address {
    /// Reads a URL. `sslmode` (`verify-full` or `disable`) and `sslrootcert` (a PEM file, or `system`) mean what
    /// they mean to libpq. Without a host it is the usual socket of this machine.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        if !Self::is_one(url) {
            return Err(AddressError::NotPostgresql);
        }
        let (mut rest, mut mode, mut roots) = (String::new(), None, None);
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(AddressError::Malformed)?;
            match name {
                "sslmode" => mode = Some(decoded(value)?),
                "sslrootcert" => roots = Some(decoded(value)?),
                _ => {
                    rest.push(if rest.is_empty() { '?' } else { '&' });
                    rest.push_str(parameter);
                }
            }
        }
        // What the parser says is not passed on: it may repeat a piece of the password.
        let mut config =
            Config::from_str(&format!("{place}{rest}")).map_err(|_| AddressError::Malformed)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host_path(USUAL_SOCKET);
        }
        let local = config.get_hosts().iter().all(is_this_machine)
            && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        let tls = match mode.as_deref() {
            Some("verify-full") => true,
            Some("disable") => false,
            None => !local,
            Some(other) => return Err(AddressError::Mode(other.to_owned())),
        };
        let socket = |host: &Host| matches!(host, Host::Unix(_));
        if tls && config.get_hosts().iter().any(socket) {
            return Err(AddressError::TlsOnSocket);
        }
        let roots = match roots.as_deref() {
            None | Some("system") => Roots::System,
            Some(file) => Roots::File(PathBuf::from(file)),
        };
        config
            .application_name("keyporchd")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .keepalives_idle(IDLE)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(if tls {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        Ok(Self {
            name: name(&config),
            tls: tls.then_some(roots),
            config,
        })
    }

    /// Whether a text is meant as such an address.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.starts_with("postgresql://") || text.starts_with("postgres://")
    }

    /// The same, with a password that the URL does not have to contain.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// The same, with the path of `sslrootcert` taken from a folder where it is relative.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        if let Some(Roots::File(file)) = &mut self.tls {
            *file = folder.join(&*file);
        }
        self
    }

    /// Whether the URL holds a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The database in words for the administrator: its name and where it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address")
            .field("name", &self.name)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

fn name(config: &Config) -> String {
    let port = |place: usize| match config.get_ports() {
        [port] => *port,
        ports => ports.get(place).copied().unwrap_or(USUAL_PORT),
    };
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(place, host)| match (host, port(place)) {
            (Host::Tcp(name), USUAL_PORT) => name.clone(),
            (Host::Tcp(name), port) => format!("{name}:{port}"),
            (Host::Unix(folder), USUAL_PORT) => folder.display().to_string(),
            (Host::Unix(folder), port) => format!("{}, port {port}", folder.display()),
        })
        .collect();
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or("postgres");
    format!("{database} at {}", hosts.join(", "))
}

/// Undoes percent-encoding (RFC 3986 2.1).
fn decoded(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).ok_or(AddressError::Malformed)?;
        let digits = std::str::from_utf8(digits).map_err(|_| AddressError::Malformed)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| AddressError::Malformed)?);
        rest = after.get(2..).unwrap_or_default();
    }
    String::from_utf8(bytes).map_err(|_| AddressError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn another_machine_is_spoken_to_by_tls_and_verified() {
        for url in [
            "postgresql://keyporch@db.corp.example/keyporch",
            "postgres://keyporch@db.corp.example:5433/keyporch?connect_timeout=3",
            "postgresql://keyporch@localhost,db.corp.example/keyporch",
            "postgresql://localhost/keyporch?sslmode=verify-full&sslrootcert=system",
        ] {
            let address = parsed(url);
            assert!(matches!(address.tls, Some(Roots::System)), "{url}");
            assert_eq!(address.config.get_ssl_mode(), SslMode::Require, "{url}");
        }
        let address = parsed("postgresql://db/keyporch?sslrootcert=roots%20here.pem");
        let address = address.within(Path::new("/etc/keyporch"));
        let Some(Roots::File(file)) = address.tls else {
            panic!("it names a file");
        };
        assert_eq!(file, Path::new("/etc/keyporch/roots here.pem"));
    }

    #[test]
    fn this_machine_is_spoken_to_without_tls() {
        for url in [
            "postgresql:///keyporch",
            "postgresql:///keyporch?host=/run/postgresql",
            "postgresql://%2Frun%2Fpostgresql/keyporch",
            "postgresql://keyporch@127.0.0.1/keyporch",
            "postgresql://keyporch@[::1]:5433/keyporch",
            "postgresql://keyporch@localhost/keyporch",
            "postgresql://keyporch@db.corp.example/keyporch?sslmode=disable",
        ] {
            let address = parsed(url);
            assert!(address.tls.is_none(), "{url}");
            assert_eq!(address.config.get_ssl_mode(), SslMode::Disable, "{url}");
        }
    }

    #[test]
    fn what_would_verify_less_than_everything_is_refused() {
        for mode in ["allow", "prefer", "require", "verify-ca", ""] {
            let error = Address::parse(&format!("postgresql://db/keyporch?sslmode={mode}"));
            assert_eq!(error.unwrap_err(), AddressError::Mode(mode.to_owned()));
        }
        let socket = Address::parse("postgresql:///keyporch?sslmode=verify-full");
        assert_eq!(socket.unwrap_err(), AddressError::TlsOnSocket);
    }

    #[test]
    fn an_address_that_cannot_be_read_says_nothing_of_its_password() {
        for url in [
            "postgresql://keyporch:s3cr3t@db:port/keyporch",
            "postgresql://keyporch:s3cr3t@db/keyporch?s3cr3t",
            "postgresql://keyporch:s3cr3t@db/keyporch?s3cr3t=1",
            "s3cr3t",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("s3cr3t"),
                "{error:?}"
            );
        }
        let address = parsed("postgresql://keyporch:s3cr3t@db/keyporch");
        assert!(address.has_password());
        assert_eq!(address.name(), "keyporch at db");
        let several = parsed("postgresql://one:5433,two/keyporch");
        assert_eq!(several.name(), "keyporch at one:5433, two");
        assert!(!format!("{address:?}").contains("s3cr3t"));
    }
}
