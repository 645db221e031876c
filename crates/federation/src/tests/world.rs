//! A small world: a directory in memory, a federation service, people, computers, browsers, and a clock that is moved.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::key::PrivateKey;
use crypto::password::Cost;
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::testing::{START, Seeded};
use directory::{
    Account, Change, CommitError, Directory, EntryId, NewEntry, Reads, Secret, Table, change,
};
use serde_json::Value;
use token::factor::SecondFactors;
use token::pages::reader::{self, Read};
use token::totp::TotpSecret;
use trust::enrolment::{self, DeviceEnrolment, Outcome};
use trust::{Event, Span, Timestamp};
use wire::http::{Request, Response};
use wire::key_material::RsaPublicKey;
use wire::x509::{Certificate, Name, assemble, csr};

use crate::section::{Application, Section};
use crate::settings::Settings;
use crate::{Answer, Memory, Reply, View};

pub(crate) const BASE: &str = "https://sts.corp.example";
pub(crate) const ISSUER: &str = "https://sts.corp.example/adfs";
pub(crate) const DRS: &str = "urn:ms-drs:sts.corp.example";
pub(crate) const REDIRECT: &str = "http://127.0.0.1/keyporch";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const TOTP: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

pub(crate) struct World {
    pub(crate) directory: Arc<Directory>,
    pub(crate) settings: Settings,
    pub(crate) memory: Memory,
    pub(crate) lockout: Lockout,
    pub(crate) now: Timestamp,
    pub(crate) rng: Seeded,
    pub(crate) story: Vec<&'static Event>,
    /// The reasons of refusals, as the audit log has them.
    pub(crate) refused: Vec<String>,
    /// The record of the last one.
    pub(crate) last_refusal: Option<directory::AuditRecord>,
    /// Whether the authority answers, and how.
    pub(crate) authority: Authority,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    Issues,
    Refuses,
    Sleeps,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Section {
            base: BASE.into(),
            ..Section::default()
        })
    }

    /// A world with an application of the organisation's own, `app`.
    pub(crate) fn with_app() -> Self {
        let application = Application {
            client_id: "app".into(),
            name: "Wiki".into(),
            redirect_uris: vec!["https://app.example/done".into()],
            post_logout_redirect_uris: vec!["https://app.example/bye".into()],
            resource: Some("urn:app".into()),
            second_factor: false,
            refresh_tokens: true,
        };
        Self::with(Section {
            base: BASE.into(),
            applications: vec![application],
            ..Section::default()
        })
    }

    pub(crate) fn with(section: Section) -> Self {
        let section = Section {
            signing_algorithm: crate::section::SigningAlgorithm::Es256,
            ..section
        };
        let mut rng = Seeded::new(7);
        let mut world = Self {
            directory: directory::testing::fresh(),
            settings: Settings::of(&section, "corp.example").unwrap(),
            memory: Memory::new(&mut rng),
            lockout: Lockout::default(),
            now: START,
            rng,
            story: vec![],
            refused: vec![],
            last_refusal: None,
            authority: Authority::Issues,
        };
        world.tick();
        world
    }

    pub(crate) fn advance(&mut self, span: Span) {
        self.now = self.now + span;
    }

    pub(crate) fn tick(&mut self) {
        let snapshot = self.directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            settings: &self.settings,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: Cost::LEAST,
        };
        let changes = crate::tick(&view, self.now, &mut self.rng).unwrap();
        self.directory
            .commit(&changes, &snapshot.into_reads(), self.now)
            .unwrap();
    }

    /// Commits what others do, and lets the party react.
    pub(crate) fn commit(&mut self, changes: impl IntoIterator<Item = Change>) {
        let changes: Vec<Change> = changes.into_iter().collect();
        let commit = self
            .directory
            .commit(&changes, &Reads::none(), self.now)
            .unwrap();
        let snapshot = self.directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            settings: &self.settings,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: Cost::LEAST,
        };
        let changes = crate::react(&commit, &view, self.now, &mut self.rng).unwrap();
        self.directory
            .commit(&changes, &snapshot.into_reads(), self.now)
            .unwrap();
    }

    /// Asks as `serve` does: answers again on a conflict, and when what was waited for has come.
    pub(crate) fn ask(&mut self, request: &Request) -> Response {
        for _ in 0..5 {
            let snapshot = self.directory.snapshot().unwrap();
            let view = View {
                snapshot: &snapshot,
                settings: &self.settings,
                memory: &self.memory,
                lockout: &self.lockout,
                password_cost: Cost::LEAST,
            };
            let answer = crate::answer(request, &view, self.now, &mut self.rng);
            assert_eq!(answer.fault, None);
            match self
                .directory
                .commit(&answer.changes, &snapshot.into_reads(), self.now)
            {
                Ok(_) => {}
                Err(CommitError::Conflict) => continue,
                Err(other) => panic!("{other}"),
            }
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
        if let Some(record) = answer.refused {
            self.refused.extend(record.reason.clone());
            self.last_refusal = Some(*record);
        }
        match answer.reply {
            Reply::Now(response) => Some(response),
            Reply::When { by, .. } => {
                if self.authority == Authority::Sleeps {
                    self.now = by;
                }
                None
            }
        }
    }

    /// What the authority does with every request that it finds.
    fn let_the_authority_work(&mut self) {
        let (requests, outcomes) = (
            Table::new(enrolment::REQUESTS),
            Table::new(enrolment::OUTCOMES),
        );
        let found = self
            .directory
            .snapshot()
            .unwrap()
            .records(requests, &[], &[], 100, self.now)
            .unwrap();
        for record in found {
            let enrolment = DeviceEnrolment::from_bytes(record.value.bytes()).unwrap();
            let outcome = match self.authority {
                Authority::Sleeps => return,
                Authority::Refuses => Outcome::Refused("the linter refused".into()),
                Authority::Issues => Outcome::Issued(certificate(&enrolment, self.now)),
            };
            let changes = [
                change::remove(requests, record.key.clone()),
                change::put(
                    outcomes,
                    record.key,
                    outcome.to_bytes(),
                    self.now + Span::hours(1),
                ),
            ];
            self.directory
                .commit(&changes, &Reads::none(), self.now)
                .unwrap();
        }
    }

    /// A person with a password.
    pub(crate) fn person(&mut self, sam: &str) -> EntryId {
        let id = EntryId::random(&mut self.rng);
        let domain = self.directory.domain().unwrap();
        let history = PasswordHistory::empty();
        let material = PasswordMaterial::of_password(
            PASSWORD,
            "salt",
            &history,
            0,
            Cost::LEAST,
            &mut self.rng,
        );
        let entry = NewEntry::user(id, domain.users, sam, sam)
            .with(
                directory::Attribute::UserPrincipalName,
                format!("{sam}@corp.example"),
            )
            .with(directory::Attribute::Mail, format!("{sam}@mail.example"))
            .with(directory::Attribute::DisplayName, "Alice Example")
            .with_password(material, false);
        self.commit([entry.into()]);
        id
    }

    /// A person with a password and an authenticator.
    pub(crate) fn person_with_totp(&mut self, sam: &str) -> EntryId {
        let id = self.person(sam);
        let factors = SecondFactors::with_totp(&TotpSecret::parse(TOTP).unwrap());
        let values = factors.write().into_iter().map(Secret::new).collect();
        self.commit([change::set_second_factors(id, values)]);
        id
    }

    /// A computer's account.
    /// Forgets somebody's second factors, as an administrator would.
    pub(crate) fn forget_second_factors(&mut self, id: EntryId) {
        let values = SecondFactors::forgotten(self.now).write();
        let values = values.into_iter().map(Secret::new).collect();
        self.commit([change::set_second_factors(id, values)]);
    }

    pub(crate) fn computer(&mut self, name: &str) -> EntryId {
        let id = EntryId::random(&mut self.rng);
        let domain = self.directory.domain().unwrap();
        let entry = NewEntry::computer(id, domain.computers, name)
            .with_password(PasswordMaterial::random(&mut self.rng), false);
        self.commit([entry.into()]);
        id
    }

    pub(crate) fn account(&self, id: EntryId) -> Arc<Account> {
        self.directory
            .snapshot()
            .unwrap()
            .account_by_id(id)
            .unwrap()
            .unwrap()
    }

    /// The code that the person's authenticator shows now.
    pub(crate) fn totp(&self) -> String {
        TotpSecret::parse(TOTP).unwrap().code(self.now)
    }

    /// The newest audit record of an action.
    pub(crate) fn audit(&self, action: &str) -> Option<directory::AuditRecord> {
        let snapshot = self.directory.snapshot().unwrap();
        let log = snapshot
            .audit_log(START - Span::days(1), Timestamp::NEVER, 1000)
            .unwrap();
        log.into_iter().find(|record| record.action == action)
    }
}

