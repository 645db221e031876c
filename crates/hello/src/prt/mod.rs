//! Primary refresh tokens (5.8): what signs a person in at the tenant from this device, and how the device asks with it.
//!
//! A token is of no use without its session key, which came under the device's transport key (protocols A.8). Both are kept
//! sealed beside the vault. Each credential has a token of its own (PRT-5): a PIN's is not that of a password.

mod answer;
mod request;

use serde::{Deserialize, Serialize};
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::base64::SecretBytes;
use crate::file::{Slot, StateError};
use crate::hello::Hello;

pub use answer::{AccessToken, NotUnderstood};
pub use request::{BROKER_CLIENT, Credentials, NotSigned};

pub(crate) use answer::{PrtAnswer, opened, read};
pub(crate) use request::{
    DeviceSigner, assertion, by_assertion, by_refresh_token, for_token, form, renewal,
};

/// How old a token may be before it is renewed (PRT-3).
pub const RENEWED_AFTER: Span = Span::hours(4);

/// More tokens than people who can enrol with both kinds, and some who have not enrolled.
const MOST: usize = 32;

/// The length of a session key in bytes.
pub(crate) const SESSION_KEY: usize = 32;

/// What a person proved to get a token (PRT-5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The PIN: the user key signed.
    Hello,
    /// What the tenant's forms ask for, at a join or an enrolment.
    SignIn,
}

/// A primary refresh token that this device holds for a person.
#[derive(Clone, Serialize, Deserialize)]
pub struct Prt {
    upn: String,
    kind: Kind,
    tenant: Guid,
    device: Guid,
    token: SecretBytes,
    session_key: SecretBytes,
    /// Microseconds since 1970.
    got: i64,
    updated: i64,
    expires: i64,
    /// The latest moment at which somebody signed in by it while the tenant was away.
    #[serde(default)]
    seen: i64,
}

impl core::fmt::Debug for Prt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Prt")
            .field("upn", &self.upn)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What a new token was given for.
pub(crate) struct New<'a> {
    pub(crate) upn: &'a str,
    pub(crate) kind: Kind,
    pub(crate) tenant: Guid,
    pub(crate) device: Guid,
}

impl Prt {
    pub(crate) fn new(
        of: &New<'_>,
        answer: &PrtAnswer,
        session_key: Zeroizing<Vec<u8>>,
        now: Timestamp,
    ) -> Self {
        Self {
            upn: of.upn.to_owned(),
            kind: of.kind,
            tenant: of.tenant,
            device: of.device,
            token: secret(answer.refresh_token()),
            session_key: SecretBytes(session_key),
            got: now.micros(),
            updated: now.micros(),
            expires: answer.expires(now).micros(),
            seen: now.micros(),
        }
    }

    /// The same after a renewal, which leaves the session key as it is (CONF-18).
    pub(crate) fn renewed(&self, answer: &PrtAnswer, now: Timestamp) -> Self {
        Self {
            token: secret(answer.refresh_token()),
            updated: now.micros(),
            expires: answer.expires(now).micros(),
            seen: now.micros(),
            ..self.clone()
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn upn(&self) -> &str {
        &self.upn
    }

    /// What got it.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// When the person proved what got it.
    #[must_use]
    pub const fn got(&self) -> Timestamp {
        Timestamp::from_micros(self.got)
    }

    /// When it came, or was renewed last.
    #[must_use]
    pub const fn updated(&self) -> Timestamp {
        Timestamp::from_micros(self.updated)
    }

    /// Until when it is valid, for all that this device knows.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        Timestamp::from_micros(self.expires)
    }

    /// Whether it is time to renew it (PRT-3). A clock that was set back makes it so too.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        now.since(self.updated()) > RENEWED_AFTER || self.updated() > now
    }

    /// Whether it is valid at `now`. One from the future is not, nor one that was used later than that: the clock was set
    /// back, and who sets a clock makes nothing live longer.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        let latest = self.updated().max(Timestamp::from_micros(self.seen));
        latest.since(now) <= Span::minutes(5) && now < self.expires()
    }

    /// The token, as the tenant gave it.
    pub(crate) fn token(&self) -> &str {
        std::str::from_utf8(&self.token.0).unwrap_or_default()
    }

    pub(crate) fn session_key(&self) -> Result<Zeroizing<[u8; SESSION_KEY]>, NotSigned> {
        let mut key = Zeroizing::new([0; SESSION_KEY]);
        if self.session_key.0.len() != SESSION_KEY {
            return Err(NotSigned);
        }
        key.copy_from_slice(&self.session_key.0);
        Ok(key)
    }
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes(Zeroizing::new(text.as_bytes().to_vec()))
}

