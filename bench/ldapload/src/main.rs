//! Load for LDAP servers. Several connections each ask one thing at a time; every answer is read and checked.

mod arguments;
mod ber;
mod connection;
#[path = "../../load/measured.rs"]
mod measured;
#[path = "../../load/process.rs"]
mod process;
mod requests;

use std::process::ExitCode;
use std::time::Instant;

use arguments::{Arguments, Mode};
use connection::Connection;
use measured::{Part, Questions, patiently, program};

fn main() -> ExitCode {
    let read = Arguments::read(std::env::args().skip(1));
    program(read, arguments::HELP, measure)
}

/// Binds every connection, runs the load, prints what came of it as a line of JSON.
fn measure(arguments: &Arguments) -> Result<bool, String> {
    let connections: Result<Vec<Connection>, String> = (0..arguments.connections)
        .map(|_| bound(arguments))
        .collect();
    let connections = connections?;
    let questions = Questions::new(arguments.count);
    let (good, wrong) = measured::measure(&arguments.pids, connections, |connection| {
        run(arguments, connection, &questions)
    });
    Ok(wrong == 0 && good > 0)
}

/// A connection whose owner has signed in. With patience, until the server is there.
fn bound(arguments: &Arguments) -> Result<Connection, String> {
    patiently(arguments.wait, || {
        let mut connection = Connection::open(arguments.server)?;
        connection.bind(&arguments.name, &arguments.password)?;
        Ok(connection)
    })
}

fn run(arguments: &Arguments, mut connection: Connection, questions: &Questions) -> Part {
    let mut part = Part::default();
    if arguments.mode == Mode::Walk {
        let walked = connection.walk(&requests::walk(arguments), arguments.page);
        match walked {
            Ok(found) => part.good = found,
            Err(why) => (part.wrong, part.why) = (1, Some(why)),
        }
        return part;
    }
    while let Some(number) = questions.next() {
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
        if !part.count(began, done) && connection.is_lost() {
            break;
        }
    }
    part
}
