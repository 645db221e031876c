//! `keyporch join`

use call::administration::Administration;
use call::join::{Joining, NotJoined, Organisation, ThisDevice};
use call::sign_in::SignIn;
use call::{CallFault, Client};
use hello::registration::Registration;
use serde_json::json;
use trust::{Silence, SystemClock, SystemRng};

use crate::arguments::{Common, Join};
use crate::device::{self, Device};
use crate::failure::{Failure, words};
use crate::output::Output;
use crate::people::{AtTerminal, may_try_again, sign_in_failed};
use crate::{ask, environment, site, tenant};

/// Joins this device to the organisation: to its tenant, or to its domain.
pub(crate) fn run(join: &Join, common: &Common, output: Output) -> Result<(), Failure> {
    let mut device = device::open(common)?;
    let (mut join, mut common) = (join.clone(), common.clone());
    if let Some(former) = device.hello.registration() {
        may_be_replaced(&join, common.lab.is_some(), &device, former)?;
        as_before(&mut join, &mut common, former);
    }
    match tenant::join::find(&join, &common, output)? {
        Some((found, site)) => {
            tenant::join::run(&join, &common, &mut device, &found, &site, output)
        }
        None => to_domain(&join, &common, &mut device, output),
    }
}

/// A device that has joined already keeps what it has, unless somebody says that it joins anew, and knows whose PINs go with
/// that.
fn may_be_replaced(
    join: &Join,
    of_lab: bool,
    device: &Device,
    former: &Registration,
) -> Result<(), Failure> {
    let name = former.computer.trim_end_matches('$');
    if !join.replace {
        let what = format!(
            "this device has joined {} already, as {name}",
            former.domain
        );
        return Err(Failure::refused(
            what,
            "Use it; or join it anew with `keyporch join --replace`, which ends its certificate and the keys of everybody who \
             has enrolled on it.",
        ));
    }
    let enrolled = device.hello.containers().iter();
    let enrolled: Vec<&str> = enrolled.map(|one| one.account().upn.as_str()).collect();
    let question = format!(
        "{} will have to enrol on this device again. Join it anew?",
        enrolled.join(", ")
    );
    if enrolled.is_empty() || join.yes || of_lab || ask::agrees(&question) {
        return Ok(());
    }
    Err(Failure::refused(
        format!(
            "the device stays as it is: {} enrolled on it",
            enrolled.join(", ")
        ),
        "To join it anew all the same, agree when asked, or say --yes.",
    ))
}

/// What is not said anew is as it was: the organisation, where it is, and the device's name.
fn as_before(join: &mut Join, common: &mut Common, former: &Registration) {
    let domain = join.domain.get_or_insert_with(|| former.domain.clone());
    let name = former.computer.trim_end_matches('$');
    join.name.get_or_insert_with(|| name.to_owned());
    if !domain.eq_ignore_ascii_case(&former.domain) || common.lab.is_some() {
        return;
    }
    let tenant = former.tenant();
    join.tenant |= tenant.is_some() && common.server.is_none();
    let server = tenant.map_or(&former.federation, |tenant| &tenant.login);
    common.server.get_or_insert_with(|| server.clone());
}

/// What the device says of itself.
pub(crate) fn this_device(join: &Join) -> Result<ThisDevice, Failure> {
    let (os_type, os_version) = environment::operating_system();
    let name = join
        .name
        .clone()
        .or_else(environment::host_name)
        .ok_or_else(|| Failure::refused("this machine has no name", "Give one with --name."))?;
    Ok(ThisDevice {
        name,
        os_type,
        os_version,
    })
}

fn to_domain(
    join: &Join,
    common: &Common,
    device: &mut Device,
    output: Output,
) -> Result<(), Failure> {
    let common = &with_server(join, common)?;
    let site = site::of(common)?;
    let this = this_device(join)?;
    let organisation = Organisation {
        base: site.base.clone(),
        roots: site.roots.clone(),
        hosts: site.hosts.clone(),
        kdcs: if join.kdcs.is_empty() {
            site.kdcs.clone()
        } else {
            join.kdcs.clone()
        },
    };
    let administration = administration(join, common, &site, output)?;
    let joining = Joining {
        organisation: &organisation,
        device: &this,
        administration: &administration,
        replace: join.replace,
        hello: &mut device.hello,
        clock: &SystemClock,
        rng: &mut SystemRng,
        story: &mut Silence,
    };
    output
        .during("joining", || joining.run())
        .map_err(|fault| failed(&fault))?;
    site.keep(&device.folder)?;
    let registration = device.registration()?;
    let shown = json!({
        "domain": registration.domain,
        "realm": registration.realm,
        "computer": registration.computer,
        "device_id": registration.device_id.to_string(),
        "federation": registration.federation,
        "thumbprint": registration.thumbprint().to_string(),
    });
    output.done(
        &format!(
            "This device is {} in {}.",
            registration.computer.trim_end_matches('$'),
            registration.domain
        ),
        &shown,
    );
    output.note("Next: keyporch enroll");
    Ok(())
}

/// The federation service that the domain's name stands for, where no other is given.
fn with_server(join: &Join, common: &Common) -> Result<Common, Failure> {
    let mut common = common.clone();
    if common.server.is_none() && common.lab.is_none() {
        let domain = join.domain.as_deref().ok_or_else(|| {
            Failure::refused(
                "the organisation is not known",
                "Give its domain: `keyporch join corp.example`.",
            )
        })?;
        common.server = Some(format!("https://sts.{}", domain.to_ascii_lowercase()));
    }
    Ok(common)
}

