//! The domains of a tenant: which names its people may have, and where they sign in.

use directory::tenant::{
    self, Federated, MOST_DOMAINS, SecondFactorOfFederation, Verification, VerifiedBy,
    VerifiedDomain,
};
use directory::{Change, Class, change};
use serde_json::{Value, json};
use trust::Rng;

use crate::asked::Asked;
use crate::done::Done;
use crate::refused::{Refused, Trouble};
use crate::{issuers, list, shown};

/// The members that `PUT /domains/{name}/federation` takes.
pub(crate) const FEDERATION: &[&str] = &[
    "issuer",
    "passive_url",
    "active_url",
    "metadata_url",
    "brand",
    "certificate",
    "second_factor",
];

/// How many people are looked at for one whose name is in a domain.
const STEP: usize = 500;

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let domains = tenant::domains(asked.snapshot(), asked.now)?;
    Ok(list::page(domains.iter().map(show_one).collect(), None))
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    Ok(Done::now(show_one(&named(asked)?)))
}

pub(crate) fn add(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let name = members.needed("name")?;
    let name = tenant::domain_name(&name)
        .ok_or_else(|| Refused::member("name", "it must be a DNS name of at least two labels"))?;
    let snapshot = asked.snapshot();
    if let Some(there) = tenant::domain(snapshot, &name, asked.now)? {
        return Err(Refused::taken("the domain", &name, &there.name).into());
    }
    if tenant::domains(snapshot, asked.now)?.len() >= MOST_DOMAINS {
        let why = format!("the tenant has {MOST_DOMAINS} domains already");
        return Err(Refused::InTheWay(why).into());
    }
    let domain = VerifiedDomain::new(name, rng);
    let mut done = put(asked, &domain, rng, asked.record())?;
    done.status = 201;
    Ok(done)
}

pub(crate) fn delete(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let domain = named(asked)?;
    if domain.primary {
        return Err(Refused::InTheWay(format!("{} is the primary domain", domain.name)).into());
    }
    if let Some(person) = somebody_in(asked, &domain.name)? {
        return Err(Refused::InTheWay(format!("{person} has a name in it")).into());
    }
    if let Some(application) = application_in(asked, &domain.name)? {
        let why = format!("the application {application} is identified by it");
        return Err(Refused::InTheWay(why).into());
    }
    let record = asked.record().with("domain", &domain.name);
    let mut changes: Vec<Change> = tenant::remove_domain(&domain.name, rng)
        .into_iter()
        .collect();
    changes.extend(tenant::verification_job_id(&domain.name).map(Change::Finish));
    changes.push(change::audit(record));
    Ok(Done::changed(changes))
}

/// Verifies by an administrator's word at once, or has the TXT record looked up until it is there.
pub(crate) fn verify(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut domain = named(asked)?;
    let mut members = asked.members()?;
    let by = members.text("by")?;
    if domain.is_verified() {
        return Ok(Done::changed(Vec::new()).with("domain", show_one(&domain)));
    }
    match by.as_deref() {
        None | Some("txt") => {
            let job = tenant::verification_job(&domain.name, asked.now);
            let job = job.ok_or_else(|| Refused::not_found("domain", &domain.name))?;
            let record = asked
                .record()
                .with("domain", &domain.name)
                .with("by", "txt");
            let changes = vec![Change::Schedule(job), change::audit(record)];
            Ok(Done::changed(changes).with("domain", show_one(&domain)))
        }
        Some("word") => {
            domain.verified = Some(Verification {
                at: asked.now,
                actor: asked.who.actor.name.clone(),
                by: VerifiedBy::Word,
            });
            domain.lookup = None;
            let record = asked.record().with("by", "word");
            let mut done = put(asked, &domain, rng, record)?;
            done.changes
                .extend(tenant::verification_job_id(&domain.name).map(Change::Finish));
            Ok(done)
        }
        Some(_) => Err(Refused::member("by", "it must be txt or word").into()),
    }
}

