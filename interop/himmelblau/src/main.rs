//! A Linux client of the tenant, made of libhimmelblau as it is published, for the tests: each subcommand is one step of
//! the client's life, and what it leaves for the next one is kept in a folder. README.md says how it is run.

mod arguments;
mod base64;
mod probe;
mod report;
mod state;

use std::process::ExitCode;

use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, USAGE};
use crate::report::{Failure, say};

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.say();
            if let Failure::Usage(_) = failure {
                eprintln!("{USAGE}");
            }
            ExitCode::from(failure.code())
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Machine(format!("no runtime: {error}")))?;
    let mut result = runtime.block_on(probe::step(&arguments))?;
    if let Some(members) = result.as_object_mut() {
        members.insert("step".to_owned(), json!(arguments.step()));
    }
    say("result", result);
    Ok(())
}
