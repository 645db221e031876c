//! The party's records in the directory, and how they are read and written.

use directory::Table;
use signin::Tables;
pub(crate) use signin::records::{read, write};

/// All token signing keys, in one record.
pub(crate) const SIGNING_KEYS: Table = Table::new("federation.signing-keys");
/// Authorization codes, by digest ([`token::grant::CodeRecord`]).
pub(crate) const CODES: Table = Table::quiet("federation.codes");
/// Families of refresh tokens, by name ([`token::grant::FamilyRecord`]).
pub(crate) const FAMILIES: Table = Table::quiet("federation.refresh-tokens");
/// Browser sessions, by digest ([`token::session::SessionRecord`]).
pub(crate) const SESSIONS: Table = Table::quiet("federation.sessions");
/// Sign-ins on their way, by digest ([`token::sign_in::SignIn`]).
pub(crate) const SIGN_INS: Table = Table::quiet("federation.sign-ins");
/// Device registrations that wait for their certificate, by digest of the request.
pub(crate) const JOINS: Table = Table::new("federation.joins");

/// What people and applications hold from one sign-in to the next: sessions, tokens, codes. Whoever restores a backup
/// leaves them out, for some were ended since, and all can be had anew.
#[must_use]
pub const fn short_lived_tables() -> [&'static str; 5] {
    [
        CODES.name(),
        FAMILIES.name(),
        SESSIONS.name(),
        SIGN_INS.name(),
        JOINS.name(),
    ]
}

/// The table of the keys that sign tokens.
#[must_use]
pub const fn keys_table() -> &'static str {
    SIGNING_KEYS.name()
}

/// Where the pages of a sign-in keep theirs.
pub(crate) static TABLES: Tables = Tables {
    codes: CODES,
    families: FAMILIES,
    sessions: SESSIONS,
    sign_ins: SIGN_INS,
};
