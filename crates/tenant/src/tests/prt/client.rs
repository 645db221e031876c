//! A device's side of the exchanges, as known clients write them (protocols A.7, A.10, A.12).

use base64ct::{Base64, Encoding};
use crypto::jose::jwe::Encrypted;
use crypto::jose::{Algorithm, SymmetricKey, sign};
use crypto::kdf::{conversation_key, conversation_key_2};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use serde_json::{Map, Value, json};
use wire::http::{Method, Request, Response};

use crate::tests::world::{Device, World, bcrypt_blob, json};

pub(in crate::tests) const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
pub(in crate::tests) const SIGN_IN: &str = "38aa3b87-a06d-4817-b275-7a316988d93b";
pub(in crate::tests) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A device of somebody with a Hello key in it.
pub(in crate::tests) struct Laptop {
    pub(in crate::tests) device: Device,
    pub(in crate::tests) hello: PrivateKey,
    pub(in crate::tests) owner: String,
}

/// What a device holds of a primary refresh token.
pub(in crate::tests) struct Prt {
    pub(in crate::tests) text: String,
    pub(in crate::tests) session_key: [u8; 32],
    pub(in crate::tests) answer: Value,
}

/// Both tokens of a request with a Hello key, before they are signed.
pub(in crate::tests) struct Asking {
    pub(in crate::tests) key: PrivateKey,
    pub(in crate::tests) header: Map<String, Value>,
    pub(in crate::tests) claims: Map<String, Value>,
    pub(in crate::tests) hello: PrivateKey,
    pub(in crate::tests) assertion_header: Map<String, Value>,
    pub(in crate::tests) assertion: Map<String, Value>,
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A token that this key signed with its own algorithm.
pub(in crate::tests) fn signed(
    key: &PrivateKey,
    header: &Map<String, Value>,
    claims: &Value,
) -> String {
    let algorithm = Algorithm::default_for(key.public_key());
    let payload = serde_json::to_vec(claims).unwrap();
    sign(key, algorithm, header.clone(), &payload).unwrap()
}

/// The header by which a device says who it is: one certificate in a list.
pub(in crate::tests) fn header_of(device: &Device) -> Map<String, Value> {
    let certificate = Base64::encode_string(&device.certificate);
    let kid = device.key.public_key().fingerprint().to_string();
    object(json!({"typ": "JWT", "kid": kid, "x5c": [certificate]}))
}

impl World {
    /// A nonce, as known clients ask for one: without a Content-Type.
    pub(in crate::tests) fn nonce(&mut self) -> String {
        let path = self.path("oauth2/token");
        self.nonce_at(&path)
    }

    pub(in crate::tests) fn nonce_at(&mut self, path: &str) -> String {
        let mut request = Request::new(Method::Post, path);
        request.body = b"grant_type=srv_challenge".to_vec();
        let answer = self.send(request);
        assert_eq!(answer.status, 200);
        json(&answer)["Nonce"].as_str().unwrap().to_owned()
    }

    /// Alice's laptop with keys of this kind.
    pub(in crate::tests) fn laptop(&mut self, kind: KeyKind) -> Laptop {
        self.laptop_of("alice", kind)
    }

    pub(in crate::tests) fn laptop_of(&mut self, owner: &str, kind: KeyKind) -> Laptop {
        let device = self.device(owner, kind);
        let hello = self.hello_key(owner, &device, kind);
        let owner = self.upn(owner);
        Laptop {
            device,
            hello,
            owner,
        }
    }

    /// Posts a request to the token endpoint.
    pub(in crate::tests) fn post(&mut self, request: &str) -> Response {
        self.token(&[
            ("windows_api_version", "2.0"),
            ("grant_type", JWT_BEARER),
            ("request", request),
            ("client_info", "1"),
            ("tgt", "true"),
        ])
    }

    /// Asks for a primary refresh token by the Hello key; `edit` is what is different this time.
    pub(in crate::tests) fn by_hello(
        &mut self,
        laptop: &Laptop,
        edit: impl FnOnce(&mut Asking),
    ) -> Response {
        let request = self.hello_request(laptop, edit);
        self.post(&request)
    }

