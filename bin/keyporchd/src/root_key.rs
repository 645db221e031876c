//! The root key's file: 32 bytes in hexadecimal, for the service's user alone.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use directory::RootKey;
use zeroize::Zeroizing;

use crate::report::{FAILED, Failure, REFUSED};

/// Reads the root key.
pub(crate) fn read(path: &Path) -> Result<RootKey, Failure> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| {
        let what = format!("the root key {shown} cannot be read: {error}");
        Failure::said(
            what,
            "Put the root key back from its copy: without it the store cannot be opened.",
            FAILED,
        )
    })?;
    if metadata.mode() & 0o077 != 0 {
        let remedy =
            format!("Run `chmod 600 {shown}`, and ask yourself who has read it until now.");
        return Err(Failure::said(
            format!("the root key {shown} can be read by other users"),
            remedy,
            REFUSED,
        ));
    }
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| {
            let what = format!("the root key {shown} cannot be read: {error}");
            Failure::said(
                what,
                "Give the service's user the right to read it.",
                FAILED,
            )
        })?;
    parse(text.trim()).ok_or_else(|| {
        let what = format!("the root key {shown} is not 64 hexadecimal digits");
        Failure::said(what, "Put the root key back from its copy.", REFUSED)
    })
}

/// The file's content for a key.
pub(crate) fn text(key: &RootKey) -> Zeroizing<String> {
    let digits: String = key
        .expose()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Zeroizing::new(digits + "\n")
}

fn parse(text: &str) -> Option<RootKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?;
    }
    Some(RootKey::new(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_written_is_read() {
        let key = RootKey::new([0xa7; 32]);
        assert_eq!(parse(text(&key).trim()).unwrap().expose(), key.expose());
        for wrong in ["", "zz", &"0".repeat(63), &"g".repeat(64), &"ü".repeat(32)] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_root_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        fs::write(&path, text(&RootKey::new([1; 32])).as_str()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&path).is_ok());
    }
}
