//! Which client asks, and how it proved that (RFC 6749 2.3, RFC 7523, OpenID Connect Core 9).

use directory::{Change, ClaimId, change};
use token::client::{Client, ClientKind, CredentialKind};
use token::client_assertion::{self, NotAsserted};
use token::grant::{ClientProof, Presented, Refused};
use token::parameters::Parameters;
use token::secret::{Digest, Purpose};
use wire::Guid;
use wire::http::percent_decode;

use crate::aadsts::Number;
use crate::asked::Asked;
use crate::claims::ClientProven;
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;
use crate::words::{self, Words};

/// The claim space of assertions, each of which is taken once.
const ONCE: &str = "tenant.client-assertion";

/// A client that is known, and that proved itself where it can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authenticated<'k> {
    /// The client.
    pub(crate) client: &'k Client,
    /// How it proved itself.
    pub(crate) proven: ClientProven,
}

/// Answers a request by the client that proves itself with these parameters. An assertion by which it did is used up by that,
/// whatever becomes of the request: who reads one in a request that was refused gets nothing by it.
pub(crate) fn by_client(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    words: Words,
    answer: impl FnOnce(Authenticated<'_>) -> Result<Answer, Trouble>,
) -> Result<Answer, Trouble> {
    let (client, used) = authenticate(asked, form)?;
    let Some(used) = used else {
        return answer(client);
    };
    Ok(match answer(client) {
        Ok(answer) => answer,
        Err(Trouble::Refused(reason)) => words::reply(asked, words, reason.as_ref()),
        Err(fault) => return Err(fault),
    }
    .committing([used]))
}

/// The client of a request is there and may do nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the application is disabled")]
pub(crate) struct ApplicationDisabled;

impl Reason for ApplicationDisabled {
    fn number(&self) -> Number {
        Number::ApplicationDisabled
    }

    fn action(&self) -> &'static str {
        "token.issue"
    }
}

/// Whether an application of this identifier is there, and disabled.
pub(crate) fn is_disabled(asked: &Asked<'_, '_>, id: &str) -> bool {
    let application = id.parse::<Guid>().ok();
    let application = application.and_then(|id| asked.known.applications.get(&id));
    application.is_some_and(|application| !application.enabled)
}

/// The client of a request with these parameters, and what is used up by its proof.
fn authenticate<'k>(
    asked: &'k Asked<'_, '_>,
    form: &Parameters,
) -> Result<(Authenticated<'k>, Option<Change>), Trouble> {
    // RFC 6749 2.3.1: name and password in the header are percent-encoded first.
    let basic = asked.request.basic();
    let basic = basic.map(|(name, password)| (percent_decode(&name), percent_decode(&password)));
    let basic = basic
        .as_ref()
        .map(|(name, password)| (name.as_str(), password.as_str()));
    let presented = match Presented::read(form, basic, &asked.known.catalogue) {
        Err(Refused::Client) => {
            let named = form.field("client_id").or(basic.map(|(name, _)| name));
            return Err(match named {
                Some(id) if is_disabled(asked, id) => ApplicationDisabled.into(),
                _ => Refused::Client.into(),
            });
        }
        other => other?,
    };
    let client = presented.client;
    let ClientKind::Confidential(credentials) = &client.kind else {
        presented.public()?;
        let proven = ClientProven::NotAtAll;
        return Ok((Authenticated { client, proven }, None));
    };
    match presented.proof {
        ClientProof::None => Err(Refused::NoClientProof.into()),
        ClientProof::Secret(secret) => {
            let sent = Digest::of(Purpose::ClientSecret, secret.as_bytes());
            let right = credentials.iter().any(|credential| {
                credential.counts(asked.now)
                    && matches!(&credential.kind, CredentialKind::Secret(kept) if kept.same(&sent))
            });
            if !right {
                return Err(Refused::ClientSecret.into());
            }
            let proven = ClientProven::BySecret;
            Ok((Authenticated { client, proven }, None))
        }
        ClientProof::Assertion(assertion) => {
            let audiences = audiences(asked);
            let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
            let asserted = client_assertion::verify(assertion, client, &audiences, asked.now)
                .map_err(Refused::from)?;
            let once = ClaimId::new(ONCE, &asserted.once);
            if asked.view.snapshot.claimed(&once, asked.now)? {
                return Err(Refused::from(NotAsserted::Used).into());
            }
            let proven = ClientProven::ByKey;
            let used = change::claim(once, asserted.until);
            Ok((Authenticated { client, proven }, Some(used)))
        }
    }
}

/// For whom an assertion may be: this tenant's issuers and its token endpoints, by the tenant's identifier.
fn audiences(asked: &Asked<'_, '_>) -> [String; 4] {
    let known = &asked.known;
    let base = format!("{}/{}", asked.view.deployment.login.url(), known.id);
    [
        known.issuers.v1.clone(),
        known.issuers.v2.clone(),
        format!("{base}/oauth2/token"),
        format!("{base}/oauth2/v2.0/token"),
    ]
}

/// What a refused request for tokens is told.
impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::Parameters(_) | Self::TwoClientProofs => Number::Malformed,
            Self::Missing("code_verifier") => Number::CodeVerifierForm,
            Self::NoGrantType | Self::Missing(_) => Number::Missing,
            Self::GrantType => Number::GrantType,
            Self::GrantOfOthers | Self::Client => Number::UnknownClient,
            Self::ClientCredentials => Number::Client,
            Self::NoClientProof => Number::ClientSecretMissing,
            Self::ClientSecret => Number::ClientSecret,
            Self::ClientAssertion(_) => Number::ClientAssertion,
            Self::SecondFactor => Number::SecondFactor,
            Self::DeviceCode => Number::DeviceCode,
            Self::DeviceCodePending => Number::Pending,
            Self::DeviceCodeDenied => Number::Forbidden,
            Self::DeviceCodeExpired => Number::DeviceCodeOver,
            Self::CodeSpent => Number::CodeUsed,
            Self::CodeExpired => Number::CodeExpired,
            Self::Verifier => Number::CodeVerifier,
            Self::CodeOfAnotherDevice | Self::RefreshTokenOfAnotherDevice => Number::DeviceFailed,
            Self::RefreshTokenSpent => Number::Revoked,
            Self::RefreshTokenExpired => Number::RefreshTokenExpired,
            Self::Resource | Self::ResourceNotGranted => Number::Resource,
            Self::Code
            | Self::CodeOfAnotherClient
            | Self::RedirectUri
            | Self::RefreshToken
            | Self::RefreshTokenOfAnotherClient
            | Self::RefreshTokenOfAnotherAuthority => Number::Grant,
        }
    }

    fn action(&self) -> &'static str {
        "token.issue"
    }

    fn status(&self) -> u16 {
        match self {
            // RFC 8628 3.5 gives it the status of the others.
            Self::DeviceCodeDenied => 400,
            other => other.number().status(),
        }
    }
}
