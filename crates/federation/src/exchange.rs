//! `/adfs/oauth2/token`: a code or a refresh token becomes tokens (RFC 6749 4.1.3 and 6).

use directory::{Account, Actor, AuditRecord, change};
use registration::proven_device::{self, ProvenDevice};
use signin::account::{self, Proven, still_usable};
use signin::grants::{self, NotRedeemed, Redeemed};
use signin::limits::within_limit;
use token::authorize::USERINFO;
use token::grant::{
    CodeRequest, FamilyRules, Grant, Presented, RefreshRequest, Refused as NotGranted,
    TokenRequest, TokenResponse,
};
use trust::{Rng, Span};
use wire::http::{Response, percent_decode};

use crate::asked::Asked;
use crate::claims;
use crate::keys::signing_keys;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{Words, reply};

/// How long a family of refresh tokens lives from sign-in: a working day, as a browser's session.
const FAMILY_LIFETIME: Span = Span::hours(8);

/// Answers a token request.
pub(crate) fn exchange(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(&asked.sign_in())?;
    let form = asked.form()?;
    // RFC 6749 2.3.1: name and password in the header are percent-encoded first.
    let basic = asked
        .request
        .basic()
        .map(|(name, password)| (percent_decode(&name), percent_decode(&password)));
    let basic = basic
        .as_ref()
        .map(|(name, password)| (name.as_str(), password.as_str()));
    let catalogue = &asked.view.settings.catalogue;
    let client = Presented::read(&form, basic, catalogue)?.public()?;
    let request = TokenRequest::parse(&form, client, catalogue, USERINFO)?;
    let device = device(asked)?;
    match request {
        TokenRequest::Code(request) => redeem_code(asked, &request, device.as_ref(), rng),
        TokenRequest::Refresh(request) => {
            redeem_refresh_token(asked, &request, device.as_ref(), rng)
        }
        // No client has these, so none is offered.
        TokenRequest::DeviceCode(_)
        | TokenRequest::Password(_)
        | TokenRequest::ClientCredentials(_) => Err(NotGranted::GrantType.into()),
    }
}

/// The device that the transport proved (F.3, first form); a certificate that is no device's is refused.
pub(crate) fn device(asked: &Asked<'_, '_>) -> Result<Option<ProvenDevice>, Trouble> {
    match &asked.request.client_certificate {
        None => Ok(None),
        Some(certificate) => Ok(Some(proven_device::prove(
            asked.view.snapshot,
            certificate,
            asked.now,
        )??)),
    }
}

fn redeem_code(
    asked: &Asked<'_, '_>,
    request: &CodeRequest,
    device: Option<&ProvenDevice>,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let device = device.map(|device| device.device().device_id);
    let mut redeemed = match grants::code(&asked.sign_in(), request, device)? {
        Ok(redeemed) => redeemed,
        Err(not) => return Ok(not_redeemed(asked, not)),
    };
    let grant = &redeemed.grant;
    let catalogue = &asked.view.settings.catalogue;
    let client = catalogue.client(grant.client());
    if client.is_some_and(|client| client.grants.refresh) && grant.scopes().offline_access {
        let expires = grant.authentication().first().at() + FAMILY_LIFETIME;
        let (token, kept) =
            grants::begin_family(&asked.sign_in(), redeemed.family, grant, None, expires, rng);
        redeemed.changes.push(kept);
        redeemed.refresh = Some((token, expires));
    }
    issue(asked, redeemed, rng)
}

fn redeem_refresh_token(
    asked: &Asked<'_, '_>,
    request: &RefreshRequest,
    device: Option<&ProvenDevice>,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    let record = grants::family(&page, request.family())?.ok_or(NotGranted::RefreshToken)?;
    let device = device.map(|device| device.device().device_id);
    let rules = FamilyRules::STRICT;
    match grants::refresh_token(&page, request, record, &rules, device, rng) {
        Ok(redeemed) => issue(asked, redeemed, rng),
        Err(not) => Ok(not_redeemed(asked, not)),
    }
}

/// The refusal, with the end of what was stolen.
fn not_redeemed(asked: &Asked<'_, '_>, not: NotRedeemed) -> Answer {
    reply(asked, Words::OAuth, &not.refused.into()).committing(not.changes)
}

/// Issues what a grant allows to an account that may still be used.
fn issue(asked: &Asked<'_, '_>, redeemed: Redeemed, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let (view, now) = (asked.view, asked.now);
    let Redeemed {
        grant,
        refresh,
        changes,
        ..
    } = redeemed;
    let grant = &grant;
    let proven = Proven::by(grant.authentication());
    let account = still_usable(&asked.sign_in().house, grant.account(), proven, now)?
        .map_err(signin::Refused::from)?;
    let resource = view
        .settings
        .catalogue
        .resource(grant.resource())
        .ok_or(NotGranted::Resource)?;
    let keys = signing_keys(view.snapshot, view.memory, now)?;
    let access = claims::access_token(asked, grant, &account, resource, rng);
    let signed = |result: Result<String, token::keys::Fault>| {
        result.map_err(|_| directory::Fault::Corrupt("token signing keys"))
    };
    let access_token = signed(keys.access_token(&access, now))?;
    let id_token = match grant.scopes().openid {
        true => Some(signed(
            keys.id_token(&claims::id_token(asked, grant, &account), now),
        )?),
        false => None,
    };
    let response = TokenResponse {
        token_type: "Bearer",
        expires_in: access.exp - now.unix(),
        access_token,
        resource: resource.identifier.clone(),
        scope: grant.scopes().text(),
        id_token,
        refresh_token_expires_in: refresh
            .as_ref()
            .map(|(_, expires)| expires.since(now).as_seconds()),
        refresh_token: refresh.map(|(token, _)| token.reveal()),
    };
    let response = Response::json(200, &response).with_header("Pragma", "no-cache");
    Ok(Answer::now(response)
        .committing(changes)
        .committing([change::audit(audit(asked, grant, &account))]))
}

fn audit(asked: &Asked<'_, '_>, grant: &Grant, account: &Account) -> AuditRecord {
    let name = account::name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let mut record = AuditRecord::done(asked.now, actor, "token.issue")
        .on(account.id, name)
        .with("client", grant.client())
        .with("resource", grant.resource());
    if let Some(device) = grant.device() {
        record = record.about_device(device);
    }
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}