pub(crate) fn make_primary(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut domain = named(asked)?;
    if domain.primary {
        return Ok(Done::changed(Vec::new()).with("domain", show_one(&domain)));
    }
    not_verified_unless(&domain)?;
    let mut changes = Vec::new();
    for mut former in tenant::domains(asked.snapshot(), asked.now)? {
        if former.primary {
            former.primary = false;
            changes.extend(tenant::put_domain(&former, rng));
        }
    }
    domain.primary = true;
    Ok(put(asked, &domain, rng, asked.record())?.committing(changes))
}

pub(crate) fn federate(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut domain = named(asked)?;
    not_verified_unless(&domain)?;
    let mut members = asked.members()?;
    let passive_url = https(&mut members, "passive_url")?;
    let passive_url = passive_url.ok_or(Refused::MissingMember("passive_url"))?;
    let certificate = match members.encoded("certificate")? {
        Some(text) => Some(issuers::certificate("certificate", &text)?),
        None => None,
    };
    let federation = Federated {
        issuer: members.needed("issuer")?,
        passive_url,
        active_url: https(&mut members, "active_url")?,
        mex_url: https(&mut members, "metadata_url")?,
        brand: members.text("brand")?,
        certificates: certificate
            .iter()
            .map(|certificate| certificate.der().to_vec())
            .collect(),
        second_factor: match members.text("second_factor")?.as_deref() {
            None | Some("here") => SecondFactorOfFederation::Here,
            Some("accept_if_done") => SecondFactorOfFederation::AcceptIfDone,
            Some("there") => SecondFactorOfFederation::There,
            Some(_) => {
                let why = "it must be here, accept_if_done or there";
                return Err(Refused::member("second_factor", why).into());
            }
        },
    };
    if domain.primary {
        let why = format!(
            "{} is the primary domain, in which new people get names that sign in here; `keyporch admin domain primary` makes \
             another one that",
            domain.name
        );
        return Err(Refused::InTheWay(why).into());
    }
    let record = asked.record().with("issuer", &federation.issuer);
    domain.federation = Some(federation);
    put(asked, &domain, rng, record)
}

pub(crate) fn manage(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut domain = named(asked)?;
    if domain.federation.take().is_none() {
        return Ok(Done::changed(Vec::new()).with("domain", show_one(&domain)));
    }
    put(asked, &domain, rng, asked.record())
}

/// Refuses a name for a person that is in no verified domain of the tenant. A domain's own names are as they were.
pub(crate) fn may_have(asked: &Asked<'_, '_>, upn: &str) -> Result<(), Trouble> {
    if !crate::tenant::is_one(asked) {
        return Ok(());
    }
    let domain = match tenant::domain_of(upn) {
        Some(name) => tenant::domain(asked.snapshot(), &name, asked.now)?,
        None => None,
    };
    match domain {
        Some(domain) if domain.is_verified() => Ok(()),
        _ => Err(Refused::DomainNotVerified(upn.chars().take(200).collect()).into()),
    }
}

/// Refuses a password for somebody who signs in elsewhere.
pub(crate) fn may_have_password(asked: &Asked<'_, '_>, upn: &str) -> Result<(), Trouble> {
    if !crate::tenant::is_one(asked) {
        return Ok(());
    }
    let domain = match tenant::domain_of(upn) {
        Some(name) => tenant::domain(asked.snapshot(), &name, asked.now)?,
        None => None,
    };
    match domain.filter(|domain| domain.federation.is_some()) {
        None => Ok(()),
        Some(domain) => {
            let why = format!("the people of {} sign in elsewhere", domain.name);
            Err(Refused::InTheWay(why).into())
        }
    }
}

/// The name that a new person gets where nobody says one: in a tenant, in its primary domain.
pub(crate) fn usual_upn(asked: &Asked<'_, '_>, sam: &str) -> Result<String, Trouble> {
    let own = asked.snapshot().domain().dns_name.clone();
    if !crate::tenant::is_one(asked) {
        return Ok(format!("{sam}@{own}"));
    }
    let domains = tenant::domains(asked.snapshot(), asked.now)?;
    let primary = domains.into_iter().find(|domain| domain.primary);
    let name = primary.map_or(own, |domain| domain.name);
    Ok(format!("{sam}@{name}"))
}

