//! A device is registered (protocols B.3, B.4).

use crate::answer::Route;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];
