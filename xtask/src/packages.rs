//! Packages of Debian and of PyPI that tests and benchmarks need. None of them is needed to build or run Keyporch.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{answers, root, run};

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
    // A web server that starts nothing by itself, and what makes it take tickets.
    "apache2-bin",
    "libapache2-mod-auth-gssapi",
    "openssh-client",
    // A database server for tests to start for themselves; the one that Debian sets up is left alone.
    "postgresql",
    // LDAP clients, and what makes them use tickets.
    "ldap-utils",
    "libsasl2-modules-gssapi-mit",
    // Python's ldap3 with what makes it use tickets, and say on which TLS connection.
    "python3-ldap3",
    "python3-gssapi",
    "python3-cryptography",
    // Samba's administration, and what makes it speak LDAP.
    "samba-common-bin",
    "samba-dsdb-modules",
    // Networks of the tests' own, and what SSSD needs besides what is unpacked: see `sssd`.
    "iproute2",
    "util-linux",
    "libdbus-1-3",
    "libjansson4",
    "libldap-2.5-0",
    "libpopt0",
    // For Heimdal's clients and for sshd, which are not installed: see `heimdal` and `sshd`.
    "libedit2",
    "libsqlite3-0",
    "libwrap0",
    // For the old-style client: see `python_clients`.
    "python3-venv",
    // For a service that lets people in by the tenant: see interop/python/relying_party.py.
    "python3-authlib",
    "python3-requests",
    // What the Linux client of the tenant links: see interop/himmelblau.
    "libkeyutils-dev",
    "libssl-dev",
    "pkg-config",
];

/// What the benchmark's peer is in, and what its load tool links.
pub(crate) const KDC_BENCH: &[&str] = &[
    "krb5-kdc",
    "krb5-admin-server",
    "krb5-pkinit",
    "libssl-dev",
    "pkg-config",
    "python3",
    // For Heimdal's KDC, which is not installed: see `heimdal_kdc`.
    "libcap-ng0",
    "libdb5.3",
    "libedit2",
    "libldap-2.5-0",
    "libsqlite3-0",
];

/// What LDAP's benchmark needs besides slapd itself, which is not installed: see `slapd`.
pub(crate) const LDAP_BENCH: &[&str] = &["python3", "libwrap0", "libldap-2.5-0"];

/// Heimdal's clients and their libraries. Their package conflicts with MIT's, so that they are unpacked beside it.
const HEIMDAL: &[&str] = &[
    "heimdal-clients",
    "libasn1-8-heimdal",
    "libhcrypto5-heimdal",
    "libheimbase1-heimdal",
    "libheimntlm0-heimdal",
    "libhx509-5-heimdal",
    "libkafs0-heimdal",
    "libkrb5-26-heimdal",
    "libroken19-heimdal",
    "libsl0-heimdal",
    "libwind0-heimdal",
];

/// Heimdal's KDC with its administrator's tool, which conflict with MIT's, too.
const HEIMDAL_KDC: &[&str] = &[
    "heimdal-kdc",
    "heimdal-clients",
    "libasn1-8-heimdal",
    "libgssapi3-heimdal",
    "libhcrypto5-heimdal",
    "libhdb9-heimdal",
    "libheimbase1-heimdal",
    "libheimntlm0-heimdal",
    "libhx509-5-heimdal",
    "libkadm5clnt7-heimdal",
    "libkadm5srv8-heimdal",
    "libkdc2-heimdal",
    "libkrb5-26-heimdal",
    "libroken19-heimdal",
    "libsl0-heimdal",
    "libwind0-heimdal",
];

/// Debian's slapd, which installed would start a server.
const SLAPD: &[&str] = &["slapd", "libltdl7"];

/// Debian's sshd. Its package, installed, makes host keys and starts a service, so that it is only unpacked.
const SSHD: &[&str] = &["openssh-server"];

