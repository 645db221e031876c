//! What clients send to the token endpoint: who they are, and what they redeem.

use wire::Guid;
use zeroize::Zeroizing;

use super::{RefreshToken, Refused};
use crate::client::{Catalogue, Client, Grants, Resource};
use crate::client_assertion;
use crate::parameters::Parameters;
use crate::scope::Scopes;
use crate::secret::shows_only;
use crate::secret::{Digest, Purpose, Secret};

/// `client_assertion_type` of a JWT (RFC 7523 2.2).
const JWT_BEARER_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// `grant_type` of RFC 8628 3.4.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The longest name of a person, and the longest password, that are looked at, in bytes.
const LONGEST_NAME: usize = 256;
const LONGEST_PASSWORD: usize = 1024;

/// A client as it shows itself at an endpoint of ours (RFC 6749 2.3). Whether what it shows is right is judged by the
/// party, which knows the time and what was used before.
#[derive(Clone, Copy)]
pub struct Presented<'c, 'p> {
    /// The client that it says it is.
    pub client: &'c Client,
    /// By what it proves that.
    pub proof: ClientProof<'p>,
}

shows_only!("Presented", Presented<'_, '_>: client);

/// By what a client proves who it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ClientProof<'p> {
    /// By nothing.
    None,
    /// By a secret, in a header or in the form (RFC 6749 2.3.1).
    Secret(&'p str),
    /// By a signed assertion (RFC 7523 2.2, OpenID Connect Core 9).
    Assertion(&'p str),
}

impl core::fmt::Debug for ClientProof<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Secret(_) => "Secret(…)",
            Self::Assertion(_) => "Assertion(…)",
        })
    }
}

impl<'c, 'p> Presented<'c, 'p> {
    /// Reads who asks. `basic` is the user name and password of an `Authorization: Basic` header, where one came; a public
    /// client may name itself there with an empty password.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn read(
        parameters: &'p Parameters,
        basic: Option<(&'p str, &'p str)>,
        catalogue: &'c Catalogue,
    ) -> Result<Self, Refused> {
        let assertion = parameters.one("client_assertion")?;
        let in_header = basic
            .map(|(_, password)| password)
            .filter(|password| !password.is_empty());
        let in_form = parameters.one("client_secret")?;
        let proof = match (in_header, in_form, assertion) {
            (None, None, None) => ClientProof::None,
            (Some(secret), None, None) | (None, Some(secret), None) => ClientProof::Secret(secret),
            (None, None, Some(assertion)) => {
                if parameters.one("client_assertion_type")? != Some(JWT_BEARER_ASSERTION) {
                    return Err(Refused::ClientAssertion(
                        client_assertion::NotAsserted::Type,
                    ));
                }
                ClientProof::Assertion(assertion)
            }
            _ => return Err(Refused::TwoClientProofs),
        };
        let asserted = match (parameters.one("client_id")?, assertion) {
            (None, Some(assertion)) => client_assertion::subject(assertion),
            _ => None,
        };
        let in_body = parameters.one("client_id")?.or(asserted.as_deref());
        let named = match (in_body, basic.map(|(name, _)| name)) {
            (Some(body), Some(header)) if !body.eq_ignore_ascii_case(header) => None,
            (body, header) => body.or(header),
        };
        let client = named
            .and_then(|id| catalogue.client(id))
            .ok_or(Refused::Client)?;
        Ok(Self { client, proof })
    }

    /// The client, where it is a public one that proved itself by nothing.
    ///
    /// # Errors
    /// [`Refused::ClientCredentials`], [`Refused::NoClientProof`].
    pub fn public(self) -> Result<&'c Client, Refused> {
        match (self.client.is_public(), self.proof) {
            (true, ClientProof::None) => Ok(self.client),
            (true, _) => Err(Refused::ClientCredentials),
            (false, _) => Err(Refused::NoClientProof),
        }
    }
}

/// What is asked for at the token endpoint itself, or for a device: client, resource and scopes, checked against the
/// catalogue. Only [`Asks::read`] makes one.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Asks {
    pub(super) client: String,
    pub(super) resource: String,
    pub(super) scopes: Scopes,
}

