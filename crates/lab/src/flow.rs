//! The documented flow, walked through by the lab's device and person over real sockets.

use std::sync::Arc;

use call::administration::Administration;
use call::federation::FederationDoor;
use call::join::{Joining, Organisation, ThisDevice, discover};
use call::kerberos::Kdcs;
use call::sign_in::SignIn;
use call::state::DeviceFiles;
use call::tickets::Kerberos;
use call::vault_key::client_certificate;
use call::{Client, Hosts, Roots};
use crypto::key::KeyKind;
use crypto::password::Cost;
use directory::Directory;
use hello::Hello;
use hello::gesture::Attempt;
use hello::sign_in::{Domain, Kdc, Unreachable};
use hello::vault::{DeviceKey, Unlocked};
use http::Method;
use policy::Effective;
use provisioning::prerequisites::{
    CertificateFacts, Facts, Joined, Realm, SecurityDevice, Started,
};
use provisioning::{Account, Doors, Secret, enrol};
use ticket::client::Credential;
use trust::{Clock, Rng, SystemRng};
use wire::kerberos::PrincipalName;

use crate::domain::{self, ADMIN, DOMAIN, REALM, USER, USER_UPN};
use crate::fault::Fault;
use crate::kept::{Kept, Login};
use crate::person::{NothingElse, Somebody};
use crate::scenario::Stage;
use crate::told::Teller;

/// The device's name.
pub(crate) const DEVICE: &str = "LAPTOP-1";
/// The folder of what the device keeps.
pub(crate) const DEVICE_FOLDER: &str = "device";
/// The service that the ticket is tried with.
const SERVICE: (&str, &str) = ("host", "laptop-1.corp.example");
/// What tells one start of the operating system from the next: a lab has one.
const SESSION: &str = "lab";

/// The device and all that it knows of its organisation.
pub(crate) struct Device<'a> {
    pub(crate) hello: Hello,
    directory: &'a Directory,
    kept: &'a Kept,
    clock: Arc<dyn Clock>,
    rng: SystemRng,
    base: String,
    kdc: String,
    roots: Roots,
    hosts: Hosts,
    teller: Teller,
}

/// What the PIN got.
pub(crate) struct SignedIn {
    pub(crate) tickets: Vec<Credential>,
    pub(crate) unlocked: Unlocked,
}

impl<'a> Device<'a> {
    /// Opens what the device keeps.
    pub(crate) fn open(stage: &'a Stage<'_>, directory: &'a Directory) -> Result<Self, Fault> {
        let (hello, roots) = opened(stage, directory)?;
        Ok(Self {
            hello,
            directory,
            kept: &stage.kept,
            clock: Arc::clone(stage.clock),
            rng: SystemRng,
            base: domain::base(&stage.ports),
            kdc: stage.ports.kdc.to_string(),
            roots,
            hosts: parsed(&crate::files::hosts())?,
            teller: stage.teller.clone(),
        })
    }

    /// The directory that the device is in.
    pub(crate) fn directory(&self) -> &Directory {
        self.directory
    }

    /// Tells something beside the steps.
    pub(crate) fn note(&self, text: &str) {
        self.teller.note(text);
    }

    /// Whether the device is joined and the directory still knows it.
    pub(crate) fn is_joined(&self) -> Result<bool, Fault> {
        is_known(&self.hello, self.directory)
    }

    /// Whether the person has enrolled here, with a key that the account still lists.
    pub(crate) fn is_enrolled(&self) -> Result<bool, Fault> {
        has_enrolled(&self.hello, self.directory)
    }

    fn somebody(&self, login: &Login) -> Result<Somebody, Fault> {
        Ok(Somebody {
            clock: Arc::clone(&self.clock),
            password: login.password.clone(),
            totp: login.authenticator()?,
            pin: self.kept.pin.clone(),
            asked: 0,
        })
    }

    /// Joins the device and registers it (DREG-F5), as the administrator.
    pub(crate) fn join(&mut self) -> Result<(), Fault> {
        let administration = self.administration()?;
        self.remove_former(&administration)?;
        let organisation = Organisation {
            base: self.base.clone(),
            roots: self.roots.clone(),
            hosts: self.hosts.clone(),
            kdcs: vec![self.kdc.clone()],
        };
        let device = ThisDevice {
            name: DEVICE.to_owned(),
            os_type: "Linux".to_owned(),
            os_version: "Keyporch lab".to_owned(),
        };
        let joining = Joining {
            organisation: &organisation,
            device: &device,
            administration: &administration,
            replace: false,
            hello: &mut self.hello,
            clock: self.clock.as_ref(),
            rng: &mut self.rng,
            story: &mut self.teller,
        };
        joining
            .run()
            .map_err(|error| Fault::step("the join (DREG-F5)", &error))
    }

