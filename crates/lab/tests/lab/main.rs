//! The lab as a whole, by what it tells and what it leaves in its folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

extern crate keyporch_lab as lab;

mod cloud;
mod story;
