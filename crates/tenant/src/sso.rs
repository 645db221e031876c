//! Signing in by a primary refresh token on the authorization endpoint (protocols A.11).
