//! What was granted, and how a client redeems it: authorization codes and refresh tokens (RFC 6749 4.1.3 and 6,
//! RFC 9700 2.1 and 4.14).
//!
//! A code lives a minute and works once; its second use ends all that came of its first. A refresh token works once and
//! is followed by another; an earlier one that comes back ends them all, since either the client or a thief is behind.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::authentication::Authentication;
use crate::authorize::Wanted;
use crate::client::RedirectUri;
use crate::moment;
use crate::pkce::Challenge;
use crate::scope::Scopes;
use crate::secret::shows_only;
use crate::secret::{Digest, Purpose, Secret};
use crate::sign_in::SignedIn;

mod refused;
mod request;

pub use refused::Refused;
pub use request::{
    Asks, ClientProof, CodeRequest, DeviceCodeRequest, PasswordRequest, Presented, RefreshRequest,
    TokenRequest,
};

/// How long an authorization code lives (protocols A.4.4).
pub const CODE_LIFETIME: Span = Span::seconds(60);
/// How many spent refresh tokens of a family are remembered.
const SPENT: usize = 64;

/// What somebody granted to a client: tokens are built from this and from nothing else.
///
/// Redeeming a code or a refresh token gives one, and so does [`Grant::at_once`] where somebody proves at the token endpoint
/// itself who they are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    client: String,
    account: Guid,
    authentication: Authentication,
    resource: String,
    scopes: Scopes,
    nonce: Option<String>,
    wanted: Wanted,
    /// The device that the client proved at its first redemption.
    device: Option<Guid>,
    /// What the client knows the browser's session by in which that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

impl Grant {
    /// What is granted at the token endpoint itself to somebody who has proven enough there, or on a page for this very
    /// request. `None` when `wanted` is more than was proven. `device`: the one that proved itself.
    #[must_use]
    pub fn at_once(
        asks: Asks,
        wanted: Wanted,
        account: Guid,
        authentication: Authentication,
        device: Option<Guid>,
        now: Timestamp,
    ) -> Option<Self> {
        authentication.suffices(wanted, now).then_some(Self {
            client: asks.client,
            account,
            authentication,
            resource: asks.resource,
            scopes: asks.scopes,
            nonce: None,
            wanted,
            device,
            sid: None,
        })
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Who granted it.
    #[must_use]
    pub const fn account(&self) -> Guid {
        self.account
    }

    /// What they had proven.
    #[must_use]
    pub const fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// The resource's identifier.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The scopes.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The nonce for the id_token.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Whether a second factor was asked for, and which.
    #[must_use]
    pub const fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// What the client that granted it was given for knows the browser's session by.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// The device from which it is redeemed.
    #[must_use]
    pub const fn device(&self) -> Option<Guid> {
        self.device
    }
}

/// What rests of an authorization code, under its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeRecord {
    grant: Grant,
    redirect: RedirectUri,
    challenge: Option<Challenge>,
    #[serde(with = "moment")]
    expires: Timestamp,
    /// The family of refresh tokens that its redemption began, or would have.
    family: Guid,
    spent: bool,
}

