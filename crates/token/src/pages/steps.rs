//! The pages that ask for something.

use maud::{Markup, html};
use zeroize::Zeroizing;

use super::{AUTH_METHOD, CONTEXT, FORM_TOKEN, PASSWORD, Page, USER_NAME, document, hidden};
use crate::factor::AuthenticationAdapter;
use crate::factor::Form;
use crate::recovery::RecoveryCode;
use crate::secret::shows_only;
use crate::sign_in::{LOST_AUTHENTICATOR, NOT_NOW};
use crate::{qr, totp};

// The names of these elements are those of the page that clients of the protocol fill in by themselves (protocols A.5.7).
const USER_NAME_ID: &str = "i0116";
const PASSWORD_ID: &str = "i0118";
const SUBMIT_ID: &str = "idSIButton9";
const CODE_ID: &str = "idTxtBx_SAOTCC_OTC";

/// What the page for name and password shows.
#[derive(Clone, Copy)]
pub struct Password<'a> {
    /// Whose sign-in it is.
    pub organisation: &'a str,
    /// Where the person is going.
    pub going_to: &'a str,
    /// The address of the form.
    pub action: &'a str,
    /// The form's token.
    pub form_token: &'a str,
    /// The domain of people's names, for an example.
    pub domain: &'a str,
    /// The user name to begin with.
    pub user_name: &'a str,
    /// What went wrong the last time.
    pub error: Option<&'a str>,
}

shows_only!("Password", Password<'_>: going_to, domain, error);

/// Asks for name and password.
#[must_use]
pub fn password(page: &Password<'_>) -> Page {
    let body = html! {
        p { "Continue to " (page.going_to) "." }
        form id="password" method="post" action=(page.action) {
            (hidden(FORM_TOKEN, page.form_token))
            (name_and_password(page.user_name, page.domain, "Password", PASSWORD, page.error.is_some()))
            p.hint { "If an administrator gave you a Temporary Access Pass, enter it in place of the password." }
            button id=(SUBMIT_ID) type="submit" { "Sign in" }
        }
    };
    document(page.organisation, "Sign in", page.error, &body)
}

/// Who it is, and the password that they have; `label` and `field` are that one's.
pub(super) fn name_and_password(
    user_name: &str,
    domain: &str,
    label: &str,
    field: &str,
    invalid: bool,
) -> Markup {
    let named = !user_name.is_empty();
    let invalid = invalid.then_some("true");
    html! {
        label for=(USER_NAME_ID) { "User name" }
        input id=(USER_NAME_ID) type="text" name=(USER_NAME) value=(user_name) autocomplete="username"
            autocapitalize="none" spellcheck="false" maxlength="256" required autofocus[!named]
            aria-describedby="user-name-hint" aria-invalid=[invalid];
        p.hint id="user-name-hint" { "For example, alice@" (domain) "." }
        label for=(PASSWORD_ID) { (label) }
        input id=(PASSWORD_ID) type="password" name=(field) autocomplete="current-password"
            maxlength="1024" required autofocus[named] aria-invalid=[invalid];
    }
}

/// What the page for a second factor shows.
#[derive(Clone, Copy)]
pub struct SecondFactor<'a> {
    /// Whose sign-in it is.
    pub organisation: &'a str,
    /// The address of the forms.
    pub action: &'a str,
    /// The name of the sign-in.
    pub context: &'a str,
    /// The forms' token.
    pub form_token: &'a str,
    /// The adapters' forms, the first shown open.
    pub forms: &'a [Form],
    /// What went wrong the last time.
    pub error: Option<&'a str>,
}

