//! A connection on which one thing at a time is asked.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::ber::{integer, next, number, tlv};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

pub struct Connection {
    stream: TcpStream,
    message: u32,
    read: Vec<u8>,
    used: usize,
    lost: bool,
}

impl Connection {
    pub fn open(server: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(server).map_err(|error| format!("{server}: {error}"))?;
        let set = stream.set_nodelay(true).and(stream.set_read_timeout(Some(PATIENCE)));
        set.map_err(|error| error.to_string())?;
        Ok(Self {
            stream,
            message: 0,
            read: Vec::new(),
            used: 0,
            lost: false,
        })
    }

    /// Whether nothing more will come.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Signs in by a password.
    pub fn bind(&mut self, name: &str, password: &str) -> Result<(), String> {
        let request = tlv(
            0x60,
            &[
                &integer(0x02, 3),
                &tlv(0x04, &[name.as_bytes()]),
                &tlv(0x80, &[password.as_bytes()]),
            ],
        );
        self.send(&request, &[])?;
        let (tag, content, _) = self.answer()?;
        succeeded(tag, 0x61, &content)
    }

    /// Adds an entry.
    pub fn add(&mut self, request: &[u8]) -> Result<(), String> {
        self.send(request, &[])?;
        let (tag, content, _) = self.answer()?;
        succeeded(tag, 0x69, &content)
    }

    /// Finds one person with all that is asked for.
    pub fn find(&mut self, request: &[u8], person: usize, attributes: usize) -> Result<(), String> {
        self.send(request, &[])?;
        let (tag, content, _) = self.answer()?;
        if tag != SEARCH_ENTRY {
            succeeded(tag, SEARCH_DONE, &content)?;
            return Err(format!("nobody is user{person}"));
        }
        let named = entry(&content, attributes).is_some_and(|dn| {
            let dn = dn.to_ascii_lowercase();
            dn.starts_with(format!("cn=user{person},").as_bytes())
        });
        let (tag, content, _) = self.answer()?;
        succeeded(tag, SEARCH_DONE, &content)?;
        if named { Ok(()) } else { Err(format!("that is not user{person}, or not all of it")) }
    }

    /// Reads all pages; how many entries there were.
    pub fn walk(&mut self, request: &[u8], page: u32) -> Result<usize, String> {
        let (mut found, mut cookie) = (0, Vec::new());
        loop {
            let value = tlv(0x30, &[&integer(0x02, page), &tlv(0x04, &[&cookie])]);
            let control = tlv(0x30, &[&tlv(0x04, &[PAGED_RESULTS.as_bytes()]), &tlv(0x04, &[&value])]);
            self.send(request, &tlv(0xa0, &[&control]))?;
            loop {
                let (tag, content, controls) = self.answer()?;
                if tag == SEARCH_ENTRY {
                    if entry(&content, 1).is_none() {
                        return Err("an entry without what was asked for".to_owned());
                    }
                    found += 1;
                    continue;
                }
                succeeded(tag, SEARCH_DONE, &content)?;
                cookie = cookie_of(&controls).ok_or("there is no cookie")?;
                break;
            }
            if cookie.is_empty() {
                return Ok(found);
            }
        }
    }

    fn send(&mut self, operation: &[u8], controls: &[u8]) -> Result<(), String> {
        self.message += 1;
        let message = tlv(0x30, &[&integer(0x02, self.message), operation, controls]);
        self.stream.write_all(&message).map_err(|error| {
            self.lost = true;
            error.to_string()
        })
    }

    /// The next answer: its tag, what it holds, and its controls.
    fn answer(&mut self) -> Result<(u8, Vec<u8>, Vec<u8>), String> {
        loop {
            if let Some((_, message, rest)) = next(&self.read[self.used..]) {
                let left = rest.len();
                let parsed = next(message).and_then(|(_, id, operation)| {
                    let (tag, content, controls) = next(operation)?;
                    Some((number(id), tag, content.to_vec(), controls.to_vec()))
                });
                self.used = self.read.len() - left;
                let Some((id, tag, content, controls)) = parsed else {
                    self.lost = true;
                    return Err("that is no message".to_owned());
                };
                if id != self.message {
                    self.lost = true;
                    return Err(format!("an answer to {id}, not to {}", self.message));
                }
                return Ok((tag, content, controls));
            }
            self.read.drain(..self.used);
            self.used = 0;
            let mut bytes = [0; 65536];
            let came = self.stream.read(&mut bytes).map_err(|error| {
                self.lost = true;
                error.to_string()
            })?;
            if came == 0 {
                self.lost = true;
                return Err("the server closed the connection".to_owned());
            }
            self.read.extend_from_slice(&bytes[..came]);
        }
    }
}

/// The name of an entry that has at least so many attributes with a value.
fn entry(content: &[u8], attributes: usize) -> Option<&[u8]> {
    let (_, dn, rest) = next(content)?;
    let (_, mut list, _) = next(rest)?;
    let mut with_value = 0;
    while let Some((_, attribute, rest)) = next(list) {
        let (_, _, values) = next(attribute)?;
        let (_, values, _) = next(values)?;
        with_value += usize::from(!values.is_empty());
        list = rest;
    }
    (with_value >= attributes).then_some(dn)
}

fn cookie_of(controls: &[u8]) -> Option<Vec<u8>> {
    let (_, mut controls, _) = next(controls)?;
    while let Some((_, control, rest)) = next(controls) {
        let (_, oid, value) = next(control)?;
        if oid == PAGED_RESULTS.as_bytes() {
            let (_, value, _) = next(value)?;
            let (_, value, _) = next(value)?;
            let (_, _, cookie) = next(value)?;
            return Some(next(cookie)?.1.to_vec());
        }
        controls = rest;
    }
    None
}

fn succeeded(tag: u8, wanted: u8, content: &[u8]) -> Result<(), String> {
    let code = next(content).map(|(_, code, _)| number(code));
    if tag == wanted && code == Some(0) {
        return Ok(());
    }
    let said = next(content)
        .and_then(|(_, _, rest)| next(rest))
        .and_then(|(_, _, rest)| next(rest))
        .map(|(_, text, _)| String::from_utf8_lossy(text).into_owned());
    Err(format!("answer {tag:#x} with code {code:?}: {}", said.unwrap_or_default()))
}
