//! Name and password in one request (RFC 6749 4.3, protocols A.4.1).
