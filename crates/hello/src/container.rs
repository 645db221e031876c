//! The people's containers on this device (KEY-1 to KEY-7): who has enrolled, with which keys.

use crypto::key::{KeyKind, PublicKey};
use crypto::password::Cost;
use policy::{PinPolicy, Violation};
use provisioning::Secret;
use provisioning::doors::{Account, DeviceError, Registered};
use serde::{Deserialize, Serialize};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::file::{Keeper, Slot, StateError};
use crate::gesture::{Attempt, Refused};
use crate::hammering::Ladder;
use crate::history::History;
use crate::vault::{Protected, Unlocked, Vault, VaultError};

/// How many people may enrol on one device (LIM-1).
pub const MOST_PEOPLE: usize = 10;

/// The containers of a device.
#[derive(Debug)]
pub struct Containers {
    keeper: Keeper,
    cost: Cost,
    state: State,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) kept: Vec<Container>,
    /// Made, and not registered yet: they replace nothing until they are.
    pending: Vec<Container>,
}

/// One person's container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Container {
    id: Guid,
    account: Account,
    pub(crate) keys: Protected,
    /// Microseconds since 1970.
    created: i64,
    pin_set: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    history: Option<History>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registered: Option<Registered>,
    #[serde(default)]
    pub(crate) ladder: Ladder,
}

impl Container {
    /// Its ID.
    #[must_use]
    pub const fn id(&self) -> Guid {
        self.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// What the registration service answered; `None` while it is pending.
    #[must_use]
    pub const fn registered(&self) -> Option<&Registered> {
        self.registered.as_ref()
    }

    /// When it was made.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        Timestamp::from_micros(self.created)
    }

    /// When the PIN was chosen.
    #[must_use]
    pub const fn pin_set(&self) -> Timestamp {
        Timestamp::from_micros(self.pin_set)
    }

    /// The user key's public half.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] when what was kept is not a key.
    pub fn public_key(&self) -> Result<PublicKey, VaultError> {
        self.keys.public_key()
    }

    /// When the PIN must be changed; `None` when it never must (POL-PIN-5).
    #[must_use]
    pub fn pin_expires(&self, rules: &PinPolicy) -> Option<Timestamp> {
        rules
            .expiration_days()
            .map(|days| self.pin_set() + Span::days(i64::from(days)))
    }
}

/// Why a PIN was not changed. The old one still holds.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotChanged {
    /// The old PIN did not unlock the container.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The new PIN breaks rules: each of them (POL-PIN-13).
    #[error("the new PIN breaks {} of the rules", .0.len())]
    Rules(Vec<Violation>),
    /// The vault or its files.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<StateError> for NotChanged {
    fn from(error: StateError) -> Self {
        Self::Vault(error.into())
    }
}

impl Containers {
    /// Opens the containers, none where there is no file yet. `cost` is what hashing a remembered PIN
    /// costs.
    ///
    /// # Errors
    /// [`StateError`] when their file is there and cannot be read.
    pub fn open(keeper: Keeper, cost: Cost) -> Result<Self, StateError> {
        let state = keeper.load(Slot::Containers)?.unwrap_or_default();
        Ok(Self {
            keeper,
            cost,
            state,
        })
    }

    /// Everyone who has enrolled.
    pub fn iter(&self) -> impl Iterator<Item = &Container> {
        self.state.kept.iter()
    }

    /// The container of the person with that UPN; `None` when they have not enrolled.
    #[must_use]
    pub fn of(&self, upn: &str) -> Option<&Container> {
        self.iter().find(|kept| kept.account.is_named(upn))
    }

    /// Whether a container can be made for `account`.
    ///
    /// # Errors
    /// [`DeviceError::AlreadyEnrolled`] unless `replace`; [`DeviceError::TooManyPeople`].
    pub fn ready(&self, account: &Account, replace: bool) -> Result<(), DeviceError> {
        if self.of(&account.upn).is_some() {
            return if replace {
                Ok(())
            } else {
                Err(DeviceError::AlreadyEnrolled)
            };
        }
        if self.state.kept.len() >= MOST_PEOPLE {
            return Err(DeviceError::TooManyPeople { limit: MOST_PEOPLE });
        }
        Ok(())
    }

