//! The world: a domain with its servers, a laptop, a person, and a clock that is moved.

use std::sync::Arc;

use call::administration::Administration;
use call::federation::FederationDoor;
use call::join::{Joining, NotJoined, Organisation, ThisDevice, discover};
use call::sign_in::{Person, Question, SignIn};
use call::tickets::{Kerberos, TicketFault};
use call::vault_key::client_certificate;
use call::{Client, Hosts, Roots};
use crypto::key::KeyKind;
use crypto::password::Cost;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::{
    Account as Entry, Attribute, Change, Device, EntryId, NewEntry, Secret as Wrapped, account,
    change, well_known,
};
use hello::Hello;
use hello::file::MemoryFile;
use hello::gesture::Attempt;
use hello::sign_in::{Domain, Kdc, NotSignedIn, Unreachable};
use hello::vault::DeviceKey;
use policy::{Effective, Value};
use provisioning::doors::{DrsToken, TokenService as _};
use provisioning::prerequisites::{CertificateFacts, Joined, Realm, SecurityDevice, Started};
use provisioning::{Account, Doors, Facts, Secret, Stopped, Usable, enrol};
use serde_json::json;
use ticket::client::Credential;
use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::{Clock as _, Rng as _, Span, Timestamp};
use wire::http::Method;
use wire::kerberos::PrincipalName;
use wire::x509::pem;
use zeroize::Zeroizing;

use crate::alice::{Alice, NothingElse};
use crate::chance::{Dice, Hands};
use crate::servers::{BASE, DOMAIN, REALM, Servers};
use crate::story::Heard;

/// The person's UPN.
const ALICE: &str = "alice@corp.example";
/// The laptop's name.
const LAPTOP: &str = "LAPTOP-1";
/// The person's password.
pub const PASSWORD: &str = "correct horse battery";
/// The PIN that she chooses.
pub const PIN: &str = "271828";

/// Facts under which the on-premises flow starts on a joined and registered device.
#[must_use]
pub fn facts() -> Facts {
    Facts {
        joined: Joined::Enterprise,
        realm: Realm::Federated,
        signed_in: true,
        security_device: SecurityDevice::None,
        remote_session: false,
        security_key_sign_in: false,
        started: Started::AfterSignIn,
        certificate: CertificateFacts::default(),
        cloud_tgt: None,
    }
}

/// A domain with one person and one laptop.
pub struct World {
    /// The servers.
    pub servers: Arc<Servers>,
    /// The laptop's vault, containers and registration.
    pub hello: Hello,
    /// The person.
    pub alice: Alice,
    /// What everybody told so far.
    pub story: Heard,
    clock: Arc<Hands>,
    rng: Dice,
    /// The administrator's authenticator.
    admin: TotpSecret,
    hosts: Hosts,
    roots: Roots,
    /// The token that the laptop still has from the last sign-in.
    held: Option<DrsToken>,
}

impl World {
    /// A domain whose policy lets alice enrol, and her laptop, which is not joined yet.
    ///
    /// # Panics
    /// Never, unless a party is broken.
    #[must_use]
    pub fn unjoined() -> Self {
        let (clock, story) = (Arc::new(Hands::default()), Heard::default());
        let servers = Servers::found(Arc::clone(&clock), story.clone());
        let mut rng = Dice::new(3);
        let totp = TotpSecret::draw(&mut rng);
        let root = authority::authority(&servers.snapshot(), authority::Ca::Tls, servers.now());
        let root = root.expect("the directory works").expect("it was founded");
        let roots = Roots::from_pem(pem::encode("CERTIFICATE", root.der()).as_bytes())
            .expect("a root is a root");
        let hello =
            Hello::open(Box::new(MemoryFile::new()), Cost::LEAST, &mut rng).expect("memory opens");
        let mut world = Self {
            hosts: Hosts::in_process(Arc::clone(&servers) as Arc<dyn call::InProcess>),
            alice: Alice::new(Arc::clone(&clock), totp.clone(), PASSWORD, PIN),
            admin: TotpSecret::draw(&mut rng),
            servers,
            hello,
            story,
            clock,
            rng,
            roots,
            held: None,
        };
        world.add_person("alice", &totp, false);
        world.add_person("admin", &world.admin.clone(), true);
        world.enable(Some(true));
        world
    }

    /// As [`unjoined`](Self::unjoined), with the laptop joined and registered; its story is forgotten.
    ///
    /// # Panics
    /// When the join fails.
    #[must_use]
    pub fn new() -> Self {
        let mut world = Self::unjoined();
        if let Err(error) = world.join() {
            panic!(
                "the laptop does not join: {error:?}; {:?}",
                world.servers.refused()
            );
        }
        world.story.forget();
        world
    }

