use hex_literal::hex;
use proptest::prelude::*;

use super::roca::Residues;
use super::*;
use crate::signature::{SignatureAlgorithm, Signer as _, Verifier};

/// crocs-muni/roca, `tests/data/mod03.txt`: a 2048-bit key of the broken generator.
const ROCA_2048: [u8; 256] = hex!(
    "9dcd7420e420c270a68060eb8b5aa7457a9f6648f86fafed2775cc1f79ae962f"
    "1e63f1b9e51c55f9ea6fdc7332e9b0058c9ff2eb1fc89855029cf6aafe21e689"
    "feb38ac9ffb12f1ce371bb5d0e9aae64161abce74b4244bf68f1edb4411f756a"
    "097c8929c14740245ea355f8332d1aa36bb50c7dcb4505da8de02e4e53d38f8d"
    "f06097da7524df0df93db48eac8cc4af2d3a16257eb2b2adca6ba464e5974fa9"
    "2550d31b1babf161e7692d00b86e3dd886ecab4abfbe1a8f8cc263ff4af55cdb"
    "45f4249a5193925f5e983d762f0b6800943eb0267b08f42ed311ce1f5c86eacb"
    "c8ce4d3cb7a2fee1ef5641423a1cf4114e5ecf50034a60a412523af9e6f4aa11"
);

/// crocs-muni/roca, `tests/data/pubkey03.pem`: another, of 2049 bits.
const ROCA_PEM: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEBqcWmh9uPsqMPgt/43aFU
wpHvJ7BLJeGFuKsgxMal9gSFn+We3lSgr3wOcoiACtcZO7cxpb8eEXDXocZpMNQe
o+sh3t97ivXUKpHDT3IEW5bv1XyxgjAd3MJpZ+VQjpq4iZhtV+g33+cPmfw3xJj0
PBfDubBkz3BEQ9egM+A6ghaXqr8w+ynufTOzdnllqJBY47OXVL06HAB9KKI7DPp5
+dcRrG5MS093sGNLHs1oWRrwPH1TtipfLZEWPU70+PJoMa5GHthexfeIxRI//BLI
dCD9z+odG0pSw1IYJPs5mDSHObYqmG2OdrIom8Lri8BtE4FHhRuDoHGD0hBVn5Bj
IQIDAQAB
-----END PUBLIC KEY-----
";

#[test]
fn refuses_the_published_roca_keys() {
    let key = PublicKey::from_rsa(&ROCA_2048, &[1, 0, 1]).unwrap();
    assert_eq!(key.check_strength(), Err(WeakKey::Roca));
    let key = PublicKey::from_pem(ROCA_PEM).unwrap();
    assert_eq!(key.bits(), 2049);
    assert_eq!(key.check_strength(), Err(WeakKey::Roca));
}

/// crocs-muni/roca, `tests/data/mod06.txt`: the key above with one digit changed; and the first two of
/// `test_fake_mods`, which are in the right subgroup modulo every prime but have no one logarithm.
#[test]
fn takes_no_lookalike_for_a_roca_key() {
    let mut changed = ROCA_2048;
    changed[0] = 0x8d;
    assert!(!Residues::of(&changed).bear_the_fingerprint());
    let fakes: [[u8; 128]; 2] = [
        hex!(
            "671f033425b5ae00140c5b04dbcaeada430ae348cf3bf18d6ec4621ea824c52d"
            "d2b0ac85762b28a5d39ff23da73d4fcb241bf97b696e403eca234e05db9fe9ac"
            "e2da265887c7b2ac7f9e7ed5bf6d919d43286776cf57c07d3411e15f729fa6e5"
            "63858059334d072638d9dfbfc4f32474b6c6071092f5a961a7271f3209b37d9d"
        ),
        hex!(
            "c502de5c89ed9ee651a3c60e9519647031ed16d8597ae653bbc88706c3648edf"
            "38c2446205ea4cd33b10813bae1d7f5e86cbeedcdb9e14e616ee775040288731"
            "f24624f63aafcf788aa80b54edb41cf0dd38731297ef2bc61144c8410b625bfa"
            "36d9d4c6cfad7f647505dd7343f3209ed8a22209cc18bc2501d913b9f5b0753d"
        ),
    ];
    for fake in fakes {
        assert!(!Residues::of(&fake).bear_the_fingerprint());
    }
}

