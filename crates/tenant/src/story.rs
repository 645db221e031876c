//! The steps that this party tells.

use trust::{Event, Party};

/// DREG-F1.G: the device object was written.
pub(crate) static DEVICE_WRITTEN: Event = Event {
    step: "DREG-F1.G",
    phase: "join",
    party: Party::Tenant,
    happened: "wrote the device with its certificate",
};

/// F1.C2: the key was written.
pub(crate) static KEY_WRITTEN: Event = Event {
    step: "F1.C2",
    phase: "register",
    party: Party::Tenant,
    happened: "wrote the key to the person's account",
};
