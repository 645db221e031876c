//! `keyporch enroll`: one second factor, one PIN, one key (PROV-5.*).

use call::administration::{Administration, Unwilling};
use call::federation::FederationDoor;
use call::join::discover;
use call::vault_key::client_certificate;
use call::{Client, ClientCertificate};
use crypto::key::KeyKind;
use hello::vault::DeviceKey;
use http::Method;
use policy::Effective;
use provisioning::doors::{Account, DeviceError};
use provisioning::prerequisites::{CertificateFacts, Joined, Realm, SecurityDevice, Started};
use provisioning::{Doors, Facts, Stopped, enrol};
use serde_json::json;
use trust::{Silence, SystemClock, SystemRng};
use wire::Sid;

use crate::arguments::{Common, Enroll};
use crate::device::{self, Device};
use crate::failure::{Failure, words};
use crate::output::Output;
use crate::people::AtTerminal;
use crate::{ask, environment, site, tenant};

/// Enrols a person on this device.
pub(crate) fn run(enroll: &Enroll, common: &Common, output: Output) -> Result<(), Failure> {
    let mut device = device::open(common)?;
    if device.registration()?.tenant().is_some() {
        return tenant::enroll::run(enroll, common, &mut device, output);
    }
    let lab = site::lab(common)?;
    let upn = match (&enroll.person.user, &lab) {
        (Some(upn), _) => upn.clone(),
        (None, Some(lab)) => lab
            .users
            .first()
            .map(|person| person.upn.clone())
            .unwrap_or_default(),
        (None, None) => ask::line("User name (UPN)", "--user")?,
    };
    let site = site::of(common)?;
    let client = Client::new(&site.roots, site.hosts.clone(), Some(certificate(&device)?));
    let (effective, sid) = output.during("asking for the policy", || {
        policy_for(&client, &site.base, &upn)
    })?;
    let services = discover(&client, &site.base)
        .map_err(|fault| Failure::of(&fault, "Check that the federation service runs."))?;
    let domain = device.registration()?.domain.clone();
    let account = Account {
        upn: upn.clone(),
        sid,
        domain,
    };
    let lab_person = lab.as_ref().and_then(|lab| lab.person(&upn));
    let mut person =
        AtTerminal::new(output, Some(&enroll.person), lab_person.clone()).enrolling(enroll);
    let mut shows = AtTerminal::new(output, Some(&enroll.person), lab_person).enrolling(enroll);
    let mut chance = SystemRng;
    let mut federation = FederationDoor {
        base: site.base.clone(),
        resource: services.resource,
        key_endpoint: services.key_endpoint,
        client: &client,
        clock: &SystemClock,
        rng: &mut chance,
        shows: &mut shows,
        pending: None,
        held: None,
    };
    let mut vault_chance = SystemRng;
    let mut enrolling = device.hello.enrolling(KeyKind::Rsa2048, &mut vault_chance);
    let mut doors = Doors {
        account: &account,
        policy: &effective,
        replace: enroll.replace,
        person: &mut person,
        device: &mut enrolling,
        federation: Some(&mut federation),
        tenant: None,
        story: &mut Silence,
        clock: &SystemClock,
    };
    enrol(&facts(), &mut doors).map_err(|stopped| failed(&stopped))?;
    finish(&device, &upn, output);
    Ok(())
}

pub(crate) fn finish(device: &Device, upn: &str, output: Output) {
    let registered = device
        .hello
        .containers()
        .of(upn)
        .and_then(|container| container.registered());
    let shown = json!({
        "upn": upn,
        "key_id": registered.map(|registered| registered.kid.to_string()),
        "level": device.hello.vault().level().to_string(),
    });
    output.done(
        &format!("The PIN of {upn} can be used on this device."),
        &shown,
    );
    output.note("Next: keyporch sign-in");
}

/// What the device proves itself by: its certificate, with the key in the vault.
pub(crate) fn certificate(device: &Device) -> Result<ClientCertificate, Failure> {
    let key = device
        .hello
        .vault()
        .device_key(DeviceKey::Device)
        .ok()
        .flatten()
        .ok_or_else(|| {
            Failure::failed(
                "the device's key is not in the vault",
                "Join it anew with `keyporch join --replace`.",
            )
            .with_id("PROV-2.1")
        })?;
    Ok(client_certificate(
        device.registration()?.certificate().to_vec(),
        key.shared(),
    ))
}

/// The policy of the person on this device, which the device asks for by its own certificate (PROV-2.3).
pub(crate) fn policy_for(
    client: &Client,
    base: &str,
    upn: &str,
) -> Result<(Effective, Option<Sid>), Failure> {
    const REMEDY: &str = "Check that this command and the server are of the same version.";
    let api = Administration::as_device(client.clone(), base);
    let answer = api
        .ask(Method::GET, "/policy/device", &[("user", upn)], None)
        .map_err(|unwilling| match unwilling {
            Unwilling::Refused { status: 401, .. } => {
                let what = "the server does not know this device any more";
                Failure::refused(
                    what,
                    "Join it anew with `keyporch join --replace`, or ask an administrator to enable it.",
                )
                .with_id("PROV-2.1")
            }
            other => crate::admin::told(other),
        })?;
    let effective = answer.get("effective").cloned().unwrap_or_default();
    let effective =
        serde_json::from_value(effective).map_err(|error| Failure::of(&error, REMEDY))?;
    let sid = answer
        .get("sid")
        .and_then(serde_json::Value::as_str)
        .and_then(|sid| sid.parse().ok());
    Ok((effective, sid))
}

/// What holds of a device of a domain and of this run (PROV-2.*).
pub(crate) fn facts() -> Facts {
    Facts {
        joined: Joined::Enterprise,
        realm: Realm::Federated,
        signed_in: true,
        security_device: SecurityDevice::None,
        remote_session: environment::is_remote_session(),
        security_key_sign_in: false,
        started: Started::ByPerson,
        certificate: CertificateFacts::default(),
        cloud_tgt: None,
    }
}

pub(crate) fn failed(stopped: &Stopped) -> Failure {
    let advice = match stopped {
        Stopped::Device(DeviceError::AlreadyEnrolled) => {
            "sign in with `keyporch sign-in`, or make another key and PIN with `keyporch enroll --replace`"
        }
        _ => stopped.advice(),
    };
    let said = words(stopped);
    let failure = match stopped {
        Stopped::Prerequisites(_)
        | Stopped::NotBuilt(_)
        | Stopped::Cancelled(_)
        | Stopped::SecondFactor(_)
        | Stopped::NotFresh(_) => Failure::refused(said, advice),
        Stopped::Token(provisioning::doors::TokenError::Refused(_)) => {
            Failure::refused(said, advice)
        }
        _ => Failure::failed(said, advice),
    };
    match (stopped, stopped.code()) {
        (Stopped::Prerequisites(report), code) => match report.failed() {
            Some(check) => failure.with_id(check.id),
            None => with_code(failure, code),
        },
        (_, code) => with_code(failure, code),
    }
}

fn with_code(failure: Failure, code: Option<provisioning::Code>) -> Failure {
    match code {
        Some(code) => failure.with_id(code.to_string()),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_enrolled_already_is_told_the_command_that_replaces_the_pin() {
        let failure = failed(&Stopped::Device(DeviceError::AlreadyEnrolled));
        let told = format!("{failure:?}");
        assert!(told.contains("keyporch enroll --replace"), "{told}");
    }
}
