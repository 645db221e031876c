//! The settings, one unit struct each, and the table of them all.
//!
//! The table may be long. A setting's place in it is the order in which lists and reports show it.

pub mod hello;
pub mod kerberos;
pub mod pin_complexity;

use crate::setting::{About, Registry, Setting};

/// The folder of the settings of the feature itself, in the Group Policy editor.
const HELLO_FOLDER: &str = r"Windows Components\Windows Hello for Business";
/// The key of the settings of the feature itself, in `Registry.pol`.
const HELLO_KEY: &str = r"SOFTWARE\Policies\Microsoft\PassportForWork";
/// The folder of the settings of Kerberos, in the Group Policy editor.
const KERBEROS_FOLDER: &str = r"System\Kerberos";
/// The key of the settings of Kerberos, in `Registry.pol`.
const KERBEROS_KEY: &str =
    r"Software\Microsoft\Windows\CurrentVersion\Policies\System\Kerberos\Parameters";

/// Every setting that this release knows.
pub const SETTINGS: &[&About] = &[
    &hello::UsePassportForWork::ABOUT,
    &hello::DisablePostLogonProvisioning::ABOUT,
    &hello::RequireSecurityDevice::ABOUT,
    &hello::ExcludeTpm12::ABOUT,
    &hello::UseCertificateForOnPremAuth::ABOUT,
    &hello::UseCloudTrustForOnPremAuth::ABOUT,
    &pin_complexity::Digits::ABOUT,
    &pin_complexity::LowercaseLetters::ABOUT,
    &pin_complexity::MaximumPinLength::ABOUT,
    &pin_complexity::MinimumPinLength::ABOUT,
    &pin_complexity::Expiration::ABOUT,
    &pin_complexity::History::ABOUT,
    &pin_complexity::SpecialCharacters::ABOUT,
    &pin_complexity::UppercaseLetters::ABOUT,
    &pin_complexity::PinProfile::ABOUT,
    &kerberos::RequireFast::ABOUT,
];

/// The setting of that name or ID, in either case; `None` when this release knows none.
#[must_use]
pub fn named(name: &str) -> Option<&'static About> {
    SETTINGS
        .iter()
        .copied()
        .find(|about| about.name.eq_ignore_ascii_case(name) || about.id.eq_ignore_ascii_case(name))
}

const fn hello_value(value: &'static str) -> Registry {
    Registry {
        key: HELLO_KEY,
        value,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_ids_and_places_are_each_used_once() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|about| about.name).collect();
        let ids: BTreeSet<_> = SETTINGS.iter().map(|about| about.id).collect();
        let places: BTreeSet<_> = SETTINGS
            .iter()
            .map(|about| (about.registry.key, about.registry.value))
            .collect();
        assert_eq!(names.len(), SETTINGS.len());
        assert_eq!(ids.len(), SETTINGS.len());
        assert_eq!(places.len(), SETTINGS.len());
    }

    #[test]
    fn a_setting_is_found_by_name_or_id_in_either_case() {
        let found = named("minimumpinlength").unwrap();
        assert_eq!(found.id, "POL-PIN-4");
        assert_eq!(named("pol-pin-4"), Some(found));
        assert_eq!(named("MinimumPINLengths"), None);
    }
}
