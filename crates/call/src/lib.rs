//! Outgoing connections; the production doors.
