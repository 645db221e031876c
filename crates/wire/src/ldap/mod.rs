//! The Lightweight Directory Access Protocol, version 3 (RFC 4511): its messages, both ways, filters with their texts
//! (RFC 4515), and the values of controls and extended operations that Active Directory's clients send ([MS-ADTS] 3.1.1.3.4).
//!
//! A stream is cut into messages by [`frame`]; a message is read by [`Message::decode`] and borrows from its bytes.
//! As RFC 4511 5.1 asks, BER is read leniently where other implementations write it so (lengths), and written as short as it can be.

mod ber;
mod control;
mod extended;
mod filter;
mod filter_text;
mod message;
mod request;
mod response;
mod result;

pub use control::{
    Control, DirSyncRequest, DirSyncResponse, PagedResults, SortKey, assertion_value,
    attribute_list_value, control_oid, extended_dn_value, integer_value, read_attribute_list,
    read_extended_dn, read_integer, read_sort_keys, read_sort_response, sort_keys_value,
    sort_response_value,
};
pub use extended::{PasswordModify, extension_oid, generated_password};
pub use filter::{Assertion, Filter, MAX_FILTER_DEPTH};
pub use filter_text::InvalidFilter;
pub use message::{Attribute, Message, Operation};
pub use request::{
    AddRequest, Authentication, BindRequest, CompareRequest, ExtendedRequest, Modification,
    ModificationKind, ModifyDnRequest, ModifyRequest, Scope, SearchRequest,
};
pub use response::{BindResponse, ExtendedResponse, SearchResultEntry};
pub use result::{LdapResult, ResultCode};

/// Bytes that are no message of LDAP, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of LDAP: {0}")]
pub struct Malformed(pub(crate) &'static str);

/// What stands at the beginning of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The beginning of a message; more has to come. How long the message will be in all, in bytes, once that is known.
    Incomplete(Option<usize>),
    /// A whole message of this many bytes, whatever is inside.
    Whole(usize),
    /// A message that is longer than allowed.
    TooLong,
}

/// Looks for a message at the beginning of a stream. `limit`: the longest that is taken, in bytes.
///
/// # Errors
/// [`Malformed`] when no message begins like this: the stream cannot be read further.
pub fn frame(stream: &[u8], limit: usize) -> Result<Frame, Malformed> {
    if stream.first().is_some_and(|tag| *tag != ber::SEQUENCE) {
        return Err(Malformed("no sequence"));
    }
    let Some(header) = ber::header(stream)? else {
        return Ok(Frame::Incomplete(None));
    };
    let Some(length) = header.length.checked_add(header.contents) else {
        return Ok(Frame::TooLong);
    };
    if length > limit {
        return Ok(Frame::TooLong);
    }
    Ok(if stream.len() < length {
        Frame::Incomplete(Some(length))
    } else {
        Frame::Whole(length)
    })
}
