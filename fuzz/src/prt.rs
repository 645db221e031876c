//! Tokens around primary refresh tokens, as a device and its session key sign them; and JSON that is encrypted.
//!
//! ```text
//! device
//! {"alg":"ES256","typ":"JWT","x5c":["$certificate"]}
//! {"grant_type":"…","request_nonce":"$nonce","assertion":"$assertion"}
//! {"alg":"ES256","use":"ngc","kid":"$kid"}
//! {"iss":"alice@corp.example","aud":"common","iat":$from,"exp":$until,"request_nonce":"$inner"}
//! ```
//!
//! The first line says who signs, and where the token is sent; header and payload are the fuzzer's, byte for byte, with
//! what nobody could guess filled in. What is signed by nobody whom the tenant knows gets nothing.

use std::sync::LazyLock;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use crypto::jose::jwe::Encrypted;
use crypto::key::{Curve, KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer, ecdsa_to_fixed};
use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::tenant::TenantNames;
use directory::testing::{START, Seeded};
use directory::{Attribute, Change, Directory, EntryId, NewEntry, Origin, Reads, change};
use registration::testing;
use tenant::{Answer, Deployment, Memory, Reply, Section, View};
use wire::Guid;
use wire::http::{Method, Request, Response};
use wire::key_credential::KeyUsage;
use wire::x509::device::{DeviceExtensions, JoinType};

const PASSWORD: &str = "correct horse battery";

