//! The least that an exchange can cost on this machine, now: the public-key operations of a PKINIT exchange, or a
//! datagram in and a datagram out with the symmetric cryptography between them. One line of JSON.
//!
//! Interleaved with the load cases it makes ratios that hold across machines and busy neighbours; a bare time
//! does not.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as aws;
use crypto::agreement::{Ephemeral, Group, SEED_LEN};
use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::Signer as _;
use keyporch_bench::cpu;
use serde_json::json;

const MESSAGE: [u8; 120] = [0x5a; 120];

/// Slices of each operation; they take turns, and the medians count.
const SLICES: usize = 5;

/// CPU time of a slice, in nanoseconds.
const SLICE: u64 = 20_000_000;

/// Clients at once, and exchanges of each.
const CLIENTS: usize = 4;
const DATAGRAMS: usize = 2_000;
const CONNECTIONS: usize = 600;

/// Bytes of the AS exchange (`REQUEST`, `REPLY`) and of PKINIT.
const REQUEST: usize = 229;
const REPLY: usize = 1_000;
const PKINIT_REQUEST: usize = 2_438;
const PKINIT_REPLY: usize = 2_900;

/// Bytes that the exchanges encrypt or decrypt and authenticate: timestamp, ticket, reply; and ticket, authenticator,
/// ticket, reply.
const AS_PIECES: [usize; 3] = [48, 700, 208];
const TGS_PIECES: [usize; 4] = [700, 112, 700, 208];

fn main() {
    let modp = Group::Modp2048;
    let [mut make, mut again] = [maker(modp), maker(modp)];
    let peer = make().public_value().to_vec();
    let rsa = PrivateKey::generate(KeyKind::Rsa2048);
    let ec = PrivateKey::generate(KeyKind::P256);
    let [mut rsa_sign, mut rsa_verify] = rsa_operations(&rsa);
    let [mut ec_sign, mut ec_verify] = ec_operations(&ec);
    let mut ecdh = ecdh();
    let mut seal_as = sealing(&AS_PIECES);
    let mut seal_tgs = sealing(&TGS_PIECES);
    let [
        key,
        both,
        rsa_sign,
        rsa_verify,
        ec_sign,
        ec_verify,
        ecdh,
        seal_as,
        seal_tgs,
    ] = medians([
        &mut || drop(black_box(make())),
        &mut || drop(black_box(again().agree(&peer).expect("a secret"))),
        &mut *rsa_sign,
        &mut *rsa_verify,
        &mut *ec_sign,
        &mut *ec_verify,
        &mut ecdh,
        &mut seal_as,
        &mut seal_tgs,
    ]);
    // A key without the table costs what an agreement does: one exponentiation of 256 bits.
    let agree = both - key;
    let udp = cpu::median((0..3).map(|_| udp()).collect());
    let connection = cpu::median((0..3).map(|_| tcp(PKINIT_REQUEST, PKINIT_REPLY)).collect());
    let tcp_small = cpu::median((0..3).map(|_| tcp(REQUEST, REPLY)).collect());
    let line = json!({
        "pkinit_modp": rsa_verify + 2.0 * agree + rsa_sign,
        "pkinit_modp_table": rsa_verify + key + agree + rsa_sign,
        "pkinit_p256_rsa": rsa_verify + ecdh + rsa_sign,
        "pkinit_p256": ec_verify + ecdh + ec_sign,
        "as_udp": udp + seal_as,
        "as_tcp": tcp_small + seal_as,
        "tgs_udp": udp + seal_tgs,
        "tcp": connection,
    });
    println!("{line}");
}

/// Runs an operation over and over for a slice; returns microseconds for each run.
fn slice(operation: &mut dyn FnMut()) -> f64 {
    let (start, mut runs, mut batch) = (cpu::of_thread(), 0u64, 8);
    loop {
        for _ in 0..batch {
            operation();
        }
        runs += batch;
        let spent = cpu::of_thread() - start;
        if spent >= SLICE {
            return spent as f64 / runs as f64 / 1e3;
        }
        if spent < SLICE / 4 {
            batch *= 2;
        }
    }
}

fn medians<const N: usize>(mut operations: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut slices = [const { Vec::new() }; N];
    for _ in 0..SLICES {
        for (operation, slices) in operations.iter_mut().zip(&mut slices) {
            slices.push(slice(*operation));
        }
    }
    slices.map(cpu::median)
}

/// Makes keys of a group, each from another seed.
fn maker(group: Group) -> impl FnMut() -> Ephemeral {
    let mut seed = [0x42; SEED_LEN];
    move || {
        seed[1] = u8::wrapping_add(seed[1], 1);
        Ephemeral::new(group, &seed).expect("a key")
    }
}

