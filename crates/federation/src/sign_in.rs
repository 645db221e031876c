//! The pages of a sign-in: what was handed in, what it leads to, what is shown next.

use directory::{Account, Actor, AuditRecord, Change, ClaimId, Secret as Wrapped, change};
use registration::second_factor::of as factors_of;
use token::authentication::FirstFactor;
use token::authorize::{AuthorizeRequest, Wanted};
use token::factor::{Claim, SecondFactors, Wrong};
use token::limiter::Counted;
use token::pages::{self, Page};
use token::parameters::Parameters;
use token::secret::{Purpose, Secret};
use token::session;
use token::sign_in::{Begun, Handled, Next, SignIn, form_token, is_form_token};
use trust::{Rng, Span};
use wire::http::{SetCookie, write_query};
use zeroize::Zeroizing;

use crate::account::{self, Proven, still_usable};
use crate::answer::{Answer, Asked};
use crate::authorize::{OpenSession, complete, session_of, wanted};
use crate::new_password;
use crate::password::{self, Judged};
use crate::records::{self, SIGN_INS};
use crate::refused::{Refused, Trouble};

/// Where the forms after the first are posted.
const ACTION: &str = "/adfs/oauth2/authorize";

/// The browser in which a sign-in is on its way: the secret of its cookie, kept or new.
pub(crate) struct Browser {
    secret: Secret,
    is_new: bool,
}