/// The administration API, as whoever signs in: an administrator, or a person within the quota.
fn administration(
    join: &Join,
    common: &Common,
    site: &site::Site,
    output: Output,
) -> Result<Administration, Failure> {
    let lab = site::lab(common)?;
    let lab_person = lab.as_ref().and_then(|lab| match &join.person.user {
        Some(upn) => lab.person(upn),
        None => lab.administrator(),
    });
    let client = Client::new(&site.roots, site.hosts.clone(), None);
    let mut person = AtTerminal::new(output, Some(&join.person), lab_person).agreeing(join.yes);
    output.note(&format!("Sign in at {} to join this device.", site.base));
    let mut sign_in = SignIn::new(
        &client,
        Administration::wish(&site.base, join.person.user.clone()),
        &mut SystemRng,
    );
    loop {
        match sign_in
            .run(&mut person)
            .and_then(|code| code.redeem(&client))
        {
            Ok(tokens) => {
                return Ok(Administration::over_https(
                    client,
                    &site.base,
                    tokens.access_token,
                ));
            }
            Err(fault) if may_try_again(&fault) => output.note(&words(&fault)),
            Err(fault) => return Err(sign_in_failed(&fault)),
        }
    }
}

pub(crate) fn failed(fault: &NotJoined) -> Failure {
    let call = |fault: &CallFault| fault.remedy();
    match fault {
        NotJoined::Call(inner) => Failure::of(fault, call(inner)),
        NotJoined::Account(unwilling) => match unwilling {
            call::administration::Unwilling::Refused { said, code, .. }
                if code == "joined_already" =>
            {
                let what = format!("the computer account was not made: {said}");
                let remedy = "Choose another name with --name; or, where this machine was set up anew, take its own \
                              place with --replace, which ends the certificate and the keys of before.";
                Failure::refused(what, remedy)
            }
            call::administration::Unwilling::Refused {
                said, remedy, id, ..
            } => {
                let remedy = remedy
                    .clone()
                    .unwrap_or_else(|| "Ask an administrator to join this device.".to_owned());
                let failure =
                    Failure::refused(format!("the computer account was not made: {said}"), remedy);
                match id {
                    Some(id) => failure.with_id(id.as_str()),
                    None => failure,
                }
            }
            _ => Failure::of(fault, "Try again; the server's log says what it did."),
        },
        NotJoined::Discovery(_) => Failure::of(
            fault,
            "Check that --server is the organisation's federation service.",
        )
        .with_id("DREG-W1"),
        NotJoined::Ticket(_) => Failure::of(
            fault,
            "Check this machine's clock, and give the KDC with --kdc HOST:PORT.",
        ),
        NotJoined::Token(_) | NotJoined::Refused(_) => {
            Failure::of(fault, "The server's audit log says why; then join again.")
                .with_id("DREG-W2")
        }
        NotJoined::NotUnderstood(_) => Failure::of(
            fault,
            "Check that this command and the server are of the same version.",
        ),
        NotJoined::Vault(_) | NotJoined::Key => Failure::of(
            fault,
            "Check the device's state folder and the space on its disk.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use hello::registration::{FoundTenant, Service, Tenant};
    use trust::Timestamp;
    use wire::Guid;

    use super::*;
    use crate::arguments::{Arguments, Command};

    /// What is joined by these words on a device of the tenant of corp.example, and where.
    fn again(words: &[&str]) -> (Join, Common) {
        let service = || Service {
            endpoint: "https://login.corp.example:8443/EnrollmentServer/device/".to_owned(),
            resource: "urn:ms-drs:login.corp.example".to_owned(),
            version: "2.0".to_owned(),
        };
        let found = FoundTenant {
            domain: "corp.example".to_owned(),
            name: "LAPTOP-1".to_owned(),
            device_id: Guid::from_bytes([0xd0; 16]),
            tenant: Tenant {
                id: Guid::from_bytes([0x7e; 16]),
                name: "Example".to_owned(),
                login: "https://login.corp.example:8443".to_owned(),
                authorize: String::new(),
                token: String::new(),
                join: service(),
                keys: service(),
            },
            certificate: Vec::new(),
        };
        let former = Registration::in_tenant(found, Timestamp::from_unix(1_800_000_000));
        let words = ["keyporch", "join", "--replace"].iter().chain(words);
        let arguments = Arguments::parse_from(words);
        let Command::Join(mut join) = arguments.command else {
            panic!("it is a join");
        };
        let mut common = arguments.common;
        as_before(&mut join, &mut common, &former);
        (join, common)
    }

    #[test]
    fn a_device_joins_again_by_its_name_and_where_it_was_unless_another_place_is_given() {
        let (join, common) = again(&[]);
        assert_eq!(join.domain.as_deref(), Some("corp.example"));
        assert_eq!(join.name.as_deref(), Some("LAPTOP-1"));
        assert!(join.tenant);
        let here = "https://login.corp.example:8443";
        assert_eq!(common.server.as_deref(), Some(here));

        let (join, common) = again(&["--server", "https://sts.corp.example", "--name", "b"]);
        assert!(!join.tenant);
        assert_eq!(join.name.as_deref(), Some("b"));
        assert_eq!(common.server.as_deref(), Some("https://sts.corp.example"));

        let (join, common) = again(&["other.example"]);
        assert_eq!(join.domain.as_deref(), Some("other.example"));
        assert_eq!((join.tenant, common.server), (false, None));
    }
}
