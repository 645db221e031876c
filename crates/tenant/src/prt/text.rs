//! The text of a primary refresh token.
