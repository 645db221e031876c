//! The administration API at its boundary: requests in, answers and commits out, over a directory in memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod audit;
mod callers;
mod certificates;
mod computers;
mod document;
mod groups;
mod import;
mod input;
mod issuers;
mod keys;
mod policies;
mod rights;
mod rotation;
mod services;
mod sign_in;
mod tenant;
mod users;
mod world;
