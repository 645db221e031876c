//! Signing in at the federation service or the tenant from a terminal: authorization code with PKCE (RFC 6749 4.1,
//! RFC 7636), its plain HTML forms filled without a browser.
//!
//! A [`SignIn`] begins with the authorization request and ends with a code at the client's own redirect URI.
//! In between it follows redirections of that one server only, and asks a [`Person`] what the forms want to
//! know. What the person types goes to that server and nowhere else.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hello::prt::Credentials;
use hello::tenant::Said;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, LOCATION};
use http::{Method, Response, StatusCode};
use token::pages::reader::{self, Form, Read};
use trust::Rng;
use zeroize::Zeroizing;

use crate::client::{Client, request};
use crate::cookies::Jar;
use crate::fault::CallFault;
use crate::url::Url;

/// Pages and redirections that one sign-in may take.
const STEPS: usize = 24;

/// Where somebody signs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoints {
    /// The authorization endpoint.
    pub authorize: String,
    /// The token endpoint.
    pub token: String,
}

impl Endpoints {
    /// Those of the federation service at `https://sts.corp.example` (protocols F.1).
    #[must_use]
    pub fn of_federation(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        Self {
            authorize: format!("{base}/adfs/oauth2/authorize"),
            token: format!("{base}/adfs/oauth2/token"),
        }
    }
}

/// What a program asks for when it has somebody sign in.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where.
    pub endpoints: Endpoints,
    /// The client's identifier.
    pub client_id: String,
    /// Where it wants the code: never fetched, only recognised.
    pub redirect_uri: String,
    /// What the token is for.
    pub resource: String,
    /// The scopes, separated by spaces.
    pub scope: String,
    /// Who will sign in, if that is known.
    pub login_hint: Option<String>,
    /// Whether a second factor of the last ten minutes is wanted (`amr_values=ngcmfa`, PROV-5.6).
    pub fresh_second_factor: bool,
}

/// One field of a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// The user name.
    Name,
    /// The password.
    Password,
    /// A new password in place of that one. It is asked for once; whoever has a person type it has them type it twice.
    NewPassword,
    /// The code that an authenticator shows.
    Code,
    /// A Temporary Access Pass.
    AccessPass,
}

/// Who answers the forms.
pub trait Person {
    /// The answer to a question; `problem` says what was wrong with the one before. `None` to give up.
    fn answer(&mut self, question: Question, problem: Option<&str>) -> Option<Zeroizing<String>>;

    /// A new authenticator is set up: its secret as a URI (for a QR code) and in groups of letters. The code
    /// that it shows is asked for next.
    fn enrol_authenticator(&mut self, uri: &str, secret: &str);

    /// The recovery codes, shown this once. Whether the person has kept them; if not, the sign-in ends.
    fn keep_recovery_codes(&mut self, codes: &[String]) -> bool;
}

/// Why a sign-in came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignInFault {
    /// The server could not be asked.
    #[error(transparent)]
    Call(#[from] CallFault),
    /// The person gave up.
    #[error("cancelled by the person")]
    Cancelled,
    /// The second factor was wrong. The sign-in stands where it stood, and can be gone on with.
    #[error("the second factor was refused: {0}")]
    SecondFactor(String),
    /// The service would have to ask the person, and was told not to: its words.
    #[error("the sign-in needs the person: {0}")]
    Interaction(String),
    /// The person has to consent to what the application asks about them, which they do in a browser.
    #[error("the application asks for consent first, at {address}")]
    Consent {
        /// Where.
        address: String,
    },
    /// The service refused, in its own words.
    #[error("the sign-in was refused: {0}")]
    Refused(String),
    /// The service answered something that this program does not understand.
    #[error("the sign-in service's answer was not understood: {0}")]
    NotUnderstood(&'static str),
}

/// A sign-in on its way.
pub struct SignIn<'a> {
    client: &'a Client,
    wish: Wish,
    verifier: Zeroizing<String>,
    state: String,
    jar: Jar,
    /// What each request of it shows beside the cookies: who is signed in on the device (protocols A.11.1).
    shown: Vec<(HeaderName, Zeroizing<String>)>,
    /// The page that waits for an answer, and where it came from.
    page: Option<(Url, Read)>,
}