/// The tokens, as they are kept.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    tokens: Vec<Prt>,
}

impl Hello {
    /// The tokens of this device and its tenant that are kept, valid or not, the one that was updated last first.
    ///
    /// # Errors
    /// [`StateError`] when their file is there and cannot be used.
    pub fn prts(&self) -> Result<Vec<Prt>, StateError> {
        let Some(registration) = self.registration() else {
            return Ok(Vec::new());
        };
        let tenant = registration.tenant().map(|tenant| tenant.id);
        let mut tokens = self.kept()?.tokens;
        // Those of a registration before this one are of no use to anyone.
        tokens.retain(|prt| Some(prt.tenant) == tenant && prt.device == registration.device_id);
        tokens.sort_by_key(|prt| core::cmp::Reverse(prt.updated));
        Ok(tokens)
    }

    /// The person's token that is valid at `now`: of several, the one that was updated last.
    ///
    /// # Errors
    /// As [`prts`](Self::prts).
    pub fn prt(&self, upn: &str, now: Timestamp) -> Result<Option<Prt>, StateError> {
        let tokens = self.prts()?.into_iter();
        let mut theirs = tokens.filter(|prt| is_of(prt, upn) && prt.is_valid(now));
        Ok(theirs.next())
    }

    /// Keeps a token in the place of the person's former one of that kind.
    ///
    /// A file that was damaged, or copied from another device, is begun anew: what it held can be got again by
    /// signing in.
    pub(crate) fn keep_prt(&self, prt: &Prt, rng: &mut dyn Rng) -> Result<(), StateError> {
        let mut kept = match self.kept() {
            Err(StateError::Damaged(_)) => Kept::default(),
            kept => kept?,
        };
        kept.tokens
            .retain(|other| !(is_of(other, &prt.upn) && other.kind == prt.kind));
        kept.tokens.insert(0, prt.clone());
        kept.tokens.truncate(MOST);
        self.keeper.store(Slot::Prt, &kept, rng)
    }

    /// Notes that the person signed in at `now` by what is kept, or tried to: from then on no clock makes it earlier, and a
    /// token that was over stays so.
    pub(crate) fn note_use(
        &self,
        upn: &str,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<(), StateError> {
        let mut kept = self.kept()?;
        let theirs = kept.tokens.iter_mut().filter(|prt| is_of(prt, upn));
        let mut earlier = theirs.filter(|prt| prt.seen < now.micros()).peekable();
        if earlier.peek().is_none() {
            return Ok(());
        }
        earlier.for_each(|prt| prt.seen = now.micros());
        self.keeper.store(Slot::Prt, &kept, rng)
    }

    /// Forgets the person's tokens: the tenant said that they have ended, or the person is to sign in anew.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn forget_prt(&self, upn: &str, rng: &mut dyn Rng) -> Result<(), StateError> {
        let mut kept = match self.kept() {
            Err(StateError::Damaged(_)) => return self.forget_prts(rng),
            kept => kept?,
        };
        let before = kept.tokens.len();
        kept.tokens.retain(|prt| !is_of(prt, upn));
        match kept.tokens.len() == before {
            true => Ok(()),
            false => self.keeper.store(Slot::Prt, &kept, rng),
        }
    }

    /// Forgets everybody's tokens. Where none were ever kept, nothing is written.
    pub(crate) fn forget_prts(&self, rng: &mut dyn Rng) -> Result<(), StateError> {
        match self.kept() {
            Ok(kept) if kept.tokens.is_empty() => Ok(()),
            Ok(_) | Err(StateError::Damaged(_)) => {
                self.keeper.store(Slot::Prt, &Kept::default(), rng)
            }
            Err(other) => Err(other),
        }
    }

    fn kept(&self) -> Result<Kept, StateError> {
        Ok(self.keeper.load(Slot::Prt)?.unwrap_or_default())
    }
}

fn is_of(prt: &Prt, upn: &str) -> bool {
    prt.upn.eq_ignore_ascii_case(upn)
}
