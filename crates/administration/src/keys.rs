//! Listed keys: whoever may list one on an account may sign in as it (security.md row 4).

use std::sync::Arc;

use directory::{
    Account, AuditRecord, Change, Class, Entry, KeyCredential, Origin, Snapshot, change,
};
use registration::proven_device::MOST_HOLDERS;
use serde_json::{Value, json};
use trust::Rng;
use wire::Guid;

use crate::asked::Asked;
use crate::caller::Needs;
use crate::done::Done;
use crate::guard;
use crate::key_input::{self, Given};
use crate::list::{self, Page, entry_of, not_a_place, place_of};
use crate::names::{self, Kind, called};
use crate::refused::{Refused, Trouble};
use crate::shown;

/// The fewest digits of a fingerprint that say which.
const FEWEST_DIGITS: usize = 4;
/// How many accounts one request for all keys looks at.
const ACCOUNTS: usize = 200;
/// The classes whose accounts list keys, in the order of the list.
const CLASSES: [Class; 3] = [Class::User, Class::Computer, Class::ManagedServiceAccount];

pub(crate) fn of_user(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    of(asked, Kind::User)
}

pub(crate) fn of_computer(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    of(asked, Kind::Computer)
}

fn of(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = names::account(asked.snapshot(), kind, asked.part(0))?;
    listed(asked, &account)
}

/// All keys of an account; there are never more than a page has.
pub(crate) fn listed(asked: &Asked<'_, '_>, account: &Account) -> Result<Done, Trouble> {
    let items = shown::keys(account, asked.snapshot(), asked.now)?;
    Ok(list::page(items, None))
}

/// Every key, narrowed to an account or device.
pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let device = match asked.parameter("device") {
        None => None,
        Some(name) => Some(names::device(snapshot, name)?.device_id),
    };
    let holder = match (asked.parameter("user"), asked.parameter("computer")) {
        (None, None) => None,
        (Some(name), None) => Some(names::account(snapshot, Kind::User, name)?),
        (None, Some(name)) => Some(names::account(snapshot, Kind::Computer, name)?),
        (Some(_), Some(_)) => {
            let why = "give either user or computer";
            return Err(Refused::parameter("computer", why).into());
        }
    };
    let mut items = Vec::new();
    let wanted = Wanted {
        device,
        origins: origins(asked.parameter("origin"))?,
    };
    match (holder, device) {
        (None, None) => return all(asked, &wanted),
        (Some(holder), _) => show(asked, &holder, &wanted, &mut items)?,
        (None, Some(device)) => return of_device(asked, device, &wanted),
    }
    Ok(list::page(items, None))
}

/// The keys of a device, holder by holder. The place is the holder that was looked at last.
fn of_device(asked: &Asked<'_, '_>, device: Guid, keys: &Wanted) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let page = Page::of(asked)?;
    let after = page.id()?.map(|id| id.0.to_bytes());
    let mut holders = snapshot.holders_of_device_keys(device, MOST_HOLDERS)?;
    holders.retain(|id| after.is_none_or(|after| id.0.to_bytes() > after));
    holders.sort_unstable_by_key(|id| id.0.to_bytes());
    let mut items = Vec::new();
    let mut last = None;
    for id in &holders {
        if items.len() >= page.limit {
            break;
        }
        last = Some(id);
        if let Some(holder) = snapshot.account_by_id(*id)? {
            show(asked, &holder, keys, &mut items)?;
        }
    }
    let next = last.filter(|last| Some(*last) != holders.last());
    Ok(list::page(items, next.map(|id| id.0.to_bytes().to_vec())))
}

/// Which keys are wanted.
struct Wanted {
    /// Those of one device.
    device: Option<Guid>,
    /// Those that came to be listed in one of these ways.
    origins: Vec<Origin>,
}

impl Wanted {
    fn has(&self, key: &KeyCredential) -> bool {
        (self.device.is_none() || key.device() == self.device) && self.origins.contains(&key.origin)
    }
}

