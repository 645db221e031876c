//! What is sent to a tenant by who has something to show: joins, keys and their ends with a good token or certificate, the
//! pages for programs in the middle of a sign-in, Graph.

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::tenant::TenantNames;
use directory::testing::{START, Seeded};
use directory::{Attribute, Change, Directory, EntryId, NewEntry, Reads, Secret, change};
use registration::testing;
use tenant::{Answer, Deployment, Memory, Reply, Section, View};
use token::claims::AccessToken;
use token::factor::SecondFactors;
use token::totp::TotpSecret;
use wire::Guid;
use wire::http::{Request, Response};
use wire::x509::device::DeviceExtensions;
use wire::x509::{Name, assemble, csr};

use crate::request::{self, Word, Written};

const LOGIN: &str = "login.corp.example";
const PASSWORD: &str = "correct horse battery";
const TOTP: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";

/// What everybody may have, and keep.
const DOCUMENTS: [&str; 5] = [
    "/{t}/.well-known/openid-configuration",
    "/{t}/v2.0/.well-known/openid-configuration",
    "/{t}/discovery/keys",
    "/{t}/discovery/v2.0/keys",
    "/{t}/discovery/instance",
];

/// What nobody gets without having proven anything.
const PROTECTED: [&str; 6] = [
    "/EnrollmentServer/device",
    "/EnrollmentServer/device/{id}",
    "/EnrollmentServer/key",
    "/EnrollmentServer/key/{id}",
    "/v1.0/me",
    "/v1.0/users/{id}",
];

/// Words that prove nothing: what a device makes for itself, and the first page, which everybody is shown.
const NO_PROOF: [&str; 6] = ["csr", "transport", "hello", "cookie", "ctx", "ft"];

