//! The resolver against nameservers on loopback that are as short as a test needs them.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use trust::SystemRng;

use super::*;

/// What a nameserver sends for a question, which it is given: datagrams, and one message over TCP; where that is empty, it ends
/// the connection.
struct Says {
    datagrams: fn(&[u8]) -> Vec<Vec<u8>>,
    stream: fn(&[u8]) -> Vec<u8>,
}

impl Says {
    const fn by_udp(datagrams: fn(&[u8]) -> Vec<Vec<u8>>) -> Self {
        Self {
            datagrams,
            stream: |_| Vec::new(),
        }
    }
}

/// The question in a message, without what follows it.
fn question_of(message: &[u8]) -> &[u8] {
    let end = message[12..].iter().position(|byte| *byte == 0).unwrap() + 12 + 5;
    &message[12..end]
}

/// An answer to `message`: these flags, and TXT records of one part each.
fn answer(message: &[u8], flags: u16, texts: &[&str]) -> Vec<u8> {
    let mut bytes = message[..2].to_vec();
    for number in [flags, 1, texts.len() as u16, 0, 0] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(question_of(message));
    for text in texts {
        bytes.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0]);
        bytes.extend([text.len() as u8 + 1, text.len() as u8]);
        bytes.extend(text.bytes());
    }
    bytes
}

fn good(message: &[u8]) -> Vec<u8> {
    answer(message, 0x8180, &["keyporch", "other"])
}

/// A nameserver for as long as the test lives, and each question that comes to it by UDP.
fn nameserver(says: Says) -> (SocketAddr, Receiver<Vec<u8>>) {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let (heard, hears) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
            // Before the answer: whoever has that finds the question heard.
            let _ = heard.send(buffer[..length].to_vec());
            for datagram in (says.datagrams)(&buffer[..length]) {
                udp.send_to(&datagram, peer).unwrap();
            }
        }
    });
    thread::spawn(move || {
        while let Ok((mut peer, _)) = tcp.accept() {
            let mut length = [0; 2];
            peer.read_exact(&mut length).unwrap();
            let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
            peer.read_exact(&mut message).unwrap();
            let said = (says.stream)(&message);
            if said.is_empty() {
                continue;
            }
            let _ = peer.write_all(&(said.len() as u16).to_be_bytes());
            // In two pieces, as streams come.
            let (one, two) = said.split_at(said.len() / 2);
            let _ = peer.write_all(one).and_then(|()| peer.write_all(two));
        }
    });
    (address, hears)
}

/// Asks nameservers that answer, however busy this machine is.
fn ask(servers: &[SocketAddr]) -> Result<Vec<String>, DnsFault> {
    ask_for(Duration::from_secs(10), servers)
}

/// Asks nameservers, one of which is silent.
fn ask_in_vain(servers: &[SocketAddr]) -> Result<Vec<String>, DnsFault> {
    ask_for(Duration::from_millis(500), servers)
}

fn ask_for(patience: Duration, servers: &[SocketAddr]) -> Result<Vec<String>, DnsFault> {
    let resolver = Resolver {
        servers: servers.to_vec(),
        patience,
    };
    resolver.txt("Corp.example", &mut SystemRng)
}

