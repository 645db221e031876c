#![allow(
    clippy::type_complexity,
    reason = "tables of vectors, each with the shape of its specification"
)]

use hex_literal::hex;
use proptest::prelude::*;

use super::nfold::{fold_usage, n_fold};
use super::*;

const CONFOUNDER: [u8; 16] = *b"confounded bytes";

fn key(etype: Etype, bytes: &[u8]) -> Key {
    Key::new(etype, bytes).unwrap()
}

/// Encrypts with `Key` and with a fresh and a used `KeySchedule`, and expects the same message.
fn encrypts_to(key: &Key, usage: u32, confounder: &[u8], plaintext: &[u8], message: &[u8]) {
    let usage = KeyUsage(usage);
    let confounder = confounder.try_into().unwrap();
    let schedule = KeySchedule::new(key.clone());
    assert_eq!(key.encrypt(usage, confounder, plaintext), message);
    for _ in 0..2 {
        assert_eq!(schedule.encrypt(usage, confounder, plaintext), message);
        assert_eq!(&**schedule.decrypt(usage, message).unwrap(), plaintext);
    }
    assert_eq!(&**key.decrypt(usage, message).unwrap(), plaintext);
    assert_eq!(message.len(), plaintext.len() + key.etype().overhead());
}

/// RFC 3961 appendix A.1.
#[test]
fn folds_as_rfc_3961_does() {
    let cases: [(&[u8], &[u8]); 11] = [
        (b"012345", &hex!("be072631276b1955")),
        (b"password", &hex!("78a07b6caf85fa")),
        (
            b"Rough Consensus, and Running Code",
            &hex!("bb6ed30870b7f0e0"),
        ),
        (
            b"password",
            &hex!("59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"),
        ),
        (
            b"MASSACHVSETTS INSTITVTE OF TECHNOLOGY",
            &hex!("db3b0d8f0b061e603282b308a50841229ad798fab9540c1b"),
        ),
        (b"Q", &hex!("518a54a215a8452a518a54a215a8452a518a54a215")),
        (b"ba", &hex!("fb25d531ae8974499f52fd92ea9857c4ba24cf297e")),
        (b"kerberos", &hex!("6b65726265726f73")),
        (b"kerberos", &hex!("6b65726265726f737b9b5b2b93132b93")),
        (
            b"kerberos",
            &hex!("8372c236344e5f1550cd0747e15d62ca7a5a3bcea4"),
        ),
        (
            b"kerberos",
            &hex!("6b65726265726f737b9b5b2b93132b935c9bdcdad95c9899c4cae4dee6d6cae4"),
        ),
    ];
    for (input, expected) in cases {
        let mut out = vec![0; expected.len()];
        n_fold(input, &mut out);
        assert_eq!(out, expected, "{}", String::from_utf8_lossy(input));
    }
}

