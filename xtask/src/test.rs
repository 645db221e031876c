//! Everything, with clients that nobody here wrote.

use crate::packages;
use crate::run::{answers, cargo, root, run};

/// Installs what the tests need, and unpacks what cannot be installed beside it.
pub(crate) fn packages() -> Result<(), String> {
    packages::need(packages::TESTS)?;
    packages::heimdal()?;
    packages::sshd()?;
    packages::sssd()?;
    packages::python_clients()
}

/// Installs what the tests need, builds the programs that they run, and runs all of them: units, flows,
/// the rules of the house, the corpora of the decoders, and other people's clients against the lab.
pub(crate) fn test() -> Result<(), String> {
    packages()?;
    run(cargo().args([
        "build",
        "--locked",
        "--bins",
        "--package=keyporchd",
        "--package=keyporch",
    ]))?;
    beside("interop/himmelblau")?;
    beside("interop/openidconnect")?;
    if answers("cargo-nextest", "--version") {
        run(cargo().args([
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--no-fail-fast",
        ]))?;
    } else {
        // One after the other: several of the tests start a whole lab.
        run(cargo().args([
            "test",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--",
            "--test-threads=2",
        ]))?;
    }
    run(cargo().args(["test", "--locked", "--workspace", "--doc"]))
}

/// Builds somebody else's client of the tenant, a workspace of its own with its own lock file.
fn beside(folder: &str) -> Result<(), String> {
    let folder = root().join(folder);
    run(cargo()
        .args(["build", "--locked", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(folder.join("target")))
}
