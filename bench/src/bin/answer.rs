//! The KDC without its sockets: what one answer costs, for profilers and for a look before and after a change.
//!
//! `cargo run --release -p keyporch-bench --bin answer [CASE [ROUNDS]]` builds requests, answers them in the main thread
//! and prints CPU time per answer, the median of slices, for each case or the one that is named. Every
//! reply is opened by the client that asked. Run under `perf record` or `valgrind --tool=callgrind` with
//! the name of a case; building the requests then shows up under `prepare`, what is measured under `measure`.

use std::sync::Arc;

use crypto::etype::{Etype, Key};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::account::user_salt;
use directory::lockout::Lockout;
use directory::{Bootstrap, Directory, Options, RootKey, bootstrap};
use kdc::{Identity, Memory, Realm, Transport, View};
use keyporch_bench::{cpu, population};
use ticket::client::{Credential, Granting, Handled, Initial, KdcTrust, Secret, Wish};
use trust::{Clock as _, DrawnAhead, Span, SystemClock, SystemRng, Timestamp};
use wire::kerberos::PrincipalName;
use wire::x509::{
    BasicConstraints, Certificate, Extension, GeneralName, KerberosName, Name, TbsCertificate, oid,
};

const REALM: &str = "BENCH.TEST";
const PEOPLE: usize = 1_000;

/// Slices of a measurement; the median of them is printed.
const SLICES: usize = 7;

struct World {
    password_key: Key,
    directory: Directory,
    realm: Realm,
    identities: Vec<Identity>,
    lockout: Lockout,
    memory: Memory,
    now: Timestamp,
    rsa: Client,
    ec: Client,
    trust: KdcTrust,
    _folder: tempfile::TempDir,
}

/// A key that `user0` signs in with.
struct Client {
    key: PrivateKey,
    certificate: Vec<u8>,
}

/// A request, and who understands the answer.
struct Asked<'w> {
    message: Vec<u8>,
    waiting: Waiting<'w>,
}

enum Waiting<'w> {
    Initial(Box<Initial<'w>>),
    Granting(Box<Granting>),
}

/// Makes so many requests, each with what waits for its answer.
type Case = fn(&World, usize) -> Vec<Asked<'_>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments
        .get(1)
        .map_or(1, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let cases: [(&str, usize, Case); 4] = [
        ("as", 4_000, passwords),
        ("tgs", 4_000, services),
        ("pkinit", 400, |world, count| keys(world, &world.rsa, count)),
        ("p256", 2_000, |world, count| keys(world, &world.ec, count)),
    ];
    let world = World::new();
    for (name, count, prepare) in cases {
        if arguments.first().is_some_and(|only| only != name) {
            continue;
        }
        for _ in 0..rounds {
            let asked = prepare(&world, count);
            let (micros, length) = measure(&world, asked);
            println!("{name:8} {micros:8.2} us, {length} bytes");
        }
    }
}

#[inline(never)]
fn measure(world: &World, asked: Vec<Asked<'_>>) -> (f64, usize) {
    let mut slices = Vec::new();
    let mut replies = Vec::with_capacity(asked.len());
    let size = asked.len().div_ceil(SLICES);
    for slice in asked.chunks(size) {
        let start = cpu::of_thread();
        for one in slice {
            replies.push(world.send(&one.message));
        }
        slices.push((cpu::of_thread() - start) as f64 / slice.len() as f64 / 1e3);
    }
    let length = replies.first().map_or(0, |reply| reply.len());
    for (one, reply) in asked.into_iter().zip(replies) {
        one.check(&reply, world.now);
    }
    (cpu::median(slices), length)
}

#[inline(never)]
fn passwords(world: &World, count: usize) -> Vec<Asked<'_>> {
    // Everybody's key is the same: deriving it each time would take longer than what is measured.
    (0..count)
        .map(|number| world.initial(number * 7_919 % PEOPLE, Secret::Key(&world.password_key)))
        .collect()
}

#[inline(never)]
fn keys<'w>(world: &'w World, client: &'w Client, count: usize) -> Vec<Asked<'w>> {
    (0..count)
        .map(|_| {
            world.initial(
                0,
                Secret::KeyPair {
                    signer: &client.key,
                    certificate: &client.certificate,
                    trust: &world.trust,
                },
            )
        })
        .collect()
}

#[inline(never)]
fn services(world: &World, count: usize) -> Vec<Asked<'_>> {
    let tickets: Vec<Credential> = (0..64)
        .map(|number| {
            let asked = world.initial(number, Secret::Password(population::PASSWORD));
            let reply = world.send(&asked.message);
            asked.check(&reply, world.now)
        })
        .collect();
    let wish = Wish::service(PrincipalName::service("host", "svc.bench.test"));
    (0..count)
        .map(|number| {
            let ticket = &tickets[number % tickets.len()];
            let (waiting, message) = Granting::start(ticket, &wish, world.now, &mut SystemRng);
            Asked {
                message,
                waiting: Waiting::Granting(Box::new(waiting)),
            }
        })
        .collect()
}

