//! The authorities' private keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::key::PrivateKey;
use crypto::signature::Signer;
use directory::Snapshot;
use trust::Timestamp;

use crate::ca::Ca;
use crate::fault::Fault;
use crate::records::KEYS;

/// Where the authorities' private keys are: in the directory, wrapped under its root key, unless someone
/// else holds them.
#[derive(Clone, Default)]
pub struct Keys {
    held: BTreeMap<Ca, Arc<dyn Signer>>,
}

impl Keys {
    /// All in the directory.
    #[must_use]
    pub fn in_directory() -> Self {
        Self::default()
    }

    /// The same, with the key of one authority held by a token, a module or another process.
    #[must_use]
    pub fn with(mut self, ca: Ca, signer: Arc<dyn Signer>) -> Self {
        self.held.insert(ca, signer);
        self
    }

    /// Whoever holds the key of an authority outside of the directory.
    pub(crate) fn held(&self, ca: Ca) -> Option<&Arc<dyn Signer>> {
        self.held.get(&ca)
    }

    /// Whoever signs for an authority.
    pub(crate) fn signer(
        &self,
        snapshot: &Snapshot<'_>,
        ca: Ca,
        now: Timestamp,
    ) -> Result<Arc<dyn Signer>, Fault> {
        if let Some(signer) = self.held(ca) {
            return Ok(Arc::clone(signer));
        }
        let record = snapshot.record(KEYS, ca.name().as_bytes(), now)?;
        let record = record.ok_or(Fault::NoKey(ca))?;
        Ok(Arc::new(PrivateKey::from_pkcs8_der(record.value.bytes())?))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("held", &self.held.keys().collect::<Vec<_>>())
            .finish()
    }
}
