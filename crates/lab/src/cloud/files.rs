//! What other programs need of a tenant's lab, as files: its part of `lab.json`, hosts, root, the person's key.

use std::path::Path;

use directory::Directory;
use hello::vault::Unlocked;
use serde_json::{Value, json};

use super::tenant::{LOGIN_HOST, REGISTRATION_HOST, login, registration};
use crate::domain::{self, DOMAIN, USER};
use crate::fault::Fault;
use crate::files::{HOSTS, ROOT, USER_KEY, certificate, hosts_of, people, private_key};
use crate::kept::Kept;
use crate::ports::Ports;
use crate::scenario::Stage;

/// The lines of a hosts file by which the lab's names resolve.
pub(super) fn hosts() -> String {
    hosts_of(&format!("{LOGIN_HOST} {REGISTRATION_HOST}"))
}

/// Writes everything but `lab.json` and the device's part; where nobody signed in, what belongs to the person stays as it is.
pub(super) fn write(
    stage: &Stage<'_>,
    directory: &Directory,
    signed_in: Option<&Unlocked>,
) -> Result<(), Fault> {
    let folder = stage.folder;
    let root = domain::root(directory, authority::Ca::Tls, stage.clock.as_ref())?;
    folder.write(ROOT, certificate(&root).as_bytes())?;
    folder.write(HOSTS, hosts().as_bytes())?;
    if let Some(unlocked) = signed_in {
        folder.write(USER_KEY, private_key(USER, unlocked.key())?.as_bytes())?;
    }
    Ok(())
}

/// What `lab.json` says of a tenant.
pub(super) fn describe(
    stage: &Stage<'_>,
    directory: &Directory,
    lab: &mut Value,
) -> Result<(), Fault> {
    let ports = &stage.ports;
    let domain = directory
        .domain()
        .map_err(|error| Fault::step("reading the directory", &error))?;
    let tenant = domain.head.to_string();
    lab["authority"] = json!({ "crl_url": format!("http://{}/{tenant}/devices.crl", ports.http) });
    lab["tenant"] = json!({
        "id": tenant,
        "base": login(ports),
        "drs": registration(ports),
        "domains": [DOMAIN],
    });
    Ok(())
}

/// What a newcomer tries first.
pub(super) fn suggestions(path: &Path, ports: &Ports, kept: &Kept) -> Vec<String> {
    let file = |name: &str| path.join(name).display().to_string();
    let mut lines = vec![
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
    ];
    lines.extend(people(path, kept));
    lines
}
