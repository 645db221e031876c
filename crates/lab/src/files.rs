//! What other programs need of the lab, as files: `lab.json`, `krb5.conf`, hosts, certificates, keys, tickets.

use std::path::Path;

use hello::Hello;
use hello::vault::{DeviceKey, VaultKey};
use serde_json::{Value, json};
use wire::x509::pem;
use zeroize::Zeroizing;

use crate::domain::{self, ADMIN, DOMAIN, FEDERATION_HOST, KDC_HOST, REALM, USER, USER_UPN};
use crate::fault::Fault;
use crate::flow::{DEVICE, DEVICE_FOLDER, Device, SignedIn};
use crate::folder::LabFolder;
use crate::kept::Kept;
use crate::ports::Ports;
use crate::scenario::Stage;

/// The version of `lab.json`.
const VERSION: u32 = 1;

/// `lab.json`
pub(crate) const DESCRIPTION: &str = "lab.json";
pub(crate) const KRB5_CONF: &str = "krb5.conf";
pub(crate) const HOSTS: &str = "hosts";
pub(crate) const ROOT: &str = "root.pem";
const KDC_ROOT: &str = "kdc-root.pem";
pub(crate) const USER_CERTIFICATE: &str = "alice.cert.pem";
pub(crate) const USER_KEY: &str = "alice.key.pem";
pub(crate) const USER_CCACHE: &str = "alice.ccache";
pub(crate) const DEVICE_CERTIFICATE: &str = "LAPTOP-1.cert.pem";
pub(crate) const DEVICE_KEY: &str = "LAPTOP-1.key.pem";

/// The lines of a hosts file by which the lab's names resolve.
pub(crate) fn hosts() -> String {
    hosts_of(&format!(
        "{FEDERATION_HOST} enterpriseregistration.{DOMAIN} {KDC_HOST} laptop-1.{DOMAIN}"
    ))
}

/// The lines of a hosts file for these names.
pub(crate) fn hosts_of(names: &str) -> String {
    format!(
        "# The names of a Keyporch lab. Programs that take no file of their own find them here in /etc/hosts.\n\
         127.0.0.1 {names}\n"
    )
}

/// krb5.conf that works as written for MIT's tools (protocols J.5). Their client checks its own certificate against
/// the anchors before it signs, so the person's own certificate is one of them.
fn krb5_conf(folder: &LabFolder, ports: &Ports) -> String {
    let file = |name: &str| folder.file(name).display().to_string();
    format!(
        "# Written by `keyporchd lab`, for MIT's tools: KRB5_CONFIG={own}\n\
         [libdefaults]\n\
         \x20default_realm = {REALM}\n\
         \x20dns_lookup_kdc = false\n\
         \x20dns_lookup_realm = false\n\
         \x20dns_canonicalize_hostname = false\n\
         \x20rdns = false\n\
         \n\
         [realms]\n\
         \x20{REALM} = {{\n\
         \x20 kdc = {kdc}\n\
         \x20 kpasswd_server = {password}\n\
         \x20 pkinit_anchors = FILE:{root}\n\
         \x20 pkinit_anchors = FILE:{certificate}\n\
         \x20}}\n\
         \n\
         [domain_realm]\n\
         \x20.{DOMAIN} = {REALM}\n\
         \x20{DOMAIN} = {REALM}\n",
        own = file(KRB5_CONF),
        kdc = ports.kdc,
        password = ports.password,
        root = file(KDC_ROOT),
        certificate = file(USER_CERTIFICATE),
    )
}

/// A private key, PEM, with a first line that nobody overlooks; readers skip what stands before `BEGIN`.
pub(crate) fn private_key(whose: &str, key: &VaultKey) -> Result<Zeroizing<String>, Fault> {
    let key = key.private_key().ok_or_else(|| {
        Fault::failed(
            format!("the key of {whose} does not leave its vault"),
            "Start anew with --fresh.",
        )
    })?;
    Ok(Zeroizing::new(format!(
        "The PRIVATE KEY of {whose} in a Keyporch lab, written out for trying things. Use it nowhere else.\n{}",
        key.to_pem().as_str()
    )))
}

