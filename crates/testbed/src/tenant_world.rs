//! The world of a tenant: its servers, a person with a laptop of her own, and a clock that is moved.

use std::sync::Arc;

use call::administration::{Administration, Unwilling};
use call::join::ThisDevice;
use call::sign_in::{Person, Question, SignInFault};
use call::tenant::{Joined as JoinedTenant, Joining, NotJoined, TenantDoor, Tokens, find};
use call::vault_key::client_certificate;
use call::{Client, Hosts, Roots};
use crypto::key::KeyKind;
use crypto::password::Cost;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::{
    Account as Entry, Attribute, Device, EntryId, NewEntry, Secret as Wrapped, change,
};
use hello::Hello;
use hello::file::MemoryFile;
use hello::gesture::Attempt;
use hello::prt::{AccessToken, Prt};
use hello::registration::Registration;
use hello::tenant::{NotSignedIn, SignedIn, TenantFault, TokenEndpoint, Wanted};
use hello::vault::DeviceKey;
use policy::Effective;
use provisioning::dialogue::{Dialogue as _, Prompt, PromptKind};
use provisioning::doors::{DrsToken, TokenService as _};
use provisioning::prerequisites::{Joined, Realm};
use provisioning::{Account, Doors, Facts, Secret, Stopped, Usable, enrol};
use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::{Clock as _, Rng as _, Span, Timestamp};
use wire::http::Method;
use wire::x509::pem;
use zeroize::Zeroizing;

use crate::alice::{Alice, NothingElse};
use crate::chance::{Dice, Hands};
use crate::story::Heard;
use crate::tenant_servers::{DOMAIN, LOGIN, TenantServers};
use crate::world::{PASSWORD, PIN, facts};

/// The person's UPN.
const ALICE: &str = "alice@corp.example";
/// The laptop's name.
const LAPTOP: &str = "LAPTOP-1";

/// A tenant with one person and one laptop.
pub struct TenantWorld {
    /// The servers.
    pub servers: Arc<TenantServers>,
    /// The laptop's vault, containers and registration.
    pub hello: Hello,
    /// The laptop's files, by which it can be looked at from outside.
    pub files: MemoryFile,
    /// The person.
    pub alice: Alice,
    /// What everybody told so far.
    pub story: Heard,
    /// Whether the laptop has no network.
    pub offline: bool,
    clock: Arc<Hands>,
    rng: Dice,
    hosts: Hosts,
    roots: Roots,
    /// The token that the laptop still has from the last sign-in.
    held: Option<DrsToken>,
}

impl TenantWorld {
    /// A tenant with alice, and her laptop, which is not joined yet.
    ///
    /// # Panics
    /// Never, unless a party is broken.
    #[must_use]
    pub fn unjoined() -> Self {
        let (clock, story) = (Arc::new(Hands::default()), Heard::default());
        let servers = TenantServers::found(Arc::clone(&clock), story.clone());
        let mut rng = Dice::new(3);
        let totp = TotpSecret::draw(&mut rng);
        let root = pem::encode("CERTIFICATE", &servers.root());
        let roots = Roots::from_pem(root.as_bytes()).expect("a root is a root");
        let files = MemoryFile::new();
        let hello = Hello::open(Box::new(files.clone()), Cost::LEAST, &mut rng);
        let mut world = Self {
            hosts: Hosts::in_process(Arc::clone(&servers) as Arc<dyn call::InProcess>),
            alice: Alice::new(Arc::clone(&clock), totp.clone(), PASSWORD, PIN),
            hello: hello.expect("memory opens"),
            servers,
            files,
            story,
            offline: false,
            clock,
            rng,
            roots,
            held: None,
        };
        world.add_person("alice", &totp);
        world
    }

