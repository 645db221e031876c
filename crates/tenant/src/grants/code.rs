//! A code is redeemed (RFC 6749 4.1.3).
