//! Primary refresh tokens (protocols A.7 to A.12).

pub(crate) mod assertion;
pub(crate) mod encrypted;
pub(crate) mod issue;
pub(crate) mod judge;
pub(crate) mod password;
pub(crate) mod record;
pub(crate) mod redeem;
pub(crate) mod refresh;
pub(crate) mod renew;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod text;
