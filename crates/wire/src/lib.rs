//! Bytes and types: no I/O, no clock, no opinion.
