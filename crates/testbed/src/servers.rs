//! The servers of a domain: every party over one directory in memory, asked and followed up as `serve` does it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use administration::{Caller, Deployment};
use authority::{Ca, KeyName, TlsNames, TlsServer};
use call::InProcess;
use crypto::key::PrivateKey;
use crypto::password::Cost;
use directory::lockout::Lockout;
use directory::storage::Memory;
use directory::{
    Bootstrap, Change, Commit, CommitError, Directory, Options, Reads, RootKey, Snapshot, bootstrap,
};
use federation::Reply;
use serde_json::Value;
use trust::path::Anchor;
use trust::{Clock, Timestamp};
use wire::http::{Method, Request, Response};

use crate::chance::{Dice, Hands};
use crate::story::Heard;

/// The domain's DNS name.
pub(crate) const DOMAIN: &str = "corp.example";
/// The realm.
pub(crate) const REALM: &str = "CORP.EXAMPLE";
/// The federation service's address.
pub(crate) const BASE: &str = "https://sts.corp.example";
/// The KDC's full name.
const KDC: &str = "dc1.corp.example";

/// How often a request is answered again because the directory changed meanwhile, or what it waits for has
/// come.
const TRIES: usize = 8;
/// Rounds of reactions until everybody is done.
const ROUNDS: usize = 200;

/// The servers of the domain `corp.example`.
pub struct Servers {
    /// The directory, in memory.
    pub directory: Arc<Directory>,
    /// The clock that everybody reads.
    pub clock: Arc<Hands>,
    /// What they tell.
    pub story: Heard,
    rng: Mutex<Dice>,
    realm: kdc::Realm,
    kdc_memory: kdc::Memory,
    lockout: Lockout,
    federation: federation::Settings,
    federation_memory: federation::Memory,
    authority: authority::Configuration,
    authority_keys: authority::Keys,
    refused: Mutex<Vec<String>>,
}

impl Servers {
    /// A new domain with its authorities, certificates and signing keys, all of P-256, so that nobody waits for
    /// primes.
    #[must_use]
    pub(crate) fn found(clock: Arc<Hands>, story: Heard) -> Arc<Self> {
        let mut rng = Dice::new(1);
        let opened = Directory::open(
            Arc::new(Memory::new()),
            RootKey::random(&mut rng),
            Options::default(),
            Box::new(Dice::new(2)),
        );
        let directory = opened.expect("memory opens");
        bootstrap(&directory, &Bootstrap::of(DOMAIN), clock.now(), &mut rng)
            .expect("an empty memory takes a domain");
        let section = federation::Section {
            base: BASE.to_owned(),
            ..federation::Section::default()
        };
        let settings = federation::Settings::of(&section, DOMAIN).expect("the section is right");
        let mut realm = kdc::Realm::new(REALM, "DC1");
        realm.federation = Some(settings.service_principal());
        let servers = Self {
            directory: Arc::new(directory),
            clock,
            story,
            kdc_memory: kdc::Memory::new(realm.lifetimes.skew, &mut rng),
            realm,
            lockout: Lockout::default(),
            federation: settings,
            federation_memory: federation::Memory::new(&mut rng),
            authority: authority_settings(),
            authority_keys: authority::Keys::in_directory(),
            rng: Mutex::new(rng),
            refused: Mutex::default(),
        };
        servers.upkeep(|view, now, rng| {
            authority::found(view, now, rng).expect("authorities can be founded")
        });
        servers.tick();
        Arc::new(servers)
    }

