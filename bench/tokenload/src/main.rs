//! Load for token endpoints. Several connections, which are kept open, each ask one thing at a time; every answer is read,
//! and every token's signature checked.

mod arguments;
mod connection;
#[path = "../../kdcload/src/process.rs"]
mod process;
mod tokens;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arguments::{Arguments, Mode};
use connection::Connection;
use rustls::ClientConfig;
use serde_json::Value;
use tokens::{Device, Keys};

/// What one connection came to.
#[derive(Default)]
struct Part {
    good: usize,
    wrong: usize,
    micros: Vec<u32>,
    why: Option<String>,
}

/// What all connections share.
struct Load<'a> {
    arguments: &'a Arguments,
    keys: Keys,
    devices: Vec<Device>,
    next: AtomicUsize,
}

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("error: {why}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    match measure(&arguments) {
        Ok(all_good) if all_good => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
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
        next: AtomicUsize::new(0),
    };
    let before = process::used(&arguments.pids);
    let began = Instant::now();
    let parts: Vec<Part> = thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(|| load.run(connection)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a connection's thread ends"))
            .collect()
    });
    let wall = began.elapsed();
    let after = process::used(&arguments.pids);
    let good: usize = parts.iter().map(|part| part.good).sum();
    let wrong: usize = parts.iter().map(|part| part.wrong).sum();
    if let Some(why) = parts.iter().find_map(|part| part.why.as_ref()) {
        eprintln!("{why}");
    }
    let mut micros: Vec<u32> = parts.into_iter().flat_map(|part| part.micros).collect();
    micros.sort_unstable();
    let percentile = |part: f64| {
        let last = micros.len().saturating_sub(1) as f64;
        micros.get((last * part) as usize).copied().unwrap_or(0)
    };
    println!(
        "{{\"good\":{good},\"wrong\":{wrong},\"per_second\":{:.1},\"cpu_us\":{:.2},\"p50_us\":{},\"p99_us\":{},\"pss_kib\":{}}}",
        good as f64 / wall.as_secs_f64(),
        (after.cpu - before.cpu) * 1e6 / good.max(1) as f64,
        percentile(0.5),
        percentile(0.99),
        after.pss,
    );
    Ok(wrong == 0)
}

/// A connection on which the server told its keys. With patience, until the server is there.
fn reached(arguments: &Arguments, tls: &Arc<ClientConfig>) -> Result<(Connection, Value), String> {
    let began = Instant::now();
    loop {
        let reached = Connection::open(arguments, tls)
            .and_then(|mut connection| Ok((connection.get(&arguments.jwks)?, connection)));
        match reached {
            Ok((set, connection)) => return Ok((connection, set)),
            Err(why) if began.elapsed() >= arguments.wait => return Err(why),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

impl Load<'_> {
    fn run(&self, mut connection: Connection) -> Part {
        let mut part = Part::default();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.arguments.count {
                return part;
            }
            let began = Instant::now();
            match self.one(&mut connection, number) {
                Ok(()) => {
                    part.good += 1;
                    let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
                    part.micros.push(micros);
                }
                Err(why) => {
                    part.wrong += 1;
                    part.why = Some(why);
                    return part;
                }
            }
        }
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
