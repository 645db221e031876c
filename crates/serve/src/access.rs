//! What each commit withdrew and gave, in the audit log's file: what a backup that was written before does not know.
//!
//! The directory has it as well, in other words; but the file is elsewhere when the store is lost.

use std::sync::Arc;

use directory::withdrawn::Means;
use directory::{Directory, Subscription};
use serde::Serialize;
use trust::Timestamp;

use crate::audit::Audit;

/// A commit that changed what lets somebody in.
#[derive(Serialize)]
struct Access {
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    event: &'static str,
    commit: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withdrawn: Vec<Means>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    given: Vec<Means>,
}

/// From now on everything of the kind is told.
#[derive(Serialize)]
struct Begun {
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    event: &'static str,
    node: String,
}

fn rfc3339<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time.to_rfc3339())
}

/// Tells the file of every commit of this process from now on, as long as what is returned is kept.
pub(crate) fn told(directory: &Arc<Directory>, audit: &Audit, now: Timestamp) -> Subscription {
    audit.record(Begun {
        time: now,
        event: "server.start",
        node: directory.node().id.to_string(),
    });
    let audit = audit.clone();
    directory.subscribe(move |commit| {
        if commit.withdrawn.is_empty() && commit.given.is_empty() {
            return;
        }
        audit.record(Access {
            time: commit.time,
            event: "access",
            commit: commit.stamp.to_string(),
            withdrawn: commit.withdrawn.clone(),
            given: commit.given.clone(),
        });
    })
}