fn rsa_operations(key: &PrivateKey) -> [Box<dyn FnMut()>; 2] {
    let pair = aws::RsaKeyPair::from_pkcs8(&key.to_pkcs8_der()).expect("a key");
    let random = SystemRandom::new();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&aws::RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature)
        .expect("a signature");
    let PublicKey::Rsa(public) = key.public_key() else {
        unreachable!("it was made as an RSA key")
    };
    let algorithm = &aws::RSA_PKCS1_2048_8192_SHA256;
    let public = aws::ParsedPublicKey::new(algorithm, public.to_pkcs1_der()).expect("a key");
    let known = signature.clone();
    let sign = move || {
        pair.sign(&aws::RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature)
            .expect("a signature")
    };
    let verify = move || public.verify_sig(&MESSAGE, &known).expect("verifies");
    [Box::new(sign), Box::new(verify)]
}

fn ec_operations(key: &PrivateKey) -> [Box<dyn FnMut()>; 2] {
    let algorithm = &aws::ECDSA_P256_SHA256_ASN1_SIGNING;
    let pair = aws::EcdsaKeyPair::from_pkcs8(algorithm, &key.to_pkcs8_der()).expect("a key");
    let random = SystemRandom::new();
    let known = pair.sign(&random, &MESSAGE).expect("a signature");
    let PublicKey::Ec(public) = key.public_key() else {
        unreachable!("it was made as an EC key")
    };
    let public =
        aws::ParsedPublicKey::new(&aws::ECDSA_P256_SHA256_ASN1, public.point()).expect("a key");
    let sign = move || {
        black_box(pair.sign(&random, &MESSAGE).expect("a signature"));
    };
    let verify = move || {
        public
            .verify_sig(&MESSAGE, known.as_ref())
            .expect("verifies")
    };
    [Box::new(sign), Box::new(verify)]
}

fn ecdh() -> impl FnMut() {
    let p256 = &aws_lc_rs::agreement::ECDH_P256;
    let peer = maker(Group::P256)().public_value().to_vec();
    move || {
        let key = aws_lc_rs::agreement::PrivateKey::generate(p256).expect("a key");
        black_box(key.compute_public_key().expect("a point"));
        let peer = aws_lc_rs::agreement::UnparsedPublicKey::new(p256, &peer);
        let agreed = aws_lc_rs::agreement::agree(&key, peer, (), |secret| {
            black_box(secret);
            Ok(())
        });
        agreed.expect("a secret");
    }
}

/// AES-256 and HMAC-SHA1 over pieces of these lengths, under keys that are ready.
fn sealing(pieces: &'static [usize]) -> impl FnMut() {
    use aws_lc_rs::cipher::{
        AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
    };
    let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[5; 32]);
    let key = UnboundCipherKey::new(&AES_256, &[9; 32]).expect("a key");
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).expect("a key");
    let mut buffer = Vec::with_capacity(1_024);
    move || {
        for length in pieces {
            buffer.clear();
            // The padding makes up the last block.
            buffer.resize(length - 1, 3);
            let vector = EncryptionContext::Iv128([0; 16].into());
            black_box(
                key.less_safe_encrypt(&mut buffer, vector)
                    .expect("it is sealed"),
            );
            black_box(hmac::sign(&mac, &buffer));
        }
    }
}

/// CPU of a bare server for a datagram in and one out, in microseconds.
fn udp() -> f64 {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = server.local_addr().expect("an address");
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                client.connect(address).expect("the server is there");
                let mut reply = [0; 2_048];
                for _ in 0..DATAGRAMS {
                    client.send(&[1; REQUEST]).expect("it is sent");
                    client.recv(&mut reply).expect("a reply");
                }
            });
        }
        let mut request = [0; 65_536];
        let start = cpu::of_thread();
        for _ in 0..CLIENTS * DATAGRAMS {
            let (_, from) = server.recv_from(&mut request).expect("a request");
            server.send_to(&[7; REPLY], from).expect("it is sent");
        }
        (cpu::of_thread() - start) as f64 / (CLIENTS * DATAGRAMS) as f64 / 1e3
    })
}

/// CPU of a bare server for a connection with a request in and a reply out, in microseconds.
fn tcp(request: usize, reply: usize) -> f64 {
    let server = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = server.local_addr().expect("an address");
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                let mut answer = vec![0; reply];
                for _ in 0..CONNECTIONS {
                    let mut client = TcpStream::connect(address).expect("the server is there");
                    client.write_all(&vec![1; request]).expect("it is sent");
                    client.read_exact(&mut answer).expect("a reply");
                }
            });
        }
        let (mut question, answer) = (vec![0; request], vec![7; reply]);
        let start = cpu::of_thread();
        for _ in 0..CLIENTS * CONNECTIONS {
            let (mut client, _) = server.accept().expect("a connection");
            client.read_exact(&mut question).expect("a request");
            client.write_all(&answer).expect("it is sent");
        }
        (cpu::of_thread() - start) as f64 / (CLIENTS * CONNECTIONS) as f64 / 1e3
    })
}
