//! The scenario `cloud-managed`: a tenant, a device that a person joins to it, and the PIN that signs in there
//! (`docs/flows/cloud-managed.md`).

mod device;
mod files;
mod tenant;

use std::sync::Arc;

use crypto::key::{KeyKind, ahead};
use serve::{Parts, Running, Server};
use trust::{Clock, SystemRng};

use self::device::Device;
use crate::domain::{DOMAIN, USER_UPN};
use crate::fault::Fault;
use crate::files::DESCRIPTION;
use crate::folder::LabFolder;
use crate::kept::{self, Kept};
use crate::options::Options;
use crate::ports::Ports;
use crate::run::{GRACE, check_told, serve_until_stopped};
use crate::told::Teller;

/// Its name.
pub(crate) const SCENARIO: &str = "cloud-managed";

/// The RSA keys of a new lab: two roots, the one that signs tokens, the device's, its transport key, and the person's.
const KEYS: usize = 6;

/// The steps of `docs/flows/cloud-managed.md`: the enrolment's where the second factor of the join is still fresh, then the
/// sign-in's.
const ENROLMENT: [&str; 9] = [
    "PROV-2", "F1.A1", "F1.A2", "F1.A4", "F1.B2", "F1.B3", "F1.C1", "F1.C2", "F1.C3",
];
const SIGN_IN: [&str; 5] = [
    "AUTH-F1.A",
    "AUTH-F1.B",
    "AUTH-F1.C",
    "AUTH-F1.D",
    "AUTH-F1.E",
];

/// Plays the scenario in a lab's folder.
pub(crate) fn play(
    options: &Options,
    folder: &LabFolder,
    mut kept: Kept,
    clock: &Arc<dyn Clock>,
    teller: &Teller,
) -> Result<(), Fault> {
    let mut ports = Ports::choose(
        options.base_port,
        kept.ports.as_deref(),
        Ports::listen_for_tenant,
    )?;
    kept.ports = Some(ports.numbers().to_vec());
    folder.write(kept::FILE, &kept.write())?;

    let (running, directory) = start(folder, &mut ports, &kept, clock, teller)?;
    // The device's files are given back before anybody is told that they may be used.
    let ready_ms = {
        let mut device = Device::open(folder, &directory, &kept, &ports, clock, teller)?;
        let enrolled = walk(&mut device, teller)?;
        ahead::forget();
        let signed_in = match device.sign_in() {
            Ok(unlocked) => Some(unlocked),
            // Whoever tries things out disables people, too, and must be able to enable them again.
            Err(fault) if !enrolled && !options.once => {
                teller.note(&format!(
                    "{fault}; the lab serves all the same, so that an administrator can put it right"
                ));
                None
            }
            Err(fault) => return Err(fault),
        };
        if signed_in.is_some() {
            check_told(
                teller,
                ENROLMENT.iter().filter(|_| enrolled).chain(&SIGN_IN),
            )?;
        }
        files::write(
            folder,
            &directory,
            &device,
            signed_in.as_ref(),
            clock.as_ref(),
        )?;
        let ready_ms = teller.milliseconds();
        let description = files::describe(folder, &ports, &kept, &directory, &device, ready_ms)?;
        let text = serde_json::to_vec_pretty(&description).unwrap_or_default();
        folder.write(DESCRIPTION, &text)?;
        ready_ms
    };
    if !options.once {
        teller.block("Try it", &files::suggestions(folder.path(), &ports, &kept));
    }
    teller.ready(ready_ms);
    if !options.once {
        serve_until_stopped(&running)?;
    }
    running.shutdown(GRACE);
    Ok(())
}

/// Starts the tenant's server, over a tenant that is made where there is none.
fn start(
    folder: &LabFolder,
    ports: &mut Ports,
    kept: &Kept,
    clock: &Arc<dyn Clock>,
    teller: &Teller,
) -> Result<(Running, Arc<directory::Directory>), Fault> {
    teller.begin("The tenant starts");
    let settings = tenant::settings(folder, ports);
    let section = tenant::section(ports);
    let directory = tenant::open(folder, clock, &mut SystemRng)?;
    if crate::domain::is_set_up(&directory)? {
        teller.note(&format!(
            "{} is resumed, with its keys and its people",
            folder.path().display()
        ));
    } else {
        ahead::begin(KeyKind::Rsa2048, KEYS);
        tenant::set_up(&directory, &settings, &section, kept, clock, &mut SystemRng)?;
        teller.note(&format!(
            "{} is new: tenant {DOMAIN}, certification authorities, admin, alice",
            folder.path().display()
        ));
        teller.note("passwords and PINs cost less to try here than on a server of your own (Argon2id at its least)");
    }
    let heard = teller.clone();
    let parts = Parts {
        clock: Arc::clone(clock),
        inherited: ports.take_open_for_tenant(),
        listener: Some(Arc::new(move |event| heard.step(event))),
        ..Parts::of_tenant(Arc::clone(&directory), section)
    };
    let running = Server::start(settings, parts)?;
    teller.note(&format!(
        "sign-in, tokens and Graph at {}, registration at {}, revocation lists at http://{}",
        tenant::login(ports),
        tenant::registration(ports),
        ports.http
    ));
    Ok((running, directory))
}

/// Joins and enrols, as far as that was not done before. Whether the person enrolled now.
fn walk(device: &mut Device<'_>, teller: &Teller) -> Result<bool, Fault> {
    let joined = device.is_joined()?;
    if joined {
        device.find_tenant()?;
        teller.note("LAPTOP-1 is joined already");
    } else {
        device.join()?;
    }
    if device.is_enrolled()? {
        teller.note(&format!("{USER_UPN} has enrolled already"));
        return Ok(false);
    }
    device.enrol(device.has_container())?;
    Ok(!joined)
}