/// The certificate that an authority makes of a request.
pub(crate) fn certificate(enrolment: &DeviceEnrolment, now: Timestamp) -> Certificate {
    let made = registration::testing::certificate(enrolment.key(), &enrolment.extensions, now);
    Certificate::parse(&made).unwrap()
}

/// A certification request signed by its own key.
pub(crate) fn csr(key: &PrivateKey) -> Vec<u8> {
    csr_of(key, key)
}

/// A certification request for `key`, signed by `signer`.
pub(crate) fn csr_of(key: &PrivateKey, signer: &PrivateKey) -> Vec<u8> {
    let subject = Name::common("7E980AD9-B86D-4306-9425-9AC066FB014A");
    let info = csr::encode_info(&subject, &key.public_key().to_spki_der());
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let signature = signer.sign(algorithm, &info).unwrap();
    assemble(&info, &algorithm.identifier_der(), &signature)
}

/// A BCRYPT blob of an RSA key.
pub(crate) fn bcrypt_blob(key: &PrivateKey) -> Vec<u8> {
    match key.public_key() {
        crypto::key::PublicKey::Rsa(key) => RsaPublicKey::new(key.modulus(), key.exponent())
            .unwrap()
            .to_bcrypt_blob(),
        crypto::key::PublicKey::Ec(key) => {
            let key = wire::key_material::EcPublicKey::from_point(
                wire::key_material::EcCurve::P256,
                key.point(),
            );
            wire::bcrypt_blob::write_ecc_public(
                wire::bcrypt_blob::EccPurpose::Signature,
                &key.unwrap(),
            )
        }
    }
}

