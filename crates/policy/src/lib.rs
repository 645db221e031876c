//! One struct per setting; the effective policy is a value.
