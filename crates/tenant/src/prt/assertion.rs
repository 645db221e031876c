//! A primary refresh token by a Hello key (protocols A.12).
