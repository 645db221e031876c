//! The Keyporch server.

fn main() {}
