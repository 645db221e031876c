//! Certificates of devices and of people, asked for through the directory (protocols B.5, E.5, G.3).

use directory::{AccountKind, EntryId};
use trust::Span;
use trust::enrolment::{DeviceEnrolment, LogonEnrolment};

use crate::ca::Ca;
use crate::fault::{Fault, Refused};
use crate::issue::{self, Binding, Founded, Purpose, Wanted};
use crate::profile::{LogonNames, Profile};
use crate::records::REQUESTS;
use crate::revocation;
use crate::work::{Work, hex};

/// Requests that one call takes up.
const AT_ONCE: usize = 32;

/// Takes up what is asked for, all or some of it.
pub(crate) fn all(work: &mut Work<'_, '_>) -> Result<(), Fault> {
    let rows = work
        .snapshot()
        .records(REQUESTS, &[], &[], AT_ONCE, work.now)?;
    for row in rows {
        one(work, &row.key)?;
    }
    Ok(())
}

/// Takes up one request: first commit of its certificate, or its refusal. Does nothing where that was done.
pub(crate) fn one(work: &mut Work<'_, '_>, request: &[u8]) -> Result<(), Fault> {
    let what = format!("request {}", hex(request));
    work.attempt(&what, "certificate.issue", |work| {
        let Some(record) = work.snapshot().record(REQUESTS, request, work.now)? else {
            return Ok(());
        };
        let value = record.value.bytes();
        let judged = if let Some(enrolment) = DeviceEnrolment::from_bytes(value) {
            device(work, request, enrolment)?
        } else if let Some(enrolment) = LogonEnrolment::from_bytes(value) {
            logon(work, request, &enrolment)?
        } else {
            Err(Refused::Request)
        };
        match judged {
            Ok(()) => {}
            // Whoever asks is not turned away for coming first.
            Err(Refused::NotFounded(_)) => return Ok(()),
            Err(refused) => issue::refuse(work, request, &refused)?,
        }
        work.remove(REQUESTS, request.to_vec());
        Ok(())
    })
}

fn device(
    work: &mut Work<'_, '_>,
    request: &[u8],
    enrolment: DeviceEnrolment,
) -> Result<Result<(), Refused>, Fault> {
    let Some(founded) = Founded::read(work, Ca::Devices)? else {
        return Ok(Err(Refused::NotFounded(Ca::Devices)));
    };
    let entry = work.snapshot().device_by_entry(EntryId(enrolment.holder))?;
    // The certificate says of the device what the directory says, or it is not issued.
    let known = entry.is_some_and(|device| {
        device.enabled && Some(device.device_id) == enrolment.extensions.device
    });
    if !known {
        return Ok(Err(Refused::NoHolder));
    }
    if revocation::certified_elsewhere(work, enrolment.key(), enrolment.holder)? {
        return Ok(Err(Refused::KeyInUse));
    }
    let configuration = work.view.configuration;
    let key = enrolment.key().clone();
    let cause = match enrolment.extensions.device {
        Some(device) => format!("registration of device {device}"),
        None => "registration of a device".to_owned(),
    };
    let profile = Profile::Device(enrolment.extensions, configuration.device_length);
    let wanted = Wanted {
        ca: Ca::Devices,
        profile: &profile,
        key: &key,
        life: configuration.device_life,
        purpose: Purpose::Device(request.to_vec()),
        binding: Binding {
            holder: Some(enrolment.holder),
            listed: false,
        },
        cause,
    };
    let prepared = issue::prepare(work, &wanted, &founded)?;
    if prepared.is_ok() {
        revocation::take(work, Ca::Devices, &key, enrolment.holder);
    }
    Ok(prepared.map(|_| ()).map_err(Refused::Lint))
}

/// A certificate to sign in with. It says of the person what the directory says, and of nobody else (G.3).
fn logon(
    work: &mut Work<'_, '_>,
    request: &[u8],
    enrolment: &LogonEnrolment,
) -> Result<Result<(), Refused>, Fault> {
    let ca = Ca::Enterprise;
    let Some(founded) = Founded::read(work, ca)? else {
        return Ok(Err(Refused::NotFounded(ca)));
    };
    let account = work.snapshot().account_by_id(EntryId(enrolment.holder))?;
    let account = account.filter(|account| {
        account.is_enabled() && matches!(account.kind, AccountKind::User | AccountKind::Computer)
    });
    let Some(account) = account else {
        return Ok(Err(Refused::NoHolder));
    };
    if revocation::certified_elsewhere(work, enrolment.key(), enrolment.holder)? {
        return Ok(Err(Refused::KeyInUse));
    }
    let domain = &work.snapshot().domain().dns_name;
    let implicit = || format!("{}@{domain}", account.sam);
    let profile = Profile::Logon(LogonNames {
        name: account.sam.clone(),
        upn: account.upn.clone().unwrap_or_else(implicit),
        sid: account.sid,
    });
    let longest = work.view.configuration.logon_life;
    let life = enrolment.days.map(|days| Span::days(days.into()));
    let wanted = Wanted {
        ca,
        profile: &profile,
        key: enrolment.key(),
        life: life.map_or(longest, |life| life.min(longest)),
        purpose: Purpose::Logon(request.to_vec()),
        binding: Binding {
            holder: Some(enrolment.holder),
            listed: false,
        },
        cause: format!("logon certificate of {}", account.sam),
    };
    let prepared = issue::prepare(work, &wanted, &founded)?;
    if prepared.is_ok() {
        revocation::take(work, ca, enrolment.key(), enrolment.holder);
    }
    Ok(prepared.map(|_| ()).map_err(Refused::Lint))
}
