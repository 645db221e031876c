//! Pre-authentication: who proves to be the client, and by what (RFC 4120 5.2.7, protocols E.2).

mod encrypted_challenge;
mod encrypted_timestamp;
mod hints;
pub(crate) mod pkinit;

use crypto::etype::Key;
use directory::Account;
use ticket::{Keys, VersionedKey};
use trust::{Rng, Timestamp};
use wire::kerberos::{AsReq, PaData, PaDataType};

use self::pkinit::Signed;
use self::pkinit::certificate_trust::Certified;
use self::pkinit::freshness::Fresh;
use self::pkinit::key_trust::Trusted;
use crate::View;
use crate::crypto_policy::OldCrypto;
use crate::fast::Armor;
use crate::memory::Received;
use crate::refused::Refused;

pub(crate) use hints::{etype_info2, hints};

/// Proof that the client is who it says. A ticket is made of nothing less.
pub(crate) enum Proof<'a> {
    /// It knew the key of the password, now.
    Password(encrypted_timestamp::Proven<'a>),
    /// It signed with a listed key or a certificate, now.
    Key(Box<pkinit::Proven>),
}

impl<'a> Proof<'a> {
    /// Judges the strongest thing that the request offers.
    ///
    /// # Errors
    /// [`Refused::PreauthRequired`] when it offers nothing, else why it does not prove anything.
    pub(crate) fn of(
        received: &Received<'_, AsReq>,
        armor: Option<&Armor>,
        account: &'a Account,
        krbtgt: &impl Keys,
        view: &View<'_>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Self, Refused> {
        let request = received.request;
        if let Some(padata) = request.find_padata(PaDataType::PK_AS_REQ) {
            let (sources, limit) = (&view.memory.sources, view.realm.sources.garbage);
            sources.check_garbage(received.from, limit, now)?;
            let proven = pkinit::verify(received, padata, account, krbtgt, view, now, rng);
            if proven.as_ref().is_err_and(Refused::is_garbage) {
                sources.garbage(received.from, limit, now);
            }
            let proven = proven?;
            if view.memory.is_first_attempt(account.id, &received.id, now) {
                sources.succeeded(account.id, received.from, now);
            }
            return Ok(Self::Key(Box::new(proven)));
        }
        if let Some(armor) = armor
            && let Some(padata) = request.find_padata(PaDataType::ENCRYPTED_CHALLENGE)
        {
            let proven =
                encrypted_challenge::verify(padata, armor, account, received.from, view, now)?;
            return Ok(Self::Password(proven));
        }
        if let Some(padata) = request.find_padata(PaDataType::ENC_TIMESTAMP) {
            let proven = encrypted_timestamp::verify(padata, account, received.from, view, now)?;
            return Ok(Self::Password(proven));
        }
        Err(Refused::PreauthRequired)
    }

    /// What the reply to an encrypted challenge proves in turn.
    pub(crate) fn answer(&self, now: Timestamp, rng: &mut dyn Rng) -> Option<PaData> {
        match self {
            Self::Password(proven) => {
                let key = proven.answered_with.as_ref()?;
                Some(encrypted_challenge::answer(key, now, rng))
            }
            Self::Key(_) => None,
        }
    }

    /// The key that signed in, if it was one.
    pub(crate) fn key(&self) -> Option<&Trusted> {
        match self {
            Self::Password(_) => None,
            Self::Key(proven) => match &proven.signed {
                Signed::Listed(key) => Some(key),
                Signed::Certified(_) => None,
            },
        }
    }

    /// The certificate that signed in, if it was one.
    pub(crate) fn certificate(&self) -> Option<&Certified> {
        match self {
            Self::Password(_) => None,
            Self::Key(proven) => match &proven.signed {
                Signed::Listed(_) => None,
                Signed::Certified(certificate) => Some(certificate),
            },
        }
    }

    /// What old cryptography it used, as switches allow it.
    pub(crate) fn old(&self) -> &[OldCrypto] {
        match self {
            Self::Password(_) => &[],
            Self::Key(proven) => &proven.old,
        }
    }

    /// Whether the request was made on a token of ours.
    pub(crate) fn fresh(&self) -> Option<Fresh> {
        match self {
            Self::Password(_) => None,
            Self::Key(proven) => proven.fresh,
        }
    }
}

/// What the reply's encrypted part is encrypted with.
pub(crate) enum ReplyKey<'a> {
    /// The client's long-term key.
    LongTerm(VersionedKey<'a>),
    /// A key of this exchange alone: of an agreement, or strengthened under armor.
    Agreed(Key),
}

impl ReplyKey<'_> {
    /// The key itself.
    pub(crate) fn key(&self) -> &Key {
        match self {
            Self::LongTerm(key) => key.key.key(),
            Self::Agreed(key) => key,
        }
    }
}