/// The residues of fresh RSA moduli are those of random numbers that no small prime divides, and
/// 10,000 of those are quicker made than keys (security.md row 6).
#[test]
fn finds_no_roca_fingerprint_in_10_000_random_moduli() {
    let mut tried = 0;
    while tried < 10_000 {
        let mut number = [0; 256];
        crate::random::fill(&mut number);
        let residues = Residues::of(&number);
        if !residues.has_small_factor() {
            assert!(!residues.bear_the_fingerprint());
            tried += 1;
        }
    }
}

#[test]
fn finds_a_small_factor_in_a_number_of_any_length() {
    assert!(Residues::of(&[]).has_small_factor());
    // 256 is 1 modulo 3, 5 and 17; so n bytes of 1 are n modulo each of these.
    for len in 1..300 {
        let number = vec![1; len];
        let by_three = [3, 5, 17].into_iter().any(|prime| len % prime == 0);
        if by_three {
            assert!(Residues::of(&number).has_small_factor(), "{len}");
        }
    }
    // 2^127 - 1 and 2^89 - 1 are primes.
    assert!(!Residues::of(&(u128::MAX >> 1).to_be_bytes()).has_small_factor());
    assert!(!Residues::of(&((1u128 << 89) - 1).to_be_bytes()).has_small_factor());
    assert!(Residues::of(&(u128::MAX - 1).to_be_bytes()).has_small_factor());
}

/// A modulus that no small prime divides; whether it is a product of two primes nobody can see.
fn modulus(bits: usize) -> Vec<u8> {
    loop {
        let mut number = vec![0; bits / 8];
        crate::random::fill(&mut number);
        number[0] |= 0x80;
        if !Residues::of(&number).has_small_factor() {
            return number;
        }
    }
}

#[test]
fn judges_the_strength_of_rsa_keys() {
    let check = |modulus: &[u8], exponent: &[u8]| {
        PublicKey::from_rsa(modulus, exponent)
            .unwrap()
            .check_strength()
    };
    for bits in [2048, 3072, 4096] {
        assert_eq!(check(&modulus(bits), &[1, 0, 1]), Ok(()));
    }
    assert_eq!(
        check(&modulus(1024), &[1, 0, 1]),
        Err(WeakKey::TooShort { bits: 1024 })
    );
    let mut short = modulus(2048);
    short[0] = 0x7f;
    assert_eq!(
        check(&short, &[1, 0, 1]),
        Err(WeakKey::TooShort { bits: 2047 })
    );
    assert_eq!(
        check(&modulus(8192), &[1, 0, 1]),
        Err(WeakKey::TooLong { bits: 8192 })
    );
    let modulus = modulus(2048);
    assert_eq!(check(&modulus, &[3]), Ok(()));
    for exponent in [&[1][..], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1]] {
        assert_eq!(check(&modulus, exponent), Err(WeakKey::Exponent));
    }
    let mut even = modulus.clone();
    *even.last_mut().unwrap() &= 0xfe;
    assert_eq!(check(&even, &[1, 0, 1]), Err(WeakKey::SmallFactor));
}

#[test]
fn leading_zeros_make_no_other_key() {
    let modulus = modulus(2048);
    let mut padded = vec![0, 0];
    padded.extend_from_slice(&modulus);
    let plain = PublicKey::from_rsa(&modulus, &[1, 0, 1]).unwrap();
    let other = PublicKey::from_rsa(&padded, &[0, 1, 0, 1]).unwrap();
    assert_eq!(plain, other);
    assert_eq!(plain.fingerprint(), other.fingerprint());
    assert_eq!(plain.bits(), 2048);
}

