//! The configuration section `[tenant]`.

use serde::Deserialize;

/// The section as it stands in `keyporch.toml`: where the tenant is found. What an administrator changes while it runs is
/// in the tenant's own directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Where people sign in and tokens are given: `https://login.corp.example`, with its port where that is not 443.
    pub login: String,
    /// Where devices and keys are registered; by default as `login`.
    pub drs: Option<String>,
    /// Where Graph is; by default as `login`.
    pub graph: Option<String>,
    /// Where a domain's tenant is found; by default as `login`.
    pub odc: Option<String>,
    /// Further host names by which the tenant is reached, without ports, all for everything.
    pub extra_names: Vec<String>,
    /// Where it is told that somebody has a new key: an address to which JSON is posted.
    pub notify: Option<String>,
}
