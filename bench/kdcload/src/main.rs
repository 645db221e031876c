//! Load for Kerberos KDCs. Requests are built before the clock starts and replies are opened after it
//! stops, so that within the window the client does little but socket work. See README.md.

mod aes_sha1;
mod arguments;
mod der;
mod drive;
mod link;
mod messages;
mod names;
mod pkinit;
mod prepare;
#[path = "../../load/process.rs"]
mod process;
mod report;

use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("error: {why}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    if let Some(kind) = arguments.names {
        return names::compare(&arguments, kind);
    }
    let prepared = match prepare::prepare(&arguments) {
        Ok(prepared) => prepared,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let first_answer = arguments
        .wait
        .and_then(|patience| drive::wait(&arguments, &prepared, patience));
    let run = drive::run(&arguments, &prepared);
    report::report(&arguments, &prepared, &run, first_answer)
}
