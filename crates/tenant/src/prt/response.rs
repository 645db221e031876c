//! The shape of an answer with a primary refresh token (protocols A.7.4).
//!
//! Which member is a number and which is text is what known clients want. What is not there is left out: a `null` makes them
//! fail.

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto::jose::Algorithm;
use directory::tenant::Signs;
use directory::{Account, Fault};
use serde::Serialize;
use serde_json::json;
use token::authorize::Wanted;
use token::claims::IdToken;
use trust::Span;

use super::issue::seconds_until;
use super::record::PrtRecord;
use super::text::PrtText;
use crate::asked::Asked;

/// How long an id_token lives.
const ID_TOKEN_LIFETIME: Span = Span::hours(1);

/// An answer with a primary refresh token.
#[derive(Serialize)]
pub(crate) struct PrtResponse {
    token_type: &'static str,
    /// In text, as the two that follow.
    expires_in: String,
    ext_expires_in: &'static str,
    expires_on: String,
    refresh_token: String,
    /// A number.
    refresh_token_expires_in: i64,
    /// Absent where the device has the session key already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_key_jwe: Option<String>,
    id_token: String,
    client_info: String,
    device_tenant_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

/// Without the tokens.
impl core::fmt::Debug for PrtResponse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PrtResponse")
            .field("expires_on", &self.expires_on)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The answer with the token of this row.
pub(crate) fn of(
    asked: &Asked<'_, '_>,
    account: &Account,
    record: &PrtRecord,
    text: &PrtText,
    scope: &str,
) -> Result<PrtResponse, Fault> {
    let left = seconds_until(record.expires(), asked.now);
    Ok(PrtResponse {
        token_type: "Bearer",
        expires_in: left.to_string(),
        ext_expires_in: "0",
        expires_on: record.expires().unix().to_string(),
        refresh_token: text.reveal(),
        refresh_token_expires_in: left,
        session_key_jwe: None,
        id_token: id_token(asked, account, record)?,
        client_info: client_info(asked, account),
        device_tenant_id: asked.known.id.to_string(),
        scope: scope.to_owned(),
    })
}

/// What the device shows its user of themselves. Known clients want `name`, `oid`, `tid` and `preferred_username`, whatever
/// was asked for.
fn id_token(asked: &Asked<'_, '_>, account: &Account, record: &PrtRecord) -> Result<String, Fault> {
    let (now, known) = (asked.now, &asked.known);
    let name = account.upn.as_deref().unwrap_or(&account.sam);
    let claims = IdToken {
        iss: known.issuers.v1.clone(),
        aud: record.client.clone(),
        iat: now.unix(),
        nbf: now.unix(),
        exp: (now + ID_TOKEN_LIFETIME).unix(),
        auth_time: record.authentication.at().unix(),
        nonce: None,
        sub: known.subject(account.id.0, &record.client),
        oid: account.id.0,
        amr: record.authentication.amr(Wanted::Unasked, now),
        acr: record.authentication.acr().to_owned(),
        upn: Some(name.to_owned()),
        unique_name: name.to_owned(),
        name: Some(
            account
                .display_name
                .clone()
                .unwrap_or_else(|| name.to_owned()),
        ),
        email: None,
        tid: Some(known.id),
        preferred_username: Some(name.to_owned()),
        ver: Some("1.0".to_owned()),
        sid: None,
    };
    let algorithm = match known.settings.prt_id_token_alg {
        Signs::Rs256 => Algorithm::Rs256,
        Signs::Es256 => Algorithm::Es256,
    };
    known
        .keys
        .id_token_by(algorithm, &claims, now)
        .map_err(|_| Fault::Corrupt("token signing keys"))
}

/// base64url without padding, of both identifiers (protocols A.3.1).
fn client_info(asked: &Asked<'_, '_>, account: &Account) -> String {
    let info = json!({
        "uid": account.id.0.to_string(),
        "utid": asked.known.id.to_string(),
    });
    Base64UrlUnpadded::encode_string(info.to_string().as_bytes())
}