/// Writes everything but `lab.json` and the device's part; where nobody signed in, what belongs to the person stays as it is.
pub(crate) fn write(
    stage: &Stage<'_>,
    device: &mut Device<'_>,
    signed_in: Option<&SignedIn>,
) -> Result<(), Fault> {
    let folder = stage.folder;
    let root = |ca| domain::root(device.directory(), ca, stage.clock.as_ref());
    let kdc_root = certificate(&root(authority::Ca::Enterprise)?);
    let tls_root = certificate(&root(authority::Ca::Tls)?);
    folder.write(KDC_ROOT, kdc_root.as_bytes())?;
    folder.write(ROOT, format!("{kdc_root}{tls_root}").as_bytes())?;
    folder.write(HOSTS, hosts().as_bytes())?;
    if let Some(signed_in) = signed_in {
        person(folder, device, signed_in)?;
    }
    folder.write(KRB5_CONF, krb5_conf(folder, &stage.ports).as_bytes())
}

/// A certificate, PEM.
pub(crate) fn certificate(der: &[u8]) -> String {
    pem::encode(pem::CERTIFICATE, der)
}

/// Writes the device's certificate and key.
pub(crate) fn write_device(folder: &LabFolder, hello: &Hello) -> Result<(), Fault> {
    if let Some(registration) = hello.registration() {
        let own = certificate(registration.certificate());
        folder.write(DEVICE_CERTIFICATE, own.as_bytes())?;
    }
    let key = hello.vault().device_key(DeviceKey::Device);
    if let Some(key) = key.map_err(|error| Fault::step("reading the device's key", &error))? {
        folder.write(DEVICE_KEY, private_key(DEVICE, &key)?.as_bytes())?;
    }
    Ok(())
}

/// What belongs to the person: certificate, key and tickets.
fn person(folder: &LabFolder, device: &mut Device<'_>, signed_in: &SignedIn) -> Result<(), Fault> {
    let own = device.person_certificate(&signed_in.unlocked)?;
    folder.write(USER_CERTIFICATE, certificate(&own).as_bytes())?;
    folder.write(
        USER_KEY,
        private_key(USER, signed_in.unlocked.key())?.as_bytes(),
    )?;
    let tickets: Vec<_> = signed_in.tickets.iter().collect();
    if let Some(cache) = call::tickets::cache(&tickets) {
        folder.write(USER_CCACHE, &cache)?;
    }
    Ok(())
}

/// `lab.json` (design.md 4): new members may be added, none removed; what is not started is null, and each scenario says
/// what it starts.
pub(crate) fn description(stage: &Stage<'_>, hello: &Hello, ready_ms: i64) -> Value {
    let kept = &stage.kept;
    let file = |name: &str| stage.folder.file(name).display().to_string();
    let device_id = hello
        .registration()
        .map(|registration| registration.device_id.to_string());
    json!({
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
        "tenant": null,
        "authority": null,
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
    })
}

/// What a newcomer tries first.
pub(crate) fn suggestions(path: &Path, kept: &Kept) -> Vec<String> {
    let file = |name: &str| path.join(name).display().to_string();
    let mut lines = vec![
        format!(
            "export KRB5_CONFIG={} KRB5CCNAME=FILE:{}",
            file(KRB5_CONF),
            file("try.ccache")
        ),
        format!(
            "kinit -X X509_user_identity=FILE:{},{} {USER}      # a ticket by the enrolled key, no password",
            file(USER_CERTIFICATE),
            file(USER_KEY)
        ),
        "kvno host/laptop-1.corp.example && klist -e".to_owned(),
        format!(
            "klist -c {}      # the ticket that the PIN got above",
            file(USER_CCACHE)
        ),
        format!("keyporch --lab {} admin key list {USER}", path.display()),
    ];
    lines.extend(people(path, kept));
    lines
}

/// What the lab's people prove themselves with.
pub(crate) fn people(path: &Path, kept: &Kept) -> [String; 3] {
    [
        String::new(),
        format!("{USER}: password {}, PIN {}", kept.user.password, kept.pin),
        format!(
            "{ADMIN}: password {}; one-time codes by the secrets in {}",
            kept.admin.password,
            path.join(DESCRIPTION).display()
        ),
    ]
}
