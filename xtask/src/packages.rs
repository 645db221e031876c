//! Debian packages that tests and benchmarks need. None of them is needed to build or run Keyporch.

use std::process::Command;

use crate::run::{answers, run};

/// What the tests' clients are in.
pub(crate) const TESTS: &[&str] = &[
    "krb5-user",
    "krb5-pkinit",
    "krb5-k5tls",
    "krb5-gss-samples",
    "faketime",
    "libfaketime",
    "openssl",
    "curl",
    "chromium",
    "chromium-driver",
];

/// What the benchmark's peer is in, and what its load tool links.
pub(crate) const KDC_BENCH: &[&str] = &[
    "krb5-kdc",
    "krb5-admin-server",
    "krb5-pkinit",
    "libssl-dev",
    "pkg-config",
    "python3",
];

/// Installs what is missing, where we may; elsewhere says what to install.
pub(crate) fn need(packages: &[&str]) -> Result<(), String> {
    if !answers("dpkg-query", "--version") {
        return Err(format!(
            "this is no Debian system: install what these packages hold, and run again: {}",
            packages.join(" ")
        ));
    }
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() {
        return Err(format!(
            "packages are missing; run `sudo apt-get install {}` and try again",
            missing.join(" ")
        ));
    }
    run(Command::new("apt-get").args(["update", "--quiet"]))?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--quiet", "--yes", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut install)
}

fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output();
    query.is_ok_and(|output| output.stdout.starts_with(b"installed"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("--user").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
