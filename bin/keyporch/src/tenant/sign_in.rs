//! `keyporch sign-in` on a device of a tenant (AUTH-F1).

use call::Client;
use call::tenant::Tokens;
use hello::tenant::{NotSignedIn, SignedIn};
use hello::vault::Unlocked;
use serde_json::json;
use trust::{Clock as _, Silence, SystemClock, SystemRng, Timestamp};

use super::not_signed_in;
use crate::arguments::Common;
use crate::device::Device;
use crate::enroll::certificate;
use crate::failure::Failure;
use crate::output::Output;
use crate::site;

/// Signs in to the tenant with the key that the PIN has unlocked; offline, where the tenant cannot be reached, with what is kept.
pub(crate) fn run(
    device: &mut Device,
    upn: &str,
    unlocked: &Unlocked,
    common: &Common,
    output: Output,
) -> Result<(), Failure> {
    let registration = device.registration()?.clone();
    let tenant = registration
        .tenant()
        .ok_or_else(|| not_signed_in(&NotSignedIn::NotJoined))?;
    let site = site::of(common)?;
    let client = Client::new(&site.roots, site.hosts.clone(), Some(certificate(device)?));
    let mut tokens = Tokens::new(&client, &tenant.token);
    let now = SystemClock.now();
    let signed_in = output.during("asking the tenant", || {
        device.hello.prove_to_tenant(
            upn,
            unlocked,
            &mut tokens,
            now,
            &mut Silence,
            &mut SystemRng,
        )
    });
    let signed_in = signed_in.map_err(|error| not_signed_in(&error))?;
    let prt = signed_in.prt();
    let online = matches!(signed_in, SignedIn::Online(_));
    let until = Timestamp::from_unix(prt.expires().unix()).to_rfc3339();
    let shown = json!({
        "principal": prt.upn(),
        "tenant": tenant.name,
        "tenant_id": tenant.id.to_string(),
        "online": online,
        "until": until,
    });
    let how = if online { "" } else { " offline" };
    output.done(
        &format!("Signed in{how} as {} until {until}.", prt.upn()),
        &shown,
    );
    if let SignedIn::Offline { why, .. } = &signed_in {
        output.note(&format!("The tenant cannot be reached: {why}"));
    }
    Ok(())
}
