//! A tenant without its sockets and its disk: what one answer costs, beside the least that its cryptography can cost.
//!
//! `cargo run --release -p keyporch-bench --bin tenant [CASE [ROUNDS]]` builds requests, answers them in the main thread over
//! a directory in memory, commits what each answer asks for, and prints CPU time per answer, the median of slices. Cases: `client`
//! (client credentials with a secret, ES256), `nonce`, `hello` and `hello-rsa` (a Hello key's assertion becomes a primary refresh
//! token: two signatures verified, a session key wrapped, an id_token signed, with ES256 for keys on P-256 and RS256 for RSA),
//! `renew`. What stands under `floor` is the same keys at the same work and nothing else.

use std::sync::Arc;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use crypto::jose::jwe::{Encrypted, to_rsa};
use crypto::jose::{Algorithm, Unverified, VerifyingKey, sign};
use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::tenant::{Signs, TenantNames};
use directory::{Change, Directory, Options, Reads, RootKey};
use keyporch_bench::cpu;
use keyporch_bench::tenancy::{self, APPLICATION, Laptop, SCOPE, SECRET};
use serde_json::{Map, Value, json};
use tenant::{Deployment, Memory, Reply, Section, View};
use trust::{Clock as _, DrawnAhead, SystemClock, SystemRng, Timestamp};
use wire::http::{Request, Response};

/// The server's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Slices of a measurement; the median of them is printed.
const SLICES: usize = 7;
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

struct World {
    directory: Directory,
    deployment: Deployment,
    memory: Memory,
    lockout: Lockout,
    rng: std::cell::RefCell<DrawnAhead<SystemRng>>,
    now: Timestamp,
    path: String,
    curve: Laptop,
    rsa: Laptop,
    /// What session keys are wrapped for.
    transport: PrivateKey,
}

/// Makes so many requests.
type Case = fn(&World, usize) -> Vec<Request>;
/// The work of a request that nobody can leave out.
type Floor = fn(&World) -> Box<dyn FnMut() + '_>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments
        .get(1)
        .map_or(1, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let cases: [(&str, usize, Case, Floor); 5] = [
        ("client", 7_000, clients, |world| world.sign_floor()),
        ("nonce", 7_000, nonces, |_| Box::new(|| {})),
        (
            "hello",
            1_400,
            |world, count| {
                world.sign_with(Signs::Es256);
                world.hello_requests(&world.curve, count)
            },
            |world| world.hello_floor(&world.curve),
        ),
        (
            "hello-rsa",
            1_400,
            |world, count| {
                world.sign_with(Signs::Rs256);
                world.hello_requests(&world.rsa, count)
            },
            |world| world.hello_floor(&world.rsa),
        ),
        ("renew", 1_400, renewals, |world| world.sign_floor()),
    ];
    let world = World::new();
    for (name, count, prepare, floor) in cases {
        if arguments.first().is_some_and(|only| only != name) {
            continue;
        }
        for _ in 0..rounds {
            let requests = prepare(&world, count);
            let micros = measure(&world, &requests);
            let least = measure_floor(&mut *floor(&world), count);
            let ratio = micros / least.max(0.01);
            println!("{name:10} {micros:8.2} us, floor {least:8.2} us, {ratio:6.2} x");
        }
    }
}

#[inline(never)]
fn measure(world: &World, requests: &[Request]) -> f64 {
    let mut slices = Vec::new();
    let mut good = 0;
    for slice in requests.chunks(requests.len().div_ceil(SLICES)) {
        let start = cpu::of_thread();
        let answers = slice.iter().map(|request| world.ask(request));
        good += answers.filter(|answer| answer.status == 200).count();
        slices.push((cpu::of_thread() - start) as f64 / slice.len() as f64 / 1e3);
    }
    assert_eq!(
        good,
        requests.len(),
        "each is answered with what it asks for"
    );
    cpu::median(slices)
}

#[inline(never)]
fn measure_floor(work: &mut dyn FnMut(), count: usize) -> f64 {
    let mut slices = Vec::new();
    for _ in 0..SLICES {
        let start = cpu::of_thread();
        (0..count / SLICES).for_each(|_| work());
        slices.push((cpu::of_thread() - start) as f64 / (count / SLICES) as f64 / 1e3);
    }
    cpu::median(slices)
}

