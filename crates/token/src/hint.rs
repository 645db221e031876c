//! Whom a client means, by an id_token that it has of them (`id_token_hint`, OpenID Connect Core 3.1.2.1).

use serde::{Deserialize, Serialize};
use wire::Guid;

use crate::claims::{IdToken, NotAccepted};
use crate::secret::shows_only;

/// Reads an id_token of this authority, whether or not it has expired ([`crate::keys::SigningKeys::id_token_hint_of`]).
pub type ReadIdToken<'a> = dyn Fn(&str) -> Result<IdToken, NotAccepted> + 'a;

/// The longest id_token that is looked at, in bytes.
pub(crate) const LONGEST: usize = 4096;

/// The person whom a client means: nobody else signs in for its request. Only [`Hint::read`] makes one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// As it came, for the request is read again from its own parameters.
    token: String,
    account: Guid,
    name: Option<String>,
}

shows_only!("Hint", Hint: account);

/// Why an id_token tells nothing of whom a client means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadHint {
    /// It is none of this authority's.
    #[error("the id_token_hint is no id_token of this authority")]
    NotAccepted(#[from] NotAccepted),
    /// It was issued to another client, which is the one that it tells whom it means.
    #[error("the id_token_hint was issued to another client")]
    OfAnotherClient,
}

impl Hint {
    /// Whom the id_token speaks of that `client` shows.
    ///
    /// # Errors
    /// [`BadHint`].
    pub fn read(token: &str, client: &str, read: &ReadIdToken<'_>) -> Result<Self, BadHint> {
        let claims = read(token)?;
        match claims.aud.eq_ignore_ascii_case(client) {
            true => Ok(Self {
                token: token.to_owned(),
                account: claims.oid,
                name: claims.upn,
            }),
            false => Err(BadHint::OfAnotherClient),
        }
    }

    /// The id_token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Who is meant.
    #[must_use]
    pub const fn account(&self) -> Guid {
        self.account
    }

    /// Their user name as the id_token has it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
