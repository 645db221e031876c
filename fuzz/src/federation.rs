//! The token service and the registration service as a whole: `federation::answer`.

use directory::testing::{START, Seeded};
use federation::{Memory, Reply, View};
use wire::http::{Fields, Request, Response};

use crate::request::{self, Written};
use crate::world::{WORLD, World};

/// The documents that everybody may have, and keep.
const DOCUMENTS: [&str; 3] = [
    "/adfs/.well-known/openid-configuration",
    "/adfs/discovery/keys",
    "/adfs/probe",
];

/// What nobody gets without having proven anything.
const PROTECTED: [&str; 5] = [
    "/adfs/oauth2/token",
    "/adfs/userinfo",
    "/EnrollmentServer/device",
    "/EnrollmentServer/device/{id}",
    "/EnrollmentServer/key",
];

pub(crate) fn federation(bytes: &[u8]) {
    let world = &*WORLD;
    let Some(mut written) = request::read(bytes, &world.words) else {
        return;
    };
    written.request.secure = written.mark("insecure").is_none();
    written.request.client_certificate = written.certificate();
    let shows = |word| written.shown.contains(&word);
    if shows("password") && (shows("form") || shows("form4")) {
        // Whoever knows a password is not kept out by those who guessed before.
        let memory = Memory::new(&mut Seeded::new(5));
        answer(world, &written, &memory, &Default::default());
    } else {
        answer(world, &written, &world.memory, &world.lockout);
    }
}

fn answer(
    world: &World,
    written: &Written,
    memory: &Memory,
    lockout: &directory::lockout::Lockout,
) {
    let snapshot = world.directory.snapshot().expect("there is a domain");
    let view = View {
        memory,
        lockout,
        ..world.view(&snapshot)
    };
    let request = &written.request;
    let answer = federation::answer(request, &view, START, &mut Seeded::new(11));
    assert_eq!(answer.fault, None, "{request:?}");
    if !request.secure {
        assert!(answer.changes.is_empty(), "changed without TLS");
    }
    if written.stranger {
        assert!(answer.changes.is_empty(), "a stranger changed something");
    }
    match &answer.reply {
        Reply::Now(response) => {
            request::check(request, response, &DOCUMENTS);
            location(request, response, written.stranger);
            let refused = answer.refused.is_some();
            assert!(response.status < 400 || refused || response.status == 406);
            let protected = PROTECTED
                .iter()
                .any(|path| request.path_matches(path).is_some());
            if written.stranger && protected {
                assert!(response.status >= 400, "a stranger got {request:?}");
            }
        }
        Reply::When { by, .. } => {
            assert!(*by > START && !written.stranger);
        }
    }
    if !answer.changes.is_empty() {
        let committed = world.try_commit(&answer.changes, &snapshot.into_reads());
        assert!(committed.is_ok(), "{:?} for {request:?}", committed.err());
    }
}

/// Nobody is sent to where no client of ours is, and no stranger with a code.
fn location(request: &Request, response: &Response, stranger: bool) {
    let Some(location) = response.headers.get("Location") else {
        return;
    };
    let ours = [
        "https://app.example/done",
        "https://app.example/bye",
        "http://127.0.0.1/",
        "http://127.0.0.1:",
        "http://[::1]/",
        "http://[::1]:",
    ];
    let known = ours.iter().any(|begins| location.starts_with(begins)) || nowhere(location);
    assert!(known, "sent to {location} by {request:?}");
    let query = location.split_once('?').map_or("", |(_, query)| query);
    let fields = Fields::parse(query.as_bytes()).expect("what we write can be read");
    assert!(
        !stranger || fields.get("code").is_none(),
        "a stranger got a code: {request:?}"
    );
}

/// The addresses of programs that our own clients have registered.
fn nowhere(location: &str) -> bool {
    location.starts_with("ms-aadj-redir://") || location.starts_with("ms-appx-web://")
}
