//! Reading the audit log, the newest first.

use directory::{AuditRecord, AuditResult, EntryId};
use serde_json::{Value, json};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::asked::Asked;
use crate::done::Done;
use crate::list::{self, Page, SCAN, not_a_place};
use crate::names;
use crate::refused::{Refused, Trouble};
use crate::shown::moment;

/// What is looked for.
struct Wanted {
    from: Timestamp,
    until: Timestamp,
    action: String,
    target: Option<EntryId>,
}

impl Wanted {
    fn of(asked: &Asked<'_, '_>) -> Result<Self, Trouble> {
        let at = |name: &'static str, otherwise| match asked.parameter(name) {
            None => Ok(otherwise),
            Some(text) => Timestamp::from_rfc3339(text)
                .map_err(|error| Refused::parameter(name, error.to_string())),
        };
        let target = match asked.parameter("target") {
            None => None,
            // An entry that is gone has only its id left.
            Some(name) => Some(match name.parse::<Guid>() {
                Ok(id) => EntryId(id),
                Err(_) => names::member(asked.snapshot(), name)?.id,
            }),
        };
        Ok(Self {
            from: at("from", Timestamp::EPOCH)?,
            until: at("until", Timestamp::NEVER)?,
            action: asked.parameter("action").unwrap_or_default().to_owned(),
            target,
        })
    }

    fn fits(&self, record: &AuditRecord) -> bool {
        record.action.starts_with(&self.action)
            && self.target.is_none_or(|id| record.target == Some(id))
    }
}

/// The most records of one time that are passed over; one commit has fewer, and two have hardly ever one time.
const OF_ONE_TIME: usize = 20_000;

/// Several records may have one time: the place is the time of the last one that was looked at, and how many of that
/// time were.
struct Place {
    time: Timestamp,
    passed: usize,
}

impl Place {
    fn read(place: &[u8]) -> Result<Self, Refused> {
        let (time, passed) = place.split_first_chunk::<8>().ok_or_else(not_a_place)?;
        let passed: [u8; 4] = passed.try_into().map_err(|_| not_a_place())?;
        Ok(Self {
            time: Timestamp::from_micros(i64::from_be_bytes(*time)),
            passed: usize::try_from(u32::from_be_bytes(passed))
                .ok()
                .filter(|passed| *passed <= OF_ONE_TIME)
                .ok_or_else(not_a_place)?,
        })
    }

    fn write(&self) -> Vec<u8> {
        let passed = u32::try_from(self.passed).unwrap_or(u32::MAX);
        [&self.time.micros().to_be_bytes()[..], &passed.to_be_bytes()].concat()
    }
}

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let page = Page::of(asked)?;
    let wanted = Wanted::of(asked)?;
    let start = page.place().map(Place::read).transpose()?;
    let (until, skip) = match &start {
        None => (wanted.until, 0),
        // What has this very time is read again, and passed over.
        Some(place) => (place.time + Span::micros(1), place.passed),
    };
    let look = SCAN + skip;
    let records = asked
        .snapshot()
        .audit_log(wanted.from, until.min(wanted.until), look + 1)?;
    let mut items = Vec::new();
    let mut looked = skip;
    for record in records.iter().skip(skip).take(SCAN) {
        if items.len() == page.limit {
            break;
        }
        looked += 1;
        if wanted.fits(record) {
            items.push(show(record));
        }
    }
    let next = match records.get(..looked).and_then(<[AuditRecord]>::last) {
        Some(last) if looked < records.len() => {
            let before = records.iter().take(looked);
            let passed = before.filter(|record| record.time == last.time).count();
            Some(
                Place {
                    time: last.time,
                    passed,
                }
                .write(),
            )
        }
        _ => None,
    };
    Ok(list::page(items, next))
}

fn show(record: &AuditRecord) -> Value {
    json!({
        "time": moment(Some(record.time)),
        "actor": {
            "sid": record.actor.sid.map(|sid| sid.to_string()),
            "name": record.actor.name,
        },
        "from": record.from,
        "action": record.action,
        "target": record.target.map(|id| json!({
            "id": id.0.to_string(),
            "name": record.target_name,
        })),
        "key": record.key,
        "device": record.device.map(|device| device.to_string()),
        "result": match record.result {
            AuditResult::Done => "done",
            AuditResult::Refused => "refused",
            AuditResult::Failed => "failed",
        },
        "reason": record.reason,
        "details": record.details,
    })
}
