//! A tenant as a whole: `tenant::answer`; and whom a request is for among several, `tenant::which`.

use std::sync::LazyLock;

use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::tenant::{Application, Federated, TenantNames, VerifiedDomain};
use directory::testing::{START, Seeded};
use directory::{Attribute, Change, Directory, EntryId, NewEntry, Reads};
use tenant::{Deployment, Memory, Names, Reply, Section, View};
use token::claims::AccessToken;
use trust::Span;
use wire::Guid;
use wire::http::{Request, Response};

use crate::request::{self, Word, Written};

const PASSWORD: &str = "correct horse battery";
const REDIRECT: &str = "https://app.example/done";

/// The documents that everybody may have, and keep.
const DOCUMENTS: [&str; 9] = [
    "/common/.well-known/openid-configuration",
    "/common/v2.0/.well-known/openid-configuration",
    "/corp.example/.well-known/openid-configuration",
    "/corp.example/v2.0/.well-known/openid-configuration",
    "/organizations/.well-known/openid-configuration",
    "/common/discovery/keys",
    "/corp.example/discovery/v2.0/keys",
    "/common/discovery/instance",
    "/odc/v2.1/federationProvider",
];

/// A tenant with one person, a federated domain and an application.
struct World {
    directory: Directory,
    deployment: Deployment,
    memory: Memory,
    lockout: Lockout,
    words: Vec<Word>,
    names: Vec<Names>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let rng = &mut Seeded::new(7);
        let storage = std::sync::Arc::new(directory::storage::Memory::new());
        let directory = directory::testing::open(storage);
        let names = TenantNames {
            domain: "corp.example".into(),
            display_name: "Example".into(),
        };
        let founded = directory::tenant::found(&directory, &names, START, rng);
        let domain = founded.expect("a tenant can be founded");
        let section = Section {
            login: "https://login.corp.example".into(),
            ..Section::default()
        };
        let mut world = Self {
            directory,
            deployment: Deployment::of(&section, [3; 32].into()).expect("a section that is right"),
            memory: Memory::new(rng),
            lockout: Lockout::default(),
            words: vec![],
            names: vec![],
        };
        let due = world.view(|view| tenant::tick(view, START, &mut Seeded::new(8)));
        world.commit(due.expect("keys can be made"));
        let id = EntryId::random(rng);
        let cost = crypto::password::Cost::LEAST;
        let none = PasswordHistory::empty();
        let material = PasswordMaterial::hash_only(PASSWORD, &none, 0, cost, rng);
        let alice = NewEntry::user(id, domain.users, "alice", "alice")
            .with(Attribute::UserPrincipalName, "alice@corp.example")
            .with_password(material, false);
        world.commit([alice.into()]);
        world.records(rng);
        let account = world.view(|view| view.snapshot.account_by_id(id).ok().flatten());
        let sid = account.expect("alice was added").sid;
        let token = |audience: &str| world.token(id, sid, audience).into_bytes();
        world.words = vec![
            ("password", PASSWORD.as_bytes().to_vec()),
            ("graph", token("https://graph.microsoft.com")),
            (
                "registration",
                token("01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9"),
            ),
        ];
        let known = world.view(|view| tenant::known(view, START));
        let own = Names::of(&known.expect("there are keys"), &world.deployment);
        let other = Names {
            id: Some(Guid::from_random([8; 16])),
            domains: vec!["other.example".into()],
            ..own.clone()
        };
        world.names = vec![own, other];
        world
    }

    fn records(&self, rng: &mut Seeded) {
        let snapshot = self.directory.snapshot().expect("there is a tenant");
        let first = directory::tenant::domain(&snapshot, "corp.example", START);
        let first = first.ok().flatten().expect("a tenant has a domain");
        let partner = VerifiedDomain {
            verified: first.verified,
            federation: Some(Federated {
                issuer: "urn:partner".into(),
                passive_url: "https://sts.partner.example/adfs/ls/".into(),
                active_url: None,
                mex_url: None,
                brand: None,
                certificates: vec![],
                second_factor: Default::default(),
            }),
            ..VerifiedDomain::new("partner.example".into(), rng)
        };
        let application = Application {
            id: Guid::from_random([5; 16]),
            name: "Wiki".into(),
            redirect_uris: vec![REDIRECT.into()],
            ..Application::default()
        };
        self.commit(directory::tenant::put_domain(&partner, rng));
        self.commit(directory::tenant::put_application(&application, rng));
    }

    fn commit(&self, changes: impl IntoIterator<Item = Change>) {
        let changes: Vec<Change> = changes.into_iter().collect();
        let committed = self.directory.commit(&changes, &Reads::none(), START);
        assert!(committed.is_ok());
    }

    fn view<T>(&self, ask: impl FnOnce(&View<'_, '_>) -> T) -> T {
        let snapshot = self.directory.snapshot().expect("there is a tenant");
        ask(&View {
            snapshot: &snapshot,
            deployment: &self.deployment,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: crypto::password::Cost::LEAST,
        })
    }

    /// A token of alice's, who has just proven both factors.
    fn token(&self, id: EntryId, sid: wire::Sid, audience: &str) -> String {
        let known = self.view(|view| tenant::known(view, START));
        let known = known.expect("there are keys");
        let upn = "alice@corp.example".to_owned();
        let claims = AccessToken {
            iss: known.issuers.v1.clone(),
            aud: audience.to_owned(),
            iat: START.unix(),
            nbf: START.unix(),
            exp: (START + Span::minutes(15)).unix(),
            jti: Guid::from_random([4; 16]),
            sub: id.0.to_string(),
            oid: id.0,
            ver: "1.0".into(),
            appid: "29d9ed98-a469-4536-ade2-f981bc1d605e".into(),
            apptype: "Public".into(),
            scp: "User.Read".into(),
            auth_time: START.unix(),
            amr: ["pwd", "otp", "mfa", "ngcmfa"].map(str::to_owned).to_vec(),
            acr: String::new(),
            second_factor_instant: Some(START.to_rfc3339()),
            upn: Some(upn.clone()),
            unique_name: upn,
            primarysid: sid,
            deviceid: None,
            permit_device_registration: None,
            account_type: None,
            onprem_object_guid: None,
            tid: Some(known.id),
            appidacr: None,
            name: None,
            ipaddr: None,
        };
        let signed = known.keys.access_token(&claims, START);
        signed.expect("a key signs")
    }
}

