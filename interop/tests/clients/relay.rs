//! A relay between a client and the KDC that remembers what passes, and can put an old freshness token in the
//! place of a new one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wire::kerberos::{KrbError, MethodData, PaDataType};

#[derive(Default)]
struct Memory {
    exchanges: Vec<(Vec<u8>, Vec<u8>)>,
    tokens: Vec<Vec<u8>>,
    codes: Vec<i32>,
    replacement: Option<Vec<u8>>,
}

pub(crate) struct Relay {
    address: String,
    memory: Arc<Mutex<Memory>>,
}

impl Relay {
    /// Starts a relay to a KDC, over TCP on a free port.
    pub(crate) fn start(kdc: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let (kdc, shared) = (kdc.to_owned(), Arc::clone(&memory));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A client that goes away in the middle is its own affair.
                let _ = pass(client, &kdc, &shared);
            }
        });
        Self { address, memory }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// krb5.conf with the relay where the KDC stood.
    pub(crate) fn in_place_of_the_kdc(&self, written: &str) -> String {
        let lines = written
            .lines()
            .map(|line| match line.trim_start().starts_with("kdc =") {
                true => format!("  kdc = tcp/{}\n", self.address),
                false => format!("{line}\n"),
            });
        let text: String = lines.collect();
        text.replacen(
            "[libdefaults]",
            "[libdefaults]\n udp_preference_limit = 1",
            1,
        )
        .replace("kdc = tcp/", "kdc = ")
    }

    pub(crate) fn last_token(&self) -> Vec<u8> {
        self.memory()
            .tokens
            .last()
            .cloned()
            .expect("a token passed")
    }

    pub(crate) fn replace_tokens_with(&self, token: &[u8]) {
        self.memory().replacement = Some(token.to_vec());
    }

    pub(crate) fn leave_tokens(&self) {
        self.memory().replacement = None;
    }

    /// The error codes that passed.
    pub(crate) fn codes(&self) -> Vec<i32> {
        self.memory().codes.clone()
    }

    /// Every request with its answer, as they passed.
    pub(crate) fn requests(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.memory().exchanges.clone()
    }
}

fn pass(mut client: TcpStream, kdc: &str, memory: &Mutex<Memory>) -> std::io::Result<()> {
    loop {
        let request = read(&mut client)?;
        let mut server = TcpStream::connect(kdc)?;
        write(&mut server, &request)?;
        let answer = read(&mut server)?;
        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = look(&answer, &mut memory);
        memory.exchanges.push((request, answer));
        drop(memory);
        write(&mut client, &changed)?;
    }
}

/// Notes codes and tokens; gives the answer with the token replaced where that was asked for.
fn look(answer: &[u8], memory: &mut Memory) -> Vec<u8> {
    let Ok(mut error) = KrbError::decode(answer) else {
        return answer.to_vec();
    };
    memory.codes.push(error.error_code.0);
    let data = error.e_data.as_deref().unwrap_or_default();
    let Ok(mut methods) = MethodData::decode(data) else {
        return answer.to_vec();
    };
    for method in methods
        .iter_mut()
        .filter(|method| method.padata_type == PaDataType::AS_FRESHNESS)
    {
        memory.tokens.push(method.padata_value.clone());
        if let Some(old) = &memory.replacement {
            method.padata_value.clone_from(old);
        }
    }
    error.e_data = Some(methods.encode());
    error.encode()
}

fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_be_bytes(length).min(1 << 20) as usize];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn write(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(message.len()).expect("messages are short");
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(message)
}

/// One datagram to the KDC, and its answer.
pub(crate) fn datagram(kdc: &str, request: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time limit can be set");
    socket
        .send_to(request, kdc)
        .expect("loopback takes datagrams");
    let mut answer = vec![0; 65_536];
    let length = socket.recv(&mut answer).expect("the KDC answers");
    answer.truncate(length);
    answer
}
