use hex_literal::hex;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::kdf::{conversation_key, conversation_key_2};
use crate::key::KeyKind;
use crate::signature::Signer as _;

/// RFC 7516 appendix A.1: RSAES-OAEP with SHA-1 and AES-256-GCM.
const A1_KEY: &str = include_str!("../vectors/rfc_7516_a1.pem");
const A1_TOKEN: &str = concat!(
    "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.",
    "OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe",
    "ipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDb",
    "Sv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaV",
    "mqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je8",
    "1860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi",
    "6UklfCpIMfIjf7iGdXKHzg.",
    "48V1_ALb6US04U3b.",
    "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji",
    "SdiwkIr3ajwQzaBtQD_A.",
    "XFBoMYUZodetZdvTiFvSkQ",
);
const A1_CONTENT_KEY: [u8; KEY_LEN] =
    hex!("b1a1f480548fe1733fb403ff6b9ad4f68a076e5b702e22692f82cb2e7aea40fc");
const A1_CONTENT: &[u8] = b"The true sign of intelligence is not knowledge but imagination.";

fn a1_key() -> PrivateKey {
    PrivateKey::from_pem(A1_KEY).unwrap()
}

/// The token with another part in this place.
fn with(token: &str, place: usize, part: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[place] = part;
    parts.join(".")
}

fn with_header(token: &str, header: &Value) -> String {
    with(token, 0, &encode(header.to_string().as_bytes()))
}

#[test]
fn opens_the_example_of_rfc_7516() {
    let token = Encrypted::parse(A1_TOKEN).unwrap();
    let opened = token.open_with(&a1_key()).unwrap();
    assert_eq!(*opened.content_key, A1_CONTENT_KEY);
    assert_eq!(**opened.content, *A1_CONTENT);
    assert_eq!(format!("{opened:?}"), "Opened");
    let wrapped = token.wrapped_key().unwrap();
    assert_eq!(
        wrapped,
        decode(A1_TOKEN.split('.').nth(1).unwrap()).unwrap()
    );
}

/// The parts that do not come of OAEP's randomness, sealed anew with the example's key and vector.
#[test]
fn seals_as_the_example_of_rfc_7516_is_sealed() {
    let parts: Vec<&str> = A1_TOKEN.split('.').collect();
    let vector = hex!("e3c575fc02dbe944b4e14ddb");
    let (sealed, tag) = seal(&A1_CONTENT_KEY, &vector, parts[0], A1_CONTENT);
    assert_eq!(encode(&vector), parts[2]);
    assert_eq!(encode(&sealed), parts[3]);
    assert_eq!(encode(&tag), parts[4]);
}

/// Protocols A.8.
#[test]
fn a_session_key_is_wrapped_to_the_transport_key_and_opens_with_oaep_sha1() {
    let device = PrivateKey::generate(KeyKind::Rsa2048);
    let session_key = [0x5a; KEY_LEN];
    let token = to_rsa(device.public_key(), &session_key, &[3; GCM_IV_LEN], &[0]).unwrap();
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| decode(part).unwrap()).collect();
    assert_eq!(parts[0], br#"{"enc":"A256GCM","alg":"RSA-OAEP"}"#);
    let lengths: Vec<usize> = parts[1..].iter().map(Vec::len).collect();
    assert_eq!(lengths, [256, 12, 1, 16]);
    let opened = Encrypted::parse(&token).unwrap().open_with(&device);
    let opened = opened.unwrap();
    assert_eq!(*opened.content_key, session_key);
    assert_eq!(**opened.content, [0]);

    let other = PrivateKey::generate(KeyKind::Rsa2048);
    let opened = Encrypted::parse(&token).unwrap().open_with(&other);
    assert_eq!(opened.unwrap_err(), JoseError::Signature);
    let curve = PrivateKey::generate(KeyKind::P256);
    let made = to_rsa(curve.public_key(), &session_key, &[3; GCM_IV_LEN], &[0]);
    assert_eq!(made, Err(JoseError::Key));
}

/// Protocols A.9: the first is version 1 with 32 bytes of context, the second version 2.
#[test]
fn the_vectors_of_the_spec() {
    let session_key: [u8; KEY_LEN] = std::array::from_fn(|index| index as u8);
    assert_eq!(
        *conversation_key(&session_key, &session_key),
        hex!("37723ea727ae70a78111941ac9058871a8e4c6df12956d35185d7930ab1cf44d")
    );
    let payload = br#"{"refresh_token":"a.b","is_primary":"true"}"#;
    assert_eq!(
        *conversation_key_2(&session_key, &session_key[..24], payload),
        hex!("d95687d54080a44ed97dfb7f14c6bc7dc261f9788d606294f74181c626a8f6c4")
    );
}

