//! The page on which somebody approves a device's code (RFC 8628 3.3).
//!
//! Whoever approves has signed in here within the life of a code, has typed the code, has seen who asks, from where and since
//! when, and has pressed the button that says so. None of these comes from an address that somebody else could send them.

use std::net::IpAddr;

use directory::{Actor, AuditRecord, change};
use signin::account::{name_of, upn_of};
use signin::browser::{Browser, own_form};
use signin::limits::waiting;
use signin::records;
use signin::session::{Held, session_of};
use token::authorize::USERINFO;
use token::device_code::{DeviceCodeRecord, LIFETIME, UserCode};
use token::pages::{self, Approval};
use token::secret::Digest;
use token::sign_in::form_token;
use trust::limiter::{Counted, Limit};
use trust::{Rng, Span};
use wire::http::{Method, Response, write_query};

use crate::aadsts::Number;
use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::catalogue::DEVICE_PAGE_CLIENT;
use crate::grants::wanted;
use crate::keys::{DEVICE_CODES, USER_CODES};
use crate::limits::within_limit;
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, PATH, Words::Page, page),
    route(Method::Post, PATH, Words::Page, by_form),
];

const PATH: &str = "/{t}/oauth2/deviceauth";
/// The place of the form that takes a code.
const CODE_FORM: &str = "user-code";
/// How many codes may be tried from one address, and how often one code.
const TRIES: Limit = Limit {
    burst: 10,
    every: Span::minutes(1),
};

/// Why nothing is approved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Refused {
    #[error("no device has shown this code, or its time is over")]
    Code,
    #[error("too many codes were tried")]
    TooMany(Span),
}

impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::Code => Number::DeviceCode,
            Self::TooMany(_) => Number::Throttled,
        }
    }

    fn action(&self) -> &'static str {
        "device-code.approve"
    }

    fn wait(&self) -> Option<Span> {
        match self {
            Self::Code => None,
            Self::TooMany(wait) => Some(*wait),
        }
    }
}

/// The page that asks for a code, for whoever is signed in; others sign in first.
fn page(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    Ok(match recent(asked)? {
        Some(held) => ask(asked, &held, None, rng),
        None => sign_in_first(asked, false),
    })
}

/// The session of the browser, if its owner proved who they are within the life of a code: a window that was left open, or a
/// session of the morning, approves nothing.
fn recent(asked: &Asked<'_, '_>) -> Result<Option<Held>, Trouble> {
    let held = session_of(&asked.sign_in())?;
    Ok(held.filter(|held| asked.now.since(held.record.authentication.at()) <= LIFETIME))
}

/// Sends the browser to sign in, and back to the page. The code that comes with it is redeemed by nobody.
fn sign_in_first(asked: &Asked<'_, '_>, second_factor: bool) -> Answer {
    let place = format!(
        "{}/common/oauth2/deviceauth",
        asked.view.deployment.login.url()
    );
    let mut query = vec![
        ("client_id", DEVICE_PAGE_CLIENT.to_owned()),
        ("response_type", "code".to_owned()),
        ("redirect_uri", place),
        ("scope", "openid".to_owned()),
        ("resource", USERINFO.to_owned()),
    ];
    query.push(match second_factor {
        // A second factor is a proof of now, too.
        true => ("amr_values", "mfa".to_owned()),
        false => ("prompt", "login".to_owned()),
    });
    let to = format!(
        "/{}/oauth2/authorize?{}",
        asked.known.id,
        write_query(query)
    );
    Answer::now(Response::redirect(&to))
}

fn action(asked: &Asked<'_, '_>) -> String {
    format!("/{}/oauth2/deviceauth", asked.known.id)
}

fn ask(asked: &Asked<'_, '_>, held: &Held, error: Option<&str>, rng: &mut dyn Rng) -> Answer {
    let page = asked.sign_in();
    let browser = Browser::of(&page, rng);
    let shown = pages::user_code(
        asked.known.organisation(),
        &action(asked),
        &form_token(browser.secret(), CODE_FORM),
        &upn_of(&held.account, asked.view.snapshot),
        error,
    );
    browser.show(shown).into()
}

