//! The browser in which a person signs in: its cookie, and whether a form came from there and from us.

use token::pages::{self, Page};
use token::parameters::Parameters;
use token::secret::Secret;
use token::sign_in::is_form_token;
use trust::Rng;
use wire::http::{Response, SetCookie};

use crate::Answer;
use crate::Asked;
use crate::Refused;

/// The browser in which a sign-in is on its way: the secret of its cookie, kept or new.
#[derive(Debug)]
pub struct Browser {
    secret: Secret,
    is_new: bool,
    cookie: String,
}

impl Browser {
    /// The browser that asks.
    #[must_use]
    pub fn of(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Self {
        match Self::known(asked) {
            Some(secret) => Self {
                secret,
                is_new: false,
                cookie: asked.house.cookies.browser.to_owned(),
            },
            None => Self {
                secret: Secret::draw(rng),
                is_new: true,
                cookie: asked.house.cookies.browser.to_owned(),
            },
        }
    }

    fn known(asked: &Asked<'_, '_>) -> Option<Secret> {
        asked
            .request
            .cookie(asked.house.cookies.browser)
            .and_then(Secret::parse)
    }

    /// The secret of its cookie.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// An answer that shows `page`, and gives a new browser its cookie.
    #[must_use]
    pub fn show(&self, page: Page) -> Answer {
        self.give(page.into_response())
    }

    /// An answer with this response, which gives a new browser its cookie.
    #[must_use]
    pub fn give(&self, response: Response) -> Answer {
        Answer::now(if self.is_new {
            response.with_cookie(&SetCookie::session(&self.cookie, &self.secret.reveal()))
        } else {
            response
        })
    }
}

/// The browser in which a form of ours was filled in, if the form came from there and from us.
///
/// # Errors
/// [`Refused::ForeignForm`].
pub fn own_form(asked: &Asked<'_, '_>, form: &Parameters, place: &str) -> Result<Browser, Refused> {
    let sent = form.field(pages::FORM_TOKEN).unwrap_or_default();
    own(asked, sent, place)
}

/// The browser to which the token `sent` was given for what is at `place`, if the request comes from there and from us.
///
/// # Errors
/// [`Refused::ForeignForm`].
pub fn own(asked: &Asked<'_, '_>, sent: &str, place: &str) -> Result<Browser, Refused> {
    let origin = asked.request.headers.get("Origin");
    let same_origin = origin.is_none_or(|origin| origin.eq_ignore_ascii_case(asked.house.origin));
    let secret = Browser::known(asked)
        .filter(|_| same_origin)
        .ok_or(Refused::ForeignForm)?;
    if is_form_token(sent, &secret, place) {
        Ok(Browser {
            secret,
            is_new: false,
            cookie: asked.house.cookies.browser.to_owned(),
        })
    } else {
        Err(Refused::ForeignForm)
    }
}
