//! A secret under an RSA key.

use keyporch_crypto::key::PrivateKey;
use keyporch_crypto::oaep;

use crate::{Case, Group, Ours, judge, tally};

fn opens(group: Group<'_>, case: Case<'_>) -> bool {
    let key = PrivateKey::from_pkcs8_der(&group.bytes("privateKeyPkcs8"));
    let Ok(key) = key else {
        return false;
    };
    let opened = oaep::unwrap(&key, &case.bytes("ct"));
    opened.is_ok_and(|secret| *secret == case.bytes("msg"))
}

fn labelled(_: Group<'_>, case: Case<'_>) -> Option<Ours> {
    (!case.bytes("label").is_empty()).then_some(Ours::Refused("the label is empty in JOSE"))
}

#[test]
fn oaep_with_sha_1_and_an_empty_label() {
    assert_eq!(
        judge("rsa_oaep_2048_sha1_mgf1sha1", labelled, opens),
        tally(10, 26, 7)
    );
}

#[test]
fn oaep_with_other_digests_labels_and_lengths_of_keys() {
    let decided = |group: Group<'_>, case: Case<'_>| {
        if group.number("keySize") < 2048 {
            return Some(Ours::Refused("the key is too short"));
        }
        match (group.text("sha"), group.text("mgfSha")) {
            ("SHA-1", "SHA-1") => labelled(group, case),
            _ => Some(Ours::Refused("the digests are SHA-1 in JOSE")),
        }
    };
    assert_eq!(judge("rsa_oaep_misc", decided, opens), tally(9, 12, 12));
}

#[test]
fn a_key_of_three_primes_opens_nothing() {
    let three = |_: Group<'_>, _: Case<'_>| {
        Some(Ours::Refused("the library takes keys of two primes alone"))
    };
    assert_eq!(
        judge("rsa_three_primes_oaep_2048_sha1_mgf1sha1", three, opens),
        tally(0, 36, 17)
    );
}