/// A code was typed, or a button was pressed.
fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let page = asked.sign_in();
    let form = asked.form().map_err(crate::refused::Refused::Parameters)?;
    let typed = form.field(pages::USER_CODE).unwrap_or_default();
    let decision = form.field(pages::DECISION);
    let code = UserCode::parse(typed);
    let place = match (decision, &code) {
        (Some(_), Some(code)) => approval_form(code),
        _ => CODE_FORM.to_owned(),
    };
    let browser = own_form(&page, &form, &place).map_err(Trouble::from)?;
    let Some(held) = recent(asked)? else {
        return Ok(sign_in_first(asked, false));
    };
    if let Err(wait) = count(asked, code.as_ref()) {
        let refused = Refused::TooMany(wait);
        return Ok(ask(asked, &held, Some(&waiting(wait)), rng)
            .because(asked, &refused)
            .about(Some(&held.account)));
    }
    let found = match &code {
        Some(code) => find(asked, code)?,
        None => None,
    };
    let Some((code, key, record)) = code
        .zip(found)
        .map(|(code, (key, record))| (code, key, record))
    else {
        let said =
            "That code is not known, or its time is over. Look at your device, and type it again.";
        return Ok(ask(asked, &held, Some(said), rng)
            .because(asked, &Refused::Code)
            .about(Some(&held.account)));
    };
    let wanted = wanted(asked, record.asks());
    if !held.record.authentication.suffices(wanted, asked.now) {
        return Ok(sign_in_first(asked, true));
    }
    let from = record.from().and_then(|from| from.parse::<IpAddr>().ok());
    let elsewhere = from.map(network) != asked.request.peer.map(network);
    let decided = match decision {
        Some("approve") => record.clone().approved(
            held.record.account,
            &held.record.authentication,
            wanted,
            asked.now,
        ),
        Some(_) => record.clone().denied(asked.now),
        None => {
            let shown = pages::approve_device(&Approval {
                organisation: asked.known.organisation(),
                action: &action(asked),
                form_token: &form_token(browser.secret(), &approval_form(&code)),
                code: &code.shown(),
                account: &upn_of(&held.account, asked.view.snapshot),
                client: client_name(asked, &record),
                resource: resource_name(asked, &record),
                from: from.map(network).as_deref(),
                minutes: asked.now.since(record.asked_at()).as_seconds() / 60,
                elsewhere,
            });
            return Ok(browser.show(shown).into());
        }
    };
    let approved = decision == Some("approve");
    let decided = decided.ok_or(Refused::Code)?;
    let shown = pages::device_decided(asked.known.organisation(), approved);
    let kept = decided.kept_until();
    Ok(Answer::from(browser.show(shown)).committing([
        records::write(DEVICE_CODES, key.as_bytes(), &decided, kept),
        change::remove(USER_CODES, *code.digest().as_bytes()),
        change::audit(told(asked, &held, &record, approved, elsewhere)),
    ]))
}

/// The place of the form that approves this code.
fn approval_form(code: &UserCode) -> String {
    format!("approval {}", code.shown())
}

/// Counts a code that is tried, by where it is and by which it is; else how long to wait.
fn count(asked: &Asked<'_, '_>, code: Option<&UserCode>) -> Result<(), Span> {
    let limiter = &asked.view.memory.limiter;
    let address = asked.address();
    let digest = code.map(UserCode::digest);
    let counted = [
        Some(address.as_slice()),
        digest.as_ref().map(|it| it.as_bytes().as_slice()),
    ];
    let counted = counted
        .into_iter()
        .flatten()
        .map(|of| Counted::Named("user-code", of));
    let waits = counted
        .clone()
        .filter_map(|counted| limiter.wait(counted, TRIES, asked.now));
    if let Some(wait) = waits.max() {
        return Err(wait);
    }
    for counted in counted {
        limiter.count(counted, TRIES, asked.now);
    }
    Ok(())
}

/// The device code that goes with a user code, where somebody may still approve it.
fn find(
    asked: &Asked<'_, '_>,
    code: &UserCode,
) -> Result<Option<(Digest, DeviceCodeRecord)>, Trouble> {
    let (snapshot, now) = (asked.view.snapshot, asked.now);
    let Some(of_user) = snapshot.record(USER_CODES, code.digest().as_bytes(), now)? else {
        return Ok(None);
    };
    let Ok(key) = <[u8; 32]>::try_from(of_user.value.bytes()) else {
        return Ok(None);
    };
    let record = records::read::<DeviceCodeRecord>(snapshot, DEVICE_CODES, &key, now)?;
    let record = record.filter(|record| record.is_open(now));
    Ok(record.map(|record| (Digest::from_bytes(key), record)))
}

/// The network of an address, as people are told of it: of 24 bits, or of 48.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

fn client_name<'k>(asked: &'k Asked<'_, '_>, record: &DeviceCodeRecord) -> &'k str {
    let client = asked.known.catalogue.client(record.asks().client());
    client.map_or("an application", |client| &client.name)
}

fn resource_name<'k>(asked: &'k Asked<'_, '_>, record: &DeviceCodeRecord) -> &'k str {
    let resource = asked.known.catalogue.resource(record.asks().resource());
    resource.map_or("a resource", |resource| &resource.name)
}

/// Who decided what, for which application, and whether the device was elsewhere.
fn told(
    asked: &Asked<'_, '_>,
    held: &Held,
    record: &DeviceCodeRecord,
    approved: bool,
    elsewhere: bool,
) -> AuditRecord {
    let name = name_of(&held.account);
    let actor = Actor {
        sid: Some(held.account.sid),
        name: name.to_owned(),
    };
    let action = match approved {
        true => "device-code.approve",
        false => "device-code.deny",
    };
    let told = AuditRecord::done(asked.now, actor, action)
        .on(held.account.id, name)
        .with("client", record.asks().client())
        .with("resource", record.asks().resource())
        .with("device-address", record.from().unwrap_or("unknown"))
        .with("other-network", if elsewhere { "yes" } else { "no" });
    match asked.from() {
        Some(from) => told.from_address(from),
        None => told,
    }
}
