//! The lab's domain: the directory on disk, its authorities, its administrator, its person and its policy.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crypto::password::Cost;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::{
    Account, Attribute, Bootstrap, Change, Directory, EntryId, NewEntry, Options, Reads, RootKey,
    Secret, StoreKind, account, change,
};
use policy::{Half, PolicyObject, Value};
use serve::{Administrator, AuditSettings, Settings};
use store::Sqlite;
use token::factor::SecondFactors;
use trust::{Clock, Rng};
use wire::Guid;

use crate::fault::{Fault, of_storage};
use crate::folder::LabFolder;
use crate::kept::Kept;
use crate::ports::Ports;

/// The domain's DNS name.
pub(crate) const DOMAIN: &str = "corp.example";
/// The realm.
pub(crate) const REALM: &str = "CORP.EXAMPLE";
/// The host of the federation service.
pub(crate) const FEDERATION_HOST: &str = "sts.corp.example";
/// The KDC's full name.
pub(crate) const KDC_HOST: &str = "dc1.corp.example";
/// The administrator's account.
pub(crate) const ADMIN: &str = "admin";
/// The person's account.
pub(crate) const USER: &str = "alice";
/// The person's UPN.
pub(crate) const USER_UPN: &str = "alice@corp.example";
/// The policy object that enables enrolment.
pub(crate) const POLICY: &str = "Default Domain Policy";

/// The longest answer that the KDC sends as a datagram.
const LONGEST_DATAGRAM: usize = 16 * 1024;

const STORE: &str = "directory.sqlite";
const ROOT_KEY: &str = "root.key";
pub(crate) const AUDIT: &str = "audit.jsonl";

/// The address of the federation service.
pub(crate) fn base(ports: &Ports) -> String {
    format!("https://{FEDERATION_HOST}:{}", ports.https.port())
}

/// The KDC proxy, by an address that needs no name to resolve.
pub(crate) fn proxy(ports: &Ports) -> String {
    format!("https://{}/KdcProxy", ports.https)
}

/// What LDAP calls the domain.
pub(crate) fn base_dn() -> String {
    directory::Dn::of_domain(DOMAIN).to_string()
}

/// What the server is told.
pub(crate) fn settings(folder: &LabFolder, ports: &Ports) -> Settings {
    let mut settings = Settings {
        listen: ports.listen(),
        audit: AuditSettings {
            file: Some(folder.file(AUDIT)),
            ..AuditSettings::default()
        },
        ..Settings::default()
    };
    settings.listen.admin_socket = Some(folder.file("admin.sock"));
    settings.federation.base = base(ports);
    settings.kdc.host = Some(KDC_HOST.to_owned());
    // Loopback carries long datagrams whole, which spares clients the second way by a stream.
    settings.kdc.datagram_limit = LONGEST_DATAGRAM;
    settings.tls.names = vec![KDC_HOST.to_owned()];
    settings.tls.addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    settings.authority.publication = Some(format!("http://{}", ports.http));
    settings
}

/// Opens the domain's directory on disk; makes it, and its root key, where there is none.
pub(crate) fn open(
    folder: &LabFolder,
    clock: &Arc<dyn Clock>,
    rng: &mut dyn Rng,
) -> Result<Arc<Directory>, Fault> {
    open_store(folder, STORE, clock, rng)
}

/// Opens the directory in a store of this name; makes it, and the lab's root key, where there is none.
pub(crate) fn open_store(
    folder: &LabFolder,
    store: &str,
    clock: &Arc<dyn Clock>,
    rng: &mut dyn Rng,
) -> Result<Arc<Directory>, Fault> {
    let key = match folder.read(ROOT_KEY)? {
        Some(bytes) => <[u8; 32]>::try_from(bytes.as_slice())
            .map(RootKey::new)
            .map_err(|_| {
                Fault::failed(
                    format!("{} is damaged", folder.file(ROOT_KEY).display()),
                    "Start anew with --fresh, or give another folder with --dir.",
                )
            })?,
        None => {
            let key = RootKey::random(rng);
            folder.write(ROOT_KEY, key.expose())?;
            key
        }
    };
    let path = folder.file(store);
    let options = store::Options::default();
    let storage = Sqlite::open(&path, Arc::clone(clock), &options)
        .map_err(|error| of_storage(&path, &error))?;
    let directory = Directory::open(
        Arc::new(storage),
        key,
        Options::default(),
        Box::new(trust::SystemRng),
    );
    directory.map(Arc::new).map_err(|fault| match &fault {
        directory::Fault::Storage(error) => of_storage(&path, error),
        other => Fault::step("opening the directory", other),
    })
}

/// Whether the domain is there with everybody in it.
pub(crate) fn is_set_up(directory: &Directory) -> Result<bool, Fault> {
    if directory.domain().is_err() {
        return Ok(false);
    }
    let failed = |error: directory::Fault| Fault::step("reading the directory", &error);
    let snapshot = directory.snapshot().map_err(failed)?;
    let people = [ADMIN, USER].map(|name| snapshot.account_by_sam(name));
    for person in people {
        if person.map_err(failed)?.is_none() {
            return Ok(false);
        }
    }
    let policy = policy::stored::object(&snapshot, POLICY);
    Ok(policy
        .map_err(|error| Fault::step("reading the policy", &error))?
        .is_some())
}

