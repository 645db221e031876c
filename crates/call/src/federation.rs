//! The production door to the federation service and its registration services.

use provisioning::Secret;
use provisioning::dialogue::{
    Dialogue, Prompt, PromptKind, SecondFactorProblem, SecondFactorProgress,
};
use provisioning::doors::{
    Account, DrsToken, Federation, KeyRegistration, NewKey, Registered, RegistrationError,
    TokenError, TokenService,
};
use provisioning::phases::second_factor::FreshSecondFactor;
use trust::{Clock, Rng, Span, Timestamp};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::sign_in::{Endpoints, Person, Question, SignIn, SignInFault, Tokens, Wish, claims};

/// The client of device registration and Hello provisioning (protocols F.2).
pub const REGISTRATION_CLIENT: &str = "dd762716-544d-4aeb-a526-687b73838a22";

/// Where this program "receives" its codes: it recognises the redirection and listens nowhere (RFC 8252 7.3).
pub const REDIRECT_URI: &str = "http://127.0.0.1/keyporch";

/// What the claim of the second factor's moment is called (protocols F.4).
const SECOND_FACTOR_INSTANT: &str =
    "http://schemas.microsoft.com/ws/2017/04/identity/claims/multifactorauthenticationinstant";

/// The person who looks at what a sign-in shows beside its questions.
pub trait Shows {
    /// A new authenticator: its secret as a URI, for a QR code, and in groups of letters.
    fn authenticator(&mut self, uri: &str, secret: &str);

    /// The recovery codes. Whether the person has kept them.
    fn recovery_codes(&mut self, codes: &[String]) -> bool;
}

/// The federation service of this device's organisation.
pub struct FederationDoor<'a> {
    /// Its base address: `https://sts.corp.example`.
    pub base: String,
    /// The resource of its device registration service, `urn:ms-drs:<host>`.
    pub resource: String,
    /// Where keys are registered.
    pub key_endpoint: String,
    /// The client that shows the device's certificate (protocols F.3).
    pub client: &'a Client,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub rng: &'a mut dyn Rng,
    /// Who sees what a sign-in shows.
    pub shows: &'a mut dyn Shows,
    /// A sign-in whose second factor was refused, to be gone on with.
    pub pending: Option<SignIn<'a>>,
    /// The token of the last sign-in.
    pub held: Option<DrsToken>,
}

impl FederationDoor<'_> {
    fn wish(&self, account: &Account) -> Wish {
        Wish {
            endpoints: Endpoints::of_federation(&self.base),
            client_id: REGISTRATION_CLIENT.to_owned(),
            redirect_uri: REDIRECT_URI.to_owned(),
            resource: self.resource.clone(),
            scope: "openid".to_owned(),
            login_hint: Some(account.upn.clone()),
            fresh_second_factor: true,
        }
    }

    /// Whether a sign-in that stood at its pages since `began` has outlived the service's patience.
    fn is_over(&self, began: Timestamp) -> bool {
        self.clock.now().since(began) >= token::sign_in::LIFETIME
    }
}

impl Federation for FederationDoor<'_> {}

impl TokenService for FederationDoor<'_> {
    fn held_token(&mut self, account: &Account) -> Option<DrsToken> {
        self.held
            .clone()
            .filter(|token| account.is_named(&token.upn))
    }

    fn drs_token(
        &mut self,
        account: &Account,
        person: &mut dyn Dialogue,
    ) -> Result<DrsToken, TokenError> {
        let mut sign_in = match self.pending.take() {
            Some(sign_in) => sign_in,
            None => SignIn::new(self.client, self.wish(account), self.rng),
        };
        let mut asked = Asked {
            person,
            shows: self.shows,
            told: false,
        };
        let began = self.clock.now();
        let code = match sign_in.run(&mut asked) {
            // The service has forgotten a sign-in that took so long; the next try begins anew.
            Err(SignInFault::Refused(_)) if asked.told && self.is_over(began) => {
                return Err(SecondFactorProblem::TimedOut.into());
            }
            Ok(code) => code,
            Err(SignInFault::SecondFactor(_)) => {
                self.pending = Some(sign_in);
                return Err(SecondFactorProblem::Failed.into());
            }
            Err(fault) => return Err(token_error(fault)),
        };
        let tokens = code.redeem(self.client).map_err(token_error)?;
        let token = token_of(&tokens, true, self.clock.now())
            .ok_or_else(|| TokenError::NotUnderstood("the token names nobody".to_owned()))?;
        self.held = Some(token.clone());
        Ok(token)
    }
}

