//! The page on which somebody approves what a device asked for (RFC 8628 3.3).

use crate::answer::Route;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];
