//! The gesture: one attempt at a PIN, and what it is answered.

use provisioning::Secret;
use trust::{Rng, Timestamp};

use crate::container::Containers;
use crate::hammering::NotYet;
use crate::vault::{Denied, Unlocked, Vault, VaultError};

/// One attempt at a PIN.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The PIN as it was typed.
    pub pin: &'a Secret,
    /// What was typed as the challenge phrase, when it was asked for (HAMR-3).
    pub challenge: Option<&'a str>,
    /// What tells one start of the operating system from the next, such as Linux's boot ID (HAMR-3).
    pub session: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// Why an attempt unlocked nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The person has no container on this device.
    #[error("this person has not enrolled on this device")]
    NotEnrolled,
    /// It was not judged: something is wanted first (HAMR-3).
    #[error(transparent)]
    NotYet(#[from] NotYet),
    /// It was judged, and wrong.
    #[error("the PIN is wrong{}", next_sentence(*.next))]
    WrongPin {
        /// What the next attempt will want first.
        next: Option<NotYet>,
    },
    /// It was not judged: the vault is locked (HAMR-1).
    #[error("the vault is locked after too many wrong PINs, until {}", .until.to_rfc3339())]
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// It was not judged, or to no end: the vault or its files are in trouble.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

fn next_sentence(next: Option<NotYet>) -> String {
    next.map(|next| format!("; {next}")).unwrap_or_default()
}

/// Judges one attempt. Both counters are written before it is judged: the dialogue's here, the vault's
/// in the vault.
pub(crate) fn unlock(
    containers: &mut Containers,
    vault: &mut dyn Vault,
    upn: &str,
    attempt: &Attempt<'_>,
    rng: &mut dyn Rng,
) -> Result<Unlocked, Refused> {
    let (index, container) = containers.find(upn)?;
    let keys = container.keys.clone();
    let before = container.ladder.clone();

    let mut ladder = before.clone();
    let admitted = ladder.admit(attempt.session, attempt.challenge, attempt.now);
    let waiting = ladder.clone();
    if let Err(not_yet) = admitted {
        // A restart and the wait that it began are remembered; the attempt is not one.
        if ladder != before {
            containers
                .put_ladder(index, ladder, rng)
                .map_err(VaultError::from)?;
        }
        return Err(not_yet.into());
    }
    ladder.count();
    let next = ladder.asks();
    containers
        .put_ladder(index, ladder, rng)
        .map_err(VaultError::from)?;

    // Where the disk fails from here on, the attempt stays counted as a wrong one: never too few.
    match vault.unlock(&keys, attempt.pin, attempt.now, rng) {
        Ok(unlocked) => {
            let mut clear = waiting;
            clear.clear();
            let _ = containers.put_ladder(index, clear, rng);
            Ok(unlocked)
        }
        Err(Denied::WrongPin) => Err(Refused::WrongPin { next }),
        Err(Denied::Locked { until }) => {
            let _ = containers.put_ladder(index, waiting, rng);
            Err(Refused::Locked { until })
        }
        Err(Denied::Vault(error)) => {
            let _ = containers.put_ladder(index, waiting, rng);
            Err(error.into())
        }
    }
}
