//! Whatever comes, there is an answer, no panic, no fault of our own, and nothing is written for a stranger.

use base64ct::{Base64, Encoding};
use directory::testing::Seeded;
use wire::http::{Method, Request};

use super::world::*;

const METHODS: [Method; 5] = [
    Method::Get,
    Method::Post,
    Method::Delete,
    Method::Head,
    Method::Other,
];
const PATHS: [&str; 14] = [
    "/adfs/.well-known/openid-configuration",
    "/adfs/discovery/keys",
    "/adfs/oauth2/authorize",
    "/adfs/oauth2/authorize/",
    "/adfs/oauth2/token",
    "/adfs/oauth2/logout",
    "/adfs/userinfo",
    "/adfs/probe",
    "/EnrollmentServer/contract",
    "/EnrollmentServer/device",
    "/EnrollmentServer/device/0a1b2c3d-0000-4000-8000-000000000001",
    "/EnrollmentServer/key",
    "/%2e%2e/adfs",
    "",
];
const WORDS: [&str; 40] = [
    "client_id",
    "dd762716-544d-4aeb-a526-687b73838a22",
    "redirect_uri",
    "http://127.0.0.1/",
    "http://127.0.0.1:65536/",
    "response_type",
    "code",
    "resource",
    "urn:ms-drs:sts.corp.example",
    "code_challenge",
    CHALLENGE,
    "code_challenge_method",
    "S256",
    "Context",
    "FormToken",
    "UserName",
    "Password",
    "AuthMethod",
    "VerificationCode",
    "grant_type",
    "authorization_code",
    "refresh_token",
    "code_verifier",
    VERIFIER,
    "api-version",
    "1.0",
    "1.2",
    "prompt",
    "none",
    "max_age",
    "-1",
    "state",
    "=",
    "&",
    "%",
    "%00",
    "%ff",
    "+",
    "é",
    "id_token_hint",
];
const HEADERS: [&str; 8] = [
    "Authorization",
    "Cookie",
    "Accept",
    "Origin",
    "api-version",
    "client-request-id",
    "Content-Type",
    "Host",
];

/// Something that may stand anywhere: words of the protocol, or chance.
fn something(rng: &mut Seeded) -> String {
    let mut text = String::new();
    for _ in 0..rng.below(12) {
        match rng.below(8) {
            0 => text.extend(char::from_u32(rng.next_u64() as u32 % 0x11_0000)),
            1 => text.push_str(&"A".repeat(rng.below(100))),
            _ => {
                text.push_str(WORDS[rng.below(WORDS.len())]);
                text.push(if rng.below(2) == 0 { '=' } else { '&' });
            }
        }
    }
    text
}

fn header(rng: &mut Seeded) -> String {
    let mut bytes = vec![0; rng.below(200)];
    trust::Rng::fill(rng, &mut bytes);
    match rng.below(7) {
        0 => format!("Negotiate {}", Base64::encode_string(&bytes)),
        1 => format!(
            "Bearer {}.{}.{}",
            Base64::encode_string(&bytes),
            something(rng),
            something(rng)
        ),
        2 => format!("Basic {}", Base64::encode_string(&bytes)),
        3 => format!(
            "__Host-keyporch-session={}; __Host-keyporch-browser={}",
            "A".repeat(43),
            something(rng)
        ),
        4 => "application/json".to_owned(),
        _ => something(rng),
    }
}

#[test]
fn every_request_gets_an_answer() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let before = world.directory.cursor().unwrap();
    let mut rng = Seeded::new(20_261_121);
    for round in 0..4_000 {
        let mut request = Request::new(
            METHODS[rng.below(METHODS.len())],
            PATHS[rng.below(PATHS.len())],
        );
        request.query = something(&mut rng);
        request.body = match rng.below(3) {
            0 => {
                let mut bytes = vec![0; rng.below(500)];
                trust::Rng::fill(&mut rng, &mut bytes);
                bytes
            }
            1 => format!("{{\"kngc\":\"{}\",\"JoinType\":6}}", something(&mut rng)).into_bytes(),
            _ => something(&mut rng).into_bytes(),
        };
        for _ in 0..rng.below(4) {
            let value = header(&mut rng);
            request
                .headers
                .append(HEADERS[rng.below(HEADERS.len())], &value);
        }
        request.secure = rng.below(20) != 0;
        if rng.below(6) == 0 {
            let mut der = vec![0x30; rng.below(300)];
            trust::Rng::fill(&mut rng, &mut der);
            request.client_certificate = Some(der);
        }
        let response = world.ask(&request);
        assert!(
            (200..600).contains(&response.status),
            "round {round}: {request:?}"
        );
        assert_ne!(response.status, 500, "round {round}: {request:?}");
        let sent_to = response
            .headers
            .get("Location")
            .unwrap_or("http://127.0.0.1/");
        assert!(
            sent_to.starts_with("http://127.0.0.1"),
            "round {round}: {sent_to}"
        );
    }
    assert_eq!(world.directory.cursor().unwrap(), before);
}
