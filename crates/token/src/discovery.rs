//! The OpenID configuration of a federation service (OpenID Connect Discovery 3, RFC 8414, protocols A.1.1).

use serde::Serialize;

/// The document at `/.well-known/openid-configuration`, in AD FS's form.
#[derive(Clone, Debug, Serialize)]
pub struct OpenIdConfiguration {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: String,
    end_session_endpoint: String,
    access_token_issuer: String,
    response_types_supported: &'static [&'static str],
    response_modes_supported: &'static [&'static str],
    grant_types_supported: &'static [&'static str],
    subject_types_supported: &'static [&'static str],
    scopes_supported: &'static [&'static str],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    token_endpoint_auth_methods_supported: &'static [&'static str],
    code_challenge_methods_supported: &'static [&'static str],
    prompt_values_supported: &'static [&'static str],
    claims_supported: &'static [&'static str],
    capabilities: &'static [&'static str],
    authorization_response_iss_parameter_supported: bool,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    frontchannel_logout_supported: bool,
    frontchannel_logout_session_supported: bool,
    microsoft_multi_refresh_token: bool,
}

impl OpenIdConfiguration {
    /// The document of the service at `base` (`https://sts.corp.example:18443/adfs`, without a slash at the end), which
    /// signs with `algorithms`.
    #[must_use]
    pub fn of(base: &str, algorithms: Vec<&'static str>) -> Self {
        Self {
            issuer: base.to_owned(),
            authorization_endpoint: format!("{base}/oauth2/authorize"),
            token_endpoint: format!("{base}/oauth2/token"),
            jwks_uri: format!("{base}/discovery/keys"),
            userinfo_endpoint: format!("{base}/userinfo"),
            end_session_endpoint: format!("{base}/oauth2/logout"),
            access_token_issuer: base.to_owned(),
            response_types_supported: &["code"],
            response_modes_supported: &["query", "form_post"],
            grant_types_supported: &["authorization_code", "refresh_token"],
            subject_types_supported: &["public"],
            scopes_supported: &["openid", "profile", "email", "offline_access"],
            id_token_signing_alg_values_supported: algorithms,
            token_endpoint_auth_methods_supported: &["none"],
            code_challenge_methods_supported: &["S256"],
            prompt_values_supported: &["none", "login", "select_account", "consent"],
            claims_supported: &[
                "aud",
                "iss",
                "iat",
                "nbf",
                "exp",
                "auth_time",
                "nonce",
                "sub",
                "upn",
                "unique_name",
                "name",
                "email",
                "amr",
                "acr",
                "appid",
                "deviceid",
                "oid",
                "primarysid",
            ],
            capabilities: &[],
            authorization_response_iss_parameter_supported: true,
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            frontchannel_logout_supported: false,
            frontchannel_logout_session_supported: false,
            microsoft_multi_refresh_token: false,
        }
    }
}
