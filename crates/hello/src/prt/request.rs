//! What a device asks the tenant with: signed by the device's own key where there is no session key yet (protocols A.7), and
//! by a key that the session key derives afterwards (A.10, A.11).

use base64ct::{Base64, Encoding};
use crypto::digest::sha256;
use crypto::jose::{Algorithm, SymmetricKey, sign};
use crypto::kdf::conversation_key_2;
use crypto::signature::Signer;
use serde_json::{Map, Value, json};
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::device::key_blob;
use crate::prt::Prt;

/// The authentication broker, the client that device requests are made as (protocols A.3.3).
pub const BROKER_CLIENT: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";

/// The sign-in of the operating system, the client that renews (protocols A.10.1).
const SIGN_IN_CLIENT: &str = "38aa3b87-a06d-4817-b275-7a316988d93b";

/// What a signed request is to the token endpoint (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What is wanted: an ID token, a primary refresh token, and who the person is (protocols A.7.3).
const SCOPE: &str = "openid aza ugs";

/// The version of the exchange (protocols A.7.1).
const API_VERSION: &str = "2.2";

/// Whom a request under a session key is for and from: fixed words of the protocol (A.10.1).
const AUDIENCE: &str = "login.microsoftonline.com";
const BROKER: &str = "aad:brokerplugin";

/// How far the clocks of device and tenant may be apart, each way (protocols A.12).
const SKEW: Span = Span::minutes(5);

/// Random bytes of a key's context (protocols A.9).
const CONTEXT: usize = 24;

/// A key of the device did not sign, or what was to be signed is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a key of this device does not sign the request to the tenant")]
pub struct NotSigned;

/// What shows an authorization endpoint who asks from which device: the values of two header fields (protocols A.11.1).
pub struct Credentials {
    /// `x-ms-RefreshTokenCredential`.
    pub refresh_token: Zeroizing<String>,
    /// `x-ms-DeviceCredential`.
    pub device: Zeroizing<String>,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Credentials")
    }
}

/// The device's own key with its certificate.
pub(crate) struct DeviceSigner<'a> {
    pub(crate) signer: &'a dyn Signer,
    pub(crate) certificate: &'a [u8],
}

impl DeviceSigner<'_> {
    /// Protocols A.7.2.
    fn sign(&self, payload: &Value) -> Result<Zeroizing<String>, NotSigned> {
        let key = self.signer.public_key();
        let mut header = Map::new();
        header.insert("typ".to_owned(), "JWT".into());
        header.insert("kid".to_owned(), hex(&sha256(&key.to_spki_der())).into());
        let certificate = Base64::encode_string(self.certificate);
        header.insert("x5c".to_owned(), json!([certificate]));
        signed(self.signer, header, payload)
    }

    /// The request by the refresh token of a sign-in (protocols A.7.3).
    pub(crate) fn request(&self, payload: &Value) -> Result<Zeroizing<String>, NotSigned> {
        self.sign(payload)
    }

    /// The proof of the device at the authorization endpoint, with the nonce of the other (protocols A.11.1).
    pub(crate) fn credential(&self, nonce: &str) -> Result<Zeroizing<String>, NotSigned> {
        self.sign(&json!({
            "grant_type": "device_auth",
            "iss": BROKER,
            "request_nonce": nonce,
        }))
    }
}

