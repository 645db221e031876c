//! OAuth grammar, JWT, sign-in sessions and pages.
