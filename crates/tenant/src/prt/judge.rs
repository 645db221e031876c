//! Is a primary refresh token still good?