    /// Adds a person with a password and an authenticator.
    fn add_person(&mut self, sam: &str, totp: &TotpSecret, administrator: bool) {
        let id = EntryId::random(&mut self.rng);
        let snapshot = self.servers.snapshot();
        let domain = snapshot.domain();
        let salt = account::user_salt(REALM, sam);
        let none = PasswordHistory::empty();
        let material =
            PasswordMaterial::of_password(PASSWORD, &salt, &none, 0, Cost::LEAST, &mut self.rng);
        let entry = NewEntry::user(id, domain.users, sam, sam)
            .with(Attribute::UserPrincipalName, format!("{sam}@{DOMAIN}"))
            .with_password(material, false);
        let factors = SecondFactors::with_totp(totp).write();
        let factors = factors.into_iter().map(Wrapped::new).collect();
        let mut changes = vec![entry.into(), change::set_second_factors(id, factors)];
        if administrator {
            let admins = domain.well_known_sid(well_known::DOMAIN_ADMINS);
            let admins = snapshot.group_by_sid(&admins).expect("memory can be read");
            changes.push(Change::AddMember {
                group: admins.expect("every domain has it").id,
                member: id,
            });
        }
        drop(snapshot);
        self.servers.commit(changes);
    }

    /// Sets "Use Windows Hello for Business" for everybody, or unsets it.
    ///
    /// # Panics
    /// Never: the setting exists.
    pub fn enable(&mut self, value: Option<bool>) {
        self.set("UsePassportForWork", value.map(Value::Switch));
    }

    /// Sets a setting for every computer, or unsets it.
    ///
    /// # Panics
    /// When there is no such setting, or it does not take the value.
    #[track_caller]
    pub fn set(&mut self, setting: &str, value: Option<Value>) {
        let path = format!("/policies/default/settings/computer/{setting}");
        let body = value.map(|value| json!({ "value": value }));
        let method = if body.is_some() {
            Method::Put
        } else {
            Method::Delete
        };
        self.servers.administer(method, &path, body.as_ref());
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

    /// Joins the laptop and registers it (DREG-F5), with the administrator signed in for it.
    ///
    /// # Errors
    /// [`NotJoined`].
    pub fn join(&mut self) -> Result<(), NotJoined> {
        let client = Client::new(&self.roots, self.hosts.clone(), None);
        let wish = Administration::wish(BASE, Some(format!("admin@{DOMAIN}")));
        let mut administrator = Administrator(self.admin.code(self.clock.now()));
        let code = SignIn::new(&client, wish, &mut self.rng).run(&mut administrator);
        let tokens = code.and_then(|code| code.redeem(&client));
        let token = tokens.map_err(NotJoined::Token)?.access_token;
        let administration = Administration::over_https(client, BASE, token);
        let organisation = Organisation {
            base: BASE.to_owned(),
            roots: self.roots.clone(),
            hosts: self.hosts.clone(),
            kdcs: Vec::new(),
        };
        let device = ThisDevice {
            name: LAPTOP.to_owned(),
            os_type: "Linux".to_owned(),
            os_version: "6.12".to_owned(),
        };
        Joining {
            organisation: &organisation,
            device: &device,
            administration: &administration,
            replace: false,
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
            sid: Some(self.entry().sid),
            domain: DOMAIN.to_owned(),
        }
    }

    /// Her account in the directory.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn entry(&self) -> Arc<Entry> {
        let found = self
            .servers
            .snapshot()
            .account_by_sam("alice")
            .expect("memory can be read");
        found.expect("alice has an account")
    }

    /// The laptop's registration in the directory.
    ///
    /// # Panics
    /// When it is gone, or was never there.
    #[must_use]
    pub fn device(&self) -> Arc<Device> {
        let id = self
            .hello
            .registration()
            .expect("the laptop is registered")
            .device_id;
        let found = self
            .servers
            .snapshot()
            .device_by_id(id)
            .expect("memory can be read");
        found.expect("the laptop is in the directory")
    }

    /// The policy for her on the laptop.
    ///
    /// # Panics
    /// Never: it can be read.
    #[must_use]
    pub fn policy(&self) -> Effective {
        let snapshot = self.servers.snapshot();
        let computer = snapshot
            .account_by_sam(&format!("{LAPTOP}$"))
            .expect("memory can be read");
        policy::effective(&snapshot, &self.entry(), computer.as_deref())
            .expect("policy can be read")
    }

