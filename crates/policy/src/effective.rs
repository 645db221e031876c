//! The effective policy: which setting wins, and why.

use serde::{Deserialize, Serialize};

use crate::object::{Half, Membership, PolicyObject, applied};
use crate::pin::{Fallback, PinPolicy, Wanted};
use crate::setting::{About, Setting, Typed, Value};
use crate::settings::{SETTINGS, hello, kerberos, pin_complexity};

/// What holds for one person on one computer. Parties receive it by reference and decide nothing
/// about settings themselves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Effective {
    /// POL-S1, as it was set. What `None` means depends on how the device is joined (PROV-1.4).
    pub use_hello: Option<bool>,
    /// Whether enrolment is offered after sign-in: the inverse of POL-S1a.
    pub post_logon_provisioning: bool,
    /// POL-S2.
    pub require_security_device: bool,
    /// POL-S2a, which holds only together with POL-S2.
    pub exclude_tpm12: bool,
    /// POL-S3: certificate trust.
    pub certificate_for_on_premises: bool,
    /// POL-S4: cloud Kerberos trust; false when certificate trust beats it.
    pub cloud_trust_for_on_premises: bool,
    /// POL-K1: the person's sign-in must be armored.
    #[serde(default)]
    pub armoring_required: bool,
    /// POL-PIN-1 to POL-PIN-10.
    pub pin: PinPolicy,
    /// What each setting came to and why, in the order of [`SETTINGS`].
    pub decisions: Vec<Decision>,
}

/// What one setting came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The setting's name.
    pub setting: String,
    /// The value that won; `None` when nobody set it.
    pub value: Option<Value>,
    /// The name of the policy object that set it.
    pub object: Option<String>,
    /// The half of that object.
    pub half: Option<Half>,
    /// Why the value does not hold as it was set, where that is so.
    pub note: Option<String>,
}

impl Effective {
    /// What `objects` come to for the person and the computer with these memberships.
    ///
    /// Group Policy of the person over Group Policy of the computer (POL-1.2); a setting that the
    /// person's half leaves unset falls back to the computer's (POL-1.3); among objects of one half the
    /// one that is applied last wins, and values are not merged (POL-1.5).
    #[must_use]
    pub fn of(objects: &[PolicyObject], person: &Membership, computer: &Membership) -> Self {
        let mut table = Table::new(objects, person, computer);

        let profile = table
            .read::<pin_complexity::PinProfile>()
            .unwrap_or_default();
        let (pin, fallbacks) = PinPolicy::resolve(&Wanted {
            profile,
            minimum_length: table.read::<pin_complexity::MinimumPinLength>(),
            maximum_length: table.read::<pin_complexity::MaximumPinLength>(),
            digits: table.read::<pin_complexity::Digits>(),
            lowercase_letters: table.read::<pin_complexity::LowercaseLetters>(),
            uppercase_letters: table.read::<pin_complexity::UppercaseLetters>(),
            special_characters: table.read::<pin_complexity::SpecialCharacters>(),
            history: table.read::<pin_complexity::History>(),
            expiration_days: table.read::<pin_complexity::Expiration>(),
        });
        for fallback in fallbacks {
            table.note_fallback(fallback);
        }

        let require_security_device = table
            .read::<hello::RequireSecurityDevice>()
            .unwrap_or(false);
        let excluded = table.read::<hello::ExcludeTpm12>().unwrap_or(false);
        if excluded && !require_security_device {
            table.note(
                &hello::ExcludeTpm12::ABOUT,
                "no effect while RequireSecurityDevice is not true (POL-S2a)",
            );
        }
        let certificate = table
            .read::<hello::UseCertificateForOnPremAuth>()
            .unwrap_or(false);
        let cloud_trust = table
            .read::<hello::UseCloudTrustForOnPremAuth>()
            .unwrap_or(false);
        if certificate && cloud_trust {
            table.note(
                &hello::UseCloudTrustForOnPremAuth::ABOUT,
                "UseCertificateForOnPremAuth beats it (POL-S4)",
            );
        }

        Self {
            use_hello: table.read::<hello::UsePassportForWork>(),
            post_logon_provisioning: !table
                .read::<hello::DisablePostLogonProvisioning>()
                .unwrap_or(false),
            require_security_device,
            exclude_tpm12: excluded && require_security_device,
            certificate_for_on_premises: certificate,
            cloud_trust_for_on_premises: cloud_trust && !certificate,
            armoring_required: table.read::<kerberos::RequireFast>().unwrap_or(false),
            pin,
            decisions: table.decisions,
        }
    }
}