    /// A lab that was interrupted, or whose device lost its files, has an account that nobody holds the keys of.
    fn remove_former(&self, administration: &Administration) -> Result<(), Fault> {
        let snapshot = self.directory.snapshot();
        let former = snapshot.and_then(|snapshot| snapshot.account_by_sam(&format!("{DEVICE}$")));
        let former = former.map_err(|error| Fault::step("reading the directory", &error))?;
        if former.is_none() {
            return Ok(());
        }
        self.teller.note(&format!(
            "{DEVICE} is in the directory and has lost its keys; it is removed, with what was made on it"
        ));
        administration
            .ask(Method::DELETE, &format!("/computers/{DEVICE}"), &[], None)
            .map(drop)
            .map_err(|error| Fault::step("removing the former device", &error))
    }

    /// The administration API, as the administrator who signed in for it.
    fn administration(&mut self) -> Result<Administration, Fault> {
        const DOING: &str = "the administrator's sign-in";
        let client = Client::new(&self.roots, self.hosts.clone(), None);
        let wish = Administration::wish(&self.base, Some(format!("{ADMIN}@{DOMAIN}")));
        let mut administrator = self.somebody(&self.kept.admin)?;
        let mut sign_in = SignIn::new(&client, wish, &mut self.rng);
        // A code is the previous step's, and may just have got too old; the second try is with the present one.
        let code = sign_in
            .run(&mut administrator)
            .or_else(|_| sign_in.run(&mut administrator));
        let code = code.map_err(|error| Fault::step(DOING, &error))?;
        let tokens = code
            .redeem(&client)
            .map_err(|error| Fault::step(DOING, &error))?;
        Ok(Administration::over_https(
            client,
            &self.base,
            tokens.access_token,
        ))
    }

    /// Where a lab listens may have changed since the join.
    pub(crate) fn find_servers(&mut self) -> Result<(), Fault> {
        let Some(mut registration) = self.hello.registration().cloned() else {
            return Ok(());
        };
        if registration.federation == self.base && registration.kdcs == [self.kdc.clone()] {
            return Ok(());
        }
        registration.federation.clone_from(&self.base);
        registration.kdcs = vec![self.kdc.clone()];
        self.hello
            .register(registration, &mut self.rng)
            .map_err(|error| Fault::step("noting where the servers are", &error))
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
        let computer = domain::account(self.directory, &format!("{DEVICE}$"))?;
        let snapshot = self
            .directory
            .snapshot()
            .map_err(|error| Fault::step("reading the policy", &error))?;
        policy::effective(&snapshot, &person, Some(&computer))
            .map_err(|error| Fault::step("reading the policy", &error))
    }

    /// Has the person enrol (PROV-F7).
    pub(crate) fn enrol(&mut self, replace: bool) -> Result<(), Fault> {
        const DOING: &str = "the enrolment (PROV-F7)";
        let (account, policy) = (self.account()?, self.policy()?);
        let registration = self.hello.registration().cloned();
        let key = self
            .hello
            .vault()
            .device_key(DeviceKey::Device)
            .map_err(|error| Fault::step(DOING, &error))?;
        let (Some(registration), Some(key)) = (registration, key) else {
            return Err(Fault::failed(
                "the device has lost its registration",
                "Start anew with --fresh.",
            ));
        };
        let shown = client_certificate(registration.certificate().to_vec(), key.shared());
        let client = Client::new(&self.roots, self.hosts.clone(), Some(shown));
        let services = discover(&client, &self.base).map_err(|error| Fault::step(DOING, &error))?;
        let mut person = self.somebody(&self.kept.user)?;
        let mut federation = FederationDoor {
            base: self.base.clone(),
            resource: services.resource,
            key_endpoint: services.key_endpoint,
            client: &client,
            clock: self.clock.as_ref(),
            rng: &mut SystemRng,
            shows: &mut NothingElse,
            pending: None,
            held: None,
        };
        let mut doors = Doors {
            account: &account,
            policy: &policy,
            replace,
            person: &mut person,
            device: &mut self.hello.enrolling(KeyKind::Rsa2048, &mut self.rng),
            federation: Some(&mut federation),
            tenant: None,
            story: &mut self.teller,
            clock: self.clock.as_ref(),
        };
        enrol(&facts(), &mut doors)
            .map(drop)
            .map_err(|stopped| Fault::step(DOING, &stopped))
    }

