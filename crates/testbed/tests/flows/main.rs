//! Each flow with every party in one process: its whole story beside its page in `docs/flows/`, and every way in
//! which it can fail.

extern crate keyporch_testbed as testbed;

mod cloud_managed;
mod onprem_key;
