//! PKINIT from the client's side (RFC 4556 3.2.1, 3.2.4; RFC 8636; RFC 8070).

use crypto::agreement::{Ephemeral, Group};
use crypto::constant_time;
use crypto::digest::{self, DigestAlgorithm};
use crypto::etype::{Etype, Key};
use crypto::kdf::{self, PkinitKdf};
use crypto::key::PublicKey;
use crypto::signature::{SignatureAlgorithm, Signer, Verifier};
use trust::{Rng, Timestamp};
use wire::asn1::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef, Extensions, OwnedToRef as _};
use wire::cms::{
    IssuerAndSerialNumber, SignedAttributes, SignedData, SignerIdentifier, SignerInfo,
};
use wire::kerberos::{EncryptionType, KdcReqBody, Microseconds, PaData, PaDataType};
use wire::pkinit::{
    AuthPack, DhRepInfo, DomainParameters, KdcDhKeyInfo, KdfAlgorithmId, OtherInfo, PaChecksum2,
    PaPkAsRep, PaPkAsReq, PkAuthenticator, PkinitSuppPubInfo, PublicValue, TdDhParameters,
    dh_public_key, oid,
};
use wire::x509::Certificate;

use super::kdc_certificate::{KdcRefused, KdcTrust};
use super::{Failed, kerberos_time};

/// Our half of an agreement that waits for the KDC's.
pub(super) struct Offered {
    ephemeral: Ephemeral,
    nonce: u32,
}

/// A signed PA-PK-AS-REQ over `body`, and what must be kept for the answer.
pub(super) fn request(
    body: &[u8],
    signer: &dyn Signer,
    certificate: &[u8],
    group: Group,
    freshness_token: Option<Vec<u8>>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<(PaData, Offered), Failed> {
    let ephemeral = Ephemeral::new(group, &rng.bytes()).map_err(|_| Failed::Agreement)?;
    let nonce = u32::from_be_bytes(rng.bytes()) & 0x7fff_ffff;
    let pack = AuthPack {
        pk_authenticator: PkAuthenticator {
            cusec: Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
            ctime: kerberos_time(now),
            nonce: nonce.into(),
            pa_checksum: Some(digest::sha1(body).to_vec()),
            freshness_token,
            pa_checksum2: Some(PaChecksum2 {
                checksum: digest::sha256(body).to_vec(),
                algorithm_identifier: AlgorithmIdentifierOwned {
                    oid: DigestAlgorithm::Sha256.oid(),
                    parameters: None,
                },
            }),
            extensions: Extensions::NONE,
        },
        client_public_value: public_value(&ephemeral).ok_or(Failed::Agreement)?,
        supported_cms_types: None,
        client_dh_nonce: None,
        supported_kdfs: Some(
            [PkinitKdf::Sha256, PkinitKdf::Sha512, PkinitKdf::Sha1]
                .map(|kdf| KdfAlgorithmId::new(kdf.oid()))
                .into(),
        ),
        extensions: Extensions::NONE,
    }
    .encode();
    let message = PaPkAsReq {
        signed_auth_pack: sign(&pack, signer, certificate).ok_or(Failed::Sign)?,
        trusted_certifiers: None,
        kdc_pk_id: None,
        extensions: Extensions::NONE,
    };
    let padata = PaData::new(PaDataType::PK_AS_REQ, message.encode());
    Ok((padata, Offered { ephemeral, nonce }))
}

fn public_value(ephemeral: &Ephemeral) -> Option<Option<wire::asn1::SubjectPublicKeyInfoOwned>> {
    let group = ephemeral.group();
    let order = group.subgroup_order();
    let value = match group.curve() {
        Some(curve) => PublicValue::Ec {
            curve: curve.oid(),
            point: ephemeral.public_value(),
        },
        None => PublicValue::Dh {
            parameters: DomainParameters {
                p: group.modulus()?,
                g: &[2],
                q: order.as_deref(),
            },
            public: ephemeral.public_value(),
        },
    };
    value.to_key().ok()
}

fn sign(content: &[u8], signer: &dyn Signer, certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let digest = algorithm.digest();
    let attributes = SignedAttributes::encode(oid::AUTH_DATA, &digest.digest(content));
    let signature = signer.sign(algorithm, &attributes).ok()?;
    let parsed = Certificate::parse(certificate).ok()?;
    let name = IssuerAndSerialNumber::new(parsed.issuer().der(), parsed.serial()).ok()?;
    let identifier = algorithm.identifier();
    let info = SignerInfo::new(
        SignerIdentifier::IssuerAndSerialNumber(name),
        AlgorithmIdentifierRef {
            oid: digest.oid(),
            parameters: None,
        },
        Some(SignedAttributes::decode(&attributes).ok()?),
        identifier.owned_to_ref(),
        &signature,
    );
    let signed = SignedData::with_one_signer(oid::AUTH_DATA, content, &[certificate], info).ok()?;
    Some(signed.encode())
}

/// For which request a reply key is made.
pub(super) struct Exchange<'a> {
    /// The AS-REQ, as it was sent.
    pub(super) request: &'a [u8],
    pub(super) body: &'a KdcReqBody,
    pub(super) etype: Etype,
}

