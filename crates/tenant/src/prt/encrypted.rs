//! Encrypted answers (protocols A.10.2).
