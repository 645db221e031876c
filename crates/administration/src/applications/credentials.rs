//! What an application proves itself by: secrets that are drawn here, and public keys.

use crypto::jose::Jwk;
use crypto::key::PublicKey;
use directory::Change;
use directory::tenant::{
    self, Application, ApplicationKey, ApplicationSecret, ClientKind, KeyForm,
};
use serde_json::{Value, json};
use token::secret::{Digest, Purpose, Secret};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use super::{audit, named, put};
use crate::asked::Asked;
use crate::body::Members;
use crate::done::Done;
use crate::issuers;
use crate::refused::{Refused, Trouble};

/// The most secrets, and the most keys, of one application.
const MOST_CREDENTIALS: usize = 10;
/// For how many days a secret or key is good where nobody says it, and at most.
const DAYS: i64 = 180;
const MOST_DAYS: i64 = 730;

/// Draws a secret. Its text is in this answer and nowhere else.
pub(crate) fn add_secret(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = confidential(asked)?;
    let mut members = asked.members()?;
    room(application.secrets.len())?;
    let until = until(asked, &mut members)?;
    let name = members.text("name")?.unwrap_or_default();
    let text = Secret::draw(rng).reveal();
    let secret = ApplicationSecret {
        id: Guid::from_random(rng.bytes()),
        digest: *Digest::of(Purpose::ClientSecret, text.as_bytes()).as_bytes(),
        hint: text.chars().take(3).collect(),
        name,
        from: asked.now,
        until,
    };
    let shown = json!({
        "id": secret.id.to_string(),
        "secret": text,
        "until": until.to_rfc3339(),
    });
    let record = asked.record().with("secret", secret.id);
    application.secrets.push(secret);
    let mut changes: Vec<Change> = tenant::put_application(&application, rng)
        .into_iter()
        .collect();
    changes.push(audit(record, &application));
    let mut done = Done::now(shown).committing(changes);
    done.status = 201;
    Ok(done)
}

pub(crate) fn remove_secret(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = named(asked)?;
    let before = application.secrets.len();
    let id = asked.part(1);
    application
        .secrets
        .retain(|secret| secret.id.to_string() != id);
    if application.secrets.len() == before {
        return Err(Refused::not_found("secret of the application", id).into());
    }
    put(asked, &application, rng, asked.record().with("secret", id))
}

/// Lists a public key or certificate, by whose private key the application signs assertions (RFC 7523).
pub(crate) fn add_key(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = confidential(asked)?;
    let mut members = asked.members()?;
    room(application.keys.len())?;
    let form = match (members.has("jwk"), members.encoded("certificate")?) {
        (true, None) => KeyForm::Jwk(jwk(&members.value("jwk")?)?),
        (false, Some(text)) => KeyForm::Certificate(certificate(&text)?),
        _ => return Err(Refused::member("jwk", "it must be this or certificate").into()),
    };
    if application.keys.iter().any(|key| key.key == form) {
        return Err(Refused::taken("the key", "", &application.name).into());
    }
    let key = ApplicationKey {
        id: Guid::from_random(rng.bytes()),
        key: form,
        name: members.text("name")?.unwrap_or_default(),
        from: asked.now,
        until: until(asked, &mut members)?,
    };
    let record = asked.record().with("credential", key.id);
    application.keys.push(key);
    let mut done = put(asked, &application, rng, record)?;
    done.status = 201;
    Ok(done)
}

pub(crate) fn remove_key(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = named(asked)?;
    let before = application.keys.len();
    let id = asked.part(1);
    application.keys.retain(|key| key.id.to_string() != id);
    if application.keys.len() == before {
        return Err(Refused::not_found("key of the application", id).into());
    }
    let record = asked.record().with("credential", id);
    put(asked, &application, rng, record)
}

/// The application that the path names, where it can prove who it is.
fn confidential(asked: &Asked<'_, '_>) -> Result<Application, Trouble> {
    let application = named(asked)?;
    match application.kind {
        ClientKind::Confidential => Ok(application),
        ClientKind::Public => {
            let why = "the application is public: what is on everybody's machine keeps no secret";
            Err(Refused::InTheWay(why.to_owned()).into())
        }
    }
}

fn room(there: usize) -> Result<(), Refused> {
    match there < MOST_CREDENTIALS {
        true => Ok(()),
        false => Err(Refused::InTheWay(format!(
            "the application has {MOST_CREDENTIALS} already"
        ))),
    }
}

fn until(asked: &Asked<'_, '_>, members: &mut Members) -> Result<Timestamp, Refused> {
    let days = members.number("days", 1, MOST_DAYS)?.unwrap_or(DAYS);
    Ok(asked.now.whole_seconds() + Span::days(days))
}

fn jwk(value: &Value) -> Result<String, Refused> {
    let jwk = Jwk::from_json(value)
        .map_err(|error| Refused::Key(format!("it is no public key as JSON: {error}")))?;
    strong(&jwk.key)?;
    Ok(jwk.to_json().to_string())
}

fn certificate(text: &str) -> Result<Vec<u8>, Refused> {
    let member = "certificate";
    let certificate = issuers::certificate(member, text)?;
    let key = PublicKey::from_spki_der(certificate.spki())
        .map_err(|_| Refused::member(member, "its public key cannot be used"))?;
    strong(&key)?;
    Ok(certificate.der().to_vec())
}

fn strong(key: &PublicKey) -> Result<(), Refused> {
    key.check_strength()
        .map_err(|weak| Refused::Key(weak.to_string()))
}