    /// PH-B: makes a container for `account`, pending until [`keep`](Self::keep), and returns the
    /// user key's public half. Another pending one of the same person is dropped.
    ///
    /// # Errors
    /// [`VaultError`]; nothing is left then.
    pub fn create(
        &mut self,
        vault: &mut dyn Vault,
        account: &Account,
        pin: &Secret,
        kind: KeyKind,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<PublicKey, VaultError> {
        let keys = vault.create(pin, kind, rng)?;
        let public_key = keys.public_key()?;
        let mut state = self.state.clone();
        state.drop_pending(account);
        state.pending.push(Container {
            id: Guid::from_random(rng.bytes()),
            account: account.clone(),
            keys,
            created: now.micros(),
            pin_set: now.micros(),
            history: None,
            registered: None,
            ladder: Ladder::default(),
        });
        self.commit(state, rng)?;
        Ok(public_key)
    }

    /// The key is registered: the pending container becomes the person's, in the place of the one
    /// they had (RST-1). The history of PINs starts anew (POL-PIN-6).
    ///
    /// # Errors
    /// [`DeviceError::Missing`] when nothing is pending; [`DeviceError::TooManyPeople`]; and the
    /// files' trouble.
    pub fn keep(
        &mut self,
        account: &Account,
        registered: &Registered,
        rng: &mut dyn Rng,
    ) -> Result<(), DeviceError> {
        self.ready(account, true)?;
        let mut state = self.state.clone();
        let pending = state
            .pending
            .iter()
            .position(|pending| pending.account.is_named(&account.upn))
            .ok_or(DeviceError::Missing)?;
        let mut container = state.pending.swap_remove(pending);
        container.registered = Some(registered.clone());
        state
            .kept
            .retain(|kept| !kept.account.is_named(&account.upn));
        state.kept.push(container);
        self.commit(state, rng).map_err(device_error)
    }

    /// Drops the pending container of `account`. Where the files cannot be written it stays, pending,
    /// of no use to anyone, until the next try drops it.
    pub fn discard(&mut self, account: &Account, rng: &mut dyn Rng) {
        let mut state = self.state.clone();
        if state.drop_pending(account) && self.commit(state, rng).is_err() {
            self.state.drop_pending(account);
        }
    }

    /// KEY-12: removes the person's container with all its keys; false when there is none. What is
    /// registered elsewhere is not this device's to remove.
    ///
    /// # Errors
    /// [`StateError`]; the container is still there then.
    pub fn remove(&mut self, upn: &str, rng: &mut dyn Rng) -> Result<bool, StateError> {
        if self.of(upn).is_none() {
            return Ok(false);
        }
        let mut state = self.state.clone();
        state.kept.retain(|kept| !kept.account.is_named(upn));
        self.commit(state, rng)?;
        Ok(true)
    }

    /// Changes the PIN (POL-PIN-13): the old one is judged as at any sign-in, then the new one by
    /// `rules` and against the history. The keys stay the same.
    ///
    /// # Errors
    /// [`NotChanged`]; with [`NotChanged::Rules`] every rule that the new PIN breaks.
    pub fn change_pin(
        &mut self,
        vault: &mut dyn Vault,
        upn: &str,
        old: &Attempt<'_>,
        new: &Secret,
        rules: &PinPolicy,
        rng: &mut dyn Rng,
    ) -> Result<(), NotChanged> {
        let unlocked = self.unlock(vault, upn, old, rng)?;
        let (index, container) = self.find(upn)?;
        let secret = unlocked.container_secret();
        let history = History::open(container.history.as_ref(), container.id, &secret)?;

        let mut broken = crate::pin::violations(new.expose(), rules);
        if history.forbids(new, old.pin, rules.history())? {
            broken.push(Violation::UsedBefore {
                history: rules.history(),
            });
        }
        if !broken.is_empty() {
            return Err(NotChanged::Rules(broken));
        }

        let keys = vault.protect_anew(&container.keys, &unlocked, old.pin, new, rng)?;
        let history = history
            .after(old.pin, rules.history(), self.cost, rng)?
            .seal(container.id, &secret, rng)?;
        let mut state = self.state.clone();
        let container = state.kept.get_mut(index).ok_or(VaultError::Failed)?;
        container.keys = keys;
        container.history = history;
        container.pin_set = old.now.micros();
        self.commit(state, rng)?;
        Ok(())
    }

    /// Unlocks the person's user key with a PIN (KEY-9), after what the dialogue wants first (HAMR-3).
    ///
    /// # Errors
    /// [`Refused`].
    pub fn unlock(
        &mut self,
        vault: &mut dyn Vault,
        upn: &str,
        attempt: &Attempt<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Unlocked, Refused> {
        crate::gesture::unlock(self, vault, upn, attempt, rng)
    }

    pub(crate) fn find(&self, upn: &str) -> Result<(usize, &Container), Refused> {
        self.state
            .kept
            .iter()
            .enumerate()
            .find(|(_, kept)| kept.account.is_named(upn))
            .ok_or(Refused::NotEnrolled)
    }

    /// Puts `ladder` into the container at `index`, durably.
    pub(crate) fn put_ladder(
        &mut self,
        index: usize,
        ladder: Ladder,
        rng: &mut dyn Rng,
    ) -> Result<(), StateError> {
        let mut state = self.state.clone();
        if let Some(container) = state.kept.get_mut(index) {
            container.ladder = ladder;
        }
        self.commit(state, rng)
    }

    /// Replaces the state on the disk, and in memory once it is there.
    fn commit(&mut self, state: State, rng: &mut dyn Rng) -> Result<(), StateError> {
        self.keeper.store(Slot::Containers, &state, rng)?;
        self.state = state;
        Ok(())
    }
}

impl State {
    fn drop_pending(&mut self, account: &Account) -> bool {
        let before = self.pending.len();
        self.pending
            .retain(|pending| !pending.account.is_named(&account.upn));
        self.pending.len() != before
    }
}

/// The files' trouble, as the provisioning flow is told.
pub(crate) fn device_error(error: StateError) -> DeviceError {
    match error {
        StateError::File(fault) => DeviceError::Fault(fault.to_string()),
        damaged => DeviceError::Damaged(damaged.to_string()),
    }
}

#[cfg(test)]
mod tests;
