//! Services that let people in by the tenant, made of libraries that nobody here wrote: discovery, authorization code with
//! PKCE, the identity token, userinfo, refresh, revocation, logout (OpenID Connect Core, Discovery, RP-Initiated Logout; RFC
//! 6749, 7009, 7636, 9207). And what a browser that nobody here wrote does with the page after signing out (OpenID Connect
//! Front-Channel Logout).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use keyporch_interop::{Lab, run};
use serde_json::{Value, json};

use crate::browser::code;
use crate::webdriver::Browser;

const SIGNED_OUT: &str = "https://wiki.example/bye";

/// What the names of the lab are for one program: mounted over the machine's own for it alone.
const NAMES: &str = "mount --bind \"$1\" /etc/hosts; shift; exec \"$@\"";

fn tenant() -> Lab {
    Lab::start_with(&["--scenario", "cloud-managed"], &[])
}

/// What alice types.
fn answers(lab: &Lab) -> Value {
    json!({
        "UserName": lab.text("/users/0/upn"),
        "Password": lab.text("/users/0/password"),
        // The one after that which the lab's own sign-in took.
        "VerificationCode": code(lab.text("/users/0/totp_secret"), 1),
    })
}

/// A program of the folder `python`, for which the names of the lab lead to this machine.
fn python(lab: &Lab, name: &str) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("python")
        .join(name);
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-ec", NAMES, "sh"])
        .arg(lab.text("/hosts"))
        .arg("/usr/bin/python3")
        .arg(program)
        .env("REQUESTS_CA_BUNDLE", lab.text("/root_pem"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy");
    command
}

/// Has Authlib let alice in, and gives what it found, by step.
#[track_caller]
fn authlib(lab: &Lab, mut arguments: Value) -> Vec<Value> {
    let (base, id) = (lab.text("/tenant/base"), lab.text("/tenant/id"));
    arguments["issuer"] = format!("{base}/{id}/v2.0").into();
    arguments["signed_out"] = SIGNED_OUT.into();
    arguments["answers"] = answers(lab);
    let mut command = python(lab, "relying_party.py");
    let text = run(&mut command, &arguments.to_string()).succeeded();
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn step<'s>(said: &'s [Value], name: &str) -> &'s Value {
    let found = said.iter().find(|line| line["step"] == name);
    found.unwrap_or_else(|| panic!("no {name} among {said:#?}"))
}

/// What every service finds that was let in by the book.
#[track_caller]
fn was_let_in(said: &[Value], algorithm: &str) {
    let identity = step(said, "identity");
    assert_eq!(identity["name"], "alice@corp.example");
    assert_eq!(identity["algorithm"], algorithm);
    let userinfo = step(said, "userinfo");
    assert_eq!(userinfo["status"], 200);
    assert_eq!(userinfo["subject"], identity["subject"]);
    assert_eq!(step(said, "code")["refreshable"], true);
    assert_eq!(step(said, "refresh")["another"], true);
    assert_eq!(step(said, "revocation")["status"], 200);
    assert_eq!(step(said, "after")["error"], "invalid_grant");
    let logout = step(said, "logout");
    assert_eq!(logout["status"], 302);
    assert_eq!(logout["to"], format!("{SIGNED_OUT}?state=bye"));
}

#[test]
fn authlib_lets_a_person_in_at_a_service_that_keeps_a_secret() {
    let lab = tenant();
    let redirect = "https://wiki.example/done";
    let add = [
        "admin",
        "app",
        "add",
        "Wiki",
        "--confidential",
        "--redirect",
        redirect,
        "--signed-out",
        SIGNED_OUT,
    ];
    let id = lab.keyporch_json(&add)["id"].clone();
    let id_text = id.as_str().expect("an application has an ID");
    let secret = lab.keyporch_json(&["admin", "app", "secret", "add", id_text]);
    let said = authlib(
        &lab,
        json!({
            "client_id": id,
            "client_secret": secret["secret"],
            "redirect_uri": redirect,
            "authentication": "client_secret_basic",
        }),
    );
    was_let_in(&said, "RS256");
}

