//! A primary refresh token by a password.
