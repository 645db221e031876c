//! The KDC at its boundary: `answer` with whole messages, a directory in memory, a clock that is moved.

mod granting;
mod initial;
mod pkinit;
mod world;
