//! A lab from its first line to its end.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crypto::key::{KeyKind, ahead};
use serve::{Asked, Parts, Running, Server};
use trust::{Clock, SystemClock, SystemRng};

use crate::cloud;
use crate::domain;
use crate::fault::Fault;
use crate::files;
use crate::flow::Device;
use crate::folder::LabFolder;
use crate::kept::{self, Kept};
use crate::options::Options;
use crate::ports::Ports;
use crate::told::Teller;

/// How long answers under way may take when the lab ends.
pub(crate) const GRACE: Duration = Duration::from_millis(500);

/// The RSA keys of a new lab: three roots, the KDC's, the one that signs tokens, the machine's, the device's, its
/// transport key, and the person's. They are made side by side, from the first moment on.
const KEYS: usize = 9;

/// The steps of `docs/flows/onprem-key.md`: the enrolment's, then the sign-in's.
const ENROLMENT: [&str; 9] = [
    "PROV-2", "F7.A1", "F7.A2", "F7.A3", "F7.B2", "F7.B3", "F7.C1", "F7.C2", "F7.C3",
];
const SIGN_IN: [&str; 4] = ["AUTH-F8.A", "AUTH-F8.B", "AUTH-F8.C", "AUTH-F8.D"];

/// Runs a lab until it is interrupted, or with `once` until its story has been told. The story goes to `out`.
///
/// # Errors
/// [`Fault`]: what was refused, or which phase did not hold.
pub fn run(options: &Options, out: Box<dyn Write + Send>) -> Result<(), Fault> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let teller = Teller::new(Arc::clone(&clock), out, options.json, options.colours);
    let flow = options.flow()?;
    options.check_ports()?;
    let (folder, kept) = LabFolder::open(&options.dir, options.fresh)?;
    teller.title(&format!("Keyporch lab: {} ({})", flow.name, flow.scenario));
    let kept = kept.unwrap_or_else(|| Kept::draw(flow.scenario, &mut SystemRng));
    if kept.scenario != flow.scenario {
        return Err(Fault::refused(
            format!(
                "{} holds a lab of the scenario {}",
                folder.path().display(),
                kept.scenario
            ),
            format!(
                "Go on with it by --scenario {}, start anew with --fresh, or give another folder with --dir.",
                kept.scenario
            ),
        ));
    }
    let play = match flow.scenario {
        cloud::SCENARIO => cloud::play,
        _ => play,
    };
    play(options, &folder, kept, &clock, &teller).map_err(|fault| {
        // Whoever notices a full disk first may not know that it is one.
        if folder.is_out_of_room() {
            fault.for_want_of_room(folder.path())
        } else {
            fault
        }
    })
}

fn play(
    options: &Options,
    folder: &LabFolder,
    mut kept: Kept,
    clock: &Arc<dyn Clock>,
    teller: &Teller,
) -> Result<(), Fault> {
    let mut ports = Ports::choose(options.base_port, kept.ports.as_deref(), Ports::listen)?;
    kept.ports = Some(ports.numbers().to_vec());
    folder.write(kept::FILE, &kept.write())?;

    let (running, directory) = start(folder, &mut ports, &kept, clock, teller)?;
    // The device's files are given back before anybody is told that they may be used.
    let ready_ms = {
        let mut device = Device::open(folder, &directory, &kept, &ports, clock, teller)?;
        let enrolled = walk(&mut device, teller)?;
        ahead::forget();
        let signed_in = match device.sign_in() {
            Ok(signed_in) => Some(signed_in),
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
            check(teller, enrolled)?;
        }
        files::write(
            folder,
            &ports,
            &directory,
            &mut device,
            signed_in.as_ref(),
            clock.as_ref(),
        )?;
        let ready_ms = teller.milliseconds();
        let description = files::describe(folder, &ports, &kept, &device, ready_ms);
        let text = serde_json::to_vec_pretty(&description).unwrap_or_default();
        folder.write(files::DESCRIPTION, &text)?;
        ready_ms
    };
    if !options.once {
        teller.block("Try it", &files::suggestions(folder.path(), &kept));
    }
    teller.ready(ready_ms);
    if !options.once {
        serve_until_stopped(&running)?;
    }
    running.shutdown(GRACE);
    Ok(())
}

/// Starts every party, over a domain that is made where there is none.
fn start(
    folder: &LabFolder,
    ports: &mut Ports,
    kept: &Kept,
    clock: &Arc<dyn Clock>,
    teller: &Teller,
) -> Result<(Running, Arc<directory::Directory>), Fault> {
    teller.begin("The servers start");
    let settings = domain::settings(folder, ports);
    let directory = domain::open(folder, clock, &mut SystemRng)?;
    if domain::is_set_up(&directory)? {
        teller.note(&format!(
            "{} is resumed, with its keys and its people",
            folder.path().display()
        ));
    } else {
        ahead::begin(KeyKind::Rsa2048, KEYS);
        domain::set_up(&directory, &settings, kept, clock, &mut SystemRng)?;
        teller.note(&format!(
            "{} is new: domain {}, certification authorities, admin, alice",
            folder.path().display(),
            domain::DOMAIN
        ));
        teller.note("policy: Use Windows Hello for Business is enabled for everybody in the lab");
        teller.note("passwords and PINs cost less to try here than on a server of your own (Argon2id at its least)");
    }
    let heard = teller.clone();
    let parts = Parts {
        clock: Arc::clone(clock),
        inherited: ports.take_open(),
        listener: Some(Arc::new(move |event| heard.step(event))),
        ..Parts::new(Arc::clone(&directory))
    };
    let running = Server::start(settings, parts)?;
    teller.note(&format!(
        "Kerberos at {}, password changes at {}, federation and registration at {}, revocation lists at http://{}",
        ports.kdc,
        ports.password,
        domain::base(ports),
        ports.http
    ));
    Ok((running, directory))
}

/// Joins and enrols, as far as that was not done before. Whether the person enrolled now.
fn walk(device: &mut Device<'_>, teller: &Teller) -> Result<bool, Fault> {
    if device.is_joined()? {
        device.find_servers()?;
        teller.note("LAPTOP-1 is joined already");
    } else {
        device.join()?;
    }
    if device.is_enrolled()? {
        teller.note("alice has enrolled already");
        return Ok(false);
    }
    let replace = device.hello.containers().of(domain::USER_UPN).is_some();
    device.enrol(replace)?;
    Ok(true)
}

/// Whether every phase was told, the servers' part as well as the device's.
fn check(teller: &Teller, enrolled: bool) -> Result<(), Fault> {
    check_told(
        teller,
        ENROLMENT.iter().filter(|_| enrolled).chain(&SIGN_IN),
    )
}

/// Whether each of these steps was told.
pub(crate) fn check_told<'s>(
    teller: &Teller,
    expected: impl IntoIterator<Item = &'s &'static str>,
) -> Result<(), Fault> {
    let told = teller.steps();
    match expected.into_iter().find(|step| !told.contains(step)) {
        None => Ok(()),
        Some(missing) => Err(Fault::failed(
            format!("the step {missing} of the flow was not told"),
            "Start anew with --fresh; if it happens again, please report it with the story above.",
        )),
    }
}

pub(crate) fn serve_until_stopped(running: &Running) -> Result<(), Fault> {
    let mut signals = running.signals()?;
    loop {
        match signals.wait(None) {
            Asked::Stop => return Ok(()),
            Asked::Reload => running.reload()?,
            Asked::Nothing => {}
        }
    }
}
