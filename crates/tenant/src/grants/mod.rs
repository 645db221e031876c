//! The grants of the token endpoint, one module for each, and what they have in common: whether the account, the device and
//! the application still stand, and the tokens themselves.

pub(crate) mod client_credentials;
pub(crate) mod code;
pub(crate) mod device_code;
pub(crate) mod password;
pub(crate) mod refresh;

use std::sync::Arc;

use crypto::jose::Algorithm;
use crypto::key::Fingerprint;
use directory::tenant::{Assignment, Signs, Who};
use directory::{Account, Actor, AuditRecord, Change, Fault};
use registration::proven_device;
use signin::account::{Proven, name_of, still_usable};
use signin::grants::NotRedeemed;
use token::authorize::Wanted;
use token::client::Client;
use token::grant::{Asks as Requested, Grant, RefreshToken, Refused, TokenRequest};
use token::parameters::Parameters;
use trust::Rng;
use wire::Guid;
use wire::http::Response;

use crate::aadsts::Number;
use crate::asked::Asked;
use crate::claims::{self, ClientProven};
use crate::client_auth::{self, ApplicationDisabled, Authenticated};
use crate::consent::{self, NoConsent};
use crate::prt::judge::home_is_usable;
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;
use crate::response::TokenResponse;
use crate::words::{self, Words};

/// Answers a request at the token endpoint for one of the grants of OAuth.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    client_auth::by_client(asked, form, Words::OAuth, |client| {
        of_client(asked, form, client, rng)
    })
}

fn of_client(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    client: Authenticated<'_>,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let request = TokenRequest::parse(
        form,
        client.client,
        &asked.known.catalogue,
        asked.known.catalogue.usual(),
    )?;
    let asks = Asks {
        proven: client.proven,
        client_info: form.field("client_info") == Some("1"),
        device: device(asked)?,
    };
    match request {
        TokenRequest::Code(request) => code::answer(asked, &request, asks, rng),
        TokenRequest::Refresh(request) => refresh::answer(asked, &request, asks, rng),
        TokenRequest::DeviceCode(request) => device_code::answer(asked, &request, asks, rng),
        TokenRequest::Password(request) => password::answer(asked, request, asks, rng),
        TokenRequest::ClientCredentials(request) => {
            client_credentials::answer(asked, &request, asks, rng)
        }
    }
}

/// What every grant's request says beside what is redeemed.
pub(crate) struct Asks {
    pub(crate) proven: ClientProven,
    pub(crate) client_info: bool,
    /// The device that the transport proved.
    pub(crate) device: Option<Guid>,
}

/// The device that the transport proved; a certificate that is no device's is refused.
fn device(asked: &Asked<'_, '_>) -> Result<Option<Guid>, Trouble> {
    let Some(certificate) = &asked.request.client_certificate else {
        return Ok(None);
    };
    let proven = proven_device::prove(asked.view.snapshot, certificate, asked.now)?;
    let proven = proven.map_err(|_| NotIssued::Device)?;
    Ok(Some(proven.device().device_id))
}

/// Why tokens are not issued for what was granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotIssued {
    #[error("the client is not known any more")]
    Client,
    #[error("the resource demands a second factor")]
    SecondFactor,
    #[error("the account may sign in by a Hello key alone")]
    PhishingResistant,
    #[error("the account is not among those that may use the application")]
    NotAssigned,
    #[error("the client certificate is no device's")]
    Device,
    #[error("the device is not there any more")]
    DeviceGone,
    #[error("the device is disabled")]
    DeviceDisabled,
}

impl Reason for NotIssued {
    fn number(&self) -> Number {
        match self {
            Self::Client => Number::UnknownClient,
            Self::SecondFactor | Self::PhishingResistant => Number::SecondFactor,
            Self::NotAssigned => Number::Forbidden,
            Self::Device | Self::DeviceGone => Number::DeviceFailed,
            Self::DeviceDisabled => Number::DeviceDisabled,
        }
    }

    fn action(&self) -> &'static str {
        "token.issue"
    }

    fn status(&self) -> u16 {
        // The token endpoint has no other status for them (RFC 6749 5.2).
        400
    }
}

