//! The provisioning flows, their phases and doors.
