//! The token service: codes, refresh tokens, device codes, applications, pages.

mod authenticators;
mod clients;
mod codes;
mod consents;
mod device_codes;
mod devices;
mod front_channel;
mod hints;
mod hostile;
mod pages;
mod passwords;
mod proofs;
mod refresh;
mod sessions;
mod since;
mod tokens;

use std::collections::BTreeMap;

use serde_json::Value;
use token::pages::reader::{self, Read};
use wire::http::{Request, Response, write_query};

use super::world::*;
use crate::catalogue::BROKER_CLIENT;

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The broker's address.
pub(crate) const BROKER_REDIRECT: &str = "msauth://Microsoft.AAD.BrokerPlugin";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
pub(crate) const DRS: &str = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9";
pub(crate) const PORTAL: &str = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c";

/// A browser with its cookies and the page that it shows.
#[derive(Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) page: Read,
    pub(crate) html: String,
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    /// From where it asks.
    pub(crate) address: Option<&'static str>,
}

impl Browser {
    pub(crate) fn send(&mut self, world: &mut World, mut request: Request) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request.headers.set("Cookie", &cookies.join("; "));
        }
        if let Some(address) = self.address {
            request.peer = Some(address.parse().unwrap());
        }
        let response = world.send(request);
        for cookie in response.headers.get_all("Set-Cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            assert!(
                name.starts_with("__Host-") && rest.contains("; Path=/; Secure; HttpOnly"),
                "{cookie}"
            );
            match rest.split(';').next().unwrap() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        self.status = response.status;
        self.location = response.headers.get("Location").map(str::to_owned);
        self.html = String::from_utf8_lossy(&response.body).into_owned();
        self.page = reader::read(&self.html);
        response
    }

    pub(crate) fn get(&mut self, world: &mut World, target: &str) -> Response {
        self.send(world, Request::get(target))
    }

    /// The request that posting the form of this name makes.
    pub(crate) fn filled(&self, world: &World, form: &str, fields: &[(&str, &str)]) -> Request {
        let form = self
            .page
            .form(form)
            .unwrap_or_else(|| panic!("no form {form} on {} {}", self.status, self.html));
        let hidden = form
            .hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !fields.iter().any(|(filled, _)| filled == name));
        let pairs: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
        let origin = world.tenant().deployment.login.url().to_owned();
        Request::post_form(&form.action, pairs).with_header("Origin", &origin)
    }

    /// Posts the form of this name with these fields filled in.
    pub(crate) fn fill(
        &mut self,
        world: &mut World,
        form: &str,
        fields: &[(&str, &str)],
    ) -> Response {
        let request = self.filled(world, form, fields);
        self.send(world, request)
    }

    /// Follows the redirection to our own host.
    pub(crate) fn follow(&mut self, world: &mut World) -> Response {
        let location = self.location.clone().unwrap();
        let own = world.tenant().deployment.login.url().to_owned();
        let target = location.strip_prefix(&own).unwrap_or(&location).to_owned();
        assert!(target.starts_with('/'), "{location}");
        self.get(world, &target)
    }

    pub(crate) fn password(&mut self, world: &mut World, sam: &str, password: &str) -> Response {
        let name = world.upn(sam);
        let fields = [("UserName", name.as_str()), ("Password", password)];
        self.fill(world, "password", &fields)
    }

    pub(crate) fn totp(&mut self, world: &mut World) -> Response {
        let code = world.totp();
        self.fill(world, "totp", &[("VerificationCode", &code)])
    }

    /// The value of a parameter of the address to which the browser was sent.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        let (_, query) = self.location.as_deref()?.split_once(['?', '#'])?;
        wire::http::Fields::parse(query.as_bytes())
            .unwrap()
            .get(name)
    }

    /// Goes on without the authenticator that is offered.
    pub(crate) fn not_now(&mut self, world: &mut World) {
        if self.page.form("not-now").is_some() {
            self.fill(world, "not-now", &[]);
        }
    }

    /// Consents to what the application asks, where that is asked.
    pub(crate) fn consent(&mut self, world: &mut World) {
        let back =
            |location: &Option<String>| location.as_deref().is_some_and(|to| to.starts_with('/'));
        if back(&self.location) {
            self.follow(world);
        }
        if self.page.form("consent").is_some() {
            self.fill(world, "consent", &[("Consent", "accept")]);
            self.follow(world);
        }
    }

    /// Signs in, with the second factor where it is asked for, and gives the code.
    pub(crate) fn sign_in(&mut self, world: &mut World, sam: &str, target: &str) -> String {
        self.get(world, target);
        if self.page.form("password").is_some() {
            self.password(world, sam, PASSWORD);
        }
        if self.page.form("totp").is_some() {
            self.totp(world);
        }
        self.consent(world);
        self.sent("code")
            .unwrap_or_else(|| panic!("no code: {} {} {:?}", self.status, self.html, world.refused))
    }
}

