//! What other programs need of a tenant's lab, as files: `lab.json`, hosts, certificates, keys.

use std::path::Path;

use directory::Directory;
use hello::vault::{DeviceKey, Unlocked};
use serde_json::{Value, json};
use trust::Clock;
use wire::x509::pem;

use super::device::Device;
use super::tenant::{LOGIN_HOST, REGISTRATION_HOST, login, registration};
use crate::domain::{self, ADMIN, DOMAIN, USER, USER_UPN};
use crate::fault::Fault;
use crate::files::{DEVICE_CERTIFICATE, DEVICE_KEY, HOSTS, ROOT, USER_KEY, VERSION, private_key};
use crate::flow::{DEVICE, DEVICE_FOLDER};
use crate::folder::LabFolder;
use crate::kept::Kept;
use crate::ports::Ports;

/// The lines of a hosts file by which the lab's names resolve.
pub(super) fn hosts() -> String {
    format!(
        "# The names of a Keyporch lab. Programs that take no file of their own find them here in /etc/hosts.\n\
         127.0.0.1 {LOGIN_HOST} {REGISTRATION_HOST}\n"
    )
}

/// Writes everything but `lab.json`; where nobody signed in, what belongs to the person stays as it is.
pub(super) fn write(
    folder: &LabFolder,
    directory: &Directory,
    device: &Device<'_>,
    signed_in: Option<&Unlocked>,
    clock: &dyn Clock,
) -> Result<(), Fault> {
    let certificate = |der: &[u8]| pem::encode("CERTIFICATE", der);
    let root = certificate(&domain::root(directory, authority::Ca::Tls, clock)?);
    folder.write(ROOT, root.as_bytes())?;
    folder.write(HOSTS, hosts().as_bytes())?;
    if let Some(unlocked) = signed_in {
        folder.write(USER_KEY, private_key(USER, unlocked.key())?.as_bytes())?;
    }
    if let Some(registration) = device.hello.registration() {
        folder.write(
            DEVICE_CERTIFICATE,
            certificate(registration.certificate()).as_bytes(),
        )?;
    }
    let key = device.hello.vault().device_key(DeviceKey::Device);
    if let Some(key) = key.map_err(|error| Fault::step("reading the device's key", &error))? {
        folder.write(DEVICE_KEY, private_key(DEVICE, &key)?.as_bytes())?;
    }
    Ok(())
}

/// `lab.json` (design.md 4): new members may be added, none removed; what is not started is null.
pub(super) fn describe(
    folder: &LabFolder,
    ports: &Ports,
    kept: &Kept,
    directory: &Directory,
    device: &Device<'_>,
    ready_ms: i64,
) -> Result<Value, Fault> {
    let file = |name: &str| folder.file(name).display().to_string();
    let domain = directory
        .domain()
        .map_err(|error| Fault::step("reading the directory", &error))?;
    let tenant = domain.head.to_string();
    let device_id = device
        .hello
        .registration()
        .map(|registration| registration.device_id.to_string());
    Ok(json!({
        "version": VERSION,
        "scenario": kept.scenario,
        "ready_ms": ready_ms,
        "pid": std::process::id(),
        "realm": null,
        "domain": DOMAIN,
        "krb5_conf": null,
        "hosts": file(HOSTS),
        "root_pem": file(ROOT),
        "kdc": null,
        "password": null,
        "ldap": null,
        "federation": null,
        "tenant": {
            "id": tenant,
            "base": login(ports),
            "drs": registration(ports),
            "domains": [DOMAIN],
        },
        "authority": { "crl_url": format!("http://{}/{tenant}/devices.crl", ports.http) },
        "admin": {
            "upn": format!("{ADMIN}@{DOMAIN}"),
            "password": kept.admin.password,
            "totp_secret": kept.admin.totp_secret,
            "socket": file("admin.sock"),
        },
        "users": [{
            "upn": USER_UPN,
            "sam": USER,
            "password": kept.user.password,
            "totp_secret": kept.user.totp_secret,
            "pin": kept.pin,
            "device": DEVICE,
            "hello_key_pem": file(USER_KEY),
            "hello_cert_pem": null,
            "ccache": null,
        }],
        "devices": [{
            "name": DEVICE,
            "id": device_id,
            "certificate_pem": file(DEVICE_CERTIFICATE),
            "key_pem": file(DEVICE_KEY),
            "state": file(DEVICE_FOLDER),
        }],
    }))
}

/// What a newcomer tries first.
pub(super) fn suggestions(path: &Path, ports: &Ports, kept: &Kept) -> Vec<String> {
    let file = |name: &str| path.join(name).display().to_string();
    vec![
        format!(
            "curl --cacert {} --resolve {LOGIN_HOST}:{port}:127.0.0.1 {}/{DOMAIN}/v2.0/.well-known/openid-configuration",
            file(ROOT),
            login(ports),
            port = ports.https.port(),
        ),
        format!("keyporch --lab {} admin key list {USER}", path.display()),
        format!(
            "keyporch --lab {} admin user disable {USER}      # and the PIN opens nothing any more",
            path.display()
        ),
        String::new(),
        format!("{USER}: password {}, PIN {}", kept.user.password, kept.pin),
        format!(
            "{ADMIN}: password {}; one-time codes by the secrets in {}",
            kept.admin.password,
            file(crate::files::DESCRIPTION)
        ),
    ]
}
