//! What the cryptographic operations of an exchange cost, and what of that is ours.
//!
//! `cargo run --release -p keyporch-crypto --example floor` prints thread CPU time, the median of seven
//! slices: first the operations of aws-lc alone, of which the floors of performance.md G1 to G4 are
//! made, then ours beside them. Compare ratios within one run; a bare time says more about the
//! machine than about the code. With `--noise` the least and the most of the slices are shown too.
//!
//! The plain MODP exponentiation is measured through `Ephemeral::agree`, which adds one check of a range
//! and three copies to it.

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as aws, KeyPair as _};
use crypto::agreement::{Ephemeral, Group, SEED_LEN};
use crypto::etype::{Etype, Key, KeySchedule, KeyUsage};
use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::{SignatureAlgorithm, Signer, Verifier};
use keyporch_crypto as crypto;

const MESSAGE: [u8; 120] = [0x5a; 120];

/// CPU time of this thread in nanoseconds, as the scheduler counts it.
fn cpu_now() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let first = line.split(' ').next().expect("three numbers");
    first.parse().expect("a number")
}

/// Measures and prints one operation; returns microseconds.
fn measure(name: &str, mut operation: impl FnMut()) -> f64 {
    operation();
    let (start, mut runs) = (cpu_now(), 0u64);
    while cpu_now() - start < 40_000_000 {
        for _ in 0..8 {
            operation();
        }
        runs += 8;
    }
    let runs = runs * 3;
    let mut slices: Vec<f64> = (0..7)
        .map(|_| {
            let start = cpu_now();
            for _ in 0..runs {
                operation();
            }
            (cpu_now() - start) as f64 / runs as f64 / 1e3
        })
        .collect();
    slices.sort_by(f64::total_cmp);
    let noise = if std::env::args().any(|argument| argument == "--noise") {
        format!("  ({:.3} to {:.3})", slices[0], slices[6])
    } else {
        String::new()
    };
    println!("{name:58} {:10.3} us{noise}", slices[3]);
    slices[3]
}

fn compare(name: &str, ours: f64, floor: f64) {
    println!("  {name:56} {:10.3} x", ours / floor);
}

