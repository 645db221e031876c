//! The command of a person and of an administrator.

mod admin;
mod arguments;
mod ask;
mod device;
mod enroll;
mod environment;
mod failure;
mod join;
mod output;
mod password;
mod people;
mod sign_in;
mod site;
mod status;
mod tenant;
mod token;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use arguments::{Arguments, Command};
use failure::Failure;
use output::Output;

/// The exit code of a command line that makes no sense.
const MISUSED: u8 = 2;

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
                ExitCode::from(MISUSED)
            };
        }
    };
    let colours = !environment::no_colour();
    let output = Output::new(arguments.common.json, !colours);
    match run(&arguments, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.show(arguments.common.json, colours),
    }
}

fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let common = &arguments.common;
    match &arguments.command {
        Command::Join(join) => join::run(join, common, output),
        Command::Enroll(enroll) => enroll::run(enroll, common, output),
        Command::SignIn(sign_in) => sign_in::run(sign_in, common, output),
        Command::Token(token) => token::run(token, common, output),
        Command::Password(password) => password::run(password, common, output),
        Command::Status(status) => status::run(status, common, output),
        Command::Admin(admin) => admin::run(admin, common, output),
    }
}
