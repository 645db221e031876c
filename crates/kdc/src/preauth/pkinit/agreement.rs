//! The reply key: agreement and key derivation (RFC 4556 3.2.3.1, RFC 5349, RFC 8636; protocols E.3.2, E.3.3).

use crypto::agreement::{Ephemeral, Group, LegacyModp1024, SharedSecret};
use crypto::etype::{Etype, Key};
use crypto::kdf::{self, PkinitKdf};
use crypto::key::Curve;
use trust::Rng;
use wire::kerberos::{EncryptionType, KdcReqBody, PrincipalName, Realm};
use wire::pkinit::{
    AuthPack, DomainParameters, KdfAlgorithmId, OtherInfo, PkinitSuppPubInfo, PublicValue,
    TdDhParameters, encode_dh_public_key,
};

use crate::crypto_policy::CryptoPolicy;
use crate::refused::Refused;

/// Length of our nonce, as long as those that clients send.
const NONCE_LENGTH: usize = 32;

/// What both sides know, and what the client must be told to know it.
pub(crate) struct Agreed {
    secret: SharedSecret,
    /// The contents of KDCDHKeyInfo's subjectPublicKey.
    pub(crate) public_value: Vec<u8>,
    /// The function that makes the key of it; `None` for RFC 4556's own.
    kdf: Option<PkinitKdf>,
    /// Ours, where the client sent one.
    pub(crate) server_nonce: Option<Vec<u8>>,
    client_nonce: Option<Vec<u8>>,
    /// Whether it is the group of 1024 bits (`kdc.pkinit_modp1024`).
    pub(crate) in_modp_1024: bool,
}

/// Agrees with the client. A key of ours serves this exchange alone.
///
/// # Errors
/// [`Refused::PublicKeyEncryption`] without a public value, [`Refused::DhParameters`] where the group is not
/// one of ours or the value not one of the group, [`Refused::NoAcceptableKdf`].
pub(crate) fn agree(
    pack: &AuthPack,
    policy: &CryptoPolicy,
    rng: &mut dyn Rng,
) -> Result<Agreed, Refused> {
    let value = pack
        .public_value()
        .map_err(|_| Refused::DhParameters)?
        .ok_or(Refused::PublicKeyEncryption)?;
    let (group, theirs) = group_of(&value)
        .filter(|(group, _)| policy.takes_group(*group))
        .ok_or(Refused::DhParameters)?;
    let kdf = choose_kdf(pack)?;
    let ours = match group {
        Group::Modp1024 => Ephemeral::in_modp_1024(LegacyModp1024, &rng.bytes()),
        group => Ephemeral::new(group, &rng.bytes()),
    };
    let ours = ours.map_err(|_| Refused::Fault)?;
    let public_value = match group.curve() {
        Some(_) => ours.public_value().to_vec(),
        None => encode_dh_public_key(ours.public_value()),
    };
    let secret = ours.agree(theirs).map_err(|_| Refused::DhParameters)?;
    let client_nonce = pack.client_dh_nonce.clone();
    Ok(Agreed {
        secret,
        public_value,
        kdf,
        server_nonce: client_nonce
            .is_some()
            .then(|| rng.bytes::<NONCE_LENGTH>().to_vec()),
        client_nonce,
        in_modp_1024: group == Group::Modp1024,
    })
}

/// The group and the client's value, if it is a group that we know. The order `q` is not looked at:
/// clients send 0 for it, and the primes are known.
fn group_of<'a>(value: &PublicValue<'a>) -> Option<(Group, &'a [u8])> {
    match value {
        PublicValue::Dh { parameters, public } => {
            Some((Group::from_modp(parameters.p, parameters.g)?, *public))
        }
        PublicValue::Ec { curve, point } => {
            Some((Group::from_curve(Curve::from_oid(curve)?), *point))
        }
        PublicValue::Other(_) => None,
    }
}

/// The strongest function that the client offers (no downgrade, RFC 8636 6).
fn choose_kdf(pack: &AuthPack) -> Result<Option<PkinitKdf>, Refused> {
    let Some(offered) = &pack.supported_kdfs else {
        return Ok(None);
    };
    let offered: Vec<_> = offered.iter().map(|offered| offered.kdf_id).collect();
    match PkinitKdf::choose(&offered) {
        Some(kdf) => Ok(Some(kdf)),
        None => Err(Refused::NoAcceptableKdf),
    }
}

/// For which request and reply the key is derived.
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a [u8],
    pub(crate) body: &'a KdcReqBody,
    pub(crate) client_realm: &'a Realm,
    pub(crate) client: &'a PrincipalName,
    pub(crate) service: &'a PrincipalName,
    /// The content of PA-PK-AS-REP, as it is sent.
    pub(crate) reply: &'a [u8],
}

impl Agreed {
    /// The function, as the reply names it.
    pub(crate) fn kdf(&self) -> Option<KdfAlgorithmId> {
        self.kdf.map(|kdf| KdfAlgorithmId::new(kdf.oid()))
    }

    /// The reply key.
    pub(crate) fn reply_key(&self, etype: Etype, exchange: &Exchange<'_>) -> Key {
        let Some(kdf) = self.kdf else {
            let client = self.client_nonce.as_deref();
            let nonces = client.zip(self.server_nonce.as_deref());
            return kdf::octetstring_to_key(etype, &self.secret, nonces);
        };
        let info = OtherInfo {
            kdf: kdf.oid(),
            client_realm: exchange.client_realm,
            client: exchange.client,
            server_realm: &exchange.body.realm,
            server: exchange.service,
            supp_pub_info: PkinitSuppPubInfo {
                enctype: EncryptionType(etype.number()),
                as_req: exchange.request,
                pk_as_rep: exchange.reply,
            },
        };
        kdf.derive(etype, &self.secret, &info.encode())
    }
}

/// The groups that we compute in, the preferred one first, for a client that offered none of them
/// (TD-DH-PARAMETERS).
pub(crate) fn accepted_groups(policy: &CryptoPolicy) -> Vec<u8> {
    let algorithms = policy.groups().filter_map(|group| match group.curve() {
        Some(curve) => PublicValue::Ec {
            curve: curve.oid(),
            point: &[],
        }
        .to_key()
        .ok()?
        .map(|key| key.algorithm),
        None => {
            let order = group.subgroup_order();
            DomainParameters {
                p: group.modulus()?,
                g: &[2],
                q: order.as_deref(),
            }
            .algorithm()
            .ok()
        }
    });
    algorithms.collect::<TdDhParameters>().encode()
}