/// What tokens are issued for.
pub(crate) struct ToIssue {
    pub(crate) grant: Grant,
    /// The next refresh token.
    pub(crate) refresh: Option<RefreshToken>,
    /// What to commit first.
    pub(crate) changes: Vec<Change>,
    pub(crate) proven: ClientProven,
    pub(crate) client_info: bool,
}

/// Tokens that are to be sent once the changes are committed.
pub(crate) struct Issued {
    pub(crate) response: TokenResponse,
    pub(crate) changes: Vec<Change>,
    /// For the audit log.
    pub(crate) told: AuditRecord,
}

/// Answers with the tokens for what was granted.
pub(crate) fn issue(
    asked: &Asked<'_, '_>,
    what: ToIssue,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let issued = tokens(asked, what, rng)?;
    Ok(answer_with(&issued.response)
        .committing(issued.changes)
        .with_record(issued.told))
}

/// An answer with tokens.
pub(crate) fn answer_with(response: &TokenResponse) -> Answer {
    Answer::now(Response::json(200, response).with_header("Pragma", "no-cache"))
}

/// The refusal of something that was used twice, with the end of what came of it.
pub(crate) fn not_redeemed(asked: &Asked<'_, '_>, not: NotRedeemed) -> Answer {
    words::reply(asked, Words::OAuth, &not.refused).committing(not.changes)
}

/// What the resource that is asked for, or who asks, wants of people.
pub(crate) fn wanted(asked: &Asked<'_, '_>, asks: &Requested) -> Wanted {
    let catalogue = &asked.known.catalogue;
    match catalogue.wants_second_factor(asks.client(), asks.resource()) {
        true => Wanted::SecondFactor,
        false => Wanted::Unasked,
    }
}

/// The tokens for what was granted, to an account, from a device, for an application that may still be used.
pub(crate) fn tokens(
    asked: &Asked<'_, '_>,
    what: ToIssue,
    rng: &mut dyn Rng,
) -> Result<Issued, Trouble> {
    let (known, now, grant) = (&asked.known, asked.now, &what.grant);
    let client = match known.catalogue.client(grant.client()) {
        Some(client) => client,
        None if client_auth::is_disabled(asked, grant.client()) => {
            return Err(ApplicationDisabled.into());
        }
        None => return Err(NotIssued::Client.into()),
    };
    let resource = known.catalogue.resource(grant.resource());
    let resource = resource.ok_or(Refused::Resource)?;
    // What was granted before may have been taken from the application since.
    if !client.may_ask_for(resource) {
        return Err(Refused::Resource.into());
    }
    let account = person(asked, grant)?;
    let wants = known
        .catalogue
        .wants_second_factor(grant.client(), grant.resource());
    if wants && !grant.authentication().suffices(Wanted::SecondFactor, now) {
        return Err(NotIssued::SecondFactor.into());
    }
    may_use(asked, &account, client, grant)?;
    if !consent::is_given(asked, &client.id, grant.resource(), grant.scopes())? {
        return Err(NoConsent.into());
    }
    let access = claims::access_token(asked, grant, &account, resource, what.proven, rng);
    let algorithm = claims::algorithm(asked, resource);
    let access_token = signed(known.keys.access_token_by(algorithm, &access, now))?;
    let scope = grant.scopes().text();
    let mut response = TokenResponse::new(
        asked.is_v2(),
        access_token,
        grant.resource(),
        scope,
        access.exp,
        now,
    );
    // Brokers ask for it in words of the second version alone, and read it from answers of the first, too.
    if grant.scopes().openid || (client.family && !asked.is_v2()) {
        let claims = claims::id_token(asked, grant, &account);
        let algorithm = client.algorithm.unwrap_or(default_algorithm(asked));
        response.id_token = Some(signed(known.keys.id_token_by(algorithm, &claims, now))?);
    }
    response.client_info = what
        .client_info
        .then(|| claims::client_info(&account, known.id));
    response.foci = (client.family && what.refresh.is_some()).then_some("1");
    response.refresh_token = what.refresh.map(|token| token.reveal());
    Ok(Issued {
        response,
        told: told(asked, grant, &account),
        changes: what.changes,
    })
}

