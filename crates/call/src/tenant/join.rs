//! Joining a device to a tenant (DREG-F1, managed): a person signs in and registers their own device.

use hello::Hello;
use hello::prt::{BROKER_CLIENT, Prt};
use hello::registration::{FoundTenant, Registration};
use hello::tenant::NotSignedIn;
use trust::story::{Event, Party};
use trust::{Clock, Rng, Story};
use wire::registration::{DeviceAttributes, JoinType};

use super::discovery::{Found, NoTenant, Realm, discover, realm};
use super::tokens::Tokens;
use crate::client::Client;
use crate::federation::REDIRECT_URI;
use crate::join::{self, Asks, ThisDevice};
use crate::sign_in::{Endpoints, Person, Question, SignIn, SignInFault, Wish};

/// The device registration service as a resource (protocols A.3.3).
pub const SIGN_IN_RESOURCE: &str = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";

static FOUND: Event = Event {
    step: "DREG-F1.A",
    phase: "join",
    party: Party::Device,
    happened: "found the tenant",
};
static MANAGED: Event = Event {
    step: "DREG-F1.C",
    phase: "join",
    party: Party::Tenant,
    happened: "said that it authenticates the person itself",
};
static SIGNED_IN: Event = Event {
    step: "DREG-F1.B",
    phase: "join",
    party: Party::Person,
    happened: "signed in at the tenant's own pages, with a second factor where it wants one",
};
static DISCOVERED: Event = Event {
    step: "DREG-F1.E",
    phase: "join",
    party: Party::Device,
    happened: "found the registration service",
};
static KEYS: Event = Event {
    step: "DREG-F1.F",
    phase: "join",
    party: Party::Device,
    happened: "made the device key and the transport key",
};
static KEPT: Event = Event {
    step: "DREG-F1.H",
    phase: "join",
    party: Party::Device,
    happened: "kept the certificate, and a primary refresh token of the person",
};

/// Why a device did not join a tenant. What was begun can be begun again.
#[derive(Debug, thiserror::Error)]
pub enum NotJoined {
    /// The tenant, or its registration service, was not found.
    #[error(transparent)]
    Tenant(#[from] NoTenant),
    /// A federation service authenticates this person, who cannot sign in at the tenant.
    #[error(
        "people of {domain} sign in at a federation service of their own, which this release cannot do"
    )]
    Federated {
        /// Their domain.
        domain: String,
    },
    /// The person did not sign in.
    #[error("nobody signed in to join the device")]
    SignIn(#[source] SignInFault),
    /// The tenant gave no refresh token, without which the person is not signed in on the device.
    #[error("the tenant gave no refresh token with the sign-in")]
    NoRefreshToken,
    /// The registration service.
    #[error(transparent)]
    Register(#[from] join::NotJoined),
}

/// A device that joined.
#[derive(Debug)]
pub struct Joined {
    /// The primary refresh token of who joined it. Where there is none, the device has joined all the same, and whoever
    /// enrols on it signs in first.
    pub prt: Result<Prt, NotSignedIn>,
}

/// What to ask a tenant for, to have somebody sign in on a device: a refresh token for the authentication broker, with a
/// second factor of the last ten minutes, so that what comes next need not ask for one.
#[must_use]
pub fn wish(endpoints: Endpoints, login_hint: Option<String>) -> Wish {
    Wish {
        endpoints,
        client_id: BROKER_CLIENT.to_owned(),
        redirect_uri: REDIRECT_URI.to_owned(),
        resource: SIGN_IN_RESOURCE.to_owned(),
        scope: "openid offline_access".to_owned(),
        login_hint,
        fresh_second_factor: true,
    }
}

/// Everything that a join needs.
pub struct Joining<'a> {
    /// The tenant.
    pub tenant: &'a Found,
    /// The way to it.
    pub client: &'a Client,
    /// The device.
    pub device: &'a ThisDevice,
    /// Who joins it, where that is known.
    pub upn: Option<String>,
    /// Whether the device takes the place of this person's device of that name: that one's certificate and keys end with it.
    pub replace: bool,
    /// Who answers the tenant's forms.
    pub person: &'a mut dyn Person,
    /// Whether to go on with a sign-in whose second factor was refused.
    pub again: &'a mut dyn FnMut(&SignInFault) -> bool,
    /// Where the device's keys and registration are kept.
    pub hello: &'a mut Hello,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub rng: &'a mut dyn Rng,
    /// Whoever listens.
    pub story: &'a mut dyn Story,
}

impl Joining<'_> {
    /// Joins the device. It is registered in `hello` when this returns, in the place of what it was registered as before;
    /// where the tenant refuses, it has what it had.
    ///
    /// # Errors
    /// [`NotJoined`].
    pub fn run(self) -> Result<Joined, NotJoined> {
        self.story.tell(&FOUND); // A
        let upn = match self.upn {
            Some(upn) => upn,
            None => self
                .person
                .answer(Question::Name, None)
                .map(|name| name.as_str().to_owned())
                .ok_or(NotJoined::SignIn(SignInFault::Cancelled))?,
        };
        if realm(self.client, &self.tenant.login, &upn)? == Realm::Federated {
            let domain = upn.rsplit('@').next().unwrap_or_default().to_owned();
            return Err(NotJoined::Federated { domain });
        }
        self.story.tell(&MANAGED); // C
        let endpoints = self.tenant.endpoints.clone();
        // The tenant's pages ask for what its settings want of whoever joins a device, and for nothing else.
        let wish = Wish {
            fresh_second_factor: false,
            ..wish(endpoints, Some(upn))
        };
        let mut sign_in = SignIn::new(self.client, wish, self.rng);
        let tokens = loop {
            let code = sign_in.run(self.person);
            match code.and_then(|code| code.redeem(self.client)) {
                Ok(tokens) => break tokens,
                Err(fault) if (self.again)(&fault) => {}
                Err(fault) => return Err(NotJoined::SignIn(fault)),
            }
        };
        let refresh_token = tokens.refresh_token.ok_or(NotJoined::NoRefreshToken)?;
        self.story.tell(&SIGNED_IN); // B
        let tenant = discover(self.client, self.tenant)?;
        self.story.tell(&DISCOVERED); // E
        let former = self.hello.vault().device_keys();
        join::make_keys(self.hello, self.rng)?;
        self.story.tell(&KEYS); // F
        let asks = Asks {
            device: self.device,
            target: &self.tenant.domain,
            join_type: JoinType::JOINED,
            attributes: Some(DeviceAttributes {
                reuse_device: self.replace,
                ..DeviceAttributes::default()
            }),
        };
        let endpoint = (tenant.join.endpoint.as_str(), tenant.join.version.as_str());
        let certificate = join::register(
            self.client,
            endpoint,
            &tokens.access_token,
            self.hello,
            &asks,
        );
        let certificate =
            certificate.map_err(|fault| join::put_back(self.hello, former, self.rng, fault))?;
        // G is told by the tenant, which writes the device.
        let device_id =
            join::device_id(&certificate).ok_or(join::NotJoined::NotUnderstood("join"))?;
        let mut door = Tokens::new(self.client, &tenant.token);
        let found = FoundTenant {
            domain: self.tenant.domain.clone(),
            name: self.device.name.clone(),
            device_id,
            tenant,
            certificate,
        };
        let registration = Registration::in_tenant(found, self.clock.now());
        join::keep(self.hello, registration, self.rng)?;
        let now = self.clock.now();
        let prt =
            self.hello
                .sign_in_with_refresh_token(&refresh_token, None, &mut door, now, self.rng);
        self.story.tell(&KEPT); // H
        Ok(Joined { prt })
    }
}
