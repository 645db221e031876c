//! The lab's tenant: its directory on disk, its authorities, its administrator, its person.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crypto::password::Cost;
use directory::Directory;
use directory::tenant::TenantNames;
use serve::{Administrator, AuditSettings, Settings};
use trust::{Clock, Rng};

use crate::domain::{self, ADMIN, DOMAIN};
use crate::fault::Fault;
use crate::folder::LabFolder;
use crate::kept::Kept;
use crate::ports::Ports;

/// The host where people sign in and tokens are given.
pub(super) const LOGIN_HOST: &str = "login.corp.example";
/// The host where devices and keys are registered.
pub(super) const REGISTRATION_HOST: &str = "enterpriseregistration.corp.example";

/// What people see of the tenant.
const DISPLAY_NAME: &str = "Example Corporation";

const STORE: &str = "tenant.sqlite";

/// Where people sign in.
pub(super) fn login(ports: &Ports) -> String {
    format!("https://{LOGIN_HOST}:{}", ports.https.port())
}

/// Where devices and keys are registered.
pub(super) fn registration(ports: &Ports) -> String {
    format!("https://{REGISTRATION_HOST}:{}", ports.https.port())
}

/// Where the tenant is found.
pub(super) fn section(ports: &Ports) -> tenant::Section {
    tenant::Section {
        login: login(ports),
        drs: Some(registration(ports)),
        ..tenant::Section::default()
    }
}

/// What the server is told.
pub(super) fn settings(folder: &LabFolder, ports: &Ports) -> Settings {
    let mut settings = Settings {
        listen: ports.listen_for_tenant(),
        audit: AuditSettings {
            file: Some(folder.file(domain::AUDIT)),
            ..AuditSettings::default()
        },
        ..Settings::default()
    };
    settings.listen.admin_socket = Some(folder.file("admin.sock"));
    settings.tls.addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    settings.authority.publication = Some(format!("http://{}", ports.http));
    settings
}

/// Opens the tenant's directory on disk; makes it where there is none.
pub(super) fn open(
    folder: &LabFolder,
    clock: &Arc<dyn Clock>,
    rng: &mut dyn Rng,
) -> Result<Arc<Directory>, Fault> {
    domain::open_store(folder, STORE, clock, rng)
}

/// Makes the tenant, its authorities and its people; what is there already is left as it is.
pub(super) fn set_up(
    directory: &Arc<Directory>,
    settings: &Settings,
    section: &tenant::Section,
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
    let names = TenantNames {
        domain: DOMAIN.to_owned(),
        display_name: DISPLAY_NAME.to_owned(),
    };
    serve::set_up_tenant(
        directory,
        &names,
        section,
        settings,
        &administrator,
        Arc::clone(clock),
        rng,
    )?;
    domain::add_user(directory, kept, clock.as_ref(), rng)?;
    // Unset would do here (PROV-1.4); set, it is found by whoever looks where it stands.
    domain::enable_hello(directory, clock.as_ref(), rng)
}