fn clients(world: &World, count: usize) -> Vec<Request> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", APPLICATION),
        ("client_secret", SECRET),
        ("scope", SCOPE),
    ];
    let path = world.path.replace("oauth2/token", "oauth2/v2.0/token");
    vec![over_tls(Request::post_form(&path, form)); count]
}

fn nonces(world: &World, count: usize) -> Vec<Request> {
    let form = [("grant_type", "srv_challenge")];
    vec![over_tls(Request::post_form(&world.path, form)); count]
}

fn renewals(world: &World, count: usize) -> Vec<Request> {
    world.sign_with(Signs::Es256);
    let answer = world.ask(&world.hello_request(&world.curve));
    let answer: Value = answer.json_body().expect("an answer is json");
    let wrapped = answer["session_key_jwe"].as_str().expect("a session key");
    let opened = Encrypted::parse(wrapped)
        .and_then(|token| token.open_with(&world.transport))
        .expect("it is the device's");
    let request = || {
        let claims = json!({
            "scope": "openid ugs aza", "request_nonce": world.nonce(), "refresh_token": answer["refresh_token"],
            "grant_type": "refresh_token", "client_id": "38aa3b87-a06d-4817-b275-7a316988d93b",
        });
        let payload = claims.to_string().into_bytes();
        let header = object(json!({"ctx": Base64::encode_string(&[5; 24]), "kdf_ver": 2}));
        let key = crypto::kdf::conversation_key_2(&opened.content_key, &[5; 24], &payload);
        let token = crypto::jose::SymmetricKey::new(&key).sign(header, &payload);
        world.bearing(&token.expect("a token can be made"))
    };
    (0..count).map(|_| request()).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn over_tls(mut request: Request) -> Request {
    request.secure = true;
    request.host = "login.bench.test".to_owned();
    // The machine itself, which is not limited.
    request.peer = Some([127, 0, 0, 1].into());
    request
}

fn signed(key: &PrivateKey, header: Value, claims: &Value) -> String {
    let algorithm = Algorithm::default_for(key.public_key());
    let payload = claims.to_string().into_bytes();
    sign(key, algorithm, object(header), &payload).expect("a key signs")
}

impl World {
    fn new() -> Self {
        let mut rng = DrawnAhead::new(SystemRng);
        let now = SystemClock.now();
        let storage = Arc::new(directory::storage::Memory::new());
        let directory = Directory::open(
            storage,
            RootKey::new([1; 32]),
            Options::default(),
            Box::new(SystemRng),
        );
        let directory = directory.expect("an empty storage opens");
        let names = TenantNames {
            domain: "bench.test".into(),
            display_name: "Bench".into(),
        };
        let founded = directory::tenant::found(&directory, &names, now, &mut rng);
        let tenant = founded.expect("a tenant can be founded").head.0;
        let section = Section {
            login: "https://login.bench.test".into(),
            ..Section::default()
        };
        let transport = PrivateKey::generate(KeyKind::Rsa2048);
        let laptop = |owner: &str, kind, rng: &mut DrawnAhead<SystemRng>| {
            let transport = transport.public_key().clone();
            Laptop::new(owner.to_owned(), kind, transport, tenant, now, rng)
        };
        let world = Self {
            directory,
            deployment: Deployment::of(&section, [3; 32].into()).expect("a section that is right"),
            memory: Memory::new(&mut rng),
            lockout: Lockout::default(),
            now,
            path: format!("/{tenant}/oauth2/token"),
            curve: laptop("alice", KeyKind::P256, &mut rng),
            rsa: laptop("bob", KeyKind::Rsa2048, &mut rng),
            transport,
            rng: rng.into(),
        };
        let due = world.view(|view| tenant::tick(view, now, &mut *world.rng.borrow_mut()));
        world.commit(&due.expect("keys can be made"));
        world.fill();
        world
    }

    fn commit(&self, changes: &[Change]) {
        let committed = self.directory.commit(changes, &Reads::none(), self.now);
        committed.expect("what the bench writes can be written");
    }

    fn fill(&self) {
        let mut rng = self.rng.borrow_mut();
        let rng = &mut *rng;
        self.commit(&tenancy::application(self.now, rng));
        for laptop in [&self.curve, &self.rsa] {
            self.commit(&laptop.changes(&self.directory, self.now, rng));
        }
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

    /// As `serve` does it, without waiting for a disk.
    fn ask(&self, request: &Request) -> Response {
        let snapshot = self.directory.snapshot().expect("there is a tenant");
        let view = View {
            snapshot: &snapshot,
            deployment: &self.deployment,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: crypto::password::Cost::LEAST,
        };
        let answer = tenant::answer(request, &view, self.now, &mut *self.rng.borrow_mut());
        if !answer.changes.is_empty() {
            let reads = snapshot.into_reads();
            let committed = self.directory.commit(&answer.changes, &reads, self.now);
            committed.expect("nobody else writes");
        }
        match answer.reply {
            Reply::Now(response) => response,
            Reply::When { .. } => Response::empty(503),
        }
    }

    fn bearing(&self, token: &str) -> Request {
        let form = [("grant_type", JWT_BEARER), ("request", token)];
        over_tls(Request::post_form(&self.path, form))
    }

    fn nonce(&self) -> String {
        let form = [("grant_type", "srv_challenge")];
        let answer = self.ask(&over_tls(Request::post_form(&self.path, form)));
        let answer: Value = answer.json_body().expect("a nonce is json");
        answer["Nonce"].as_str().unwrap_or_default().to_owned()
    }

    fn hello_request(&self, laptop: &Laptop) -> Request {
        self.bearing(&self.hello_token(laptop))
    }

    fn hello_token(&self, laptop: &Laptop) -> String {
        let kid = crypto::digest::sha256(&laptop.hello.public_key().to_key_material());
        let now = self.now.unix();
        let upn = laptop.upn();
        let assertion = signed(
            &laptop.hello,
            json!({"use": "ngc", "kid": Base64::encode_string(&kid)}),
            &json!({"iss": upn, "aud": "common", "iat": now - 300, "exp": now + 300, "request_nonce": self.nonce()}),
        );
        signed(
            &laptop.device,
            json!({"typ": "JWT", "x5c": [Base64::encode_string(&laptop.certificate)]}),
            &json!({
                "client_id": "29d9ed98-a469-4536-ade2-f981bc1d605e", "request_nonce": self.nonce(),
                "scope": "openid aza ugs", "grant_type": JWT_BEARER, "username": upn, "assertion": assertion,
            }),
        )
    }

    fn hello_requests(&self, laptop: &Laptop, count: usize) -> Vec<Request> {
        (0..count).map(|_| self.hello_request(laptop)).collect()
    }

    /// What the id_token beside a primary refresh token is signed with from now on.
    fn sign_with(&self, algorithm: Signs) {
        let settings = directory::tenant::Settings {
            prt_id_token_alg: algorithm,
            ..Default::default()
        };
        let changes = directory::tenant::put_settings(&settings, &mut *self.rng.borrow_mut());
        self.commit(&changes);
    }

    /// One signature with ES256 over as much as a token has.
    fn sign_floor(&self) -> Box<dyn FnMut() + '_> {
        signing(&self.curve.device, SignatureAlgorithm::EcdsaSha256)
    }

    /// Two signatures verified, a key wrapped, a signature made.
    fn hello_floor<'w>(&'w self, laptop: &'w Laptop) -> Box<dyn FnMut() + 'w> {
        let token = self.hello_token(laptop);
        let payload = token.split('.').nth(1).unwrap_or_default();
        let payload = Base64UrlUnpadded::decode_vec(payload).unwrap_or_default();
        let payload: Value = serde_json::from_slice(&payload).unwrap_or_default();
        let assertion = payload["assertion"].as_str().unwrap_or_default().to_owned();
        let key = |key: &PublicKey| {
            VerifyingKey::new(key.clone(), Algorithm::default_for(key), None).expect("it suits")
        };
        let keys = [
            key(laptop.device.public_key()),
            key(laptop.hello.public_key()),
        ];
        let mut signs = match laptop.device.public_key() {
            PublicKey::Ec(_) => self.sign_floor(),
            _ => signing(&laptop.device, SignatureAlgorithm::RsaPkcs1Sha256),
        };
        Box::new(move || {
            for (token, key) in [&token, &assertion].into_iter().zip(&keys) {
                let verified = Unverified::parse(token).and_then(|token| token.verify(key));
                verified.expect("it was signed");
            }
            let wrapped = to_rsa(&laptop.transport, &[1; 32], &[2; 12], &[0]);
            wrapped.expect("a key can be wrapped");
            signs();
        })
    }
}

/// A signature over as much as a token has.
fn signing(key: &PrivateKey, algorithm: SignatureAlgorithm) -> Box<dyn FnMut() + '_> {
    let message = [7; 900];
    Box::new(move || {
        key.sign(algorithm, &message).expect("a key signs");
    })
}
