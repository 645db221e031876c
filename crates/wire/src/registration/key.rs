//! Registering a key (MS-KPP 3.1.5.1, protocols C.1; PROV-W2, PROV-W3, PROV-W7).

use core::fmt;

use serde::{Deserialize, Serialize};

use super::{BlobLength, InvalidBody, check_blob, parse_json};
use crate::guid::Guid;
use crate::text::{base64, optional_base64};

/// A request to register a person's new key, posted to the key provisioning endpoint.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequest {
    /// The public key: a BCRYPT_RSAKEY_BLOB (protocols D.5.1), to be read by
    /// [`bcrypt_blob::read_rsa_public`](crate::bcrypt_blob::read_rsa_public).
    #[serde(with = "base64")]
    pub kngc: Vec<u8>,
}

impl KeyRequest {
    /// The longest body that is read, in bytes.
    pub const MAX_LENGTH: usize = 16 * 1024;

    /// Reads a request whose key takes 4 KiB at most.
    ///
    /// # Errors
    /// [`InvalidBody`].
    pub fn parse(body: &[u8]) -> Result<KeyRequest, InvalidBody> {
        let request: KeyRequest = parse_json(body, KeyRequest::MAX_LENGTH)?;
        check_blob("kngc", &request.kngc, 4 * 1024)?;
        Ok(request)
    }
}

impl fmt::Debug for KeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRequest")
            .field("kngc", &BlobLength(self.kngc.len()))
            .finish()
    }
}

/// The answer to a key registration (PROV-W3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyResponse {
    /// The record of the key; not its KeyID.
    pub kid: Guid,
    /// Whose key it is.
    pub upn: String,
    /// CMS SignedData over a [`ProvisioningContext`], which the client sends back with its certificate request.
    #[serde(
        default,
        with = "optional_base64",
        skip_serializing_if = "Option::is_none"
    )]
    pub pctx: Option<Vec<u8>>,
    /// A tenant's receipt for the key, as it was sent: an opaque text (protocols C.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub krctx: Option<String>,
}

impl fmt::Debug for KeyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyResponse")
            .field("kid", &self.kid)
            .field("upn", &self.upn)
            .finish_non_exhaustive()
    }
}

/// What a provisioning context says (PROV-W7): the domain controller that already has the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProvisioningContext {
    /// Its host name.
    pub domain_controller_fqdn: String,
}
