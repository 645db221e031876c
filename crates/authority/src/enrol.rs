//! Device certificates, asked for through the directory (protocols B.5).

use directory::EntryId;
use trust::enrolment::DeviceEnrolment;

use crate::ca::Ca;
use crate::fault::{Fault, Refused};
use crate::issue::{self, Binding, Founded, Purpose, Wanted};
use crate::profile::Profile;
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
        let judged = match DeviceEnrolment::from_bytes(record.value.bytes()) {
            Some(enrolment) => device(work, request, enrolment)?,
            None => Err(Refused::Request),
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
        revocation::take(work, &key, enrolment.holder);
    }
    Ok(prepared.map(|_| ()).map_err(Refused::Lint))
}
