//! The lab as a whole, by what it tells and what it leaves in its folder.

extern crate keyporch_lab as lab;

mod story;
