//! The page protocol, asked as a known client asks it (protocols A.5).

pub(in crate::tests) mod client;
mod edges;
mod flows;
mod hostile;
mod life;
mod page;