/// The reply key, from a PA-PK-AS-REP of a KDC that is to be trusted.
pub(super) fn reply_key(
    padata: &[u8],
    offered: Offered,
    exchange: &Exchange<'_>,
    trust: &KdcTrust,
    now: Timestamp,
) -> Result<Key, Failed> {
    let PaPkAsRep::DhInfo(info) = PaPkAsRep::decode(padata).map_err(|_| Failed::Malformed)? else {
        return Err(Failed::Mismatch("a key by agreement was asked for"));
    };
    let content = verified(&info, trust, &exchange.body.realm, now)?;
    let content = KdcDhKeyInfo::decode(&content).map_err(|_| Failed::Malformed)?;
    // Some KDCs repeat the body's nonce where RFC 4556 wants the authenticator's.
    let nonce = u32::from(content.nonce);
    if nonce != offered.nonce && nonce != u32::from(exchange.body.nonce) {
        return Err(Failed::Mismatch("the agreement's nonce"));
    }
    let theirs = match offered.ephemeral.group().curve() {
        Some(_) => content.subject_public_key.as_slice(),
        None => dh_public_key(&content.subject_public_key).map_err(|_| Failed::Malformed)?,
    };
    let secret = offered
        .ephemeral
        .agree(theirs)
        .map_err(|_| Failed::Mismatch("the agreement's public value"))?;
    let Some(chosen) = &info.kdf else {
        return Ok(kdf::octetstring_to_key(exchange.etype, &secret, None));
    };
    let kdf = PkinitKdf::from_oid(&chosen.kdf_id).ok_or(Failed::Mismatch("the key derivation"))?;
    let (Some(client), Some(server)) = (&exchange.body.cname, &exchange.body.sname) else {
        return Err(Failed::Mismatch("the names"));
    };
    let other = OtherInfo {
        kdf: chosen.kdf_id,
        client_realm: &exchange.body.realm,
        client,
        server_realm: &exchange.body.realm,
        server,
        supp_pub_info: PkinitSuppPubInfo {
            enctype: EncryptionType(exchange.etype.number()),
            as_req: exchange.request,
            pk_as_rep: padata,
        },
    };
    Ok(kdf.derive(exchange.etype, &secret, &other.encode()))
}

/// The signed content, of a KDC whose certificate and signature hold.
fn verified(
    info: &DhRepInfo,
    trust: &KdcTrust,
    realm: &str,
    now: Timestamp,
) -> Result<Vec<u8>, Failed> {
    let signed = SignedData::decode(&info.dh_signed_data).map_err(|_| Failed::Malformed)?;
    let content = signed.encap_content_info;
    let bytes = content.e_content.ok_or(Failed::Malformed)?;
    let signer = signed.single_signer().ok_or(Failed::Malformed)?;
    if content.e_content_type != oid::DH_KEY_DATA {
        return Err(Failed::Malformed);
    }
    let certificates: Vec<Certificate> = signed
        .certificates()
        .filter_map(|der| Certificate::parse(der).ok())
        .collect();
    let (leaf, others): (Vec<_>, Vec<_>) = certificates
        .into_iter()
        .partition(|certificate| is_signers(certificate, signer));
    let [leaf] = leaf.as_slice() else {
        return Err(KdcRefused::NoCertificate.into());
    };
    trust.judge(leaf, &others, realm, now)?;
    let key = PublicKey::from_spki_der(leaf.spki()).map_err(|_| KdcRefused::NoCertificate)?;
    let refused = |_| KdcRefused::Signature;
    let digest = signer.digest_algorithm.oid;
    let algorithm = SignatureAlgorithm::from_cms(&signer.signature_algorithm, &digest)
        .map_err(|_| KdcRefused::Signature)?;
    let covered = match &signer.signed_attrs {
        Some(attributes) => {
            let matches = attributes.content_type() == oid::DH_KEY_DATA
                && constant_time::equal(
                    attributes.message_digest(),
                    &algorithm.digest().digest(bytes),
                );
            if !matches {
                return Err(KdcRefused::Signature.into());
            }
            attributes.signed_bytes()
        }
        None => bytes.to_vec(),
    };
    Verifier::new(key)
        .verify(algorithm, &covered, signer.signature)
        .map_err(refused)?;
    Ok(bytes.to_vec())
}

fn is_signers(certificate: &Certificate, signer: &SignerInfo<'_>) -> bool {
    match signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(name) => {
            certificate.issuer().der() == name.issuer.as_bytes()
                && certificate.serial() == name.serial_number.as_bytes()
        }
        SignerIdentifier::SubjectKeyIdentifier(identifier) => certificate
            .extensions()
            .subject_key_identifier()
            .is_ok_and(|own| own.as_deref() == Some(identifier)),
    }
}

/// The first of the KDC's groups that we compute in beside the one that it did not take.
pub(super) fn group_offered(typed: &[u8], refused: Group) -> Option<Group> {
    let list = TdDhParameters::decode(typed).ok()?;
    list.iter().find_map(|algorithm| {
        let key = wire::asn1::SubjectPublicKeyInfoOwned {
            algorithm: algorithm.clone(),
            // A group without a value; two bytes that read as the INTEGER 0 in MODP groups.
            subject_public_key: wire::asn1::BitString::from_bytes(&[2, 1, 0]).ok()?,
        };
        let group = match PublicValue::read(&key).ok()? {
            PublicValue::Dh { parameters, .. } => Group::from_modp(parameters.p, parameters.g)?,
            PublicValue::Ec { curve, .. } => {
                Group::from_curve(crypto::key::Curve::from_oid(&curve)?)
            }
            PublicValue::Other(_) => return None,
        };
        (Group::SUPPORTED.contains(&group) && group != refused).then_some(group)
    })
}
