//! The pages that tell something.

use maud::html;
use wire::Guid;

use super::{FORM_TOKEN, Page, document, document_with, hidden};
use crate::client::FrontChannel;

/// Tells that something did not work. `trace` is what an administrator looks for in the log.
#[must_use]
pub fn refused(organisation: &str, status: u16, sentence: &str, trace: Guid) -> Page {
    let body = html! {
        p { "If it happens again, give your administrator this number:" }
        p { code id="trace" { (trace) } }
    };
    document(organisation, "That did not work", Some(sentence), &body).with_status(status)
}

/// Tells that the browser's session has ended.
#[must_use]
pub fn signed_out(organisation: &str) -> Page {
    let body = html! {
        p { "You are signed out. Close the browser if others use this computer." }
    };
    document(organisation, "Signed out", None, &body)
}

/// An application that is told in a frame that a session has ended (OpenID Connect Front-Channel Logout 1.0).
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The application's page.
    pub page: &'a FrontChannel,
    /// Who ended it, as the application knows it.
    pub issuer: &'a str,
    /// What the application knows the session by.
    pub sid: &'a str,
}

/// How long after the applications' pages have loaded the browser goes on, in seconds: some of them ask their own server by
/// script then.
const AFTER_FRAMES: u32 = 2;

/// Tells that the browser's session has ended, and tells the applications that somebody signed in to with it, each in a frame
/// of its own. `then` is where the browser goes afterwards.
///
/// A browser counts a refresh from the moment when the page and its frames have loaded, or failed to. One that never answers
/// keeps it until the browser gives up, so there is a link, too.
#[must_use]
pub fn signing_out(organisation: &str, ended: &[Ended<'_>], then: Option<&str>) -> Page {
    let head = html! {
        @if let Some(then) = then {
            meta http-equiv="refresh" content=(format!("{AFTER_FRAMES};url={then}"));
        }
    };
    let body = html! {
        p id="done" {
            "You are signed out here, and the applications to which you signed in are being told. "
            "Close the browser if others use this computer."
        }
        @if let Some(then) = then {
            p { a id="continue" href=(then) { "Continue" } }
        }
        @for one in ended {
            // A frame may end the application's session, and not lead the browser elsewhere.
            iframe title="An application ends its session" src=(one.page.address(one.issuer, one.sid))
                sandbox="allow-same-origin allow-scripts allow-forms" {}
        }
    };
    let page = document_with(organisation, "Signed out", None, &head, &body);
    ended
        .iter()
        .fold(page, |page, one| page.framing(one.page.source()))
}

/// Asks whether to sign out, when the request for it may not come from the person.
#[must_use]
pub fn sign_out(organisation: &str, action: &str, form_token: &str) -> Page {
    let body = html! {
        form id="sign-out" method="post" action=(action) {
            (hidden(FORM_TOKEN, form_token))
            button type="submit" autofocus { "Sign out" }
        }
    };
    document(organisation, "Do you want to sign out?", None, &body)
}

/// Carries the answer to an authorization request as a form (OAuth 2.0 Form Post Response Mode 2). There is no script
/// that would submit it, so the person does.
#[must_use]
pub fn form_post(
    organisation: &str,
    redirect_uri: &str,
    source: String,
    parameters: &[(&str, &str)],
) -> Page {
    let body = html! {
        p { "You are signed in." }
        form id="answer" method="post" action=(redirect_uri) {
            @for (name, value) in parameters { (hidden(name, value)) }
            button type="submit" autofocus { "Continue" }
        }
    };
    document(organisation, "Continue", None, &body).leading_to(source)
}
