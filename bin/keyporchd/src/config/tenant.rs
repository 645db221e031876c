//! `[tenant]`: which tenant the store holds, and where it is found.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::is_dns_name;
use crate::mistake::Mistake;

/// `[tenant]`: where the tenant is found ([`tenant::Section`]), and which it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tenant {
    /// The first domain of the tenant that the store holds.
    pub(crate) domain: String,
    /// Where people sign in and tokens are given.
    pub(crate) login: String,
    /// Where devices and keys are registered.
    pub(crate) drs: Option<String>,
    /// Where Graph is.
    pub(crate) graph: Option<String>,
    /// Where a domain's tenant is found.
    pub(crate) odc: Option<String>,
    /// Further host names.
    #[serde(default)]
    pub(crate) extra_names: Vec<String>,
    /// Where it is told that somebody has a new key.
    pub(crate) notify: Option<String>,
    /// A PEM file of the authorities that may vouch for who is told; the system's, where not given.
    pub(crate) notify_roots: Option<PathBuf>,
}

impl Tenant {
    /// Where it is found.
    pub(crate) fn section(&self) -> tenant::Section {
        tenant::Section {
            login: self.login.clone(),
            drs: self.drs.clone(),
            graph: self.graph.clone(),
            odc: self.odc.clone(),
            extra_names: self.extra_names.clone(),
            notify: self.notify.clone(),
        }
    }

    /// That it can be one, that it can be found, and that nothing is listened for that only a domain answers.
    pub(super) fn check(
        &self,
        listen: &serve::Listen,
        path: &Path,
        text: &str,
    ) -> Result<(), Mistake> {
        let at = |section, key, what: String, remedy: &str| {
            Err(Mistake::at(path, text, section, key, what, remedy))
        };
        if !is_dns_name(&self.domain) {
            let what = format!("{:?} is no DNS name", self.domain);
            let remedy = "Give the tenant's first domain as DNS has it: corp.example.";
            return at("tenant", "domain", what, remedy);
        }
        let unused = zeroize::Zeroizing::new([0; 32]);
        if let Err(error) = tenant::Deployment::of(&self.section(), unused) {
            let said = error.to_string();
            let key = said.split(' ').next().unwrap_or_default().to_owned();
            return at("tenant", &key, said, "Correct the setting that is named.");
        }
        let of_domains = [
            ("kdc", &listen.kdc),
            ("password", &listen.password),
            ("ldap", &listen.ldap),
            ("ldaps", &listen.ldaps),
        ];
        match of_domains
            .into_iter()
            .find(|(_, addresses)| !addresses.is_empty())
        {
            None => Ok(()),
            Some((key, _)) => {
                let what = format!("{key} is a domain's, and the store holds a tenant");
                at("listen", key, what, &format!("Write {key} = []."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::super::tests::{EXAMPLE, mistake};

    const OF_A_TENANT: &str = "[tenant]\ndomain = \"corp.example\"\nlogin = \"https://login.corp.example\"\n\n\
        [store]\nfile = \"t.sqlite\"\nroot_key = \"t.key\"\n\n\
        [listen]\nkdc = []\npassword = []\nldap = []\nldaps = []\n";

    #[test]
    fn what_the_example_says_of_tenants_is_a_configuration_in_place_of_the_domains() {
        let tenant: Vec<&str> = EXAMPLE
            .lines()
            .filter_map(|line| line.strip_prefix("#? "))
            .collect();
        let (_, rest) = OF_A_TENANT.split_once("\n\n").unwrap();
        let text = format!("{}\n\n{rest}", tenant.join("\n"));
        let config = Config::parse(Path::new("keyporch.toml"), &text).unwrap();
        assert_eq!(config.name(), "corp.example");
        let tenant = config.tenant.unwrap();
        assert!(tenant.notify_roots.is_some());
        let section = tenant.section();
        assert_eq!(section.drs.as_deref(), Some("https://drs.corp.example"));
        assert!(section.notify.is_some() && !section.extra_names.is_empty());
    }

    #[test]
    fn a_configuration_is_for_a_domain_or_a_tenant() {
        Config::parse(Path::new("keyporch.toml"), OF_A_TENANT).unwrap();
        let (tenant, rest) = OF_A_TENANT.split_once("\n\n").unwrap();
        assert!(mistake(rest).what.contains("neither [domain] nor [tenant]"));
        let both = mistake(&format!("{EXAMPLE}\n{tenant}\n"));
        assert!(both.what.contains("both are given"), "{both}");
        let listening = mistake(&OF_A_TENANT.replace("kdc = []", "kdc = [\"127.0.0.1:88\"]"));
        assert_eq!(listening.remedy, "Write kdc = [].");
        let plain = mistake(&OF_A_TENANT.replace("https://login", "http://login"));
        assert!(plain.what.starts_with("login must be"), "{plain}");
        assert!(plain.place.is_some(), "{plain}");
    }
}
