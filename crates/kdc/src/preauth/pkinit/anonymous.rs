//! Key agreement with somebody who does not say who it is (RFC 8062 4.1): the AuthPack comes in SignedData that nobody
//! signed, and proves nothing but that it was made for this request, now.

use trust::{Rng, Timestamp};
use wire::cms::SignedData;
use wire::kerberos::AsReq;
use wire::pkinit::{AuthPack, PaPkAsReq, oid};

use super::{Half, Made, agreement, bound};
use crate::View;
use crate::crypto_policy::CryptoPolicy;
use crate::memory::Received;
use crate::refused::Refused;

/// Agrees on a key with an anonymous client. That there is a Diffie-Hellman value is a must here (RFC 8062 4.1).
///
/// # Errors
/// [`Refused`], saying which step failed.
pub(crate) fn agree(
    received: &Received<'_, AsReq>,
    padata: &[u8],
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Half, Refused> {
    if view.identities.is_empty() {
        return Err(Refused::PkinitNotOffered);
    }
    let message = PaPkAsReq::decode(padata)
        .map_err(|_| Refused::MalformedPkinit("the PA-PK-AS-REQ is malformed"))?;
    let unsigned = SignedData::decode(&message.signed_auth_pack)
        .map_err(|_| Refused::MalformedPkinit("the SignedData is malformed"))?;
    if unsigned.encap_content_info.e_content_type != oid::AUTH_DATA {
        return Err(Refused::MalformedPkinit(
            "the unsigned content is no AuthPack",
        ));
    }
    // Who signs is not anonymous: a signature that nobody checks must not look like one that somebody did.
    if !unsigned.signer_infos.is_empty() || unsigned.certificates().next().is_some() {
        return Err(Refused::MalformedPkinit(
            "an anonymous client signs, or shows a certificate",
        ));
    }
    let content = unsigned.encap_content_info.e_content;
    let content = content.ok_or(Refused::MalformedPkinit("there is no unsigned content"))?;
    let pack = AuthPack::decode(content)
        .map_err(|_| Refused::MalformedPkinit("the AuthPack is malformed"))?;
    let authenticator = &pack.pk_authenticator;
    let maker = crypto::digest::sha256(content);
    bound::check_by(authenticator, received, &maker, view, now)?;
    Ok(Half {
        // Without the old groups: what needs them has no use for armor.
        made: Made::Agreed(agreement::agree(&pack, &CryptoPolicy::default(), rng)?),
        nonce: authenticator.nonce.into(),
        until: now + view.realm.lifetimes.skew,
        elliptic: false,
        trusted_certifiers: message
            .trusted_certifiers
            .map(|list| list.into_vec())
            .unwrap_or_default(),
    })
}
