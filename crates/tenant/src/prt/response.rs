//! The shape of an answer with a primary refresh token (protocols A.7.4).
