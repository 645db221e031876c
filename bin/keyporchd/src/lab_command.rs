//! `keyporchd lab`.

use std::io::IsTerminal as _;

use lab::Options;

use crate::arguments::Lab;
use crate::environment;
use crate::report::Failure;

/// Runs a lab until it is interrupted.
pub(crate) fn lab(arguments: Lab) -> Result<(), Failure> {
    let options = Options {
        dir: arguments.dir,
        scenario: arguments.scenario,
        once: arguments.once,
        fresh: arguments.fresh,
        json: arguments.json,
        colours: std::io::stdout().is_terminal() && !environment::no_colour(),
        base_port: arguments.base_port,
    };
    lab::run(&options, Box::new(std::io::stdout()))
        .map_err(|fault| Failure::said(fault.to_string(), fault.remedy(), fault.exit_code()))
}
