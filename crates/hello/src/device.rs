//! The device's part in a provisioning flow: the door that `provisioning` calls.

use crypto::key::{KeyKind, PublicKey};
use policy::{PinPolicy, Violation};
use provisioning::Secret;
use provisioning::doors::{Account, Device, DeviceError, NewKey, Registered};
use trust::{Rng, Timestamp};
use wire::Guid;
use wire::bcrypt_blob::{self, EccPurpose};
use wire::key_material;

use crate::container::{Containers, device_error};
use crate::vault::{Vault, VaultError};

/// This device, enrolling somebody.
pub struct EnrollingDevice<'a> {
    /// The device ID of the registration; `None` while it is not registered.
    pub id: Option<Guid>,
    /// The people's containers.
    pub containers: &'a mut Containers,
    /// The vault.
    pub vault: &'a mut dyn Vault,
    /// Chance.
    pub rng: &'a mut dyn Rng,
    /// What kind of user key is made: RSA-2048 where every client shall understand it (KEY-13).
    pub kind: KeyKind,
}

impl Device for EnrollingDevice<'_> {
    fn id(&self) -> Option<Guid> {
        self.id
    }

    fn ready(&mut self, account: &Account, replace: bool) -> Result<(), DeviceError> {
        self.containers.ready(account, replace)
    }

    fn judge_pin(&self, pin: &Secret, rules: &PinPolicy) -> Vec<Violation> {
        crate::pin::violations(pin.expose(), rules)
    }

    fn create_user_key(
        &mut self,
        account: &Account,
        pin: &Secret,
        now: Timestamp,
    ) -> Result<NewKey, DeviceError> {
        let public_key = self
            .containers
            .create(self.vault, account, pin, self.kind, now, self.rng)
            .map_err(vault_error)?;
        Ok(NewKey {
            material: key_blob(&public_key).ok_or_else(|| vault_error(VaultError::Failed))?,
            attestation_level: self.vault.level().attestation_level(),
        })
    }

    fn keep(
        &mut self,
        account: &Account,
        registered: &Registered,
        _now: Timestamp,
    ) -> Result<(), DeviceError> {
        self.containers.keep(account, registered, self.rng)
    }

    fn discard(&mut self, account: &Account) {
        self.containers.discard(account, self.rng);
    }
}

/// A public key as the registration message carries it (PROV-W2): a BCRYPT public key blob.
#[must_use]
pub fn key_blob(key: &PublicKey) -> Option<Vec<u8>> {
    match key {
        PublicKey::Rsa(rsa) => key_material::RsaPublicKey::new(rsa.modulus(), rsa.exponent())
            .map(|rsa| bcrypt_blob::write_rsa_public(&rsa)),
        PublicKey::Ec(ec) => {
            let curve = match ec.curve() {
                crypto::key::Curve::P256 => key_material::EcCurve::P256,
                crypto::key::Curve::P384 => key_material::EcCurve::P384,
            };
            key_material::EcPublicKey::new(curve, ec.x(), ec.y())
                .map(|ec| bcrypt_blob::write_ecc_public(EccPurpose::Signature, &ec))
        }
    }
}

/// The vault's trouble, as the provisioning flow is told.
fn vault_error(error: VaultError) -> DeviceError {
    match error {
        VaultError::State(state) => device_error(state),
        VaultError::Damaged => DeviceError::Damaged(error.to_string()),
        VaultError::Failed => DeviceError::Fault(error.to_string()),
    }
}
