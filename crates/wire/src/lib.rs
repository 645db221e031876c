//! Bytes and types: no I/O, no clock, no opinion.

pub mod asn1;
pub mod bcrypt_blob;
pub mod dn_binary;
pub mod guid;
pub mod kerberos;
pub mod key_credential;
pub mod key_material;
mod read;
pub mod sid;
mod text;
pub mod x509;

pub use guid::Guid;
pub use sid::Sid;
