//! The grants of the token endpoint, one module for each.

pub(crate) mod client_credentials;
pub(crate) mod code;
pub(crate) mod device_code;
pub(crate) mod password;
pub(crate) mod refresh;
