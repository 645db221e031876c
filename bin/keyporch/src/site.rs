//! Where the organisation is: from the options, from the lab, or from what joining has left.

use std::path::{Path, PathBuf};

use call::{Hosts, Roots};
use serde::Deserialize;

use crate::arguments::Common;
use crate::failure::Failure;

/// Where a device keeps its state when nobody says otherwise: the machine's own, for its administrator.
const STATE: &str = "/var/lib/keyporch-device";

/// The organisation, as far as a command needs it.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The base address of the federation service, or of the tenant.
    pub(crate) base: String,
    /// Whom to believe.
    pub(crate) roots: Roots,
    /// The same, as the text that was read: a device keeps it.
    pub(crate) roots_pem: String,
    /// Names that DNS does not know.
    pub(crate) hosts: Hosts,
    /// The same, as the text that was read.
    pub(crate) hosts_text: String,
    /// The KDCs; empty where the server tells them.
    pub(crate) kdcs: Vec<String>,
}

/// The members of `lab.json` that are used here (version 1).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Lab {
    pub(crate) hosts: PathBuf,
    pub(crate) root_pem: PathBuf,
    pub(crate) kdc: Option<LabKdc>,
    pub(crate) federation: Option<LabServer>,
    pub(crate) tenant: Option<LabServer>,
    pub(crate) admin: LabAdministrator,
    #[serde(default)]
    pub(crate) users: Vec<LabPerson>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LabKdc {
    pub(crate) tcp: String,
}

