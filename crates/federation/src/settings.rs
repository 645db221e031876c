//! What the configuration section comes to, checked.

use crypto::key::KeyKind;
use signin::Limits;

use crate::section::{InvalidSettings, Section};

/// The configuration, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://sts.corp.example:18443`.
    pub(crate) origin: String,
    /// `https://sts.corp.example:18443/adfs`, the issuer.
    pub(crate) issuer: String,
    /// The host of `origin`, without port.
    pub(crate) host: String,
    /// `urn:ms-drs:<host>`.
    pub(crate) registration_resource: String,
    pub(crate) organisation: String,
    pub(crate) enrol_at_sign_in: bool,
    pub(crate) signing_key: KeyKind,
    pub(crate) key_rules: registration::user_key::Rules,
    pub(crate) limits: Limits,
    pub(crate) catalogue: token::client::Catalogue,
}

impl Settings {
    /// Checks the section. `domain` is the DNS name of the domain, for what the section leaves out.
    ///
    /// # Errors
    /// [`InvalidSettings`], which names what to change.
    pub fn of(section: &Section, domain: &str) -> Result<Self, InvalidSettings> {
        let base = section.base.trim_end_matches('/');
        let host = host_of(base).ok_or_else(|| InvalidSettings::Base(section.base.clone()))?;
        let registration_host = section.registration_host.as_deref().unwrap_or(host);
        if !is_host(registration_host) {
            return Err(InvalidSettings::RegistrationHost(
                registration_host.to_owned(),
            ));
        }
        if section.keys_per_person == 0 {
            return Err(InvalidSettings::NoKeys);
        }
        let registration_resource = token::client::registration_resource(registration_host);
        Ok(Self {
            origin: base.to_ascii_lowercase(),
            issuer: format!("{}/adfs", base.to_ascii_lowercase()),
            host: host.to_ascii_lowercase(),
            organisation: section
                .organisation
                .clone()
                .unwrap_or_else(|| domain.to_owned()),
            enrol_at_sign_in: section.enrol_second_factor_at_sign_in,
            signing_key: section.signing_algorithm.key_kind(),
            key_rules: registration::user_key::Rules {
                most_keys: section.keys_per_person,
                device_must_be_present: section.key_registration_needs_device_certificate,
                ..registration::user_key::Rules::default()
            },
            limits: Limits::default(),
            catalogue: crate::catalogue::catalogue(&registration_resource, &section.applications)?,
            registration_resource,
        })
    }

    /// The same settings with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The issuer of tokens, `https://sts.corp.example/adfs`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The servicePrincipalName that clients ask tickets for (RFC 4559 4.1): `HTTP/sts.corp.example`. The KDC must know it
    /// (`kdc::Realm::federation`), for the tickets of its account have to say what got them.
    #[must_use]
    pub fn service_principal(&self) -> String {
        format!("HTTP/{}", self.host)
    }

    /// The resource of device and key registration, `urn:ms-drs:<host>`.
    #[must_use]
    pub fn registration_resource(&self) -> &str {
        &self.registration_resource
    }
}

/// The host of `https://host[:port]`; `None` for anything else.
fn host_of(base: &str) -> Option<&str> {
    let authority = base.strip_prefix("https://")?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let port_is_good = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    (port_is_good && is_host(host)).then_some(host)
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::Application;

    fn section(base: &str) -> Section {
        Section {
            base: base.into(),
            ..Section::default()
        }
    }

    #[test]
    fn the_rest_follows_from_the_base() {
        let settings =
            Settings::of(&section("https://STS.corp.example:18443/"), "corp.example").unwrap();
        assert_eq!(settings.issuer(), "https://sts.corp.example:18443/adfs");
        assert_eq!(
            settings.registration_resource(),
            "urn:ms-drs:sts.corp.example"
        );
        assert_eq!(settings.organisation, "corp.example");
    }

    #[test]
    fn refuses_bases_that_are_no_origin() {
        for base in [
            "",
            "sts.corp.example",
            "http://sts.corp.example",
            "https://sts.corp.example/adfs",
            "https://:443",
            "https://a:0",
            "https://a:99999",
            "https://a b",
        ] {
            assert!(
                matches!(
                    Settings::of(&section(base), "corp.example"),
                    Err(InvalidSettings::Base(_))
                ),
                "{base}"
            );
        }
    }

    #[test]
    fn refuses_what_cannot_work() {
        let no_keys = Section {
            keys_per_person: 0,
            ..section("https://sts.corp.example")
        };
        assert_eq!(
            Settings::of(&no_keys, "corp.example").unwrap_err(),
            InvalidSettings::NoKeys
        );
        let host = Section {
            registration_host: Some("a:443".into()),
            ..section("https://sts.corp.example")
        };
        assert!(matches!(
            Settings::of(&host, "corp.example"),
            Err(InvalidSettings::RegistrationHost(_))
        ));
        let application = |client_id: &str, uri: &str| Application {
            client_id: client_id.into(),
            name: "App".into(),
            redirect_uris: vec![uri.into()],
            post_logout_redirect_uris: vec![],
            resource: None,
            second_factor: false,
            refresh_tokens: false,
        };
        let with = |application| Section {
            applications: vec![application],
            ..section("https://sts.corp.example")
        };
        for uri in [
            "",
            "/done",
            "https://app.example/#x",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            let refused = Settings::of(&with(application("app", uri)), "corp.example").unwrap_err();
            assert!(
                matches!(refused, InvalidSettings::RedirectUri { .. }),
                "{uri}"
            );
        }
        for uri in [
            "http://app.example/done",
            "HTTP://app.example:8080/",
            "http:app.example",
            "http:\\\\app.example/",
            "http:///app.example",
            "http://localhost.app.example/",
            "http://127.0.0.1:80@app.example/",
            "http://localhost\\.app.example/",
            "http://10.0.0.1/",
        ] {
            let refused = Settings::of(&with(application("app", uri)), "corp.example").unwrap_err();
            let plain = matches!(refused, InvalidSettings::PlainRedirectUri { .. });
            assert!(plain, "{uri}");
        }
        for uri in [
            "http://127.0.0.1/done",
            "http://[::1]:8080",
            "http://localhost:3000/done",
            "com.example.app:/done",
            "https://app.example/done",
        ] {
            let taken = Settings::of(&with(application("app", uri)), "corp.example");
            assert!(taken.is_ok(), "{uri}");
        }
        let taken = Settings::of(
            &with(application(
                token::client::REGISTRATION_CLIENT,
                "https://app.example/",
            )),
            "corp.example",
        );
        assert!(matches!(taken, Err(InvalidSettings::Taken(_))));
        assert!(
            Settings::of(
                &with(application("app", "https://app.example/")),
                "corp.example"
            )
            .is_ok()
        );
    }
}