/// Protocols A.8: key, vector and the first block of the answer in that sample, whose text is not published with it. What a block
/// of CBC opens to does not depend on what follows.
#[test]
fn an_answer_in_cbc_has_the_sealing_of_the_published_one() {
    let session_key = hex!("3987bc6d45c8d46e9969bf679b9f2a17922ed0d40055c313232f290ae9d87bf0");
    let context = hex!("510a2a9284565f9421eb34a712f58e6585f6330b803f1bc3");
    let key = conversation_key(&session_key, &context);
    let vector = hex!("b8081d031ec4f3eac7ef17500e2255ce");
    let first = hex!("5910f3b8ae0d1b1163c5d29f9f385c58");
    // Sealing the opened block again, with the padding behind it, gives the block.
    let padding = envelope::encrypt(&[], &key, &first).unwrap();
    let block = envelope::decrypt(&[&first[..], &padding].concat(), &key, &vector).unwrap();
    assert_eq!(block.len(), 16);
    assert!(block.starts_with(b"{\""), "{block:?}");
    let token = direct(&key, &context, Sealing::Cbc(vector), &block).unwrap();
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| decode(part).unwrap()).collect();
    assert_eq!(
        parts[0],
        br#"{"alg":"dir","enc":"A256GCM","ctx":"UQoqkoRWX5Qh6zSnEvWOZYX2MwuAPxvD","kid":"session"}"#
    );
    assert_eq!(parts[1..3], [vec![], vector.to_vec()]);
    assert_eq!(parts[3][..16], first);
    assert!(parts[4].is_empty());
    assert!(token.ends_with('.'));
    assert_eq!(
        **Encrypted::parse(&token).unwrap().open_direct(&key).unwrap(),
        block
    );
}

#[test]
fn an_answer_opens_with_its_key_however_it_is_sealed() {
    for sealing in [Sealing::Cbc([9; CBC_IV_LEN]), Sealing::Gcm([9; GCM_IV_LEN])] {
        let token = direct(&[7; KEY_LEN], &[1; 24], sealing, b"an answer").unwrap();
        let parsed = Encrypted::parse(&token).unwrap();
        assert_eq!(parsed.text("kid"), Some("session"));
        assert_eq!(parsed.text("ctx"), Some("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"));
        assert_eq!(**parsed.open_direct(&[7; KEY_LEN]).unwrap(), *b"an answer");
        assert_ne!(
            parsed
                .open_direct(&[8; KEY_LEN])
                .ok()
                .as_deref()
                .map(Vec::as_slice),
            Some(&b"an answer"[..])
        );
        assert_eq!(parsed.wrapped_key(), Err(JoseError::Algorithm));
        let opened = parsed.open_with(&a1_key());
        assert_eq!(opened.unwrap_err(), JoseError::Algorithm);
    }
}

#[test]
fn one_form_is_never_taken_for_the_other() {
    let rsa = Encrypted::parse(A1_TOKEN).unwrap();
    assert_eq!(
        rsa.open_direct(&A1_CONTENT_KEY).unwrap_err(),
        JoseError::Algorithm
    );
    // `dir` with a key brought along.
    let sealing = Sealing::Gcm([9; GCM_IV_LEN]);
    let token = direct(&[7; KEY_LEN], &[1; 24], sealing, b"an answer").unwrap();
    let brought = with(&token, 1, "AAAA");
    let opened = Encrypted::parse(&brought)
        .unwrap()
        .open_direct(&[7; KEY_LEN]);
    assert_eq!(opened.unwrap_err(), JoseError::Algorithm);
    // GCM whose tag was taken off is not CBC, for its vector is shorter.
    let bare = with(&token, 4, "");
    let opened = Encrypted::parse(&bare).unwrap().open_direct(&[7; KEY_LEN]);
    assert_eq!(opened.unwrap_err(), JoseError::Signature);
}

/// Content and tag are opened as one: where one ends and the other begins is looked at all the same (RFC 7518 5.3).
#[test]
fn a_tag_of_another_length_does_not_open_though_the_content_makes_up_for_it() {
    let token = direct(
        &[7; KEY_LEN],
        &[1; 24],
        Sealing::Gcm([9; GCM_IV_LEN]),
        b"an answer",
    )
    .unwrap();
    let part = |place| decode(token.split('.').nth(place).unwrap()).unwrap();
    let whole = [part(3), part(4)].concat();
    for length in [TAG_LEN - 1, TAG_LEN, TAG_LEN + 1, whole.len()] {
        let (sealed, tag) = whole.split_at(whole.len() - length);
        let moved = with(&with(&token, 3, &encode(sealed)), 4, &encode(tag));
        let opened = Encrypted::parse(&moved).unwrap().open_direct(&[7; KEY_LEN]);
        assert_eq!(opened.is_ok(), length == TAG_LEN, "{length}");
    }
}