/// A tenant with one person on one device, who has a primary refresh token.
struct World {
    directory: Directory,
    deployment: Deployment,
    memory: Memory,
    lockout: Lockout,
    device: PrivateKey,
    hello: PrivateKey,
    certificate: Vec<u8>,
    kid: String,
    path: String,
    prt: String,
    session_key: [u8; 32],
    /// What the nonces of a request are drawn from.
    chances: [u64; 2],
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fn certificate(key: &PrivateKey, device: Guid, tenant: Guid) -> Vec<u8> {
    let says = DeviceExtensions {
        device: Some(device),
        tenant: Some(tenant),
        join_type: Some(JoinType::Joined),
        ..DeviceExtensions::default()
    };
    testing::certificate(key.public_key(), &says, START)
}

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
            login: "https://login.corp.example".into(),
            ..Section::default()
        };
        let common = [3; 32].into();
        let ec = || PrivateKey::generate(KeyKind::P256);
        let (device, hello) = (ec(), ec());
        let transport = PrivateKey::generate(KeyKind::Rsa2048);
        let id = Guid::from_random([9; 16]);
        let kid = crypto::digest::sha256(&hello.public_key().to_key_material());
        let mut world = Self {
            directory,
            deployment: Deployment::of(&section, common).expect("a section that is right"),
            memory: Memory::new(&mut rng),
            lockout: Lockout::default(),
            certificate: certificate(&device, id, tenant),
            kid: Base64::encode_string(&kid),
            path: format!("/{tenant}/oauth2/token"),
            device,
            hello,
            prt: String::new(),
            session_key: [0; 32],
            chances: [31, 32],
        };
        let due = world.view(|view| tenant::tick(view, START, &mut Seeded::new(8)));
        world.commit(&due.expect("keys can be made"));
        world.people(id, &transport, &mut rng);
        let request = world.hello_request();
        let mut answer = world.token(&request);
        world.commit(&core::mem::take(&mut answer.changes));
        let response = response(answer);
        assert_eq!(response.status, 200);
        let answer: serde_json::Value = response.json_body().expect("an answer is json");
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        world.prt = text("refresh_token");
        let wrapped = text("session_key_jwe");
        let opened = Encrypted::parse(&wrapped).and_then(|token| token.open_with(&transport));
        world.session_key = *opened.expect("it is the device's").content_key;
        // The first ones are used up.
        world.chances = [21, 22];
        world
    }

    fn commit(&self, changes: &[Change]) {
        let committed = self.directory.commit(changes, &Reads::none(), START);
        assert!(committed.is_ok());
    }

    fn people(&self, id: Guid, transport: &PrivateKey, rng: &mut Seeded) {
        let domain = self.directory.domain().expect("there is a tenant");
        let (person, entry) = (EntryId::random(rng), EntryId::random(rng));
        let history = PasswordHistory::empty();
        let cost = crypto::password::Cost::LEAST;
        let material = PasswordMaterial::hash_only(PASSWORD, &history, 0, cost, rng);
        let alice = NewEntry::user(person, domain.users, "alice", "alice")
            .with(Attribute::UserPrincipalName, "alice@corp.example")
            .with_password(material, false);
        let key = self.device.public_key();
        let laptop = testing::device(entry, domain.devices, id, "laptop", &self.certificate, key);
        let value =
            |key: &PrivateKey, usage| testing::key_value(key.public_key(), usage, id, START);
        let registered = Origin::Registration;
        self.commit(&[
            alice.into(),
            laptop.into(),
            change::add_key_credential(entry, value(transport, KeyUsage::Stk), registered),
            change::add_key_credential(person, value(&self.hello, KeyUsage::Ngc), registered),
        ]);
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

    fn ask(&self, mut request: Request, chance: u64) -> Answer {
        request.secure = true;
        request.host = "login.corp.example".to_owned();
        // The machine itself, which is not limited.
        request.peer = Some([127, 0, 0, 1].into());
        self.view(|view| tenant::answer(&request, view, START, &mut Seeded::new(chance)))
    }

    fn token(&self, request: &str) -> Answer {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("request", request),
        ];
        self.ask(Request::post_form(&self.path, form), 11)
    }

    fn nonce(&self, chance: u64) -> String {
        let form = [("grant_type", "srv_challenge")];
        let answer = self.ask(Request::post_form(&self.path, form), chance);
        let answer: serde_json::Value = response(answer).json_body().expect("a nonce is json");
        answer["Nonce"]
            .as_str()
            .expect("a nonce is text")
            .to_owned()
    }

    /// The bytes with what nobody could guess.
    fn filled(&self, text: &str, assertion: &str) -> String {
        let mut text = text.replace("$assertion", assertion);
        for (name, value) in [
            ("$nonce", &self.nonce(self.chances[0])),
            ("$inner", &self.nonce(self.chances[1])),
            ("$certificate", &Base64::encode_string(&self.certificate)),
            ("$kid", &self.kid),
            ("$prt", &self.prt),
            ("$from", &(START.unix() - 300).to_string()),
            ("$until", &(START.unix() + 300).to_string()),
        ] {
            text = text.replace(name, value);
        }
        text
    }

    fn hello_request(&self) -> String {
        let assertion = signed(
            &self.hello,
            &self.filled(r#"{"alg":"ES256","use":"ngc","kid":"$kid"}"#, ""),
            &self.filled(
                r#"{"iss":"alice@corp.example","aud":"common","iat":$from,"exp":$until,"request_nonce":"$inner"}"#,
                "",
            ),
        );
        signed(
            &self.device,
            &self.filled(r#"{"alg":"ES256","x5c":["$certificate"]}"#, ""),
            &self.filled(
                r#"{"grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer","scope":"openid aza","client_id":"29d9ed98-a469-4536-ade2-f981bc1d605e","request_nonce":"$nonce","assertion":"$assertion"}"#,
                &assertion,
            ),
        )
    }
}

fn encoded(text: &str) -> String {
    Base64UrlUnpadded::encode_string(text.as_bytes())
}

fn signed(key: &PrivateKey, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", encoded(header), encoded(payload));
    let signature = key
        .sign(SignatureAlgorithm::EcdsaSha256, input.as_bytes())
        .ok()
        .and_then(|signature| ecdsa_to_fixed(Curve::P256, &signature))
        .expect("a key signs");
    format!("{input}.{}", Base64UrlUnpadded::encode_string(&signature))
}

fn under(key: &[u8; 32], version: &str, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", encoded(header), encoded(payload));
    // The context that the header names, where that can be read as this reads it.
    let named: Option<serde_json::Value> = serde_json::from_str(header).ok();
    let context = named.as_ref().and_then(|header| header["ctx"].as_str());
    let context = context.and_then(|context| Base64::decode_vec(context).ok());
    let context = context.unwrap_or_default();
    let key = match version {
        "2" => crypto::kdf::conversation_key_2(key, &context, payload.as_bytes()),
        _ => crypto::kdf::conversation_key(key, &context),
    };
    let tag = crypto::mac::hmac_sha256(&*key, input.as_bytes());
    format!("{input}.{}", Base64UrlUnpadded::encode_string(&tag))
}

fn response(answer: Answer) -> Response {
    assert_eq!(answer.fault, None);
    match answer.reply {
        Reply::Now(response) => response,
        Reply::When { .. } => panic!("nothing here waits"),
    }
}

/// One token, sent to where its first line says.
pub(crate) fn prt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        status(text);
    }
}

