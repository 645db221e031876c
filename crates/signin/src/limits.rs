//! How often a peer, or a name, may be tried.

use trust::Span;
use trust::limiter::Counted;

use crate::Asked;
use crate::Refused;

/// Whether the peer may ask now; counts that it did. The machine itself is not limited: whoever is on it can load it in
/// other ways, and a proxy before us would have all requests come from there.
///
/// # Errors
/// [`Refused::TooManyRequests`].
pub fn within_limit(asked: &Asked<'_, '_>) -> Result<(), Refused> {
    if asked.request.peer.is_some_and(|peer| peer.is_loopback()) {
        return Ok(());
    }
    let (limiter, limit) = (
        asked.house.limiter,
        asked.house.limits.requests_from_address,
    );
    let address = asked.address();
    let counted = Counted::RequestsFrom(&address);
    if let Some(wait) = limiter.wait(counted, limit, asked.now) {
        return Err(Refused::TooManyRequests(wait));
    }
    limiter.count(counted, limit, asked.now);
    Ok(())
}

/// How long to wait after too many failures, of this name or from this address.
#[must_use]
pub fn must_wait(asked: &Asked<'_, '_>, name: &str) -> Option<Span> {
    let (limiter, limits) = (asked.house.limiter, asked.house.limits);
    let of_name = limiter.wait(
        Counted::FailuresOf(&counted_name(asked, name)),
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

/// The name under which failures count: the same one however it is written, so that nobody has more attempts by writing it
/// otherwise. Whether somebody has it makes no difference.
pub(crate) fn counted_name(asked: &Asked<'_, '_>, name: &str) -> String {
    let name = directory::folded(name);
    let own = asked.house.snapshot.domain();
    let bare = match (name.split_once('\\'), name.rsplit_once('@')) {
        (Some((domain, sam)), _)
            if domain == own.dns_name || domain == directory::folded(&own.netbios_name) =>
        {
            Some(sam)
        }
        (None, Some((sam, suffix))) if suffix == own.dns_name => Some(sam),
        _ => None,
    };
    bare.map(str::to_owned).unwrap_or(name)
}

/// What a person is told who must wait.
#[must_use]
pub fn waiting(wait: Span) -> String {
    match wait.as_seconds() {
        ..=90 => "Too many attempts. Wait a minute, then try again.".to_owned(),
        seconds => format!(
            "Too many attempts. Wait {} minutes, then try again.",
            seconds / 60 + 1
        ),
    }
}
