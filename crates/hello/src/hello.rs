//! Everything that a device keeps, opened together.

use crypto::key::KeyKind;
use crypto::password::Cost;
use policy::PinPolicy;
use provisioning::Secret;
use trust::Rng;

use crate::container::{Containers, NotChanged};
use crate::device::EnrollingDevice;
use crate::file::{Keeper, Slot, StateError, VaultFile};
use crate::gesture::{Attempt, Refused};
use crate::registration::Registration;
use crate::vault::{SoftwareVault, Unlocked, Vault, VaultError};

/// A device's Hello: the vault, the people's containers, and what the join left.
pub struct Hello {
    pub(crate) keeper: Keeper,
    vault: Box<dyn Vault>,
    containers: Containers,
    registration: Option<Registration>,
}

impl Hello {
    /// Opens a device's files with the vault in software. Nothing is written but the device secret, the
    /// first time. `cost` is what one PIN costs to try: [`SoftwareVault::pin_cost`] but in tests.
    ///
    /// # Errors
    /// [`VaultError::State`] when a file is there and cannot be used; all are left as they are.
    pub fn open(
        files: Box<dyn VaultFile>,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> Result<Self, VaultError> {
        let keeper = Keeper::open(files, rng)?;
        let vault = SoftwareVault::open(keeper.clone(), cost)?;
        Self::with_vault(keeper, Box::new(vault), cost)
    }

    /// As [`open`](Self::open), with another vault.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with_vault(
        keeper: Keeper,
        vault: Box<dyn Vault>,
        cost: Cost,
    ) -> Result<Self, VaultError> {
        Ok(Self {
            containers: Containers::open(keeper.clone(), cost)?,
            registration: keeper.load::<Option<Registration>>(Slot::Device)?.flatten(),
            vault,
            keeper,
        })
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> &dyn Vault {
        self.vault.as_ref()
    }

    /// The vault, to make device keys in.
    pub fn vault_mut(&mut self) -> &mut dyn Vault {
        self.vault.as_mut()
    }

    /// The people's containers.
    #[must_use]
    pub const fn containers(&self) -> &Containers {
        &self.containers
    }

    /// What the join left; `None` while the device is not joined.
    #[must_use]
    pub const fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }

    /// Keeps what a join found out, in the place of an earlier one.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn register(
        &mut self,
        registration: Registration,
        rng: &mut dyn Rng,
    ) -> Result<(), StateError> {
        let registration = Some(registration);
        self.keeper.store(Slot::Device, &registration, rng)?;
        self.registration = registration;
        Ok(())
    }

    /// Leaves the domain or the tenant: every container, the device's own keys, what signs people in without
    /// them, and the registration are removed.
    ///
    /// # Errors
    /// [`VaultError`]; what was not removed yet can be removed by leaving again.
    pub fn leave(&mut self, rng: &mut dyn Rng) -> Result<(), VaultError> {
        self.forget_people(rng)?;
        self.vault.remove_device_keys(rng)?;
        self.keeper
            .store(Slot::Device, &None::<Registration>, rng)?;
        self.registration = None;
        Ok(())
    }

    /// Forgets who has enrolled on this device and who is signed in on it: what they have counts for the registration before
    /// the one that comes now.
    ///
    /// # Errors
    /// [`StateError`]; who was not forgotten yet can be forgotten by asking again.
    pub fn forget_people(&mut self, rng: &mut dyn Rng) -> Result<(), StateError> {
        let people: Vec<_> = self
            .containers
            .iter()
            .map(|container| container.account().upn.clone())
            .collect();
        for upn in people {
            self.containers.remove(&upn, rng)?;
        }
        self.forget_prts(rng)
    }

    /// The device's door for a provisioning flow, making user keys of `kind`.
    pub fn enrolling<'a>(&'a mut self, kind: KeyKind, rng: &'a mut dyn Rng) -> EnrollingDevice<'a> {
        EnrollingDevice {
            id: self
                .registration
                .as_ref()
                .map(|registration| registration.device_id),
            containers: &mut self.containers,
            vault: self.vault.as_mut(),
            rng,
            kind,
        }
    }

    /// Unlocks a person's user key with a PIN ([`Containers::unlock`]).
    ///
    /// # Errors
    /// [`Refused`].
    pub fn unlock(
        &mut self,
        upn: &str,
        attempt: &Attempt<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Unlocked, Refused> {
        self.containers
            .unlock(self.vault.as_mut(), upn, attempt, rng)
    }

    /// Changes a person's PIN ([`Containers::change_pin`]).
    ///
    /// # Errors
    /// [`NotChanged`].
    pub fn change_pin(
        &mut self,
        upn: &str,
        old: &Attempt<'_>,
        new: &Secret,
        rules: &PinPolicy,
        rng: &mut dyn Rng,
    ) -> Result<(), NotChanged> {
        self.containers
            .change_pin(self.vault.as_mut(), upn, old, new, rules, rng)
    }

    /// Removes a person's container with all its keys (KEY-12), and what signs them in without it; false when
    /// there is none.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn remove(&mut self, upn: &str, rng: &mut dyn Rng) -> Result<bool, StateError> {
        self.forget_prt(upn, rng)?;
        self.containers.remove(upn, rng)
    }
}
