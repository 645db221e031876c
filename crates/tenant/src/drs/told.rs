//! Somebody else is told that a person has a new Hello key: an address that the organisation names (PROV-W6).
//!
//! The job is committed with the key, so that no key is registered without it; it may be told twice, and is told until the
//! other side took it or nobody tries any more.

use directory::{Change, Job, change};
use registration::user_key::Registered;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trust::Rng;

use crate::asked::Asked;
use crate::jobs::Errand;

/// The kind of job.
const NEW_KEY: &str = "tenant.new-key";

/// What the job needs to know.
#[derive(Serialize, Deserialize)]
struct NewKey {
    /// The address that is told.
    to: String,
    /// What it is told.
    event: serde_json::Value,
}

/// The job that tells of a new key; nothing where nobody is to be told.
pub(crate) fn new_key(
    asked: &Asked<'_, '_>,
    registered: &Registered,
    rng: &mut dyn Rng,
) -> Option<Change> {
    let to = asked.view.deployment.notify.clone()?;
    let event = json!({
        "event": "key.register",
        "tenant": asked.known.id,
        "user": registered.account.0,
        "upn": registered.upn,
        "device": registered.device_id,
        "kid": registered.kid,
        "fingerprint": registered.fingerprint.to_string(),
        "at": asked.now.to_rfc3339(),
        "trace": asked.trace,
    });
    // Texts, numbers and GUIDs always have a JSON form.
    let payload = serde_json::to_vec(&NewKey { to, event }).unwrap_or_default();
    Some(change::schedule(NEW_KEY, asked.now, payload, rng))
}

/// What such a job asks for; `None` for a job of another kind.
pub(crate) fn errand(job: &Job) -> Option<Errand> {
    let told: NewKey = match job.kind.as_str() {
        NEW_KEY => serde_json::from_slice(&job.payload).ok()?,
        _ => return None,
    };
    Some(Errand::Notify {
        to: told.to,
        body: told.event.to_string().into_bytes(),
    })
}
