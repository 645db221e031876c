//! The pages on which somebody approves a device's code (RFC 8628 3.3).

use maud::html;

use super::{DECISION, FORM_TOKEN, Page, USER_CODE, document, hidden};
use crate::secret::shows_only;

/// Asks for the code that a device shows.
#[must_use]
pub fn user_code(
    organisation: &str,
    action: &str,
    form_token: &str,
    account: &str,
    error: Option<&str>,
) -> Page {
    let body = html! {
        p { "You are signed in as " strong { (account) } "." }
        p { "Enter the code that your device shows. Enter no code that somebody sent you or read to you: whoever has it would be signed in as you." }
        form id="user-code" method="post" action=(action) {
            (hidden(FORM_TOKEN, form_token))
            label for="code" { "Code" }
            input id="code" type="text" name=(USER_CODE) autocomplete="off" autocapitalize="characters"
                spellcheck="false" maxlength="64" required autofocus aria-invalid=[error.is_some().then_some("true")];
            button type="submit" { "Continue" }
        }
    };
    document(organisation, "Sign in on another device", error, &body)
}

/// What somebody is to approve.
#[derive(Clone, Copy)]
pub struct Approval<'a> {
    /// Whose sign-in it is.
    pub organisation: &'a str,
    /// The address of the form.
    pub action: &'a str,
    /// The form's token.
    pub form_token: &'a str,
    /// The code that was typed.
    pub code: &'a str,
    /// Who approves.
    pub account: &'a str,
    /// The application that asks.
    pub client: &'a str,
    /// For what.
    pub resource: &'a str,
    /// From which network, where that is known.
    pub from: Option<&'a str>,
    /// How many minutes ago.
    pub minutes: i64,
    /// Whether that is another network than the one from which somebody approves.
    pub elsewhere: bool,
}

shows_only!("Approval", Approval<'_>: account, client, resource, from, minutes, elsewhere);

/// Says who asks for what, from where and since when, and asks whether that is right.
#[must_use]
pub fn approve_device(page: &Approval<'_>) -> Page {
    let body = html! {
        p { "A device asks to be signed in as " strong { (page.account) } "." }
        dl {
            dt { "Application" } dd id="client" { (page.client) }
            dt { "For" } dd id="resource" { (page.resource) }
            dt { "Asked from" } dd id="from" { (page.from.unwrap_or("an unknown network")) }
            dt { "Asked" } dd id="asked" {
                @match page.minutes {
                    0 => "less than a minute ago",
                    1 => "1 minute ago",
                    minutes => { (minutes) " minutes ago" }
                }
            }
        }
        @if page.elsewhere {
            p.warning id="warning" role="alert" { "The device is in another network than you are. Go on only if you have it before you." }
        }
        p { "If you did not begin this on a device of your own, choose “No”." }
        form id="approval" method="post" action=(page.action) {
            (hidden(FORM_TOKEN, page.form_token))
            (hidden(USER_CODE, page.code))
            button type="submit" name=(DECISION) value="deny" { "No, do not sign in" }
            button type="submit" name=(DECISION) value="approve" { "Yes, sign in the device" }
        }
    };
    document(page.organisation, "Sign in the device?", None, &body)
}

/// Says what became of it.
#[must_use]
pub fn device_decided(organisation: &str, approved: bool) -> Page {
    let (title, said) = match approved {
        true => (
            "Signed in",
            "Your device is signed in. You can close this page.",
        ),
        false => (
            "Not signed in",
            "The device was not signed in. You can close this page.",
        ),
    };
    document(organisation, title, None, &html! { p id="done" { (said) } })
}
