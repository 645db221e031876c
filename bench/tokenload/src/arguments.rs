//! What is to be done, from the command line.

use std::net::SocketAddr;
use std::time::Duration;

pub const HELP: &str = "\
tokenload --server ADDRESS:PORT --host NAME --ca FILE --path PATH [--pid N]...
  --mode token      posts --form TEXT, --count N times; each token's signature is checked with the keys at --jwks PATH
  --mode hello      signs in with the devices and Hello keys of --devices FILE, one after another, --count N times: a nonce,
                    and the assertion that becomes a primary refresh token
  --connections N   how many ask at once (4)
  --wait SECONDS    how long a server that is not there yet is waited for (0)
Asks this machine alone.";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Token,
    Hello,
}

pub struct Arguments {
    pub server: SocketAddr,
    pub host: String,
    pub ca: String,
    pub path: String,
    pub jwks: String,
    pub form: String,
    pub devices: String,
    pub mode: Mode,
    pub pids: Vec<u32>,
    pub count: usize,
    pub connections: usize,
    pub wait: Duration,
}

impl Arguments {
    pub fn read(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            server: SocketAddr::from(([127, 0, 0, 1], 443)),
            host: "localhost".to_owned(),
            ca: String::new(),
            path: "/".to_owned(),
            jwks: "/".to_owned(),
            form: String::new(),
            devices: String::new(),
            mode: Mode::Token,
            pids: Vec::new(),
            count: 1,
            connections: 4,
            wait: Duration::ZERO,
        };
        while let Some(option) = given.next() {
            let value = given.next().ok_or(format!("{option} needs a value"))?;
            let bad = || format!("{option} {value}: that is none");
            match option.as_str() {
                "--server" => read.server = value.parse().map_err(|_| bad())?,
                "--host" => read.host = value,
                "--ca" => read.ca = value,
                "--path" => read.path = value,
                "--jwks" => read.jwks = value,
                "--form" => read.form = value,
                "--devices" => read.devices = value,
                "--mode" => {
                    read.mode = match value.as_str() {
                        "token" => Mode::Token,
                        "hello" => Mode::Hello,
                        _ => return Err(bad()),
                    }
                }
                "--pid" => read.pids.push(value.parse().map_err(|_| bad())?),
                "--count" => read.count = value.parse().map_err(|_| bad())?,
                "--connections" => read.connections = value.parse().map_err(|_| bad())?,
                "--wait" => read.wait = Duration::from_secs(value.parse().map_err(|_| bad())?),
                _ => return Err(format!("there is no {option}")),
            }
        }
        if !read.server.ip().is_loopback() {
            return Err(format!("{} is another machine", read.server));
        }
        Ok(read)
    }
}
