//! Tokens are given back (RFC 7009).

use crate::answer::Route;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];
