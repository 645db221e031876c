//! The production door to the tenant of a provisioning flow (PH-A-M, PH-C-Cloud).

use hello::prt::Credentials;
use hello::registration::Tenant as Known;
use hello::tenant::{Broker, NotSignedIn, TenantFault};
use provisioning::dialogue::{Dialogue, SecondFactorProblem};
use provisioning::doors::{
    Account, DrsToken, KeyRegistration, NewKey, Registered, RegistrationError, Tenant, TokenError,
    TokenService,
};
use provisioning::phases::second_factor::FreshSecondFactor;
use trust::{Clock, Rng, Timestamp};

use super::tokens::Tokens;
use crate::client::Client;
use crate::federation::{Asked, REDIRECT_URI, REGISTRATION_CLIENT, Shows, token_error, token_of};
use crate::sign_in::{Code, Endpoints, SignIn, SignInFault, Wish};

/// The tenant that this device is joined to.
pub struct TenantDoor<'a> {
    /// What the device knows of it.
    pub tenant: &'a Known,
    /// The client that shows the device's certificate.
    pub client: &'a Client,
    /// Who is signed in on the device.
    pub broker: Broker,
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

impl<'a> TenantDoor<'a> {
    /// A door through which nobody has gone yet.
    pub fn new(
        tenant: &'a Known,
        client: &'a Client,
        broker: Broker,
        clock: &'a dyn Clock,
        rng: &'a mut dyn Rng,
        shows: &'a mut dyn Shows,
    ) -> Self {
        Self {
            tenant,
            client,
            broker,
            clock,
            rng,
            shows,
            pending: None,
            held: None,
        }
    }

    fn wish(&self, account: &Account) -> Wish {
        Wish {
            endpoints: Endpoints {
                authorize: self.tenant.authorize.clone(),
                token: self.tenant.token.clone(),
            },
            client_id: REGISTRATION_CLIENT.to_owned(),
            redirect_uri: REDIRECT_URI.to_owned(),
            resource: self.tenant.keys.resource.clone(),
            scope: "openid".to_owned(),
            login_hint: Some(account.upn.clone()),
            fresh_second_factor: true,
        }
    }

    /// A sign-in, and what it shows: who is signed in on the device. A nonce is good for one browser alone, so that each
    /// sign-in has its own.
    fn begin(&mut self, account: &Account) -> Result<(SignIn<'a>, Credentials), TokenError> {
        let mut tokens = Tokens::new(self.client, &self.tenant.token);
        let credentials = self.broker.credentials(&mut tokens, self.rng);
        let credentials = credentials.map_err(not_shown)?;
        let wish = self.wish(account);
        Ok((SignIn::new(self.client, wish, self.rng), credentials))
    }

    /// F1.A2: what the primary refresh token alone gets; `None` where the person has to be asked.
    fn silently(&mut self, account: &Account) -> Result<Option<Code>, TokenError> {
        let (sign_in, credentials) = self.begin(account)?;
        match sign_in.silently(credentials) {
            Ok(code) => Ok(Some(code)),
            Err(SignInFault::Interaction(_)) => Ok(None),
            Err(fault) => Err(token_error(fault)),
        }
    }

    fn redeemed(&mut self, code: Code, asked: bool) -> Result<DrsToken, TokenError> {
        let tokens = code.redeem(self.client).map_err(token_error)?;
        let token = token_of(&tokens, asked, self.clock.now())
            .ok_or_else(|| TokenError::NotUnderstood("the token names nobody".to_owned()))?;
        self.held = Some(token.clone());
        Ok(token)
    }

    /// Whether a sign-in that stood at its pages since `began` has outlived the tenant's patience.
    fn is_over(&self, began: Timestamp) -> bool {
        self.clock.now().since(began) >= token::sign_in::LIFETIME
    }
}

fn not_shown(error: NotSignedIn) -> TokenError {
    match error {
        NotSignedIn::Tenant(TenantFault::Unreachable(why)) => TokenError::Unreachable(why),
        NotSignedIn::Tenant(TenantFault::NotUnderstood(what)) => {
            TokenError::NotUnderstood(what.to_string())
        }
        NotSignedIn::Tenant(TenantFault::Refused { said, .. }) => {
            TokenError::Refused(said.in_words())
        }
        refused => TokenError::Refused(refused.to_string()),
    }
}

impl Tenant for TenantDoor<'_> {}

impl TokenService for TenantDoor<'_> {
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
            None => {
                if let Some(code) = self.silently(account)? {
                    return self.redeemed(code, false);
                }
                let (sign_in, credentials) = self.begin(account)?;
                sign_in.showing(credentials)
            }
        };
        let mut asked = Asked {
            person,
            shows: self.shows,
            told: false,
        };
        let began = self.clock.now();
        match sign_in.run(&mut asked) {
            Ok(code) => self.redeemed(code, true),
            // The tenant has forgotten a sign-in that took so long; the next try begins anew.
            Err(SignInFault::Refused(_)) if asked.told && self.is_over(began) => {
                Err(SecondFactorProblem::TimedOut.into())
            }
            Err(SignInFault::SecondFactor(_)) => {
                self.pending = Some(sign_in);
                Err(SecondFactorProblem::Failed.into())
            }
            Err(fault) => Err(token_error(fault)),
        }
    }
}

impl KeyRegistration for TenantDoor<'_> {
    fn register_key(
        &mut self,
        token: &FreshSecondFactor,
        key: &NewKey,
    ) -> Result<Registered, RegistrationError> {
        let keys = &self.tenant.keys;
        crate::keys::register(
            self.client,
            &keys.endpoint,
            &keys.version,
            token,
            key,
            self.rng,
        )
    }
}