#[test]
fn authlib_lets_a_person_in_at_a_program_without_a_secret_by_a_signature_on_a_curve() {
    let lab = tenant();
    let redirect = "http://127.0.0.1:8765/done";
    let add = [
        "admin",
        "app",
        "add",
        "Notes",
        "--redirect",
        "http://127.0.0.1/done",
        "--signed-out",
        SIGNED_OUT,
        "--signs",
        "ES256",
    ];
    let id = lab.keyporch_json(&add)["id"].clone();
    let said = authlib(
        &lab,
        json!({
            "client_id": id,
            "redirect_uri": redirect,
            "authentication": "none",
        }),
    );
    was_let_in(&said, "ES256");
}

/// Has `openidconnect` let alice in, and gives what it found, by step. The program is built on its own, by `cargo xtask test`.
#[track_caller]
fn openidconnect(lab: &Lab, mut arguments: Value) -> Vec<Value> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = own.join("openidconnect/target/debug/openidconnect-party");
    assert!(
        program.exists(),
        "{} is not built; run `cargo xtask test`, or `cargo build --locked` in its folder",
        program.display()
    );
    let (base, id) = (lab.text("/tenant/base"), lab.text("/tenant/id"));
    arguments["issuer"] = format!("{base}/{id}/v2.0").into();
    arguments["roots"] = lab.text("/root_pem").into();
    let host = base.trim_start_matches("https://");
    arguments["resolve"] = format!("{host}:127.0.0.1").into();
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("what was built runs");
    let mut input = child.stdin.take().expect("standard input was piped");
    writeln!(input, "{arguments}").expect("it reads");
    let output = BufReader::new(child.stdout.take().expect("standard output was piped"));
    let mut said = Vec::new();
    for line in output.lines() {
        let line = line.expect("it prints text");
        let found: Value = serde_json::from_str(&line).expect("it prints JSON");
        if found["step"] == "sign-in" {
            let asked = json!({
                "url": found["address"],
                "redirect_uri": arguments["redirect_uri"],
                "answers": answers(lab),
            });
            let mut browser = python(lab, "browser.py");
            let arrived = run(&mut browser, &asked.to_string()).succeeded();
            writeln!(input, "{}", arrived.trim()).expect("it reads");
        }
        said.push(found);
    }
    let status = child.wait().expect("a child can be waited for");
    assert!(status.success(), "it ended with {status} after {said:#?}");
    said
}

#[test]
fn openidconnect_lets_a_person_in_at_a_service_that_keeps_a_secret() {
    let lab = tenant();
    let redirect = "https://wiki.example/done";
    let add = [
        "admin",
        "app",
        "add",
        "Wiki",
        "--confidential",
        "--redirect",
        redirect,
    ];
    let id = lab.keyporch_json(&add)["id"].clone();
    let id_text = id.as_str().expect("an application has an ID");
    let secret = lab.keyporch_json(&["admin", "app", "secret", "add", id_text]);
    let said = openidconnect(
        &lab,
        json!({
            "client_id": id,
            "client_secret": secret["secret"],
            "redirect_uri": redirect,
        }),
    );
    let identity = step(&said, "identity");
    assert_eq!(identity["name"], "alice@corp.example");
    assert_eq!(step(&said, "another nonce")["refused"], true);
    assert_eq!(step(&said, "userinfo")["subject"], identity["subject"]);
    assert_eq!(step(&said, "refresh")["another"], true);
    assert_eq!(step(&said, "revocation")["refused_afterwards"], true);
}

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An application at an address of this machine, which answers everything and tells what it was asked for.
struct Application {
    port: u16,
    targets: Receiver<String>,
}