fn named(asked: &Asked<'_, '_>) -> Result<VerifiedDomain, Trouble> {
    let name = asked.part(0);
    let domain = tenant::domain(asked.snapshot(), name, asked.now)?;
    domain.ok_or_else(|| Refused::not_found("domain", name).into())
}

fn not_verified_unless(domain: &VerifiedDomain) -> Result<(), Refused> {
    match domain.is_verified() {
        true => Ok(()),
        false => Err(Refused::DomainNotVerified(domain.name.clone())),
    }
}

/// Writes a domain, and gives it as it is then.
fn put(
    _asked: &Asked<'_, '_>,
    domain: &VerifiedDomain,
    rng: &mut dyn Rng,
    record: directory::AuditRecord,
) -> Result<Done, Trouble> {
    let mut changes: Vec<Change> = tenant::put_domain(domain, rng).into_iter().collect();
    changes.push(change::audit(record.with("domain", &domain.name)));
    Ok(Done::now(show_one(domain)).committing(changes))
}

fn show_one(domain: &VerifiedDomain) -> Value {
    let verified = domain.verified.as_ref();
    json!({
        "name": domain.name,
        "verified": domain.is_verified(),
        "verified_at": verified.map(|verified| verified.at.to_rfc3339()),
        "verified_by": verified.map(|verified| verified.by),
        "verified_actor": verified.map(|verified| verified.actor.as_str()),
        "txt": domain.txt,
        "lookup": domain.lookup.as_ref().map(|lookup| json!({
            "at": lookup.at.to_rfc3339(),
            "found": lookup.found,
        })),
        "primary": domain.primary,
        "federation": domain.federation.as_ref().map(|federation| json!({
            "issuer": federation.issuer,
            "passive_url": federation.passive_url,
            "active_url": federation.active_url,
            "metadata_url": federation.mex_url,
            "brand": federation.brand,
            "certificates": federation.certificates.iter().map(|der| shown::base64(der)).collect::<Vec<_>>(),
            "second_factor": federation.second_factor,
        })),
    })
}

fn https(
    members: &mut crate::body::Members,
    name: &'static str,
) -> Result<Option<String>, Refused> {
    let url = members.text(name)?;
    match url {
        Some(url) if !is_https(&url) => Err(Refused::member(
            name,
            "it must be an address that begins with https://",
        )),
        url => Ok(url),
    }
}

fn is_https(url: &str) -> bool {
    url.len() > 8 && url.starts_with("https://") && token::redirect::check(url).is_ok()
}

/// Somebody whose name is in a domain.
fn somebody_in(asked: &Asked<'_, '_>, domain: &str) -> Result<Option<String>, Trouble> {
    let mut after: Option<(String, directory::EntryId)> = None;
    loop {
        let place = after.as_ref().map(|(name, id)| (name.as_str(), *id));
        let people = asked
            .snapshot()
            .entries_of_class_named(Class::User, "", place, STEP)?;
        for person in &people {
            let upn = person.text(directory::Attribute::UserPrincipalName);
            let in_it = upn.and_then(tenant::domain_of);
            if in_it.as_deref() == Some(domain) {
                return Ok(upn.map(str::to_owned));
            }
        }
        if people.len() < STEP {
            return Ok(None);
        }
        after = people.last().map(|last| (last.name.clone(), last.id));
    }
}

/// An application whose resource is named after a domain.
fn application_in(asked: &Asked<'_, '_>, domain: &str) -> Result<Option<String>, Trouble> {
    let mut after = None;
    loop {
        let some = tenant::applications(asked.snapshot(), after, STEP, asked.now)?;
        for application in &some {
            let host = application.identifier_uri.as_deref().and_then(host_of);
            if host.as_deref() == Some(domain) {
                return Ok(Some(application.name.clone()));
            }
        }
        if some.len() < STEP {
            return Ok(None);
        }
        after = some.last().map(|last| last.id);
    }
}

/// The host of `https://host/…` or `api://host/…`.
fn host_of(uri: &str) -> Option<String> {
    let rest = uri
        .strip_prefix("https://")
        .or_else(|| uri.strip_prefix("api://"))?;
    let host = rest.split(['/', ':', '?']).next()?;
    tenant::domain_name(host)
}
