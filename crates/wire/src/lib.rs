//! Bytes and types: no I/O, no clock, no opinion.

pub mod asn1;
pub mod bcrypt_blob;
pub mod ccache;
pub mod cms;
pub mod dn_binary;
pub mod guid;
pub mod http;
pub mod kerberos;
pub mod key_credential;
pub mod key_material;
pub mod keytab;
pub mod pkinit;
mod ndr;
pub mod pac;
pub mod principal;
mod read;
pub mod registration;
pub mod sid;
pub mod spnego;
mod text;
pub mod x509;

pub use guid::Guid;
pub use principal::Principal;
pub use sid::Sid;
