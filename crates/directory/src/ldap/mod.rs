//! The directory over LDAP (RFC 4511), as Active Directory's clients know it ([MS-ADTS] 3.1.1.3): a session as functions,
//! which know no socket.
//!
//! | question | place |
//! |---|---|
//! | who may see or change what? | `permissions.rs`, a layer of its own |
//! | which entry does a name mean, and what is an entry called? | `names.rs` |
//! | how is a value written, read and compared? | `values.rs` |
//! | which values does an entry show? | `entries.rs` |
//! | is an entry meant by a filter? | `filter.rs`; where are those that can be: `plan.rs` |
//! | how does a search go on? in which pages and order, and when does it end? | `search.rs`, `running.rs` |
//! | whose is a connection, and what is it like? | `bind.rs`, `channel.rs`, by Kerberos `sasl.rs`; what becomes of each message: `session.rs`; what is told of one before: `beforehand.rs` |
//! | what does an operation change? | `write/`; what is told of a commit: `pending.rs`; what is a refusal called: `outcome.rs`, `responses.rs` |
//! | how are many entries written at once? | `batch.rs`; read, to be written elsewhere? `export.rs` |
//! | which controls are there? | `controls.rs`; what changed since: `dir_sync.rs` |
//! | what is said of the server and its schema? | `root_dse.rs`, `subschema.rs` |

mod batch;
mod beforehand;
mod bind;
mod channel;
mod compare;
mod controls;
mod dir_sync;
mod entries;
mod export;
mod filter;
mod names;
mod outcome;
mod passwords;
mod pending;
mod permissions;
mod plan;
mod responses;
mod root_dse;
mod running;
mod sasl;
mod search;
mod session;
mod settings;
mod subschema;
mod values;
mod write;

#[cfg(test)]
mod tests;

pub use batch::{Batch, Existing, Put, Writer};
pub use beforehand::{asks_for_certificate, is_quick};
pub use export::{Exported, Part, Wish, export};
pub use pending::Pending;
pub use responses::{busy, disconnection, failed};
pub use running::{Progress, Running};
pub use sasl::{LARGEST, Layer, NotKept};
pub use session::{Answer, Channel, Session, Shown, View};
pub use settings::{ChannelBindings, Settings};
