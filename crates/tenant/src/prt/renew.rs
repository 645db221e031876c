//! A primary refresh token is renewed (protocols A.10).
