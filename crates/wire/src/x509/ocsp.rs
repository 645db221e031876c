//! The Online Certificate Status Protocol (RFC 6960): what is asked about certificates, and what is answered.
//!
//! As with certificates, what was signed is kept byte for byte ([`BasicResponse::tbs`]); whether the signer
//! may speak for the issuer, and whether the answer is fresh, is for `trust` to say.

mod request;
mod response;

pub use request::{CertId, OcspRequest};
pub use response::{
    BasicResponse, CertificateStatus, OcspResponse, ResponderId, ResponseData, SingleResponse,
    assemble,
};

use super::read::{self, Reader};
use super::{Extension, Extensions, Malformed, Result, oid, tag, write};

/// The longest nonce that is read, in bytes (RFC 9654 2.1).
pub const MAX_NONCE: usize = 128;

/// The octets of a public key inside its SubjectPublicKeyInfo.
pub(super) fn key_octets(spki: &[u8]) -> Result<&[u8]> {
    const WHAT: &str = "the public key";
    let mut inside = read::only(spki, tag::SEQUENCE, WHAT)?;
    inside.expect(tag::SEQUENCE, WHAT)?;
    inside.bit_string(WHAT)
}

/// `version [0] EXPLICIT Version DEFAULT v1`; v1 is all there is. Written out it is not DER, but read.
fn read_version(reader: &mut Reader<'_>, what: &'static str) -> Result<()> {
    let Some(wrapper) = reader.optional(tag::context_constructed(0))? else {
        return Ok(());
    };
    let mut inside = reader.inside(&wrapper);
    match inside.integer(what)? {
        [0] => inside.finish(),
        _ => Err(Malformed::Unexpected("the version")),
    }
}

fn read_extensions(reader: &mut Reader<'_>, number: u8) -> Result<Extensions> {
    let Some(wrapper) = reader.optional(tag::context_constructed(number))? else {
        return Ok(Extensions::default());
    };
    let mut inside = reader.inside(&wrapper);
    let extensions = Extensions::read(&mut inside)?;
    inside.finish()?;
    Ok(extensions)
}

fn encode_extensions(number: u8, extensions: &Extensions) -> Vec<u8> {
    match Extensions::encode(extensions.as_slice()) {
        none if none.is_empty() => none,
        list => write::element(tag::context_constructed(number), &list),
    }
}

impl Extension {
    /// The nonce of a request, and of the response to it (RFC 9654 2.1): 1 to 128 bytes, 32 are right.
    #[must_use]
    pub fn ocsp_nonce(nonce: &[u8]) -> Self {
        Self {
            oid: oid::OCSP_NONCE,
            critical: false,
            value: write::octet_string(nonce),
        }
    }
}

impl Extensions {
    /// The nonce of a request or a response.
    ///
    /// # Errors
    /// When malformed, empty or longer than [`MAX_NONCE`].
    pub fn ocsp_nonce(&self) -> Result<Option<Vec<u8>>> {
        self.decode(oid::OCSP_NONCE, |value| {
            const WHAT: &str = "the OCSP nonce";
            match read::only(value, tag::OCTET_STRING, WHAT)?.rest() {
                [] => Err(Malformed::Unexpected(WHAT)),
                nonce if nonce.len() > MAX_NONCE => Err(Malformed::Unexpected(WHAT)),
                nonce => Ok(nonce.to_vec()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
