//! A scenario, from its ports to its end.

use std::sync::Arc;
use std::time::Duration;

use crypto::key::{KeyKind, ahead};
use directory::Directory;
use hello::Hello;
use serde_json::Value;
use serve::{Asked, Listen, Parts, Running, Server, Settings};
use trust::Clock;

use crate::domain::is_set_up;
use crate::fault::Fault;
use crate::files;
use crate::folder::LabFolder;
use crate::kept::{self, Kept};
use crate::options::Options;
use crate::ports::Ports;
use crate::told::Teller;

/// How long answers under way may take when the lab ends.
const GRACE: Duration = Duration::from_millis(500);

/// What a scenario is played with.
pub(crate) struct Stage<'a> {
    pub(crate) folder: &'a LabFolder,
    pub(crate) kept: Kept,
    pub(crate) ports: Ports,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) teller: &'a Teller,
}

/// A scenario: who starts, and in which steps its device comes to a sign-in.
pub(crate) trait Scenario {
    /// What is told when its server starts.
    const BEGINS: &'static str;
    /// The steps of its page in `docs/flows` that are told while the person enrols.
    const ENROLMENT: &'static [&'static str];
    /// The steps that are told while the person signs in.
    const SIGN_IN: &'static [&'static str];
    /// The RSA keys of a new lab. They are made side by side, from the first moment on.
    const KEYS: usize;

    /// The device in it.
    type Device<'d>: Walker;

    /// What its server listens on.
    fn listen(ports: &Ports) -> Listen;

    /// Opens the directory on disk.
    fn open(stage: &Stage<'_>) -> Result<Arc<Directory>, Fault>;

    /// Makes what is in a new directory, and tells of it.
    fn set_up(stage: &Stage<'_>, directory: &Arc<Directory>) -> Result<(), Fault>;

    /// What its server is told, and what that works with.
    fn server(stage: &mut Stage<'_>, directory: &Arc<Directory>) -> (Settings, Parts);

    /// Where its server is found, in a sentence.
    fn found_at(stage: &Stage<'_>) -> String;

    /// Opens what the device keeps.
    fn device<'d>(
        stage: &'d Stage<'_>,
        directory: &'d Directory,
    ) -> Result<Self::Device<'d>, Fault>;

    /// What a newcomer tries first.
    fn suggestions(stage: &Stage<'_>) -> Vec<String>;
}

/// The device of a scenario, and the person at it.
pub(crate) trait Walker {
    /// What the PIN got.
    type SignedIn;

    /// What the device keeps.
    fn hello(&self) -> &Hello;

    /// Joins and enrols, as far as that was not done before. Whether all steps of an enrolment were walked now.
    fn walk(&mut self) -> Result<bool, Fault>;

    /// Has the person sign in with the PIN.
    fn sign_in(&mut self) -> Result<Self::SignedIn, Fault>;

    /// Writes what other programs need; where nobody signed in, what belongs to the person stays as it is.
    fn write(&mut self, stage: &Stage<'_>, signed_in: Option<&Self::SignedIn>)
    -> Result<(), Fault>;

    /// Writes into `lab.json` what is started in this scenario.
    fn describe(&self, stage: &Stage<'_>, lab: &mut Value) -> Result<(), Fault>;
}

/// Plays a scenario in a lab's folder.
pub(crate) fn play<S: Scenario>(
    options: &Options,
    folder: &LabFolder,
    mut kept: Kept,
    clock: &Arc<dyn Clock>,
    teller: &Teller,
) -> Result<(), Fault> {
    let ports = Ports::choose(options.base_port, kept.ports.as_deref(), S::listen)?;
    kept.ports = Some(ports.numbers().to_vec());
    folder.write(kept::FILE, &kept.write())?;
    let mut stage = Stage {
        folder,
        kept,
        ports,
        clock,
        teller,
    };
    let (running, directory) = start::<S>(&mut stage)?;
    // The device's files are given back before anybody is told that they may be used.
    let ready_ms = walked::<S>(options, &stage, &directory)?;
    if !options.once {
        teller.block("Try it", &S::suggestions(&stage));
    }
    teller.ready(ready_ms);
    if !options.once {
        serve_until_stopped(&running)?;
    }
    running.shutdown(GRACE);
    Ok(())
}

/// Starts the server, over a directory that is filled where it is new.
fn start<S: Scenario>(stage: &mut Stage<'_>) -> Result<(Running, Arc<Directory>), Fault> {
    let teller = stage.teller;
    teller.begin(S::BEGINS);
    let directory = S::open(stage)?;
    if is_set_up(&directory)? {
        teller.note(&format!(
            "{} is resumed, with its keys and its people",
            stage.folder.path().display()
        ));
    } else {
        ahead::begin(KeyKind::Rsa2048, S::KEYS);
        S::set_up(stage, &directory)?;
        teller.note("passwords and PINs cost less to try here than on a server of your own (Argon2id at its least)");
    }
    let heard = teller.clone();
    let (settings, parts) = S::server(stage, &directory);
    let parts = Parts {
        clock: Arc::clone(stage.clock),
        listener: Some(Arc::new(move |event| heard.step(event))),
        ..parts
    };
    let running = Server::start(settings, parts)?;
    teller.note(&S::found_at(stage));
    Ok((running, directory))
}

/// Has the device come to a sign-in, and writes down what other programs need. When that was done, in milliseconds from
/// the lab's first line.
fn walked<S: Scenario>(
    options: &Options,
    stage: &Stage<'_>,
    directory: &Directory,
) -> Result<i64, Fault> {
    let teller = stage.teller;
    let mut device = S::device(stage, directory)?;
    let enrolled = device.walk()?;
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
        let enrolment = S::ENROLMENT.iter().filter(|_| enrolled);
        check_told(teller, enrolment.chain(S::SIGN_IN))?;
    }
    device.write(stage, signed_in.as_ref())?;
    files::write_device(stage.folder, device.hello())?;
    let ready_ms = teller.milliseconds();
    let mut lab = files::description(stage, device.hello(), ready_ms);
    device.describe(stage, &mut lab)?;
    let text = serde_json::to_vec_pretty(&lab).unwrap_or_default();
    stage.folder.write(files::DESCRIPTION, &text)?;
    Ok(ready_ms)
}

/// Whether each of these steps was told, the servers' part as well as the device's.
fn check_told<'s>(
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

fn serve_until_stopped(running: &Running) -> Result<(), Fault> {
    let mut signals = running.signals()?;
    loop {
        match signals.wait(None) {
            Asked::Stop => return Ok(()),
            Asked::Reload => running.reload()?,
            Asked::Nothing => {}
        }
    }
}