/// RFC 3962 appendix B: AES-128 under "chicken teriyaki" with a zero initial vector.
#[test]
fn steals_ciphertext_as_rfc_3962_does() {
    use aes::cipher::KeyInit;
    let plaintext = b"I would like the General Gau's Chicken, please, and wonton soup.";
    let cases: [&[u8]; 6] = [
        &hex!("c6353568f2bf8cb4d8a580362da7ff7f97"),
        &hex!("fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
        &hex!("39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
        &hex!(
            "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5"
        ),
        &hex!(
            "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8"
        ),
        &hex!(
            "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a84807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8"
        ),
    ];
    let cipher = aes::Aes128::new(b"chicken teriyaki".into());
    for expected in cases {
        let mut data = plaintext[..expected.len()].to_vec();
        cts::encrypt(&cipher, &mut data);
        assert_eq!(data, expected);
        assert!(cts::decrypt(&cipher, &mut data));
        assert_eq!(data, &plaintext[..expected.len()]);
    }
}

/// RFC 3962 appendix B.
#[test]
fn derives_keys_from_passwords_as_rfc_3962_does() {
    let (long, longer) = ([b'X'; 64], [b'X'; 65]);
    let g_clef = "\u{1d11e}".as_bytes();
    let cases: [(u32, &[u8], &[u8], [u8; 16], [u8; 32]); 7] = [
        (
            1,
            b"password",
            b"ATHENA.MIT.EDUraeburn",
            hex!("42263c6e89f4fc28b8df68ee09799f15"),
            hex!("fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161"),
        ),
        (
            2,
            b"password",
            b"ATHENA.MIT.EDUraeburn",
            hex!("c651bf29e2300ac27fa469d693bdda13"),
            hex!("a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff"),
        ),
        (
            1200,
            b"password",
            b"ATHENA.MIT.EDUraeburn",
            hex!("4c01cd46d632d01e6dbe230a01ed642a"),
            hex!("55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a"),
        ),
        (
            5,
            b"password",
            &hex!("1234567878563412"),
            hex!("e9b23d52273747dd5c35cb55be619d8e"),
            hex!("97a4e786be20d81a382d5ebc96d5909cabcdadc87ca48f574504159f16c36e31"),
        ),
        (
            1200,
            &long,
            b"pass phrase equals block size",
            hex!("59d1bb789a828b1aa54ef9c2883f69ed"),
            hex!("89adee3608db8bc71f1bfbfe459486b05618b70cbae22092534e56c553ba4b34"),
        ),
        (
            1200,
            &longer,
            b"pass phrase exceeds block size",
            hex!("cb8005dc5f90179a7f02104c0018751d"),
            hex!("d78c5c9cb872a8c9dad4697f0bb5b2d21496c82beb2caeda2112fceea057401b"),
        ),
        (
            50,
            g_clef,
            b"EXAMPLE.COMpianist",
            hex!("f149c1f2e154a73452d43e7fe62a56e5"),
            hex!("4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e"),
        ),
    ];
    for (iterations, password, salt, short, long) in cases {
        let parameters = iterations.to_be_bytes();
        let derive = |etype| Key::from_password(etype, password, salt, Some(&parameters)).unwrap();
        assert_eq!(derive(Etype::Aes128CtsHmacSha1_96).bytes(), short);
        assert_eq!(derive(Etype::Aes256CtsHmacSha1_96).bytes(), long);
    }
}

/// RFC 8009 appendix A; 32768 iterations are the default.
#[test]
fn derives_keys_from_passwords_as_rfc_8009_does() {
    let mut salt = hex!("10df9dd783e5bc8acea1730e74355f61").to_vec();
    salt.extend_from_slice(b"ATHENA.MIT.EDUraeburn");
    let derive = |etype| Key::from_password(etype, b"password", &salt, None).unwrap();
    assert_eq!(
        derive(Etype::Aes128CtsHmacSha256_128).bytes(),
        hex!("089bca48b105ea6ea77ca5d2f39dc5e7")
    );
    assert_eq!(
        derive(Etype::Aes256CtsHmacSha384_192).bytes(),
        hex!("45bd806dbf6a833a9cffc1c94589a222367a79bc21c413718906e9f578a78467")
    );
}

#[test]
fn refuses_string_to_key_parameters_that_are_malformed_or_ask_for_too_much() {
    let derive = |parameters: &[u8]| {
        Key::from_password(
            Etype::Aes256CtsHmacSha1_96,
            b"password",
            b"salt",
            Some(parameters),
        )
    };
    assert_eq!(derive(&[]), Err(StringToKeyError::Parameters));
    assert_eq!(derive(&[0, 0, 1]), Err(StringToKeyError::Parameters));
    assert_eq!(derive(&[0; 5]), Err(StringToKeyError::Parameters));
    assert_eq!(derive(&[0; 4]), Err(StringToKeyError::TooManyIterations));
    let too_many = (MAX_ITERATIONS + 1).to_be_bytes();
    assert_eq!(derive(&too_many), Err(StringToKeyError::TooManyIterations));
}

const RFC_8009_KEY_128: [u8; 16] = hex!("3705d96080c17728a0e800eab6e0d23c");
const RFC_8009_KEY_256: [u8; 32] =
    hex!("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52");
const RFC_8009_PLAINTEXT: [u8; 21] = hex!("000102030405060708090a0b0c0d0e0f1011121314");

/// RFC 8009 appendix A, sample encryptions: none, less than a block, one block, more than one.
#[test]
fn encrypts_as_rfc_8009_does_with_sha_256() {
    let key = key(Etype::Aes128CtsHmacSha256_128, &RFC_8009_KEY_128);
    let cases: [(usize, [u8; 16], &[u8]); 4] = [
        (
            0,
            hex!("7e5895eaf2672435bad817f545a37148"),
            &hex!("ef85fb890bb8472f4dab20394dca781dad877eda39d50c870c0d5a0a8e48c718"),
        ),
        (
            6,
            hex!("7bca285e2fd4130fb55b1a5c83bc5b24"),
            &hex!("84d7f30754ed987bab0bf3506beb09cfb55402cef7e6877ce99e247e52d16ed4421dfdf8976c"),
        ),
        (
            16,
            hex!("56ab21713ff62c0a1457200f6fa9948f"),
            &hex!(
                "3517d640f50ddc8ad3628722b3569d2ae07493fa8263254080ea65c1008e8fc295fb4852e7d83e1e7c48c37eebe6b0d3"
            ),
        ),
        (
            21,
            hex!("a7a4e29a4728ce10664fb64e49ad3fac"),
            &hex!(
                "720f73b18d9859cd6ccb4346115cd336c70f58edc0c4437c5573544c31c813bce1e6d072c186b39a413c2f92ca9b8334a287ffcbfc"
            ),
        ),
    ];
    for (len, confounder, message) in cases {
        encrypts_to(&key, 2, &confounder, &RFC_8009_PLAINTEXT[..len], message);
    }
}

/// RFC 8009 appendix A, sample encryptions.
#[test]
fn encrypts_as_rfc_8009_does_with_sha_384() {
    let key = key(Etype::Aes256CtsHmacSha384_192, &RFC_8009_KEY_256);
    let cases: [(usize, [u8; 16], &[u8]); 4] = [
        (
            0,
            hex!("f764e9fa15c276478b2c7d0c4e5f58e4"),
            &hex!(
                "41f53fa5bfe7026d91faf9be959195a058707273a96a40f0a01960621ac612748b9bbfbe7eb4ce3c"
            ),
        ),
        (
            6,
            hex!("b80d3251c1f6471494256ffe712d0b9a"),
            &hex!(
                "4ed7b37c2bcac8f74f23c1cf07e62bc7b75fb3f637b9f559c7f664f69eab7b6092237526ea0d1f61cb20d69d10f2"
            ),
        ),
        (
            16,
            hex!("53bf8a0d105265d4e276428624ce5e63"),
            &hex!(
                "bc47ffec7998eb91e8115cf8d19dac4bbbe2e163e87dd37f49beca92027764f68cf51f14d798c2273f35df574d1f932e40c4ff255b36a266"
            ),
        ),
        (
            21,
            hex!("763e65367e864f02f55153c7e3b58af1"),
            &hex!(
                "40013e2df58e8751957d2878bcd2d6fe101ccfd556cb1eae79db3c3ee86429f2b2a602ac86fef6ecb647d6295fae077a1feb517508d2c16b4192e01f62"
            ),
        ),
    ];
    for (len, confounder, message) in cases {
        encrypts_to(&key, 2, &confounder, &RFC_8009_PLAINTEXT[..len], message);
    }
}

/// RFC 8009 appendix A, sample checksums.
#[test]
fn computes_checksums_as_rfc_8009_does() {
    let usage = KeyUsage(2);
    let short = key(Etype::Aes128CtsHmacSha256_128, &RFC_8009_KEY_128);
    let long = key(Etype::Aes256CtsHmacSha384_192, &RFC_8009_KEY_256);
    assert_eq!(
        *short.checksum(usage, &RFC_8009_PLAINTEXT),
        hex!("d78367186643d67b411cba9139fc1dee")
    );
    assert_eq!(
        *long.checksum(usage, &RFC_8009_PLAINTEXT),
        hex!("45ee791567eefca37f4ac1e0222de80d43c3bfa06699672a")
    );
}

/// RFC 8009 appendix A, sample pseudo-random functions; MIT krb5 `t_prf.c` for the others.
#[test]
fn computes_the_pseudo_random_functions() {
    let cases: [(Etype, &[u8], &[u8], &[u8]); 6] = [
        (
            Etype::Aes128CtsHmacSha256_128,
            &RFC_8009_KEY_128,
            b"test",
            &hex!("9d188616f63852fe86915bb840b4a886ff3e6bb0f819b49b893393d393854295"),
        ),
        (
            Etype::Aes256CtsHmacSha384_192,
            &RFC_8009_KEY_256,
            b"test",
            &hex!(
                "9801f69a368c2bf675e59521e177d9a07f67efe1cfde8d3c8d6f6a0256e3b17db3c1b62ad1b8553360d17367eb1514d2"
            ),
        ),
        (
            Etype::Aes128CtsHmacSha1_96,
            &hex!("ae272e7cdec86ac5138cdb196d8e297d"),
            b"\x01a",
            &hex!("77b39a37a868920f2a51f9dd150c5717"),
        ),
        (
            Etype::Aes128CtsHmacSha1_96,
            &hex!("67ab1cfef35e4c27ffdeac60385a3e9c"),
            b"\x01b",
            &hex!("e06c0dd31ff02091994f2ef5178bfe3d"),
        ),
        (
            Etype::Aes256CtsHmacSha1_96,
            &hex!("c01f157211f7b77eaaf457c3e156690127ee127d810ba6392e97baa243eb0616"),
            b"\x01a",
            &hex!("b2628c788e2e9c4a9bb4644678c29f2f"),
        ),
        (
            Etype::Aes256CtsHmacSha1_96,
            &hex!("9d520d2d980aa7cb6b693682b62da258b333867951642ce647ae62b1e5e0b5e9"),
            b"\x02b",
            &hex!("0d674dd0f9a6806525a4d92e828bd15a"),
        ),
    ];
    for (etype, bytes, input, expected) in cases {
        assert_eq!(&**key(etype, bytes).prf(input), expected, "{etype}");
    }
}

/// RFC 6113 appendix A; MIT krb5 `t_cf2.in` for etypes 19 and 20.
#[test]
fn combines_keys_as_rfc_6113_does() {
    let cases: [(Etype, &[u8]); 4] = [
        (
            Etype::Aes128CtsHmacSha1_96,
            &hex!("97df97e4b798b29eb31ed7280287a92a"),
        ),
        (
            Etype::Aes256CtsHmacSha1_96,
            &hex!("4d6ca4e629785c1f01baf55e2e548566b9617ae3a96868c337cb93b5e72b1c7b"),
        ),
        (
            Etype::Aes128CtsHmacSha256_128,
            &hex!("edd02a39d2dbde31611c16e610be062c"),
        ),
        (
            Etype::Aes256CtsHmacSha384_192,
            &hex!("67f6ea530aea85a37dcbb23349ea52dcc61ca8493ff557252327fd8304341584"),
        ),
    ];
    for (etype, expected) in cases {
        let one = Key::from_password(etype, b"key1", b"key1", None).unwrap();
        let two = Key::from_password(etype, b"key2", b"key2", None).unwrap();
        assert_eq!(one.combine(&two, b"a", b"b").bytes(), expected, "{etype}");
    }
}

/// MIT krb5 `t_decrypt.c`: whole messages of etypes 17 and 18. Encrypting again with the confounder
/// that the message carries must give the same message.
#[test]
fn opens_and_remakes_messages_that_mit_made() {
    let plaintexts: [&[u8]; 5] = [
        b"",
        b"1",
        b"9 bytesss",
        b"13 bytes byte",
        b"30 bytes bytes bytes bytes byt",
    ];
    let short: [([u8; 16], &[u8]); 5] = [
        (
            hex!("5a5c0f0ba54f3828b2195e66ca24a289"),
            &hex!("49ff8e11c173d9583a3254fbe7b1f1df36c538e8416784a1672e6676"),
        ),
        (
            hex!("98450e3f3baa13f5c99beb936981b06f"),
            &hex!("f86742f537b35dc2174a4dbaa920faf9042090b065e1ebb1cad9a65394"),
        ),
        (
            hex!("9062430c8cda3388922e6d6a509f5b7a"),
            &hex!("68fb9679601f45c78857b2bf820fd6e53eca8d42fd4b1d7024a09205abb7cd2ec26c355d2f"),
        ),
        (
            hex!("033ee6502c54fd23e27791e987983827"),
            &hex!(
                "ec366d0327a933bf49330e650e49bc6b974637fe80bf532fe51795b4809718e6194724db948d1fd637"
            ),
        ),
        (
            hex!("dceeb70b3de76562e689226c76429148"),
            &hex!(
                "c96081032d5d8eeb7e32b4089f789d0faa481dea74c0f97cbf3146ddfcf8e800156ecb532fc203e30ff600b63b350939fece510f02d7ff1e7bac"
            ),
        ),
    ];
    let long: [([u8; 32], &[u8]); 5] = [
        (
            hex!("17f275f2954f2ed1f90c377ba7f4d6a369aa0136e0bf0c927ad6133c693759a9"),
            &hex!("e5094c55ee7b38262e2b044280b069379a95bf95bd8376fb3281b435"),
        ),
        (
            hex!("b9477e1ff0329c0050e20ce6c72d2dff27e8fe541ab0954429a9cb5b4f7b1e2a"),
            &hex!("406150b97aeb76d43b36b62cc1ecdfbe6f40e95755e0beb5c27825f3a4"),
        ),
        (
            hex!("b1ae4cd8462aff1677053cc9279aac30b796fb81ce21474dd3ddbcfea4ec76d7"),
            &hex!("09957aa25fcaf88f7b39e4406e633012d5fea21853f6478da7065caef41fd454a40824eec5"),
        ),
        (
            hex!("e5a72be9b7926c1225bafef9c1872e7ba4cdb2b17893d84abd90acdd8764d966"),
            &hex!(
                "d8f1aafeec84587cc3e700a774e56651a6d693e174ec4473b5e6d96f80297a653fb818ad893e719f96"
            ),
        ),
        (
            hex!("f1c795e9248a09338d82c3f8d5b567040b0110736845041347235b1404231398"),
            &hex!(
                "d1137a4d634cfece924dbc3bf6790648bd5cff7de0e7b99460211d0daef3d79a295c688858f3b34b9cbd6eebae81daf6b734d4d498b6714f1c1d"
            ),
        ),
    ];
    let short = short
        .iter()
        .map(|(bytes, message)| (key(Etype::Aes128CtsHmacSha1_96, bytes), message));
    let long = long
        .iter()
        .map(|(bytes, message)| (key(Etype::Aes256CtsHmacSha1_96, bytes), message));
    for (usage, ((key, message), plaintext)) in short
        .zip(plaintexts)
        .chain(long.zip(plaintexts))
        .enumerate()
    {
        let usage = usage as u32 % 5;
        let mut opened = message.to_vec();
        let found = key
            .decrypt_in_place(KeyUsage(usage), &mut opened)
            .unwrap()
            .to_vec();
        assert_eq!(found, plaintext);
        encrypts_to(&key, usage, &opened[..16], plaintext, message);
    }
}

/// MIT krb5 `t_cksums.c`.
#[test]
fn computes_the_checksums_that_mit_computes() {
    let short = key(
        Etype::Aes128CtsHmacSha1_96,
        &hex!("9062430c8cda3388922e6d6a509f5b7a"),
    );
    let long = key(
        Etype::Aes256CtsHmacSha1_96,
        &hex!("b1ae4cd8462aff1677053cc9279aac30b796fb81ce21474dd3ddbcfea4ec76d7"),
    );
    assert_eq!(
        *short.checksum(KeyUsage(3), b"eight nine ten eleven twelve thirteen"),
        hex!("01a4b088d45628f6946614e3")
    );
    assert_eq!(
        *long.checksum(KeyUsage(4), b"fourteen"),
        hex!("e08739e3279e2903ec8e3836")
    );
}

#[test]
fn refuses_a_message_that_was_altered_anywhere() {
    for etype in Etype::ALL {
        let schedule = KeySchedule::new(Key::random_to_key(etype, &[7; 32]));
        let message = schedule.encrypt(KeyUsage::TICKET, &CONFOUNDER, b"who may pass");
        for at in 0..message.len() {
            let mut altered = message.clone();
            altered[at] ^= 0x10;
            assert_eq!(
                schedule.decrypt(KeyUsage::TICKET, &altered),
                Err(IntegrityError)
            );
        }
        for len in 0..message.len() {
            assert_eq!(
                schedule.decrypt(KeyUsage::TICKET, &message[..len]),
                Err(IntegrityError)
            );
        }
    }
}

#[test]
fn refuses_a_message_under_another_usage_or_key() {
    for etype in Etype::ALL {
        let key = Key::random_to_key(etype, &[7; 32]);
        let message = key.encrypt(KeyUsage::TICKET, &CONFOUNDER, b"who may pass");
        assert!(key.decrypt(KeyUsage::AS_REP_ENC_PART, &message).is_err());
        let other = Key::random_to_key(etype, &[8; 32]);
        assert!(other.decrypt(KeyUsage::TICKET, &message).is_err());
        let checksum = key.checksum(KeyUsage::KERB_NON_KERB_CKSUM_SALT, b"body");
        assert_eq!(checksum.len(), etype.checksum_len());
        let verify = |usage, body: &[u8]| key.verify_checksum(usage, body, &checksum);
        assert_eq!(verify(KeyUsage::KERB_NON_KERB_CKSUM_SALT, b"body"), Ok(()));
        assert_eq!(
            verify(KeyUsage::KERB_NON_KERB_CKSUM_SALT, b"bodi"),
            Err(IntegrityError)
        );
        assert_eq!(verify(KeyUsage::TICKET, b"body"), Err(IntegrityError));
    }
}

#[test]
fn refuses_a_key_of_the_wrong_length() {
    for etype in Etype::ALL {
        for len in 0..40 {
            let made = Key::new(etype, &vec![1; len]);
            assert_eq!(made.is_ok(), len == etype.key_len());
        }
    }
}

#[test]
fn prints_no_key() {
    let key = Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &[0xab; 32]);
    assert_eq!(format!("{key:?}"), "Key(aes256-cts-hmac-sha1-96)");
    assert_eq!(
        format!("{:?}", KeySchedule::new(key)),
        "KeySchedule(aes256-cts-hmac-sha1-96)"
    );
}

#[test]
fn numbers_and_names_lead_back_to_their_etype() {
    for etype in Etype::ALL {
        assert_eq!(Etype::from_number(etype.number()), Some(etype));
        assert_eq!(Etype::from_name(etype.name()), Some(etype));
        assert_eq!(
            Etype::from_checksum_type(etype.checksum_type()),
            Some(etype)
        );
    }
    // DES, triple DES and RC4 have no way in.
    for number in [1, 2, 3, 16, 23, 24, -128] {
        assert_eq!(Etype::from_number(number), None);
    }
}

fn any_etype() -> impl Strategy<Value = Etype> {
    prop::sample::select(Etype::ALL.to_vec())
}

#[test]
fn a_usage_folds_as_any_constant_does() {
    for constant in [[0; 5], [0xff; 5], [0, 0, 0, 2, 0xaa], [0, 0, 0, 2, 0x99]] {
        let mut folded = [0; 16];
        n_fold(&constant, &mut folded);
        assert_eq!(fold_usage(constant), folded, "{constant:02x?}");
    }
}

proptest! {
    #[test]
    fn any_usage_folds_as_any_constant_does(constant: [u8; 5]) {
        let mut folded = [0; 16];
        n_fold(&constant, &mut folded);
        prop_assert_eq!(fold_usage(constant), folded);
    }

    #[test]
    fn gives_back_what_was_encrypted(
        etype in any_etype(),
        seed: [u8; 32],
        confounder: [u8; 16],
        usage in 0u32..80,
        plaintext in prop::collection::vec(any::<u8>(), 0..400),
        before in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let key = Key::random_to_key(etype, &seed);
        let schedule = KeySchedule::new(key.clone());
        let usage = KeyUsage(usage);
        let mut out = before.clone();
        schedule.encrypt_into(usage, &confounder, &plaintext, &mut out);
        prop_assert_eq!(&out[..before.len()], &before[..]);
        let message = &mut out[before.len()..];
        prop_assert_eq!(&**key.decrypt(usage, message).unwrap(), &plaintext[..]);
        prop_assert_eq!(&*schedule.decrypt_in_place(usage, message).unwrap(), &plaintext[..]);
    }

    #[test]
    fn survives_any_bytes(etype in any_etype(), message in prop::collection::vec(any::<u8>(), 0..100)) {
        let key = Key::random_to_key(etype, &[1; 32]);
        prop_assert!(key.decrypt(KeyUsage::TICKET, &message).is_err());
    }
}
