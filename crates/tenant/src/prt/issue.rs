//! A primary refresh token is issued.
