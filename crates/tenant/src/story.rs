//! The steps that this party tells.