impl Asks {
    /// Reads `scope` and `resource`. Where neither names a resource, it is `default`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn read(
        parameters: &Parameters,
        client: &Client,
        catalogue: &Catalogue,
        default: &str,
    ) -> Result<Self, Refused> {
        let (scopes, resource) = resource_and_scopes(parameters, catalogue)?;
        let (name, resource) = match resource {
            Some(named) => named,
            None => {
                let known = catalogue.resource(default).ok_or(Refused::Resource)?;
                (known.identifier.clone(), known)
            }
        };
        if !client.may_ask_for(resource) {
            return Err(Refused::ResourceNotGranted);
        }
        Ok(Self {
            client: client.id.clone(),
            resource: name,
            scopes: scopes.unwrap_or_default().known_to(resource),
        })
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.client
    }

    /// The resource, by the name by which it was asked for.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The scopes.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }
}

/// The scopes, where some were named, and the resource, by the name by which it was.
#[allow(clippy::type_complexity, reason = "two things that are read together")]
fn resource_and_scopes<'c>(
    parameters: &Parameters,
    catalogue: &'c Catalogue,
) -> Result<(Option<Scopes>, Option<(String, &'c Resource)>), Refused> {
    let read = parameters
        .one("scope")?
        .map(|text| Scopes::parse(text, catalogue));
    let (scopes, in_scope) = match read {
        Some((scopes, resource)) => (Some(scopes), resource),
        None => (None, None),
    };
    let asked = parameters.one("resource")?.map(str::to_owned).or(in_scope);
    let resource = asked
        .map(|asked| {
            let known = catalogue.resource(&asked).ok_or(Refused::Resource)?;
            let name = known.name_of(&asked).unwrap_or(&known.identifier);
            Ok::<_, Refused>((name.to_owned(), known))
        })
        .transpose()?;
    Ok((scopes, resource))
}

/// A request at the token endpoint.
#[derive(Debug)]
pub enum TokenRequest {
    /// `grant_type=authorization_code` (RFC 6749 4.1.3).
    Code(CodeRequest),
    /// `grant_type=refresh_token` (RFC 6749 6).
    Refresh(RefreshRequest),
    /// `grant_type=urn:ietf:params:oauth:grant-type:device_code`, or `device_code` (RFC 8628 3.4, protocols A.4.3).
    DeviceCode(DeviceCodeRequest),
    /// `grant_type=password` (RFC 6749 4.3.2).
    Password(PasswordRequest),
    /// `grant_type=client_credentials` (RFC 6749 4.4.2).
    ClientCredentials(Asks),
}

/// Redeeming a code.
pub struct CodeRequest {
    pub(super) client: String,
    pub(super) code: Secret,
    pub(super) redirect_uri: String,
    /// Whether the client is one of the family of brokers and has registered that URI: they mix up their own (protocols
    /// A.4.4), and a code goes to them by either.
    pub(super) redirect_is_of_family: bool,
    pub(super) verifier: Option<String>,
    /// The names of the resource that is named once more.
    pub(super) resource: Option<Vec<String>>,
}

shows_only!("CodeRequest", CodeRequest: client, redirect_uri);

impl CodeRequest {
    /// The digest under which the code's record rests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.code.digest(Purpose::Code)
    }
}

/// Redeeming a refresh token.
#[derive(Debug)]
pub struct RefreshRequest {
    pub(super) client: String,
    pub(super) client_is_of_family: bool,
    pub(super) token: RefreshToken,
    pub(super) scopes: Option<Scopes>,
    pub(super) resource: Option<Named>,
}

/// A resource that is asked for.
#[derive(Debug)]
pub(super) struct Named {
    /// By which of its names.
    pub(super) name: String,
    /// All of them.
    pub(super) names: Vec<String>,
}

impl Named {
    fn of((name, resource): (String, &Resource)) -> Self {
        Self {
            name,
            names: resource.names().map(str::to_owned).collect(),
        }
    }
}

impl RefreshRequest {
    /// The use of a refresh token by `client` for what it was granted for, where the token came in another message than a
    /// form at the token endpoint (protocols A.7.2). `None` when `token` is no refresh token.
    #[must_use]
    pub fn bare(client: &Client, token: &str) -> Option<Self> {
        Some(Self {
            client: client.id.clone(),
            client_is_of_family: client.family,
            token: RefreshToken::parse(token)?,
            scopes: None,
            resource: None,
        })
    }

    /// The family under which the token's record rests.
    #[must_use]
    pub const fn family(&self) -> Guid {
        self.token.family()
    }

    /// The client that asks.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Whether that client is one of the family of brokers.
    #[must_use]
    pub const fn client_is_of_family(&self) -> bool {
        self.client_is_of_family
    }
}

/// Asking for what somebody may have approved elsewhere.
pub struct DeviceCodeRequest {
    pub(crate) client: String,
    code: Secret,
}

shows_only!("DeviceCodeRequest", DeviceCodeRequest: client);

