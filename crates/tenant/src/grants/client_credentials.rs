//! An application for itself (RFC 6749 4.4). No account stands behind its token, which has another form than a person's.

use directory::{Actor, AuditRecord, Fault, tenant};
use token::claims::AppToken;
use token::client::Resource;
use token::grant::{Asks as Requested, Refused};
use trust::Rng;
use wire::Guid;

use super::{Asks, answer_with};
use crate::asked::Asked;
use crate::claims::{algorithm, issuer};
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::response::TokenResponse;

/// Answers with a token for the application.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    request: &Requested,
    asks: Asks,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let (known, now) = (&asked.known, asked.now);
    let resource = known.catalogue.resource(request.resource());
    let resource = resource.ok_or(Refused::Resource)?;
    let (iss, ver) = issuer(asked, resource);
    let claims = AppToken {
        iss: iss.to_owned(),
        aud: request.resource().to_owned(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: (now + resource.lifetime).unix(),
        jti: Guid::from_random(rng.bytes()),
        sub: request.client().to_owned(),
        ver: ver.to_owned(),
        appid: request.client().to_owned(),
        appidacr: asks.proven.text().to_owned(),
        idtyp: "app".to_owned(),
        roles: roles(asked, request, resource)?,
        tid: known.id,
    };
    let token = known
        .keys
        .app_token_by(algorithm(asked, resource), &claims, now);
    let token = token.map_err(|_| Fault::Corrupt("token signing keys"))?;
    let name = request.resource();
    let response = TokenResponse::new(asked.is_v2(), token, name, String::new(), claims.exp, now);
    let actor = Actor {
        sid: None,
        name: request.client().to_owned(),
    };
    let told = AuditRecord::done(now, actor, "token.issue")
        .with("client", request.client())
        .with("resource", name);
    let told = match asked.from() {
        Some(from) => told.from_address(from),
        None => told,
    };
    Ok(answer_with(&response).with_record(told))
}

/// What an administrator permitted the application to do with the resource.
fn roles(
    asked: &Asked<'_, '_>,
    request: &Requested,
    resource: &Resource,
) -> Result<Vec<String>, Fault> {
    // Nobody is asked about what an application does with itself.
    let itself = resource.name_of(request.client()).is_some();
    let Some(application) = request.client().parse::<Guid>().ok().filter(|_| !itself) else {
        return Ok(vec![]);
    };
    let given = tenant::consent(asked.view.snapshot, application, None, asked.now)?;
    let of_resource = given
        .into_iter()
        .find(|consent| resource.name_of(&consent.resource).is_some());
    Ok(of_resource.map_or_else(Vec::new, |consent| consent.scopes))
}
