//! What the cryptographic operations of an exchange cost, and what of that is ours.
//!
//! `cargo run --release -p keyporch-crypto --example floor` prints thread CPU time: the operations of
//! aws-lc alone, of which the floors of performance.md G1 to G4 are made, and ours beside them.
//! Operations that are compared take turns, slice by slice, and the medians of nine slices are
//! printed, so that a busy neighbour slows all of them alike. Compare ratios: a bare time says more
//! about the machine than about the code.
//!
//! The plain MODP exponentiation is measured through `Ephemeral::agree`, which adds one check of a range
//! and three copies to it.

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as aws;
use crypto::agreement::{Ephemeral, Group, SEED_LEN};
use crypto::etype::{Etype, Key, KeySchedule, KeyUsage};
use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::{SignatureAlgorithm, Signer, Verifier};
use keyporch_crypto as crypto;

const MESSAGE: [u8; 120] = [0x5a; 120];

/// Slices of each operation.
const SLICES: usize = 9;

/// CPU time of a slice, in nanoseconds.
const SLICE: u64 = 30_000_000;

/// CPU time of this thread in nanoseconds, as the scheduler counts it.
fn cpu_now() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let first = line.split(' ').next().expect("three numbers");
    first.parse().expect("a number")
}

/// Runs an operation over and over for a slice; returns microseconds for each run. The clock is looked at
/// less and less often, for a look costs more than the smallest operations.
fn slice(operation: &mut dyn FnMut()) -> f64 {
    let (start, mut runs, mut batch) = (cpu_now(), 0u64, 16);
    loop {
        for _ in 0..batch {
            operation();
        }
        runs += batch;
        let spent = cpu_now() - start;
        if spent >= SLICE {
            return spent as f64 / runs as f64 / 1e3;
        }
        if spent < SLICE / 4 {
            batch *= 2;
        }
    }
}

/// Measures operations in turns and prints each with its ratio to the first.
fn compare<const N: usize>(mut operations: [(&str, &mut dyn FnMut()); N]) -> [f64; N] {
    let mut slices = [const { Vec::<f64>::new() }; N];
    for _ in 0..SLICES {
        for ((_, operation), slices) in operations.iter_mut().zip(&mut slices) {
            slices.push(slice(*operation));
        }
    }
    let medians = slices.map(|mut slices| {
        slices.sort_by(f64::total_cmp);
        slices[SLICES / 2]
    });
    for ((name, _), median) in operations.iter().zip(medians) {
        println!("{name:56} {median:10.3} us {:8.3} x", median / medians[0]);
    }
    medians
}

/// Makes keys of a group, each from another seed.
fn maker(group: Group) -> impl FnMut() -> Ephemeral {
    let mut seed = [0x42u8; SEED_LEN];
    move || {
        seed[1] = seed[1].wrapping_add(1);
        Ephemeral::new(group, &seed).expect("a key")
    }
}

/// Cost of making a MODP key with the table, and of one plain exponentiation.
fn modp(group: Group) -> (f64, f64) {
    println!("--- MODP-{group}: the table for g = 2 beside the plain exponentiation of agreeing");
    let (mut make, mut again) = (maker(group), maker(group));
    let peer = make().public_value().to_vec();
    let [make, both] = compare([
        ("key, with the table", &mut || {
            black_box(make());
        }),
        ("key, and agree", &mut || {
            black_box(again().agree(&peer).expect("a secret"));
        }),
    ]);
    let agree = both - make;
    let ratio = make / agree;
    println!("{:56} {agree:10.3} us", "agree alone");
    println!("{:56} {ratio:24.3} x", "key / agree");
    (make, agree)
}

/// Cost of signing and verifying, aws-lc's and with our own calls around it.
fn signatures(kind: KeyKind, algorithm: SignatureAlgorithm) -> [f64; 2] {
    println!("--- {kind:?}");
    let random = SystemRandom::new();
    let key = PrivateKey::generate(kind);
    let pkcs8 = key.to_pkcs8_der();
    let signature = key.sign(algorithm, &MESSAGE).expect("a signature");
    let verifier = Verifier::new(key.public_key().clone());
    let mut sign: Box<dyn FnMut()>;
    let parsed = match key.public_key() {
        PublicKey::Rsa(public) => {
            let pair = aws::RsaKeyPair::from_pkcs8(&pkcs8).expect("a key");
            let mut out = vec![0; pair.public_modulus_len()];
            sign = Box::new(move || {
                pair.sign(&aws::RSA_PKCS1_SHA256, &random, &MESSAGE, &mut out)
                    .expect("a signature");
            });
            let algorithm = &aws::RSA_PKCS1_2048_8192_SHA256;
            aws::ParsedPublicKey::new(algorithm, public.to_pkcs1_der())
        }
        PublicKey::Ec(public) => {
            let algorithm = &aws::ECDSA_P256_SHA256_ASN1_SIGNING;
            let pair = aws::EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).expect("a key");
            sign = Box::new(move || {
                black_box(pair.sign(&random, &MESSAGE).expect("a signature"));
            });
            aws::ParsedPublicKey::new(&aws::ECDSA_P256_SHA256_ASN1, public.point())
        }
    }
    .expect("a key");
    let [sign, _] = compare([
        ("aws-lc sign", &mut *sign),
        ("Signer::sign", &mut || {
            black_box(key.sign(algorithm, &MESSAGE).expect("a signature"));
        }),
    ]);
    let spki = key.public_key().to_spki_der();
    let [verify, ..] = compare([
        ("aws-lc verify", &mut || {
            parsed.verify_sig(&MESSAGE, &signature).expect("verifies");
        }),
        ("Verifier::verify", &mut || {
            let verified = verifier.verify(algorithm, &MESSAGE, &signature);
            verified.expect("verifies");
        }),
        ("Verifier::new and verify", &mut || {
            let verifier = Verifier::new(key.public_key().clone());
            let verified = verifier.verify(algorithm, &MESSAGE, &signature);
            verified.expect("verifies");
        }),
        ("PublicKey::from_spki_der", &mut || {
            black_box(PublicKey::from_spki_der(&spki).expect("a key"));
        }),
        ("PublicKey::fingerprint", &mut || {
            black_box(key.public_key().fingerprint());
        }),
        ("PublicKey::check_strength", &mut || {
            key.public_key().check_strength().expect("a strong key");
        }),
    ]);
    [sign, verify]
}

