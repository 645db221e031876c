//! The documented flow of a tenant, walked through by the lab's device and person over real sockets.

use std::sync::Arc;

use call::join::ThisDevice;
use call::tenant::{Found, Joining, TenantDoor, Tokens, find};
use call::vault_key::client_certificate;
use call::{Client, Hosts, Roots};
use crypto::key::KeyKind;
use directory::Directory;
use hello::Hello;
use hello::gesture::Attempt;
use hello::registration::Tenant;
use hello::tenant::Wanted;
use hello::vault::{DeviceKey, Unlocked};
use policy::Effective;
use provisioning::prerequisites::{
    CertificateFacts, Facts, Joined, Realm, SecurityDevice, Started,
};
use provisioning::{Account, Doors, Secret, enrol};
use trust::{Clock, SystemRng};

use super::files::hosts;
use super::tenant;
use crate::domain::{self, DOMAIN, USER, USER_UPN};
use crate::fault::Fault;
use crate::flow::{DEVICE, has_enrolled, is_known, opened, parsed};
use crate::kept::Kept;
use crate::person::{NothingElse, Somebody};
use crate::scenario::Stage;
use crate::told::Teller;

/// What tells one start of the operating system from the next: a lab has one.
const SESSION: &str = "lab";

/// What an access token is tried for: the person's own data at the directory's Graph.
const TRIED: Wanted<'static> = Wanted {
    client: "29d9ed98-a469-4536-ade2-f981bc1d605e",
    resource: "https://graph.microsoft.com",
    scope: "openid",
};

/// The device and all that it knows of its organisation.
pub(crate) struct Device<'a> {
    pub(super) hello: Hello,
    directory: &'a Directory,
    kept: &'a Kept,
    clock: Arc<dyn Clock>,
    rng: SystemRng,
    login: String,
    roots: Roots,
    hosts: Hosts,
    teller: Teller,
}

impl<'a> Device<'a> {
    /// Opens what the device keeps.
    pub(super) fn open(stage: &'a Stage<'_>, directory: &'a Directory) -> Result<Self, Fault> {
        let (hello, roots) = opened(stage, directory)?;
        Ok(Self {
            hello,
            directory,
            kept: &stage.kept,
            clock: Arc::clone(stage.clock),
            rng: SystemRng,
            login: tenant::login(&stage.ports),
            roots,
            hosts: parsed(&hosts())?,
            teller: stage.teller.clone(),
        })
    }

    /// The directory that the device is in.
    pub(super) fn directory(&self) -> &Directory {
        self.directory
    }

    /// Tells something beside the steps.
    pub(super) fn note(&self, text: &str) {
        self.teller.note(text);
    }

    /// Whether the device is joined and the tenant still knows it.
    pub(super) fn is_joined(&self) -> Result<bool, Fault> {
        is_known(&self.hello, self.directory)
    }

    /// Whether the person has a container here.
    pub(super) fn has_container(&self) -> bool {
        self.hello.containers().of(USER_UPN).is_some()
    }

    /// Whether the person has enrolled here, with a key that the account still lists.
    pub(super) fn is_enrolled(&self) -> Result<bool, Fault> {
        has_enrolled(&self.hello, self.directory)
    }

    fn somebody(&self) -> Result<Somebody, Fault> {
        Ok(Somebody {
            clock: Arc::clone(&self.clock),
            password: self.kept.user.password.clone(),
            totp: self.kept.user.authenticator()?,
            pin: self.kept.pin.clone(),
            asked: 0,
        })
    }

    fn found(&self, client: &Client) -> Result<Found, Fault> {
        find(client, &self.login, DOMAIN).map_err(|error| Fault::step("finding the tenant", &error))
    }

    /// The person joins the device (DREG-F1).
    pub(super) fn join(&mut self) -> Result<(), Fault> {
        let client = Client::new(&self.roots, self.hosts.clone(), None);
        let found = self.found(&client)?;
        let device = ThisDevice {
            name: DEVICE.to_owned(),
            os_type: "Linux".to_owned(),
            os_version: "Keyporch lab".to_owned(),
        };
        let mut person = self.somebody()?;
        // A code is the previous step's, and may just have got too old; the second try is with the present one.
        let mut tries = 1;
        let joining = Joining {
            tenant: &found,
            client: &client,
            device: &device,
            upn: Some(USER_UPN.to_owned()),
            // A lab that was interrupted, or whose device lost its files, has a device that nobody holds the keys of.
            replace: true,
            person: &mut person,
            again: &mut |_| std::mem::take(&mut tries) > 0,
            hello: &mut self.hello,
            clock: self.clock.as_ref(),
            rng: &mut self.rng,
            story: &mut self.teller,
        };
        let joined = joining
            .run()
            .map_err(|error| Fault::step("the join (DREG-F1)", &error))?;
        joined
            .prt
            .map(drop)
            .map_err(|error| Fault::step("the sign-in of the join (DREG-F1.H)", &error))
    }

