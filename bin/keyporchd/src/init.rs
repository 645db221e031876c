//! `keyporchd init`: a server of one's own, from nothing.

mod configuration;
mod kind;

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use authority::Ca;
use call::files;
use crypto::password::Cost;
use directory::storage::Storage;
use directory::{Directory, RootKey};
use serve::{Administrator, Server};
use store::Postgres;
use token::totp::TotpSecret;
use trust::{Clock as _, Rng, SystemClock, SystemRng};
use wire::x509::pem;
use zeroize::Zeroizing;

use self::configuration::{port, quoted, quoted_path};
use self::kind::Kind;
use crate::arguments::Init;
use crate::config::{Config, is_dns_name};
use crate::opened::{self, Place};
use crate::report::{FAILED, Failure, REFUSED};
use crate::root_key;

/// Letters of the first password, in groups of five: 120 bits.
const PASSWORD_BYTES: usize = 15;

/// What a disk must have left, in bytes, when a set-up failed for another reason than want of room: the store's log
/// grows by a few pages at a time.
const ROOM: usize = 256 * 1024;

/// Where everything of a new server goes.
struct Places {
    config: PathBuf,
    data: PathBuf,
    root_key: PathBuf,
    roots: PathBuf,
    store: Place,
    /// What the configuration says of the store.
    store_setting: String,
    socket: PathBuf,
    audit: PathBuf,
}

/// What the new server is called and where it listens.
struct Names {
    domain: String,
    kind: Kind,
    address: Option<IpAddr>,
    offset: u16,
}

/// The first administrator's secrets, shown once.
struct Secrets {
    upn: String,
    password: Zeroizing<String>,
    totp: TotpSecret,
}

/// Sets a server up. Nothing that exists is overwritten, and what a failed set-up wrote is removed.
pub(crate) fn init(arguments: &Init) -> Result<(), Failure> {
    let names = names(arguments)?;
    let places = places(arguments, &names)?;
    refuse_to_overwrite(&places)?;
    let secrets = Secrets {
        upn: format!("{}@{}", arguments.administrator, names.domain),
        password: first_password(&mut SystemRng),
        totp: TotpSecret::draw(&mut SystemRng),
    };
    let mut database = None;
    let made = prepare(&places).and_then(|data| {
        database = empty_database(&places)?;
        make(arguments, &names, &places, &secrets, &database).map_err(|failure| {
            // Whoever notices a full disk first may not know that it is one.
            match data.is_out_of_room(ROOM) {
                true => failure.for_want_of_room(&places.data),
                false => failure,
            }
        })
    });
    if let Err(failure) = made {
        remove(&places, database);
        return Err(failure);
    }
    show(arguments, &names, &places, &secrets);
    Ok(())
}

fn names(arguments: &Init) -> Result<Names, Failure> {
    let domain = match arguments.domain.as_ref().or(arguments.tenant.as_ref()) {
        Some(domain) => domain.clone(),
        None => ask("The organisation's domain (corp.example)", "--domain")?,
    };
    let domain = domain.trim().to_ascii_lowercase();
    if !is_dns_name(&domain) {
        return Err(Failure::said(
            format!("{domain:?} is no DNS domain"),
            "Give one such as corp.example with --domain, or with --tenant.",
            REFUSED,
        ));
    }
    let https = port(443, arguments.port_offset)?;
    let kind = match arguments.tenant {
        None => Kind::domain(arguments, &domain, https),
        Some(_) => Kind::tenant(arguments, &domain, https),
    };
    Ok(Names {
        kind,
        domain,
        address: arguments.address,
        offset: arguments.port_offset,
    })
}

fn ask(question: &str, option: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::said(
            "there is no terminal to ask at",
            format!("Give the answer with {option}."),
            REFUSED,
        ));
    }
    let _ = write!(std::io::stderr(), "{question}: ");
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::new(&error, format!("Give it with {option}."), FAILED))?;
    Ok(line.trim().to_owned())
}

