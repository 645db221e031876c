//! The store's tests: one binary, one module for each thing that is promised.

mod contract;
mod trouble;