#[test]
fn refuses_numbers_out_of_range() {
    let modulus = modulus(2048);
    for (modulus, exponent) in [
        (&[][..], &[3][..]),
        (&[0, 0], &[3]),
        (&modulus, &[]),
        (&modulus, &[0]),
        (&modulus, &[1; 9]),
        (&[0xff; MAX_RSA_BITS / 8 + 1], &[3]),
    ] {
        assert_eq!(
            PublicKey::from_rsa(modulus, exponent),
            Err(MalformedKey::Range)
        );
    }
}

/// One key of each kind; RSA-2048 alone of its size, for the others take seconds.
fn keys() -> [PrivateKey; 3] {
    [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384].map(PrivateKey::generate)
}

#[test]
fn every_encoding_leads_back_to_the_key() {
    for key in keys() {
        let public = key.public_key();
        assert_eq!(public.check_strength(), Ok(()));
        assert_eq!(
            PublicKey::from_spki_der(&public.to_spki_der()).unwrap(),
            *public
        );
        assert_eq!(PublicKey::from_pem(&public.to_pem()).unwrap(), *public);
        match public {
            PublicKey::Rsa(rsa) => {
                let again = PublicKey::from_pkcs1_der(&rsa.to_pkcs1_der()).unwrap();
                assert_eq!(again, *public);
                // Protocols D.5.2: 270 bytes for 2048 bits.
                assert_eq!(rsa.to_pkcs1_der().len(), 270);
            }
            PublicKey::Ec(ec) => {
                let again = PublicKey::from_ec_point(ec.curve(), ec.point()).unwrap();
                assert_eq!(again, *public);
                assert_eq!([&[4], ec.x(), ec.y()].concat(), ec.point());
            }
        }
        let from_der = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der()).unwrap();
        let warned = format!("A private key of the lab.\n{}", &*key.to_pem());
        let from_pem = PrivateKey::from_pem(&warned).unwrap();
        for again in [from_der, from_pem] {
            assert_eq!(again.public_key(), public);
            let algorithm = SignatureAlgorithm::default_for(public);
            let signature = again.sign(algorithm, b"message").unwrap();
            let verifier = Verifier::new(public.clone());
            assert_eq!(verifier.verify(algorithm, b"message", &signature), Ok(()));
        }
    }
}

#[test]
fn key_material_leads_back_to_the_key() {
    for key in keys() {
        let public = key.public_key();
        let material = public.to_key_material();
        assert_eq!(PublicKey::from_key_material(&material), Ok(public.clone()));
        let spki = public.to_spki_der();
        assert_eq!(PublicKey::from_key_material(&spki), Ok(public.clone()));
        if public.bits() == 2048 {
            // Protocols D.5.1: 283 bytes for 2048 bits.
            assert_eq!((material.len(), &material[..4]), (283, &b"RSA1"[..]));
        }
    }
    assert_eq!(
        PublicKey::from_key_material(b"none"),
        Err(MalformedKey::Encoding)
    );
}

#[test]
fn refuses_a_public_key_with_anything_behind_or_missing() {
    for key in keys() {
        let der = key.public_key().to_spki_der();
        for len in 0..der.len() {
            assert!(PublicKey::from_spki_der(&der[..len]).is_err());
        }
        let mut longer = der;
        longer.push(0);
        assert_eq!(
            PublicKey::from_spki_der(&longer),
            Err(MalformedKey::Encoding)
        );
    }
}

#[test]
fn refuses_a_point_that_is_not_on_the_curve() {
    for key in [KeyKind::P256, KeyKind::P384].map(PrivateKey::generate) {
        let PublicKey::Ec(ec) = key.public_key() else {
            panic!("an EC key");
        };
        let make = |point: &[u8]| PublicKey::from_ec_point(ec.curve(), point);
        let mut off = ec.point().to_vec();
        *off.last_mut().unwrap() ^= 1;
        assert_eq!(make(&off), Err(MalformedKey::Point));
        let compressed = [&[2 + (ec.y().last().unwrap() & 1)], ec.x()].concat();
        assert_eq!(make(&compressed), Err(MalformedKey::Point));
        assert_eq!(make(&[0]), Err(MalformedKey::Point));
        assert_eq!(make(&[]), Err(MalformedKey::Point));
        assert_eq!(
            make(&[&[4][..], &vec![0; ec.point().len() - 1]].concat()),
            Err(MalformedKey::Point)
        );
    }
}

