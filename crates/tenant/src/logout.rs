//! Signing out (OpenID Connect RP-Initiated Logout).

use crate::answer::Route;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];