impl Asked<'_> {
    fn check(self, reply: &[u8], now: Timestamp) -> Credential {
        match self.waiting {
            Waiting::Granting(waiting) => waiting.handle(reply).expect("a ticket"),
            Waiting::Initial(waiting) => {
                match waiting
                    .handle(reply, now, &mut SystemRng)
                    .expect("a ticket")
                {
                    Handled::Done(credential) => *credential,
                    Handled::Send(..) => panic!("the KDC asked for more"),
                }
            }
        }
    }
}

impl World {
    fn new() -> Self {
        let now = SystemClock.now();
        let folder = tempfile::tempdir().expect("there is room for a temporary folder");
        let file = folder.path().join("directory.db");
        let storage = store::Sqlite::open(&file, Arc::new(SystemClock), &store::Options::default());
        let directory = Directory::open(
            Arc::new(storage.expect("the store opens")),
            RootKey::new([7; 32]),
            Options::default(),
            Box::new(SystemRng),
        )
        .expect("the directory opens");
        let names = Bootstrap::of(population::DOMAIN);
        bootstrap(&directory, &names, now, &mut SystemRng).expect("a domain");
        population::add(&directory, PEOPLE, now, &mut SystemRng);
        let client = |kind| {
            let key = PrivateKey::generate(kind);
            population::list_key(&directory, "user0", key.public_key(), now);
            Client {
                certificate: certificate(now, "user0", &key, "user0", &key, &[]),
                key,
            }
        };
        let rsa = client(KeyKind::Rsa2048);
        let ec = client(KeyKind::P256);
        let root = PrivateKey::generate(KeyKind::P256);
        let ca = [Extension::basic_constraints(BasicConstraints {
            ca: true,
            path_length: None,
        })];
        let anchor = self::certificate(now, "Root", &root, "Root", &root, &ca);
        let identities = [KeyKind::Rsa2048, KeyKind::P256];
        let identities = identities.map(|kind| identity(now, kind, &root, &anchor));
        let salt = user_salt(REALM, "user0");
        let password = population::PASSWORD.as_bytes();
        let password_key = Key::from_password(Etype::ALL[0], password, salt.as_bytes(), None);
        Self {
            password_key: password_key.expect("a password gives a key"),
            directory,
            realm: Realm::new(REALM, "DC1"),
            identities: identities.into(),
            lockout: Lockout::default(),
            memory: Memory::new(Span::minutes(5), &mut SystemRng),
            now,
            rsa,
            ec,
            trust: KdcTrust {
                anchors: vec![anchor],
                domain: None,
                revocation_lists: Vec::new(),
            },
            _folder: folder,
        }
    }

    fn send(&self, message: &[u8]) -> Arc<[u8]> {
        let view = View {
            directory: self.directory.snapshot().expect("a snapshot"),
            realm: &self.realm,
            identities: &self.identities,
            issuers: &[],
            lockout: &self.lockout,
            memory: &self.memory,
        };
        let answer = kdc::answer(
            message,
            None,
            Transport::Stream,
            &view,
            self.now,
            &mut DrawnAhead::new(SystemRng),
        );
        assert!(view.directory.into_reads().are_consistent());
        answer.remember(&self.memory, self.now);
        answer.reply.expect("an answer")
    }

    /// The second request of an exchange: the first one has been told what the KDC wants.
    fn initial<'w>(&'w self, number: usize, secret: Secret<'w>) -> Asked<'w> {
        let name = PrincipalName::principal(&format!("user{number}"));
        let wish = Wish::ticket_granting(REALM);
        let (exchange, message) = Initial::start(
            name,
            self.realm.name.clone(),
            wish,
            secret,
            self.now,
            &mut SystemRng,
        );
        let told = self.send(&message);
        match exchange
            .handle(&told, self.now, &mut SystemRng)
            .expect("a hint")
        {
            Handled::Send(waiting, message) => Asked {
                message,
                waiting: Waiting::Initial(waiting),
            },
            Handled::Done(_) => panic!("a ticket without proof"),
        }
    }
}

fn identity(now: Timestamp, kind: KeyKind, root: &PrivateKey, anchor: &[u8]) -> Identity {
    let key = PrivateKey::generate(kind);
    let extensions = [
        Extension::extended_key_usage(&[oid::PKINIT_KDC], false),
        Extension::subject_alternative_name(
            &[GeneralName::Kerberos(KerberosName::kdc(REALM))],
            false,
        ),
    ];
    let leaf = certificate(now, "dc1", &key, "Root", root, &extensions);
    let parse = |der: &[u8]| Certificate::parse(der).expect("a certificate");
    Identity::new(
        parse(&leaf),
        vec![parse(anchor)],
        Arc::new(key) as Arc<dyn Signer>,
    )
    .expect("a KDC's certificate")
}

fn certificate(
    now: Timestamp,
    subject: &str,
    key: &PrivateKey,
    issuer: &str,
    signer: &PrivateKey,
    extensions: &[Extension],
) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let identifier = algorithm.identifier_der();
    let tbs = TbsCertificate {
        serial: &[7],
        signature_algorithm: &identifier,
        issuer: &Name::common(issuer),
        not_before: now.unix() - 86_400,
        not_after: now.unix() + 86_400 * 365,
        subject: &Name::common(subject),
        spki: &key.public_key().to_spki_der(),
        extensions,
    }
    .encode();
    let signature = signer.sign(algorithm, &tbs).expect("a signature");
    wire::x509::assemble(&tbs, &identifier, &signature)
}