/// What a sign-in ends with, to be exchanged for tokens.
pub struct Code {
    code: Zeroizing<String>,
    verifier: Zeroizing<String>,
    wish: Wish,
}

/// The tokens of a successful sign-in.
pub struct Tokens {
    /// The access token.
    pub access_token: Zeroizing<String>,
    /// For how many seconds it is valid.
    pub expires_in: i64,
    /// The refresh token, if one was asked for and given.
    pub refresh_token: Option<Zeroizing<String>>,
}

/// The answer of the token endpoint (RFC 6749 5.1).
#[derive(serde::Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default, deserialize_with = "number")]
    expires_in: i64,
    #[serde(default)]
    refresh_token: Option<String>,
}

impl From<TokenAnswer> for Tokens {
    fn from(answer: TokenAnswer) -> Self {
        Self {
            access_token: Zeroizing::new(answer.access_token),
            expires_in: answer.expires_in,
            refresh_token: answer.refresh_token.map(Zeroizing::new),
        }
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Seconds as a number or, as the older endpoints have it, as text (protocols 0.2).
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match serde::Deserialize::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// What a request or a form leads to.
enum Step {
    Page(Url, Box<Read>),
    Go(Url),
    Done(Zeroizing<String>),
}

impl<'a> SignIn<'a> {
    /// A sign-in with what `wish` asks for.
    pub fn new(client: &'a Client, wish: Wish, rng: &mut dyn Rng) -> Self {
        let random = |rng: &mut dyn Rng| Base64UrlUnpadded::encode_string(&rng.bytes::<32>());
        let verifier = Zeroizing::new(random(rng));
        Self {
            client,
            wish,
            verifier,
            state: random(rng),
            jar: Jar::default(),
            shown: Vec::new(),
            page: None,
        }
    }

    /// The same, showing with each request who is signed in on this device, so that the code names the device and nobody is
    /// asked for more than is missing (protocols A.11).
    #[must_use]
    pub fn showing(mut self, credentials: Credentials) -> Self {
        let name = HeaderName::from_static("x-ms-refreshtokencredential");
        self.shown = vec![(name, credentials.refresh_token)];
        self
    }

    /// Asks for a code with nothing but who is signed in on this device: no form is filled (protocols A.11.2).
    ///
    /// # Errors
    /// [`SignInFault::Interaction`] where the person would have to be asked for something.
    pub fn silently(mut self, credentials: Credentials) -> Result<Code, SignInFault> {
        let device = HeaderName::from_static("x-ms-devicecredential");
        let shown = (device, credentials.device.clone());
        self = self.showing(credentials);
        self.shown.push(shown);
        match self.fetch(&self.authorize_url(Some("none"))?, None, &[])? {
            Step::Done(code) => Ok(self.code(code)),
            Step::Go(_) | Step::Page(..) => Err(SignInFault::NotUnderstood(
                "a request without a person was answered with a page for one",
            )),
        }
    }

    fn code(&self, code: Zeroizing<String>) -> Code {
        Code {
            code,
            verifier: self.verifier.clone(),
            wish: self.wish.clone(),
        }
    }

    /// Goes on until there is a code, asking `person` what the forms want to know.
    ///
    /// # Errors
    /// [`SignInFault`]. After [`SignInFault::SecondFactor`] it can be called again, and asks for the second
    /// factor again.
    pub fn run(&mut self, person: &mut dyn Person) -> Result<Code, SignInFault> {
        let mut step = match self.page.take() {
            Some((url, page)) => Step::Page(url, Box::new(page)),
            None => Step::Go(self.authorize_url(None)?),
        };
        for _ in 0..STEPS {
            step = match step {
                Step::Go(url) => self.fetch(&url, None, &[])?,
                Step::Page(url, page) => self.answer(url, *page, person)?,
                Step::Done(code) => return Ok(self.code(code)),
            };
        }
        Err(SignInFault::NotUnderstood(
            "the sign-in takes more steps than any of ours",
        ))
    }

    /// Shows a SPNEGO token instead of filling forms: a computer's or a person's ticket for the service
    /// (`Authorization: Negotiate`, RFC 4559).
    pub fn with_ticket(&mut self, spnego: &[u8]) -> Result<Code, SignInFault> {
        let value = Zeroizing::new(format!("Negotiate {}", Base64::encode_string(spnego)));
        let mut step = self.fetch(
            &self.authorize_url(None)?,
            None,
            &[(AUTHORIZATION, value.as_str())],
        )?;
        for _ in 0..STEPS {
            step = match step {
                Step::Go(url) => self.fetch(&url, None, &[])?,
                Step::Done(code) => return Ok(self.code(code)),
                Step::Page(_, page) => {
                    let said = page
                        .error
                        .unwrap_or_else(|| "the ticket was not accepted".to_owned());
                    return Err(SignInFault::Refused(said));
                }
            };
        }
        Err(SignInFault::NotUnderstood(
            "the sign-in takes more steps than any of ours",
        ))
    }

    fn authorize_url(&self, prompt: Option<&str>) -> Result<Url, SignInFault> {
        let challenge = token::pkce::challenge_of(&self.verifier);
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", &self.wish.client_id),
            ("redirect_uri", &self.wish.redirect_uri),
            ("resource", &self.wish.resource),
            ("scope", &self.wish.scope),
            ("state", &self.state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if let Some(hint) = &self.wish.login_hint {
            fields.push(("login_hint", hint));
        }
        if self.wish.fresh_second_factor {
            fields.push(("amr_values", "ngcmfa"));
        }
        fields.extend(prompt.map(|prompt| ("prompt", prompt)));
        let address = wire::http::with_query(&self.wish.endpoints.authorize, fields);
        Url::parse(&address).ok_or_else(|| CallFault::Address { address }.into())
    }

    /// Asks for `url` with a GET, or with a POST of `form`.
    fn fetch(
        &mut self,
        url: &Url,
        form: Option<String>,
        extra: &[(HeaderName, &str)],
    ) -> Result<Step, SignInFault> {
        let cookies = self.jar.header();
        let mut headers = vec![(ACCEPT, "text/html")];
        headers.extend_from_slice(extra);
        let shown = self.shown.iter();
        headers.extend(shown.map(|(name, value)| (name.clone(), value.as_str())));
        if let Some(cookies) = &cookies {
            headers.push((COOKIE, cookies.as_str()));
        }
        let (method, body) = match form {
            Some(form) => {
                headers.push((CONTENT_TYPE, "application/x-www-form-urlencoded"));
                (Method::POST, form.into_bytes())
            }
            None => (Method::GET, Vec::new()),
        };
        let request = request(method, url.as_str(), &headers, body)?;
        let answer = self.client.send(request)?;
        self.jar.take(answer.headers());
        self.understand(url, &answer)
    }

    fn understand(&self, url: &Url, answer: &Response<Vec<u8>>) -> Result<Step, SignInFault> {
        if answer.status().is_redirection() {
            let to = answer
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            return self.follow(
                url,
                to.ok_or(SignInFault::NotUnderstood(
                    "a redirection without an address",
                ))?,
            );
        }
        let text = String::from_utf8_lossy(answer.body());
        let page = reader::read(&text);
        if page.forms.is_empty() {
            let config = Config::read(answer.body());
            if let Some(said) = config.and_then(|config| config.interaction()) {
                return Err(SignInFault::Interaction(said));
            }
            return Err(refusal(answer, page));
        }
        Ok(Step::Page(url.clone(), Box::new(page)))
    }

    fn follow(&self, from: &Url, to: &str) -> Result<Step, SignInFault> {
        let ours = to.strip_prefix(self.wish.redirect_uri.as_str());
        if let Some(query) = ours.and_then(|rest| rest.strip_prefix('?')) {
            return self.arrived(query).map(Step::Done);
        }
        let next = from.join(to).filter(|next| next.same_origin(from));
        next.map(Step::Go).ok_or(SignInFault::NotUnderstood(
            "a redirection to another server",
        ))
    }

    /// The answer at the redirect URI (RFC 6749 4.1.2, RFC 9207).
    fn arrived(&self, query: &str) -> Result<Zeroizing<String>, SignInFault> {
        let query = query.split('#').next().unwrap_or_default();
        let fields = wire::http::Fields::parse(query.as_bytes()).map_err(|_| {
            SignInFault::NotUnderstood("the answer at the redirect URI cannot be read")
        })?;
        if fields.get_verbatim("state").as_deref() != Some(self.state.as_str()) {
            return Err(SignInFault::NotUnderstood(
                "the answer at the redirect URI belongs to another request",
            ));
        }
        if let Some(error) = fields.get("error") {
            let wants_the_person = ["login_required", "interaction_required"].contains(&&*error);
            let said = Said::read(&fields.get("error_description").unwrap_or(error)).in_words();
            return Err(match wants_the_person {
                true => SignInFault::Interaction(said),
                false => SignInFault::Refused(said),
            });
        }
        let code = fields.get_verbatim("code");
        code.map(Zeroizing::new).ok_or(SignInFault::NotUnderstood(
            "the answer at the redirect URI has no code",
        ))
    }

    fn answer(
        &mut self,
        url: Url,
        page: Read,
        person: &mut dyn Person,
    ) -> Result<Step, SignInFault> {
        if page.form("consent").is_some() {
            // Who is asked, and by whom, is shown where a person reads it; the browser signs them in by itself.
            return Err(SignInFault::Consent {
                address: self.authorize_url(None)?.as_str().to_owned(),
            });
        }
        let form = choose(&page).ok_or(SignInFault::NotUnderstood(
            "a page with a form that this program does not know",
        ))?;
        let mut fields = hidden_of(form);
        match form.id.as_str() {
            "enrolment" => {
                let missing = SignInFault::NotUnderstood("a new authenticator without a secret");
                let (Some(uri), Some(secret)) = (&page.secret_uri, &page.secret) else {
                    return Err(missing);
                };
                if page.error.is_none() {
                    person.enrol_authenticator(uri, secret);
                }
            }
            "acknowledgement" if !person.keep_recovery_codes(&page.recovery_codes) => {
                return Err(SignInFault::Cancelled);
            }
            _ => {}
        }
        let mut problem = page.error.as_deref();
        let mut chosen = None;
        for name in &form.fields {
            let Some(question) = question_of(name) else {
                continue;
            };
            let known = match question {
                Question::Name => self
                    .wish
                    .login_hint
                    .clone()
                    .filter(|_| problem.is_none())
                    .map(Zeroizing::new),
                // The same once more.
                Question::NewPassword => chosen.clone(),
                _ => None,
            };
            let answer = known
                .or_else(|| person.answer(question, problem.take()))
                .ok_or_else(|| no_answer(question, page.error.as_deref()))?;
            if question == Question::NewPassword {
                chosen = Some(answer.clone());
            }
            fields.push((name.clone(), answer));
        }
        let action = url
            .join(&form.action)
            .filter(|action| action.same_origin(&url));
        let action = action.ok_or(SignInFault::NotUnderstood(
            "a form that is sent to another server",
        ))?;
        let pairs = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let second_factor = !matches!(form.id.as_str(), "password" | "new-password");
        let step = self.fetch(&action, Some(wire::http::write_query(pairs)), &[])?;
        match step {
            Step::Page(url, page)
                if second_factor && page.form(&form.id).is_some() && page.error.is_some() =>
            {
                let said = page.error.clone().unwrap_or_default();
                self.page = Some((url, *page));
                Err(SignInFault::SecondFactor(said))
            }
            step => Ok(step),
        }
    }
}

/// The form to fill: of several second factors, the first. An authenticator that is offered, and not demanded, is set up in a
/// browser.
fn choose(page: &Read) -> Option<&Form> {
    let known = [
        "not-now",
        "password",
        "new-password",
        "totp",
        "enrolment",
        "acknowledgement",
        token::access_pass::ID,
        "recovery-code",
    ];
    known.iter().find_map(|id| page.form(id))
}

/// Names and values of a form.
pub(crate) type Fields = Vec<(String, Zeroizing<String>)>;

/// The hidden fields of a form, to be sent back as they came.
pub(crate) fn hidden_of(form: &Form) -> Fields {
    let hidden = form.hidden.iter();
    hidden
        .map(|(name, value)| (name.clone(), Zeroizing::new(value.clone())))
        .collect()
}

/// What an answer without a form says.
pub(crate) fn refusal(answer: &Response<Vec<u8>>, page: Read) -> SignInFault {
    let said = page
        .error
        .or_else(|| json_error(answer.body()))
        .or_else(|| Config::read(answer.body())?.error());
    let said = said.unwrap_or_else(|| format!("HTTP status {}", answer.status().as_u16()));
    let traced = page.trace.map_or_else(String::new, |trace| {
        format!(" (for the administrator: {trace})")
    });
    SignInFault::Refused(format!("{said}{traced}"))
}

/// What it means that a person has no answer: to a new password that was refused, that there is no other.
fn no_answer(question: Question, problem: Option<&str>) -> SignInFault {
    match problem {
        Some(said) if question == Question::NewPassword => SignInFault::Refused(said.to_owned()),
        _ => SignInFault::Cancelled,
    }
}

pub(crate) fn question_of(field: &str) -> Option<Question> {
    match field {
        token::pages::USER_NAME => Some(Question::Name),
        token::pages::PASSWORD | token::pages::OLD_PASSWORD => Some(Question::Password),
        token::pages::NEW_PASSWORD | token::pages::CONFIRM_NEW_PASSWORD => {
            Some(Question::NewPassword)
        }
        "VerificationCode" | "RecoveryCode" => Some(Question::Code),
        token::access_pass::FIELD => Some(Question::AccessPass),
        _ => None,
    }
}

impl Code {
    /// Exchanges the code for tokens. `client` may be another than the one that the sign-in was made with: one
    /// that shows the device's certificate (protocols F.3).
    pub fn redeem(self, client: &Client) -> Result<Tokens, SignInFault> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", self.code.as_str()),
            ("redirect_uri", &self.wish.redirect_uri),
            ("client_id", &self.wish.client_id),
            ("code_verifier", &self.verifier),
        ];
        let answer = client.post_form(&self.wish.endpoints.token, &fields)?;
        if answer.status() != StatusCode::OK {
            let said = json_error(answer.body());
            return Err(SignInFault::Refused(said.unwrap_or_else(|| {
                format!("HTTP status {}", answer.status().as_u16())
            })));
        }
        serde_json::from_slice::<TokenAnswer>(answer.body())
            .map(Tokens::from)
            .map_err(|_| SignInFault::NotUnderstood("the token endpoint's answer"))
    }
}

/// The words of an OAuth error (RFC 6749 5.2).
pub(crate) fn json_error(body: &[u8]) -> Option<String> {
    let error: serde_json::Value = serde_json::from_slice(body).ok()?;
    let member = |name| {
        error
            .get(name)
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned)
    };
    let said = member("error_description")
        .or_else(|| member("message"))
        .or_else(|| member("error"))?;
    Some(Said::read(&said).in_words())
}

