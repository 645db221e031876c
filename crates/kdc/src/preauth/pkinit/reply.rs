//! PA-PK-AS-REP: our half of the agreement, signed with the KDC's key (RFC 4556 3.2.3.1).

use crypto::etype::{Etype, Key};
use wire::asn1::{AlgorithmIdentifierRef, ObjectIdentifier, OwnedToRef as _};
use wire::cms::{
    IssuerAndSerialNumber, SignedAttributes, SignedData, SignerIdentifier, SignerInfo,
};
use wire::kerberos::{KdcReqBody, PaData, PaDataType};
use wire::pkinit::{DhRepInfo, KdcDhKeyInfo, PaPkAsRep, oid};

use super::agreement::Exchange;
use super::{Half, Made, Parties};
use crate::identity::Identity;
use crate::lifetime::kerberos_time;
use crate::refused::Refused;

/// What the client needs to make the reply key, and the key.
pub(crate) struct Reply {
    pub(crate) padata: PaData,
    pub(crate) key: Key,
}

/// Answers a proven request. `request` is the whole AS-REQ as it came.
///
/// # Errors
/// [`Refused::KdcNotTrusted`] when the client trusts none of our certifiers; [`Refused::Fault`].
pub(crate) fn answer(
    half: &Half,
    request: &[u8],
    body: &KdcReqBody,
    parties: &Parties<'_>,
    etype: Etype,
    identities: &[Identity],
) -> Result<Reply, Refused> {
    let identity = choose(half, identities)?;
    let agreed = match &half.made {
        Made::Agreed(agreed) => agreed,
        Made::Transported(transported) => {
            let (reply, key) = transported.reply(etype, request, identity)?;
            return Ok(Reply {
                padata: PaData::new(PaDataType::PK_AS_REP, reply.encode()),
                key,
            });
        }
    };
    let info = KdcDhKeyInfo {
        subject_public_key: agreed.public_value.clone(),
        nonce: half.nonce.into(),
        // Where the server's nonce is, so must this be, or clients take neither (RFC 4556 3.2.3.1; Heimdal's does not).
        dh_key_expiration: agreed
            .server_nonce
            .as_ref()
            .map(|_| kerberos_time(half.until)),
        extensions: wire::asn1::Extensions::NONE,
    };
    let reply = PaPkAsRep::DhInfo(DhRepInfo {
        dh_signed_data: sign(oid::DH_KEY_DATA, &info.encode(), identity, |signed| {
            signed.encode()
        })
        .ok_or(Refused::Fault)?,
        server_dh_nonce: agreed.server_nonce.clone(),
        kdf: agreed.kdf(),
        extensions: wire::asn1::Extensions::NONE,
    })
    .encode();
    let key = agreed.reply_key(
        etype,
        &Exchange {
            request,
            body,
            client_realm: parties.client_realm,
            client: parties.client,
            service: parties.service,
            reply: &reply,
        },
    );
    Ok(Reply {
        padata: PaData::new(PaDataType::PK_AS_REP, reply),
        key,
    })
}

/// The certificate that suits the client: of an issuer that it trusts, and of the kind it signs with.
fn choose<'i>(half: &Half, identities: &'i [Identity]) -> Result<&'i Identity, Refused> {
    let trusted: Vec<&Identity> = identities
        .iter()
        .filter(|identity| identity.satisfies(&half.trusted_certifiers))
        .collect();
    if trusted.is_empty() && !identities.is_empty() {
        return Err(Refused::KdcNotTrusted);
    }
    trusted
        .iter()
        .find(|identity| identity.is_elliptic() == half.elliptic)
        .or(trusted.first())
        .copied()
        .ok_or(Refused::Fault)
}

/// Signs content of a type with the KDC's key, in the form that `encode` gives it.
pub(super) fn sign(
    kind: ObjectIdentifier,
    content: &[u8],
    identity: &Identity,
    encode: impl FnOnce(&SignedData<'_>) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let digest = identity.algorithm().digest();
    let attributes = SignedAttributes::encode(kind, &digest.digest(content));
    let signature = identity.sign(&attributes)?;
    let name = IssuerAndSerialNumber::read(identity.issuer_and_serial()).ok()?;
    let signature_algorithm = identity.algorithm().identifier();
    let signer = SignerInfo::new(
        SignerIdentifier::IssuerAndSerialNumber(name),
        AlgorithmIdentifierRef {
            oid: digest.oid(),
            parameters: None,
        },
        Some(SignedAttributes::decode(&attributes).ok()?),
        signature_algorithm.owned_to_ref(),
        &signature,
    );
    let certificates: Vec<&[u8]> = identity.path().collect();
    SignedData::with_one_signer(kind, content, &certificates, signer)
        .ok()
        .map(|signed| encode(&signed))
}
