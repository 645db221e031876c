//! Nonces of the server (protocols A.6).
