//! Phase C: the public key is registered.

use crate::dialogue::Work;
use crate::doors::{Doors, NewKey, Registered};
use crate::phases::second_factor::FreshSecondFactor;
use crate::stopped::Stopped;
use crate::story;

/// PH-C-Ent: registers the key with the enterprise DRS, which writes it to the person's account, and
/// has the device keep it under the key ID that came back.
///
/// # Errors
/// [`Stopped`] when the service refuses, or the device cannot keep the key.
pub fn with_enterprise(
    doors: &mut Doors<'_>,
    token: &FreshSecondFactor,
    key: &NewKey,
) -> Result<Registered, Stopped> {
    doors.person.working(Work::RegisteringKey);
    doors.story.tell(&story::F7_C1);
    let registered = doors.federation.register_key(token, key)?;
    if !doors.account.is_named(&registered.upn) {
        return Err(Stopped::RegisteredForAnother {
            upn: registered.upn,
        });
    }
    doors
        .device
        .keep(doors.account, &registered, doors.clock.now())?;
    doors.story.tell(&story::F7_C3);
    Ok(registered)
}
