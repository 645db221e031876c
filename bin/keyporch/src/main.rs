//! The command of a person and of an administrator.

fn main() {}