/// One request. `:insecure` came without TLS, `:host` names another host, `:certificate` was proven.
pub(crate) fn tenant(bytes: &[u8]) {
    status(bytes);
}

fn status(bytes: &[u8]) -> Option<u16> {
    let world = &*WORLD;
    let mut written = request::read(bytes, &world.words)?;
    written.request.secure = written.mark("insecure").is_none();
    written.request.client_certificate = written.certificate();
    written.request.host = match written.mark("host") {
        Some(host) => String::from_utf8_lossy(host).into_owned(),
        None => "login.corp.example".to_owned(),
    };
    // Whoever is asked answers for itself: that there is an answer is all.
    let _ = ::tenant::which(&written.request, &world.names);
    Some(answer(world, &written))
}

/// The status of the answer, which is as it must be; 0 for one that waits.
fn answer(world: &World, written: &Written) -> u16 {
    // Those who guessed before keep nobody out here.
    let (memory, lockout) = (Memory::new(&mut Seeded::new(5)), Lockout::default());
    let snapshot = world.directory.snapshot().expect("there is a tenant");
    let view = View {
        snapshot: &snapshot,
        deployment: &world.deployment,
        memory: &memory,
        lockout: &lockout,
        password_cost: crypto::password::Cost::LEAST,
    };
    let request = &written.request;
    let answer = ::tenant::answer(request, &view, START, &mut Seeded::new(11));
    assert_eq!(answer.fault, None, "{request:?}");
    if !request.secure || written.stranger {
        assert!(
            answer.changes.is_empty(),
            "a stranger changed something: {request:?}"
        );
    }
    match &answer.reply {
        Reply::Now(response) => {
            check(request, response);
            location(request, response, written.stranger);
            response.status
        }
        Reply::When { by, .. } => {
            assert!(*by > START && !written.stranger);
            0
        }
    }
}

/// What every answer is. Pages of programs without a browser hold a script, which is read and run by nobody.
fn check(request: &Request, response: &Response) {
    let text = String::from_utf8_lossy(&response.body);
    if !text.contains("$Config=") {
        request::check(request, response, &DOCUMENTS);
        return;
    }
    assert_eq!(response.headers.get("Cache-Control"), Some("no-store"));
    let begin = text.find("$Config=").unwrap_or_default();
    let json = text
        .get(begin + 8..)
        .and_then(|rest| rest.split_once(";\n//]]>"));
    let (json, after) = json.expect("a page ends as clients cut it");
    assert_eq!(after, "</script></body></html>");
    assert!(
        !json.contains(['<', '>', '&']),
        "what a peer wrote ends the script: {request:?}"
    );
    let members: serde_json::Value = serde_json::from_str(json).expect("a page holds JSON");
    for member in ["sessionId", "canary"] {
        assert!(members[member].is_string(), "{member}");
    }
}

/// Nobody is sent to where no client of ours is, and no stranger with a code.
fn location(request: &Request, response: &Response, stranger: bool) {
    let Some(location) = response.headers.get("Location") else {
        return;
    };
    let native = "https://login.microsoftonline.com/common/oauth2/nativeclient";
    let ours = [REDIRECT, native, "http://127.0.0.1", "http://[::1]"];
    let of_a_program = [
        "ms-aadj-redir://",
        "msauth://",
        "ms-appx-web://",
        "companyportal://",
    ];
    let known = ours.iter().chain(&of_a_program);
    assert!(
        known.clone().any(|begins| location.starts_with(begins)),
        "sent to {location} by {request:?}"
    );
    let query = location
        .split_once(['?', '#'])
        .map_or("", |(_, query)| query);
    let code = wire::http::Fields::parse(query.as_bytes()).ok();
    let code = code.and_then(|fields| fields.get("code"));
    assert!(
        !stranger || code.is_none(),
        "a stranger got a code: {request:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_reach_what_they_are_for() {
        for (seed, expected) in [
            (&include_bytes!("../corpus/tenant/configuration")[..], 200),
            (include_bytes!("../corpus/tenant/instance"), 200),
            (include_bytes!("../corpus/tenant/realm-xml"), 200),
            (include_bytes!("../corpus/tenant/credential-type"), 200),
            (include_bytes!("../corpus/tenant/authorize"), 200),
            (include_bytes!("../corpus/tenant/authorize-none"), 302),
            (include_bytes!("../corpus/tenant/authorize-config"), 200),
            (include_bytes!("../corpus/tenant/nonce"), 200),
            (include_bytes!("../corpus/tenant/discover"), 200),
            (include_bytes!("../corpus/tenant/me"), 200),
            (include_bytes!("../corpus/tenant/join"), 400),
            (include_bytes!("../corpus/tenant/token-code"), 400),
            (include_bytes!("../corpus/tenant/insecure"), 403),
        ] {
            let text = String::from_utf8_lossy(seed);
            assert_eq!(status(seed), Some(expected), "{text}");
        }
    }
}