/// The ways that a word means; `shadow`: those past registration.
fn origins(word: Option<&str>) -> Result<Vec<Origin>, Refused> {
    let all = shown::ORIGINS.into_iter();
    let meant: Vec<Origin> = match word {
        None => all.collect(),
        Some("shadow") => all.filter(|origin| origin.is_shadow()).collect(),
        Some(word) => all
            .filter(|origin| shown::origin(*origin) == word)
            .collect(),
    };
    match meant.is_empty() {
        false => Ok(meant),
        true => Err(Refused::parameter(
            "origin",
            "it must be registration, administrator, import, computer or shadow",
        )),
    }
}

fn show(
    asked: &Asked<'_, '_>,
    holder: &Account,
    wanted: &Wanted,
    items: &mut Vec<Value>,
) -> Result<(), Trouble> {
    for key in holder.key_credentials.iter().filter(|key| wanted.has(key)) {
        items.push(shown::key(key, holder, asked.snapshot(), asked.now)?);
    }
    Ok(())
}

/// A walk through all accounts, class by class. The place is the class and the account that was looked at last.
fn all(asked: &Asked<'_, '_>, keys: &Wanted) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let wanted = Page::of(asked)?;
    let (mut class, after) = match wanted.place() {
        None => (0, None),
        Some(place) => {
            let (class, entry) = place.split_first().ok_or_else(not_a_place)?;
            let after = match entry {
                [] => None,
                entry => Some(entry_of(entry)?),
            };
            (usize::from(*class), after)
        }
    };
    let listed = *CLASSES.get(class).ok_or_else(not_a_place)?;
    let entries = snapshot.entries_of_class_named(listed, "", after, ACCOUNTS)?;
    let mut items = Vec::new();
    let mut last: Option<&Entry> = None;
    for entry in &entries {
        if items.len() >= wanted.limit {
            break;
        }
        last = Some(entry);
        let account = shown::account_of(entry, asked.view)?;
        show(asked, &account, keys, &mut items)?;
    }
    let through = last.map(|entry| entry.id) == entries.last().map(|entry| entry.id)
        && entries.len() < ACCOUNTS;
    let mut next = Vec::new();
    if through {
        class += 1;
    } else {
        next = last.map(place_of).unwrap_or_default();
    }
    // There are three classes.
    let next = (class < CLASSES.len()).then(|| [&[class as u8][..], &next].concat());
    Ok(list::page(items, next))
}

pub(crate) fn add_to_user(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    add(asked, Kind::User)
}

pub(crate) fn add_to_computer(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    add(asked, Kind::Computer)
}

fn add(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let account = writable(asked, kind)?;
    let mut members = asked.members()?;
    let given = key_input::given(&mut members)?;
    if !asked.who.may(Needs::Administrator) {
        key_input::vouches_for_nothing(&given)?;
    }
    let device = device(snapshot, members.text("device")?.as_deref(), &given)?;
    let fingerprint = given.key.fingerprint();
    match snapshot.holder_of_key(&fingerprint)? {
        None => {}
        Some(holder) if holder == account.id => {
            return Ok(Done::changed(Vec::new()).with("fingerprint", fingerprint.to_string()));
        }
        Some(holder) => {
            let holder = snapshot.account_by_id(holder)?;
            let holder =
                holder.map_or_else(|| "another account".to_owned(), |a| called(&a).to_owned());
            return Err(Refused::taken("the key", &fingerprint.to_string(), &holder).into());
        }
    }
    let blob = match (&given.blob, kind) {
        (Some(link), _) => link.as_bytes().to_vec(),
        (None, Kind::Computer) if device.is_none() => {
            key_input::of_computer(&given.key, asked.now)?
        }
        (None, _) => key_input::by_hand(&given.key, device, asked.now)?,
    };
    let record = asked
        .record()
        .on(account.id, called(&account))
        .about_key(fingerprint)
        .with("by", "hand")
        .with("shadow", "true")
        .with("given as", given.form);
    let record = match device {
        Some(device) => record.about_device(device),
        None => record,
    };
    let listed = KeyCredential::new(blob.clone(), Origin::Administrator, asked.now);
    let shown = shown::key(&listed, &account, snapshot, asked.now)?;
    Ok(Done::changed(vec![
        change::add_key_credential(account.id, blob, Origin::Administrator),
        change::audit(record),
    ])
    .with("fingerprint", fingerprint.to_string())
    .with("key", shown))
}