impl Browser {
    /// The browser that asks.
    pub(crate) fn of(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Self {
        match Self::known(asked) {
            Some(secret) => Self {
                secret,
                is_new: false,
            },
            None => Self {
                secret: Secret::draw(rng),
                is_new: true,
            },
        }
    }

    fn known(asked: &Asked<'_, '_>) -> Option<Secret> {
        asked
            .request
            .cookie(session::BROWSER_COOKIE)
            .and_then(Secret::parse)
    }

    /// The secret of its cookie.
    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// An answer that shows `page`, and gives a new browser its cookie.
    pub(crate) fn show(&self, page: Page) -> Answer {
        let response = page.into_response();
        Answer::now(if self.is_new {
            response.with_cookie(&SetCookie::session(
                session::BROWSER_COOKIE,
                &self.secret.reveal(),
            ))
        } else {
            response
        })
    }
}

/// The browser in which a form of ours was filled in, if the form came from there and from us.
pub(crate) fn own_form(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    place: &str,
) -> Result<Browser, Refused> {
    let origin = asked.request.headers.get("Origin");
    let same_origin =
        origin.is_none_or(|origin| origin.eq_ignore_ascii_case(&asked.view.settings.origin));
    let secret = Browser::known(asked)
        .filter(|_| same_origin)
        .ok_or(Refused::ForeignForm)?;
    let sent = form.field(pages::FORM_TOKEN).unwrap_or_default();
    if is_form_token(sent, &secret, place) {
        Ok(Browser {
            secret,
            is_new: false,
        })
    } else {
        Err(Refused::ForeignForm)
    }
}

/// The page for name and password, with what went wrong the last time.
pub(crate) fn ask_password(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    again: Option<(&str, &str)>,
    rng: &mut dyn Rng,
) -> Answer {
    let browser = Browser::of(asked, rng);
    password_page(asked, request, again, &browser)
}

fn password_page(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    again: Option<(&str, &str)>,
    browser: &Browser,
) -> Answer {
    let query = canonical(request);
    let catalogue = &asked.view.settings.catalogue;
    let page = pages::password(&pages::Password {
        organisation: &asked.view.settings.organisation,
        going_to: catalogue
            .client(&request.client)
            .map_or("the application", |client| &client.name),
        action: &format!("{ACTION}?{query}"),
        form_token: &form_token(&browser.secret, &query),
        domain: &asked.view.snapshot.domain().dns_name,
        user_name: again.map_or(
            request.login_hint.as_deref().unwrap_or_default(),
            |(name, _)| name,
        ),
        error: again.map(|(_, error)| error),
    });
    browser.show(page.leading_to(request.answer.redirect.source()))
}

/// The request as a query: the same one whatever it looked like when it came.
fn canonical(request: &AuthorizeRequest) -> String {
    write_query(request.parameters())
}

/// Name and password were handed in.
pub(crate) fn with_password(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    form: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let browser = own_form(asked, form, &canonical(&request))?;
    let name = form.field(pages::USER_NAME).unwrap_or_default().trim();
    let password = form.field(pages::PASSWORD).unwrap_or_default();
    let again = |error: &str| password_page(asked, &request, Some((name, error)), &browser);
    if name.is_empty() || password.is_empty() || name.len() > 256 || password.len() > 1024 {
        return Ok(again("Enter your user name and your password."));
    }
    if let Some(wait) = must_wait(asked, name) {
        return Ok(again(&waiting(wait)).because(asked, &Refused::TooManyRequests(wait)));
    }
    let begun =
        |account: &Account, request| Begun::new(request, account.id.0, &browser.secret, asked.now);
    match password::judge(asked, name, password)? {
        Judged::Wrong { wrong, account } => Ok(again(password::WRONG)
            .because(asked, &wrong.into())
            .about(account.as_deref())),
        Judged::MustChange(account) => {
            let begun = begun(&account, request);
            new_password::ask(asked, begun, &account, &browser, rng)
        }
        Judged::Right(account) => {
            let wanted = wanted(asked, &request);
            let begun = begun(&account, request);
            let first = FirstFactor::password(asked.now);
            after_first(asked, begun, first, &account, wanted, &browser, rng)
        }
    }
}

/// How long to wait after too many failures, of this name or from this address.
pub(crate) fn must_wait(asked: &Asked<'_, '_>, name: &str) -> Option<Span> {
    let (limiter, limits) = (&asked.view.memory.limiter, asked.view.settings.limits);
    let of_name = limiter.wait(
        Counted::FailuresOf(name),
        limits.failures_of_name,
        asked.now,
    );
    let from = limiter.wait(
        Counted::FailuresFrom(&asked.address()),
        limits.failures_from_address,
        asked.now,
    );
    of_name.max(from)
}

pub(crate) fn waiting(wait: Span) -> String {
    match wait.as_seconds() {
        ..=90 => "Too many attempts. Wait a minute, then try again.".to_owned(),
        seconds => format!(
            "Too many attempts. Wait {} minutes, then try again.",
            seconds / 60 + 1
        ),
    }
}

/// A first factor was proven: by password, by ticket, or with a session.
pub(crate) fn after_first(
    asked: &Asked<'_, '_>,
    begun: Begun,
    first: FirstFactor,
    account: &Account,
    wanted: Wanted,
    browser: &Browser,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let factors = factors_of(account);
    if wanted != Wanted::Unasked && !factors.is_enrolled() {
        if !asked.view.settings.enrol_at_sign_in {
            return Err(Refused::NoSecondFactor.into());
        }
        // An open session or an unlocked screen is not enough to set up a second factor.
        if !first.is_password_of(asked.now) {
            return Ok(password_page(asked, &begun.request, None, browser));
        }
    }
    match begun.proven(first, &factors, wanted, asked.now, rng) {
        Next::Done(signed_in) => {
            let open = OpenSession {
                replaces: session_of(asked)?.map(|held| held.key),
            };
            Ok(complete(asked, signed_in, account, Some(open), rng))
        }
        Next::Wait(sign_in) => {
            let context = Secret::draw(rng);
            let shown = Shown {
                asked,
                sign_in: &sign_in,
                context: &context,
                browser,
                account,
                factors: &factors,
            };
            let answer = shown.page(None, &[], rng)?;
            Ok(answer.committing([keep(&context, &sign_in)]))
        }
    }
}

/// Writes a sign-in under the digest of its context.
pub(crate) fn keep(context: &Secret, sign_in: &SignIn) -> Change {
    records::write(
        SIGN_INS,
        context.digest(Purpose::SignIn).as_bytes(),
        sign_in,
        sign_in.expires(),
    )
}

/// Replaces the second factors of an account.
pub(crate) fn set_factors(account: &Account, factors: &SecondFactors) -> Change {
    change::set_second_factors(
        account.id,
        factors.write().into_iter().map(Wrapped::new).collect(),
    )
}

/// A form of a sign-in on its way was handed in.
pub(crate) fn continued(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let text = form.field(pages::CONTEXT).unwrap_or_default();
    let browser = own_form(asked, form, text)?;
    let context = Secret::parse(text).ok_or(Refused::SignInGone)?;
    let (snapshot, now) = (asked.view.snapshot, asked.now);
    let key = *context.digest(Purpose::SignIn).as_bytes();
    let sign_in: SignIn =
        records::read(snapshot, SIGN_INS, &key, now)?.ok_or(Refused::SignInGone)?;
    if !sign_in.is_open(&browser.secret, now) {
        return Err(Refused::SignInGone.into());
    }
    if let SignIn::AwaitsNewPassword(state) = &sign_in {
        return new_password::handed_in(asked, form, &sign_in, state, &context, &browser, rng);
    }
    let began = sign_in.expires() - token::sign_in::LIFETIME;
    let account = still_usable(snapshot, sign_in.begun().account, Proven::at(began), now)??;
    let factors = factors_of(&account);
    let shown = Shown {
        asked,
        sign_in: &sign_in,
        context: &context,
        browser: &browser,
        account: &account,
        factors: &factors,
    };
    let mut handled = sign_in.clone().handle(form, factors.clone(), now, rng);
    if let Handled::Right {
        claim: Some(claim), ..
    } = &handled
        && snapshot.claimed(&claim_id(claim), now)?
    {
        handled = Handled::used(factors.clone(), now);
    }
    match handled {
        Handled::Right {
            next,
            factors: changed,
            claim,
            codes,
        } => {
            let mut changes: Vec<Change> = claim
                .map(|claim| change::claim(claim_id(&claim), claim.until))
                .into_iter()
                .collect();
            changes.extend(changed.iter().map(|factors| set_factors(&account, factors)));
            if !codes.is_empty() {
                changes.push(change::audit(enrolled(asked, &account)));
            }
            let factors = changed.unwrap_or(factors.clone());
            match next {
                Next::Done(signed_in) => {
                    changes.push(change::remove(SIGN_INS, key));
                    let open = OpenSession {
                        replaces: session_of(asked)?.map(|held| held.key),
                    };
                    Ok(complete(asked, signed_in, &account, Some(open), rng).committing(changes))
                }
                Next::Wait(sign_in) => {
                    changes.push(keep(&context, &sign_in));
                    let shown = Shown {
                        sign_in: &sign_in,
                        factors: &factors,
                        ..shown
                    };
                    Ok(shown.page(None, &codes, rng)?.committing(changes))
                }
            }
        }
        Handled::Wrong {
            wrong,
            factors: changed,
        } => {
            let answer = shown
                .page(Some(words(wrong)), &[], rng)?
                .because(asked, &wrong.into())
                .about(Some(&account));
            Ok(answer.committing(changed.iter().map(|factors| set_factors(&account, factors))))
        }
        // The state that waits for a new password was handled before.
        Handled::NewPassword { .. } | Handled::NotChosen(_) => Err(Refused::SignInGone.into()),
        Handled::TooMany { wait } => Ok(shown
            .page(Some(&waiting(wait)), &[], rng)?
            .because(asked, &Refused::SecondFactorWait(wait))
            .about(Some(&account))),
    }
}

pub(crate) fn claim_id(claim: &Claim) -> ClaimId {
    ClaimId::new("federation.second-factor", claim.id.as_bytes())
}

pub(crate) fn words(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Missing => "Enter the code.",
        Wrong::Answer => {
            "That code is not right. Check the clock of the device that shows it, and try again."
        }
        Wrong::Used => "That code was used already. Wait for the next one.",
        Wrong::Enrolment => "Your second factor cannot be used. Ask your administrator for help.",
        Wrong::Overtaken => {
            "A second factor has been set up for this account meanwhile. Sign in again and use that one."
        }
    }
}

