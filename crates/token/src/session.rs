//! A browser's session after sign-in, so that the next client asks for nothing that was proven already.

use serde::{Deserialize, Serialize};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::authentication::Authentication;
use crate::moment;
use crate::secret::{Digest, Purpose, shows_only};

/// How long a session lasts from sign-in, used or not: AD FS's default of eight hours.
pub const LIFETIME: Span = Span::hours(8);
/// The cookie that holds the session's secret. The prefix has browsers refuse it from anyone but this very host, over
/// TLS (RFC 6265bis 4.1.3.2).
pub const COOKIE: &str = "__Host-keyporch-session";
/// The cookie that holds the secret of the browser in which a sign-in is on its way. It never becomes a session's.
pub const BROWSER_COOKIE: &str = "__Host-keyporch-browser";

/// The most applications of a session that are told of its end. The first of more than these is forgotten.
pub const MOST_TOLD: usize = 32;

/// What rests of a session, under the digest of its secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Who signed in.
    pub account: Guid,
    /// What they have proven.
    pub authentication: Authentication,
    /// When the session ends.
    #[serde(with = "moment")]
    pub expires: Timestamp,
    /// What the session's names are made of. It opens nothing.
    seed: [u8; 32],
    /// Who is told of its end, the first to be signed in to first.
    told: Vec<Told>,
}

shows_only!("SessionRecord", SessionRecord: account, authentication, expires, told);

/// An application that is told of the end of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// The client.
    pub client: String,
    /// The authority, as the client's id_tokens name it.
    pub issuer: String,
}

impl SessionRecord {
    /// A session that begins. What the `former` one of the same person in the same browser has on its way out goes on in
    /// this one: its names, and who is told of its end.
    pub fn begin(
        account: Guid,
        authentication: Authentication,
        former: Option<&Self>,
        rng: &mut dyn Rng,
    ) -> Self {
        let former = former.filter(|former| former.account == account);
        // A second factor that is proven later makes a session stronger, not longer.
        let expires = authentication.first().at() + LIFETIME;
        Self {
            account,
            authentication,
            expires,
            seed: former.map_or_else(|| rng.bytes(), |former| former.seed),
            told: former.map_or_else(Vec::new, |former| former.told.clone()),
        }
    }

    /// What `client` knows the session by: `sid` in its id_tokens and when it is told of the end (OpenID Connect Front-Channel
    /// Logout 1.0, 3). Each client has another one, so that two of them cannot compare what they know; none can be
    /// guessed, and none opens anything.
    #[must_use]
    pub fn sid(&self, client: &str) -> String {
        let client = client.to_ascii_lowercase();
        let material = [&self.seed[..], client.as_bytes()].concat();
        let digest = Digest::of(Purpose::SessionName, &material);
        let mut bytes = [0; 16];
        for (byte, of_digest) in bytes.iter_mut().zip(digest.as_bytes()) {
            *byte = *of_digest;
        }
        Guid::from_random(bytes).to_string()
    }

    /// Remembers that `client`, which knows the authority as `issuer`, is to be told of the end; `false` where that was
    /// known.
    pub fn tell(&mut self, client: &str, issuer: &str) -> bool {
        let told = Told {
            client: client.to_ascii_lowercase(),
            issuer: issuer.to_owned(),
        };
        if self.told.contains(&told) {
            return false;
        }
        self.told.retain(|known| known.client != told.client);
        self.told.push(told);
        let forgotten = self.told.len().saturating_sub(MOST_TOLD);
        self.told.drain(..forgotten);
        true
    }

    /// Who is told of its end.
    #[must_use]
    pub fn told(&self) -> &[Told] {
        &self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::FirstFactor;
    use crate::testing::Dice;

    const T: Timestamp = Timestamp::from_unix(1_800_000_000);
    const ALICE: Guid = Guid::from_bytes([7; 16]);

    fn session(account: Guid, former: Option<&SessionRecord>, seed: u64) -> SessionRecord {
        let authentication = Authentication::of(FirstFactor::password(T), None);
        SessionRecord::begin(account, authentication, former, &mut Dice::new(seed))
    }

    #[test]
    fn each_client_knows_a_session_by_another_name_and_none_is_that_of_another_session() {
        let (one, other) = (session(ALICE, None, 1), session(ALICE, None, 2));
        assert_eq!(one.sid("Wiki"), one.sid("wiki"));
        let names = [
            one.sid("wiki"),
            one.sid("notes"),
            other.sid("wiki"),
            other.sid("notes"),
        ];
        for (place, name) in names.iter().enumerate() {
            assert!(name.parse::<Guid>().is_ok());
            assert!(!names.iter().skip(place + 1).any(|other| other == name));
        }
    }

    #[test]
    fn whoever_signs_in_once_more_keeps_name_and_applications_and_another_person_has_others() {
        let mut first = session(ALICE, None, 1);
        assert!(first.tell("wiki", "https://a/"));
        let again = session(ALICE, Some(&first), 2);
        assert_eq!(again.sid("wiki"), first.sid("wiki"));
        assert_eq!(again.told(), first.told());
        let bob = session(Guid::from_bytes([8; 16]), Some(&first), 2);
        assert_ne!(bob.sid("wiki"), first.sid("wiki"));
        assert!(bob.told().is_empty());
    }

    #[test]
    fn an_application_is_told_once_by_its_last_name_of_the_authority_and_the_first_of_too_many_is_forgotten()
     {
        let mut session = session(ALICE, None, 1);
        assert!(session.tell("Wiki", "https://a/"));
        assert!(!session.tell("wiki", "https://a/"));
        assert!(session.tell("wiki", "https://a/v2.0"));
        assert_eq!(session.told().len(), 1);
        assert_eq!(session.told()[0].issuer, "https://a/v2.0");
        for number in 0..MOST_TOLD {
            session.tell(&number.to_string(), "https://a/");
        }
        assert_eq!(session.told().len(), MOST_TOLD);
        assert_eq!(session.told()[0].client, "0");
    }
}