/// The registered device that holds the private key: as it is named, or as the value says.
fn device(
    snapshot: &Snapshot<'_>,
    named: Option<&str>,
    given: &Given,
) -> Result<Option<Guid>, Trouble> {
    let own = given
        .blob
        .as_ref()
        .and_then(|link| link.device_id())
        .filter(|id| !id.is_nil());
    match (named, own) {
        (Some(_), _) if given.blob.is_some() => {
            Err(Refused::member("device", "the value says its device itself").into())
        }
        (Some(name), _) => Ok(Some(names::device(snapshot, name)?.device_id)),
        (None, Some(id)) => match snapshot.device_by_id(id)? {
            Some(device) => Ok(Some(device.device_id)),
            None => Err(Refused::not_found("device", &id.to_string()).into()),
        },
        (None, None) => Ok(None),
    }
}

pub(crate) fn revoke_of_user(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = writable(asked, Kind::User)?;
    revoke(asked, &account, asked.part(1))
}

pub(crate) fn revoke_of_computer(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = writable(asked, Kind::Computer)?;
    revoke(asked, &account, asked.part(1))
}

/// Takes the key off the list whose fingerprint begins so. It and its tickets are refused from the commit on.
pub(crate) fn revoke(
    asked: &Asked<'_, '_>,
    account: &Account,
    digits: &str,
) -> Result<Done, Trouble> {
    let found = meant(account, digits)?;
    let mut changes: Vec<Change> = Vec::new();
    let mut revoked = Vec::new();
    for key in found {
        revoked.push(shown::key(key, account, asked.snapshot(), asked.now)?);
        changes.push(change::remove_key_credential(account.id, key.id));
        changes.push(change::audit(about(
            asked.record().on(account.id, called(account)),
            key,
        )));
    }
    Ok(Done::changed(changes).with("revoked", json!(revoked)))
}

/// A record about a listed key.
fn about(record: AuditRecord, key: &KeyCredential) -> AuditRecord {
    let record = record
        .with("origin", shown::origin(key.origin))
        .with("value", shown::value_name(key));
    let record = match key.fingerprint {
        Some(fingerprint) => record.about_key(fingerprint),
        None => record,
    };
    match key.device() {
        Some(device) => record.about_device(device),
        None => record,
    }
}

/// The values that hold the one key whose fingerprint begins with these digits, or the one value whose name does.
fn meant<'k>(account: &'k Account, digits: &str) -> Result<Vec<&'k KeyCredential>, Refused> {
    let wanted = digits.to_ascii_lowercase();
    if wanted.len() < FEWEST_DIGITS || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refused::parameter(
            "fingerprint",
            format!("give {FEWEST_DIGITS} hexadecimal digits of it at least"),
        ));
    }
    // A key that is listed in two values has one fingerprint, and goes as a whole.
    let name = |key: &KeyCredential| match key.fingerprint {
        Some(fingerprint) => fingerprint.to_string(),
        None => shown::value_name(key),
    };
    let fits = |key: &&KeyCredential| {
        name(key).starts_with(&wanted) || shown::value_name(key).starts_with(&wanted)
    };
    let found: Vec<&KeyCredential> = account.key_credentials.iter().filter(fits).collect();
    let mut names: Vec<String> = found.iter().map(|key| name(key)).collect();
    names.sort_unstable();
    names.dedup();
    match names.len() {
        0 => Err(Refused::not_found("key", digits)),
        1 => Ok(found),
        _ => Err(Refused::Ambiguous {
            name: digits.to_owned(),
            candidates: names
                .iter()
                .take(10)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// The account that the path names, if the caller may write its keys.
fn writable(asked: &Asked<'_, '_>, kind: Kind) -> Result<Arc<Account>, Trouble> {
    let account = names::account(asked.snapshot(), kind, asked.part(0))?;
    guard::ordinary(&account)?;
    if !asked.who.may_write_keys(&account, asked.snapshot())? {
        return Err(Refused::ProtectedKeys(called(&account).to_owned()).into());
    }
    Ok(account)
}