    /// Where a lab listens may have changed since the join.
    pub(super) fn find_tenant(&mut self) -> Result<(), Fault> {
        let client = Client::new(&self.roots, self.hosts.clone(), None);
        let Some(registration) = self.hello.registration().cloned() else {
            return Ok(());
        };
        let found = self.found(&client)?;
        let tenant = call::tenant::discover(&client, &found)
            .map_err(|error| Fault::step("finding the tenant", &error))?;
        if registration.tenant() == Some(&tenant) {
            return Ok(());
        }
        self.hello
            .register(registration.found_at(tenant), &mut self.rng)
            .map_err(|error| Fault::step("noting where the tenant is", &error))
    }

    fn account(&self) -> Result<Account, Fault> {
        let entry = domain::account(self.directory, USER)?;
        Ok(Account {
            upn: USER_UPN.to_owned(),
            sid: Some(entry.sid),
            domain: DOMAIN.to_owned(),
        })
    }

    fn policy(&self) -> Result<Effective, Fault> {
        let person = domain::account(self.directory, USER)?;
        let snapshot = self
            .directory
            .snapshot()
            .map_err(|error| Fault::step("reading the policy", &error))?;
        policy::effective(&snapshot, &person, None)
            .map_err(|error| Fault::step("reading the policy", &error))
    }

    /// What the device knows of its tenant, and a client that shows its certificate.
    fn registered(&self) -> Result<(Tenant, Client), Fault> {
        let key = self
            .hello
            .vault()
            .device_key(DeviceKey::Device)
            .map_err(|error| Fault::step("reading the device's key", &error))?;
        let registration = self.hello.registration();
        let tenant = registration.and_then(|registration| registration.tenant());
        let (Some(registration), Some(tenant), Some(key)) = (registration, tenant, key) else {
            return Err(Fault::failed(
                "the device has lost its registration",
                "Start anew with --fresh.",
            ));
        };
        let shown = client_certificate(registration.certificate().to_vec(), key.shared());
        let client = Client::new(&self.roots, self.hosts.clone(), Some(shown));
        Ok((tenant.clone(), client))
    }

    /// Has the person enrol (PROV-F1).
    pub(super) fn enrol(&mut self, replace: bool) -> Result<(), Fault> {
        const DOING: &str = "the enrolment (PROV-F1)";
        let (account, policy) = (self.account()?, self.policy()?);
        let (tenant, client) = self.registered()?;
        let mut tokens = Tokens::new(&client, &tenant.token);
        let now = self.clock.now();
        let broker = self
            .hello
            .current_prt(USER_UPN, &mut tokens, now, &mut self.rng)
            .and_then(|prt| self.hello.broker(prt))
            .map_err(|error| Fault::step(DOING, &error))?;
        let mut person = self.somebody()?;
        let (mut chance, mut shows) = (SystemRng, NothingElse);
        let clock = self.clock.as_ref();
        let mut door = TenantDoor::new(&tenant, &client, broker, clock, &mut chance, &mut shows);
        let mut doors = Doors {
            account: &account,
            policy: &policy,
            replace,
            person: &mut person,
            device: &mut self.hello.enrolling(KeyKind::Rsa2048, &mut self.rng),
            federation: None,
            tenant: Some(&mut door),
            story: &mut self.teller,
            clock,
        };
        enrol(&facts(), &mut doors)
            .map(drop)
            .map_err(|stopped| Fault::step(DOING, &stopped))
    }

    /// Has the person sign in with the PIN (AUTH-F1), and tries what came with an access token.
    pub(super) fn sign_in(&mut self) -> Result<Unlocked, Fault> {
        const DOING: &str = "the sign-in (AUTH-F1)";
        let rules = self.policy()?.pin;
        let (tenant, client) = self.registered()?;
        let mut tokens = Tokens::new(&client, &tenant.token);
        let pin = Secret::from(self.kept.pin.as_str());
        let attempt = Attempt {
            pin: &pin,
            challenge: None,
            session: SESSION,
            now: self.clock.now(),
        };
        let signed_in = self
            .hello
            .sign_in_to_tenant(
                USER_UPN,
                &attempt,
                &rules,
                &mut tokens,
                &mut self.teller,
                &mut self.rng,
            )
            .map_err(|error| Fault::step(DOING, &error))?;
        let token = self
            .hello
            .access_token(
                signed_in.prt(),
                &TRIED,
                &mut tokens,
                attempt.now,
                &mut self.rng,
            )
            .map_err(|error| Fault::step("asking for an access token", &error))?;
        drop(token);
        self.teller.note(&format!(
            "the primary refresh token is good: it got an access token for {}",
            TRIED.resource
        ));
        self.hello
            .unlock(USER_UPN, &attempt, &mut self.rng)
            .map_err(|error| Fault::step(DOING, &error))
    }
}

/// What is known of the lab's device before anything starts.
fn facts() -> Facts {
    Facts {
        joined: Joined::Tenant,
        realm: Realm::Managed,
        signed_in: true,
        security_device: SecurityDevice::None,
        remote_session: false,
        security_key_sign_in: false,
        started: Started::AfterSignIn,
        certificate: CertificateFacts::default(),
        cloud_tgt: None,
    }
}