    /// As [`unjoined`](Self::unjoined), with the laptop joined by alice; its story is forgotten.
    ///
    /// # Panics
    /// When the join fails.
    #[must_use]
    pub fn new() -> Self {
        let mut world = Self::unjoined();
        match world.join() {
            Ok(joined) => joined.prt.expect("who joins is signed in"),
            Err(error) => panic!(
                "the laptop does not join: {error:?}; {:?}",
                world.servers.refused()
            ),
        };
        world.story.forget();
        world
    }

    fn add_person(&mut self, sam: &str, totp: &TotpSecret) {
        let id = EntryId::random(&mut self.rng);
        let users = self.servers.snapshot().domain().users;
        let history = PasswordHistory::empty();
        let material =
            PasswordMaterial::hash_only(PASSWORD, &history, 0, Cost::LEAST, &mut self.rng);
        let entry = NewEntry::user(id, users, sam, sam)
            .with(Attribute::UserPrincipalName, format!("{sam}@{DOMAIN}"))
            .with_password(material, false);
        let factors = SecondFactors::with_totp(totp).write();
        let factors = factors.into_iter().map(Wrapped::new).collect();
        self.servers
            .commit([entry.into(), change::set_second_factors(id, factors)]);
    }

    /// Moves the clock, and lets everybody do what is due.
    pub fn advance(&mut self, span: Span) {
        self.clock.advance(span);
        self.servers.tick();
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Joins the laptop (DREG-F1), with alice signed in for it.
    ///
    /// # Errors
    /// [`NotJoined`].
    pub fn join(&mut self) -> Result<JoinedTenant, NotJoined> {
        let client = Client::new(&self.roots, self.hosts.clone(), None);
        let tenant = find(&client, LOGIN, DOMAIN)?;
        let device = ThisDevice {
            name: LAPTOP.to_owned(),
            os_type: "Linux".to_owned(),
            os_version: "6.12".to_owned(),
        };
        Joining {
            tenant: &tenant,
            client: &client,
            device: &device,
            upn: Some(ALICE.to_owned()),
            replace: false,
            person: &mut AtForms(&mut self.alice),
            again: &mut |fault| matches!(fault, SignInFault::SecondFactor(_)),
            hello: &mut self.hello,
            clock: self.clock.as_ref(),
            rng: &mut self.rng,
            story: &mut self.story,
        }
        .run()
    }

    /// The account as the laptop knows it.
    #[must_use]
    pub fn account(&self) -> Account {
        Account {
            upn: ALICE.to_owned(),
            sid: None,
            domain: DOMAIN.to_owned(),
        }
    }

    /// Her account in the directory.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn entry(&self) -> Arc<Entry> {
        let found = self.servers.snapshot().account_by_sam("alice");
        let found = found.expect("memory can be read");
        found.expect("alice has an account")
    }

    /// The laptop's registration, as the laptop has it.
    ///
    /// # Panics
    /// When it is not joined.
    #[must_use]
    pub fn registration(&self) -> &Registration {
        self.hello.registration().expect("the laptop is joined")
    }

    /// The laptop in the directory; `None` once it is gone.
    ///
    /// # Panics
    /// When it is not joined.
    #[must_use]
    pub fn device(&self) -> Option<Arc<Device>> {
        let id = self.registration().device_id;
        let found = self.servers.snapshot().device_by_id(id);
        found.expect("memory can be read")
    }

    /// The policy for her.
    ///
    /// # Panics
    /// Never: it can be read.
    #[must_use]
    pub fn policy(&self) -> Effective {
        let snapshot = self.servers.snapshot();
        policy::effective(&snapshot, &self.entry(), None).expect("policy can be read")
    }

    /// The policy for her, as the laptop is told it by the administration API.
    ///
    /// # Errors
    /// [`Unwilling`].
    ///
    /// # Panics
    /// When the laptop is not joined, or what it is told is no policy.
    pub fn told_policy(&self) -> Result<Effective, Unwilling> {
        let api = Administration::as_device(self.client(), LOGIN);
        let told = api.ask(
            http::Method::GET,
            "/policy/device",
            &[("user", ALICE)],
            None,
        )?;
        let effective = told.get("effective").cloned().unwrap_or_default();
        Ok(serde_json::from_value(effective).expect("it is a policy"))
    }

