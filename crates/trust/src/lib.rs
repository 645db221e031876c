//! What counts as proof, and the seams for time and chance.
//!
//! Promises: a [`Timestamp`] is the one notion of time above `wire`; nothing in a party reads a
//! clock or rolls a dice, both come in as arguments ([`Clock`], [`Rng`]).
//! Knows nothing about: entries, tickets, tokens, sockets.

mod chance;
pub mod enrolment;
pub mod limiter;
pub mod path;
pub mod revocation;
mod rfc3339;
pub mod story;
mod time;

pub use chance::{DrawnAhead, Rng, SystemRng};
pub use rfc3339::InvalidRfc3339;
pub use story::{Event, Party, Silence, Story};
pub use time::{Clock, Span, SystemClock, Timestamp};
