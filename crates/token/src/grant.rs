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
use crate::client::{Catalogue, RedirectUri};
use crate::moment;
use crate::parameters::{InvalidParameters, Parameters};
use crate::pkce::Challenge;
use crate::refusal::Code;
use crate::scope::Scopes;
use crate::secret::shows_only;
use crate::secret::{Digest, Purpose, Secret};
use crate::sign_in::SignedIn;

/// How long an authorization code lives (protocols A.4.4).
pub const CODE_LIFETIME: Span = Span::seconds(60);
/// How many spent refresh tokens of a family are remembered.
const SPENT: usize = 64;

/// What somebody granted to a client: tokens are built from this and from nothing else.
///
/// Only redeeming a code or a refresh token gives one.
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
}

impl Grant {
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
    pub const fn scopes(&self) -> Scopes {
        self.scopes
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
    challenge: Challenge,
    #[serde(with = "moment")]
    expires: Timestamp,
    /// The family of refresh tokens that its redemption began, or would have.
    family: Guid,
    spent: bool,
}

impl CodeRecord {
    /// The record of a new code for somebody who has signed in.
    #[must_use]
    pub fn new(signed_in: SignedIn, now: Timestamp, rng: &mut dyn Rng) -> Self {
        let request = signed_in.request();
        Self {
            grant: Grant {
                client: request.client.clone(),
                account: signed_in.account(),
                authentication: signed_in.authentication().clone(),
                resource: request.resource.clone(),
                scopes: request.scopes,
                nonce: request.nonce.clone(),
                wanted: request.second_factor,
                device: None,
            },
            redirect: request.answer.redirect.clone(),
            challenge: request.challenge.clone(),
            expires: now + CODE_LIFETIME,
            family: Guid::from_random(rng.bytes()),
            spent: false,
        }
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

    /// Redeems the code: the grant, and the record as spent.
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
        if self.redirect.as_str() != request.redirect_uri {
            return Err(Refused::RedirectUri);
        }
        if !self.challenge.is_met_by(&request.verifier) {
            return Err(Refused::Verifier);
        }
        self.spent = true;
        self.grant.device = device;
        Ok((self.grant.clone(), self))
    }
}

/// A refresh token: the name of its family and a secret. In text 64 characters of base64url.
#[derive(Debug)]
pub struct RefreshToken {
    family: Guid,
    secret: Secret,
}

impl RefreshToken {
    /// The family under which its record rests.
    #[must_use]
    pub const fn family(&self) -> Guid {
        self.family
    }

    /// Reads the text form; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (family, secret) = text.split_at_checked(22)?;
        let mut bytes = [0u8; 16];
        let read = Base64UrlUnpadded::decode(family, &mut bytes).ok()?.len();
        (read == 16).then_some(())?;
        Some(Self {
            family: Guid::from_bytes(bytes),
            secret: Secret::parse(secret)?,
        })
    }

    /// The text form, for the client.
    #[must_use]
    pub fn reveal(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.family.to_bytes()) + &self.secret.reveal()
    }

    fn digest(&self) -> Digest {
        self.secret.digest(Purpose::RefreshToken)
    }
}

/// What rests of a family of refresh tokens, under its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FamilyRecord {
    grant: Grant,
    current: Digest,
    spent: Vec<Digest>,
    #[serde(with = "moment")]
    expires: Timestamp,
}

