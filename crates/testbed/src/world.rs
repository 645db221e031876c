//! The world: a domain with its servers, a laptop, a person, and a clock that is moved.

use std::sync::Arc;

use call::administration::Administration;
use call::federation::FederationDoor;
use call::join::{Joining, NotJoined, Organisation, ThisDevice, discover};
use call::tickets::{Kerberos, TicketFault};
use call::vault_key::client_certificate;
use call::{Client, Hosts, Roots};
use crypto::key::KeyKind;
use crypto::password::Cost;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::{
    Account as Entry, AccountControl, Attribute, Change, Device, EntryId, NewEntry,
    Secret as Wrapped, account, change,
};
use hello::Hello;
use hello::file::MemoryFile;
use hello::gesture::Attempt;
use hello::sign_in::{Domain, Kdc, NotSignedIn, Unreachable};
use hello::vault::DeviceKey;
use policy::{Effective, Half, PolicyObject, Value};
use provisioning::doors::{DrsToken, Federation as _};
use provisioning::prerequisites::{CertificateFacts, Joined, Realm, SecurityDevice, Started};
use provisioning::{Account, Doors, Facts, Secret, Stopped, Usable, enrol};
use ticket::client::Credential;
use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::{Clock as _, Rng as _, Span, Timestamp};
use wire::Guid;
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
/// The name of the policy object that enables enrolment.
const POLICY: &str = "Default Domain Policy";

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
            servers,
            hello,
            story,
            clock,
            rng,
            roots,
            held: None,
        };
        world.add_alice(&totp);
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

    fn add_alice(&mut self, totp: &TotpSecret) {
        let id = EntryId::random(&mut self.rng);
        let domain = self.servers.directory.domain().expect("it was founded");
        let salt = account::user_salt(REALM, "alice");
        let none = PasswordHistory::empty();
        let material =
            PasswordMaterial::of_password(PASSWORD, &salt, &none, 0, Cost::LEAST, &mut self.rng);
        let entry = NewEntry::user(id, domain.users, "alice", "alice")
            .with(Attribute::UserPrincipalName, ALICE)
            .with_password(material, false);
        let factors = SecondFactors::with_totp(totp)
            .write()
            .into_iter()
            .map(Wrapped::new)
            .collect();
        self.servers
            .commit([entry.into(), change::set_second_factors(id, factors)]);
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
        let about = policy::settings::named(setting)
            .unwrap_or_else(|| panic!("there is no setting {setting}"));
        let snapshot = self.servers.snapshot();
        let known = policy::stored::object(&snapshot, POLICY).expect("policy can be read");
        let is_new = known.is_none();
        let mut object =
            known.unwrap_or_else(|| PolicyObject::new(Guid::from_random(self.rng.array()), POLICY));
        match value {
            Some(value) => object
                .set(Half::Computer, about, value)
                .expect("the setting takes the value"),
            None => drop(object.unset(Half::Computer, about)),
        }
        let change = match is_new {
            true => policy::stored::add(&snapshot, &object),
            false => policy::stored::replace(&snapshot, &object),
        };
        drop(snapshot);
        self.servers
            .commit([change.expect("the object can be written")]);
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

    /// Joins the laptop and registers it (DREG-F5).
    ///
    /// # Errors
    /// [`NotJoined`].
    pub fn join(&mut self) -> Result<(), NotJoined> {
        let client = Client::new(&self.roots, self.hosts.clone(), None);
        let administration =
            Administration::over_https(client, BASE, Zeroizing::new(String::new()));
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
            federation: &mut door,
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
        let entry = self.entry();
        let control = match disabled {
            true => entry.control.with(AccountControl::ACCOUNT_DISABLE),
            false => entry.control.without(AccountControl::ACCOUNT_DISABLE),
        };
        self.servers
            .commit([change::set_control(entry.id, control)]);
    }

    /// An administrator disables or enables the laptop.
    pub fn disable_laptop(&mut self, disabled: bool) {
        let device = self.device();
        self.servers
            .commit([change::set_device_enabled(device.id, !disabled)]);
    }

    /// An administrator takes every key off her account.
    pub fn revoke_keys(&mut self) {
        let entry = self.entry();
        let revoked: Vec<Change> = entry
            .key_credentials
            .iter()
            .map(|key| change::remove_key_credential(entry.id, key.id))
            .collect();
        self.servers.commit(revoked);
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

/// The KDC as the laptop reaches it.
struct KdcDoor(call::kerberos::Kdcs);

impl Kdc for KdcDoor {
    fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Unreachable> {
        self.0
            .ask(message)
            .map_err(|fault| Unreachable(fault.to_string()))
    }
}
