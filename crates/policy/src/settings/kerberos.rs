//! Settings of Kerberos sign-in, which the KDC judges by.

use super::{KERBEROS_FOLDER, KERBEROS_KEY};
use crate::setting::{About, Halves, Kind, Registry, Setting};

/// POL-K1. Whether a person's sign-in must be armored (RFC 6113).
#[derive(Clone, Copy, Debug)]
pub struct RequireFast;

impl Setting for RequireFast {
    type Is = bool;
    const ABOUT: About = About {
        id: "POL-K1",
        name: "RequireFast",
        title: "Fail unarmored authentication requests",
        folder: KERBEROS_FOLDER,
        registry: Registry {
            key: KERBEROS_KEY,
            value: "RequireFast",
        },
        csp: None,
        halves: Halves::User,
        kind: Kind::Switch,
        unset: "a sign-in may be armored and need not be",
        doc: "True: the KDC takes a sign-in only under Kerberos armoring (FAST, RFC 6113), as a joined \
              computer gives it with its own ticket; any other is refused with KDC_ERR_POLICY before a \
              password or key is looked at. Computers sign in without armor all the same: theirs is what \
              others are armored with.",
    };
}