fn words(fault: &DnsFault) -> String {
    let source = std::error::Error::source(fault).map(ToString::to_string);
    [Some(fault.to_string()), source]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn texts_are_found_and_each_question_has_a_number_of_its_own() {
    let (server, questions) = nameserver(Says::by_udp(|asked| vec![good(asked)]));
    for _ in 0..8 {
        assert_eq!(ask(&[server]).unwrap(), ["keyporch", "other"]);
    }
    let questions: Vec<_> = questions.try_iter().collect();
    let mut numbers: Vec<_> = questions.iter().map(|asked| asked[..2].to_vec()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() > 4, "{numbers:?}");
    for asked in questions {
        assert_eq!(question_of(&asked), b"\x04corp\x07example\0\0\x10\0\x01");
    }
}

#[test]
fn no_such_name_and_no_such_record_are_no_texts() {
    let (nothing, _) = nameserver(Says::by_udp(|asked| vec![answer(asked, 0x8183, &[])]));
    let (empty, _) = nameserver(Says::by_udp(|asked| vec![answer(asked, 0x8180, &[])]));
    for server in [nothing, empty] {
        assert_eq!(ask(&[server]).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn what_answers_another_question_is_not_heard() {
    let (server, _) = nameserver(Says::by_udp(|asked| {
        let forged = answer(asked, 0x8180, &["forged"]);
        let (mut number, mut name) = (forged.clone(), forged.clone());
        number[1] ^= 1;
        name[13] = b'd';
        vec![number, name, b"garbage".to_vec(), Vec::new(), good(asked)]
    }));
    assert_eq!(ask(&[server]).unwrap(), ["keyporch", "other"]);
}

#[test]
fn a_wrong_number_alone_is_silence() {
    let (server, questions) = nameserver(Says::by_udp(|asked| {
        let mut forged = answer(asked, 0x8180, &["forged"]);
        forged[0] ^= 1;
        vec![forged]
    }));
    let fault = ask_in_vain(&[server]).unwrap_err();
    assert_eq!(
        words(&fault),
        format!("the nameserver {server} did not answer in time")
    );
    assert_eq!(questions.try_iter().count(), ROUNDS);
}

#[test]
fn a_datagram_that_was_lost_is_sent_again() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static LOST: AtomicBool = AtomicBool::new(false);
    let (server, _) = nameserver(Says::by_udp(|asked| {
        match LOST.swap(true, Ordering::Relaxed) {
            true => vec![good(asked)],
            false => Vec::new(),
        }
    }));
    assert_eq!(ask_in_vain(&[server]).unwrap(), ["keyporch", "other"]);
}

#[test]
fn an_answer_too_long_for_a_datagram_comes_over_tcp() {
    let (server, _) = nameserver(Says {
        datagrams: |asked| vec![answer(asked, 0x8380, &[])],
        stream: |asked| answer(asked, 0x8180, &["long"; 900]),
    });
    assert_eq!(ask(&[server]).unwrap(), ["long"; 900]);
}

#[test]
fn over_tcp_what_answers_another_question_or_is_cut_is_no_answer() {
    let (forged, _) = nameserver(Says {
        datagrams: |asked| vec![answer(asked, 0x8380, &[])],
        stream: |asked| {
            let mut forged = answer(asked, 0x8180, &["forged"]);
            forged[0] ^= 1;
            forged
        },
    });
    let (cut, _) = nameserver(Says {
        datagrams: |asked| vec![answer(asked, 0x8380, &[])],
        stream: |asked| answer(asked, 0x8380, &[]),
    });
    for (server, why) in [
        (forged, "it answers another question"),
        (cut, "it ends early"),
    ] {
        let fault = ask(&[server]).unwrap_err();
        assert_eq!(
            words(&fault),
            format!("the answer of the nameserver {server} cannot be read: {why}")
        );
    }
}

#[test]
fn a_nameserver_that_ends_the_connection_or_is_silent_on_it_is_a_failure() {
    let (server, _) = nameserver(Says {
        datagrams: |asked| vec![answer(asked, 0x8380, &[])],
        stream: |_| Vec::new(),
    });
    assert!(matches!(
        ask(&[server]),
        Err(DnsFault::Unreachable { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof
    ));
    // Its backlog takes the connection, and nobody reads from it.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let server = udp.local_addr().unwrap();
    let waiting = thread::spawn(move || {
        let mut buffer = [0; 512];
        for _ in 0..ROUNDS {
            let (length, peer) = udp.recv_from(&mut buffer).unwrap();
            let cut = answer(&buffer[..length], 0x8380, &[]);
            udp.send_to(&cut, peer).unwrap();
        }
    });
    assert!(matches!(
        ask_in_vain(&[server]),
        Err(DnsFault::Silent { .. })
    ));
    waiting.join().unwrap();
    drop(tcp);
}

#[test]
fn failures_say_which_nameserver_and_what_it_said() {
    let (server, questions) = nameserver(Says::by_udp(|asked| vec![answer(asked, 0x8182, &[])]));
    assert_eq!(
        words(&ask(&[server]).unwrap_err()),
        format!("the nameserver {server} answers SERVFAIL")
    );
    assert_eq!(questions.try_iter().count(), 1);
    let (server, _) = nameserver(Says::by_udp(|asked| {
        let mut garbled = good(asked);
        garbled.pop();
        vec![garbled]
    }));
    assert_eq!(
        words(&ask(&[server]).unwrap_err()),
        format!("the answer of the nameserver {server} cannot be read: it ends early")
    );
}

#[test]
fn the_next_nameserver_is_asked_when_one_fails() {
    let (failing, _) = nameserver(Says::by_udp(|asked| vec![answer(asked, 0x8182, &[])]));
    let (silent, _) = nameserver(Says::by_udp(|_| Vec::new()));
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (server, _) = nameserver(Says::by_udp(|asked| vec![good(asked)]));
    let found = ask_in_vain(&[gone, failing, silent, server]).unwrap();
    assert_eq!(found, ["keyporch", "other"]);
    let fault = ask(&[gone]).unwrap_err();
    assert!(matches!(fault, DnsFault::Unreachable { .. }), "{fault:?}");
}

#[test]
fn a_nameserver_without_edns_is_asked_without() {
    let (server, _) = nameserver(Says::by_udp(|asked| {
        match asked.len() > 12 + question_of(asked).len() {
            true => vec![[&asked[..2], &[0x81, 0x81], &[0; 8]].concat()],
            false => vec![good(asked)],
        }
    }));
    assert_eq!(ask(&[server]).unwrap(), ["keyporch", "other"]);
}

#[test]
fn nobody_to_ask_and_nothing_to_ask_for_are_said() {
    assert!(matches!(ask(&[]), Err(DnsFault::NoServer)));
    let resolver = Resolver::new(Vec::new());
    for none in ["", ".", "a b", "a..b"] {
        let fault = resolver.txt(none, &mut SystemRng).unwrap_err();
        assert!(matches!(fault, DnsFault::Name { .. }), "{none}");
    }
}

#[test]
fn resolv_conf_is_read_as_the_c_library_reads_it() {
    let servers = |text| Resolver::from_resolv_conf(text).servers;
    let text = "# nameserver 192.0.2.9\n; a comment\nsearch corp.example\nnameserver 192.0.2.1\n\
                nameserver\t2001:db8::1 # the second\nnameservers 192.0.2.8\nnameserver dns.corp.example\n\
                options edns0\nnameserver\nnameserver fe80::1%1\nnameserver 192.0.2.4\n";
    let [first, second, third] = servers(text).try_into().unwrap();
    assert_eq!(first, "192.0.2.1:53".parse().unwrap());
    assert_eq!(second, "[2001:db8::1]:53".parse().unwrap());
    assert_eq!(third, "[fe80::1%1]:53".parse().unwrap());
    let own: SocketAddr = "127.0.0.1:53".parse().unwrap();
    assert_eq!(servers("search corp.example\n"), [own]);
}