    /// Has the person sign in with the PIN (AUTH-F8), and tries the ticket with a service.
    pub(crate) fn sign_in(&mut self) -> Result<SignedIn, Fault> {
        const DOING: &str = "the sign-in (AUTH-F8)";
        let rules = self.policy()?.pin;
        let Some(trust) = self
            .hello
            .registration()
            .map(hello::registration::Registration::kdc_trust)
        else {
            return Err(Fault::failed(
                "the device has lost its registration",
                "Start anew with --fresh.",
            ));
        };
        let pin = Secret::from(self.kept.pin.as_str());
        let attempt = Attempt {
            pin: &pin,
            challenge: None,
            session: SESSION,
            now: self.clock.now(),
        };
        let kdcs = Kdcs::new(vec![self.kdc.clone()], self.hosts.clone());
        let mut door = KdcDoor(&kdcs);
        let domain = Domain {
            realm: REALM,
            trust: &trust,
            kdc: &mut door,
        };
        let tgt = self
            .hello
            .sign_in(
                USER_UPN,
                &attempt,
                &rules,
                domain,
                &mut self.teller,
                &mut self.rng,
            )
            .map_err(|error| Fault::step(DOING, &error))?;
        let mut kerberos = Kerberos {
            kdcs: &kdcs,
            realm: REALM,
            clock: self.clock.as_ref(),
            rng: &mut self.rng,
        };
        let service = kerberos
            .service(&tgt, PrincipalName::service(SERVICE.0, SERVICE.1))
            .map_err(|error| Fault::step("asking for a service ticket", &error))?;
        self.teller.note(&format!(
            "the ticket is good: it got one for {}/{}",
            SERVICE.0, SERVICE.1
        ));
        let unlocked = self
            .hello
            .unlock(USER_UPN, &attempt, &mut self.rng)
            .map_err(|error| Fault::step(DOING, &error))?;
        Ok(SignedIn {
            tickets: vec![tgt, service],
            unlocked,
        })
    }

    /// The certificate that the person's key signed itself, DER, for clients that want one.
    pub(crate) fn person_certificate(&mut self, unlocked: &Unlocked) -> Result<Vec<u8>, Fault> {
        self.hello
            .person_certificate(
                USER_UPN,
                unlocked,
                self.clock.now(),
                &mut self.rng as &mut dyn Rng,
            )
            .map_err(|error| Fault::step("writing the person's certificate", &error))
    }
}

/// The names that a lab's programs find, of the text that it writes for others, too.
pub(crate) fn parsed(hosts: &str) -> Result<Hosts, Fault> {
    Hosts::parse(hosts).map_err(|error| Fault::step("reading the lab's own hosts file", &error))
}

/// What a device keeps in the lab's folder, and whom it believes.
pub(crate) fn opened(stage: &Stage<'_>, directory: &Directory) -> Result<(Hello, Roots), Fault> {
    let files = DeviceFiles::open(stage.folder.within(DEVICE_FOLDER)?)?;
    let hello = Hello::open(Box::new(files), Cost::LEAST, &mut SystemRng)
        .map_err(|error| Fault::step("opening the device's vault", &error))?;
    let root = domain::root(directory, authority::Ca::Tls, stage.clock.as_ref())?;
    let root = wire::x509::pem::encode("CERTIFICATE", &root);
    let roots = Roots::from_pem(root.as_bytes()).map_err(|error| {
        Fault::failed(
            format!("the root of TLS certificates cannot be used: {error}"),
            "Start anew with --fresh.",
        )
    })?;
    Ok((hello, roots))
}

/// Whether a device is joined and the directory still knows it.
pub(crate) fn is_known(hello: &Hello, directory: &Directory) -> Result<bool, Fault> {
    let Some(registration) = hello.registration() else {
        return Ok(false);
    };
    let snapshot = directory.snapshot();
    let known = snapshot.and_then(|snapshot| snapshot.device_by_id(registration.device_id));
    Ok(known
        .map_err(|error| Fault::step("reading the directory", &error))?
        .is_some())
}

/// Whether the person has enrolled on a device, with a key that the account still lists.
pub(crate) fn has_enrolled(hello: &Hello, directory: &Directory) -> Result<bool, Fault> {
    let Some(container) = hello.containers().of(USER_UPN) else {
        return Ok(false);
    };
    let key = container
        .public_key()
        .map_err(|error| Fault::step("reading the container", &error))?;
    let account = domain::account(directory, USER)?;
    Ok(account.key_with(&key.fingerprint()).is_some())
}

/// What is known of the lab's device before anything starts.
fn facts() -> Facts {
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

/// The KDC as the device reaches it, by datagram and by stream.
struct KdcDoor<'a>(&'a Kdcs);

impl Kdc for KdcDoor<'_> {
    fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Unreachable> {
        self.0
            .ask(message)
            .map_err(|fault| Unreachable(fault.to_string()))
    }
}
