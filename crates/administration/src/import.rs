//! Many entries and changes at once, as LDIF (RFC 2849): how a directory is filled from another one.
//!
//! The records of a request are committed together. Each is computed by the rules of LDAP
//! ([`directory::ldap::Batch`]) from what those before it left; what other directories say otherwise than this one is
//! translated before (`import/foreign.rs`). A record that is so already changes nothing.

mod foreign;
mod left_out;

use directory::access;
use directory::ldap::{Batch, Existing, Put, Writer};
use serde_json::{Map, Value, json};
use trust::Rng;
use wire::Sid;
use wire::ldap::{
    AddRequest, Attribute as WireAttribute, LdapResult, Modification, ModificationKind,
    ModifyDnRequest, ModifyRequest, ResultCode,
};
use wire::ldif::{Attribute, Kind, Record, Records};

use crate::asked::Asked;
use crate::domains;
use crate::done::Done;
use crate::refused::{Refused, Trouble};
use foreign::{Foreign, Read};

/// The longest body, in bytes; the server's own limit of requests may be lower.
const LONGEST: usize = 4 << 20;

/// The most records of one request that are done; the caller brings the rest again.
const RECORDS: usize = 1_000;

/// Passwords that one request hashes, so that it does not take longer than callers wait.
const PASSWORDS: usize = 16;

/// What the query asks for.
struct Options {
    existing: Existing,
    /// Whether records behind one that is refused are done.
    go_on: bool,
    /// Whether nothing is to be done.
    dry_run: bool,
}

pub(crate) fn import(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let options = Options {
        existing: match flag(asked, "update")? {
            true => Existing::Update,
            false => Existing::Keep,
        },
        go_on: flag(asked, "go_on")?,
        dry_run: flag(asked, "dry_run")?,
    };
    let mut foreign = Foreign::new(
        asked.snapshot().domain(),
        asked.parameter("from_base"),
        flag(asked, "skip_unknown")?,
    )?;
    let records = records(asked)?;
    let snapshot = asked.snapshot();
    let local;
    let caller = match asked.who.access() {
        Some(access) => access,
        // Whoever has the socket is root or the service itself.
        None => {
            local = access::Caller::with_sids(Sid::BUILTIN_ADMINISTRATORS, []);
            &local
        }
    };
    let from = crate::asked::from(asked.request, asked.who.is_local());
    let who = Writer {
        caller,
        actor: &asked.who.actor,
        from: &from,
        lockout: asked.view.lockout,
        cost: asked.view.deployment.password_cost,
        now: asked.now,
    };
    let mut batch = Batch::new(who, snapshot)?;
    let mut outcomes: Vec<&'static str> = Vec::new();
    let mut refused = Vec::new();
    for (place, record) in records.iter().enumerate() {
        if outcomes.len() >= RECORDS || batch.is_full() || batch.hashed() >= PASSWORDS {
            break;
        }
        let outcome = match foreign.read(record) {
            Read::Record(record) => match in_no_domain(asked, &record)? {
                Some(refused) => Err(refused),
                None => write(&mut batch, &record, options.existing, rng)?,
            },
            Read::PassedOver => Ok(PASSED_OVER),
            Read::Refused(result) => Err(result),
        };
        match outcome {
            Ok(outcome) => outcomes.push(outcome),
            Err(result) => {
                refused.push(refusal(place, record, &result));
                if !options.go_on {
                    break;
                }
                outcomes.push("refused");
            }
        }
    }
    let changes = match options.dry_run {
        true => Vec::new(),
        false => batch.finish(),
    };
    let left_out: Map<String, Value> = foreign
        .left_out()
        .iter()
        .map(|(what, count)| (what.clone(), (*count).into()))
        .collect();
    Ok(Done::now(json!({
        "outcomes": outcomes,
        "left_out": left_out,
        "refused": refused,
    }))
    .committing(changes))
}

fn flag(asked: &Asked<'_, '_>, name: &str) -> Result<bool, Refused> {
    match asked.parameter(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refused::parameter(name, "it must be true or false")),
    }
}

fn records(asked: &Asked<'_, '_>) -> Result<Vec<Record>, Refused> {
    let body = &asked.request.body;
    if body.len() > LONGEST {
        return Err(Refused::TooLarge(LONGEST));
    }
    let ldif = ["application/ldif", "text/ldif", "text/x-ldif"];
    let given = asked.request.content_type();
    if !given.is_some_and(|given| ldif.contains(&given.as_str())) {
        return Err(Refused::NotLdif);
    }
    let text = std::str::from_utf8(body)
        .map_err(|_| Refused::Ldif("it is not UTF-8; other bytes stand behind '::'".to_owned()))?;
    let read: Result<Vec<Record>, _> = Records::of(text).collect();
    read.map_err(|malformed| Refused::Ldif(malformed.to_string()))
}

/// What every domain has itself, or what this one has no class for.
const PASSED_OVER: &str = "passed_over";

