//! The environment of the process, read here and nowhere else.
#![allow(
    clippy::disallowed_methods,
    reason = "this is where the ban points to: the values are passed down from here"
)]

use std::path::PathBuf;

/// Whether the person wants no colours (no-color.org).
pub(crate) fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Where this person's short-lived things are kept.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    folder("XDG_RUNTIME_DIR")
        .or_else(|| folder("XDG_CACHE_HOME"))
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("keyporch"))
}

/// The credential cache that `KRB5CCNAME` names, where it is a file's.
pub(crate) fn credential_cache() -> Option<Result<PathBuf, String>> {
    let name = std::env::var("KRB5CCNAME")
        .ok()
        .filter(|name| !name.is_empty())?;
    Some(match name.split_once(':') {
        Some(("FILE", path)) => Ok(path.into()),
        None => Ok(name.into()),
        // A single letter is no type of cache but the start of a path elsewhere.
        Some(_) => Err(name),
    })
}

/// What tells one start of the operating system from the next (HAMR-3).
pub(crate) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Whether the person sits elsewhere (PROV-1.5).
pub(crate) fn is_remote_session() -> bool {
    std::env::var_os("SSH_CONNECTION").is_some()
}

/// The number of the user that this process runs as: who its files belong to.
pub(crate) fn user() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

/// The machine's name.
pub(crate) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let first = name.trim().split('.').next()?.to_owned();
    (!first.is_empty()).then_some(first)
}

/// The operating system's name and version.
pub(crate) fn operating_system() -> (String, String) {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |name: &str| {
        let line = release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let version = value("PRETTY_NAME")
        .or_else(|| value("NAME"))
        .unwrap_or_else(|| "unknown".to_owned());
    ("Linux".to_owned(), version)
}
