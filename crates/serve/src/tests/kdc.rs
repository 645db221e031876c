use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use super::{PATIENCE, any, impatient, serve};
use crate::fault::Role;
use crate::listeners::Listeners;
use crate::settings::{Limits, Listen};

fn kdc(limits: &Limits) -> (Listeners, SocketAddr) {
    let (serving, _) = serve(
        &Listen {
            kdc: vec![any()],
            ..Listen::nowhere()
        },
        limits,
    );
    let address = serving.addresses().kdc[0];
    (serving, address)
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(super) fn send(stream: &mut TcpStream, message: &[u8]) {
    stream
        .write_all(&u32::try_from(message.len()).unwrap().to_be_bytes())
        .unwrap();
    stream.write_all(message).unwrap();
}

pub(super) fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

pub(super) fn ask_udp(address: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(message, address).unwrap();
    let mut answer = vec![0; 65_535];
    let (length, _) = socket.recv_from(&mut answer).unwrap();
    answer.truncate(length);
    answer
}

#[test]
fn a_datagram_and_a_stream_get_their_answers() {
    let (_serving, address) = kdc(&impatient());
    assert_eq!(ask_udp(address, b"request"), b"request by udp");
    let mut stream = connect(address);
    for _ in 0..3 {
        send(&mut stream, b"request");
        assert_eq!(
            receive(&mut stream).as_deref(),
            Some(&b"request by tcp"[..])
        );
    }
}

#[test]
fn a_party_that_panics_gives_the_generic_answer_and_the_listener_goes_on() {
    let (serving, metrics) = serve(
        &Listen {
            kdc: vec![any()],
            ..Listen::nowhere()
        },
        &impatient(),
    );
    let address = serving.addresses().kdc[0];
    for _ in 0..4 {
        assert_eq!(ask_udp(address, b"panic"), b"generic");
    }
    assert_eq!(ask_udp(address, b"request"), b"request by udp");
    let mut stream = connect(address);
    send(&mut stream, b"panic");
    assert_eq!(receive(&mut stream).as_deref(), Some(&b"generic"[..]));
    send(&mut stream, b"request");
    assert_eq!(
        receive(&mut stream).as_deref(),
        Some(&b"request by tcp"[..])
    );
    assert!(metrics.text().contains("keyporch_panics_total 5"));
    assert_eq!(metrics.answered(Role::KdcTcp), 1);
}

#[test]
fn a_message_that_announces_too_much_is_refused_before_it_is_read() {
    let (_serving, address) = kdc(&impatient());
    for length in [u32::MAX, 0x8000_0001, 64 * 1024 + 1, 0] {
        let mut stream = connect(address);
        stream.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(
            receive(&mut stream).as_deref(),
            Some(&b"too long"[..]),
            "{length}"
        );
        assert_eq!(receive(&mut stream), None, "the connection ends");
    }
}

#[test]
fn the_longest_message_that_is_taken_is_answered() {
    let (_serving, address) = kdc(&impatient());
    let mut stream = connect(address);
    send(&mut stream, &vec![7; 64 * 1024]);
    assert_eq!(
        receive(&mut stream).map(|answer| answer.len()),
        Some(64 * 1024 + 7)
    );
}

#[test]
fn a_peer_that_stops_in_the_middle_is_let_go_and_holds_up_nobody() {
    let (_serving, address) = kdc(&impatient());
    let mut stalled: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
    for stream in &mut stalled {
        stream.write_all(&[0, 0, 1, 0, 42]).unwrap();
    }
    let mut good = connect(address);
    send(&mut good, b"request");
    assert_eq!(receive(&mut good).as_deref(), Some(&b"request by tcp"[..]));
    for stream in &mut stalled {
        assert_eq!(receive(stream), None);
    }
}

#[test]
fn silence_ends_a_stream_and_is_no_datagram() {
    let (_serving, address) = kdc(&impatient());
    let mut stream = connect(address);
    send(&mut stream, b"silence");
    assert_eq!(receive(&mut stream), None);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"silence", address).unwrap();
    socket.send_to(b"request", address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 64];
    let (length, _) = socket.recv_from(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"request by udp");
}

#[test]
fn a_full_house_lets_a_newcomer_in_for_one_who_only_waits() {
    let limits = Limits {
        kdc_connections: 4,
        ..impatient()
    };
    let (_serving, address) = kdc(&limits);
    let mut waiting: Vec<TcpStream> = (0..4).map(|_| connect(address)).collect();
    // Each has been heard, so that the order of their waiting is known.
    for stream in &mut waiting {
        send(stream, b"request");
        assert!(receive(stream).is_some());
    }
    let mut newcomer = connect(address);
    send(&mut newcomer, b"request");
    assert_eq!(
        receive(&mut newcomer).as_deref(),
        Some(&b"request by tcp"[..])
    );
    assert_eq!(
        receive(&mut waiting[0]),
        None,
        "the longest waiting made room"
    );
    send(&mut waiting[3], b"request");
    assert!(receive(&mut waiting[3]).is_some());
}

#[test]
fn closing_frees_the_port_at_once() {
    let (mut serving, address) = kdc(&impatient());
    assert_eq!(ask_udp(address, b"request"), b"request by udp");
    serving.close(PATIENCE);
    UdpSocket::bind(address).unwrap();
    std::net::TcpListener::bind(address).unwrap();
}

#[test]
fn who_sends_one_message_after_the_other_without_reading_gets_every_answer_in_order() {
    /// Together more than both sockets hold.
    const MESSAGES: u16 = 400;
    let (_serving, address) = kdc(&impatient());
    let mut stream = connect(address);
    let mut writing = stream.try_clone().unwrap();
    let message = |number: u16| {
        let mut message = vec![7; 60_000];
        message[..2].copy_from_slice(&number.to_be_bytes());
        message
    };
    let writer = std::thread::spawn(move || {
        (0..MESSAGES).for_each(|number| send(&mut writing, &message(number)));
    });
    for number in 0..MESSAGES {
        let answer = receive(&mut stream).unwrap();
        assert_eq!(answer, [&message(number), &b" by tcp"[..]].concat());
    }
    writer.join().unwrap();
}

#[test]
fn who_pauses_between_and_within_messages_is_answered_all_the_same() {
    let (_serving, address) = kdc(&impatient());
    let mut stream = connect(address);
    let pause = |stream: &mut TcpStream| {
        let longer_than_a_thread_waits = std::time::Duration::from_millis(60);
        stream
            .set_read_timeout(Some(longer_than_a_thread_waits))
            .unwrap();
        assert!(stream.read(&mut [0]).is_err(), "nothing comes");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    };
    pause(&mut stream);
    for _ in 0..3 {
        stream.write_all(&[0, 0]).unwrap();
        pause(&mut stream);
        stream.write_all(&[0, 7, b'r']).unwrap();
        pause(&mut stream);
        stream.write_all(b"equest").unwrap();
        assert_eq!(
            receive(&mut stream).as_deref(),
            Some(&b"request by tcp"[..])
        );
    }
}

#[test]
fn silent_connections_hold_up_nobody() {
    let (_serving, address) = kdc(&impatient());
    let _silent: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
    let mut good = connect(address);
    send(&mut good, b"request");
    assert_eq!(receive(&mut good).as_deref(), Some(&b"request by tcp"[..]));
}
