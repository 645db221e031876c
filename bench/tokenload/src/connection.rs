//! HTTP/1.1 over TLS, on a connection that is kept open.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::arguments::Arguments;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// A connection to the server.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    host: String,
    received: Vec<u8>,
}

/// TLS that believes the authorities of a file and nobody else.
pub fn trusting(file: &str) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|why| format!("{file}: {why}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|why| format!("{file}: {why}"))?;
        roots
            .add(certificate)
            .map_err(|why| format!("{file}: {why}"))?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}

impl Connection {
    /// A new connection.
    pub fn open(arguments: &Arguments, tls: &Arc<ClientConfig>) -> Result<Self, String> {
        let name = ServerName::try_from(arguments.host.clone()).map_err(|why| why.to_string())?;
        let tls = ClientConnection::new(Arc::clone(tls), name).map_err(|why| why.to_string())?;
        let stream = TcpStream::connect(arguments.server).map_err(|why| why.to_string())?;
        let patience = Some(Duration::from_secs(20));
        let set = stream
            .set_nodelay(true)
            .and(stream.set_read_timeout(patience));
        set.map_err(|why| why.to_string())?;
        Ok(Self {
            stream: StreamOwned::new(tls, stream),
            host: arguments.host.clone(),
            received: Vec::new(),
        })
    }

    /// Posts a form, and reads JSON.
    pub fn post(&mut self, path: &str, form: &str) -> Result<Value, String> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.host,
            form.len(),
        );
        self.ask(&request)
    }

    /// Gets JSON.
    pub fn get(&mut self, path: &str) -> Result<Value, String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.ask(&request)
    }

    fn ask(&mut self, request: &str) -> Result<Value, String> {
        let sent = self.stream.write_all(request.as_bytes());
        sent.and_then(|()| self.stream.flush())
            .map_err(|why| format!("not sent: {why}"))?;
        self.received.clear();
        let head = loop {
            let end = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None => self.more()?,
            }
        };
        let text = String::from_utf8_lossy(&self.received[..head]).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| {
                line.strip_prefix("content-length:")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            })
            .ok_or("an answer without a length")?;
        if length > LONGEST {
            return Err("an answer that is too long".to_owned());
        }
        while self.received.len() < head + length {
            self.more()?;
        }
        let body = &self.received[head..head + length];
        if !text.starts_with("http/1.1 200 ") {
            let line = text.lines().next().unwrap_or_default();
            return Err(format!("{line}: {}", String::from_utf8_lossy(body)));
        }
        serde_json::from_slice(body).map_err(|why| why.to_string())
    }

    fn more(&mut self) -> Result<(), String> {
        let mut some = [0; 16 * 1024];
        match self.stream.read(&mut some) {
            Ok(0) => Err("the server closed the connection".to_owned()),
            Ok(count) => {
                self.received.extend_from_slice(&some[..count]);
                Ok(())
            }
            Err(why) => Err(format!("no answer: {why}")),
        }
    }
}
