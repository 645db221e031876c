//! The pages on which a person chooses a new password.

use maud::{Markup, html};

use super::steps::name_and_password;
use super::{
    CONFIRM_NEW_PASSWORD, CONTEXT, FORM_TOKEN, NEW_PASSWORD, OLD_PASSWORD, Page, document, hidden,
};
use crate::secret::shows_only;
use crate::totp;

/// What the page for a password that must be changed shows.
#[derive(Clone, Copy)]
pub struct NewPassword<'a> {
    /// Whose sign-in it is.
    pub organisation: &'a str,
    /// The address of the form.
    pub action: &'a str,
    /// The name of the sign-in.
    pub context: &'a str,
    /// The form's token.
    pub form_token: &'a str,
    /// Whose password it is.
    pub account: &'a str,
    /// What is asked of it, in a sentence.
    pub rules: &'a str,
    /// What went wrong the last time.
    pub error: Option<&'a str>,
}

shows_only!("NewPassword", NewPassword<'_>: account, rules, error);

/// Asks for a new password in place of one that must be changed.
#[must_use]
pub fn new_password(page: &NewPassword<'_>) -> Page {
    let body = html! {
        p { "The password of " strong { (page.account) } " must be changed before you go on." }
        form id="new-password" method="post" action=(page.action) {
            (hidden(CONTEXT, page.context))
            (hidden(FORM_TOKEN, page.form_token))
            (twice(page.rules, true, page.error.is_some()))
            button type="submit" { "Change the password and continue" }
        }
    };
    document(
        page.organisation,
        "Choose a new password",
        page.error,
        &body,
    )
}

/// What the page on which a person changes their password shows.
#[derive(Clone, Copy)]
pub struct UpdatePassword<'a> {
    /// Whose page it is.
    pub organisation: &'a str,
    /// The address of the form.
    pub action: &'a str,
    /// The form's token.
    pub form_token: &'a str,
    /// The domain of people's names, for an example.
    pub domain: &'a str,
    /// The user name to begin with.
    pub user_name: &'a str,
    /// What is asked of the new password, in a sentence.
    pub rules: &'a str,
    /// Whether the code of the second factor is known to be needed: the passwords were right.
    pub code_needed: bool,
    /// What went wrong the last time.
    pub error: Option<&'a str>,
}

shows_only!("UpdatePassword", UpdatePassword<'_>: rules, code_needed, error);

/// Asks for name, present and new password, and the code of the second factor from whoever has one: nothing on the page
/// tells whether somebody does, before both passwords were right.
#[must_use]
pub fn update_password(page: &UpdatePassword<'_>) -> Page {
    let body = html! {
        form id="update-password" method="post" action=(page.action) {
            (hidden(FORM_TOKEN, page.form_token))
            (name_and_password(page.user_name, page.domain, "Present password", OLD_PASSWORD, page.error.is_some()))
            (twice(page.rules, false, page.error.is_some()))
            label for="code" { "Verification code" }
            input id="code" type="text" name=(totp::FIELD) inputmode="numeric" autocomplete="one-time-code"
                spellcheck="false" maxlength="16" required[page.code_needed]
                aria-invalid=[(page.code_needed).then_some("true")] aria-describedby="code-hint";
            p.hint id="code-hint" { "From your authenticator application. Leave it empty if you have not set one up." }
            button type="submit" { "Change the password" }
        }
    };
    document(page.organisation, "Change your password", page.error, &body)
}

/// The new password, and the same once more.
fn twice(rules: &str, first: bool, invalid: bool) -> Markup {
    let invalid = invalid.then_some("true");
    html! {
        label for="new-password-field" { "New password" }
        input id="new-password-field" type="password" name=(NEW_PASSWORD) autocomplete="new-password" maxlength="1024"
            required autofocus[first] aria-describedby="new-password-hint" aria-invalid=[invalid];
        p.hint id="new-password-hint" { (rules) }
        label for="confirm-new-password" { "New password once more" }
        input id="confirm-new-password" type="password" name=(CONFIRM_NEW_PASSWORD) autocomplete="new-password"
            maxlength="1024" required aria-invalid=[invalid];
    }
}

/// Tells that the password has been changed.
#[must_use]
pub fn password_updated(organisation: &str) -> Page {
    let body = html! {
        p id="done" { "Your password has been changed." }
        p { "Use the new one from now on. Wherever you were signed in, you will be asked for it." }
    };
    document(organisation, "Password changed", None, &body)
}
