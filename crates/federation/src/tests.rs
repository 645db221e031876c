//! The party at its boundary: requests in, replies and committed changes out.

mod authorize;
mod documents;
mod exchange;
mod hostile;
mod join;
mod key;
mod negotiate;
mod new_password;
mod second_factor;
mod session;
mod sign_in;
mod world;
