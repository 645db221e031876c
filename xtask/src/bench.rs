//! Benchmarks. They report; nothing fails on a time.

use std::process::Command;

use crate::packages;
use crate::run::{root, run};

/// How many people the cases of many people have.
const MANY: &str = "100000";

/// The KDC beside Debian's MIT krb5 and Heimdal and the crypto floor, interleaved in one run: `bench/kdc.sh`.
pub(crate) fn kdc() -> Result<(), String> {
    packages::need(packages::KDC_BENCH)?;
    packages::heimdal_kdc()?;
    let script = root().join("bench/kdc.sh");
    run(Command::new("bash").arg(script).args(["--many", MANY]))
}

/// The directory over LDAP beside Debian's slapd, interleaved in one run: `bench/ldap.sh`.
pub(crate) fn ldap() -> Result<(), String> {
    packages::need(packages::LDAP_BENCH)?;
    packages::slapd()?;
    run(Command::new("bash").arg(root().join("bench/ldap.sh")))
}

/// A tenant's answers beside the least that they could cost, without sockets and over them: `bench/tenant.sh`.
pub(crate) fn tenant() -> Result<(), String> {
    run(Command::new("bash").arg(root().join("bench/tenant.sh")))
}
