//! What the benchmarks share: the benchmark's domain, and CPU time.
//!
//! Promises nothing to anybody but the programs beside it.

pub mod cpu;
pub mod population;