    fn rng(&self) -> MutexGuard<'_, Dice> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The directory as it is now.
    ///
    /// # Panics
    /// Never: memory can be read.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<'_> {
        self.directory.snapshot().expect("memory can be read")
    }

    /// Why requests were refused, as the logs have it, the newest last.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note_refusal(&self, reason: String) {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(reason);
    }

    /// Commits what an administrator decides, and lets everybody react.
    ///
    /// # Panics
    /// When the directory refuses it.
    #[track_caller]
    pub fn commit(&self, changes: impl IntoIterator<Item = Change>) {
        let changes: Vec<Change> = changes.into_iter().collect();
        let committed = self.directory.commit(&changes, &Reads::none(), self.now());
        self.settle(committed.unwrap_or_else(|error| panic!("the directory refuses: {error}")));
    }

    /// What is due, for everybody.
    pub fn tick(&self) {
        self.upkeep(|view, now, rng| authority::tick(view, now, rng).expect("the directory works"));
        let snapshot = self.snapshot();
        let changes = federation::tick(
            &self.federation_view(&snapshot),
            self.now(),
            &mut *self.rng(),
        );
        self.commit_computed(&changes.expect("the directory works"), snapshot);
    }

    fn upkeep(
        &self,
        changes: impl FnOnce(&authority::View<'_, '_>, Timestamp, &mut Dice) -> Vec<Change>,
    ) {
        let snapshot = self.snapshot();
        let changes = changes(&self.authority_view(&snapshot), self.now(), &mut self.rng());
        self.commit_computed(&changes, snapshot);
    }

    fn commit_computed(&self, changes: &[Change], snapshot: Snapshot<'_>) {
        if changes.is_empty() {
            return;
        }
        let committed = self
            .directory
            .commit(changes, &snapshot.into_reads(), self.now());
        self.settle(committed.expect("nobody else writes"));
    }

    /// Lets everybody react to a commit, and to the reactions, until there are none.
    fn settle(&self, first: Commit) {
        let mut unseen = std::collections::VecDeque::from([first]);
        for _ in 0..ROUNDS {
            let Some(commit) = unseen.pop_front() else {
                return;
            };
            let snapshot = self.snapshot();
            let (view, now) = (self.authority_view(&snapshot), self.now());
            let changes = authority::react(&commit, &view, now, &mut *self.rng())
                .expect("the directory works");
            unseen.extend(self.reaction(&changes, snapshot));
            let snapshot = self.snapshot();
            let view = self.federation_view(&snapshot);
            let changes = federation::react(&commit, &view, now, &mut *self.rng())
                .expect("the directory works");
            unseen.extend(self.reaction(&changes, snapshot));
        }
        panic!("reactions to reactions come to no end");
    }

    fn reaction(&self, changes: &[Change], snapshot: Snapshot<'_>) -> Option<Commit> {
        let reads = snapshot.into_reads();
        let commit = || {
            self.directory
                .commit(changes, &reads, self.now())
                .expect("nobody else writes")
        };
        (!changes.is_empty()).then(commit)
    }

    fn authority_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> authority::View<'a, 'd> {
        authority::View {
            snapshot,
            configuration: &self.authority,
            keys: &self.authority_keys,
        }
    }

    fn federation_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> federation::View<'a, 'd> {
        federation::View {
            snapshot,
            settings: &self.federation,
            memory: &self.federation_memory,
            lockout: &self.lockout,
            password_cost: Cost::LEAST,
        }
    }

    /// The certificates by which a device believes the KDC, DER.
    ///
    /// # Panics
    /// Never: the domain has its authorities.
    #[must_use]
    pub fn roots(&self) -> Vec<Vec<u8>> {
        let root = authority::authority(&self.snapshot(), Ca::Enterprise, self.now());
        vec![
            root.expect("the directory works")
                .expect("it was founded")
                .der()
                .to_vec(),
        ]
    }

    fn ask_federation(&self, request: &Request) -> Response {
        for _ in 0..TRIES {
            let snapshot = self.snapshot();
            let mut answer = federation::answer(
                request,
                &self.federation_view(&snapshot),
                self.now(),
                &mut *self.rng(),
            );
            assert_eq!(answer.fault, None, "the federation service failed");
            let reads = snapshot.into_reads();
            if !answer.changes.is_empty() {
                match self.directory.commit(&answer.changes, &reads, self.now()) {
                    Ok(commit) => self.settle(commit),
                    Err(CommitError::Conflict) => continue,
                    Err(error) => {
                        panic!("the directory refuses what the federation service wants: {error}")
                    }
                }
            }
            answer
                .story
                .drain(..)
                .for_each(|event| self.story.hear(event));
            if let Some(refused) = answer.refused {
                self.note_refusal(refused.reason.unwrap_or_default());
            }
            match answer.reply {
                Reply::Now(response) => return response,
                // What it waits for has come with the reactions, or never will before `by`.
                Reply::When {
                    changed: (table, key),
                    by,
                } => {
                    let record = self
                        .snapshot()
                        .record(table, &key, self.now())
                        .expect("memory can be read");
                    if record.is_none() {
                        self.clock.advance(by.since(self.now()));
                    }
                }
            }
        }
        panic!("the federation service gives no answer")
    }

    fn route(&self, request: &Request) -> Response {
        if request.path.starts_with(administration::PREFIX) {
            let (snapshot, now) = (self.snapshot(), self.now());
            let keys = federation::signing_keys(&snapshot, &self.federation_memory, now);
            let keys = keys.expect("the directory works");
            let caller = Caller::by_token(request, &keys, self.federation.issuer(), now);
            drop(snapshot);
            return self.ask_administration(request, &caller);
        }
        self.ask_federation(request)
    }

    /// Asks the administration API as whoever sits at the server.
    ///
    /// # Panics
    /// When it refuses.
    #[track_caller]
    pub fn administer(&self, method: Method, path: &str, body: Option<&Value>) {
        let target = format!("{}{path}", administration::PREFIX);
        let mut request = Request::new(method, &target);
        if let Some(body) = body {
            request.headers.set("Content-Type", "application/json");
            request.body = body.to_string().into_bytes();
        }
        let response = self.ask_administration(&request, &Caller::Local);
        let said = String::from_utf8_lossy(&response.body);
        assert!(response.is_success(), "{path}: {} {said}", response.status);
    }

    fn ask_administration(&self, request: &Request, caller: &Caller) -> Response {
        let deployment = Deployment {
            kdcs: vec![KDC.to_owned()],
            roots: self.roots(),
            password_cost: Cost::LEAST,
            key_overlap: kdc::Lifetimes::default().key_overlap(),
            resources: Vec::new(),
        };
        let now = self.now();
        let snapshot = self.snapshot();
        let answer = {
            let view = self.administration_view(&snapshot, &deployment);
            administration::answer(request, caller, &view, now, &mut *self.rng())
        };
        if let Some(refused) = &answer.refused {
            self.note_refusal(refused.reason.clone().unwrap_or_default());
        }
        assert!(answer.fault.is_none(), "the administration failed");
        self.commit_computed(&answer.changes, snapshot);
        let after = self.snapshot();
        answer.response(&self.administration_view(&after, &deployment), now)
    }

    fn administration_view<'a, 'd>(
        &'a self,
        snapshot: &'a Snapshot<'d>,
        deployment: &'a Deployment,
    ) -> administration::View<'a, 'd> {
        administration::View {
            snapshot,
            lockout: &self.lockout,
            deployment,
            certificates: None,
        }
    }
}