/// A browser, or a terminal that fills the same forms: it keeps cookies and remembers the page.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) page: Read,
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
}

impl Browser {
    /// A request as this browser would send it.
    pub(crate) fn request(&self, mut request: Request) -> Request {
        request.secure = true;
        request.host = "sts.corp.example".into();
        request.peer = request.peer.or(Some("192.0.2.7".parse().unwrap()));
        request.client_certificate = request
            .client_certificate
            .or_else(|| self.certificate.clone());
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request.headers.set("Cookie", &cookies.join("; "));
        }
        request
    }

    pub(crate) fn send(&mut self, world: &mut World, request: Request) -> Response {
        let response = world.ask(&self.request(request));
        for cookie in response.headers.get_all("Set-Cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            assert!(
                name.starts_with("__Host-")
                    && rest.contains("; Path=/; Secure; HttpOnly; SameSite=Lax"),
                "{cookie}"
            );
            match rest.split(';').next().unwrap() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        self.status = response.status;
        self.location = response.headers.get("Location").map(str::to_owned);
        self.page = reader::read(&String::from_utf8_lossy(&response.body));
        response
    }

    pub(crate) fn get(&mut self, world: &mut World, target: &str) -> Response {
        self.send(world, Request::get(target))
    }

    /// Posts the form of this name with these fields filled in.
    pub(crate) fn fill(
        &mut self,
        world: &mut World,
        form: &str,
        fields: &[(&str, &str)],
    ) -> Response {
        let request = self.filled(form, fields);
        self.send(world, request)
    }

    /// The request that posting the form makes.
    pub(crate) fn filled(&self, form: &str, fields: &[(&str, &str)]) -> Request {
        let form = self
            .page
            .form(form)
            .unwrap_or_else(|| panic!("no form {form} on {:?}", self.page));
        let hidden = form
            .hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
        Request::post_form(&form.action, pairs).with_header("Origin", BASE)
    }

    /// Opens the page of an authorization request.
    pub(crate) fn open(&mut self, world: &mut World, changes: &[(&str, &str)]) -> Response {
        self.get(world, &authorize(changes))
    }

    pub(crate) fn password(&mut self, world: &mut World, name: &str, password: &str) -> Response {
        self.fill(
            world,
            "password",
            &[("UserName", name), ("Password", password)],
        )
    }

    pub(crate) fn code(&mut self, world: &mut World, code: &str) -> Response {
        self.fill(world, "totp", &[("VerificationCode", code)])
    }

    /// The value of a parameter of the address to which the browser was sent.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        let (_, query) = self.location.as_deref()?.split_once('?')?;
        wire::http::Fields::parse(query.as_bytes())
            .unwrap()
            .get(name)
    }

    /// Signs in as alice with both factors and gives the code.
    pub(crate) fn sign_in(&mut self, world: &mut World, changes: &[(&str, &str)]) -> String {
        self.open(world, changes);
        self.password(world, "alice@corp.example", PASSWORD);
        let totp = world.totp();
        self.code(world, &totp);
        self.sent("code")
            .unwrap_or_else(|| panic!("no code: {:?} {:?}", self.page, world.refused))
    }

    /// Redeems a code.
    pub(crate) fn redeem(
        &mut self,
        world: &mut World,
        code: &str,
        changes: &[(&str, &str)],
    ) -> Response {
        let request = token_request(code, changes);
        self.send(world, request)
    }

    /// Signs in as alice and gives the access token.
    pub(crate) fn token(&mut self, world: &mut World, changes: &[(&str, &str)]) -> String {
        let code = self.sign_in(world, changes);
        let response = self.redeem(world, &code, &[]);
        json(&response)["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{:?}", world.refused))
            .to_owned()
    }
}

/// The address of an authorization request for the device registration service, with changes; an empty value leaves a
/// parameter out.
pub(crate) fn authorize(changes: &[(&str, &str)]) -> String {
    let good = [
        ("client_id", token::client::REGISTRATION_CLIENT),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("resource", DRS),
        ("scope", "openid"),
        ("state", "s7"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("amr_values", "ngcmfa"),
    ];
    format!(
        "/adfs/oauth2/authorize?{}",
        wire::http::write_query(changed(&good, changes))
    )
}

/// A token request with changes.
pub(crate) fn token_request(code: &str, changes: &[(&str, &str)]) -> Request {
    let good = [
        ("grant_type", "authorization_code"),
        ("client_id", token::client::REGISTRATION_CLIENT),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    Request::post_form("/adfs/oauth2/token", changed(&good, changes))
}

fn changed<'a>(
    good: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let kept = good
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes)
        .copied()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

pub(crate) fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&response.body)))
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).unwrap()).unwrap()
}