/// A tenant with one person, her device, and a sign-in of hers that waits for a second factor.
struct World {
    directory: Directory,
    deployment: Deployment,
    memory: Memory,
    lockout: Lockout,
    words: Vec<Word>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let mut rng = Seeded::new(7);
        let storage = std::sync::Arc::new(directory::storage::Memory::new());
        let directory = directory::testing::open(storage);
        let names = TenantNames {
            domain: "corp.example".into(),
            display_name: "Example".into(),
        };
        let founded = directory::tenant::found(&directory, &names, START, &mut rng);
        let tenant = founded.expect("a tenant can be founded").head.0;
        let section = Section {
            login: format!("https://{LOGIN}"),
            ..Section::default()
        };
        let common = [3; 32].into();
        let mut world = Self {
            directory,
            deployment: Deployment::of(&section, common).expect("a section that is right"),
            memory: Memory::new(&mut rng),
            lockout: Lockout::default(),
            words: vec![],
        };
        let due = world.view(|view| tenant::tick(view, START, &mut Seeded::new(8)));
        world.commit(&due.expect("keys can be made"));
        let ec = || PrivateKey::generate(KeyKind::P256);
        let key = ec();
        let certificate = certificate(&key);
        let person = world.people(&certificate, &key, &mut rng);
        let own = "urn:ms-drs:login.corp.example";
        let graph = "https://graph.microsoft.com";
        let blob = |key: PrivateKey| {
            let material = key.public_key().to_key_material();
            Base64::encode_string(&material).into_bytes()
        };
        let rsa = || PrivateKey::generate(KeyKind::Rsa2048);
        world.words = vec![
            ("certificate", Base64::encode_string(&certificate).into()),
            ("drs", world.token(person, tenant, own).into()),
            ("graph", world.token(person, tenant, graph).into()),
            ("csr", Base64::encode_string(&requested(&ec())).into()),
            ("transport", blob(rsa())),
            ("hello", blob(rsa())),
        ];
        world.sign_ins(&tenant.to_string());
        world
    }

    fn view<T>(&self, ask: impl FnOnce(&View<'_, '_>) -> T) -> T {
        let snapshot = self.directory.snapshot().expect("there is a tenant");
        ask(&View {
            snapshot: &snapshot,
            deployment: &self.deployment,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: crypto::password::Cost::LEAST,
        })
    }

    fn commit(&self, changes: &[Change]) {
        let committed = self.directory.commit(changes, &Reads::none(), START);
        assert!(committed.is_ok());
    }

    fn people(&self, certificate: &[u8], key: &PrivateKey, rng: &mut Seeded) -> EntryId {
        let domain = self.directory.domain().expect("there is a tenant");
        let (person, entry) = (EntryId::random(rng), EntryId::random(rng));
        let history = PasswordHistory::empty();
        let cost = crypto::password::Cost::LEAST;
        let material = PasswordMaterial::hash_only(PASSWORD, &history, 0, cost, rng);
        let alice = NewEntry::user(person, domain.users, "alice", "alice")
            .with(Attribute::UserPrincipalName, "alice@corp.example")
            .with_password(material, false);
        let (id, devices) = (device_id(), domain.devices);
        let laptop = testing::device(entry, devices, id, "laptop", certificate, key.public_key());
        let factors = SecondFactors::with_totp(&TotpSecret::parse(TOTP).expect("a secret"));
        let factors = factors.write().into_iter().map(Secret::new).collect();
        self.commit(&[alice.into(), laptop.into()]);
        self.commit(&[change::set_second_factors(person, factors)]);
        person
    }

    /// A token of hers, from her device, with a second factor of just now.
    fn token(&self, person: EntryId, tenant: Guid, audience: &str) -> String {
        let now = START.unix();
        self.view(|view| {
            let account = view.snapshot.account_by_id(person);
            let account = account.ok().flatten().expect("she is there");
            let known = tenant::known(view, START).expect("there are keys");
            let claims = AccessToken {
                iss: known.issuers.v1.clone(),
                aud: audience.to_owned(),
                iat: now,
                nbf: now,
                exp: now + 900,
                jti: Guid::from_random([8; 16]),
                sub: person.0.to_string(),
                oid: person.0,
                ver: "1.0".into(),
                appid: BROKER.into(),
                apptype: "Public".into(),
                scp: String::new(),
                auth_time: now,
                amr: ["pwd", "mfa", "ngcmfa"].map(str::to_owned).to_vec(),
                acr: String::new(),
                second_factor_instant: Some(START.to_rfc3339()),
                upn: account.upn.clone(),
                unique_name: "alice@corp.example".into(),
                primarysid: account.sid,
                deviceid: Some(device_id()),
                permit_device_registration: None,
                account_type: None,
                onprem_object_guid: None,
                tid: Some(tenant),
                appidacr: None,
                name: None,
                ipaddr: None,
            };
            let signed = known.keys.access_token(&claims, START);
            signed.expect("a key signs")
        })
    }

    /// The first page of a program, and its page for the second factor.
    fn sign_ins(&mut self, tenant: &str) {
        let query = [
            ("client_id", BROKER),
            ("response_type", "code"),
            ("redirect_uri", "ms-aadj-redir://auth/drs"),
            ("sso_reload", "True"),
            ("prompt", "login"),
            ("resource", "https://graph.microsoft.com"),
            ("amr_values", "ngcmfa"),
        ];
        let query = wire::http::write_query(query);
        let (_, response) =
            self.asked(Request::get(&format!("/{tenant}/oauth2/authorize?{query}")));
        let cookie = response.headers.get("Set-Cookie").expect("a cookie");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let page = config(&response);
        let [context, token] = ["sCtx", "sFT"].map(|name| member(&page, name));
        let form = [
            ("login", "alice@corp.example"),
            ("passwd", PASSWORD),
            ("ctx", &context),
            ("flowToken", &token),
            ("canary", &token),
        ];
        let post = Request::post_form(&format!("/{tenant}/login"), form);
        let (changes, response) = self.asked(post.with_header("Cookie", &cookie));
        self.commit(&changes);
        let second = config(&response);
        let [state, canary] = ["sCtx", "sFT"].map(|name| member(&second, name));
        self.words.extend([
            ("cookie", cookie.into_bytes()),
            ("ctx", context.into_bytes()),
            ("ft", token.into_bytes()),
            ("state", state.into_bytes()),
            ("canary", canary.into_bytes()),
            ("password", PASSWORD.into()),
        ]);
    }

    fn asked(&self, mut request: Request) -> (Vec<Change>, Response) {
        request.secure = true;
        LOGIN.clone_into(&mut request.host);
        request.peer = Some([192, 0, 2, 8].into());
        let rng = &mut Seeded::new(11);
        let answer = self.view(|view| tenant::answer(&request, view, START, rng));
        match answer.reply {
            Reply::Now(response) => (answer.changes, response),
            Reply::When { .. } => panic!("nothing here waits"),
        }
    }
}

fn device_id() -> Guid {
    Guid::from_random([9; 16])
}

fn certificate(key: &PrivateKey) -> Vec<u8> {
    let says = DeviceExtensions {
        device: Some(device_id()),
        ..DeviceExtensions::default()
    };
    testing::certificate(key.public_key(), &says, START)
}

fn requested(key: &PrivateKey) -> Vec<u8> {
    let name = Name::common("7E980AD9-B86D-4306-9425-9AC066FB014A");
    let spki = key.public_key().to_spki_der();
    signed(key, &csr::encode_info(&name, &spki))
}

fn signed(key: &PrivateKey, content: &[u8]) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::EcdsaSha256;
    let signature = key.sign(algorithm, content).expect("a key signs");
    assemble(content, &algorithm.identifier_der(), &signature)
}

