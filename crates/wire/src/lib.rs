//! Bytes and types: no I/O, no clock, no opinion.
//!
//! # What it promises
//!
//! - A type here mirrors a document: it bears the document's name, opens with its section and its definition, and
//!   is as strict or as lenient as the document and the clients in use ask for, which its comment says.
//! - No input makes a decoder panic, recurse without end, or allocate by a length that the peer chose beyond what
//!   it sent. What is accepted and canonical is written back byte for byte; foreign values that must survive us
//!   ([`key_credential`], [`pac`]) are kept as their bytes.
//! - Secrets that pass through are wiped where they are owned, and are in no error and no `Debug` output.
//!
//! # What it knows nothing about
//!
//! Keys, time, chance, policy, sockets, and who may do what. It hashes where hashing is part of a format
//! ([`key_credential`]), and never signs, verifies or encrypts. That a value decodes says that it is well formed,
//! never that it is true.
//!
//! # Where things are
//!
//! | what | where |
//! |---|---|
//! | Kerberos, PKINIT, CMS, SPNEGO | [`kerberos`], [`pkinit`], [`cms`], [`spnego`], on [`asn1`] |
//! | certificates and requests for them | [`x509`] |
//! | keys listed on accounts | [`key_credential`], their forms [`key_material`] and [`bcrypt_blob`] |
//! | what a ticket says to Windows services | [`pac`] |
//! | files of MIT's and Heimdal's tools | [`ccache`], [`keytab`] |
//! | HTTP and what is said over it | [`http`], [`registration`] |
//! | the directory, as LDAP clients ask for it | [`ldap`] |
//! | what a nameserver knows of a domain | [`dns`] |
//! | who may do what with an object | [`security_descriptor`] |
//! | values that all of them share | [`Guid`], [`Sid`], [`Principal`], [`dn_binary`] |
//!
//! # How to add the next one
//!
//! A module named after the document's own word; types with the section and definition above them; a `parse` that
//! says by its error what is wrong, and a `to_bytes`; vectors that another implementation wrote, under `testdata/`
//! with a line on where they come from; a malformed case for every reason to refuse; a property test that no bytes
//! panic and that what is accepted is written back; a fuzz target.

pub mod asn1;
pub mod bcrypt_blob;
pub mod ccache;
pub mod cms;
pub mod dn_binary;
pub mod dns;
pub mod guid;
pub mod http;
pub mod kerberos;
pub mod key_credential;
pub mod key_material;
pub mod keytab;
pub mod ldap;
pub mod ldif;
mod ndr;
pub mod pac;
pub mod pkinit;
pub mod principal;
mod read;
pub mod registration;
pub mod security_descriptor;
pub mod sid;
pub mod spnego;
mod text;
pub mod x509;

pub use guid::Guid;
pub use principal::Principal;
pub use sid::Sid;
