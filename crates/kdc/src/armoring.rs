//! Whose sign-in must be armored (POL-K1).
//!
//! Policy objects that require it are few, and asked for at each sign-in without armor. They are kept for as long as the
//! directory is in the state that they were read from.

use std::sync::{Arc, PoisonError, RwLock};

use directory::{Account, AccountKind};
use policy::settings::kerberos::RequireFast;
use policy::{Effective, Half, Membership, PolicyObject, Setting as _, stored};

use crate::View;
use crate::nobody;
use crate::refused::Refused;

/// The policy objects that say something about armoring.
#[derive(Default)]
pub(crate) struct Armoring {
    kept: RwLock<Option<Kept>>,
}

#[derive(Clone)]
struct Kept {
    /// The state that they were read from.
    number: u64,
    objects: Arc<[PolicyObject]>,
}

/// Judges a sign-in without armor.
///
/// # Errors
/// [`Refused::ArmorRequired`]; [`Refused::Fault`] where a policy object cannot be read, for it may be one that requires
/// armor.
pub(crate) fn check(account: &Account, view: &View<'_>) -> Result<(), Refused> {
    // A computer has nothing to armor itself with.
    if account.kind == AccountKind::Computer {
        return Ok(());
    }
    let objects = view.memory.armoring.objects(view)?;
    if objects.is_empty() {
        return Ok(());
    }
    let person = match nobody::is(account) {
        true => nobody::membership(view)?,
        false => stored::membership(&view.directory, account).map_err(|_| Refused::Fault)?,
    };
    match Effective::of(&objects, &person, &Membership::default()).armoring_required {
        true => Err(Refused::ArmorRequired),
        false => Ok(()),
    }
}

impl Armoring {
    fn objects(&self, view: &View<'_>) -> Result<Arc<[PolicyObject]>, Refused> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let number = view.directory.number();
        if let Some(kept) = &*kept
            && Some(kept.number) == number
        {
            return Ok(Arc::clone(&kept.objects));
        }
        drop(kept);
        let mut objects = stored::objects(&view.directory).map_err(|_| Refused::Fault)?;
        objects.retain(|object| {
            let setting = object.half(Half::User).value(&RequireFast::ABOUT);
            object.enabled && setting.is_some()
        });
        let objects: Arc<[PolicyObject]> = objects.into();
        // Reading may have moved on to a newer state than the one that was begun with. What was read of two states is
        // no state's, and is not kept under the number of either.
        if view.directory.number() == number
            && let Some(number) = number
        {
            let kept = Kept {
                number,
                objects: Arc::clone(&objects),
            };
            *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
        Ok(objects)
    }
}