/// The form of a signed request.
pub(crate) fn form(request: &str) -> [(&'static str, &str); 4] {
    [
        ("windows_api_version", API_VERSION),
        ("grant_type", JWT_BEARER),
        ("request", request),
        ("client_info", "1"),
    ]
}

/// What a device asks with the refresh token of a sign-in.
pub(crate) fn by_refresh_token(nonce: &str, refresh_token: &str) -> Value {
    json!({
        "client_id": BROKER_CLIENT,
        "request_nonce": nonce,
        "scope": SCOPE,
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
    })
}

/// What a device asks with the assertion of a user key.
pub(crate) fn by_assertion(nonce: &str, upn: &str, assertion: &str) -> Value {
    json!({
        "client_id": BROKER_CLIENT,
        "request_nonce": nonce,
        "scope": SCOPE,
        "grant_type": JWT_BEARER,
        "username": upn,
        "assertion": assertion,
    })
}

/// A person's user key says, with a nonce of its own, that the person is here (protocols A.12).
pub(crate) fn assertion(
    key: &dyn Signer,
    upn: &str,
    tenant: Guid,
    nonce: &str,
    now: Timestamp,
) -> Result<Zeroizing<String>, NotSigned> {
    let blob = key_blob(key.public_key()).ok_or(NotSigned)?;
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    let kid = Base64::encode_string(&sha256(&blob));
    header.insert("kid".to_owned(), kid.into());
    header.insert("use".to_owned(), "ngc".into());
    let payload = json!({
        "iss": upn,
        "aud": tenant.to_string(),
        "iat": (now - SKEW).unix(),
        "exp": (now + SKEW).unix(),
        "scope": SCOPE,
        "request_nonce": nonce,
    });
    signed(key, header, &payload)
}

/// A request to renew a token (protocols A.10.1, left).
pub(crate) fn renewal(
    prt: &Prt,
    nonce: &str,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Zeroizing<String>, NotSigned> {
    let payload = json!({
        "scope": SCOPE,
        "request_nonce": nonce,
        "refresh_token": prt.token(),
        "iss": BROKER,
        "aud": AUDIENCE,
        "iat": (now - SKEW).unix(),
        "exp": (now + SKEW).unix(),
        "grant_type": "refresh_token",
        "client_id": SIGN_IN_CLIENT,
    });
    under_session_key(prt, &payload, rng)
}

/// A request for an access token (protocols A.10.1, right).
pub(crate) fn for_token(
    prt: &Prt,
    client: &str,
    resource: &str,
    scope: &str,
    nonce: &str,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Zeroizing<String>, NotSigned> {
    let payload = json!({
        "scope": scope,
        "resource": resource,
        "request_nonce": nonce,
        "refresh_token": prt.token(),
        "iss": BROKER,
        "aud": AUDIENCE,
        "iat": (now - SKEW).unix(),
        "exp": (now + SKEW).unix(),
        "grant_type": "refresh_token",
        "client_id": client,
    });
    under_session_key(prt, &payload, rng)
}

impl Prt {
    /// The proof of the person at the authorization endpoint (protocols A.11.1).
    pub(crate) fn credential(
        &self,
        nonce: &str,
        rng: &mut dyn Rng,
    ) -> Result<Zeroizing<String>, NotSigned> {
        let payload = json!({
            "refresh_token": self.token(),
            "is_primary": "true",
            "request_nonce": nonce,
        });
        under_session_key(self, &payload, rng)
    }
}

/// HS256 under a key of this one message: version 2 of the derivation, which binds it to what is signed (protocols A.9).
fn under_session_key(
    prt: &Prt,
    payload: &Value,
    rng: &mut dyn Rng,
) -> Result<Zeroizing<String>, NotSigned> {
    let context: [u8; CONTEXT] = rng.bytes();
    let payload = bytes(payload)?;
    let key = conversation_key_2(&*prt.session_key()?, &context, &payload);
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    header.insert("ctx".to_owned(), Base64::encode_string(&context).into());
    header.insert("kdf_ver".to_owned(), 2.into());
    SymmetricKey::new(&key)
        .sign(header, &payload)
        .map(Zeroizing::new)
        .map_err(|_| NotSigned)
}

fn signed(
    signer: &dyn Signer,
    header: Map<String, Value>,
    payload: &Value,
) -> Result<Zeroizing<String>, NotSigned> {
    let algorithm = Algorithm::default_for(signer.public_key());
    sign(signer, algorithm, header, &bytes(payload)?)
        .map(Zeroizing::new)
        .map_err(|_| NotSigned)
}

fn bytes(payload: &Value) -> Result<Zeroizing<Vec<u8>>, NotSigned> {
    serde_json::to_vec(payload)
        .map(Zeroizing::new)
        .map_err(|_| NotSigned)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
