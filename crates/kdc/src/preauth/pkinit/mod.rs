//! PKINIT at the KDC (RFC 4556, protocols E.3.1), step by step:
//! what was signed ([`signed`]), by whom ([`key_trust`], [`certificate_trust`]), for this request and now ([`bound`]), lately
//! ([`freshness`]), and the key that both sides make of it ([`agreement`]), or that we make alone ([`transport`]).

pub(crate) mod agreement;
pub(crate) mod anonymous;
mod bound;
pub(crate) mod certificate_trust;
pub(crate) mod freshness;
pub(crate) mod key_trust;
mod reply;
mod signed;
pub(crate) mod told;
mod transport;

use crypto::key::Fingerprint;
use ticket::Keys;
use trust::path;
use trust::{Rng, Timestamp};
use wire::cms::SignedData;
use wire::kerberos::{AsReq, PaDataType, PrincipalName, Realm};
use wire::pkinit::PaPkAsReq;

use self::agreement::Agreed;
use self::certificate_trust::Certified;
use self::freshness::Fresh;
use self::key_trust::Trusted;
pub(crate) use self::reply::answer;
use self::signed::{Unverified, key_of};
use self::transport::Transported;
use crate::View;
use crate::crypto_policy::OldCrypto;
use crate::memory::Received;
use crate::refused::Refused;
use directory::Account;

/// Proof of whose signature it is. Only [`judge`] makes one.
pub(crate) enum Signed {
    /// A key's that the account lists.
    Listed(Trusted),
    /// A certificate's of the account's.
    Certified(Certified),
}

impl Signed {
    /// The key that made it.
    fn fingerprint(&self) -> &Fingerprint {
        match self {
            Self::Listed(key) => &key.fingerprint,
            Self::Certified(certificate) => &certificate.fingerprint,
        }
    }
}

/// Which rule decides (E.4 rule 0): a certificate whose path reaches a trusted issuer is judged by certificate trust
/// alone, any other and none by key trust alone.
fn judge(
    signed: &Unverified<'_>,
    account: &Account,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Signed, Refused> {
    if let Some(certificate) = &signed.certificate
        && path::reaches_trusted_issuer(certificate, &signed.others, view.issuers)
    {
        return certificate_trust::judge(signed, certificate, account, view, now)
            .map(Signed::Certified);
    }
    key_trust::judge(signed, account, &view.directory, view.memory).map(Signed::Listed)
}

/// Proof that the client signed this very request, now, with a key or a certificate of its account; and what
/// was agreed on the way. Only [`verify`] makes one.
pub(crate) struct Proven {
    /// Whose signature it is.
    pub(crate) signed: Signed,
    /// Whether the request was made on a token of ours.
    pub(crate) fresh: Option<Fresh>,
    /// What old cryptography was used, as switches allow it.
    pub(crate) old: Vec<OldCrypto>,
    /// Our half of the reply key.
    pub(crate) half: Half,
}

/// How the reply key is made, and how the client wants to be told of it.
pub(crate) struct Half {
    made: Made,
    /// The nonce of the PKAuthenticator, which KDCDHKeyInfo repeats.
    nonce: u32,
    /// Until when the KDC's half is good, for a client that sends a nonce of its own. A pair serves one exchange.
    until: Timestamp,
    /// Whether a signature by elliptic curves is preferred.
    elliptic: bool,
    trusted_certifiers: Vec<wire::pkinit::ExternalPrincipalIdentifier>,
}

/// How the reply key comes to the client.
enum Made {
    /// Both sides make it.
    Agreed(Agreed),
    /// It is sent under the client's key (`kdc.pkinit_rsa_mode`).
    Transported(Transported),
}

/// Judges the PKINIT request in `padata` for `account`, which was found by the name `client`.
///
/// # Errors
/// [`Refused`], saying which step failed.
pub(crate) fn verify(
    received: &Received<'_, AsReq>,
    padata: &[u8],
    account: &Account,
    krbtgt: &impl Keys,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Proven, Refused> {
    if view.identities.is_empty() {
        return Err(Refused::PkinitNotOffered);
    }
    // The draft's number, and the one that Windows 2000 sent it under (protocols E.2).
    let drafts = [PaDataType::PK_AS_REQ_OLD, PaDataType::PK_AS_REP_OLD];
    if drafts
        .iter()
        .any(|draft| received.request.find_padata(*draft).is_some())
    {
        return Err(Refused::TwoFormsOfPkinit);
    }
    let message = PaPkAsReq::decode(padata)
        .map_err(|_| Refused::MalformedPkinit("the PA-PK-AS-REQ is malformed"))?;
    let signed = SignedData::decode(&message.signed_auth_pack)
        .map_err(|_| Refused::MalformedPkinit("the SignedData is malformed"))?;
    let policy = &view.realm.crypto;
    let signed = Unverified::read(&signed, policy)?;
    let judged = judge(&signed, account, view, now)?;
    check_length(&signed, &judged, account, view)?;
    let pack = signed.verify(&judged)?;
    let authenticator = &pack.pk_authenticator;
    bound::check(authenticator, received, &judged, view, now)?;
    let fresh = match &authenticator.freshness_token {
        Some(token) => Some(freshness::verify(token, krbtgt, now)?),
        None if view.realm.require_freshness => return Err(Refused::FreshnessMissing),
        None => None,
    };
    let mut old = Vec::new();
    if signed.is_over_sha1() {
        old.push(OldCrypto::Sha1Cms);
    }
    let made = match pack.client_public_value {
        None if policy.pkinit_rsa_mode => {
            old.push(OldCrypto::RsaMode);
            let certificate = signed.certificate.as_ref();
            Made::Transported(transport::prepare(&pack, certificate, rng)?)
        }
        _ => {
            let agreed = agreement::agree(&pack, policy, rng)?;
            if agreed.in_modp_1024 {
                old.push(OldCrypto::Modp1024);
            }
            Made::Agreed(agreed)
        }
    };
    Ok(Proven {
        fresh,
        old,
        half: Half {
            made,
            nonce: authenticator.nonce.into(),
            until: now + view.realm.lifetimes.skew,
            elliptic: signed.is_elliptic(),
            trusted_certifiers: message
                .trusted_certifiers
                .map(|list| list.into_vec())
                .unwrap_or_default(),
        },
        signed: judged,
    })
}

/// Judges the length of the key that made the signature, which may not have come along.
fn check_length(
    signed: &Unverified<'_>,
    judged: &Signed,
    account: &Account,
    view: &View<'_>,
) -> Result<(), Refused> {
    let policy = &view.realm.crypto;
    let listed = account.sign_in_key(judged.fingerprint());
    // The very same key, and to read it from the certificate once more costs a look whether its point is on the curve.
    if let Some(verifier) = listed.and_then(|listed| listed.verifier.as_ref()) {
        return policy.check_key(verifier.key());
    }
    let certificate = signed.certificate.as_ref();
    certificate.map_or(Ok(()), |certificate| {
        policy.check_key(&key_of(certificate)?)
    })
}

/// The client, and the ticket-granting service or whatever else was asked for, as the key derivation wants them.
pub(crate) struct Parties<'a> {
    pub(crate) client_realm: &'a Realm,
    pub(crate) client: &'a PrincipalName,
    pub(crate) service: &'a PrincipalName,
}
