//! Where devices and keys are registered (protocols B.1).

use crate::answer::Route;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];
