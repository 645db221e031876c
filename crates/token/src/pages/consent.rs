//! The page on which somebody consents to what an application asks about them.

use maud::html;

use super::{CONSENT, FORM_TOKEN, Page, document, hidden};
use crate::secret::shows_only;

/// What somebody is asked to consent to.
#[derive(Clone, Copy)]
pub struct Consent<'a> {
    /// Whose page it is.
    pub organisation: &'a str,
    /// The address of the form.
    pub action: &'a str,
    /// The form's token.
    pub form_token: &'a str,
    /// Who is asked.
    pub account: &'a str,
    /// The application that asks.
    pub client: &'a str,
    /// Where it is, as far as that is known: the address to which the browser goes on.
    pub leads_to: &'a str,
    /// What it asks for, in words.
    pub asks: &'a [&'a str],
}

shows_only!("Consent", Consent<'_>: account, client, leads_to, asks);

/// Asks whether an application may have what it asks for.
#[must_use]
pub fn consent(page: &Consent<'_>) -> Page {
    let body = html! {
        p { strong id="client" { (page.client) } " (" span id="leads-to" { (page.leads_to) } ") asks about " strong { (page.account) } ":" }
        ul id="asks" { @for asked in page.asks { li { (asked) } } }
        p { "You will not be asked again. If you do not know this application, choose “No”." }
        form id="consent" method="post" action=(page.action) {
            (hidden(FORM_TOKEN, page.form_token))
            button type="submit" name=(CONSENT) value="decline" { "No" }
            button type="submit" name=(CONSENT) value="accept" { "Yes, go on" }
        }
    };
    document(page.organisation, "Go on to the application?", None, &body)
}
