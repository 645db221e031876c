//! The authorization request (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1) and its answers.
//!
//! An error is told to the client by redirection only once client and redirect URI are known good; before that it is
//! a page, so that nobody uses us to send people elsewhere (RFC 9700 4.11).

use serde::{Deserialize, Serialize};
use trust::{Span, Timestamp};

use crate::client::{Catalogue, RedirectUri};
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
    /// PKCE.
    pub challenge: Challenge,
    /// What the client wants of the person.
    pub prompt: Prompt,
    /// How long ago the person may have signed in.
    #[serde(with = "moment::optional_span")]
    pub max_age: Option<Span>,
    /// Who the client thinks will sign in.
    pub login_hint: Option<String>,
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
    /// `response_mode` is neither `query` nor `form_post`.
    #[error("the response mode is neither query nor form_post")]
    ResponseMode,
    /// The resource is not known.
    #[error("the resource is not known")]
    Resource,
    /// The client may not ask for the resource.
    #[error("the client may not ask for this resource")]
    ResourceOfOthers,
    /// PKCE is missing or not `S256`.
    #[error(transparent)]
    Challenge(#[from] InvalidChallenge),
    /// `prompt` has an unknown value, or `none` with others.
    #[error("the prompt is not understood")]
    Prompt,
    /// `max_age` is not a number of seconds.
    #[error("max_age is not a number of seconds")]
    MaxAge,
    /// `state`, `nonce` or `login_hint` is too long.
    #[error("a value of the request is too long")]
    TooLong,
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
            Self::ResourceOfOthers => Code::UnauthorizedClient,
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
    /// Checks the parameters of an authorization request against the catalogue.
    ///
    /// # Errors
    /// [`Rejected`], which says why and who is told.
    pub fn parse(parameters: &Parameters, catalogue: &Catalogue) -> Result<Self, Rejected> {
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
            Some("form_post") => Ok(ResponseMode::FormPost),
            Some(_) => Err(Refused::ResponseMode),
        };
        let answer = Answer {
            redirect,
            mode: mode.unwrap_or(ResponseMode::Query),
            state,
        };
        mode.and_then(|_| Self::parse_rest(parameters, catalogue, client, answer.clone()))
            .map_err(|refused| Rejected::ToClient(answer, refused))
    }

    /// The part of [`Self::parse`] whose errors the client may be told.
    fn parse_rest(
        parameters: &Parameters,
        catalogue: &Catalogue,
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
                    .is_some_and(|known| known.identifier == named);
                Some(if same {
                    named
                } else {
                    return Err(Refused::Resource);
                })
            }
        };
        let resource = catalogue
            .resource(asked.as_deref().unwrap_or(USERINFO))
            .ok_or(Refused::Resource)?;
        if !client.may_ask_for(resource) {
            return Err(Refused::ResourceOfOthers);
        }
        let challenge = Challenge::parse(
            parameters.one("code_challenge")?,
            parameters.one("code_challenge_method")?,
        )?;
        let bounded = |name, most: usize| match parameters.one(name)? {
            Some(value) if value.len() > most => Err(Refused::TooLong),
            value => Ok(value.map(str::to_owned)),
        };
        Ok(Self {
            client: client.id.clone(),
            answer,
            resource: resource.identifier.clone(),
            scopes,
            nonce: bounded("nonce", 512)?,
            challenge,
            prompt: Prompt::parse(parameters.one("prompt")?.unwrap_or_default())?,
            max_age: parameters.one("max_age")?.map(seconds).transpose()?,
            login_hint: bounded("login_hint", 256)?,
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
            ("scope", self.scopes.text()),
            ("code_challenge", self.challenge.text()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        if self.answer.mode == ResponseMode::FormPost {
            parameters.push(("response_mode", "form_post".to_owned()));
        }
        parameters.extend(self.answer.state.clone().map(|state| ("state", state)));
        parameters.extend(self.nonce.clone().map(|nonce| ("nonce", nonce)));
        parameters.extend(
            self.max_age
                .map(|age| ("max_age", age.as_seconds().to_string())),
        );
        parameters.extend(self.login_hint.clone().map(|hint| ("login_hint", hint)));
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
                // Every client here is the organisation's own, so there is no consent to ask for.
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
mod tests {
    use super::*;
    use crate::client::{Client, Redirect, Resource};

    const DRS: &str = "urn:ms-drs:sts.corp.example";

    fn catalogue() -> Catalogue {
        let resource = |identifier: &str| Resource {
            identifier: identifier.into(),
            name: identifier.into(),
            second_factor: true,
            lifetime: Span::minutes(10),
        };
        Catalogue {
            clients: vec![Client {
                id: "app".into(),
                name: "App".into(),
                redirects: vec![Redirect::Exact("https://app.example/done".into())],
                signed_out: vec![],
                resources: vec![DRS.into(), USERINFO.into()],
                refresh: true,
            }],
            resources: vec![resource(DRS), resource(USERINFO), resource("urn:other")],
        }
    }

    const GOOD: [(&str, &str); 6] = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("response_type", "code"),
        ("resource", DRS),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ];

    /// The good request with some parameters replaced; an empty value leaves a parameter out.
    fn parse(changes: &[(&str, &str)]) -> Result<AuthorizeRequest, Rejected> {
        let kept = GOOD
            .iter()
            .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let pairs = kept
            .chain(changes)
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        AuthorizeRequest::parse(&Parameters::new(pairs).unwrap(), &catalogue())
    }

    fn refused(changes: &[(&str, &str)]) -> Refused {
        match parse(changes) {
            Err(Rejected::ToClient(_, refused)) => refused,
            other => panic!("{other:?}"),
        }
    }

    fn on_page(changes: &[(&str, &str)]) -> Refused {
        match parse(changes) {
            Err(Rejected::OnPage(refused)) => refused,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_request_is_understood() {
        let request = parse(&[
            ("state", "s t"),
            ("nonce", "n"),
            ("scope", "openid profile unknown offline_access"),
            ("max_age", "600"),
            ("login_hint", "alice@corp.example"),
            ("amr_values", "ngcmfa"),
            ("response_mode", "form_post"),
        ])
        .unwrap();
        assert_eq!(request.resource, DRS);
        assert_eq!(request.answer.state.as_deref(), Some("s t"));
        assert_eq!(request.answer.mode, ResponseMode::FormPost);
        assert_eq!(request.scopes.text(), "openid profile offline_access");
        assert_eq!(request.max_age, Some(Span::minutes(10)));
        assert_eq!(request.second_factor, Wanted::FreshSecondFactor);
    }

    #[test]
    fn a_request_comes_back_from_its_own_parameters() {
        for changes in [
            &[][..],
            &[
                ("state", "a&b"),
                ("nonce", "n"),
                ("scope", "openid email"),
                ("max_age", "60"),
                ("prompt", "login"),
            ],
            &[
                ("response_mode", "form_post"),
                ("amr_values", "mfa"),
                ("login_hint", "alice"),
                ("prompt", "none"),
            ],
            &[
                ("resource", ""),
                ("scope", "openid"),
                ("amr_values", "ngcmfa"),
            ],
        ] {
            let request = parse(changes).unwrap();
            let pairs = request
                .parameters()
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect();
            let back = AuthorizeRequest::parse(&Parameters::new(pairs).unwrap(), &catalogue());
            assert_eq!(back, Ok(request));
        }
    }

    #[test]
    fn nobody_is_sent_to_an_address_that_is_not_registered() {
        for uri in [
            "https://evil.example/",
            "https://app.example/done/..",
            "https://app.example/done?x",
            "",
        ] {
            assert_eq!(
                on_page(&[("redirect_uri", uri), ("response_type", "token")]),
                Refused::RedirectUri
            );
        }
        assert_eq!(on_page(&[("client_id", "other")]), Refused::Client);
        assert_eq!(on_page(&[("client_id", "")]), Refused::Client);
    }

    #[test]
    fn a_parameter_sent_twice_is_refused() {
        assert_eq!(
            on_page(&[
                ("redirect_uri", "https://app.example/done"),
                ("redirect_uri", "https://app.example/done")
            ]),
            Refused::Parameters(InvalidParameters::Repeated("redirect_uri"))
        );
        assert_eq!(
            refused(&[("scope", "openid"), ("scope", "profile")]),
            Refused::Parameters(InvalidParameters::Repeated("scope"))
        );
    }

    #[test]
    fn only_codes_are_given_and_only_in_query_or_form() {
        assert_eq!(
            refused(&[("response_type", "token")]),
            Refused::ResponseType
        );
        assert_eq!(
            refused(&[("response_type", "code id_token")]),
            Refused::ResponseType
        );
        assert_eq!(refused(&[("response_type", "")]), Refused::NoResponseType);
        assert_eq!(
            refused(&[("response_mode", "fragment")]),
            Refused::ResponseMode
        );
    }

    #[test]
    fn pkce_cannot_be_left_out_or_weakened() {
        assert_eq!(
            refused(&[("code_challenge", "")]),
            Refused::Challenge(InvalidChallenge::Missing)
        );
        for method in ["plain", "", "s256"] {
            assert_eq!(
                refused(&[("code_challenge_method", method)]),
                Refused::Challenge(InvalidChallenge::Method)
            );
        }
    }

    #[test]
    fn a_resource_must_be_known_and_the_clients_own() {
        assert_eq!(refused(&[("resource", "urn:nobody")]), Refused::Resource);
        assert_eq!(
            refused(&[("resource", "urn:other")]),
            Refused::ResourceOfOthers
        );
        assert_eq!(parse(&[("resource", "")]).unwrap().resource, USERINFO);
    }

    #[test]
    fn a_scope_may_name_the_resource() {
        let scope = format!("openid {DRS}/.default");
        let request = parse(&[("resource", ""), ("scope", &scope)]).unwrap();
        assert_eq!(
            (request.resource.as_str(), request.scopes.openid),
            (DRS, true)
        );
        assert_eq!(parse(&[("scope", &scope)]).unwrap().resource, DRS);
        assert_eq!(
            refused(&[("resource", USERINFO), ("scope", &scope)]),
            Refused::Resource
        );
    }

    #[test]
    fn prompts_and_ages_are_understood_or_refused() {
        assert_eq!(
            parse(&[("prompt", "none")]).unwrap().prompt,
            Prompt::Nothing
        );
        assert_eq!(
            parse(&[("prompt", "login consent")]).unwrap().prompt,
            Prompt::SignInAgain
        );
        for prompt in ["none login", "login none", "whatever"] {
            assert_eq!(refused(&[("prompt", prompt)]), Refused::Prompt, "{prompt}");
        }
        for age in ["-1", "1.5", "soon", "99999999999"] {
            assert_eq!(refused(&[("max_age", age)]), Refused::MaxAge, "{age}");
        }
    }

    #[test]
    fn request_objects_and_long_values_are_refused() {
        assert_eq!(refused(&[("request", "eyJ")]), Refused::RequestObject);
        assert_eq!(
            refused(&[("request_uri", "https://app.example/r")]),
            Refused::RequestUri
        );
        assert_eq!(refused(&[("nonce", &"n".repeat(513))]), Refused::TooLong);
        assert_eq!(on_page(&[("state", &"s".repeat(4097))]), Refused::TooLong);
    }

    #[test]
    fn a_second_factor_is_asked_for_in_either_parameter() {
        let wanted = |name: &str, value: &str| parse(&[(name, value)]).unwrap().second_factor;
        assert_eq!(wanted("acr_values", MULTIPLE_AUTHN), Wanted::SecondFactor);
        assert_eq!(wanted("amr_values", "pwd,mfa"), Wanted::SecondFactor);
        assert_eq!(wanted("acr_values", "ngcmfa"), Wanted::FreshSecondFactor);
        assert_eq!(wanted("acr_values", "something else"), Wanted::Unasked);
    }

    #[test]
    fn somebody_who_signed_in_too_long_ago_signs_in_again() {
        let now = Timestamp::from_unix(1_800_000_000);
        let request = parse(&[("max_age", "60")]).unwrap();
        assert!(!request.is_too_old(now - Span::seconds(60), now));
        assert!(request.is_too_old(now - Span::seconds(61), now));
        assert!(
            request.is_too_old(now + Span::seconds(1), now),
            "a session of the future"
        );
        assert!(parse(&[("prompt", "login")]).unwrap().is_too_old(now, now));
        assert!(!parse(&[]).unwrap().is_too_old(now - Span::days(1), now));
    }

    #[test]
    fn answers_carry_state_and_issuer() {
        let answer = parse(&[("state", "s")]).unwrap().answer;
        let issuer = "https://sts.corp.example/adfs";
        assert_eq!(
            answer.redirect.with(&answer.success("c", issuer)),
            "https://app.example/done?code=c&iss=https%3A%2F%2Fsts.corp.example%2Fadfs&state=s"
        );
        assert!(
            answer
                .error(Code::AccessDenied, issuer)
                .contains(&("error", "access_denied"))
        );
    }
}
