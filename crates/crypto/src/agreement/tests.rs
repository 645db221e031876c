use hex_literal::hex;
use proptest::prelude::*;

use super::*;

const MODP: [Group; 2] = [Group::Modp2048, Group::Modp4096];

fn prime(group: Group) -> Vec<u8> {
    group.modulus().unwrap().to_vec()
}

/// `prime` with `difference` taken from its last byte.
fn below(group: Group, difference: u8) -> Vec<u8> {
    let mut value = prime(group);
    *value.last_mut().unwrap() -= difference;
    value
}

fn plain_power(group: Group, base: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut out = vec![0; prime(group).len()];
    let modp = Modp::of(group).unwrap();
    modp.modulus.power(base, exponent, &mut out).unwrap();
    out
}

#[test]
fn both_sides_agree_in_every_group() {
    for group in Group::SUPPORTED {
        let one = Ephemeral::new(group, &[0x11; SEED_LEN]).unwrap();
        let two = Ephemeral::new(group, &[0x2f; SEED_LEN]).unwrap();
        let (one_public, two_public) = (one.public_value().to_vec(), two.public_value().to_vec());
        assert_ne!(one_public, two_public);
        let shared = one.agree(&two_public).unwrap();
        assert_eq!(
            shared.as_bytes(),
            two.agree(&one_public).unwrap().as_bytes()
        );
        let len = match group {
            Group::P256 => 32,
            Group::P384 => 48,
            _ => prime(group).len(),
        };
        assert_eq!(shared.as_bytes().len(), len);
        assert_eq!(format!("{shared:?}"), "SharedSecret");
    }
}

/// RFC 5903 8.1: a P-256 exchange, private keys and all.
#[test]
fn agrees_on_p256_as_rfc_5903_does() {
    let seed = |scalar: [u8; 32]| {
        let mut seed = [0; SEED_LEN];
        seed[..32].copy_from_slice(&scalar);
        seed
    };
    let initiator = seed(hex!(
        "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"
    ));
    let responder = seed(hex!(
        "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53"
    ));
    let initiator = Ephemeral::new(Group::P256, &initiator).unwrap();
    let responder = Ephemeral::new(Group::P256, &responder).unwrap();
    assert_eq!(
        initiator.public_value(),
        hex!(
            "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"
        )
    );
    let shared = initiator.agree(responder.public_value()).unwrap();
    assert_eq!(
        shared.as_bytes(),
        hex!("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de")
    );
}

#[test]
fn makes_nothing_in_the_1024_bit_group() {
    assert_eq!(
        Ephemeral::new(Group::Modp1024, &[7; SEED_LEN]).unwrap_err(),
        AgreementError::Group(Group::Modp1024)
    );
    assert!(!Group::SUPPORTED.contains(&Group::Modp1024));
    assert_eq!(Group::from_name("1024"), Some(Group::Modp1024));
}

#[test]
fn agrees_in_the_1024_bit_group_where_a_switch_says_so() {
    let one = Ephemeral::in_modp_1024(LegacyModp1024, &[7; SEED_LEN]).unwrap();
    let other = Ephemeral::in_modp_1024(LegacyModp1024, &[8; SEED_LEN]).unwrap();
    assert_eq!(one.public_value().len(), 128);
    let (first, second) = (one.public_value().to_vec(), other.public_value().to_vec());
    let (one, other) = (one.agree(&second).unwrap(), other.agree(&first).unwrap());
    assert_eq!(one.as_bytes(), other.as_bytes());
    assert_eq!(one.as_bytes().len(), 128);
    let minus_one = {
        let mut value = Group::Modp1024.modulus().unwrap().to_vec();
        value[127] -= 1;
        value
    };
    for bad in [&[][..], &[0], &[1], &minus_one] {
        let one = Ephemeral::in_modp_1024(LegacyModp1024, &[7; SEED_LEN]).unwrap();
        assert_eq!(one.agree(bad).unwrap_err(), AgreementError::PeerValue);
    }
}

#[test]
fn takes_a_second_candidate_where_the_first_is_no_scalar() {
    let mut seed = [0xff; SEED_LEN];
    assert_eq!(
        Ephemeral::new(Group::P256, &seed).unwrap_err(),
        AgreementError::Seed
    );
    assert_eq!(
        Ephemeral::new(Group::P384, &seed).unwrap_err(),
        AgreementError::Seed
    );
    seed[32..].fill(0x55);
    let second = Ephemeral::new(Group::P256, &seed).unwrap();
    let same = Ephemeral::new(Group::P256, &[0x55; SEED_LEN]).unwrap();
    assert_eq!(second.public_value(), same.public_value());
}

#[test]
fn refuses_peer_values_out_of_range() {
    for group in MODP {
        let agree = |peer: &[u8]| {
            Ephemeral::new(group, &[3; SEED_LEN])
                .unwrap()
                .agree(peer)
                .map(|shared| shared.as_bytes().to_vec())
        };
        let mut longer = vec![1];
        longer.extend_from_slice(&prime(group));
        let mut above = prime(group);
        above[8] = 0xff;
        for refused in [
            &[][..],
            &[0],
            &[0, 0, 1],
            &[1],
            &prime(group),
            &below(group, 1),
            &above,
            &longer,
            &vec![0xff; prime(group).len()],
        ] {
            assert_eq!(agree(refused), Err(AgreementError::PeerValue));
        }
        for taken in [
            &[2][..],
            &[0, 2],
            &[1, 0],
            &below(group, 2),
            &below(group, 9),
        ] {
            assert_eq!(agree(taken).unwrap().len(), prime(group).len());
        }
    }
}