/// The status of the answer, which is as it must be.
fn status(text: &str) -> u16 {
    let world = &*WORLD;
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (first, header, payload, inner_header, inner) = (line(), line(), line(), line(), line());
    let (who, place) = first.split_once(' ').unwrap_or((first, "token"));
    let stranger = PrivateKey::from_pem(STRANGER).expect("a key that is written here");
    let signer = |known: &'static PrivateKey| match who.starts_with("stranger") {
        true => stranger.clone(),
        false => known.clone(),
    };
    let assertion = signed(
        &signer(&world.hello),
        &world.filled(inner_header, ""),
        &world.filled(inner, ""),
    );
    let header = world.filled(header, "");
    let payload = world.filled(payload, &assertion);
    let session_key = match who.starts_with("stranger") {
        true => [1; 32],
        false => world.session_key,
    };
    let token = match who {
        "device" | "stranger" => signed(&signer(&world.device), &header, &payload),
        "session" | "stranger-session" => under(&session_key, "1", &header, &payload),
        "session2" | "stranger-session2" => under(&session_key, "2", &header, &payload),
        _ => format!("{header}.{payload}"),
    };
    let known = matches!(who, "device" | "session" | "session2");
    let answer = match place {
        "token" => world.token(&token),
        "sid" => {
            let mut request = Request::post_form(
                &world.path.replace("oauth2/token", "sidtoname"),
                [("signedRequest", &token)],
            );
            request.method = Method::Get;
            world.ask(request, 11)
        }
        header => world.ask(authorize(world, header, &token), 11),
    };
    if !known {
        assert!(answer.changes.is_empty(), "a stranger changed something");
    }
    let refused = answer.refused.is_some();
    let response = response(answer);
    if matches!(place, "token" | "sid") {
        assert!(known || response.status >= 400, "a stranger got something");
        assert_eq!(response.status >= 400, refused);
    }
    let location = response.headers.get("Location").unwrap_or_default();
    assert!(
        known || !location.contains("code="),
        "a stranger got a code"
    );
    assert!(response.status < 500);
    response.status
}

fn authorize(world: &World, header: &str, token: &str) -> Request {
    let target = "authorize?client_id=29d9ed98-a469-4536-ade2-f981bc1d605e&response_type=code&\
                  redirect_uri=ms-aadj-redir%3A%2F%2Fauth%2Fdrs&resource=https%3A%2F%2Fgraph.microsoft.com";
    let request = Request::get(&world.path.replace("token", target));
    let plain: String = token.chars().filter(char::is_ascii_graphic).collect();
    let name = "x-ms-RefreshTokenCredential";
    match header {
        "cookie" => request.with_header("Cookie", &format!("{name}={plain}")),
        "both" => request
            .with_header(name, &plain)
            .with_header("x-ms-DeviceCredential", &plain),
        _ => request.with_header(name, &plain),
    }
}

/// A key that nobody in the world has.
const STRANGER: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAvB2LjZDUK/e5M6Z
yNmYYy9QOeSzhIm4cC1CpmvMmi2hRANCAARolP3WpUdyAmxlRpJbypHdze0sDnWB
dVy+Ii1n9Pv6Yoszcoh7/4VMi33TydhMPV+wkb8a14bO4+6fJcow4EOw
-----END PRIVATE KEY-----
";

/// Anything as a token that is encrypted: taken apart, opened by who has no key to it.
pub(crate) fn jwe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(token) = Encrypted::parse(text) else {
        return;
    };
    let _ = token.wrapped_key();
    let _ = token.text("ctx");
    let opened = token.open_direct(&[0; 32]);
    // CBC has no tag, so what is made up may open; what says to be GCM does not.
    let parts: Vec<&str> = text.split('.').collect();
    assert!(parts[4].is_empty() || opened.is_err() || parts[2].len() == 16);
}

#[cfg(test)]
mod tests {
    use super::status;

    /// A target that only ever refuses tries nothing.
    #[test]
    fn seeds_come_as_far_as_they_are_meant_to() {
        for (seed, reaches) in [
            (include_str!("../corpus/prt/hello"), 200),
            (include_str!("../corpus/prt/hello-as-text"), 200),
            (include_str!("../corpus/prt/password"), 200),
            (include_str!("../corpus/prt/renewal"), 200),
            (include_str!("../corpus/prt/renewal-2"), 200),
            (include_str!("../corpus/prt/access"), 200),
            (include_str!("../corpus/prt/header"), 302),
            (include_str!("../corpus/prt/cookie"), 302),
            (include_str!("../corpus/prt/stranger"), 400),
            (include_str!("../corpus/prt/stranger-renewal"), 400),
            (include_str!("../corpus/prt/none"), 400),
        ] {
            assert_eq!(status(seed), reaches, "{seed}");
        }
    }
}
