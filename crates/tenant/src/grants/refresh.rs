//! A refresh token is redeemed (RFC 6749 6).
