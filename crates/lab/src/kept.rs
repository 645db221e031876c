//! What a lab keeps from one start to the next, and by which its folder is known as a lab's.

use std::path::Path;

use serde::{Deserialize, Serialize};
use token::totp::TotpSecret;
use trust::Rng;

use crate::fault::Fault;

/// The file.
pub(crate) const FILE: &str = "lab-state.json";

/// The version that this release writes.
const VERSION: u32 = 1;

/// What a lab keeps. The secrets are of use in this lab alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    keyporch_lab: u32,
    /// The scenario.
    pub(crate) scenario: String,
    /// The administrator.
    pub(crate) admin: Login,
    /// The person.
    pub(crate) user: Login,
    /// The PIN that the person chooses.
    pub(crate) pin: String,
    /// Where it listened last: Kerberos, HTTPS, HTTP, changes of passwords, LDAP without and within TLS.
    #[serde(default)]
    pub(crate) ports: Option<Vec<u16>>,
}

/// How somebody signs in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The password.
    pub(crate) password: String,
    /// The secret of the authenticator, base32.
    pub(crate) totp_secret: String,
}

impl Login {
    fn draw(rng: &mut dyn Rng) -> Self {
        let drawn = crypto::base32::encode(&rng.bytes::<10>()).to_ascii_lowercase();
        let groups: Vec<&str> = [0..4, 4..8, 8..12, 12..16]
            .into_iter()
            .filter_map(|group| drawn.get(group))
            .collect();
        let secret = crypto::base32::encode(&rng.bytes::<20>());
        Self {
            password: groups.join("-"),
            totp_secret: secret.to_string(),
        }
    }

    /// The authenticator.
    pub(crate) fn authenticator(&self) -> Result<TotpSecret, Fault> {
        TotpSecret::parse(&self.totp_secret).ok_or_else(damaged)
    }
}

impl Kept {
    /// New secrets for a new lab.
    pub(crate) fn draw(scenario: &str, rng: &mut dyn Rng) -> Self {
        Self {
            keyporch_lab: VERSION,
            scenario: scenario.to_owned(),
            admin: Login::draw(rng),
            user: Login::draw(rng),
            pin: pin(rng),
            ports: None,
        }
    }

    /// The file's content.
    pub(crate) fn write(&self) -> Vec<u8> {
        // Texts and numbers always have a JSON form.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// Six digits that the rules for PINs take (POL-PIN-10).
fn pin(rng: &mut dyn Rng) -> String {
    loop {
        let number = u32::from_be_bytes(rng.bytes()) % 1_000_000;
        let pin = format!("{number:06}");
        if !hello::pin::is_simple(&pin) {
            return pin;
        }
    }
}

/// Only the version, whatever else a later release writes.
#[derive(Deserialize)]
struct Marker {
    keyporch_lab: u32,
}

/// Reads the file's content.
pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Kept, Fault> {
    let marker: Marker = serde_json::from_slice(bytes).map_err(|_| {
        Fault::failed(
            format!(
                "{} is not what a lab writes there, and was left as it is",
                path.display()
            ),
            "Give another folder with --dir, or remove this one.",
        )
    })?;
    if marker.keyporch_lab != VERSION {
        return Err(Fault::failed(
            format!(
                "{} is of version {}, which a later release wrote; this one reads version {VERSION} and left it as it is",
                path.display(),
                marker.keyporch_lab
            ),
            "Use the release that wrote it, or give another folder with --dir.",
        ));
    }
    serde_json::from_slice(bytes).map_err(|_| damaged())
}

fn damaged() -> Fault {
    Fault::failed(
        format!("{FILE} of this lab is damaged"),
        "Remove the folder, or give another one with --dir.",
    )
}

/// A lab's secrets, for tests.
#[cfg(test)]
pub(crate) fn sample() -> Kept {
    Kept::draw("onprem-key", &mut trust::SystemRng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let kept = sample();
        assert_eq!(read(Path::new(FILE), &kept.write()).unwrap(), kept);
        assert!(kept.user.authenticator().is_ok());
        assert!(kept.admin.password != kept.user.password && kept.user.password.len() == 19);
        for damaged in ["", "{}", "[]", "{\"keyporch_lab\":1}"] {
            assert!(
                read(Path::new(FILE), damaged.as_bytes()).is_err(),
                "{damaged}"
            );
        }
    }
}