fn main() {
    println!("--- aws-lc alone");
    let random = SystemRandom::new();
    let rsa = aws::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let mut signature = vec![0; 256];
    let rsa_sign = measure("RSA-2048 sign", || {
        rsa.sign(&aws::RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature)
            .expect("a signature");
    });
    let parsed =
        aws::ParsedPublicKey::new(&aws::RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref())
            .expect("a key");
    let rsa_verify = measure("RSA-2048 verify, key parsed before", || {
        parsed.verify_sig(&MESSAGE, &signature).expect("verifies");
    });
    let unparsed =
        aws::UnparsedPublicKey::new(&aws::RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref());
    measure("RSA-2048 verify, key parsed each time", || {
        unparsed.verify(&MESSAGE, &signature).expect("verifies");
    });
    let ec = aws::EcdsaKeyPair::generate(&aws::ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let ec_sign = measure("P-256 sign", || {
        black_box(ec.sign(&random, &MESSAGE).expect("a signature"));
    });
    let ec_signature = ec.sign(&random, &MESSAGE).expect("a signature");
    let parsed = aws::ParsedPublicKey::new(&aws::ECDSA_P256_SHA256_ASN1, ec.public_key().as_ref())
        .expect("a key");
    let ec_verify = measure("P-256 verify, key parsed before", || {
        let verified = parsed.verify_sig(&MESSAGE, ec_signature.as_ref());
        verified.expect("verifies");
    });
    let p256 = &aws_lc_rs::agreement::ECDH_P256;
    let generate = || aws_lc_rs::agreement::PrivateKey::generate(p256).expect("a key");
    let ec_make = measure("P-256 agreement key", || {
        black_box(generate().compute_public_key().expect("a point"));
    });
    let mine = generate();
    let theirs = generate().compute_public_key().expect("a point");
    let ec_agree = measure("P-256 agree", || {
        let peer = aws_lc_rs::agreement::UnparsedPublicKey::new(p256, theirs.as_ref());
        aws_lc_rs::agreement::agree(&mine, peer, (), |z| {
            black_box(z);
            Ok(())
        })
        .expect("a secret");
    });

    println!("--- agreement");
    let mut seed = [0x42u8; SEED_LEN];
    let mut fresh = |group| {
        seed[1] = seed[1].wrapping_add(1);
        Ephemeral::new(group, &seed).expect("a key")
    };
    let mut halves = |group, name: &str| {
        let peer = fresh(group).public_value().to_vec();
        let make = measure(&format!("{name}: key with the table"), || {
            black_box(fresh(group));
        });
        let both = measure(&format!("{name}: key, and agree"), || {
            black_box(fresh(group).agree(&peer).expect("a secret"));
        });
        let agree = both - make;
        println!("{name:44} agree alone   {agree:10.3} us");
        (make, agree)
    };
    let (modp_make, modp_agree) = halves(Group::Modp2048, "MODP-2048");
    compare("key with the table / plain power", modp_make, modp_agree);
    let (make, agree) = halves(Group::Modp4096, "MODP-4096");
    compare("key with the table / plain power", make, agree);
    let (make, agree) = halves(Group::P256, "P-256");
    compare("key and agree / aws-lc", make + agree, ec_make + ec_agree);
    halves(Group::P384, "P-384");

    println!("--- signatures");
    for (kind, algorithm, sign_floor, verify_floor) in [
        (
            KeyKind::Rsa2048,
            SignatureAlgorithm::RsaPkcs1Sha256,
            rsa_sign,
            rsa_verify,
        ),
        (
            KeyKind::P256,
            SignatureAlgorithm::EcdsaSha256,
            ec_sign,
            ec_verify,
        ),
    ] {
        let key = PrivateKey::generate(kind);
        let sign = measure(&format!("{kind:?} Signer::sign"), || {
            black_box(key.sign(algorithm, &MESSAGE).expect("a signature"));
        });
        compare("/ aws-lc", sign, sign_floor);
        let signature = key.sign(algorithm, &MESSAGE).expect("a signature");
        let verifier = Verifier::new(key.public_key().clone());
        let verify = measure(&format!("{kind:?} Verifier::verify"), || {
            let verified = verifier.verify(algorithm, &MESSAGE, &signature);
            verified.expect("verifies");
        });
        compare("/ aws-lc", verify, verify_floor);
        let spki = key.public_key().to_spki_der();
        measure(&format!("{kind:?} PublicKey::from_spki_der"), || {
            black_box(PublicKey::from_spki_der(&spki).expect("a key"));
        });
        measure(&format!("{kind:?} PublicKey::fingerprint"), || {
            black_box(key.public_key().fingerprint());
        });
        measure(&format!("{kind:?} PublicKey::check_strength"), || {
            key.public_key().check_strength().expect("strong");
        });
    }

    println!("--- etypes: a ticket of 1,000 bytes, a timestamp of 30, a checksum over 900");
    for etype in Etype::ALL {
        let key = Key::random_to_key(etype, &[7; 32]);
        let schedule = KeySchedule::new(key.clone());
        let ticket = vec![0x30; 1000];
        let sealed = key.encrypt(KeyUsage::TICKET, &[1; 16], &ticket);
        let stamp = key.encrypt(KeyUsage::PA_ENC_TIMESTAMP, &[1; 16], &ticket[..30]);
        let mut out = Vec::with_capacity(2000);
        let mut row =
            |name: &str, once: &mut dyn FnMut(&mut Vec<u8>), kept: &mut dyn FnMut(&mut Vec<u8>)| {
                let once = measure(&format!("{etype}: {name}, derived anew"), || {
                    out.clear();
                    once(&mut out);
                });
                let kept = measure(&format!("{etype}: {name}, prepared"), || {
                    out.clear();
                    kept(&mut out);
                });
                compare("prepared / derived anew", kept, once);
            };
        row(
            "encrypt a ticket",
            &mut |out| key.encrypt_into(KeyUsage::TICKET, &[1; 16], &ticket, out),
            &mut |out| schedule.encrypt_into(KeyUsage::TICKET, &[1; 16], &ticket, out),
        );
        row(
            "decrypt a ticket",
            &mut |_| drop(black_box(key.decrypt(KeyUsage::TICKET, &sealed))),
            &mut |_| drop(black_box(schedule.decrypt(KeyUsage::TICKET, &sealed))),
        );
        row(
            "decrypt a timestamp",
            &mut |_| drop(black_box(key.decrypt(KeyUsage::PA_ENC_TIMESTAMP, &stamp))),
            &mut |_| {
                drop(black_box(
                    schedule.decrypt(KeyUsage::PA_ENC_TIMESTAMP, &stamp),
                ))
            },
        );
        row(
            "checksum",
            &mut |out| {
                out.extend_from_slice(
                    &key.checksum(KeyUsage::KERB_NON_KERB_CKSUM_SALT, &ticket[..900]),
                )
            },
            &mut |out| {
                out.extend_from_slice(
                    &schedule.checksum(KeyUsage::KERB_NON_KERB_CKSUM_SALT, &ticket[..900]),
                )
            },
        );
    }

    println!("--- floors of an exchange, us of CPU (performance.md)");
    let plain = rsa_verify + 2.0 * modp_agree + rsa_sign;
    println!(
        "{:58} {plain:10.1}",
        "PKINIT MODP-2048 + RSA, key trust, plain (G1)"
    );
    let table = rsa_verify + modp_make + modp_agree + rsa_sign;
    println!(
        "{:58} {table:10.1}",
        "the same with the table for g = 2 (G3)"
    );
    compare("table / plain", table, plain);
    let ec = ec_verify + ec_make + ec_agree + ec_sign;
    println!("{:58} {ec:10.1}", "PKINIT P-256 + ECDSA (G2)");
}
