//! The privilege attribute certificate (MS-PAC, protocols E.6): who the client of a ticket is to Windows services.
//!
//! [`Pac`] is the container. Its buffers are decoded one by one: [`ValidationInfo`], [`ClientInfo`],
//! [`UpnDnsInfo`], [`AttributesInfo`], [`Requestor`], [`DelegationInfo`], [`SignatureData`]. Signing and verifying is for those who
//! hold keys: a container is built with empty signatures ([`PacBuilder::signature`]), its bytes are signed, and
//! the results put in place ([`Pac::set_signature`]); who verifies gets the bytes with the signatures zeroed
//! ([`Pac::with_zeroed_signatures`]).

mod buffers;
mod container;
mod delegation;
mod validation_info;

pub use crate::ndr::InvalidNdr;
pub use buffers::{
    AttributesInfo, ClientInfo, InvalidBuffer, Requestor, SignatureData, UpnDnsExtended, UpnDnsInfo,
};
pub use container::{BufferType, CannotSetSignature, InvalidPac, Pac, PacBuilder};
pub use delegation::DelegationInfo;
pub use validation_info::{GroupMembership, SidAndAttributes, ValidationInfo, group, user_flags};

/// A string that does not fit its 16-bit length: longer than 32766 UTF-16 code units, or together with others
/// too long for the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a string is too long for the PAC")]
pub struct StringTooLong;

/// The FILETIME for "never" (MS-PAC 2.5).
pub const NEVER: u64 = 0x7fff_ffff_ffff_ffff;

#[cfg(test)]
mod tests;
