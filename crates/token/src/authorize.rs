//! The authorization request (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1) and its answers.
//!
//! An error is told to the client by redirection only once client and redirect URI are known good; before that it is
//! a page, so that nobody uses us to send people elsewhere (RFC 9700 4.11).

use serde::{Deserialize, Serialize};
use trust::{Span, Timestamp};
use wire::Guid;

use crate::client::{Catalogue, RedirectUri};
use crate::hint::{self, BadHint, Hint, ReadIdToken};
use crate::moment;
use crate::parameters::{InvalidParameters, Parameters};
use crate::pkce::{Challenge, InvalidChallenge};
use crate::refusal::Code;
use crate::scope::Scopes;

/// The resource of a request that names none and asks for `openid`: the userinfo endpoint, as in AD FS.
pub const USERINFO: &str = "urn:microsoft:userinfo";
/// The authentication method reference of several factors, in AD FS and SAML (protocols F.4).
pub const MULTIPLE_AUTHN: &str = "http://schemas.microsoft.com/claims/multipleauthn";

/// An authorization request whose every part has been checked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// The client that asks.
    pub client: String,
    /// Where the answer goes, and how.
    pub answer: Answer,
    /// What the token is for.
    pub resource: String,
    /// The scopes that we know.
    pub scopes: Scopes,
    /// Returned in the id_token (OpenID Connect Core 3.1.2.1).
    pub nonce: Option<String>,
    /// PKCE; missing only where the client may do without.
    pub challenge: Option<Challenge>,
    /// What the client wants of the person.
    pub prompt: Prompt,
    /// How long ago the person may have signed in.
    #[serde(with = "moment::optional_span")]
    pub max_age: Option<Span>,
    /// Who the client thinks will sign in.
    pub login_hint: Option<String>,
    /// Who the client has an id_token of, and means: nobody else signs in for this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// Whether a second factor is asked for.
    pub second_factor: Wanted,
}

/// Where and how the answer to an authorization request is sent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The registered URI.
    pub redirect: RedirectUri,
    /// How.
    pub mode: ResponseMode,
    /// The client's own value, returned as it came.
    pub state: Option<String>,
}

/// How an answer is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ResponseMode {
    /// In the query of a redirection.
    Query,
    /// In the fragment of a redirection (OAuth 2.0 Multiple Response Type Encoding Practices 2).
    Fragment,
    /// As a form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// What the client wants of the person (OpenID Connect Core 3.1.2.1, `prompt`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Prompt {
    /// Pages where needed.
    #[default]
    AsNeeded,
    /// No page at all (`none`).
    Nothing,
    /// The person signs in again even with a session (`login`, `select_account`).
    SignInAgain,
}

/// Whether the client asks for a second factor (protocols F.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Wanted {
    /// It leaves that to the resource.
    #[default]
    Unasked,
    /// `acr_values` or `amr_values` name several factors.
    SecondFactor,
    /// `amr_values` has `ngcmfa`: one proven within the last ten minutes, for key registration (PROV-5.6).
    FreshSecondFactor,
}