/// Parameters with changes; an empty value leaves one out.
pub(crate) fn changed<'a>(
    good: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let kept = good
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes)
        .copied()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The address of a request of the public application's, with PKCE.
pub(crate) fn of_notes(world: &World, changes: &[(&str, &str)]) -> String {
    let good = [
        ("client_id", NOTES),
        ("redirect_uri", NOTES_REDIRECT),
        ("response_type", "code"),
        ("scope", "openid profile email offline_access"),
        ("state", "s7"),
        ("nonce", "n5"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let query = write_query(changed(&good, changes));
    world.path(&format!("oauth2/v2.0/authorize?{query}"))
}

/// The address of a request of the broker's, as it makes them: no state, no nonce, no PKCE.
pub(crate) fn of_broker(world: &World, changes: &[(&str, &str)]) -> String {
    let good = [
        ("client_id", BROKER_CLIENT),
        ("redirect_uri", BROKER_REDIRECT),
        ("response_type", "code"),
        ("scope", "openid profile "),
        ("resource", GRAPH),
    ];
    let query = write_query(changed(&good, changes));
    world.path(&format!("oauth2/authorize?{query}"))
}

/// The public application redeems a code.
pub(crate) fn redeem_notes(world: &mut World, code: &str, changes: &[(&str, &str)]) -> Response {
    let good = [
        ("grant_type", "authorization_code"),
        ("client_id", NOTES),
        ("code", code),
        ("redirect_uri", NOTES_REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    token_v2(world, &changed(&good, changes))
}

/// The broker redeems a code.
pub(crate) fn redeem_broker(world: &mut World, code: &str, changes: &[(&str, &str)]) -> Response {
    let good = [
        ("grant_type", "authorization_code"),
        ("client_id", BROKER_CLIENT),
        ("code", code),
        ("redirect_uri", BROKER_REDIRECT),
    ];
    world.token(&changed(&good, changes))
}

/// A refresh token is redeemed.
pub(crate) fn refresh(world: &mut World, token: &str, changes: &[(&str, &str)]) -> Response {
    let good = [
        ("grant_type", "refresh_token"),
        ("client_id", BROKER_CLIENT),
        ("refresh_token", token),
    ];
    token_v2(world, &changed(&good, changes))
}

/// Posts a form to the token endpoint of the second version.
pub(crate) fn token_v2(world: &mut World, fields: &[(&str, &str)]) -> Response {
    let path = world.path("oauth2/v2.0/token");
    world.send(Request::post_form(&path, fields.iter().copied()))
}

pub(crate) fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&response.body)))
}

/// A member of the answer that is text.
pub(crate) fn text(response: &Response, name: &str) -> String {
    let body = json(response);
    body[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {body}"))
        .to_owned()
}

/// The number and the OAuth code of a refusal.
pub(crate) fn refusal(response: &Response) -> (u64, String) {
    let body = json(response);
    let number = body["error_codes"][0].as_u64();
    (
        number.unwrap_or_else(|| panic!("no refusal: {body}")),
        body["error"].as_str().unwrap().to_owned(),
    )
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).unwrap()).unwrap()
}

/// The methods that a token tells.
pub(crate) fn amr(token: &str) -> Vec<String> {
    let claims = claims(token);
    let amr = claims["amr"].as_array().unwrap().iter();
    amr.map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// An administrator disables somebody.
pub(crate) fn disable(world: &mut World, sam: &str) {
    let account = world.account(sam);
    world.commit([directory::change::disable(account.id, account.control)]);
}
