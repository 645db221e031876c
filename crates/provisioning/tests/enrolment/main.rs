//! The flows and the report, tried at the boundary with parties that follow a script.

extern crate keyporch_provisioning as provisioning;

mod dialogue;
mod flow;
mod prerequisites;
mod script;