impl Default for Effective {
    /// The policy while nobody sets anything.
    fn default() -> Self {
        Self::of(&[], &Membership::default(), &Membership::default())
    }
}

/// What each setting came to, while the effective policy is worked out.
struct Table {
    decisions: Vec<Decision>,
}

impl Table {
    fn new(objects: &[PolicyObject], person: &Membership, computer: &Membership) -> Self {
        let for_person = applied(objects, person);
        let for_computer = applied(objects, computer);
        let decide = |about: &&About| {
            let mut note = None;
            for &half in about.halves.in_order() {
                let objects = match half {
                    Half::User => &for_person,
                    Half::Computer => &for_computer,
                };
                for object in objects.iter().rev() {
                    match object.half(half).value(about) {
                        Some(value) if about.reads(value) => {
                            return Decision {
                                setting: about.name.to_owned(),
                                value: Some(value.clone()),
                                object: Some(object.name.clone()),
                                half: Some(half),
                                note,
                            };
                        }
                        Some(value) => {
                            note = Some(format!(
                                "{value} of {} was passed over: {}",
                                object.name,
                                about.invalid()
                            ));
                        }
                        None => {}
                    }
                }
            }
            Decision {
                setting: about.name.to_owned(),
                value: None,
                object: None,
                half: None,
                note,
            }
        };
        Self {
            decisions: SETTINGS.iter().map(decide).collect(),
        }
    }

    fn read<S: Setting>(&self) -> Option<S::Is> {
        self.decisions
            .iter()
            .find(|decision| decision.setting == S::ABOUT.name)
            .and_then(|decision| S::Is::read(decision.value.as_ref()?))
    }

    fn note(&mut self, about: &About, note: &str) {
        for decision in &mut self.decisions {
            if decision.setting == about.name {
                decision.note = Some(note.to_owned());
            }
        }
    }

    fn note_fallback(&mut self, fallback: Fallback) {
        let (settings, note): (&[&About], _) = match fallback {
            Fallback::Lengths => (
                &[
                    &pin_complexity::MaximumPinLength::ABOUT,
                    &pin_complexity::MinimumPinLength::ABOUT,
                ],
                "both lengths fell back to their defaults, for they contradict each other (POL-PIN-9)",
            ),
            Fallback::NothingRequired => (
                &[&pin_complexity::Digits::ABOUT],
                "digits are required and the rest forbidden, for no class is required (POL-PIN-10)",
            ),
            Fallback::NothingAllowed => (
                &[&pin_complexity::Digits::ABOUT],
                "digits are required all the same, for no PIN could be chosen without any class",
            ),
        };
        for about in settings {
            self.note(about, note);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wire::{Guid, Sid};

    use super::*;
    use crate::object::Link;
    use crate::pin::{CharacterClass, Class};
    use crate::settings::named;

    fn object(name: &str, order: u32, sets: &[(Half, &str, &str)]) -> PolicyObject {
        let mut id = [0; 16];
        id[..name.len()].copy_from_slice(name.as_bytes());
        let mut object = PolicyObject::new(Guid::from_bytes(id), name);
        object.order = order;
        for (half, name, text) in sets {
            let about = named(name).unwrap();
            object
                .set(*half, about, about.parse(text).unwrap())
                .unwrap();
        }
        object
    }

    fn of(objects: &[PolicyObject]) -> Effective {
        Effective::of(objects, &Membership::default(), &Membership::default())
    }

    fn decision<'a>(policy: &'a Effective, setting: &str) -> &'a Decision {
        policy
            .decisions
            .iter()
            .find(|decision| decision.setting == setting)
            .unwrap()
    }

