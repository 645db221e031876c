//! Device and user-key registration, shared by federation and tenant.
