//! `keyporch admin certificate issue`.

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use call::administration::segment;
use call::files;
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer as _};
use serde_json::{Value, json};
use wire::x509::{Name, assemble, csr, pem};

use super::Api;
use crate::failure::Failure;

/// How often it is asked whether the authority has signed; it does so within a second or two.
const QUESTIONS: usize = 100;
/// How long between two questions.
const BETWEEN: std::time::Duration = std::time::Duration::from_millis(100);
/// The longest request for a certificate, in bytes.
const LONGEST: usize = 32 * 1024;

const SAME_VERSION: &str = "Check that this command and the server are of the same version.";

pub(super) fn issue(
    api: &Api,
    user: &str,
    out: &Path,
    key: Option<&Path>,
    request: Option<&Path>,
    days: Option<u16>,
) -> Result<(), Failure> {
    let (text, made) = match request {
        Some(file) => (read(file)?, None),
        None => {
            let key = PrivateKey::generate(KeyKind::Rsa2048);
            (request_of(&key)?, Some(key))
        }
    };
    let body = json!({ "user": user, "csr": text, "days": days });
    let answer = api.post("/certificates", Some(&body))?;
    let number = answer.get("request").and_then(Value::as_str);
    let number =
        number.ok_or_else(|| Failure::failed("the answer names no request", SAME_VERSION))?;
    let issued = wait(api, number)?;
    let certificate = issued.get("pem").and_then(Value::as_str);
    let certificate = certificate
        .ok_or_else(|| Failure::failed("the answer holds no certificate", SAME_VERSION))?;
    if let (Some(file), Some(key)) = (key, made) {
        let pem = pem::encode("PRIVATE KEY", &key.to_pkcs8_der());
        files::write(file, pem.as_bytes(), 0o600)?;
    }
    files::write(out, certificate.as_bytes(), 0o644)?;
    let serial = issued
        .get("serial")
        .and_then(Value::as_str)
        .unwrap_or_default();
    api.output.done(
        &format!(
            "{} holds a certificate for {user}, serial number {serial}.",
            out.display()
        ),
        &issued,
    );
    Ok(())
}

/// Waits until the authority has answered.
fn wait(api: &Api, number: &str) -> Result<Value, Failure> {
    let path = format!("/certificates/requests/{}", segment(number));
    for _ in 0..QUESTIONS {
        let outcome = api.get(&path)?;
        match outcome.get("state").and_then(Value::as_str) {
            Some("issued") => return Ok(outcome),
            Some("refused") => {
                let why = outcome.get("reason").and_then(Value::as_str);
                return Err(Failure::refused(
                    format!(
                        "the authority refused: {}",
                        why.unwrap_or("it does not say why")
                    ),
                    "The audit log says more.",
                ));
            }
            _ => pause(),
        }
    }
    Err(Failure::failed(
        "the authority has not answered yet",
        "The server's log says why; `keyporch admin certificate list` shows the certificate once it is issued.",
    ))
}

#[allow(
    clippy::disallowed_methods,
    reason = "a person waits at the terminal, and the API has nothing to wait on"
)]
fn pause() {
    std::thread::sleep(BETWEEN);
}

/// A request that proves that this key is ours; of what it says nothing else counts.
fn request_of(key: &PrivateKey) -> Result<String, Failure> {
    let info = csr::encode_info(&Name::common("logon"), &key.public_key().to_spki_der());
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let signature = key
        .sign(algorithm, &info)
        .map_err(|error| Failure::of(&error, "Try again."))?;
    let der = assemble(&info, &algorithm.identifier_der(), &signature);
    Ok(Base64::encode_string(&der))
}

fn read(file: &Path) -> Result<String, Failure> {
    const REMEDY: &str = "Give a certification request, PEM or DER.";
    let bytes = std::fs::read(file).map_err(|error| Failure::of(&error, REMEDY).naming(file))?;
    if bytes.is_empty() || bytes.len() > LONGEST {
        return Err(Failure::refused("it is no certification request", REMEDY).naming(file));
    }
    let pem = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| text.contains("-----BEGIN "));
    Ok(pem.map_or_else(|| Base64::encode_string(&bytes), str::to_owned))
}
