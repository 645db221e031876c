//! Whose ticket it is that a service of the house was shown, and whether it still counts: a ticket outlives what happens to
//! its account, its key and its device, for hours, where nobody looks.

use std::sync::Arc;

use ticket::{Accepted, Means, VersionedKey, pac};
use trust::{Span, Timestamp};
use wire::Sid;

use crate::account::{Account, AccountKind};
use crate::error::Fault;
use crate::snapshot::{Lost, Snapshot};

/// Why a ticket does not count.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotPresented {
    /// Its PAC is missing, not signed for us, or says nothing of an account.
    #[error("the ticket's PAC is not believed: {0}")]
    Pac(String),
    /// A service obtained it in the client's name, so the client was not here.
    #[error("the ticket was obtained in the client's name")]
    NotInPerson,
    /// It does not say what got it: our own KDC's do.
    #[error("the ticket does not say what got it")]
    NoMeans,
    /// What got it is gone.
    #[error("the {} that got the ticket is gone", .0.name())]
    Gone(Lost),
    /// There is no such account.
    #[error("the account is not known")]
    Unknown,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The account has expired.
    #[error("the account has expired")]
    Expired,
    /// The password was changed after the sign-in, or must be changed.
    #[error("the password was changed since, or must be changed")]
    PasswordChanged,
}

/// Somebody whose ticket counts. Only [`presented`] makes one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Presented {
    /// Whose it is.
    pub account: Arc<Account>,
    /// What got the first ticket.
    pub means: Means,
    /// The last moment at which they can have proven it.
    pub since: Timestamp,
    /// When the ticket ends.
    pub until: Timestamp,
    /// Whether they signed in by a key that was registered with a second factor.
    pub multi_factor: bool,
}

/// Judges a ticket that was accepted with a key of the service's own.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn presented(
    accepted: &Accepted,
    key: VersionedKey<'_>,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Result<Presented, NotPresented>, Fault> {
    let (sid, multi_factor) = match named(accepted, key) {
        Ok(named) => named,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(account) = snapshot.account_by_sid(&sid)? else {
        return Ok(Err(NotPresented::Unknown));
    };
    if !account.is_enabled() {
        return Ok(Err(NotPresented::Disabled));
    }
    if account.has_expired(now) {
        return Ok(Err(NotPresented::Expired));
    }
    // Tickets tell a moment's second alone, and what happened earlier in that second is not held against them.
    let since = Timestamp::from_unix(accepted.ticket.authtime.unix()) + Span::micros(999_999);
    let changed = account.password_last_set.is_some_and(|set| set > since);
    if account.kind == AccountKind::User && (changed || account.must_change_password()) {
        return Ok(Err(NotPresented::PasswordChanged));
    }
    let data = accepted.ticket.authorization_data.as_ref();
    let Some(means) = data.and_then(Means::find) else {
        return Ok(Err(NotPresented::NoMeans));
    };
    if let Some(lost) = snapshot.lost(&means, &account)? {
        return Ok(Err(NotPresented::Gone(lost)));
    }
    Ok(Ok(Presented {
        account,
        means,
        since,
        until: Timestamp::from_unix(accepted.ticket.endtime.unix()),
        multi_factor,
    }))
}

/// Whom the ticket's PAC names, and whether by a key with a second factor.
fn named(accepted: &Accepted, key: VersionedKey<'_>) -> Result<(Sid, bool), NotPresented> {
    let believed = pac::verify_as_service(&accepted.ticket, key)
        .map_err(|error| NotPresented::Pac(error.to_string()))?;
    let nobody = || NotPresented::Pac("it names no account".to_owned());
    let info = believed.logon_info().ok_or_else(nobody)?;
    let sid = info
        .logon_domain_id
        .and_then(|domain| domain.with_rid(info.user_id))
        .ok_or_else(nobody)?;
    let has = |wanted: Sid| info.extra_sids.iter().any(|extra| extra.sid == wanted);
    if has(Sid::SERVICE_ASSERTED_IDENTITY) {
        return Err(NotPresented::NotInPerson);
    }
    let multi_factor = has(Sid::KEY_TRUST_IDENTITY) && has(Sid::KEY_PROPERTY_MFA);
    Ok((sid, multi_factor))
}
