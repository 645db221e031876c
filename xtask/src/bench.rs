//! Benchmarks. They report; nothing fails on a time.

use std::process::Command;

use crate::packages;
use crate::run::{root, run};

/// The KDC beside Debian's MIT krb5 and the crypto floor, interleaved in one run: `bench/kdc.sh`.
pub(crate) fn kdc() -> Result<(), String> {
    packages::need(packages::KDC_BENCH)?;
    run(Command::new("bash").arg(root().join("bench/kdc.sh")))
}