/// Why an authorization request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// A parameter stands there twice, or there are too many.
    #[error(transparent)]
    Parameters(#[from] InvalidParameters),
    /// `client_id` is missing or unknown.
    #[error("the client is not known")]
    Client,
    /// `redirect_uri` is missing or not registered for the client.
    #[error("the redirect URI is not registered for the client")]
    RedirectUri,
    /// `response_type` is missing.
    #[error("the request carries no response_type")]
    NoResponseType,
    /// `response_type` is not `code`.
    #[error("the response type is not code")]
    ResponseType,
    /// `response_mode` is none of `query`, `fragment`, `form_post`.
    #[error("the response mode is none of query, fragment and form_post")]
    ResponseMode,
    /// The resource is not known.
    #[error("the resource is not known")]
    Resource,
    /// The client may not ask for the resource.
    #[error("the client may not ask for this resource")]
    ResourceOfOthers,
    /// The client does not come by tokens in this way.
    #[error("the client may not ask for codes")]
    NotThisClient,
    /// PKCE is missing or not `S256`.
    #[error(transparent)]
    Challenge(#[from] InvalidChallenge),
    /// `prompt` has an unknown value, or `none` with others.
    #[error("the prompt is not understood")]
    Prompt,
    /// `max_age` is not a number of seconds.
    #[error("max_age is not a number of seconds")]
    MaxAge,
    /// `state`, `nonce`, `login_hint` or `id_token_hint` is too long.
    #[error("a value of the request is too long")]
    TooLong,
    /// `id_token_hint` is no good.
    #[error(transparent)]
    Hint(#[from] BadHint),
    /// `request` was sent (OpenID Connect Core 6.1).
    #[error("request objects are not supported")]
    RequestObject,
    /// `request_uri` was sent (OpenID Connect Core 6.2).
    #[error("request objects by reference are not supported")]
    RequestUri,
}

impl Refused {
    /// What the client is told.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::ResponseType => Code::UnsupportedResponseType,
            Self::Resource => Code::InvalidResource,
            Self::ResourceOfOthers | Self::NotThisClient => Code::UnauthorizedClient,
            Self::RequestObject => Code::RequestNotSupported,
            Self::RequestUri => Code::RequestUriNotSupported,
            _ => Code::InvalidRequest,
        }
    }
}

/// A refusal and who may be told of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Rejected {
    /// The person, on a page of ours: client or redirect URI are not good.
    OnPage(Refused),
    /// The client, by redirection.
    ToClient(Answer, Refused),
}

impl AuthorizeRequest {
    /// Checks the parameters of an authorization request against the catalogue. `id_tokens` reads the authority's own.
    ///
    /// # Errors
    /// [`Rejected`], which says why and who is told.
    pub fn parse(
        parameters: &Parameters,
        catalogue: &Catalogue,
        id_tokens: &ReadIdToken<'_>,
    ) -> Result<Self, Rejected> {
        let page = |refused: Refused| Rejected::OnPage(refused);
        let one = |name| parameters.one(name).map_err(|error| page(error.into()));
        let client = one("client_id")?
            .and_then(|id| catalogue.client(id))
            .ok_or(page(Refused::Client))?;
        let redirect = one("redirect_uri")?
            .and_then(|uri| client.redirect(uri))
            .ok_or(page(Refused::RedirectUri))?;
        let state = one("state")?.map(str::to_owned);
        if state.as_ref().is_some_and(|state| state.len() > 4096) {
            return Err(page(Refused::TooLong));
        }
        let mode = match one("response_mode")? {
            None | Some("query") => Ok(ResponseMode::Query),
            Some("fragment") => Ok(ResponseMode::Fragment),
            Some("form_post") => Ok(ResponseMode::FormPost),
            Some(_) => Err(Refused::ResponseMode),
        };
        let answer = Answer {
            redirect,
            mode: mode.unwrap_or(ResponseMode::Query),
            state,
        };
        let rest = |_| Self::parse_rest(parameters, catalogue, id_tokens, client, answer.clone());
        mode.and_then(rest)
            .map_err(|refused| Rejected::ToClient(answer, refused))
    }

