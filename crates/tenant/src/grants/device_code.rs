//! A device signs in by a code that somebody approves elsewhere (RFC 8628, protocols A.4.3).

use crate::answer::Route;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];
