//! Each listener survives what no client sends, and goes on serving those who do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::Duration;

use keyporch_interop::Lab;

/// Truncated, oversized, deeply nested, wrongly tagged and random messages. The random ones are the same each
/// time.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = vec![
        vec![],
        vec![0],
        vec![0x6a],
        vec![0x6a, 0x84, 0xff, 0xff, 0xff, 0xff],
        vec![0x6a, 0x80],
        vec![0x6c, 0x03, 0x30, 0x01],
        vec![0x7e, 0x03, 0x30, 0x01, 0x00],
        vec![0x30; 60_000],
        vec![0xff; 65_000],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    // A sequence in a sequence, two thousand deep.
    let mut nested = vec![0x30, 0x00];
    for _ in 0..2_000 {
        let length = u16::try_from(nested.len())
            .expect("it is short")
            .to_be_bytes();
        nested.splice(0..0, [0x30, 0x82, length[0], length[1]]);
    }
    nested.splice(0..0, [0x6a, 0x82, 0x1f, 0x44]);
    messages.push(nested);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for length in [1, 16, 200, 1_400, 9_000] {
        for first in [0x6a_u8, 0x6c, 0x16, 0x47] {
            let mut random: Vec<u8> = (0..length)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) as u8
                })
                .collect();
            random[0] = first;
            messages.push(random);
        }
    }
    messages
}

/// Sends bytes and reads until the peer has said what it says, or nothing more comes.
fn throw(address: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the listener still accepts");
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a time limit can be set");
    // The peer may hang up in the middle, which is right.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 4_096]);
}

#[test]
fn every_listener_survives_garbage_and_goes_on_serving() {
    let lab = Lab::start();
    let person = lab.person();
    let https = lab
        .text("/federation/base")
        .rsplit_once(':')
        .map(|(_, port)| format!("127.0.0.1:{port}"));
    let https = https.expect("the base has a port");
    let http = lab
        .text("/authority/crl_url")
        .trim_start_matches("http://")
        .to_owned();
    let http = http
        .split('/')
        .next()
        .and_then(|host| host.rsplit_once(':'))
        .map(|(_, port)| format!("127.0.0.1:{port}"));
    let http = http.expect("the list's address has a port");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    for message in messages() {
        udp.send_to(&message, lab.text("/kdc/udp"))
            .expect("loopback takes datagrams");
        let length = u32::try_from(message.len())
            .expect("messages are short")
            .to_be_bytes();
        throw(lab.text("/kdc/tcp"), &[&length[..], &message].concat());
        throw(lab.text("/kdc/tcp"), &message);
        throw(&https, &message);
        throw(&http, &message);
    }
    // A length of four gigabytes, and one that is announced and never sent.
    throw(lab.text("/kdc/tcp"), &[0xff; 4]);
    let _held: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream =
                TcpStream::connect(lab.text("/kdc/tcp")).expect("the listener still accepts");
            stream
                .write_all(&[0, 0, 0x10, 0])
                .expect("the listener reads");
            stream
        })
        .collect();
    lab.krb5("after")
        .kinit(&[&person.sam], &person.password)
        .succeeded();
    let key = lab.krb5("key");
    key.kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
    let list = keyporch_interop::run(
        std::process::Command::new("curl").args([
            "--silent",
            "--fail",
            "--output",
            "/dev/null",
            lab.text("/authority/crl_url"),
        ]),
        "",
    );
    list.succeeded();
    lab.keyporch(&["admin", "user", "list"]).succeeded();
}