fn default_algorithm(asked: &Asked<'_, '_>) -> Algorithm {
    match asked.known.settings.id_token_alg {
        Signs::Rs256 => Algorithm::Rs256,
        Signs::Es256 => Algorithm::Es256,
    }
}

fn signed(token: Result<String, token::keys::Fault>) -> Result<String, Fault> {
    token.map_err(|_| Fault::Corrupt("token signing keys"))
}

/// Whose grant it is, if the account and the device in it may still be used.
pub(crate) fn person(asked: &Asked<'_, '_>, grant: &Grant) -> Result<Arc<Account>, Trouble> {
    let proven = Proven::by(grant.authentication());
    let page = asked.sign_in();
    let account = still_usable(&page.house, grant.account(), proven, asked.now)?;
    let account = account.map_err(signin::Refused::from)?;
    device_stands(asked, grant.device())??;
    if let Some(key) = grant.authentication().first().hello_key() {
        let key = account.sign_in_key(&Fingerprint(*key));
        let stands = match key {
            Some(key) => home_is_usable(asked.view.snapshot, key)?,
            None => false,
        };
        if !stands {
            return Err(signin::Refused::from(signin::account::Unusable::Revoked).into());
        }
    }
    Ok(account)
}

/// Whether the device that something was got from, if one proved itself, may still be used.
pub(crate) fn device_stands(
    asked: &Asked<'_, '_>,
    device: Option<Guid>,
) -> Result<Result<(), NotIssued>, Fault> {
    let Some(device) = device else {
        return Ok(Ok(()));
    };
    let Some(device) = asked.view.snapshot.device_by_id(device)? else {
        return Ok(Err(NotIssued::DeviceGone));
    };
    if !device.enabled {
        return Ok(Err(NotIssued::DeviceDisabled));
    }
    let revoked = proven_device::is_revoked(asked.view.snapshot, &device, asked.now)?;
    Ok(match revoked {
        true => Err(NotIssued::DeviceGone),
        false => Ok(()),
    })
}

/// Whether the account may use client and resource, by what it has proven.
fn may_use(
    asked: &Asked<'_, '_>,
    account: &Account,
    client: &Client,
    grant: &Grant,
) -> Result<(), Trouble> {
    let (known, snapshot) = (&asked.known, asked.view.snapshot);
    let is_among = |group| registration::member::is_among(snapshot, Who::Group(group), account);
    for id in [client.id.as_str(), grant.resource()] {
        let resource = known.catalogue.resource(id);
        let names = std::iter::once(id).chain(resource.iter().flat_map(|known| known.names()));
        let application = names
            .filter_map(|name| name.parse::<Guid>().ok())
            .find_map(|id| known.applications.get(&id));
        let Some(Assignment::Groups(groups)) = application.map(|known| &known.assignment) else {
            continue;
        };
        let mut assigned = false;
        for group in groups {
            assigned = assigned || is_among(*group)?;
        }
        if !assigned {
            return Err(NotIssued::NotAssigned.into());
        }
    }
    let Some(group) = known.settings.phishing_resistant_only else {
        return Ok(());
    };
    let authentication = grant.authentication();
    // Who has no key yet registers one with several factors; the registration service is good for nothing else.
    let registers = authentication.is_multi_factor() && is_registration(asked, grant.resource());
    if !authentication.is_phishing_resistant() && !registers && is_among(group)? {
        return Err(NotIssued::PhishingResistant.into());
    }
    Ok(())
}

/// Whether a resource is the registration service.
fn is_registration(asked: &Asked<'_, '_>, resource: &str) -> bool {
    let own = crate::catalogue::REGISTRATION_SERVICE;
    let resource = asked.known.catalogue.resource(resource);
    resource.is_some_and(|resource| resource.name_of(own).is_some())
}

/// For whom which token was issued. It is told and not committed: nothing follows from it.
fn told(asked: &Asked<'_, '_>, grant: &Grant, account: &Account) -> AuditRecord {
    let name = name_of(account);
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
