//! What a token says (protocols A.3.1, B.8.1, F.2; DREG-W2, FED-12).

use base64ct::{Base64, Encoding};
use directory::{Account, AccountKind};
use token::claims::{AccessToken, IdToken};
use token::client::Resource;
use token::grant::Grant;
use trust::{Rng, Span};
use wire::Guid;

use crate::asked::Asked;
use signin::account::{name_of, upn_of};

/// How long an id_token lives.
const ID_TOKEN_LIFETIME: Span = Span::hours(1);

/// The claims of an access token for what was granted.
pub(crate) fn access_token(
    asked: &Asked<'_, '_>,
    grant: &Grant,
    account: &Account,
    resource: &Resource,
    rng: &mut dyn Rng,
) -> AccessToken {
    let (now, settings) = (asked.now, &asked.view.settings);
    let authentication = grant.authentication();
    let joins = account.kind == AccountKind::Computer
        && resource.identifier == settings.registration_resource;
    AccessToken {
        iss: settings.issuer.clone(),
        aud: resource.identifier.clone(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: (now + resource.lifetime).unix(),
        jti: Guid::from_random(rng.bytes()),
        sub: account.id.0.to_string(),
        oid: account.id.0,
        ver: "1.0".to_owned(),
        appid: grant.client().to_owned(),
        apptype: "Public".to_owned(),
        scp: grant.scopes().text(),
        auth_time: authentication.at().unix(),
        amr: authentication.amr(grant.wanted(), now),
        acr: authentication.acr().to_owned(),
        second_factor_instant: authentication
            .second_factor_at()
            .map(|at| at.whole_seconds().to_rfc3339()),
        upn: (account.kind == AccountKind::User).then(|| upn_of(account, asked.view.snapshot)),
        unique_name: unique_name(asked, account),
        primarysid: account.sid,
        deviceid: grant.device(),
        permit_device_registration: joins.then(|| "true".to_owned()),
        account_type: joins.then(|| "DJ".to_owned()),
        tid: None,
        appidacr: None,
        name: None,
        ipaddr: None,
        onprem_object_guid: joins.then(|| Base64::encode_string(&account.id.0.to_windows_bytes())),
    }
}

/// The claims of an id_token for what was granted.
pub(crate) fn id_token(asked: &Asked<'_, '_>, grant: &Grant, account: &Account) -> IdToken {
    let (now, scopes) = (asked.now, grant.scopes());
    let authentication = grant.authentication();
    IdToken {
        iss: asked.view.settings.issuer.clone(),
        aud: grant.client().to_owned(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: (now + ID_TOKEN_LIFETIME).unix(),
        auth_time: authentication.at().unix(),
        nonce: grant.nonce().map(str::to_owned),
        sub: account.id.0.to_string(),
        oid: account.id.0,
        amr: authentication.amr(grant.wanted(), now),
        acr: authentication.acr().to_owned(),
        upn: (account.kind == AccountKind::User).then(|| upn_of(account, asked.view.snapshot)),
        unique_name: unique_name(asked, account),
        name: scopes.profile.then(|| display_name(account)),
        email: account.mail.clone().filter(|_| scopes.email),
        tid: None,
        preferred_username: None,
        ver: None,
        sid: None,
    }
}

/// What people call the account.
pub(crate) fn display_name(account: &Account) -> String {
    account
        .display_name
        .clone()
        .unwrap_or_else(|| name_of(account).to_owned())
}

/// The UPN of a person, `DOMAIN\name` of anybody else.
fn unique_name(asked: &Asked<'_, '_>, account: &Account) -> String {
    match account.kind {
        AccountKind::User => upn_of(account, asked.view.snapshot),
        _ => format!(
            "{}\\{}",
            asked.view.snapshot.domain().netbios_name,
            account.sam
        ),
    }
}