#[test]
fn whatever_was_altered_does_not_open() {
    let key = a1_key();
    let lengths: Vec<usize> = A1_TOKEN.split('.').map(str::len).collect();
    for (place, length) in lengths.into_iter().enumerate().skip(1) {
        let part = A1_TOKEN.split('.').nth(place).unwrap();
        for at in [0, length / 2] {
            let mut altered = part.as_bytes().to_vec();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = with(A1_TOKEN, place, std::str::from_utf8(&altered).unwrap());
            let opened = Encrypted::parse(&altered).unwrap().open_with(&key);
            assert_eq!(opened.unwrap_err(), JoseError::Signature, "{place} {at}");
        }
        // Four characters are three bytes: a part that was cut short is still base64url.
        for cut in [4, 8, length] {
            let cut = with(A1_TOKEN, place, &part[..length.saturating_sub(cut)]);
            let opened = Encrypted::parse(&cut).and_then(|token| token.open_with(&key));
            assert!(opened.is_err(), "{place} {cut}");
        }
    }
    // The header is authenticated: the same members in another order are another token.
    let header = json!({"enc": "A256GCM", "alg": "RSA-OAEP", "kid": "x"});
    let opened =
        Encrypted::parse(&with_header(A1_TOKEN, &header)).map(|token| token.open_with(&key));
    assert_eq!(opened.unwrap().unwrap_err(), JoseError::Signature);
}

#[test]
fn refuses_what_is_not_a_compact_jwe() {
    for token in ["", ".", "....", "a.b.c", "a.b.c.d.e.f", &A1_TOKEN[1..]] {
        assert!(Encrypted::parse(token).is_err(), "{token}");
    }
    let parts: Vec<&str> = A1_TOKEN.split('.').collect();
    assert_eq!(
        Encrypted::parse(&parts[..4].join(".")).unwrap_err(),
        JoseError::Form
    );
    let six = format!("{A1_TOKEN}.");
    assert_eq!(Encrypted::parse(&six).unwrap_err(), JoseError::Form);
    let padded = format!("{A1_TOKEN}==");
    assert_eq!(Encrypted::parse(&padded).unwrap_err(), JoseError::Form);
    let long = with(A1_TOKEN, 3, &"A".repeat(MAX_TOKEN_LEN));
    assert_eq!(Encrypted::parse(&long).unwrap_err(), JoseError::TooLong);
    let deep = format!(
        "{{\"enc\":\"A256GCM\",\"x\":{}{}}}",
        "[".repeat(17),
        "]".repeat(17)
    );
    let deep = with(A1_TOKEN, 0, &encode(deep.as_bytes()));
    assert_eq!(Encrypted::parse(&deep).unwrap_err(), JoseError::Json);
    let twice = with(
        A1_TOKEN,
        0,
        &encode(br#"{"enc":"A256GCM","enc":"A256GCM"}"#),
    );
    assert_eq!(Encrypted::parse(&twice).unwrap_err(), JoseError::Json);
}

#[test]
fn refuses_other_algorithms_and_what_they_bring() {
    for algorithm in [
        "RSA1_5",
        "RSA-OAEP-256",
        "PBES2-HS256+A128KW",
        "none",
        "",
        "rsa-oaep",
    ] {
        let header = json!({"enc": "A256GCM", "alg": algorithm});
        let token = with_header(A1_TOKEN, &header);
        let opened = Encrypted::parse(&token).unwrap().open_with(&a1_key());
        assert_eq!(opened.unwrap_err(), JoseError::Algorithm, "{algorithm}");
    }
    for encryption in ["A128GCM", "A256CBC-HS512", "a256gcm", ""] {
        let header = json!({"enc": encryption, "alg": "RSA-OAEP"});
        let parsed = Encrypted::parse(&with_header(A1_TOKEN, &header)).map(|_| ());
        assert_eq!(parsed.unwrap_err(), JoseError::Algorithm, "{encryption}");
    }
    for name in REFUSED {
        let mut header = json!({"enc": "A256GCM", "alg": "RSA-OAEP"});
        header[name] = json!("DEF");
        let parsed = Encrypted::parse(&with_header(A1_TOKEN, &header)).map(|_| ());
        assert_eq!(parsed.unwrap_err(), JoseError::Refused(name));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(token in ".{0,200}", key in any::<[u8; 32]>()) {
        if let Ok(parsed) = Encrypted::parse(&token) {
            let _ = parsed.open_direct(&key);
        }
    }

    #[test]
    fn no_parts_make_it_panic(parts in prop::array::uniform4(prop::collection::vec(any::<u8>(), 0..64)), key in any::<[u8; 32]>()) {
        let header = encode(br#"{"alg":"dir","enc":"A256GCM"}"#);
        let [_, vector, sealed, tag] = parts.map(|part| encode(&part));
        let token = format!("{header}..{vector}.{sealed}.{tag}");
        let _ = Encrypted::parse(&token).unwrap().open_direct(&key);
    }
}
