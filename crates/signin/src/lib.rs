//! Signing in at an authority of ours, whichever it is: the pages, name and password, second factors, sessions, limits, and
//! what a code or a refresh token is redeemed for. The federation and a tenant are a [`House`] to it, which says under which
//! names and in which tables.
//!
//! Promises: a sign-in is complete only when [`token::sign_in`] says so; a form counts only where it was shown; what fails
//! tells nobody which accounts there are ([`first_factor::Wrong::told`]); what works once is claimed in the commit of what it led to.
//!
//! Knows nothing about: endpoints and their words, tokens and their claims, devices and how they prove themselves.
//!
//! To add a page: a state of [`token::sign_in::SignIn`], and its row in [`steps::Shown::page`].

mod access_pass;
pub mod account;
mod asked;
pub mod browser;
pub mod complete;
pub mod first_factor;
pub mod grants;
pub mod limits;
pub mod logout;
pub mod new_password;
pub mod on_its_way;
pub mod password;
pub mod records;
mod refused;
mod reply;
pub mod session;
pub mod sign_in;
pub mod steps;

pub use asked::{Asked, AsksMore, Cookies, Epochs, House, Limits, Tables};
pub use refused::{Refused, Trouble};
pub use reply::Answer;
