//! A small world: two tenants in one process, each a directory in memory, with people, applications and a device, and one
//! clock that is moved.

use std::sync::Arc;

use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::password::Cost;
use crypto::signature::Signer;
use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::storage::Memory as Storage;
use directory::tenant::{Application, ApplicationSecret, ClientKind, TenantNames, VerifiedDomain};
use directory::testing::{START, Seeded};
use directory::{
    Account, Attribute, AuditRecord, Change, CommitError, Directory, EntryId, NewEntry, Origin,
    Reads, Secret, Table, change, tenant,
};
use registration::testing::{self, certificate};
use serde_json::Value;
use token::factor::SecondFactors;
use token::secret::{Digest, Purpose};
use token::totp::TotpSecret;
use trust::enrolment::{self, DeviceEnrolment, Outcome};
use trust::{Event, Span, Timestamp};
use wire::Guid;
use wire::http::{Request, Response};
use wire::key_credential::{KeySource, KeyUsage};
use wire::key_material::RsaPublicKey;
use wire::x509::Certificate;
use wire::x509::device::{DeviceExtensions, JoinType};
use zeroize::Zeroizing;

use crate::section::Section;
use crate::{Answer, Deployment, Known, Memory, Names, Reply, View};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const TOTP: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// The confidential application's secret.
pub(crate) const SECRET: &str = "a-secret-of-an-application-that-was-drawn-here";
/// The public application, in each tenant one of its own with this identifier.
pub(crate) const NOTES: &str = "11111111-aaaa-4bbb-8ccc-000000000001";
pub(crate) const NOTES_REDIRECT: &str = "https://notes.example/done";
/// The confidential application.
pub(crate) const WIKI: &str = "22222222-aaaa-4bbb-8ccc-000000000002";
pub(crate) const WIKI_REDIRECT: &str = "https://wiki.example/done";
pub(crate) const WIKI_RESOURCE: &str = "urn:example:wiki";

/// One tenant with all that its process has of it.
pub(crate) struct Tenant {
    pub(crate) domain: &'static str,
    pub(crate) id: Guid,
    pub(crate) directory: Arc<Directory>,
    pub(crate) deployment: Deployment,
    pub(crate) memory: Memory,
    pub(crate) lockout: Lockout,
}

/// The world. Most tests ask the first tenant; `world.at = 1` makes the second the one that is asked.
pub(crate) struct World {
    pub(crate) tenants: [Tenant; 2],
    /// Which tenant is asked and changed.
    pub(crate) at: usize,
    pub(crate) now: Timestamp,
    pub(crate) rng: Seeded,
    pub(crate) story: Vec<&'static Event>,
    /// The reasons of refusals, as the audit log has them.
    pub(crate) refused: Vec<String>,
    /// The record of the last one.
    pub(crate) last_refusal: Option<AuditRecord>,
    /// What was told for the audit log that nothing was committed for.
    pub(crate) told: Vec<AuditRecord>,
    /// Whether the authority issues certificates.
    pub(crate) authority_sleeps: bool,
}

/// A device that is registered, with its private keys.
pub(crate) struct Device {
    pub(crate) entry: EntryId,
    pub(crate) id: Guid,
    pub(crate) key: PrivateKey,
    pub(crate) transport: PrivateKey,
    /// The certificate (DER).
    pub(crate) certificate: Vec<u8>,
}

fn section(domain: &str) -> Section {
    Section {
        login: format!("https://login.{domain}"),
        drs: Some(format!("https://drs.{domain}")),
        graph: Some(format!("https://graph.{domain}")),
        ..Section::default()
    }
}

impl Tenant {
    fn new(domain: &'static str, rng: &mut Seeded) -> Self {
        let directory = directory::testing::open(Arc::new(Storage::new()));
        let names = TenantNames {
            domain: domain.into(),
            display_name: format!("People of {domain}"),
        };
        let made = tenant::found(&directory, &names, START, rng).unwrap();
        let common = Zeroizing::new([42; 32]);
        Self {
            domain,
            id: made.head.0,
            directory: Arc::new(directory),
            deployment: Deployment::of(&section(domain), common).unwrap(),
            memory: Memory::new(rng),
            lockout: Lockout::default(),
        }
    }

    /// Asks something of the party over a state of the directory.
    pub(crate) fn view<T>(&self, ask: impl FnOnce(&View<'_, '_>) -> T) -> (T, Reads) {
        let snapshot = self.directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            deployment: &self.deployment,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: Cost::LEAST,
        };
        let answer = ask(&view);
        (answer, snapshot.into_reads())
    }
}

