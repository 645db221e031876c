//! The page protocol of programs without a browser (protocols A.5).

pub(crate) mod access_pass;
pub(crate) mod authorize;
pub(crate) mod begin;
pub(crate) mod end;
pub(crate) mod page;
pub(crate) mod password;
pub(crate) mod process;