/// SSSD, who tries it, and what asks it. Their packages, installed, change how everybody signs in to the machine, so that
/// they are only unpacked.
const SSSD: &[&str] = &[
    "cracklib-runtime",
    "libbasicobjects0",
    "libc-ares2",
    "libcollection4",
    "libcrack2",
    "libdhash1",
    "libini-config5",
    "libnl-3-200",
    "libnl-route-3-200",
    "libnss-sss",
    "libpam-pwquality",
    "libpam-sss",
    "libpath-utils1",
    "libpwquality-common",
    "libpwquality1",
    "libref-array1",
    "libsss-certmap0",
    "libsss-idmap0",
    "libsss-nss-idmap0",
    "pamtester",
    "sssd-common",
    "sssd-krb5",
    "sssd-krb5-common",
    "sssd-ldap",
    "sssd-tools",
    "sudo",
];

/// Unpacks Heimdal's clients into the build directory, `heimdal/usr/bin`, where the tests look for them.
pub(crate) fn heimdal() -> Result<(), String> {
    unpack("heimdal", HEIMDAL, "usr/bin/kpasswd.heimdal")
}

/// Unpacks Heimdal's KDC into the build directory, `heimdal-kdc/usr`, where `bench/kdc.sh` looks for it.
pub(crate) fn heimdal_kdc() -> Result<(), String> {
    unpack("heimdal-kdc", HEIMDAL_KDC, "usr/lib/heimdal-servers/kdc")
}

/// Unpacks slapd into the build directory, `slapd/usr/sbin`, where `bench/ldap.sh` looks for it.
pub(crate) fn slapd() -> Result<(), String> {
    unpack("slapd", SLAPD, "usr/sbin/slapd")
}

/// Unpacks sshd into the build directory, `sshd/usr/sbin`, where the tests look for it.
pub(crate) fn sshd() -> Result<(), String> {
    unpack("sshd", SSHD, "usr/sbin/sshd")
}

/// Unpacks SSSD into the build directory, `sssd`, which the tests lay over the folders of machines of their own.
pub(crate) fn sssd() -> Result<(), String> {
    unpack("sssd", SSSD, "usr/sbin/sssd")
}

/// The build directory.
fn target() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    // This program lies in target/PROFILE.
    let target = own.ancestors().nth(2).ok_or("this program lies nowhere")?;
    Ok(target.to_owned())
}

fn failed(path: &Path, error: std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Unpacks packages into a folder of the build directory, unless the file that is named is there already.
fn unpack(name: &str, packages: &[&str], there: &str) -> Result<(), String> {
    let target = target()?;
    let folder = target.join(name);
    let parts = target.join(format!("{name}.unpacked"));
    if folder.join(there).exists() {
        return Ok(());
    }
    // A run that was interrupted leaves nothing that looks whole.
    let _ = std::fs::remove_dir_all(&parts);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&parts).map_err(|error| failed(&parts, error))?;
    let mut download = Command::new("apt-get");
    download
        .args(["download", "--quiet"])
        .args(packages)
        .current_dir(&parts);
    run(&mut download)?;
    let entries = std::fs::read_dir(&parts).map_err(|error| failed(&parts, error))?;
    let files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|kind| kind == "deb"))
        .collect();
    for file in files {
        run(Command::new("dpkg").arg("-x").arg(&file).arg(&parts))?;
        std::fs::remove_file(&file).map_err(|error| failed(&file, error))?;
    }
    std::fs::rename(&parts, &folder).map_err(|error| failed(&folder, error))
}

/// Installs the clients of interop/python/requirements.txt into a virtual environment of the build directory,
/// `python-clients`. What is there stays until the list is another one.
pub(crate) fn python_clients() -> Result<(), String> {
    let folder = target()?.join("python-clients");
    let list = root().join("interop/python/requirements.txt");
    let wanted = std::fs::read(&list).map_err(|error| failed(&list, error))?;
    // Written last, so that a run that was interrupted leaves nothing that looks whole.
    let installed = folder.join("installed.txt");
    let python = folder.join("bin/python");
    if python.exists() && std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    // By digest, all of them as they were built by their authors, and nothing that the list does not name.
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args([
            "--only-binary",
            ":all:",
            "--require-hashes",
            "--requirement",
        ])
        .arg(&list);
    run(&mut install)?;
    std::fs::write(&installed, wanted).map_err(|error| failed(&installed, error))
}

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