fn member(page: &serde_json::Value, name: &str) -> String {
    page[name].as_str().expect("a text").to_owned()
}

/// `$Config` of a page, as known clients take it out.
fn config(response: &Response) -> serde_json::Value {
    let document = std::str::from_utf8(&response.body).expect("a page is UTF-8");
    let (_, from) = document.split_once("$Config=").expect("a page of ours");
    let end = from.rfind("//]]>").expect("its end");
    assert_eq!(document.matches("//]]>").count(), 1);
    let json = &from[..end - 2];
    assert!(!json.contains(['<', '>', '&']), "{json}");
    let page: serde_json::Value = serde_json::from_str(json).expect("a page holds JSON");
    assert!(page["sessionId"].is_string() && page["canary"].is_string());
    page
}

/// One request.
pub(crate) fn messages(bytes: &[u8]) {
    let world = &*WORLD;
    let Some((written, answer)) = answered(world, bytes) else {
        return;
    };
    judge(&written, &answer);
}

fn answered(world: &World, bytes: &[u8]) -> Option<(Written, Answer)> {
    let mut written = request::read(bytes, &world.words)?;
    written.request.secure = written.mark("insecure").is_none();
    written.request.client_certificate = written.certificate();
    LOGIN.clone_into(&mut written.request.host);
    // Each request is the first one: nobody was tried before, and nobody is limited.
    let (memory, lockout) = (Memory::new(&mut Seeded::new(5)), Lockout::default());
    let snapshot = world.directory.snapshot().expect("there is a tenant");
    let view = View {
        snapshot: &snapshot,
        deployment: &world.deployment,
        memory: &memory,
        lockout: &lockout,
        password_cost: crypto::password::Cost::LEAST,
    };
    let answer = tenant::answer(&written.request, &view, START, &mut Seeded::new(12));
    Some((written, answer))
}

/// What every answer is.
fn judge(written: &Written, answer: &Answer) {
    let request = &written.request;
    assert_eq!(answer.fault, None, "{request:?}");
    if !request.secure {
        assert!(answer.changes.is_empty(), "changed without TLS");
    }
    let stranger = written.shown.iter().all(|word| NO_PROOF.contains(word));
    if stranger {
        assert!(answer.changes.is_empty(), "a stranger changed something");
    }
    let response = match &answer.reply {
        Reply::Now(response) => response,
        Reply::When { by, .. } => {
            assert!(*by > START && !stranger);
            return;
        }
    };
    let body = String::from_utf8_lossy(&response.body);
    if body.contains("$Config=") {
        assert_eq!(response.status, 200, "known clients lose it else");
        assert!(!body.contains("<input"), "a client would wait: {body}");
        config(response);
    } else {
        request::check(request, response, &DOCUMENTS);
    }
    let location = response.headers.get("Location").unwrap_or_default();
    assert!(
        !stranger || !location.contains("code="),
        "a stranger got a code"
    );
    let protected = PROTECTED
        .iter()
        .any(|path| request.path_matches(path).is_some());
    assert!(
        !(stranger && protected) || response.status >= 400,
        "a stranger got {request:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is answered to a seed; nothing while it waits for its certificate.
    fn seed(name: &str) -> Option<Response> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/tenant_messages");
        let bytes = std::fs::read(format!("{folder}/{name}")).unwrap();
        match answered(&WORLD, &bytes).unwrap().1.reply {
            Reply::Now(response) => Some(response),
            Reply::When { .. } => None,
        }
    }

    #[test]
    fn the_seeds_get_what_they_ask_for() {
        assert!(seed("join").is_none(), "it waits for its certificate");
        for (name, status) in [
            ("discover", 200),
            ("nonce", 200),
            ("delete", 200),
            ("key", 200),
            ("key-by-its-device", 200),
            ("key-delete", 404),
            ("key-delete-by-device", 404),
            ("graph-me", 200),
            ("graph-methods", 200),
        ] {
            assert_eq!(seed(name).unwrap().status, status, "{name}");
        }
        for (name, member, wanted) in [
            ("first-page", "pgid", "ConvergedSignIn"),
            ("login", "pgid", "ConvergedTFA"),
            ("login-wrong", "sErrorCode", "50126"),
            ("access-pass", "sErrorCode", "130503"),
            ("process-auth", "sErrorCode", "50074"),
        ] {
            assert_eq!(config(&seed(name).unwrap())[member], wanted, "{name}");
        }
        let begun: serde_json::Value = seed("begin-auth").unwrap().json_body().unwrap();
        assert_eq!(begun["Success"], true);
        let ended: serde_json::Value = seed("end-auth").unwrap().json_body().unwrap();
        assert_eq!(ended["ErrCode"], 50074, "{ended}");
    }
}
