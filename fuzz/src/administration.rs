//! The administration API as a whole: `administration::answer`, as its server runs it.

use administration::{Caller, Deployment, View};
use crypto::password::Cost;
use directory::testing::{START, Seeded};
use directory::{Change, CommitError};
use serde_json::Value;
use wire::http::Request;

use crate::request;
use crate::world::WORLD;

/// Who is no administrator changes nothing here.
const RESERVED: [&str; 5] = ["users", "groups", "services", "policies", "domain"];

/// A request with the line `:local` came over the Unix socket; any other is judged by its bearer token.
pub(crate) fn administration(bytes: &[u8]) {
    let world = &*WORLD;
    let Some(mut written) = request::read(bytes, &world.words) else {
        return;
    };
    written.request.client_certificate = written.certificate();
    let local = written.mark("local").is_some();
    let request = &written.request;
    let caller = match local {
        true => Caller::Local,
        false => Caller::by_token(request, &world.signing, world.settings.issuer(), START),
    };
    let deployment = Deployment {
        kdcs: vec!["dc1.corp.example".into()],
        roots: vec![vec![0x30, 0]],
        password_cost: Cost::LEAST,
        key_overlap: trust::Span::hours(11),
        resources: Vec::new(),
    };
    let snapshot = world.directory.snapshot().expect("there is a domain");
    let view = View {
        snapshot: &snapshot,
        lockout: &world.lockout,
        deployment: &deployment,
        certificates: None,
    };
    let rng = &mut Seeded::new(11);
    let mut answer = administration::answer(request, &caller, &view, START, rng);
    assert!(answer.fault.is_none(), "{:?}", answer.fault);
    let changes = std::mem::take(&mut answer.changes);
    if answer.refused.is_some() {
        assert!(changes.is_empty(), "refused, and changed something");
    }
    if !local && written.stranger {
        let response = answer.response(&view, START);
        assert!(
            changes.is_empty() && matches!(response.status, 401 | 403),
            "a stranger got {} for {request:?}",
            response.status
        );
    }
    let person = matches!(&caller, Caller::Token(token) if token.unique_name == "alice");
    assert!(
        !person || changes.is_empty() || !is_reserved(request),
        "{request:?}"
    );
    let response = if changes.is_empty() {
        answer.response(&view, START)
    } else {
        let told = |change: &Change| matches!(change, Change::Audit(_));
        assert!(changes.iter().any(told), "a change without its record");
        match world.try_commit(&changes, &snapshot.into_reads()) {
            Ok(upper) => {
                let after = upper.snapshot().expect("there is a domain");
                let view = View {
                    snapshot: &after,
                    ..view_of(&deployment, &world.lockout, &after)
                };
                answer.response(&view, START)
            }
            Err(CommitError::Refused(why)) => {
                answer = administration::not_committed(&why, request, &caller, START);
                let snapshot = world.directory.snapshot().expect("there is a domain");
                answer.response(&view_of(&deployment, &world.lockout, &snapshot), START)
            }
            Err(other) => panic!("{other} for {request:?}"),
        }
    };
    request::check(request, &response, &[]);
    let json: Value = response.json_body().expect("every answer is JSON");
    if response.status >= 400 {
        for member in ["title", "detail", "remedy", "code"] {
            assert!(json[member].is_string(), "a refusal without {member}");
        }
        assert!(answer.refused.is_some(), "a refusal without its record");
    }
    // A password that rests comes out nowhere. A request that itself has the words of its form may be told them again.
    let text = String::from_utf8_lossy(&response.body);
    let body = String::from_utf8_lossy(&request.body);
    let asked = format!("{}?{} {body}", request.path, request.query).to_ascii_lowercase();
    for form in ["pbkdf2", "argon2id"] {
        assert!(!text.contains(form) || asked.contains(form), "{text}");
    }
}

fn view_of<'a, 'd>(
    deployment: &'a Deployment,
    lockout: &'a directory::lockout::Lockout,
    snapshot: &'a directory::Snapshot<'d>,
) -> View<'a, 'd> {
    View {
        snapshot,
        lockout,
        deployment,
        certificates: None,
    }
}

fn is_reserved(request: &Request) -> bool {
    let mut segments = request.path.trim_matches('/').split('/');
    let noun = segments.nth(2).unwrap_or_default();
    RESERVED
        .iter()
        .any(|reserved| noun.eq_ignore_ascii_case(reserved))
}
