//! The contract of storages.

use super::*;

fn storage(hands: Arc<Hands>) -> Arc<dyn Storage> {
    open(&database(), hands)
}

directory::storage_contract!(storage);
