//! Two tenants, each with its own store, that have one login host: whose request it is, and that nobody answers for the other.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use directory::Directory;
use wire::Guid;
use wire::http::{Method, Request, Response};

use super::tenant::{for_tenants, node_of, section, tenant_of};
use crate::door::Http as _;
use crate::fault::Role;
use crate::node::front::Front;
use crate::node::parties::Parties;
use crate::node::tenant::TenantNode;
use crate::server::{Parts, Server, Tenant};
use crate::tests::PATIENCE;
use crate::tests::node::{get, root};

const HOST: &str = "login.shared.example";
const DOMAINS: [&str; 2] = ["one.example", "two.example"];
const PASSWORD: &str = "correct horse battery staple";
/// A client that every tenant knows (protocols A.3.3).
const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";

/// Both, with their identifiers.
struct Both {
    front: Front,
    ids: [Guid; 2],
}

impl Both {
    fn new() -> Self {
        let directories = DOMAINS.map(|domain| tenant_of(domain, HOST));
        let ids = directories.each_ref().map(|one| id_of(one));
        let tenants = directories.map(|one| {
            let tenant: Arc<TenantNode> = Arc::new(node_of(one, HOST, None));
            let parties: Arc<dyn Parties> = Arc::clone(&tenant) as _;
            parties.prepare().unwrap();
            tenant
        });
        Self {
            front: Front {
                domain: None,
                tenants: tenants.to_vec(),
            },
            ids,
        }
    }

    fn ask(&self, request: Request) -> Response {
        let request = Request {
            host: HOST.to_owned(),
            secure: true,
            peer: Some([192, 0, 2, 7].into()),
            ..request
        };
        self.front.answer(request, Role::Https)
    }

    fn get(&self, target: &str) -> Response {
        self.ask(Request::get(target))
    }

    /// A password handed in by a program, at an address and by a name.
    fn password(&self, at: &str, name: &str) -> Response {
        let form = [
            ("grant_type", "password"),
            ("client_id", BROKER),
            ("scope", "openid"),
            ("username", name),
            ("password", PASSWORD),
        ];
        self.ask(Request::post_form(
            &format!("/{at}/oauth2/v2.0/token"),
            form,
        ))
    }

