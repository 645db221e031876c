//! A tenant as a device reaches it: where it is ([`find`], [`discover`]), joining it ([`Joining`]), its token endpoint
//! ([`Tokens`]), and the door of a provisioning flow ([`TenantDoor`]).

mod discovery;
mod door;
mod join;
mod tokens;

pub use discovery::{Found, NoTenant, Realm, discover, endpoints, find, realm};
pub use door::TenantDoor;
pub use join::{Joined, Joining, NotJoined, SIGN_IN_RESOURCE, wish};
pub use tokens::Tokens;
