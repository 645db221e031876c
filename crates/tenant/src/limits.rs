//! How often a peer may ask.

use trust::limiter::Counted;

use crate::asked::Asked;
use crate::refused::Refused;

/// Whether the peer may ask now; counts that it did. The machine itself is not limited: whoever is on it can load it in
/// other ways, and a proxy before us would have all requests come from there.
pub(crate) fn within_limit(asked: &Asked<'_, '_>) -> Result<(), Refused> {
    if asked.request.peer.is_some_and(|peer| peer.is_loopback()) {
        return Ok(());
    }
    let limiter = &asked.view.memory.limiter;
    let limit = asked.view.deployment.limits.requests_from_address;
    let address = asked.address();
    let counted = Counted::RequestsFrom(&address);
    if let Some(wait) = limiter.wait(counted, limit, asked.now) {
        return Err(Refused::TooManyRequests(wait));
    }
    limiter.count(counted, limit, asked.now);
    Ok(())
}
