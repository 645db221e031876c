//! The steps that this party tells.

use trust::{Event, Party};

/// DREG-F5: the computer's ticket became a token that permits device registration.
pub(crate) static JOIN_TOKEN: Event = Event {
    step: "DREG-F5",
    phase: "join",
    party: Party::Federation,
    happened: "accepted the computer's ticket and issued a code for the device registration service",
};

/// DREG-F5: the device object was written.
pub(crate) static DEVICE_WRITTEN: Event = Event {
    step: "DREG-F5",
    phase: "join",
    party: Party::Federation,
    happened: "wrote the device with its certificate to the directory",
};

/// F7.C2: the key was written.
pub(crate) static KEY_WRITTEN: Event = Event {
    step: "F7.C2",
    phase: "register",
    party: Party::Federation,
    happened: "wrote the key to the person's account",
};
