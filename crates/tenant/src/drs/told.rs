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
use crate::deployment::Deployment;
use crate::jobs::Errand;

/// The kind of job.
const NEW_KEY: &str = "tenant.new-key";

/// What the job needs to know. Whom it tells is what stands in the configuration when it does: an address that was corrected, or
/// belongs to somebody else by now, is not the one that was there when the job was made.
#[derive(Serialize, Deserialize)]
struct NewKey {
    /// What is told.
    event: serde_json::Value,
}

/// The job that tells of a new key; nothing where nobody is to be told.
pub(crate) fn new_key(
    asked: &Asked<'_, '_>,
    registered: &Registered,
    rng: &mut dyn Rng,
) -> Option<Change> {
    asked.view.deployment.notify.as_ref()?;
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
    let payload = serde_json::to_vec(&NewKey { event }).unwrap_or_default();
    Some(change::schedule(NEW_KEY, asked.now, payload, rng))
}

/// Whether it is such a job.
pub(crate) fn is_one(job: &Job) -> bool {
    job.kind == NEW_KEY
}

/// What such a job asks for; `None` for a job of another kind, and where nobody is to be told any more.
pub(crate) fn errand(job: &Job, deployment: &Deployment) -> Option<Errand> {
    let told: NewKey = match is_one(job) {
        true => serde_json::from_slice(&job.payload).ok()?,
        false => return None,
    };
    Some(Errand::Notify {
        to: deployment.notify.clone()?,
        body: told.event.to_string().into_bytes(),
    })
}
