//! Phase C: the public key is registered.

use crate::dialogue::Work;
use crate::doors::{Doors, NewKey, Registered, RegistrationError};
use crate::phases::second_factor::FreshSecondFactor;
use crate::stopped::Stopped;
use crate::story::{self, Told};

/// PH-C-Cloud: registers the key with the tenant's DRS, which writes it to the person's account, and has
/// the device keep it under the key ID that came back, which ends provisioning.
///
/// # Errors
/// [`Stopped`] when the service refuses, or the device cannot keep the key.
pub fn with_tenant(
    doors: &mut Doors<'_>,
    token: &FreshSecondFactor,
    key: &NewKey,
) -> Result<Registered, Stopped> {
    begin(doors, &story::F1);
    let tenant = doors.tenant.as_deref_mut();
    let registered = tenant
        .ok_or(Stopped::NoService("tenant"))?
        .register_key(token, key);
    keep(doors, registered, &story::F1)
}

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
    begin(doors, &story::F7);
    let federation = doors.federation.as_deref_mut();
    let registered = federation
        .ok_or(Stopped::NoService("federation service"))?
        .register_key(token, key);
    keep(doors, registered, &story::F7)
}

fn begin(doors: &mut Doors<'_>, told: &Told) {
    doors.person.working(Work::RegisteringKey);
    doors.story.tell(told.sent);
}

fn keep(
    doors: &mut Doors<'_>,
    registered: Result<Registered, RegistrationError>,
    told: &Told,
) -> Result<Registered, Stopped> {
    let registered = registered?;
    if !doors.account.is_named(&registered.upn) {
        return Err(Stopped::RegisteredForAnother {
            upn: registered.upn,
        });
    }
    doors
        .device
        .keep(doors.account, &registered, doors.clock.now())?;
    doors.story.tell(told.registered);
    Ok(registered)
}