impl FamilyRecord {
    /// A new family, and its first token. It ends at `expires` however often it is refreshed.
    pub fn begin(
        family: Guid,
        grant: Grant,
        expires: Timestamp,
        rng: &mut dyn Rng,
    ) -> (Self, RefreshToken) {
        let token = RefreshToken {
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

    /// The device that it is bound to.
    #[must_use]
    pub const fn device(&self) -> Option<Guid> {
        self.grant.device
    }

    /// Redeems a token of the family: what is granted now, the record as it rests from now on, and the next token.
    ///
    /// # Errors
    /// [`Refused`]; on [`Refused::RefreshTokenSpent`] the caller ends the family.
    pub fn redeem(
        mut self,
        request: &RefreshRequest,
        device: Option<Guid>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<(Grant, Self, RefreshToken), Refused> {
        let digest = request.token.digest();
        if !self.current.same(&digest) {
            let spent = self.spent.iter().any(|spent| spent.same(&digest));
            return Err(if spent {
                Refused::RefreshTokenSpent
            } else {
                Refused::RefreshToken
            });
        }
        if !self.grant.client.eq_ignore_ascii_case(&request.client) {
            return Err(Refused::RefreshTokenOfAnotherClient);
        }
        if now >= self.expires {
            return Err(Refused::RefreshTokenExpired);
        }
        if self.grant.device.is_some() && self.grant.device != device {
            return Err(Refused::RefreshTokenOfAnotherDevice);
        }
        if request
            .resource
            .as_ref()
            .is_some_and(|resource| *resource != self.grant.resource)
        {
            return Err(Refused::ResourceNotGranted);
        }
        let token = RefreshToken {
            family: request.token.family,
            secret: Secret::draw(rng),
        };
        self.spent.push(self.current);
        let forgotten = self.spent.len().saturating_sub(SPENT);
        self.spent.drain(..forgotten);
        self.current = token.digest();
        let mut granted = self.grant.clone();
        granted.scopes = request
            .scopes
            .map_or(granted.scopes, |asked| granted.scopes.narrowed_to(asked));
        granted.nonce = None;
        Ok((granted, self, token))
    }
}

/// A request at the token endpoint.
#[derive(Debug)]
pub enum TokenRequest {
    /// `grant_type=authorization_code` (RFC 6749 4.1.3).
    Code(CodeRequest),
    /// `grant_type=refresh_token` (RFC 6749 6).
    Refresh(RefreshRequest),
}

/// Redeeming a code.
pub struct CodeRequest {
    client: String,
    code: Secret,
    redirect_uri: String,
    verifier: String,
}

shows_only!("CodeRequest", CodeRequest: client, redirect_uri);

impl CodeRequest {
    /// The digest under which the code's record rests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.code.digest(Purpose::Code)
    }
}

/// Redeeming a refresh token.
#[derive(Debug)]
pub struct RefreshRequest {
    client: String,
    token: RefreshToken,
    scopes: Option<Scopes>,
    resource: Option<String>,
}

impl RefreshRequest {
    /// The family under which the token's record rests.
    #[must_use]
    pub const fn family(&self) -> Guid {
        self.token.family
    }
}

/// Why a request at the token endpoint is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// A parameter stands there twice, or there are too many.
    #[error(transparent)]
    Parameters(#[from] InvalidParameters),
    /// `grant_type` is missing.
    #[error("the request carries no grant_type")]
    NoGrantType,
    /// `grant_type` is another.
    #[error("the grant type is not offered")]
    GrantType,
    /// The client is missing or unknown, or named differently in header and body.
    #[error("the client is not known")]
    Client,
    /// A public client sent a secret or an assertion, which proves nothing here.
    #[error("a public client sent credentials")]
    ClientCredentials,
    /// `code`, `redirect_uri`, `code_verifier` or `refresh_token` is missing.
    #[error("the request carries no {0}")]
    Missing(&'static str),
    /// The code is not one of ours, or its record is gone.
    #[error("the code is not known")]
    Code,
    /// The code was issued to another client.
    #[error("the code belongs to another client")]
    CodeOfAnotherClient,
    /// The code was used before.
    #[error("the code was used before")]
    CodeSpent,
    /// The code is more than a minute old.
    #[error("the code has expired")]
    CodeExpired,
    /// The redirect URI is not that of the authorization request.
    #[error("the redirect URI is not that of the authorization request")]
    RedirectUri,
    /// The verifier does not meet the challenge (RFC 7636 4.6).
    #[error("the code verifier does not meet the challenge")]
    Verifier,
    /// The refresh token is not one of ours, or its family has ended.
    #[error("the refresh token is not known")]
    RefreshToken,
    /// The refresh token was used before; its family ends.
    #[error("the refresh token was used before")]
    RefreshTokenSpent,
    /// The refresh token was issued to another client.
    #[error("the refresh token belongs to another client")]
    RefreshTokenOfAnotherClient,
    /// The family has come to its end.
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    /// The refresh token was issued to a device that does not prove itself now.
    #[error("the refresh token belongs to another device")]
    RefreshTokenOfAnotherDevice,
    /// The resource is not the one that was granted.
    #[error("the resource was not granted")]
    ResourceNotGranted,
    /// The resource is not known.
    #[error("the resource is not known")]
    Resource,
}

impl Refused {
    /// What the client is told.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Parameters(_) | Self::NoGrantType | Self::Missing(_) => Code::InvalidRequest,
            Self::GrantType => Code::UnsupportedGrantType,
            Self::Client | Self::ClientCredentials => Code::InvalidClient,
            Self::Resource | Self::ResourceNotGranted => Code::InvalidResource,
            _ => Code::InvalidGrant,
        }
    }
}

impl TokenRequest {
    /// Reads a request at the token endpoint. `basic` is the user name and password of an `Authorization: Basic`
    /// header, where one came (RFC 6749 2.3.1); a public client may name itself there with an empty password.
    ///
    /// # Errors
    /// [`Refused`]; whether a code or token is good is seen later, by its record.
    pub fn parse(
        parameters: &Parameters,
        basic: Option<(&str, &str)>,
        catalogue: &Catalogue,
    ) -> Result<Self, Refused> {
        let client = Self::client(parameters, basic, catalogue)?;
        let wanted = |name| parameters.one(name)?.ok_or(Refused::Missing(name));
        match parameters.one("grant_type")?.ok_or(Refused::NoGrantType)? {
            "authorization_code" => Ok(Self::Code(CodeRequest {
                client,
                code: Secret::parse(wanted("code")?).ok_or(Refused::Code)?,
                redirect_uri: wanted("redirect_uri")?.to_owned(),
                verifier: wanted("code_verifier")?.to_owned(),
            })),
            "refresh_token" => {
                let token =
                    RefreshToken::parse(wanted("refresh_token")?).ok_or(Refused::RefreshToken)?;
                let scopes = parameters
                    .one("scope")?
                    .map(|text| Scopes::parse(text, catalogue));
                let named = scopes.as_ref().and_then(|(_, resource)| resource.clone());
                let resource = match parameters.one("resource")? {
                    Some(asked) => Some(
                        catalogue
                            .resource(asked)
                            .ok_or(Refused::Resource)?
                            .identifier
                            .clone(),
                    ),
                    None => named,
                };
                Ok(Self::Refresh(RefreshRequest {
                    client,
                    token,
                    scopes: scopes.map(|(scopes, _)| scopes),
                    resource,
                }))
            }
            _ => Err(Refused::GrantType),
        }
    }

    fn client(
        parameters: &Parameters,
        basic: Option<(&str, &str)>,
        catalogue: &Catalogue,
    ) -> Result<String, Refused> {
        let credentials = basic.is_some_and(|(_, password)| !password.is_empty())
            || parameters.one("client_secret")?.is_some()
            || parameters.one("client_assertion")?.is_some();
        let in_body = parameters.one("client_id")?;
        let in_header = basic.map(|(name, _)| name);
        let named = match (in_body, in_header) {
            (Some(body), Some(header)) if !body.eq_ignore_ascii_case(header) => None,
            (body, header) => body.or(header),
        };
        let client = named
            .and_then(|id| catalogue.client(id))
            .ok_or(Refused::Client)?;
        if credentials {
            return Err(Refused::ClientCredentials);
        }
        Ok(client.id.clone())
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
