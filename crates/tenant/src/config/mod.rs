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

use crate::asked::Asked;

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