impl World {
    /// Two tenants with nothing but their keys.
    pub(crate) fn bare() -> Self {
        let mut rng = Seeded::new(7);
        let tenants = [
            Tenant::new("corp.example", &mut rng),
            Tenant::new("other.example", &mut rng),
        ];
        let mut world = Self {
            tenants,
            at: 0,
            now: START,
            rng,
            story: vec![],
            refused: vec![],
            last_refusal: None,
            told: vec![],
            authority_sleeps: false,
        };
        world.tick();
        world
    }

    /// Two tenants, each with alice (password and authenticator), bob (password) and an application of each kind.
    pub(crate) fn new() -> Self {
        let mut world = Self::bare();
        for at in [0, 1] {
            world.at = at;
            world.person_with_totp("alice");
            world.person("bob");
            world.applications();
        }
        world.at = 0;
        world
    }

    /// The tenant that is asked.
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenants[self.at]
    }

    /// The tenant's identifier as text.
    pub(crate) fn id(&self) -> String {
        self.tenant().id.to_string()
    }

    /// An address on the login host for the tenant: `oauth2/token` gives `/<tenant>/oauth2/token`.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/{}/{rest}", self.tenant().id)
    }

    /// The name of somebody of the tenant.
    pub(crate) fn upn(&self, sam: &str) -> String {
        format!("{sam}@{}", self.tenant().domain)
    }

    pub(crate) fn advance(&mut self, span: Span) {
        self.now = self.now + span;
    }

    /// Does what is due, in both tenants.
    pub(crate) fn tick(&mut self) {
        let Self {
            tenants, rng, now, ..
        } = self;
        for tenant in tenants.iter() {
            let (changes, reads) = tenant.view(|view| crate::tick(view, *now, rng).unwrap());
            tenant.directory.commit(&changes, &reads, *now).unwrap();
        }
    }

    /// Commits what others do, and lets the party react.
    pub(crate) fn commit(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.write(changes, true);
    }

    /// Commits what others do, and does not let the party react.
    pub(crate) fn commit_without_reaction(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.write(changes, false);
    }

    fn write(&mut self, changes: impl IntoIterator<Item = Change>, react: bool) {
        let changes: Vec<Change> = changes.into_iter().collect();
        let Self {
            tenants,
            at,
            rng,
            now,
            ..
        } = self;
        let tenant = &tenants[*at];
        let commit = tenant.directory.commit(&changes, &Reads::none(), *now);
        let commit = commit.unwrap();
        if react {
            let (changes, reads) =
                tenant.view(|view| crate::react(&commit, view, *now, rng).unwrap());
            tenant.directory.commit(&changes, &reads, *now).unwrap();
        }
    }

    /// Reads something of the tenant's directory.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&directory::Snapshot<'_>) -> T) -> T {
        read(&self.tenant().directory.snapshot().unwrap())
    }

    /// What the tenant knows.
    pub(crate) fn known(&self) -> Arc<Known> {
        let known = |view: &View<'_, '_>| crate::known(view, self.now).unwrap();
        self.tenant().view(known).0
    }

    /// The names of both tenants, for routing between them.
    pub(crate) fn names(&mut self) -> Vec<Names> {
        let at = self.at;
        let mut names = Vec::new();
        for place in [0, 1] {
            self.at = place;
            names.push(Names::of(&self.known(), &self.tenant().deployment));
        }
        self.at = at;
        names
    }

    /// A request as a client on the network sends it, to the login host where it names none.
    pub(crate) fn request(&self, mut request: Request) -> Request {
        request.secure = true;
        if request.host.is_empty() {
            request.host = self.tenant().deployment.login.authority().to_owned();
        }
        request.peer = request.peer.or(Some("192.0.2.7".parse().unwrap()));
        request
    }

    /// Sends a request as a client does.
    pub(crate) fn send(&mut self, request: Request) -> Response {
        let request = self.request(request);
        self.ask(&request)
    }

    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.send(Request::get(target))
    }

    /// Posts a form to the token endpoint of the first version.
    pub(crate) fn token(&mut self, fields: &[(&str, &str)]) -> Response {
        let path = self.path("oauth2/token");
        self.send(Request::post_form(&path, fields.iter().copied()))
    }

    /// Asks as `serve` does: answers again on a conflict, and when what was waited for has come.
    pub(crate) fn ask(&mut self, request: &Request) -> Response {
        for _ in 0..5 {
            let Self {
                tenants,
                at,
                rng,
                now,
                ..
            } = self;
            let tenant = &tenants[*at];
            let (answer, reads) = tenant.view(|view| crate::answer(request, view, *now, rng));
            assert_eq!(answer.fault, None);
            // Others wait while it is answered, so it must wait for nobody.
            let waits = !answer.changes.is_empty() || !matches!(answer.reply, Reply::Now(_));
            assert!(!crate::is_quick(request) || !waits, "{request:?}");
            let committed = match tenant.directory.commit(&answer.changes, &reads, *now) {
                Ok(commit) => commit,
                Err(CommitError::Conflict) => continue,
                Err(other) => panic!("{other}"),
            };
            let (changes, reads) =
                tenant.view(|view| crate::react(&committed, view, *now, rng).unwrap());
            tenant.directory.commit(&changes, &reads, *now).unwrap();
            match self.told(answer) {
                Some(response) => return response,
                None => self.let_the_authority_work(),
            }
        }
        panic!("no answer")
    }

    /// Notes what an answer tells; gives its reply, unless it waits.
    fn told(&mut self, answer: Answer) -> Option<Response> {
        self.story.extend(answer.story);
        self.told.extend(answer.told);
        if let Some(record) = answer.refused {
            self.refused.extend(record.reason.clone());
            self.last_refusal = Some(*record);
        }
        match answer.reply {
            Reply::Now(response) => Some(response),
            Reply::When { by, .. } => {
                if self.authority_sleeps {
                    self.now = by;
                }
                None
            }
        }
    }

    /// What the authority does with every request that it finds.
    fn let_the_authority_work(&mut self) {
        if self.authority_sleeps {
            return;
        }
        let requests = Table::new(enrolment::REQUESTS);
        let outcomes = Table::new(enrolment::OUTCOMES);
        let directory = self.tenant().directory.clone();
        let snapshot = directory.snapshot().unwrap();
        let found = snapshot.records(requests, &[], &[], 100, self.now).unwrap();
        for record in found {
            let asked = DeviceEnrolment::from_bytes(record.value.bytes()).unwrap();
            let made = certificate(asked.key(), &asked.extensions, self.now);
            let outcome = Outcome::Issued(Certificate::parse(&made).unwrap()).to_bytes();
            let until = self.now + Span::hours(1);
            let changes = [
                change::remove(requests, record.key.clone()),
                change::put(outcomes, record.key, outcome, until),
            ];
            directory
                .commit(&changes, &Reads::none(), self.now)
                .unwrap();
        }
    }

    /// A person with a password.
    pub(crate) fn person(&mut self, sam: &str) -> EntryId {
        let id = EntryId::random(&mut self.rng);
        let domain = self.tenant().directory.domain().unwrap();
        let history = PasswordHistory::empty();
        let rng = &mut self.rng;
        let material = PasswordMaterial::hash_only(PASSWORD, &history, 0, Cost::LEAST, rng);
        let entry = NewEntry::user(id, domain.users, sam, sam)
            .with(Attribute::UserPrincipalName, self.upn(sam))
            .with(Attribute::Mail, format!("{sam}@mail.example"))
            .with(Attribute::DisplayName, format!("{sam} Example"))
            .with_password(material, false);
        self.commit([entry.into()]);
        id
    }

    /// A person with a password and an authenticator.
    pub(crate) fn person_with_totp(&mut self, sam: &str) -> EntryId {
        let id = self.person(sam);
        let factors = SecondFactors::with_totp(&TotpSecret::parse(TOTP).unwrap());
        self.set_second_factors(id, &factors);
        id
    }

    /// Gives somebody these second factors.
    pub(crate) fn set_second_factors(&mut self, id: EntryId, factors: &SecondFactors) {
        let values = factors.write().into_iter().map(Secret::new).collect();
        self.commit([change::set_second_factors(id, values)]);
    }

    /// The code that everybody's authenticator shows now.
    pub(crate) fn totp(&self) -> String {
        TotpSecret::parse(TOTP).unwrap().code(self.now)
    }

    /// An account of the tenant that is asked.
    pub(crate) fn account(&self, sam: &str) -> Arc<Account> {
        self.read(|snapshot| snapshot.account_by_sam(sam).unwrap().unwrap())
    }

    /// Changes the settings.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut tenant::Settings)) {
        let mut settings = self.read(|snapshot| tenant::settings(snapshot, self.now).unwrap());
        change(&mut settings);
        let changes = tenant::put_settings(&settings, &mut self.rng);
        self.commit(changes);
    }

    /// Writes a domain.
    pub(crate) fn put_domain(&mut self, domain: &VerifiedDomain) {
        let changes = tenant::put_domain(domain, &mut self.rng);
        self.commit(changes);
    }

    /// Writes an application.
    pub(crate) fn put_application(&mut self, application: &Application) {
        let changes = tenant::put_application(application, &mut self.rng);
        self.commit(changes);
    }

    fn applications(&mut self) {
        self.put_application(&Application {
            id: NOTES.parse().unwrap(),
            name: "Notes".into(),
            redirect_uris: vec![NOTES_REDIRECT.into()],
            ..Application::default()
        });
        self.put_application(&Application {
            id: WIKI.parse().unwrap(),
            name: "Wiki".into(),
            kind: ClientKind::Confidential,
            redirect_uris: vec![WIKI_REDIRECT.into()],
            post_logout_redirect_uris: vec!["https://wiki.example/bye".into()],
            identifier_uri: Some(WIKI_RESOURCE.into()),
            secrets: vec![ApplicationSecret {
                id: Guid::from_random([3; 16]),
                digest: *Digest::of(Purpose::ClientSecret, SECRET.as_bytes()).as_bytes(),
                hint: "a-s".into(),
                name: String::new(),
                from: START,
                until: START + Span::days(365),
            }],
            ..Application::default()
        });
    }

    /// A device that somebody has joined, with a key of this kind.
    pub(crate) fn device(&mut self, owner: &str, kind: KeyKind) -> Device {
        let account = self.account(owner);
        let (entry, id) = (
            EntryId::random(&mut self.rng),
            EntryId::random(&mut self.rng).0,
        );
        let (key, transport) = (
            PrivateKey::generate(kind),
            PrivateKey::generate(KeyKind::Rsa2048),
        );
        let domain = self.tenant().directory.domain().unwrap();
        let extensions = DeviceExtensions {
            instance: Some(domain.device_registration_service.0),
            device: Some(id),
            user: Some(account.id.0),
            domain: None,
            tenant: Some(self.tenant().id),
            join_type: Some(JoinType::Joined),
            region: Some("EU".into()),
        };
        let certificate = certificate(key.public_key(), &extensions, self.now);
        let device = testing::device(
            entry,
            domain.devices,
            id,
            "laptop-1",
            &certificate,
            key.public_key(),
        )
        .with(Attribute::MsDsRegisteredOwner, account.sid)
        .with(Attribute::MsDsRegisteredUsers, account.sid)
        .with(Attribute::MsDsDeviceTrustType, 1);
        let value = key_credential(&transport, KeyUsage::Stk, id, self.now);
        let keys = Table::new("registration.device-keys");
        let holds = [&key, &transport].map(|key| {
            let fingerprint = key.public_key().fingerprint().0;
            change::put(keys, fingerprint, id.to_bytes().to_vec(), Timestamp::NEVER)
        });
        let transport_value = change::add_key_credential(entry, value, Origin::Registration);
        self.commit([Change::from(device), transport_value]);
        self.commit(holds);
        Device {
            entry,
            id,
            key,
            transport,
            certificate,
        }
    }

    /// Registers a Hello key of this kind for somebody, from a device.
    pub(crate) fn hello_key(&mut self, owner: &str, device: &Device, kind: KeyKind) -> PrivateKey {
        let key = PrivateKey::generate(kind);
        let value = key_credential(&key, KeyUsage::Ngc, device.id, self.now);
        let account = self.account(owner).id;
        self.commit([change::add_key_credential(
            account,
            value,
            Origin::Registration,
        )]);
        key
    }

    /// The newest audit record of an action.
    pub(crate) fn audit(&self, action: &str) -> Option<AuditRecord> {
        let begin = START - Span::days(1);
        let log = self.read(|snapshot| snapshot.audit_log(begin, Timestamp::NEVER, 1000).unwrap());
        log.into_iter().find(|record| record.action == action)
    }
}

