//! A device signs in by a code that somebody approves elsewhere (RFC 8628, protocols A.4.3).

use directory::change;
use serde_json::{Value, json};
use signin::records;
use token::client::Client;
use token::device_code::{DeviceCodeRecord, INTERVAL, LIFETIME};
use token::grant::{Asks as Requested, DeviceCodeRequest, Refused};
use token::parameters::Parameters;
use trust::Rng;
use trust::limiter::{Counted, Limit};
use wire::Guid;
use wire::http::{Method, Response};

use super::{Asks, ToIssue, issue, refresh, wanted};
use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::client_auth::by_client;
use crate::consent::{self, NoConsent};
use crate::keys::{DEVICE_CODES, USER_CODES};
use crate::limits::within_limit;
use crate::refused::{self, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Post, "/{t}/oauth2/devicecode", Words::OAuth, begin),
    route(
        Method::Post,
        "/{t}/oauth2/v2.0/devicecode",
        Words::OAuth,
        begin,
    ),
];

/// How often a device may poll with one code before it is turned away: five times as often as it is told.
const POLLS: Limit = Limit {
    burst: 60,
    every: trust::Span::seconds(1),
};

/// How many codes one address may have made: a hundred at once, and one each ten seconds. A code that nobody uses rests for 25
/// minutes, so there are never more than 250 of one address.
const FROM_ADDRESS: Limit = Limit {
    burst: 100,
    every: trust::Span::seconds(10),
};
/// How many all addresses together may have made, of one tenant: never more than 10,000 rest, and whoever types chance meets
/// one of them by one guess in a thousand million (RFC 8628 5.1).
pub(crate) const OF_TENANT: Limit = Limit {
    burst: 5_000,
    every: trust::Span::millis(300),
};

/// Counts a code that is about to be made, where there is room for it: by the address, then by the tenant, so that one address
/// that asks too often takes nothing from others.
fn count(asked: &Asked<'_, '_>) -> Result<(), refused::Refused> {
    let limiter = &asked.view.memory.limiter;
    let address = asked.address();
    let counted = [
        (Counted::Named("device-codes from", &address), FROM_ADDRESS),
        (Counted::Named("device-codes", b"all"), OF_TENANT),
    ];
    for (counted, limit) in counted {
        if let Some(wait) = limiter.wait(counted, limit, asked.now) {
            return Err(refused::Refused::TooManyRequests(wait));
        }
    }
    for (counted, limit) in counted {
        limiter.count(counted, limit, asked.now);
    }
    Ok(())
}

/// Gives a device its code, and the one that somebody types.
fn begin(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.form().map_err(refused::Refused::Parameters)?;
    by_client(asked, &form, Words::OAuth, |authenticated| {
        begin_for(asked, &form, authenticated.client, rng)
    })
}

fn begin_for(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    client: &Client,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    if !client.grants.device_code {
        return Err(Refused::GrantOfOthers.into());
    }
    let asks = Requested::read(
        form,
        client,
        &asked.known.catalogue,
        asked.known.catalogue.usual(),
    )?;
    if !consent::is_given(asked, asks.client(), asks.resource(), asks.scopes())? {
        return Err(NoConsent.into());
    }
    count(asked)?;
    let begun = DeviceCodeRecord::begin(asks, asked.from(), asked.now, rng);
    let kept = begun.record.kept_until();
    let of_user = begun.user_code.digest();
    let changes = [
        records::write(DEVICE_CODES, begun.digest().as_bytes(), &begun.record, kept),
        change::put(
            USER_CODES,
            *of_user.as_bytes(),
            begun.digest().as_bytes().to_vec(),
            begun.record.expires(),
        ),
    ];
    let shown = begun.user_code.shown();
    let place = format!(
        "{}/common/oauth2/deviceauth",
        asked.view.deployment.login.url()
    );
    let message = format!("To sign in, open {place} and enter the code {shown}.");
    let v2 = asked.is_v2();
    let number = |seconds: i64| match v2 {
        true => Value::from(seconds),
        false => Value::from(seconds.to_string()),
    };
    let place_name = match v2 {
        true => "verification_uri",
        false => "verification_url",
    };
    // There is no `verification_uri_complete`: people are to type what they see on a device before them.
    let body = json!({
        "device_code": begun.device_code(),
        "user_code": shown,
        place_name: place,
        "expires_in": number(LIFETIME.as_seconds()),
        "interval": number(INTERVAL.as_seconds()),
        "message": message,
    });
    let response = Response::json(200, &body).with_header("Pragma", "no-cache");
    Ok(Answer::now(response).committing(changes))
}

/// The device polls.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    request: &DeviceCodeRequest,
    asks: Asks,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let (now, key) = (asked.now, *request.digest().as_bytes());
    let limiter = &asked.view.memory.limiter;
    let counted = Counted::Named("device-code", &key);
    if let Some(wait) = limiter.wait(counted, POLLS, now) {
        return Err(refused::Refused::TooManyRequests(wait).into());
    }
    limiter.count(counted, POLLS, now);
    let record = records::read::<DeviceCodeRecord>(asked.view.snapshot, DEVICE_CODES, &key, now)?;
    let record = record.ok_or(Refused::DeviceCode)?;
    let kept = record.kept_until();
    let wanted = wanted(asked, record.asks());
    let (grant, spent) = record.redeem(request, wanted, asks.device, now)?;
    let mut changes = vec![records::write(DEVICE_CODES, &key, &spent, kept)];
    let family = Guid::from_random(rng.bytes());
    let refresh = refresh::begin(asked, family, &grant, &mut changes, rng);
    let what = ToIssue {
        grant,
        refresh,
        changes,
        proven: asks.proven,
        client_info: asks.client_info,
    };
    issue(asked, what, rng)
}
