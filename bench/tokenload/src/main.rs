//! Load for token endpoints. Several connections, which are kept open, each ask one thing at a time; every answer is read,
//! and every token's signature checked.

mod arguments;
mod connection;
#[path = "../../load/measured.rs"]
mod measured;
#[path = "../../load/process.rs"]
mod process;
mod tokens;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use arguments::{Arguments, Mode};
use connection::Connection;
use measured::{Part, Questions, patiently, program};
use rustls::ClientConfig;
use serde_json::Value;
use tokens::{Device, Keys};

/// What all connections share.
struct Load<'a> {
    arguments: &'a Arguments,
    keys: Keys,
    devices: Vec<Device>,
    questions: Questions,
}

fn main() -> ExitCode {
    let read = Arguments::read(std::env::args().skip(1));
    program(read, arguments::HELP, measure)
}

/// Opens every connection, runs the load, prints what came of it as a line of JSON.
fn measure(arguments: &Arguments) -> Result<bool, String> {
    let tls = connection::trusting(&arguments.ca)?;
    let mut connections = Vec::new();
    let mut keys = None;
    for _ in 0..arguments.connections {
        let (connection, set) = reached(arguments, &tls)?;
        keys = Some(Keys::of(&set)?);
        connections.push(connection);
    }
    let mut devices = Vec::new();
    if arguments.mode == Mode::Hello {
        let lines = std::fs::read_to_string(&arguments.devices).map_err(|why| why.to_string())?;
        let read: Result<Vec<_>, String> = lines.lines().map(Device::read).collect();
        devices = read?;
    }
    let load = Load {
        arguments,
        keys: keys.ok_or("no connection")?,
        devices,
        questions: Questions::new(arguments.count),
    };
    let (_, wrong) = measured::measure(&arguments.pids, connections, |connection| {
        load.run(connection)
    });
    Ok(wrong == 0)
}

/// A connection on which the server told its keys. With patience, until the server is there.
fn reached(arguments: &Arguments, tls: &Arc<ClientConfig>) -> Result<(Connection, Value), String> {
    patiently(arguments.wait, || {
        let mut connection = Connection::open(arguments, tls)?;
        let set = connection.get(&arguments.jwks)?;
        Ok((connection, set))
    })
}

impl Load<'_> {
    fn run(&self, mut connection: Connection) -> Part {
        let mut part = Part::default();
        while let Some(number) = self.questions.next() {
            let began = Instant::now();
            let done = self.one(&mut connection, number);
            if !part.count(began, done) {
                break;
            }
        }
        part
    }

    fn one(&self, connection: &mut Connection, number: usize) -> Result<(), String> {
        let path = &self.arguments.path;
        match self.arguments.mode {
            Mode::Token => {
                let answer = connection.post(path, &self.arguments.form)?;
                self.keys.signed(&answer, "access_token")
            }
            Mode::Hello => {
                let device = &self.devices[number % self.devices.len()];
                let nonce = connection.post(path, "grant_type=srv_challenge")?;
                let nonce = nonce["Nonce"].as_str().ok_or("no nonce")?;
                let answer = connection.post(path, &device.sign_in(nonce))?;
                answer["refresh_token"].as_str().ok_or("no token")?;
                self.keys.signed(&answer, "id_token")
            }
        }
    }
}
