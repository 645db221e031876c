//! What a Kerberos client of GSS-API calls the connection that it is on (RFC 4121 4.1.1.2): MD5 over the channel bindings.
//!
//! The protocol fixes MD5. What it has to withstand is a second preimage: whoever stands between client and server would
//! need a TLS certificate of its own whose bindings have the same digest, and MD5 withstands that (RFC 6151 2.1 breaks
//! collisions alone). The digest of the certificate within is a modern one.

use md5::Digest as _;

use crate::digest;
use crate::signature::{SignatureAlgorithm, UnacceptableAlgorithm};

/// How the bindings of a server's certificate begin (RFC 5929 4, RFC 5056 2.1).
const SERVER_END_POINT: &[u8] = b"tls-server-end-point:";

/// The digest of the channel bindings `tls-server-end-point` of a server's certificate (DER) that is signed by the algorithm of
/// that identifier (DER). `None` for an algorithm whose bindings RFC 5929 4.1 does not define, or that we do not know.
#[must_use]
pub fn server_end_point(certificate: &[u8], signature_algorithm: &[u8]) -> Option<[u8; 16]> {
    use SignatureAlgorithm as By;
    let digest = match SignatureAlgorithm::from_identifier_der(signature_algorithm) {
        Ok(By::RsaPkcs1Sha256 | By::RsaPssSha256 | By::EcdsaSha256)
        // Old digests are replaced (RFC 5929 4.1).
        | Err(UnacceptableAlgorithm::Sha1) => digest::sha256(certificate).to_vec(),
        Ok(By::RsaPkcs1Sha384 | By::EcdsaSha384) => digest::sha384(certificate).to_vec(),
        Ok(By::RsaPkcs1Sha512 | By::EcdsaSha512) => digest::sha512(certificate).to_vec(),
        Err(_) => return None,
    };
    Some(without_addresses(&[SERVER_END_POINT, &digest].concat()))
}

/// MD5 over `gss_channel_bindings_struct` without addresses: their types and lengths are zeros, each of four bytes, and the
/// application's data stand behind their length, both little-endian (RFC 4121 4.1.1.2).
fn without_addresses(data: &[u8]) -> [u8; 16] {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    md5::Md5::new()
        .chain_update([0; 16])
        .chain_update(length.to_le_bytes())
        .chain_update(data)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    #[test]
    fn the_digest_is_the_signature_s_and_old_ones_are_replaced() {
        // Computed with Python's hashlib by the words of RFC 5929 4.1 and RFC 4121 4.1.1.2.
        let sha256 = Some(hex!("a8398e96473163fef6cae76013e8ab5a"));
        let sha384 = Some(hex!("739577dd5d88de0182832d9514adc780"));
        let of = |identifier: &[u8]| server_end_point(b"certificate", identifier);
        assert_eq!(
            of(&SignatureAlgorithm::EcdsaSha256.identifier_der()),
            sha256
        );
        assert_eq!(
            of(&SignatureAlgorithm::RsaPkcs1Sha256.identifier_der()),
            sha256
        );
        assert_eq!(
            of(&SignatureAlgorithm::EcdsaSha384.identifier_der()),
            sha384
        );
        // sha1WithRSAEncryption.
        assert_eq!(of(&hex!("300d06092a864886f70d0101050500")), sha256);
        // Ed25519, whose digest nobody has defined.
        assert_eq!(of(&hex!("300506032b6570")), None);
        assert_eq!(of(b""), None);
    }
}
