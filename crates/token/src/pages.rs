//! The pages of a sign-in. They work without script, by keyboard and by ear, and their forms are plain enough that a
//! program in a terminal can fill them in ([`reader`]).
//!
//! # Field names, which programs may rely on
//!
//! | form (`id`) | fields |
//! |---|---|
//! | `password` | `UserName`, `Password`, hidden `FormToken` |
//! | `new-password` | `NewPassword`, `ConfirmNewPassword`, hidden `Context`, `FormToken` |
//! | `update-password` | `UserName`, `OldPassword`, `NewPassword`, `ConfirmNewPassword`, `VerificationCode`, hidden `FormToken` |
//! | `totp`, `recovery-code` | `VerificationCode` or `RecoveryCode`, hidden `Context`, `FormToken`, `AuthMethod`; checkbox `LostAuthenticator` |
//! | `enrolment` | `VerificationCode`, hidden `Context`, `FormToken`; the secret stands in `#secret`, its URI in `#secret-uri` |
//! | `not-now` | hidden `Context`, `FormToken`, `NotNow`: goes on without what `enrolment` offers |
//! | `acknowledgement` | hidden `Context`, `FormToken`; the recovery codes are the `<code>` of `#recovery-codes` |
//! | `consent` | buttons `Consent` with `accept` or `decline`, hidden `FormToken` |
//! | `user-code` | `otc`, hidden `FormToken` |
//! | `approval` | buttons `Decision` with `approve` or `deny`, hidden `otc`, `FormToken` |
//! | `sign-out` | hidden `FormToken` |
//! | `realm` | `login_hint`, hidden what the request says otherwise |
//!
//! What went wrong stands in `#error`, and what has been done, where nothing is left to fill in, in `#done`. The forms are posted to the address in their `action`.

mod consent;
mod device;
mod messages;
mod passwords;
pub mod reader;
mod realm;
mod steps;
#[cfg(test)]
mod tests;

use crate::secret::shows_only;
use base64ct::{Base64, Encoding};
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use consent::{Consent, consent};
pub use device::{Approval, approve_device, device_decided, user_code};
pub use messages::{Ended, form_post, refused, sign_out, signed_out, signing_out};
pub use passwords::{NewPassword, UpdatePassword, new_password, password_updated, update_password};
pub use realm::{Realm, realm};
pub use steps::{
    Enrolment, Password, SecondFactor, acknowledgement, enrolment, password, second_factor,
};

/// The name of the field for the user name, as in AD FS.
pub const USER_NAME: &str = "UserName";
/// The name of the field for the password, as in AD FS.
pub const PASSWORD: &str = "Password";
/// The name of the field for the present password, where another is chosen.
pub const OLD_PASSWORD: &str = "OldPassword";
/// The name of the field for a new password.
pub const NEW_PASSWORD: &str = "NewPassword";
/// The name of the field for the same once more.
pub const CONFIRM_NEW_PASSWORD: &str = "ConfirmNewPassword";
/// The hidden field that shows that the form came from us.
pub const FORM_TOKEN: &str = "FormToken";
/// The hidden field that names the sign-in on its way.
pub const CONTEXT: &str = "Context";
/// The name of the field for a device's code, as in the protocol's own page.
pub const USER_CODE: &str = "otc";
/// The name of the buttons of a consent.
pub const CONSENT: &str = "Consent";
/// The name of the buttons of an approval.
pub const DECISION: &str = "Decision";
/// The hidden field that names the adapter.
pub const AUTH_METHOD: &str = "AuthMethod";

const STYLE: &str = include_str!("pages/style.css");

/// A page, ready to be sent.
#[derive(Clone)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The document.
    pub html: String,
    /// Where its forms, and the redirections that answer them, may lead besides ourselves: sources of Content Security
    /// Policy. Browsers hold a redirection after a form to `form-action` too.
    leads_to: Vec<String>,
    /// Which pages stand in its frames: sources of Content Security Policy.
    frames: Vec<String>,
}

shows_only!("Page", Page: status, leads_to, frames);

impl Page {
    /// Allows the page's form to be answered by a redirection to `source`.
    #[must_use]
    pub fn leading_to(mut self, source: String) -> Self {
        self.leads_to.push(source);
        self
    }

    /// Allows a frame of the page to show what is at `source`.
    #[must_use]
    pub fn framing(mut self, source: String) -> Self {
        self.frames.push(source);
        self
    }

    /// The same page with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The page as a response: nothing but our one style sheet is loaded, nobody frames the page, nothing keeps it.
    #[must_use]
    pub fn into_response(self) -> wire::http::Response {
        let mut response = wire::http::Response::html(self.status, self.html.as_str());
        for (name, value) in self.headers() {
            response.headers.set(name, &value);
        }
        response
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let style = Base64::encode_string(&crypto::digest::sha256(STYLE.as_bytes()));
        let mut leads_to = String::new();
        for source in &self.leads_to {
            leads_to.push(' ');
            leads_to.push_str(source);
        }
        let mut frames = String::new();
        for (place, source) in self.frames.iter().enumerate() {
            frames.push_str(if place == 0 { " frame-src " } else { " " });
            frames.push_str(source);
        }
        if !frames.is_empty() {
            frames.push(';');
        }
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}';{frames} form-action 'self'{leads_to}; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        vec![
            ("content-security-policy", policy),
            ("x-frame-options", "DENY".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            // Not `no-referrer`, with which browsers send `Origin: null` to ourselves.
            ("referrer-policy", "same-origin".to_owned()),
            ("cross-origin-opener-policy", "same-origin".to_owned()),
        ]
    }
}

/// A whole document around `body`.
fn document(organisation: &str, title: &str, error: Option<&str>, body: &Markup) -> Page {
    document_with(organisation, title, error, &html! {}, body)
}

/// A whole document around `body`, with more in its head.
fn document_with(
    organisation: &str,
    title: &str,
    error: Option<&str>,
    head: &Markup,
    body: &Markup,
) -> Page {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                (head)
                // Whoever hears the page hears of the mistake first.
                title { @if error.is_some() { "Error: " } (title) " – " (organisation) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.organisation { (organisation) }
                    h1 { (title) }
                    @if let Some(error) = error {
                        p id="error" role="alert" { (error) }
                    }
                    (body)
                }
            }
        }
    };
    Page {
        status: 200,
        html: document.into_string(),
        leads_to: vec![],
        frames: vec![],
    }
}

/// A hidden field.
fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}
