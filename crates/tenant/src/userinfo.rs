//! What a token says about its owner (OpenID Connect Core 5.3).

use crate::answer::Route;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];
