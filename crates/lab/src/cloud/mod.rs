//! The scenario `cloud-managed`: a tenant, a device that a person joins to it, and the PIN that signs in there
//! (`docs/flows/cloud-managed.md`).

mod device;
mod files;
mod tenant;

use std::sync::Arc;

use directory::Directory;
use hello::Hello;
use hello::vault::Unlocked;
use serde_json::Value;
use serve::{Listen, Parts, Settings};
use trust::SystemRng;

use self::device::Device;
use crate::domain::{DOMAIN, USER_UPN};
use crate::fault::Fault;
use crate::ports::Ports;
use crate::scenario::{Scenario, Stage, Walker};

/// Its name.
pub(crate) const SCENARIO: &str = "cloud-managed";

/// The scenario.
pub(crate) struct CloudManaged;

impl Scenario for CloudManaged {
    const BEGINS: &'static str = "The tenant starts";
    /// Where the second factor of the join is still fresh.
    const ENROLMENT: &'static [&'static str] = &[
        "PROV-2", "F1.A1", "F1.A2", "F1.A4", "F1.B2", "F1.B3", "F1.C1", "F1.C2", "F1.C3",
    ];
    const SIGN_IN: &'static [&'static str] = &[
        "AUTH-F1.A",
        "AUTH-F1.B",
        "AUTH-F1.C",
        "AUTH-F1.D",
        "AUTH-F1.E",
    ];
    /// Two roots, the one that signs tokens, the device's, its transport key, and the person's.
    const KEYS: usize = 6;

    type Device<'d> = Device<'d>;

    fn listen(ports: &Ports) -> Listen {
        ports.listen_for_tenant()
    }

    fn open(stage: &Stage<'_>) -> Result<Arc<Directory>, Fault> {
        tenant::open(stage.folder, stage.clock, &mut SystemRng)
    }

    fn set_up(stage: &Stage<'_>, directory: &Arc<Directory>) -> Result<(), Fault> {
        let settings = tenant::settings(stage.folder, &stage.ports);
        let section = tenant::section(&stage.ports);
        let (kept, clock) = (&stage.kept, stage.clock);
        tenant::set_up(directory, &settings, &section, kept, clock, &mut SystemRng)?;
        stage.teller.note(&format!(
            "{} is new: tenant {DOMAIN}, certification authorities, admin, alice",
            stage.folder.path().display()
        ));
        Ok(())
    }

    fn server(stage: &mut Stage<'_>, directory: &Arc<Directory>) -> (Settings, Parts) {
        let parts = Parts {
            inherited: stage.ports.take_open_for_tenant(),
            ..Parts::of_tenant(Arc::clone(directory), tenant::section(&stage.ports))
        };
        (tenant::settings(stage.folder, &stage.ports), parts)
    }

    fn found_at(stage: &Stage<'_>) -> String {
        format!(
            "sign-in, tokens and Graph at {}, registration at {}, revocation lists at http://{}",
            tenant::login(&stage.ports),
            tenant::registration(&stage.ports),
            stage.ports.http
        )
    }

    fn device<'d>(stage: &'d Stage<'_>, directory: &'d Directory) -> Result<Device<'d>, Fault> {
        Device::open(stage, directory)
    }

    fn suggestions(stage: &Stage<'_>) -> Vec<String> {
        files::suggestions(stage.folder.path(), &stage.ports, &stage.kept)
    }
}

impl Walker for Device<'_> {
    type SignedIn = Unlocked;

    fn hello(&self) -> &Hello {
        &self.hello
    }

    fn walk(&mut self) -> Result<bool, Fault> {
        let joined = self.is_joined()?;
        if joined {
            self.find_tenant()?;
            self.note("LAPTOP-1 is joined already");
        } else {
            self.join()?;
        }
        if self.is_enrolled()? {
            self.note(&format!("{USER_UPN} has enrolled already"));
            return Ok(false);
        }
        self.enrol(self.has_container())?;
        Ok(!joined)
    }

    fn sign_in(&mut self) -> Result<Unlocked, Fault> {
        Device::sign_in(self)
    }

    fn write(&mut self, stage: &Stage<'_>, signed_in: Option<&Unlocked>) -> Result<(), Fault> {
        files::write(stage, self.directory(), signed_in)
    }

    fn describe(&self, stage: &Stage<'_>, lab: &mut Value) -> Result<(), Fault> {
        files::describe(stage, self.directory(), lab)
    }
}