    const USE: &str = "UsePassportForWork";

    #[test]
    fn nothing_set_is_the_modern_default_and_leaves_enrolment_undecided() {
        let policy = Effective::default();
        assert_eq!(policy.use_hello, None);
        assert!(policy.post_logon_provisioning);
        assert!(!policy.require_security_device && !policy.exclude_tpm12);
        assert_eq!(policy.pin.minimum_length(), 6); // CONF-1
        assert_eq!(policy.pin.maximum_length(), 127);
        for class in CharacterClass::ALL {
            assert_eq!(policy.pin.class(class), Class::Allow); // CONF-2, CONF-3
        }
        assert_eq!(
            (policy.pin.history(), policy.pin.expiration_days()),
            (0, None)
        );
        assert_eq!(policy.decisions.len(), SETTINGS.len());
    }

    #[test]
    fn the_user_half_beats_the_computer_half_whatever_their_order() {
        let policy = of(&[
            object("person", 0, &[(Half::User, USE, "false")]),
            object("computer", 9, &[(Half::Computer, USE, "true")]),
        ]);
        assert_eq!(policy.use_hello, Some(false));
        let decision = decision(&policy, USE);
        assert_eq!(decision.object.as_deref(), Some("person"));
        assert_eq!(decision.half, Some(Half::User));
    }

    #[test]
    fn an_unset_user_half_falls_back_to_the_computer_half() {
        let policy = of(&[
            object("person", 0, &[(Half::User, "Digits", "require")]),
            object("computer", 0, &[(Half::Computer, USE, "true")]),
        ]);
        assert_eq!(policy.use_hello, Some(true));
        assert_eq!(policy.pin.class(CharacterClass::Digit), Class::Require);
    }

    #[test]
    fn the_object_applied_last_wins_and_lengths_are_not_merged() {
        // POL-1.5: not the strictest of the two, the last.
        let policy = of(&[
            object("late", 2, &[(Half::User, "MinimumPINLength", "8")]),
            object("early", 1, &[(Half::User, "MinimumPINLength", "20")]),
        ]);
        assert_eq!(policy.pin.minimum_length(), 8);
    }

    #[test]
    fn a_container_nearer_to_the_person_is_applied_later() {
        let (outer, inner) = (Guid::from_bytes([1; 16]), Guid::from_bytes([2; 16]));
        let mut near = object("near", 0, &[(Half::User, USE, "true")]);
        near.link = Link::Container(inner);
        let mut far = object("far", 7, &[(Half::User, USE, "false")]);
        far.link = Link::Container(outer);
        let domain = object("domain", 9, &[(Half::User, USE, "false")]);
        let objects = [near, far, domain];

        let mut person = Membership {
            containers: vec![outer, inner],
            ..Membership::default()
        };
        let computer = Membership::default();
        assert_eq!(
            Effective::of(&objects, &person, &computer).use_hello,
            Some(true)
        );
        person.containers.pop();
        let policy = Effective::of(&objects, &person, &computer);
        assert_eq!(decision(&policy, USE).object.as_deref(), Some("far"));
    }

    #[test]
    fn only_members_of_the_filter_apply_an_object() {
        // POL-G3, POL-G4: linked at the domain, non-members ignore it.
        let group: Sid = "S-1-5-21-1-2-3-1105".parse().unwrap();
        let mut filtered = object("hello", 0, &[(Half::User, USE, "true")]);
        filtered.filter = BTreeSet::from([group]);
        let member = Membership {
            sids: BTreeSet::from([Sid::AUTHENTICATED_USERS, group]),
            ..Membership::default()
        };
        let outsider = Membership {
            sids: BTreeSet::from([Sid::AUTHENTICATED_USERS]),
            ..Membership::default()
        };
        let objects = [filtered];
        assert_eq!(
            Effective::of(&objects, &member, &outsider).use_hello,
            Some(true)
        );
        // The computer being in the group does not bring the user half to somebody who is not.
        assert_eq!(Effective::of(&objects, &outsider, &member).use_hello, None);
    }