    /// The request that [`World::by_hello`] sends.
    pub(in crate::tests) fn hello_request(
        &mut self,
        laptop: &Laptop,
        edit: impl FnOnce(&mut Asking),
    ) -> String {
        let (inner, outer) = (self.nonce(), self.nonce());
        let kid = crypto::digest::sha256(&bcrypt_blob(&laptop.hello));
        let now = self.now.unix();
        let mut asking = Asking {
            key: laptop.device.key.clone(),
            header: header_of(&laptop.device),
            claims: object(json!({
                "client_id": BROKER, "request_nonce": outer, "scope": "openid aza ugs", "win_ver": "12",
                "grant_type": JWT_BEARER, "username": laptop.owner,
            })),
            hello: laptop.hello.clone(),
            assertion_header: object(
                json!({"typ": "JWT", "kid": Base64::encode_string(&kid), "use": "ngc"}),
            ),
            assertion: object(json!({
                "iss": laptop.owner, "aud": "common", "iat": now - 300, "exp": now + 300,
                "scope": "openid aza ugs", "request_nonce": inner,
            })),
        };
        edit(&mut asking);
        let assertion = signed(
            &asking.hello,
            &asking.assertion_header,
            &Value::Object(asking.assertion),
        );
        asking.claims.entry("assertion").or_insert(assertion.into());
        signed(&asking.key, &asking.header, &Value::Object(asking.claims))
    }

    /// A primary refresh token by the Hello key.
    pub(in crate::tests) fn prt(&mut self, laptop: &Laptop) -> Prt {
        let answer = self.by_hello(laptop, |_| {});
        assert_eq!(answer.status, 200, "{}", crate::tests::world::text(&answer));
        opened(&laptop.device, json(&answer))
    }

    /// What is asked for with a session key, of this kind of keys.
    pub(in crate::tests) fn by_session_key(
        &mut self,
        prt: &Prt,
        second: bool,
        claims: &Value,
    ) -> Response {
        let context: [u8; 32] = self.rng_bytes();
        let token = under(&prt.session_key, &context, second, claims);
        self.post(&token)
    }

    /// The claims of a renewal.
    pub(in crate::tests) fn renewal(&mut self, prt: &Prt) -> Value {
        let nonce = self.nonce();
        json!({
            "win_ver": "12", "scope": "openid ugs aza", "resource": null, "request_nonce": nonce,
            "refresh_token": prt.text, "iss": "aad:brokerplugin", "grant_type": "refresh_token",
            "client_id": SIGN_IN, "aud": "login.microsoftonline.com",
        })
    }

    /// Renews, and gives what follows.
    pub(in crate::tests) fn renew(&mut self, prt: &Prt) -> Prt {
        let claims = self.renewal(prt);
        let answer = self.by_session_key(prt, false, &claims);
        assert_eq!(answer.status, 200, "{}", crate::tests::world::text(&answer));
        let answer = decrypted(&prt.session_key, &crate::tests::world::text(&answer));
        Prt {
            text: answer["refresh_token"].as_str().unwrap().to_owned(),
            session_key: prt.session_key,
            answer,
        }
    }

    /// Whether a primary refresh token still opens something: the number of the refusal, 0 where it does.
    pub(in crate::tests) fn number_of(&mut self, prt: &Prt) -> u64 {
        let claims = self.renewal(prt);
        let answer = self.by_session_key(prt, false, &claims);
        match answer.status {
            200 => 0,
            _ => crate::tests::world::code(&answer),
        }
    }

    fn rng_bytes<const N: usize>(&mut self) -> [u8; N] {
        use trust::Rng;
        let rng: &mut dyn Rng = &mut self.rng;
        rng.bytes()
    }
}

/// What a device makes of an answer.
pub(in crate::tests) fn opened(device: &Device, answer: Value) -> Prt {
    let wrapped = answer["session_key_jwe"].as_str().unwrap();
    let opened = Encrypted::parse(wrapped)
        .unwrap()
        .open_with(&device.transport);
    Prt {
        text: answer["refresh_token"].as_str().unwrap().to_owned(),
        session_key: *opened.unwrap().content_key,
        answer,
    }
}

/// A token under a key of a session key.
pub(in crate::tests) fn under(
    key: &[u8; 32],
    context: &[u8],
    second: bool,
    claims: &Value,
) -> String {
    let payload = serde_json::to_vec(claims).unwrap();
    let mut header =
        object(json!({"typ": "JWT", "ctx": Base64::encode_string(context), "kid": "0a1b2c3d4e5f"}));
    let key = match second {
        true => {
            header.insert("kdf_ver".into(), 2.into());
            conversation_key_2(key, context, &payload)
        }
        false => conversation_key(key, context),
    };
    SymmetricKey::new(&key).sign(header, &payload).unwrap()
}

/// What an encrypted answer says.
pub(in crate::tests) fn decrypted(key: &[u8; 32], token: &str) -> Value {
    let token = Encrypted::parse(token).unwrap();
    let context = Base64::decode_vec(token.text("ctx").unwrap()).unwrap();
    let content = token.open_direct(&conversation_key(key, &context)).unwrap();
    serde_json::from_slice(&content).unwrap()
}
