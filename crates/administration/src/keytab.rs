//! Key tables: the one way in which Kerberos keys leave the directory, for the service that they are of.

use std::sync::Arc;

use directory::account::KerberosKey;
use directory::password::PasswordMaterial;
use directory::{Account, AccountKind, Change, change};
use serde_json::json;
use trust::Rng;
use wire::Principal;
use wire::kerberos::{EncryptionKey, EncryptionType, KerberosTime, PrincipalName};
use wire::keytab::{Keytab, KeytabEntry};

use crate::asked::Asked;
use crate::done::Done;
use crate::guard;
use crate::names::{self, Kind, called};
use crate::refused::{Fault, Refused, Trouble};
use crate::users::ordinary;
use crate::{rotation, shown};

pub(crate) fn of_computer(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::Computer)?;
    export(asked, &account, rng)
}

/// The keytab of a service account; or of the computer that has the principal, since a host's own services are its.
pub(crate) fn of_service(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let name = asked.part(0);
    let host = match name.contains('/') {
        true => asked.snapshot().account_by_spn(name)?,
        false => None,
    };
    let account = match host.filter(|account| account.kind == AccountKind::Computer) {
        Some(computer) => computer,
        None => names::account(asked.snapshot(), Kind::Service, name)?,
    };
    guard::ordinary(&account)?;
    export(asked, &account, rng)
}

fn export(
    asked: &Asked<'_, '_>,
    account: &Arc<Account>,
    rng: &mut dyn Rng,
) -> Result<Done, Trouble> {
    let rotate = asked.members()?.flag("rotate")?.unwrap_or(false);
    let mut changes: Vec<Change> = Vec::new();
    let realm = asked.snapshot().domain().realm.clone();
    let principals = principals(account, &realm);
    let sets = account.keys.sets();
    let stranded = rotate && rotation::strands(asked, called(account), account)?;
    let (kvno, etypes, entries, former) = if rotate {
        let material = PasswordMaterial::random(rng);
        let kvno = account.keys.kvno().wrapping_add(1).max(1);
        let entries = entries(asked, &principals, kvno, material.keys());
        let etypes = etypes(material.keys());
        changes.push(change::set_password(account.id, material));
        (kvno, etypes, entries, sets.first())
    } else {
        let Some(set) = account.keys.current() else {
            let why = format!("{} has no keys yet: ask with rotate", account.sam);
            return Err(Refused::InTheWay(why).into());
        };
        let former = sets.get(1).filter(|_| {
            rotation::former_ends(account, asked.view.deployment.key_overlap)
                .is_some_and(|ends| ends > asked.now)
        });
        let entries = entries(asked, &principals, set.kvno, &set.keys);
        (set.kvno, etypes(&set.keys), entries, former)
    };
    // A file takes the place of the one before: tickets that are in use must go on to open.
    let mut table = Keytab { entries };
    if let Some(former) = former {
        let entries = self::entries(asked, &principals, former.kvno, &former.keys);
        table.entries.extend(entries);
    }
    let bytes = table
        .to_bytes()
        .map_err(|_| Trouble::Fault(Fault::Internal("a name is too long for a keytab")))?;
    let record = asked
        .record()
        .on(account.id, called(account))
        .with("kvno", kvno)
        .with("rotated", rotate);
    let record = match stranded {
        true => record.with("forced", true),
        false => record,
    };
    changes.push(change::audit(record));
    let names: Vec<String> = principals
        .iter()
        .map(|principal| format!("{}@{realm}", principal.name))
        .collect();
    Ok(Done::now(json!({
        "principals": names,
        "kvno": kvno,
        "former_kvno": former.map(|set| set.kvno),
        "etypes": etypes,
        "rotated": rotate,
        "keytab": shown::base64(&bytes),
    }))
    .committing(changes))
}

fn etypes(keys: &[KerberosKey]) -> Vec<String> {
    keys.iter().map(|key| key.etype().to_string()).collect()
}

/// The names under which clients ask for the account: its principals, those of the host class also as Unix clients
/// write them, and its own name.
fn principals(account: &Account, realm: &str) -> Vec<Principal> {
    let mut names: Vec<String> = Vec::new();
    for principal in &account.service_principals {
        names.push(principal.clone());
        if let Some((service, host)) = principal.split_once('/')
            && service.eq_ignore_ascii_case("host")
        {
            names.push(format!("host/{}", host.to_lowercase()));
        }
    }
    names.push(account.sam.clone());
    let mut principals: Vec<Principal> = Vec::new();
    for name in names {
        // No name here has a realm of its own.
        if let Some((name, None)) = PrincipalName::parse(&name) {
            let principal = Principal::new(name, realm);
            if !principals
                .iter()
                .any(|known| known.name.is_same(&principal.name))
            {
                principals.push(principal);
            }
        }
    }
    principals
}

/// Each principal's entries for one version of the keys.
fn entries(
    asked: &Asked<'_, '_>,
    principals: &[Principal],
    kvno: u32,
    keys: &[KerberosKey],
) -> Vec<KeytabEntry> {
    let timestamp = KerberosTime::from_unix(asked.now.unix());
    let of = |principal: &Principal, key: &KerberosKey| KeytabEntry {
        principal: principal.clone(),
        timestamp,
        key_version: kvno,
        key: EncryptionKey {
            keytype: EncryptionType(key.etype().number()),
            keyvalue: key.schedule().key().bytes().to_vec(),
        },
    };
    principals
        .iter()
        .flat_map(|principal| keys.iter().map(move |key| of(principal, key)))
        .collect()
}
