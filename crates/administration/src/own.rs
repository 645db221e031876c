//! What everybody may see and do of their own.

use trust::Rng;

use crate::asked::Asked;
use crate::done::Done;
use crate::refused::Trouble;
use crate::{keys as listed, shown};

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let own = asked.who.own()?;
    let shown = shown::user(own, asked.view, asked.now)?;
    Ok(Done::now(shown.into()))
}

pub(crate) fn keys(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    listed::listed(asked, asked.who.own()?)
}

/// A lost device is its owner's to report: a key of one's own can always be revoked.
pub(crate) fn revoke(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    listed::revoke(asked, asked.who.own()?, asked.part(0))
}
