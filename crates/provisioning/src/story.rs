//! What the device tells while it enrols a person: the steps of 4.7.1 that are its own to tell.
//!
//! `F7.C2`, the write to the directory, is told by the registration service.

use trust::{Event, Party};

/// Every prerequisite is met (EV-358).
pub static WILL_PROVISION: Event = Event {
    step: "PROV-2",
    phase: "prerequisites",
    party: Party::Device,
    happened: "provisioning will be launched",
};

/// A prerequisite is not met (EV-360).
pub static WILL_NOT_PROVISION: Event = Event {
    step: "PROV-2",
    phase: "prerequisites",
    party: Party::Device,
    happened: "provisioning will not be launched",
};

/// F7.A1: the federation service is asked for a token.
pub static F7_A1: Event = Event {
    step: "F7.A1",
    phase: "second factor",
    party: Party::Device,
    happened: "asked the federation service for a token for the enterprise DRS",
};

/// F7.A2: the person gave a second factor.
pub static F7_A2: Event = Event {
    step: "F7.A2",
    phase: "second factor",
    party: Party::Person,
    happened: "gave a second factor",
};

/// F7.A3: the token came.
pub static F7_A3: Event = Event {
    step: "F7.A3",
    phase: "second factor",
    party: Party::Federation,
    happened: "issued the token with device and second factor in it",
};

/// F7.B, as F1.B2: the PIN.
pub static F7_B2: Event = Event {
    step: "F7.B2",
    phase: "user key",
    party: Party::Person,
    happened: "chose a PIN",
};

/// F7.B, as F1.B3: the container and the key pair.
pub static F7_B3: Event = Event {
    step: "F7.B3",
    phase: "user key",
    party: Party::Device,
    happened: "made the container and the key pair",
};

/// F7.C1: the public key is sent.
pub static F7_C1: Event = Event {
    step: "F7.C1",
    phase: "register",
    party: Party::Device,
    happened: "sent token and public key to the enterprise DRS",
};

/// F7.C3: the key ID came back.
pub static F7_C3: Event = Event {
    step: "F7.C3",
    phase: "register",
    party: Party::Federation,
    happened: "answered with the key ID",
};
