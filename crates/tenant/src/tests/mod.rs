//! The party at its boundary: requests in, replies and committed changes out.

mod catalogue;
mod discovery;
mod domains;
mod graph;
mod headless;
mod oauth;
mod prt;
mod registration;
mod tenants;
#[allow(dead_code, reason = "it offers what the tests of every module need")]
mod world;