/// Ed25519, and RSASSA-PSS as a key's algorithm.
#[test]
fn refuses_keys_of_other_algorithms() {
    let ed25519 = hex!(
        "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    assert_eq!(
        PublicKey::from_spki_der(&ed25519),
        Err(MalformedKey::Algorithm)
    );
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let mut der = key.public_key().to_spki_der();
    let oid = hex!("2a864886f70d010101");
    let at = der.windows(oid.len()).position(|part| part == oid).unwrap();
    der[at + oid.len() - 1] = 0x0a;
    assert_eq!(PublicKey::from_spki_der(&der), Err(MalformedKey::Algorithm));
}

/// The first made by OpenSSL 3.0: `openssl ecparam -genkey -name prime256v1 -noout`.
#[test]
fn reads_the_traditional_pem_forms() {
    let pem = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEICVEIiZbnU+X1tOl+/pbhhl6CCbL0P6J2FuPW5K9jnz9oAoGCCqGSM49
AwEHoUQDQgAEdRb0t4+DkN3KiEF5/dECGISOSTdByaHYczEWerWl9GlkJAwDK0W5
Upc9LZfFK10fGnlWA4vqq5hVIrXmaJ1aRQ==
-----END EC PRIVATE KEY-----
";
    let key = PrivateKey::from_pem(pem).unwrap();
    let PublicKey::Ec(ec) = key.public_key() else {
        panic!("an EC key");
    };
    assert_eq!(
        ec.x(),
        hex!("7516f4b78f8390ddca884179fdd10218848e493741c9a1d87331167ab5a5f469")
    );

    // PKCS#1 is what the PKCS#8 of RSA wraps, behind 26 bytes of header.
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let pkcs1 = &key.to_pkcs8_der()[26..];
    let pem = der::pem::encode_string("RSA PRIVATE KEY", der::pem::LineEnding::LF, pkcs1);
    let again = PrivateKey::from_pem(&pem.unwrap()).unwrap();
    assert_eq!(again.public_key(), key.public_key());
}