fn enrolled(asked: &Asked<'_, '_>, account: &Account) -> AuditRecord {
    let name = account::name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let record = AuditRecord::done(asked.now, actor, "second-factor.enrol")
        .on(account.id, name)
        .with("adapter", "totp");
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}

/// A sign-in on its way and all that its page shows.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a, 'd> {
    pub(crate) asked: &'a Asked<'a, 'd>,
    pub(crate) sign_in: &'a SignIn,
    pub(crate) context: &'a Secret,
    pub(crate) browser: &'a Browser,
    pub(crate) account: &'a Account,
    pub(crate) factors: &'a SecondFactors,
}

impl Shown<'_, '_> {
    /// The page for what the sign-in waits for, with what went wrong the last time.
    pub(crate) fn page(
        &self,
        error: Option<&str>,
        codes: &[Zeroizing<String>],
        rng: &mut dyn Rng,
    ) -> Result<Answer, Trouble> {
        let organisation = self.asked.view.settings.organisation.as_str();
        let context = self.context.reveal();
        let form_token = form_token(&self.browser.secret, &context);
        let page = match self.sign_in {
            SignIn::AwaitsNewPassword(_) => pages::new_password(&pages::NewPassword {
                organisation,
                action: ACTION,
                context: &context,
                form_token: &form_token,
                account: &account::upn_of(self.account, self.asked.view.snapshot),
                rules: &self.asked.view.snapshot.password_policy()?.in_words(),
                error,
            }),
            SignIn::AwaitsSecondFactor(state) => pages::second_factor(&pages::SecondFactor {
                organisation,
                action: ACTION,
                context: &context,
                form_token: &form_token,
                forms: &state.forms(self.factors, self.asked.now, rng),
                error,
            }),
            SignIn::AwaitsEnrolment(state) => pages::enrolment(&pages::Enrolment {
                organisation,
                action: ACTION,
                context: &context,
                form_token: &form_token,
                account: &account::upn_of(self.account, self.asked.view.snapshot),
                secret: &state.secret().ok_or(Refused::SignInGone)?,
                error,
            }),
            SignIn::AwaitsAcknowledgement(_) => {
                pages::acknowledgement(organisation, ACTION, &context, &form_token, codes)
            }
        };
        let redirect = &self.sign_in.begun().request.answer.redirect;
        Ok(self.browser.show(page.leading_to(redirect.source())))
    }
}
