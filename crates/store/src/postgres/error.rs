//! What PostgreSQL reports, as sentences for the administrator, and whether it helps to try again.

use directory::storage::StorageError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why something did not happen, and what that means for who wanted it.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// Another transaction was in the way. Nothing happened, and the same may work now.
    Conflict,
    /// The connection is gone, and whatever was open on it. In words.
    Lost(StorageError),
    /// It will not work by trying again at once.
    Failed(StorageError),
}

impl Trouble {
    /// In words, whichever it is.
    pub(super) fn into_error(self) -> StorageError {
        match self {
            Self::Conflict => StorageError::Busy(
                "other servers changed the same rows of the database each time; try again"
                    .to_owned(),
            ),
            Self::Lost(error) | Self::Failed(error) => error,
        }
    }
}

/// What an error means. `name` is the database's.
pub(super) fn of(error: &Error, name: &str) -> Trouble {
    let Some(said) = error.as_db_error() else {
        let reason = reason(error);
        if reason.contains("password missing") {
            return Trouble::Failed(StorageError::Unavailable(format!(
                "the database {name} wants a password, and none is given: neither in its URL nor by password_file"
            )));
        }
        return Trouble::Lost(lost(name, &reason));
    };
    let code = said.code();
    let message = said.message();
    if code == &SqlState::T_R_SERIALIZATION_FAILURE || code == &SqlState::T_R_DEADLOCK_DETECTED {
        return Trouble::Conflict;
    }
    // Class 08 and what an administrator's shutdown says; 40003 is "statement completion unknown".
    let gone = ["57P01", "57P02", "57P03", "57P05", "25P03", "40003"];
    if code.code().starts_with("08") || gone.contains(&code.code()) {
        return Trouble::Lost(lost(name, message));
    }
    Trouble::Failed(match code.code() {
        "57014" => StorageError::Unavailable(format!(
            "the database {name} took too long to answer; look at its load"
        )),
        "53100" => StorageError::Full(format!(
            "the disk of the database {name} is full; nothing was lost, free some space and try again"
        )),
        "53300" => StorageError::Busy(format!(
            "the database {name} has no connection left; raise its max_connections"
        )),
        "25006" => StorageError::ReadOnly(format!(
            "the database {name} is a copy that cannot be written; name the server that can"
        )),
        "42501" => StorageError::ReadOnly(format!(
            "the role may not do this in the database {name}: {message}; make it the database's owner"
        )),
        "3D000" | "28000" | "28P01" => StorageError::Unavailable(format!(
            "the database {name} lets nobody in: {message}; compare its name, the role, the password and pg_hba.conf"
        )),
        "42P01" | "XX001" | "XX002" => StorageError::Corrupt(format!(
            "the store in the database {name} is damaged: {message}; stop the servers and restore the last backup"
        )),
        _ => StorageError::Unavailable(format!("the database {name} failed: {message}")),
    })
}

/// The connection to a database is gone.
pub(super) fn lost(name: &str, why: &str) -> StorageError {
    StorageError::Unavailable(format!("the database {name} is away: {why}"))
}

/// The words of an error that the database did not say itself, with its cause's.
fn reason(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        words.push_str(": ");
        words.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    words
}