/// crocs-muni/roca, `tests/data/privkey05.pem`: published with its private half.
#[test]
fn refuses_a_private_key_that_is_weak() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEBqcWmh9uPsqMPgt/43aFUwpHvJ7BLJeGFuKsgxMal9gSFn+We
3lSgr3wOcoiACtcZO7cxpb8eEXDXocZpMNQeo+sh3t97ivXUKpHDT3IEW5bv1Xyx
gjAd3MJpZ+VQjpq4iZhtV+g33+cPmfw3xJj0PBfDubBkz3BEQ9egM+A6ghaXqr8w
+ynufTOzdnllqJBY47OXVL06HAB9KKI7DPp5+dcRrG5MS093sGNLHs1oWRrwPH1T
tipfLZEWPU70+PJoMa5GHthexfeIxRI//BLIdCD9z+odG0pSw1IYJPs5mDSHObYq
mG2OdrIom8Lri8BtE4FHhRuDoHGD0hBVn5BjIQIDAQABAoIBADRqRKoM+Y/ASzSN
ZhHCvrCFTq/QIDA1p0SorIwM+Hlk7R5WIky0lmOEHjMzYq/y8wRK9S22bXkwLxuX
VXPRaUQ8uhq54Hem88uZzjWFj8vGtRfPFfs0+TgoJtnHfTdRDM7DmRJtYBOMWntW
dXcabVbIhivh70cqRv0jGnHIdOt2kgzOOgLL2qPD46lhsvmRsJ2qa8eTBOGVkTCr
aL/AVTL5K7NSnjO07YzINu4b63k7nrvH24DXPVPd0trFo8P+GL0u9onbDPeXvjAj
cISpK37nzYXOfvPqcQ+nG4rvAZxuIEdL7kFDSRcdegbLJAuyYDsBFIVINUNKWGI9
wwOeDsECgYEBFc0LykL2bABN6n6F3xQkg8X7PFFPdItKj6ipx++x/GHfVjCUq18j
HtNmBdjVmq9r3PPElljFHVesmnczQ3LnJFLPTgQTu06NILf69Hagga2RY8VRQXhW
kTCsPOo+tlrskpj5knSpyHEtjDMqPsuAQDYdjyXUYFDMdiqptuUw3IUCgYEBiFva
BdiiRC6ByhINyX2N56rClxxX7UW/3dFO1oUygMnmQmKlamZMi5PTpktVzT7YU2X1
TcdqI2ceBPTtKOeWWPZcYEfm0VP7a7xRRvLtARfwjlBGt0KzoUS2gjFj54ZlYPkx
sXxvCt0TXG6GTt2/GUZwTOwCpYxTU5GhF0JmDO0CgYBvYTqs6ZQrUSPsNLYv7r+F
JcfJM0CMFZzbZGBODUhrTEJjKC8zVn2aSl/JUFq0Hkk82W+kaAr/7LsDY29mR5ds
9NaxDOlsW94xlBJGGZnY5GI6gk5F1Z2/sKgd9D0Yl/PqAvNtSOEZwGbmo0z4yFav
aAMJ9bzksQCJECnjbpjckQKBgQDjchOOBgnyql8Uq6iQYBct78BD5utVoXRa+uXP
14DyRZgUbajkaA8Bbp1nrg48H605k0ZDY1E02qb9Sppcdvuh8JaWPbghKqT5zD31
egdH9f++D+0eeS02VGXUTRtT8IW+VFapQ6//RS7fCzcSattHpJyfCsVyAEmhjS8s
E5Ki9QKBgGs75w9+SZiZiOlaBhuCf5KK4gwvlRDUSMycvT/aWh1LZO71VT1nwths
7Lx10xdWa76mJhvjbWMUZKbOgEPECoqPV20O7U52Jmwh/a0l4+8optwPUa8vdvy7
KZVkVth/xCL4mJOF3UGN0qUlwm3d9H6VXCUYcxf0idonxCD1ndzQ
-----END RSA PRIVATE KEY-----
";
    assert_eq!(
        PrivateKey::from_pem(pem).unwrap_err(),
        UnusableKey::Weak(WeakKey::Roca)
    );
}

#[test]
fn refuses_what_is_no_private_key() {
    for pem in [
        "",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ROCA_PEM,
    ] {
        assert_eq!(
            PrivateKey::from_pem(pem).unwrap_err(),
            UnusableKey::Malformed
        );
    }
}

#[test]
fn prints_no_private_key() {
    let key = PrivateKey::generate(KeyKind::P256);
    let text = format!("{key:?}");
    assert_eq!(
        text,
        format!("PrivateKey(P-256 {})", key.public_key().fingerprint())
    );
}

#[test]
fn a_fingerprint_reads_as_it_is_written() {
    let fingerprint = Fingerprint(std::array::from_fn(|index| index as u8 * 7));
    let text = fingerprint.to_string();
    assert_eq!(text.parse(), Ok(fingerprint));
    assert_eq!(text.to_uppercase().parse(), Ok(fingerprint));
    for bad in ["", "00", &text[1..], &text.replace('0', "g")] {
        assert!(bad.parse::<Fingerprint>().is_err());
    }
}

proptest! {
    #[test]
    fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(PublicKey::from_spki_der(&bytes).is_err());
        prop_assert!(PublicKey::from_pkcs1_der(&bytes).is_err());
        prop_assert!(PublicKey::from_key_material(&bytes).is_err());
        prop_assert!(PrivateKey::from_pkcs8_der(&bytes).is_err());
    }

    /// What parses after a change is written as it came, but for what the encoding leaves open: absent
    /// parameters.
    #[test]
    fn survives_any_change(at in 0usize..294, to: u8) {
        let mut der = PublicKey::from_rsa(&ROCA_2048, &[1, 0, 1]).unwrap().to_spki_der();
        prop_assert_eq!(der.len(), 294);
        der[at] = to;
        if let Ok(key) = PublicKey::from_spki_der(&der) {
            prop_assert_eq!(key.to_spki_der(), der);
        }
    }
}
