//! `keyporch sign-in`: the PIN becomes a ticket of the domain, or a primary refresh token of the tenant.

use std::path::PathBuf;

use call::files;
use call::kerberos::Kdcs;
use call::tickets::{Kerberos, TicketFault, cache};
use hello::gesture::{Attempt, Refused};
use hello::hammering::NotYet;
use hello::registration::Registration;
use hello::vault::{DeviceKey, Unlocked};
use provisioning::Secret as Pin;
use serde_json::json;
use ticket::client::{Credential, Failed, KdcTrust, Secret};
use trust::{Clock as _, SystemClock, SystemRng, Timestamp};
use wire::kerberos::{ErrorCode, PrincipalName};

use crate::arguments::{Common, SignIn};
use crate::device::{self, Device};
use crate::failure::{Failure, words};
use crate::output::Output;
use crate::{ask, environment, site, tenant};

/// PINs that are asked for in one run.
const TRIES: usize = 3;

/// Signs in and writes the credential cache.
pub(crate) fn run(arguments: &SignIn, common: &Common, output: Output) -> Result<(), Failure> {
    let mut device = device::open(common)?;
    device.registration()?;
    let upn = device.person(arguments.user.as_deref())?;
    if device.hello.containers().of(&upn).is_none() {
        return Err(not_unlocked(&Refused::NotEnrolled));
    }
    let unlocked = unlock(&mut device, &upn, arguments, common, output)?;
    if device.registration()?.tenant().is_some() {
        return tenant::sign_in::run(&mut device, &upn, &unlocked, common, output);
    }
    let tgt = output.during("asking the KDC", || {
        ticket(&device, &upn, &unlocked, common)
    })?;
    let path = cache_path(arguments)?;
    let content = cache(&[&tgt])
        .ok_or_else(|| Failure::failed("there is no ticket to keep", "Sign in again."))?;
    files::write(&path, &content, 0o600)?;
    let until = Timestamp::from_unix(tgt.end.unix());
    let principal = format!("{}@{}", tgt.client, tgt.client_realm);
    let shown = json!({
        "principal": principal,
        "ccache": format!("FILE:{}", path.display()),
        "until": until.to_rfc3339(),
        "renew_until": tgt.renew_till.map(|till| Timestamp::from_unix(till.unix()).to_rfc3339()),
    });
    output.done(
        &format!("Signed in as {principal} until {}.", until.to_rfc3339()),
        &shown,
    );
    output.note(&format!("The ticket is in FILE:{}", path.display()));
    Ok(())
}

/// The person's key, unlocked with the PIN.
fn unlock(
    device: &mut Device,
    upn: &str,
    arguments: &SignIn,
    common: &Common,
    output: Output,
) -> Result<Unlocked, Failure> {
    let from_lab = site::lab(common)?
        .and_then(|lab| lab.person(upn))
        .and_then(|person| person.pin);
    let session = environment::boot();
    for remaining in (0..TRIES).rev() {
        let pin = match (&arguments.pin_file, &from_lab) {
            (None, Some(pin)) => Pin::from(pin.as_str()),
            (file, _) => ask::secret(&format!("PIN of {upn}"), file.as_deref(), "--pin-file")?,
        };
        let mut attempt = Attempt {
            pin: &pin,
            challenge: None,
            session: &session,
            now: SystemClock.now(),
        };
        let mut outcome = device.hello.unlock(upn, &attempt, &mut SystemRng);
        let phrase;
        if let Err(Refused::NotYet(NotYet::Challenge)) = &outcome {
            // HAMR-3: typed by a person who looks, not by a cat on the keyboard.
            output.note(
                &outcome
                    .as_ref()
                    .err()
                    .map(|refused| words(refused))
                    .unwrap_or_default(),
            );
            phrase = ask::line("Type the phrase", "a terminal")?;
            attempt = Attempt {
                challenge: Some(&phrase),
                now: SystemClock.now(),
                ..attempt
            };
            outcome = device.hello.unlock(upn, &attempt, &mut SystemRng);
        }
        let typed = arguments.pin_file.is_none() && from_lab.is_none();
        match outcome {
            Ok(unlocked) => return Ok(unlocked),
            Err(Refused::WrongPin { .. }) if typed && remaining > 0 => {
                output.note("That PIN is wrong.")
            }
            Err(refused) => return Err(not_unlocked(&refused)),
        }
    }
    Err(Failure::refused(
        "the PIN is wrong",
        "Sign in with the right PIN.",
    ))
}

pub(crate) fn not_unlocked(refused: &Refused) -> Failure {
    let said = words(refused);
    match refused {
        Refused::NotEnrolled => Failure::refused(said, "Enrol with `keyporch enroll`."),
        Refused::WrongPin { .. } => Failure::refused(
            said,
            "Sign in with the right PIN; too many wrong ones lock the vault.",
        )
        .with_id("HAMR-1"),
        Refused::NotYet(_) => {
            Failure::refused(said, "Do what is asked, then type the PIN.").with_id("HAMR-3")
        }
        Refused::Locked { .. } => Failure::refused(said, "Wait until then.").with_id("HAMR-1"),
        Refused::Vault(_) => Failure::failed(
            said,
            "Restore the device's folder from a copy, or enrol again.",
        ),
    }
}

