//! `/adfs/oauth2/authorize`: from an authorization request to a code, a page, or an error (RFC 6749 4.1).

use directory::{Account, AccountKind, Actor, AuditRecord, Change, EntryId, change};
use token::authentication::Authentication;
use token::authorize::{Answer as To, AuthorizeRequest, Prompt, Rejected, ResponseMode, Wanted};
use token::grant::CodeRecord;
use token::limiter::Counted;
use token::pages;
use token::parameters::Parameters;
use token::secret::{Purpose, Secret};
use token::session::{self, SessionRecord};
use token::sign_in::{Begun, SignedIn};
use trust::Rng;
use wire::http::{Response, SetCookie};

use crate::account::{self, Proven, still_usable};
use crate::answer::{Answer, Asked};
use crate::records::{self, CODES, SESSIONS};
use crate::refused::{Refused, Trouble};
use crate::sign_in::{self, Browser};
use crate::{negotiate, story};

/// An authorization request in the query.
pub(crate) fn by_query(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let parameters = asked.query()?;
    begin(asked, &parameters, rng)
}

/// A form of ours, or an authorization request in a form (OpenID Connect Core 3.1.2.1).
pub(crate) fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let form = asked.form()?;
    if form.field(pages::CONTEXT).is_some() {
        within_limit(asked)?;
        sign_in::continued(asked, &form, rng)
    } else if form.field(pages::FORM_TOKEN).is_some() {
        within_limit(asked)?;
        match AuthorizeRequest::parse(&asked.query()?, &asked.view.settings.catalogue) {
            Ok(request) => sign_in::with_password(asked, request, &form, rng),
            Err(rejected) => refuse(asked, rejected),
        }
    } else {
        begin(asked, &form, rng)
    }
}

/// Whether the peer may ask now; counts that it did. The machine itself is not limited: whoever is on it can load it in
/// other ways, and a proxy before us would have all requests come from there.
pub(crate) fn within_limit(asked: &Asked<'_, '_>) -> Result<(), Refused> {
    if asked.request.peer.is_some_and(|peer| peer.is_loopback()) {
        return Ok(());
    }
    let (limiter, limit) = (
        &asked.view.memory.limiter,
        asked.view.settings.limits.requests_from_address,
    );
    let address = asked.address();
    let counted = Counted::RequestsFrom(&address);
    if let Some(wait) = limiter.wait(counted, limit, asked.now) {
        return Err(Refused::TooManyRequests(wait));
    }
    limiter.count(counted, limit, asked.now);
    Ok(())
}

fn begin(
    asked: &Asked<'_, '_>,
    parameters: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let request = match AuthorizeRequest::parse(parameters, &asked.view.settings.catalogue) {
        Ok(request) => request,
        Err(rejected) => return refuse(asked, rejected),
    };
    if let Some((scheme, token)) = asked.request.authorization()
        && scheme.eq_ignore_ascii_case("Negotiate")
    {
        return by_ticket(asked, request, token, rng);
    }
    match session_of(asked)? {
        Some(held) => with_session(asked, request, held, rng),
        None if request.prompt == Prompt::Nothing => {
            to_client(asked, &request.answer, &Refused::LoginRequired)
        }
        None => Ok(sign_in::ask_password(asked, &request, None, rng)),
    }
}

/// Tells a rejected request to whom it may be told.
fn refuse(asked: &Asked<'_, '_>, rejected: Rejected) -> Result<Answer, Trouble> {
    match rejected {
        Rejected::OnPage(refused) => Err(refused.into()),
        Rejected::ToClient(answer, refused) => to_client(asked, &answer, &refused.into()),
    }
}

/// An error for the client, sent through the browser.
pub(crate) fn to_client(
    asked: &Asked<'_, '_>,
    answer: &To,
    refused: &Refused,
) -> Result<Answer, Trouble> {
    let parameters = answer.error(refused.code(), &asked.view.settings.issuer);
    Ok(Answer::now(send(asked, answer, &parameters)).because(asked, refused))
}