fn places(arguments: &Init, names: &Names) -> Result<Places, Failure> {
    let folder = arguments
        .config
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    let data = arguments
        .data
        .clone()
        .unwrap_or_else(|| folder.join("keyporch-data"));
    let file = data.join("directory.sqlite");
    let (store, store_setting) = match &arguments.store {
        None => (
            Place::File(file.clone()),
            format!("file = {}", quoted_path(&file)),
        ),
        Some(url) => {
            let password = arguments.store_password.as_deref();
            let store = Place::database(url, &data, password, names.kind.node(), None)?;
            let mut setting = format!("url = {}", quoted(url));
            if let Some(file) = password {
                let _ = write!(setting, "\npassword_file = {}", quoted_path(file));
            }
            (store, setting)
        }
    };
    Ok(Places {
        config: arguments.config.clone(),
        root_key: data.join("root.key"),
        roots: folder.join("keyporch-roots.pem"),
        store,
        store_setting,
        socket: data.join("admin.sock"),
        audit: data.join("audit.jsonl"),
        data,
    })
}

/// The database of a new server, which must be empty; `None` where the store is a file.
fn empty_database(places: &Places) -> Result<Option<Arc<Postgres>>, Failure> {
    let Place::Database { address, .. } = &places.store else {
        return Ok(None);
    };
    let database = places.store.postgres(true)?;
    if database.was_made() {
        return Ok(Some(Arc::new(database)));
    }
    Err(Failure::said(
        format!(
            "the database {} holds a store already, and init overwrites nothing",
            address.name()
        ),
        "Give an empty database; docs/postgresql.md tells how a further server joins one that is in use.",
        REFUSED,
    ))
}

fn refuse_to_overwrite(places: &Places) -> Result<(), Failure> {
    let store = match &places.store {
        Place::File(file) => Some(file),
        Place::Database { .. } => None,
    };
    let files = [&places.config, &places.root_key, &places.roots];
    for path in files.into_iter().chain(store) {
        if path.exists() {
            let what = format!(
                "{} is there already, and init overwrites nothing",
                path.display()
            );
            return Err(Failure::said(
                what,
                "Move it away, or give other places with --config and --data.",
                REFUSED,
            ));
        }
    }
    Ok(())
}

/// Five letters and digits at a time, none of which is taken for another.
fn first_password(rng: &mut dyn Rng) -> Zeroizing<String> {
    let bytes = Zeroizing::new(rng.bytes::<PASSWORD_BYTES>());
    let letters = Zeroizing::new(crypto::base32::encode(bytes.as_slice()).to_ascii_lowercase());
    let mut password = Zeroizing::new(String::new());
    for (place, letter) in letters.chars().enumerate() {
        if place > 0 && place % 5 == 0 {
            password.push('-');
        }
        password.push(letter);
    }
    password
}

/// A file that cannot be written.
fn disk(fault: files::FileFault) -> Failure {
    Failure::new(
        &fault,
        "Give other places with --config and --data, on a disk that this user may write and that has room.",
        FAILED,
    )
}

/// Makes the folders of the data and of the configuration, where they are missing.
fn prepare(places: &Places) -> Result<files::Folder, Failure> {
    if let Some(folder) = places.roots.parent() {
        std::fs::create_dir_all(folder).map_err(|source| {
            disk(files::FileFault::Write {
                path: folder.to_owned(),
                source,
            })
        })?;
    }
    files::Folder::open(&places.data).map_err(disk)
}

