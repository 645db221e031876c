//! HTTP requests and responses as values, for parties that know no socket (protocols 0.2).
//!
//! `serve` makes a [`Request`] of what a peer sent, a party answers with a [`Response`]. The rules that all
//! endpoints share live here: paths and header names match whatever their case, forms are read leniently,
//! JSON is never stored by caches.

mod cookie;
mod fields;
mod headers;
mod percent;
pub mod plain;
mod request;
mod response;

pub use cookie::{SameSite, SetCookie};
pub use fields::{Fields, InvalidFields};
pub use headers::{Headers, TooManyHeaders};
pub use percent::{percent_decode, percent_encode, with_fragment, with_query, write_query};
pub use request::{Method, Request};
pub use response::Response;

#[cfg(test)]
mod tests;
