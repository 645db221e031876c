//! Trusted issuers of certificates to sign in with: `CN=NTAuthCertificates`, and what is said about each of them
//! (protocols E.5.1 to E.5.4).

use std::collections::HashSet;

use directory::issuers::{self, LISTS, REVOKED};
use directory::{Change, Snapshot, change};
use serde_json::{Value, json};
use trust::revocation::{
    IssuerId, ListRow, Mapping, Requirement, RevokedRow, Settings, judge_list,
};
use trust::{Rng, Timestamp};
use wire::x509::{Certificate, pem};

use crate::asked::Asked;
use crate::done::Done;
use crate::refused::{Refused, Trouble};
use crate::shown::{hex, moment};

/// The most places of a kind for one issuer.
const PLACES: usize = 8;
/// The longest place, in bytes.
const LONGEST_PLACE: usize = 1_000;
/// Rows of one issuer that are read, when its list is brought by hand.
const ROWS: usize = 20_000;

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let issuers = asked.snapshot().trusted_issuers()?;
    let items: Result<Vec<Value>, Trouble> = issuers
        .iter()
        .map(|issuer| shown(issuer, asked.snapshot()))
        .collect();
    Ok(Done::now(json!({ "items": items?, "next": null })))
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let issuer = named(asked)?;
    let mut shown = shown(&issuer, asked.snapshot())?;
    if let Some(members) = shown.as_object_mut() {
        let text = pem::encode(pem::CERTIFICATE, issuer.der());
        members.insert("pem".to_owned(), text.into());
    }
    Ok(Done::now(shown))
}

pub(crate) fn add(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let text = members
        .encoded("certificate")?
        .ok_or(Refused::MissingMember("certificate"))?;
    let certificate = certificate("certificate", &text)?;
    fit(&certificate, asked.now)?;
    let id = IssuerId::of(&certificate);
    let settings = Settings {
        mapping: match members.text("mapping")? {
            None => Mapping::default(),
            Some(word) => *chosen("mapping", &word, &Mapping::ALL, |one| one.name())?,
        },
        revocation: match members.text("revocation")? {
            None => None,
            Some(word) => Some(*chosen("revocation", &word, &Requirement::ALL, |one| {
                one.name()
            })?),
        },
        lists: places("lists", members.texts("lists")?)?,
        responders: places("responders", members.texts("responders")?)?,
    };
    let mut changes = issuers::trust(asked.snapshot(), &certificate, rng)?;
    changes.push(issuers::settings(&id, &settings));
    if let Some(text) = members.encoded("list")? {
        let der = decoded("list", &text, "X509 CRL")?;
        changes.extend(by_hand(asked.snapshot(), &certificate, &der, asked.now)?);
    }
    let record = asked
        .record()
        .with("issuer", certificate.subject())
        .with("id", hex(&id.0))
        .with("thumbprint", certificate.thumbprint())
        .with("mapping", settings.mapping.name());
    changes.push(change::audit(record));
    Ok(
        Done::now(json!({ "id": hex(&id.0), "subject": certificate.subject().to_string() }))
            .made()
            .committing(changes),
    )
}

pub(crate) fn remove(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let issuer = named(asked)?;
    let mut changes = issuers::distrust(asked.snapshot(), &issuer)?;
    let record = asked
        .record()
        .with("issuer", issuer.subject())
        .with("id", hex(&IssuerId::of(&issuer).0))
        .with("thumbprint", issuer.thumbprint());
    changes.push(change::audit(record));
    Ok(Done::changed(changes))
}

/// Whether a certificate can be an issuer's at all: what could never issue anything is a mistake.
fn fit(certificate: &Certificate, now: Timestamp) -> Result<(), Refused> {
    let refused = |why: &str| Err(Refused::member("certificate", why.to_owned()));
    let constraints = certificate.extensions().basic_constraints();
    match constraints {
        Ok(Some(constraints)) if constraints.ca => {}
        Ok(None) if certificate.version() < 3 => {}
        _ => return refused("it is no authority's: its basicConstraints do not say CA"),
    }
    if now.unix() > certificate.not_after() {
        return refused("it has expired");
    }
    match crypto::key::PublicKey::from_spki_der(certificate.spki()) {
        Ok(key) if key.check_strength().is_ok() => Ok(()),
        _ => refused("its key is too weak, or of no kind that signatures are checked with"),
    }
}

fn chosen<'a, T>(
    member: &'static str,
    word: &str,
    all: &'a [T],
    name: impl Fn(&T) -> &'static str,
) -> Result<&'a T, Refused> {
    all.iter().find(|one| name(one) == word).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(name).collect();
        Refused::member(member, format!("it must be one of {}", names.join(", ")))
    })
}

fn places(member: &'static str, given: Option<Vec<String>>) -> Result<Vec<String>, Refused> {
    let given = given.unwrap_or_default();
    let plain = |url: &String| {
        url.len() <= LONGEST_PLACE
            && url.bytes().all(|byte| byte.is_ascii_graphic())
            && url
                .strip_prefix("http://")
                .is_some_and(|rest| !rest.is_empty())
    };
    match given.len() <= PLACES && given.iter().all(plain) {
        true => Ok(given),
        false => Err(Refused::member(
            member,
            format!("it must be {PLACES} URLs at most that begin with http://"),
        )),
    }
}