    #[test]
    fn armoring_is_required_of_the_members_of_a_group_and_set_for_people_alone() {
        let group: Sid = "S-1-5-21-1-2-3-1105".parse().unwrap();
        let mut armored = object("armored", 0, &[(Half::User, "RequireFast", "true")]);
        armored.filter = BTreeSet::from([group]);
        let about = named("POL-K1").unwrap();
        let refused = armored.set(Half::Computer, about, Value::Switch(true));
        assert_eq!(refused, Err(crate::NotSet::UserOnly("RequireFast")));
        let member = Membership {
            sids: BTreeSet::from([group]),
            ..Membership::default()
        };
        let nobody = Membership::default();
        let objects = [armored];
        assert!(Effective::of(&objects, &member, &nobody).armoring_required);
        assert!(!Effective::of(&objects, &nobody, &member).armoring_required);
    }

    #[test]
    fn a_disabled_object_sets_nothing() {
        let mut off = object("off", 0, &[(Half::Computer, USE, "true")]);
        off.enabled = false;
        assert_eq!(of(&[off]).use_hello, None);
    }

    #[test]
    fn contradicting_lengths_both_fall_back() {
        // POL-PIN-9: min >= max, min < 4, max > 127; the defaults are those of the profile.
        for (profile, minimum) in [("modern", 6), ("legacy", 4)] {
            for (least, most) in [(20, 10), (10, 10), (3, 20), (10, 128)] {
                let mut bad = object("bad", 0, &[(Half::Computer, "pin.profile", profile)]);
                let stored = format!(
                    r#"{{"MinimumPINLength":{least},"MaximumPINLength":{most},"pin.profile":"{profile}"}}"#
                );
                bad.computer = serde_json::from_str(&stored).unwrap();
                let policy = of(&[bad]);
                assert_eq!(policy.pin.minimum_length(), minimum, "{least} {most}");
                assert_eq!(policy.pin.maximum_length(), 127, "{least} {most}");
                let note = decision(&policy, "MaximumPINLength").note.clone();
                assert!(note.unwrap().contains("POL-PIN-9"));
            }
        }
    }

    #[test]
    fn a_maximum_below_the_unset_minimum_falls_back_too() {
        let policy = of(&[object("o", 0, &[(Half::User, "MaximumPINLength", "5")])]);
        assert_eq!(policy.pin.maximum_length(), 127);
        let policy = of(&[object(
            "o",
            0,
            &[
                (Half::User, "MaximumPINLength", "5"),
                (Half::User, "pin.profile", "legacy"),
            ],
        )]);
        assert_eq!(policy.pin.maximum_length(), 5);
    }

    #[test]
    fn the_legacy_profile_wants_digits_and_nothing_else() {
        let policy = of(&[object("o", 0, &[(Half::Computer, "pin.profile", "legacy")])]);
        assert_eq!(policy.pin.minimum_length(), 4);
        assert_eq!(policy.pin.class(CharacterClass::Digit), Class::Require);
        assert_eq!(policy.pin.class(CharacterClass::Lowercase), Class::Forbid);
        assert_eq!(policy.pin.class(CharacterClass::Special), Class::Forbid);
    }

    #[test]
    fn all_classes_allowed_and_none_required_is_the_default_in_the_legacy_profile_alone() {
        let all = [
            "Digits",
            "LowercaseLetters",
            "SpecialCharacters",
            "UppercaseLetters",
        ];
        let mut o = object("o", 0, &[]);
        for name in all {
            o.set(Half::User, named(name).unwrap(), Value::Number(0))
                .unwrap();
        }
        let policy = of(std::slice::from_ref(&o));
        assert_eq!(policy.pin.class(CharacterClass::Digit), Class::Allow);
        o.set(
            Half::User,
            &pin_complexity::PinProfile::ABOUT,
            Value::Word("legacy".into()),
        )
        .unwrap();
        let policy = of(&[o]);
        assert_eq!(policy.pin.class(CharacterClass::Digit), Class::Require);
        assert_eq!(policy.pin.class(CharacterClass::Uppercase), Class::Forbid);
        assert!(decision(&policy, "Digits").note.is_some());
    }