/// PKINIT with the person's key (5.4): key trust has no use for what the certificate says.
fn ticket(
    device: &Device,
    upn: &str,
    unlocked: &Unlocked,
    common: &Common,
) -> Result<Credential, Failure> {
    let registration = device.registration()?;
    let container = device
        .hello
        .containers()
        .of(upn)
        .ok_or_else(|| not_unlocked(&Refused::NotEnrolled))?;
    let signer = unlocked.key().signer();
    let now = SystemClock.now();
    let certificate = hello::certificate::self_signed(
        signer,
        container.account(),
        container.id(),
        now,
        &mut SystemRng,
    )
    .map_err(|error| Failure::of(&error, "Enrol again: the key does not sign."))?;
    let trust = KdcTrust {
        anchors: registration.roots().map(<[u8]>::to_vec).collect(),
        domain: Some(registration.domain.clone()),
        revocation_lists: Vec::new(),
    };
    let hosts = site::of(common)?.hosts;
    let kdcs = Kdcs::new(registration.kdcs.clone(), hosts);
    let mut kerberos = Kerberos {
        kdcs: &kdcs,
        realm: &registration.realm,
        clock: &SystemClock,
        rng: &mut SystemRng,
    };
    let secret = || Secret::KeyPair {
        signer,
        certificate: &certificate,
        trust: &trust,
    };
    let name = || PrincipalName::enterprise(upn);
    match kerberos.initial(name(), secret()) {
        // Before anything was proved: it may be that a policy wants the sign-in armored (POL-K1).
        Err(TicketFault::Failed(Failed::Refused(ErrorCode::KDC_ERR_POLICY))) => {
            let armor = armor(device, registration, &trust, &mut kerberos)?;
            kerberos.initial_armored(name(), secret(), &armor)
        }
        done => done,
    }
    .map_err(|fault| no_ticket(&fault))
}

/// The machine's own ticket, got with its key.
fn armor(
    device: &Device,
    registration: &Registration,
    trust: &KdcTrust,
    kerberos: &mut Kerberos<'_>,
) -> Result<Credential, Failure> {
    let key = device.hello.vault().device_key(DeviceKey::Machine);
    let key = key.ok().flatten().ok_or_else(|| {
        Failure::refused(
            "this device has no key of its own to armor the sign-in with",
            "Join anew with `keyporch join --replace`.",
        )
    })?;
    let account = provisioning::Account {
        upn: registration.computer.clone(),
        sid: registration.computer_sid,
        domain: registration.domain.clone(),
    };
    let certificate = hello::certificate::self_signed(
        key.signer(),
        &account,
        registration.device_id,
        SystemClock.now(),
        &mut SystemRng,
    )
    .map_err(|error| {
        Failure::of(
            &error,
            "Join anew with `keyporch join --replace`: the machine's key does not sign.",
        )
    })?;
    let secret = Secret::KeyPair {
        signer: key.signer(),
        certificate: &certificate,
        trust,
    };
    let name = PrincipalName::principal(&registration.computer);
    kerberos.initial(name, secret).map_err(|fault| {
        Failure::refused(
            format!(
                "the machine gets no ticket to armor the sign-in with: {}",
                words(&fault)
            ),
            "Check that its computer account is enabled.",
        )
    })
}

fn no_ticket(fault: &TicketFault) -> Failure {
    match fault {
        TicketFault::Call(call) => Failure::of(fault, call.remedy()),
        TicketFault::Failed(Failed::Refused(code)) => {
            use wire::kerberos::ErrorCode as E;
            let (remedy, id) = match *code {
                E::KDC_ERR_CLIENT_NOT_TRUSTED => (
                    "The key is not listed on the account (any more): enrol again with `keyporch enroll --replace`.",
                    Some("E.4"),
                ),
                E::KDC_ERR_CLIENT_REVOKED => (
                    "The account is disabled or locked out: ask an administrator.",
                    None,
                ),
                E::KDC_ERR_POLICY => (
                    "A policy of the domain keeps this sign-in out: ask an administrator.",
                    None,
                ),
                E::KRB_AP_ERR_SKEW => ("Set this machine's clock.", None),
                E::KDC_ERR_C_PRINCIPAL_UNKNOWN => (
                    "Check the name; the account may have been renamed or deleted.",
                    None,
                ),
                _ => ("The KDC's audit log says why.", None),
            };
            let failure = Failure::refused(words(fault), remedy);
            match id {
                Some(id) => failure.with_id(id),
                None => failure,
            }
        }
        TicketFault::Failed(Failed::Kdc(_)) => Failure::refused(
            words(fault),
            "This KDC is not your organisation's, or its authority has changed: join anew with `keyporch join --replace`.",
        )
        .with_id("AUTH-KDC"),
        TicketFault::Failed(_) => Failure::of(fault, "Try again; the KDC's log says what it did."),
    }
}

/// Where the ticket goes: as the option says, as `KRB5CCNAME` says, or where MIT's programs look.
fn cache_path(arguments: &SignIn) -> Result<PathBuf, Failure> {
    if let Some(path) = &arguments.ccache {
        return Ok(path.clone());
    }
    match environment::credential_cache() {
        Some(Ok(path)) => Ok(path),
        Some(Err(name)) => Err(Failure::refused(
            format!("KRB5CCNAME names {name}, which is not a file"),
            "Set it to FILE:PATH, or give the file with --ccache.",
        )),
        None => Ok(format!("/tmp/krb5cc_{}", environment::user()).into()),
    }
}
