//! `keyporch join` for a tenant (DREG-F1).

use call::Client;
use call::tenant::{Found, Joining, NoTenant, NotJoined, find as find_tenant};
use serde_json::json;
use trust::{Silence, SystemClock, SystemRng};

use super::{no_tenant, not_signed_in};
use crate::arguments::{Common, Join};
use crate::device::Device;
use crate::failure::{Failure, words};
use crate::join::this_device;
use crate::output::Output;
use crate::people::{AtTerminal, may_try_again, sign_in_failed};
use crate::site::{self, Site};

/// The tenant that the arguments mean, with how it is reached; `None` where the device joins a domain.
///
/// A lab is what it is. Else the server that is named decides by its answer, or the one that the
/// domain's name stands for.
pub(crate) fn find(
    join: &Join,
    common: &Common,
    output: Output,
) -> Result<Option<(Found, Site)>, Failure> {
    let lab = site::lab(common)?;
    if lab.as_ref().is_some_and(|lab| !lab.is_tenant()) && !join.tenant {
        return Ok(None);
    }
    let of_lab = lab.as_ref().and_then(|lab| lab.administrator());
    let Some(domain) = domain(join, of_lab.as_ref().map(|person| person.upn.as_str())) else {
        return match join.tenant {
            true => Err(Failure::refused(
                "the organisation is not known",
                "Give its domain: `keyporch join corp.example --tenant`.",
            )),
            false => Ok(None),
        };
    };
    let mut common = common.clone();
    let named = common.server.is_some() || lab.is_some();
    if lab.is_none() {
        common
            .server
            .get_or_insert_with(|| format!("https://login.{domain}"));
    }
    let site = site::of(&common)?;
    let client = Client::new(&site.roots, site.hosts.clone(), None);
    let found = output.during("looking for the tenant", || {
        find_tenant(&client, &site.base, &domain)
    });
    match found {
        Ok(found) => Ok(Some((found, site))),
        Err(fault) if join.tenant => Err(no_tenant(&fault)),
        // The server that was named is there, and is no tenant's, or has no such tenant.
        Err(NoTenant::Unknown { .. } | NoTenant::NotUnderstood(_)) => Ok(None),
        Err(fault) if named => Err(no_tenant(&fault)),
        Err(_) => Ok(None),
    }
}

/// The organisation's domain: as it was given, or as the person's name has it, or that of a `member`.
fn domain(join: &Join, member: Option<&str>) -> Option<String> {
    let upn = join.person.user.as_deref().or(member);
    let of_person = upn.and_then(|upn| upn.split_once('@'));
    let domain = join
        .domain
        .as_deref()
        .or(of_person.map(|(_, domain)| domain))?;
    let plain = domain
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    (plain && !domain.is_empty()).then(|| domain.to_ascii_lowercase())
}

/// Joins the device to the tenant.
pub(crate) fn run(
    join: &Join,
    common: &Common,
    device: &mut Device,
    found: &Found,
    site: &Site,
    output: Output,
) -> Result<(), Failure> {
    let this = this_device(join)?;
    let client = Client::new(&site.roots, site.hosts.clone(), None);
    let lab = site::lab(common)?;
    let lab_person = lab.as_ref().and_then(|lab| match &join.person.user {
        Some(upn) => lab.person(upn),
        None => lab.users.first().cloned(),
    });
    let upn = join.person.user.clone();
    let upn = upn.or_else(|| lab_person.as_ref().map(|person| person.upn.clone()));
    let mut person = AtTerminal::new(output, Some(&join.person), lab_person).agreeing(join.yes);
    output.note(&format!("Sign in at {} to join this device.", site.base));
    let joining = Joining {
        tenant: found,
        client: &client,
        device: &this,
        upn,
        replace: join.replace,
        person: &mut person,
        again: &mut |fault| {
            let again = may_try_again(fault);
            if again {
                output.note(&words(fault));
            }
            again
        },
        hello: &mut device.hello,
        clock: &SystemClock,
        rng: &mut SystemRng,
        story: &mut Silence,
    };
    let joined = joining.run().map_err(|fault| failed(&fault))?;
    site.keep(&device.folder)?;
    let registration = device.registration()?;
    let tenant = registration.tenant();
    let upn = joined.prt.as_ref().map(|prt| prt.upn().to_owned());
    let shown = json!({
        "domain": registration.domain,
        "tenant": tenant.map(|tenant| tenant.name.as_str()),
        "tenant_id": found.id.to_string(),
        "computer": registration.computer,
        "device_id": registration.device_id.to_string(),
        "server": found.login,
        "thumbprint": registration.thumbprint().to_string(),
        "user": upn.as_ref().ok(),
    });
    output.done(
        &format!(
            "This device is {} in the tenant of {}.",
            registration.computer, registration.domain
        ),
        &shown,
    );
    if let Err(error) = &joined.prt {
        not_signed_in(error).note(output);
    }
    output.note("Next: keyporch enroll");
    Ok(())
}

fn failed(fault: &NotJoined) -> Failure {
    match fault {
        NotJoined::Tenant(fault) => no_tenant(fault),
        NotJoined::Federated { .. } => Failure::refused(
            words(fault),
            "Join the domain in place of the tenant: give its federation service with --server.",
        ),
        NotJoined::SignIn(fault) => sign_in_failed(fault),
        NotJoined::NoRefreshToken => Failure::of(
            fault,
            "Check that this command and the server are of the same version.",
        ),
        NotJoined::Register(call::join::NotJoined::Refused(_)) => Failure::refused(
            words(fault),
            "The tenant says who may join how many devices, and whether that takes a second factor: ask an administrator.",
        )
        .with_id("DREG-W2"),
        NotJoined::Register(fault) => crate::join::failed(fault),
    }
}
