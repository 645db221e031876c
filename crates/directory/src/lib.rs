//! Entries, schema, snapshot, change, access, passwords.
