//! How a field is shown, and the macro that ties a member to its field's exact name.

use serde::ser::{Serialize, SerializeMap, Serializer};
use trust::Timestamp;
use wire::Guid;
use wire::x509::Thumbprint;

use super::{
    Braced, CanReset, DeviceAuthStatus, ErrorPhase, KeySignTest, TestResult, Validity,
    VirtualDesktop,
};

/// A value as the status shows it.
pub(super) trait Shown {
    /// The text; `None` when the field is left out.
    fn shown(&self) -> Option<String>;
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(Shown::shown)
    }
}

/// Shown as these words.
macro_rules! words {
    ($($type:ty { $($variant:pat => $word:expr,)+ })+) => {
        $(impl Shown for $type {
            fn shown(&self) -> Option<String> {
                Some(match self { $($variant => $word.to_owned(),)+ })
            }
        })+
    };
}

words! {
    bool { true => "YES", false => "NO", }
    String { text => text, }
    Guid { guid => guid.to_string(), }
    Thumbprint { thumbprint => thumbprint.to_string(), }
    Timestamp { moment => utc(*moment), }
    Validity {
        validity => format!("[ {} -- {} ]", utc(validity.from), utc(validity.to)),
    }
    Braced { Braced(guid) => format!("{{{}}}", guid.to_string().to_uppercase()), }
    DeviceAuthStatus {
        DeviceAuthStatus::Success => "SUCCESS",
        DeviceAuthStatus::DisabledOrDeleted => "FAILED. Device is either disabled or deleted",
        DeviceAuthStatus::Error => "FAILED. ERROR",
    }
    VirtualDesktop {
        VirtualDesktop::NotSet => "NOT SET",
        VirtualDesktop::Yes => "YES",
        VirtualDesktop::Invalid => "INVALID",
    }
    CanReset {
        CanReset::DestructiveOnly => "DestructiveOnly",
        CanReset::NonDestructiveOnly => "NonDestructiveOnly",
        CanReset::DestructiveAndNonDestructive => "DestructiveAndNonDestructive",
        CanReset::Unknown => "Unknown",
    }
    TestResult {
        TestResult::Pass => "PASS",
        TestResult::Fail(code) => format!("FAIL [{code}]"),
        TestResult::Skipped => "SKIPPED",
    }
    ErrorPhase {
        ErrorPhase::PreCheck => "pre-check",
        ErrorPhase::Discover => "discover",
        ErrorPhase::Auth => "auth",
        ErrorPhase::Join => "join",
    }
    KeySignTest {
        KeySignTest::Passed => "PASSED",
        KeySignTest::Failed => "FAILED",
    }
}

/// `2026-11-21 11:35:00.000 UTC`.
fn utc(moment: Timestamp) -> String {
    let text = moment.whole_seconds().to_rfc3339();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {}.000 UTC", time.trim_end_matches('Z'))
}

/// A section: a struct, and its fields under their names.
macro_rules! section {
    (
        $(#[$about:meta])*
        pub struct $name:ident($title:literal) {
            $($(#[$doc:meta])* $member:ident: $type:ty = $field:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $member: $type,)+
        }

        impl $name {
            /// The section's title.
            pub const TITLE: &'static str = $title;

            /// The fields that are there, in their order.
            #[must_use]
            pub fn fields(&self) -> Vec<(&'static str, String)> {
                let all = [$(($field, self.$member.shown()),)+];
                all.into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect()
            }
        }
    };
}
pub(super) use section;

/// A section as a JSON object of strings.
pub(super) struct Object<'a>(pub(super) &'a [(&'static str, String)]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
