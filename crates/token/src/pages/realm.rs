//! The page that asks whose sign-in it is, where several organisations have theirs at one host.

use maud::html;

use super::{Page, document, hidden};
use crate::client::source_of;
use crate::secret::shows_only;

/// The field that takes a person's name: a request with it says by itself whose sign-in it is (OpenID Connect Core 3.1.2.1).
const NAME: &str = "login_hint";

/// What the page shows.
#[derive(Clone, Copy)]
pub struct Realm<'a> {
    /// The host, in the place of an organisation.
    pub host: &'a str,
    /// The path to which the form is sent.
    pub action: &'a str,
    /// What the request says.
    pub request: &'a [(&'a str, &'a str)],
}

shows_only!("Realm", Realm<'_>: host, action);

/// Asks for a person's name, and makes the same request again with it. What the request says is carried on as it is: the
/// organisation that it turns out to be for judges it, and nothing else does.
#[must_use]
pub fn realm(page: &Realm<'_>) -> Page {
    let said = |name: &str| page.request.iter().find(|(known, _)| *known == name);
    let name = said(NAME).map_or("", |(_, name)| name);
    let error = (!name.is_empty()).then_some(
        "Nobody who signs in here has a name like this one. Enter your whole user name.",
    );
    let others = page.request.iter().filter(|(known, _)| *known != NAME);
    let invalid = error.map(|_| "true");
    let body = html! {
        p { "Several organisations have their sign-in here. Your user name tells which one is yours." }
        form id="realm" method="get" action=(page.action) {
            @for (name, value) in others { (hidden(name, value)) }
            label for="i0116" { "User name" }
            input id="i0116" type="text" name=(NAME) value=(name) autocomplete="username" autocapitalize="none"
                spellcheck="false" maxlength="256" required autofocus aria-describedby="user-name-hint" aria-invalid=[invalid];
            p.hint id="user-name-hint" { "It looks like a mail address: alice@corp.example." }
            button id="idSIButton9" type="submit" { "Next" }
        }
    };
    let shown = document(page.host, "Sign in", error, &body);
    // Where somebody is signed in already, the answer leads to the application at once.
    let leads_to = said("redirect_uri").and_then(|(_, uri)| source_of(uri));
    match leads_to {
        Some(source) => shown.leading_to(source),
        None => shown,
    }
}
