//! `[domain]`: which domain the store holds.

use std::path::Path;

use serde::Deserialize;

use super::is_dns_name;
use crate::mistake::Mistake;

/// `[domain]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Domain {
    /// The DNS name of the domain that the store holds.
    pub(crate) name: String,
}

impl Domain {
    /// That it can be one, and that its federation service can be found.
    pub(super) fn check(
        &self,
        federation: &federation::Section,
        path: &Path,
        text: &str,
    ) -> Result<(), Mistake> {
        let at = |section, key, what: String, remedy: &str| {
            Err(Mistake::at(path, text, section, key, what, remedy))
        };
        if !is_dns_name(&self.name) {
            let what = format!("{:?} is no DNS name", self.name);
            let remedy = "Give the domain as DNS has it: corp.example.";
            return at("domain", "name", what, remedy);
        }
        let Err(error) = federation::Settings::of(federation, &self.name) else {
            return Ok(());
        };
        let said = error.to_string();
        let key = ["base", "registration_host", "keys_per_person"]
            .into_iter()
            .find(|key| said.contains(key));
        let remedy = "Correct the setting that is named.";
        at("federation", key.unwrap_or_default(), said, remedy)
    }
}
