//! The servers of a tenant: its parties over one directory in memory, asked and followed up as `serve` does it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use administration::{Caller, Deployment as Administered};
use authority::{Ca, KeyName, TlsNames, TlsServer};
use call::InProcess;
use crypto::password::Cost;
use directory::lockout::Lockout;
use directory::storage::Memory;
use directory::tenant::TenantNames;
use directory::{Change, Commit, CommitError, Directory, Options, Reads, RootKey, Snapshot};
use serde_json::Value;
use tenant::{Deployment, Reply, Section};
use trust::{Clock, Timestamp};
use wire::http::{Method, Request, Response};
use zeroize::Zeroizing;

use crate::chance::{Dice, Hands};
use crate::story::Heard;

/// The tenant's domain.
pub(crate) const DOMAIN: &str = "corp.example";
/// Where people sign in.
pub(crate) const LOGIN: &str = "https://login.corp.example";
/// Where devices and keys are registered: a host of its own, which a device finds by its usual name.
const DRS: &str = "https://enterpriseregistration.corp.example";

/// How often a request is answered again because the directory changed meanwhile, or what it waits for has
/// come.
const TRIES: usize = 8;
/// Rounds of reactions until everybody is done.
const ROUNDS: usize = 200;

/// The servers of the tenant of `corp.example`.
pub struct TenantServers {
    /// The directory, in memory.
    pub directory: Arc<Directory>,
    /// The clock that everybody reads.
    pub clock: Arc<Hands>,
    /// What they tell.
    pub story: Heard,
    rng: Mutex<Dice>,
    lockout: Lockout,
    deployment: Deployment,
    memory: tenant::Memory,
    authority: authority::Configuration,
    authority_keys: authority::Keys,
    refused: Mutex<Vec<String>>,
}

impl TenantServers {
    /// A new tenant with its authorities, certificates and signing keys.
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
        let names = TenantNames {
            domain: DOMAIN.to_owned(),
            display_name: "Example Corporation".to_owned(),
        };
        directory::tenant::found(&directory, &names, clock.now(), &mut rng)
            .expect("an empty memory takes a tenant");
        let section = Section {
            login: LOGIN.to_owned(),
            drs: Some(DRS.to_owned()),
            ..Section::default()
        };
        let deployment =
            Deployment::of(&section, Zeroizing::new([7; 32])).expect("the section is right");
        let servers = Self {
            directory: Arc::new(directory),
            clock,
            story,
            lockout: Lockout::default(),
            memory: tenant::Memory::new(&mut rng),
            authority: authority_settings(deployment.host_names()),
            authority_keys: authority::Keys::in_directory(),
            deployment,
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

    fn note_refusal(&self, reason: Option<String>) {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(reason);
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
        let changes = tenant::tick(&self.view(&snapshot), self.now(), &mut *self.rng());
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
        if let Some(committed) = self.committed(changes, snapshot) {
            self.settle(committed);
        }
    }

    fn committed(&self, changes: &[Change], snapshot: Snapshot<'_>) -> Option<Commit> {
        let reads = snapshot.into_reads();
        let commit = || {
            self.directory
                .commit(changes, &reads, self.now())
                .expect("nobody else writes")
        };
        (!changes.is_empty()).then(commit)
    }

    /// Lets everybody react to a commit, and to the reactions, until there are none.
    fn settle(&self, first: Commit) {
        let mut unseen = VecDeque::from([first]);
        for _ in 0..ROUNDS {
            let Some(commit) = unseen.pop_front() else {
                return;
            };
            let now = self.now();
            let snapshot = self.snapshot();
            let view = self.authority_view(&snapshot);
            let changes = authority::react(&commit, &view, now, &mut *self.rng())
                .expect("the directory works");
            unseen.extend(self.committed(&changes, snapshot));
            let snapshot = self.snapshot();
            let changes = tenant::react(&commit, &self.view(&snapshot), now, &mut *self.rng())
                .expect("the directory works");
            unseen.extend(self.committed(&changes, snapshot));
        }
        panic!("reactions to reactions come to no end");
    }

    fn authority_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> authority::View<'a, 'd> {
        authority::View {
            snapshot,
            configuration: &self.authority,
            keys: &self.authority_keys,
        }
    }

    fn view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> tenant::View<'a, 'd> {
        tenant::View {
            snapshot,
            deployment: &self.deployment,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: Cost::LEAST,
        }
    }

    /// The root certificate by which the tenant's servers are believed, DER.
    ///
    /// # Panics
    /// Never: the tenant has its authorities.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        let root = authority::authority(&self.snapshot(), Ca::Tls, self.now());
        let root = root.expect("the directory works").expect("it was founded");
        root.der().to_vec()
    }