/// The answer to an authorization request, in the way that the client asked for.
fn send(asked: &Asked<'_, '_>, answer: &To, parameters: &[(&str, &str)]) -> Response {
    match answer.mode {
        ResponseMode::Query => {
            let mut response = Response::redirect(&answer.redirect.with(parameters));
            response.headers.set("Referrer-Policy", "same-origin");
            response
        }
        ResponseMode::FormPost => {
            let organisation = &asked.view.settings.organisation;
            pages::form_post(
                organisation,
                answer.redirect.as_str(),
                answer.redirect.source(),
                parameters,
            )
            .into_response()
        }
    }
}

/// What request and resource ask for together. A computer has no second factor, and none is asked of it.
pub(crate) fn wanted(asked: &Asked<'_, '_>, request: &AuthorizeRequest) -> Wanted {
    let resource = asked.view.settings.catalogue.resource(&request.resource);
    match resource {
        Some(resource) if resource.second_factor => request.second_factor.max(Wanted::SecondFactor),
        _ => request.second_factor,
    }
}

/// Somebody shows a Kerberos ticket.
fn by_ticket(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    token: &str,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let proven = negotiate::prove(asked, token, rng)??;
    let account = proven.account;
    let authentication = Authentication::of(proven.first.clone(), None);
    let too_old = request.is_too_old(authentication.at(), asked.now);
    let mut answer = match account.kind {
        AccountKind::Computer => {
            if request.resource != asked.view.settings.registration_resource {
                return to_client(asked, &request.answer, &Refused::NotForThisAccount);
            }
            let refusal = request.answer.clone();
            match SignedIn::already(
                request,
                account.id.0,
                authentication,
                Wanted::Unasked,
                asked.now,
            ) {
                Some(signed_in) => {
                    complete(asked, signed_in, &account, None, rng).telling(&story::JOIN_TOKEN)
                }
                None => return to_client(asked, &refusal, &Refused::InteractionRequired),
            }
        }
        AccountKind::User => {
            let wanted = wanted(asked, &request);
            match SignedIn::already(
                request.clone(),
                account.id.0,
                authentication,
                wanted,
                asked.now,
            ) {
                Some(signed_in) => complete(asked, signed_in, &account, None, rng),
                None if request.prompt == Prompt::Nothing => {
                    let refused = if too_old {
                        Refused::LoginRequired
                    } else {
                        Refused::InteractionRequired
                    };
                    return to_client(asked, &request.answer, &refused);
                }
                // A ticket is of a sign-in that may be hours ago, and no second factor makes that younger.
                None if too_old => sign_in::ask_password(asked, &request, None, rng),
                None => {
                    let browser = Browser::of(asked, rng);
                    let begun = Begun::new(request, account.id.0, browser.secret(), asked.now);
                    sign_in::after_first(
                        asked,
                        begun,
                        proven.first,
                        &account,
                        wanted,
                        &browser,
                        rng,
                    )?
                }
            }
        }
        AccountKind::Service | AccountKind::Krbtgt => {
            return to_client(asked, &request.answer, &Refused::NotForThisAccount);
        }
    };
    if let crate::answer::Reply::Now(response) = &mut answer.reply {
        response.headers.set("WWW-Authenticate", &proven.reply);
    }
    Ok(answer.committing([proven.claim]))
}

/// A session that a browser holds.
pub(crate) struct Held {
    pub(crate) key: [u8; 32],
    pub(crate) record: SessionRecord,
    pub(crate) account: std::sync::Arc<Account>,
}

/// The session of the request's cookie, if it stands: neither over, nor its account ended or its password changed.
pub(crate) fn session_of(asked: &Asked<'_, '_>) -> Result<Option<Held>, Trouble> {
    let Some(secret) = asked
        .request
        .cookie(session::COOKIE)
        .and_then(Secret::parse)
    else {
        return Ok(None);
    };
    let key = *secret.digest(Purpose::Session).as_bytes();
    let (snapshot, now) = (asked.view.snapshot, asked.now);
    let Some(record) = records::read::<SessionRecord>(snapshot, SESSIONS, &key, now)? else {
        return Ok(None);
    };
    let usable = still_usable(
        snapshot,
        record.account,
        Proven::by(&record.authentication),
        now,
    )?;
    Ok(usable
        .ok()
        .filter(|_| now < record.expires)
        .map(|account| Held {
            key,
            record,
            account,
        }))
}