impl Application {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, targets) = channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                // A browser opens connections that it does not use yet; none of them keeps another one waiting.
                std::thread::spawn(move || {
                    let mut line = String::new();
                    let read = BufReader::new(&stream).read_line(&mut line);
                    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    let said =
                        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone";
                    let _ = stream.write_all(said);
                    if read.is_ok() && target.starts_with('/') {
                        let _ = sender.send(target);
                    }
                });
            }
        });
        Self { port, targets }
    }

    fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The fields of the first request from now on that begins with `path`.
    #[track_caller]
    fn asked_for(&self, path: &str, browser: &Browser) -> wire::http::Fields {
        loop {
            let target = self
                .targets
                .recv_timeout(Duration::from_secs(30))
                .unwrap_or_else(|_| {
                    let (url, source) = (browser.url(), browser.source());
                    panic!("nothing asked for {path}; the browser shows {url}:\n{source}")
                });
            if let Some(query) = target.strip_prefix(path) {
                let query = query.trim_start_matches('?');
                return wire::http::Fields::parse(query.as_bytes()).expect("a query");
            }
        }
    }
}

/// What the identity token says that the application gets for its code.
#[track_caller]
fn identity(lab: &Lab, client: &str, code: &str, redirect: &str) -> (String, Value) {
    let (base, id) = (lab.text("/tenant/base"), lab.text("/tenant/id"));
    let host = base.trim_start_matches("https://");
    let fields = wire::http::write_query([
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", VERIFIER),
    ]);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--cacert"])
        .arg(lab.text("/root_pem"))
        .args(["--resolve", &format!("{host}:127.0.0.1"), "--data", &fields])
        .arg(format!("{base}/{id}/oauth2/v2.0/token"));
    let answer = run(&mut curl, "").succeeded();
    let answer: Value = serde_json::from_str(&answer).expect("tokens");
    let token = answer["id_token"]
        .as_str()
        .unwrap_or_else(|| panic!("no identity token in {answer}"));
    let claims = token.split('.').nth(1).expect("a token has claims");
    let mut python = Command::new("/usr/bin/python3");
    let decode = "import base64,sys; print(base64.urlsafe_b64decode(sys.argv[1] + '==').decode())";
    let claims = run(python.args(["-c", decode, claims]), "").succeeded();
    let claims = serde_json::from_str(&claims).expect("claims");
    (token.to_owned(), claims)
}

#[test]
fn who_signs_out_at_the_tenant_signs_out_of_the_application_in_a_browser_without_scripts() {
    let lab = tenant();
    let (application, browser) = (Application::start(), Browser::start());
    let (bye, front) = (application.at("/bye"), application.at("/front"));
    let add = [
        "admin",
        "app",
        "add",
        "Notes",
        "--redirect",
        "http://127.0.0.1/done",
        "--signed-out",
        &bye,
        "--front-channel",
        &front,
    ];
    let client = lab.keyporch_json(&add)["id"].clone();
    let client = client.as_str().expect("an application has an ID");
    let (base, id) = (lab.text("/tenant/base"), lab.text("/tenant/id"));
    let redirect = application.at("/done");
    let query = wire::http::write_query([
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", &redirect),
        ("scope", "openid"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    browser.open(&format!("{base}/{id}/oauth2/v2.0/authorize?{query}"));
    browser.fill("#i0116", lab.text("/users/0/upn"));
    browser.fill("#i0118", lab.text("/users/0/password"));
    browser.follow("#password button");
    browser.click("#consent button[value=accept]");
    let code = application.asked_for("/done", &browser);
    let code = code.get("code").expect("a code");
    let (token, claims) = identity(&lab, client, &code, &redirect);

    let query = wire::http::write_query([
        ("id_token_hint", token.as_str()),
        ("post_logout_redirect_uri", &bye),
        ("state", "back"),
    ]);
    browser.open(&format!("{base}/{id}/oauth2/v2.0/logout?{query}"));
    let told = application.asked_for("/front", &browser);
    assert_eq!(told.get("iss").as_deref(), claims["iss"].as_str());
    assert_eq!(told.get("sid").as_deref(), claims["sid"].as_str());
    assert!(claims["sid"].is_string(), "{claims}");
    let back = application.asked_for("/bye", &browser);
    assert_eq!(back.get("state").as_deref(), Some("back"));
}