    /// Has her enrol (PROV-F7): forms, PIN and registration through the production doors.
    ///
    /// # Errors
    /// [`Stopped`].
    ///
    /// # Panics
    /// When the laptop is not joined.
    pub fn enrol(&mut self) -> Result<Usable, Stopped> {
        let (account, policy) = (self.account(), self.policy());
        let registration = self
            .hello
            .registration()
            .expect("the laptop is registered")
            .clone();
        let key = self
            .hello
            .vault()
            .device_key(DeviceKey::Device)
            .expect("the vault works")
            .expect("it was made");
        let certificate = client_certificate(registration.certificate().to_vec(), key.shared());
        let client = Client::new(&self.roots, self.hosts.clone(), Some(certificate));
        let services = discover(&client, BASE).expect("the federation service says where keys go");
        let mut chance = Dice::new(
            self.rng
                .array::<8>()
                .into_iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(byte)),
        );
        let mut door = FederationDoor {
            base: BASE.to_owned(),
            resource: services.resource,
            key_endpoint: services.key_endpoint,
            client: &client,
            clock: self.clock.as_ref(),
            rng: &mut chance,
            shows: &mut NothingElse,
            pending: None,
            held: self.held.take(),
        };
        let mut doors = Doors {
            account: &account,
            policy: &policy,
            replace: false,
            person: &mut self.alice,
            device: &mut self.hello.enrolling(KeyKind::Rsa2048, &mut self.rng),
            federation: Some(&mut door),
            tenant: None,
            story: &mut self.story,
            clock: self.clock.as_ref(),
        };
        let enrolled = enrol(&facts(), &mut doors);
        self.held = door.held_token(&account);
        enrolled
    }

    /// Has her sign in with a PIN (AUTH-F8).
    ///
    /// # Errors
    /// [`NotSignedIn`].
    ///
    /// # Panics
    /// When the laptop is not joined.
    pub fn sign_in(&mut self, pin: &str) -> Result<Credential, NotSignedIn> {
        let trust = self
            .hello
            .registration()
            .expect("the laptop is registered")
            .kdc_trust();
        let rules = self.policy().pin;
        let pin = Secret::from(pin);
        let attempt = Attempt {
            pin: &pin,
            challenge: None,
            session: "boot 1",
            now: self.clock.now(),
        };
        let mut door = KdcDoor(self.kdcs());
        let domain = Domain {
            realm: REALM,
            trust: &trust,
            kdc: &mut door,
        };
        self.hello.sign_in(
            ALICE,
            &attempt,
            &rules,
            domain,
            &mut self.story,
            &mut self.rng,
        )
    }

    /// Asks for a ticket for a service of the laptop on the strength of another ticket.
    ///
    /// # Errors
    /// [`TicketFault`].
    pub fn ticket_for_the_laptop(&mut self, tgt: &Credential) -> Result<Credential, TicketFault> {
        let kdcs = self.kdcs();
        let clock = Arc::clone(&self.clock);
        let mut kerberos = Kerberos {
            kdcs: &kdcs,
            realm: REALM,
            clock: clock.as_ref(),
            rng: &mut self.rng,
        };
        kerberos.service(tgt, PrincipalName::service("host", "laptop-1.corp.example"))
    }

    fn kdcs(&self) -> call::kerberos::Kdcs {
        call::kerberos::Kdcs::new(Vec::new(), self.hosts.clone())
    }

    /// An administrator disables or enables her account.
    pub fn disable_alice(&mut self, disabled: bool) {
        let word = if disabled { "disable" } else { "enable" };
        let path = format!("/users/alice/{word}");
        self.servers.administer(Method::Post, &path, None);
    }

    /// An administrator disables or enables the laptop.
    pub fn disable_laptop(&mut self, disabled: bool) {
        let word = if disabled { "disable" } else { "enable" };
        let path = format!("/devices/{}/{word}", self.device().device_id);
        self.servers.administer(Method::Post, &path, None);
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

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// The administrator, with the code that the authenticator shows.
struct Administrator(String);

impl Person for Administrator {
    fn answer(&mut self, question: Question, problem: Option<&str>) -> Option<Zeroizing<String>> {
        match question {
            Question::Password if problem.is_none() => Some(Zeroizing::new(PASSWORD.to_owned())),
            Question::Code => Some(Zeroizing::new(self.0.clone())),
            Question::Name | Question::Password | Question::NewPassword | Question::AccessPass => {
                None
            }
        }
    }

    fn enrol_authenticator(&mut self, _uri: &str, _secret: &str) {}

    fn keep_recovery_codes(&mut self, _codes: &[String]) -> bool {
        false
    }
}

/// The KDC as the laptop reaches it.
struct KdcDoor(call::kerberos::Kdcs);

impl Kdc for KdcDoor {
    fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Unreachable> {
        self.0
            .ask(message)
            .map_err(|fault| Unreachable(fault.to_string()))
    }
}