/// Makes the domain, its authorities, its people and its policy; what is there already is left as it is.
pub(crate) fn set_up(
    directory: &Arc<Directory>,
    settings: &Settings,
    kept: &Kept,
    clock: &Arc<dyn Clock>,
    rng: &mut dyn Rng,
) -> Result<(), Fault> {
    let totp = kept.admin.authenticator()?;
    let administrator = Administrator {
        sam: ADMIN,
        display_name: "Administrator of the lab",
        password: &kept.admin.password,
        totp: Some(&totp),
        cost: Cost::LEAST,
    };
    serve::set_up(
        directory,
        &Bootstrap::of(DOMAIN),
        settings,
        &administrator,
        Arc::clone(clock),
        rng,
    )?;
    add_user(directory, kept, clock.as_ref(), rng)?;
    enable_hello(directory, clock.as_ref(), rng)
}

pub(crate) fn add_user(
    directory: &Directory,
    kept: &Kept,
    clock: &dyn Clock,
    rng: &mut dyn Rng,
) -> Result<(), Fault> {
    const DOING: &str = "adding alice";
    let failed = |error: directory::Fault| Fault::step(DOING, &error);
    let snapshot = directory.snapshot().map_err(failed)?;
    if snapshot.account_by_sam(USER).map_err(failed)?.is_some() {
        return Ok(());
    }
    let id = EntryId(Guid::from_random(rng.bytes()));
    let none = PasswordHistory::empty();
    let password = &kept.user.password;
    let material = match snapshot.domain().kind {
        StoreKind::Domain => {
            let salt = account::user_salt(REALM, USER);
            PasswordMaterial::of_password(password, &salt, &none, 1, Cost::LEAST, rng)
        }
        StoreKind::Tenant => PasswordMaterial::hash_only(password, &none, 1, Cost::LEAST, rng),
    };
    let entry = NewEntry::user(id, snapshot.domain().users, USER, "Alice Liddell")
        .with(Attribute::UserPrincipalName, USER_UPN)
        .with(Attribute::DisplayName, "Alice Liddell")
        .with_password(material, false);
    let factors = SecondFactors::with_totp(&kept.user.authenticator()?);
    let factors = factors.write().into_iter().map(Secret::new).collect();
    let changes = [Change::from(entry), change::set_second_factors(id, factors)];
    commit(directory, &changes, snapshot.into_reads(), clock, DOING)
}

/// "Use Windows Hello for Business", for everybody: unset would mean that nobody enrols (PROV-1.4).
pub(crate) fn enable_hello(
    directory: &Directory,
    clock: &dyn Clock,
    rng: &mut dyn Rng,
) -> Result<(), Fault> {
    const DOING: &str = "enabling enrolment";
    let snapshot = directory
        .snapshot()
        .map_err(|error| Fault::step(DOING, &error))?;
    let known =
        policy::stored::object(&snapshot, POLICY).map_err(|error| Fault::step(DOING, &error))?;
    if known.is_some() {
        return Ok(());
    }
    let mut object = PolicyObject::new(Guid::from_random(rng.bytes()), POLICY);
    let about = <policy::settings::hello::UsePassportForWork as policy::Setting>::ABOUT;
    object
        .set(Half::Computer, &about, Value::Switch(true))
        .map_err(|error| Fault::step(DOING, &error))?;
    let change =
        policy::stored::add(&snapshot, &object).map_err(|error| Fault::step(DOING, &error))?;
    commit(directory, &[change], snapshot.into_reads(), clock, DOING)
}

pub(crate) fn commit(
    directory: &Directory,
    changes: &[Change],
    reads: Reads,
    clock: &dyn Clock,
    doing: &str,
) -> Result<(), Fault> {
    let committed = directory.commit(changes, &reads, clock.now());
    committed
        .map(drop)
        .map_err(|error| Fault::step(doing, &error))
}

/// An account that is there.
pub(crate) fn account(directory: &Directory, sam: &str) -> Result<Arc<Account>, Fault> {
    let failed = |error: directory::Fault| Fault::step("reading the directory", &error);
    let found = directory
        .snapshot()
        .and_then(|snapshot| snapshot.account_by_sam(sam))
        .map_err(failed)?;
    found.ok_or_else(|| {
        Fault::failed(
            format!("the lab has no account {sam} any more"),
            "Start anew with --fresh.",
        )
    })
}

/// A certificate by which an authority is trusted, DER.
pub(crate) fn root(
    directory: &Directory,
    ca: authority::Ca,
    clock: &dyn Clock,
) -> Result<Vec<u8>, Fault> {
    const DOING: &str = "reading the authority's certificate";
    let snapshot = directory
        .snapshot()
        .map_err(|error| Fault::step(DOING, &error))?;
    let found = authority::authority(&snapshot, ca, clock.now())
        .map_err(|error| Fault::step(DOING, &error))?;
    let root = found.ok_or_else(|| {
        Fault::failed(
            "the lab has lost its certification authority",
            "Start anew with --fresh.",
        )
    })?;
    Ok(root.der().to_vec())
}
