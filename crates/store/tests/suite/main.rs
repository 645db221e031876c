//! The store's tests: one binary, one module for each thing that is promised.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod backup;
mod beside;
mod contract;
mod disk;
mod killed;
mod ledger;
mod postgres;
mod power_cut;
mod trouble;
