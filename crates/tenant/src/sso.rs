//! Sign-in in a browser, or in a broker, by the primary refresh token of the device (protocols A.11; PRT-8, PRT-W7).
//!
//! What is shown is signed with the session key over a nonce of ours. Browsers send the same cookie with each request of a
//! session, so one nonce serves one browser ([`PRT_USES`]): the same words from another one open nothing.

use directory::{Change, Device, change};
use serde::Deserialize;
use signin::browser::Browser;
use signin::complete::{complete, wanted};
use token::authorize::{AuthorizeRequest, Prompt};
use token::parameters::Parameters;
use token::refusal::Code;
use token::secret::{Purpose, Secret};
use token::sign_in::SignedIn;
use trust::{Rng, Span};
use wire::http::{Method, Response};

use crate::aadsts::Number;
use crate::asked::Asked;
use crate::authorize::to_client;
use crate::config;
use crate::consent::{self, NoConsent};
use crate::keys::PRT_USES;
use crate::nonce::{self, BadNonce, Place};
use crate::prt::assertion::Moment;
use crate::prt::judge::{self, Live, noting_the_switch};
use crate::prt::refused::Refused;
use crate::prt::request::{self, must_be_untaken};
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;
use crate::words::{self, Words};

/// The header, or the cookie, with the primary refresh token.
const CREDENTIAL: &str = "x-ms-RefreshTokenCredential";
/// The header in which the device proves itself beside it.
const DEVICE_CREDENTIAL: &str = "x-ms-DeviceCredential";
/// The longest of them that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
/// For how long one nonce serves its browser: as long as a session does.
const SESSION: Span = Span::hours(8);
/// How old a cookie without a nonce may be, and how far ahead its clock, where such cookies are taken at all.
const LEGACY: Span = Span::minutes(5);

/// What a request shows of its device's sign-in.
#[derive(Debug)]
pub(crate) enum Sso {
    /// Nothing.
    Nothing,
    /// A primary refresh token, over no nonce that is good: it is to be shown again over this one (`sso_nonce`).
    NeedsNonce(String),
    /// A primary refresh token that is good.
    SignedOn(Box<SignedOn>),
}

/// Who is signed in on the device.
#[derive(Debug)]
pub(crate) struct SignedOn {
    pub(crate) live: Live,
    /// Whether it was shown under a key of the first version.
    first_kdf: bool,
    /// To be committed with what comes of it.
    pub(crate) changes: Vec<Change>,
}

impl SignedOn {
    /// The change, which names device and switch where it is an audit record.
    fn naming_the_device(&self, change: Change) -> Change {
        match change {
            Change::Audit(record) => {
                let record = record.about_device(self.live.device.device_id);
                change::audit(noting_the_switch(record, self.first_kdf))
            }
            other => other,
        }
    }
}

/// What the token says besides whose it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    request_nonce: Option<String>,
    iat: Option<Moment>,
}

/// Who is signed in on the device that sends this request. `browser` is the secret of the browser's cookie, a new one where
/// it has none yet, and then to be given to it with the answer.
///
/// # Errors
/// [`Trouble`]: what is shown is no good. Known clients read a refusal from a page alone (status 200), never from an error.
pub(crate) fn signed_on(
    asked: &Asked<'_, '_>,
    browser: &Secret,
    rng: &mut dyn Rng,
) -> Result<Sso, Trouble> {
    let request = asked.request;
    let shown = request.headers.get(CREDENTIAL);
    let Some(shown) = shown.or_else(|| request.cookie(CREDENTIAL)) else {
        return Ok(Sso::Nothing);
    };
    let shown = judge::prove(asked, within(shown)?)?;
    let claims: Claims = shown.verified.claims().map_err(|_| Refused::Claims)?;
    if let Some(device) = request.headers.get(DEVICE_CREDENTIAL) {
        must_be_of(asked, device, &shown.live.device)?;
    }
    // What it was shown over: a nonce, or a moment where the tenant takes that.
    let over = match (&claims.request_nonce, claims.iat) {
        (Some(nonce), _) => nonce.clone(),
        (None, Some(at)) => format!("iat {}", at.0.unix()),
        (None, None) => String::new(),
    };
    let key = [&shown.live.record.id.to_bytes()[..], over.as_bytes()].concat();
    let key = crypto::digest::sha256(&key);
    let in_browser = browser.digest(Purpose::Browser);
    let session_key = shown.live.record.session_key.fingerprint();
    let (live, first_kdf) = (shown.live, shown.first_kdf);
    let signed_on = |changes| {
        Ok(Sso::SignedOn(Box::new(SignedOn {
            live,
            first_kdf,
            changes,
        })))
    };
    if let Some(used) = asked.view.snapshot.record(PRT_USES, &key, asked.now)? {
        return match crypto::constant_time::equal(used.value.bytes(), in_browser.as_bytes()) {
            true => signed_on(vec![]),
            false => Err(Refused::Nonce(BadNonce::Taken).into()),
        };
    }
    // The browser may show it again; for everything else that the session key signs its nonce is used up.
    let mut changes = match claims.request_nonce.as_deref() {
        Some(nonce) => match nonce::check(asked, Some(nonce)) {
            Ok(nonce) => vec![must_be_untaken(asked, &nonce, &session_key)?],
            Err(_) => return needs_nonce(asked, rng),
        },
        None if is_legacy(asked, claims.iat) => vec![],
        None => return needs_nonce(asked, rng),
    };
    let value = in_browser.as_bytes().to_vec();
    changes.push(change::put(PRT_USES, key, value, asked.now + SESSION));
    signed_on(changes)
}

