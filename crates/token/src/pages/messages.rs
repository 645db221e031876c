//! The pages that tell something.

use maud::html;
use wire::Guid;

use super::{FORM_TOKEN, Page, document, hidden};

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
