//! Bytes and types: no I/O, no clock, no opinion.

pub mod guid;
pub mod sid;
mod text;

pub use guid::Guid;
pub use sid::Sid;
