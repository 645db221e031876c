//! A domain with an administrator, somebody who looks after keys, and ordinary people.

use std::cell::RefCell;
use std::sync::Arc;

use administration::{Caller, Certificates, Deployment, View};
use crypto::key::{KeyKind, PrivateKey};
use crypto::password::Cost;
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::password::PasswordMaterial;
use directory::testing::{START, Seeded, fresh};
use directory::{
    Account, Attribute, AuditRecord, Change, CommitError, Directory, EntryId, NewEntry, Reads,
};
use serde_json::{Value, json};
use token::claims::AccessToken;
use token::client::{ADMINISTRATION, ADMINISTRATION_CLIENT};
use token::keys::SigningKeys;
use trust::{Span, Timestamp};
use wire::Guid;
use wire::http::{Method, Request, Response};
use wire::x509::{Extension, Name, TbsCertificate};

pub(crate) const ISSUER: &str = "https://sts.corp.example/adfs";

pub(crate) struct World {
    pub(crate) directory: Arc<Directory>,
    pub(crate) lockout: Lockout,
    pub(crate) deployment: Deployment,
    pub(crate) signing: SigningKeys,
    pub(crate) now: Timestamp,
    pub(crate) rng: RefCell<Seeded>,
    pub(crate) certificates: Option<Box<dyn Certificates>>,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) json: Value,
    pub(crate) response: Response,
    /// The record of a refusal.
    pub(crate) refused: Option<AuditRecord>,
}

impl Got {
    /// The code of a refusal.
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.json["code"].as_str().unwrap_or(""))
    }

    pub(crate) fn detail(&self) -> &str {
        self.json["detail"].as_str().unwrap_or("")
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{} {}",
            self.status,
            self.json
        );
        self.json
    }

    /// The names of a list's items.
    pub(crate) fn names(&self) -> Vec<&str> {
        let items = self.json["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap())
            .collect()
    }
}

impl World {
    /// `admin` is in Domain Admins through another group, `keeper` in Key Admins, `alice` and `bob` are nobody.
    pub(crate) fn new() -> Self {
        Self::over(fresh())
    }

    /// The same in a tenant, whose first domain is `corp.example`.
    pub(crate) fn of_tenant() -> Self {
        let directory = directory::testing::open(Arc::new(directory::storage::Memory::new()));
        let names = directory::tenant::TenantNames {
            domain: "corp.example".into(),
            display_name: "Example".into(),
        };
        directory::tenant::found(&directory, &names, START, &mut Seeded::new(1)).unwrap();
        Self::over(Arc::new(directory))
    }

    fn over(directory: Arc<Directory>) -> Self {
        let world = Self {
            directory,
            lockout: Lockout::default(),
            deployment: Deployment {
                kdcs: vec!["dc1.corp.example".into()],
                roots: vec![vec![1, 2, 3]],
                password_cost: Cost::LEAST,
                key_overlap: Span::hours(11),
                resources: vec![
                    "https://graph.microsoft.com".into(),
                    "urn:microsoft:userinfo".into(),
                ],
            },
            signing: SigningKeys::first(KeyKind::P256, START - Span::days(1)),
            now: START,
            rng: RefCell::new(Seeded::new(12)),
            certificates: None,
        };
        for name in ["admin", "keeper", "alice", "bob"] {
            world.add_user(name);
        }
        let admins = world.group("Domain Admins");
        let staff = EntryId::random(&mut *world.rng.borrow_mut());
        let users = world.directory.domain().unwrap().users;
        let kind = directory::group::GLOBAL_SECURITY;
        world.commit(vec![
            NewEntry::group(staff, users, "Directory Staff", kind).into(),
            Change::AddMember {
                group: admins,
                member: staff,
            },
            Change::AddMember {
                group: staff,
                member: world.id("admin"),
            },
            Change::AddMember {
                group: world.group("Key Admins"),
                member: world.id("keeper"),
            },
        ]);
        world
    }

    pub(crate) fn commit(&self, changes: Vec<Change>) {
        self.directory
            .commit(&changes, &Reads::none(), self.now)
            .unwrap();
    }

    pub(crate) fn add_user(&self, name: &str) -> EntryId {
        let id = EntryId::random(&mut *self.rng.borrow_mut());
        let users = self.directory.domain().unwrap().users;
        let material = PasswordMaterial::random(&mut *self.rng.borrow_mut());
        let user = NewEntry::user(id, users, name, name)
            .with(Attribute::UserPrincipalName, format!("{name}@corp.example"))
            .with_password(material, false);
        self.commit(vec![user.into()]);
        id
    }

    /// A registered device with this ID.
    pub(crate) fn add_device(&self, id: Guid, name: &str) -> EntryId {
        let entry = EntryId::random(&mut *self.rng.borrow_mut());
        let devices = self.directory.domain().unwrap().devices;
        self.commit(vec![NewEntry::device(entry, devices, id, name).into()]);
        entry
    }

    pub(crate) fn account(&self, name: &str) -> Arc<Account> {
        let snapshot = self.directory.snapshot().unwrap();
        let found = snapshot.account_by_name(name).unwrap();
        found.unwrap_or_else(|| panic!("no account {name}"))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        let snapshot = self.directory.snapshot().unwrap();
        snapshot.account_by_name(name).unwrap().is_some()
    }

    pub(crate) fn id(&self, name: &str) -> EntryId {
        self.account(name).id
    }

    pub(crate) fn group(&self, name: &str) -> EntryId {
        let snapshot = self.directory.snapshot().unwrap();
        snapshot.group_by_name(name).unwrap().unwrap().id
    }

