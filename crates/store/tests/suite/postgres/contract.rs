//! The contract of storages.

use super::*;

/// The store of a test; in memory where there is no PostgreSQL, so that the test says so and does not fail.
fn storage(hands: Arc<Hands>) -> Arc<dyn Storage> {
    match database() {
        Some(database) => open(&database, hands),
        None => Arc::new(directory::storage::Memory::with_clock(hands)),
    }
}

directory::storage_contract!(storage);
