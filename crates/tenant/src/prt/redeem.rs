//! An access token for a primary refresh token (protocols A.10).
