//! What a tenant's server has done by others: TXT records looked up at this machine's nameservers, and JSON posted to the address
//! that the organisation named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use call::dns::Resolver;
use call::{Roots, files, notify};
use serve::Outside;
use trust::SystemRng;

use crate::config::Config;
use crate::report::{Failure, REFUSED, words};

/// Where the system says which nameservers it uses.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Where systems keep the authorities that they trust, in one file.
const SYSTEM_ROOTS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The network, as this machine reaches it.
#[derive(Debug)]
struct Network {
    resolv_conf: PathBuf,
    /// Who may vouch for the server that is told; the system's authorities where nobody is named.
    roots: Option<PathBuf>,
}

/// The network for a tenant; a domain needs nothing of it.
pub(crate) fn network(config: &Config) -> Result<Option<Arc<dyn Outside>>, Failure> {
    let Some(tenant) = &config.tenant else {
        return Ok(None);
    };
    let roots = tenant.notify_roots.clone();
    if let Some(roots) = &roots {
        // It is read again when somebody is told, which may be long after whoever named it has left.
        Roots::from_system_file(roots).map_err(|fault| {
            let remedy = "Give a PEM file with the root certificate as notify_roots under [tenant], or leave it out.";
            Failure::new(&fault, remedy, REFUSED)
        })?;
    }
    Ok(Some(Arc::new(Network {
        resolv_conf: RESOLV_CONF.into(),
        roots,
    })))
}

impl Network {
    fn roots(&self) -> &Path {
        let mut system = SYSTEM_ROOTS.iter().map(Path::new);
        let found = || system.find(|file| file.exists());
        let given = self.roots.as_deref();
        given.or_else(found).unwrap_or(Path::new(SYSTEM_ROOTS[0]))
    }
}

impl Outside for Network {
    fn txt(&self, name: &str) -> Result<Vec<String>, String> {
        // Read each time: a machine may be moved while the server runs.
        let text = files::read(&self.resolv_conf).map_err(|fault| words(&fault))?;
        let text = text.unwrap_or_default();
        let resolver = Resolver::from_resolv_conf(&String::from_utf8_lossy(&text));
        resolver
            .txt(name, &mut SystemRng)
            .map_err(|fault| format!("the TXT records of {name}: {}", words(&fault)))
    }

    fn notify(&self, to: &str, body: &[u8]) -> Result<(), String> {
        notify::json(to, body, self.roots()).map_err(|fault| words(&fault))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const OF_A_TENANT: &str = "[tenant]\ndomain = \"corp.example\"\nlogin = \"https://login.corp.example\"\n\
        notify_roots = \"hooks.pem\"\n\n[store]\nfile = \"t.sqlite\"\nroot_key = \"t.key\"\n\n\
        [listen]\nkdc = []\npassword = []\nldap = []\nldaps = []\n";

    fn config(folder: &Path, text: &str) -> Config {
        Config::parse(&folder.join("keyporch.toml"), text).unwrap()
    }

    #[test]
    fn a_tenant_reaches_the_network_and_a_domain_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let example = include_str!("../../../keyporch.example.toml");
        let domain = config(folder.path(), example);
        assert!(network(&domain).unwrap().is_none());
        let system = OF_A_TENANT.replacen("notify_roots = \"hooks.pem\"\n", "", 1);
        let tenant = config(folder.path(), &system);
        assert!(network(&tenant).unwrap().is_some());
    }

    #[test]
    fn roots_that_are_named_must_be_there_beside_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), OF_A_TENANT);
        let named = folder.path().join("hooks.pem");
        let refused = network(&config).map(|_| ()).unwrap_err();
        let said = format!("{refused:?}");
        assert!(said.contains(&named.display().to_string()), "{said}");
        std::fs::write(&named, "no certificate").unwrap();
        assert!(network(&config).is_err());
        let root = include_str!("../../../crates/call/src/tests/certificates/first.pem");
        std::fs::write(&named, root).unwrap();
        assert!(network(&config).unwrap().is_some());
    }

    #[test]
    fn what_could_not_be_done_is_said_with_its_cause() {
        let folder = tempfile::tempdir().unwrap();
        let network = Network {
            resolv_conf: folder.path().to_owned(),
            roots: None,
        };
        let said = network.txt("corp.example").unwrap_err();
        let begin = format!("{} cannot be read: ", folder.path().display());
        assert!(said.starts_with(&begin), "{said}");
        let network = Network {
            resolv_conf: PathBuf::from("/dev/null"),
            roots: None,
        };
        let said = network.txt("no name").unwrap_err();
        assert!(said.starts_with("the TXT records of no name: "), "{said}");
        let said = network.notify("http://corp.example/", b"{}").unwrap_err();
        assert!(said.starts_with("the address is none"), "{said}");
    }

    #[test]
    fn json_reaches_a_listener_on_this_machine() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = format!("http://{}/told", listener.local_addr().unwrap());
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut piece) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"{\"event\":1}") {
                let length = stream.read(&mut piece).unwrap();
                assert_ne!(length, 0);
                request.extend_from_slice(&piece[..length]);
            }
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).unwrap();
        });
        let network = Network {
            resolv_conf: PathBuf::new(),
            roots: None,
        };
        network.notify(&to, b"{\"event\":1}").unwrap();
        serving.join().unwrap();
    }
}
