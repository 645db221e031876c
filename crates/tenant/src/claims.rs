//! What tokens say (protocols A.3.1).

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto::jose::Algorithm;
use directory::Account;
use directory::tenant::{Application, Signs};
use serde_json::json;
use signin::account::{name_of, upn_of};
use token::claims::{AccessToken, IdToken};
use token::client::Resource;
use token::grant::Grant;
use trust::{Rng, Span};
use wire::Guid;

use crate::asked::Asked;

/// How long an id_token lives.
const ID_TOKEN_LIFETIME: Span = Span::hours(1);

/// How a client proved itself, as tokens say it (`appidacr`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientProven {
    /// Not at all: it is a public one.
    NotAtAll,
    /// By a secret.
    BySecret,
    /// By a key.
    ByKey,
}

impl ClientProven {
    /// As it stands in the claim.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NotAtAll => "0",
            Self::BySecret => "1",
            Self::ByKey => "2",
        }
    }
}

/// The claims of an access token for what was granted at `resource`. Its audience is the name by which the resource was
/// asked for.
pub(crate) fn access_token(
    asked: &Asked<'_, '_>,
    grant: &Grant,
    account: &Account,
    resource: &Resource,
    client: ClientProven,
    rng: &mut dyn Rng,
) -> AccessToken {
    let (now, known) = (asked.now, &asked.known);
    let authentication = grant.authentication();
    let upn = upn_of(account, asked.view.snapshot);
    let (iss, ver) = issuer(asked, resource);
    AccessToken {
        iss: iss.to_owned(),
        aud: grant.resource().to_owned(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: (now + resource.lifetime).unix(),
        jti: Guid::from_random(rng.bytes()),
        sub: known.subject(account.id.0, grant.client()),
        oid: account.id.0,
        ver: ver.to_owned(),
        appid: grant.client().to_owned(),
        apptype: match client {
            ClientProven::NotAtAll => "Public".to_owned(),
            ClientProven::BySecret | ClientProven::ByKey => "Confidential".to_owned(),
        },
        scp: grant.scopes().text(),
        auth_time: authentication.at().unix(),
        amr: authentication.amr(grant.wanted(), now),
        acr: authentication.acr().to_owned(),
        // The moment of the proof itself, however late the token: what needs a fresh one counts from there.
        second_factor_instant: authentication
            .multi_factor_at()
            .map(|at| at.whole_seconds().to_rfc3339()),
        upn: Some(upn.clone()),
        unique_name: upn,
        primarysid: account.sid,
        deviceid: grant.device(),
        permit_device_registration: None,
        account_type: None,
        onprem_object_guid: None,
        tid: Some(known.id),
        appidacr: Some(client.text().to_owned()),
        name: Some(display_name(account)),
        ipaddr: asked.from(),
    }
}

/// The application that a resource is.
pub(crate) fn application<'k>(
    asked: &'k Asked<'_, '_>,
    resource: &Resource,
) -> Option<&'k Arc<Application>> {
    let mut ids = resource.names().filter_map(|name| name.parse().ok());
    ids.find_map(|id: Guid| asked.known.applications.get(&id))
}

/// What a token for a resource is signed with: what the application asked for that it is, else what everybody knows.
pub(crate) fn algorithm(asked: &Asked<'_, '_>, resource: &Resource) -> Algorithm {
    match application(asked, resource).and_then(|application| application.signs) {
        Some(Signs::Es256) => Algorithm::Es256,
        Some(Signs::Rs256) | None => Algorithm::Rs256,
    }
}

/// Who issues a token for a resource, and in which version: the tenant's own resources know the first alone, applications
/// the one of the endpoint.
pub(crate) fn issuer<'k>(asked: &'k Asked<'_, '_>, resource: &Resource) -> (&'k str, &'static str) {
    let known = &asked.known;
    match asked.is_v2() && application(asked, resource).is_some() {
        true => (&known.issuers.v2, "2.0"),
        false => (&known.issuers.v1, "1.0"),
    }
}

/// The claims of an id_token for what was granted.
pub(crate) fn id_token(asked: &Asked<'_, '_>, grant: &Grant, account: &Account) -> IdToken {
    let (now, known, scopes) = (asked.now, &asked.known, grant.scopes());
    let authentication = grant.authentication();
    let upn = upn_of(account, asked.view.snapshot);
    let (iss, ver) = match asked.is_v2() {
        true => (&known.issuers.v2, "2.0"),
        false => (&known.issuers.v1, "1.0"),
    };
    IdToken {
        iss: iss.clone(),
        aud: grant.client().to_owned(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: (now + ID_TOKEN_LIFETIME).unix(),
        auth_time: authentication.at().unix(),
        nonce: grant.nonce().map(str::to_owned),
        sub: known.subject(account.id.0, grant.client()),
        oid: account.id.0,
        amr: authentication.amr(grant.wanted(), now),
        acr: authentication.acr().to_owned(),
        upn: Some(upn.clone()),
        unique_name: upn.clone(),
        // Known clients want the two names, whatever was asked for (protocols A.3.1).
        name: Some(display_name(account)),
        email: account.mail.clone().filter(|_| scopes.email),
        tid: Some(known.id),
        preferred_username: Some(upn),
        ver: Some(ver.to_owned()),
        sid: grant.sid().map(str::to_owned),
    }
}

/// What people call the account.
pub(crate) fn display_name(account: &Account) -> String {
    account
        .display_name
        .clone()
        .unwrap_or_else(|| name_of(account).to_owned())
}

/// Person and tenant for clients that ask for `client_info`: JSON in base64url without padding (protocols A.3.1).
pub(crate) fn client_info(account: &Account, tenant: Guid) -> String {
    let info = json!({ "uid": account.id.0.to_string(), "utid": tenant.to_string() });
    Base64UrlUnpadded::encode_string(info.to_string().as_bytes())
}
