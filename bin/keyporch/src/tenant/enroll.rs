//! `keyporch enroll` on a device of a tenant (PROV-F1).

use call::Client;
use call::tenant::{TenantDoor, Tokens};
use crypto::key::KeyKind;
use hello::tenant::{NotSignedIn, TenantFault};
use provisioning::doors::Account;
use provisioning::prerequisites::{Joined, Realm};
use provisioning::{Doors, Facts, enrol};
use trust::{Clock as _, Silence, SystemClock, SystemRng};

use super::{not_signed_in, sign_in_at_pages};
use crate::arguments::{Common, Enroll};
use crate::device::Device;
use crate::enroll::{certificate, facts, failed, finish, policy_for};
use crate::failure::Failure;
use crate::output::Output;
use crate::people::AtTerminal;
use crate::{ask, site};

/// Enrols a person on this device of a tenant.
pub(crate) fn run(
    enroll: &Enroll,
    common: &Common,
    device: &mut Device,
    output: Output,
) -> Result<(), Failure> {
    let registration = device.registration()?.clone();
    let tenant = registration
        .tenant()
        .ok_or_else(|| not_signed_in(&NotSignedIn::NotJoined))?;
    let site = site::of(common)?;
    let client = Client::new(&site.roots, site.hosts.clone(), Some(certificate(device)?));
    let lab = site::lab(common)?;
    let upn = match &enroll.person.user {
        Some(upn) => upn.clone(),
        None => match device.signed_in()?.as_slice() {
            [only] => only.clone(),
            _ => ask::line("User name (UPN)", "--user")?,
        },
    };
    let lab_person = lab.as_ref().and_then(|lab| lab.person(&upn));
    let at_terminal =
        || AtTerminal::new(output, Some(&enroll.person), lab_person.clone()).enrolling(enroll);
    let (mut person, mut shows) = (at_terminal(), at_terminal());
    let (effective, sid) = output.during("asking for the policy", || {
        policy_for(&client, &tenant.login, &upn)
    })?;
    let mut tokens = Tokens::new(&client, &tenant.token);
    let now = SystemClock.now();
    let prt = match device
        .hello
        .current_prt(&upn, &mut tokens, now, &mut SystemRng)
    {
        Ok(prt) => prt,
        // Whoever is not signed in here yet, or not any more, signs in first (PROV-2.2).
        Err(NotSignedIn::NotHeld | NotSignedIn::Tenant(TenantFault::Refused { .. })) => {
            sign_in_at_pages(device, tenant, &client, &upn, &mut person, output)?
        }
        Err(error) => return Err(not_signed_in(&error)),
    };
    let account = Account {
        upn: prt.upn().to_owned(),
        sid,
        domain: registration.domain.clone(),
    };
    let facts = Facts {
        joined: Joined::Tenant,
        realm: Realm::Managed,
        ..facts()
    };
    let broker = device
        .hello
        .broker(prt)
        .map_err(|error| not_signed_in(&error))?;
    let mut chance = SystemRng;
    let mut door = TenantDoor::new(
        tenant,
        &client,
        broker,
        &SystemClock,
        &mut chance,
        &mut shows,
    );
    let mut vault_chance = SystemRng;
    let mut enrolling = device.hello.enrolling(KeyKind::Rsa2048, &mut vault_chance);
    let mut doors = Doors {
        account: &account,
        policy: &effective,
        replace: enroll.replace,
        person: &mut person,
        device: &mut enrolling,
        federation: None,
        tenant: Some(&mut door),
        story: &mut Silence,
        clock: &SystemClock,
    };
    enrol(&facts, &mut doors).map_err(|stopped| failed(&stopped))?;
    finish(device, &account.upn, output);
    Ok(())
}
