//! What a device keeps from one step to the next: one JSON file a thing, in a folder.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::report::Failure;

/// The secret of the software TPM and its storage key.
pub(crate) const TPM: &str = "tpm";
/// The last token of a sign-in by a person.
pub(crate) const TOKEN: &str = "token";
/// A device code that nobody has used yet.
pub(crate) const DEVICE_CODE: &str = "device-code";
/// An authorization request that was begun.
pub(crate) const PKCE: &str = "pkce";
/// The device's keys, certificate and ID.
pub(crate) const DEVICE: &str = "device";
/// The primary refresh token, sealed.
pub(crate) const PRT: &str = "prt";
/// The Hello key, which the PIN opens.
pub(crate) const HELLO: &str = "hello";

/// The folder.
pub(crate) struct State(PathBuf);

impl State {
    /// Opens the folder, and makes it where there is none, for its owner alone.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Failure> {
        fs::create_dir_all(&folder)
            .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o700)))
            .map_err(|error| Failure::Machine(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name).with_extension("json")
    }

    /// A thing, where the device has it.
    pub(crate) fn find<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| Failure::Machine(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::Machine(format!("{}: {error}", path.display()))),
        }
    }

    /// A thing that an earlier step must have left.
    pub(crate) fn need<T: DeserializeOwned>(&self, name: &str) -> Result<T, Failure> {
        self.find(name)?
            .ok_or_else(|| Failure::Machine(format!("this device has no {name}")))
    }

    /// Keeps a thing.
    pub(crate) fn keep(&self, name: &str, thing: &impl Serialize) -> Result<(), Failure> {
        let path = self.path(name);
        serde_json::to_vec_pretty(thing)
            .map_err(std::io::Error::from)
            .and_then(|bytes| fs::write(&path, bytes))
            .map_err(|error| Failure::Machine(format!("{}: {error}", path.display())))
    }

    /// Forgets a thing.
    pub(crate) fn forget(&self, name: &str) -> Result<(), Failure> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::Machine(format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }
}
