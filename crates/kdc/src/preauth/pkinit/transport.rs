//! A reply key under the client's RSA key (RFC 4556 3.2.3.2; protocols E.3.1 step 9), behind `kdc.pkinit_rsa_mode`.
//!
//! Its content is encrypted by AES-256 alone: there is no des-ede3-cbc here, so a client that says that it takes
//! nothing else is refused.

use crypto::envelope;
use crypto::etype::{Etype, Key};
use crypto::key::PublicKey;
use trust::Rng;
use wire::asn1::Extensions;
use wire::cms::{Aes256Sealed, EnvelopedData, IssuerAndSerialNumber, oid as cms_oid};
use wire::kerberos::{Checksum, ChecksumType, KeyUsage};
use wire::pkinit::{AuthPack, PaPkAsRep, ReplyKeyPack, oid};
use wire::x509::Certificate;
use zeroize::Zeroizing;

use super::reply::sign;
use super::signed::key_of;
use crate::identity::Identity;
use crate::issue;
use crate::refused::Refused;

/// To whom the reply key goes, and the chance that it is made of.
pub(crate) struct Transported {
    to: PublicKey,
    /// The certificate that the key is in, as EnvelopedData names it.
    issuer: Vec<u8>,
    serial: Vec<u8>,
    reply: Zeroizing<[u8; 32]>,
    content: Zeroizing<[u8; envelope::KEY_LEN]>,
    vector: [u8; envelope::IV_LEN],
}

/// Prepares a reply key for the client that signed with the key in `certificate`.
///
/// # Errors
/// [`Refused::PublicKeyEncryption`] without a certificate of an RSA key to encrypt to, or where the client takes no
/// content encryption that there is.
pub(crate) fn prepare(
    pack: &AuthPack,
    certificate: Option<&Certificate>,
    rng: &mut dyn Rng,
) -> Result<Transported, Refused> {
    let takes_aes = pack.supported_cms_types.as_ref().is_none_or(|types| {
        let mut types = types.iter();
        types.any(|algorithm| algorithm.oid == cms_oid::AES256_CBC)
    });
    let certificate = certificate.filter(|_| takes_aes);
    let certificate = certificate.ok_or(Refused::PublicKeyEncryption)?;
    let to = key_of(certificate)?;
    if !matches!(to, PublicKey::Rsa(_)) {
        return Err(Refused::PublicKeyEncryption);
    }
    Ok(Transported {
        to,
        issuer: certificate.issuer().der().to_vec(),
        serial: certificate.serial().to_vec(),
        reply: Zeroizing::new(rng.bytes()),
        content: Zeroizing::new(rng.bytes()),
        vector: rng.bytes(),
    })
}

impl Transported {
    /// The reply, and the key in it. `request` is the whole AS-REQ as it came.
    pub(crate) fn reply(
        &self,
        etype: Etype,
        request: &[u8],
        identity: &Identity,
    ) -> Result<(PaPkAsRep, Key), Refused> {
        let key = Key::random_to_key(etype, &self.reply);
        // Usage 6, which RFC 4556 borrows from the TGS exchange.
        let usage = KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM;
        let pack = ReplyKeyPack {
            reply_key: issue::key_of(&key),
            as_checksum: Checksum {
                cksumtype: ChecksumType(etype.checksum_type()),
                checksum: key.checksum(usage, request).to_vec(),
            },
            extensions: Extensions::NONE,
        };
        let signed = sign(oid::REPLY_KEY_DATA, &pack.encode(), identity, |signed| {
            signed.encode_bare()
        });
        let signed = Zeroizing::new(signed.ok_or(Refused::Fault)?);
        let enveloped = self.envelop(&signed).ok_or(Refused::Fault)?;
        Ok((PaPkAsRep::EncKeyPack(enveloped), key))
    }

    fn envelop(&self, signed: &[u8]) -> Option<Vec<u8>> {
        let key = envelope::transport(&self.to, &self.content).ok()?;
        let content = envelope::encrypt(signed, &self.content, &self.vector).ok()?;
        let sealed = Aes256Sealed {
            key: &key,
            vector: &self.vector,
            content: &content,
        };
        let rid = IssuerAndSerialNumber::new(&self.issuer, &self.serial).ok()?;
        EnvelopedData::encode_for_one(rid, cms_oid::SIGNED_DATA, sealed).ok()
    }
}