shows_only!("SecondFactor", SecondFactor<'_>: forms, error);

/// Asks for a second factor.
#[must_use]
pub fn second_factor(page: &SecondFactor<'_>) -> Page {
    let body = html! {
        @for (place, form) in page.forms.iter().enumerate() {
            @if place == 0 {
                (factor(page, form, true))
            } @else {
                details {
                    summary { "Use another way: " (form.label.to_lowercase()) }
                    (factor(page, form, false))
                }
            }
        }
        @if page.forms.is_empty() {
            p { "No way to prove a second factor is left. Ask your administrator for help." }
        }
    };
    document(page.organisation, "Prove that it is you", page.error, &body)
}

fn factor(page: &SecondFactor<'_>, form: &Form, first: bool) -> Markup {
    let (id, hint) = (
        match form.adapter == totp::Totp.id() {
            true => CODE_ID.to_owned(),
            false => format!("field-{}", form.adapter),
        },
        format!("hint-{}", form.adapter),
    );
    html! {
        form id=(form.adapter) method="post" action=(page.action) {
            (hidden(CONTEXT, page.context))
            (hidden(FORM_TOKEN, page.form_token))
            (hidden(AUTH_METHOD, form.adapter))
            label for=(id) { (form.label) }
            input id=(id) type="text" name=(form.field) inputmode=[form.digits.then_some("numeric")]
                autocomplete=(if form.digits { "one-time-code" } else { "off" }) autocapitalize="characters"
                spellcheck="false" maxlength="64" required autofocus[first] aria-describedby=(hint)
                aria-invalid=[(first && page.error.is_some()).then_some("true")];
            p.hint id=(hint) { (form.hint) }
            @if form.adapter == RecoveryCode.id() {
                label.choice { input type="checkbox" name=(LOST_AUTHENTICATOR) value="true"; " I have lost my authenticator and want to set up another" }
            }
            button type="submit" { "Continue" }
        }
    }
}

/// What the page for setting up an authenticator shows.
#[derive(Clone, Copy)]
pub struct Enrolment<'a> {
    /// Whose sign-in it is.
    pub organisation: &'a str,
    /// The address of the form.
    pub action: &'a str,
    /// The name of the sign-in.
    pub context: &'a str,
    /// The form's token.
    pub form_token: &'a str,
    /// The name under which the authenticator will list the account.
    pub account: &'a str,
    /// The new secret.
    pub secret: &'a totp::TotpSecret,
    /// Whether the person may go on without it.
    pub offered: bool,
    /// What went wrong the last time.
    pub error: Option<&'a str>,
}

shows_only!("Enrolment", Enrolment<'_>: account, error);

/// Shows a new secret as a QR code and in text, and asks for its first code.
#[must_use]
pub fn enrolment(page: &Enrolment<'_>) -> Page {
    let uri = page.secret.uri(page.organisation, page.account);
    let secret = page.secret.reveal();
    let grouped: Vec<&str> = secret
        .as_bytes()
        .chunks(4)
        .filter_map(|group| core::str::from_utf8(group).ok())
        .collect();
    let body = html! {
        @if page.offered {
            p { "You have signed in with what an administrator gave you for a while. Set up a second factor of your own: an authenticator application on your telephone or another device." }
        } @else {
            p { "Your account needs a second factor: an authenticator application on your telephone or another device." }
        }
        h2 { "1. Scan this code with the application" }
        (qr::svg(&uri, "QR code with the secret that is also written below").unwrap_or_default())
        p { "Or " a id="secret-uri" href=(uri.as_str()) { "open it on this device" } ", or type the secret:" }
        p { code id="secret" { (grouped.join(" ")) } }
        p.hint { "Account " (page.account) ", time-based, six digits." }
        h2 { "2. Enter the code that it shows" }
        form id="enrolment" method="post" action=(page.action) {
            (hidden(CONTEXT, page.context))
            (hidden(FORM_TOKEN, page.form_token))
            label for="first-code" { "Verification code" }
            input id="first-code" type="text" name=(totp::FIELD) inputmode="numeric" autocomplete="one-time-code"
                spellcheck="false" maxlength="16" required autofocus aria-invalid=[(page.error.is_some()).then_some("true")];
            button type="submit" { "Continue" }
        }
        @if page.offered {
            form id="not-now" method="post" action=(page.action) {
                (hidden(CONTEXT, page.context))
                (hidden(FORM_TOKEN, page.form_token))
                (hidden(NOT_NOW, "true"))
                button.other type="submit" { "Not now" }
            }
        }
    };
    document(
        page.organisation,
        "Set up a second factor",
        page.error,
        &body,
    )
}

/// Shows recovery codes, this once, and asks for them to be written down. Without `codes` they were shown before.
#[must_use]
pub fn acknowledgement(
    organisation: &str,
    action: &str,
    context: &str,
    form_token: &str,
    codes: &[Zeroizing<String>],
) -> Page {
    let body = html! {
        @if codes.is_empty() {
            p { "Your recovery codes have been shown and are not shown again. If you have not kept them, ask your administrator to reset your second factor." }
        } @else {
            p { "If you lose your authenticator, each of these codes lets you sign in once. Print them or write them down now: they are not shown again." }
            ol id="recovery-codes" {
                @for code in codes { li { code { (code.as_str()) } } }
            }
        }
        form id="acknowledgement" method="post" action=(action) {
            (hidden(CONTEXT, context))
            (hidden(FORM_TOKEN, form_token))
            button type="submit" autofocus { "I have kept them, continue" }
        }
    };
    document(organisation, "Keep your recovery codes", None, &body)
}
