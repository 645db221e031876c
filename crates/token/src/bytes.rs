//! How 32 bytes stand in JSON, for `#[serde(with = "token::bytes")]`: base64url without padding, 43 characters. A list of 32
//! numbers, as earlier releases wrote it, is read too.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};
use zeroize::Zeroizing;

/// Writes the text.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    // It may be a secret: nothing of it is left behind.
    let mut text = Zeroizing::new([0; 43]);
    let text = Base64UrlUnpadded::encode(bytes, &mut *text).unwrap_or_default();
    to.serialize_str(text)
}

/// Reads either form.
///
/// # Errors
/// Those of the deserializer; whatever is not 32 bytes.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
    from.deserialize_any(Bytes)
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("32 bytes in base64url")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<[u8; 32], E> {
        let mut bytes = [0; 32];
        match Base64UrlUnpadded::decode(text, &mut bytes).map(<[u8]>::len) {
            Ok(32) => Ok(bytes),
            _ => Err(E::invalid_length(text.len(), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<[u8; 32], A::Error> {
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            let next = list.next_element()?;
            *byte = next.ok_or_else(|| A::Error::invalid_length(place, &self))?;
        }
        match list.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(bytes),
            Some(_) => Err(A::Error::invalid_length(33, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Holder(#[serde(with = "super")] [u8; 32]);

    #[test]
    fn reads_what_it_wrote_and_what_earlier_releases_wrote() {
        let holder = Holder([0xfb; 32]);
        let text = serde_json::to_string(&holder).unwrap();
        assert_eq!(text, format!("\"{}-_s\"", "-_v7".repeat(10)));
        assert_eq!(serde_json::from_str::<Holder>(&text).unwrap(), holder);
        let list = serde_json::to_string(&holder.0).unwrap();
        assert_eq!(serde_json::from_str::<Holder>(&list).unwrap(), holder);
    }

    #[test]
    fn refuses_other_lengths_and_alphabets() {
        let list = |length: usize| serde_json::to_string(&vec![1; length]).unwrap();
        let text = |length: usize| format!("\"{}\"", "A".repeat(length));
        let padded = format!("\"{}=\"", "A".repeat(43));
        let other = format!("\"{}+A\"", "A".repeat(41));
        for wrong in [
            list(31),
            list(33),
            text(42),
            text(44),
            padded,
            other,
            "7".into(),
        ] {
            assert!(serde_json::from_str::<Holder>(&wrong).is_err(), "{wrong}");
        }
    }
}
