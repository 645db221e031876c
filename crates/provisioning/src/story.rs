//! What the device tells while it enrols a person: the steps of 4.7.1 that are its own to tell.
//!
//! `F1.C2` and `F7.C2`, the write to the directory, are told by the registration services.

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

/// What a flow tells in the phases that it shares with others, step by step.
#[derive(Debug)]
pub struct Told {
    /// Phase A: a token is asked for.
    pub asked: &'static [&'static Event],
    /// Phase A: the person gave a second factor, where one was wanted.
    pub second_factor: &'static Event,
    /// Phase A: the token came.
    pub token: &'static Event,
    /// Phase B: the PIN.
    pub pin: &'static Event,
    /// Phase B: the container and the key pair.
    pub key: &'static Event,
    /// Phase C: the public key is sent.
    pub sent: &'static Event,
    /// Phase C: the key ID came back.
    pub registered: &'static Event,
}

/// PROV-F1.
pub static F1: Told = Told {
    asked: &[&F1_A1, &F1_A2],
    second_factor: &F1_A3,
    token: &F1_A4,
    pin: &F1_B2,
    key: &F1_B3,
    sent: &F1_C1,
    registered: &F1_C3,
};

/// PROV-F7.
pub static F7: Told = Told {
    asked: &[&F7_A1],
    second_factor: &F7_A2,
    token: &F7_A3,
    pin: &F7_B2,
    key: &F7_B3,
    sent: &F7_C1,
    registered: &F7_C3,
};

/// F1.A1: a token is wanted.
static F1_A1: Event = Event {
    step: "F1.A1",
    phase: "second factor",
    party: Party::Device,
    happened: "wanted a token for the tenant's DRS, with a second factor",
};

/// F1.A2: the tenant is asked.
static F1_A2: Event = Event {
    step: "F1.A2",
    phase: "second factor",
    party: Party::Device,
    happened: "asked the tenant for it, with the device's primary refresh token",
};

/// F1.A3: the person gave a second factor.
static F1_A3: Event = Event {
    step: "F1.A3",
    phase: "second factor",
    party: Party::Person,
    happened: "gave a second factor",
};

/// F1.A4: the token came.
static F1_A4: Event = Event {
    step: "F1.A4",
    phase: "second factor",
    party: Party::Tenant,
    happened: "issued the token with device and second factor in it",
};

/// F1.B2: the PIN.
static F1_B2: Event = Event {
    step: "F1.B2",
    phase: "user key",
    party: Party::Person,
    happened: "chose a PIN",
};

/// F1.B3: the container and the key pair.
static F1_B3: Event = Event {
    step: "F1.B3",
    phase: "user key",
    party: Party::Device,
    happened: "made the container and the key pair",
};

/// F1.C1: the public key is sent.
static F1_C1: Event = Event {
    step: "F1.C1",
    phase: "register",
    party: Party::Device,
    happened: "sent token and public key to the tenant's DRS",
};

/// F1.C3: the key ID came back.
static F1_C3: Event = Event {
    step: "F1.C3",
    phase: "register",
    party: Party::Tenant,
    happened: "answered with the key ID",
};

/// F7.A1: the federation service is asked for a token.
static F7_A1: Event = Event {
    step: "F7.A1",
    phase: "second factor",
    party: Party::Device,
    happened: "asked the federation service for a token for the enterprise DRS",
};

/// F7.A2: the person gave a second factor.
static F7_A2: Event = Event {
    step: "F7.A2",
    phase: "second factor",
    party: Party::Person,
    happened: "gave a second factor",
};

/// F7.A3: the token came.
static F7_A3: Event = Event {
    step: "F7.A3",
    phase: "second factor",
    party: Party::Federation,
    happened: "issued the token with device and second factor in it",
};

/// F7.B, as F1.B2: the PIN.
static F7_B2: Event = Event {
    step: "F7.B2",
    phase: "user key",
    party: Party::Person,
    happened: "chose a PIN",
};

/// F7.B, as F1.B3: the container and the key pair.
static F7_B3: Event = Event {
    step: "F7.B3",
    phase: "user key",
    party: Party::Device,
    happened: "made the container and the key pair",
};

/// F7.C1: the public key is sent.
static F7_C1: Event = Event {
    step: "F7.C1",
    phase: "register",
    party: Party::Device,
    happened: "sent token and public key to the enterprise DRS",
};

/// F7.C3: the key ID came back.
static F7_C3: Event = Event {
    step: "F7.C3",
    phase: "register",
    party: Party::Federation,
    happened: "answered with the key ID",
};