#[test]
fn refuses_peer_points_that_are_not_on_the_curve() {
    for group in [Group::P256, Group::P384] {
        let agree = |peer: &[u8]| {
            Ephemeral::new(group, &[3; SEED_LEN])
                .unwrap()
                .agree(peer)
                .map(|_| ())
        };
        let other = Ephemeral::new(group, &[4; SEED_LEN]).unwrap();
        let point = other.public_value();
        assert_eq!(agree(point), Ok(()));
        let mut off = point.to_vec();
        *off.last_mut().unwrap() ^= 1;
        let half = (point.len() - 1) / 2;
        let sign = 2 + (point.last().unwrap() & 1);
        let compressed = [&[sign], &point[1..=half]].concat();
        let foreign = match group {
            Group::P256 => Group::P384,
            _ => Group::P256,
        };
        let foreign = Ephemeral::new(foreign, &[4; SEED_LEN]).unwrap();
        for refused in [
            &[][..],
            &[0],
            &[4],
            &off,
            &compressed,
            &point[..point.len() - 1],
            foreign.public_value(),
        ] {
            assert_eq!(agree(refused), Err(AgreementError::PeerValue));
        }
    }
}

/// performance.md G7: one secret in 256 begins with a zero byte, so small peer values are tried until
/// one of them makes it so.
#[test]
fn pads_a_secret_that_begins_with_a_zero_byte() {
    let found = (3u16..4000).find_map(|peer| {
        let key = Ephemeral::new(Group::Modp2048, &[0x42; SEED_LEN]).unwrap();
        let shared = key.agree(&peer.to_be_bytes()).unwrap();
        (shared.as_bytes()[0] == 0).then_some((peer, shared))
    });
    let (peer, shared) = found.expect("one in 256 secrets begins with a zero byte");
    assert_eq!(shared.as_bytes().len(), 256);
    let mut exponent = [0x42; 32];
    exponent[0] |= 0x80;
    assert_eq!(
        shared.as_bytes(),
        plain_power(Group::Modp2048, &peer.to_be_bytes(), &exponent)
    );
}

#[test]
fn the_table_gives_what_the_plain_power_gives_at_the_edges() {
    for group in MODP {
        let modp = Modp::of(group).unwrap();
        let len = modp.exponent_len;
        let mut exponents = vec![
            vec![0; len],
            vec![0xff; len],
            vec![0xaa; len],
            vec![0x55; len],
        ];
        for bit in 0..len * 8 {
            let mut exponent = vec![0; len];
            exponent[bit / 8] = 0x80 >> (bit % 8);
            exponents.push(exponent);
        }
        for exponent in exponents {
            assert_eq!(
                modp.public_value(&exponent).unwrap(),
                plain_power(group, &[2], &exponent)
            );
        }
        // Shorter exponents are powers too.
        for len in 0..4 {
            let exponent = vec![1; len];
            assert_eq!(
                modp.public_value(&exponent).unwrap(),
                plain_power(group, &[2], &exponent)
            );
        }
    }
}

#[test]
fn knows_the_groups_by_their_parameters() {
    for group in [Group::Modp1024, Group::Modp2048, Group::Modp4096] {
        let modulus = prime(group);
        assert_eq!(modulus.len() * 8, group.bits());
        assert_eq!(Group::from_modp(&modulus, &[2]), Some(group));
        let padded = [&[0], &modulus[..]].concat();
        assert_eq!(Group::from_modp(&padded, &[0, 2]), Some(group));
        assert_eq!(Group::from_modp(&modulus, &[5]), None);
        assert_eq!(Group::from_modp(&below(group, 2), &[2]), None);
        assert_eq!(Group::from_name(group.name()), Some(group));
        // p is odd, so 2 q + 1 = p.
        let mut doubled = group.subgroup_order().unwrap();
        let mut carry = 1;
        for byte in doubled.iter_mut().rev() {
            let value = u16::from(*byte) * 2 + carry;
            *byte = value as u8;
            carry = value >> 8;
        }
        assert_eq!((doubled, carry), (modulus, 0));
    }
    assert_eq!(Group::from_modp(&[], &[2]), None);
}

/// RFC 3526: 2 generates the subgroup of order q, so 2^q = 1, which for a wrong digit anywhere in p
/// does not come out.
#[test]
fn two_has_the_subgroup_order() {
    for group in MODP {
        let order = group.subgroup_order().unwrap();
        let mut one = vec![0; order.len()];
        *one.last_mut().unwrap() = 1;
        assert_eq!(plain_power(group, &[2], &order), one);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_table_gives_what_the_plain_power_gives(exponent: [u8; 32]) {
        let modp = Modp::of(Group::Modp2048).unwrap();
        prop_assert_eq!(
            modp.public_value(&exponent).unwrap(),
            plain_power(Group::Modp2048, &[2], &exponent)
        );
    }
}
