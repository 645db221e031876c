//! What has one key: HMAC, HKDF, AES.

use keyporch_crypto::aead::SealingKey;
use keyporch_crypto::{envelope, kdf, mac};

use crate::{Case, Group, Ours, as_it_says, judge, tally};

#[test]
fn hmac_of_full_length() {
    let cut = |group: Group<'_>, _: Case<'_>| {
        (group.number("tagSize") != 256).then_some(Ours::Refused("a tag is never cut short"))
    };
    let accepts = |_: Group<'_>, case: Case<'_>| {
        mac::verify_hmac_sha256(&case.bytes("key"), &case.bytes("msg"), &case.bytes("tag"))
    };
    assert_eq!(judge("hmac_sha256", cut, accepts), tally(33, 141, 33));
}

#[test]
fn hkdf_up_to_its_longest() {
    fn is<const N: usize>(case: Case<'_>) -> bool {
        let (salt, secret) = (case.bytes("salt"), case.bytes("ikm"));
        let derived = kdf::hkdf_sha256::<N>(&salt, &secret, &[&case.bytes("info")]);
        derived[..] == case.bytes("okm")
    }
    let accepts = |_: Group<'_>, case: Case<'_>| match case.number("size") {
        20 => is::<20>(case),
        32 => is::<32>(case),
        42 => is::<42>(case),
        56 => is::<56>(case),
        64 => is::<64>(case),
        80 => is::<80>(case),
        82 => is::<82>(case),
        128 => is::<128>(case),
        8160 => is::<8160>(case),
        // More than 255 blocks do not compile.
        size => {
            assert!(size > 255 * 32);
            false
        }
    };
    assert_eq!(judge("hkdf_sha256", as_it_says, accepts), tally(83, 3, 0));
}

/// A sealed blob authenticates its version too, so its tag is never the suite's: what is compared is the ciphertext, and that
/// the suite's own tag does not open it. Opening with right and wrong tags is tested by the tokens of `jose`.
#[test]
fn aes_gcm_seals_to_the_suites_ciphertext() {
    let accepts = |_: Group<'_>, case: Case<'_>| {
        let key = case.bytes("key").try_into().expect("256 bits");
        let key = SealingKey::new(&key);
        let nonce = case.bytes("iv").try_into().expect("96 bits");
        let (content, context) = (case.bytes("msg"), case.bytes("aad"));
        let sealed = key.seal(&nonce, &context, &content);
        assert_eq!(**key.open(&context, &sealed).unwrap(), content);
        let theirs = [&[1], &nonce[..], &case.bytes("ct"), &case.bytes("tag")].concat();
        assert!(key.open(&context, &theirs).is_err());
        let body = 13..13 + content.len();
        sealed[body] == case.bytes("ct") && !case.has_flag("ModifiedTag")
    };
    assert_eq!(judge("aes_gcm", as_it_says, accepts), tally(39, 27, 0));
}

#[test]
fn aes_cbc_with_its_padding() {
    let accepts = |_: Group<'_>, case: Case<'_>| {
        let key = case.bytes("key").try_into().expect("256 bits");
        let vector = case.bytes("iv").try_into().expect("128 bits");
        let content = envelope::decrypt(&case.bytes("ct"), &key, &vector);
        content.is_ok_and(|content| {
            let again = envelope::encrypt(&content, &key, &vector);
            content == case.bytes("msg") && again.is_ok_and(|again| again == case.bytes("ct"))
        })
    };
    assert_eq!(
        judge("aes_cbc_pkcs5", as_it_says, accepts),
        tally(24, 48, 0)
    );
}
