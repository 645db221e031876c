//! The Keyporch server.

mod arguments;
mod backup;
mod check;
mod config;
mod environment;
mod init;
mod lab_command;
mod mistake;
mod opened;
mod outside;
mod progress;
mod report;
mod restore;
mod root_key;
mod run;
mod withdrawn;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use arguments::{Arguments, Command};
use report::{Failure, REFUSED};

/// The C library's allocator keeps what a password's hash needed (19 MiB) once for each thread that ever hashed one; this
/// one gives it back, and is faster for what a ticket or a search needs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One provider of cryptography for every TLS connection of this process, chosen before any is made.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return if asked {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(REFUSED)
            };
        }
    };
    let json = arguments.command.json();
    match command(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.show(json, !environment::no_colour()),
    }
}

fn command(command: Command) -> Result<(), Failure> {
    match command {
        Command::Lab(lab) => lab_command::lab(lab),
        Command::Init(init) => init::init(&init),
        Command::Serve(serve) => run::serve(&serve),
        Command::Check(check) => check::check(&check),
        Command::Backup(backup) => backup::backup(&backup),
        Command::Restore(restore) => restore::restore(&restore),
    }
}