/// The changes that put a list into the directory that was brought by hand.
fn by_hand(
    snapshot: &Snapshot<'_>,
    issuer: &Certificate,
    der: &[u8],
    now: Timestamp,
) -> Result<Vec<Change>, Trouble> {
    let list = judge_list(der, issuer, None, now)
        .map_err(|why| Refused::member("list", why.to_string()))?;
    let id = IssuerId::of(issuer);
    let known = snapshot.revocation_list(&id)?;
    if known.is_some_and(|known| known.this_update > list.this_update) {
        return Err(Refused::member("list", "it is older than what is known already").into());
    }
    let mut end = id.0.to_vec();
    end.extend([0xff; 64]);
    let rows = snapshot.records(REVOKED, &id.0, &end, ROWS, now)?;
    let lasting = rows
        .into_iter()
        .filter(|row| row.expires == Timestamp::NEVER);
    let mut gone: HashSet<Vec<u8>> = lasting.map(|row| row.key).collect();
    let mut changes = Vec::new();
    for (serial, since, reason) in &list.revoked {
        let key = id.row(serial);
        if !gone.remove(&key) {
            let row = RevokedRow {
                since: *since,
                reason: *reason,
            };
            changes.push(change::put(REVOKED, key, row.to_bytes(), Timestamp::NEVER));
        }
    }
    changes.extend(gone.into_iter().map(|key| change::remove(REVOKED, key)));
    let row = ListRow {
        this_update: list.this_update,
        next_update: list.next_update,
        fetched: now,
        number: list.number.unwrap_or(0),
        entries: u64::try_from(list.revoked.len()).unwrap_or(u64::MAX),
        place: String::new(),
        issuer: issuer.der().to_vec(),
    };
    changes.push(change::put(
        LISTS,
        id.0.to_vec(),
        row.to_bytes(),
        Timestamp::NEVER,
    ));
    Ok(changes)
}

/// One certificate, PEM or the Base64 of its DER.
pub(crate) fn certificate(member: &'static str, text: &str) -> Result<Certificate, Refused> {
    let der = decoded(member, text, pem::CERTIFICATE)?;
    Certificate::parse(&der).map_err(|_| Refused::member(member, "it is no certificate"))
}

/// The bytes of one PEM block, or of Base64.
pub(crate) fn decoded(member: &'static str, text: &str, label: &str) -> Result<Vec<u8>, Refused> {
    use base64ct::{Base64, Encoding as _};
    if !text.contains("-----BEGIN") {
        let bare: String = text.split_ascii_whitespace().collect();
        return Base64::decode_vec(&bare)
            .map_err(|_| Refused::member(member, "it must be PEM or Base64"));
    }
    let blocks =
        pem::decode(label, text).map_err(|_| Refused::member(member, "its PEM cannot be read"))?;
    match <[Vec<u8>; 1]>::try_from(blocks) {
        Ok([only]) => Ok(only),
        Err(_) => Err(Refused::member(
            member,
            format!("its PEM must hold one {label}"),
        )),
    }
}

/// The issuer that the path names: the beginning of its id, its thumbprint, or its common name.
fn named(asked: &Asked<'_, '_>) -> Result<Certificate, Trouble> {
    let wanted = asked.part(0);
    let digits = wanted.to_ascii_lowercase();
    let issuers = asked.snapshot().trusted_issuers()?;
    let fits = |issuer: &Certificate| {
        let id = hex(&IssuerId::of(issuer).0);
        let name = issuer.subject().first(wire::x509::oid::COMMON_NAME);
        (digits.len() >= 8 && id.starts_with(&digits))
            || issuer.thumbprint().to_string().eq_ignore_ascii_case(wanted)
            || issuer.subject().to_string() == wanted
            || name.is_ok_and(|name| name.is_some_and(|name| name.eq_ignore_ascii_case(wanted)))
    };
    let mut found: Vec<Certificate> = issuers.into_iter().filter(fits).collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Refused::not_found("issuer", wanted).into()),
        (Some(_), false) => Err(Refused::Ambiguous {
            name: wanted.to_owned(),
            candidates: "the issuers' thumbprints".to_owned(),
        }
        .into()),
    }
}

fn shown(issuer: &Certificate, snapshot: &Snapshot<'_>) -> Result<Value, Trouble> {
    let id = IssuerId::of(issuer);
    let settings = snapshot.issuer_settings(&id)?;
    let list = snapshot.revocation_list(&id)?.map(|list| {
        json!({
            "this_update": moment(Some(list.this_update)),
            "next_update": moment(Some(list.next_update)),
            "fetched": moment(Some(list.fetched)),
            "number": list.number,
            "entries": list.entries,
            "place": (!list.place.is_empty()).then_some(list.place),
        })
    });
    Ok(json!({
        "id": hex(&id.0),
        "subject": issuer.subject().to_string(),
        "thumbprint": issuer.thumbprint().to_string(),
        "not_before": moment(Some(Timestamp::from_unix(issuer.not_before()))),
        "not_after": moment(Some(Timestamp::from_unix(issuer.not_after()))),
        "mapping": settings.mapping.name(),
        "revocation": settings.revocation.map(Requirement::name),
        "lists": settings.lists,
        "responders": settings.responders,
        "list": list,
    }))
}
