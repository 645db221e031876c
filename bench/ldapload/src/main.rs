//! Load for LDAP servers. Several connections each ask one thing at a time; every answer is read and checked.

mod arguments;
mod ber;
mod connection;
#[path = "../../kdcload/src/process.rs"]
mod process;
mod requests;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arguments::{Arguments, Mode};
use connection::Connection;

/// What one connection came to.
#[derive(Default)]
struct Part {
    good: usize,
    wrong: usize,
    micros: Vec<u32>,
    why: Option<String>,
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

/// Binds every connection, runs the load, prints what came of it as a line of JSON.
fn measure(arguments: &Arguments) -> Result<bool, String> {
    let connections: Result<Vec<Connection>, String> = (0..arguments.connections)
        .map(|_| bound(arguments))
        .collect();
    let connections = connections?;
    let next = AtomicUsize::new(0);
    let before = process::used(&arguments.pids);
    let began = Instant::now();
    let parts: Vec<Part> = thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(|| one(arguments, connection, &next)))
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
    Ok(wrong == 0 && good > 0)
}

/// A connection whose owner has signed in. With patience, until the server is there.
fn bound(arguments: &Arguments) -> Result<Connection, String> {
    let began = Instant::now();
    loop {
        let opened = Connection::open(arguments.server).and_then(|mut connection| {
            connection.bind(&arguments.name, &arguments.password)?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => return Ok(connection),
            Err(why) if began.elapsed() >= arguments.wait => return Err(why),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn one(arguments: &Arguments, mut connection: Connection, next: &AtomicUsize) -> Part {
    let mut part = Part::default();
    if arguments.mode == Mode::Walk {
        let walked = connection.walk(&requests::walk(arguments), arguments.page);
        match walked {
            Ok(found) => part.good = found,
            Err(why) => (part.wrong, part.why) = (1, Some(why)),
        }
        return part;
    }
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= arguments.count {
            return part;
        }
        let began;
        let done = match arguments.mode {
            Mode::Add => {
                let request = requests::add(arguments, number);
                began = Instant::now();
                connection.add(&request)
            }
            _ => {
                // Neighbours in the store are not neighbours in time.
                let person = number.wrapping_mul(7919) % arguments.people;
                let request = requests::search(arguments, person);
                began = Instant::now();
                connection.find(&request, person, arguments.attributes.len())
            }
        };
        match done {
            Ok(()) => {
                part.good += 1;
                let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
                part.micros.push(micros);
            }
            Err(why) => {
                part.wrong += 1;
                part.why = Some(why);
                if connection.is_lost() {
                    return part;
                }
            }
        }
    }
}
