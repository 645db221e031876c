//! What is to be done, from the command line.

use std::net::SocketAddr;
use std::time::Duration;

pub const HELP: &str = "\
ldapload --server ADDRESS:PORT --bind NAME --password TEXT --base DN [--pid N]...
  --mode search     one person of --people N each, by --by ATTRIBUTE, --count N of them
  --mode walk       everybody below the base in pages of --page N
  --mode add        --count N entries below the base, in --style ad or rfc2307, named after --prefix TEXT
  --connections N   how many ask at once (4)
  --attributes A,B  what is asked for
  --wait SECONDS    how long a server that is not there yet is waited for (0)
Asks this machine alone.";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Search,
    Walk,
    Add,
}

/// How people are written down: as Active Directory does, or as RFC 2307 and RFC 2798 do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Ad,
    Rfc2307,
}

pub struct Arguments {
    pub server: SocketAddr,
    pub name: String,
    pub password: String,
    pub base: String,
    pub pids: Vec<u32>,
    pub mode: Mode,
    pub style: Style,
    pub by: String,
    pub people: usize,
    pub count: usize,
    pub page: u32,
    pub prefix: String,
    pub connections: usize,
    pub attributes: Vec<String>,
    pub wait: Duration,
}

impl Arguments {
    pub fn read(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            server: SocketAddr::from(([127, 0, 0, 1], 389)),
            name: String::new(),
            password: String::new(),
            base: String::new(),
            pids: Vec::new(),
            mode: Mode::Search,
            style: Style::Ad,
            by: "sAMAccountName".to_owned(),
            people: 1,
            count: 1,
            page: 1000,
            prefix: "new".to_owned(),
            connections: 4,
            attributes: ["cn"].map(str::to_owned).to_vec(),
            wait: Duration::ZERO,
        };
        while let Some(option) = given.next() {
            let value = given.next().ok_or(format!("{option} needs a value"))?;
            let bad = || format!("{option} {value}: that is none");
            let number = || value.parse::<usize>().map_err(|_| bad());
            match option.as_str() {
                "--server" => read.server = value.parse().map_err(|_| bad())?,
                "--bind" => read.name = value,
                "--password" => read.password = value,
                "--base" => read.base = value,
                "--pid" => read.pids.push(value.parse().map_err(|_| bad())?),
                "--by" => read.by = value,
                "--prefix" => read.prefix = value,
                "--people" => read.people = number()?.max(1),
                "--count" => read.count = number()?,
                "--connections" => read.connections = number()?,
                "--page" => read.page = value.parse().map_err(|_| bad())?,
                "--wait" => read.wait = Duration::from_secs(value.parse().map_err(|_| bad())?),
                "--attributes" => read.attributes = value.split(',').map(str::to_owned).collect(),
                "--mode" => {
                    read.mode = match value.as_str() {
                        "search" => Mode::Search,
                        "walk" => Mode::Walk,
                        "add" => Mode::Add,
                        _ => return Err(bad()),
                    }
                }
                "--style" => {
                    read.style = match value.as_str() {
                        "ad" => Style::Ad,
                        "rfc2307" => Style::Rfc2307,
                        _ => return Err(bad()),
                    }
                }
                _ => return Err(format!("there is no {option}")),
            }
        }
        if !read.server.ip().is_loopback() {
            return Err(format!("{} is another machine", read.server));
        }
        Ok(read)
    }
}
