//! Bytes as base64 in what is kept as JSON.

use base64ct::{Base64, Encoding};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes that are not secret, or sealed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// Bytes that are wiped when they are dropped, kept as base64 in what is sealed as a whole.
#[derive(Clone)]
pub(crate) struct SecretBytes(pub(crate) Zeroizing<Vec<u8>>);

impl Serialize for SecretBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(Base64::encode_string(&self.0)))
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Base64::decode_vec(&text)
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(|_| D::Error::custom("not base64"))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Base64::decode_vec(&text)
            .map(Self)
            .map_err(|_| D::Error::custom("not base64"))
    }
}