/// A value of msDS-KeyCredentialLink.
pub(crate) fn key_credential(
    key: &PrivateKey,
    usage: KeyUsage,
    device: Guid,
    now: Timestamp,
) -> Vec<u8> {
    registration::key_value::write(&bcrypt_blob(key), usage, device, KeySource::Ad, now)
}

/// A BCRYPT blob of a public key.
pub(crate) fn bcrypt_blob(key: &PrivateKey) -> Vec<u8> {
    match key.public_key() {
        PublicKey::Rsa(key) => RsaPublicKey::new(key.modulus(), key.exponent())
            .unwrap()
            .to_bcrypt_blob(),
        PublicKey::Ec(key) => {
            let curve = wire::key_material::EcCurve::P256;
            let key = wire::key_material::EcPublicKey::from_point(curve, key.point()).unwrap();
            let purpose = wire::bcrypt_blob::EccPurpose::Signature;
            wire::bcrypt_blob::write_ecc_public(purpose, &key)
        }
    }
}

pub(crate) fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{}", text(response)))
}

pub(crate) fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// The one number of an error answer (protocols A.3.2).
pub(crate) fn code(response: &Response) -> u64 {
    json(response)["error_codes"][0]
        .as_u64()
        .unwrap_or_else(|| panic!("{}", text(response)))
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).unwrap()).unwrap()
}
