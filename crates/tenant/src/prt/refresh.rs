//! A primary refresh token by a refresh token.