/// What a page for brokers says, in the JSON of its script (protocols A.5.1).
struct Config {
    number: Option<u32>,
    said: Option<String>,
    page: Option<String>,
}

impl Config {
    fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let (_, json) = text.split_once("$Config=")?;
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<serde_json::Value>();
        let config = values.next()?.ok()?;
        let member = |name: &str| {
            let text = config.get(name).and_then(serde_json::Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Some(Self {
            number: member("sErrorCode").and_then(|number| number.parse().ok()),
            said: member("sErrTxt").or_else(|| member("strServiceExceptionMessage")),
            page: member("pgid"),
        })
    }

    /// The words of an error; `None` where the page is of none.
    fn error(&self) -> Option<String> {
        let number = self.number?;
        let named = format!("AADSTS{number}");
        Some(match &self.said {
            Some(said) if said.contains(&named) => Said::read(said).in_words(),
            Some(said) => format!("{said} ({named})"),
            None => named,
        })
    }

    /// Why the person would have to be asked for something; `None` where that is not it.
    fn interaction(&self) -> Option<String> {
        match self.number {
            Some(number) if PERSON.contains(&number) => self.error(),
            Some(_) => None,
            // A page that asks for something is of no error.
            None => self.page.clone(),
        }
    }
}

/// Nobody is signed in, or a second factor is wanted or has to be set up (protocols A.3.2).
const PERSON: [u32; 5] = [50058, 50076, 50074, 50072, 50079];

/// What an access token says of itself, read without a check: whoever got it over TLS from its issuer may look.
#[must_use]
pub fn claims(access_token: &str) -> Option<serde_json::Value> {
    let payload = access_token.split('.').nth(1)?;
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).ok()?).ok()
}
