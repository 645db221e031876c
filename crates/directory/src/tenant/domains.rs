//! The DNS domains whose names a tenant's people may have.

use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};

use super::{moment, read, remove, write};
use crate::change::Change;
use crate::error::Fault;
use crate::record::{Job, JobId, Table};
use crate::snapshot::Snapshot;

/// The table of domains, by name in lower case.
pub const DOMAINS: Table = Table::new("tenant.domains");

/// The kind of job that looks whether a domain has its TXT record. Its payload is the domain's name.
pub const VERIFY_DOMAIN: &str = "tenant.verify-domain";

/// The most domains that a tenant may have.
pub const MOST_DOMAINS: usize = 900;

/// A domain that was added to a tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VerifiedDomain {
    /// Its name, in lower case: `corp.example`.
    pub name: String,
    /// How and when it was verified; nobody may have a name in it before.
    #[serde(default)]
    pub verified: Option<Verification>,
    /// The TXT record that shows that the domain is the tenant's ([`verification_text`]).
    pub txt: String,
    /// Whether it is the one that stands where one is to be named; exactly one domain is.
    #[serde(default)]
    pub primary: bool,
    /// Where its people sign in, when not here.
    #[serde(default)]
    pub federation: Option<Federated>,
    /// What the last look for its TXT record found, while it is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<Lookup>,
}

/// A look for a domain's TXT record that did not find it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lookup {
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// What was found instead, or why nothing could be looked up, in words for an administrator.
    pub found: String,
}

/// How and when a domain was verified.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// By whom: what the audit log calls them.
    pub actor: String,
    /// By what.
    pub by: VerifiedBy,
}

/// By what a domain was verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedBy {
    /// An administrator's word.
    Word,
    /// The TXT record.
    Txt,
}

/// Another identity provider, where the people of a domain sign in (protocols A.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Federated {
    /// The issuer of its tokens.
    pub issuer: String,
    /// Where browsers are sent.
    pub passive_url: String,
    /// Where programs get tokens (WS-Trust).
    #[serde(default)]
    pub active_url: Option<String>,
    /// Its metadata (WS-MetadataExchange).
    #[serde(default)]
    pub mex_url: Option<String>,
    /// What people see.
    #[serde(default)]
    pub brand: Option<String>,
    /// The certificates (DER) that its tokens are signed with.
    #[serde(default)]
    pub certificates: Vec<Vec<u8>>,
    /// Who asks for the second factor.
    #[serde(default)]
    pub second_factor: SecondFactorOfFederation,
}

/// Who asks people of a federated domain for a second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorOfFederation {
    /// The tenant does; what the other provider says of one is not believed.
    #[default]
    Here,
    /// What the other provider says is believed, and asked for where it says nothing.
    AcceptIfDone,
    /// The other provider does, always.
    There,
}

impl VerifiedDomain {
    /// A domain that nobody has verified yet.
    pub fn new(name: String, rng: &mut dyn Rng) -> Self {
        Self {
            name,
            verified: None,
            txt: verification_text(rng),
            primary: false,
            federation: None,
            lookup: None,
        }
    }

    /// Whether people may have names in it.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified.is_some()
    }
}

/// A new text for a TXT record: nobody can know it beforehand, so that a record with it was made for this.
pub fn verification_text(rng: &mut dyn Rng) -> String {
    let chance: [u8; 16] = rng.bytes();
    let text = crypto::base32::encode(&chance).to_lowercase();
    format!("keyporch-domain-verification={text}")
}

/// The job that looks whether a domain has its TXT record; one for each domain.
#[must_use]
pub fn verification_job(domain: &str, now: Timestamp) -> Option<Job> {
    let id = verification_job_id(domain)?;
    Some(Job::new(id, VERIFY_DOMAIN, now, domain.as_bytes().to_vec()))
}

/// What that job is called.
#[must_use]
pub fn verification_job_id(domain: &str) -> Option<JobId> {
    // A domain's name may be longer than a job's.
    let digest = crypto::digest::sha256(domain.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    JobId::named(format!("{VERIFY_DOMAIN}.{digest}"))
}

/// The domain that such a job is about; `None` for another job.
#[must_use]
pub fn domain_of_job(job: &Job) -> Option<&str> {
    let name = core::str::from_utf8(&job.payload).ok();
    name.filter(|_| job.kind == VERIFY_DOMAIN)
}

/// A domain's name as it stands in records; `None` for what is no DNS name of at least two labels.
#[must_use]
pub fn domain_name(text: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // The last label of a name is no number, or it would be an address.
    let last = text.rsplit('.').next().unwrap_or_default();
    let good = text.len() <= 253
        && text.contains('.')
        && text.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.to_ascii_lowercase())
}

/// The domain part of a person's name, as it stands in records; `None` where there is none.
#[must_use]
pub fn domain_of(upn: &str) -> Option<String> {
    let (name, domain) = upn.rsplit_once('@')?;
    (!name.is_empty())
        .then(|| domain_name(domain.trim_end()))
        .flatten()
}

/// The tenant's domains, by name.
///
/// # Errors
/// [`Fault`] when the storage fails, or a record cannot be read.
pub fn domains(snapshot: &Snapshot<'_>, now: Timestamp) -> Result<Vec<VerifiedDomain>, Fault> {
    let records = snapshot.records(DOMAINS, &[], &[], MOST_DOMAINS, now)?;
    records
        .iter()
        .map(|record| read(record, "tenant domain"))
        .collect()
}

/// The domain with this name, verified or not.
///
/// # Errors
/// [`Fault`] when the storage fails, or the record cannot be read.
pub fn domain(
    snapshot: &Snapshot<'_>,
    name: &str,
    now: Timestamp,
) -> Result<Option<VerifiedDomain>, Fault> {
    let Some(name) = domain_name(name) else {
        return Ok(None);
    };
    let record = snapshot.record(DOMAINS, name.as_bytes(), now)?;
    record
        .map(|record| read(&record, "tenant domain"))
        .transpose()
}

/// The changes that write a domain.
pub fn put_domain(domain: &VerifiedDomain, rng: &mut dyn Rng) -> [Change; 2] {
    write(DOMAINS, domain.name.as_bytes(), domain, rng)
}

/// The changes that remove a domain.
pub fn remove_domain(name: &str, rng: &mut dyn Rng) -> [Change; 2] {
    remove(DOMAINS, name.to_ascii_lowercase().as_bytes(), rng)
}
