//! An application for itself (RFC 6749 4.4).