fn needs_nonce(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Sso, Trouble> {
    let nonce = nonce::issue(asked, Place::Tenant, rng)?;
    Ok(Sso::NeedsNonce(nonce))
}

fn within(text: &str) -> Result<&str, Refused> {
    let fits = text.len() <= LONGEST;
    fits.then_some(text).ok_or(Refused::Claims)
}

/// Whether a moment in place of a nonce is good: where the tenant takes that, and it is young.
fn is_legacy(asked: &Asked<'_, '_>, at: Option<Moment>) -> bool {
    let young = at.is_some_and(|Moment(at)| at <= asked.now + LEGACY && asked.now <= at + LEGACY);
    asked.known.settings.legacy_iat_cookie && young
}

/// The device that proves itself beside a primary refresh token must be the token's. Its nonce may be the token's: it was signed
/// with another key.
fn must_be_of(asked: &Asked<'_, '_>, credential: &str, device: &Device) -> Result<(), Trouble> {
    let signed = request::read(asked, within(credential)?)?;
    if signed.claims.grant_type.as_deref() != Some("device_auth") {
        return Err(Refused::GrantType.into());
    }
    match signed.device().id == device.id {
        true => Ok(()),
        false => Err(Refused::AnotherDevice.into()),
    }
}

/// Whether a broker asks: it shows its device beside the token, and reads refusals from the page of its own protocol alone. One
/// that wants no page (`prompt=none`) reads redirections.
pub(crate) fn is_broker(asked: &Asked<'_, '_>) -> bool {
    let query = asked.query().ok();
    let prompt = query.as_ref().and_then(|query| query.field("prompt"));
    shows_its_device(asked) && prompt != Some("none")
}

fn shows_its_device(asked: &Asked<'_, '_>) -> bool {
    asked.request.headers.get(DEVICE_CREDENTIAL).is_some()
}

/// What an authorization request comes to by what it shows of its device's sign-in.
pub(crate) enum OnDevice {
    /// It shows nothing, or not enough.
    Nothing,
    /// What it shows is no good, which a browser is not told: it goes on as any other.
    NotGood(Box<dyn Reason>),
    /// It is answered.
    Answered(Box<Answer>),
}

/// Answers an authorization request by the device's sign-in, where that is enough.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    parameters: &Parameters,
    rng: &mut dyn Rng,
) -> Result<OnDevice, Trouble> {
    // A broker shows its device beside the token, and reads refusals from the page of its own protocol alone.
    let is_broker = is_broker(asked);
    let page = asked.sign_in();
    let browser = Browser::of(&page, rng);
    let answered = |answer| Ok(OnDevice::Answered(Box::new(answer)));
    let refused = |reason: Box<dyn Reason>| match request.prompt {
        // Who wants no page at all is told by the address that the code would have gone to.
        Prompt::Nothing if shows_its_device(asked) => {
            let to = &request.answer;
            // Signing in anew helps against a token that is over, and not against a device that is.
            let code = match reason.number() {
                Number::DeviceDisabled | Number::DeviceFailed => Code::AccessDenied,
                _ => Code::LoginRequired,
            };
            answered(to_client(asked, to, code, reason.as_ref()))
        }
        _ if is_broker => answered(words::reply(asked, Words::Config, reason.as_ref())),
        _ => Ok(OnDevice::NotGood(reason)),
    };
    let on = match signed_on(asked, browser.secret(), rng) {
        Ok(Sso::Nothing) => return Ok(OnDevice::Nothing),
        Ok(Sso::SignedOn(on)) => on,
        Ok(Sso::NeedsNonce(nonce)) => {
            // Once: who comes back without it has no way to sign it.
            let again = parameters.field("sso_nonce").is_some();
            return match !again && asked.request.method == Method::Get {
                true => answered(Answer::now(with_nonce(asked, &nonce))),
                false => refused(Box::new(Refused::Nonce(BadNonce::Missing))),
            };
        }
        Err(Trouble::Refused(reason)) => return refused(reason),
        Err(fault) => return Err(fault),
    };
    let live = &on.live;
    let hint = request.login_hint.as_deref();
    let upn = live.account.upn.as_deref().unwrap_or(&live.account.sam);
    let signed_in = SignedIn::already(
        request.clone(),
        live.account.id.0,
        live.record.authentication.clone(),
        wanted(&page, request),
        asked.now,
    );
    match signed_in.filter(|_| hint.is_none_or(|hint| hint.eq_ignore_ascii_case(upn))) {
        Some(_) if consent::must_ask(&page.house, request, live.account.id, asked.now)? => {
            let answer = match request.prompt {
                Prompt::Nothing => {
                    to_client(asked, &request.answer, Code::ConsentRequired, &NoConsent)
                }
                _ if is_broker => {
                    let mut members = serde_json::Map::new();
                    members.insert("pgid".into(), "ConvergedConsent".into());
                    let shown = config::page::page(asked, &asked.trace.to_string(), members);
                    Answer::from(browser.give(shown)).because(asked, &NoConsent)
                }
                _ => consent::ask(asked, request, &live.account, rng),
            };
            answered(answer.committing(on.changes))
        }
        Some(signed_in) => {
            let device = Some(live.device.device_id);
            let answer = complete(&page, signed_in, &live.account, device, None, rng);
            let given = browser.give(with_link(answer.response));
            let told = answer.changes.into_iter();
            let told = told.map(|change| on.naming_the_device(change));
            let answer = Answer::from(given).committing(told.collect::<Vec<_>>());
            answered(answer.committing(on.changes))
        }
        // The person at the device is not the one that the client means.
        None if !request.is_for(live.account.id.0) => {
            let another = signin::Refused::AnotherPerson;
            match request.prompt {
                Prompt::Nothing => {
                    let told = to_client(asked, &request.answer, Code::LoginRequired, &another);
                    answered(told.committing(on.changes))
                }
                _ if is_broker => {
                    let told = words::reply(asked, Words::Config, &another);
                    answered(told.committing(on.changes))
                }
                // On the pages they may sign in.
                _ => Ok(OnDevice::Nothing),
            }
        }
        None if request.prompt == Prompt::Nothing => answered(
            to_client(
                asked,
                &request.answer,
                Code::InteractionRequired,
                &Refused::SecondFactor,
            )
            .committing(on.changes),
        ),
        // Who asks to be asked anew gets the pages, and the code that comes of them names the device.
        None if is_broker && request.prompt != Prompt::SignInAgain => {
            let mut members = serde_json::Map::new();
            members.insert("pgid".into(), "ConvergedTFA".into());
            let shown = config::page::page(asked, &asked.trace.to_string(), members);
            let answer = Answer::from(browser.give(shown)).committing(on.changes);
            answered(answer.because(asked, &Refused::SecondFactor))
        }
        // The pages ask for what is missing, in a browser that has shown its device.
        None => Ok(OnDevice::Nothing),
    }
}