    /// Sets a setting for every device.
    ///
    /// # Panics
    /// When there is no such setting, or it does not take the value.
    #[track_caller]
    pub fn set(&mut self, setting: &str, value: &serde_json::Value) {
        let path = format!("/policies/default/settings/computer/{setting}");
        let body = serde_json::json!({ "value": value });
        self.servers.administer(Method::Put, &path, Some(&body));
    }

    /// What holds of the laptop (PROV-2.*).
    ///
    /// # Panics
    /// Never: memory can be read.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts {
            joined: Joined::Tenant,
            realm: Realm::Managed,
            signed_in: self.prt().is_some(),
            ..facts()
        }
    }

    /// Her primary refresh token on the laptop, if one is valid.
    ///
    /// # Panics
    /// Never: memory can be read.
    #[must_use]
    pub fn prt(&self) -> Option<Prt> {
        self.hello
            .prt(ALICE, self.now())
            .expect("memory can be read")
    }

    /// Has her enrol (PROV-F1): forms, PIN and registration through the production doors.
    ///
    /// # Errors
    /// [`Stopped`].
    ///
    /// # Panics
    /// When the laptop is not joined, or she is not signed in on it.
    pub fn enrol(&mut self) -> Result<Usable, Stopped> {
        let (account, policy, facts) = (self.account(), self.policy(), self.facts());
        let registration = self.registration().clone();
        let prt = self.prt().expect("she is signed in");
        let broker = self.hello.broker(prt).expect("the laptop is joined");
        let client = self.client();
        let mut chance = self.dice();
        let mut shows = NothingElse;
        let tenant = registration.tenant().expect("it is joined to a tenant");
        let mut door = TenantDoor::new(
            tenant,
            &client,
            broker,
            self.clock.as_ref(),
            &mut chance,
            &mut shows,
        );
        door.held = self.held.take();
        let mut doors = Doors {
            account: &account,
            policy: &policy,
            replace: false,
            person: &mut self.alice,
            device: &mut self.hello.enrolling(KeyKind::Rsa2048, &mut self.rng),
            federation: None,
            tenant: Some(&mut door),
            story: &mut self.story,
            clock: self.clock.as_ref(),
        };
        let enrolled = enrol(&facts, &mut doors);
        self.held = door.held_token(&account);
        enrolled
    }

    /// The client that shows the laptop's certificate.
    fn client(&self) -> Client {
        let key = self.hello.vault().device_key(DeviceKey::Device);
        let key = key.expect("the vault works").expect("it was made");
        let certificate = self.registration().certificate().to_vec();
        let shown = client_certificate(certificate, key.shared());
        Client::new(&self.roots, self.hosts.clone(), Some(shown))
    }

    fn dice(&mut self) -> Dice {
        let seed = self.rng.array::<8>();
        Dice::new(u64::from_be_bytes(seed))
    }

    /// Has her sign in with a PIN (AUTH-F1).
    ///
    /// # Errors
    /// [`NotSignedIn`].
    ///
    /// # Panics
    /// When the laptop is not joined.
    pub fn sign_in(&mut self, pin: &str) -> Result<SignedIn, NotSignedIn> {
        let rules = self.policy().pin;
        let pin = Secret::from(pin);
        let attempt = Attempt {
            pin: &pin,
            challenge: None,
            session: "boot 1",
            now: self.clock.now(),
        };
        let client = self.client();
        let mut door = Network {
            up: !self.offline,
            tokens: Tokens::new(&client, &self.token_endpoint()),
        };
        self.hello.sign_in_to_tenant(
            ALICE,
            &attempt,
            &rules,
            &mut door,
            &mut self.story,
            &mut self.rng,
        )
    }

    /// Gets an access token with what she has on the laptop, renewing that first where it is time to.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    ///
    /// # Panics
    /// When the laptop is not joined.
    pub fn access_token(
        &mut self,
        client_id: &str,
        resource: &str,
    ) -> Result<AccessToken, NotSignedIn> {
        let client = self.client();
        let mut door = Network {
            up: !self.offline,
            tokens: Tokens::new(&client, &self.token_endpoint()),
        };
        let (now, mut rng) = (self.now(), self.dice());
        let prt = self.hello.current_prt(ALICE, &mut door, now, &mut rng)?;
        let wanted = Wanted {
            client: client_id,
            resource,
            scope: "openid",
        };
        self.hello
            .access_token(&prt, &wanted, &mut door, now, &mut rng)
    }

    fn token_endpoint(&self) -> String {
        let tenant = self.registration().tenant();
        tenant.expect("it is joined to a tenant").token.clone()
    }

    /// An administrator disables or enables her account.
    pub fn disable_alice(&mut self, disabled: bool) {
        let word = if disabled { "disable" } else { "enable" };
        self.servers
            .administer(Method::Post, &format!("/users/alice/{word}"), None);
    }

    /// An administrator disables or enables the laptop.
    pub fn disable_laptop(&mut self, disabled: bool) {
        let word = if disabled { "disable" } else { "enable" };
        let path = format!("/devices/{}/{word}", self.registration().device_id);
        self.servers.administer(Method::Post, &path, None);
    }

    /// An administrator deletes the laptop.
    pub fn delete_laptop(&mut self) {
        let path = format!("/devices/{}", self.registration().device_id);
        self.servers.administer(Method::Delete, &path, None);
    }

    /// An administrator revokes every key of her account.
    ///
    /// # Panics
    /// When one cannot be revoked.
    pub fn revoke_keys(&mut self) {
        for key in &self.entry().key_credentials {
            let fingerprint = key.fingerprint.expect("its public key can be read");
            let path = format!("/users/alice/keys/{fingerprint}");
            self.servers.administer(Method::Delete, &path, None);
        }
    }

    /// How many keys her account lists.
    #[must_use]
    pub fn listed_keys(&self) -> usize {
        self.entry().key_credentials.len()
    }
}