impl DeviceCodeRequest {
    /// The digest under which the device code's record rests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.code.digest(Purpose::DeviceCode)
    }
}

/// A person's name and password, sent by a program.
pub struct PasswordRequest {
    /// What is asked for.
    pub asks: Asks,
    /// The name.
    pub user_name: String,
    /// The password.
    pub password: Zeroizing<String>,
}

shows_only!("PasswordRequest", PasswordRequest: asks);

impl TokenRequest {
    /// Reads a request at the token endpoint by `client`, which has proven itself. `default` is the resource of a request
    /// that names none.
    ///
    /// # Errors
    /// [`Refused`]; whether a code or token is good is seen later, by its record.
    pub fn parse(
        parameters: &Parameters,
        client: &Client,
        catalogue: &Catalogue,
        default: &str,
    ) -> Result<Self, Refused> {
        let wanted = |name| parameters.one(name)?.ok_or(Refused::Missing(name));
        let grants = client.grants;
        // A way that nobody may go is not offered at all.
        let may = |own: bool, offered: bool| match (own, offered) {
            (true, _) => Ok(()),
            (false, true) => Err(Refused::GrantOfOthers),
            (false, false) => Err(Refused::GrantType),
        };
        let Grants {
            device_code,
            password,
            client_credentials,
            ..
        } = catalogue.offered();
        match wanted_grant(parameters)? {
            "authorization_code" => {
                may(grants.code, true)?;
                // Scopes are what somebody agreed to when the code was asked for. None comes to them here.
                let (_, resource) = resource_and_scopes(parameters, catalogue)?;
                let redirect_uri = wanted("redirect_uri")?;
                Ok(Self::Code(CodeRequest {
                    client: client.id.clone(),
                    code: Secret::parse(wanted("code")?).ok_or(Refused::Code)?,
                    redirect_is_of_family: client.family && client.redirect(redirect_uri).is_some(),
                    redirect_uri: redirect_uri.to_owned(),
                    verifier: match client.pkce {
                        crate::client::Pkce::Required => Some(wanted("code_verifier")?.to_owned()),
                        crate::client::Pkce::WherePresent => {
                            parameters.one("code_verifier")?.map(str::to_owned)
                        }
                    },
                    resource: resource.map(|named| Named::of(named).names),
                }))
            }
            "refresh_token" => {
                may(grants.refresh, true)?;
                let token =
                    RefreshToken::parse(wanted("refresh_token")?).ok_or(Refused::RefreshToken)?;
                let (scopes, resource) = resource_and_scopes(parameters, catalogue)?;
                if resource
                    .as_ref()
                    .is_some_and(|(_, resource)| !client.may_ask_for(resource))
                {
                    return Err(Refused::ResourceNotGranted);
                }
                let scopes = match &resource {
                    Some((_, resource)) => scopes.map(|scopes| scopes.known_to(resource)),
                    None => scopes,
                };
                Ok(Self::Refresh(RefreshRequest {
                    client: client.id.clone(),
                    client_is_of_family: client.family,
                    token,
                    scopes,
                    resource: resource.map(Named::of),
                }))
            }
            DEVICE_CODE | "device_code" => {
                may(grants.device_code, device_code)?;
                // The older form of the protocol calls it `code`.
                let text = match parameters.one("device_code")? {
                    Some(code) => code,
                    None => wanted("code")?,
                };
                let code = text.strip_prefix("1.").and_then(Secret::parse);
                Ok(Self::DeviceCode(DeviceCodeRequest {
                    client: client.id.clone(),
                    code: code.ok_or(Refused::DeviceCode)?,
                }))
            }
            "password" => {
                may(grants.password, password)?;
                let (user_name, typed) = (wanted("username")?, wanted("password")?);
                if user_name.len() > LONGEST_NAME || typed.len() > LONGEST_PASSWORD {
                    return Err(Refused::Missing("password"));
                }
                Ok(Self::Password(PasswordRequest {
                    asks: Asks::read(parameters, client, catalogue, default)?,
                    user_name: user_name.trim().to_owned(),
                    password: Zeroizing::new(typed.to_owned()),
                }))
            }
            "client_credentials" => {
                may(grants.client_credentials, client_credentials)?;
                Asks::read(parameters, client, catalogue, default).map(Self::ClientCredentials)
            }
            _ => Err(Refused::GrantType),
        }
    }
}

/// The `grant_type`.
fn wanted_grant(parameters: &Parameters) -> Result<&str, Refused> {
    parameters.one("grant_type")?.ok_or(Refused::NoGrantType)
}
