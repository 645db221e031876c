//! A service that lets people in by the tenant, with the published `openidconnect`: discovery, authorization code with PKCE, the
//! identity token, userinfo, refresh and revocation.
//!
//! It reads a line of JSON: `issuer`, `client_id`, `client_secret` or null, `redirect_uri`, and how the server is reached, `resolve`
//! (`host:port:address`) and `roots` (a PEM file). It prints the address to sign in at, reads a second line, the address at which the
//! browser arrived, and prints a line of JSON for each thing that it found. What is wrong ends it with code 1.

use std::error::Error;
use std::io::{BufRead, Write};
use std::process::{Command, Stdio};

use openidconnect::core::{CoreClient, CoreProviderMetadata, CoreResponseType, CoreUserInfoClaims};
use openidconnect::{
    AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl,
    RevocationUrl, Scope, TokenResponse, http,
};
use serde_json::{Value, json};

type Wrong = Box<dyn Error>;

fn main() -> Result<(), Wrong> {
    let mut lines = std::io::stdin().lock().lines();
    let mut line = || -> Result<String, Wrong> { Ok(lines.next().ok_or("no more input")??) };
    let arguments: Value = serde_json::from_str(&line()?)?;
    let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
    let (resolve, roots) = (text("resolve"), text("roots"));
    let http = |request: HttpRequest| {
        curl(&resolve, &roots, request).map_err(|wrong| std::io::Error::other(wrong.to_string()))
    };

    let issuer = IssuerUrl::new(text("issuer"))?;
    let metadata = CoreProviderMetadata::discover(&issuer, &http)?;
    say(&json!({"step": "discovery", "issuer": metadata.issuer().as_str()}));
    let document = http(
        http::Request::builder()
            .uri(issuer.join(".well-known/openid-configuration")?.as_str())
            .body(Vec::new())?,
    )?;
    let document: Value = serde_json::from_slice(document.body())?;
    let revocation = document["revocation_endpoint"]
        .as_str()
        .ok_or("no revocation endpoint")?;
    let secret = arguments["client_secret"].as_str();
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(text("client_id")),
        secret.map(|secret| ClientSecret::new(secret.to_owned())),
    )
    .set_redirect_uri(RedirectUrl::new(text("redirect_uri"))?)
    .set_revocation_url(RevocationUrl::new(revocation.to_owned())?);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (address, state, nonce) = client
        .authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scopes(
            ["profile", "email", "offline_access"].map(|scope| Scope::new(scope.to_owned())),
        )
        .set_pkce_challenge(challenge)
        .url();
    say(&json!({"step": "sign-in", "address": address.as_str()}));

    let arrived = openidconnect::url::Url::parse(&line()?)?;
    let query = |name: &str| {
        let found = arrived.query_pairs().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    if query("state") != *state.secret() {
        return Err("the answer belongs to another request".into());
    }
    let tokens = client
        .exchange_code(AuthorizationCode::new(query("code")))?
        .set_pkce_verifier(verifier)
        .request(&http)?;
    say(&json!({"step": "code", "refreshable": tokens.refresh_token().is_some()}));

    let identity = tokens.id_token().ok_or("no identity token")?;
    let verify = client.id_token_verifier();
    let claims = identity.claims(&verify, &nonce)?;
    let name = claims
        .preferred_username()
        .map(|name| name.as_str().to_owned());
    say(&json!({"step": "identity", "subject": claims.subject().as_str(), "name": name}));
    let forged = identity.claims(&verify, &Nonce::new("another".to_owned()));
    say(&json!({"step": "another nonce", "refused": forged.is_err()}));

    let subject = claims.subject().clone();
    let found: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(subject))?
        .request(&http)?;
    say(&json!({"step": "userinfo", "subject": found.subject().as_str()}));

    let refresh = tokens.refresh_token().ok_or("no refresh token")?;
    let refreshed = client.exchange_refresh_token(refresh)?.request(&http)?;
    let another = refreshed.access_token().secret() != tokens.access_token().secret();
    say(&json!({"step": "refresh", "another": another}));

    let last = refreshed.refresh_token().unwrap_or(refresh).clone();
    client.revoke_token(last.clone().into())?.request(&http)?;
    let after = client.exchange_refresh_token(&last)?.request(&http);
    say(&json!({"step": "revocation", "refused_afterwards": after.is_err()}));
    Ok(())
}

fn say(line: &Value) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// One request, by the program that everybody has; the names of the tests lead to this machine.
fn curl(resolve: &str, roots: &str, request: HttpRequest) -> Result<HttpResponse, Wrong> {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--http1.1",
            "--dump-header",
            "-",
        ])
        .args(["--cacert", roots, "--resolve", resolve])
        .args(["--request", request.method().as_str()]);
    for (name, value) in request.headers() {
        command.args(["--header", &format!("{name}: {}", value.to_str()?)]);
    }
    command
        .args(["--header", "Expect:", "--data-binary", "@-"])
        .arg(request.uri().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(request.body())?;
    }
    let answer = child.wait_with_output()?;
    let end = answer
        .stdout
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or("no answer")?;
    let (head, body) = (&answer.stdout[..end], &answer.stdout[end + 4..]);
    let head = std::str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let mut response = http::Response::builder().status(status.ok_or("no status")?);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("no header")?;
        response = response.header(name.trim(), value.trim());
    }
    Ok(response.body(body.to_vec())?)
}
