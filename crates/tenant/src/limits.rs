//! How often a peer may ask.

use crate::asked::Asked;
use crate::refused::Refused;

/// Whether the peer may ask now; counts that it did.
pub(crate) fn within_limit(asked: &Asked<'_, '_>) -> Result<(), Refused> {
    signin::limits::within_limit(&asked.sign_in()).map_err(|refused| match refused {
        signin::Refused::TooManyRequests(wait) => Refused::TooManyRequests(wait),
        _ => Refused::TooManyRequests(trust::Span::ZERO),
    })
}
