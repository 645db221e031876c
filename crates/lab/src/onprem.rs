//! The scenario `onprem-key`: a domain, a device that an administrator joins to it, and the PIN that gets tickets there
//! (`docs/flows/onprem-key.md`).

use std::sync::Arc;

use directory::Directory;
use hello::Hello;
use serde_json::{Value, json};
use serve::{Listen, Parts, Settings};
use trust::SystemRng;

use crate::domain::{self, DOMAIN, REALM, USER_UPN};
use crate::fault::Fault;
use crate::files;
use crate::flow::{Device, SignedIn};
use crate::ports::Ports;
use crate::scenario::{Scenario, Stage, Walker};

/// The scenario.
pub(crate) struct OnPremises;

impl Scenario for OnPremises {
    const BEGINS: &'static str = "The servers start";
    const ENROLMENT: &'static [&'static str] = &[
        "PROV-2", "F7.A1", "F7.A2", "F7.A3", "F7.B2", "F7.B3", "F7.C1", "F7.C2", "F7.C3",
    ];
    const SIGN_IN: &'static [&'static str] = &["AUTH-F8.A", "AUTH-F8.B", "AUTH-F8.C", "AUTH-F8.D"];
    /// Three roots, the KDC's, the one that signs tokens, the machine's, the device's, its transport key, and the person's.
    const KEYS: usize = 9;

    type Device<'d> = Device<'d>;

    fn listen(ports: &Ports) -> Listen {
        ports.listen()
    }

    fn open(stage: &Stage<'_>) -> Result<Arc<Directory>, Fault> {
        domain::open(stage.folder, stage.clock, &mut SystemRng)
    }

    fn set_up(stage: &Stage<'_>, directory: &Arc<Directory>) -> Result<(), Fault> {
        let settings = domain::settings(stage.folder, &stage.ports);
        let (kept, clock) = (&stage.kept, stage.clock);
        domain::set_up(directory, &settings, kept, clock, &mut SystemRng)?;
        stage.teller.note(&format!(
            "{} is new: domain {DOMAIN}, certification authorities, admin, alice",
            stage.folder.path().display(),
        ));
        stage
            .teller
            .note("policy: Use Windows Hello for Business is enabled for everybody in the lab");
        Ok(())
    }

    fn server(stage: &mut Stage<'_>, directory: &Arc<Directory>) -> (Settings, Parts) {
        let parts = Parts {
            inherited: stage.ports.take_open(),
            ..Parts::new(Arc::clone(directory))
        };
        (domain::settings(stage.folder, &stage.ports), parts)
    }

    fn found_at(stage: &Stage<'_>) -> String {
        let ports = &stage.ports;
        format!(
            "Kerberos at {}, password changes at {}, federation and registration at {}, revocation lists at http://{}",
            ports.kdc,
            ports.password,
            domain::base(ports),
            ports.http
        )
    }

    fn device<'d>(stage: &'d Stage<'_>, directory: &'d Directory) -> Result<Device<'d>, Fault> {
        Device::open(stage, directory)
    }

    fn suggestions(stage: &Stage<'_>) -> Vec<String> {
        files::suggestions(stage.folder.path(), &stage.kept)
    }
}

impl Walker for Device<'_> {
    type SignedIn = SignedIn;

    fn hello(&self) -> &Hello {
        &self.hello
    }

    fn walk(&mut self) -> Result<bool, Fault> {
        if self.is_joined()? {
            self.find_servers()?;
            self.note("LAPTOP-1 is joined already");
        } else {
            self.join()?;
        }
        if self.is_enrolled()? {
            self.note("alice has enrolled already");
            return Ok(false);
        }
        let replace = self.hello.containers().of(USER_UPN).is_some();
        self.enrol(replace)?;
        Ok(true)
    }

    fn sign_in(&mut self) -> Result<SignedIn, Fault> {
        Device::sign_in(self)
    }

    fn write(&mut self, stage: &Stage<'_>, signed_in: Option<&SignedIn>) -> Result<(), Fault> {
        files::write(stage, self, signed_in)
    }

    fn describe(&self, stage: &Stage<'_>, lab: &mut Value) -> Result<(), Fault> {
        let ports = &stage.ports;
        let file = |name: &str| stage.folder.file(name).display().to_string();
        lab["realm"] = json!(REALM);
        lab["krb5_conf"] = json!(file(files::KRB5_CONF));
        lab["kdc"] = json!({
            "udp": ports.kdc.to_string(),
            "tcp": ports.kdc.to_string(),
            "kkdcp": domain::proxy(ports),
        });
        lab["password"] = json!({
            "udp": ports.password.to_string(),
            "tcp": ports.password.to_string(),
        });
        lab["ldap"] = json!({
            "url": format!("ldap://{}", ports.ldap),
            "tls_url": format!("ldaps://{}", ports.ldaps),
            "base": domain::base_dn(),
        });
        lab["federation"] = json!({ "base": domain::base(ports) });
        lab["authority"] = json!({ "crl_url": format!("http://{}/root.crl", ports.http) });
        let person = &mut lab["users"][0];
        person["hello_cert_pem"] = json!(file(files::USER_CERTIFICATE));
        person["ccache"] = json!(format!("FILE:{}", file(files::USER_CCACHE)));
        Ok(())
    }
}