    /// The part of [`Self::parse`] whose errors the client may be told.
    fn parse_rest(
        parameters: &Parameters,
        catalogue: &Catalogue,
        id_tokens: &ReadIdToken<'_>,
        client: &crate::client::Client,
        answer: Answer,
    ) -> Result<Self, Refused> {
        if parameters.one("request")?.is_some() {
            return Err(Refused::RequestObject);
        }
        if parameters.one("request_uri")?.is_some() {
            return Err(Refused::RequestUri);
        }
        match parameters.one("response_type")? {
            Some("code") => {}
            Some(_) => return Err(Refused::ResponseType),
            None => return Err(Refused::NoResponseType),
        }
        let (scopes, named_in_scope) =
            Scopes::parse(parameters.one("scope")?.unwrap_or_default(), catalogue);
        let asked = match (parameters.one("resource")?, named_in_scope) {
            (Some(resource), None) => Some(resource.to_owned()),
            (None, named) => named,
            (Some(resource), Some(named)) => {
                let same = catalogue
                    .resource(resource)
                    .is_some_and(|known| known.name_of(&named).is_some());
                Some(if same {
                    named
                } else {
                    return Err(Refused::Resource);
                })
            }
        };
        let asked = asked.as_deref().unwrap_or(catalogue.usual());
        let resource = catalogue.resource(asked).ok_or(Refused::Resource)?;
        // Where a resource has several names, the token is for the one by which it was asked for.
        let named = resource.name_of(asked);
        if !client.may_ask_for(resource) {
            return Err(Refused::ResourceOfOthers);
        }
        if !client.grants.code {
            return Err(Refused::NotThisClient);
        }
        let challenge = match parameters.one("code_challenge")? {
            None if client.may_leave_out_pkce(&answer.redirect) => None,
            challenge => Some(Challenge::parse(
                challenge,
                parameters.one("code_challenge_method")?,
            )?),
        };
        let bounded = |name, most: usize| match parameters.one(name)? {
            Some(value) if value.len() > most => Err(Refused::TooLong),
            value => Ok(value.map(str::to_owned)),
        };
        Ok(Self {
            client: client.id.clone(),
            answer,
            scopes: scopes.known_to(resource),
            resource: named.unwrap_or(&resource.identifier).to_owned(),
            nonce: bounded("nonce", 512)?,
            challenge,
            prompt: Prompt::parse(parameters.one("prompt")?.unwrap_or_default())?,
            max_age: parameters.one("max_age")?.map(seconds).transpose()?,
            login_hint: bounded("login_hint", 256)?,
            hint: match bounded("id_token_hint", hint::LONGEST)? {
                Some(token) => Some(Hint::read(&token, &client.id, id_tokens)?),
                None => None,
            },
            second_factor: Wanted::parse(
                parameters.one("acr_values")?.unwrap_or_default(),
                parameters.one("amr_values")?.unwrap_or_default(),
            ),
        })
    }

    /// The request as parameters that [`Self::parse`] reads as this very request.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("client_id", self.client.clone()),
            ("redirect_uri", self.answer.redirect.as_str().to_owned()),
            ("response_type", "code".to_owned()),
            ("resource", self.resource.clone()),
        ];
        if let Some(challenge) = &self.challenge {
            parameters.push(("code_challenge", challenge.text()));
            parameters.push(("code_challenge_method", "S256".to_owned()));
        }
        if self.scopes != Scopes::default() {
            parameters.push(("scope", self.scopes.text()));
        }
        match self.answer.mode {
            ResponseMode::Query => {}
            ResponseMode::Fragment => parameters.push(("response_mode", "fragment".to_owned())),
            ResponseMode::FormPost => parameters.push(("response_mode", "form_post".to_owned())),
        }
        parameters.extend(self.answer.state.clone().map(|state| ("state", state)));
        parameters.extend(self.nonce.clone().map(|nonce| ("nonce", nonce)));
        parameters.extend(
            self.max_age
                .map(|age| ("max_age", age.as_seconds().to_string())),
        );
        parameters.extend(self.login_hint.clone().map(|hint| ("login_hint", hint)));
        let hint = self.hint.as_ref().map(|hint| hint.token().to_owned());
        parameters.extend(hint.map(|token| ("id_token_hint", token)));
        match self.prompt {
            Prompt::AsNeeded => {}
            Prompt::Nothing => parameters.push(("prompt", "none".to_owned())),
            Prompt::SignInAgain => parameters.push(("prompt", "login".to_owned())),
        }
        match self.second_factor {
            Wanted::Unasked => {}
            Wanted::SecondFactor => parameters.push(("amr_values", "mfa".to_owned())),
            Wanted::FreshSecondFactor => parameters.push(("amr_values", "ngcmfa".to_owned())),
        }
        parameters
    }

    /// The same request of somebody who has signed in for it: without what it says of who that may be, and since when. Whom an
    /// id_token names stays: it is nobody else's request.
    #[must_use]
    pub fn of_who_signed_in(&self) -> Self {
        Self {
            prompt: Prompt::AsNeeded,
            max_age: None,
            login_hint: None,
            ..self.clone()
        }
    }

    /// Whether this account may be signed in for the request: every one, where the client means nobody.
    #[must_use]
    pub fn is_for(&self, account: Guid) -> bool {
        let hint = self.hint.as_ref();
        hint.is_none_or(|hint| hint.account() == account)
    }

    /// What to write where somebody types their user name: who the client thinks that they are.
    #[must_use]
    pub fn suggested_name(&self) -> Option<&str> {
        let hinted = self.hint.as_ref().and_then(Hint::name);
        hinted.or(self.login_hint.as_deref())
    }

    /// Whether somebody who signed in at `signed_in` must sign in again now.
    #[must_use]
    pub fn is_too_old(&self, signed_in: Timestamp, now: Timestamp) -> bool {
        self.prompt == Prompt::SignInAgain
            || self
                .max_age
                .is_some_and(|most| now.since(signed_in) > most || signed_in > now)
    }
}

