//! What an application may ask of which resource (protocols A.4.4): what an administrator consented to for everybody, and
//! the little about themselves that people consent to, where the setting `user_consent` lets them.

use directory::{Account, Actor, AuditRecord, EntryId, Fault, change, tenant};
use signin::House;
use signin::account::{name_of, upn_of};
use signin::browser::{Browser, own_form};
use signin::steps::canonical;
use token::authorize::{AuthorizeRequest, USERINFO};
use token::pages;
use token::parameters::Parameters;
use token::refusal::Code;
use token::scope::Scopes;
use token::sign_in::form_token;
use trust::{Rng, Timestamp};
use wire::Guid;
use wire::http::Response;

use crate::aadsts::Number;
use crate::answer::Route;
use crate::asked::Asked;
use crate::authorize::to_client;
use crate::catalogue::GRAPH;
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;

/// The person said no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the person did not consent to what the application asks")]
struct Declined;

impl Reason for Declined {
    fn number(&self) -> Number {
        Number::Declined
    }

    fn action(&self) -> &'static str {
        "application.consent"
    }
}

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[];

/// Nobody has consented.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no administrator has consented to what the application asks of the resource")]
pub(crate) struct NoConsent;

impl Reason for NoConsent {
    fn number(&self) -> Number {
        Number::Consent
    }

    fn action(&self) -> &'static str {
        "token.authorize"
    }
}

/// Whether `client` may ask the resource of this name for these scopes, or may ask the person: where an administrator
/// consented, or where it asks for nothing but who somebody is. The tenant's own clients may, and whoever asks for itself.
pub(crate) fn is_given(
    asked: &Asked<'_, '_>,
    client: &str,
    resource: &str,
    scopes: &Scopes,
) -> Result<bool, Fault> {
    let known = &asked.known;
    let Some(application) = client
        .parse::<Guid>()
        .ok()
        .and_then(|id| known.applications.get(&id))
    else {
        return Ok(true);
    };
    let Some(resource) = known.catalogue.resource(resource) else {
        return Ok(false);
    };
    let own = application.id.to_string();
    if resource.name_of(&own).is_some() {
        return Ok(true);
    }
    let speaks_of_person_alone =
        matches!(resource.identifier.as_str(), USERINFO | GRAPH) && scopes.other.is_empty();
    if speaks_of_person_alone && known.settings.user_consent {
        return Ok(true);
    }
    let given = tenant::consent(asked.view.snapshot, application.id, None, asked.now)?;
    Ok(given.iter().any(|consent| {
        resource.name_of(&consent.resource).is_some()
            && scopes
                .other
                .iter()
                .all(|scope| consent.scopes.contains(scope))
    }))
}

/// Whether the application of a request must ask this person first. Whatever it may not ask for at all was refused before.
pub(crate) fn must_ask(
    house: &House<'_, '_>,
    request: &AuthorizeRequest,
    account: EntryId,
    now: Timestamp,
) -> Result<bool, Fault> {
    let Ok(id) = request.client.parse::<Guid>() else {
        return Ok(false);
    };
    let client = house.catalogue.client(&request.client);
    if client.is_some_and(|client| client.any_resource) {
        return Ok(false);
    }
    let resource = house.catalogue.resource(&request.resource);
    let itself = resource.is_some_and(|resource| resource.name_of(&request.client).is_some());
    if itself || tenant::application(house.snapshot, id, now)?.is_none() {
        return Ok(false);
    }
    let given = |by, words: &[String]| {
        let given = tenant::consent(house.snapshot, id, by, now)?;
        Ok::<_, Fault>(given.iter().any(|consent| {
            resource.is_some_and(|resource| resource.name_of(&consent.resource).is_some())
                && words.iter().all(|word| consent.scopes.contains(word))
        }))
    };
    // An administrator's consent to what it does there is one to learning who does it.
    Ok(!given(None, &request.scopes.other)? && !given(Some(account), &words(&request.scopes))?)
}

/// The scopes as a consent keeps them.
fn words(scopes: &Scopes) -> Vec<String> {
    let text = scopes.text();
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The place of the form that asks this person for consent to a request: nobody consents by a page that another was shown.
fn place(request: &AuthorizeRequest, account: &Account) -> String {
    format!("consent {} {}", account.id.0, canonical(request))
}

/// Asks the person.
pub(crate) fn ask(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    account: &Account,
    rng: &mut dyn Rng,
) -> Answer {
    let page = asked.sign_in();
    let browser = Browser::of(&page, rng);
    let client = asked.known.catalogue.client(&request.client);
    let all = [
        (true, "who you are to it: a name that it has of you alone"),
        (request.scopes.profile, "your name and your user name"),
        (request.scopes.email, "your mail address"),
        (
            request.scopes.offline_access,
            "to stay signed in when you are away",
        ),
    ];
    let asks: Vec<&str> = all
        .iter()
        .filter(|(asked, _)| *asked)
        .map(|(_, words)| *words)
        .collect();
    let request = request.of_who_signed_in();
    let shown = pages::consent(&pages::Consent {
        organisation: asked.known.organisation(),
        action: &format!("{}?{}", page.house.authorize, canonical(&request)),
        form_token: &form_token(browser.secret(), &place(&request, account)),
        account: &upn_of(account, asked.view.snapshot),
        client: client.map_or("An application", |client| &client.name),
        leads_to: &request.answer.redirect.source(),
        asks: &asks,
    });
    let source = request.answer.redirect.source();
    browser.show(shown.leading_to(source)).into()
}

/// The person has answered: the request is made once more, or its client learns that they said no.
pub(crate) fn answered(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    form: &Parameters,
    account: &Account,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    own_form(&page, form, &place(request, account)).map_err(Trouble::from)?;
    if form.field(pages::CONSENT) != Some("accept") {
        let denied = Code::AccessDenied;
        return Ok(to_client(asked, &request.answer, denied, &Declined).about(Some(account)));
    }
    let Ok(application) = request.client.parse::<Guid>() else {
        return Err(NoConsent.into());
    };
    let resource = asked.known.catalogue.resource(&request.resource);
    let resource = resource.map_or(&request.resource, |resource| &resource.identifier);
    let name = name_of(account);
    let given = tenant::Consent {
        application,
        account: Some(account.id),
        resource: resource.clone(),
        scopes: words(&request.scopes),
        by: name.to_owned(),
        at: asked.now,
    };
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let told = AuditRecord::done(asked.now, actor, "application.consent")
        .on(account.id, name)
        .with("client", &request.client)
        .with("resource", resource)
        .with("scopes", given.scopes.join(" "));
    let told = match asked.from() {
        Some(from) => told.from_address(from),
        None => told,
    };
    let again = format!("{}?{}", page.house.authorize, canonical(request));
    Ok(Answer::now(Response::redirect(&again))
        // What is known of the tenant without a look holds nobody's own consent, so it stands.
        .committing(tenant::put_consent(&given, rng).into_iter().take(1))
        .committing([change::audit(told)]))
}