impl CodeRecord {
    /// The record of a new code for somebody who has signed in, on this `device` where that proved itself with the request.
    #[must_use]
    pub fn new(
        signed_in: SignedIn,
        device: Option<Guid>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Self {
        let request = signed_in.request();
        Self {
            grant: Grant {
                client: request.client.clone(),
                account: signed_in.account(),
                authentication: signed_in.authentication().clone(),
                resource: request.resource.clone(),
                scopes: request.scopes.clone(),
                nonce: request.nonce.clone(),
                wanted: request.second_factor,
                device,
                sid: None,
            },
            redirect: request.answer.redirect.clone(),
            challenge: request.challenge.clone(),
            expires: now + CODE_LIFETIME,
            family: Guid::from_random(rng.bytes()),
            spent: false,
        }
    }

    /// The same of a browser's session that the client knows as `sid` ([`crate::session::SessionRecord::sid`]).
    #[must_use]
    pub fn in_session(mut self, sid: String) -> Self {
        self.grant.sid = Some(sid);
        self
    }

    /// The family of refresh tokens that came of it, to be ended when the code is used again.
    #[must_use]
    pub const fn family(&self) -> Guid {
        self.family
    }

    /// Until when the record is kept: long enough to recognise a second use.
    #[must_use]
    pub fn kept_until(&self) -> Timestamp {
        self.expires + Span::minutes(10)
    }

    /// Redeems the code: the grant, and the record as spent. A `device` that proves itself now must be that of the code,
    /// where the code has one.
    ///
    /// # Errors
    /// [`Refused`]; on [`Refused::CodeSpent`] the caller ends [`Self::family`].
    pub fn redeem(
        mut self,
        request: &CodeRequest,
        device: Option<Guid>,
        now: Timestamp,
    ) -> Result<(Grant, Self), Refused> {
        if !self.grant.client.eq_ignore_ascii_case(&request.client) {
            return Err(Refused::CodeOfAnotherClient);
        }
        if self.spent {
            return Err(Refused::CodeSpent);
        }
        if now >= self.expires {
            return Err(Refused::CodeExpired);
        }
        if self.redirect.as_str() != request.redirect_uri && !request.redirect_is_of_family {
            return Err(Refused::RedirectUri);
        }
        // A verifier without a challenge is a challenge that somebody took away on its way (RFC 9700 4.8.2).
        let met = match (&self.challenge, &request.verifier) {
            (Some(challenge), Some(verifier)) => challenge.is_met_by(verifier),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !met {
            return Err(Refused::Verifier);
        }
        if let Some(names) = &request.resource
            && !names.contains(&self.grant.resource)
        {
            return Err(Refused::ResourceNotGranted);
        }
        self.grant.device = match (self.grant.device, device) {
            (Some(of_code), Some(now)) if of_code != now => {
                return Err(Refused::CodeOfAnotherDevice);
            }
            (of_code, now) => of_code.or(now),
        };
        self.spent = true;
        Ok((self.grant.clone(), self))
    }
}

/// A refresh token: the name of its family and a secret. In text 65 characters of base64url; an authority that is one of
/// several writes its own name before it, `1.<22 characters>.<65 characters>`, by which the one that issued it is found.
#[derive(Debug)]
pub struct RefreshToken {
    authority: Option<Guid>,
    family: Guid,
    secret: Secret,
}

/// A GUID in 22 characters of base64url.
fn guid(text: &str) -> Option<Guid> {
    let mut bytes = [0u8; 16];
    let read = Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len();
    (read == 16 && text.len() == 22).then_some(Guid::from_bytes(bytes))
}

impl RefreshToken {
    /// The family under which its record rests.
    #[must_use]
    pub const fn family(&self) -> Guid {
        self.family
    }

    /// The authority that it names. That proves nothing.
    #[must_use]
    pub const fn authority(&self) -> Option<Guid> {
        self.authority
    }

    /// Reads the text form; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (authority, own) = match text.strip_prefix("1.") {
            Some(named) => {
                let (authority, own) = named.split_once('.')?;
                (Some(guid(authority)?), own)
            }
            None => (None, text),
        };
        let (family, secret) = own.split_at_checked(22)?;
        Some(Self {
            authority,
            family: guid(family)?,
            secret: Secret::parse(secret)?,
        })
    }

    /// The text form, for the client.
    #[must_use]
    pub fn reveal(&self) -> String {
        let own = Base64UrlUnpadded::encode_string(&self.family.to_bytes()) + &self.secret.reveal();
        match self.authority {
            Some(authority) => {
                let named = Base64UrlUnpadded::encode_string(&authority.to_bytes());
                format!("1.{named}.{own}")
            }
            None => own,
        }
    }

    fn digest(&self) -> Digest {
        self.secret.digest(Purpose::RefreshToken)
    }
}

/// What an authority lets a family of refresh tokens be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FamilyRules {
    /// The authority's name in its tokens, where it is one of several.
    pub authority: Option<Guid>,
    /// How long after its first use a token is taken once more: for clients that use one token for two things, or lose an
    /// answer. Later, its use ends the family.
    pub grace: Span,
    /// Whether it serves other resources than the one that was granted.
    pub other_resources: bool,
    /// Whether it serves another client than the one to which it was given.
    pub other_clients: bool,
    /// Whether a family that was given to a device is used by that device alone. Where not, the device that stands in it is
    /// looked at by whoever issues tokens from it.
    pub bound_to_device: bool,
    /// For how long a family lives on from each use; `None` where it ends when it was to end at its beginning.
    pub lives_on: Option<Span>,
}

impl FamilyRules {
    /// Each token once, for what was granted, by whom it was given to.
    pub const STRICT: Self = Self {
        authority: None,
        grace: Span::ZERO,
        other_resources: false,
        other_clients: false,
        bound_to_device: true,
        lives_on: None,
    };
}

/// A token that was used.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Spent {
    digest: Digest,
    #[serde(with = "moment")]
    at: Timestamp,
}

/// What rests of a family of refresh tokens, under its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FamilyRecord {
    grant: Grant,
    current: Digest,
    /// Those before it, the oldest first. One that has left the list is not known any more, and ends nothing.
    spent: Vec<Spent>,
    #[serde(with = "moment")]
    expires: Timestamp,
}

