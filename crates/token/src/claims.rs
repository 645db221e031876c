//! The claims of access tokens and id_tokens (RFC 9068, OpenID Connect Core 2, protocols A.3.1, B.8, F.2).

use serde::{Deserialize, Serialize};
use trust::{Span, Timestamp};
use wire::{Guid, Sid};

use crate::authorize::MULTIPLE_AUTHN;

/// How far the clock of another node of ours may be ahead.
const SKEW: Span = Span::minutes(1);

/// The claims of an access token. Times are seconds since 1970.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccessToken {
    /// Who issued it.
    pub iss: String,
    /// The resource that it is for.
    pub aud: String,
    /// When it was issued.
    pub iat: i64,
    /// From when it is valid.
    pub nbf: i64,
    /// From when it is no longer valid.
    pub exp: i64,
    /// Its name.
    pub jti: Guid,
    /// Whom it speaks of: the account's objectGUID, or the name that one client knows it by (OpenID Connect Core 8.1).
    pub sub: String,
    /// Whom it speaks of: the account's objectGUID.
    pub oid: Guid,
    /// Always `1.0`, as in AD FS.
    pub ver: String,
    /// The client to which it was issued.
    pub appid: String,
    /// Always `Public`, as in AD FS.
    pub apptype: String,
    /// The scopes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scp: String,
    /// When the person last proved anything.
    pub auth_time: i64,
    /// How they did (RFC 8176).
    pub amr: Vec<String>,
    /// The authentication context.
    pub acr: String,
    /// When a second factor was proven, in name and form (RFC 3339) as AD FS says it; absent when none was.
    #[serde(
        rename = "http://schemas.microsoft.com/ws/2017/04/identity/claims/multifactorauthenticationinstant",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub second_factor_instant: Option<String>,
    /// The user principal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// The user principal name, or the account's name in its domain.
    pub unique_name: String,
    /// The account's SID.
    pub primarysid: Sid,
    /// The device that proved itself when the token was issued (F.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviceid: Option<Guid>,
    /// `true` in a computer's token for the device registration service (DREG-W2).
    #[serde(
        rename = "http://schemas.microsoft.com/authorization/claims/PermitDeviceRegistrationClaim",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub permit_device_registration: Option<String>,
    /// `DJ` for a computer of the domain (DREG-W2, FED-12).
    #[serde(
        rename = "http://schemas.microsoft.com/ws/2012/01/accounttype",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub account_type: Option<String>,
    /// The computer's objectGUID in its Windows form, base64 (DREG-W2).
    #[serde(
        rename = "http://schemas.microsoft.com/identity/claims/onpremobjectguid",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub onprem_object_guid: Option<String>,
    /// The tenant that issued it (protocols A.3.1); absent in a domain's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<Guid>,
    /// How the client proved itself: `0` not at all, `1` by a secret, `2` by a key (protocols A.3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appidacr: Option<String>,
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// From where the request came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipaddr: Option<String>,
}

/// The claims of an access token that an application has for itself, with nobody's account behind it (RFC 6749 4.4). It has
/// another `typ` than a person's, so that neither is taken for the other. Times are seconds since 1970.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AppToken {
    /// Who issued it.
    pub iss: String,
    /// The resource that it is for.
    pub aud: String,
    /// When it was issued.
    pub iat: i64,
    /// From when it is valid.
    pub nbf: i64,
    /// From when it is no longer valid.
    pub exp: i64,
    /// Its name.
    pub jti: Guid,
    /// The application, as `appid`.
    pub sub: String,
    /// `1.0` or `2.0`, as the issuer.
    pub ver: String,
    /// The application.
    pub appid: String,
    /// How it proved itself: `1` by a secret, `2` by a key (protocols A.3.1).
    pub appidacr: String,
    /// Always `app`.
    pub idtyp: String,
    /// What it may do there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The tenant that issued it.
    pub tid: Guid,
}

