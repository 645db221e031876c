//! This device: its files, opened for one command.

use call::files::Folder;
use call::state::DeviceFiles;
use hello::Hello;
use hello::registration::Registration;
use hello::vault::SoftwareVault;
use trust::{Clock as _, Rng, SystemClock, SystemRng};

use crate::arguments::Common;
use crate::failure::Failure;
use crate::site;

/// The device's folder and what it keeps.
pub(crate) struct Device {
    pub(crate) folder: Folder,
    pub(crate) hello: Hello,
}

/// Opens the device's files; nobody else changes them meanwhile.
pub(crate) fn open(common: &Common) -> Result<Device, Failure> {
    let folder = Folder::open(site::state_folder(common))?;
    let files = DeviceFiles::open(folder.clone())?;
    let hello = Hello::open(
        Box::new(files),
        SoftwareVault::pin_cost(),
        &mut SystemRng as &mut dyn Rng,
    )
    .map_err(|error| {
        Failure::of(
            &error,
            "Restore the device's folder from a copy, or empty it and join again.",
        )
    })?;
    Ok(Device { folder, hello })
}

impl Device {
    /// What joining has left.
    pub(crate) fn registration(&self) -> Result<&Registration, Failure> {
        self.hello.registration().ok_or_else(|| {
            Failure::refused(
                "this device has not joined an organisation",
                "Join it with `keyporch join DOMAIN`.",
            )
            .with_id("PROV-2.1")
        })
    }

    /// The one who is meant: whom the option names, or the only one there is.
    pub(crate) fn person(&self, named: Option<&str>) -> Result<String, Failure> {
        if let Some(upn) = named {
            return Ok(upn.to_owned());
        }
        let people: Vec<&str> = self
            .hello
            .containers()
            .iter()
            .map(|container| container.account().upn.as_str())
            .collect();
        match people.as_slice() {
            [only] => Ok((*only).to_owned()),
            [] => Err(Failure::refused(
                "nobody has enrolled on this device",
                "Enrol with `keyporch enroll --user UPN`.",
            )),
            several => {
                let remedy = format!("Say who with --user: {}.", several.join(", "));
                Err(Failure::refused(
                    "several people have enrolled on this device",
                    remedy,
                ))
            }
        }
    }

    /// Who is signed in at the tenant on this device, each once.
    pub(crate) fn signed_in(&self) -> Result<Vec<String>, Failure> {
        let now = SystemClock.now();
        let kept = self.hello.prts();
        let kept = kept.map_err(|error| crate::status::unreadable(&error))?;
        let mut people: Vec<String> = Vec::new();
        for prt in kept.iter().filter(|prt| prt.is_valid(now)) {
            if !people.iter().any(|upn| upn.eq_ignore_ascii_case(prt.upn())) {
                people.push(prt.upn().to_owned());
            }
        }
        Ok(people)
    }

    /// Whose token is meant: whom the option names, or the only one who is signed in.
    pub(crate) fn whose_token(&self, named: Option<&str>) -> Result<String, Failure> {
        if let Some(upn) = named {
            return Ok(upn.to_owned());
        }
        match self.signed_in()?.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(Failure::refused(
                "nobody is signed in on this device",
                "Sign in with `keyporch sign-in`.",
            )),
            several => {
                let remedy = format!("Say who with --user: {}.", several.join(", "));
                Err(Failure::refused(
                    "several people are signed in on this device",
                    remedy,
                ))
            }
        }
    }
}
