//! Registration of devices and keys: what clients send, and what is written, refused and told (protocols B, C.2).

mod discovery;
mod ends;
mod joins;
mod keys;

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use serde_json::{Value, json};
use token::claims::AccessToken;
use token::client::registration_resource;
use trust::Span;
use wire::Guid;
use wire::http::{Method, Request, Response};
use wire::x509::{Extension, Name, assemble, csr};

use super::world::{Device, World, bcrypt_blob, text};

/// The claims of a token for the registration service, as somebody has it who has just proven both factors.
pub(in crate::tests) fn claims(world: &World, sam: &str) -> AccessToken {
    let account = world.account(sam);
    let now = world.now;
    let drs = &world.tenant().deployment.drs;
    AccessToken {
        iss: world.known().issuers.v1.clone(),
        aud: registration_resource(drs.host()),
        iat: now.unix(),
        nbf: now.unix(),
        exp: (now + Span::minutes(15)).unix(),
        jti: "0d4d0c4e-6c2a-4b5a-9a57-0a1c6d0e5f01".parse().unwrap(),
        sub: account.id.0.to_string(),
        oid: account.id.0,
        ver: "1.0".into(),
        appid: crate::catalogue::BROKER_CLIENT.into(),
        apptype: "Public".into(),
        scp: String::new(),
        auth_time: now.unix(),
        amr: ["pwd", "otp", "mfa", "ngcmfa"].map(str::to_owned).to_vec(),
        acr: String::new(),
        second_factor_instant: Some(now.to_rfc3339()),
        upn: account.upn.clone(),
        unique_name: account.upn.clone().unwrap(),
        primarysid: account.sid,
        deviceid: None,
        permit_device_registration: None,
        account_type: None,
        onprem_object_guid: None,
        tid: Some(world.tenant().id),
        appidacr: None,
        name: None,
        ipaddr: None,
    }
}

/// A token of this tenant with these claims.
pub(in crate::tests) fn signed(world: &World, claims: &AccessToken) -> String {
    world.known().keys.access_token(claims, world.now).unwrap()
}

/// A token for the registration service of somebody who has just proven both factors, with changes.
pub(in crate::tests) fn token(
    world: &mut World,
    sam: &str,
    change: impl FnOnce(&mut AccessToken),
) -> String {
    let mut claims = claims(world, sam);
    let rng: &mut dyn trust::Rng = &mut world.rng;
    claims.jti = Guid::from_random(rng.bytes());
    change(&mut claims);
    signed(world, &claims)
}

/// A certification request of `key`, signed by `signer`, with these extensions.
pub(in crate::tests) fn csr_with(
    key: &PrivateKey,
    signer: &PrivateKey,
    extensions: &[Extension],
) -> Vec<u8> {
    let subject = Name::common("7E980AD9-B86D-4306-9425-9AC066FB014A");
    let spki = key.public_key().to_spki_der();
    let info = csr::encode_info_with(&subject, &spki, extensions);
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let signature = signer.sign(algorithm, &info).unwrap();
    assemble(&info, &algorithm.identifier_der(), &signature)
}

/// The keys of a device that is about to join.
pub(in crate::tests) struct Keys {
    pub(in crate::tests) device: PrivateKey,
    pub(in crate::tests) transport: PrivateKey,
}

impl Keys {
    pub(in crate::tests) fn new() -> Self {
        Self {
            device: PrivateKey::generate(KeyKind::P256),
            transport: PrivateKey::generate(KeyKind::Rsa2048),
        }
    }

    /// The body of a join request, as a known client writes it (protocols B.3).
    pub(in crate::tests) fn body(&self) -> Value {
        json!({
            "CertificateRequest": {
                "Type": "pkcs10",
                "Data": Base64::encode_string(&csr_with(&self.device, &self.device, &[])),
            },
            "TransportKey": Base64::encode_string(&bcrypt_blob(&self.transport)),
            "TargetDomain": "corp.example",
            "DeviceType": "Linux",
            "OSVersion": "Debian GNU/Linux 12 (bookworm) 12",
            "DeviceDisplayName": "laptop-7",
            "JoinType": 0,
            "Attributes": { "ReuseDevice": "true", "ReturnClientSid": "true" },
        })
    }
}

/// Asks the registration host.
pub(in crate::tests) fn ask(world: &mut World, request: Request) -> Response {
    let host = world.tenant().deployment.drs.authority().to_owned();
    world.send(request.with_host(&host))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Posts a join request.
pub(in crate::tests) fn join(world: &mut World, token: &str, body: &Value) -> Response {
    let request = Request::post_json("/EnrollmentServer/device/?api-version=2.0", body);
    ask(world, request.with_header("Authorization", &bearer(token)))
}

/// A device that somebody joined by a request.
pub(in crate::tests) fn joined(world: &mut World, sam: &str, name: &str) -> Device {
    let keys = Keys::new();
    let mut body = keys.body();
    body["DeviceDisplayName"] = name.into();
    body["TargetDomain"] = world.tenant().domain.into();
    joined_with(world, sam, keys, &body)
}

/// The same with a body of one's own.
pub(in crate::tests) fn joined_with(
    world: &mut World,
    sam: &str,
    keys: Keys,
    body: &Value,
) -> Device {
    let token = token(world, sam, |_| {});
    let response = join(world, &token, body);
    assert_eq!(
        response.status,
        200,
        "{} {:?}",
        text(&response),
        world.refused
    );
    let raw = &super::world::json(&response)["Certificate"]["RawBody"];
    let certificate = Base64::decode_vec(raw.as_str().unwrap()).unwrap();
    let thumbprint = crypto::digest::sha1(&certificate);
    let device = world.read(|snapshot| snapshot.device_by_certificate(&thumbprint));
    let device = device.unwrap().unwrap();
    Device {
        entry: device.id,
        id: device.device_id,
        key: keys.device,
        transport: keys.transport,
        certificate,
    }
}

/// Posts a request to register a key.
pub(in crate::tests) fn register(world: &mut World, token: &str, key: &PrivateKey) -> Response {
    register_material(world, token, &bcrypt_blob(key))
}

fn register_material(world: &mut World, token: &str, material: &[u8]) -> Response {
    let body = json!({ "kngc": Base64::encode_string(material) });
    let request = Request::post_json("/EnrollmentServer/key/?api-version=1.0", &body)
        .with_header("Accept", "application/json")
        .with_header("Authorization", &bearer(token));
    ask(world, request)
}

/// A request by a device that proves itself to the transport.
pub(in crate::tests) fn by_device(method: Method, target: &str, device: &Device) -> Request {
    let mut request = Request::new(method, target);
    request.client_certificate = Some(device.certificate.clone());
    request
}

/// What the audit log has of the last refusal.
pub(in crate::tests) fn why(world: &World) -> &str {
    world.refused.last().map_or("", String::as_str)
}