fn make(
    arguments: &Init,
    names: &Names,
    places: &Places,
    secrets: &Secrets,
    database: &Option<Arc<Postgres>>,
) -> Result<(), Failure> {
    let key = RootKey::random(&mut SystemRng);
    files::write(&places.root_key, root_key::text(&key).as_bytes(), 0o600).map_err(disk)?;
    let text = configuration::text(names, places)?;
    let directory = match database {
        Some(database) => {
            opened::open(&places.store, Arc::clone(database) as Arc<dyn Storage>, key)?
        }
        None => opened::directory(&places.store, key)?,
    };
    // Written last: a configuration means that everything it names is there.
    let config = read_back(&places.config, &text)?;
    let administrator = Administrator {
        sam: &arguments.administrator,
        display_name: "Administrator",
        password: &secrets.password,
        totp: Some(&secrets.totp),
        cost: Cost::default(),
    };
    let (domain, kind) = (&names.domain, &names.kind);
    kind.found(domain, &directory, &config, &administrator)?;
    let roots = root_certificates(&directory, config)?;
    files::write(&places.roots, roots.as_bytes(), 0o644).map_err(disk)?;
    // A URL may hold a password.
    let mode = match &places.store {
        Place::Database { address, .. } if address.has_password() => 0o600,
        _ => 0o644,
    };
    files::write(&places.config, text.as_bytes(), mode).map_err(disk)
}

/// The certificates by which devices believe this server, PEM. They are signed by the server's first start, which
/// this is, without a socket.
fn root_certificates(directory: &Arc<Directory>, config: Config) -> Result<String, Failure> {
    let parts = opened::parts(&config, Arc::clone(directory));
    let mut settings = config.settings();
    settings.listen = serve::Listen::nowhere();
    settings.audit.file = None;
    Server::start(settings, parts)?.shutdown(Duration::ZERO);
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::new(error, "Set the server up again.", FAILED)
    };
    let snapshot = directory.snapshot().map_err(|error| failed(&error))?;
    let mut text = String::new();
    for ca in Ca::ALL {
        let root = authority::authority(&snapshot, ca, SystemClock.now())
            .map_err(|error| failed(&error))?;
        text.extend(root.map(|root| pem::encode(pem::CERTIFICATE, root.der())));
    }
    Ok(text)
}

/// The configuration as it will be read.
fn read_back(path: &Path, text: &str) -> Result<Config, Failure> {
    Ok(Config::parse(path, text)?)
}

/// Removes what a failed set-up made. A database is one that it found empty.
fn remove(places: &Places, database: Option<Arc<Postgres>>) {
    let mut made = vec![places.root_key.clone(), places.roots.clone()];
    if let Place::File(store) = &places.store {
        for suffix in ["", "-wal", "-shm", ".lock", "-lock"] {
            let mut name = store.clone().into_os_string();
            name.push(suffix);
            made.push(PathBuf::from(name));
        }
    }
    for path in made {
        let _ = std::fs::remove_file(path);
    }
    if let Some(Err(error)) = database.map(|database| database.remove()) {
        tracing::warn!(%error, "what the set-up wrote to the database is still there");
    }
    // Only where nothing else is in it.
    let _ = std::fs::remove_dir(&places.data);
}

fn show(arguments: &Init, names: &Names, places: &Places, secrets: &Secrets) {
    let mut out = std::io::stdout().lock();
    let uri = secrets.totp.uri(&names.domain, &secrets.upn);
    let next = format!("keyporchd serve --config {}", places.config.display());
    if arguments.json {
        let shown = serde_json::json!({
            "domain": names.domain,
            "config": places.config,
            "store": places.store.shown(),
            "root_key": places.root_key,
            "roots": places.roots,
            "federation": names.kind.federation(),
            "login": names.kind.login(),
            "administrator": {
                "upn": secrets.upn,
                "password": secrets.password.as_str(),
                "totp_secret": secrets.totp.reveal().as_str(),
                "totp_uri": uri.as_str(),
            },
            "next": next,
        });
        let _ = writeln!(out, "{shown}");
        return;
    }
    let _ = writeln!(
        out,
        "{domain} is set up.\n\n\
           configuration  {config}\n\
           store          {store}\n\
           root key       {root_key}  (keep a copy elsewhere)\n\
           roots          {roots}  (devices need it: keyporch join --roots)\n\n\
           administrator  {upn}\n\
           password       {password}  (shown this once)\n\
           second factor  scan this with an authenticator application, or type {secret}\n",
        domain = names.domain,
        config = places.config.display(),
        store = places.store.shown(),
        root_key = places.root_key.display(),
        roots = places.roots.display(),
        upn = secrets.upn,
        password = secrets.password.as_str(),
        secret = grouped(&secrets.totp.reveal()),
    );
    if let Some(code) = token::qr::half_blocks(&uri) {
        let _ = writeln!(out, "{code}");
    }
    let _ = writeln!(
        out,
        "Address: {}\n\
         Next: {next}\n\
         Then: keyporch --socket {} admin {}",
        names.kind.address(),
        places.socket.display(),
        names.kind.then(),
    );
}

fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters
        .chunks(4)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn arguments(folder: &Path) -> Init {
        Init {
            domain: Some("corp.example".into()),
            tenant: None,
            login: None,
            display_name: None,
            host: None,
            federation: None,
            administrator: "admin".into(),
            config: folder.join("keyporch.toml"),
            data: None,
            store: None,
            store_password: None,
            address: Some(Ipv4Addr::LOCALHOST.into()),
            port_offset: 18_000,
            json: true,
        }
    }

    #[test]
    fn a_new_server_is_set_up_once() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = arguments(folder.path());
        init(&arguments).unwrap();
        let config = Config::load(&arguments.config).unwrap();
        assert_eq!(config.listen.kdc, ["127.0.0.1:18088".parse().unwrap()]);
        assert_eq!(config.listen.password, ["127.0.0.1:18464".parse().unwrap()]);
        assert_eq!(config.federation.base, "https://sts.corp.example:18443");
        let key = root_key::read(&config.store.root_key).unwrap();
        let directory = opened::directory(&config.place().unwrap(), key).unwrap();
        let snapshot = directory.snapshot().unwrap();
        let admin = snapshot
            .account_by_upn("admin@corp.example")
            .unwrap()
            .unwrap();
        assert_eq!(admin.second_factors.len(), 1);
        drop(snapshot);
        drop(directory);
        assert!(init(&arguments).is_err(), "nothing is overwritten");
        Config::load(&arguments.config).unwrap();
    }

    #[test]
    fn a_new_server_may_be_a_tenants() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = Init {
            domain: None,
            tenant: Some("corp.example".into()),
            ..arguments(folder.path())
        };
        init(&arguments).unwrap();
        let config = Config::load(&arguments.config).unwrap();
        assert!(config.listen.kdc.is_empty() && config.listen.ldap.is_empty());
        let tenant = config.tenant.as_ref().unwrap();
        assert_eq!(tenant.login, "https://login.corp.example:18443");
        let key = root_key::read(&config.store.root_key).unwrap();
        let directory = opened::directory(&config.place().unwrap(), key).unwrap();
        assert_eq!(
            directory.domain().unwrap().kind,
            directory::StoreKind::Tenant
        );
        let snapshot = directory.snapshot().unwrap();
        let admin = snapshot.account_by_upn("admin@corp.example").unwrap();
        assert_eq!(admin.unwrap().second_factors.len(), 1);
        let roots = std::fs::read_to_string(folder.path().join("keyporch-roots.pem")).unwrap();
        assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), 2);
    }

    #[test]
    fn a_failed_set_up_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = arguments(folder.path());
        arguments.administrator = "a/b:c*".repeat(20);
        assert!(init(&arguments).is_err());
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn the_first_password_is_easy_to_type_and_hard_to_guess() {
        let password = first_password(&mut SystemRng);
        assert_eq!(password.len(), 28);
        assert!(
            password.chars().all(|letter| letter == '-'
                || letter.is_ascii_lowercase()
                || letter.is_ascii_digit())
        );
        assert_ne!(*password, *first_password(&mut SystemRng));
    }

    #[test]
    fn names_that_cannot_be_a_domain_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for domain in ["", "corp", "-a.example", "a b.example", "a..b"] {
            let arguments = Init {
                domain: Some(domain.into()),
                ..arguments(folder.path())
            };
            assert!(init(&arguments).is_err(), "{domain}");
        }
    }
}
