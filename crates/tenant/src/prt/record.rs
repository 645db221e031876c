//! What rests of a primary refresh token.
