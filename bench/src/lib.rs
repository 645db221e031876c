//! What the benchmarks share: the benchmark's domain and tenant, and CPU time.
//!
//! Promises nothing to anybody but the programs beside it.

pub mod cpu;
pub mod population;
pub mod tenancy;
