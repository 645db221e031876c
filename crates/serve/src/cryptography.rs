//! Cryptography by the names that the configuration has for it.

use crypto::agreement::Group;
use crypto::digest::DigestAlgorithm;
use crypto::etype::Etype;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An encryption type by its name: `aes256-cts-hmac-sha1-96`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EtypeName(pub Etype);

/// A group by the name that MIT's `pkinit_dh_min_bits` has for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupName(pub Group);

/// A digest that is no weaker than SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestName {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestName {
    pub(crate) const fn digest(self) -> DigestAlgorithm {
        match self {
            Self::Sha256 => DigestAlgorithm::Sha256,
            Self::Sha384 => DigestAlgorithm::Sha384,
            Self::Sha512 => DigestAlgorithm::Sha512,
        }
    }
}

/// The names of all etypes, for who wrote another.
fn etypes() -> String {
    Etype::ALL.map(|etype| etype.to_string()).join(", ")
}

impl Serialize for EtypeName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EtypeName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let found = Etype::ALL.into_iter();
        let found = found
            .map(EtypeName)
            .find(|etype| etype.0.to_string() == name);
        found.ok_or_else(|| {
            de::Error::custom(format!(
                "unknown encryption type `{name}`, expected one of {}",
                etypes()
            ))
        })
    }
}

impl Serialize for GroupName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for GroupName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let found = Group::from_name(&name).filter(|group| *group != Group::Modp1024);
        found.map(GroupName).ok_or_else(|| {
            de::Error::custom(format!(
                "unknown group `{name}`, expected one of 2048, P-256, 4096, P-384; 1024 has a switch of its own"
            ))
        })
    }
}