impl FamilyRecord {
    /// A new family, and its first token. It ends at `expires` however often it is refreshed.
    pub fn begin(
        family: Guid,
        grant: Grant,
        authority: Option<Guid>,
        expires: Timestamp,
        rng: &mut dyn Rng,
    ) -> (Self, RefreshToken) {
        let token = RefreshToken {
            authority,
            family,
            secret: Secret::draw(rng),
        };
        (
            Self {
                grant,
                current: token.digest(),
                spent: vec![],
                expires,
            },
            token,
        )
    }

    /// When the family ends.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Who granted it.
    #[must_use]
    pub const fn account(&self) -> Guid {
        self.grant.account
    }

    /// The client to which it was given.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.grant.client
    }

    /// The device that it is bound to.
    #[must_use]
    pub const fn device(&self) -> Option<Guid> {
        self.grant.device
    }

    /// Whether a token is, or was, one of this family's, by an authority of this name.
    #[must_use]
    pub fn holds(&self, token: &RefreshToken, authority: Option<Guid>) -> bool {
        let digest = token.digest();
        let spent = self.spent.iter().map(|spent| &spent.digest);
        let known = std::iter::once(&self.current)
            .chain(spent)
            .fold(false, |known, own| known | own.same(&digest));
        known && token.authority == authority
    }

    /// Redeems a token of the family: what is granted now, the record as it rests from now on, and the next token.
    ///
    /// # Errors
    /// [`Refused`]; on [`Refused::RefreshTokenSpent`] the caller ends the family.
    pub fn redeem(
        mut self,
        request: &RefreshRequest,
        rules: &FamilyRules,
        device: Option<Guid>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<(Grant, Self, RefreshToken), Refused> {
        if request.token.authority != rules.authority {
            return Err(Refused::RefreshTokenOfAnotherAuthority);
        }
        let digest = request.token.digest();
        if !self.current.same(&digest) {
            let spent = self.spent.iter().find(|spent| spent.digest.same(&digest));
            let spent = spent.ok_or(Refused::RefreshToken)?;
            // A clock that was set back does not make it younger.
            if rules.grace <= Span::ZERO || now < spent.at || now.since(spent.at) > rules.grace {
                return Err(Refused::RefreshTokenSpent);
            }
        }
        let same_client = self.grant.client.eq_ignore_ascii_case(&request.client);
        let family = rules.other_clients && request.client_is_of_family;
        if !same_client && !family {
            return Err(Refused::RefreshTokenOfAnotherClient);
        }
        if now >= self.expires {
            return Err(Refused::RefreshTokenExpired);
        }
        let same_device = match (self.grant.device, device) {
            (Some(bound), Some(now)) => bound == now,
            (Some(_), None) => !rules.bound_to_device,
            (None, _) => true,
        };
        if !same_device {
            return Err(Refused::RefreshTokenOfAnotherDevice);
        }
        let mut granted = self.grant.clone();
        granted.nonce = None;
        if !same_client {
            // Another of the brokers does not know the session by that name.
            granted.sid = None;
        }
        granted.client.clone_from(&request.client);
        match &request.resource {
            Some(asked) if !asked.names.contains(&granted.resource) => {
                if !rules.other_resources {
                    return Err(Refused::ResourceNotGranted);
                }
                granted.resource.clone_from(&asked.name);
                // What was granted at one resource says nothing of another.
                granted.scopes = granted.scopes.of_openid();
                if let Some(scopes) = &request.scopes {
                    granted.scopes = granted.scopes.narrowed_to(scopes);
                    granted.scopes.other.clone_from(&scopes.other);
                }
            }
            asked => {
                // Of a resource's names, the one by which it is asked for now.
                if let Some(asked) = asked {
                    granted.resource.clone_from(&asked.name);
                }
                if let Some(scopes) = &request.scopes {
                    granted.scopes = granted.scopes.narrowed_to(scopes);
                }
            }
        }
        let token = RefreshToken {
            authority: rules.authority,
            family: request.token.family,
            secret: Secret::draw(rng),
        };
        self.spent.push(Spent {
            digest: self.current,
            at: now,
        });
        let forgotten = self.spent.len().saturating_sub(SPENT);
        self.spent.drain(..forgotten);
        self.current = token.digest();
        if let Some(span) = rules.lives_on {
            self.expires = self.expires.max(now + span);
        }
        Ok((granted, self, token))
    }
}

/// A successful answer of the token endpoint (RFC 6749 5.1, OpenID Connect Core 3.1.3.3, protocols A.3.1).
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Lifetime of the access token in seconds.
    pub expires_in: i64,
    /// The access token.
    pub access_token: String,
    /// The resource that it is for.
    pub resource: String,
    /// The scopes that were granted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The id_token, where `openid` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The refresh token, where `offline_access` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// How long the family of refresh tokens has left, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_expires_in: Option<i64>,
}

shows_only!("TokenResponse", TokenResponse: expires_in, resource, scope);

#[cfg(test)]
mod tests;