    /// What a token for the API says of a person who has just signed in with two factors.
    pub(crate) fn claims(&self, name: &str) -> AccessToken {
        let account = self.account(name);
        let now = self.now.unix();
        AccessToken {
            iss: ISSUER.into(),
            aud: ADMINISTRATION.into(),
            iat: now,
            nbf: now,
            exp: now + 900,
            jti: Guid::from_bytes([3; 16]),
            sub: account.id.0.to_string(),
            oid: account.id.0,
            ver: "1.0".into(),
            appid: ADMINISTRATION_CLIENT.into(),
            apptype: "Public".into(),
            scp: String::new(),
            auth_time: now,
            amr: vec!["pwd".into(), "otp".into(), "mfa".into()],
            acr: String::new(),
            second_factor_instant: Some(self.now.whole_seconds().to_rfc3339()),
            upn: Some(format!("{name}@corp.example")),
            unique_name: format!("{name}@corp.example"),
            primarysid: account.sid,
            deviceid: None,
            permit_device_registration: None,
            account_type: None,
            onprem_object_guid: None,
            tid: None,
            appidacr: None,
            name: None,
            ipaddr: None,
        }
    }

    /// `METHOD /path`, by whom: a person's name, or `root` on the socket.
    pub(crate) fn ask(&self, who: &str, line: &str, body: Value) -> Got {
        if who == "root" {
            return self.send(&request(line, &body), &Caller::Local);
        }
        self.ask_with(&self.claims(who), line, body)
    }

    pub(crate) fn get(&self, who: &str, path: &str) -> Got {
        self.ask(who, &format!("GET {path}"), Value::Null)
    }

    pub(crate) fn ask_with(&self, claims: &AccessToken, line: &str, body: Value) -> Got {
        let token = self.signing.access_token(claims, self.now).unwrap();
        let request = request(line, &body).with_header("Authorization", &format!("Bearer {token}"));
        let caller = Caller::by_token(&request, &self.signing, ISSUER, self.now);
        self.send(&request, &caller)
    }

    /// Asks, commits, answers, as a server does.
    pub(crate) fn send(&self, request: &Request, caller: &Caller) -> Got {
        let snapshot = self.directory.snapshot().unwrap();
        let view = self.view(&snapshot);
        let mut answer = administration::answer(
            request,
            caller,
            &view,
            self.now,
            &mut *self.rng.borrow_mut(),
        );
        assert!(answer.fault.is_none(), "{:?}", answer.fault);
        let changes = std::mem::take(&mut answer.changes);
        if !changes.is_empty() {
            let audited = changes
                .iter()
                .any(|change| matches!(change, Change::Audit(_)));
            assert!(audited, "a change without its record: {changes:?}");
        }
        match self
            .directory
            .commit(&changes, &snapshot.into_reads(), self.now)
        {
            Ok(_) => {}
            Err(CommitError::Refused(why)) => {
                answer = administration::not_committed(&why, request, caller, self.now);
            }
            Err(other) => panic!("{other}"),
        }
        let after = self.directory.snapshot().unwrap();
        let response = answer.response(&self.view(&after), self.now);
        let json = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        if response.status >= 400 {
            for member in ["title", "detail", "remedy", "code"] {
                assert!(
                    json[member].is_string(),
                    "a refusal without {member}: {json}"
                );
            }
            assert!(answer.refused.is_some(), "a refusal without its record");
        }
        Got {
            status: response.status,
            json,
            response,
            refused: answer.refused.map(|record| *record),
        }
    }

    pub(crate) fn view<'a, 'd>(&'a self, snapshot: &'a directory::Snapshot<'d>) -> View<'a, 'd> {
        View {
            snapshot,
            lockout: &self.lockout,
            deployment: &self.deployment,
            certificates: self.certificates.as_deref(),
        }
    }

    /// The newest audit record.
    pub(crate) fn last(&self) -> AuditRecord {
        self.log().into_iter().next().unwrap()
    }

    pub(crate) fn log(&self) -> Vec<AuditRecord> {
        let snapshot = self.directory.snapshot().unwrap();
        snapshot
            .audit_log(Timestamp::EPOCH, Timestamp::NEVER, 1_000)
            .unwrap()
    }

    pub(crate) fn advance(&mut self, span: Span) {
        self.now = self.now + span;
    }
}

/// A request over TLS from an office.
pub(crate) fn request(line: &str, body: &Value) -> Request {
    let (method, path) = line.split_once(' ').unwrap();
    let target = format!("/administration/v1{path}");
    let mut request = Request::new(Method::parse(method), &target);
    request.secure = true;
    request.peer = Some("192.0.2.7".parse().unwrap());
    if !body.is_null() {
        request = request.with_header("Content-Type", "application/json");
        request.body = body.to_string().into_bytes();
    }
    request
}

/// A certificate that a key signed itself.
pub(crate) fn self_signed(key: &PrivateKey, extensions: &[Extension]) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let identifier = algorithm.identifier_der();
    let tbs = TbsCertificate {
        serial: &[7],
        signature_algorithm: &identifier,
        issuer: &Name::common("somebody"),
        not_before: START.unix() - 86_400,
        not_after: START.unix() + 86_400 * 365,
        subject: &Name::common("somebody"),
        spki: &key.public_key().to_spki_der(),
        extensions,
    }
    .encode();
    let signature = key.sign(algorithm, &tbs).unwrap();
    wire::x509::assemble(&tbs, &identifier, &signature)
}

/// A new P-256 key in PEM, and its fingerprint.
pub(crate) fn new_key() -> (String, String) {
    let key = PrivateKey::generate(KeyKind::P256);
    let public = key.public_key();
    (public.to_pem(), public.fingerprint().to_string())
}

/// An empty body.
pub(crate) fn empty() -> Value {
    json!({})
}