/// What a token of the registration service's relying party says (protocols F.2).
pub(crate) fn token_of(tokens: &Tokens, asked: bool, now: Timestamp) -> Option<DrsToken> {
    let claims = claims(&tokens.access_token)?;
    let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
    let expires = claims
        .get("exp")
        .and_then(serde_json::Value::as_i64)
        .map(Timestamp::from_unix);
    let by_factor = claims
        .get("amr")
        .and_then(serde_json::Value::as_array)
        .is_some_and(|amr| {
            amr.iter()
                .filter_map(serde_json::Value::as_str)
                .any(|amr| matches!(amr, "ngcmfa" | "mfa"))
        });
    let instant = text(SECOND_FACTOR_INSTANT).and_then(|text| Timestamp::from_rfc3339(text).ok());
    Some(DrsToken {
        bearer: Secret::from(tokens.access_token.as_str()),
        upn: text("upn")?.to_owned(),
        device: text("deviceid").and_then(|id| id.parse().ok()),
        second_factor_at: instant.filter(|_| by_factor),
        asked,
        expires: expires.unwrap_or(now + Span::seconds(tokens.expires_in)),
    })
}

pub(crate) fn token_error(fault: SignInFault) -> TokenError {
    match fault {
        SignInFault::Call(fault) => TokenError::Unreachable(fault.to_string()),
        SignInFault::Cancelled => TokenError::Cancelled(provisioning::dialogue::Cancelled),
        SignInFault::SecondFactor(_) => SecondFactorProblem::Failed.into(),
        SignInFault::Refused(said) | SignInFault::Interaction(said) => TokenError::Refused(said),
        SignInFault::Consent { .. } => TokenError::Refused(fault.to_string()),
        SignInFault::NotUnderstood(what) => TokenError::NotUnderstood(what.to_owned()),
    }
}

/// The person of a provisioning flow, answering a sign-in's questions.
pub(crate) struct Asked<'a> {
    pub(crate) person: &'a mut dyn Dialogue,
    pub(crate) shows: &'a mut dyn Shows,
    /// Whether the person was told to look at what gives the second factor.
    pub(crate) told: bool,
}

impl Person for Asked<'_> {
    fn answer(&mut self, question: Question, problem: Option<&str>) -> Option<Zeroizing<String>> {
        let (kind, label) = match question {
            Question::Name => (PromptKind::Name, "User name"),
            Question::Password => (PromptKind::Password, "Password"),
            Question::NewPassword => (PromptKind::NewPassword, "New password"),
            Question::Code => (PromptKind::OneTimeCode, "Verification code"),
            Question::AccessPass => (PromptKind::OneTimeCode, "Temporary Access Pass"),
        };
        let method = match question {
            Question::Code => Some("authenticator application"),
            Question::AccessPass => Some("Temporary Access Pass"),
            _ => None,
        };
        if let Some(method) = method.filter(|_| !self.told) {
            self.told = true;
            self.person
                .second_factor(SecondFactorProgress::Waiting { method });
        }
        let answer = self
            .person
            .answer(&Prompt {
                kind,
                label,
                problem,
            })
            .ok()?;
        Some(Zeroizing::new(answer.expose().to_owned()))
    }

    fn enrol_authenticator(&mut self, uri: &str, secret: &str) {
        self.shows.authenticator(uri, secret);
    }

    fn keep_recovery_codes(&mut self, codes: &[String]) -> bool {
        self.shows.recovery_codes(codes)
    }
}

impl KeyRegistration for FederationDoor<'_> {
    fn register_key(
        &mut self,
        token: &FreshSecondFactor,
        key: &NewKey,
    ) -> Result<Registered, RegistrationError> {
        crate::keys::register(self.client, &self.key_endpoint, "1.0", token, key, self.rng)
    }
}