/// Cost of a P-256 key and agreement, aws-lc's and ours.
fn p256() -> f64 {
    println!("--- P-256 agreement");
    let p256 = &aws_lc_rs::agreement::ECDH_P256;
    let mut make = maker(Group::P256);
    let peer = make().public_value().to_vec();
    let [floor, _] = compare([
        ("aws-lc key and agree", &mut || {
            let key = aws_lc_rs::agreement::PrivateKey::generate(p256).expect("a key");
            black_box(key.compute_public_key().expect("a point"));
            let peer = aws_lc_rs::agreement::UnparsedPublicKey::new(p256, &peer);
            aws_lc_rs::agreement::agree(&key, peer, (), |z| {
                black_box(z);
                Ok(())
            })
            .expect("a secret");
        }),
        ("Ephemeral key and agree", &mut || {
            black_box(make().agree(&peer).expect("a secret"));
        }),
    ]);
    floor
}

/// Cost of messages with a key whose usage keys are kept, and with one that derives them anew.
fn messages(etype: Etype) {
    println!("--- {etype}: usage keys kept, and derived anew");
    const STAMP: KeyUsage = KeyUsage::PA_ENC_TIMESTAMP;
    const CHECKSUM: KeyUsage = KeyUsage::KERB_NON_KERB_CKSUM_SALT;
    let once = Key::random_to_key(etype, &[7; 32]);
    let kept = KeySchedule::new(once.clone());
    let ticket = vec![0x30; 1000];
    let sealed = once.encrypt(KeyUsage::TICKET, &[1; 16], &ticket);
    let stamp = once.encrypt(STAMP, &[1; 16], &ticket[..30]);
    let mut out = Vec::with_capacity(2000);
    compare([("encrypt a ticket of 1,000 bytes", &mut || {
        out.clear();
        kept.encrypt_into(KeyUsage::TICKET, &[1; 16], &ticket, &mut out);
    })]);
    compare([
        ("decrypt a ticket of 1,000 bytes, kept", &mut || {
            black_box(kept.decrypt(KeyUsage::TICKET, &sealed).expect("opens"));
        }),
        ("decrypt a ticket of 1,000 bytes, anew", &mut || {
            black_box(once.decrypt(KeyUsage::TICKET, &sealed).expect("opens"));
        }),
    ]);
    compare([
        ("decrypt a timestamp, kept", &mut || {
            black_box(kept.decrypt(STAMP, &stamp).expect("opens"));
        }),
        ("decrypt a timestamp, anew", &mut || {
            black_box(once.decrypt(STAMP, &stamp).expect("opens"));
        }),
    ]);
    compare([
        ("checksum over 900 bytes, kept", &mut || {
            black_box(kept.checksum(CHECKSUM, &ticket[..900]));
        }),
        ("checksum over 900 bytes, anew", &mut || {
            black_box(once.checksum(CHECKSUM, &ticket[..900]));
        }),
    ]);
}

fn main() {
    let [rsa_sign, rsa_verify] = signatures(KeyKind::Rsa2048, SignatureAlgorithm::RsaPkcs1Sha256);
    let [ec_sign, ec_verify] = signatures(KeyKind::P256, SignatureAlgorithm::EcdsaSha256);
    let (make, agree) = modp(Group::Modp2048);
    modp(Group::Modp4096);
    let ecdh = p256();
    Etype::ALL.into_iter().for_each(messages);

    println!("--- floors of an exchange (performance.md)");
    let plain = rsa_verify + 2.0 * agree + rsa_sign;
    let table = rsa_verify + make + agree + rsa_sign;
    let ec = ec_verify + ecdh + ec_sign;
    for (name, floor) in [
        ("PKINIT MODP-2048 + RSA, key trust, plain (G1)", plain),
        ("the same with the table for g = 2 (G3)", table),
        ("PKINIT P-256 + ECDSA, key trust (G2)", ec),
    ] {
        println!("{name:56} {floor:10.1} us {:8.3} x", floor / plain);
    }
}
