//! A client proves who it is (RFC 6749 2.3, RFC 7523).
