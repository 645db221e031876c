//! The party at its boundary: requests in, replies and committed changes out.

mod catalogue;
mod discovery;
mod domains;
mod doors;
mod graph;
mod headless;
mod oauth;
mod prt;
mod registration;
mod tenants;
mod throttled;
mod world;
