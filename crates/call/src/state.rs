//! The device's files on disk: what `hello` keeps, in a folder for its user alone.

use hello::file::{FileFault as HelloFault, Slot, VaultFile};

use crate::files::{FileFault, Folder, Lock};

/// A device's folder, held by this process alone for as long as the value lives.
#[derive(Debug)]
pub struct DeviceFiles {
    folder: Folder,
    _held: Lock,
}

impl DeviceFiles {
    /// Takes hold of the folder.
    ///
    /// # Errors
    /// [`FileFault::Locked`] while another process holds it.
    pub fn open(folder: Folder) -> Result<Self, FileFault> {
        let held = folder.lock()?;
        Ok(Self {
            folder,
            _held: held,
        })
    }
}

impl VaultFile for DeviceFiles {
    fn load(&self, slot: Slot) -> Result<Option<Vec<u8>>, HelloFault> {
        self.folder
            .read(slot.name())
            .map_err(|fault| told(slot, &fault))
    }

    fn store(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), HelloFault> {
        self.folder
            .write(slot.name(), bytes)
            .map_err(|fault| told(slot, &fault))
    }
}

fn told(slot: Slot, fault: &FileFault) -> HelloFault {
    let problem = match fault {
        FileFault::Read { source, .. } | FileFault::Write { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    HelloFault {
        file: slot.name().to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_there_for_the_next_process_and_for_one_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path().join("device")).unwrap();
        let mut files = DeviceFiles::open(folder.clone()).unwrap();
        assert_eq!(files.load(Slot::Vault).unwrap(), None);
        files.store(Slot::Vault, b"sealed").unwrap();
        assert!(matches!(
            DeviceFiles::open(folder.clone()),
            Err(FileFault::Locked { .. })
        ));
        drop(files);
        let files = DeviceFiles::open(folder).unwrap();
        assert_eq!(
            files.load(Slot::Vault).unwrap().as_deref(),
            Some(&b"sealed"[..])
        );
    }
}