/// The claims of an id_token. Times are seconds since 1970.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IdToken {
    /// Who issued it.
    pub iss: String,
    /// The client that it is for.
    pub aud: String,
    /// When it was issued.
    pub iat: i64,
    /// From when it is valid.
    pub nbf: i64,
    /// From when it is no longer valid.
    pub exp: i64,
    /// When the person last proved anything.
    pub auth_time: i64,
    /// The client's value, returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Whom it speaks of: the account's objectGUID, or the name that one client knows it by (OpenID Connect Core 8.1).
    pub sub: String,
    /// Whom it speaks of: the account's objectGUID.
    pub oid: Guid,
    /// How they proved who they are.
    pub amr: Vec<String>,
    /// The authentication context.
    pub acr: String,
    /// The user principal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// The user principal name, or the account's name in its domain.
    pub unique_name: String,
    /// The person's name, with the scope `profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The person's mail address, with the scope `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The tenant that issued it (protocols A.3.1); absent in a domain's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<Guid>,
    /// The name by which the person signs in (OpenID Connect Core 5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// `1.0` or `2.0`, as the issuer (protocols A.3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ver: Option<String>,
    /// The browser's session, for sign-out (OpenID Connect Front-Channel Logout 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// An access token that was verified: signed by this authority, for this resource, valid now. Only
/// [`crate::keys::SigningKeys::verify`] makes one.
#[derive(Clone, PartialEq, Debug)]
pub struct Verified(AccessToken);

impl Verified {
    pub(crate) const fn new(claims: AccessToken) -> Self {
        Self(claims)
    }
}

impl core::ops::Deref for Verified {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        &self.0
    }
}

/// An application's token that was verified. Only [`crate::keys::SigningKeys::verify_app`] makes one.
#[derive(Clone, PartialEq, Debug)]
pub struct VerifiedApp(AppToken);

impl VerifiedApp {
    pub(crate) const fn new(claims: AppToken) -> Self {
        Self(claims)
    }
}

impl core::ops::Deref for VerifiedApp {
    type Target = AppToken;

    fn deref(&self) -> &AppToken {
        &self.0
    }
}

/// Why a token is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAccepted {
    /// It is no JWT of ours: another form, another type, or claims that cannot be read.
    #[error("the token cannot be read")]
    Form,
    /// It is not signed by a key of ours, or with another algorithm than the key's.
    #[error("the token is not signed by a key of this authority")]
    Signature,
    /// Another authority issued it.
    #[error("the token was issued by another authority")]
    Issuer,
    /// It is for another resource.
    #[error("the token is for another resource")]
    Audience,
    /// It is no longer valid.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// For what and when a token is valid.
pub(crate) struct Validity<'a> {
    pub(crate) iss: &'a str,
    pub(crate) aud: &'a str,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
}

impl Validity<'_> {
    /// Whether it is valid `now` at one of the resources `audiences` of the authority with the names `issuers`.
    pub(crate) fn check(
        &self,
        issuers: &[&str],
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<(), NotAccepted> {
        if !issuers.contains(&self.iss) {
            Err(NotAccepted::Issuer)
        } else if !audiences.contains(&self.aud) {
            Err(NotAccepted::Audience)
        } else if now.unix() >= self.exp {
            Err(NotAccepted::Expired)
        } else if Timestamp::from_unix(self.nbf) > now + SKEW {
            Err(NotAccepted::NotYetValid)
        } else {
            Ok(())
        }
    }
}

impl AppToken {
    /// For what and when it is valid.
    pub(crate) fn validity(&self) -> Validity<'_> {
        Validity {
            iss: &self.iss,
            aud: &self.aud,
            nbf: self.nbf,
            exp: self.exp,
        }
    }
}

impl AccessToken {
    /// For what and when it is valid.
    pub(crate) fn validity(&self) -> Validity<'_> {
        Validity {
            iss: &self.iss,
            aud: &self.aud,
            nbf: self.nbf,
            exp: self.exp,
        }
    }

    /// Whether a second factor stands behind it: `amr` has one of `ngcmfa`, `mfa`, `…/multipleauthn` (PROV-W4).
    #[must_use]
    pub fn is_multi_factor(&self) -> bool {
        self.amr
            .iter()
            .any(|amr| matches!(amr.as_str(), "ngcmfa" | "mfa" | MULTIPLE_AUTHN))
    }

    /// When the second factor was proven, where the authority saw it.
    #[must_use]
    pub fn second_factor_at(&self) -> Option<Timestamp> {
        Timestamp::from_rfc3339(self.second_factor_instant.as_ref()?).ok()
    }
}
