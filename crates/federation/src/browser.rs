//! The browser in which a person signs in: its cookie, and whether a form came from there and from us.

use token::pages::{self, Page};
use token::parameters::Parameters;
use token::secret::Secret;
use token::session;
use token::sign_in::is_form_token;
use trust::Rng;
use wire::http::SetCookie;

use crate::asked::Asked;
use crate::refused::Refused;
use crate::reply::Answer;

/// The browser in which a sign-in is on its way: the secret of its cookie, kept or new.
pub(crate) struct Browser {
    secret: Secret,
    is_new: bool,
}

impl Browser {
    /// The browser that asks.
    pub(crate) fn of(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Self {
        match Self::known(asked) {
            Some(secret) => Self {
                secret,
                is_new: false,
            },
            None => Self {
                secret: Secret::draw(rng),
                is_new: true,
            },
        }
    }

    fn known(asked: &Asked<'_, '_>) -> Option<Secret> {
        asked
            .request
            .cookie(session::BROWSER_COOKIE)
            .and_then(Secret::parse)
    }

    /// The secret of its cookie.
    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// An answer that shows `page`, and gives a new browser its cookie.
    pub(crate) fn show(&self, page: Page) -> Answer {
        let response = page.into_response();
        Answer::now(if self.is_new {
            response.with_cookie(&SetCookie::session(
                session::BROWSER_COOKIE,
                &self.secret.reveal(),
            ))
        } else {
            response
        })
    }
}

/// The browser in which a form of ours was filled in, if the form came from there and from us.
pub(crate) fn own_form(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    place: &str,
) -> Result<Browser, Refused> {
    let origin = asked.request.headers.get("Origin");
    let same_origin =
        origin.is_none_or(|origin| origin.eq_ignore_ascii_case(&asked.view.settings.origin));
    let secret = Browser::known(asked)
        .filter(|_| same_origin)
        .ok_or(Refused::ForeignForm)?;
    let sent = form.field(pages::FORM_TOKEN).unwrap_or_default();
    if is_form_token(sent, &secret, place) {
        Ok(Browser {
            secret,
            is_new: false,
        })
    } else {
        Err(Refused::ForeignForm)
    }
}