impl InProcess for Servers {
    fn http(
        &self,
        request: http::Request<Vec<u8>>,
        certificate: Option<&[u8]>,
    ) -> http::Response<Vec<u8>> {
        let request = crate::wired::request(request, certificate);
        crate::wired::response(self.route(&request))
    }

    fn kerberos(&self, message: &[u8]) -> Option<Vec<u8>> {
        let snapshot = self.snapshot();
        let credentials =
            authority::kdc_credentials(&snapshot, KDC, self.now()).expect("the directory works");
        let root = authority::authority(&snapshot, Ca::Enterprise, self.now())
            .expect("the directory works");
        let identities: Vec<kdc::Identity> = credentials
            .into_iter()
            .map(|credential| {
                let key: PrivateKey = credential.private_key().expect("the key can be read");
                let issuers = root.iter().cloned().collect();
                kdc::Identity::new(credential.certificate, issuers, Arc::new(key))
                    .expect("key and certificate fit")
            })
            .collect();
        let issuers: Vec<Anchor> = root.into_iter().map(Anchor::new).collect();
        let view = kdc::View {
            directory: snapshot,
            realm: &self.realm,
            identities: &identities,
            issuers: &issuers,
            lockout: &self.lockout,
            memory: &self.kdc_memory,
        };
        let answer = kdc::answer(
            message,
            None,
            kdc::Transport::Stream,
            &view,
            self.now(),
            &mut *self.rng(),
        );
        answer.remember(&self.kdc_memory, self.now());
        if let Some(refused) = answer.exchange.and_then(|exchange| exchange.refused) {
            self.note_refusal(refused.to_string());
        }
        answer.reply.map(|reply| reply.to_vec())
    }
}

fn authority_settings() -> authority::Configuration {
    let settings = authority::Settings {
        root_key: KeyName::P256,
        kdc_keys: vec![KeyName::P256],
        tls_key: KeyName::P256,
        ..authority::Settings::default()
    };
    let names = TlsNames {
        hosts: vec!["sts.corp.example".to_owned()],
        addresses: Vec::new(),
    };
    let server = TlsServer {
        name: "federation".to_owned(),
        names,
    };
    authority::Configuration::new(&settings, DOMAIN, vec![KDC.to_owned()], vec![server])
        .expect("the settings are right")
}