impl Default for TenantWorld {
    fn default() -> Self {
        Self::new()
    }
}

/// The tenant's token endpoint, or no network.
struct Network<'a> {
    up: bool,
    tokens: Tokens<'a>,
}

impl Network<'_> {
    fn up(&self) -> Result<(), TenantFault> {
        let down = || TenantFault::Unreachable("there is no network".to_owned());
        self.up.then_some(()).ok_or_else(down)
    }
}

impl TokenEndpoint for Network<'_> {
    fn nonce(&mut self) -> Result<String, TenantFault> {
        self.up()?;
        self.tokens.nonce()
    }

    fn ask(&mut self, form: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, TenantFault> {
        self.up()?;
        self.tokens.ask(form)
    }
}

/// Alice before a form that is no part of an enrolment.
struct AtForms<'a>(&'a mut Alice);

impl Person for AtForms<'_> {
    fn answer(&mut self, question: Question, problem: Option<&str>) -> Option<Zeroizing<String>> {
        let kind = match question {
            Question::Password => PromptKind::Password,
            Question::Code => PromptKind::OneTimeCode,
            Question::Name | Question::NewPassword | Question::AccessPass => return None,
        };
        let prompt = Prompt {
            kind,
            label: "",
            problem,
        };
        let answer = self.0.answer(&prompt).ok()?;
        Some(Zeroizing::new(answer.expose().to_owned()))
    }

    fn enrol_authenticator(&mut self, _uri: &str, _secret: &str) {}

    fn keep_recovery_codes(&mut self, _codes: &[String]) -> bool {
        false
    }
}
