//! FIDO authenticators' registrations (protocols D.5.3).

use core::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde::Deserialize;

use super::InvalidKeyMaterial;
use crate::read::Reader;

/// A FIDO authenticator's registration (protocols D.5.3).
///
/// ```text
/// {"version":1,"authData":"<base64 of WebAuthn authenticatorData>","x5c":["<base64 certificate>", …],"displayName":"…"}
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FidoMaterial {
    authenticator_data: Vec<u8>,
    certificates: Vec<Vec<u8>>,
    display_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FidoJson {
    version: u32,
    auth_data: String,
    #[serde(default)]
    x5c: Vec<String>,
    #[serde(default)]
    display_name: String,
}

impl FidoMaterial {
    pub(super) fn parse(json: &[u8]) -> Result<FidoMaterial, InvalidKeyMaterial> {
        let read: FidoJson =
            serde_json::from_slice(json).map_err(|_| InvalidKeyMaterial::Malformed)?;
        if read.version != 1 {
            return Err(InvalidKeyMaterial::Unsupported);
        }
        // Both alphabets occur in what the registration services have stored.
        let decode = |text: &str| {
            Base64::decode_vec(text)
                .or_else(|_| Base64UrlUnpadded::decode_vec(text))
                .map_err(|_| InvalidKeyMaterial::Malformed)
        };
        Ok(FidoMaterial {
            authenticator_data: decode(&read.auth_data)?,
            certificates: read
                .x5c
                .iter()
                .map(|text| decode(text))
                .collect::<Result<_, _>>()?,
            display_name: read.display_name,
        })
    }

    /// WebAuthn authenticatorData (W3C WebAuthn 6.1), as it was signed.
    #[must_use]
    pub fn authenticator_data(&self) -> &[u8] {
        &self.authenticator_data
    }

    /// The attestation certificates, DER, leaf first.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The name that the person gave the authenticator.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// The credential id in authenticatorData's attested credential data: after rpIdHash (32), flags (1),
    /// signCount (4) and aaguid (16) come its length, big-endian, and itself.
    #[must_use]
    pub fn credential_id(&self) -> Option<&[u8]> {
        const ATTESTED_CREDENTIAL_DATA: u8 = 0x40;
        let mut reader = Reader::new(&self.authenticator_data);
        reader.take(32)?;
        if reader.u8()? & ATTESTED_CREDENTIAL_DATA == 0 {
            return None;
        }
        reader.take(4 + 16)?;
        let length = reader.u16_be()?;
        reader.take(usize::from(length))
    }
}

impl fmt::Debug for FidoMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FidoMaterial({:?})", self.display_name)
    }
}