/// Refuses a record of a tenant that gives somebody a name in a domain that is not the tenant's.
fn in_no_domain(asked: &Asked<'_, '_>, record: &Record) -> Result<Option<LdapResult>, Trouble> {
    let is_upn = |attribute: &&Attribute| {
        let name = attribute.description.split(';').next().unwrap_or_default();
        name.eq_ignore_ascii_case(directory::Attribute::UserPrincipalName.name())
            || name == "1.2.840.113556.1.4.656"
    };
    let named: Vec<&Attribute> = match &record.kind {
        Kind::Entry(attributes) => attributes.iter().filter(is_upn).collect(),
        Kind::Modify(changes) => {
            let given = changes
                .iter()
                .filter(|change| change.kind != ModificationKind::Delete);
            given
                .map(|change| &change.attribute)
                .filter(is_upn)
                .collect()
        }
        Kind::Delete | Kind::Rename { .. } => vec![],
    };
    for value in named.iter().flat_map(|attribute| &attribute.values) {
        // What is no text is refused where it is written.
        let Ok(upn) = std::str::from_utf8(value) else {
            continue;
        };
        match domains::may_have(asked, upn) {
            Ok(()) => {}
            Err(Trouble::Refused(Refused::DomainNotVerified(_))) => {
                let why = "userPrincipalName is in no verified domain of the tenant";
                return Ok(Some(LdapResult::told(ResultCode::ConstraintViolation, why)));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

/// Does one record, and says what became of it. Inside: why it is refused.
fn write(
    batch: &mut Batch<'_, '_, '_>,
    record: &Record,
    existing: Existing,
    rng: &mut dyn Rng,
) -> Result<Result<&'static str, LdapResult>, directory::Fault> {
    let (done, outcome) = match &record.kind {
        Kind::Entry(attributes) => {
            let request = AddRequest {
                name: &record.name,
                attributes: attributes.iter().map(borrowed).collect(),
            };
            return Ok(batch.put(&request, existing, rng)?.map(|put| match put {
                Put::Added => "added",
                Put::Changed => "changed",
                Put::Unchanged => "unchanged",
                Put::Own => PASSED_OVER,
            }));
        }
        Kind::Modify(changes) => {
            let changes = changes.iter().map(|change| Modification {
                kind: change.kind,
                attribute: borrowed(&change.attribute),
            });
            let request = ModifyRequest {
                name: &record.name,
                changes: changes.collect(),
            };
            (batch.modify(&request, rng)?, "changed")
        }
        Kind::Rename {
            new_rdn,
            delete_old_rdn,
            new_superior,
        } => {
            let request = ModifyDnRequest {
                name: &record.name,
                new_rdn,
                delete_old_rdn: *delete_old_rdn,
                new_superior: new_superior.as_deref(),
            };
            (batch.rename(&request)?, "changed")
        }
        Kind::Delete => (batch.delete(&record.name)?, "deleted"),
    };
    Ok(done.map(|otherwise| if otherwise { outcome } else { "unchanged" }))
}

fn borrowed(attribute: &Attribute) -> WireAttribute<'_> {
    WireAttribute {
        description: &attribute.description,
        values: attribute.values.iter().map(Vec::as_slice).collect(),
    }
}

/// A refusal as the caller sees it. No value of the record is repeated, for it may be a password.
fn refusal(place: usize, record: &Record, result: &LdapResult) -> Value {
    let mut refusal = json!({
        "record": place,
        "line": record.line,
        "name": record.name,
        "result": result.code.number(),
        "why": result.message,
        "remedy": remedy(result),
    });
    // The record's own entry is not there, or what it would hang on.
    if let (false, Some(members)) = (result.matched.is_empty(), refusal.as_object_mut()) {
        members.insert("nearest".to_owned(), result.matched.as_str().into());
    }
    refusal
}

fn remedy(result: &LdapResult) -> &'static str {
    match result.code {
        ResultCode::EntryAlreadyExists => {
            "import with update=true to have it become as the record says, or leave the record out"
        }
        ResultCode::NoSuchObject => {
            "add what it names before it; names of another domain are translated with from_base"
        }
        ResultCode::UndefinedAttributeType => {
            "import with skip_unknown=true to leave out what is not known here, or take it out of the record"
        }
        ResultCode::ObjectClassViolation => {
            "give the record a class that is known here; skip_unknown=true leaves out what the class does not have"
        }
        ResultCode::InvalidDnSyntax | ResultCode::NamingViolation => {
            "name it as this directory does: CN, OU and DC; docs/directory.md says how names are translated"
        }
        ResultCode::ConstraintViolation
            if result.message.contains("names an entry that there is not") =>
        {
            "add what it names before it"
        }
        ResultCode::ConstraintViolation if result.message.contains("no verified domain") => {
            "add and verify the domain first: keyporch admin domain add, then domain verify"
        }
        ResultCode::ConstraintViolation if result.message.contains("belongs to another") => {
            "give it another value, or see who has that one"
        }
        _ => "correct the record",
    }
}
