//! What readers compute from a state of an account, kept with that state.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// A few values of different types, one of each, computed once and shared.
///
/// A reader attaches what is costly to make and depends on the account's state alone (a prepared PAC
/// part, a mapped name). It goes when the account's state does.
#[derive(Default)]
pub struct Attached(RwLock<Vec<Arc<dyn Any + Send + Sync>>>);

impl Attached {
    /// The attached value of type `T`, made by `make` when there is none. Two readers at the same moment
    /// may both make one; one of them is kept.
    pub fn get_or_attach<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(found) = self.get() {
            return found;
        }
        let made = Arc::new(make());
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for value in values.iter() {
            if let Ok(found) = Arc::clone(value).downcast() {
                return found;
            }
        }
        values.push(made.clone());
        made
    }

    /// The attached value of type `T`.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        values
            .iter()
            .find(|value| value.is::<T>())
            .and_then(|value| Arc::clone(value).downcast().ok())
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attached")
    }
}