    fn route(&self, request: &Request) -> Response {
        if request.path.starts_with(administration::PREFIX) {
            let (snapshot, now) = (self.snapshot(), self.now());
            let known = tenant::known(&self.view(&snapshot), now).expect("the directory works");
            let caller = Caller::by_token(request, &known.keys, &known.issuers.v1, now);
            drop(snapshot);
            return self.ask_administration(request, &caller);
        }
        self.ask(request)
    }

    fn ask(&self, request: &Request) -> Response {
        for _ in 0..TRIES {
            let snapshot = self.snapshot();
            let mut answer =
                tenant::answer(request, &self.view(&snapshot), self.now(), &mut *self.rng());
            assert_eq!(answer.fault, None, "the tenant failed");
            let reads = snapshot.into_reads();
            if !answer.changes.is_empty() {
                match self.directory.commit(&answer.changes, &reads, self.now()) {
                    Ok(commit) => self.settle(commit),
                    Err(CommitError::Conflict) => continue,
                    Err(error) => panic!("the directory refuses what the tenant wants: {error}"),
                }
            }
            answer
                .story
                .drain(..)
                .for_each(|event| self.story.hear(event));
            if let Some(refused) = answer.refused {
                self.note_refusal(refused.reason);
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
        panic!("the tenant gives no answer")
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
        let deployment = Administered {
            password_cost: Cost::LEAST,
            ..Administered::default()
        };
        let now = self.now();
        let snapshot = self.snapshot();
        let view = self.administration_view(&snapshot, &deployment);
        let answer = administration::answer(request, caller, &view, now, &mut *self.rng());
        if let Some(refused) = &answer.refused {
            self.note_refusal(refused.reason.clone());
        }
        assert!(answer.fault.is_none(), "the administration failed");
        self.commit_computed(&answer.changes, snapshot);
        let after = self.snapshot();
        answer.response(&self.administration_view(&after, &deployment), now)
    }

    fn administration_view<'a, 'd>(
        &'a self,
        snapshot: &'a Snapshot<'d>,
        deployment: &'a Administered,
    ) -> administration::View<'a, 'd> {
        administration::View {
            snapshot,
            lockout: &self.lockout,
            deployment,
            certificates: None,
        }
    }
}

impl InProcess for TenantServers {
    fn http(
        &self,
        request: http::Request<Vec<u8>>,
        certificate: Option<&[u8]>,
    ) -> http::Response<Vec<u8>> {
        let request = crate::wired::request(request, certificate);
        crate::wired::response(self.route(&request))
    }

    /// A tenant has no KDC.
    fn kerberos(&self, _message: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

fn authority_settings(hosts: Vec<String>) -> authority::Configuration {
    let settings = authority::Settings {
        root_key: KeyName::P256,
        tls_key: KeyName::P256,
        ..authority::Settings::default()
    };
    let server = TlsServer {
        name: "tenant".to_owned(),
        names: TlsNames {
            hosts,
            addresses: Vec::new(),
        },
    };
    authority::Configuration::new(&settings, DOMAIN, Vec::new(), vec![server])
        .expect("the settings are right")
}
