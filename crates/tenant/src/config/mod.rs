//! The page protocol of programs without a browser (protocols A.5): they ask as a browser does, and take pages apart.
//!
//! ```text
//! GET authorize ─► page: sCtx holds the request, sealed ─► POST login ─┬─► 302 with the code
//!                                                                      └─► page: sCtx names a sign-in on its way
//!                      BeginAuth ─► EndAuth (the code is judged) ─► ProcessAuth ─► 302 with the code
//! ```
//!
//! It is a second face of the pages' sign-in, not a second sign-in: passwords, passes, second factors, limits and lockout are
//! those of `signin`, and the states are [`token::sign_in::SignIn`]. `sFT` and `canary` are the form's token, bound to the
//! browser's cookie and to the context beside it. What is refused is refused by a page with status 200, for known clients lose
//! what comes with another.

pub(crate) mod authorize;
pub(crate) mod begin;
pub(crate) mod context;
pub(crate) mod end;
pub(crate) mod page;
pub(crate) mod password;
pub(crate) mod process;
pub(crate) mod question;
pub(crate) mod refused;

use directory::{Account, Actor, AuditRecord};
use signin::account::name_of;
use signin::complete::complete;
use token::sign_in::SignedIn;
use trust::Rng;

use crate::asked::Asked;
use crate::consent::{self, NoConsent};
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{self, Words};

/// That somebody signed in this way, which is a switch (protocols K). What they got is committed with the code.
fn used(asked: &Asked<'_, '_>, account: &Account) -> AuditRecord {
    let name = name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let record = AuditRecord::done(asked.now, actor, "sign-in.without-browser")
        .on(account.id, name)
        .with("switch", "oauth.html_login_v1");
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}

/// The answer to who proved what was wanted: a code, unless the person would have to be asked what the application may know. There is
/// nobody to ask here but a program.
fn collected(
    asked: &Asked<'_, '_>,
    signed_in: SignedIn,
    account: &Account,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    if consent::must_ask(&page.house, signed_in.request(), account.id, asked.now)? {
        let refused = words::reply(asked, Words::Config, &NoConsent);
        return Ok(refused.about(Some(account)));
    }
    // A program has no use for a session.
    let answer = complete(&page, signed_in, account, None, None, rng);
    Ok(Answer::from(answer).with_record(used(asked, account)))
}
