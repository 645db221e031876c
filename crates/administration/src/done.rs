//! What a handler gives: what is shown, and what is committed before.

use directory::{Change, EntryId};
use serde_json::{Map, Value};
use wire::http::Response;

/// What the caller gets.
pub(crate) enum Body {
    /// This, whatever comes of the commit.
    Ready(Response),
    /// This, once it is committed.
    Value(Value),
    /// An entry as it is once the changes are committed, with further members.
    Entry(EntryId, Map<String, Value>),
}

/// What it is, and not what it says: that may be a new password, or the keys of a service.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(response) => f.debug_tuple("Ready").field(response).finish(),
            Self::Value(_) => f.write_str("Value(…)"),
            Self::Entry(id, _) => write!(f, "Entry({id:?}, …)"),
        }
    }
}

/// What a handler has done.
pub(crate) struct Done {
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) changes: Vec<Change>,
}

impl Done {
    /// Something to show; nothing changes.
    pub(crate) fn now(value: Value) -> Self {
        Self {
            status: 200,
            body: Body::Value(value),
            changes: Vec::new(),
        }
    }

    /// Something that was changed, or was so already: then there is nothing to commit.
    pub(crate) fn changed(changes: Vec<Change>) -> Self {
        let changed = !changes.is_empty();
        Self {
            changes,
            ..Self::now(serde_json::json!({ "changed": changed }))
        }
    }

    /// An entry as it will be.
    pub(crate) fn entry(id: EntryId, changes: Vec<Change>) -> Self {
        Self {
            status: 200,
            body: Body::Entry(id, Map::new()),
            changes,
        }
    }

    /// The same with the status of something made.
    pub(crate) fn made(mut self) -> Self {
        self.status = 201;
        self
    }

    /// The same with further members.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match &mut self.body {
            Body::Entry(_, further) => {
                further.insert(name.to_owned(), value.into());
            }
            Body::Value(Value::Object(members)) => {
                members.insert(name.to_owned(), value.into());
            }
            Body::Value(_) | Body::Ready(_) => {}
        }
        self
    }

    /// The same with changes to commit.
    pub(crate) fn committing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_nothing_of_what_is_answered() {
        let id = EntryId(wire::Guid::from_bytes([1; 16]));
        let bodies = [
            Done::now(serde_json::json!({"password": "Tr0ubadour"})).body,
            Done::entry(id, Vec::new())
                .with("password", "Tr0ubadour")
                .body,
        ];
        for body in bodies {
            let shown = format!("{body:?}");
            assert!(
                !shown.contains("Tr0ubadour") && shown.contains('…'),
                "{shown}"
            );
        }
    }
}