    #[test]
    fn forbidding_every_class_leaves_digits() {
        let forbid = |name| (Half::User, name, "forbid");
        let policy = of(&[object(
            "o",
            0,
            &[
                forbid("Digits"),
                forbid("LowercaseLetters"),
                forbid("SpecialCharacters"),
                forbid("UppercaseLetters"),
            ],
        )]);
        assert_eq!(policy.pin.class(CharacterClass::Digit), Class::Require);
    }

    #[test]
    fn a_stored_value_out_of_range_is_passed_over_and_noted() {
        let mut newer = object("newer", 1, &[]);
        newer.user = serde_json::from_str(r#"{"History":51,"Digits":"yes","Unheard":1}"#).unwrap();
        let older = object("older", 0, &[(Half::User, "History", "5")]);
        let policy = of(&[newer, older]);
        assert_eq!(policy.pin.history(), 5);
        let history = decision(&policy, "History");
        assert_eq!(history.object.as_deref(), Some("older"));
        assert_eq!(
            history.note.as_deref(),
            Some("51 of newer was passed over: History takes a number from 0 to 50")
        );
        assert_eq!(policy.pin.class(CharacterClass::Digit), Class::Allow);
    }

    #[test]
    fn excluding_tpm12_needs_the_setting_it_is_an_option_of() {
        let exclude = (Half::Computer, "TPM12", "true");
        let require = (Half::Computer, "RequireSecurityDevice", "true");
        assert!(!of(&[object("o", 0, &[exclude])]).exclude_tpm12);
        assert!(of(&[object("o", 0, &[exclude, require])]).exclude_tpm12);
    }

    #[test]
    fn certificate_trust_beats_cloud_trust() {
        let cloud = (Half::Computer, "UseCloudTrustForOnPremAuth", "true");
        let certificate = (Half::User, "UseCertificateForOnPremAuth", "true");
        let policy = of(&[object("o", 0, &[cloud, certificate])]);
        assert!(policy.certificate_for_on_premises && !policy.cloud_trust_for_on_premises);
        assert!(of(&[object("o", 0, &[cloud])]).cloud_trust_for_on_premises);
    }

    #[test]
    fn a_computer_setting_is_refused_in_the_user_half_and_ignored_where_it_stands_there() {
        let about = &hello::RequireSecurityDevice::ABOUT;
        let mut o = object("o", 0, &[]);
        let refused = o.set(Half::User, about, Value::Switch(true)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "RequireSecurityDevice can be set for computers only"
        );
        o.user = serde_json::from_str(r#"{"RequireSecurityDevice":true}"#).unwrap();
        assert!(!of(&[o]).require_security_device);
    }

    #[test]
    fn a_policy_travels_as_json_and_a_hostile_one_is_refused() {
        let policy = of(&[object("o", 3, &[(Half::User, "MinimumPINLength", "9")])]);
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Effective>(&text).unwrap(), policy);
        let hostile = text.replace("\"minimum_length\":9", "\"minimum_length\":0");
        assert_ne!(hostile, text);
        assert!(serde_json::from_str::<Effective>(&hostile).is_err());
    }

    #[test]
    fn an_object_survives_its_stored_form_and_forgets_what_is_unset() {
        let mut o = object("o", 3, &[(Half::User, "MinimumPINLength", "9")]);
        o.link = Link::Container(Guid::from_bytes([3; 16]));
        o.filter.insert(Sid::EVERYONE);
        let text = serde_json::to_string(&o).unwrap();
        assert_eq!(serde_json::from_str::<PolicyObject>(&text).unwrap(), o);
        assert!(o.unset(Half::User, named("MinimumPINLength").unwrap()));
        assert!(!o.unset(Half::User, named("MinimumPINLength").unwrap()));
        assert!(o.user.is_empty());
    }
}