/// The request as the pages take it, on the device that shows its sign-in with this form, where one does; and what to commit
/// with what comes of it.
pub(crate) fn on_device<'a, 'd>(
    asked: &'a Asked<'_, 'd>,
    rng: &mut dyn Rng,
) -> Result<(signin::Asked<'a, 'd>, Vec<Change>), Trouble> {
    let mut page = asked.sign_in();
    let browser = Browser::of(&page, rng);
    Ok(match signed_on(asked, browser.secret(), rng) {
        Ok(Sso::SignedOn(on)) => {
            page.device = Some(on.live.device.device_id);
            (page, on.changes)
        }
        Err(Trouble::Fault(fault)) => return Err(fault.into()),
        // Whoever types a name and a password needs no device.
        Ok(Sso::Nothing | Sso::NeedsNonce(_)) | Err(Trouble::Refused(_)) => (page, vec![]),
    })
}

/// The same request once more, with a nonce.
fn with_nonce(asked: &Asked<'_, '_>, nonce: &str) -> Response {
    let request = asked.request;
    let base = asked.view.deployment.login.url();
    let query = &request.query;
    Response::redirect(&format!("{base}{}?{query}&sso_nonce={nonce}", request.path))
}

/// The same redirect with a link in its body, which is what known clients read (protocols A.11.2). It is the only one there.
fn with_link(mut response: Response) -> Response {
    let Some(location) = response.headers.get("Location") else {
        return response;
    };
    let escaped = location
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let body = format!(
        "<html><head><title>Object moved</title></head><body><h2>Object moved to <a href=\"{escaped}\">here</a>.</h2>\
         </body></html>"
    );
    response
        .headers
        .set("Content-Type", "text/html; charset=utf-8");
    response.body = body.into_bytes();
    response
}
