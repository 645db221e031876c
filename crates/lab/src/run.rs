//! A lab from its first line to its end.

use std::io::Write;
use std::sync::Arc;

use trust::{Clock, SystemClock, SystemRng};

use crate::cloud::{self, CloudManaged};
use crate::fault::Fault;
use crate::folder::LabFolder;
use crate::kept::Kept;
use crate::onprem::OnPremises;
use crate::options::Options;
use crate::scenario::play;
use crate::told::Teller;

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
        cloud::SCENARIO => play::<CloudManaged>,
        _ => play::<OnPremises>,
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