    /// Lets programs hand in passwords at both.
    fn allow_passwords(&self) {
        for tenant in &self.front.tenants {
            let mut set = Request::new(Method::Patch, "/administration/v1/tenant");
            set.headers.set("Content-Type", "application/json");
            set.body = format!(r#"{{"ropc_clients":["{BROKER}"]}}"#).into_bytes();
            let answer = tenant.administer(&set, Role::AdminSocket);
            assert_eq!(answer.status, 200, "{}", text(&answer));
        }
    }
}

fn id_of(directory: &Directory) -> Guid {
    directory.domain().unwrap().head.0
}

fn text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The tenant that an access token names as its issuer's.
fn issuer_of(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{}", text(answer));
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let token = json["id_token"].as_str().or(json["access_token"].as_str());
    let payload = token.and_then(|token| token.split('.').nth(1)).unwrap();
    let payload = Base64UrlUnpadded::decode_vec(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims["tid"].as_str().unwrap().to_owned()
}

#[test]
fn each_tenant_of_a_host_answers_by_its_identifier_and_its_domain() {
    let both = Both::new();
    for (domain, id) in DOMAINS.into_iter().zip(both.ids) {
        let issuer = format!("\"https://{HOST}/{id}/v2.0\"");
        for name in [domain.to_owned(), id.to_string()] {
            let found = both.get(&format!("/{name}/v2.0/.well-known/openid-configuration"));
            assert_eq!(found.status, 200);
            assert!(text(&found).contains(&issuer), "{}", text(&found));
        }
        let realm = both.get(&format!("/common/UserRealm/x@{domain}?api-version=1.0"));
        assert!(text(&realm).contains("Managed"), "{}", text(&realm));
    }
    let nobody = both.get("/three.example/v2.0/.well-known/openid-configuration");
    assert!(text(&nobody).contains("AADSTS90002"), "{}", text(&nobody));
    let elsewhere = Request {
        host: "login.evil.example".to_owned(),
        ..Request::get("/one.example/v2.0/.well-known/openid-configuration")
    };
    let elsewhere = both.front.answer(elsewhere, Role::Https);
    assert_eq!(elsewhere.status, 421);
}

#[test]
fn where_nothing_says_which_tenant_a_person_is_asked_for_their_name_and_a_program_is_refused() {
    let both = Both::new();
    let wanted = format!(
        "/common/oauth2/v2.0/authorize?response_type=code&client_id={BROKER}\
         &redirect_uri=http%3A%2F%2F127.0.0.1%2Fkeyporch&scope=openid\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let asked = both.get(&wanted);
    assert_eq!(asked.status, 200);
    assert!(text(&asked).contains("login_hint"), "{}", text(&asked));
    // Nobody's cookies come with a page that is nobody's.
    assert!(asked.headers.get("set-cookie").is_none());
    for (domain, id) in DOMAINS.into_iter().zip(both.ids) {
        let page = both.get(&format!("{wanted}&login_hint=x%40{domain}"));
        assert_eq!(page.status, 200, "{}", text(&page));
        let action = format!("/{id}/oauth2/v2.0/authorize");
        assert!(text(&page).contains(&action), "{}", text(&page));
    }
    let program = Request::post_form(
        "/common/oauth2/v2.0/token",
        [("grant_type", "client_credentials")],
    );
    let refused = both.ask(program);
    assert_eq!(refused.status, 400);
    assert!(text(&refused).contains("several tenants"));
}

#[test]
fn a_password_counts_at_the_tenant_of_its_persons_name_and_tokens_of_one_open_nothing_of_the_other()
{
    let both = Both::new();
    let admin = |domain: &str| format!("admin@{domain}");
    let off = both.password("common", &admin("two.example"));
    assert_eq!(off.status, 400, "{}", text(&off));
    both.allow_passwords();
    for (domain, id) in DOMAINS.into_iter().zip(both.ids) {
        let given = both.password("common", &admin(domain));
        assert_eq!(issuer_of(&given), id.to_string());
        // The other's address knows nobody of that name, with the right password, too.
        let other = DOMAINS.into_iter().find(|other| *other != domain).unwrap();
        let refused = both.password(other, &admin(domain));
        assert!(text(&refused).contains("AADSTS50034"), "{}", text(&refused));
    }
}

#[test]
fn the_socket_administers_neither_of_several_tenants() {
    let both = Both::new();
    let answer = both
        .front
        .answer(Request::get("/administration/v1/tenant"), Role::AdminSocket);
    assert_eq!(answer.status, 404);
    // Over HTTPS a token says whose administration is meant, and is judged there.
    let bare = both.get("/administration/v1/tenant");
    assert_eq!(bare.status, 400, "{}", text(&bare));
    for id in both.ids {
        let claims = format!(r#"{{"tid":"{id}"}}"#);
        let claims = Base64UrlUnpadded::encode_string(claims.as_bytes());
        let mut request = Request::get("/administration/v1/tenant");
        request
            .headers
            .set("Authorization", &format!("Bearer e30.{claims}.AAAA"));
        assert_eq!(both.ask(request).status, 401);
    }
}

#[test]
fn a_server_answers_for_two_tenants_under_the_one_certificate_of_their_host() {
    let directories = DOMAINS.map(|domain| tenant_of(domain, HOST));
    let [first, second] = directories.each_ref().map(|directory| Tenant {
        directory: Arc::clone(directory),
        section: section(HOST),
    });
    let parts = Parts {
        tenants: vec![first, second],
        ..Parts::of_tenant(Arc::clone(&directories[0]), section(HOST))
    };
    let running = Server::start(for_tenants(), parts).unwrap();
    let address = running.addresses().https[0];
    for (domain, directory) in DOMAINS.into_iter().zip(&directories) {
        let path = format!("/{domain}/v2.0/.well-known/openid-configuration");
        let answer = get(address, root(&directories[0]), HOST, HOST, &path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&id_of(directory).to_string()), "{answer}");
    }
    running.shutdown(PATIENCE);
}
