//! All parties in one process, one clock, one story: tests and nothing else.
//!
//! A [`World`] has a domain with its servers ([`Servers`]), a laptop with its container ([`World::hello`]), a
//! person who answers what forms and dialogues ask ([`Alice`]), and a clock that is moved
//! ([`World::advance`]). A [`TenantWorld`] has a tenant in its place. The laptop goes through the production doors of `call`; where those would open a
//! socket, they come straight into the parties' `answer`.
//!
//! Promises: nothing waits, nothing listens, nothing depends on the day. What a party answers is committed
//! before it is seen, and others react to it before the next message, as `serve` has it.
//! Knows nothing about: sockets, TLS, files.
//!
//! To add a party: give [`Servers`] what its view needs, and its paths a line in `Servers::route`. To add a
//! flow: a file in `tests/flows/`, which compares the whole story with the page in `docs/flows/`.

mod alice;
mod chance;
mod servers;
mod story;
mod tenant_servers;
mod tenant_world;
mod wired;
mod world;

pub use alice::{Alice, Factor};
pub use chance::{Dice, Hands, START};
pub use servers::Servers;
pub use story::{Heard, Row, documented};
pub use tenant_servers::TenantServers;
pub use tenant_world::TenantWorld;
pub use world::{PASSWORD, PIN, World, facts};