/// A number of seconds in plain digits.
fn seconds(text: &str) -> Result<Span, Refused> {
    let plain = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if plain {
        text.parse::<i64>().ok()
    } else {
        None
    };
    number.map(Span::seconds).ok_or(Refused::MaxAge)
}

impl Prompt {
    fn parse(text: &str) -> Result<Self, Refused> {
        let mut prompt = Self::AsNeeded;
        for (position, word) in text.split_ascii_whitespace().enumerate() {
            match (word, prompt) {
                ("none", _) if position == 0 => prompt = Self::Nothing,
                (_, Self::Nothing) | ("none", _) => return Err(Refused::Prompt),
                ("login" | "select_account", _) => prompt = Self::SignInAgain,
                // Who has consented is not asked again, and who has not is asked in any case.
                ("consent", _) => {}
                _ => return Err(Refused::Prompt),
            }
        }
        Ok(prompt)
    }
}

impl Wanted {
    /// Unknown values are no error: they are wishes in order of preference (OpenID Connect Core 3.1.2.1).
    fn parse(acr_values: &str, amr_values: &str) -> Self {
        let words = || {
            acr_values
                .split_ascii_whitespace()
                .chain(amr_values.split([' ', ',']))
        };
        if words().any(|word| word == "ngcmfa") {
            Self::FreshSecondFactor
        } else if words().any(|word| matches!(word, "mfa" | MULTIPLE_AUTHN)) {
            Self::SecondFactor
        } else {
            Self::Unasked
        }
    }
}

impl Answer {
    /// The parameters of a success (RFC 6749 4.1.2; `iss` by RFC 9207, against mix-up).
    #[must_use]
    pub fn success<'a>(&'a self, code: &'a str, issuer: &'a str) -> Vec<(&'static str, &'a str)> {
        self.with_state(vec![("code", code), ("iss", issuer)])
    }

    /// The parameters of an error (RFC 6749 4.1.2.1).
    #[must_use]
    pub fn error<'a>(&'a self, code: Code, issuer: &'a str) -> Vec<(&'static str, &'a str)> {
        self.with_state(vec![
            ("error", code.as_str()),
            ("error_description", code.description()),
            ("iss", issuer),
        ])
    }

    fn with_state<'a>(
        &'a self,
        mut parameters: Vec<(&'static str, &'a str)>,
    ) -> Vec<(&'static str, &'a str)> {
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        parameters
    }
}

#[cfg(test)]
mod tests;