/// A federation service, or a tenant.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LabServer {
    pub(crate) base: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LabAdministrator {
    pub(crate) upn: String,
    pub(crate) password: String,
    pub(crate) totp_secret: String,
    pub(crate) socket: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LabPerson {
    pub(crate) upn: String,
    pub(crate) password: String,
    pub(crate) totp_secret: String,
    #[serde(default)]
    pub(crate) pin: Option<String>,
}

impl Lab {
    /// Where its people sign in.
    fn base(&self) -> Option<String> {
        let server = self.federation.as_ref().or(self.tenant.as_ref());
        server.map(|server| server.base.clone())
    }

    /// Whether its devices join a tenant.
    pub(crate) const fn is_tenant(&self) -> bool {
        self.federation.is_none() && self.tenant.is_some()
    }

    /// The person of that name, who may be its administrator.
    pub(crate) fn person(&self, upn: &str) -> Option<LabPerson> {
        let known = self
            .users
            .iter()
            .find(|person| person.upn.eq_ignore_ascii_case(upn))
            .cloned();
        known.or_else(|| {
            self.administrator()
                .filter(|admin| admin.upn.eq_ignore_ascii_case(upn))
        })
    }

    /// Its administrator, as a person.
    pub(crate) fn administrator(&self) -> Option<LabPerson> {
        Some(LabPerson {
            upn: self.admin.upn.clone(),
            password: self.admin.password.clone(),
            totp_secret: self.admin.totp_secret.clone(),
            pin: None,
        })
    }
}

/// The lab that `--lab` names.
pub(crate) fn lab(common: &Common) -> Result<Option<Lab>, Failure> {
    const REMEDY: &str = "Start the lab with `keyporchd lab --dir DIR`, and give the same folder.";
    let Some(folder) = &common.lab else {
        return Ok(None);
    };
    let file = folder.join("lab.json");
    let text = std::fs::read(&file).map_err(|error| Failure::of(&error, REMEDY).naming(&file))?;
    let lab: Lab =
        serde_json::from_slice(&text).map_err(|error| Failure::of(&error, REMEDY).naming(&file))?;
    Ok(Some(lab))
}

/// The folder of this device's state.
pub(crate) fn state_folder(common: &Common) -> PathBuf {
    match (&common.state, &common.lab) {
        (Some(state), _) => state.clone(),
        (None, Some(lab)) => lab.join("device"),
        (None, None) => STATE.into(),
    }
}

/// The organisation that the options, the lab or the device's state give.
pub(crate) fn of(common: &Common) -> Result<Site, Failure> {
    let lab = lab(common)?;
    let kept = Kept::read(&state_folder(common));
    let base = base(common, lab.as_ref(), &kept).ok_or_else(|| {
        let remedy = "Give it with --server https://sts.corp.example (a tenant's is https://login.corp.example), or join this device first.";
        Failure::refused("the organisation's server is not known", remedy)
    })?;
    let base = base.trim_end_matches('/').to_owned();
    if !base.starts_with("https://") {
        return Err(Failure::refused(
            format!("{base} is not an address of HTTPS"),
            "Give one that begins with https://.",
        ));
    }
    let (roots_pem, hosts_text) = (
        roots(common, lab.as_ref(), &kept)?,
        hosts(common, lab.as_ref(), &kept)?,
    );
    let roots = Roots::from_pem(roots_pem.as_bytes()).map_err(|reason| {
        Failure::refused(
            format!("the root certificates cannot be used: {reason}"),
            "Give a PEM file with --roots.",
        )
    })?;
    let hosts_read = Hosts::parse(&hosts_text).map_err(|fault| {
        Failure::of(
            &fault,
            "Give a file in the form of /etc/hosts with --hosts.",
        )
    })?;
    let kdc = lab.and_then(|lab| lab.kdc);
    let kdcs = kdc.map(|kdc| vec![kdc.tcp]).unwrap_or_default();
    Ok(Site {
        base,
        roots,
        roots_pem,
        hosts: hosts_read,
        hosts_text,
        kdcs,
    })
}

/// Whether anything says where the organisation's server is.
pub(crate) fn is_known(common: &Common) -> Result<bool, Failure> {
    let kept = Kept::read(&state_folder(common));
    Ok(base(common, lab(common)?.as_ref(), &kept).is_some())
}

fn base(common: &Common, lab: Option<&Lab>, kept: &Kept) -> Option<String> {
    let given = common.server.clone();
    given
        .or_else(|| lab.and_then(Lab::base))
        .or_else(|| kept.base.clone())
}

fn roots(common: &Common, lab: Option<&Lab>, kept: &Kept) -> Result<String, Failure> {
    let remedy = "Give the root certificate of the server's authority with --roots; the administrator has it.";
    if let Some(path) = common.roots.as_ref().or(lab.map(|lab| &lab.root_pem)) {
        return read(path, remedy);
    }
    match &kept.roots {
        Some(roots) => Ok(roots.clone()),
        // What this machine believes anyway, for a server with a certificate of a public authority.
        None => read(Path::new("/etc/ssl/certs/ca-certificates.crt"), remedy),
    }
}

fn hosts(common: &Common, lab: Option<&Lab>, kept: &Kept) -> Result<String, Failure> {
    match common.hosts.as_ref().or(lab.map(|lab| &lab.hosts)) {
        Some(path) => read(path, "Give a file in the form of /etc/hosts with --hosts."),
        None => Ok(kept.hosts.clone().unwrap_or_default()),
    }
}

fn read(path: &Path, remedy: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::of(&error, remedy).naming(path))
}

/// The files, beside the vault, in which a device keeps how its organisation is reached.
const BASE: &str = "federation";
const ROOTS: &str = "roots.pem";
const HOSTS: &str = "hosts";

/// What joining has left of how the organisation is reached.
#[derive(Default)]
struct Kept {
    base: Option<String>,
    roots: Option<String>,
    hosts: Option<String>,
}

impl Kept {
    fn read(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        Self {
            base: text(BASE).map(|base| base.trim().to_owned()),
            roots: text(ROOTS),
            hosts: text(HOSTS),
        }
    }
}

impl Site {
    /// Keeps how the organisation is reached, beside the device's vault.
    pub(crate) fn keep(&self, folder: &call::files::Folder) -> Result<(), Failure> {
        folder.write(BASE, self.base.as_bytes())?;
        folder.write(ROOTS, self.roots_pem.as_bytes())?;
        folder.write(HOSTS, self.hosts_text.as_bytes())?;
        Ok(())
    }
}