/// Somebody with a session asks for more.
fn with_session(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    held: Held,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let wanted = wanted(asked, &request);
    let authentication = held.record.authentication.clone();
    let too_old = request.is_too_old(authentication.at(), asked.now);
    if let Some(signed_in) = SignedIn::already(
        request.clone(),
        held.record.account,
        authentication.clone(),
        wanted,
        asked.now,
    ) {
        return Ok(complete(asked, signed_in, &held.account, None, rng));
    }
    if request.prompt == Prompt::Nothing {
        let refused = if too_old {
            Refused::LoginRequired
        } else {
            Refused::InteractionRequired
        };
        return to_client(asked, &request.answer, &refused);
    }
    let someone_else = request.login_hint.as_deref().is_some_and(|hint| {
        !hint.eq_ignore_ascii_case(&account::upn_of(&held.account, asked.view.snapshot))
            && !hint.eq_ignore_ascii_case(&held.account.sam)
    });
    if too_old || someone_else {
        return Ok(sign_in::ask_password(asked, &request, None, rng));
    }
    let browser = Browser::of(asked, rng);
    let begun = Begun::new(request, held.record.account, browser.secret(), asked.now);
    let first = authentication.first().clone();
    sign_in::after_first(asked, begun, first, &held.account, wanted, &browser, rng)
}

/// Whether a completed sign-in opens a session in the browser.
pub(crate) struct OpenSession {
    /// The session that the new one takes the place of.
    pub(crate) replaces: Option<[u8; 32]>,
}

/// Sends the client its code. The code's record, the session and the audit record are committed first.
pub(crate) fn complete(
    asked: &Asked<'_, '_>,
    signed_in: SignedIn,
    account: &Account,
    open: Option<OpenSession>,
    rng: &mut dyn Rng,
) -> Answer {
    let now = asked.now;
    let code = Secret::draw(rng);
    let (answer, authentication) = (
        signed_in.request().answer.clone(),
        signed_in.authentication().clone(),
    );
    let audit = audit(asked, &signed_in, account);
    let record = CodeRecord::new(signed_in, now, rng);
    let expires = record.kept_until();
    let mut changes = vec![
        records::write(
            CODES,
            code.digest(Purpose::Code).as_bytes(),
            &record,
            expires,
        ),
        change::audit(audit),
    ];
    let code = code.reveal();
    let mut response = send(
        asked,
        &answer,
        &answer.success(&code, &asked.view.settings.issuer),
    );
    if let Some(open) = open {
        let secret = Secret::draw(rng);
        changes.extend(open_session(
            &secret,
            account.id,
            authentication,
            open.replaces,
        ));
        response = response.with_cookie(&SetCookie::session(session::COOKIE, &secret.reveal()));
    }
    Answer::now(response).committing(changes)
}

fn open_session(
    secret: &Secret,
    account: EntryId,
    authentication: Authentication,
    replaces: Option<[u8; 32]>,
) -> Vec<Change> {
    // A second factor that is proven later makes a session stronger, not longer.
    let expires = authentication.first().at() + session::LIFETIME;
    let record = SessionRecord {
        account: account.0,
        authentication,
        expires,
    };
    let key = *secret.digest(Purpose::Session).as_bytes();
    let mut changes: Vec<Change> = replaces
        .map(|key| change::remove(SESSIONS, key))
        .into_iter()
        .collect();
    changes.push(records::write(SESSIONS, &key, &record, expires));
    changes
}

/// Who signed in, by what, for which application.
fn audit(asked: &Asked<'_, '_>, signed_in: &SignedIn, account: &Account) -> AuditRecord {
    let name = account::name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let request = signed_in.request();
    let record = AuditRecord::done(asked.now, actor, "token.authorize")
        .on(account.id, name)
        .with("client", &request.client)
        .with("resource", &request.resource)
        .with(
            "amr",
            signed_in
                .authentication()
                .amr(request.second_factor, asked.now)
                .join(" "),
        );
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}
