//! OAuth 2.0 and OpenID Connect as one authority speaks them: the grammar of requests and answers, tokens and their
//! keys, sign-ins with their pages and second factors. Federation and tenant share it.
//!
//! Promises: a token is built from a [`grant::Grant`] alone, a grant comes from redeeming a code or refresh token alone,
//! a code stands for a [`sign_in::SignedIn`] alone, and that is made by the state machine of [`sign_in`] alone. What
//! opens a record rests as a digest. What works once is named as a [`factor::Claim`] for the commit.
//!
//! Knows nothing about: accounts and where they are kept, how a password is checked, sockets, records' tables. The party
//! looks records up, keeps what it is given, and asks here what follows.
//!
//! To add a second factor: implement [`factor::AuthenticationAdapter`]. To add a page: a function in [`pages`], written
//! in the subset that [`pages::reader`] reads.

pub mod access_pass;
pub mod authentication;
pub mod authorize;
pub mod bytes;
pub mod claims;
pub mod client;
pub mod client_assertion;
pub mod device_code;
pub mod discovery;
pub mod factor;
pub mod grant;
pub mod hint;
pub mod keys;
mod moment;
pub mod pages;
pub mod parameters;
pub mod pkce;
pub mod qr;
pub mod recovery;
pub mod redirect;
pub mod refusal;
pub mod scope;
pub mod secret;
pub mod session;
pub mod sign_in;
#[cfg(test)]
mod testing;
pub mod totp;
